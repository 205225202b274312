/* OTLP metrics: an export request as a tree, whatever the encoding it came in, and the answers.
 *
 *   otlp_request ─▶ resource_metrics[] ─▶ scope_metrics[] ─▶ metrics[] ─▶ points[] ─▶ exemplars[]
 *
 * Text is borrowed from the encoded bytes, or from the arena when it had to be unescaped; arrays
 * are of the arena. Times are Unix nanoseconds as sent, 0: not given. */
#ifndef TELLTALE_CODEC_OTLP_H
#define TELLTALE_CODEC_OTLP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"

/* ---- attributes ---- */

enum otlp_value_kind {
    OTLP_VALUE_NONE,
    OTLP_VALUE_STRING,
    OTLP_VALUE_BOOL,
    OTLP_VALUE_INT,
    OTLP_VALUE_DOUBLE,
    OTLP_VALUE_ARRAY,
    OTLP_VALUE_MAP,
    OTLP_VALUE_BYTES,
};

struct otlp_attributes {
    const struct otlp_attribute *v;
    size_t n;
};

struct otlp_values {
    const struct otlp_value *v;
    size_t n;
};

struct otlp_value {
    enum otlp_value_kind kind;
    union {
        struct str str; /* STRING, BYTES */
        bool boolean;
        int64_t i64;
        double f64;
        struct otlp_values array;
        struct otlp_attributes map;
    };
};

struct otlp_attribute {
    struct str key;
    struct otlp_value value;
};

/* The value of `key` (the first, should there be more), or NULL. */
const struct otlp_value *otlp_attribute(const struct otlp_attributes *a, struct str key);

/* A value as text, as OpenTelemetry's SDKs and the collector write it: strings as they are, numbers
 * shortest, maps (keys sorted) and arrays as JSON, bytes in base64. Borrowed for strings, else of
 * the arena. */
struct str otlp_value_text(const struct otlp_value *v, struct arena *arena);

/* ---- data points ---- */

enum { OTLP_TRACE_ID_BYTES = 16, OTLP_SPAN_ID_BYTES = 8 };

struct otlp_exemplar {
    struct otlp_attributes attributes;
    uint64_t time_unix_ns;
    double value;
    struct str trace_id, span_id; /* raw bytes; of another length: no id */
};

enum { OTLP_FLAG_NO_RECORDED_VALUE = 1 };

/* What points of all kinds have; their first member. */
struct otlp_point {
    struct otlp_attributes attributes;
    struct str sent; /* of otlp_decode_lazily: the attributes, yet to be read */
    uint64_t start_time_unix_ns, time_unix_ns;
    uint32_t flags;
};

enum otlp_number_kind { OTLP_NUMBER_NONE, OTLP_NUMBER_DOUBLE, OTLP_NUMBER_INT };

struct otlp_number_point {
    struct otlp_point point;
    enum otlp_number_kind kind;
    union {
        double f64;
        int64_t i64;
    };
    const struct otlp_exemplar *exemplars;
    size_t n_exemplars;
};

struct otlp_histogram_point {
    struct otlp_point point;
    uint64_t count;
    double sum, min, max;
    bool has_sum, has_min, has_max;
    const uint64_t *bucket_counts;
    const double *explicit_bounds;
    const struct otlp_exemplar *exemplars;
    size_t n_bucket_counts, n_explicit_bounds, n_exemplars;
};

struct otlp_buckets {
    const uint64_t *counts;
    size_t n;
    int32_t offset;
};

struct otlp_exponential_point {
    struct otlp_point point;
    uint64_t count, zero_count;
    double sum, min, max, zero_threshold;
    bool has_sum, has_min, has_max;
    int32_t scale;
    struct otlp_buckets positive, negative;
    const struct otlp_exemplar *exemplars;
    size_t n_exemplars;
};

struct otlp_quantile {
    double quantile, value;
};

struct otlp_summary_point {
    struct otlp_point point;
    uint64_t count;
    double sum;
    const struct otlp_quantile *quantiles;
    size_t n_quantiles;
};

/* ---- metrics ---- */

enum otlp_metric_kind {
    OTLP_METRIC_NONE, /* no data, or of a kind unknown to us */
    OTLP_GAUGE,
    OTLP_SUM,
    OTLP_HISTOGRAM,
    OTLP_EXPONENTIAL_HISTOGRAM,
    OTLP_SUMMARY,
};

enum otlp_temporality { OTLP_UNSPECIFIED = 0, OTLP_DELTA = 1, OTLP_CUMULATIVE = 2 };

struct otlp_data {
    int32_t temporality; /* enum otlp_temporality, or what else was sent */
    bool monotonic;      /* OTLP_SUM */
    size_t n_points;
    union {
        const struct otlp_number_point *numbers; /* OTLP_GAUGE, OTLP_SUM */
        const struct otlp_histogram_point *histograms;
        const struct otlp_exponential_point *exponentials;
        const struct otlp_summary_point *summaries;
    };
};

struct otlp_metric {
    struct str name, description, unit;
    enum otlp_metric_kind kind;
    struct otlp_data data;
};

struct otlp_scope_metrics {
    struct otlp_scope {
        struct str name, version;
        struct otlp_attributes attributes;
        uint32_t dropped; /* attributes */
        struct str sent;  /* of otlp_decode_lazily: all of the scope */
    } scope;
    struct str schema_url;
    const struct otlp_metric *metrics;
    size_t n_metrics;
};

struct otlp_resource_metrics {
    struct otlp_resource {
        struct otlp_attributes attributes;
        uint32_t dropped; /* attributes */
        struct str sent;  /* of otlp_decode_lazily: all of the resource */
    } resource;
    struct str schema_url;
    const struct otlp_scope_metrics *scopes;
    size_t n_scopes;
};

struct otlp_request {
    const struct otlp_resource_metrics *resources;
    size_t n_resources;
    bool lazy; /* made by otlp_decode_lazily */
};

/* Point i of the metric, of whatever kind. */
const struct otlp_point *otlp_metric_point(const struct otlp_metric *m, size_t i);

/* "gauge", "sum", …; the name of the field in the messages. */
const char *otlp_metric_kind_name(enum otlp_metric_kind kind);

/* ---- decoding ---- */

struct otlp_limits {
    size_t max_points;     /* of one request; 0: 1,000,000 */
    size_t max_attributes; /* of one resource, scope, point or exemplar; 0: 1,024 */
    unsigned max_depth;    /* of nested attribute values; 0: 32 */
};

/* An ExportMetricsServiceRequest. `body` outlives `out`. `limits` may be NULL. ERR_INVALID,
 * ERR_TOO_BIG (a limit), ERR_NOMEM (the arena's budget); the message begins with the path of the
 * field. Text is not checked to be UTF-8 here: see the translation. */
int otlp_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                struct otlp_request *out, struct err *err);

/* The same, but the attributes of points stay as they were sent, in `sent`, where they may be told
 * by their bytes; damage in them is found by otlp_point_attributes. */
int otlp_decode_lazily(struct str body, const struct otlp_limits *limits, struct arena *arena,
                       struct otlp_request *out, struct err *err);

/* The attributes of a point, read from `sent` if they stayed there. Errors as of otlp_decode. */
int otlp_point_attributes(const struct otlp_point *p, const struct otlp_limits *limits,
                          struct arena *arena, struct otlp_attributes *out, struct err *err);

/* The same from OTLP/JSON. Unknown members are passed over, null is the default value. */
int otlp_json_decode(struct str body, const struct otlp_limits *limits, struct arena *arena,
                     struct otlp_request *out, struct err *err);

/* ---- answers ---- */

/* An ExportMetricsServiceResponse: empty for a full success; with `rejected` points, or a warning
 * alone (rejected == 0 and a message), a partial success. */
void otlp_encode_response(struct buf *out, uint64_t rejected, struct str message);
/* `rejected_name`: the JSON name of the count, "rejectedDataPoints", … */
void otlp_json_encode_response(struct buf *out, const char *rejected_name, uint64_t rejected,
                               struct str message);

/* A google.rpc.Status without details; `code` is one of gRPC's. */
void otlp_encode_status(struct buf *out, int code, struct str message);
void otlp_json_encode_status(struct buf *out, int code, struct str message);

#endif
