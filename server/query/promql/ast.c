#include "query/promql/ast.h"

#include "base/buf.h"
#include "model/matcher.h"

const char *value_type_name(enum value_type t)
{
    switch (t) {
    case VALUE_SCALAR: return "scalar";
    case VALUE_VECTOR: return "instant vector";
    case VALUE_MATRIX: return "range vector";
    case VALUE_STRING: return "string";
    case VALUE_NONE: break;
    }
    return "none";
}

void span_format(struct buf *out, struct str query, uint32_t at)
{
    size_t line = 1, line_start = 0;
    for (size_t i = 0; i < at && i < query.n; i++) {
        if (query.p[i] == '\n') {
            line++;
            line_start = i + 1;
        }
    }
    buf_put_u64(out, line);
    buf_putc(out, ':');
    buf_put_u64(out, at - line_start + 1);
}

void ast_done(struct ast *a)
{
    for (struct selector_node *s = a->selectors; s; s = s->next)
        for (size_t i = 0; i < s->n; i++)
            matcher_done(&s->matchers[i]);
    arena_done(&a->arena);
    *a = (struct ast){0};
}

struct node *node_unwrap(struct node *n)
{
    while (n->kind == NODE_PAREN)
        n = n->paren.expr;
    return n;
}
