/* Two rows match when the labels that are matched on are equal. So what is known of such a label on
 * one side (a matcher of a selector, through whatever keeps the label) rules out rows of the other
 * side before they are read.
 *
 * It must not show. Unmatched rows are part of the answer of `or`, of the left side of `unless`,
 * and with `fill`: there nothing is ruled out. The "one" side of a match may fail for two series of
 * one group, whether or not anything matches them: it is narrowed only where no group can have two.
 * It does not fail, though, where the other side has nothing at all: a node whose "many" side was
 * narrowed beside groups that can have two is marked, and if one has, the query is run again as it
 * was written. What is not read is not warned about; that alone is different. */
#include "query/promql/propagate.h"

#include <string.h>

#include "model/labels.h"
#include "model/matcher.h"
#include "query/promql/eval.h"
#include "query/promql/functions.h"
#include "query/promql/open.h"
#include "query/query.h"

enum {
    ADDED_MAX = 256,    /* matchers, in all */
    KNOWN_MAX = 64,     /* of one side */
    LOOKS_MAX = 1 << 16 /* at nodes: an expression may be made to have much to look at */
};

struct pass {
    struct arena *arena;
    bool names_tell; /* series of one name differ by other labels */
    size_t added, looks;
};

/* Matchers that every row of a node satisfies. */
struct known {
    const struct matcher *v[KNOWN_MAX];
    size_t n;
    struct pass *pass;
};

static bool has_label(const struct str *v, size_t n, struct str label)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(v[i], label))
            return true;
    return false;
}

static bool is_matched_on(const struct matching *m, struct str label)
{
    return has_label(m->labels, m->n_labels, label) == m->on;
}

static bool is_included(const struct matching *m, struct str label)
{
    return has_label(m->include, m->n_include, label);
}

static bool is_grouped_by(const struct aggregate_node *a, struct str label)
{
    return has_label(a->grouping, a->n_grouping, label) != a->without;
}

/* Operators that give rows of their input as they are. */
static bool picks_rows(enum token op)
{
    return op == TOKEN_TOPK || op == TOKEN_BOTTOMK || op == TOKEN_LIMITK || op == TOKEN_LIMIT_RATIO;
}

/* The label that the operator makes; empty: none. */
static struct str made_label(const struct aggregate_node *a)
{
    if (a->op != TOKEN_COUNT_VALUES)
        return (struct str){0};
    return node_unwrap(a->param)->string.value;
}

/* The argument whose labels, but the name, the function keeps; NULL: none is. */
static struct node *kept_argument(const struct call_node *c)
{
    static int (*const keeping[])(struct eval *, const struct node *, struct timeline,
                                  struct op **) = {
        open_map,       open_clamp,           open_round, open_date,      open_of_histogram,
        open_timestamp, open_start_timestamp, open_sort,  open_sort_desc,
    };
    for (size_t i = 0; c->function->range && i < c->n; i++)
        if (c->args[i]->type == VALUE_MATRIX)
            return c->args[i];
    for (size_t i = 0; i < ARRAY_LEN(keeping); i++)
        if (c->function->open == keeping[i] && c->n)
            return c->args[0];
    return NULL;
}

/* The node that this one's rows are made of, one by one and with their labels; NULL: another kind.
 */
static struct node *behind(const struct node *n)
{
    switch (n->kind) {
    case NODE_PAREN: return n->paren.expr;
    case NODE_UNARY: return n->unary.expr;
    case NODE_MATRIX: return n->matrix.selector;
    case NODE_SUBQUERY: return n->subquery.expr;
    case NODE_CALL: return kept_argument(&n->call);
    case NODE_BINARY:
        if (n->binary.lhs->type == VALUE_SCALAR)
            return n->binary.rhs;
        return n->binary.rhs->type == VALUE_SCALAR ? n->binary.lhs : NULL;
    default: return NULL;
    }
}

/* --- what is known ---------------------------------------------------------------------------- */

static void learn(const struct node *n, struct known *out);

typedef bool label_test(const struct node *n, struct str label);

/* What is known of `from`, of the labels that pass. */
static void learn_some(const struct node *from, const struct node *n, label_test *passes,
                       struct known *out)
{
    size_t kept = out->n;
    learn(from, out);
    for (size_t i = kept; i < out->n; i++)
        if (passes(n, out->v[i]->name))
            out->v[kept++] = out->v[i];
    out->n = kept;
}

static bool is_matched(const struct node *n, struct str label)
{
    return is_matched_on(&n->binary.matching, label) && !is_included(&n->binary.matching, label);
}

static bool is_of_many(const struct node *n, struct str label)
{
    const struct matching *m = &n->binary.matching;
    return m->card == ONE_TO_ONE ? is_matched_on(m, label) : !is_included(m, label);
}

static bool is_of_group(const struct node *n, struct str label)
{
    const struct aggregate_node *a = &n->aggregate;
    return (picks_rows(a->op) || is_grouped_by(a, label)) && !str_eq(label, made_label(a));
}

static const struct node *many_of(const struct binary_node *b)
{
    return b->matching.card == ONE_TO_MANY ? b->rhs : b->lhs;
}

static const struct node *one_of(const struct binary_node *b)
{
    return b->matching.card == ONE_TO_MANY ? b->lhs : b->rhs;
}

static bool fills(const struct binary_node *b)
{
    return b->matching.fill_left || b->matching.fill_right;
}

static bool any_label(const struct node *n, struct str label)
{
    (void)n;
    (void)label;
    return true;
}

static void learn_vectors(const struct node *n, struct known *out)
{
    const struct binary_node *b = &n->binary;
    if (b->op == TOKEN_OR || fills(b))
        return;
    if (b->op == TOKEN_AND || b->op == TOKEN_UNLESS) {
        learn_some(b->lhs, n, any_label, out);
        if (b->op == TOKEN_AND)
            learn_some(b->rhs, n, is_matched, out);
        return;
    }
    learn_some(many_of(b), n, is_of_many, out);
    learn_some(one_of(b), n, is_matched, out);
}

static void learn(const struct node *n, struct known *out)
{
    const struct node *next = behind(n);
    if (out->pass->looks++ > LOOKS_MAX)
        return;
    if (next) {
        learn(next, out);
    } else if (n->kind == NODE_SELECTOR) {
        for (size_t i = 0; i < n->selector.n && out->n < KNOWN_MAX; i++)
            if (!is_metadata_label(n->selector.matchers[i].name))
                out->v[out->n++] = &n->selector.matchers[i];
    } else if (n->kind == NODE_AGGREGATE) {
        learn_some(n->aggregate.expr, n, is_of_group, out);
    } else if (n->kind == NODE_BINARY) {
        learn_vectors(n, out);
    }
}

/* --- asking for it elsewhere ------------------------------------------------------------------ */

/* The name's matcher stays the last. */
static void add_matcher(struct pass *p, struct selector_node *s, const struct matcher *m)
{
    for (size_t i = 0; i < s->n; i++)
        if (s->matchers[i].op == m->op && str_eq(s->matchers[i].name, m->name) &&
            str_eq(s->matchers[i].value, m->value))
            return;
    if (s->labels_only)
        return;
    struct matcher *v = arena_alloc(p->arena, (s->n + 1) * sizeof *v);
    if (!v || matcher_init(&v[0], m->op, m->name, m->value, NULL) != 0)
        return;
    if (s->n)
        memcpy(v + 1, s->matchers, s->n * sizeof *v);
    s->matchers = v;
    s->n++;
    p->added++;
}

static const struct node *rows_of(const struct node *n)
{
    for (const struct node *next; (next = behind(n)) != NULL;)
        n = next;
    return n;
}

/* Can no two rows of the "one" side be in one match group? */
static bool is_unique(const struct pass *p, const struct binary_node *b)
{
    const struct node *n = rows_of(one_of(b));
    const struct matching *m = &b->matching;
    if (n->kind == NODE_AGGREGATE && m->on && !n->aggregate.without &&
        !picks_rows(n->aggregate.op) && n->aggregate.op != TOKEN_COUNT_VALUES) {
        for (size_t i = 0; i < n->aggregate.n_grouping; i++)
            if (!has_label(m->labels, m->n_labels, n->aggregate.grouping[i]))
                return false;
        return true;
    }
    if (m->on || m->n_labels || n->kind != NODE_SELECTOR || !p->names_tell)
        return false;
    for (size_t i = 0; i < n->selector.n; i++)
        if (n->selector.matchers[i].op == MATCH_EQUAL &&
            str_eq(n->selector.matchers[i].name, LABEL_NAME))
            return true;
    return false;
}

static void push(struct pass *p, struct node *n, const struct matcher *m);

static void push_vectors(struct pass *p, struct node *n, const struct matcher *m)
{
    struct binary_node *b = &n->binary;
    bool unique = is_unique(p, b);
    bool matched = is_matched_on(&b->matching, m->name);
    bool left_is_many = b->matching.card != ONE_TO_MANY;
    if (fills(b))
        return;
    if (token_is_set_operator(b->op)) {
        if (b->op != TOKEN_OR || matched)
            push(p, b->lhs, m);
        if (matched)
            push(p, b->rhs, m);
        return;
    }
    if (is_of_many(n, m->name)) {
        push(p, left_is_many ? b->lhs : b->rhs, m);
        b->narrowed |= !unique;
    }
    if (is_matched(n, m->name) && unique)
        push(p, left_is_many ? b->rhs : b->lhs, m);
}

/* Only rows that satisfy the matcher are wanted of the node. */
static void push(struct pass *p, struct node *n, const struct matcher *m)
{
    struct node *next = behind(n);
    if (p->added == ADDED_MAX || p->looks++ > LOOKS_MAX)
        return;
    if (next)
        push(p, next, m);
    else if (n->kind == NODE_SELECTOR)
        add_matcher(p, &n->selector, m);
    else if (n->kind == NODE_AGGREGATE && is_grouped_by(&n->aggregate, m->name) &&
             !str_eq(m->name, made_label(&n->aggregate)))
        push(p, n->aggregate.expr, m);
    else if (n->kind == NODE_BINARY)
        push_vectors(p, n, m);
}

static void push_known(struct pass *p, const struct node *n, const struct known *known,
                       struct node *to)
{
    for (size_t i = 0; i < known->n; i++)
        if (is_matched_on(&n->binary.matching, known->v[i]->name))
            push(p, to, known->v[i]);
}

static void exchange(struct pass *p, struct node *n)
{
    struct binary_node *b = &n->binary;
    struct known left = {.pass = p}, right = {.pass = p};
    bool set = token_is_set_operator(b->op), left_is_many = b->matching.card != ONE_TO_MANY;
    if (b->op == TOKEN_OR || fills(b))
        return;
    learn(b->lhs, &left);
    learn(b->rhs, &right);
    bool unique = is_unique(p, b);
    bool to_left = set ? b->op == TOKEN_AND : left_is_many || unique;
    bool to_right = set || !left_is_many || unique;
    b->narrowed |= !set && !unique;
    if (to_left)
        push_known(p, n, &right, b->lhs);
    if (to_right)
        push_known(p, n, &left, b->rhs);
}

static void visit(struct pass *p, struct node *n)
{
    switch (n->kind) {
    case NODE_CALL:
        for (size_t i = 0; i < n->call.n; i++)
            visit(p, n->call.args[i]);
        break;
    case NODE_AGGREGATE:
        visit(p, n->aggregate.expr);
        if (n->aggregate.param)
            visit(p, n->aggregate.param);
        break;
    case NODE_BINARY:
        visit(p, n->binary.lhs);
        visit(p, n->binary.rhs);
        if (n->binary.lhs->type == VALUE_VECTOR && n->binary.rhs->type == VALUE_VECTOR)
            exchange(p, n);
        break;
    case NODE_UNARY: visit(p, n->unary.expr); break;
    case NODE_PAREN: visit(p, n->paren.expr); break;
    case NODE_SUBQUERY: visit(p, n->subquery.expr); break;
    case NODE_SELECTOR:
    case NODE_MATRIX:
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: break;
    }
}

void propagate_matchers(struct ast *ast, unsigned features)
{
    struct pass p = {.arena = &ast->arena, .names_tell = !(features & QUERY_TYPE_AND_UNIT)};
    if (ast->selectors && ast->selectors->next)
        visit(&p, ast->root);
}
