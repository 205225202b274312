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

/* Length of the well-formed UTF-8 sequence at the start of `s`, or 0. */
static size_t utf8_length(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return n <= s.n && str_is_utf8(str_sub(s, 0, n)) ? n : 0;
}

void string_quote(struct buf *out, struct str s)
{
    static const char names[] = "abfnrtv\\\"", values[] = "\a\b\f\n\r\t\v\\\"";
    buf_putc(out, '"');
    while (s.n) {
        const char *simple = s.p[0] ? strchr(values, s.p[0]) : NULL;
        size_t n = utf8_length(s);
        if (simple)
            buf_printf(out, "\\%c", names[simple - values]);
        else if (n == 0 || (unsigned char)s.p[0] < 0x20 || s.p[0] == 0x7f)
            buf_printf(out, "\\x%02x", (unsigned)(unsigned char)s.p[0]);
        else
            buf_put_str(out, str_sub(s, 0, n));
        s = str_sub(s, n ? n : 1, s.n);
    }
    buf_putc(out, '"');
}
