/* From nodes to operators. */
#include "query/promql/open.h"

#include "query/promql/functions.h"
#include "query/promql/share.h"
#include "query/promql/step_counts.h"
#include "query/promql/trace.h"

/* --- what is the same at every step ----------------------------------------------------------- */

struct repeat_op {
    struct op op;
    struct op *from; /* of one step */
    double *v;
    const struct histogram **h;
};

static int repeat_next(struct op *op, struct row *out)
{
    struct repeat_op *r = (struct repeat_op *)op;
    struct row one;
    int rc = op_next(r->from, &one);
    if (rc <= 0)
        return rc;
    *out = one;
    out->v = r->v;
    for (size_t i = 0; i < op->t.n; i++)
        r->v[i] = one.v[0];
    if (one.h) {
        out->h = r->h;
        for (size_t i = 0; i < op->t.n; i++)
            r->h[i] = one.h[0];
    }
    return 1;
}

static int open_repeat(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct repeat_op *r = op_new(ev, sizeof *r, t, repeat_next);
    if (!r || !(r->v = op_values(ev, t.n)) || !(r->h = op_histograms(ev, t.n)))
        return ERR_TOO_BIG;
    struct timeline first = {t.start_ms, t.step_ms, 1};
    enum step_counting was = count_as(ev, COUNT_AT_ALL);
    int rc = op_open(ev, n, first, &r->from);
    count_as_before(ev, was);
    if (rc != 0)
        return rc;
    r->op.distinct = r->from->distinct;
    *out = &r->op;
    return 0;
}

/* --- dispatch --------------------------------------------------------------------------------- */

static int open_call(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    const struct function *f = n->call.function;
    if (NEVER(!f->open))
        return err_set(ev->err, ERR_INTERNAL, "%s() has no implementation", f->name);
    return f->open(ev, n, t, out);
}

int open_node(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    switch (n->kind) {
    case NODE_SELECTOR: return open_selector(ev, n, t, SELECT_VALUE, out);
    case NODE_CALL: return open_call(ev, n, t, out);
    case NODE_AGGREGATE: return open_aggregate(ev, n, t, out);
    case NODE_BINARY: return open_binary(ev, n, t, out);
    case NODE_UNARY: return open_unary(ev, n, t, out);
    case NODE_PAREN: return op_open(ev, n->paren.expr, t, out);
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_MATRIX:
    case NODE_SUBQUERY:
    case NODE_DURATION: break;
    }
    return err_set(ev->err, ERR_INTERNAL, "an instant vector was expected");
}

/* What stands in one place of the expression. Samples by step are counted for each place, so then
 * each is evaluated. */
static int open_place(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    return n->shared && !ev->counts ? open_shared(ev, n, t, out) : open_node(ev, n, t, out);
}

static int open_traced(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    struct query_trace *at = trace_enter(ev, n, t);
    if (!at)
        return ERR_TOO_BIG;
    int rc = open_place(ev, n, t, out);
    int traced = trace_leave(ev, at, rc == 0 ? out : NULL);
    return rc ? rc : traced;
}

int op_open(struct eval *ev, const struct node *n, struct timeline t, struct op **out)
{
    int rc = limits_tick(ev->limits, ev->err);
    if (rc != 0)
        return rc;
    if (n->once && t.n > 1)
        return open_repeat(ev, n, t, out);
    return ev->trace ? open_traced(ev, n, t, out) : open_place(ev, n, t, out);
}
