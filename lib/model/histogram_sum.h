/* Sums and averages of many native histograms. */
#ifndef TELLTALE_MODEL_HISTOGRAM_SUM_H
#define TELLTALE_MODEL_HISTOGRAM_SUM_H

#include <stdbool.h>

struct arena;
struct histogram;
struct hist_flat;

/* Adds up histograms with compensated summation. Lives in an arena; {0} with the arena set is the
 * empty sum. */
struct hist_sum {
    struct arena *arena;
    struct hist_flat *sum, *lost; /* what was added up, and what rounding lost */
    unsigned flags;
};

/* Adds h. False when incompatible with what is there (flag set), or out of memory. */
bool hist_sum_add(struct hist_sum *s, const struct histogram *h);

/* Divides the sum so far, which is not empty. */
void hist_sum_divide(struct hist_sum *s, double divisor);

/* The sum, without empty buckets. */
const struct histogram *hist_sum_result(const struct hist_sum *s, struct arena *arena);

/* The average of histograms: of their sum, unless that overflows; then the mean is carried on. */
struct hist_average {
    struct hist_sum sum;
    double n;
    bool incremental;
};

bool hist_average_add(struct hist_average *a, const struct histogram *h); /* as hist_sum_add */
void hist_average_finish(struct hist_average *a); /* then a->sum has the average; n > 0 */

#endif
