/* How the operators of each kind of node are opened. Private to promql/. */
#ifndef TELLTALE_QUERY_PROMQL_OPEN_H
#define TELLTALE_QUERY_PROMQL_OPEN_H

#include "query/promql/eval.h"
#include "query/promql/source.h"

/* What an instant selector gives for the sample it found. */
enum select_what {
    SELECT_VALUE,
    SELECT_TIME,       /* its time in seconds: timestamp(x) */
    SELECT_START_TIME, /* its start time in seconds, 0 if unknown: start_timestamp(x) */
    SELECT_TIME_MS,    /* its time in ms, for info(); histograms stay what they are */
};

/* Instant samples of the series that the matchers select. */
struct selection_spec {
    const struct matcher *matchers;
    size_t n;
    struct window_spec when; /* offset and @ */
    enum select_what what;
    bool (*wanted)(void *self, const struct labels *l); /* may be NULL */
    void *self;
    bool resolve_resets;
    struct span span;        /* for infos */
    struct reading *reading; /* with other selectors (reading.h); may be NULL */
};

int open_selection(struct eval *ev, const struct selection_spec *spec, struct timeline t,
                   struct op **out);

int open_selector(struct eval *ev, const struct node *n, struct timeline t, enum select_what what,
                  struct op **out);
int open_aggregate(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_binary(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_set_operation(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_unary(struct eval *ev, const struct node *n, struct timeline t, struct op **out);

/* Aggregations that need more than a sum per group (aggregate_k.c, aggregate_values.c). */
struct grouping;
int open_aggregate_k(struct eval *ev, const struct node *n, struct op *from,
                     struct grouping *groups, struct op **out);
int open_count_values(struct eval *ev, const struct node *n, struct op *from, struct op **out);

/* scalar_op on two scalars, as a binary expression does it. */
double scalar_operation(enum token op, double a, double b);

/* Functions with an implementation of their own; named in the table of functions.c. */
int open_map(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_clamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_round(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_timestamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_start_timestamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_date(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_of_histogram(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_vector(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_range_call(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_absent(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_absent_over_time(struct eval *ev, const struct node *n, struct timeline t,
                          struct op **out);
int open_label_replace(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_label_join(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_sort(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_sort_desc(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_sort_by_label(struct eval *ev, const struct node *n, struct timeline t, struct op **out);
int open_sort_by_label_desc(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out);
int open_histogram_quantile(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out);
int open_histogram_quantiles(struct eval *ev, const struct node *n, struct timeline t,
                             struct op **out);
int open_histogram_fraction(struct eval *ev, const struct node *n, struct timeline t,
                            struct op **out);
int open_info(struct eval *ev, const struct node *n, struct timeline t, struct op **out);

int scalar_time(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_pi(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_of_vector(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_max_of(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_min_of(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_start(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_end(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_step(struct eval *ev, const struct node *n, struct timeline t, double *out);
int scalar_range(struct eval *ev, const struct node *n, struct timeline t, double *out);

#endif
