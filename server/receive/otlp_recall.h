/* Series of an OTLP request that the sink knows by the bytes they were sent with (sink_recall): of
 * the resource, the scope, the metric's name and the point's attributes. Nothing of these needs to
 * be read then, and a histogram's point finds all its buckets by one hash.
 *
 * Numbers are found by runs: who sends mostly sends the same points in the same order, so a run of
 * them has a hash, made of theirs, by which the sink knows all of it. A run ends where a point's
 * hash says so. So runs are the same again behind points that are new or gone, wherever requests
 * begin. Where the order is another each time, points are found one by one. */
#ifndef TELLTALE_RECEIVE_OTLP_RECALL_H
#define TELLTALE_RECEIVE_OTLP_RECALL_H

#include "codec/otlp.h"
#include "model/sink.h"
#include "receive/otlp_rules.h"

/* Numbers of one scope, in their order; other points may be between them. */
struct otlp_recalled_run {
    const void *known; /* NULL: points are known one by one, or not */
    struct hash128 sent;
    uint32_t n, filled;     /* points; those that the translation has come to */
    bool told;              /* the sink is to know it from now on */
    uint32_t *series;       /* of the batch, if it is to be told */
    struct sample *numbers; /* if it is known */
};

struct otlp_recalled_point {
    const void *const *known; /* of each of its series, of a classic histogram's or a run's
                                 together; NULL: their labels are needed */
    uint32_t run;             /* its number from 1 on; 0: none */
    struct hash128 sent; /* of its first series, see otlp_recall_series; {0}: do not remember */
    struct otlp_attributes attributes; /* read, where labels are needed */
};

struct otlp_recalled {
    struct otlp_recalled_point *points;  /* in the order of the request */
    struct otlp_recalled_point *targets; /* target_info of each resource; no attributes */
    bool *told;                          /* of each metric: whether the sink has its metadata */
    struct otlp_recalled_run *runs;
    size_t n_runs;
    uint32_t recalled; /* what the sink answered */
};

/* Asks the sink for all series of a request that was decoded lazily, and reads the attributes of
 * points that it does not know. `sink` NULL: only the latter. Points with exemplars and requests
 * with points of delta temporality are not recalled: exemplars are kept by labels, and what was
 * added up cannot be translated again, as a stale recollection would ask for. ERR_NOMEM, and what
 * otlp_point_attributes returns. The arena owns everything. */
int otlp_recall(const struct otlp_request *request, const struct otlp_rules *rules,
                const struct sink *sink, struct arena *arena, struct otlp_recalled *out,
                struct err *err);

/* The hash of a point's i-th series, in the order in which they are made. Neighbours have
 * neighbouring places in the sink's table. */
static inline struct hash128 otlp_recall_series(struct hash128 first, size_t i)
{
    if (hash128_is_none(first))
        return first;
    return (struct hash128){first.low + ((uint64_t)i << 32), first.high};
}

#endif
