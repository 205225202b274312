/* Selectors: names, matchers, and the modifiers that may stand behind them. */
#include <math.h>

#include "model/matcher.h"
#include "query/promql/parse.h"
#include "query/query.h"

/* --- lists of labels -------------------------------------------------------------------------- */

/* All words but without, inf and nan, as Prometheus has it; those need quotes. */
static bool is_label_word(enum token t)
{
    return t == TOKEN_IDENTIFIER || t == TOKEN_METRIC_IDENTIFIER || t == TOKEN_ATAN2 ||
           (token_is_keyword(t) && t != TOKEN_WITHOUT) || token_is_aggregator(t) ||
           token_is_set_operator(t) || token_is_function_word(t);
}

static bool label_name(struct parser *p, struct str *out)
{
    if (p->now.token == TOKEN_STRING) {
        struct span at = {p->now.start, p->now.end};
        if (!parse_string(p, out))
            return false;
        if (out->n && str_is_utf8(*out))
            return true;
        parse_error(p, at, "invalid label name for grouping: %.*s", STR_ARG(parse_quoted(p, *out)));
        return false;
    }
    if (!is_label_word(p->now.token)) {
        parse_unexpected(p, "grouping opts", "label");
        return false;
    }
    *out = p->now.text;
    parse_advance(p);
    return true;
}

bool parse_label_list(struct parser *p, struct str **out, size_t *out_n)
{
    struct str *v = NULL;
    size_t n = 0, cap = 0;
    if (!parse_expect(p, TOKEN_LEFT_PAREN, "grouping opts", "\"(\""))
        return false;
    while (p->now.token != TOKEN_RIGHT_PAREN) {
        struct str name;
        if (!label_name(p, &name) || !(v = parse_append(p, v, &n, &cap, sizeof *v)))
            return false;
        v[n - 1] = name;
        if (!parse_accept(p, TOKEN_COMMA))
            break;
    }
    if (!parse_expect(p, TOKEN_RIGHT_PAREN, "grouping opts", "\",\" or \")\""))
        return false;
    *out = v;
    *out_n = n;
    return true;
}

/* --- matchers --------------------------------------------------------------------------------- */

struct matcher_list {
    struct selector_node *s;
    size_t cap;
};

static bool add_matcher(struct parser *p, struct matcher_list *l, enum match_op op, struct str name,
                        struct str value, struct span at)
{
    struct matcher m;
    struct err why = {0};
    int rc = matcher_init(&m, op, name, value, &why);
    if (rc != 0) {
        parse_error(p, at, "%s", why.message);
        return false;
    }
    struct matcher *v = parse_append(p, l->s->matchers, &l->s->n, &l->cap, sizeof *v);
    if (!v) {
        matcher_done(&m);
        return false;
    }
    l->s->matchers = v;
    v[l->s->n - 1] = m;
    return true;
}

static bool match_op(enum token t, enum match_op *out)
{
    switch (t) {
    case TOKEN_EQUAL: *out = MATCH_EQUAL; return true;
    case TOKEN_NOT_EQUAL: *out = MATCH_NOT_EQUAL; return true;
    case TOKEN_EQUAL_REGEX: *out = MATCH_REGEX; return true;
    case TOKEN_NOT_REGEX: *out = MATCH_NOT_REGEX; return true;
    default: return false;
    }
}

/* name="value", "quoted name"="value", or "metric name" alone. */
static bool parse_matcher(struct parser *p, struct matcher_list *l)
{
    bool quoted = p->now.token == TOKEN_STRING;
    uint32_t start = p->now.start;
    struct str name = p->now.text, value;
    struct span name_span = {start, p->now.end};
    if (quoted) {
        if (!parse_string(p, &name))
            return false;
    } else if (!parse_expect(p, TOKEN_IDENTIFIER, "label matching", "identifier or \"}\"")) {
        return false;
    }
    if (quoted && (p->now.token == TOKEN_COMMA || p->now.token == TOKEN_RIGHT_BRACE))
        return add_matcher(p, l, MATCH_EQUAL, STR("__name__"), name, name_span);

    enum match_op op;
    if (!match_op(p->now.token, &op)) {
        parse_unexpected(p, "label matching",
                         quoted ? "\",\" or \"}\"" : "label matching operator");
        return false;
    }
    parse_advance(p);
    if (p->now.token != TOKEN_STRING) {
        parse_unexpected(p, "label matching", "string");
        return false;
    }
    struct span at = {start, p->now.end};
    return parse_string(p, &value) && add_matcher(p, l, op, name, value, at);
}

static bool parse_matchers(struct parser *p, struct matcher_list *l)
{
    parse_advance(p);
    while (p->now.token != TOKEN_RIGHT_BRACE) {
        if (!parse_matcher(p, l))
            return false;
        if (!parse_accept(p, TOKEN_COMMA))
            break;
    }
    return parse_expect(p, TOKEN_RIGHT_BRACE, "label matching", "\",\" or \"}\"");
}

struct node *parse_selector(struct parser *p)
{
    struct span span = {p->now.start, p->now.end};
    struct node *n = parse_new_node(p, NODE_SELECTOR, VALUE_VECTOR, span);
    if (!n)
        return NULL;
    n->selector.next = p->ast->selectors;
    p->ast->selectors = &n->selector;
    struct matcher_list list = {.s = &n->selector};
    if (p->now.token != TOKEN_LEFT_BRACE) {
        n->selector.name = p->now.text;
        parse_advance(p);
    }
    if (p->now.token == TOKEN_LEFT_BRACE) {
        if (!parse_matchers(p, &list))
            return NULL;
        n->span.end = p->last_closing;
    }
    if (n->selector.name.n &&
        !add_matcher(p, &list, MATCH_EQUAL, STR("__name__"), n->selector.name, span))
        return NULL;
    return n;
}

/* --- modifiers -------------------------------------------------------------------------------- */

/* What offset, @ and their like change: of a selector, a range selector or a subquery. */
struct modifiable {
    struct duration *offset;
    struct at *at;
    struct selector_node *selector; /* NULL of a subquery */
};

static bool modifiable(struct node *n, struct modifiable *out)
{
    switch (n->kind) {
    case NODE_SELECTOR:
        *out = (struct modifiable){&n->selector.offset, &n->selector.at, &n->selector};
        return true;
    case NODE_MATRIX: return modifiable(n->matrix.selector, out);
    case NODE_SUBQUERY:
        *out = (struct modifiable){&n->subquery.offset, &n->subquery.at, NULL};
        return true;
    default: return false;
    }
}

static bool parse_offset(struct parser *p, struct node *n)
{
    struct modifiable m = {0};
    parse_advance(p);
    struct duration d;
    if (!parse_offset_duration(p, &d))
        return false;
    if (!modifiable(n, &m)) {
        parse_error(p, n->span,
                    "offset modifier must be preceded by an instant vector selector or range "
                    "vector selector or a subquery");
        return false;
    }
    if (m.offset->ms != 0 || m.offset->expr) {
        parse_error(p, n->span, "offset may not be set multiple times");
        return false;
    }
    *m.offset = d;
    n->span.end = p->last_closing;
    return true;
}

static bool parse_at_value(struct parser *p, struct node *n, struct at *out)
{
    if (p->now.token == TOKEN_START_WORD || p->now.token == TOKEN_END_WORD) {
        out->kind = p->now.token == TOKEN_START_WORD ? AT_START : AT_END;
        parse_advance(p);
        return parse_expect(p, TOKEN_LEFT_PAREN, "@", "timestamp") &&
               parse_expect(p, TOKEN_RIGHT_PAREN, "@", "timestamp");
    }
    double seconds;
    if (!parse_signed_number(p, "@", "timestamp", &seconds))
        return false;
    double ms = round(seconds * 1000);
    if (!(fabs(ms) < (double)PARSE_TIME_MAX)) {
        if (isfinite(seconds))
            parse_error(p, n->span, "timestamp out of bounds for @ modifier: %f", seconds);
        else
            parse_error(p, n->span, "timestamp out of bounds for @ modifier: %s",
                        isnan(seconds) ? "NaN"
                        : seconds < 0  ? "-Inf"
                                       : "+Inf");
        return false;
    }
    *out = (struct at){AT_TIME, (int64_t)ms};
    return true;
}

static bool parse_at(struct parser *p, struct node *n)
{
    struct modifiable m = {0};
    struct at at = {AT_NONE, 0};
    parse_advance(p);
    bool value = p->now.token == TOKEN_START_WORD || p->now.token == TOKEN_END_WORD ||
                 p->now.token == TOKEN_NUMBER || p->now.token == TOKEN_DURATION ||
                 p->now.token == TOKEN_ADD || p->now.token == TOKEN_SUB;
    if (!value) {
        parse_unexpected(p, "@", "timestamp");
        return false;
    }
    if (!parse_at_value(p, n, &at))
        return false;
    if (!modifiable(n, &m)) {
        parse_error(p, n->span,
                    "@ modifier must be preceded by an instant vector selector or range vector "
                    "selector or a subquery");
        return false;
    }
    if (m.at->kind != AT_NONE) {
        parse_error(p, n->span, "@ <timestamp> may not be set multiple times");
        return false;
    }
    *m.at = at;
    n->span.end = p->last_closing;
    return true;
}

static bool parse_extended(struct parser *p, struct node *n)
{
    bool anchored = p->now.token == TOKEN_ANCHORED;
    const char *name = anchored ? "anchored" : "smoothed";
    struct modifiable m = {0};
    if (!(p->features & QUERY_EXTENDED_SELECTORS))
        parse_error(p, n->span,
                    "%s modifier is experimental and not enabled; it needs "
                    "--enable-feature=promql-extended-range-selectors",
                    name);
    else if (!modifiable(n, &m))
        parse_error(p, n->span, "%s modifier not implemented", name); // Prometheus's words
    else if (!m.selector)
        parse_error(p, n->span, "%s modifier is not supported for subqueries", name);
    else if (anchored ? m.selector->smoothed : m.selector->anchored)
        parse_error(p, n->span, "anchored and smoothed modifiers cannot be used together");
    if (p->rc != 0)
        return false;
    *(anchored ? &m.selector->anchored : &m.selector->smoothed) = true;
    parse_advance(p);
    return true;
}

static struct node *finish_subquery(struct parser *p, struct node *expr, struct duration range)
{
    struct duration step = {0};
    parse_advance(p);
    const struct place_of_time place = {"subquery selector",
                                        "number, duration, step(), range(), or \"]\""};
    if (p->now.token != TOKEN_RIGHT_BRACKET && !parse_range_duration(p, place, &step))
        return NULL;
    if (!parse_expect(p, TOKEN_RIGHT_BRACKET, "subquery selector", "\"]\""))
        return NULL;
    struct node *n = parse_new_node(p, NODE_SUBQUERY, VALUE_MATRIX,
                                    (struct span){expr->span.start, p->last_closing});
    if (!n)
        return NULL;
    n->subquery = (struct subquery_node){.expr = expr, .range = range, .step = step};
    return parse_set_depth(p, n, expr) ? n : NULL;
}

static struct node *finish_matrix(struct parser *p, struct node *expr, struct duration range,
                                  struct span at)
{
    const struct selector_node *s = &expr->selector;
    if (expr->kind != NODE_SELECTOR)
        parse_error(p, at, "ranges only allowed for vector selectors");
    else if (s->offset.ms != 0 || s->offset.expr)
        parse_error(p, at, "no offset modifiers allowed before range");
    else if (s->at.kind != AT_NONE)
        parse_error(p, at, "no @ modifiers allowed before range");
    struct node *n = p->rc == 0 ? parse_new_node(p, NODE_MATRIX, VALUE_MATRIX,
                                                 (struct span){expr->span.start, p->last_closing})
                                : NULL;
    if (!n)
        return NULL;
    n->matrix = (struct matrix_node){expr, range};
    return parse_set_depth(p, n, expr) ? n : NULL;
}

/* [5m], [30m:1m], [30m:] */
static struct node *parse_range(struct parser *p, struct node *expr)
{
    struct span at = {p->now.start, p->now.end};
    struct duration range;
    const struct place_of_time place = {"subquery or range selector",
                                        "number, duration, step(), or range()"};
    parse_advance(p);
    if (!parse_range_duration(p, place, &range))
        return NULL;
    if (p->now.token == TOKEN_COLON)
        return finish_subquery(p, expr, range);
    if (!parse_expect(p, TOKEN_RIGHT_BRACKET, "subquery or range", "\":\" or \"]\""))
        return NULL;
    at.end = p->last_closing;
    return finish_matrix(p, expr, range, at);
}

struct node *parse_modifiers(struct parser *p, struct node *n)
{
    for (;;) {
        bool ok = true;
        switch (p->now.token) {
        case TOKEN_LEFT_BRACKET: n = parse_range(p, n); break;
        case TOKEN_OFFSET: ok = parse_offset(p, n); break;
        case TOKEN_AT: ok = parse_at(p, n); break;
        case TOKEN_ANCHORED:
        case TOKEN_SMOOTHED: ok = parse_extended(p, n); break;
        default: return n;
        }
        if (!n || !ok)
            return NULL;
    }
}
