/* Rows of the metrics table. Times are Unix milliseconds, the resolution of PromQL and of the
 * Prometheus wire formats; OTLP's nanoseconds are cut at the decoder. */
#ifndef TELLTALE_MODEL_SAMPLE_H
#define TELLTALE_MODEL_SAMPLE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/word.h"
#include "model/labels.h"

struct histogram;

/* "This series ended": a NaN with its own bits, kept exactly everywhere. */
#define STALE_NAN_BITS UINT64_C(0x7ff0000000000002)

static inline double stale_nan(void)
{
    return bits_double(STALE_NAN_BITS);
}

static inline bool is_stale_nan(double v)
{
    return double_bits(v) == STALE_NAN_BITS;
}

/* What Prometheus makes of any NaN that it reads. */
static inline double plain_nan(void)
{
    return bits_double(UINT64_C(0x7ff8000000000001));
}

struct sample {
    int64_t t_unix_ms;
    double value;                      /* unused when `histogram` is set */
    const struct histogram *histogram; /* NULL for a float; borrowed */
    int64_t start_unix_ms;             /* when the counter started; 0: unknown */
};

struct exemplar {
    struct labels labels; /* borrowed; usually trace_id and span_id */
    double value;
    int64_t t_unix_ms; /* 0: unknown */
};

enum metric_type {
    METRIC_UNKNOWN,
    METRIC_COUNTER,
    METRIC_GAUGE,
    METRIC_HISTOGRAM,
    METRIC_GAUGE_HISTOGRAM,
    METRIC_SUMMARY,
    METRIC_INFO,
    METRIC_STATESET
};

/* "counter", "gauge", …, "unknown". */
const char *metric_type_name(enum metric_type t);

/* What is known of a metric family. */
struct metric_metadata {
    struct str family, unit, help; /* borrowed */
    enum metric_type type;
};

#endif
