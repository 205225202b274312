/* Metrics of another library or system as plain structures, for a producer (metric_producer.h). In
 * the library libtelltale-bridge, which needs nothing but libtelltale.
 *
 *     static int produce(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
 *     {
 *         tt_bridge_point point = {.size = sizeof point, .integer = queue_length(arg)};
 *         tt_bridge_metric metric = {.size = sizeof metric, .name = "queue.length",
 *                                    .type = TT_BRIDGE_GAUGE, .points = &point, .points_n = 1};
 *         return tt_bridge_put(batch, filter, &(tt_scope){.name = "queues"}, &metric, 1);
 *     } */
#ifndef TELLTALE_BRIDGE_H
#define TELLTALE_BRIDGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/metric_producer.h"

TT_BEGIN

enum tt_bridge_type {
    TT_BRIDGE_GAUGE,
    TT_BRIDGE_COUNTER,       /* a sum that does not fall */
    TT_BRIDGE_UPDOWNCOUNTER, /* a sum that may */
    TT_BRIDGE_HISTOGRAM,     /* of explicit buckets */
    TT_BRIDGE_SUMMARY        /* quantiles, as Prometheus has them */
};

typedef struct tt_bridge_point {
    size_t size; /* sizeof(tt_bridge_point) */
    const tt_attr *attrs;
    size_t attrs_n;
    int64_t start_unix_ns; /* of all but gauges; 0: not known */
    int64_t time_unix_ns;  /* 0: now */

    /* Gauges and sums: */
    bool is_double;
    int64_t integer;
    double number; /* if it is a double */

    /* Histograms and summaries: */
    uint64_t count;
    double sum;
    const double *bounds;    /* of buckets: upper ones, increasing */
    const uint64_t *buckets; /* bounds_n + 1 counts, not added up */
    size_t bounds_n;
    const double *quantiles; /* of summaries: 0 to 1 */
    const double *values;    /* at them */
    size_t quantiles_n;
} tt_bridge_point;

typedef struct tt_bridge_metric {
    size_t size;                    /* sizeof(tt_bridge_metric) */
    const char *name;               /* as it is exported */
    const char *description, *unit; /* NULL: none */
    enum tt_bridge_type type;
    bool delta; /* sums and histograms: since the last time, not since the start */
    const tt_bridge_point *points;
    size_t points_n;
} tt_bridge_metric;

/* Writes what the filter (NULL: all) lets through. TT_ERR_INVALID, and nothing of the metrics: one
 * without a name, or a histogram whose bounds do not increase. TT_ERR_NOMEM, also beyond 64 MiB. */
TT_API int tt_bridge_put(tt_metric_batch *batch, const tt_metric_filter *filter,
                         const tt_scope *scope, const tt_bridge_metric *metrics, size_t n);

TT_END

#endif
