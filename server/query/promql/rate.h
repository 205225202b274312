/* What rate and its kin are made of, for samples (rate.c) and for samples rolled up
 * (rollup_rate.c). */
#ifndef TELLTALE_QUERY_PROMQL_RATE_H
#define TELLTALE_QUERY_PROMQL_RATE_H

#include "query/promql/range.h"

/* Where the floats of a series were reset: found once, for windows that only move forward. */
struct rate_state {
    uint32_t *resets; /* rising indices of samples before which a reset happened */
    size_t n, at;     /* at: the first that may lie in the window */
};

/* What was lost in the resets of the samples [from, to). */
double rate_lost(struct rate_state *state, const struct samples *all, size_t from, size_t to);

/* All steps of the series at once: 1. 0: it is not one of plain floats, or asked for in another
 * way; nothing was done. */
int rate_row(struct range_call *c, const struct timeline *t, bool counter, bool per_second,
             double *v);

/* How a series grew within a window. */
struct growth {
    double v;                        /* of floats */
    const struct histogram *h;       /* of histograms, may be NULL with one sample */
    double first;                    /* the first sample: its value or count */
    const struct histogram *first_h; /* or NULL: floats */
    int64_t first_t, last_t, first_start;
    size_t n; /* samples */
};

/* Extrapolates to the borders of the window and divides by `per`. 1, 0 (too few samples), or an
 * error. */
int rate_of_growth(struct range_call *c, const struct range_window *w, struct growth *g,
                   bool counter, double per, struct range_value *out);

/* Sums and differences of histograms in the scratch of the step, with what is to be noted. NULL: no
 * result, or out of memory. */
const struct histogram *rate_add(struct range_call *c, const struct histogram *a,
                                 const struct histogram *b);
const struct histogram *rate_sub(struct range_call *c, const struct histogram *a,
                                 const struct histogram *b);

/* A histogram of the layout of `like` without observations. */
const struct histogram *rate_empty_like(struct range_call *c, const struct histogram *like);

#endif
