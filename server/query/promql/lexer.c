/* One handler for each class of first character. Words are looked up in one table, as the language
 * has it: operators, aggregators and keywords are recognised in any case, and most of them may also
 * be names of metrics or labels; the parser decides by what follows. */
#include "query/promql/lexer.h"

#include "base/buf.h"
#include "base/compiler.h"
#include "query/promql/ast.h"

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
    {{"step", 4}, TOKEN_STEP_WORD},
    {{"range", 5}, TOKEN_RANGE_WORD},
    {{"min_of", 6}, TOKEN_MIN_OF_WORD},
    {{"max_of", 6}, TOKEN_MAX_OF_WORD},
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

char lexer_char(const struct lexer *l, size_t at)
{
    return at < l->input.n ? l->input.p[at] : '\0';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool ends_line(char c)
{
    return c == '\n' || c == '\r';
}

/* A comment is not looked for before the number of a range. */
static void skip_space(struct lexer *l)
{
    for (; l->at < l->input.n; l->at++) {
        char c = l->input.p[l->at];
        if (c == '#' && !l->before_time)
            while (l->at + 1 < l->input.n && !ends_line(l->input.p[l->at + 1]))
                l->at++;
        else if (!is_space(c))
            return;
    }
}

struct lexeme lexer_token(struct lexer *l, enum token token, size_t start)
{
    return (struct lexeme){.token = token,
                           .text = str_sub(l->input, start, l->at - start),
                           .start = (uint32_t)start,
                           .end = (uint32_t)l->at};
}

struct lexeme lexer_error(struct lexer *l, size_t start, const char *message, enum lex_shown shown,
                          size_t found, size_t n)
{
    l->at = l->input.n;
    return (struct lexeme){.token = TOKEN_ERROR,
                           .text = str_sub(l->input, found, n),
                           .start = (uint32_t)start,
                           .end = (uint32_t)l->input.n,
                           .message = message,
                           .shown = shown};
}

size_t lexer_char_length(const struct lexer *l, size_t at)
{
    if (at >= l->input.n)
        return 0;
    unsigned char c = (unsigned char)l->input.p[at];
    size_t n = c < 0xc0 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
    return str_is_utf8(str_sub(l->input, at, n)) ? MIN(n, l->input.n - at) : 1;
}

/* An error about the character at `at`. */
static struct lexeme wrong_character(struct lexer *l, size_t start, const char *message, size_t at)
{
    return lexer_error(l, start, message, SHOW_CHARACTER, at, lexer_char_length(l, at));
}

static enum token word_token(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq_nocase(words[i].text, word))
            return words[i].token;
    return TOKEN_IDENTIFIER;
}

/* Words within brackets are functions of duration expressions and nothing else; they have no
 * digits. */
static struct lexeme lex_word_of_time(struct lexer *l)
{
    size_t start = l->at;
    while (is_word_start(lexer_char(l, l->at)))
        l->at++;
    struct lexeme x = lexer_token(l, TOKEN_IDENTIFIER, start);
    x.token = word_token(x.text);
    if (x.token > TOKEN_END_WORD)
        return x;
    return wrong_character(l, start,
                           l->before_time ? "unexpected character in duration expression: %"
                                          : "unexpected character: %, expected ':'",
                           start);
}

static bool is_fill(enum token t)
{
    return t == TOKEN_FILL || t == TOKEN_FILL_LEFT || t == TOKEN_FILL_RIGHT;
}

static bool before_parenthesis(const struct lexer *l)
{
    size_t at = l->at;
    while (is_space(lexer_char(l, at)))
        at++;
    return lexer_char(l, at) == '(';
}

static struct lexeme lex_word(struct lexer *l)
{
    if (l->brackets)
        return lex_word_of_time(l);
    size_t start = l->at;
    bool colon = false;
    for (; l->at < l->input.n; l->at++) {
        char c = l->input.p[l->at];
        bool part_of_name = c == ':' && !l->braces;
        if (!is_word_start(c) && !is_digit(c) && !part_of_name)
            break;
        colon = colon || c == ':';
    }
    struct lexeme x = lexer_token(l, TOKEN_IDENTIFIER, start);
    if (l->braces)
        return x;
    x.token = colon ? TOKEN_METRIC_IDENTIFIER : word_token(x.text);
    if (is_fill(x.token) && !before_parenthesis(l))
        x.token = TOKEN_IDENTIFIER;
    return x;
}

/* Brackets of all kinds are counted, so that one without its other half is told as such. */
static struct lexeme track_nesting(struct lexer *l, struct lexeme x)
{
    switch (x.token) {
    case TOKEN_LEFT_PAREN: l->parens++; break;
    case TOKEN_RIGHT_PAREN:
        if (--l->parens < 0)
            return wrong_character(l, x.end, "unexpected right parenthesis %", x.start);
        break;
    case TOKEN_LEFT_BRACE: l->braces = true; break;
    case TOKEN_RIGHT_BRACE: l->braces = false; break;
    case TOKEN_LEFT_BRACKET:
        if (l->brackets)
            return wrong_character(l, x.start, "unexpected left bracket %", x.start);
        l->brackets = l->before_time = true;
        l->colon = false;
        break;
    case TOKEN_COLON:
        if (l->before_time && !l->any_time)
            return lexer_error(l, x.end, "unexpected colon before duration in duration expression",
                               SHOW_NOTHING, 0, 0);
        if (l->colon)
            return wrong_character(l, x.start, "unexpected colon %", x.start);
        l->colon = true;
        break;
    case TOKEN_RIGHT_BRACKET:
        if (!l->brackets)
            return wrong_character(l, x.start, "unexpected right bracket %", x.start);
        l->brackets = l->before_time = false;
        break;
    default: break;
    }
    return x;
}

/* What may stand between braces, beside names and strings. */
static bool is_sign_of_matchers(enum token t)
{
    return t == TOKEN_COMMA || t == TOKEN_EQUAL || t == TOKEN_NOT_EQUAL || t == TOKEN_EQUAL_REGEX ||
           t == TOKEN_NOT_REGEX || t == TOKEN_RIGHT_BRACE;
}

/* What may stand between an opening bracket and the first number behind it, beside words. */
static bool is_sign_of_times(enum token t)
{
    return (t >= TOKEN_ADD && t <= TOKEN_POW) || t == TOKEN_COMMA || t == TOKEN_COLON ||
           t == TOKEN_LEFT_PAREN || t == TOKEN_RIGHT_PAREN || t == TOKEN_RIGHT_BRACKET;
}

static bool is_allowed(const struct lexer *l, enum token t)
{
    if (l->braces)
        return is_sign_of_matchers(t);
    if (l->before_time)
        return is_sign_of_times(t);
    return t != TOKEN_EQUAL_REGEX && t != TOKEN_NOT_REGEX && t != TOKEN_RIGHT_BRACE;
}

static struct lexeme no_sign(struct lexer *l)
{
    size_t at = l->at;
    char c = lexer_char(l, at);
    if (l->before_time)
        return wrong_character(l, at, "unexpected character in duration expression: %", at);
    if (c == '!')
        return wrong_character(l, at,
                               l->braces ? "unexpected character after '!' inside braces: %"
                                         : "unexpected character after '!': %",
                               at + 1);
    if (c == '=' && !l->braces)
        return wrong_character(l, at, "unexpected character after '=': %", at + 1);
    if (c == '{' && l->braces)
        return wrong_character(l, at, "unexpected left brace %", at);
    return wrong_character(
        l, at, l->braces ? "unexpected character inside braces: %" : "unexpected character: %", at);
}

static struct lexeme lex_sign(struct lexer *l)
{
    struct str rest = str_sub(l->input, l->at, l->input.n);
    for (size_t i = 0; i < ARRAY_LEN(signs); i++) {
        enum token t = signs[i].token;
        if (!str_starts(rest, signs[i].text))
            continue;
        if (l->braces && t == TOKEN_EQUAL_EQUAL)
            continue; // there each is one of its own
        if (!is_allowed(l, t))
            break;
        size_t start = l->at;
        l->at += signs[i].text.n;
        return track_nesting(l, lexer_token(l, t, start));
    }
    return no_sign(l);
}

/* The end of the input, which may come too early. */
static struct lexeme lex_end(struct lexer *l)
{
    const char *open = l->braces        ? "unexpected end of input inside braces"
                       : l->before_time ? "unexpected end of input in duration expression"
                       : l->parens      ? "unclosed left parenthesis"
                       : l->brackets    ? "unclosed left bracket"
                                        : NULL;
    if (open)
        return lexer_error(l, l->input.n, open, SHOW_NOTHING, l->input.n, 0);
    return lexer_token(l, TOKEN_END, l->input.n);
}

struct lexeme lexer_next(struct lexer *l)
{
    skip_space(l);
    if (l->at >= l->input.n)
        return lex_end(l);
    char c = l->input.p[l->at];
    bool name_with_colon = c == ':' && !l->brackets && !l->braces;
    bool quote = c == '"' || c == '\'' || c == '`';
    if (is_word_start(c) || name_with_colon)
        return lex_word(l);
    if (!l->braces && (is_digit(c) || (c == '.' && is_digit(lexer_char(l, l->at + 1))))) {
        l->before_time = false;
        l->any_time |= l->brackets;
        return lexer_number(l);
    }
    if (quote && !l->before_time)
        return lexer_string(l);
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

static uint32_t code_point_of(struct str s)
{
    const unsigned char *p = (const unsigned char *)s.p;
    switch (s.n) {
    case 1: return p[0] < 0x80 ? p[0] : 0xfffd;
    case 2: return (p[0] & 0x1fu) << 6 | (p[1] & 0x3fu);
    case 3: return (p[0] & 0x0fu) << 12 | (p[1] & 0x3fu) << 6 | (p[2] & 0x3fu);
    case 4:
        return (p[0] & 0x07u) << 18 | (p[1] & 0x3fu) << 12 | (p[2] & 0x3fu) << 6 | (p[3] & 0x3fu);
    default: return 0xfffd; // the end of the input is shown like bytes that are no character
    }
}

/* The inside of what is quoted: a hard blank, say, as \u00a0. */
static void put_visible(struct buf *out, struct str s)
{
    struct buf text = BUF_MAX(64);
    str_quote_visible(&text, s);
    struct str quoted = buf_str(&text);
    if (quoted.n > 2)
        buf_put_str(out, str_sub(quoted, 1, quoted.n - 2));
    buf_done(&text);
}

/* 'x', with escapes for what cannot be seen. */
static void put_character(struct buf *out, struct str s)
{
    uint32_t c = code_point_of(s);
    const char *escape = c == '\n' ? "\\n" : c == '\t' ? "\\t" : c == '\r' ? "\\r" : NULL;
    buf_putc(out, '\'');
    if (escape)
        buf_puts(out, escape);
    else if (c < 0x20 || c == 0x7f)
        buf_printf(out, "\\x%02x", (unsigned)c);
    else if (c == 0xfffd)
        buf_puts(out, "\xef\xbf\xbd");
    else if (c == '\'' || c == '\\')
        buf_printf(out, "\\%c", (char)c);
    else if (c < 0x80)
        buf_put_str(out, s); // quotation marks as they are
    else
        put_visible(out, s);
    buf_putc(out, '\'');
}

static void describe_error(struct buf *out, const struct lexeme *x)
{
    struct str after = str_c(x->message);
    buf_put_str(out, str_cut(&after, '%'));
    switch (x->shown) {
    case SHOW_NOTHING: break;
    case SHOW_CHARACTER: put_character(out, x->text); break;
    case SHOW_TEXT: str_quote_visible(out, str_sub(x->text, 0, 100)); break;
    case SHOW_CODE_POINT:
        buf_printf(out, "U+%04X ", (unsigned)code_point_of(x->text));
        put_character(out, x->text);
        break;
    }
    buf_put_str(out, after);
}

/* Names are shown whole, literals by their beginning. */
static void put_text(struct buf *out, const struct lexeme *x)
{
    enum { SHOWN = 10 };
    size_t n = x->text.n, at = 0;
    bool name = x->token == TOKEN_IDENTIFIER || x->token == TOKEN_METRIC_IDENTIFIER;
    struct lexer l = {.input = x->text};
    if (!name && n > SHOWN)
        for (int i = 0; i < SHOWN && at < n; i++)
            at += lexer_char_length(&l, at);
    else
        at = MIN(n, 128u);
    str_quote_visible(out, str_sub(x->text, 0, at));
    if (!name && n > SHOWN)
        buf_puts(out, "...");
}

void lexeme_describe(struct buf *out, const struct lexeme *x)
{
    if (x->token == TOKEN_END) {
        buf_puts(out, "end of input");
        return;
    }
    if (x->token == TOKEN_ERROR) {
        describe_error(out, x);
        return;
    }
    bool operator= token_is_operator(x->token) || x->token == TOKEN_EQUAL_REGEX ||
        x->token == TOKEN_NOT_REGEX || x->token == TOKEN_AT;
    const char *open = operator                        ? "<op:"
                       : token_is_aggregator(x->token) ? "<aggr:"
                       : token_is_keyword(x->token)    ? "<"
                                                       : NULL;
    buf_puts(out, token_class(x->token));
    if (open) {
        buf_puts(out, open);
        buf_put_str(out, x->text);
        buf_putc(out, '>');
    } else {
        put_text(out, x);
    }
}
