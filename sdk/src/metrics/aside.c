#include "metrics/aside.h"

#include <stdlib.h>

#include "core/problem.h"
#include "metrics/exemplar.h"
#include "metrics/provider.h"
#include "metrics/record.h"
#include "metrics/series_table.h"
#include "metrics/stream.h"

/* --- recording ------------------------------------------------------------------------------- */

static void store(struct series *s, const struct measurement *m)
{
    switch (s->kind) {
    case SERIES_SUM: series_sum_int(s, m->integer); break;
    case SERIES_SUM_DOUBLE: series_sum_double(s, m->number); break;
    case SERIES_LAST: series_set_word(s, (uint64_t)m->integer); break;
    case SERIES_LAST_DOUBLE: series_set_word(s, double_bits(m->number)); break;
    case SERIES_HISTOGRAM:
    case SERIES_EXPONENTIAL: series_record_here(s, m->number); break;
    default: break; // removed
    }
}

static void measure(struct series *s, const struct measurement *m)
{
    const struct stream *st = s->stream;
    if (!atomic_get_relaxed(&st->instrument->meter->on))
        return;
    if (UNLIKELY(m->number < 0 && s->monotonic)) {
        series_refuse(s); // a sum of a histogram's values
        return;
    }
    store(s, m);
    if (st->reservoir_kind != TT_RESERVOIR_NONE)
        exemplar_offer(s, m);
}

static void measure_all(const struct fan *f, const struct measurement *m)
{
    tt_attr attrs[ATTRS_MAX];
    struct measurement with = *m;
    with.attrs = attrs;
    with.n = attr_set_list(f->set, attrs);
    for (size_t i = 0; i < f->n; i++) {
        struct series *s = atomic_get_acquire(&f->targets[i].series); // pairs with aside_bind
        if (s)
            measure(s, &with);
    }
}

static void tell_other(const char *name)
{
    problem(TT_PROBLEM_MISUSE, "an instrument was used as one of another kind", name);
}

static void take(struct series *s, const struct measurement *m, enum series_kind kind)
{
    if (((atomic_get_relaxed(&s->at) & ~SERIES_ASIDE) ^ series_tag(kind)) > SERIES_POSITION)
        tell_other(s->stream->name);
    else if (s->kind == SERIES_FAN)
        measure_all(s->fan, m);
    else
        measure(s, m);
}

void aside_int(struct series *s, int64_t v, enum series_kind kind)
{
    struct measurement m = {.integer = v, .number = (double)v};
    take(s, &m, kind);
}

void aside_double(struct series *s, double v, enum series_kind kind)
{
    struct measurement m = {.is_double = true, .number = v};
    take(s, &m, kind);
}

static void record(struct instrument *i, const struct measurement *m)
{
    if (!atomic_get_relaxed(&i->meter->on))
        return;
    for (struct stream *st = i->streams; st; st = st->sibling) {
        struct series *s = stream_find(st, m->attrs, m->n);
        if (s)
            measure(s, m);
    }
}

/* What the short way would have refused. */
static bool is_allowed(const struct instrument *i, enum series_kind kind, double v)
{
    if (instrument_values(i) != kind) {
        tell_other(i->name);
        return false;
    }
    bool ok = double_is_finite(v) && !(i->kind == KIND_COUNTER && v < 0);
    if (!ok && i->kind != KIND_GAUGE)
        problem(TT_PROBLEM_MISUSE, "a value that is not finite, or falls, was not kept", i->name);
    return ok || i->kind == KIND_GAUGE;
}

void aside_record_int(struct instrument *i, enum series_kind kind, int64_t v, const tt_attr *attrs,
                      size_t n)
{
    struct measurement m = {.integer = v, .number = (double)v, .attrs = attrs, .n = n};
    if (i && i->aside && is_allowed(i, kind, m.number))
        record(i, &m);
}

void aside_record_double(struct instrument *i, enum series_kind kind, double v,
                         const tt_attr *attrs, size_t n)
{
    struct measurement m = {.is_double = true, .number = v, .attrs = attrs, .n = n};
    if (i && i->aside && is_allowed(i, kind, v))
        record(i, &m);
}

/* --- handles --------------------------------------------------------------------------------- */

void fan_free(struct fan *f)
{
    if (f)
        free(f->set);
    free(f);
}

static size_t count_streams(const struct instrument *i)
{
    size_t n = 0;
    for (const struct stream *st = i->streams; st; st = st->sibling)
        n++;
    return n;
}

/* Takes the attributes. */
static struct series *make_node(struct instrument *i, struct attr_set *set)
{
    size_t n = count_streams(i);
    struct fan *f = calloc(1, sizeof *f + n * sizeof *f->targets);
    struct series *s = f ? provider_take_series(i->meter->provider) : NULL;
    if (!s) {
        free(f);
        free(set);
        return NULL;
    }
    f->n = n;
    f->set = set;
    atomic_set_relaxed(&s->at, SERIES_ASIDE | series_tag(instrument_values(i)));
    s->kind = SERIES_FAN;
    s->monotonic = i->kind == KIND_COUNTER;
    s->stream = i->streams;
    s->attrs = set;
    s->fan = f;
    if (series_table_put(&i->fans, s))
        return s;
    series_done(s); // its memory is lost until the provider's end
    return NULL;
}

/* Targets that are not there yet, or were removed. */
static void aim(struct instrument *i, struct series *node, const tt_attr *attrs, size_t n)
{
    struct fan_target *t = node->fan->targets;
    for (struct stream *st = i->streams; st; st = st->sibling, t++) {
        if (!atomic_get_relaxed(&t->series))
            atomic_set_release(&t->series, stream_series_locked(st, attrs, n)); // with measure_all
        struct series *s = atomic_get_relaxed(&t->series);
        if (s)
            s->observed |= SERIES_BOUND;
    }
}

struct series *aside_bind(struct instrument *i, const tt_attr *attrs, size_t n)
{
    struct tt_meter_provider *p = i->meter->provider;
    struct attr_set *set = i->streams ? attr_set_new(attrs, n, NULL, NULL) : NULL;
    if (!set)
        return NULL;
    mutex_lock(&p->lock);
    struct series *s = series_table_get(&i->fans, set);
    if (!s && i->fans.n < p->limit)
        s = make_node(i, set);
    else
        free(set);
    if (s)
        aim(i, s, attrs, n);
    mutex_unlock(&p->lock);
    if (!s)
        problem(TT_PROBLEM_LIMIT, "too many sets of attributes were bound", i->name);
    return s;
}

void aside_forget(struct instrument *i, const struct series *gone)
{
    for (size_t k = 0; k < i->fans.n; k++) {
        struct fan *f = i->fans.list[k]->fan;
        for (size_t t = 0; t < f->n; t++) {
            if (atomic_get_relaxed(&f->targets[t].series) == gone)
                atomic_set_relaxed(&f->targets[t].series, NULL);
        }
    }
}
