/* One sample with one sample: the arithmetic and comparisons of binary operators, for floats and
 * histograms alike. */
#ifndef TELLTALE_QUERY_PROMQL_ELEMENT_H
#define TELLTALE_QUERY_PROMQL_ELEMENT_H

#include "query/promql/eval.h"

struct element {
    double v;
    const struct histogram *h; /* NULL: v */
};

enum element_outcome {
    ELEMENT_NONE, /* the types do not go together: no result at all */
    ELEMENT_DROP, /* compared, and not true */
    ELEMENT_KEEP,
    ELEMENT_NOMEM
};

struct element_operator {
    enum token op;
    struct span span; /* of the binary expression */
    struct annotations *notes;
    struct arena *arena; /* for result histograms */
};

/* Of a comparison the result is `a`. */
enum element_outcome element_apply(const struct element_operator *o, struct element a,
                                   struct element b, struct element *out);

/* +, -, *, /, %, ^, atan2: the result is another metric than what went in. */
bool element_changes_metric(enum token op);

#endif
