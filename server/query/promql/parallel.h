/* Reading the series of a selector on several threads. */
#ifndef TELLTALE_QUERY_PROMQL_PARALLEL_H
#define TELLTALE_QUERY_PROMQL_PARALLEL_H

#include "query/promql/source.h"

/* An operator that makes one row, or none, of each series that its reader gives. */
struct parallel_leaf {
    struct op *op;
    struct series_reader *reader;
    /* Another one for the evaluation `ev` of a thread, with a reader of its own (series_share). It
     * reads of the original only what does not change once that is open. */
    int (*clone)(struct eval *ev, const struct op *original, struct op **out,
                 struct series_reader **out_reader);
};

/* An operator that gives the same rows in the same order, with what the pool's helpers can add; or
 * the leaf's own where that is not worth it. */
int op_open_parallel(struct eval *ev, const struct parallel_leaf *leaf, struct op **out);

#endif
