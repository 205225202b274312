/* What functions of the language ask of native histograms; arithmetic on them is model's. */
#ifndef TELLTALE_QUERY_PROMQL_HIST_H
#define TELLTALE_QUERY_PROMQL_HIST_H

#include "model/histogram_math.h"

/* Notes about NaN observations: they decide the result, shift it, or are left out of it. */
enum { HIST_NAN_RESULT = 1, HIST_NAN_SKEWED = 2, HIST_NAN_EXCLUDED = 4 };

/* As the functions of the language of these names. `notes` gets bits added; NaN, too, when
 * `scratch` is out of memory, which its owner sees. */
double hist_quantile(struct arena *scratch, double q, const struct histogram *h, unsigned *notes);
double hist_fraction(struct arena *scratch, double lower, double upper, const struct histogram *h,
                     unsigned *notes);
double hist_variance(struct arena *scratch, const struct histogram *h);

/* h </ bound (upper) and h >/ bound: without the observations above or below it. */
const struct histogram *hist_trim(struct arena *arena, const struct histogram *h, double bound,
                                  bool upper);

#endif
