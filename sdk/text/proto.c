/* Prometheus's protobuf format: messages MetricFamily, each with its length before it.
 *
 *     length  MetricFamily { name help type  Metric { LabelPair… value } Metric … unit }
 *
 * The labels of a series are kept as the fields that they are, like their text in the other
 * formats, so that a number is two copies and a few bytes. Lengths that are known are written as
 * short as they can be, those of families and histograms are filled in at the end. */
#include <math.h>

#include "core/message.h"
#include "text/writer.h"

enum { FAMILY_NAME = 1, FAMILY_HELP, FAMILY_TYPE, FAMILY_METRIC, FAMILY_UNIT };
enum { METRIC_GAUGE = 2, METRIC_COUNTER = 3, METRIC_HISTOGRAM = 7 };
enum { TYPE_COUNTER = 0, TYPE_GAUGE = 1, TYPE_HISTOGRAM = 4 };
enum { NUMBER_VALUE = 1, COUNTER_EXEMPLAR = 2, COUNTER_CREATED = 3 };
enum { COUNT = 1, SUM = 2, BUCKET = 3, HISTOGRAM_CREATED = 15, NATIVE_EXEMPLAR = 16 };
enum { BUCKET_COUNT = 1, BUCKET_BOUND = 2, BUCKET_EXEMPLAR = 3 };
enum { EXEMPLAR_VALUE = 2, EXEMPLAR_TIME = 3, SECONDS = 1, NANOS = 2 };
enum { FIXED64_FIELD = 9, TIME_MAX = 20 };

static const int64_t NS = 1000000000;

/* --- families -------------------------------------------------------------------------------- */

static void put_text(struct buf *out, unsigned field, struct str text)
{
    char *to = buf_reserve(out, text.n + PROTO_HEAD_MAX);
    if (to)
        buf_advance(out, (size_t)(put_text_field(to, field, text.p, text.n) - to));
}

static void put_name(struct writer *w)
{
    struct str total = str_c(w->total);
    size_t n = w->family.n + total.n;
    char *start = buf_reserve(w->out, n + PROTO_HEAD_MAX);
    if (!start)
        return;
    char *to = put_bytes_head(start, FAMILY_NAME, n);
    memcpy(to, w->family.p, w->family.n);
    if (total.n)
        memcpy(to + w->family.n, total.p, total.n);
    buf_advance(w->out, (size_t)(to + n - start));
}

static uint64_t type_of(const struct stream *s)
{
    if (s->kind >= SERIES_HISTOGRAM)
        return TYPE_HISTOGRAM;
    return s->monotonic ? TYPE_COUNTER : TYPE_GAUGE;
}

static void put_head(struct writer *w)
{
    const struct stream *s = w->stream;
    w->family_at = message_open(w->out, 0);
    put_name(w);
    if (*s->description)
        put_text(w->out, FAMILY_HELP, str_c(s->description));
    message_int(w->out, FAMILY_TYPE, type_of(s));
    struct buf unit = BUF_MAX(256);
    prometheus_unit_told(&unit, w);
    if (unit.n)
        put_text(w->out, FAMILY_UNIT, buf_str(&unit));
    buf_done(&unit);
}

static void put_tail(struct writer *w)
{
    message_close(w->out, w->family_at);
}

/* --- parts of a metric ----------------------------------------------------------------------- */

static char *put_time(char *to, unsigned field, int64_t unix_ns)
{
    uint64_t seconds = (uint64_t)(unix_ns / NS), nanos = (uint64_t)(unix_ns % NS);
    to = put_bytes_head(to, field, 2 + varint_size(seconds) + varint_size(nanos));
    return put_varint_field(put_varint_field(to, SECONDS, seconds), NANOS, nanos);
}

static void put_time_to(struct buf *out, unsigned field, int64_t unix_ns)
{
    char *to = buf_reserve(out, TIME_MAX);
    if (to)
        buf_advance(out, (size_t)(put_time(to, field, unix_ns) - to));
}

struct exemplar_place {
    struct writer *w;
    unsigned field;
};

static void put_exemplar(const struct exemplar *e, void *arg)
{
    const struct exemplar_place *place = arg;
    struct buf *out = &place->w->part;
    size_t at = message_open(out, place->field);
    prometheus_exemplar_labels(out, e, place->w->form);
    message_double(out, EXEMPLAR_VALUE, e->is_double ? e->number : (double)e->integer);
    put_time_to(out, EXEMPLAR_TIME, e->unix_ns);
    message_close(out, at);
}

/* What a metric begins with: its head for so many bytes, and its labels. NULL when it failed. */
static char *put_metric(struct writer *w, const struct series *s, size_t value_n)
{
    size_t n = w->scope.n + s->text_n + value_n;
    char *to = buf_reserve(w->out, n + PROTO_HEAD_MAX);
    if (!to)
        return NULL;
    to = put_bytes_head(to, FAMILY_METRIC, n);
    if (w->scope.n)
        memcpy(to, w->scope.p, w->scope.n);
    memcpy(to + w->scope.n, s->text, s->text_n);
    return to + w->scope.n + s->text_n;
}

static void end_metric(struct writer *w, const char *end)
{
    w->out->n = (size_t)(end - w->out->p);
}

/* --- numbers --------------------------------------------------------------------------------- */

static double value_of(const struct point *p)
{
    bool integer = p->kind == SERIES_SUM || p->kind == SERIES_LAST;
    return integer ? (double)p->integer : p->number;
}

static void put_gauge(struct writer *w, const struct point *p)
{
    char *to = put_metric(w, p->series, bytes_field_size(FIXED64_FIELD));
    if (!to)
        return;
    to = put_bytes_head(to, METRIC_GAUGE, FIXED64_FIELD);
    end_metric(w, put_double_field(to, NUMBER_VALUE, value_of(p)));
}

static void put_counter(struct writer *w, const struct point *p)
{
    struct series *s = p->series;
    char created[TIME_MAX];
    size_t created_n = (size_t)(put_time(created, COUNTER_CREATED, s->start_unix_ns) - created);
    w->part.n = 0;
    if (UNLIKELY(atomic_get_relaxed(&s->reservoir) != NULL))
        w->inside->exemplar_of_bucket(s, 0, put_exemplar,
                                      &(struct exemplar_place){.w = w, .field = COUNTER_EXEMPLAR});
    size_t n = FIXED64_FIELD + w->part.n + created_n;
    char *to = put_metric(w, s, bytes_field_size(n));
    if (!to)
        return;
    to = put_bytes_head(to, METRIC_COUNTER, n);
    to = put_double_field(to, NUMBER_VALUE, value_of(p));
    if (w->part.n)
        memcpy(to, w->part.p, w->part.n);
    to += w->part.n;
    memcpy(to, created, created_n);
    end_metric(w, to + created_n);
}

static void put_number(struct writer *w, const struct point *p)
{
    if (w->stream->monotonic)
        put_counter(w, p);
    else
        put_gauge(w, p);
}

/* --- histograms ------------------------------------------------------------------------------ */

static void put_bucket(struct writer *w, struct series *s, size_t i, double bound, uint64_t count)
{
    size_t at = message_open(&w->part, BUCKET);
    message_int(&w->part, BUCKET_COUNT, count);
    message_double(&w->part, BUCKET_BOUND, bound);
    w->inside->exemplar_of_bucket(s, i, put_exemplar,
                                  &(struct exemplar_place){.w = w, .field = BUCKET_EXEMPLAR});
    message_close(&w->part, at);
}

static void put_buckets(struct writer *w, const struct point *p)
{
    struct series *s = p->series;
    uint64_t count = 0;
    size_t n = point_bounds(p);
    for (size_t i = 0; i < n; i++) {
        count += p->buckets[i];
        put_bucket(w, s, i, s->stream->bounds[i], count);
    }
    put_bucket(w, s, n, INFINITY, p->count);
}

static void put_native_exemplars(struct writer *w, struct series *s)
{
    w->inside->exemplars(s, 0, put_exemplar,
                         &(struct exemplar_place){.w = w, .field = NATIVE_EXEMPLAR});
}

static void put_histogram(struct writer *w, struct point *p)
{
    struct series *s = p->series;
    struct buf *part = &w->part;
    buf_reset(part);
    message_int(part, COUNT, p->count);
    message_double(part, SUM, point_has_sum(p) ? p->sum : (double)NAN);
    if (p->kind == SERIES_EXPONENTIAL && native_put(part, p))
        put_native_exemplars(w, s);
    else
        put_buckets(w, p);
    put_time_to(part, HISTOGRAM_CREATED, s->start_unix_ns);
    w->out->failed |= buf_failed(part);
    char *to = put_metric(w, s, bytes_field_size(part->n));
    if (to)
        end_metric(w, put_bytes_field(to, METRIC_HISTOGRAM, part->p, part->n));
}

/* --- the rest -------------------------------------------------------------------------------- */

static void put_target(struct writer *w, const struct attr_set *attrs)
{
    size_t family = message_open(w->out, 0);
    put_text(w->out, FAMILY_NAME, STR("target_info"));
    put_text(w->out, FAMILY_HELP, STR("Target metadata"));
    message_int(w->out, FAMILY_TYPE, TYPE_GAUGE);
    size_t metric = message_open(w->out, FAMILY_METRIC);
    prometheus_labels(w->out, attrs, LABELS_OF_OTHERS, w->form);
    size_t gauge = message_open(w->out, METRIC_GAUGE);
    message_double(w->out, NUMBER_VALUE, 1);
    message_close(w->out, gauge);
    message_close(w->out, metric);
    message_close(w->out, family);
}

static void put_end(struct writer *w)
{
    (void)w; // the last family was closed
}

const struct prometheus_format prometheus_proto = {
    .head = put_head,
    .tail = put_tail,
    .number = put_number,
    .histogram = put_histogram,
    .target = put_target,
    .end = put_end,
};
