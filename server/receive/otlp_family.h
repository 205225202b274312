/* Private to the OTLP translation: the names that a metric's series have, made once for each metric
 * of a request. Requests repeat their metrics for each resource, so they are kept in a small table
 * where a newcomer replaces the one in its slot. */
#ifndef TELLTALE_RECEIVE_OTLP_FAMILY_H
#define TELLTALE_RECEIVE_OTLP_FAMILY_H

#include "codec/otlp.h"
#include "model/batch.h"
#include "receive/otlp_rules.h"

struct otlp_family {
    struct str name, unit; /* of the metric, as sent: the key, with kind and monotonic */
    enum otlp_metric_kind kind;
    bool monotonic;
    struct str family;             /* empty: no name can be made */
    struct str bucket, sum, count; /* the family with its suffix, for histograms and summaries */
};

struct otlp_families {
    const struct otlp_rules *rules;
    struct batch *batch;
    struct otlp_family *slots; /* NULL: none is needed yet */
    size_t n_slots;            /* a power of two */
};

/* For a request of `n_metrics`. */
void otlp_families_init(struct otlp_families *f, const struct otlp_rules *rules,
                        struct batch *batch, size_t n_metrics);

/* The names of a metric; when they are new, the batch gets the family's metadata. Valid until the
 * next call. NULL when memory is short. */
const struct otlp_family *otlp_families_get(struct otlp_families *f, const struct otlp_metric *m);

#endif
