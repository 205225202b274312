/* One handler for each class of first character. Words are looked up in one table, as the language
 * has it: operators, aggregators and keywords are recognised in any case, and most of them may also
 * be names of metrics or labels; the parser decides by what follows. */
#include "query/promql/lexer.h"

#include "base/buf.h"
#include "base/compiler.h"

static const struct word {
    struct str text;
    enum token token;
} words[] = {
    {{"and", 3}, TOKEN_AND},
    {{"or", 2}, TOKEN_OR},
    {{"unless", 6}, TOKEN_UNLESS},
    {{"atan2", 5}, TOKEN_ATAN2},
    {{"avg", 3}, TOKEN_AVG},
    {{"bottomk", 7}, TOKEN_BOTTOMK},
    {{"count", 5}, TOKEN_COUNT},
    {{"count_values", 12}, TOKEN_COUNT_VALUES},
    {{"group", 5}, TOKEN_GROUP},
    {{"limitk", 6}, TOKEN_LIMITK},
    {{"limit_ratio", 11}, TOKEN_LIMIT_RATIO},
    {{"max", 3}, TOKEN_MAX},
    {{"min", 3}, TOKEN_MIN},
    {{"quantile", 8}, TOKEN_QUANTILE},
    {{"stddev", 6}, TOKEN_STDDEV},
    {{"stdvar", 6}, TOKEN_STDVAR},
    {{"sum", 3}, TOKEN_SUM},
    {{"topk", 4}, TOKEN_TOPK},
    {{"anchored", 8}, TOKEN_ANCHORED},
    {{"bool", 4}, TOKEN_BOOL},
    {{"by", 2}, TOKEN_BY},
    {{"end", 3}, TOKEN_END_WORD},
    {{"fill", 4}, TOKEN_FILL},
    {{"fill_left", 9}, TOKEN_FILL_LEFT},
    {{"fill_right", 10}, TOKEN_FILL_RIGHT},
    {{"group_left", 10}, TOKEN_GROUP_LEFT},
    {{"group_right", 11}, TOKEN_GROUP_RIGHT},
    {{"ignoring", 8}, TOKEN_IGNORING},
    {{"offset", 6}, TOKEN_OFFSET},
    {{"on", 2}, TOKEN_ON},
    {{"smoothed", 8}, TOKEN_SMOOTHED},
    {{"start", 5}, TOKEN_START_WORD},
    {{"without", 7}, TOKEN_WITHOUT},
    {{"inf", 3}, TOKEN_NUMBER},
    {{"nan", 3}, TOKEN_NUMBER},
};

/* Longer signs before their prefixes. */
static const struct word signs[] = {
    {{"==", 2}, TOKEN_EQUAL_EQUAL},
    {{"=~", 2}, TOKEN_EQUAL_REGEX},
    {{"!=", 2}, TOKEN_NOT_EQUAL},
    {{"!~", 2}, TOKEN_NOT_REGEX},
    {{">=", 2}, TOKEN_GREATER_EQUAL},
    {{"<=", 2}, TOKEN_LESS_EQUAL},
    {{"</", 2}, TOKEN_TRIM_UPPER},
    {{">/", 2}, TOKEN_TRIM_LOWER},
    {{"=", 1}, TOKEN_EQUAL},
    {{">", 1}, TOKEN_GREATER},
    {{"<", 1}, TOKEN_LESS},
    {{"+", 1}, TOKEN_ADD},
    {{"-", 1}, TOKEN_SUB},
    {{"*", 1}, TOKEN_MUL},
    {{"/", 1}, TOKEN_DIV},
    {{"%", 1}, TOKEN_MOD},
    {{"^", 1}, TOKEN_POW},
    {{"(", 1}, TOKEN_LEFT_PAREN},
    {{")", 1}, TOKEN_RIGHT_PAREN},
    {{"{", 1}, TOKEN_LEFT_BRACE},
    {{"}", 1}, TOKEN_RIGHT_BRACE},
    {{"[", 1}, TOKEN_LEFT_BRACKET},
    {{"]", 1}, TOKEN_RIGHT_BRACKET},
    {{",", 1}, TOKEN_COMMA},
    {{":", 1}, TOKEN_COLON},
    {{"@", 1}, TOKEN_AT},
};

struct str token_text(enum token t)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (words[i].token == t && t != TOKEN_NUMBER)
            return words[i].text;
    for (size_t i = 0; i < ARRAY_LEN(signs); i++)
        if (signs[i].token == t)
            return signs[i].text;
    return STR("");
}

static bool is_word_start(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_hex_digit(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static char char_at(const struct lexer *l, size_t at)
{
    return at < l->input.n ? l->input.p[at] : '\0';
}

static void skip_space(struct lexer *l)
{
    for (; l->at < l->input.n; l->at++) {
        char c = l->input.p[l->at];
        if (c == '#')
            while (l->at + 1 < l->input.n && l->input.p[l->at + 1] != '\n')
                l->at++;
        else if (c != ' ' && c != '\t' && c != '\n' && c != '\r')
            return;
    }
}

static struct lexeme lexeme_from(struct lexer *l, enum token token, size_t start)
{
    return (struct lexeme){token, str_sub(l->input, start, l->at - start), (uint32_t)start,
                           (uint32_t)l->at};
}

static struct lexeme lex_error(struct lexer *l, struct str what, size_t start)
{
    struct lexeme x = {TOKEN_ERROR, what, (uint32_t)start, (uint32_t)l->input.n};
    l->at = l->input.n;
    return x;
}

static struct lexeme lex_word(struct lexer *l)
{
    size_t start = l->at;
    bool colon = false;
    for (; l->at < l->input.n; l->at++) {
        char c = l->input.p[l->at];
        bool part_of_name = c == ':' && !l->braces;
        if (!is_word_start(c) && !is_digit(c) && !part_of_name)
            break;
        colon = colon || c == ':';
    }
    struct lexeme x = lexeme_from(l, TOKEN_IDENTIFIER, start);
    if (l->braces)
        return x;
    if (colon) {
        x.token = TOKEN_METRIC_IDENTIFIER;
        return x;
    }
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(words[i].text, x.text))
            x.token = words[i].token;
    return x;
}

static void skip_digits(struct lexer *l, bool hex)
{
    while (is_hex_digit(char_at(l, l->at)) || char_at(l, l->at) == '_') {
        char c = char_at(l, l->at);
        if (!hex && !is_digit(c) && c != '_')
            return;
        l->at++;
    }
}

/* "1h30m": digits and units till no digit follows. False, and nothing read, if it is not that. */
static bool skip_duration(struct lexer *l)
{
    size_t start = l->at;
    while (is_digit(char_at(l, l->at))) {
        while (is_digit(char_at(l, l->at)))
            l->at++;
        char unit = char_at(l, l->at);
        if (unit == '\0' || !memchr("smhdwy", unit, 6))
            break;
        l->at++;
        if (unit == 'm' && char_at(l, l->at) == 's')
            l->at++;
        if (!is_digit(char_at(l, l->at))) {
            char next = char_at(l, l->at);
            if (is_word_start(next) || next == '.')
                break;
            return true;
        }
    }
    l->at = start;
    return false;
}

static void skip_number(struct lexer *l)
{
    bool hex = char_at(l, l->at) == '0' && (char_at(l, l->at + 1) | 0x20) == 'x';
    if (hex)
        l->at += 2;
    skip_digits(l, hex);
    if (char_at(l, l->at) == '.') {
        l->at++;
        skip_digits(l, hex);
    }
    if ((char_at(l, l->at) | 0x20) == (hex ? 'p' : 'e')) {
        l->at++;
        if (char_at(l, l->at) == '+' || char_at(l, l->at) == '-')
            l->at++;
        skip_digits(l, false);
    }
}

static struct lexeme lex_number(struct lexer *l)
{
    size_t start = l->at;
    if (skip_duration(l))
        return lexeme_from(l, TOKEN_DURATION, start);
    skip_number(l);
    char next = char_at(l, l->at);
    if (is_word_start(next) || is_digit(next))
        return lex_error(l, STR("bad number or duration syntax"), start);
    return lexeme_from(l, TOKEN_NUMBER, start);
}

static struct lexeme lex_string(struct lexer *l)
{
    size_t start = l->at;
    char quote = l->input.p[l->at++];
    for (; l->at < l->input.n; l->at++) {
        char c = l->input.p[l->at];
        if (c == quote) {
            l->at++;
            return lexeme_from(l, TOKEN_STRING, start);
        }
        if (quote != '`' && c == '\n')
            break;
        if (quote != '`' && c == '\\')
            l->at++;
    }
    return lex_error(
        l, quote == '`' ? STR("unterminated raw string") : STR("unterminated quoted string"),
        start);
}

static void track_nesting(struct lexer *l, enum token t)
{
    l->braces += (t == TOKEN_LEFT_BRACE) - (t == TOKEN_RIGHT_BRACE && l->braces > 0);
    l->brackets += (t == TOKEN_LEFT_BRACKET) - (t == TOKEN_RIGHT_BRACKET && l->brackets > 0);
}

static struct lexeme lex_sign(struct lexer *l)
{
    struct str rest = str_sub(l->input, l->at, l->input.n);
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        if (!str_starts(rest, signs[i].text))
            continue;
        size_t start = l->at;
        l->at += signs[i].text.n;
        track_nesting(l, signs[i].token);
        return lexeme_from(l, signs[i].token, start);
    }
    return lex_error(l, STR("unexpected character"), l->at);
}

struct lexeme lexer_next(struct lexer *l)
{
    skip_space(l);
    if (l->at >= l->input.n)
        return lexeme_from(l, TOKEN_END, l->input.n);
    char c = l->input.p[l->at];
    bool name_with_colon = c == ':' && !l->brackets && !l->braces &&
                           (is_word_start(char_at(l, l->at + 1)) || char_at(l, l->at + 1) == ':');
    if (is_word_start(c) || name_with_colon)
        return lex_word(l);
    if (is_digit(c) || (c == '.' && is_digit(char_at(l, l->at + 1))))
        return lex_number(l);
    if (c == '"' || c == '\'' || c == '`')
        return lex_string(l);
    return lex_sign(l);
}

static const char *token_class(enum token t)
{
    switch (t) {
    case TOKEN_IDENTIFIER: return "identifier ";
    case TOKEN_METRIC_IDENTIFIER: return "metric identifier ";
    case TOKEN_NUMBER: return "number ";
    case TOKEN_DURATION: return "duration ";
    case TOKEN_STRING: return "string ";
    default: return "";
    }
}

void lexeme_describe(struct buf *out, const struct lexeme *x)
{
    if (x->token == TOKEN_END) {
        buf_puts(out, "end of input");
        return;
    }
    if (x->token == TOKEN_ERROR) {
        buf_put_str(out, x->text);
        return;
    }
    const char *open = token_is_operator(x->token)     ? "<op:"
                       : token_is_aggregator(x->token) ? "<aggr:"
                       : token_is_keyword(x->token)    ? "<"
                                                       : NULL;
    buf_puts(out, token_class(x->token));
    if (open) {
        buf_puts(out, open);
        buf_put_str(out, x->text);
        buf_putc(out, '>');
    } else {
        str_quote(out, str_sub(x->text, 0, 40));
    }
}
