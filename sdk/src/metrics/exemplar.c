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
    if (st->own_reservoir)
        return 0;
    return st->reservoir_kind == TT_RESERVOIR_ALIGNED ? st->bounds_n + 1 : st->reservoir_size;
}

static struct reservoir *make(struct series *s)
{
    size_t n = reservoir_size(s->stream);
    struct reservoir *r = calloc(1, sizeof *r + n * sizeof *r->slots), *other = NULL;
    if (!r)
        return NULL;
    r->size = (uint32_t)n;
    r->type = s->stream->own_reservoir;
    r->aligned = !r->type && s->stream->reservoir_kind == TT_RESERVOIR_ALIGNED;
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

static struct attr_set *dropped_attrs(const struct stream *st, const tt_attr *attrs, size_t n)
{
    if (!n || !stream_filters(st))
        return NULL;
    struct attr_set *set = attr_set_new(attrs, n, is_dropped, st);
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
    e->dropped = dropped_attrs(st, m->attrs, m->n);
}

/* A value that came without attributes has those of the series. */
static void offer_own(struct reservoir *r, const struct series *s, const struct measurement *m,
                      const tt_span_context *span)
{
    const struct stream *st = s->stream;
    tt_attr attrs[ATTRS_MAX];
    tt_measurement own = {m->is_double, m->integer, m->number,      m->attrs,
                          m->n,         *span,      clock_unix_ns()};
    if (!m->n) {
        own.attrs = attrs;
        own.attrs_n = attr_set_list(s->attrs, attrs);
    }
    if (!r->own)
        r->own = r->type->make(r->type->arg, st->bounds, st->bounds_n);
    if (r->own)
        r->type->offer(r->own, &own);
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
    struct exemplar *e = r->type ? NULL : choose(r, st, m->number);
    if ((e || r->type) && (current_is_sampled(&span) || always)) {
        if (e)
            write(e, st, m, &span);
        else
            offer_own(r, s, m, &span);
    }
    unlock(r);
}

/* --- reading --------------------------------------------------------------------------------- */

/* What a reservoir of the program gives goes on to `visit`. */
struct giving {
    const struct stream *stream;
    int64_t after_ns;
    size_t bucket; /* the only one wanted, SIZE_MAX: all; then set so that there is no other */
    void (*visit)(const struct exemplar *e, void *arg);
    void *arg;
};
enum { NO_BUCKET = BOUNDS_MAX + 1 };

static bool is_wanted(const struct giving *g, const tt_measurement *m)
{
    if (m->unix_ns <= g->after_ns || g->bucket == NO_BUCKET)
        return false;
    return g->bucket == SIZE_MAX || g->stream->kind != SERIES_HISTOGRAM ||
           series_bucket(g->stream, m->number) == g->bucket;
}

static void give(void *to, const tt_measurement *m)
{
    struct giving *g = to;
    if (!is_wanted(g, m))
        return;
    if (g->bucket != SIZE_MAX)
        g->bucket = NO_BUCKET;
    struct exemplar e = {.unix_ns = m->unix_ns, .is_double = m->is_double};
    e.dropped = dropped_attrs(g->stream, m->attrs, m->attrs_n);
    e.traced = tt_span_context_is_valid(&m->span);
    memcpy(e.trace_id, m->span.trace_id, sizeof e.trace_id);
    memcpy(e.span_id, m->span.span_id, sizeof e.span_id);
    if (m->is_double)
        e.number = m->number;
    else
        e.integer = m->integer;
    g->visit(&e, g->arg);
    free(e.dropped);
}

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
    struct giving g = {s->stream, after_ns, SIZE_MAX, visit, arg};
    if (r->own)
        r->type->collect(r->own, give, &g);
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
    struct giving g = {s->stream, 0, bucket, visit, arg};
    if (e)
        visit(e, arg);
    else if (r->own)
        r->type->collect(r->own, give, &g);
    restart(r);
    unlock(r);
}

static void empty(struct reservoir *r)
{
    for (size_t i = 0; i < r->size; i++)
        free(r->slots[i].dropped);
    memset(r->slots, 0, r->size * sizeof *r->slots);
    r->offered = 0;
    if (r->own)
        r->type->free(r->own);
    r->own = NULL;
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
    r->own = NULL; // another thread may have been in the middle of it: it is left as it is
    empty(r);
    atomic_set_release(&r->busy, false); // pairs with try_lock
}

void exemplars_free(struct reservoir *r)
{
    if (r)
        empty(r);
    free(r);
}
