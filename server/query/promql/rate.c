/* rate, increase, delta, irate, idelta.
 *
 * For floats the positions of counter resets are found once per series; a window only visits those
 * inside it, so a step costs the same however long its range is. The sums are those of a straight
 * loop over the window, to the last bit.
 *
 * Extrapolation is Prometheus's: to the border of the window if a sample would be expected there
 * (within 1.1 average distances), else by half a distance; a counter not below zero. */

#include "query/promql/rate.h"
#include "query/promql/interpolate.h"
#include "query/promql/rollup.h"

/* --- resets of floats, found once ------------------------------------------------------------- */

static bool float_reset(const struct samples *s, size_t i)
{
    if (s->fv[i] < s->fv[i - 1])
        return true;
    return s->fst && range_start_reset(s->fst[i - 1], s->ft[i - 1], s->fst[i], s->ft[i]);
}

enum { CHUNK = 64 };

/* Of a value and those behind it, all of them there: a loop for wide registers. */
static size_t count_falls(const double *v)
{
    size_t n = 0;
    for (size_t i = 0; i < CHUNK; i++)
        n += v[i + 1] < v[i];
    return n;
}

/* How many resets there are before samples [from, to); notes them if there is a state. */
static size_t scan_resets(const struct samples *s, size_t from, size_t to, struct rate_state *state)
{
    size_t n = 0;
    for (size_t i = from; i < to; i++) {
        if (!float_reset(s, i))
            continue;
        n++;
        if (state)
            state->resets[state->n++] = (uint32_t)i;
    }
    return n;
}

static size_t scan_all_resets(const struct samples *s, struct rate_state *state)
{
    size_t i = 1, n = 0;
    for (; !s->fst && i + CHUNK <= s->nf; i += CHUNK) {
        size_t falls = count_falls(s->fv + i - 1);
        n += falls;
        if (falls && state)
            (void)scan_resets(s, i, i + CHUNK, state);
    }
    return n + scan_resets(s, i, s->nf, state);
}

static int find_resets(struct range_call *c)
{
    struct rate_state *state = arena_zalloc(c->kept, sizeof *state);
    size_t n = scan_all_resets(c->all, NULL);
    if (!state || !(state->resets = arena_alloc(c->kept, n * sizeof *state->resets)))
        return eval_memory_error(c->ev);
    if (n)
        (void)scan_all_resets(c->all, state);
    c->state = state;
    return 0;
}

/* The first reset after sample `from`. Windows never move back. */
static size_t first_reset(struct rate_state *state, size_t from)
{
    while (state->at < state->n && state->resets[state->at] <= from)
        state->at++;
    return state->at;
}

double rate_lost(struct rate_state *state, const struct samples *all, size_t from, size_t to)
{
    double sum = 0;
    for (size_t i = first_reset(state, from); i < state->n && state->resets[i] < to; i++)
        sum += all->fv[state->resets[i] - 1];
    return sum;
}

/* --- histograms ------------------------------------------------------------------------------- */

static bool start_reset_at(const struct samples *s, size_t i)
{
    return s->hst && range_start_reset(s->hst[i - 1], s->ht[i - 1], s->hst[i], s->ht[i]);
}

static bool histogram_reset_at(struct range_call *c, const struct samples *s, size_t i)
{
    return start_reset_at(s, i) || hist_detect_reset(c->scratch, s->hh[i], s->hh[i - 1]);
}

static void note_overlaps(struct range_call *c, const int64_t *start, const int64_t *t, size_t n)
{
    char quoted[ANNOTATION_QUOTED_MAX];
    for (size_t i = 1; start && i < n; i++)
        if (start[i] != 0 && start[i] < t[i - 1] && start[i] != start[i - 1])
            annotate_warning(&c->ev->notes, c->arg_span,
                             "sample has start time that overlaps with previous sample timestamp "
                             "for metric %s",
                             annotation_quote(quoted, c->metric));
}

static void note_flags(struct range_call *c, unsigned flags, const char *operation)
{
    if (flags & HIST_INCOMPATIBLE)
        warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
    if (flags & HIST_BOUNDS_RECONCILED)
        info_bounds_reconciled(&c->ev->notes, c->arg_span, operation);
}

const struct histogram *rate_add(struct range_call *c, const struct histogram *a,
                                 const struct histogram *b)
{
    unsigned flags = 0;
    const struct histogram *sum = hist_add(c->scratch, a, b, &flags);
    note_flags(c, flags, "addition");
    return sum;
}

const struct histogram *rate_sub(struct range_call *c, const struct histogram *a,
                                 const struct histogram *b)
{
    unsigned flags = 0;
    const struct histogram *difference = hist_sub(c->scratch, a, b, &flags);
    note_flags(c, flags, "subtraction");
    return difference;
}

const struct histogram *rate_empty_like(struct range_call *c, const struct histogram *like)
{
    struct histogram *h = arena_zalloc(c->scratch, sizeof *h);
    if (!h)
        return NULL;
    h->schema = like->schema;
    h->custom_bounds = like->custom_bounds;
    h->n_custom_bounds = like->n_custom_bounds;
    return h;
}

static void note_gauges(struct range_call *c, const struct samples *s, bool counter)
{
    if (!counter) {
        if (s->hh[0]->reset != HISTOGRAM_RESET_GAUGE ||
            s->hh[s->nh - 1]->reset != HISTOGRAM_RESET_GAUGE)
            warn_not_gauge(&c->ev->notes, c->arg_span, c->metric);
        return;
    }
    for (size_t i = 0; i < s->nh; i++)
        if (s->hh[i]->reset == HISTOGRAM_RESET_GAUGE)
            warn_not_counter(&c->ev->notes, c->arg_span, c->metric);
}

/* Exponential and custom buckets between `first` and the end of the window: no result. */
static bool one_kind(struct range_call *c, const struct samples *s, const struct histogram *first,
                     bool counter)
{
    bool custom = hist_is_custom(first);
    bool same = hist_is_custom(s->hh[s->nh - 1]) == custom;
    for (size_t i = 1; counter && i + 1 < s->nh; i++)
        same = same && hist_is_custom(s->hh[i]) == custom;
    if (!same)
        warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
    return same;
}

/* What the histograms of the window grew by, resets counted. NULL: no result. */
static const struct histogram *histogram_growth(struct range_call *c, const struct samples *s,
                                                bool counter)
{
    const struct histogram *previous = s->hh[0];
    note_gauges(c, s, counter);
    /* After a reset the first sample does not count, so its layout does not matter either. */
    bool reset_first = counter && histogram_reset_at(c, s, 1);
    if (reset_first && !(previous = rate_empty_like(c, s->hh[1])))
        return NULL;
    if (!one_kind(c, s, previous, counter))
        return NULL;
    const struct histogram *growth = rate_sub(c, s->hh[s->nh - 1], previous);
    for (size_t i = 1; counter && growth && i < s->nh; i++) {
        if (start_reset_at(s, i) || hist_detect_reset(c->scratch, s->hh[i], previous))
            growth = rate_add(c, growth, previous);
        previous = s->hh[i];
    }
    if (counter)
        note_overlaps(c, s->hst, s->ht, s->nh);
    return growth ? hist_with_reset(c->scratch, growth, HISTOGRAM_RESET_GAUGE) : NULL;
}

/* --- extrapolation ---------------------------------------------------------------------------- */

static double growth_count(const struct growth *g)
{
    return g->h ? g->h->count : g->v;
}

/* Seconds to extrapolate to the left. */
static double left_of(const struct growth *g, const struct range_window *w, double average,
                      double interval, bool counter)
{
    double left = (double)(g->first_t - w->start_ms) / 1000;
    if (left >= average * 1.1)
        left = average / 2;
    if (counter && growth_count(g) > 0 && g->first >= 0) {
        double to_zero = interval * (g->first / growth_count(g));
        if (to_zero < left)
            left = to_zero;
    }
    return left;
}

/* False: too few samples. */
static bool extrapolate(struct growth *g, const struct range_window *w, bool counter,
                        double *out_factor, bool *out_add_first)
{
    double interval = (double)(g->last_t - g->first_t) / 1000;
    double average = g->n > 1 ? interval / (double)(g->n - 1) : 0;
    double right = (double)(w->end_ms - g->last_t) / 1000, left;
    *out_add_first = counter && g->first_start != 0 && g->first_start > w->start_ms &&
                     g->first_start < g->first_t;
    if (*out_add_first) {
        /* The counter is known to have started from zero inside the window. */
        left = 0;
        interval = (double)(g->last_t - g->first_start) / 1000;
    } else if (g->n < 2) {
        return false;
    } else {
        left = left_of(g, w, average, interval, counter);
    }
    if (right >= average * 1.1)
        right = average / 2;
    *out_factor = interval != 0 ? (interval + left + right) / interval : 1;
    return true;
}

static int scaled(struct range_call *c, struct growth *g, double factor, struct range_value *out)
{
    if (!g->h) {
        out->v = g->v * factor;
        return 1;
    }
    out->h = hist_mul(c->scratch, g->h, factor);
    return out->h ? 1 : eval_memory_error(c->ev);
}

int rate_of_growth(struct range_call *c, const struct range_window *w, struct growth *g,
                   bool counter, double per, struct range_value *out)
{
    double factor;
    bool add_first;
    if (!extrapolate(g, w, counter, &factor, &add_first))
        return 0;
    if (add_first && !g->first_h)
        g->v += g->first;
    if (add_first && g->first_h) {
        g->h = g->h ? rate_add(c, g->h, g->first_h) : g->first_h;
        if (!g->h)
            return 0;
    }
    return scaled(c, g, factor / per, out);
}

static int rate_of_floats(struct range_call *c, const struct range_window *w, bool counter,
                          double per, struct range_value *out)
{
    const struct samples *s = &w->samples;
    struct growth g = {.n = s->nf,
                       .first = s->fv[0],
                       .first_t = s->ft[0],
                       .last_t = s->ft[s->nf - 1],
                       .first_start = s->fst ? s->fst[0] : 0};
    g.v = s->fv[s->nf - 1] - s->fv[0];
    if (counter) {
        g.v += rate_lost(c->state, c->all, w->f_from, w->f_from + s->nf);
        note_overlaps(c, s->fst, s->ft, s->nf);
    }
    return rate_of_growth(c, w, &g, counter, per, out);
}

static int rate_of_histograms(struct range_call *c, const struct range_window *w, bool counter,
                              double per, struct range_value *out)
{
    const struct samples *s = &w->samples;
    struct growth g = {.n = s->nh,
                       .first = s->hh[0]->count,
                       .first_h = s->hh[0],
                       .first_t = s->ht[0],
                       .last_t = s->ht[s->nh - 1],
                       .first_start = s->hst ? s->hst[0] : 0};
    if (s->nh > 1 && !(g.h = histogram_growth(c, s, counter)))
        return 0;
    return rate_of_growth(c, w, &g, counter, per, out);
}

/* --- anchored and smoothed -------------------------------------------------------------------- */

static bool boundary(const int64_t *t, size_t n, const struct range_window *w, bool smoothed,
                     size_t *out_first, size_t *out_last)
{
    extended_ends(t, n, w->start_ms, w->end_ms, smoothed, out_first, out_last);
    return t[*out_last] > w->start_ms && !(smoothed && t[*out_first] > w->end_ms);
}

static double float_correction(const double *v, size_t from, size_t to, double left, double right)
{
    double correction = 0, previous = left;
    for (size_t i = from; i < to; i++) {
        if (v[i] < previous)
            correction += previous;
        previous = v[i];
    }
    return right < previous ? correction + previous : correction;
}

static int extended_floats(struct range_call *c, const struct range_window *w, bool counter,
                           double per, struct range_value *out)
{
    const struct samples *s = &w->samples;
    bool smoothed = c->window.smoothed;
    size_t first, last;
    if (!boundary(s->ft, s->nf, w, smoothed, &first, &last))
        return 0;
    double left = s->fv[first], right = s->fv[last];
    if (smoothed && s->ft[first] < w->start_ms)
        left = interpolate_floats(s->ft[first], left, s->ft[first + 1], s->fv[first + 1],
                                  w->start_ms, counter);
    if (smoothed && last > 0 && s->ft[last] > w->end_ms)
        right = interpolate_floats(s->ft[last - 1], s->fv[last - 1], s->ft[last], right, w->end_ms,
                                   counter);
    double growth = right - left;
    if (counter) {
        size_t from = first + (s->ft[first] <= w->start_ms);
        size_t to = last + (s->ft[last] < w->end_ms);
        growth += float_correction(s->fv, from, to, left, right);
    }
    out->v = growth / per;
    return 1;
}

/* All that was lost in resets between left and right; *ok false: no result. NULL: nothing. */
static const struct histogram *histogram_correction(struct range_call *c,
                                                    const struct range_window *w, size_t first,
                                                    size_t last, const struct histogram *left,
                                                    const struct histogram *right, bool *ok)
{
    const struct samples *s = &w->samples;
    const struct histogram *previous = left, *sum = NULL;
    size_t from = first + 1;
    *ok = true;
    bool spans_reset = c->window.smoothed && s->ht[first] < w->start_ms &&
                       hist_detect_reset(c->scratch, s->hh[first + 1], s->hh[first]);
    if (spans_reset)
        previous = s->hh[from++]; // the interpolated left side is behind that reset already
    if (from > last)
        return NULL;
    for (size_t i = from; i <= last; i++) {
        const struct histogram *h = i < last ? s->hh[i] : right;
        if (hist_detect_reset(c->scratch, h, previous)) {
            sum = sum ? rate_add(c, sum, previous) : previous;
            *ok = sum;
        }
        if (!*ok)
            return NULL;
        previous = h;
    }
    return sum;
}

static bool valid_range(struct range_call *c, const struct samples *s, size_t first, size_t last,
                        bool counter)
{
    for (size_t i = first; i <= last; i++) {
        if (hist_is_custom(s->hh[i]) != hist_is_custom(s->hh[first])) {
            warn_mixed_schemas(&c->ev->notes, c->arg_span, c->metric);
            return false;
        }
        if (counter && s->hh[i]->reset == HISTOGRAM_RESET_GAUGE)
            warn_not_counter(&c->ev->notes, c->arg_span, c->metric);
    }
    return true;
}

static const struct histogram *between(struct range_call *c, size_t i, int64_t t, bool counter,
                                       const struct samples *s)
{
    unsigned flags = 0;
    const struct histogram *h = interpolate_histograms(c->scratch, s->ht[i], s->hh[i], s->ht[i + 1],
                                                       s->hh[i + 1], t, counter, &flags);
    note_flags(c, flags, "subtraction");
    return h;
}

static int extended_histograms(struct range_call *c, const struct range_window *w, bool counter,
                               double per, struct range_value *out)
{
    const struct samples *s = &w->samples;
    bool smoothed = c->window.smoothed, ok = true;
    size_t first, last;
    if (!boundary(s->ht, s->nh, w, smoothed, &first, &last) ||
        !valid_range(c, s, first, last, counter))
        return 0;
    const struct histogram *left = s->hh[first], *right = s->hh[last], *correction = NULL;
    if (smoothed && s->ht[first] < w->start_ms)
        left = between(c, first, w->start_ms, counter, s);
    if (smoothed && last > 0 && s->ht[last] > w->end_ms)
        right = between(c, last - 1, w->end_ms, counter, s);
    if (!left || !right)
        return 0;
    if (!counter && (left->reset != HISTOGRAM_RESET_GAUGE || right->reset != HISTOGRAM_RESET_GAUGE))
        warn_not_gauge(&c->ev->notes, c->arg_span, c->metric);
    const struct histogram *growth = rate_sub(c, right, left);
    if (counter && growth)
        correction = histogram_correction(c, w, first, last, left, right, &ok);
    if (growth && ok && correction)
        growth = rate_add(c, growth, correction);
    if (!growth || !ok)
        return 0;
    growth = hist_with_reset(c->scratch, growth, HISTOGRAM_RESET_GAUGE);
    out->h = growth ? hist_div(c->scratch, growth, per) : NULL;
    return out->h ? 1 : eval_memory_error(c->ev);
}

/* --- rate, increase, delta -------------------------------------------------------------------- */

static int rate_kernel(struct range_call *c, const struct range_window *w, bool counter,
                       bool per_second, struct range_value *out)
{
    const struct samples *s = &w->samples;
    double per = per_second ? (double)c->window.range_ms / 1000 : 1;
    bool extended = c->window.anchored || c->window.smoothed;
    if (s->nf && s->nh) {
        warn_mixed_floats_histograms(&c->ev->notes, c->arg_span, c->metric);
        return 0;
    }
    if (extended)
        return s->nf ? extended_floats(c, w, counter, per, out)
                     : extended_histograms(c, w, counter, per, out);
    return s->nf ? rate_of_floats(c, w, counter, per, out)
                 : rate_of_histograms(c, w, counter, per, out);
}

static int kernel_rate(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    return rate_kernel(c, w, true, true, out);
}

static int kernel_increase(struct range_call *c, const struct range_window *w,
                           struct range_value *out)
{
    return rate_kernel(c, w, true, false, out);
}

static int kernel_delta(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    return rate_kernel(c, w, false, false, out);
}

static int row_rate(struct range_call *c, const struct timeline *t, double *v)
{
    return rate_row(c, t, true, true, v);
}

static int row_increase(struct range_call *c, const struct timeline *t, double *v)
{
    return rate_row(c, t, true, false, v);
}

static int row_delta(struct range_call *c, const struct timeline *t, double *v)
{
    return rate_row(c, t, false, false, v);
}

/* --- irate, idelta ---------------------------------------------------------------------------- */

struct last_two {
    int64_t t[2], start[2];
    double v[2];
    const struct histogram *h[2];
    int n;
};

/* The newest two samples of either kind, the older first. */
static struct last_two newest_two(const struct samples *s)
{
    struct last_two two = {.n = 0};
    size_t f = s->nf, h = s->nh;
    for (int k = 1; k >= 0 && (f || h); k--, two.n++) {
        bool is_float = f && (!h || s->ft[f - 1] > s->ht[h - 1]);
        if (is_float) {
            f--;
            two.t[k] = s->ft[f];
            two.v[k] = s->fv[f];
            two.start[k] = s->fst ? s->fst[f] : 0;
        } else {
            h--;
            two.t[k] = s->ht[h];
            two.h[k] = s->hh[h];
            two.start[k] = s->hst ? s->hst[h] : 0;
        }
    }
    return two;
}

static int instant_histograms(struct range_call *c, const struct last_two *l, bool rate,
                              double seconds, struct range_value *out)
{
    bool gauges =
        l->h[0]->reset == HISTOGRAM_RESET_GAUGE && l->h[1]->reset == HISTOGRAM_RESET_GAUGE;
    bool any = l->h[0]->reset == HISTOGRAM_RESET_GAUGE || l->h[1]->reset == HISTOGRAM_RESET_GAUGE;
    if (rate && any)
        warn_not_counter(&c->ev->notes, c->arg_span, c->metric);
    if (!rate && !gauges)
        warn_not_gauge(&c->ev->notes, c->arg_span, c->metric);
    bool reset = rate && (range_start_reset(l->start[0], l->t[0], l->start[1], l->t[1]) ||
                          hist_detect_reset(c->scratch, l->h[1], l->h[0]));
    const struct histogram *h =
        reset ? hist_compact(c->scratch, l->h[1]) : rate_sub(c, l->h[1], l->h[0]);
    if (!h)
        return 0;
    h = hist_with_reset(c->scratch, h, HISTOGRAM_RESET_GAUGE);
    out->h = h && rate ? hist_div(c->scratch, h, seconds) : h;
    return out->h ? 1 : eval_memory_error(c->ev);
}

static int instant_kernel(struct range_call *c, const struct range_window *w, bool rate,
                          struct range_value *out)
{
    struct last_two l = newest_two(&w->samples);
    double seconds = (double)(l.t[1] - l.t[0]) / 1000;
    if (l.n < 2 || seconds == 0)
        return 0;
    if (l.h[0] && l.h[1])
        return instant_histograms(c, &l, rate, seconds, out);
    if (l.h[0] || l.h[1]) {
        warn_mixed_floats_histograms(&c->ev->notes, c->arg_span, c->metric);
        return 0;
    }
    bool reset =
        rate && (l.v[1] < l.v[0] || range_start_reset(l.start[0], l.t[0], l.start[1], l.t[1]));
    double v = reset ? l.v[1] : l.v[1] - l.v[0];
    out->v = rate ? v / seconds : v;
    return 1;
}

static int kernel_irate(struct range_call *c, const struct range_window *w, struct range_value *out)
{
    return instant_kernel(c, w, true, out);
}

static int kernel_idelta(struct range_call *c, const struct range_window *w,
                         struct range_value *out)
{
    return instant_kernel(c, w, false, out);
}

const struct range_function range_rate = {kernel_rate,           find_resets,      row_rate,
                                          .anchored = true,      .smoothed = true, .counter = true,
                                          .rolled = &rolled_rate};
const struct range_function range_increase = {
    kernel_increase,           find_resets,      row_increase,
    .anchored = true,          .smoothed = true, .counter = true,
    .rolled = &rolled_increase};
const struct range_function range_delta = {
    kernel_delta, NULL, row_delta, .anchored = true, .smoothed = true, .rolled = &rolled_delta};
const struct range_function range_irate = {kernel_irate};
const struct range_function range_idelta = {kernel_idelta};
