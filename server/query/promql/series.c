/* Reading series of the store one after another into one set of columns. */
#include "query/promql/open.h"

#include "base/time.h"
#include "model/histogram.h"
#include "model/matcher.h"
#include "query/promql/hist.h"
#include "query/promql/reading.h"
#include "query/promql/rollup.h"

static void close_reader(struct op *op)
{
    struct series_reader *r = (struct series_reader *)op;
    columns_done(&r->own);
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

static int select_from_store(struct eval *ev, const struct series_spec *s, struct selection **out)
{
    const struct rolled_plan *plan = s->plan;
    int64_t began = time_now_mono_ns();
    struct budget *memory = &ev->limits->memory;
    int rc = plan->ask
                 ? store_select_aggregated(ev->store, s->matchers, s->n, s->min_ms, s->max_ms,
                                           plan->resolution_ms, plan->prefer, memory, out, ev->err)
                 : store_select(ev->store, s->matchers, s->n, s->min_ms, s->max_ms, 0, memory, out,
                                ev->err);
    ev->select_ns += time_now_mono_ns() - began;
    return rc;
}

/* A selection that is there, or a new one, which may become that of others. Samples by step are
 * counted for each selector, so then each reads. */
static int select_series(struct eval *ev, const struct series_spec *s, struct series_reader *r)
{
    struct reading *together = s->plan->ask || ev->counts ? NULL : s->reading;
    if (together) {
        r->selection = common_read_selection(together->common, s->min_ms, s->max_ms);
        r->common = r->selection ? together->common : NULL;
        r->borrowed = r->selection;
    }
    if (r->selection)
        return 0;
    int rc = select_from_store(ev, s, &r->selection);
    if (rc == 0 && together && together->uses > 1)
        r->common = together->common = common_read_new(ev, r->selection, s->min_ms, s->max_ms);
    return rc;
}

int series_open(struct eval *ev, const struct series_spec *s, struct series_reader **out)
{
    struct timeline none = {0};
    struct series_reader *r = op_new(ev, sizeof *r, none, NULL);
    if (!r || !(r->histograms = eval_scratch(ev)))
        return ERR_TOO_BIG;
    r->min_ms = s->min_ms;
    r->max_ms = s->max_ms;
    int rc = select_series(ev, s, r);
    if (rc != 0)
        return rc;
    columns_init(&r->own, r->histograms);
    r->op.close = close_reader;
    r->end = selection_count(r->selection);
    ev->series_selected += r->borrowed ? 0 : r->end;
    if (store_is_damaged(ev->store, s->min_ms, s->max_ms))
        ev->notes.damaged = true;
    r->distinct = all_distinct(r, s->matchers, s->n);
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
    r->common = of->common;
    r->borrowed = true;
    r->min_ms = of->min_ms;
    r->max_ms = of->max_ms;
    r->distinct = of->distinct;
    r->resolve_resets = of->resolve_resets;
    columns_init(&r->own, r->histograms);
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

static uint64_t columns_weight(const struct columns *c)
{
    uint64_t weight = c->n;
    for (size_t i = 0; c->histogram && i < c->n; i++)
        weight += sample_weight(c->histogram[i]) - 1;
    return weight;
}

static int read_columns(struct series_reader *r, size_t i)
{
    struct eval *ev = r->op.ev;
    int rc = 0;
    r->own.damaged = 0;
    if (r->common) {
        rc = common_read_series(r->common, ev, i, r->min_ms, r->max_ms, &r->own, &r->columns);
    } else {
        rc = selection_read(r->selection, i, r->min_ms, r->max_ms, &r->own, ev->err);
        ev->limits->samples_read += r->own.n;
        r->columns = r->own;
    }
    ev->notes.damaged |= r->own.damaged > 0;
    r->held = columns_weight(&r->columns);
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
