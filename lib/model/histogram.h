/* A native histogram as Prometheus defines it: exponential buckets (schema -4…8: bucket i holds
 * (b^(i-1), b^i] with b = 2^2^-schema) or custom bounds (schema -53), sparse through spans.
 *
 * Counts are doubles: integer counts are exact to 2^53, and PromQL computes with doubles alone.
 * `integer` remembers which of the two forms came in, so that it can be given back. */
#ifndef TELLTALE_MODEL_HISTOGRAM_H
#define TELLTALE_MODEL_HISTOGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

enum { HISTOGRAM_SCHEMA_MIN = -4, HISTOGRAM_SCHEMA_MAX = 8, HISTOGRAM_SCHEMA_CUSTOM = -53 };

enum histogram_reset {
    HISTOGRAM_RESET_UNKNOWN,
    HISTOGRAM_RESET_YES,
    HISTOGRAM_RESET_NO,
    HISTOGRAM_RESET_GAUGE
};

/* `length` buckets in a row; the first starts `offset` after the end of the span before (for the
 * first span: at index `offset`). */
struct histogram_span {
    int32_t offset;
    uint32_t length;
};

/* All arrays are borrowed (usually from the arena of a batch or query). */
struct histogram {
    int32_t schema;
    enum histogram_reset reset;
    bool integer;
    double zero_threshold, zero_count, count, sum;
    const struct histogram_span *positive_spans, *negative_spans;
    const double *positive, *negative; /* absolute counts, one for each bucket of the spans */
    const double *custom_bounds;       /* upper bounds, ascending, +Inf left out; schema -53 only */
    size_t n_positive_spans, n_negative_spans, n_positive, n_negative, n_custom_bounds;
};

/* The rules of a well-formed histogram: span lengths add up to the counts, no negative offsets but
 * the first, counts not negative, bounds ascending. ERR_INVALID with the reason. */
int histogram_validate(const struct histogram *h, struct err *err);

/* Bit-wise the same value (NaN sums included). */
bool histogram_eq(const struct histogram *a, const struct histogram *b);

/* Deep copy into the arena; NULL when its budget is spent. */
struct histogram *histogram_copy(struct arena *a, const struct histogram *h);

/* The upper bound of exponential bucket `index`: 2^(index × 2^-schema). The bucket that ends at the
 * largest double is the last of finite numbers; the one after it holds the infinities. */
double histogram_bound(int32_t schema, int64_t index);

/* As how many floats it counts where samples are limited or counted: its size in Prometheus's
 * memory, in samples of 16 bytes. */
size_t histogram_weight(const struct histogram *h);

/* A stale marker: the sum is the stale NaN. */
bool histogram_is_stale(const struct histogram *h);

#endif
