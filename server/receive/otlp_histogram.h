/* OTLP's histogram points as native histograms. */
#ifndef TELLTALE_RECEIVE_OTLP_HISTOGRAM_H
#define TELLTALE_RECEIVE_OTLP_HISTOGRAM_H

#include "base/arena.h"
#include "base/err.h"
#include "codec/otlp.h"
#include "model/histogram.h"

/* An exponential point that was checked: scales over 8 are brought down to it by merging
 * buckets. A point without a recorded value becomes a stale marker. ERR_INVALID, ERR_NOMEM; the
 * message begins with the field. */
int otlp_native_histogram(const struct otlp_exponential_point *p, struct arena *arena,
                          struct histogram *out, struct err *err);

/* A point with explicit bounds as a native histogram with custom buckets. As above. */
int otlp_custom_histogram(const struct otlp_histogram_point *p, struct arena *arena,
                          struct histogram *out, struct err *err);

/* Scale and offsets are within what can be computed with. ERR_INVALID. */
int otlp_check_exponential(const struct otlp_exponential_point *p, struct err *err);

/* The rules that explicit bounds and counts obey: one count more than bounds (or none of both),
 * bounds ascending. ERR_INVALID. */
int otlp_check_explicit(const struct otlp_histogram_point *p, struct err *err);

#endif
