#include "query/promql/quantile.h"

#include <float.h>
#include <math.h>
#include <stdlib.h>

/* NaNs first. */
static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    if (isnan(x) || isnan(y))
        return isnan(y) - isnan(x);
    return (x > y) - (x < y);
}

struct quantile_place quantile_place(double q, size_t n)
{
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)rank;
    return (struct quantile_place){lower, lower + 1 < n ? lower + 1 : n - 1, rank - (double)lower};
}

static void swap(double *v, size_t a, size_t b)
{
    double x = v[a];
    v[a] = v[b];
    v[b] = x;
}

/* Moves the NaNs to the front; how many they are. */
static size_t nans_first(double *v, size_t n)
{
    size_t nans = 0;
    for (size_t i = 0; i < n; i++)
        if (isnan(v[i]))
            swap(v, i, nans++);
    return nans;
}

/* The median of first, middle and last goes to the front. */
static void choose_pivot(double *v, size_t n)
{
    size_t a = 0, b = n / 2, c = n - 1;
    size_t median = v[a] < v[b] ? (v[b] < v[c] ? b : (v[a] < v[c] ? c : a))
                                : (v[a] < v[c] ? a : (v[b] < v[c] ? c : b));
    swap(v, 0, median);
}

/* Puts the value of rank k in its place, smaller ones before it. By Hoare's selection; values made
 * to spoil the choice of its pivots are sorted in the end. Source: C. A. R. Hoare, "Algorithm 65:
 * Find". */
static void select_rank(double *v, size_t n, size_t k)
{
    unsigned rounds = 0;
    while (n > 1) {
        if (++rounds > 64) {
            qsort(v, n, sizeof *v, by_value);
            return;
        }
        choose_pivot(v, n);
        double pivot = v[0];
        size_t i = 0, j = n;
        for (;;) {
            do
                i++;
            while (i < n && v[i] < pivot);
            do
                j--;
            while (v[j] > pivot);
            if (i >= j)
                break;
            swap(v, i, j);
        }
        swap(v, 0, j);
        if (k == j)
            return;
        if (k < j) {
            n = j;
        } else {
            v += j + 1;
            n -= j + 1;
            k -= j + 1;
        }
    }
}

static double smallest(const double *v, size_t n)
{
    double x = v[0];
    for (size_t i = 1; i < n; i++)
        x = v[i] < x ? v[i] : x;
    return x;
}

double quantile_of(double q, double *v, size_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    struct quantile_place p = quantile_place(q, n);
    size_t nans = nans_first(v, n);
    if (p.lower >= nans)
        select_rank(v + nans, n - nans, p.lower - nans);
    double lower = p.lower < nans ? NAN : v[p.lower], upper = lower;
    if (p.upper > p.lower && p.upper >= nans)
        upper = smallest(v + p.upper, n - p.upper);
    return lower * (1 - p.weight) + upper * p.weight;
}

static int by_upper(const void *a, const void *b)
{
    double x = ((const struct classic_bucket *)a)->upper;
    double y = ((const struct classic_bucket *)b)->upper;
    return (x > y) - (x < y);
}

/* Sorted, equal bounds added up. Returns the new number; 0 when the last bound is not +Inf. */
static size_t normalise(struct classic_bucket *v, size_t n)
{
    qsort(v, n, sizeof *v, by_upper);
    if (v[n - 1].upper != INFINITY)
        return 0;
    size_t kept = 0;
    for (size_t i = 1; i < n; i++) {
        if (v[i].upper == v[kept].upper)
            v[kept].count += v[i].count;
        else
            v[++kept] = v[i];
    }
    return kept + 1;
}

/* Differences this small are rounding, in either direction. */
static bool almost_equal(double a, double b)
{
    const double tolerance = 1e-12;
    if (a == b)
        return true;
    double sum = fabs(a) + fabs(b), difference = fabs(a - b);
    if (a == 0 || b == 0 || sum < DBL_MIN)
        return difference < tolerance * DBL_MIN;
    return difference / fmin(sum, DBL_MAX) < tolerance;
}

static void make_monotonic(struct classic_bucket *v, size_t n, struct classic_repair *out)
{
    double previous = v[0].count;
    *out = (struct classic_repair){.min_bucket = INFINITY, .max_bucket = -INFINITY};
    for (size_t i = 1; i < n; i++) {
        double count = v[i].count;
        if (almost_equal(previous, count)) {
            v[i].count = previous;
            continue;
        }
        if (count > previous || isnan(count)) {
            previous = count;
            continue;
        }
        v[i].count = previous;
        out->forced = true;
        out->min_bucket = fmin(out->min_bucket, v[i].upper);
        out->max_bucket = fmax(out->max_bucket, v[i].upper);
        out->max_diff = fmax(out->max_diff, previous - count);
    }
}

double classic_quantile(double q, struct classic_bucket *v, size_t n, struct classic_repair *out)
{
    *out = (struct classic_repair){0};
    if (isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    n = normalise(v, n);
    if (n == 0)
        return NAN;
    make_monotonic(v, n, out);
    double observations = v[n - 1].count;
    if (n < 2 || observations == 0)
        return NAN;
    double rank = q * observations;
    size_t b = 0;
    while (b < n - 1 && !(v[b].count >= rank))
        b++;
    if (b == n - 1)
        return v[n - 2].upper;
    if (b == 0 && v[0].upper <= 0)
        return v[0].upper;
    double start = b > 0 ? v[b - 1].upper : 0, below = b > 0 ? v[b - 1].count : 0;
    return start + (v[b].upper - start) * ((rank - below) / (v[b].count - below));
}

/* Observations below `at`; -1 while it is not reached. */
static double rank_in(const struct classic_bucket *b, double lower, double below, double at)
{
    if (lower >= at)
        return below;
    if (b->upper <= at)
        return -1;
    if (lower == -INFINITY)
        return b->count; // nothing can be said about a bucket without a lower bound
    return below + (b->count - below) * (at - lower) / (b->upper - lower);
}

static double rank_of(const struct classic_bucket *v, size_t n, double at)
{
    double lower = v[0].upper <= 0 ? -INFINITY : 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        double rank = rank_in(&v[i], lower, below, at);
        if (rank >= 0)
            return fmin(rank, v[n - 1].count);
        lower = v[i].upper;
        below = v[i].count;
    }
    return v[n - 1].count;
}

double classic_fraction(double lower, double upper, struct classic_bucket *v, size_t n)
{
    n = normalise(v, n);
    if (n == 0 || v[n - 1].count == 0 || isnan(lower) || isnan(upper))
        return NAN;
    if (lower >= upper)
        return 0;
    return (rank_of(v, n, upper) - rank_of(v, n, lower)) / v[n - 1].count;
}
