/* Aggregations: rows stream through, only the groups are held. Each operator has a state per group
 * that is arrays over the steps, a function that takes a row in, and one that makes the result. */
#include <math.h>

#include "model/histogram_sum.h"
#include "model/kahan.h"
#include "query/promql/functions.h"
#include "query/promql/group.h"
#include "query/promql/hist.h"
#include "query/promql/open.h"
#include "query/promql/quantile.h"

struct aggregate_op;

/* One of these per group; which arrays exist depends on the operator. */
struct state {
    double *a, *b, *n;          /* sum or mean or extreme; what rounding lost; count */
    unsigned char *flags;       /* by step */
    struct hist_average **hist; /* by step; NULL: no histogram so far */
    double **values;            /* quantile: values by step, cap as in `n` and `room` */
    uint32_t *room;
};

enum {
    HAS_FLOAT = 1,
    HAS_HISTOGRAM = 2,
    INCOMPATIBLE = 4,
    INCREMENTAL = 8,
    SAW_RESET = 16,
    SAW_NO_RESET = 32
};

struct aggregator {
    const char *name;
    /* Takes one row into the state of its group. */
    int (*take)(struct aggregate_op *a, struct state *s, const struct row *r);
    /* Writes the group's row; steps without a value are holes already. */
    int (*finish)(struct aggregate_op *a, struct state *s, struct row *out);
    bool values;     /* needs state.values */
    bool histograms; /* needs state.hist when one comes */
};

struct aggregate_op {
    struct op op;
    const struct node *node;
    const struct aggregator *aggregator;
    struct op *from;
    struct grouping groups;
    double *parameter;
    struct arena *histograms; /* sums in the making */
    bool filled;
    size_t at;
};

/* --- sum and average -------------------------------------------------------------------------- */

static void add_float(struct state *s, size_t i, double v)
{
    if (s->flags[i] & HAS_FLOAT) {
        kahan_add(v, &s->a[i], &s->b[i]);
    } else {
        s->a[i] = v;
        s->flags[i] |= HAS_FLOAT;
    }
}

/* Incompatible ones end the sum of this step; what is wrong is said once. */
static int take_sum_histogram(struct aggregate_op *a, struct state *s, size_t i,
                              const struct row *r, bool average)
{
    struct eval *ev = a->op.ev;
    const struct histogram *h = r->h[i];
    s->flags[i] |= HAS_HISTOGRAM;
    if (s->flags[i] & INCOMPATIBLE)
        return 0;
    s->flags[i] |= h->reset == HISTOGRAM_RESET_YES  ? SAW_RESET
                   : h->reset == HISTOGRAM_RESET_NO ? SAW_NO_RESET
                                                    : 0;
    if (!s->hist && !(s->hist = eval_alloc(ev, a->op.t.n, sizeof *s->hist)))
        return ERR_TOO_BIG;
    if (!s->hist[i]) {
        if (!(s->hist[i] = arena_zalloc(a->histograms, sizeof **s->hist)))
            return eval_memory_error(ev);
        s->hist[i]->sum.arena = a->histograms;
    }
    struct hist_average *sum = s->hist[i];
    bool ok = average ? hist_average_add(sum, h) : hist_sum_add(&sum->sum, h);
    if (ok)
        return 0;
    if (!(sum->sum.flags & HIST_INCOMPATIBLE))
        return eval_memory_error(ev);
    s->flags[i] |= INCOMPATIBLE;
    warn_mixed_schemas(&ev->notes, a->node->aggregate.expr->span, labels_metric_name(&r->labels));
    return 0;
}

static int take_sum(struct aggregate_op *a, struct state *s, const struct row *r)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        int rc = 0;
        if (row_histogram(r, i))
            rc = take_sum_histogram(a, s, i, r, false);
        else
            add_float(s, i, r->v[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* The mean of the sum, unless the sum overflows: then the mean is carried from there on. */
static void average_float(struct state *s, size_t i, double v)
{
    double n = ++s->n[i];
    if (!(s->flags[i] & HAS_FLOAT)) {
        add_float(s, i, v);
        return;
    }
    if (!(s->flags[i] & INCREMENTAL)) {
        double sum = s->a[i], lost = s->b[i];
        kahan_add(v, &sum, &lost);
        if (!isinf(sum)) {
            s->a[i] = sum;
            s->b[i] = lost;
            return;
        }
        s->flags[i] |= INCREMENTAL;
        s->a[i] /= n - 1;
        s->b[i] /= n - 1;
    }
    s->a[i] *= (n - 1) / n;
    s->b[i] *= (n - 1) / n;
    kahan_add(v / n, &s->a[i], &s->b[i]);
}

static int take_avg(struct aggregate_op *a, struct state *s, const struct row *r)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        int rc = 0;
        if (row_histogram(r, i))
            rc = take_sum_histogram(a, s, i, r, true);
        else
            average_float(s, i, r->v[i]);
        if (rc != 0)
            return rc;
    }
    return 0;
}

/* A histogram at step i, or none: mixed with floats, or incompatible ones. */
static int finish_histogram(struct aggregate_op *a, struct state *s, size_t i, bool average,
                            struct row *out)
{
    struct eval *ev = a->op.ev;
    struct span at = a->node->aggregate.expr->span;
    if (s->flags[i] & HAS_FLOAT) {
        warn_mixed_floats_histograms_aggregation(&ev->notes, at);
        return 0;
    }
    if (s->flags[i] & INCOMPATIBLE)
        return 0;
    if ((s->flags[i] & SAW_RESET) && (s->flags[i] & SAW_NO_RESET))
        warn_reset_collision(&ev->notes, at, "aggregation");
    struct hist_average *sum = s->hist[i];
    if (sum->sum.flags & HIST_BOUNDS_RECONCILED)
        info_bounds_reconciled(&ev->notes, at, "aggregation");
    if (average)
        hist_average_finish(sum);
    if (!out->h && !(out->h = op_histograms(ev, a->op.t.n)))
        return ERR_TOO_BIG;
    if (!(out->h[i] = hist_sum_result(&sum->sum, ev->arena)))
        return eval_memory_error(ev);
    out->v[i] = 0;
    return 0;
}

static int finish_sums(struct aggregate_op *a, struct state *s, bool average, struct row *out)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (s->flags[i] & HAS_HISTOGRAM) {
            int rc = finish_histogram(a, s, i, average, out);
            if (rc != 0)
                return rc;
        } else if (s->flags[i] & HAS_FLOAT) {
            bool divide = average && !(s->flags[i] & INCREMENTAL);
            double by = divide ? s->n[i] : 1;
            out->v[i] = s->a[i] / by + s->b[i] / by;
        }
    }
    return 0;
}

static int finish_sum(struct aggregate_op *a, struct state *s, struct row *out)
{
    return finish_sums(a, s, false, out);
}

static int finish_avg(struct aggregate_op *a, struct state *s, struct row *out)
{
    return finish_sums(a, s, true, out);
}

/* --- without histograms ----------------------------------------------------------------------- */

static bool float_at(struct aggregate_op *a, const struct row *r, size_t i)
{
    if (is_hole(r->v[i]))
        return false;
    if (!row_histogram(r, i))
        return true;
    annotate_info(&a->op.ev->notes, a->node->aggregate.expr->span,
                  "ignored histogram in %s aggregation", a->aggregator->name);
    return false;
}

static int take_extreme(struct aggregate_op *a, struct state *s, const struct row *r, double sign)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (!float_at(a, r, i))
            continue;
        bool first = !(s->flags[i] & HAS_FLOAT);
        if (first || sign * r->v[i] > sign * s->a[i] || isnan(s->a[i]))
            s->a[i] = r->v[i];
        s->flags[i] |= HAS_FLOAT;
    }
    return 0;
}

static int take_max(struct aggregate_op *a, struct state *s, const struct row *r)
{
    return take_extreme(a, s, r, 1);
}

static int take_min(struct aggregate_op *a, struct state *s, const struct row *r)
{
    return take_extreme(a, s, r, -1);
}

static int finish_plain(struct aggregate_op *a, struct state *s, struct row *out)
{
    for (size_t i = 0; i < a->op.t.n; i++)
        if (s->flags[i] & HAS_FLOAT)
            out->v[i] = s->a[i];
    return 0;
}

static int take_count(struct aggregate_op *a, struct state *s, const struct row *r)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        s->a[i]++;
        s->flags[i] |= HAS_FLOAT;
    }
    return 0;
}

static int take_group(struct aggregate_op *a, struct state *s, const struct row *r)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        s->a[i] = 1;
        s->flags[i] |= HAS_FLOAT;
    }
    return 0;
}

/* Welford: a the sum of squares, b the mean. */
static int take_variance(struct aggregate_op *a, struct state *s, const struct row *r)
{
    for (size_t i = 0; i < a->op.t.n; i++) {
        if (!float_at(a, r, i))
            continue;
        double delta = r->v[i] - s->b[i];
        s->flags[i] |= HAS_FLOAT;
        s->b[i] += delta / ++s->n[i];
        s->a[i] += delta * (r->v[i] - s->b[i]);
    }
    return 0;
}

static int finish_variance(struct aggregate_op *a, struct state *s, struct row *out)
{
    for (size_t i = 0; i < a->op.t.n; i++)
        if (s->flags[i] & HAS_FLOAT)
            out->v[i] = s->a[i] / s->n[i];
    return 0;
}

static int finish_deviation(struct aggregate_op *a, struct state *s, struct row *out)
{
    for (size_t i = 0; i < a->op.t.n; i++)
        if (s->flags[i] & HAS_FLOAT)
            out->v[i] = sqrt(s->a[i] / s->n[i]);
    return 0;
}

/* --- quantile --------------------------------------------------------------------------------- */

static int add_value(struct aggregate_op *a, struct state *s, size_t i, double v)
{
    size_t n = (size_t)s->n[i];
    if (n == s->room[i]) {
        uint32_t room = s->room[i] ? s->room[i] * 2 : 4;
        double *grown = arena_grow(a->op.ev->arena, s->values[i], n, room, sizeof *grown);
        if (!grown)
            return eval_memory_error(a->op.ev);
        s->values[i] = grown;
        s->room[i] = room;
    }
    s->values[i][n] = v;
    s->n[i]++;
    return 0;
}

static int take_quantile(struct aggregate_op *a, struct state *s, const struct row *r)
{
    int rc = limits_hold(a->op.ev->limits, a->op.t.n, a->op.ev->err);
    for (size_t i = 0; rc == 0 && i < a->op.t.n; i++)
        if (float_at(a, r, i))
            rc = add_value(a, s, i, r->v[i]);
    return rc;
}

static int finish_quantile(struct aggregate_op *a, struct state *s, struct row *out)
{
    for (size_t i = 0; i < a->op.t.n; i++)
        if (s->n[i] > 0)
            out->v[i] = quantile_of(a->parameter[i], s->values[i], (size_t)s->n[i]);
    return 0;
}

/* --- the operator ----------------------------------------------------------------------------- */

static const struct aggregator *aggregator_of(enum token op)
{
    static const struct aggregator sum = {"sum", take_sum, finish_sum, .histograms = true},
                                   avg = {"avg", take_avg, finish_avg, .histograms = true},
                                   max = {"max", take_max, finish_plain},
                                   min = {"min", take_min, finish_plain},
                                   count = {"count", take_count, finish_plain},
                                   group = {"group", take_group, finish_plain},
                                   stdvar = {"stdvar", take_variance, finish_variance},
                                   stddev = {"stddev", take_variance, finish_deviation},
                                   quantile = {"quantile", take_quantile, finish_quantile,
                                               .values = true};
    switch (op) {
    case TOKEN_SUM: return &sum;
    case TOKEN_AVG: return &avg;
    case TOKEN_MAX: return &max;
    case TOKEN_MIN: return &min;
    case TOKEN_COUNT: return &count;
    case TOKEN_GROUP: return &group;
    case TOKEN_STDVAR: return &stdvar;
    case TOKEN_STDDEV: return &stddev;
    case TOKEN_QUANTILE: return &quantile;
    default: return NULL;
    }
}

static struct state *new_state(struct aggregate_op *a)
{
    struct eval *ev = a->op.ev;
    size_t n = a->op.t.n;
    struct state *s = eval_alloc(ev, 1, sizeof *s);
    if (!s || !(s->a = op_values(ev, n)) || !(s->b = op_values(ev, n)) ||
        !(s->n = op_values(ev, n)) || !(s->flags = eval_alloc(ev, n, 1)))
        return NULL;
    if (a->aggregator->values && (!(s->values = eval_alloc(ev, n, sizeof(double *))) ||
                                  !(s->room = eval_alloc(ev, n, sizeof *s->room))))
        return NULL;
    return limits_hold(ev->limits, n, ev->err) == 0 ? s : NULL;
}

static int fill(struct aggregate_op *a)
{
    struct row r;
    int rc;
    a->filled = true;
    while ((rc = op_next(a->from, &r)) > 0) {
        struct group *g = grouping_of(a->op.ev, &a->groups, &r);
        if (!g || (!g->state && !(g->state = new_state(a))))
            return ERR_TOO_BIG;
        rc = a->aggregator->take(a, g->state, &r);
        if (rc != 0)
            return rc;
    }
    return rc;
}

static int give_group(struct aggregate_op *a, struct group *g, struct row *out)
{
    struct state *s = g->state;
    *out = (struct row){.labels = g->labels, .drop_name = g->drop_name};
    out->v = op_values(a->op.ev, a->op.t.n);
    if (!out->v)
        return ERR_TOO_BIG;
    for (size_t i = 0; i < a->op.t.n; i++)
        out->v[i] = HOLE;
    return a->aggregator->finish(a, s, out);
}

static int aggregate_next(struct op *op, struct row *out)
{
    struct aggregate_op *a = (struct aggregate_op *)op;
    int rc = a->filled ? 0 : fill(a);
    while (rc == 0 && a->at < a->groups.n) {
        rc = give_group(a, &a->groups.v[a->at++], out);
        if (rc == 0 && !row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

/* Of all steps, only the farthest values are told. */
static void warn_quantiles(struct eval *ev, const struct node *param, const double *q, size_t n)
{
    double max = -INFINITY, min = INFINITY;
    for (size_t i = 0; i < n; i++) {
        if (isnan(q[i])) {
            warn_quantile(&ev->notes, param->span, NAN);
            return;
        }
        max = fmax(max, q[i]);
        min = fmin(min, q[i]);
    }
    if (max > 1)
        warn_quantile(&ev->notes, param->span, max);
    if (min < 0)
        warn_quantile(&ev->notes, param->span, min);
}

static int open_plain(struct eval *ev, const struct node *n, struct timeline t, struct op *from,
                      const struct grouping *groups, struct op **out)
{
    const struct aggregate_node *node = &n->aggregate;
    struct aggregate_op *a = op_new(ev, sizeof *a, t, aggregate_next);
    if (!a || !(a->histograms = eval_scratch(ev)))
        return ERR_TOO_BIG;
    a->node = n;
    a->aggregator = aggregator_of(node->op);
    a->from = from;
    a->groups = *groups;
    /* Grouping by name keeps the labels different, but perhaps only by the name. */
    a->op.distinct = !label_filter_passes(&groups->filter, LABEL_NAME) &&
                     !label_filter_passes(&groups->filter, STR("__type__"));
    *out = &a->op;
    if (!node->param)
        return 0;
    int rc = eval_scalar_alloc(ev, node->param, t, &a->parameter);
    if (rc == 0)
        warn_quantiles(ev, node->param, a->parameter, t.n);
    return rc;
}

int open_aggregate(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct aggregate_node *a = &n->aggregate;
    struct grouping groups;
    struct op *from;
    int rc = grouping_init(ev, a, &groups);
    if (rc == 0)
        rc = op_open(ev, a->expr, t, &from);
    if (rc != 0)
        return rc;
    if (a->op == TOKEN_COUNT_VALUES)
        return open_count_values(ev, n, from, out);
    if (!aggregator_of(a->op))
        return open_aggregate_k(ev, n, from, &groups, out);
    return open_plain(ev, n, t, from, &groups, out);
}
