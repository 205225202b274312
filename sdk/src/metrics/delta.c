#include "metrics/delta.h"

#include <stdlib.h>
#include <string.h>

#include "core/problem.h"

enum { SLOTS_MIN = 16 };

struct exponential_values {
    double sum;
    uint64_t zeros;
    struct exp_buckets positive, negative;
};

struct explicit_values {
    double sum;
    uint64_t buckets[];
};

/* --- the table ------------------------------------------------------------------------------- */

static size_t place(const struct delta *d, const struct series *s)
{
    size_t at = (size_t)((uintptr_t)s / sizeof *s * UINT64_C(0x9e3779b97f4a7c15) >> 32);
    for (at &= d->cap - 1; d->marks[at].series && d->marks[at].series != s;)
        at = (at + 1) & (d->cap - 1);
    return at;
}

static bool grow(struct delta *d)
{
    struct delta bigger = *d;
    bigger.cap = d->cap ? 2 * d->cap : SLOTS_MIN;
    bigger.marks = calloc(bigger.cap, sizeof *bigger.marks);
    if (!bigger.marks)
        return false;
    for (size_t i = 0; i < d->cap; i++) {
        if (d->marks[i].series)
            bigger.marks[place(&bigger, d->marks[i].series)] = d->marks[i];
    }
    free(d->marks);
    *d = bigger;
    return true;
}

static size_t values_size(const struct stream *st)
{
    switch (st->kind) {
    case SERIES_HISTOGRAM:
        return sizeof(struct explicit_values) + (st->bounds_n + 1) * sizeof(uint64_t);
    case SERIES_EXPONENTIAL: return sizeof(struct exponential_values);
    default: return sizeof(uint64_t);
    }
}

/* The series' mark, all zeros at first. NULL when out of memory. */
static struct mark *mark_of(struct delta *d, const struct series *s)
{
    if (2 * d->n >= d->cap && !grow(d))
        return NULL;
    struct mark *m = &d->marks[place(d, s)];
    if (m->series && m->start_unix_ns == s->start_unix_ns)
        return m;
    void *values = m->series ? m->values : calloc(1, values_size(s->stream));
    if (!values)
        return NULL;
    memset(values, 0, values_size(s->stream));
    d->n += !m->series;
    *m = (struct mark){s, s->start_unix_ns, values};
    return m;
}

void delta_done(struct delta *d)
{
    for (size_t i = 0; i < d->cap; i++)
        free(d->marks[i].values);
    free(d->marks);
    d->marks = NULL;
    d->n = d->cap = 0;
}

/* --- subtracting ----------------------------------------------------------------------------- */

/* An observed total that fell started anew. */
static bool take_int(struct point *p, int64_t *last)
{
    int64_t now = p->integer, before = *last;
    *last = now;
    if (!instrument_is_observable(p->series->stream->instrument) || now >= before)
        p->integer = (int64_t)((uint64_t)now - (uint64_t)before);
    return p->integer != 0;
}

static bool take_double(struct point *p, double *last)
{
    double now = p->number, before = *last;
    *last = now;
    if (!instrument_is_observable(p->series->stream->instrument) || now >= before)
        p->number = now - before;
    return now != before;
}

static double swap(double *last, double now)
{
    double before = *last;
    *last = now;
    return before;
}

static bool take_explicit(struct point *p, struct explicit_values *last)
{
    p->sum -= swap(&last->sum, p->sum);
    p->count = 0;
    for (size_t i = 0; i <= p->series->stream->bounds_n; i++) {
        uint64_t now = p->buckets[i];
        p->buckets[i] -= last->buckets[i];
        p->count += p->buckets[i];
        last->buckets[i] = now;
    }
    return p->count != 0;
}

/* The scale falls only, so what was read last can be brought to it. */
static void take_buckets(struct exp_buckets *b, struct exp_buckets *last)
{
    struct exp_buckets now = *b;
    if (last->used && b->used) {
        exp_rescale(last, b->scale);
        exp_subtract(b, last);
    }
    *last = now;
}

static bool take_exponential(struct point *p, struct exponential_values *last)
{
    uint64_t zeros = p->zeros;
    p->sum -= swap(&last->sum, p->sum);
    p->zeros -= last->zeros;
    last->zeros = zeros;
    take_buckets(&p->positive, &last->positive);
    take_buckets(&p->negative, &last->negative);
    p->count = p->zeros + exp_total(&p->positive) + exp_total(&p->negative);
    return p->count != 0;
}

bool delta_wanted(const struct delta *d, const struct instrument *i)
{
    switch (i->kind) {
    case KIND_COUNTER:
    case KIND_HISTOGRAM: return d->temporality != TT_TEMPORALITY_CUMULATIVE;
    case KIND_OBSERVABLE_COUNTER: return d->temporality == TT_TEMPORALITY_DELTA;
    default: return false;
    }
}

bool delta_take(struct delta *d, struct point *p)
{
    struct mark *m = mark_of(d, p->series);
    if (!m) {
        problem_add(TT_PROBLEM_MEMORY, 1);
        return false;
    }
    bool observed = instrument_is_observable(p->series->stream->instrument);
    switch (p->kind) {
    case SERIES_SUM:
    case SERIES_LAST: return take_int(p, m->values) || observed;
    case SERIES_HISTOGRAM: return take_explicit(p, m->values);
    case SERIES_EXPONENTIAL: return take_exponential(p, m->values);
    default: return take_double(p, m->values) || observed;
    }
}
