/* The …_over_time functions, derivatives and smoothing. Floats and histograms in one window are an
 * error of the data for sums and averages; the others ignore the histograms and say so. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "model/histogram_sum.h"
#include "model/kahan.h"
#include "query/promql/hist.h"
#include "query/promql/quantile.h"
#include "query/promql/range.h"
#include "query/promql/rollup.h"
#include "query/promql/slide_row.h"
#include "query/promql/sliding.h"

static bool mixed(struct range_call *c, const struct range_window *w)
{
    if (!w->samples.nf || !w->samples.nh)
        return false;
    warn_mixed_floats_histograms(&c->ev->notes, c->arg_span, c->metric);
    return true;
}

/* --- sum and average -------------------------------------------------------------------------- */

static double sum_of(const double *v, size_t n)
{
    double sum = 0, lost = 0;
    for (size_t i = 0; i < n; i++)
        kahan_add(v[i], &sum, &lost);
    return isinf(sum) ? sum : sum + lost;
}

/* The mean of the sum, unless the sum overflows: then the mean is carried from there on. */
static double average_of(const double *v, size_t n)
{
    double sum = v[0], lost = 0, mean = 0;
    bool incremental = false;
    for (size_t i = 1; i < n; i++) {
        double count = (double)(i + 1);
        if (!incremental) {
            double new_sum = sum, new_lost = lost;
            kahan_add(v[i], &new_sum, &new_lost);
            if (!isinf(new_sum)) {
                sum = new_sum;
                lost = new_lost;
                continue;
            }
            incremental = true;
            mean = sum / (count - 1);
            lost /= count - 1;
        }
        double q = (count - 1) / count;
        mean *= q;
        lost *= q;
        kahan_add(v[i] / count, &mean, &lost);
    }
    return incremental ? mean + lost : sum / (double)n + lost / (double)n;
}

static void note_sum(struct range_call *c, const struct samples *s, unsigned flags)
{
    bool yes = false, no = false;
    for (size_t i = 0; i < s->nh; i++) {
        yes |= s->hh[i]->reset == HISTOGRAM_RESET_YES;
        no |= s->hh[i]->reset == HISTOGRAM_RESET_NO;
    }
    if (yes && no)
        warn_reset_collision(&c->ev->notes, c->arg_span, "aggregation");
    if (flags & HIST_BOUNDS_RECONCILED)
        info_bounds_reconciled(&c->ev->notes, c->arg_span, "aggregation");
}

/* 0 after a sum that cannot be: incompatible, or out of memory. */
static int no_sum(struct range_call *c, const struct hist_sum *sum)
{
    if (!(sum->flags & HIST_INCOMPATIBLE))
        return eval_memory_error(c->ev);
    warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
    return 0;
}

static int finish_sum(struct range_call *c, const struct range_window *w, struct hist_sum *sum,
                      struct range_value *out)
{
    note_sum(c, &w->samples, sum->flags);
    out->h = hist_sum_result(sum, c->scratch);
    return out->h ? 1 : eval_memory_error(c->ev);
}

static int sum_histograms(struct range_call *c, const struct range_window *w,
                          struct range_value *out)
{
    struct hist_sum sum = {.arena = c->scratch};
    for (size_t i = 0; i < w->samples.nh; i++)
        if (!hist_sum_add(&sum, w->samples.hh[i]))
            return no_sum(c, &sum);
    return finish_sum(c, w, &sum, out);
}

static int average_histograms(struct range_call *c, const struct range_window *w,
                              struct range_value *out)
{
    struct hist_average a = {.sum = {.arena = c->scratch}};
    for (size_t i = 0; i < w->samples.nh; i++)
        if (!hist_average_add(&a, w->samples.hh[i]))
            return no_sum(c, &a.sum);
    hist_average_finish(&a);
    return finish_sum(c, w, &a.sum, out);
}

static int kernel_sum(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    if (mixed(c, w))
        return 0;
    if (w->samples.nh)
        return sum_histograms(c, w, out);
    out->v = sum_of(w->samples.fv, w->samples.nf);
    return 1;
}

static int kernel_avg(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    if (mixed(c, w))
        return 0;
    if (w->samples.nh)
        return average_histograms(c, w, out);
    out->v = average_of(w->samples.fv, w->samples.nf);
    return 1;
}

static int row_sum(struct range_call *c, const struct timeline *t, double *v)
{
    int rc = slide_row(c, t, SLIDE_SUM, kernel_sum, v);
    return rc ? rc : sum_row(c, t, false, kernel_sum, v);
}

static int row_avg(struct range_call *c, const struct timeline *t, double *v)
{
    int rc = slide_row(c, t, SLIDE_AVERAGE, kernel_avg, v);
    return rc ? rc : sum_row(c, t, true, kernel_avg, v);
}

/* --- counting and picking --------------------------------------------------------------------- */

static int kernel_count(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    (void)c;
    out->v = (double)(w->samples.nf + w->samples.nh);
    return 1;
}

static int kernel_present(struct range_call *c, const struct range_window *w,
                          struct range_value *out)
{
    (void)c;
    (void)w;
    out->v = 1;
    return 1;
}

static int kernel_last(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    (void)c;
    const struct samples *s = &w->samples;
    bool is_float = s->nf && (!s->nh || s->ht[s->nh - 1] < s->ft[s->nf - 1]);
    if (is_float)
        out->v = s->fv[s->nf - 1];
    else
        out->h = s->hh[s->nh - 1];
    return 1;
}

static int kernel_first(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    (void)c;
    const struct samples *s = &w->samples;
    bool is_float = s->nf && (!s->nh || s->ft[0] < s->ht[0]);
    if (is_float)
        out->v = s->fv[0];
    else
        out->h = s->hh[0];
    return 1;
}

static int kernel_ts_of_first(struct range_call *c, const struct range_window *w,
                              struct range_value *out)
{
    (void)c;
    const struct samples *s = &w->samples;
    int64_t f = s->nf ? s->ft[0] : INT64_MAX, h = s->nh ? s->ht[0] : INT64_MAX;
    out->v = (double)MIN(f, h) / 1000;
    return 1;
}

static int kernel_ts_of_last(struct range_call *c, const struct range_window *w,
                             struct range_value *out)
{
    (void)c;
    const struct samples *s = &w->samples;
    int64_t f = s->nf ? s->ft[s->nf - 1] : INT64_MIN, h = s->nh ? s->ht[s->nh - 1] : INT64_MIN;
    out->v = (double)MAX(f, h) / 1000;
    return 1;
}

static int prepare_extreme(struct range_call *c)
{
    c->state = sliding_max_new(c->kept, c->all->nf, false);
    return c->state ? 0 : eval_memory_error(c->ev);
}

/* The time is that of the last of equal values. */
static int prepare_last_extreme(struct range_call *c)
{
    c->state = sliding_max_new(c->kept, c->all->nf, true);
    return c->state ? 0 : eval_memory_error(c->ev);
}

static int extreme_kernel(struct range_call *c, const struct range_window *w, double sign,
                          struct range_value *out)
{
    if (w->samples.nf == 0)
        return 0;
    range_note_ignored(c, w);
    size_t to = w->f_from + w->samples.nf;
    out->v = c->all->fv[sliding_max_move(c->state, c->all->fv, w->f_from, to, sign)];
    return 1;
}

static int kernel_max(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    return extreme_kernel(c, w, 1, out);
}

static int kernel_min(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    return extreme_kernel(c, w, -1, out);
}

static int time_kernel(struct range_call *c, const struct range_window *w, double sign,
                       struct range_value *out)
{
    if (w->samples.nf == 0)
        return 0;
    range_note_ignored(c, w);
    size_t to = w->f_from + w->samples.nf;
    size_t i = sliding_max_move(c->state, c->all->fv, w->f_from, to, sign);
    out->v = (double)c->all->ft[i] / 1000;
    return 1;
}

static int kernel_ts_of_max(struct range_call *c, const struct range_window *w,
                            struct range_value *out)
{
    return time_kernel(c, w, 1, out);
}

static int kernel_ts_of_min(struct range_call *c, const struct range_window *w,
                            struct range_value *out)
{
    return time_kernel(c, w, -1, out);
}

/* --- spread ----------------------------------------------------------------------------------- */

/* By Welford's method: no sum overflows. */
static double careful_variance(const double *v, size_t n)
{
    double mean = 0, lost_mean = 0, sum = 0, lost_sum = 0;
    for (size_t i = 0; i < n; i++) {
        double delta = v[i] - (mean + lost_mean);
        kahan_add(delta / (double)(i + 1), &mean, &lost_mean);
        kahan_add(delta * (v[i] - (mean + lost_mean)), &sum, &lost_sum);
    }
    return (sum + lost_sum) / (double)n;
}

/* The mean of the differences from a value, or of their squares. By four sums: additions that do
 * not wait for one another. */
static inline double mean_from(const double *v, size_t n, double from, bool squares)
{
    double sum[4] = {0};
    size_t i = 0;
    for (; i + 4 <= n; i += 4)
        for (size_t k = 0; k < 4; k++) {
            double d = v[i + k] - from;
            sum[k] += squares ? d * d : d;
        }
    for (; i < n; i++) {
        double d = v[i] - from;
        sum[i % 4] += squares ? d * d : d;
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) / (double)n;
}

/* In two passes, which is ten times faster and as exact. Values are taken from the first one, so
 * that those of a constant series are exactly 0; whatever overflows is done again with care. */
static double variance_of(const double *v, size_t n)
{
    double mean = v[0] + mean_from(v, n, v[0], false);
    double variance = mean_from(v, n, mean, true);
    return isfinite(variance) ? variance : careful_variance(v, n);
}

static int variance_kernel(struct range_call *c, const struct range_window *w,
                           struct range_value *out)
{
    if (w->samples.nf == 0)
        return 0;
    range_note_ignored(c, w);
    out->v = variance_of(w->samples.fv, w->samples.nf);
    return 1;
}

static int kernel_stddev(struct range_call *c, const struct range_window *w,
                         struct range_value *out)
{
    int rc = variance_kernel(c, w, out);
    out->v = sqrt(out->v);
    return rc;
}

static int row_stdvar(struct range_call *c, const struct timeline *t, double *v)
{
    return slide_row(c, t, SLIDE_VARIANCE, variance_kernel, v);
}

static int row_stddev(struct range_call *c, const struct timeline *t, double *v)
{
    return slide_row(c, t, SLIDE_DEVIATION, kernel_stddev, v);
}

static int prepare_sorted(struct range_call *c)
{
    c->state = sliding_sorted_new(c->kept, c->all->nf);
    return c->state ? 0 : eval_memory_error(c->ev);
}

static int kernel_quantile(struct range_call *c, const struct range_window *w,
                           struct range_value *out)
{
    double q = c->parameters[0][w->step];
    if (w->samples.nf == 0)
        return 0;
    if (!(q >= 0 && q <= 1))
        warn_quantile(&c->ev->notes, c->parameter_spans[0], q);
    if (w->samples.nh)
        info_histograms_ignored(&c->ev->notes, c->parameter_spans[0], c->metric);
    out->v = sliding_quantile(c->state, c->all->fv, w->f_from, w->f_from + w->samples.nf, q);
    return 1;
}

static int kernel_mad(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    if (w->samples.nf == 0)
        return 0;
    range_note_ignored(c, w);
    out->v = sliding_deviation(c->state, c->all->fv, w->f_from, w->f_from + w->samples.nf);
    return 1;
}

/* --- regression ------------------------------------------------------------------------------- */

struct line {
    double slope, intercept;
};

/* Least squares; the intercept is the value at `at`. */
static struct line regression(const struct samples *s, int64_t at)
{
    double n = (double)s->nf;
    double x = 0, y = 0, xy = 0, xx = 0, cx = 0, cy = 0, cxy = 0, cxx = 0;
    bool constant = true;
    for (size_t i = 0; i < s->nf; i++) {
        double dx = (double)(s->ft[i] - at) / 1000, v = s->fv[i];
        constant = constant && v == s->fv[0];
        kahan_add(dx, &x, &cx);
        kahan_add(v, &y, &cy);
        kahan_add(dx * v, &xy, &cxy);
        kahan_add(dx * dx, &xx, &cxx);
    }
    if (constant)
        return isinf(s->fv[0]) ? (struct line){NAN, NAN} : (struct line){0, s->fv[0]};
    x += cx;
    y += cy;
    xy += cxy;
    xx += cxx;
    double slope = (xy - x * y / n) / (xx - x * x / n);
    return (struct line){slope, y / n - slope * x / n};
}

/* Two floats are needed; with one the histograms beside it are worth a word. */
static bool enough(struct range_call *c, const struct range_window *w)
{
    if (w->samples.nf >= 1)
        range_note_ignored(c, w);
    return w->samples.nf >= 2;
}

static int kernel_deriv(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    if (!enough(c, w))
        return 0;
    out->v = regression(&w->samples, w->samples.ft[0]).slope;
    return 1;
}

static int kernel_predict_linear(struct range_call *c, const struct range_window *w,
                                 struct range_value *out)
{
    if (!enough(c, w))
        return 0;
    struct line l = regression(&w->samples, w->eval_ms);
    out->v = l.slope * c->parameters[0][w->step] + l.intercept;
    return 1;
}

static int row_deriv(struct range_call *c, const struct timeline *t, double *v)
{
    return slide_row(c, t, SLIDE_SLOPE, kernel_deriv, v);
}

static int row_predict_linear(struct range_call *c, const struct timeline *t, double *v)
{
    return slide_row(c, t, SLIDE_PREDICTION, kernel_predict_linear, v);
}

static int bad_factor(struct range_call *c, const char *name, const char *sign, double v)
{
    return err_set(c->ev->err, ERR_UNSUPPORTED, "invalid %s factor. Expected: 0 < %s < 1, got: %f",
                   name, sign, v);
}

/* Holt's linear method: a level and a trend, both smoothed. */
static int kernel_smoothing(struct range_call *c, const struct range_window *w,
                            struct range_value *out)
{
    const struct samples *s = &w->samples;
    double sf = c->parameters[0][w->step], tf = c->parameters[1][w->step];
    if (sf <= 0 || sf >= 1)
        return bad_factor(c, "smoothing", "sf", sf);
    if (tf <= 0 || tf >= 1)
        return bad_factor(c, "trend", "tf", tf);
    if (!enough(c, w))
        return 0;
    double before = 0, level = s->fv[0], trend = s->fv[1] - s->fv[0];
    for (size_t i = 1; i < s->nf; i++) {
        if (i > 1)
            trend = tf * (level - before) + (1 - tf) * trend;
        double next = sf * s->fv[i] + (1 - sf) * (level + trend);
        before = level;
        level = next;
    }
    out->v = level;
    return 1;
}

const struct range_function range_avg = {kernel_avg, .row = row_avg, .rolled = &rolled_avg};
const struct range_function range_sum = {kernel_sum, .row = row_sum, .rolled = &rolled_sum};
const struct range_function range_count = {kernel_count, .rolled = &rolled_count};
const struct range_function range_min = {kernel_min, prepare_extreme, .rolled = &rolled_min};
const struct range_function range_max = {kernel_max, prepare_extreme, .rolled = &rolled_max};
const struct range_function range_last = {kernel_last, .keeps_name = true, .rolled = &rolled_last};
const struct range_function range_first = {kernel_first, .keeps_name = true,
                                           .rolled = &rolled_first};
const struct range_function range_present = {kernel_present, .rolled = &rolled_present};
const struct range_function range_stddev = {kernel_stddev, .row = row_stddev};
const struct range_function range_stdvar = {variance_kernel, .row = row_stdvar};
const struct range_function range_mad = {kernel_mad, prepare_sorted};
const struct range_function range_quantile = {kernel_quantile, prepare_sorted};
const struct range_function range_ts_of_first = {kernel_ts_of_first, .rolled = &rolled_ts_of_first};
const struct range_function range_ts_of_last = {kernel_ts_of_last, .rolled = &rolled_ts_of_last};
const struct range_function range_ts_of_min = {kernel_ts_of_min, prepare_last_extreme};
const struct range_function range_ts_of_max = {kernel_ts_of_max, prepare_last_extreme};
const struct range_function range_deriv = {kernel_deriv, .row = row_deriv};
const struct range_function range_predict_linear = {kernel_predict_linear,
                                                    .row = row_predict_linear};
const struct range_function range_double_exponential_smoothing = {kernel_smoothing};
