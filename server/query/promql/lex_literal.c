/* Literals: numbers, durations and strings. What is accepted here need not be right; the parser
 * converts it. */
#include "query/promql/lexer.h"

/* --- numbers and durations -------------------------------------------------------------------- */

static bool is_in(char c, const char *set)
{
    return c != '\0' && strchr(set, c);
}

static bool accept(struct lexer *l, const char *set)
{
    bool found = is_in(lexer_char(l, l->at), set);
    l->at += found;
    return found;
}

static bool at_end(const struct lexer *l)
{
    return l->at >= l->input.n;
}

static bool is_word_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

#define DECIMAL "0123456789"
#define HEXADECIMAL "0123456789abcdefABCDEF"

/* One dot, exponent or underscore of a number with what may follow it; false when it may not. */
static bool number_sign(struct lexer *l, bool hex, bool *dot, bool *exponent)
{
    if (accept(l, ".")) {
        bool again = *dot;
        *dot = true;
        return !again && !accept(l, "_.") && !hex;
    }
    if (accept(l, "eE")) {
        bool again = *exponent;
        *exponent = true;
        if (again)
            return false;
        (void)accept(l, "+-");
    } else {
        (void)accept(l, "_");
    }
    return !accept(l, "._eE") && !at_end(l);
}

/* Digits with dots, exponents and underscores among them. False, with some of it read, when it is
 * no number, or goes on with letters as a duration does. Prometheus takes a dot at the beginning
 * for none, and an e behind the first hexadecimal digit for an exponent; so 0x1e is an error. */
static bool scan_number(struct lexer *l)
{
    size_t start = l->at;
    bool hex = accept(l, "0") && accept(l, "xX"), dot = false, exponent = false;
    const char *digits = hex ? HEXADECIMAL : DECIMAL;
    if (hex)
        (void)accept(l, "_");
    (void)accept(l, ".");
    (void)accept(l, digits);
    for (;;) {
        char c = lexer_char(l, l->at);
        bool sign = is_in(c, "._eE");
        if (!sign && !is_in(c, digits))
            break;
        if (sign && !number_sign(l, hex, &dot, &exponent))
            return false;
        while (accept(l, digits))
            continue;
    }
    return l->at > start && !is_word_char(lexer_char(l, l->at));
}

/* The rest of "1h30m" behind its first number; reads one character too many when it fails. */
static bool scan_duration(struct lexer *l)
{
    if (!accept(l, "smhdwy"))
        return false;
    (void)accept(l, "s"); // of ms; "hs" is found when it is converted
    while (accept(l, DECIMAL)) {
        while (accept(l, DECIMAL))
            continue;
        if (!accept(l, "smhdw"))
            return false;
        (void)accept(l, "s");
    }
    bool ends = !is_word_char(lexer_char(l, l->at));
    l->at += !ends;
    return ends;
}

struct lexeme lexer_number(struct lexer *l)
{
    size_t start = l->at;
    if (scan_number(l))
        return lexer_token(l, TOKEN_NUMBER, start);
    if (scan_duration(l))
        return lexer_token(l, TOKEN_DURATION, start);
    return lexer_error(l, start, "bad number or duration syntax: %", SHOW_TEXT, start,
                       l->at - start);
}

/* --- strings ---------------------------------------------------------------------------------- */

static unsigned digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return (unsigned)(c - '0');
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? (unsigned)(c - 'a') + 10 : 16;
}

/* The digits of \\x, \\u, \\U or \\123. True, and read, when they are a character's number. */
static bool escape_number(struct lexer *l, size_t start, unsigned n, unsigned base,
                          struct lexeme *out)
{
    uint32_t value = 0, most = n <= 3 ? 255 : 0x10ffff;
    for (; n > 0; n--, l->at++) {
        unsigned digit = digit_value(lexer_char(l, l->at));
        if (at_end(l)) {
            *out = lexer_error(l, start, "escape sequence not terminated", SHOW_NOTHING, 0, 0);
            return false;
        }
        if (digit >= base) {
            *out = lexer_error(l, start, "illegal character % in escape sequence", SHOW_CODE_POINT,
                               l->at, lexer_char_length(l, l->at));
            return false;
        }
        value = value * base + digit;
    }
    if (value <= most && !(value >= 0xd800 && value < 0xe000))
        return true;
    *out = lexer_error(l, start, "escape sequence is an invalid Unicode code point", SHOW_NOTHING,
                       0, 0);
    return false;
}

/* What stands behind a backslash. */
static bool escape(struct lexer *l, size_t start, char quote, struct lexeme *out)
{
    char c = lexer_char(l, l->at);
    if (is_in(c, "abfnrtv\\") || (c == quote && !at_end(l))) {
        l->at++;
        return true;
    }
    if (c >= '0' && c <= '7')
        return escape_number(l, start, 3, 8, out);
    if (is_in(c, "xuU")) {
        l->at++;
        return escape_number(l, start, c == 'x' ? 2 : c == 'u' ? 4 : 8, 16, out);
    }
    *out = at_end(l) ? lexer_error(l, start, "escape sequence not terminated", SHOW_NOTHING, 0, 0)
                     : lexer_error(l, start, "unknown escape sequence %", SHOW_CODE_POINT, l->at,
                                   lexer_char_length(l, l->at));
    return false;
}

/* Bytes that are no UTF-8, or the character that stands for such. */
static bool is_bad_character(struct str s)
{
    return (s.n == 1 && (unsigned char)s.p[0] >= 0x80) || str_eq(s, STR("\xef\xbf\xbd"));
}

struct lexeme lexer_string(struct lexer *l)
{
    size_t start = l->at;
    char quote = lexer_char(l, l->at++);
    bool raw = quote == '`';
    struct lexeme wrong;
    while (!at_end(l) && (raw || lexer_char(l, l->at) != '\n')) {
        size_t n = lexer_char_length(l, l->at);
        char c = lexer_char(l, l->at);
        if (is_bad_character(str_sub(l->input, l->at, n)))
            return lexer_error(l, start, "invalid UTF-8 rune", SHOW_NOTHING, 0, 0);
        l->at += n;
        if (c == quote)
            return lexer_token(l, TOKEN_STRING, start);
        if (c == '\\' && !raw && !escape(l, start, quote, &wrong))
            return wrong;
    }
    return lexer_error(l, start, raw ? "unterminated raw string" : "unterminated quoted string",
                       SHOW_NOTHING, 0, 0);
}
