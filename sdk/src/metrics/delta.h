/* Deltas: cells count from their series' start; a reader that sends what was added since its last
 * collection remembers what it read then. Values never start anew, so that readers do not disturb
 * each other. */
#ifndef TELLTALE_METRICS_DELTA_H
#define TELLTALE_METRICS_DELTA_H

#include "metrics/provider.h"
#include "telltale/metric_producer.h"
#include "telltale/metric_reader.h"

struct mark {
    const struct series *series; /* NULL: empty */
    int64_t start_unix_ns;       /* of the series: another one is another series */
    void *values;                /* owned; as its kind keeps them */
};

enum { PRODUCERS_MAX = 16 };

struct delta {
    enum tt_temporality temporality; /* not DEFAULT */
    unsigned reader;                 /* its number, see view_add_reader */
    tt_metric_filter filter;         /* the reader's; `metric` NULL: none */
    tt_metric_producer producers[PRODUCERS_MAX];
    size_t producers_n;
    int64_t last_unix_ns; /* of the last collection, 0 before */
    struct mark *marks;   /* a hash table */
    size_t n, cap;
};

/* Whether the reader wants deltas of such instruments. */
bool delta_wanted(const struct delta *d, const struct instrument *i);

/* Takes what was read last from the point. False when nothing was added, and when memory ran out:
 * then it comes with the next delta. */
bool delta_take(struct delta *d, struct point *p);

void delta_done(struct delta *d);

#endif
