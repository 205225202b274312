/* A Pratt parser: parse_expression() climbs over binary operators by their power, operands are a
 * unary sign or a primary with its modifiers. Each construct has a function; the first error ends
 * the parse. Positions are kept for every node, because messages and annotations point to them. */
#include "query/promql/parse.h"

#include <stdarg.h>

#include "base/buf.h"
#include "query/promql/functions.h"
#include "query/query.h"

/* --- errors and tokens ------------------------------------------------------------------------ */

void parse_error(struct parser *p, struct span at, const char *fmt, ...)
{
    if (p->rc != 0)
        return;
    struct buf where = BUF_MAX(64);
    if (p->ast->query.n)
        span_format(&where, p->ast->query, at.start);
    else
        buf_puts(&where, "unknown position");
    va_list args;
    va_start(args, fmt);
    (void)err_setv(p->err, ERR_INVALID, fmt, args);
    va_end(args);
    p->rc = err_prefix(p->err, ERR_INVALID, "%.*s: parse error", STR_ARG(buf_str(&where)));
    buf_done(&where);
}

void parse_unexpected(struct parser *p, const char *context, const char *expected)
{
    struct span at = {p->now.start, p->now.end};
    struct buf what = BUF_MAX(512);
    if (!context && p->aggregations)
        context = "aggregation";
    lexeme_describe(&what, &p->now);
    if (p->now.token == TOKEN_ERROR)
        parse_error(p, at, "%.*s", STR_ARG(buf_str(&what)));
    else
        parse_error(p, at, "unexpected %.*s%s%s%s%s", STR_ARG(buf_str(&what)),
                    context ? " in " : "", context ? context : "", expected ? ", expected " : "",
                    expected ? expected : "");
    buf_done(&what);
}

static void out_of_memory(struct parser *p)
{
    if (p->rc == 0)
        p->rc = err_set(p->err, ERR_NOMEM, "the expression needs more than %d MiB to parse",
                        PARSE_MEMORY_MAX >> 20);
}

static bool may_close(enum token t)
{
    return t == TOKEN_RIGHT_BRACE || t == TOKEN_RIGHT_PAREN || t == TOKEN_RIGHT_BRACKET ||
           t == TOKEN_DURATION || t == TOKEN_NUMBER;
}

void parse_advance(struct parser *p)
{
    if (may_close(p->now.token))
        p->last_closing = p->now.end;
    p->now = lexer_next(&p->lexer);
}

bool parse_ahead_is_token(struct parser *p)
{
    if (p->now.token != TOKEN_ERROR)
        return true;
    parse_unexpected(p, NULL, NULL);
    return false;
}

struct lexeme parse_peek(const struct parser *p)
{
    struct lexer ahead = p->lexer;
    return lexer_next(&ahead);
}

bool parse_accept(struct parser *p, enum token t)
{
    if (p->now.token != t)
        return false;
    parse_advance(p);
    return true;
}

bool parse_expect(struct parser *p, enum token t, const char *context, const char *expected)
{
    if (parse_accept(p, t))
        return true;
    parse_unexpected(p, context, expected);
    return false;
}

/* --- nodes ------------------------------------------------------------------------------------ */

struct node *parse_new_node(struct parser *p, enum node_kind kind, enum value_type type,
                            struct span span)
{
    struct node *n = arena_zalloc(&p->ast->arena, sizeof *n);
    if (!n) {
        out_of_memory(p);
        return NULL;
    }
    n->kind = kind;
    n->type = type;
    n->span = span;
    n->depth = 1;
    return n;
}

static void too_deep(struct parser *p, struct span at)
{
    parse_error(p, at, "operators or parentheses are more than %d levels deep", PARSE_DEPTH_MAX);
}

bool parse_set_depth(struct parser *p, struct node *n, const struct node *child)
{
    if (child->depth >= n->depth)
        n->depth = child->depth + 1;
    if (n->depth <= PARSE_DEPTH_MAX)
        return true;
    too_deep(p, n->span);
    return false;
}

bool parse_enter(struct parser *p)
{
    if (p->depth++ < PARSE_DEPTH_MAX)
        return true;
    p->depth--;
    too_deep(p, (struct span){p->now.start, p->now.end});
    return false;
}

void parse_leave(struct parser *p)
{
    p->depth--;
}

void *parse_append(struct parser *p, void *array, size_t *n, size_t *cap, size_t size)
{
    if (*n == *cap) {
        size_t wanted = *cap ? *cap * 2 : 4;
        array = arena_grow(&p->ast->arena, array, *n, wanted, size);
        if (!array) {
            out_of_memory(p);
            return NULL;
        }
        *cap = wanted;
    }
    ++*n;
    return array;
}

/* --- primaries -------------------------------------------------------------------------------- */

static struct node *parse_string_node(struct parser *p)
{
    struct span span = {p->now.start, p->now.end};
    struct str value;
    if (!parse_string(p, &value))
        return NULL;
    struct node *n = parse_new_node(p, NODE_STRING, VALUE_STRING, span);
    if (n)
        n->string.value = value;
    return n;
}

static struct node *parse_paren(struct parser *p)
{
    uint32_t start = p->now.start;
    parse_advance(p);
    struct node *inner = parse_expression(p, 0);
    if (!inner || !parse_expect(p, TOKEN_RIGHT_PAREN, NULL, NULL))
        return NULL;
    struct node *n =
        parse_new_node(p, NODE_PAREN, inner->type, (struct span){start, p->last_closing});
    if (!n)
        return NULL;
    n->paren.expr = inner;
    return parse_set_depth(p, n, inner) ? n : NULL;
}

/* Words that are a metric's name where an operand is expected. */
static bool may_name_metric(enum token t)
{
    switch (t) {
    case TOKEN_IDENTIFIER:
    case TOKEN_METRIC_IDENTIFIER:
    case TOKEN_AND:
    case TOKEN_OR:
    case TOKEN_UNLESS:
    case TOKEN_BY:
    case TOKEN_WITHOUT:
    case TOKEN_OFFSET:
    case TOKEN_ANCHORED:
    case TOKEN_SMOOTHED:
    case TOKEN_FILL:
    case TOKEN_FILL_LEFT:
    case TOKEN_FILL_RIGHT: return true;
    default: return token_is_aggregator(t) || token_is_function_word(t);
    }
}

static bool begins_operand(enum token t)
{
    return t == TOKEN_NUMBER || t == TOKEN_DURATION || t == TOKEN_STRING || t == TOKEN_LEFT_BRACE ||
           t == TOKEN_LEFT_PAREN || t == TOKEN_ADD || t == TOKEN_SUB || may_name_metric(t);
}

/* "(a, b, …)" with `now` at the parenthesis. */
static bool parse_arguments(struct parser *p, struct node ***out, size_t *out_n)
{
    struct node **v = NULL;
    size_t n = 0, cap = 0;
    if (!parse_expect(p, TOKEN_LEFT_PAREN, NULL, NULL))
        return false;
    while (p->now.token != TOKEN_RIGHT_PAREN || n > 0) {
        struct node *arg = parse_expression(p, 0);
        if (!arg || !(v = parse_append(p, v, &n, &cap, sizeof(struct node *))))
            return false;
        v[n - 1] = arg;
        if (p->now.token != TOKEN_COMMA)
            break;
        struct span comma = {p->now.start, p->now.end};
        parse_advance(p);
        if (p->now.token != TOKEN_ERROR && !begins_operand(p->now.token)) {
            parse_error(p, comma, "trailing commas not allowed in function call args");
            return false;
        }
    }
    if (!parse_expect(p, TOKEN_RIGHT_PAREN, NULL, NULL))
        return false;
    *out = v;
    *out_n = n;
    return true;
}

static bool set_depth_of_all(struct parser *p, struct node *n, struct node *const *v, size_t count)
{
    for (size_t i = 0; i < count; i++)
        if (!parse_set_depth(p, n, v[i]))
            return false;
    return true;
}

static void unknown_function(struct parser *p, const struct lexeme *name)
{
    struct span at = {name->start, name->end};
    const char *near = function_nearest(name->text);
    if (near)
        parse_error(p, at, "unknown function with name \"%.*s\"; did you mean %s()?",
                    STR_ARG(name->text), near);
    else
        parse_error(p, at, "unknown function with name \"%.*s\"", STR_ARG(name->text));
}

static const struct function *function_of(struct parser *p, const struct lexeme *name)
{
    const struct function *f = function_find(name->text);
    if (!f) {
        unknown_function(p, name);
        return NULL;
    }
    if (f->experimental && !(p->features & QUERY_EXPERIMENTAL_FUNCTIONS)) {
        parse_error(p, (struct span){name->start, name->end},
                    "function \"%s\" is not enabled; it is experimental and needs "
                    "--enable-feature=promql-experimental-functions",
                    f->name);
        return NULL;
    }
    return f;
}

static struct node *parse_call(struct parser *p)
{
    struct lexeme name = p->now;
    struct node **args = NULL;
    size_t n_args = 0;
    parse_advance(p);
    if (!parse_arguments(p, &args, &n_args))
        return NULL;
    const struct function *f = function_of(p, &name); // what is wrong inside is told first
    if (!f)
        return NULL;
    p->ast->of_query |= f->of_query;
    struct node *n =
        parse_new_node(p, NODE_CALL, f->returns, (struct span){name.start, p->last_closing});
    if (!n)
        return NULL;
    n->call = (struct call_node){f, args, n_args};
    return set_depth_of_all(p, n, args, n_args) ? n : NULL;
}

static bool has_parameter(enum token op)
{
    return op == TOKEN_TOPK || op == TOKEN_BOTTOMK || op == TOKEN_COUNT_VALUES ||
           op == TOKEN_QUANTILE || op == TOKEN_LIMITK || op == TOKEN_LIMIT_RATIO;
}

static bool parse_grouping(struct parser *p, struct aggregate_node *a)
{
    a->without = p->now.token == TOKEN_WITHOUT;
    parse_advance(p);
    return parse_label_list(p, &a->grouping, &a->n_grouping);
}

static bool set_aggregate_arguments(struct parser *p, struct node *n, struct node **args,
                                    size_t n_args)
{
    struct aggregate_node *a = &n->aggregate;
    size_t wanted = has_parameter(a->op) ? 2 : 1;
    bool experimental = a->op == TOKEN_LIMITK || a->op == TOKEN_LIMIT_RATIO;
    if (n_args == 0)
        parse_error(p, n->span, "no arguments for aggregate expression provided");
    else if (experimental && !(p->features & QUERY_EXPERIMENTAL_FUNCTIONS))
        parse_error(p, n->span,
                    "%.*s() is experimental and must be enabled with "
                    "--enable-feature=promql-experimental-functions",
                    STR_ARG(token_text(a->op)));
    else if (n_args != wanted)
        parse_error(p, n->span,
                    "wrong number of arguments for aggregate expression provided, expected %zu, "
                    "got %zu",
                    wanted, n_args);
    if (p->rc != 0)
        return false;
    a->expr = args[wanted - 1];
    a->param = wanted == 2 ? args[0] : NULL;
    return set_depth_of_all(p, n, args, n_args);
}

/* sum by (a) (expr) and sum(expr) by (a). */
static struct node *parse_aggregate(struct parser *p)
{
    struct lexeme op = p->now;
    struct aggregate_node a = {.op = op.token};
    parse_advance(p);
    bool grouped = p->now.token == TOKEN_BY || p->now.token == TOKEN_WITHOUT;
    if (grouped && !parse_grouping(p, &a))
        return NULL;
    if (p->now.token != TOKEN_LEFT_PAREN) {
        parse_unexpected(p, "aggregation", NULL);
        return NULL;
    }
    struct node **args = NULL;
    size_t n_args = 0;
    p->aggregations++;
    bool parsed = parse_arguments(p, &args, &n_args);
    p->aggregations--;
    if (!parsed)
        return NULL;
    bool grouped_after = p->now.token == TOKEN_BY || p->now.token == TOKEN_WITHOUT;
    if (!grouped && p->now.token == TOKEN_ERROR) { // read before it is known where this ends
        parse_unexpected(p, NULL, NULL);
        return NULL;
    }
    if (!grouped && grouped_after && !parse_grouping(p, &a))
        return NULL;
    struct node *n =
        parse_new_node(p, NODE_AGGREGATE, VALUE_VECTOR, (struct span){op.start, p->last_closing});
    if (!n)
        return NULL;
    n->aggregate = a;
    return set_aggregate_arguments(p, n, args, n_args) ? n : NULL;
}

static bool is_aggregate_ahead(const struct parser *p)
{
    enum token next = parse_peek(p).token;
    return token_is_aggregator(p->now.token) &&
           (next == TOKEN_LEFT_PAREN || next == TOKEN_BY || next == TOKEN_WITHOUT);
}

static bool is_call_ahead(const struct parser *p)
{
    enum token t = p->now.token;
    bool word = t == TOKEN_IDENTIFIER || token_is_function_word(t);
    return word && parse_peek(p).token == TOKEN_LEFT_PAREN;
}

static struct node *parse_primary(struct parser *p)
{
    switch (p->now.token) {
    case TOKEN_NUMBER:
    case TOKEN_DURATION: return parse_number_node(p);
    case TOKEN_STRING: return parse_string_node(p);
    case TOKEN_LEFT_PAREN: return parse_paren(p);
    case TOKEN_LEFT_BRACE: return parse_selector(p);
    default: break;
    }
    if (is_aggregate_ahead(p))
        return parse_aggregate(p);
    if (is_call_ahead(p))
        return parse_call(p);
    if (may_name_metric(p->now.token))
        return parse_selector(p);
    parse_unexpected(p, NULL, NULL);
    return NULL;
}

/* --- operators -------------------------------------------------------------------------------- */

enum { POWER_UNARY = 5, POWER_POW = 6 };

/* 0 for what is not a binary operator. */
static int power_of(enum token t)
{
    switch (t) {
    case TOKEN_OR: return 1;
    case TOKEN_AND:
    case TOKEN_UNLESS: return 2;
    case TOKEN_EQUAL_EQUAL:
    case TOKEN_NOT_EQUAL:
    case TOKEN_GREATER:
    case TOKEN_LESS:
    case TOKEN_GREATER_EQUAL:
    case TOKEN_LESS_EQUAL:
    case TOKEN_TRIM_UPPER:
    case TOKEN_TRIM_LOWER: return 3;
    case TOKEN_ADD:
    case TOKEN_SUB: return 4;
    case TOKEN_MUL:
    case TOKEN_DIV:
    case TOKEN_MOD:
    case TOKEN_ATAN2: return POWER_UNARY;
    case TOKEN_POW: return POWER_POW;
    default: return 0;
    }
}

static struct node *parse_operand(struct parser *p);

/* A sign binds like multiplication, so -2^2 is -(2^2); it melts into a literal. */
static struct node *parse_signed(struct parser *p)
{
    struct lexeme sign = p->now;
    parse_advance(p);
    struct node *inner = parse_expression(p, POWER_UNARY + 1);
    if (!inner)
        return NULL;
    if (inner->kind == NODE_NUMBER) {
        if (sign.token == TOKEN_SUB)
            inner->number.value = -inner->number.value;
        inner->span.start = sign.start;
        return inner;
    }
    struct node *n =
        parse_new_node(p, NODE_UNARY, inner->type, (struct span){sign.start, inner->span.end});
    if (!n)
        return NULL;
    n->unary = (struct unary_node){sign.token, inner};
    return parse_set_depth(p, n, inner) ? n : NULL;
}

static struct node *parse_operand(struct parser *p)
{
    if (p->now.token == TOKEN_ADD || p->now.token == TOKEN_SUB)
        return parse_signed(p);
    struct node *n = parse_primary(p);
    return n ? parse_modifiers(p, n) : NULL;
}

static bool parse_on_ignoring(struct parser *p, struct matching *m)
{
    if (p->now.token != TOKEN_ON && p->now.token != TOKEN_IGNORING)
        return true;
    m->on = p->now.token == TOKEN_ON;
    parse_advance(p);
    if (!parse_label_list(p, &m->labels, &m->n_labels))
        return false;
    if (p->now.token != TOKEN_GROUP_LEFT && p->now.token != TOKEN_GROUP_RIGHT)
        return true;
    m->card = p->now.token == TOKEN_GROUP_LEFT ? MANY_TO_ONE : ONE_TO_MANY;
    parse_advance(p);
    /* "group_left (b)": a list of labels, as ever when a parenthesis follows. */
    if (p->now.token == TOKEN_LEFT_PAREN)
        return parse_label_list(p, &m->include, &m->n_include);
    if (begins_operand(p->now.token))
        return true;
    parse_unexpected(p, "grouping opts", "\"(\"");
    return false;
}

static bool parse_fill_value(struct parser *p, double *out)
{
    parse_advance(p);
    return parse_expect(p, TOKEN_LEFT_PAREN, NULL, NULL) &&
           parse_signed_number(p, NULL, NULL, out) &&
           parse_expect(p, TOKEN_RIGHT_PAREN, NULL, NULL);
}

/* fill(v), or fill_left(v) and fill_right(v), in any order, once each. */
static bool parse_fills(struct parser *p, struct matching *m)
{
    enum token first = p->now.token;
    if (first == TOKEN_FILL) {
        m->fill_left = m->fill_right = true;
        if (!parse_fill_value(p, &m->left))
            return false;
        m->right = m->left;
        return true;
    }
    bool left_first = first == TOKEN_FILL_LEFT;
    if (!left_first && first != TOKEN_FILL_RIGHT)
        return true;
    *(left_first ? &m->fill_left : &m->fill_right) = true;
    if (!parse_fill_value(p, left_first ? &m->left : &m->right))
        return false;
    if (p->now.token != (left_first ? TOKEN_FILL_RIGHT : TOKEN_FILL_LEFT))
        return true;
    *(left_first ? &m->fill_right : &m->fill_left) = true;
    return parse_fill_value(p, left_first ? &m->right : &m->left);
}

static bool may_fill(struct parser *p, const struct node *n)
{
    bool fills = n->binary.matching.fill_left || n->binary.matching.fill_right;
    if (!fills || (p->features & QUERY_BINOP_FILL))
        return true;
    if (!parse_ahead_is_token(p))
        return false;
    parse_error(p, n->span,
                "binop fill modifiers are experimental and not enabled; they need "
                "--enable-feature=promql-binop-fill-modifiers");
    return false;
}

static struct node *parse_binary(struct parser *p, struct node *lhs, int power)
{
    struct binary_node b = {.op = p->now.token, .lhs = lhs};
    b.op_span = (struct span){p->now.start, p->now.end};
    parse_advance(p);
    b.return_bool = parse_accept(p, TOKEN_BOOL);
    if (!parse_on_ignoring(p, &b.matching) || !parse_fills(p, &b.matching))
        return NULL;
    /* To the left all but the power bind tighter than what follows. */
    b.rhs = parse_expression(p, power == POWER_POW ? power : power + 1);
    if (!b.rhs)
        return NULL;
    enum value_type type =
        lhs->type == VALUE_SCALAR && b.rhs->type == VALUE_SCALAR ? VALUE_SCALAR : VALUE_VECTOR;
    struct node *n =
        parse_new_node(p, NODE_BINARY, type, (struct span){lhs->span.start, b.rhs->span.end});
    if (!n)
        return NULL;
    n->binary = b;
    return may_fill(p, n) && parse_set_depth(p, n, lhs) && parse_set_depth(p, n, b.rhs) ? n : NULL;
}

struct node *parse_expression(struct parser *p, int min_power)
{
    if (!parse_enter(p))
        return NULL;
    struct node *n = parse_operand(p);
    while (n) {
        int power = power_of(p->now.token);
        if (power == 0 || power < min_power)
            break;
        n = parse_binary(p, n, power);
    }
    parse_leave(p);
    return n;
}

/* --- the whole text --------------------------------------------------------------------------- */

static void start(struct parser *p, struct str text, unsigned features, struct ast *ast,
                  struct err *err)
{
    *ast = (struct ast){.query = text};
    arena_init(&ast->arena, PARSE_MEMORY_MAX);
    *p = (struct parser){.lexer = {.input = text}, .ast = ast, .features = features, .err = err};
    if (text.n > PARSE_QUERY_MAX)
        p->rc = err_set(err, ERR_INVALID, "the query has %zu bytes; the limit is %d", text.n,
                        PARSE_QUERY_MAX);
    else
        p->now = lexer_next(&p->lexer);
}

/* Only the end may follow. */
static bool at_end(struct parser *p)
{
    if (p->rc == 0 && p->now.token != TOKEN_END)
        parse_unexpected(p, NULL, NULL);
    return p->rc == 0;
}

/* Keeps a tree that is `right` in `out`, or frees it and says why. */
static int finish(const struct parser *p, struct ast *ast, struct node *root, bool right,
                  struct ast *out)
{
    if (right) {
        ast->root = root;
        *out = *ast;
        return 0;
    }
    ast_done(ast);
    return p->rc ? p->rc : ERR_INTERNAL;
}

int promql_parse(struct str query, unsigned features, struct ast *out, struct err *err)
{
    struct parser p;
    struct ast ast;
    start(&p, query, features, &ast, err);
    if (p.rc == 0 && p.now.token == TOKEN_END)
        parse_error(&p, (struct span){0, 0}, "no expression found in input");
    struct node *root = p.rc == 0 ? parse_expression(&p, 0) : NULL;
    bool right = root && at_end(&p) && check_tree(&p, root);
    return finish(&p, &ast, root, right, out);
}

int promql_parse_selector(struct str text, struct ast *out, struct err *err)
{
    struct parser p;
    struct ast ast;
    start(&p, text, 0, &ast, err);
    bool begins = p.now.token == TOKEN_LEFT_BRACE || may_name_metric(p.now.token);
    if (p.rc == 0 && !begins)
        parse_unexpected(&p, NULL, NULL);
    struct node *root = p.rc == 0 ? parse_selector(&p) : NULL;
    bool right = root && at_end(&p); // whether it may match anything is the caller's matter
    return finish(&p, &ast, root, right, out);
}
