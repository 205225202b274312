/* What is kept of a window while it slides over a series, so that a step costs what enters and
 * leaves the window rather than all that is in it. Windows only move forward. */
#ifndef TELLTALE_QUERY_PROMQL_SLIDING_H
#define TELLTALE_QUERY_PROMQL_SLIDING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"

/* The largest value of the window, by a queue of candidates: each is larger than those behind it.
 */
struct sliding_max {
    size_t *queue; /* indices into the series */
    size_t head, tail;
    size_t to; /* end of the window seen last */
    bool last; /* of equal values: the last; else the first */
};

/* For a series of n values; NULL out of memory. */
struct sliding_max *sliding_max_new(struct arena *a, size_t n, bool last);

/* Which of sign * v[from … to) is the largest, NaNs aside; when there is nothing else the last or
 * first of them. */
size_t sliding_max_move(struct sliding_max *m, const double *v, size_t from, size_t to,
                        double sign);

/* The window's values in order. */
struct sliding_sorted {
    uint64_t *keys; /* order as the values do, NaNs first */
    double *copy;   /* of a window's values */
    size_t from, to;
    size_t seen; /* end of the window asked for last, whether it was sorted or not */
};

struct sliding_sorted *sliding_sorted_new(struct arena *a, size_t n);

/* The q-quantile of v[from … to), as quantile_of() gives it. */
double sliding_quantile(struct sliding_sorted *s, const double *v, size_t from, size_t to,
                        double q);

/* The median of what the values are off their median; NaN when one is NaN. */
double sliding_deviation(struct sliding_sorted *s, const double *v, size_t from, size_t to);

#endif
