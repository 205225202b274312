/* Metrics that are sent from time to time, rather than scraped. */
#ifndef TELLTALE_METRIC_READER_H
#define TELLTALE_METRIC_READER_H

#include <stddef.h>
#include <stdint.h>

#include "telltale/api.h"
#include "telltale/exporter.h"
#include "telltale/metrics.h"

TT_BEGIN

typedef struct tt_metric_reader tt_metric_reader;

/* Whether values count from their start, or from the last time they were sent. */
enum tt_temporality {
    TT_TEMPORALITY_DEFAULT, /* OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE, or CUMULATIVE */
    TT_TEMPORALITY_CUMULATIVE,
    TT_TEMPORALITY_DELTA,    /* deltas of counters, observable ones too, and histograms */
    TT_TEMPORALITY_LOWMEMORY /* deltas of counters and histograms that are not observable */
};

typedef struct tt_metric_reader_options {
    size_t size;          /* sizeof(tt_metric_reader_options) */
    tt_exporter exporter; /* taken, also on failure */
    int64_t interval_ms;  /* 0: OTEL_METRIC_EXPORT_INTERVAL, or else 60000 */
    int64_t timeout_ms;   /* of one send. 0: OTEL_METRIC_EXPORT_TIMEOUT, or else 30000 */
    enum tt_temporality temporality;
    /* What instruments that are made later become for this reader, see view.h; NULL: as for all. Of
     * an instrument for which it says something else than the provider's there are two streams:
     * recording takes longer, and as much memory again. Copied; for at most 31 readers of a
     * provider, of those beyond it is told as TT_PROBLEM_LIMIT. */
    const struct tt_stream_defaults *defaults;
    const struct tt_metric_filter *filter;      /* see metric_producer.h; NULL: all; copied */
    const struct tt_metric_producer *producers; /* copied; at most 16 */
    size_t producers_n;
    /* How many points a request has at most (OpenTelemetry's maxExportBatchSize): a collection of
     * more is sent in several, one after the other, each with `timeout_ms`. 0: in one. */
    size_t batch_points;
} tt_metric_reader_options;

/* Collects the provider and sends all of it at every interval, from a thread of its own. A delta
 * leaves out series that did not change, and a histogram's smallest and largest; it costs the
 * reader the memory of the values that it sent last. The provider must outlive it. NULL when out of
 * memory or threads, and without `send`. A child after fork() does not go on sending. */
TT_API tt_metric_reader *tt_metric_reader_start(tt_meter_provider *provider,
                                                const tt_metric_reader_options *options);

/* Collects and sends now. TT_ERR_TIMEOUT when a send under way does not end in time; else what the
 * exporter says. */
TT_API int tt_metric_reader_flush(tt_metric_reader *reader, int64_t timeout_ms);

/* Flushes by the reader's thread, ends that, closes the exporter and frees the reader. Returns what
 * the flush did; TT_ERR_TIMEOUT at most half a second after its time, even when the exporter, a
 * callback or a producer does not return: then nothing is closed or freed, neither the reader nor,
 * by tt_meter_provider_free, the provider, since that call may use them. NULL is fine. */
TT_API int tt_metric_reader_stop(tt_metric_reader *reader, int64_t timeout_ms);

TT_END

#endif
