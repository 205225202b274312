/* Range functions over long windows of floats, at the cost of what enters and leaves them. */
#ifndef TELLTALE_QUERY_PROMQL_SLIDE_ROW_H
#define TELLTALE_QUERY_PROMQL_SLIDE_ROW_H

#include "query/promql/range.h"

enum slide_what {
    SLIDE_SUM,
    SLIDE_AVERAGE,
    SLIDE_VARIANCE,
    SLIDE_DEVIATION,
    SLIDE_SLOPE,     /* by the second */
    SLIDE_PREDICTION /* so many seconds after the step as parameter 0 tells */
};

/* All steps of a series of plain floats, as range_function.row: 1; 0 where looking at each window
 * is as cheap, or the series or selector is another; or an error. `kernel`: for windows with
 * infinities, or values so large that their sums or squares could overflow. */
int slide_row(struct range_call *c, const struct timeline *t, enum slide_what what,
              range_kernel *kernel, double *v);

#endif
