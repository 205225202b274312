/* An OTLP request as a batch: points become series and samples as Prometheus 3's OTLP endpoint
 * makes them.
 *
 *   sum, gauge              one series; a monotonic sum is a counter
 *   histogram               _bucket{le}, _sum, _count; or a native histogram with custom buckets
 *   exponential histogram   a native histogram
 *   summary                 {quantile}, _sum, _count
 *   the resource            target_info, from the first to the last time of its points
 *
 * Points of delta temporality are added up (otlp_delta.h). What cannot be kept is left out, counted
 * by reason and told; the rest goes on. */
#ifndef TELLTALE_RECEIVE_OTLP_TRANSLATE_H
#define TELLTALE_RECEIVE_OTLP_TRANSLATE_H

#include "codec/otlp.h"
#include "model/batch.h"
#include "model/sink.h"
#include "receive/otlp_delta.h"
#include "receive/otlp_rules.h"

enum otlp_reject {
    OTLP_REJECT_NAME,         /* no metric name can be made */
    OTLP_REJECT_LABELS,       /* a label cannot be, or is over a limit */
    OTLP_REJECT_VALUE,        /* no value, or of no known kind */
    OTLP_REJECT_TIME,         /* without a time */
    OTLP_REJECT_TEMPORALITY,  /* neither delta nor cumulative */
    OTLP_REJECT_HISTOGRAM,    /* buckets that contradict each other */
    OTLP_REJECT_OUT_OF_ORDER, /* delta, older than the stream */
    OTLP_REJECT_STREAMS,      /* delta, too many streams */
    OTLP_REJECT_SERIES,       /* over the limit of series in a request */
    OTLP_REJECTS              /* their number */
};

/* "name", "labels", …: for metrics. */
const char *otlp_reject_name(enum otlp_reject r);

struct otlp_outcome {
    size_t points;                 /* in the request */
    size_t rejected[OTLP_REJECTS]; /* points */
    char message[512];             /* the first rejection: where, and why */
};

size_t otlp_outcome_rejected(const struct otlp_outcome *o);

/* Fills `batch`, whose text is borrowed from the request. `sink` (may be NULL) recalls series of a
 * request that was decoded lazily; `delta`: the streams of all requests. ERR_NOMEM: the batch's
 * budget is spent, and it is of no use; what otlp_point_attributes returns for a request that was
 * decoded lazily and is damaged: nothing was added to a stream of delta temporality. */
int otlp_translate(const struct otlp_request *request, const struct otlp_rules *rules,
                   const struct sink *sink, struct otlp_delta *delta, struct batch *batch,
                   struct otlp_outcome *out, struct err *err);

#endif
