#include "query/promql/prepare.h"

#include <math.h>

#include "query/promql/functions.h"
#include "query/promql/parser.h"

struct preparation {
    const struct timeline *t;
    int64_t end_ms; /* of the query */
    struct err *err;
    int rc;
    unsigned of_counts, of_buckets; /* functions around the node: see resolve_resets */
};

/* --- durations -------------------------------------------------------------------------------- */

static double apply(struct preparation *p, enum token op, double a, double b)
{
    switch (op) {
    case TOKEN_ADD: return a + b;
    case TOKEN_SUB: return a - b;
    case TOKEN_MUL: return a * b;
    case TOKEN_POW: return pow(a, b);
    case TOKEN_DIV:
    case TOKEN_MOD:
        if (b == 0)
            p->rc =
                err_set(p->err, ERR_INVALID, "%s by zero", op == TOKEN_DIV ? "division" : "modulo");
        return op == TOKEN_DIV ? a / b : fmod(a, b);
    default: return NAN;
    }
}

/* In seconds. */
static double seconds_of(struct preparation *p, const struct node *n)
{
    if (n->kind == NODE_NUMBER)
        return n->number.value;
    const struct duration_node *d = &n->duration;
    double lhs = d->lhs ? seconds_of(p, d->lhs) : 0;
    double rhs = d->rhs ? seconds_of(p, d->rhs) : 0;
    switch (d->kind) {
    case DURATION_STEP: return (double)p->t->step_ms / 1000;
    case DURATION_RANGE: return (double)(p->end_ms - p->t->start_ms) / 1000;
    case DURATION_MIN: return fmin(lhs, rhs);
    case DURATION_MAX: return fmax(lhs, rhs);
    case DURATION_UNARY: return d->op == TOKEN_SUB ? -rhs : rhs;
    case DURATION_BINARY: break;
    }
    return apply(p, d->op, lhs, rhs);
}

static void resolve(struct preparation *p, struct duration *d, bool positive)
{
    if (!d->expr || p->rc != 0)
        return;
    double ms = trunc(seconds_of(p, d->expr) * 1000);
    if (p->rc != 0)
        return;
    if (positive && !(ms > 0))
        p->rc = err_set(p->err, ERR_INVALID, "duration must be greater than 0");
    else if (!(fabs(ms) < (double)PARSE_TIME_MAX))
        p->rc = err_set(p->err, ERR_INVALID, "duration is out of range");
    else
        d->ms = (int64_t)ms;
}

static void resolve_at(struct preparation *p, struct at *at)
{
    if (at->kind == AT_START)
        at->ms = p->t->start_ms;
    else if (at->kind == AT_END)
        at->ms = p->end_ms;
}

/* --- what is the same at every step ----------------------------------------------------------- */

/* Of a node: the same at each step; and worth (and able) to be evaluated once and repeated. */
struct constancy {
    bool constant, repeatable;
};

static struct constancy visit(struct preparation *p, struct node *n);

static struct constancy visit_binary(struct preparation *p, struct node *n)
{
    struct constancy l = visit(p, n->binary.lhs), r = visit(p, n->binary.rhs);
    if (l.constant && r.constant)
        return (struct constancy){true, true};
    n->binary.lhs->once = l.repeatable;
    n->binary.rhs->once = r.repeatable;
    return (struct constancy){false, false};
}

/* Which functions look at count and sum alone, and which at all buckets. */
static bool asks_counts(const struct function *f)
{
    struct str name = str_c(f->name);
    return str_eq(name, STR("histogram_count")) || str_eq(name, STR("histogram_sum")) ||
           str_eq(name, STR("histogram_avg"));
}

static bool asks_buckets(const struct function *f)
{
    struct str name = str_c(f->name);
    return str_eq(name, STR("histogram_quantile")) || str_eq(name, STR("histogram_fraction"));
}

static struct constancy visit_arguments(struct preparation *p, struct node *n);

static struct constancy visit_call(struct preparation *p, struct node *n)
{
    bool counts = asks_counts(n->call.function), buckets = asks_buckets(n->call.function);
    p->of_counts += counts;
    p->of_buckets += buckets;
    struct constancy c = visit_arguments(p, n);
    p->of_counts -= counts;
    p->of_buckets -= buckets;
    return c;
}

static struct constancy visit_arguments(struct preparation *p, struct node *n)
{
    bool all = !n->call.function->time_dependent;
    bool repeatable[64] = {false};
    for (size_t i = 0; i < n->call.n; i++) {
        n->call.args[i] = node_unwrap(n->call.args[i]);
        struct constancy c = visit(p, n->call.args[i]);
        all = all && c.constant;
        if (i < 64)
            repeatable[i] = c.repeatable;
    }
    if (all)
        return (struct constancy){true, true};
    for (size_t i = 0; i < n->call.n && i < 64; i++)
        n->call.args[i]->once = repeatable[i];
    return (struct constancy){false, false};
}

static struct constancy visit_aggregate(struct preparation *p, struct node *n)
{
    struct aggregate_node *a = &n->aggregate;
    a->expr = node_unwrap(a->expr);
    struct constancy param = {true, false};
    if (a->param) {
        a->param = node_unwrap(a->param);
        param = visit(p, a->param);
    }
    struct constancy c = visit(p, a->expr);
    if (c.constant && param.constant)
        return (struct constancy){true, true};
    a->expr->once = c.repeatable;
    return (struct constancy){false, false};
}

static struct constancy visit_subquery(struct preparation *p, struct node *n)
{
    struct subquery_node *s = &n->subquery;
    resolve(p, &s->range, true);
    resolve(p, &s->step, true);
    resolve(p, &s->offset, false);
    resolve_at(p, &s->at);
    p->of_buckets++; // resets between picked samples are found with all buckets
    struct constancy c = visit(p, s->expr);
    p->of_buckets--;
    s->expr->once = c.constant;
    bool pinned = s->at.kind != AT_NONE;
    return (struct constancy){pinned, false};
}

static struct constancy visit(struct preparation *p, struct node *n)
{
    switch (n->kind) {
    case NODE_SELECTOR: {
        resolve(p, &n->selector.offset, false);
        resolve_at(p, &n->selector.at);
        n->selector.resolve_resets = p->of_counts && !p->of_buckets;
        bool pinned = n->selector.at.kind != AT_NONE;
        return (struct constancy){pinned, pinned};
    }
    case NODE_MATRIX:
        resolve(p, &n->matrix.range, true);
        return (struct constancy){visit(p, n->matrix.selector).constant, false};
    case NODE_SUBQUERY: return visit_subquery(p, n);
    case NODE_AGGREGATE: return visit_aggregate(p, n);
    case NODE_BINARY: return visit_binary(p, n);
    case NODE_CALL: return visit_call(p, n);
    case NODE_PAREN: return visit(p, n->paren.expr);
    case NODE_UNARY: return visit(p, n->unary.expr);
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: break;
    }
    return (struct constancy){true, false};
}

int prepare(struct ast *ast, const struct timeline *t, int64_t end_ms, struct err *err)
{
    struct preparation p = {.t = t, .end_ms = end_ms, .err = err};
    struct constancy c = visit(&p, ast->root);
    ast->root->once = c.repeatable && ast->root->type == VALUE_VECTOR;
    return p.rc;
}
