/* A collection as a request of OTLP. */
#ifndef TELLTALE_METRICS_OTLP_METRICS_H
#define TELLTALE_METRICS_OTLP_METRICS_H

#include "base/buf.h"
#include "metrics/delta.h"

/* Collects all of the provider for a reader and appends an ExportMetricsServiceRequest.
 * `*out_points`: how many points are in it. TT_ERR_NOMEM, also when the buffer's maximum was
 * reached; TT_ERR_TIMEOUT when another collection is not done by then. */
int otlp_metrics_collect(tt_meter_provider *p, struct delta *d, int64_t deadline_mono_ns,
                         struct buf *out, size_t *out_points);

#endif
