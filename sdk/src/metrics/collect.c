/* Collecting: callbacks are asked, then the cells of all threads are summed series by series. */
#include <stdlib.h>

#include "core/clock.h"
#include "core/problem.h"
#include "metrics/provider.h"
#include "metrics/record.h"
#include "metrics/series_table.h"
#include "metrics/stream.h"

struct tt_observation {
    tt_meter_provider *provider;
};

/* --- callbacks ------------------------------------------------------------------------------- */

int64_t tt_meter_register_callback(tt_meter *m, tt_callback call, void *arg)
{
    if (!m || !call)
        return TT_ERR_INVALID;
    struct callback *c = calloc(1, sizeof *c);
    if (!c) {
        problem(TT_PROBLEM_MEMORY, "no memory for a callback", NULL);
        return TT_ERR_NOMEM;
    }
    tt_meter_provider *p = m->provider;
    *c = (struct callback){.call = call, .arg = arg};
    mutex_lock(&p->lock);
    int64_t id = c->id = ++p->next_callback;
    *p->callbacks_end = c;
    p->callbacks_end = &c->next;
    mutex_unlock(&p->lock);
    return id;
}

static struct callback *take_out(tt_meter_provider *p, int64_t id)
{
    mutex_lock(&p->lock);
    struct callback **at = &p->callbacks;
    while (*at && (*at)->id != id)
        at = &(*at)->next;
    struct callback *found = *at;
    if (found) {
        *at = found->next;
        if (!found->next)
            p->callbacks_end = at;
    }
    mutex_unlock(&p->lock);
    return found;
}

void tt_meter_unregister_callback(tt_meter *m, int64_t id)
{
    if (!m)
        return;
    mutex_lock(&m->provider->collect);
    free(take_out(m->provider, id));
    mutex_unlock(&m->provider->collect);
}

static const struct callback *next_callback(tt_meter_provider *p, const struct callback *c)
{
    mutex_lock(&p->lock);
    const struct callback *next = c ? c->next : p->callbacks;
    mutex_unlock(&p->lock);
    return next;
}

/* False: not an instrument of this provider, or one that is off. */
static bool may_observe(const tt_observation *o, const struct instrument *i)
{
    if (!o || !i || !atomic_get_relaxed(&i->meter->on))
        return false;
    if (i->meter->provider == o->provider)
        return true;
    problem(TT_PROBLEM_MISUSE, "an instrument of another provider was observed", i->name);
    return false;
}

/* Where a view drops attributes the totals of several sets are one. */
static void observe_sum(const struct series *s, bool again, int64_t *integer, double *number)
{
    if (!again || s->stream->gauge || !stream_filters(s->stream))
        return;
    uint64_t last = atomic_get_relaxed(&s->last);
    *integer = (int64_t)((uint64_t)*integer + last);
    *number += bits_double(last);
}

static void observe(const tt_observation *o, struct series *s, int64_t integer, double number)
{
    observe_sum(s, s->observed == o->provider->collection, &integer, &number);
    s->observed = o->provider->collection;
    if (s->kind == SERIES_LAST)
        series_set_word(s, (uint64_t)integer);
    else if (s->kind == SERIES_LAST_DOUBLE)
        series_set_word(s, double_bits(number));
}

static void observe_all(const tt_observation *o, struct instrument *i, int64_t integer,
                        double number, const tt_attr *attrs, size_t n)
{
    for (struct stream *st = i->streams; st; st = st->sibling) {
        struct series *s = stream_find(st, attrs, n);
        if (s)
            observe(o, s, integer, number);
    }
}

void tt_observe_int(tt_observation *o, tt_observable *instrument, int64_t v, const tt_attr *attrs,
                    size_t n)
{
    struct instrument *i = (struct instrument *)instrument;
    if (may_observe(o, i))
        observe_all(o, i, v, (double)v, attrs, n);
}

void tt_observe_double(tt_observation *o, tt_observable *instrument, double v, const tt_attr *attrs,
                       size_t n)
{
    struct instrument *i = (struct instrument *)instrument;
    bool fits = v > -0x1p63 && v < 0x1p63;
    if (!may_observe(o, i))
        return;
    if (!fits && !i->is_double)
        problem(TT_PROBLEM_MISUSE, "an observed value that no integer holds", i->name);
    else
        observe_all(o, i, fits ? (int64_t)v : 0, v, attrs, n);
}

/* --- walking --------------------------------------------------------------------------------- */

bool provider_collect_begin_until(tt_meter_provider *p, int64_t deadline_mono_ns)
{
    if (!mutex_lock_until(&p->collect, deadline_mono_ns))
        return false;
    p->collection++;
    tt_observation o = {p};
    const struct callback *c = NULL;
    while ((c = next_callback(p, c)))
        c->call(&o, c->arg);
    return true;
}

int64_t provider_collect_begin(tt_meter_provider *p)
{
    int64_t began = clock_mono_ns();
    (void)provider_collect_begin_until(p, INT64_MAX);
    return began;
}

void provider_collect_end(tt_meter_provider *p)
{
    mutex_unlock(&p->collect);
}

void provider_collected(tt_meter_provider *p, int64_t began_mono_ns, tt_collection c)
{
    c.duration_ns = clock_mono_ns() - began_mono_ns;
    mutex_lock(&p->collect); // so that the watch stays meanwhile
    if (p->watch)
        p->watch->collected(p->watch->arg, &c);
    mutex_unlock(&p->collect);
}

void tt_meter_provider_watch(tt_meter_provider *p, const tt_collection_watch *watch)
{
    if (!p)
        return;
    mutex_lock(&p->collect);
    p->watch = watch;
    mutex_unlock(&p->collect);
}

struct stream *provider_next_stream(tt_meter_provider *p, const struct stream *s, unsigned reader)
{
    mutex_lock(&p->lock);
    struct stream *next = s ? s->next : p->streams;
    while (next && (next->reader ? next->reader != reader : next->readers >> reader & 1))
        next = next->next;
    mutex_unlock(&p->lock);
    return next;
}

static bool has_value(const struct series *s, bool observable, uint32_t collection)
{
    if (observable)
        return s->observed == collection;
    bool last = s->kind == SERIES_LAST || s->kind == SERIES_LAST_DOUBLE;
    return !last || atomic_get_acquire(&s->set); // pairs with series_set_…
}

size_t stream_series(struct stream *st, size_t *from, struct series **out, size_t n)
{
    tt_meter_provider *p = st->instrument->meter->provider;
    bool observable = instrument_is_observable(st->instrument);
    size_t found = 0;
    if (!atomic_get_relaxed(&st->instrument->meter->on))
        return 0;
    mutex_lock(&p->lock);
    for (; *from < st->series.n && found < n; ++*from) {
        struct series *s = st->series.list[*from];
        if (has_value(s, observable, p->collection))
            out[found++] = s;
    }
    mutex_unlock(&p->lock);
    return found;
}

size_t stream_all_series(struct stream *st, size_t *from, struct series **out, size_t n)
{
    tt_meter_provider *p = st->instrument->meter->provider;
    size_t found = 0;
    mutex_lock(&p->lock);
    for (; *from < st->series.n && found < n; ++*from)
        out[found++] = st->series.list[*from];
    mutex_unlock(&p->lock);
    return found;
}

bool series_has_value(const struct series *s)
{
    const struct instrument *i = s->stream->instrument;
    return has_value(s, instrument_is_observable(i), i->meter->provider->collection);
}

/* --- reading --------------------------------------------------------------------------------- */

static const uint64_t INF_BITS = 0x7ff0000000000000u, MINUS_INF_BITS = 0xfff0000000000000u;

static uint32_t cell_of(const struct series *s)
{
    return atomic_get_relaxed(&s->at) & SERIES_POSITION;
}

static void add_head(struct point *p, const cell_word *cell)
{
    double min = bits_double(atomic_get_relaxed(&cell[HISTOGRAM_MIN]) ^ INF_BITS);
    double max = bits_double(atomic_get_relaxed(&cell[HISTOGRAM_MAX]) ^ MINUS_INF_BITS);
    p->sum += bits_double(atomic_get_relaxed(&cell[HISTOGRAM_SUM]));
    p->min = MIN(p->min, min);
    p->max = MAX(p->max, max);
}

static void add_explicit(const cell_word *cell, void *arg)
{
    struct point *p = arg;
    size_t n = p->series->stream->bounds_n + 1;
    for (size_t i = 0; i < n; i++)
        p->buckets[i] += atomic_get_relaxed(&cell[HISTOGRAM_COUNTS + i]);
    add_head(p, cell);
}

static void add_positive(const cell_word *cell, void *arg)
{
    struct point *p = arg;
    p->zeros += atomic_get_relaxed(&cell[EXPONENTIAL_ZEROS]);
    exp_add(&p->positive, cell + EXPONENTIAL_RANGE);
    add_head(p, cell);
}

static void add_negative(const cell_word *cell, void *arg)
{
    struct point *p = arg;
    exp_add(&p->negative, cell);
}

static void read_explicit(struct point *p, const struct series *s)
{
    size_t n = s->stream->bounds_n + 1;
    memset(p->buckets, 0, n * sizeof *p->buckets);
    cell_each(cell_of(s), add_explicit, p);
    for (size_t i = 0; i < n; i++)
        p->count += p->buckets[i];
}

/* Both signs share one scale. */
static void read_exponential(struct point *p, const struct series *s)
{
    memset(&p->positive, 0, sizeof p->positive);
    memset(&p->negative, 0, sizeof p->negative);
    p->zeros = 0;
    cell_each(cell_of(s), add_positive, p);
    unsigned negative_at = atomic_get_relaxed(&s->negative_at);
    if (negative_at)
        cell_each(negative_at, add_negative, p);
    if (p->positive.used && p->negative.used) {
        int32_t scale = MIN(p->positive.scale, p->negative.scale);
        exp_rescale(&p->positive, scale);
        exp_rescale(&p->negative, scale);
    }
    p->count = p->zeros + exp_total(&p->positive) + exp_total(&p->negative);
}

void point_read(struct point *p, struct series *s)
{
    p->series = s;
    p->kind = s->kind;
    p->sum = 0;
    p->count = 0;
    p->min = bits_double(INF_BITS);
    p->max = bits_double(MINUS_INF_BITS);
    switch (s->kind) {
    case SERIES_SUM: p->integer = (int64_t)cell_sum(cell_of(s)); break;
    case SERIES_SUM_DOUBLE: p->number = cell_sum_double(cell_of(s)); break;
    case SERIES_LAST: p->integer = (int64_t)atomic_get_relaxed(&s->last); break;
    case SERIES_LAST_DOUBLE: p->number = bits_double(atomic_get_relaxed(&s->last)); break;
    case SERIES_HISTOGRAM: read_explicit(p, s); break;
    default: read_exponential(p, s); break;
    }
}
