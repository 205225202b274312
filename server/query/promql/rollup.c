/* Choosing: the coarsest resolution that all windows are whole buckets of, when the selector
 * reaches far enough back to be worth it; or, whatever the windows are, the finest one for days
 * whose samples have expired. In the second case windows that begin in such days are moved to whole
 * buckets, and the answer has an info. */
#include "query/promql/rollup.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "base/time.h"
#include "query/query.h"

/* --- choosing --------------------------------------------------------------------------------- */

static bool is_aligned(const struct rolled_selector *s, int64_t resolution_ms)
{
    bool moves = s->t.n > 1 && s->window->at.kind == AT_NONE;
    return s->window->range_ms % resolution_ms == 0 &&
           window_end(s->window, s->t.start_ms) % resolution_ms == 0 &&
           (!moves || s->t.step_ms % resolution_ms == 0);
}

static int64_t coarsest_aligned(const struct rolled_selector *s, const struct aggregates_view *v)
{
    for (size_t i = v->n; i > 0; i--)
        if (is_aligned(s, v->resolutions_ms[i - 1]))
            return v->resolutions_ms[i - 1];
    return 0;
}

void rolled_choose(struct eval *ev, const struct rolled_selector *s, struct rolled_plan *out)
{
    struct aggregates_view view;
    bool always = ev->aggregates == QUERY_AGGREGATES_ALWAYS;
    *out = (struct rolled_plan){0};
    if (ev->aggregates == QUERY_AGGREGATES_NEVER || s->t.n == 0)
        return;
    store_aggregates_view(ev->store, s->first_ms, s->last_ms, &view);
    if (view.n == 0)
        return;
    int64_t aligned_ms = s->capable ? coarsest_aligned(s, &view) : 0;
    bool far = always || s->last_ms - s->first_ms >= ev->aggregates_from_ms;
    out->prefer = s->capable && !s->needs_samples && far && (aligned_ms || always);
    out->ask = out->prefer || s->first_ms < view.raw_min_ms;
    out->resolution_ms = aligned_ms ? aligned_ms : view.resolutions_ms[0];
}

/* Reaching further back may come upon a day of which there is only a coarser resolution, which is
 * then that of the whole answer. */
int64_t rolled_reach_ms(const struct eval *ev, const struct rolled_selector *s,
                        const struct rolled_plan *p)
{
    if (!p->ask)
        return 0;
    int64_t taken_ms =
        store_aggregates_coarser(ev->store, s->first_ms, s->last_ms, p->resolution_ms);
    if (s->capable && !taken_ms && is_aligned(s, p->resolution_ms))
        return 0; // each window is a row of whole buckets as it is
    int64_t reach_ms = 0;
    for (taken_ms = MAX(taken_ms, p->resolution_ms); 2 * taken_ms > reach_ms;) {
        reach_ms = 2 * taken_ms;
        taken_ms = store_aggregates_coarser(ev->store, s->first_ms - reach_ms, s->last_ms,
                                            p->resolution_ms);
    }
    return reach_ms;
}

static void note_approximate(struct eval *ev, const struct rolled_selector *s,
                             const struct rolled_plan *p)
{
    struct buf resolution = BUF_MAX(64);
    duration_format(&resolution, p->resolution_ms);
    annotate_info(&ev->notes, s->span,
                  "values are approximate where aggregates of %.*s stand in for samples%s",
                  STR_ARG(buf_str(&resolution)), p->prefer ? "" : " that have expired");
    buf_done(&resolution);
    ev->rolled.approximate = true;
}

void rolled_found(struct eval *ev, const struct rolled_selector *s, const struct selection *found,
                  struct rolled_plan *p)
{
    struct selection_aggregates a = selection_aggregates(found);
    p->came = a.days > 0;
    if (!p->came)
        return;
    p->resolution_ms = a.resolution_ms;
    p->end_ms = a.end_ms;
    p->exact = s->capable && is_aligned(s, a.resolution_ms);
    ev->rolled.days += a.days;
    if (a.resolution_ms > ev->rolled.resolution_ms)
        ev->rolled.resolution_ms = a.resolution_ms;
    if (!p->exact)
        note_approximate(ev, s, p);
}

/* --- windows ---------------------------------------------------------------------------------- */

void rolled_drop_empty(struct aggregates *rows)
{
    size_t n = 0;
    for (size_t i = 0; i < rows->n; i++)
        if (rows->v[i].n || rows->v[i].histograms)
            rows->v[n++] = rows->v[i];
    rows->n = n;
}

static int64_t floor_to(int64_t t, int64_t unit)
{
    int64_t rest = t % unit;
    return t - (rest < 0 ? rest + unit : rest);
}

/* As many whole buckets as the range needs, up to the end of the window. */
static void widen(struct range_window *w, int64_t range_ms, int64_t resolution_ms)
{
    int64_t length = floor_to(range_ms + resolution_ms - 1, resolution_ms);
    w->end_ms = floor_to(w->end_ms, resolution_ms);
    w->start_ms = w->end_ms - length;
}

struct rolled_window rolled_window_at(const struct rolled_plan *p, const struct window_spec *spec,
                                      const struct aggregates *rows, struct rolled_cursor *c,
                                      int64_t t)
{
    struct rolled_window w = {.share = 1, .measured = {.eval_ms = t}};
    w.measured.end_ms = window_end(spec, t);
    w.measured.start_ms = w.measured.end_ms - spec->range_ms;
    if (!p->exact && w.measured.start_ms < p->end_ms) {
        widen(&w.measured, spec->range_ms, p->resolution_ms);
        w.share = (double)spec->range_ms / (double)(w.measured.end_ms - w.measured.start_ms);
    }
    while (c->from < rows->n && rows->v[c->from].t_unix_ms <= w.measured.start_ms)
        c->from++;
    if (c->to < c->from)
        c->to = c->from;
    while (c->to < rows->n && rows->v[c->to].t_unix_ms <= w.measured.end_ms)
        c->to++;
    w.n = c->to - c->from;
    w.v = w.n ? rows->v + c->from : NULL;
    for (size_t i = 0; i < w.n; i++) {
        w.floats += w.v[i].n;
        w.histograms += w.v[i].histograms ? w.v[i].histograms->n : 0;
    }
    return w;
}
