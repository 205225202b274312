/* Arithmetic on native histograms. Inputs are never changed; results live in the arena given, so a
 * NULL result means that its budget is spent (the arena is marked failed). */
#ifndef TELLTALE_MODEL_HISTOGRAM_MATH_H
#define TELLTALE_MODEL_HISTOGRAM_MATH_H

#include <stdbool.h>

#include "base/arena.h"
#include "model/histogram.h"

struct buf;

static inline bool hist_is_custom(const struct histogram *h)
{
    return h->schema == HISTOGRAM_SCHEMA_CUSTOM;
}

/* What happened on the way to a sum or difference. */
enum {
    HIST_RESET_COLLISION = 1,   /* one said "reset", the other "no reset" */
    HIST_BOUNDS_RECONCILED = 2, /* different custom bounds: both were mapped to the common ones */
    HIST_INCOMPATIBLE = 4       /* exponential and custom: there is no result */
};

/* a + b, a - b. Buckets without observations go. `flags` (may be NULL) gets bits added. NULL with
 * HIST_INCOMPATIBLE, or out of memory. */
const struct histogram *hist_add(struct arena *arena, const struct histogram *a,
                                 const struct histogram *b, unsigned *flags);
const struct histogram *hist_sub(struct arena *arena, const struct histogram *a,
                                 const struct histogram *b, unsigned *flags);

/* h × factor, h / divisor (by zero: no buckets are left). The layout of buckets stays. */
const struct histogram *hist_mul(struct arena *arena, const struct histogram *h, double factor);
const struct histogram *hist_div(struct arena *arena, const struct histogram *h, double divisor);

/* Without empty buckets. */
const struct histogram *hist_compact(struct arena *arena, const struct histogram *h);

/* A copy with another hint, buckets shared. */
const struct histogram *hist_with_reset(struct arena *arena, const struct histogram *h,
                                        enum histogram_reset reset);

/* Was there a counter reset between `previous` and `h`? */
bool hist_detect_reset(struct arena *scratch, const struct histogram *h,
                       const struct histogram *previous);

/* Equal values in an equal layout; hints do not count. */
bool hist_equals(const struct histogram *a, const struct histogram *b);

/* --- buckets ---------------------------------------------------------------------------------- */

struct hist_bucket {
    double lower, upper, count;
};

struct hist_buckets {
    struct hist_bucket *v;
    size_t n;
};

/* All buckets, the zero bucket included if it has a positive count, by rising bounds. None reaches
 * into the zero bucket: what begins below its threshold begins there. */
struct hist_buckets hist_all_buckets(struct arena *arena, const struct histogram *h);

/* Bounds of the positive bucket `index`. */
struct hist_bucket hist_bucket_at(const struct histogram *h, int64_t index, double count);

/* {count:3, sum:4, (1,2]:3}: as count_values labels it. */
void hist_format(struct buf *out, const struct histogram *h);

#endif
