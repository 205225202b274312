#include "query/promql/sliding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/word.h"
#include "query/promql/quantile.h"

/* --- maximum ---------------------------------------------------------------------------------- */

struct sliding_max *sliding_max_new(struct arena *a, size_t n, bool last)
{
    struct sliding_max *m = arena_zalloc(a, sizeof *m);
    if (!m || !(m->queue = arena_array(a, n + 1, sizeof *m->queue)))
        return NULL;
    m->last = last;
    return m;
}

static bool outdone(const struct sliding_max *m, double before, double x)
{
    return m->last ? before <= x : before < x;
}

size_t sliding_max_move(struct sliding_max *m, const double *v, size_t from, size_t to, double sign)
{
    if (m->to < from) { // nothing of the window before is in this one
        m->head = m->tail = 0;
        m->to = from;
    }
    for (; m->to < to; m->to++) {
        double x = sign * v[m->to];
        if (isnan(x))
            continue;
        while (m->tail > m->head && outdone(m, sign * v[m->queue[m->tail - 1]], x))
            m->tail--;
        m->queue[m->tail++] = m->to;
    }
    while (m->head < m->tail && m->queue[m->head] < from)
        m->head++;
    if (m->head < m->tail)
        return m->queue[m->head];
    return m->last ? to - 1 : from;
}

/* --- order ------------------------------------------------------------------------------------ */

/* Bits of a double that order as the number does. NaNs, of either sign, come first. */
static uint64_t key_of(double v)
{
    uint64_t bits = double_bits(v);
    if (isnan(v))
        return 0;
    return bits >> 63 ? ~bits : bits | UINT64_C(1) << 63;
}

static double value_of(uint64_t key)
{
    if (key == 0)
        return NAN;
    return bits_double(key >> 63 ? key & ~(UINT64_C(1) << 63) : ~key);
}

struct sliding_sorted *sliding_sorted_new(struct arena *a, size_t n)
{
    struct sliding_sorted *s = arena_zalloc(a, sizeof *s);
    if (!s || !(s->keys = arena_array(a, n + 1, sizeof *s->keys)) ||
        !(s->copy = arena_alloc(a, n * sizeof *s->copy)))
        return NULL;
    return s;
}

/* Where the first key stands that is not less. */
static size_t lower_bound(const uint64_t *keys, size_t n, uint64_t key)
{
    const uint64_t *base = keys;
    for (; n > 1; n -= n / 2)
        base += base[n / 2 - 1] < key ? n / 2 : 0;
    return (size_t)(base - keys) + (n == 1 && *base < key);
}

/* One value goes and one comes: what stands between their places moves by one. */
static void replace(uint64_t *keys, size_t n, uint64_t old, uint64_t new)
{
    size_t at = lower_bound(keys, n, old), to = lower_bound(keys, n, new);
    if (to > at)
        memmove(keys + at, keys + at + 1, (--to - at) * sizeof *keys);
    else
        memmove(keys + to + 1, keys + to, (at - to) * sizeof *keys);
    keys[to] = new;
}

static void insert(uint64_t *keys, size_t n, uint64_t key)
{
    size_t at = lower_bound(keys, n, key);
    memmove(keys + at + 1, keys + at, (n - at) * sizeof *keys);
    keys[at] = key;
}

static void take_out(uint64_t *keys, size_t n, uint64_t key)
{
    size_t at = lower_bound(keys, n, key);
    memmove(keys + at, keys + at + 1, (n - at - 1) * sizeof *keys);
}

static int by_key(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void fill(struct sliding_sorted *s, const double *v, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        s->keys[i - from] = key_of(v[i]);
    qsort(s->keys, to - from, sizeof *s->keys, by_key);
}

static void move(struct sliding_sorted *s, const double *v, size_t from, size_t to)
{
    size_t out = s->from, in = s->to;
    for (; out < from && in < to; out++, in++)
        replace(s->keys, in - out, key_of(v[out]), key_of(v[in]));
    for (; out < from; out++)
        take_out(s->keys, in - out, key_of(v[out]));
    for (; in < to; in++)
        insert(s->keys, in - out, key_of(v[in]));
}

/* Each change moves up to the whole window by memmove, at some eight values a nanosecond; sorting
 * anew costs some ten nanoseconds a value. */
static int worth_moving(const struct sliding_sorted *s, size_t from, size_t to)
{
    return s->to > from && (from - s->from) + (to - s->to) < (to - from) / 4 + 1 &&
           (from - s->from) + (to - s->to) < 256;
}

static void move_to(struct sliding_sorted *s, const double *v, size_t from, size_t to)
{
    if (worth_moving(s, from, to))
        move(s, v, from, to);
    else
        fill(s, v, from, to);
    s->from = from;
    s->to = to;
}

static double quantile_of_keys(const struct sliding_sorted *s, size_t n, double q)
{
    struct quantile_place p = quantile_place(q, n);
    return value_of(s->keys[p.lower]) * (1 - p.weight) + value_of(s->keys[p.upper]) * p.weight;
}

/* A window that shares nothing with the one before need not be sorted. */
static bool stands_apart(struct sliding_sorted *s, size_t from, size_t to)
{
    bool apart = from >= s->seen;
    s->seen = to;
    return apart;
}

static double quantile_of_copy(const struct sliding_sorted *s, const double *v, size_t n, double q)
{
    memcpy(s->copy, v, n * sizeof *v);
    return quantile_of(q, s->copy, n);
}

double sliding_quantile(struct sliding_sorted *s, const double *v, size_t from, size_t to, double q)
{
    if (to == from || !(q >= 0 && q <= 1))
        return quantile_of(q, NULL, to - from);
    if (stands_apart(s, from, to))
        return quantile_of_copy(s, v + from, to - from, q);
    move_to(s, v, from, to);
    return quantile_of_keys(s, to - from, q);
}

/* --- median of deviations --------------------------------------------------------------------- */

/* Sorted values around one of them: deviations rise to both sides of `middle`. */
struct deviations {
    const uint64_t *keys;
    size_t n, middle; /* the first value that is not below the median */
    double median;
};

/* The k-th deviation of the values below the median, or of the others. */
static double below(const struct deviations *d, size_t k)
{
    return fabs(value_of(d->keys[d->middle - 1 - k]) - d->median);
}

static double above(const struct deviations *d, size_t k)
{
    return fabs(value_of(d->keys[d->middle + k]) - d->median);
}

/* How many of the `rank` smallest deviations are of values below the median. */
static size_t share_below(const struct deviations *d, size_t rank)
{
    size_t n_above = d->n - d->middle;
    size_t low = rank > n_above ? rank - n_above : 0, high = MIN(rank, d->middle);
    while (low < high) {
        size_t mid = low + (high - low) / 2;
        if (below(d, mid) < above(d, rank - mid - 1))
            low = mid + 1;
        else
            high = mid;
    }
    return low;
}

static double deviation_of_rank(const struct deviations *d, size_t rank)
{
    size_t i = share_below(d, rank), k = rank - i;
    double a = i < d->middle ? below(d, i) : INFINITY;
    double b = d->middle + k < d->n ? above(d, k) : INFINITY;
    return a < b ? a : b;
}

static double deviation_of_copy(const struct sliding_sorted *s, const double *v, size_t n,
                                double median)
{
    for (size_t i = 0; i < n; i++)
        s->copy[i] = fabs(v[i] - median);
    return quantile_of(0.5, s->copy, n);
}

static bool any_nan(const double *v, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= isnan(v[i]);
    return any;
}

double sliding_deviation(struct sliding_sorted *s, const double *v, size_t from, size_t to)
{
    size_t n = to - from;
    if (n == 0)
        return NAN;
    if (stands_apart(s, from, to)) {
        double median = quantile_of_copy(s, v + from, n, 0.5);
        return any_nan(v + from, n) ? NAN : deviation_of_copy(s, v + from, n, median);
    }
    move_to(s, v, from, to);
    double least = value_of(s->keys[0]), greatest = value_of(s->keys[n - 1]);
    double median = quantile_of_keys(s, n, 0.5);
    if (isnan(least))
        return NAN;
    if (isinf(least) || isinf(greatest) || isinf(median)) // deviations may be no numbers
        return deviation_of_copy(s, v + from, n, median);
    struct deviations d = {s->keys, n, lower_bound(s->keys, n, key_of(median)), median};
    struct quantile_place p = quantile_place(0.5, n);
    return deviation_of_rank(&d, p.lower) * (1 - p.weight) +
           deviation_of_rank(&d, p.upper) * p.weight;
}
