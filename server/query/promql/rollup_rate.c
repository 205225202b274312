/* rate, increase and delta of buckets. What was lost in resets inside a bucket stands in its row;
 * what was lost between two buckets is seen from the last sample of one and the first of the next.
 */
#include "query/promql/hist.h"
#include "query/promql/rate.h"
#include "query/promql/rollup.h"

/* --- floats ----------------------------------------------------------------------------------- */

static double lost_floats(const struct rolled_window *w)
{
    double sum = 0;
    for (size_t i = 0; i < w->n; i++) {
        if (i && w->v[i].first < w->v[i - 1].last)
            sum += w->v[i - 1].last;
        sum += w->v[i].lost;
    }
    return sum;
}

static int rate_of_floats(struct range_call *c, const struct rolled_window *w, bool counter,
                          double per, struct range_value *out)
{
    const struct aggregate *first = &w->v[0], *last = &w->v[w->n - 1];
    struct growth g = {.n = (size_t)w->floats,
                       .v = last->last - first->first,
                       .first = first->first,
                       .first_t = first->first_ms,
                       .last_t = last->last_ms};
    if (counter)
        g.v += lost_floats(w);
    return rate_of_growth(c, &w->measured, &g, counter, per, out);
}

/* --- histograms ------------------------------------------------------------------------------- */

static const struct aggregate_histograms *of(const struct rolled_window *w, size_t i)
{
    return w->v[i].histograms;
}

static void note_gauges(struct range_call *c, const struct rolled_window *w, bool counter)
{
    const struct histogram *first = of(w, 0)->first, *last = of(w, w->n - 1)->last;
    unsigned flags = 0;
    for (size_t i = 0; i < w->n; i++)
        flags |= w->v[i].flags;
    if (counter && (flags & AGGREGATE_GAUGES))
        warn_not_counter(&c->ev->notes, c->arg_span, c->metric);
    if (!counter && (first->reset != HISTOGRAM_RESET_GAUGE || last->reset != HISTOGRAM_RESET_GAUGE))
        warn_not_gauge(&c->ev->notes, c->arg_span, c->metric);
}

/* Is the second sample of the window a reset? Then the first does not count. */
static bool second_is_reset(struct range_call *c, const struct rolled_window *w)
{
    if (of(w, 0)->n > 1)
        return w->v[0].flags & AGGREGATE_SECOND_RESET;
    return hist_detect_reset(c->scratch, of(w, 1)->first, of(w, 0)->last);
}

/* Of the samples that count all have exponential buckets, or all have custom ones. */
static bool one_kind(struct range_call *c, const struct rolled_window *w, bool counter,
                     bool without_first)
{
    bool custom = hist_is_custom(of(w, w->n - 1)->last), same = true;
    size_t from = without_first && of(w, 0)->n == 1 ? 1 : 0;
    if (!counter)
        same = hist_is_custom(of(w, 0)->first) == custom;
    for (size_t i = from; counter && i < w->n; i++) {
        bool growth = i == 0 && without_first;
        same &= !(w->v[i].flags & (growth ? AGGREGATE_MIXED_GROWTH : AGGREGATE_MIXED));
        same &= hist_is_custom(of(w, i)->last) == custom;
    }
    if (!same)
        warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
    return same;
}

/* Adds what was lost from the end of bucket i - 1 to that of bucket i. */
static const struct histogram *add_lost(struct range_call *c, const struct rolled_window *w,
                                        size_t i, bool without_first,
                                        const struct histogram *growth)
{
    bool skip = i == 1 && without_first && of(w, 0)->n == 1;
    if (i && !skip && hist_detect_reset(c->scratch, of(w, i)->first, of(w, i - 1)->last))
        growth = rate_add(c, growth, of(w, i - 1)->last);
    if (growth && i && (w->v[i].flags & AGGREGATE_SECOND_RESET))
        growth = rate_add(c, growth, of(w, i)->first);
    if (growth && of(w, i)->lost)
        growth = rate_add(c, growth, of(w, i)->lost);
    return growth;
}

static const struct histogram *histogram_growth(struct range_call *c, const struct rolled_window *w,
                                                bool counter)
{
    const struct histogram *first = of(w, 0)->first;
    note_gauges(c, w, counter);
    bool without_first = counter && second_is_reset(c, w);
    const struct histogram *second = of(w, 0)->n > 1 ? of(w, 0)->last : of(w, 1)->first;
    if (without_first && !(first = rate_empty_like(c, second)))
        return NULL;
    if (!one_kind(c, w, counter, without_first))
        return NULL;
    const struct histogram *growth = rate_sub(c, of(w, w->n - 1)->last, first);
    for (size_t i = 0; counter && growth && i < w->n; i++)
        growth = add_lost(c, w, i, without_first, growth);
    return growth ? hist_with_reset(c->scratch, growth, HISTOGRAM_RESET_GAUGE) : NULL;
}

static int rate_of_histograms(struct range_call *c, const struct rolled_window *w, bool counter,
                              double per, struct range_value *out)
{
    struct growth g = {.n = (size_t)w->histograms,
                       .first = of(w, 0)->first->count,
                       .first_h = of(w, 0)->first,
                       .first_t = of(w, 0)->first_ms,
                       .last_t = of(w, w->n - 1)->last_ms};
    if (g.n > 1 && !(g.h = histogram_growth(c, w, counter)))
        return 0;
    return rate_of_growth(c, &w->measured, &g, counter, per, out);
}

/* --- rate, increase, delta -------------------------------------------------------------------- */

static int rate_kernel(struct range_call *c, const struct rolled_window *w, bool counter,
                       double per, struct range_value *out)
{
    if (w->floats && w->histograms) {
        warn_mixed_floats_histograms(&c->ev->notes, c->arg_span, c->metric);
        return 0;
    }
    return w->floats ? rate_of_floats(c, w, counter, per, out)
                     : rate_of_histograms(c, w, counter, per, out);
}

static int kernel_rate(struct range_call *c, const struct rolled_window *w, struct range_value *out)
{
    return rate_kernel(c, w, true, (double)(w->measured.end_ms - w->measured.start_ms) / 1000, out);
}

static int kernel_increase(struct range_call *c, const struct rolled_window *w,
                           struct range_value *out)
{
    return rate_kernel(c, w, true, 1 / w->share, out);
}

static int kernel_delta(struct range_call *c, const struct rolled_window *w,
                        struct range_value *out)
{
    return rate_kernel(c, w, false, 1 / w->share, out);
}

const struct rolled_function rolled_rate = {AGGREGATE_ENDS | AGGREGATE_LOST, kernel_rate};
const struct rolled_function rolled_increase = {AGGREGATE_ENDS | AGGREGATE_LOST, kernel_increase};
const struct rolled_function rolled_delta = {AGGREGATE_ENDS, kernel_delta};
