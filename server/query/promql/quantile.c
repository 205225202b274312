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

double quantile_of(double q, double *v, size_t n)
{
    if (n == 0 || isnan(q))
        return NAN;
    if (q < 0)
        return -INFINITY;
    if (q > 1)
        return INFINITY;
    qsort(v, n, sizeof *v, by_value);
    double rank = q * (double)(n - 1);
    size_t lower = (size_t)rank, upper = lower + 1 < n ? lower + 1 : n - 1;
    double weight = rank - (double)lower;
    return v[lower] * (1 - weight) + v[upper] * weight;
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
