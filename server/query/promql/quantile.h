/* Quantiles of plain values and of classic histograms. */
#ifndef TELLTALE_QUERY_PROMQL_QUANTILE_H
#define TELLTALE_QUERY_PROMQL_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>

/* The q-quantile of the values, interpolated between neighbours. Sorts `v`. NaN without values or
 * with a NaN q; -Inf below q = 0, +Inf above 1. */
double quantile_of(double q, double *v, size_t n);

struct classic_bucket {
    double upper, count; /* cumulative */
};

/* What had to be changed to make the counts rise. */
struct classic_repair {
    bool forced;
    double min_bucket, max_bucket, max_diff;
};

/* Sorts and repairs `v` (n > 0). */
double classic_quantile(double q, struct classic_bucket *v, size_t n, struct classic_repair *out);
double classic_fraction(double lower, double upper, struct classic_bucket *v, size_t n);

#endif
