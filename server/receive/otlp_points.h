/* Private to the OTLP translation: the state of one request's way, and its points. */
#ifndef TELLTALE_RECEIVE_OTLP_POINTS_H
#define TELLTALE_RECEIVE_OTLP_POINTS_H

#include "receive/otlp_exemplars.h"
#include "receive/otlp_family.h"
#include "receive/otlp_labels.h"
#include "receive/otlp_recall.h"
#include "receive/otlp_translate.h"

struct otlp_translator {
    const struct otlp_rules *rules;
    struct otlp_delta *delta;
    struct batch *batch;
    struct arena *arena; /* of the batch */
    struct otlp_outcome *out;
    struct otlp_labels labels;
    struct otlp_families families;
    size_t resource, scope, metric, point; /* where we are, for messages */
    const struct otlp_metric *m;
    const struct otlp_family *family;
    size_t n_metrics, n_points; /* so far */
    uint64_t first_ns, last_ns; /* of the resource's points */
    struct bound_texts bounds;
    struct otlp_recalled recalled;
    const struct otlp_recalled_point *at; /* of this point; NULL: nothing is recalled */
};

/* Counts `points` as left out; the first time, tells where and why. Always 0, so that the caller
 * goes on with the next. */
int otlp_reject(struct otlp_translator *t, size_t points, enum otlp_reject why, const char *reason);

/* Adds the series of point t->point of t->m. ERR_NOMEM, which ends the whole request. */
int otlp_translate_point(struct otlp_translator *t);

/* Whether points of the kind are sums since a start, or since the last. */
bool otlp_is_temporal(enum otlp_metric_kind kind);

#endif
