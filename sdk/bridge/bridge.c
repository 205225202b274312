/* Plain structures as OTLP's ScopeMetrics. */
#include "telltale/bridge.h"

#include <string.h>
#include <time.h>

#include "base/compiler.h"
#include "bridge/wire.h"

enum { BYTES_MAX = 64 << 20 };
enum { SCOPE = 1, METRICS = 2, SCHEMA_URL = 3, SCOPE_NAME = 1, SCOPE_VERSION = 2, SCOPE_ATTRS = 3 };
enum { NAME = 1, DESCRIPTION = 2, UNIT = 3, GAUGE = 5, SUM = 7, HISTOGRAM = 9, SUMMARY = 11 };
enum { POINTS = 1, TEMPORALITY = 2, MONOTONIC = 3, DELTA = 1, CUMULATIVE = 2 };
enum { START = 2, TIME = 3, NUMBER_DOUBLE = 4, NUMBER_INT = 6, ATTRIBUTES = 7 };
enum { COUNT = 4, TOTAL = 5, COUNTS = 6, BOUNDS = 7, HISTOGRAM_ATTRIBUTES = 9 };
enum { QUANTILES = 6, QUANTILE = 1, QUANTILE_VALUE = 2 };

struct bridge {
    const tt_metric_filter *filter;
    const tt_scope *scope;
    struct buf out;
    uint64_t now_unix_ns;
    size_t points;
};

/* --- points ---------------------------------------------------------------------------------- */

static void put_times(struct bridge *b, const tt_bridge_metric *m, const tt_bridge_point *p)
{
    if (p->start_unix_ns > 0 && m->type != TT_BRIDGE_GAUGE)
        wire_fixed(&b->out, START, (uint64_t)p->start_unix_ns);
    wire_fixed(&b->out, TIME, p->time_unix_ns > 0 ? (uint64_t)p->time_unix_ns : b->now_unix_ns);
}

static void put_number(struct bridge *b, const tt_bridge_point *p)
{
    if (p->is_double)
        wire_double(&b->out, NUMBER_DOUBLE, p->number);
    else
        wire_fixed(&b->out, NUMBER_INT, (uint64_t)p->integer);
    wire_attributes(&b->out, ATTRIBUTES, p->attrs, p->attrs_n);
}

static void put_histogram(struct bridge *b, const tt_bridge_point *p)
{
    wire_fixed(&b->out, COUNT, p->count);
    wire_double(&b->out, TOTAL, p->sum);
    if (p->buckets) {
        for (size_t i = 0; i <= p->bounds_n; i++)
            wire_fixed(&b->out, COUNTS, p->buckets[i]);
        for (size_t i = 0; i < p->bounds_n; i++)
            wire_double(&b->out, BOUNDS, p->bounds[i]);
    }
    wire_attributes(&b->out, HISTOGRAM_ATTRIBUTES, p->attrs, p->attrs_n);
}

static void put_summary(struct bridge *b, const tt_bridge_point *p)
{
    wire_fixed(&b->out, COUNT, p->count);
    wire_double(&b->out, TOTAL, p->sum);
    for (size_t i = 0; i < p->quantiles_n; i++) {
        size_t at = wire_open(&b->out, QUANTILES);
        wire_double(&b->out, QUANTILE, p->quantiles[i]);
        wire_double(&b->out, QUANTILE_VALUE, p->values[i]);
        wire_close(&b->out, at);
    }
    wire_attributes(&b->out, ATTRIBUTES, p->attrs, p->attrs_n);
}

static void put_point(struct bridge *b, const tt_bridge_metric *m, const tt_bridge_point *p)
{
    size_t at = wire_open(&b->out, POINTS);
    put_times(b, m, p);
    if (m->type == TT_BRIDGE_HISTOGRAM)
        put_histogram(b, p);
    else if (m->type == TT_BRIDGE_SUMMARY)
        put_summary(b, p);
    else
        put_number(b, p);
    wire_close(&b->out, at);
    b->points++;
}

/* --- metrics --------------------------------------------------------------------------------- */

/* The n-th of structures whose size the program knows. */
static tt_bridge_point point_at(const tt_bridge_point *points, size_t n)
{
    tt_bridge_point p = {0};
    memcpy(&p, (const char *)points + n * points->size, MIN(points->size, sizeof p));
    return p;
}

static tt_bridge_metric metric_at(const tt_bridge_metric *metrics, size_t n)
{
    tt_bridge_metric m = {0};
    memcpy(&m, (const char *)metrics + n * metrics->size, MIN(metrics->size, sizeof m));
    return m;
}

static tt_filter_metric filtered(const struct bridge *b, const tt_bridge_metric *m)
{
    static const enum tt_instrument_kind kinds[] = {
        [TT_BRIDGE_GAUGE] = TT_KIND_OBSERVABLE_GAUGE,
        [TT_BRIDGE_COUNTER] = TT_KIND_OBSERVABLE_COUNTER,
        [TT_BRIDGE_UPDOWNCOUNTER] = TT_KIND_OBSERVABLE_UPDOWNCOUNTER,
        [TT_BRIDGE_HISTOGRAM] = TT_KIND_HISTOGRAM,
        [TT_BRIDGE_SUMMARY] = TT_KIND_HISTOGRAM,
    };
    return (tt_filter_metric){b->scope, m->name, m->unit ? m->unit : "", kinds[m->type]};
}

static void put_points(struct bridge *b, const tt_bridge_metric *m, bool partial)
{
    const tt_metric_filter *f = partial && b->filter->attributes ? b->filter : NULL;
    tt_filter_metric about = filtered(b, m);
    for (size_t i = 0; i < m->points_n; i++) {
        tt_bridge_point p = point_at(m->points, i);
        if (!f || f->attributes(f->arg, &about, p.attrs, p.attrs_n))
            put_point(b, m, &p);
    }
}

static void put_metric(struct bridge *b, const tt_bridge_metric *m, bool partial)
{
    static const unsigned fields[] = {GAUGE, SUM, SUM, HISTOGRAM, SUMMARY};
    size_t before = b->out.n, points = b->points;
    bool gauge = m->type == TT_BRIDGE_GAUGE, summary = m->type == TT_BRIDGE_SUMMARY;
    size_t at = wire_open(&b->out, METRICS);
    wire_text(&b->out, NAME, m->name);
    wire_text(&b->out, DESCRIPTION, m->description);
    wire_text(&b->out, UNIT, m->unit);
    size_t data = wire_open(&b->out, fields[m->type]);
    put_points(b, m, partial);
    if (!gauge && !summary)
        wire_varint(&b->out, TEMPORALITY, m->delta ? DELTA : CUMULATIVE);
    if (m->type == TT_BRIDGE_COUNTER)
        wire_varint(&b->out, MONOTONIC, 1);
    wire_close(&b->out, data);
    wire_close(&b->out, at);
    if (b->points == points)
        b->out.n = before;
}

static void put_filtered(struct bridge *b, const tt_bridge_metric *m)
{
    tt_filter_metric about = filtered(b, m);
    enum tt_filtered verdict = TT_FILTER_ACCEPT;
    if (b->filter && b->filter->metric)
        verdict = b->filter->metric(b->filter->arg, &about);
    if (verdict != TT_FILTER_DROP)
        put_metric(b, m, verdict == TT_FILTER_PARTIAL);
}

/* --- the whole ------------------------------------------------------------------------------- */

static bool is_sound(const tt_bridge_metric *m)
{
    if (!m->name || !*m->name || (unsigned)m->type > TT_BRIDGE_SUMMARY)
        return false;
    for (size_t i = 0; i < m->points_n && m->type == TT_BRIDGE_HISTOGRAM; i++) {
        tt_bridge_point p = point_at(m->points, i);
        for (size_t k = 1; k < p.bounds_n; k++) {
            if (!(p.bounds[k] > p.bounds[k - 1]))
                return false;
        }
    }
    return true;
}

static void put_scope(struct bridge *b)
{
    size_t at = wire_open(&b->out, SCOPE);
    wire_text(&b->out, SCOPE_NAME, b->scope->name);
    wire_text(&b->out, SCOPE_VERSION, b->scope->version);
    wire_attributes(&b->out, SCOPE_ATTRS, b->scope->attrs, b->scope->attrs_n);
    wire_close(&b->out, at);
}

static uint64_t now_unix_ns(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t); // cannot fail for this clock
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int tt_bridge_put(tt_metric_batch *batch, const tt_metric_filter *filter, const tt_scope *scope,
                  const tt_bridge_metric *metrics, size_t n)
{
    static const tt_scope none = {.name = ""};
    struct bridge b = {.filter = filter, .scope = scope ? scope : &none};
    if (!batch || (!metrics && n))
        return TT_ERR_INVALID;
    for (size_t i = 0; i < n; i++) {
        tt_bridge_metric m = metric_at(metrics, i);
        if (!is_sound(&m))
            return TT_ERR_INVALID;
    }
    b.out = BUF_MAX(BYTES_MAX);
    b.now_unix_ns = now_unix_ns();
    put_scope(&b);
    for (size_t i = 0; i < n; i++) {
        tt_bridge_metric m = metric_at(metrics, i);
        put_filtered(&b, &m);
    }
    wire_text(&b.out, SCHEMA_URL, b.scope->schema_url);
    int rc = buf_failed(&b.out) ? TT_ERR_NOMEM : TT_OK;
    if (rc == TT_OK && b.points)
        tt_metric_batch_write(batch, b.out.p, b.out.n, b.points);
    buf_done(&b.out);
    return rc;
}
