#include "query/promql/equal.h"

#include <math.h>

#include "base/hash.h"
#include "base/word.h"
#include "model/matcher.h"
#include "query/promql/functions.h"

/* --- hashes ----------------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t x)
{
    uint64_t both[2] = {h, x};
    return hash_bytes(both, sizeof both);
}

static uint64_t mix_str(uint64_t h, struct str s)
{
    return mix(h, hash_str(s));
}

/* One NaN is as good as another: its sign is not printed. */
static uint64_t number_bits(double v)
{
    return double_bits(isnan(v) ? NAN : v);
}

static uint64_t mix_at(uint64_t h, const struct at *at)
{
    return at->kind == AT_NONE ? mix(h, 1) : mix(mix(h, 2), (uint64_t)at->ms);
}

/* Their order does not matter. */
uint64_t matchers_hash(const struct selector_node *s)
{
    uint64_t sum = hash_process_seed();
    for (size_t i = 0; i < s->n; i++) {
        const struct matcher *m = &s->matchers[i];
        sum += mix_str(mix_str((uint64_t)m->op, m->name), m->value);
    }
    return sum;
}

static uint64_t selector_hash(uint64_t h, const struct selector_node *s)
{
    h = mix_at(mix(mix(h, matchers_hash(s)), (uint64_t)s->offset.ms), &s->at);
    return mix(h, (uint64_t)s->anchored | (uint64_t)s->smoothed << 1 |
                      (uint64_t)s->labels_only << 2 | (uint64_t)s->resolve_resets << 3);
}

static uint64_t call_hash(uint64_t h, const struct call_node *c)
{
    h = mix_str(h, str_c(c->function->name));
    for (size_t i = 0; i < c->n; i++)
        h = mix(h, node_hash(c->args[i]));
    return h;
}

static uint64_t aggregate_hash(uint64_t h, const struct aggregate_node *a)
{
    h = mix(mix(h, (uint64_t)a->op), (uint64_t)a->without);
    h = mix(h, node_hash(a->expr));
    if (a->param)
        h = mix(h, node_hash(a->param));
    for (size_t i = 0; i < a->n_grouping; i++)
        h = mix_str(h, a->grouping[i]);
    return h;
}

uint64_t subquery_hash(const struct subquery_node *q)
{
    uint64_t h = mix(mix((uint64_t)q->range.ms, (uint64_t)q->step.ms), (uint64_t)q->offset.ms);
    return mix_at(h, &q->at);
}

static uint64_t own_hash(struct node *n)
{
    uint64_t h = mix(hash_process_seed(), (uint64_t)n->kind);
    switch (n->kind) {
    case NODE_NUMBER: return mix(h, number_bits(n->number.value));
    case NODE_STRING: return mix_str(h, n->string.value);
    case NODE_SELECTOR: return selector_hash(h, &n->selector);
    case NODE_MATRIX:
        return mix(mix(h, node_hash(n->matrix.selector)), (uint64_t)n->matrix.range.ms);
    case NODE_SUBQUERY:
        return mix(mix(h, node_hash(n->subquery.expr)), subquery_hash(&n->subquery));
    case NODE_CALL: return call_hash(h, &n->call);
    case NODE_AGGREGATE: return aggregate_hash(h, &n->aggregate);
    case NODE_BINARY:
        h = mix(mix(h, (uint64_t)n->binary.op), node_hash(n->binary.lhs));
        return mix(h, node_hash(n->binary.rhs));
    case NODE_UNARY: return mix(mix(h, (uint64_t)n->unary.op), node_hash(n->unary.expr));
    case NODE_PAREN: return node_hash(n->paren.expr);
    case NODE_DURATION: break;
    }
    return h;
}

uint64_t node_hash(struct node *n)
{
    return n->hash = own_hash(n);
}

/* --- equality --------------------------------------------------------------------------------- */

static bool equal_strs(const struct str *a, size_t n, const struct str *b, size_t m)
{
    bool equal = n == m;
    for (size_t i = 0; equal && i < n; i++)
        equal = str_eq(a[i], b[i]);
    return equal;
}

static bool equal_at(const struct at *a, const struct at *b)
{
    return a->kind == b->kind && (a->kind == AT_NONE || a->ms == b->ms);
}

static bool equal_durations(const struct duration *a, const struct duration *b)
{
    return a->ms == b->ms && !a->expr == !b->expr && (!a->expr || node_equal(a->expr, b->expr));
}

static bool equal_duration_nodes(const struct duration_node *a, const struct duration_node *b)
{
    return a->kind == b->kind && a->op == b->op && !a->lhs == !b->lhs && !a->rhs == !b->rhs &&
           (!a->lhs || node_equal(a->lhs, b->lhs)) && (!a->rhs || node_equal(a->rhs, b->rhs));
}

static bool equal_matchers(const struct matcher *a, const struct matcher *b)
{
    return a->op == b->op && str_eq(a->name, b->name) && str_eq(a->value, b->value);
}

static bool has_matcher(const struct selector_node *s, const struct matcher *m)
{
    for (size_t i = 0; i < s->n; i++)
        if (equal_matchers(&s->matchers[i], m))
            return true;
    return false;
}

bool matchers_equal(const struct selector_node *a, const struct selector_node *b)
{
    enum { ANY_ORDER_MAX = 128 }; // beyond it the order must be the same
    bool equal = a->n == b->n, any_order = a->n <= ANY_ORDER_MAX;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = any_order ? has_matcher(b, &a->matchers[i]) && has_matcher(a, &b->matchers[i])
                          : equal_matchers(&a->matchers[i], &b->matchers[i]);
    return equal;
}

static bool equal_selectors(const struct selector_node *a, const struct selector_node *b)
{
    return equal_durations(&a->offset, &b->offset) && equal_at(&a->at, &b->at) &&
           a->anchored == b->anchored && a->smoothed == b->smoothed &&
           a->labels_only == b->labels_only && a->resolve_resets == b->resolve_resets &&
           matchers_equal(a, b);
}

static bool equal_calls(const struct call_node *a, const struct call_node *b)
{
    bool equal = a->function == b->function && a->n == b->n;
    for (size_t i = 0; equal && i < a->n; i++)
        equal = node_equal(a->args[i], b->args[i]);
    return equal;
}

static bool equal_aggregates(const struct aggregate_node *a, const struct aggregate_node *b)
{
    return a->op == b->op && a->without == b->without && !a->param == !b->param &&
           (!a->param || node_equal(a->param, b->param)) &&
           equal_strs(a->grouping, a->n_grouping, b->grouping, b->n_grouping) &&
           node_equal(a->expr, b->expr);
}

static bool equal_matching(const struct matching *a, const struct matching *b)
{
    return a->card == b->card && a->on == b->on && a->fill_left == b->fill_left &&
           a->fill_right == b->fill_right && double_bits(a->left) == double_bits(b->left) &&
           double_bits(a->right) == double_bits(b->right) &&
           equal_strs(a->labels, a->n_labels, b->labels, b->n_labels) &&
           equal_strs(a->include, a->n_include, b->include, b->n_include);
}

static bool equal_binaries(const struct binary_node *a, const struct binary_node *b)
{
    return a->op == b->op && a->return_bool == b->return_bool &&
           equal_matching(&a->matching, &b->matching) && node_equal(a->lhs, b->lhs) &&
           node_equal(a->rhs, b->rhs);
}

static bool equal_subqueries(const struct subquery_node *a, const struct subquery_node *b)
{
    return equal_durations(&a->range, &b->range) && equal_durations(&a->step, &b->step) &&
           equal_durations(&a->offset, &b->offset) && equal_at(&a->at, &b->at) &&
           node_equal(a->expr, b->expr);
}

static const struct node *unwrap(const struct node *n)
{
    while (n->kind == NODE_PAREN)
        n = n->paren.expr;
    return n;
}

bool node_equal(const struct node *a, const struct node *b)
{
    a = unwrap(a);
    b = unwrap(b);
    if (a->kind != b->kind || a->type != b->type)
        return false;
    switch (a->kind) {
    case NODE_NUMBER: return number_bits(a->number.value) == number_bits(b->number.value);
    case NODE_STRING: return str_eq(a->string.value, b->string.value);
    case NODE_SELECTOR: return equal_selectors(&a->selector, &b->selector);
    case NODE_MATRIX:
        return equal_durations(&a->matrix.range, &b->matrix.range) &&
               node_equal(a->matrix.selector, b->matrix.selector);
    case NODE_SUBQUERY: return equal_subqueries(&a->subquery, &b->subquery);
    case NODE_CALL: return equal_calls(&a->call, &b->call);
    case NODE_AGGREGATE: return equal_aggregates(&a->aggregate, &b->aggregate);
    case NODE_BINARY: return equal_binaries(&a->binary, &b->binary);
    case NODE_UNARY: return a->unary.op == b->unary.op && node_equal(a->unary.expr, b->unary.expr);
    case NODE_DURATION: return equal_duration_nodes(&a->duration, &b->duration);
    case NODE_PAREN: break;
    }
    return false;
}
