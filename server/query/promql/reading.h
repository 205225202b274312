/* Series that several selectors of an expression read: `max_over_time(x[1h]) -
 * min_over_time(x[1h])`. They are selected once, and their samples are decoded once. */
#ifndef TELLTALE_QUERY_PROMQL_READING_H
#define TELLTALE_QUERY_PROMQL_READING_H

#include "query/promql/eval.h"
#include "store/store.h"

/* What the selectors with the same matchers have in common: of the tree, until the query ends. */
struct reading {
    size_t uses;                /* selectors that will be opened */
    struct common_read *common; /* NULL: none was opened yet */
};

/* Kept samples of the series of a selection. */
struct common_read;

/* The selection of one of them, which outlives the others, as a common one. NULL: no memory for it,
 * and each reads for itself. */
struct common_read *common_read_new(struct eval *ev, struct selection *selection, int64_t min_ms,
                                    int64_t max_ms);

/* The selection, when its range has all of this one; else NULL. */
struct selection *common_read_selection(const struct common_read *c, int64_t min_ms,
                                        int64_t max_ms);

/* Samples of series i in [min_ms, max_ms] into `out`: what was kept, to be read only, or what is
 * now decoded with the help of `own` and kept if there is room. `ev`: of the thread at work;
 * several may read different series. As selection_read. */
int common_read_series(struct common_read *c, struct eval *ev, size_t i, int64_t min_ms,
                       int64_t max_ms, struct columns *own, struct columns *out);

#endif
