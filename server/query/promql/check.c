/* Types, and the rules that need the whole expression. Messages are those that people know from
 * Prometheus. */
#include "model/matcher.h"
#include "query/promql/functions.h"
#include "query/promql/parse.h"

static bool fail(const struct parser *p)
{
    return p->rc == 0;
}

static void expect_type(struct parser *p, const struct node *n, enum value_type want,
                        const char *context)
{
    if (n->type != want)
        parse_error(p, n->span, "expected type %s in %s, got %s", value_type_name(want), context,
                    value_type_name(n->type));
}

static bool check_aggregate(struct parser *p, struct node *n)
{
    const struct aggregate_node *a = &n->aggregate;
    if (!check_tree(p, a->expr) || (a->param && !check_tree(p, a->param)))
        return false;
    expect_type(p, a->expr, VALUE_VECTOR, "aggregation expression");
    if (a->param)
        expect_type(p, a->param, a->op == TOKEN_COUNT_VALUES ? VALUE_STRING : VALUE_SCALAR,
                    "aggregation parameter");
    return fail(p);
}

static void check_label_overlap(struct parser *p, const struct binary_node *b)
{
    const struct matching *m = &b->matching;
    for (size_t i = 0; m->on && i < m->n_labels; i++)
        for (size_t j = 0; j < m->n_include; j++)
            if (str_eq(m->labels[i], m->include[j]))
                parse_error(p, b->op_span,
                            "label %.*s must not occur in ON and GROUP clause at once",
                            STR_ARG(parse_quoted(p, m->labels[i])));
}

static void check_operand(struct parser *p, const struct node *n)
{
    if (n->type != VALUE_SCALAR && n->type != VALUE_VECTOR)
        parse_error(p, n->span,
                    "binary expression must contain only scalar and instant vector types");
}

static void check_set_operator(struct parser *p, struct node *n, bool vectors)
{
    struct binary_node *b = &n->binary;
    struct str op = token_text(b->op);
    if (!vectors)
        parse_error(p, n->span, "set operator \"%.*s\" not allowed in binary scalar expression",
                    STR_ARG(op));
    else if (b->matching.card != ONE_TO_ONE)
        parse_error(p, n->span, "no grouping allowed for \"%.*s\" operation", STR_ARG(op));
    else if (b->matching.fill_left || b->matching.fill_right)
        parse_error(p, n->span, "filling in missing series not allowed for set operators");
    b->matching.card = MANY_TO_MANY;
}

static bool check_binary(struct parser *p, struct node *n)
{
    struct binary_node *b = &n->binary;
    if (!check_tree(p, b->lhs) || !check_tree(p, b->rhs))
        return false;
    bool vectors = b->lhs->type == VALUE_VECTOR && b->rhs->type == VALUE_VECTOR;
    bool scalars = b->lhs->type == VALUE_SCALAR && b->rhs->type == VALUE_SCALAR;
    if (b->return_bool && !token_is_comparison(b->op))
        parse_error(p, b->op_span, "bool modifier can only be used on comparison operators");
    if (token_is_comparison(b->op) && !b->return_bool && scalars)
        parse_error(p, b->op_span, "comparisons between scalars must use BOOL modifier");
    check_label_overlap(p, b);
    check_operand(p, b->lhs);
    check_operand(p, b->rhs);
    if (!vectors && b->matching.n_labels > 0)
        parse_error(p, n->span, "vector matching only allowed between instant vectors");
    if (!vectors && (b->matching.fill_left || b->matching.fill_right))
        parse_error(p, n->span, "filling in missing series only allowed between instant vectors");
    if (token_is_set_operator(b->op))
        check_set_operator(p, n, vectors);
    if (!vectors)
        b->matching = (struct matching){0}; // of no labels, as in `1 + on () x`: says nothing
    return fail(p);
}

static void check_argument_count(struct parser *p, const struct node *n)
{
    const struct function *f = n->call.function;
    size_t given = n->call.n, declared = function_arity(f);
    if (f->variadic == 0) {
        if (given != declared)
            parse_error(p, n->span, "expected %zu argument(s) in call to \"%s\", got %zu", declared,
                        f->name, given);
        return;
    }
    size_t least = declared - 1;
    if (given < least)
        parse_error(p, n->span, "expected at least %zu argument(s) in call to \"%s\", got %zu",
                    least, f->name, given);
    else if (f->variadic > 0 && given > least + (size_t)f->variadic)
        parse_error(p, n->span, "expected at most %zu argument(s) in call to \"%s\", got %zu",
                    least + (size_t)f->variadic, f->name, given);
}

/* The second argument of info() is a selector without a name that may match anything. */
static void check_info_selector(struct parser *p, const struct node *call)
{
    struct node *arg = call->call.args[1];
    if (arg->type != VALUE_VECTOR)
        parse_error(p, call->span, "expected type %s in call to function \"%s\", got %s",
                    value_type_name(VALUE_VECTOR), call->call.function->name,
                    value_type_name(arg->type));
    else if (arg->kind != NODE_SELECTOR)
        parse_error(p, arg->span, "expected label selectors only");
    else if (arg->selector.name.n)
        parse_error(p, arg->span, "expected label selectors only, got vector selector instead");
    else
        arg->selector.labels_only = true;
}

static bool check_call(struct parser *p, struct node *n)
{
    const struct function *f = n->call.function;
    size_t declared = function_arity(f);
    check_argument_count(p, n);
    if (f->labels_only_argument && n->call.n > 1)
        check_info_selector(p, n);
    for (size_t i = 0; i < n->call.n && p->rc == 0; i++) {
        struct node *arg = n->call.args[i];
        enum value_type want = f->args[i < declared ? i : declared - 1];
        if (!check_tree(p, arg))
            return false;
        if (arg->type != want)
            parse_error(p, arg->span, "expected type %s in call to function \"%s\", got %s",
                        value_type_name(want), f->name, value_type_name(arg->type));
    }
    return fail(p);
}

static bool check_selector(struct parser *p, const struct node *n)
{
    const struct selector_node *s = &n->selector;
    if (s->name.n) {
        for (size_t i = 0; i + 1 < s->n; i++)
            if (str_eq(s->matchers[i].name, STR("__name__")))
                parse_error(p, n->span, "metric name must not be set twice: %.*s or %.*s",
                            STR_ARG(parse_quoted(p, s->name)),
                            STR_ARG(parse_quoted(p, s->matchers[i].value)));
        return fail(p);
    }
    bool picky = s->labels_only;
    for (size_t i = 0; i < s->n && !picky; i++)
        picky = !matcher_matches_empty(&s->matchers[i]);
    if (!picky)
        parse_error(p, n->span, "vector selector must contain at least one non-empty matcher");
    return fail(p);
}

static bool check_unary(struct parser *p, const struct node *n)
{
    const struct node *inner = n->unary.expr;
    if (inner->type != VALUE_SCALAR && inner->type != VALUE_VECTOR)
        parse_error(p, n->span,
                    "unary expression only allowed on expressions of type scalar or instant "
                    "vector, got \"%s\"",
                    value_type_name(inner->type));
    return fail(p);
}

static bool check_subquery(struct parser *p, const struct node *n)
{
    enum value_type type = n->subquery.expr->type;
    if (type != VALUE_VECTOR) // Prometheus has the bare name of the type here
        parse_error(p, n->span, "subquery is only allowed on instant vector, got %s instead",
                    type == VALUE_MATRIX ? "matrix" : value_type_name(type));
    return fail(p);
}

bool check_tree(struct parser *p, struct node *n)
{
    switch (n->kind) {
    case NODE_AGGREGATE: return check_aggregate(p, n);
    case NODE_BINARY: return check_binary(p, n);
    case NODE_CALL: return check_call(p, n);
    case NODE_SELECTOR: return check_selector(p, n);
    case NODE_MATRIX: return check_tree(p, n->matrix.selector);
    case NODE_PAREN: return check_tree(p, n->paren.expr);
    case NODE_UNARY: return check_tree(p, n->unary.expr) && check_unary(p, n);
    case NODE_SUBQUERY: return check_tree(p, n->subquery.expr) && check_subquery(p, n);
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: break;
    }
    return true;
}
