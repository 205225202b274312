/* Scalar expressions: a value at each step, never a hole. */
#include <math.h>

#include "query/promql/functions.h"
#include "query/promql/open.h"
#include "query/promql/step_counts.h"

static void fill(double *out, size_t n, double v)
{
    for (size_t i = 0; i < n; i++)
        out[i] = v;
}

double scalar_operation(enum token op, double a, double b)
{
    switch (op) {
    case TOKEN_ADD: return a + b;
    case TOKEN_SUB: return a - b;
    case TOKEN_MUL: return a * b;
    case TOKEN_DIV: return a / b;
    case TOKEN_POW: return pow(a, b);
    case TOKEN_MOD: return fmod(a, b);
    case TOKEN_ATAN2: return atan2(a, b);
    case TOKEN_EQUAL_EQUAL: return a == b;
    case TOKEN_NOT_EQUAL: return a != b;
    case TOKEN_GREATER: return a > b;
    case TOKEN_LESS: return a < b;
    case TOKEN_GREATER_EQUAL: return a >= b;
    case TOKEN_LESS_EQUAL: return a <= b;
    default: return NAN;
    }
}

/* Two scalar operands into out and *b. */
static int both(struct eval *ev, const struct node *x, const struct node *y, struct timeline t,
                double *out, double **b)
{
    int rc = eval_scalar(ev, x, t, out);
    return rc ? rc : eval_scalar_alloc(ev, y, t, b);
}

static int eval_binary(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    double *b;
    enum token op = n->binary.op;
    if (op == TOKEN_TRIM_UPPER || op == TOKEN_TRIM_LOWER)
        return err_set(ev->err, ERR_UNSUPPORTED,
                       "operator \"%.*s\" not allowed for Scalar operations",
                       STR_ARG(token_text(op)));
    int rc = both(ev, n->binary.lhs, n->binary.rhs, t, out, &b);
    for (size_t i = 0; rc == 0 && i < t.n; i++)
        out[i] = scalar_operation(op, out[i], b[i]);
    return rc;
}

static int eval_unary(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    int rc = eval_scalar(ev, n->unary.expr, t, out);
    for (size_t i = 0; rc == 0 && n->unary.op == TOKEN_SUB && i < t.n; i++)
        out[i] = -out[i];
    return rc;
}

int eval_scalar(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    if (n->once && t.n > 1) {
        struct timeline first = {t.start_ms, t.step_ms, 1};
        enum step_counting was = count_as(ev, COUNT_AT_ALL);
        int rc = eval_scalar(ev, n, first, out);
        count_as_before(ev, was);
        if (rc == 0)
            fill(out, t.n, out[0]);
        return rc;
    }
    switch (n->kind) {
    case NODE_NUMBER: fill(out, t.n, n->number.value); return 0;
    case NODE_PAREN: return eval_scalar(ev, n->paren.expr, t, out);
    case NODE_UNARY: return eval_unary(ev, n, t, out);
    case NODE_BINARY: return eval_binary(ev, n, t, out);
    case NODE_CALL:
        if (!NEVER(!n->call.function->scalar))
            return n->call.function->scalar(ev, n, t, out);
        break;
    default: break;
    }
    return err_set(ev->err, ERR_INTERNAL, "a scalar was expected");
}

int eval_scalar_alloc(struct eval *ev, const struct node *n, struct timeline t, double **out)
{
    double *v = op_values(ev, t.n);
    if (!v)
        return ERR_TOO_BIG;
    int rc = eval_scalar(ev, n, t, v);
    if (rc == 0)
        *out = v;
    return rc;
}

/* --- functions -------------------------------------------------------------------------------- */

int scalar_time(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)ev;
    (void)n;
    for (size_t i = 0; i < t.n; i++)
        out[i] = (double)timeline_at(&t, i) / 1000;
    return 0;
}

int scalar_pi(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)ev;
    (void)n;
    fill(out, t.n, M_PI);
    return 0;
}

/* The value of the only series with a float; NaN if there are none or several. */
int scalar_of_vector(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    struct op *from;
    struct row r;
    double *seen = op_values(ev, t.n);
    int rc = seen ? op_open(ev, n->call.args[0], t, &from) : ERR_TOO_BIG;
    if (rc != 0)
        return rc;
    fill(out, t.n, NAN);
    while ((rc = op_next(from, &r)) > 0) {
        for (size_t i = 0; i < t.n; i++) {
            if (is_hole(r.v[i]) || row_histogram(&r, i))
                continue;
            out[i] = seen[i] == 0 ? r.v[i] : NAN;
            seen[i]++;
        }
    }
    return rc;
}

static double larger(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmax(a, b);
}

static double smaller(double a, double b)
{
    return isnan(a) || isnan(b) ? NAN : fmin(a, b);
}

static int choose(struct eval *ev, const struct node *n, struct timeline t, double *out,
                  double (*f)(double, double))
{
    double *b;
    int rc = both(ev, n->call.args[0], n->call.args[1], t, out, &b);
    for (size_t i = 0; rc == 0 && i < t.n; i++)
        out[i] = f(out[i], b[i]);
    return rc;
}

int scalar_max_of(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    return choose(ev, n, t, out, larger);
}

int scalar_min_of(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    return choose(ev, n, t, out, smaller);
}

/* start(), end(), range() and step() are of the query, in subqueries too. */
int scalar_start(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)n;
    fill(out, t.n, (double)ev->query.start_ms / 1000);
    return 0;
}

int scalar_end(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)n;
    fill(out, t.n, (double)ev->query_end_ms / 1000);
    return 0;
}

int scalar_range(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)n;
    fill(out, t.n, (double)(ev->query_end_ms - ev->query.start_ms) / 1000);
    return 0;
}

int scalar_step(struct eval *ev, const struct node *n, struct timeline t, double *out)
{
    (void)n;
    fill(out, t.n, (double)ev->query.step_ms / 1000);
    return 0;
}
