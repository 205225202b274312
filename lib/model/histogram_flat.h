/* The form that arithmetic works on: per side a sorted list of bucket indices with their counts,
 * instead of spans. For what works on single buckets. */
#ifndef TELLTALE_MODEL_HISTOGRAM_FLAT_H
#define TELLTALE_MODEL_HISTOGRAM_FLAT_H

#include "model/histogram_math.h"

struct hist_side {
    int64_t *index; /* rising */
    double *count;
    size_t n;
};

struct hist_flat {
    struct histogram head; /* schema, hint, zero bucket, count, sum, bounds; not its arrays */
    struct hist_side positive, negative;
};

/* NULL out of memory. */
struct hist_flat *hist_flatten(struct arena *arena, const struct histogram *h);

/* Back to spans; `drop_empty`: without buckets that count nothing. */
const struct histogram *hist_unflatten(struct arena *arena, const struct hist_flat *f,
                                       bool drop_empty);

/* Lower resolution, in place. */
void hist_flat_reduce(struct hist_flat *f, int32_t schema);

/* Widens the zero bucket of `f` to at least `threshold`, moving buckets into it; the threshold
 * never ends up inside a bucket with observations. */
void hist_flat_widen_zero(struct hist_flat *f, double threshold);

/* Maps custom buckets to a subset of their bounds, in place. */
void hist_flat_rebucket(struct hist_flat *f, const double *bounds, size_t n);

/* Brings both to one layout: the coarser schema, the wider zero bucket, the bounds that both have.
 * The hint becomes that of the sum. False when there is no common layout (flag set) or no memory.
 */
bool hist_flat_align(struct arena *arena, struct hist_flat *a, struct hist_flat *b,
                     unsigned *flags);

/* Room for `n` buckets, none of them used. False out of memory. */
bool hist_side_alloc(struct arena *arena, struct hist_side *s, size_t n);

/* out = a + sign × b. False out of memory. */
bool hist_side_merge(struct arena *arena, const struct hist_side *a, const struct hist_side *b,
                     double sign, struct hist_side *out);

/* Do both have the same bounds? */
bool hist_same_bounds(const struct histogram *a, const struct histogram *b);

#endif
