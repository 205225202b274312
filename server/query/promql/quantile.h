/* Quantiles of plain values and of classic histograms. */
#ifndef TELLTALE_QUERY_PROMQL_QUANTILE_H
#define TELLTALE_QUERY_PROMQL_QUANTILE_H

#include <stdbool.h>
#include <stddef.h>

/* The q-quantile of the values, interpolated between neighbours. Reorders `v`. NaN without values
 * or with a NaN q; -Inf below q = 0, +Inf above 1. */
double quantile_of(double q, double *v, size_t n);

/* Between which of n sorted values the quantile lies (q from 0 to 1, n > 0), and how near to the
 * upper one. */
struct quantile_place {
    size_t lower, upper;
    double weight;
};
struct quantile_place quantile_place(double q, size_t n);

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
