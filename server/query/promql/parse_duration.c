/* Ranges, steps and offsets: a literal, or (as an experiment of the language) arithmetic on
 * durations with step(), range(), min_of() and max_of(). */
#include <math.h>

#include "query/promql/parse.h"
#include "query/query.h"

static struct node *duration_expression(struct parser *p, int min_power);

static struct node *new_duration(struct parser *p, enum duration_op kind, enum token op,
                                 struct node *lhs, struct node *rhs, uint32_t start)
{
    struct span span = {start, rhs ? rhs->span.end : p->now.end};
    if (!(p->features & QUERY_DURATION_EXPR)) {
        parse_error(p, span,
                    "experimental duration expression is not enabled; it needs "
                    "--enable-feature=promql-duration-expr");
        return NULL;
    }
    struct node *n = parse_new_node(p, NODE_DURATION, VALUE_SCALAR, span);
    if (!n)
        return NULL;
    n->duration = (struct duration_node){.kind = kind, .op = op, .lhs = lhs, .rhs = rhs};
    bool ok = (!lhs || parse_set_depth(p, n, lhs)) && (!rhs || parse_set_depth(p, n, rhs));
    return ok ? n : NULL;
}

static struct node *duration_paren(struct parser *p)
{
    uint32_t start = p->now.start;
    parse_advance(p);
    struct node *inner = duration_expression(p, 0);
    if (!inner || !parse_expect(p, TOKEN_RIGHT_PAREN, "duration expression", "\")\""))
        return NULL;
    if (inner->kind != NODE_DURATION)
        inner = new_duration(p, DURATION_UNARY, TOKEN_ADD, NULL, inner, start);
    if (!inner)
        return NULL;
    inner->duration.wrapped = true;
    inner->span = (struct span){start, p->last_closing};
    return inner;
}

static bool is_function(const struct parser *p, struct str name)
{
    return p->now.token == TOKEN_IDENTIFIER && str_eq_nocase(p->now.text, name) &&
           parse_peek(p).token == TOKEN_LEFT_PAREN;
}

static bool is_any_function(const struct parser *p)
{
    return is_function(p, STR("step")) || is_function(p, STR("range")) ||
           is_function(p, STR("min_of")) || is_function(p, STR("max_of"));
}

/* step(), range(), min_of(a, b), max_of(a, b) */
static struct node *duration_function(struct parser *p)
{
    enum duration_op kind = is_function(p, STR("step"))     ? DURATION_STEP
                            : is_function(p, STR("range"))  ? DURATION_RANGE
                            : is_function(p, STR("min_of")) ? DURATION_MIN
                                                            : DURATION_MAX;
    uint32_t start = p->now.start;
    struct node *lhs = NULL, *rhs = NULL;
    p->ast->of_query |= kind == DURATION_STEP || kind == DURATION_RANGE;
    parse_advance(p);
    parse_advance(p);
    if (kind == DURATION_MIN || kind == DURATION_MAX) {
        if (!(lhs = duration_expression(p, 0)) ||
            !parse_expect(p, TOKEN_COMMA, "duration expression", "\",\"") ||
            !(rhs = duration_expression(p, 0)))
            return NULL;
    }
    struct node *n = new_duration(p, kind, TOKEN_ADD, lhs, rhs, start);
    if (!n || !parse_expect(p, TOKEN_RIGHT_PAREN, "duration expression", "\")\""))
        return NULL;
    n->span.end = p->last_closing;
    return n;
}

static struct node *duration_primary(struct parser *p)
{
    if (p->now.token == TOKEN_NUMBER || p->now.token == TOKEN_DURATION)
        return parse_number_node(p);
    if (p->now.token == TOKEN_LEFT_PAREN)
        return duration_paren(p);
    if (is_any_function(p))
        return duration_function(p);
    parse_unexpected(p, "duration expression", "number, duration, step(), or range()");
    return NULL;
}

static struct node *apply_sign(struct parser *p, enum token sign, uint32_t start, struct node *n)
{
    if (n->kind == NODE_NUMBER) {
        if (sign == TOKEN_SUB)
            n->number.value = -n->number.value;
        n->span.start = start;
        return n;
    }
    return sign == TOKEN_SUB ? new_duration(p, DURATION_UNARY, TOKEN_SUB, NULL, n, start) : n;
}

enum { POWER_SIGN = 3 };

static int power_of(enum token t)
{
    switch (t) {
    case TOKEN_ADD:
    case TOKEN_SUB: return 1;
    case TOKEN_MUL:
    case TOKEN_DIV:
    case TOKEN_MOD: return 2;
    case TOKEN_POW: return POWER_SIGN;
    default: return 0;
    }
}

static struct node *duration_operand(struct parser *p)
{
    enum token sign = p->now.token;
    if (sign != TOKEN_ADD && sign != TOKEN_SUB)
        return duration_primary(p);
    uint32_t start = p->now.start;
    parse_advance(p);
    struct node *n = duration_expression(p, POWER_SIGN);
    return n ? apply_sign(p, sign, start, n) : NULL;
}

static struct node *duration_expression(struct parser *p, int min_power)
{
    if (!parse_enter(p))
        return NULL;
    struct node *n = duration_operand(p);
    while (n) {
        enum token op = p->now.token;
        int power = power_of(op);
        if (power == 0 || power < min_power)
            break;
        parse_advance(p);
        struct node *rhs = duration_expression(p, op == TOKEN_POW ? power : power + 1);
        n = rhs ? new_duration(p, DURATION_BINARY, op, n, rhs, n->span.start) : NULL;
    }
    parse_leave(p);
    return n;
}

static bool to_ms(struct parser *p, const struct node *n, int64_t *out)
{
    double ms = round(n->number.value * 1000);
    if (!(fabs(ms) <= (double)PARSE_DURATION_MAX_MS)) {
        parse_error(p, n->span, "duration out of range");
        return false;
    }
    *out = (int64_t)ms;
    return true;
}

static bool set_duration(struct parser *p, const struct node *n, struct duration *out)
{
    *out = (struct duration){0};
    if (n->kind != NODE_NUMBER) {
        out->expr = n;
        return true;
    }
    return to_ms(p, n, &out->ms);
}

/* An offset takes one operand only: offset 100 + 2 adds 2 to what was selected. */
bool parse_offset_duration(struct parser *p, struct duration *out)
{
    enum token sign = p->now.token;
    uint32_t start = p->now.start;
    bool has_sign = sign == TOKEN_ADD || sign == TOKEN_SUB;
    if (has_sign)
        parse_advance(p);
    bool operand = p->now.token == TOKEN_NUMBER || p->now.token == TOKEN_DURATION ||
                   p->now.token == TOKEN_LEFT_PAREN || is_any_function(p);
    if (!operand) {
        parse_unexpected(p, "offset", "number, duration, step(), or range()");
        return false;
    }
    struct node *n = duration_primary(p);
    if (n && has_sign)
        n = apply_sign(p, sign, start, n);
    return n && set_duration(p, n, out);
}

bool parse_range_duration(struct parser *p, const char *context, struct duration *out)
{
    struct span at = {p->now.start, p->now.end};
    if (p->now.token == TOKEN_RIGHT_BRACKET || p->now.token == TOKEN_COLON ||
        p->now.token == TOKEN_END) {
        parse_unexpected(p, context, "number, duration, step(), or range()");
        return false;
    }
    struct node *n = duration_expression(p, 0);
    if (!n || !set_duration(p, n, out))
        return false;
    if (!out->expr && out->ms <= 0) {
        parse_error(p, at, "duration must be greater than 0");
        return false;
    }
    return true;
}
