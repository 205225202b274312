/* The functions of PromQL: one table with types, rules and implementation of each. */
#ifndef TELLTALE_QUERY_PROMQL_FUNCTIONS_H
#define TELLTALE_QUERY_PROMQL_FUNCTIONS_H

#include "query/promql/eval.h"

struct range_function;

enum { FUNCTION_ARGS_MAX = 5 };

struct function {
    const char *name;
    enum value_type returns;
    enum value_type args[FUNCTION_ARGS_MAX]; /* VALUE_NONE behind the last */
    int variadic;        /* 0: exactly the arguments; n: the last is optional and may come n times;
                          * -1: as often as you like */
    bool experimental;   /* needs a feature flag */
    bool time_dependent; /* differs by step even when its arguments do not */
    bool of_query;       /* tells about the range of the query itself */
    bool labels_only_argument; /* info(): the second argument is { … } */
    /* A vector function has `open`, a scalar one `scalar`; the others are for their use. */
    int (*open)(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
    int (*scalar)(struct eval *ev, const struct node *n, struct timeline t, double *out);
    double (*map)(double v);
    double (*of_histogram)(const struct histogram *h);
    double (*of_time)(int64_t unix_seconds);
    const struct range_function *range;
};

const struct function *function_find(struct str name);
size_t function_arity(const struct function *f); /* declared arguments */

/* The closest name, or NULL when none is close. */
const char *function_nearest(struct str name);

/* All, for documentation and completion. */
const struct function *function_table(size_t *out_n);

#endif
