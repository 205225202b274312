/* Metrics that come from elsewhere than instruments: a producer hands a reader metrics of another
 * library or system, ready made. And filters, which leave out metrics, or some of their points,
 * while a reader collects: those of instruments and of producers alike.
 *
 * A producer writes OTLP's ScopeMetrics (protobuf). libtelltale-bridge makes them from plain
 * structures (telltale/bridge.h). */
#ifndef TELLTALE_METRIC_PRODUCER_H
#define TELLTALE_METRIC_PRODUCER_H

#include <stdbool.h>
#include <stddef.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/scope.h"
#include "telltale/view.h"

TT_BEGIN

enum tt_filtered { TT_FILTER_ACCEPT, TT_FILTER_DROP, TT_FILTER_PARTIAL };

/* What a filter decides upon; all borrowed. */
typedef struct tt_filter_metric {
    const tt_scope *scope; /* of instruments: without its attributes */
    const char *name;      /* as it is exported */
    const char *unit;      /* "": none */
    enum tt_instrument_kind kind;
} tt_filter_metric;

/* Called by the thread that collects; it must not make instruments or collect. NULL: accepts. */
typedef struct tt_metric_filter {
    /* PARTIAL: `attributes` says of each point. */
    enum tt_filtered (*metric)(void *arg, const tt_filter_metric *metric);
    bool (*attributes)(void *arg, const tt_filter_metric *metric, const tt_attr *attrs, size_t n);
    void *arg;
} tt_metric_filter;

/* What is being collected. */
typedef struct tt_metric_batch tt_metric_batch;

/* Called at each collection of the reader that has it, one at a time. It applies the filter, which
 * may be NULL, by itself. A negative status is told as TT_PROBLEM_EXPORT; what it has written, and
 * all else, is sent. */
typedef struct tt_metric_producer {
    int (*produce)(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch);
    void *arg;
} tt_metric_producer;

/* Appends a ScopeMetrics with so many points; the resource is the provider's. */
TT_API void tt_metric_batch_write(tt_metric_batch *batch, const void *scope_metrics, size_t n,
                                  size_t points);

TT_END

#endif
