/* The resource and the scope are left empty: what they said is in the labels by now, and an import
 * gives the labels back as they are. */
#include "api/export_otlp.h"

#include <math.h>

#include "base/time.h"
#include "codec/json_write.h"
#include "model/histogram.h"
#include "store/store.h"

enum { NO_RECORDED_VALUE = 1, CUMULATIVE = 2 };

/* --- what can be said ------------------------------------------------------------------------- */

static bool is_whole(double v)
{
    return v >= 0 && v <= 0x1p53 && v == floor(v);
}

static enum otlp_form histogram_form(const struct histogram *h)
{
    bool custom = h->schema == HISTOGRAM_SCHEMA_CUSTOM;
    enum otlp_form form = custom ? OTLP_FORM_BUCKETS : OTLP_FORM_EXPONENTIAL;
    if (histogram_is_stale(h))
        return form;
    bool whole = h->integer && is_whole(h->count) && is_whole(h->zero_count);
    for (size_t i = 0; i < h->n_positive; i++)
        whole &= is_whole(h->positive[i]);
    for (size_t i = 0; i < h->n_negative; i++)
        whole &= is_whole(h->negative[i]);
    return whole ? form : OTLP_FORM_NONE;
}

enum otlp_form export_otlp_form(const struct columns *c, size_t i)
{
    if (c->t_unix_ms[i] <= 0 || c->t_unix_ms[i] > INT64_MAX / NS_PER_MS)
        return OTLP_FORM_NONE; // 0 is no time, and what is later does not fit into nanoseconds
    if (c->histogram && c->histogram[i])
        return histogram_form(c->histogram[i]);
    return OTLP_FORM_NUMBER;
}

/* --- values ----------------------------------------------------------------------------------- */

static void put_double(struct json *j, const char *name, double v)
{
    json_key(j, name);
    if (isnan(v))
        json_str(j, STR("NaN"));
    else if (isinf(v))
        json_str(j, v < 0 ? STR("-Infinity") : STR("Infinity"));
    else
        json_double(j, v);
}

/* 64-bit integers are strings in JSON's form of protobuf. */
static void put_u64_value(struct json *j, uint64_t v)
{
    struct buf text = BUF_MAX(32);
    buf_put_u64(&text, v);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

static void put_u64(struct json *j, const char *name, uint64_t v)
{
    json_key(j, name);
    put_u64_value(j, v);
}

static void put_attributes(struct json *j, const struct labels *labels)
{
    json_key(j, "attributes");
    json_array(j);
    for (size_t i = 0; i < labels->n; i++) {
        if (str_eq(labels->v[i].name, LABEL_NAME))
            continue;
        json_object(j);
        json_member_str(j, "key", labels->v[i].name);
        json_key(j, "value");
        json_object(j);
        json_member_str(j, "stringValue", labels->v[i].value);
        json_object_end(j);
        json_object_end(j);
    }
    json_array_end(j);
}

/* --- histograms ------------------------------------------------------------------------------- */

/* Spans leave gaps; here every bucket from the first to the last has a count. Returns the index of
 * the first. */
static int64_t put_counts(struct json *j, const char *name, const struct histogram_span *spans,
                          size_t n_spans, const double *counts)
{
    int64_t first = n_spans ? spans[0].offset : 0;
    json_key(j, name);
    json_array(j);
    for (size_t i = 0; i < n_spans; i++) {
        for (int32_t k = 0; i && k < spans[i].offset; k++)
            put_u64_value(j, 0);
        for (uint32_t k = 0; k < spans[i].length; k++)
            put_u64_value(j, (uint64_t)*counts++);
    }
    json_array_end(j);
    return first;
}

static void put_buckets(struct json *j, const char *name, const struct histogram_span *spans,
                        size_t n_spans, const double *counts)
{
    json_key(j, name);
    json_object(j);
    /* Bucket i of Prometheus ends where bucket i - 1 of OTLP does. */
    int64_t first = put_counts(j, "bucketCounts", spans, n_spans, counts);
    json_member_i64(j, "offset", first - 1);
    json_object_end(j);
}

static void put_exponential(struct json *j, const struct histogram *h)
{
    json_member_i64(j, "scale", h->schema);
    if (histogram_is_stale(h))
        return;
    put_u64(j, "count", (uint64_t)h->count);
    put_double(j, "sum", h->sum);
    put_u64(j, "zeroCount", (uint64_t)h->zero_count);
    put_double(j, "zeroThreshold", h->zero_threshold);
    put_buckets(j, "positive", h->positive_spans, h->n_positive_spans, h->positive);
    put_buckets(j, "negative", h->negative_spans, h->n_negative_spans, h->negative);
}

static void put_custom(struct json *j, const struct histogram *h)
{
    size_t written = 0;
    json_key(j, "explicitBounds");
    json_array(j);
    for (size_t i = 0; i < h->n_custom_bounds; i++)
        json_double(j, h->custom_bounds[i]);
    json_array_end(j);
    if (histogram_is_stale(h))
        return;
    put_u64(j, "count", (uint64_t)h->count);
    put_double(j, "sum", h->sum);
    /* One count for each bound and one for what is above the last. */
    const double *counts = h->positive;
    json_key(j, "bucketCounts");
    json_array(j);
    for (size_t i = 0; i < h->n_positive_spans; i++) {
        for (int32_t k = 0; k < h->positive_spans[i].offset; k++, written++)
            put_u64_value(j, 0);
        for (uint32_t k = 0; k < h->positive_spans[i].length; k++, written++)
            put_u64_value(j, (uint64_t)*counts++);
    }
    for (; written <= h->n_custom_bounds; written++)
        put_u64_value(j, 0);
    json_array_end(j);
}

/* --- points and the rest ---------------------------------------------------------------------- */

static bool is_stale(const struct columns *c, size_t i)
{
    const struct histogram *h = c->histogram ? c->histogram[i] : NULL;
    return h ? histogram_is_stale(h) : is_stale_nan(c->value[i]);
}

static void put_point(struct json *j, const struct labels *labels, const struct columns *c,
                      size_t i, enum otlp_form form)
{
    int64_t start = c->start_unix_ms ? c->start_unix_ms[i] : 0;
    json_object(j);
    put_attributes(j, labels);
    if (start > 0)
        put_u64(j, "startTimeUnixNano", (uint64_t)start * NS_PER_MS);
    put_u64(j, "timeUnixNano", (uint64_t)c->t_unix_ms[i] * NS_PER_MS);
    if (is_stale(c, i))
        json_member_i64(j, "flags", NO_RECORDED_VALUE);
    if (form == OTLP_FORM_EXPONENTIAL)
        put_exponential(j, c->histogram[i]);
    else if (form == OTLP_FORM_BUCKETS)
        put_custom(j, c->histogram[i]);
    else if (!is_stale(c, i))
        put_double(j, "asDouble", c->value[i]);
    json_object_end(j);
}

static void put_data(struct json *j, const struct labels *labels, const struct metric_metadata *m,
                     const struct columns *c, size_t from, size_t n, enum otlp_form form)
{
    bool sum = form == OTLP_FORM_NUMBER && m->type == METRIC_COUNTER;
    json_key(j, form == OTLP_FORM_EXPONENTIAL ? "exponentialHistogram"
                : form == OTLP_FORM_BUCKETS   ? "histogram"
                : sum                         ? "sum"
                                              : "gauge");
    json_object(j);
    if (sum || form != OTLP_FORM_NUMBER)
        json_member_i64(j, "aggregationTemporality", CUMULATIVE);
    if (sum) {
        json_key(j, "isMonotonic");
        json_bool(j, true);
    }
    json_key(j, "dataPoints");
    json_array(j);
    for (size_t i = from; i < from + n; i++)
        put_point(j, labels, c, i, form);
    json_array_end(j);
    json_object_end(j);
}

void export_otlp_line(struct buf *out, const struct labels *labels, const struct metric_metadata *m,
                      const struct columns *c, size_t from, size_t n, enum otlp_form form)
{
    struct json j = json_to(out);
    buf_puts(out, "{\"resourceMetrics\":[{\"scopeMetrics\":[{\"metrics\":[");
    json_object(&j);
    json_member_str(&j, "name", labels_metric_name(labels));
    if (m->help.n)
        json_member_str(&j, "description", m->help);
    if (m->unit.n)
        json_member_str(&j, "unit", m->unit);
    put_data(&j, labels, m, c, from, n, form);
    json_object_end(&j);
    buf_puts(out, "]}]}]}\n");
}
