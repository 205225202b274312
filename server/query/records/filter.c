/* Lexer and recursive descent in one: the language has five kinds of tokens, and what a word is
 * depends on whether a field or a value is due. */
#include "query/records/filter.h"

#include "base/regex.h"
#include "query/records/comparison.h"

enum { DEPTH_MAX = 64, TERMS_MAX = 1000, TEXT_MAX = 64 << 10 };

struct parser {
    enum record_table table;
    struct str text;
    size_t at;
    struct arena *arena;
    struct record_filter *out;
    size_t cap_regexes, terms;
    int depth;
    struct err *err;
};

static int parse_either(struct parser *p, struct predicate *out);

/* --- tokens ----------------------------------------------------------------------------------- */

static int fail(const struct parser *p, size_t at, const char *what)
{
    struct str rest = str_sub(p->text, at, 40);
    if (rest.n == 0)
        return err_set(p->err, ERR_INVALID, "%zu: %s at the end", at + 1, what);
    return err_set(p->err, ERR_INVALID, "%zu: %s at \"%.*s\"", at + 1, what, STR_ARG(rest));
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static char peek(struct parser *p)
{
    while (p->at < p->text.n && is_blank(p->text.p[p->at]))
        p->at++;
    return p->at < p->text.n ? p->text.p[p->at] : '\0';
}

static bool at_end(struct parser *p)
{
    (void)peek(p);
    return p->at >= p->text.n;
}

static bool ends_word(char c, bool value)
{
    return is_blank(c) || c == '(' || c == ')' || c == '"' ||
           (!value && memchr("=!<>~:", c, 6) != NULL);
}

static struct str read_word(struct parser *p, bool value)
{
    size_t begin = p->at;
    while (p->at < p->text.n && !ends_word(p->text.p[p->at], value))
        p->at++;
    return str_sub(p->text, begin, p->at - begin);
}

static bool is_quote(char c)
{
    return c == '"' || c == '\'';
}

/* The text between quotes of either kind; the first one is next. */
static int read_quoted(struct parser *p, struct str *out)
{
    size_t begin = p->at++, n = 0;
    char quote = p->text.p[begin];
    char *text = arena_alloc(p->arena, p->text.n - begin);
    if (!text)
        return err_set(p->err, ERR_NOMEM, "out of memory");
    for (; p->at < p->text.n && p->text.p[p->at] != quote; p->at++) {
        char c = p->text.p[p->at], next = p->at + 1 < p->text.n ? p->text.p[p->at + 1] : '\0';
        if (c == '\\' && (next == quote || next == '\\'))
            c = p->text.p[++p->at];
        text[n++] = c;
    }
    if (p->at >= p->text.n)
        return fail(p, begin, "a quotation that does not end");
    p->at++;
    *out = str_of(text, n);
    return 0;
}

/* A word or quoted text; *out_quoted tells which. `what`: for the message when neither is there. */
static int read_text(struct parser *p, bool value, const char *what, struct str *out,
                     bool *out_quoted)
{
    char c = peek(p);
    *out_quoted = is_quote(c);
    if (*out_quoted)
        return read_quoted(p, out);
    *out = read_word(p, value);
    return out->n ? 0 : fail(p, p->at, what);
}

/* Passes the word if it is next, a whole word, and not a field with an operator behind it. */
static bool accept_word(struct parser *p, struct str word)
{
    (void)peek(p);
    size_t before = p->at;
    struct str next = read_word(p, false);
    char c = peek(p);
    bool is_field =
        c != '\0' && memchr("=!<>~:", c, 6) != NULL && !(c == '!' && !str_eq(word, STR("exists")));
    if (str_eq_nocase(next, word) && !is_field)
        return true;
    p->at = before;
    return false;
}

static const struct {
    const char *text;
    enum comparison_op op;
} operators[] = {
    {"==", OP_EQ},      {"=~", OP_REGEX}, {"!=", OP_NE}, {"!~", OP_NOT_REGEX},
    {"!:", OP_NOT_HAS}, {"<=", OP_LE},    {">=", OP_GE}, {"=", OP_EQ},
    {"<", OP_LT},       {">", OP_GT},     {":", OP_HAS},
};

static bool read_operator(struct parser *p, enum comparison_op *out)
{
    (void)peek(p);
    for (size_t i = 0; i < sizeof operators / sizeof *operators; i++) {
        struct str text = str_c(operators[i].text);
        if (str_starts(str_sub(p->text, p->at, SIZE_MAX), text)) {
            p->at += text.n;
            *out = operators[i].op;
            return true;
        }
    }
    return false;
}

/* --- terms ------------------------------------------------------------------------------------ */

static int add_regex(struct parser *p, struct str pattern, const struct regex **out)
{
    struct record_filter *f = p->out;
    struct regex *made;
    if (f->n_regexes == p->cap_regexes) {
        size_t cap = p->cap_regexes ? 2 * p->cap_regexes : 4;
        struct regex **v =
            arena_grow(p->arena, f->regexes, f->n_regexes, cap, sizeof(struct regex *));
        if (!v)
            return err_set(p->err, ERR_NOMEM, "out of memory");
        f->regexes = v;
        p->cap_regexes = cap;
    }
    int rc = regex_new_search(pattern, &made, p->err);
    if (rc != 0)
        return rc;
    f->regexes[f->n_regexes++] = made;
    *out = made;
    return 0;
}

static int parse_comparison(struct parser *p, struct str field, enum comparison_op op,
                            struct predicate *out)
{
    struct comparison c = {.field = field, .op = op};
    int rc = read_text(p, true, "expected a value", &c.value, &c.quoted);
    if (rc == 0 && (op == OP_REGEX || op == OP_NOT_REGEX))
        rc = add_regex(p, c.value, &c.regex);
    return rc == 0 ? comparison_predicate(p->table, &c, p->arena, out, p->err) : rc;
}

static int parse_exists(struct parser *p, struct predicate *out)
{
    struct comparison c = {.op = OP_EXISTS};
    bool quoted;
    int rc = read_text(p, false, "expected a field", &c.field, &quoted);
    return rc == 0 ? comparison_predicate(p->table, &c, p->arena, out, p->err) : rc;
}

/* field op value; or text that log records are searched for. */
static int parse_leaf(struct parser *p, struct predicate *out)
{
    struct str field;
    bool quoted;
    enum comparison_op op;
    (void)peek(p);
    size_t begin = p->at;
    if (++p->terms > TERMS_MAX)
        return err_set(p->err, ERR_INVALID, "more than %d terms", TERMS_MAX);
    int rc = read_text(p, false, "expected a field or a term", &field, &quoted);
    if (rc != 0)
        return rc;
    if (read_operator(p, &op))
        return parse_comparison(p, field, op, out);
    if (p->table != RECORD_LOGS)
        return fail(p, begin,
                    "expected an operator (=, !=, =~, !~, <, <=, >, >=, :) behind the field");
    struct comparison c = {STR("body"), OP_PHRASE, field, true, NULL};
    return comparison_predicate(p->table, &c, p->arena, out, p->err);
}

static int parse_group(struct parser *p, struct predicate *out)
{
    size_t begin = p->at++;
    int rc = parse_either(p, out);
    if (rc == 0 && peek(p) != ')')
        return fail(p, begin, "a parenthesis that is not closed");
    p->at++;
    return rc;
}

static int parse_term(struct parser *p, struct predicate *out)
{
    if (p->depth >= DEPTH_MAX)
        return err_set(p->err, ERR_INVALID, "more than %d terms within each other", DEPTH_MAX);
    p->depth++;
    int rc;
    bool negated = peek(p) == '!';
    p->at += negated;
    if (negated || accept_word(p, STR("not"))) {
        rc = parse_term(p, out);
        *out = where_not(p->arena, *out);
    } else if (peek(p) == '(') {
        rc = parse_group(p, out);
    } else {
        rc = accept_word(p, STR("exists")) ? parse_exists(p, out) : parse_leaf(p, out);
    }
    p->depth--;
    return rc;
}

/* --- and, or ---------------------------------------------------------------------------------- */

/* Children of one AND or OR, flat. */
struct children {
    struct predicate *v;
    size_t n, cap;
};

static int add_child(struct parser *p, struct children *c, struct predicate one)
{
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 4;
        struct predicate *v = arena_grow(p->arena, c->v, c->n, cap, sizeof *v);
        if (!v)
            return err_set(p->err, ERR_NOMEM, "out of memory");
        c->v = v;
        c->cap = cap;
    }
    c->v[c->n++] = one;
    return 0;
}

static struct predicate joined(enum predicate_op op, const struct children *c)
{
    if (c->n == 1)
        return c->v[0];
    return (struct predicate){.op = op, .children = c->v, .n_children = c->n};
}

static bool next_is_or(struct parser *p)
{
    size_t before = p->at;
    bool found = accept_word(p, STR("or"));
    p->at = before;
    return found;
}

static int parse_both(struct parser *p, struct predicate *out)
{
    struct children c = {0};
    int rc = 0;
    do {
        struct predicate one = {.op = PREDICATE_AND};
        rc = parse_term(p, &one);
        if (rc == 0)
            rc = add_child(p, &c, one);
    } while (rc == 0 &&
             (accept_word(p, STR("and")) || (!at_end(p) && peek(p) != ')' && !next_is_or(p))));
    if (rc == 0)
        *out = joined(PREDICATE_AND, &c);
    return rc;
}

static int parse_either(struct parser *p, struct predicate *out)
{
    struct children c = {0};
    int rc = 0;
    do {
        struct predicate one = {.op = PREDICATE_AND};
        rc = parse_both(p, &one);
        if (rc == 0)
            rc = add_child(p, &c, one);
    } while (rc == 0 && accept_word(p, STR("or")));
    if (rc == 0)
        *out = joined(PREDICATE_OR, &c);
    return rc;
}

static int parse(struct parser *p)
{
    if (p->text.n > TEXT_MAX)
        return err_set(p->err, ERR_INVALID, "%zu bytes; expected at most %d", p->text.n, TEXT_MAX);
    if (at_end(p))
        return 0;
    int rc = parse_either(p, &p->out->where);
    if (rc == 0 && !at_end(p))
        return fail(p, p->at, "expected and, or, or the end");
    if (rc == 0 && arena_failed(p->arena))
        return err_set(p->err, ERR_NOMEM, "out of memory");
    return rc;
}

int record_filter_parse(enum record_table table, struct str text, struct arena *a,
                        struct record_filter *out, struct err *err)
{
    struct parser p = {.table = table, .text = text, .arena = a, .out = out, .err = err};
    *out = (struct record_filter){.where = {.op = PREDICATE_AND}};
    int rc = parse(&p);
    if (rc != 0)
        record_filter_done(out);
    return rc;
}

void record_filter_done(struct record_filter *f)
{
    for (size_t i = 0; i < f->n_regexes; i++)
        regex_free(f->regexes[i]);
    f->n_regexes = 0;
}
