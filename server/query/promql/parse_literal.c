/* Numbers, durations as numbers, and strings with Go's escapes. */

#include "base/buf.h"
#include "base/compiler.h"
#include "base/num.h"
#include "base/time.h"
#include "query/promql/parse.h"

enum { SHOWN_BYTES = 400 }; /* of a literal in a message, which is cut at its end if too long */

static bool parse_integer(struct str digits, unsigned base, double *out)
{
    uint64_t v = 0;
    if (digits.n == 0)
        return false;
    for (size_t i = 0; i < digits.n; i++) {
        char c = digits.p[i];
        if (c == '_')
            continue;
        unsigned d = c >= '0' && c <= '9' ? (unsigned)(c - '0') : ((unsigned)c | 0x20) - 'a' + 10;
        if (d >= base || v > ((uint64_t)INT64_MAX - d) / base)
            return false;
        v = v * base + d;
    }
    *out = (double)v;
    return true;
}

/* 0x1f, 017 and 0b1 are integers of 64 bits as in Go; everything else is a float. */
bool parse_number_text(struct str text, double *out)
{
    if (text.n > 1 && text.p[0] == '0') {
        bool hex = (text.p[1] | 0x20) == 'x';
        if (hex) // as a float it would need an exponent, which the language does not have
            return parse_integer(str_sub(text, 2, text.n), 16, out);
        if (parse_integer(str_sub(text, 1, text.n), 8, out))
            return true;
    }
    int rc = num_parse_double(text, out);
    return rc == 0;
}

/* --- durations -------------------------------------------------------------------------------- */

static size_t count_digits(struct str s, bool digits)
{
    size_t n = 0;
    while (n < s.n && (s.p[n] >= '0' && s.p[n] <= '9') == digits)
        n++;
    return n;
}

static bool is_unit(struct str s)
{
    static const struct str units[] = {{"y", 1}, {"w", 1}, {"d", 1}, {"h", 1},
                                       {"m", 1}, {"s", 1}, {"ms", 2}};
    for (size_t i = 0; i < ARRAY_LEN(units); i++)
        if (str_eq(s, units[i]))
            return true;
    return false;
}

/* Does it fit in 64 bits? */
static bool is_word(struct str digits)
{
    while (digits.n > 1 && digits.p[0] == '0')
        digits = str_sub(digits, 1, digits.n);
    return digits.n > 0 &&
           (digits.n < 20 || (digits.n == 20 && str_cmp(digits, STR("18446744073709551615")) <= 0));
}

/* Says what is wrong with the first part of "5m1hx" that duration_parse() did not take. */
static void wrong_duration(struct parser *p, struct span at, struct str text)
{
    int64_t ms;
    for (size_t end = 0; end < text.n;) {
        struct str number = str_sub(text, end, text.n);
        number.n = count_digits(number, true);
        end += number.n;
        struct str unit = str_sub(text, end, text.n);
        unit.n = count_digits(unit, false);
        end += unit.n;
        if (!is_word(number))
            break;
        if (!is_unit(unit)) {
            parse_error(p, at, "unknown unit \"%.*s\" in duration \"%.*s\"", STR_ARG(unit),
                        STR_ARG(str_sub(text, 0, SHOWN_BYTES)));
            return;
        }
        int rc = duration_parse(str_sub(text, 0, end), &ms, NULL);
        if (rc == ERR_TOO_BIG || (rc == 0 && ms > PARSE_DURATION_MAX_MS)) {
            parse_error(p, at, "duration out of range");
            return;
        }
        if (rc != 0)
            break;
    }
    parse_error(p, at, "not a valid duration string: \"%.*s\"",
                STR_ARG(str_sub(text, 0, SHOWN_BYTES)));
}

static bool duration_at(struct parser *p, struct span at, double *out)
{
    int64_t ms;
    if (duration_parse(p->now.text, &ms, NULL) != 0 || ms > PARSE_DURATION_MAX_MS) {
        wrong_duration(p, at, p->now.text);
        return false;
    }
    *out = (double)ms / 1000;
    return true;
}

static bool number_at(struct parser *p, double *out)
{
    struct span at = {p->now.start, p->now.end};
    if (p->now.token == TOKEN_DURATION)
        return duration_at(p, at, out);
    if (parse_number_text(p->now.text, out))
        return true;
    bool too_large = num_parse_double(p->now.text, out) == ERR_TOO_BIG;
    parse_error(p, at, "error parsing number: strconv.ParseFloat: parsing \"%.*s\": %s",
                STR_ARG(str_sub(p->now.text, 0, SHOWN_BYTES)),
                too_large ? "value out of range" : "invalid syntax");
    return false;
}

struct node *parse_number_node(struct parser *p)
{
    struct span span = {p->now.start, p->now.end};
    double value;
    if (!number_at(p, &value))
        return NULL;
    struct node *n = parse_new_node(p, NODE_NUMBER, VALUE_SCALAR, span);
    if (!n)
        return NULL;
    n->number = (struct number_node){value, p->now.token == TOKEN_DURATION};
    parse_advance(p);
    return n;
}

bool parse_signed_number(struct parser *p, const char *context, const char *expected, double *out)
{
    bool negative = p->now.token == TOKEN_SUB;
    if (negative || p->now.token == TOKEN_ADD)
        parse_advance(p);
    if (p->now.token != TOKEN_NUMBER && p->now.token != TOKEN_DURATION) {
        parse_unexpected(p, context, expected);
        return false;
    }
    if (!number_at(p, out))
        return false;
    if (negative)
        *out = -*out;
    parse_advance(p);
    return true;
}

/* --- strings ---------------------------------------------------------------------------------- */

static void put_utf8(struct buf *out, uint32_t c)
{
    if (c < 0x80) {
        buf_putc(out, (char)c);
        return;
    }
    if (c >= 0x10000) {
        buf_putc(out, (char)(0xf0 | (c >> 18)));
        buf_putc(out, (char)(0x80 | ((c >> 12) & 0x3f)));
    } else if (c >= 0x800) {
        buf_putc(out, (char)(0xe0 | (c >> 12)));
    }
    if (c >= 0x800)
        buf_putc(out, (char)(0x80 | ((c >> 6) & 0x3f)));
    else
        buf_putc(out, (char)(0xc0 | (c >> 6)));
    buf_putc(out, (char)(0x80 | (c & 0x3f)));
}

/* `count` digits of `base` from *at on. */
static bool digits(struct str s, size_t *at, unsigned count, unsigned base, uint32_t *out)
{
    double v;
    if (s.n - *at < count || !parse_integer(str_sub(s, *at, count), base, &v) ||
        memchr(s.p + *at, '_', count))
        return false;
    *at += count;
    *out = (uint32_t)v;
    return true;
}

static bool put_number_escape(struct str s, size_t *at, char kind, struct buf *out)
{
    uint32_t c;
    if (kind == 'x' || (kind >= '0' && kind <= '7')) {
        *at -= kind != 'x'; // the octal form starts at its first digit
        if (!digits(s, at, kind == 'x' ? 2 : 3, kind == 'x' ? 16 : 8, &c) || c > 255)
            return false;
        buf_putc(out, (char)c);
        return true;
    }
    if (!digits(s, at, kind == 'u' ? 4 : 8, 16, &c) || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
        return false;
    put_utf8(out, c);
    return true;
}

/* The escape after the backslash at *at - 1. */
static bool put_escape(struct str s, size_t *at, char quote, struct buf *out)
{
    static const char names[] = "abfnrtv\\", values[] = "\a\b\f\n\r\t\v\\";
    if (*at >= s.n)
        return false;
    char kind = s.p[(*at)++];
    const char *simple = kind ? strchr(names, kind) : NULL;
    if (simple || kind == quote) {
        buf_putc(out, simple ? values[simple - names] : quote);
        return true;
    }
    return kind && strchr("xuU01234567", kind) && put_number_escape(s, at, kind, out);
}

static bool unquote(struct str text, struct buf *out)
{
    char quote = text.p[0];
    struct str s = str_sub(text, 1, text.n - 2);
    if (quote == '`') {
        buf_put_str(out, s);
        return true;
    }
    for (size_t at = 0; at < s.n;) {
        char c = s.p[at++];
        if (c != '\\')
            buf_putc(out, c);
        else if (!put_escape(s, &at, quote, out))
            return false;
    }
    return true;
}

bool parse_string(struct parser *p, struct str *out)
{
    struct buf text = BUF_MAX(PARSE_QUERY_MAX);
    bool ok = unquote(p->now.text, &text);
    if (ok)
        *out = arena_str(&p->ast->arena, buf_str(&text));
    else
        parse_error(p, (struct span){p->now.start, p->now.end},
                    "error unquoting string %.*s: invalid syntax",
                    STR_ARG(str_sub(p->now.text, 0, 128)));
    buf_done(&text);
    if (ok)
        parse_advance(p);
    return ok;
}

struct str parse_quoted(struct parser *p, struct str s)
{
    enum { BYTES_MAX = 128 };
    struct buf text = BUF_MAX(8 * BYTES_MAX);
    str_quote_visible(&text, str_sub(s, 0, BYTES_MAX));
    struct str kept = arena_str(&p->ast->arena, buf_str(&text));
    buf_done(&text);
    return kept;
}
