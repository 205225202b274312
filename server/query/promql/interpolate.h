/* Windows over samples, and what lies between two of them. */
#ifndef TELLTALE_QUERY_PROMQL_INTERPOLATE_H
#define TELLTALE_QUERY_PROMQL_INTERPOLATE_H

#include "query/promql/hist.h"
#include "query/promql/source.h"

/* Sorts the rows of a series into floats and histograms and leaves stale markers out. May compact
 * the columns in place; what does not fit there goes to the arena. False: out of memory. */
bool samples_from_columns(struct columns *c, struct arena *arena, struct samples *out);

/* Two pairs of indices that move forward with the steps. {0} is the start. */
struct sample_window {
    size_t f_from, f_to, h_from, h_to;
};

/* The samples in (start, end]; both never fall from one call to the next. */
struct samples sample_window_move(struct sample_window *w, const struct samples *all,
                                  int64_t start_ms, int64_t end_ms);

/* Of the n > 0 samples of an anchored or smoothed window and around it, the indices of the first
 * and last that count: the one at or before the start, and the last of all or, smoothed, the first
 * at or behind the end. */
void extended_ends(const int64_t *t, size_t n, int64_t start_ms, int64_t end_ms, bool smoothed,
                   size_t *out_first, size_t *out_last);

/* The value at t, t1 <= t <= t2. A counter that was reset starts from zero. */
double interpolate_floats(int64_t t1, double v1, int64_t t2, double v2, int64_t t, bool counter);

/* NULL with HIST_INCOMPATIBLE in *flags, or out of memory. */
const struct histogram *interpolate_histograms(struct arena *arena, int64_t t1,
                                               const struct histogram *h1, int64_t t2,
                                               const struct histogram *h2, int64_t t, bool counter,
                                               unsigned *flags);

#endif
