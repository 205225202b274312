/* The …_over_time functions, resets and changes of buckets. */
#include <math.h>

#include "model/histogram_sum.h"
#include "model/kahan.h"
#include "query/promql/hist.h"
#include "query/promql/rollup.h"

static bool mixed(struct range_call *c, const struct rolled_window *w)
{
    if (!w->floats || !w->histograms)
        return false;
    warn_mixed_floats_histograms(&c->ev->notes, c->arg_span, c->metric);
    return true;
}

/* --- sum and average -------------------------------------------------------------------------- */

static double sum_of(const struct rolled_window *w, double divisor)
{
    double sum = 0, lost = 0;
    for (size_t i = 0; i < w->n; i++)
        kahan_add(w->v[i].sum / divisor, &sum, &lost);
    return isinf(sum) ? sum : sum + lost;
}

/* The mean of the sum, unless the sum overflows: then that of the parts. */
static double average_of(const struct rolled_window *w)
{
    double n = (double)w->floats, sum = sum_of(w, 1);
    return isinf(sum) ? sum_of(w, n) : sum / n;
}

static void note_sum(struct range_call *c, const struct rolled_window *w, unsigned sum_flags)
{
    unsigned flags = 0;
    for (size_t i = 0; i < w->n; i++)
        flags |= w->v[i].flags;
    if ((flags & AGGREGATE_RESET_YES) && (flags & AGGREGATE_RESET_NO))
        warn_reset_collision(&c->ev->notes, c->arg_span, "aggregation");
    if ((flags & AGGREGATE_RECONCILED) || (sum_flags & HIST_BOUNDS_RECONCILED))
        info_bounds_reconciled(&c->ev->notes, c->arg_span, "aggregation");
}

static int histograms(struct range_call *c, const struct rolled_window *w, double divisor,
                      struct range_value *out)
{
    struct hist_sum sum = {.arena = c->scratch};
    bool ok = true;
    for (size_t i = 0; ok && i < w->n; i++) {
        const struct histogram *h = w->v[i].histograms->sum;
        ok = h && hist_sum_add(&sum, h);
        if (!h || (sum.flags & HIST_INCOMPATIBLE)) {
            warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
            return 0;
        }
    }
    if (!ok)
        return eval_memory_error(c->ev);
    note_sum(c, w, sum.flags);
    if (divisor != 1)
        hist_sum_divide(&sum, divisor);
    out->h = hist_sum_result(&sum, c->scratch);
    return out->h ? 1 : eval_memory_error(c->ev);
}

static int kernel_sum(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    if (mixed(c, w))
        return 0;
    if (w->histograms)
        return histograms(c, w, 1 / w->share, out);
    out->v = sum_of(w, 1) * w->share;
    return 1;
}

static int kernel_avg(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    if (mixed(c, w))
        return 0;
    if (w->histograms)
        return histograms(c, w, (double)w->histograms, out);
    out->v = average_of(w);
    return 1;
}

/* --- counting and picking --------------------------------------------------------------------- */

static int kernel_count(struct range_call *c, const struct rolled_window *w,
                        struct range_value *out)
{
    (void)c;
    out->v = (double)(w->floats + w->histograms) * w->share;
    return 1;
}

static int kernel_present(struct range_call *c, const struct rolled_window *w,
                          struct range_value *out)
{
    (void)c;
    (void)w;
    out->v = 1;
    return 1;
}

/* NaNs aside, of equal values the first. */
static int extreme_kernel(struct range_call *c, const struct rolled_window *w, bool greatest,
                          struct range_value *out)
{
    bool any = false;
    if (w->floats == 0)
        return 0;
    if (w->histograms)
        info_histograms_ignored(&c->ev->notes, c->arg_span, c->metric);
    for (size_t i = 0; i < w->n; i++) {
        double v = greatest ? w->v[i].max : w->v[i].min;
        bool better = greatest ? v > out->v : v < out->v;
        if (w->v[i].n && (!any || better || isnan(out->v)))
            out->v = v;
        any |= w->v[i].n > 0;
    }
    return 1;
}

static int kernel_max(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    return extreme_kernel(c, w, true, out);
}

static int kernel_min(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    return extreme_kernel(c, w, false, out);
}

/* A sample at one end of a bucket. */
struct end {
    int64_t t;
    double v;
    const struct histogram *h; /* NULL: v */
};

static struct end first_of(const struct aggregate *a)
{
    const struct aggregate_histograms *h = a->histograms;
    if (a->n && (!h || a->first_ms < h->first_ms))
        return (struct end){a->first_ms, a->first, NULL};
    return (struct end){h->first_ms, 0, h->first};
}

static struct end last_of(const struct aggregate *a)
{
    const struct aggregate_histograms *h = a->histograms;
    if (a->n && (!h || a->last_ms > h->last_ms))
        return (struct end){a->last_ms, a->last, NULL};
    return (struct end){h->last_ms, 0, h->last};
}

static int kernel_last(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    (void)c;
    struct end e = last_of(&w->v[w->n - 1]);
    *out = (struct range_value){e.v, e.h};
    return 1;
}

static int kernel_first(struct range_call *c, const struct rolled_window *w,
                        struct range_value *out)
{
    (void)c;
    struct end e = first_of(&w->v[0]);
    *out = (struct range_value){e.v, e.h};
    return 1;
}

static int kernel_ts_of_first(struct range_call *c, const struct rolled_window *w,
                              struct range_value *out)
{
    (void)c;
    out->v = (double)first_of(&w->v[0]).t / 1000;
    return 1;
}

static int kernel_ts_of_last(struct range_call *c, const struct rolled_window *w,
                             struct range_value *out)
{
    (void)c;
    out->v = (double)last_of(&w->v[w->n - 1]).t / 1000;
    return 1;
}

/* --- resets, changes -------------------------------------------------------------------------- */

static bool was_reset(struct range_call *c, const struct end *before, const struct end *now)
{
    if (!before->h != !now->h)
        return true;
    return now->h ? hist_detect_reset(c->scratch, now->h, before->h) : now->v < before->v;
}

static bool was_changed(const struct end *before, const struct end *now)
{
    if (!before->h != !now->h)
        return true;
    if (now->h)
        return !hist_equals(now->h, before->h);
    return now->v != before->v && !(isnan(now->v) && isnan(before->v));
}

static int kernel_resets(struct range_call *c, const struct rolled_window *w,
                         struct range_value *out)
{
    for (size_t i = 0; i < w->n; i++) {
        out->v += (double)w->v[i].resets;
        if (i == 0)
            continue;
        struct end before = last_of(&w->v[i - 1]), now = first_of(&w->v[i]);
        out->v += was_reset(c, &before, &now);
    }
    return 1;
}

static int kernel_changes(struct range_call *c, const struct rolled_window *w,
                          struct range_value *out)
{
    (void)c;
    for (size_t i = 0; i < w->n; i++) {
        out->v += (double)w->v[i].changes;
        if (i == 0)
            continue;
        struct end before = last_of(&w->v[i - 1]), now = first_of(&w->v[i]);
        out->v += was_changed(&before, &now);
    }
    return 1;
}

const struct rolled_function rolled_sum = {AGGREGATE_SUM, kernel_sum};
const struct rolled_function rolled_avg = {AGGREGATE_SUM, kernel_avg};
const struct rolled_function rolled_count = {0, kernel_count};
const struct rolled_function rolled_present = {0, kernel_present};
const struct rolled_function rolled_min = {AGGREGATE_MIN, kernel_min};
const struct rolled_function rolled_max = {AGGREGATE_MAX, kernel_max};
const struct rolled_function rolled_last = {AGGREGATE_ENDS, kernel_last};
const struct rolled_function rolled_first = {AGGREGATE_ENDS, kernel_first};
const struct rolled_function rolled_ts_of_first = {AGGREGATE_ENDS, kernel_ts_of_first};
const struct rolled_function rolled_ts_of_last = {AGGREGATE_ENDS, kernel_ts_of_last};
const struct rolled_function rolled_resets = {AGGREGATE_ENDS | AGGREGATE_RESETS, kernel_resets};
const struct rolled_function rolled_changes = {AGGREGATE_ENDS | AGGREGATE_CHANGES, kernel_changes};
