/* Instant selectors: at each step the newest sample of the last `lookback` (open on the left). */

#include "model/histogram.h"
#include "query/promql/interpolate.h"
#include "query/promql/open.h"
#include "query/promql/parallel.h"
#include "query/promql/rollup.h"
#include "query/promql/step_counts.h"
#include "query/query.h"

struct select_op {
    struct op op;
    const struct node *node;
    struct series_reader *reader;
    struct window_spec when; /* offset and @ of the selector */
    enum select_what what;
    struct arena *scratch; /* interpolated histograms */
    double *v;
    const struct histogram **h;
};

static bool is_stale(const struct columns *c, size_t i)
{
    const struct histogram *h = c->histogram ? c->histogram[i] : NULL;
    return h ? histogram_is_stale(h) : is_stale_nan(c->value[i]);
}

static double picked(const struct select_op *s, size_t i)
{
    const struct columns *c = &s->reader->columns;
    switch (s->what) {
    case SELECT_VALUE: break;
    case SELECT_TIME: return (double)c->t_unix_ms[i] / 1000;
    case SELECT_TIME_MS: return (double)c->t_unix_ms[i];
    case SELECT_START_TIME: return c->start_unix_ms ? (double)c->start_unix_ms[i] / 1000 : 0;
    }
    return c->value[i];
}

static bool any_histogram(const struct select_op *s)
{
    bool of_sample = s->what == SELECT_VALUE || s->what == SELECT_TIME_MS;
    return of_sample && s->reader->columns.histogram;
}

static void put(struct select_op *s, size_t step, size_t i)
{
    const struct columns *c = &s->reader->columns;
    const struct histogram *h = any_histogram(s) ? c->histogram[i] : NULL;
    s->v[step] = h ? 0 : picked(s, i);
    s->h[step] = h;
}

static void pick_all(struct select_op *s)
{
    const struct columns *c = &s->reader->columns;
    size_t after = 0; // the first sample later than the step
    for (size_t step = 0; step < s->op.t.n; step++) {
        int64_t at = window_end(&s->when, timeline_at(&s->op.t, step));
        while (after < c->n && c->t_unix_ms[after] <= at)
            after++;
        s->v[step] = HOLE;
        s->h[step] = NULL;
        bool fresh = after > 0 && c->t_unix_ms[after - 1] > at - s->op.ev->lookback_ms;
        if (fresh && !is_stale(c, after - 1))
            put(s, step, after - 1);
    }
}

static int select_next(struct op *op, struct row *out)
{
    struct select_op *s = (struct select_op *)op;
    int rc;
    *out = (struct row){.v = s->v};
    while ((rc = series_next(s->reader, &out->labels)) > 0) {
        pick_all(s);
        out->h = any_histogram(s) ? s->h : NULL;
        count_values(op, out);
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

/* --- smoothed --------------------------------------------------------------------------------- */

/* Between the samples before and after the step, both within the lookback. */
static int smooth_step(struct select_op *s, const struct samples *w, int64_t at, size_t step,
                       struct str metric)
{
    struct eval *ev = s->op.ev;
    if (w->nf && w->nh) {
        warn_mixed_floats_histograms(&ev->notes, s->node->span, metric);
        return 0;
    }
    const int64_t *t = w->nf ? w->ft : w->ht;
    size_t n = w->nf + w->nh, i = 0;
    while (i < n && t[i] < at)
        i++;
    bool exact = i < n && t[i] == at;
    if (i == 0 && !exact)
        return 0;
    size_t from = exact ? i : i - 1;
    bool between = !exact && i < n;
    if (w->nf) {
        s->v[step] =
            between ? interpolate_floats(w->ft[from], w->fv[from], w->ft[i], w->fv[i], at, false)
                    : w->fv[from];
        return 0;
    }
    unsigned flags = 0;
    const struct histogram *h = w->hh[from];
    if (between) {
        bool counter =
            h->reset != HISTOGRAM_RESET_GAUGE && w->hh[i]->reset != HISTOGRAM_RESET_GAUGE;
        h = interpolate_histograms(s->scratch, w->ht[from], h, w->ht[i], w->hh[i], at, counter,
                                   &flags);
    }
    if (flags & HIST_INCOMPATIBLE)
        warn_mixed_schemas(&ev->notes, s->node->span, metric);
    if (flags & HIST_BOUNDS_RECONCILED)
        info_bounds_reconciled(&ev->notes, s->node->span, "subtraction");
    if (!h)
        return arena_failed(s->scratch) ? eval_memory_error(ev) : 0;
    s->v[step] = 0;
    s->h[step] = h;
    return 0;
}

static int smooth_all(struct select_op *s, const struct samples *all, struct str metric)
{
    int64_t lookback = s->op.ev->lookback_ms;
    struct sample_window w = {0};
    for (size_t step = 0; step < s->op.t.n; step++) {
        int64_t at = window_end(&s->when, timeline_at(&s->op.t, step));
        s->v[step] = HOLE;
        s->h[step] = NULL;
        struct samples view = sample_window_move(&w, all, at - lookback, at + lookback);
        int rc = smooth_step(s, &view, at, step, metric);
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int smooth_next(struct op *op, struct row *out)
{
    struct select_op *s = (struct select_op *)op;
    int rc;
    *out = (struct row){.v = s->v, .h = s->h};
    while ((rc = series_next(s->reader, &out->labels)) > 0) {
        struct samples all;
        arena_reset(s->scratch);
        if (!samples_from_columns(&s->reader->columns, s->scratch, &all))
            return eval_memory_error(op->ev);
        rc = smooth_all(s, &all, labels_metric_name(&out->labels));
        if (rc != 0)
            return rc;
        count_values(op, out);
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

static struct select_op *new_select(struct eval *ev, struct timeline t, enum select_what what,
                                    int (*next)(struct op *op, struct row *out))
{
    struct select_op *s = op_new(ev, sizeof *s, t, next);
    if (!s || !(s->v = op_values(ev, t.n)) || !(s->h = op_histograms(ev, t.n)) ||
        !(s->scratch = eval_scratch(ev)))
        return NULL;
    s->what = what;
    return s;
}

static int clone_select(struct eval *ev, const struct op *original, struct op **out,
                        struct series_reader **out_reader)
{
    const struct select_op *from = (const struct select_op *)original;
    struct select_op *s = new_select(ev, original->t, from->what, original->next);
    if (!s)
        return ERR_TOO_BIG;
    s->node = from->node;
    s->when = from->when;
    int rc = series_share(ev, from->reader, &s->reader);
    if (rc != 0)
        return rc;
    *out_reader = s->reader;
    *out = &s->op;
    return 0;
}

static int open_parallel(struct select_op *s, struct op **out)
{
    s->op.distinct = s->reader->distinct;
    struct parallel_leaf leaf = {&s->op, s->reader, clone_select};
    return op_open_parallel(s->op.ev, &leaf, out);
}

/* The newest sample of a bucket is known: at the end of one that is all that is wanted. */
static int open_reader(struct select_op *s, const struct selection_spec *spec, int64_t first_ms,
                       int64_t last_ms, bool needs_samples)
{
    struct eval *ev = s->op.ev;
    struct rolled_plan plan;
    const struct rolled_selector asked = {.window = &s->when,
                                          .t = s->op.t,
                                          .first_ms = first_ms,
                                          .last_ms = last_ms,
                                          .capable = !needs_samples,
                                          .span = spec->span};
    rolled_choose(ev, &asked, &plan);
    const struct series_spec series = {.matchers = spec->matchers,
                                       .n = spec->n,
                                       .min_ms = first_ms,
                                       .max_ms = last_ms,
                                       .plan = &plan,
                                       .reading = spec->wanted ? NULL : spec->reading};
    int rc = series_open(ev, &series, &s->reader);
    if (rc == 0)
        rolled_found(ev, &asked, s->reader->selection, &plan);
    return rc;
}

int open_selection(struct eval *ev, const struct selection_spec *spec, struct timeline t,
                   struct op **out)
{
    struct select_op *s = new_select(ev, t, spec->what, select_next);
    if (!s)
        return ERR_TOO_BIG;
    s->when = spec->when;
    int64_t first = window_end(&s->when, t.start_ms) - ev->lookback_ms + 1;
    int64_t last = window_end(&s->when, timeline_end(&t));
    bool needs_samples = spec->what == SELECT_START_TIME || spec->resolve_resets;
    int rc = open_reader(s, spec, first, last, needs_samples);
    if (rc != 0)
        return rc;
    s->reader->wanted = spec->wanted;
    s->reader->self = spec->self;
    s->reader->resolve_resets = spec->resolve_resets;
    return open_parallel(s, out);
}

static int open_smoothed(struct eval *ev, const struct node *n, const struct selection_spec *spec,
                         struct timeline t, struct op **out)
{
    struct select_op *s = new_select(ev, t, SELECT_VALUE, smooth_next);
    if (!s)
        return ERR_TOO_BIG;
    s->node = n;
    s->when = spec->when;
    int64_t first = window_end(&s->when, t.start_ms) - ev->lookback_ms + 1;
    int64_t last = window_end(&s->when, timeline_end(&t)) + ev->lookback_ms;
    int rc = open_reader(s, spec, first, last, true);
    return rc ? rc : open_parallel(s, out);
}

int open_selector(struct eval *ev, const struct node *n, struct timeline t, enum select_what what,
                  struct op **out)
{
    const struct selector_node *sel = &n->selector;
    struct selection_spec spec = {
        .matchers = sel->matchers, .n = sel->n, .what = what, .span = n->span};
    spec.reading = sel->reading;
    spec.resolve_resets = sel->resolve_resets;
    spec.when = (struct window_spec){.offset_ms = sel->offset.ms, .at = sel->at};
    return sel->smoothed ? open_smoothed(ev, n, &spec, t, out) : open_selection(ev, &spec, t, out);
}
