/* Range functions: a kernel is called for each step with the samples of the window. */
#ifndef TELLTALE_QUERY_PROMQL_RANGE_H
#define TELLTALE_QUERY_PROMQL_RANGE_H

#include "query/promql/eval.h"
#include "query/promql/source.h"

enum { RANGE_PARAMETERS_MAX = 2 };

struct rolled_function;

struct range_call {
    struct eval *ev;
    struct span arg_span; /* of the range argument, for annotations */
    struct window_spec window;
    const double *parameters[RANGE_PARAMETERS_MAX]; /* scalar arguments, by step */
    struct span parameter_spans[RANGE_PARAMETERS_MAX];
    struct arena *scratch; /* of the step: where a kernel works */
    struct arena *kept;    /* of the series: what prepare makes, and the results */
    struct str metric;     /* name of the series */
    const struct samples *all;
    void *state; /* of prepare */
};

/* The window (start, end] at one step. */
struct range_window {
    struct samples samples;
    size_t f_from, h_from; /* where they begin in call->all */
    int64_t start_ms, end_ms, eval_ms;
    size_t step;
};

struct range_value {
    double v;
    const struct histogram *h; /* NULL: v */
};

/* 1: a value; 0: none; or an error. The window has samples. */
typedef int range_kernel(struct range_call *c, const struct range_window *w,
                         struct range_value *out);

struct range_function {
    range_kernel *kernel;
    int (*prepare)(struct range_call *c); /* once a series; may be NULL */
    /* All steps of a series of floats at once, after `prepare`: 1, values or holes; 0: not this
     * one, ask the kernel; or an error. May be NULL. */
    int (*row)(struct range_call *c, const struct timeline *t, double *v);
    bool keeps_name, anchored, smoothed;
    bool counter;                         /* tells when floats do not look like a counter's */
    const struct rolled_function *rolled; /* on samples rolled up (rollup.h); NULL: needs samples */
};

extern const struct range_function range_rate, range_increase, range_delta, range_irate,
    range_idelta, range_resets, range_changes, range_avg, range_sum, range_count, range_min,
    range_max, range_last, range_first, range_present, range_stddev, range_stdvar, range_mad,
    range_quantile, range_ts_of_first, range_ts_of_last, range_ts_of_min, range_ts_of_max,
    range_deriv, range_predict_linear, range_double_exponential_smoothing;

/* A row of sums or averages of a series of floats; `kernel`: for windows that are not finite. As
 * range_function.row. */
int sum_row(struct range_call *c, const struct timeline *t, bool average, range_kernel *kernel,
            double *v);

/* Says once a step that histograms beside floats were left out. */
void range_note_ignored(struct range_call *c, const struct range_window *w);

/* Did the start time tell of a reset between two samples? */
bool range_start_reset(int64_t before_start, int64_t before_t, int64_t start, int64_t t);

#endif
