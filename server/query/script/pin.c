#include "query/script/pin.h"

#include "query/promql/functions.h"
#include "query/promql/parser.h"

static void pin(struct at *at, int64_t at_ms)
{
    if (at->kind == AT_NONE)
        *at = (struct at){AT_TIME, at_ms};
}

static bool visit(struct node *n, int64_t at_ms);

/* timestamp() tells the time of the sample for a selector and that of the evaluation for all else.
 */
static bool tells_time(const struct call_node *c)
{
    return c->function->time_dependent || str_eq(str_c(c->function->name), STR("timestamp"));
}

static bool visit_call(const struct call_node *c, int64_t at_ms)
{
    bool all = !tells_time(c);
    for (size_t i = 0; i < c->n && all; i++)
        all = visit(c->args[i], at_ms);
    return all;
}

/* What is inside a subquery has times of its own; only whether it tells them can matter, and it
 * does not once the subquery is pinned. */
static bool visit(struct node *n, int64_t at_ms)
{
    switch (n->kind) {
    case NODE_SELECTOR:
        if (!n->selector.labels_only)
            pin(&n->selector.at, at_ms);
        return true;
    case NODE_SUBQUERY: pin(&n->subquery.at, at_ms); return true;
    case NODE_MATRIX: return visit(n->matrix.selector, at_ms);
    case NODE_CALL: return visit_call(&n->call, at_ms);
    case NODE_AGGREGATE:
        return visit(n->aggregate.expr, at_ms) &&
               (!n->aggregate.param || visit(n->aggregate.param, at_ms));
    case NODE_BINARY: return visit(n->binary.lhs, at_ms) && visit(n->binary.rhs, at_ms);
    case NODE_PAREN: return visit(n->paren.expr, at_ms);
    case NODE_UNARY: return visit(n->unary.expr, at_ms);
    case NODE_NUMBER:
    case NODE_STRING:
    case NODE_DURATION: break;
    }
    return true;
}

bool script_pin(struct str expr, int64_t at_ms, struct buf *out)
{
    struct ast ast = {0};
    bool pinned =
        promql_parse(expr, ~0u, &ast, NULL) == 0 && !ast.of_query && visit(ast.root, at_ms);
    if (pinned)
        node_print(out, ast.root);
    ast_done(&ast);
    return pinned;
}
