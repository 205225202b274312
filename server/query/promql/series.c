/* Reading series of the store one after another into one set of columns. */
#include "query/promql/open.h"

#include "base/time.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "query/promql/hist.h"
#include "query/promql/rollup.h"

static void close_reader(struct op *op)
{
    struct series_reader *r = (struct series_reader *)op;
    columns_done(&r->columns);
    if (r->rows)
        aggregates_done(r->rows);
    if (!r->borrowed)
        selection_free(r->selection);
    r->selection = NULL;
}

/* Without the name two series could be alike, unless all have the same one (and no type or unit,
 * which go with it). */
static bool all_distinct(const struct series_reader *r, const struct matcher *m, size_t n)
{
    bool one_name = false;
    for (size_t i = 0; i < n; i++)
        one_name |= m[i].op == MATCH_EQUAL && str_eq(m[i].name, LABEL_NAME);
    for (size_t i = 0; one_name && i < selection_count(r->selection); i++) {
        const struct labels *l = selection_labels(r->selection, i);
        if (labels_get(l, STR("__type__")).n || labels_get(l, STR("__unit__")).n)
            return false;
    }
    return one_name;
}

int series_open(struct eval *ev, const struct matcher *matchers, size_t n, int64_t min_ms,
                int64_t max_ms, const struct rolled_plan *plan, struct series_reader **out)
{
    struct timeline none = {0};
    struct series_reader *r = op_new(ev, sizeof *r, none, NULL);
    if (!r || !(r->histograms = eval_scratch(ev)))
        return ERR_TOO_BIG;
    r->min_ms = min_ms;
    r->max_ms = max_ms;
    columns_init(&r->columns, r->histograms);
    int64_t began = time_now_mono_ns();
    int rc = plan->ask ? store_select_aggregated(ev->store, matchers, n, min_ms, max_ms,
                                                 plan->resolution_ms, plan->prefer,
                                                 &ev->limits->memory, &r->selection, ev->err)
                       : store_select(ev->store, matchers, n, min_ms, max_ms, 0,
                                      &ev->limits->memory, &r->selection, ev->err);
    ev->select_ns += time_now_mono_ns() - began;
    if (rc != 0) {
        columns_done(&r->columns);
        return rc;
    }
    r->op.close = close_reader;
    r->end = selection_count(r->selection);
    ev->series_selected += r->end;
    if (store_is_damaged(ev->store, min_ms, max_ms))
        ev->notes.damaged = true;
    r->distinct = all_distinct(r, matchers, n);
    *out = r;
    return 0;
}

int series_share(struct eval *ev, const struct series_reader *of, struct series_reader **out)
{
    struct timeline none = {0};
    struct series_reader *r = op_new(ev, sizeof *r, none, NULL);
    if (!r || !(r->histograms = eval_scratch(ev)))
        return ERR_TOO_BIG;
    r->op.close = close_reader;
    r->selection = of->selection;
    r->borrowed = true;
    r->min_ms = of->min_ms;
    r->max_ms = of->max_ms;
    r->distinct = of->distinct;
    r->resolve_resets = of->resolve_resets;
    columns_init(&r->columns, r->histograms);
    *out = r;
    return 0;
}

/* The reference reads only count and sum for histogram_count() and its like, and finds counter
 * resets while it does: what was unknown becomes a reset or none. Warnings depend on it. */
static int resolve_resets(struct series_reader *r)
{
    struct columns *c = &r->columns;
    const struct histogram *before = NULL;
    for (size_t i = 0; c->histogram && i < c->n; i++) {
        const struct histogram *h = c->histogram[i];
        if (!h || histogram_is_stale(h))
            continue;
        if (before && h->reset == HISTOGRAM_RESET_UNKNOWN) {
            bool reset = hist_detect_reset(r->histograms, h, before);
            h = hist_with_reset(r->histograms, h, reset ? HISTOGRAM_RESET_YES : HISTOGRAM_RESET_NO);
            if (!h)
                return eval_memory_error(r->op.ev);
            c->histogram[i] = h;
        }
        before = h;
    }
    return 0;
}

/* A bucket takes as much memory as so many samples. */
enum { BUCKET_SAMPLES = 8 };

static int read_rows(struct series_reader *r, size_t i)
{
    struct eval *ev = r->op.ev;
    int rc = selection_read_aggregates(r->selection, i, r->min_ms, r->max_ms, r->rows_resolution_ms,
                                       r->rows, ev->err);
    ev->notes.damaged |= r->rows->damaged > 0;
    ev->limits->samples_read += r->rows->samples ? r->rows->samples : r->rows->n;
    r->held = r->rows->n * BUCKET_SAMPLES;
    if (rc == 0)
        rolled_drop_empty(r->rows);
    return rc;
}

static int read_columns(struct series_reader *r, size_t i)
{
    struct eval *ev = r->op.ev;
    int rc = selection_read(r->selection, i, r->min_ms, r->max_ms, &r->columns, ev->err);
    ev->notes.damaged |= r->columns.damaged > 0;
    ev->limits->samples_read += r->columns.n;
    r->held = r->columns.n;
    return rc;
}

int series_next(struct series_reader *r, struct labels *out)
{
    struct eval *ev = r->op.ev;
    while (r->at < r->end && r->at < selection_count(r->selection)) {
        size_t i = r->at++;
        if (r->wanted && !r->wanted(r->self, selection_labels(r->selection, i)))
            continue;
        int rc = limits_tick(ev->limits, ev->err);
        if (rc != 0)
            return rc;
        limits_release(ev->limits, r->held);
        r->held = 0;
        arena_reset(r->histograms);
        rc = r->rows ? read_rows(r, i) : read_columns(r, i);
        if (rc != 0)
            return arena_failed(r->histograms) ? eval_memory_error(ev) : rc;
        rc = limits_hold(ev->limits, r->held, ev->err);
        if (rc != 0)
            return rc;
        rc = r->resolve_resets ? resolve_resets(r) : 0;
        if (rc != 0)
            return rc;
        *out = *selection_labels(r->selection, i);
        if (r->rows ? r->rows->n : r->columns.n)
            return 1;
    }
    return 0;
}
