#include "query/promql/sliding.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/word.h"
#include "query/promql/quantile.h"

/* --- maximum ---------------------------------------------------------------------------------- */

struct sliding_max *sliding_max_new(struct arena *a, size_t n)
{
    struct sliding_max *m = arena_zalloc(a, sizeof *m);
    if (!m || !(m->queue = arena_array(a, n + 1, sizeof *m->queue)))
        return NULL;
    return m;
}

double sliding_max_move(struct sliding_max *m, const double *v, size_t from, size_t to, double sign)
{
    if (m->to < from) { // nothing of the window before is in this one
        m->head = m->tail = 0;
        m->to = from;
    }
    for (; m->to < to; m->to++) {
        double x = sign * v[m->to];
        if (isnan(x))
            continue;
        while (m->tail > m->head && sign * v[m->queue[m->tail - 1]] < x)
            m->tail--;
        m->queue[m->tail++] = m->to;
    }
    while (m->head < m->tail && m->queue[m->head] < from)
        m->head++;
    return m->head < m->tail ? v[m->queue[m->head]] : v[from];
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
    if (!s || !(s->keys = arena_array(a, n + 1, sizeof *s->keys)))
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

double sliding_quantile(struct sliding_sorted *s, const double *v, size_t from, size_t to, double q)
{
    if (to == from || !(q >= 0 && q <= 1))
        return quantile_of(q, NULL, to - from);
    if (worth_moving(s, from, to))
        move(s, v, from, to);
    else
        fill(s, v, from, to);
    s->from = from;
    s->to = to;
    struct quantile_place p = quantile_place(q, to - from);
    return value_of(s->keys[p.lower]) * (1 - p.weight) + value_of(s->keys[p.upper]) * p.weight;
}
