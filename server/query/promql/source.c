#include "query/promql/source.h"

#include "model/histogram.h"
#include "query/promql/interpolate.h"
#include "query/promql/rollup.h"
#include "query/promql/step_counts.h"
#include "query/query.h"

/* --- from the store --------------------------------------------------------------------------- */

struct stored_source {
    struct source source;
    struct series_reader *reader;
    struct arena *scratch;
    struct rolled_plan plan;
    struct aggregates rows;
};

static int stored_next(struct source *s, struct sample_series *out)
{
    struct stored_source *d = (struct stored_source *)s;
    *out = (struct sample_series){0};
    int rc = series_next(d->reader, &out->labels);
    if (rc <= 0)
        return rc;
    if (d->reader->rows) {
        out->rows = d->reader->rows;
        return 1;
    }
    arena_reset(d->scratch);
    if (!samples_from_columns(&d->reader->columns, d->scratch, &out->samples))
        return eval_memory_error(s->ev);
    if (!(s->ev->features & QUERY_START_TIMESTAMPS))
        out->samples.fst = out->samples.hst = NULL;
    return 1;
}

static void use_rows(struct stored_source *d, const struct rolled_function *rolled)
{
    aggregates_init(&d->rows, rolled->want, d->reader->histograms);
    d->reader->rows = &d->rows;
    d->reader->rows_resolution_ms = d->plan.exact ? d->plan.resolution_ms : 1;
    d->reader->resolve_resets = false;
    d->source.rolled = &d->plan;
}

/* Selects, rolled up if that is right and the function can do with it. */
static int open_reader(struct stored_source *d, const struct node *n, struct timeline t,
                       const struct rolled_function *rolled)
{
    struct eval *ev = d->source.ev;
    const struct selector_node *sel = &n->matrix.selector->selector;
    const struct window_spec *w = &d->source.window;
    bool before = w->anchored || w->smoothed;
    struct rolled_selector s = {
        .window = w,
        .t = t,
        .first_ms = window_end(w, t.start_ms) - w->range_ms + 1 - (before ? ev->lookback_ms : 0),
        .last_ms = window_end(w, timeline_end(&t)) + (w->smoothed ? ev->lookback_ms : 0),
        .capable = rolled && !before,
        .needs_samples = sel->resolve_resets || (ev->features & QUERY_START_TIMESTAMPS),
        .span = n->span};
    rolled_choose(ev, &s, &d->plan);
    const struct series_spec series = {.matchers = sel->matchers,
                                       .n = sel->n,
                                       .min_ms = s.first_ms - rolled_reach_ms(ev, &s, &d->plan),
                                       .max_ms = s.last_ms,
                                       .plan = &d->plan,
                                       .reading = sel->reading};
    int rc = series_open(ev, &series, &d->reader);
    if (rc != 0)
        return rc;
    d->reader->resolve_resets = sel->resolve_resets;
    rolled_found(ev, &s, d->reader->selection, &d->plan);
    if (d->plan.came && s.capable)
        use_rows(d, rolled);
    return 0;
}

static int open_stored(struct eval *ev, const struct node *n, struct timeline t,
                       const struct rolled_function *rolled, struct source **out)
{
    const struct selector_node *sel = &n->matrix.selector->selector;
    struct stored_source *d = eval_alloc(ev, 1, sizeof *d);
    if (!d || !(d->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    d->source = (struct source){.next = stored_next,
                                .ev = ev,
                                .window = {.range_ms = n->matrix.range.ms,
                                           .offset_ms = sel->offset.ms,
                                           .at = sel->at,
                                           .anchored = sel->anchored,
                                           .smoothed = sel->smoothed}};
    int rc = open_reader(d, n, t, rolled);
    if (rc != 0)
        return rc;
    d->source.distinct = d->reader->distinct;
    *out = &d->source;
    return 0;
}

struct series_reader *source_reader(const struct source *s)
{
    return s->next == stored_next ? ((const struct stored_source *)s)->reader : NULL;
}

int source_share(struct eval *ev, const struct source *of, const struct rolled_function *rolled,
                 struct source **out)
{
    const struct stored_source *from = (const struct stored_source *)of;
    struct stored_source *d = eval_alloc(ev, 1, sizeof *d);
    if (!d || !(d->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    d->source = (struct source){
        .next = stored_next, .ev = ev, .window = of->window, .distinct = of->distinct};
    d->plan = from->plan;
    int rc = series_share(ev, from->reader, &d->reader);
    if (rc == 0 && of->rolled)
        use_rows(d, rolled);
    *out = &d->source;
    return rc;
}

/* --- from a subquery -------------------------------------------------------------------------- */

struct subquery_source {
    struct source source;
    struct op *from;
    int64_t *ft, *ht;
    double *fv;
    const struct histogram **hh;
    struct arena *scratch;
};

/* A hint of the original samples says nothing about those that the subquery picked. */
static const struct histogram *without_hint(struct arena *arena, const struct histogram *h)
{
    if (h->reset == HISTOGRAM_RESET_YES || h->reset == HISTOGRAM_RESET_NO)
        return hist_with_reset(arena, h, HISTOGRAM_RESET_UNKNOWN);
    return h;
}

static bool to_samples(struct subquery_source *d, const struct row *r, struct samples *out)
{
    size_t nf = 0, nh = 0;
    for (size_t i = 0; i < d->from->t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        const struct histogram *h = row_histogram(r, i);
        int64_t t = timeline_at(&d->from->t, i);
        if (h) {
            d->ht[nh] = t;
            d->hh[nh] = without_hint(d->scratch, h);
            if (!d->hh[nh++])
                return false;
        } else {
            d->ft[nf] = t;
            d->fv[nf++] = r->v[i];
        }
    }
    *out = (struct samples){.ft = d->ft, .fv = d->fv, .nf = nf, .ht = d->ht, .hh = d->hh, .nh = nh};
    return true;
}

static int subquery_next(struct source *s, struct sample_series *out)
{
    struct subquery_source *d = (struct subquery_source *)s;
    struct row r;
    int rc = op_next(d->from, &r);
    if (rc <= 0)
        return rc;
    arena_reset(d->scratch);
    *out = (struct sample_series){.labels = r.labels, .drop_name = r.drop_name};
    return to_samples(d, &r, &out->samples) ? 1 : eval_memory_error(s->ev);
}

/* The grid of multiples of the step that covers the windows of all outer steps. */
static int subquery_grid(struct eval *ev, const struct subquery_node *q,
                         const struct window_spec *w, struct timeline t, struct timeline *out)
{
    int64_t step = q->step.ms > 0 ? q->step.ms : ev->default_step_ms;
    int64_t after = window_end(w, t.start_ms) - w->range_ms;
    int64_t end = window_end(w, timeline_end(&t));
    if (after < -INT64_MAX / 4 || end > INT64_MAX / 4)
        return err_set(ev->err, ERR_UNSUPPORTED, "a subquery reaches out of the range of times");
    int64_t start = after / step * step;
    if (start <= after)
        start += step;
    size_t n = t.n && end >= start ? (size_t)((end - start) / step) + 1 : 0;
    if (n > ev->limits->max_samples)
        return err_set(ev->err, ERR_TOO_BIG,
                       "a subquery has %zu steps; the limit is %llu, set by query.max_samples", n,
                       (unsigned long long)ev->limits->max_samples);
    *out = (struct timeline){start, step, n};
    return 0;
}

/* Not zeroed: to_samples writes what is read, and an empty store has nothing to write. That there
 * is no room for all is found before any of it is taken. */
static int subquery_buffers(struct subquery_source *d, size_t n)
{
    struct eval *ev = d->source.ev;
    size_t step_bytes = sizeof *d->ft + sizeof *d->ht + sizeof *d->fv + sizeof *d->hh;
    int rc = limits_room(ev->limits, n * step_bytes, ev->err);
    if (rc != 0)
        return rc;
    d->ft = arena_alloc(ev->arena, n * sizeof *d->ft);
    d->ht = arena_alloc(ev->arena, n * sizeof *d->ht);
    d->fv = arena_alloc(ev->arena, n * sizeof *d->fv);
    d->hh = arena_alloc(ev->arena, n * sizeof *d->hh);
    d->scratch = eval_scratch(ev);
    return d->ft && d->ht && d->fv && d->hh && d->scratch ? 0 : eval_memory_error(ev);
}

static int no_series(struct source *s, struct sample_series *out)
{
    (void)s;
    (void)out;
    return 0;
}

static int open_subquery(struct eval *ev, const struct node *n, struct timeline t,
                         struct source **out)
{
    const struct subquery_node *q = &n->subquery;
    struct subquery_source *d = eval_alloc(ev, 1, sizeof *d);
    if (!d)
        return ERR_TOO_BIG;
    d->source = (struct source){
        .next = subquery_next,
        .ev = ev,
        .window = {.range_ms = q->range.ms, .offset_ms = q->offset.ms, .at = q->at}};
    struct timeline grid;
    int rc = subquery_grid(ev, q, &d->source.window, t, &grid);
    if (rc != 0)
        return rc;
    *out = &d->source;
    if (grid.n == 0) {
        d->source.next = no_series;
        return 0;
    }
    enum step_counting was = count_in_subquery(ev);
    rc = subquery_buffers(d, grid.n);
    if (rc == 0)
        rc = op_open(ev, q->expr, grid, &d->from);
    count_as_before(ev, was);
    /* A window needs the whole series: rows of the same labels are joined. */
    if (rc == 0 && !d->from->distinct)
        rc = op_open_merge(ev, d->from, &d->from);
    d->source.distinct = d->from && d->from->distinct;
    return rc;
}

int source_open(struct eval *ev, const struct node *n, struct timeline t,
                const struct rolled_function *rolled, struct source **out)
{
    return n->kind == NODE_SUBQUERY ? open_subquery(ev, n, t, out)
                                    : open_stored(ev, n, t, rolled, out);
}

/* The samples of (start, end) between one at the start and one at the end. */
static int extended_window(const struct source *s, int64_t start, int64_t end, struct samples *x)
{
    bool smoothed = s->window.smoothed;
    size_t first, last, n = 0;
    if (x->nh)
        return err_set(s->ev->err, ERR_UNSUPPORTED, "%s modifier is not supported with histograms",
                       smoothed ? "smoothed" : "anchored");
    if (x->nf == 0)
        return 0;
    extended_ends(x->ft, x->nf, start, end, smoothed, &first, &last);
    int64_t *t = eval_alloc(s->ev, x->nf + 2, sizeof *t);
    double *v = eval_alloc(s->ev, x->nf + 2, sizeof *v);
    if (!t || !v)
        return ERR_TOO_BIG;
    const int64_t *ft = x->ft;
    const double *fv = x->fv;
    *x = (struct samples){.ft = t, .fv = v};
    if (ft[last] <= start)
        return 0;
    t[n] = start;
    v[n++] = smoothed && ft[first] < start ? interpolate_floats(ft[first], fv[first], ft[first + 1],
                                                                fv[first + 1], start, false)
                                           : fv[first];
    for (size_t i = first; i <= last; i++) {
        if (ft[i] > start && ft[i] < end) {
            t[n] = ft[i];
            v[n++] = fv[i];
        }
    }
    t[n] = end;
    v[n++] = smoothed && last > 0 && ft[last] > end
                 ? interpolate_floats(ft[last - 1], fv[last - 1], ft[last], fv[last], end, false)
                 : fv[last];
    x->nf = n;
    return 0;
}

int source_window(const struct source *s, int64_t t, struct samples *samples)
{
    struct sample_window w = {0};
    int64_t end = window_end(&s->window, t), start = end - s->window.range_ms;
    if (s->window.anchored || s->window.smoothed)
        return extended_window(s, start, end, samples);
    *samples = sample_window_move(&w, samples, start, end);
    return 0;
}
