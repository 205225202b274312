/* Trees back to text, as Prometheus's formatter writes it. */
#include <math.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/time.h"
#include "model/matcher.h"
#include "query/promql/ast.h"
#include "query/promql/functions.h"

enum { LINE_MAX_BYTES = 100, FORMATTED_MAX_BYTES = 8 << 20 };

static void print_labels(struct buf *out, const struct str *v, size_t n)
{
    buf_putc(out, '(');
    for (size_t i = 0; i < n; i++) {
        if (i)
            buf_puts(out, ", ");
        if (label_name_is_plain(v[i]))
            buf_put_str(out, v[i]);
        else
            str_quote_visible(out, v[i]);
    }
    buf_putc(out, ')');
}

static void print_number(struct buf *out, const struct number_node *n)
{
    char text[NUM_DOUBLE_MAX];
    double ms = round(n->value * 1000);
    if (n->is_duration && ms == 0 && signbit(n->value))
        buf_putc(out, '-'); // what is divided by it tells the difference
    if (n->is_duration && fabs(ms) < 9e15)
        duration_format(out, (int64_t)ms);
    else
        buf_put(out, text, num_format_plain(text, n->value));
}

static void print_duration_node(struct buf *out, const struct duration_node *d)
{
    if (d->wrapped)
        buf_putc(out, '(');
    switch (d->kind) {
    case DURATION_STEP: buf_puts(out, "step()"); break;
    case DURATION_RANGE: buf_puts(out, "range()"); break;
    case DURATION_MIN:
    case DURATION_MAX:
        buf_puts(out, d->kind == DURATION_MIN ? "min_of(" : "max_of(");
        node_print(out, d->lhs);
        buf_puts(out, ", ");
        node_print(out, d->rhs);
        buf_putc(out, ')');
        break;
    case DURATION_UNARY:
        if (d->op == TOKEN_SUB)
            buf_putc(out, '-');
        node_print(out, d->rhs);
        break;
    case DURATION_BINARY:
        node_print(out, d->lhs);
        buf_printf(out, " %.*s ", STR_ARG(token_text(d->op)));
        node_print(out, d->rhs);
        break;
    }
    if (d->wrapped)
        buf_putc(out, ')');
}

static void print_duration(struct buf *out, const struct duration *d)
{
    if (d->expr)
        node_print(out, d->expr);
    else
        duration_format(out, d->ms);
}

static void print_at(struct buf *out, const struct at *at)
{
    switch (at->kind) {
    case AT_NONE: break;
    case AT_TIME: buf_printf(out, " @ %.3f", (double)at->ms / 1000); break;
    case AT_START: buf_puts(out, " @ start()"); break;
    case AT_END: buf_puts(out, " @ end()"); break;
    }
}

static void print_offset(struct buf *out, const struct duration *offset)
{
    if (!offset->expr && offset->ms == 0)
        return;
    buf_puts(out, " offset ");
    print_duration(out, offset);
}

static int by_text(const void *a, const void *b)
{
    return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

/* Matchers in the order of their text; the one of the name before the braces is not among them. */
static void print_matchers(struct buf *out, const struct selector_node *s)
{
    struct arena arena;
    arena_init(&arena, 16 << 20);
    struct str *v = arena_array(&arena, s->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; v && i < s->n; i++) {
        const struct matcher *m = &s->matchers[i];
        bool is_name = str_eq(m->name, LABEL_NAME) && m->op == MATCH_EQUAL &&
                       str_eq(m->value, s->name) && m->value.n;
        if (is_name)
            continue;
        struct buf text = BUF_MAX(FORMATTED_MAX_BYTES);
        matcher_format(&text, m);
        v[n++] = arena_str(&arena, buf_str(&text));
        out->failed |= buf_failed(&text);
        buf_done(&text);
    }
    if (n) {
        qsort(v, n, sizeof *v, by_text);
        for (size_t i = 0; i < n; i++) {
            buf_putc(out, i ? ',' : '{');
            buf_put_str(out, v[i]);
        }
        buf_putc(out, '}');
    } else if (s->name.n == 0) {
        buf_puts(out, "{}");
    }
    out->failed |= arena_failed(&arena);
    arena_done(&arena);
}

static void print_bare_selector(struct buf *out, const struct selector_node *s)
{
    buf_put_str(out, s->name);
    print_matchers(out, s);
}

static void print_extended(struct buf *out, const struct selector_node *s)
{
    buf_puts(out, s->anchored ? " anchored" : s->smoothed ? " smoothed" : "");
}

static void print_selector(struct buf *out, const struct selector_node *s)
{
    print_bare_selector(out, s);
    print_at(out, &s->at);
    print_extended(out, s);
    print_offset(out, &s->offset);
}

static void print_matrix(struct buf *out, const struct matrix_node *m)
{
    const struct selector_node *s = &m->selector->selector;
    print_bare_selector(out, s);
    buf_putc(out, '[');
    print_duration(out, &m->range);
    buf_putc(out, ']');
    print_extended(out, s);
    print_at(out, &s->at);
    print_offset(out, &s->offset);
}

static void print_subquery_suffix(struct buf *out, const struct subquery_node *q)
{
    buf_putc(out, '[');
    print_duration(out, &q->range);
    buf_putc(out, ':');
    if (q->step.expr || q->step.ms)
        print_duration(out, &q->step);
    buf_putc(out, ']');
    print_at(out, &q->at);
    print_offset(out, &q->offset);
}

static void print_aggregate_head(struct buf *out, const struct aggregate_node *a)
{
    buf_put_str(out, token_text(a->op));
    if (!a->without && a->n_grouping == 0)
        return;
    buf_puts(out, a->without ? " without " : " by ");
    print_labels(out, a->grouping, a->n_grouping);
    buf_putc(out, ' ');
}

static void print_aggregate(struct buf *out, const struct aggregate_node *a)
{
    print_aggregate_head(out, a);
    buf_putc(out, '(');
    if (a->param) {
        node_print(out, a->param);
        buf_puts(out, ", ");
    }
    node_print(out, a->expr);
    buf_putc(out, ')');
}

static void print_fill(struct buf *out, const char *name, double v)
{
    buf_printf(out, " %s (", name);
    buf_put_double(out, v);
    buf_putc(out, ')');
}

static void print_matching(struct buf *out, const struct matching *m)
{
    bool grouped = m->card == MANY_TO_ONE || m->card == ONE_TO_MANY;
    if (m->n_labels || m->on || grouped) {
        buf_puts(out, m->on ? " on " : " ignoring ");
        print_labels(out, m->labels, m->n_labels);
    }
    if (grouped) {
        buf_puts(out, m->card == MANY_TO_ONE ? " group_left " : " group_right ");
        print_labels(out, m->include, m->n_include);
    }
    bool same = m->fill_left && m->fill_right &&
                (m->left == m->right || (isnan(m->left) && isnan(m->right)));
    if (same) {
        print_fill(out, "fill", m->left);
        return;
    }
    if (m->fill_left)
        print_fill(out, "fill_left", m->left);
    if (m->fill_right)
        print_fill(out, "fill_right", m->right);
}

static void print_operator(struct buf *out, const struct binary_node *b)
{
    buf_put_str(out, token_text(b->op));
    if (b->return_bool)
        buf_puts(out, " bool");
    if (b->lhs->type == VALUE_VECTOR && b->rhs->type == VALUE_VECTOR)
        print_matching(out, &b->matching);
}

/* The sign of +Inf, which number literals do not have, would bind weaker than ^ when read back. */
static bool is_infinite_base(const struct binary_node *b)
{
    return b->op == TOKEN_POW && b->lhs->kind == NODE_NUMBER && isinf(b->lhs->number.value) &&
           b->lhs->number.value > 0;
}

static void print_left(struct buf *out, const struct binary_node *b)
{
    if (is_infinite_base(b))
        buf_puts(out, "Inf");
    else
        node_print(out, b->lhs);
}

static void print_call(struct buf *out, const struct call_node *c)
{
    buf_printf(out, "%s(", c->function->name);
    for (size_t i = 0; i < c->n; i++) {
        if (i)
            buf_puts(out, ", ");
        node_print(out, c->args[i]);
    }
    buf_putc(out, ')');
}

void node_print(struct buf *out, const struct node *n)
{
    switch (n->kind) {
    case NODE_NUMBER: print_number(out, &n->number); break;
    case NODE_STRING: str_quote_visible(out, n->string.value); break;
    case NODE_SELECTOR: print_selector(out, &n->selector); break;
    case NODE_MATRIX: print_matrix(out, &n->matrix); break;
    case NODE_SUBQUERY:
        node_print(out, n->subquery.expr);
        print_subquery_suffix(out, &n->subquery);
        break;
    case NODE_CALL: print_call(out, &n->call); break;
    case NODE_AGGREGATE: print_aggregate(out, &n->aggregate); break;
    case NODE_BINARY:
        print_left(out, &n->binary);
        buf_putc(out, ' ');
        print_operator(out, &n->binary);
        buf_putc(out, ' ');
        node_print(out, n->binary.rhs);
        break;
    case NODE_UNARY:
        buf_put_str(out, token_text(n->unary.op));
        node_print(out, n->unary.expr);
        break;
    case NODE_PAREN:
        buf_putc(out, '(');
        node_print(out, n->paren.expr);
        buf_putc(out, ')');
        break;
    case NODE_DURATION: print_duration_node(out, &n->duration); break;
    }
}

/* --- over several lines ----------------------------------------------------------------------- */

static void indent(struct buf *out, int level)
{
    for (int i = 0; i < level; i++)
        buf_puts(out, "  ");
}

/* Is it too long for one line? The text is measured, never kept. */
static bool needs_split(const struct node *n)
{
    struct buf line = BUF_MAX(LINE_MAX_BYTES + 1);
    node_print(&line, n);
    bool split = buf_failed(&line) || line.n > LINE_MAX_BYTES;
    buf_done(&line);
    return split;
}

static void pretty_list(struct buf *out, struct node *const *v, size_t n, int level)
{
    buf_puts(out, "(\n");
    for (size_t i = 0; i < n; i++) {
        node_pretty(out, v[i], level + 1);
        buf_puts(out, i + 1 < n ? ",\n" : "\n");
    }
    indent(out, level);
    buf_putc(out, ')');
}

static void pretty_aggregate(struct buf *out, const struct aggregate_node *a, int level)
{
    struct node *args[2];
    size_t n = 0;
    if (a->param)
        args[n++] = a->param;
    args[n++] = a->expr;
    indent(out, level);
    print_aggregate_head(out, a);
    pretty_list(out, args, n, level);
}

static void pretty_binary(struct buf *out, const struct binary_node *b, int level)
{
    if (is_infinite_base(b)) {
        indent(out, level + 1);
        print_left(out, b);
    } else {
        node_pretty(out, b->lhs, level + 1);
    }
    buf_putc(out, '\n');
    indent(out, level);
    print_operator(out, b);
    buf_putc(out, '\n');
    node_pretty(out, b->rhs, level + 1);
}

/* The operand begins right behind the sign. */
static void pretty_unary(struct buf *out, const struct unary_node *u, int level)
{
    struct buf operand = BUF_MAX(FORMATTED_MAX_BYTES);
    node_pretty(&operand, u->expr, level);
    indent(out, level);
    buf_put_str(out, token_text(u->op));
    buf_put_str(out, str_trim(buf_str(&operand)));
    out->failed |= buf_failed(&operand);
    buf_done(&operand);
}

void node_pretty(struct buf *out, const struct node *n, int level)
{
    bool leaf = n->kind == NODE_NUMBER || n->kind == NODE_STRING || n->kind == NODE_SELECTOR ||
                n->kind == NODE_MATRIX || n->kind == NODE_DURATION;
    if (leaf || !needs_split(n)) {
        indent(out, n->kind == NODE_SUBQUERY ? 0 : level); // as Prometheus lays it out
        node_print(out, n);
        return;
    }
    switch (n->kind) {
    case NODE_AGGREGATE: pretty_aggregate(out, &n->aggregate, level); break;
    case NODE_BINARY: pretty_binary(out, &n->binary, level); break;
    case NODE_UNARY: pretty_unary(out, &n->unary, level); break;
    case NODE_CALL:
        indent(out, level);
        buf_puts(out, n->call.function->name);
        pretty_list(out, n->call.args, n->call.n, level);
        break;
    case NODE_PAREN:
        indent(out, level);
        pretty_list(out, &n->paren.expr, 1, level);
        break;
    case NODE_SUBQUERY:
        node_pretty(out, n->subquery.expr, level);
        print_subquery_suffix(out, &n->subquery);
        break;
    default: break;
    }
}
