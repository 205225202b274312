#include "metrics/exemplar.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "core/clock.h"
#include "core/current.h"
#include "core/random.h"
#include "metrics/provider.h"
#include "metrics/record.h"
#include "metrics/stream.h"

enum { DROPPED_BYTES_MAX = 1024 };

/* --- the reservoir --------------------------------------------------------------------------- */

static size_t reservoir_size(const struct stream *st)
{
    return st->reservoir_kind == TT_RESERVOIR_ALIGNED ? st->bounds_n + 1 : st->reservoir_size;
}

static struct reservoir *make(struct series *s)
{
    size_t n = reservoir_size(s->stream);
    struct reservoir *r = calloc(1, sizeof *r + n * sizeof *r->slots), *other = NULL;
    if (!r)
        return NULL;
    r->size = (uint32_t)n;
    r->aligned = s->stream->reservoir_kind == TT_RESERVOIR_ALIGNED;
    if (atomic_compare_exchange_strong(&s->reservoir, &other, r))
        return r;
    free(r);
    return other;
}

static bool try_lock(struct reservoir *r)
{
    return !atomic_exchange_explicit(&r->busy, true, memory_order_acquire); // pairs with unlock
}

static void lock(struct reservoir *r)
{
    while (!try_lock(r)) // for as long as a recorder takes to write one exemplar
        (void)sched_yield();
}

static void unlock(struct reservoir *r)
{
    atomic_set_release(&r->busy, false); // pairs with try_lock
}

/* Where the value goes; NULL: nowhere. Each value of a bucket, or all of a fixed reservoir, is as
 * likely to stay. */
static struct exemplar *choose(struct reservoir *r, const struct stream *st, double v)
{
    if (r->aligned) {
        struct exemplar *e = &r->slots[series_bucket(st, v)];
        return random_next() % ++e->offered == 0 ? e : NULL;
    }
    uint64_t at = r->offered++;
    if (at >= r->size)
        at = random_next() % r->offered;
    return at < r->size ? &r->slots[at] : NULL;
}

/* --- offering -------------------------------------------------------------------------------- */

static bool is_dropped(const tt_attr *attr, const void *arg)
{
    return !stream_keeps(arg, attr->key, attr->key_n);
}

static struct attr_set *dropped_attrs(const struct stream *st, const struct measurement *m)
{
    if (!m->n || !stream_filters(st))
        return NULL;
    struct attr_set *set = attr_set_new(m->attrs, m->n, is_dropped, st);
    if (set && set->n && set->bytes <= DROPPED_BYTES_MAX)
        return set;
    free(set);
    return NULL;
}

static void write(struct exemplar *e, const struct stream *st, const struct measurement *m,
                  const tt_span_context *span)
{
    e->unix_ns = clock_unix_ns();
    e->is_double = m->is_double;
    if (m->is_double)
        e->number = m->number;
    else
        e->integer = m->integer;
    e->traced = tt_span_context_is_valid(span);
    memcpy(e->trace_id, span->trace_id, sizeof e->trace_id);
    memcpy(e->span_id, span->span_id, sizeof e->span_id);
    free(e->dropped);
    e->dropped = dropped_attrs(st, m);
}

/* Whether there is a sampled span; `*out` is the span's, sampled or not. */
static bool current_is_sampled(tt_span_context *out)
{
    return current_span_context(out) && (out->flags & TT_FLAG_SAMPLED);
}

void exemplar_offer(struct series *s, const struct measurement *m)
{
    struct stream *st = s->stream;
    bool always = st->instrument->meter->provider->exemplars == TT_EXEMPLARS_ALWAYS_ON;
    if (!always && !cell_view.watched)
        return;
    struct reservoir *r = atomic_get_acquire(&s->reservoir); // pairs with make
    tt_span_context span = {0};
    if (!r && (always || current_is_sampled(&span)))
        r = make(s);
    if (!r || !try_lock(r))
        return;
    struct exemplar *e = choose(r, st, m->number);
    if (e && (current_is_sampled(&span) || always))
        write(e, st, m, &span);
    unlock(r);
}

/* --- reading --------------------------------------------------------------------------------- */

/* From here on the next values are as likely to stay as if they were the first. */
static void restart(struct reservoir *r)
{
    r->offered = 0;
    for (size_t i = 0; i < r->size; i++)
        r->slots[i].offered = 0;
}

void exemplars_each(struct series *s, int64_t after_ns,
                    void (*visit)(const struct exemplar *e, void *arg), void *arg)
{
    struct reservoir *r = atomic_get_acquire(&s->reservoir); // pairs with make
    if (!r)
        return;
    lock(r);
    for (size_t i = 0; i < r->size; i++) {
        if (r->slots[i].unix_ns > after_ns)
            visit(&r->slots[i], arg);
    }
    restart(r);
    unlock(r);
}

static const struct exemplar *find(const struct reservoir *r, const struct stream *st,
                                   size_t bucket)
{
    if (r->aligned)
        return r->slots[bucket].unix_ns ? &r->slots[bucket] : NULL;
    for (size_t i = 0; i < r->size; i++) {
        const struct exemplar *e = &r->slots[i];
        double v = e->is_double ? e->number : (double)e->integer;
        if (e->unix_ns && (st->kind != SERIES_HISTOGRAM || series_bucket(st, v) == bucket))
            return e;
    }
    return NULL;
}

void exemplar_of_bucket(struct series *s, size_t bucket,
                        void (*visit)(const struct exemplar *e, void *arg), void *arg)
{
    struct reservoir *r = atomic_get_acquire(&s->reservoir); // pairs with make
    if (!r)
        return;
    lock(r);
    const struct exemplar *e = find(r, s->stream, bucket);
    if (e)
        visit(e, arg);
    restart(r);
    unlock(r);
}

static void empty(struct reservoir *r)
{
    for (size_t i = 0; i < r->size; i++)
        free(r->slots[i].dropped);
    memset(r->slots, 0, r->size * sizeof *r->slots);
    r->offered = 0;
}

void exemplars_clear(struct reservoir *r)
{
    if (!r)
        return;
    lock(r);
    empty(r);
    unlock(r);
}

void exemplars_restart(struct reservoir *r)
{
    if (!r)
        return;
    empty(r);
    atomic_set_release(&r->busy, false); // pairs with try_lock
}

void exemplars_free(struct reservoir *r)
{
    if (r)
        empty(r);
    free(r);
}
