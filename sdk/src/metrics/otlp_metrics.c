/* A collection, straight from the cells into messages. */
#include "metrics/otlp_metrics.h"

#include <stdlib.h>

#include "core/clock.h"
#include "core/message.h"
#include "core/problem.h"
#include "metrics/exemplar.h"

enum { RESOURCE_METRICS = 1, RESOURCE = 1, SCOPE_METRICS = 2, SCOPE = 1, METRICS = 2 };
enum { SCHEMA_URL = 3, METRIC_NAME = 1, METRIC_DESCRIPTION = 2, METRIC_UNIT = 3 };
enum { METRIC_GAUGE = 5, METRIC_SUM = 7, METRIC_HISTOGRAM = 9, METRIC_EXPONENTIAL = 10 };
enum { POINTS = 1, TEMPORALITY = 2, MONOTONIC = 3, DELTA = 1, CUMULATIVE = 2 };
enum { START = 2, TIME = 3 }; /* of points of all kinds */
enum { NUMBER_DOUBLE = 4, NUMBER_INT = 6, NUMBER_ATTRIBUTES = 7 };
enum { COUNT = 4, SUM = 5, COUNTS = 6, BOUNDS = 7, ATTRIBUTES = 9, LEAST = 11, MOST = 12 };
enum { EXP_ATTRIBUTES = 1, EXP_SCALE_FIELD = 6, EXP_ZEROS = 7, EXP_POSITIVE = 8 };
enum { EXP_NEGATIVE = 9, EXP_LEAST = 12, EXP_MOST = 13, RANGE_OFFSET = 1, RANGE_COUNTS = 2 };
enum { NUMBER_EXEMPLARS = 5, EXEMPLARS = 8, EXP_EXEMPLARS = 11 };
enum { EXEMPLAR_TIME = 2, EXEMPLAR_DOUBLE = 3, EXEMPLAR_SPAN = 4, EXEMPLAR_TRACE = 5 };
enum { EXEMPLAR_INT = 6, EXEMPLAR_ATTRIBUTES = 7 };
enum { BATCH = 64 };

struct writer {
    tt_meter_provider *provider;
    struct buf *out;
    struct point *point; /* scratch */
    struct delta *delta;
    bool as_delta; /* the stream at hand */
    bool partial;  /* the reader's filter is asked about each of its points */
    uint64_t now_unix_ns;
    size_t points;
};

static void put_attributes(struct buf *out, unsigned field, const struct attr_set *set)
{
    char *to = buf_reserve(out, proto_set_size(set));
    if (to)
        buf_advance(out, (size_t)(put_proto_set(to, field, set) - to));
}

/* --- points ---------------------------------------------------------------------------------- */

static void put_times(struct writer *w, const struct series *s)
{
    int64_t start = s->start_unix_ns;
    if (w->as_delta)
        start = MAX(start, w->delta->last_unix_ns);
    message_u64(w->out, START, (uint64_t)start);
    message_u64(w->out, TIME, w->now_unix_ns);
}

static void put_number(struct writer *w, const struct point *p)
{
    put_attributes(w->out, NUMBER_ATTRIBUTES, p->series->attrs);
    if (p->series->stream->gauge)
        message_u64(w->out, TIME, w->now_unix_ns);
    else
        put_times(w, p->series);
    if (p->kind == SERIES_SUM || p->kind == SERIES_LAST)
        message_u64(w->out, NUMBER_INT, (uint64_t)p->integer);
    else
        message_double(w->out, NUMBER_DOUBLE, p->number);
}

/* A sum of values of both signs says nothing about their number, and readers take it for a counter:
 * left out where there were values below 0, as OTLP wants it. */
static void put_totals(struct writer *w, const struct point *p, unsigned least, unsigned most)
{
    message_u64(w->out, COUNT, p->count);
    if (!(p->min < 0))
        message_double(w->out, SUM, p->sum);
    if (p->min <= p->max && !w->as_delta && !p->series->stream->without_min_max) {
        message_double(w->out, least, p->min);
        message_double(w->out, most, p->max);
    }
}

static void put_explicit(struct writer *w, const struct point *p)
{
    const struct stream *s = p->series->stream;
    put_attributes(w->out, ATTRIBUTES, p->series->attrs);
    put_times(w, p->series);
    put_totals(w, p, LEAST, MOST);
    otlp_put_bytes(w->out, COUNTS, p->buckets, (s->bounds_n + 1) * sizeof *p->buckets);
    otlp_put_bytes(w->out, BOUNDS, s->bounds, s->bounds_n * sizeof *s->bounds);
}

static void put_range(struct writer *w, unsigned field, const struct exp_buckets *b)
{
    if (!b->used)
        return;
    size_t at = message_open(w->out, field);
    message_int(w->out, RANGE_OFFSET, zigzag(b->low));
    size_t counts = message_open(w->out, RANGE_COUNTS);
    for (int32_t i = b->low; i <= b->high; i++) {
        char *to = buf_reserve(w->out, PROTO_HEAD_MAX);
        if (to)
            buf_advance(w->out, (size_t)(put_varint(to, exp_get(b, i)) - to));
    }
    message_close(w->out, counts);
    message_close(w->out, at);
}

static void put_exponential(struct writer *w, const struct point *p)
{
    const struct exp_buckets *b = p->positive.used ? &p->positive : &p->negative;
    put_attributes(w->out, EXP_ATTRIBUTES, p->series->attrs);
    put_times(w, p->series);
    put_totals(w, p, EXP_LEAST, EXP_MOST);
    message_int(w->out, EXP_SCALE_FIELD, zigzag(b->used ? b->scale : 0));
    message_u64(w->out, EXP_ZEROS, p->zeros);
    put_range(w, EXP_POSITIVE, &p->positive);
    put_range(w, EXP_NEGATIVE, &p->negative);
}

static unsigned exemplars_field(const struct writer *w)
{
    switch (w->point->kind) {
    case SERIES_HISTOGRAM: return EXEMPLARS;
    case SERIES_EXPONENTIAL: return EXP_EXEMPLARS;
    default: return NUMBER_EXEMPLARS;
    }
}

static void put_exemplar(const struct exemplar *e, void *arg)
{
    struct writer *w = arg;
    size_t at = message_open(w->out, exemplars_field(w));
    message_u64(w->out, EXEMPLAR_TIME, (uint64_t)e->unix_ns);
    if (e->is_double)
        message_double(w->out, EXEMPLAR_DOUBLE, e->number);
    else
        message_u64(w->out, EXEMPLAR_INT, (uint64_t)e->integer);
    if (e->traced) {
        otlp_put_bytes(w->out, EXEMPLAR_SPAN, e->span_id, sizeof e->span_id);
        otlp_put_bytes(w->out, EXEMPLAR_TRACE, e->trace_id, sizeof e->trace_id);
    }
    if (e->dropped)
        put_attributes(w->out, EXEMPLAR_ATTRIBUTES, e->dropped);
    message_close(w->out, at);
}

/* --- the filter ------------------------------------------------------------------------------ */

/* With the attributes of one of its points, or NULL. */
static enum tt_filtered filter(const struct writer *w, const struct stream *st,
                               const struct attr_set *set)
{
    const tt_metric_filter *f = &w->delta->filter;
    const struct scope *s = &st->instrument->meter->scope;
    const tt_scope scope = {.name = s->name, .version = s->version, .schema_url = s->schema_url};
    const tt_filter_metric metric = {&scope, st->name, st->unit,
                                     (enum tt_instrument_kind)(st->instrument->kind + 1)};
    tt_attr attrs[ATTRS_MAX];
    if (!set)
        return f->metric ? f->metric(f->arg, &metric) : TT_FILTER_ACCEPT;
    bool ok = !f->attributes || f->attributes(f->arg, &metric, attrs, attr_set_list(set, attrs));
    return ok ? TT_FILTER_ACCEPT : TT_FILTER_DROP;
}

static void put_point(struct writer *w, struct series *s)
{
    if (w->partial && filter(w, s->stream, s->attrs) == TT_FILTER_DROP)
        return;
    cell_read_begin();
    point_read(w->point, s);
    cell_read_end();
    if (w->as_delta && !delta_take(w->delta, w->point))
        return;
    size_t at = message_open(w->out, POINTS);
    if (s->kind == SERIES_HISTOGRAM)
        put_explicit(w, w->point);
    else if (s->kind == SERIES_EXPONENTIAL)
        put_exponential(w, w->point);
    else
        put_number(w, w->point);
    exemplars_each(s, w->delta->last_unix_ns, put_exemplar, w);
    message_close(w->out, at);
    w->points++;
}

/* --- metrics --------------------------------------------------------------------------------- */

static unsigned data_field(const struct stream *s)
{
    switch (s->kind) {
    case SERIES_HISTOGRAM: return METRIC_HISTOGRAM;
    case SERIES_EXPONENTIAL: return METRIC_EXPONENTIAL;
    default: return s->gauge ? METRIC_GAUGE : METRIC_SUM;
    }
}

/* The metric with its points; nothing at all when there are none. */
static void put_stream(struct writer *w, struct stream *s)
{
    struct series *batch[BATCH];
    size_t from = 0, n, before = w->out->n, points = w->points;
    enum tt_filtered verdict = filter(w, s, NULL);
    if (verdict == TT_FILTER_DROP)
        return;
    w->partial = verdict == TT_FILTER_PARTIAL;
    w->as_delta = delta_wanted(w->delta, s->instrument) && !s->gauge;
    size_t metric = message_open(w->out, METRICS);
    otlp_put_text(w->out, METRIC_NAME, s->name);
    otlp_put_text(w->out, METRIC_DESCRIPTION, s->description);
    otlp_put_text(w->out, METRIC_UNIT, s->unit);
    size_t data = message_open(w->out, data_field(s));
    while ((n = stream_series(s, &from, batch, BATCH))) {
        for (size_t i = 0; i < n; i++)
            put_point(w, batch[i]);
    }
    if (!s->gauge)
        message_int(w->out, TEMPORALITY, w->as_delta ? DELTA : CUMULATIVE);
    if (s->monotonic)
        message_int(w->out, MONOTONIC, 1);
    message_close(w->out, data);
    message_close(w->out, metric);
    if (w->points == points)
        w->out->n = before;
}

static void put_meter(struct writer *w, tt_meter *m)
{
    size_t before = w->out->n, points = w->points;
    size_t at = message_open(w->out, SCOPE_METRICS);
    otlp_put_scope(w->out, SCOPE, &m->scope);
    for (struct stream *s = NULL; (s = provider_next_stream(w->provider, s, w->delta->reader));) {
        if (s->instrument->meter == m)
            put_stream(w, s);
    }
    otlp_put_text(w->out, SCHEMA_URL, m->scope.schema_url);
    message_close(w->out, at);
    if (w->points == points)
        w->out->n = before;
}

static tt_meter *first_meter(tt_meter_provider *p)
{
    mutex_lock(&p->lock);
    tt_meter *m = p->meters; // new ones are put in front, so what follows is there to stay
    mutex_unlock(&p->lock);
    return m;
}

struct tt_metric_batch {
    struct writer *writer;
};

void tt_metric_batch_write(tt_metric_batch *b, const void *scope_metrics, size_t n, size_t points)
{
    if (!b)
        return;
    otlp_put_bytes(b->writer->out, SCOPE_METRICS, scope_metrics, n);
    b->writer->points += points;
}

/* The first failure; the others' metrics are there. */
static int put_produced(struct writer *w)
{
    const struct delta *d = w->delta;
    tt_metric_batch batch = {w};
    int first = TT_OK;
    for (size_t i = 0; i < d->producers_n; i++) {
        const tt_metric_producer *p = &d->producers[i];
        int rc = p->produce(p->arg, d->filter.metric ? &d->filter : NULL, &batch);
        if (rc < 0)
            problem(TT_PROBLEM_EXPORT, "a producer of metrics failed", tt_status_text(rc));
        first = first ? first : MIN(rc, 0);
    }
    return first;
}

int otlp_metrics_collect(tt_meter_provider *p, struct delta *d, int64_t deadline_mono_ns,
                         struct buf *out, size_t *out_points)
{
    struct writer w = {.provider = p, .out = out, .delta = d, .point = malloc(sizeof *w.point)};
    if (!w.point)
        return TT_ERR_NOMEM;
    int64_t began = clock_mono_ns();
    if (!provider_collect_begin_until(p, deadline_mono_ns)) {
        free(w.point);
        return TT_ERR_TIMEOUT;
    }
    w.now_unix_ns = (uint64_t)clock_unix_ns();
    size_t at = message_open(out, RESOURCE_METRICS);
    otlp_put_resource(out, RESOURCE, p->resource);
    for (tt_meter *m = first_meter(p); m; m = m->next)
        put_meter(&w, m);
    provider_collect_end(p);
    int produced = put_produced(&w);
    if (tt_resource_schema_url(p->resource))
        otlp_put_text(out, SCHEMA_URL, tt_resource_schema_url(p->resource));
    message_close(out, at);
    d->last_unix_ns = (int64_t)w.now_unix_ns;
    free(w.point);
    *out_points = w.points;
    int rc = buf_failed(out) ? TT_ERR_NOMEM : TT_OK;
    provider_collected(
        p, began, (tt_collection){.reader = d, .points = w.points, .status = rc ? rc : produced});
    return rc;
}
