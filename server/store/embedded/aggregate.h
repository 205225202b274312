/* Rolling up: rows of a stream to one row a bucket of time. What the columns mean:
 * docs/design/aggregates.md. */
#ifndef TELLTALE_STORE_EMBEDDED_AGGREGATE_H
#define TELLTALE_STORE_EMBEDDED_AGGREGATE_H

#include "store/aggregates.h"

/* The end of the bucket that a time is in. */
int64_t aggregate_bucket(int64_t t_unix_ms, int64_t resolution_ms);

/* Room for `more` rows behind the last. ERR_NOMEM. */
int aggregates_reserve(struct aggregates *a, size_t more);

/* Rolls up rows of one stream (by rising time) and appends the buckets to `out`, their histograms
 * into out->arena; `scratch` is used and emptied. ERR_NOMEM. */
int aggregate_columns(const struct columns *c, int64_t resolution_ms, struct arena *scratch,
                      struct aggregates *out);

/* Appends the samples in [min, max] that are known of the buckets: first and last, and a stale
 * marker at the end of those that end in one. Not in order where floats and histograms mix.
 * ERR_NOMEM. */
int aggregate_points(const struct aggregates *a, int64_t min_ms, int64_t max_ms,
                     struct columns *out);

#endif
