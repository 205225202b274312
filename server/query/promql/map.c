/* Functions of one sample at a time: each row is changed in place and handed on. */
#include <math.h>

#include "base/time.h"
#include "query/promql/functions.h"
#include "query/promql/hist.h"
#include "query/promql/open.h"
#include "query/query.h"

struct map_op {
    struct op op;
    struct op *from;
    const struct function *function;
    double *a, *b; /* scalar arguments by step */
    struct arena *scratch;
    /* Changes the row; false drops it whole. */
    bool (*apply)(struct map_op *m, struct row *r);
};

static int map_next(struct op *op, struct row *out)
{
    struct map_op *m = (struct map_op *)op;
    int rc;
    while ((rc = op_next(m->from, out)) > 0) {
        bool kept = m->apply(m, out);
        rc = row_drop_name(op->ev, out);
        if (rc != 0)
            return rc;
        if (kept && !row_is_empty(out, op->t.n))
            return 1;
    }
    return rc;
}

static int map_open(struct eval *ev, const struct node *n, const struct node *arg,
                    struct timeline t, bool (*apply)(struct map_op *m, struct row *r),
                    struct op **out)
{
    struct map_op *m = op_new(ev, sizeof *m, t, map_next);
    if (!m)
        return ERR_TOO_BIG;
    m->function = n->kind == NODE_CALL ? n->call.function : NULL;
    m->apply = apply;
    int rc = op_open(ev, arg, t, &m->from);
    if (rc != 0)
        return rc;
    return op_finish_dropped(ev, &m->op, m->from->distinct, out);
}

/* --- floats to floats ------------------------------------------------------------------------- */

static bool apply_map(struct map_op *m, struct row *r)
{
    row_drop_histograms(r, m->op.t.n);
    for (size_t i = 0; i < m->op.t.n; i++)
        if (!is_hole(r->v[i]))
            r->v[i] = m->function->map(r->v[i]);
    return true;
}

int open_map(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return map_open(ev, n, n->call.args[0], t, apply_map, out);
}

/* NaN if one of the two is, as Go's math.Max has it. */
static double largest(double a, double b)
{
    if (isnan(a) || isnan(b))
        return a == INFINITY || b == INFINITY ? INFINITY : NAN;
    return a > b ? a : b;
}

static double smallest(double a, double b)
{
    if (isnan(a) || isnan(b))
        return a == -INFINITY || b == -INFINITY ? -INFINITY : NAN;
    return a < b ? a : b;
}

static bool apply_clamp(struct map_op *m, struct row *r)
{
    row_drop_histograms(r, m->op.t.n);
    for (size_t i = 0; i < m->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        bool empty = m->b[i] < m->a[i];
        r->v[i] = empty ? HOLE : largest(m->a[i], smallest(m->b[i], r->v[i]));
    }
    return true;
}

static int constant(struct eval *ev, size_t n, double v, double **out)
{
    *out = op_values(ev, n);
    for (size_t i = 0; *out && i < n; i++)
        (*out)[i] = v;
    return *out ? 0 : ERR_TOO_BIG;
}

/* clamp(v, min, max), clamp_min(v, min), clamp_max(v, max) */
int open_clamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const char *name = n->call.function->name;
    bool min = strcmp(name, "clamp_max") != 0, max = strcmp(name, "clamp_min") != 0;
    double *a, *b;
    int rc = min ? eval_scalar_alloc(ev, n->call.args[1], t, &a) : constant(ev, t.n, -INFINITY, &a);
    if (rc == 0)
        rc = max ? eval_scalar_alloc(ev, n->call.args[n->call.n - 1], t, &b)
                 : constant(ev, t.n, INFINITY, &b);
    if (rc != 0)
        return rc;
    struct map_op *m = op_new(ev, sizeof *m, t, map_next);
    if (!m)
        return ERR_TOO_BIG;
    m->apply = apply_clamp;
    m->a = a;
    m->b = b;
    rc = op_open(ev, n->call.args[0], t, &m->from);
    return rc ? rc : op_finish_dropped(ev, &m->op, m->from->distinct, out);
}

/* To a multiple of the argument, ties up. The inverse costs less accuracy. */
static bool apply_round(struct map_op *m, struct row *r)
{
    row_drop_histograms(r, m->op.t.n);
    for (size_t i = 0; i < m->op.t.n; i++) {
        double inverse = 1 / (m->a ? m->a[i] : 1);
        if (!is_hole(r->v[i]))
            r->v[i] = floor(r->v[i] * inverse + 0.5) / inverse;
    }
    return true;
}

int open_round(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct map_op *m = op_new(ev, sizeof *m, t, map_next);
    if (!m)
        return ERR_TOO_BIG;
    m->apply = apply_round;
    int rc = n->call.n > 1 ? eval_scalar_alloc(ev, n->call.args[1], t, &m->a) : 0;
    if (rc == 0)
        rc = op_open(ev, n->call.args[0], t, &m->from);
    return rc ? rc : op_finish_dropped(ev, &m->op, m->from->distinct, out);
}

/* --- signs ------------------------------------------------------------------------------------ */

static bool apply_minus(struct map_op *m, struct row *r)
{
    arena_reset(m->scratch);
    for (size_t i = 0; i < m->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        if (row_histogram(r, i))
            r->h[i] = hist_mul(m->scratch, r->h[i], -1);
        else
            r->v[i] = -r->v[i];
    }
    return true;
}

int open_unary(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    if (n->unary.op == TOKEN_ADD)
        return op_open(ev, n->unary.expr, t, out);
    struct map_op *m = op_new(ev, sizeof *m, t, map_next);
    if (!m || !(m->scratch = eval_scratch(ev)))
        return ERR_TOO_BIG;
    m->apply = apply_minus;
    int rc = op_open(ev, n->unary.expr, t, &m->from);
    return rc ? rc : op_finish_dropped(ev, &m->op, m->from->distinct, out);
}

/* --- times ------------------------------------------------------------------------------------ */

/* The time of the step, for what is not a selector. */
static bool apply_step_time(struct map_op *m, struct row *r)
{
    for (size_t i = 0; i < m->op.t.n; i++)
        if (!is_hole(r->v[i]))
            r->v[i] = (double)timeline_at(&m->op.t, i) / 1000;
    r->h = NULL;
    return true;
}

static bool apply_nothing(struct map_op *m, struct row *r)
{
    (void)m;
    (void)r;
    return true;
}

static int selected_time(struct eval *ev, const struct node *selector, struct timeline t,
                         enum select_what what, struct op **out)
{
    struct map_op *m = op_new(ev, sizeof *m, t, map_next);
    if (!m)
        return ERR_TOO_BIG;
    m->apply = apply_nothing;
    int rc = open_selector(ev, selector, t, what, &m->from);
    return rc ? rc : op_finish_dropped(ev, &m->op, m->from->distinct, out);
}

int open_timestamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct node *arg = node_unwrap(n->call.args[0]);
    if (arg->kind == NODE_SELECTOR && !arg->selector.smoothed)
        return selected_time(ev, arg, t, SELECT_TIME, out);
    return map_open(ev, n, arg, t, apply_step_time, out);
}

/* Start times are known of selected samples only; there is nothing to say of others. */
int open_start_timestamp(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct node *arg = node_unwrap(n->call.args[0]);
    bool known = arg->kind == NODE_SELECTOR && !arg->selector.smoothed &&
                 (ev->features & QUERY_START_TIMESTAMPS);
    if (known)
        return selected_time(ev, arg, t, SELECT_START_TIME, out);
    return op_open_table(ev, t, (struct table){0}, out);
}

/* As Go converts on amd64: what does not fit, NaN too, is the least number. */
static int64_t whole_seconds(double v)
{
    return v >= -0x1p63 && v < 0x1p63 ? (int64_t)v : INT64_MIN;
}

static bool apply_date(struct map_op *m, struct row *r)
{
    row_drop_histograms(r, m->op.t.n);
    for (size_t i = 0; i < m->op.t.n; i++) {
        if (is_hole(r->v[i]))
            continue;
        r->v[i] = m->function->of_time(whole_seconds(r->v[i]));
    }
    return true;
}

/* hour() is of the time of the step; hour(v) of the values. */
int open_date(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    if (n->call.n)
        return map_open(ev, n, n->call.args[0], t, apply_date, out);
    struct table table = {0};
    struct row r = {.v = op_values(ev, t.n)};
    if (!r.v)
        return ERR_TOO_BIG;
    for (size_t i = 0; i < t.n; i++) {
        int64_t ms = timeline_at(&t, i);
        r.v[i] = n->call.function->of_time(ms / 1000);
    }
    int rc = table_add(ev, &table, &r, t.n);
    return rc ? rc : op_open_table(ev, t, table, out);
}

/* --- histograms to floats --------------------------------------------------------------------- */

static bool apply_of_histogram(struct map_op *m, struct row *r)
{
    if (!r->h)
        return false;
    for (size_t i = 0; i < m->op.t.n; i++)
        r->v[i] = !is_hole(r->v[i]) && r->h[i] ? m->function->of_histogram(r->h[i]) : HOLE;
    r->h = NULL;
    return true;
}

int open_of_histogram(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return map_open(ev, n, n->call.args[0], t, apply_of_histogram, out);
}

/* --- scalars to vectors ----------------------------------------------------------------------- */

int open_vector(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct table table = {0};
    struct row r = {0};
    int rc = eval_scalar_alloc(ev, n->call.args[0], t, &r.v);
    if (rc == 0)
        rc = table_add(ev, &table, &r, t.n);
    return rc ? rc : op_open_table(ev, t, table, out);
}
