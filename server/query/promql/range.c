/* Functions of range vectors. For each series the window slides over its samples: two indices that
 * only move forward. Kernels that can do better than look at the whole window (rate.c) prepare what
 * they need once a series. */
#include "query/promql/range.h"

#include "model/histogram.h"
#include "query/promql/functions.h"
#include "query/promql/interpolate.h"
#include "query/promql/open.h"
#include "query/promql/parallel.h"
#include "query/promql/rollup.h"
#include "query/promql/step_counts.h"
#include "query/query.h"

struct range_op {
    struct op op;
    const struct range_function *function;
    struct source *source;
    struct range_call call;
    size_t work; /* samples looked at since the limits were asked */
    bool plain;  /* the row has no histograms */
    double *v;
    const struct histogram **h;
};

bool range_start_reset(int64_t before_start, int64_t before_t, int64_t start, int64_t t)
{
    if (start == 0 || start >= t || start < before_t)
        return false; // unknown, not sensible, or of the series as it was
    if (start > before_t)
        return true;
    /* It points to the sample before: a delta, unless that sample's own start is not known. */
    return before_start != 0 && before_start < before_t;
}

void range_note_ignored(struct range_call *c, const struct range_window *w)
{
    if (w->samples.nh)
        info_histograms_ignored(&c->ev->notes, c->arg_span, c->metric);
}

static bool ends_like_counter(struct str name)
{
    return str_ends(name, STR("_total")) || str_ends(name, STR("_sum")) ||
           str_ends(name, STR("_count")) || str_ends(name, STR("_bucket"));
}

/* The name, or with the feature the type label, tells whether a rate makes sense. */
static void note_non_counter(struct range_op *r, const struct labels *labels)
{
    struct annotations *notes = &r->op.ev->notes;
    struct str name = r->call.metric;
    char quoted[ANNOTATION_QUOTED_MAX], other[ANNOTATION_QUOTED_MAX];
    if (name.n == 0)
        return;
    if (r->op.ev->features & QUERY_TYPE_AND_UNIT) {
        struct str type = labels_get(labels, STR("__type__"));
        if (!str_eq(type, STR("counter")) && !str_eq(type, STR("histogram")))
            annotate_info(notes, r->call.arg_span,
                          "metric might not be a counter, __type__ label is not set to "
                          "\"counter\" or \"histogram\", got %s: %s",
                          annotation_quote(other, type), annotation_quote(quoted, name));
    } else if (!ends_like_counter(name)) {
        annotate_info(notes, r->call.arg_span,
                      "metric might not be a counter, name does not end in "
                      "_total/_sum/_count/_bucket: %s",
                      annotation_quote(quoted, name));
    }
}

/* What a kernel gave, until the next series. */
static int keep_value(struct range_op *r, int rc, struct range_value *out)
{
    if (rc > 0 && out->h && !(out->h = histogram_copy(r->call.kept, out->h)))
        return eval_memory_error(r->op.ev);
    return rc == 0 && arena_failed(r->call.scratch) ? eval_memory_error(r->op.ev) : rc;
}

static int call_kernel(struct range_op *r, const struct range_window *w, struct range_value *out)
{
    if (!w->samples.nf && !w->samples.nh)
        return 0;
    if (w->samples.nh)
        arena_reset(r->call.scratch);
    return keep_value(r, r->function->kernel(&r->call, w, out), out);
}

static int call_rolled(struct range_op *r, const struct rolled_window *w, struct range_value *out)
{
    if (w->n == 0)
        return 0;
    if (w->histograms)
        arena_reset(r->call.scratch);
    return keep_value(r, r->function->rolled->kernel(&r->call, w, out), out);
}

/* One series may have work for minutes: the limits are asked about each so many samples. */
static int tick(struct range_op *r, size_t samples)
{
    enum { SAMPLES_PER_TICK = 1 << 20 };
    r->work += samples + 1;
    if (r->work < SAMPLES_PER_TICK)
        return 0;
    r->work = 0;
    return limits_tick(r->op.ev->limits, r->op.ev->err);
}

static void put_value(struct range_op *r, size_t step, int rc, const struct range_value *value,
                      bool *out_floats)
{
    r->v[step] = rc ? value->v : HOLE;
    r->h[step] = rc ? value->h : NULL;
    r->plain &= !r->h[step];
    *out_floats |= rc && !value->h;
}

static int eval_steps(struct range_op *r, const struct samples *all, bool *out_floats)
{
    const struct window_spec *spec = &r->call.window;
    int64_t lookback = r->op.ev->lookback_ms;
    int64_t before = spec->anchored || spec->smoothed ? lookback : 0;
    int64_t behind = spec->smoothed ? lookback : 0;
    struct sample_window moving = {0};
    for (size_t step = 0; step < r->op.t.n; step++) {
        struct range_window w = {.eval_ms = timeline_at(&r->op.t, step), .step = step};
        struct range_value value = {0};
        w.end_ms = window_end(spec, w.eval_ms);
        w.start_ms = w.end_ms - spec->range_ms;
        w.samples = sample_window_move(&moving, all, w.start_ms - before, w.end_ms + behind);
        w.f_from = moving.f_from;
        w.h_from = moving.h_from;
        int rc = tick(r, w.samples.nf + w.samples.nh);
        if (rc == 0)
            rc = call_kernel(r, &w, &value);
        if (rc < 0)
            return rc;
        put_value(r, step, rc, &value, out_floats);
    }
    return 0;
}

static int eval_rolled_steps(struct range_op *r, const struct aggregates *rows, bool *out_floats)
{
    struct rolled_cursor cursor = {0};
    for (size_t step = 0; step < r->op.t.n; step++) {
        struct range_value value = {0};
        struct rolled_window w = rolled_window_at(r->source->rolled, &r->call.window, rows, &cursor,
                                                  timeline_at(&r->op.t, step));
        int rc = tick(r, w.n);
        count_samples(&r->op, step, w.n);
        if (rc == 0)
            rc = call_rolled(r, &w, &value);
        if (rc < 0)
            return rc;
        put_value(r, step, rc, &value, out_floats);
    }
    return 0;
}

/* For all steps at once, whichever way their values come about. */
static void count_windows(const struct range_op *r, const struct samples *all)
{
    struct sample_window moving = {0};
    for (size_t step = 0; op_counts(&r->op) && step < r->op.t.n; step++) {
        int64_t end = window_end(&r->call.window, timeline_at(&r->op.t, step));
        struct samples in = sample_window_move(&moving, all, end - r->call.window.range_ms, end);
        count_samples(&r->op, step, samples_weight(&in));
    }
}

static int eval_samples(struct range_op *r, const struct samples *samples, bool *out_floats)
{
    r->call.all = samples;
    count_windows(r, samples);
    int rc = r->function->prepare ? r->function->prepare(&r->call) : 0;
    if (rc != 0)
        return rc;
    rc = r->function->row && !samples->nh ? r->function->row(&r->call, &r->op.t, r->v) : 0;
    if (rc <= 0)
        return rc ? rc : eval_steps(r, samples, out_floats);
    *out_floats = !row_is_empty(&(struct row){.v = r->v}, r->op.t.n);
    return tick(r, samples->nf + r->op.t.n);
}

static int eval_series(struct range_op *r, const struct sample_series *s, struct row *out)
{
    bool floats = false;
    r->plain = true;
    arena_reset(r->call.kept);
    r->call.metric = labels_metric_name(&s->labels);
    int rc =
        s->rows ? eval_rolled_steps(r, s->rows, &floats) : eval_samples(r, &s->samples, &floats);
    if (rc != 0)
        return rc;
    if (r->function->counter && floats)
        note_non_counter(r, &s->labels);
    *out = (struct row){s->labels, s->drop_name, r->v, r->plain ? NULL : r->h};
    return r->function->keeps_name ? 0 : row_drop_name(r->op.ev, out);
}

static int range_next(struct op *op, struct row *out)
{
    struct range_op *r = (struct range_op *)op;
    struct sample_series s;
    int rc;
    while ((rc = r->source->next(r->source, &s)) > 0) {
        rc = eval_series(r, &s, out);
        if (rc != 0)
            return rc;
        if (!row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

static struct range_op *new_range(struct eval *ev, const struct range_function *f,
                                  struct timeline t)
{
    struct range_op *r = op_new(ev, sizeof *r, t, range_next);
    if (!r || !(r->v = op_values(ev, t.n)) || !(r->h = op_histograms(ev, t.n)) ||
        !(r->call.scratch = eval_scratch(ev)) || !(r->call.kept = eval_scratch(ev)))
        return NULL;
    r->function = f;
    r->call.ev = ev;
    return r;
}

static int check_modifiers(struct eval *ev, const struct function *f, const struct window_spec *w)
{
    if (w->anchored && !f->range->anchored)
        return err_set(ev->err, ERR_UNSUPPORTED,
                       "anchored modifier can only be used with: changes, delta, increase, rate, "
                       "resets - not with %s",
                       f->name);
    if (w->smoothed && !f->range->smoothed)
        return err_set(ev->err, ERR_UNSUPPORTED,
                       "smoothed modifier can only be used with: delta, increase, rate - not with "
                       "%s",
                       f->name);
    return 0;
}

static int clone_range(struct eval *ev, const struct op *original, struct op **out,
                       struct series_reader **out_reader)
{
    const struct range_op *from = (const struct range_op *)original;
    struct range_op *r = new_range(ev, from->function, original->t);
    if (!r)
        return ERR_TOO_BIG;
    r->call.arg_span = from->call.arg_span;
    r->call.window = from->call.window;
    for (size_t i = 0; i < RANGE_PARAMETERS_MAX; i++) {
        r->call.parameters[i] = from->call.parameters[i];
        r->call.parameter_spans[i] = from->call.parameter_spans[i];
    }
    int rc = source_share(ev, from->source, from->function->rolled, &r->source);
    if (rc != 0)
        return rc;
    *out_reader = source_reader(r->source);
    *out = &r->op;
    return 0;
}

static size_t range_argument(const struct node *n)
{
    size_t i = 0;
    while (i + 1 < n->call.n && n->call.args[i]->type != VALUE_MATRIX)
        i++;
    return i;
}

static int eval_parameters(struct range_op *r, const struct node *n, size_t range_arg)
{
    size_t k = 0;
    for (size_t i = 0; i < n->call.n && k < RANGE_PARAMETERS_MAX; i++) {
        double *v;
        if (i == range_arg)
            continue;
        int rc = eval_scalar_alloc(r->op.ev, n->call.args[i], r->op.t, &v);
        if (rc != 0)
            return rc;
        r->call.parameter_spans[k] = n->call.args[i]->span;
        r->call.parameters[k++] = v;
    }
    return 0;
}

int open_range_call(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct function *f = n->call.function;
    struct range_op *r = new_range(ev, f->range, t);
    if (!r)
        return ERR_TOO_BIG;
    size_t arg = range_argument(n);
    r->call.arg_span = n->call.args[arg]->span;
    int rc = eval_parameters(r, n, arg);
    if (rc == 0)
        rc = source_open(ev, n->call.args[arg], t, f->range->rolled, &r->source);
    if (rc != 0)
        return rc;
    r->call.window = r->source->window;
    rc = check_modifiers(ev, f, &r->call.window);
    if (rc != 0)
        return rc;
    r->op.distinct = r->source->distinct;
    *out = &r->op;
    struct parallel_leaf leaf = {&r->op, source_reader(r->source), clone_range};
    rc = leaf.reader ? op_open_parallel(ev, &leaf, out) : 0;
    if (rc != 0 || f->range->keeps_name)
        return rc;
    return op_finish_dropped(ev, *out, r->source->distinct, out);
}
