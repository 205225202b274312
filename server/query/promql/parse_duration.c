/* Ranges, steps and offsets: a literal, or arithmetic on durations with step(), range(), min_of()
 * and max_of(). What is wrong in one is told as of the place where it stands, with what that place
 * expects, however deep in parentheses. */
#include <math.h>

#include "query/promql/parse.h"

static struct node *duration_expression(struct parser *p, int min_power);

static void *unexpected(struct parser *p)
{
    parse_unexpected(p, p->time.context, p->time.expected);
    return NULL;
}

static bool expect(struct parser *p, enum token t)
{
    return parse_accept(p, t) || unexpected(p);
}

static struct node *new_duration(struct parser *p, enum duration_op kind, enum token op,
                                 struct node *lhs, struct node *rhs, uint32_t start)
{
    struct span span = {start, rhs ? rhs->span.end : p->last_closing};
    struct node *n = parse_new_node(p, NODE_DURATION, VALUE_SCALAR, span);
    if (!n)
        return NULL;
    n->duration = (struct duration_node){.kind = kind, .op = op, .lhs = lhs, .rhs = rhs};
    bool ok = (!lhs || parse_set_depth(p, n, lhs)) && (!rhs || parse_set_depth(p, n, rhs));
    return ok ? n : NULL;
}

static bool in_range(struct parser *p, const struct node *n, uint32_t at)
{
    if (!(fabs(n->number.value) * 1000 > (double)PARSE_DURATION_MAX_MS))
        return true; // NaN is refused as a whole duration only
    parse_error(p, (struct span){at, n->span.end}, "duration out of range");
    return false;
}

static struct node *wrap(struct parser *p, struct node *inner, uint32_t start)
{
    if (inner->kind != NODE_DURATION)
        inner = new_duration(p, DURATION_UNARY, TOKEN_ADD, NULL, inner, start);
    if (!inner)
        return NULL;
    inner->duration.wrapped = true;
    inner->span = (struct span){start, p->last_closing};
    return inner;
}

static struct node *duration_paren(struct parser *p)
{
    uint32_t start = p->now.start;
    parse_advance(p);
    struct node *inner = duration_expression(p, 0);
    return inner && expect(p, TOKEN_RIGHT_PAREN) ? wrap(p, inner, start) : NULL;
}

/* step(), range(), min_of(a, b), max_of(a, b) */
static struct node *duration_function(struct parser *p)
{
    static const enum duration_op kinds[] = {
        DURATION_STEP, DURATION_RANGE, DURATION_MIN, DURATION_MAX, // as the words
    };
    enum duration_op kind = kinds[p->now.token - TOKEN_STEP_WORD];
    bool of_two = kind == DURATION_MIN || kind == DURATION_MAX;
    uint32_t start = p->now.start;
    struct node *lhs = NULL, *rhs = NULL;
    p->ast->of_query |= !of_two;
    parse_advance(p);
    if (!expect(p, TOKEN_LEFT_PAREN))
        return NULL;
    if (of_two && (!(lhs = duration_expression(p, 0)) || !expect(p, TOKEN_COMMA) ||
                   !(rhs = duration_expression(p, 0))))
        return NULL;
    if (!expect(p, TOKEN_RIGHT_PAREN))
        return NULL;
    struct node *n = new_duration(p, kind, TOKEN_ADD, lhs, rhs, start);
    if (n)
        n->span.end = p->last_closing;
    return n;
}

static bool is_function(enum token t)
{
    return t >= TOKEN_STEP_WORD && t <= TOKEN_MAX_OF_WORD;
}

static bool is_number(enum token t)
{
    return t == TOKEN_NUMBER || t == TOKEN_DURATION;
}

static struct node *duration_primary(struct parser *p)
{
    if (is_number(p->now.token)) {
        struct node *n = parse_number_node(p);
        return n && in_range(p, n, n->span.start) ? n : NULL;
    }
    if (p->now.token == TOKEN_LEFT_PAREN)
        return duration_paren(p);
    return is_function(p->now.token) ? duration_function(p) : unexpected(p);
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

static bool is_sign(enum token t)
{
    return t == TOKEN_ADD || t == TOKEN_SUB;
}

static struct node *duration_operand(struct parser *p)
{
    enum token sign = p->now.token;
    if (!is_sign(sign))
        return duration_primary(p);
    uint32_t start = p->now.start;
    parse_advance(p);
    struct node *n = duration_expression(p, POWER_SIGN);
    return n ? apply_sign(p, sign, start, n) : NULL;
}

static struct node *binary_duration(struct parser *p, struct node *lhs, int power)
{
    struct lexeme op = p->now;
    parse_advance(p);
    struct node *rhs = duration_expression(p, op.token == TOKEN_POW ? power : power + 1);
    if (!rhs)
        return NULL;
    bool divides = op.token == TOKEN_DIV || op.token == TOKEN_MOD;
    if (divides && rhs->kind == NODE_NUMBER && rhs->number.value == 0) {
        if (!parse_ahead_is_token(p))
            return NULL;
        parse_error(p, (struct span){op.start, op.end}, "%s by zero",
                    op.token == TOKEN_DIV ? "division" : "modulo");
        return NULL;
    }
    return new_duration(p, DURATION_BINARY, op.token, lhs, rhs, lhs->span.start);
}

static struct node *more_operators(struct parser *p, struct node *n, int min_power)
{
    while (n) {
        int power = power_of(p->now.token);
        if (power == 0 || power < min_power)
            break;
        n = binary_duration(p, n, power);
    }
    return n;
}

static struct node *duration_expression(struct parser *p, int min_power)
{
    if (!parse_enter(p))
        return NULL;
    struct node *n = more_operators(p, duration_operand(p), min_power);
    parse_leave(p);
    return n;
}

static bool set_duration(struct parser *p, const struct node *n, struct duration *out)
{
    *out = (struct duration){0};
    if (n->kind != NODE_NUMBER)
        out->expr = n;
    else if (isnan(n->number.value))
        parse_error(p, n->span, "duration out of range");
    else // of nanoseconds, as Prometheus holds them, whole milliseconds count
        out->ms = (int64_t)trunc(round(n->number.value * 1e9) / 1e6);
    return p->rc == 0;
}

/* A sign and what it stands before: a literal, a function or a parenthesis. */
static struct node *signed_offset(struct parser *p)
{
    struct lexeme sign = p->now;
    parse_advance(p);
    if (is_number(p->now.token)) {
        struct node *n = parse_number_node(p);
        return n && in_range(p, n, sign.start) ? apply_sign(p, sign.token, sign.start, n) : NULL;
    }
    if (p->now.token == TOKEN_LEFT_PAREN || is_function(p->now.token)) {
        bool function = p->now.token != TOKEN_LEFT_PAREN;
        struct node *n = duration_primary(p);
        if (n && function) // keeps a plus, too
            return new_duration(p, DURATION_UNARY, sign.token, NULL, n, sign.start);
        return n ? apply_sign(p, sign.token, sign.start, n) : NULL;
    }
    struct node *n = duration_expression(p, POWER_SIGN); // another sign
    n = n ? apply_sign(p, sign.token, sign.start, n) : NULL;
    n = more_operators(p, n, 0);
    return n && parse_ahead_is_token(p) ? n : NULL;
}

/* An offset takes one operand only: offset 100 + 2 adds 2 to what was selected. But one that begins
 * with a parenthesis or with two signs goes on as far as it can: offset (100) + 2 is 102. */
static struct node *offset_operand(struct parser *p)
{
    if (is_sign(p->now.token))
        return signed_offset(p);
    if (p->now.token != TOKEN_LEFT_PAREN)
        return duration_primary(p);
    struct node *n = duration_expression(p, 0);
    return n && parse_ahead_is_token(p) ? n : NULL;
}

bool parse_offset_duration(struct parser *p, struct duration *out)
{
    p->time = (struct place_of_time){"offset", "number, duration, step(), or range()"};
    struct node *n = offset_operand(p);
    return n && set_duration(p, n, out);
}

bool parse_range_duration(struct parser *p, struct place_of_time place, struct duration *out)
{
    p->time = place;
    struct node *n = duration_expression(p, 0);
    if (!n)
        return false;
    if (n->kind == NODE_NUMBER && n->number.value <= 0) {
        if (!parse_ahead_is_token(p))
            return false;
        parse_error(p, n->span, "duration must be greater than 0");
        return false;
    }
    return set_duration(p, n, out);
}
