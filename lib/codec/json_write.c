#include "codec/json_write.h"

#include <math.h>

#include "base/num.h"
#include "base/word.h"

static void before_value(struct json *j)
{
    if (j->comma)
        buf_putc(j->out, ',');
    j->comma = true;
}

static void open(struct json *j, char c)
{
    before_value(j);
    buf_putc(j->out, c);
    j->comma = false;
}

static void close(struct json *j, char c)
{
    buf_putc(j->out, c);
    j->comma = true;
}

void json_object(struct json *j)
{
    open(j, '{');
}

void json_object_end(struct json *j)
{
    close(j, '}');
}

void json_array(struct json *j)
{
    open(j, '[');
}

void json_array_end(struct json *j)
{
    close(j, ']');
}

void json_raw(struct json *j, struct str value)
{
    before_value(j);
    buf_put_str(j->out, value);
}

/* 0: copy; 'u': \u00XX; 'x': not ASCII; else the letter of a short escape. */
static char escape_of(unsigned char c)
{
    switch (c) {
    case '"':
    case '\\': return (char)c;
    case '\n': return 'n';
    case '\r': return 'r';
    case '\t': return 't';
    default: return c < 0x20 ? 'u' : c < 0x80 ? 0 : 'x';
    }
}

static void put_escape(struct buf *out, unsigned char c, char escape)
{
    static const char hex[] = "0123456789abcdef";
    buf_putc(out, '\\');
    buf_putc(out, escape);
    if (escape == 'u') {
        const char digits[] = {'0', '0', hex[c >> 4], hex[c & 15]};
        buf_put(out, digits, sizeof digits);
    }
}

/* How many bytes the well-formed UTF-8 sequence at `s` has, or 0. */
static size_t sequence(struct str s)
{
    unsigned char c = (unsigned char)s.p[0];
    size_t n = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
    return n <= s.n && str_is_utf8(str_sub(s, 0, n)) ? n : 0;
}

static void put_text(struct buf *out, struct str s)
{
    size_t plain = 0; // bytes seen and not yet copied
    for (size_t i = 0; i < s.n;) {
        char escape = escape_of((unsigned char)s.p[i]);
        size_t n = escape == 'x' ? sequence(str_sub(s, i, s.n)) : 1;
        if (escape == 0 || (escape == 'x' && n > 0)) {
            plain += n;
            i += n;
            continue;
        }
        buf_put(out, s.p + i - plain, plain);
        plain = 0;
        if (escape == 'x')
            buf_puts(out, "\xEF\xBF\xBD"); // U+FFFD
        else
            put_escape(out, (unsigned char)s.p[i], escape);
        i++;
    }
    buf_put(out, s.p + s.n - plain, plain);
}

#define EACH_BYTE(c) (UINT64_C(0x0101010101010101) * (c))

/* Is any of eight bytes a control, a quote, a backslash or not ASCII? Each test raises the top bit
 * of a byte that fits, and perhaps of one above it: never of none. */
static bool any_special(uint64_t v)
{
    uint64_t quote = v ^ EACH_BYTE('"'), backslash = v ^ EACH_BYTE('\\');
    uint64_t hit = v | (v - EACH_BYTE(0x20)) | (quote - EACH_BYTE(1)) | (backslash - EACH_BYTE(1));
    return hit & EACH_BYTE(0x80);
}

/* True when the text can be copied as it is: nearly always. */
static bool is_plain(struct str s)
{
    size_t i = 0;
    for (; i + 8 <= s.n; i += 8)
        if (any_special(load64(s.p + i)))
            return false;
    for (; i < s.n; i++)
        if (escape_of((unsigned char)s.p[i]) != 0)
            return false;
    return true;
}

static void put_quoted(struct buf *out, struct str s)
{
    char *to = is_plain(s) ? buf_reserve(out, s.n + 2) : NULL;
    if (to) {
        to[0] = '"';
        if (s.n)
            memcpy(to + 1, s.p, s.n);
        to[s.n + 1] = '"';
        buf_advance(out, s.n + 2);
        return;
    }
    buf_putc(out, '"');
    if (s.n)
        put_text(out, s);
    buf_putc(out, '"');
}

void json_key(struct json *j, const char *name)
{
    before_value(j);
    put_quoted(j->out, str_c(name));
    buf_putc(j->out, ':');
    j->comma = false;
}

void json_str(struct json *j, struct str s)
{
    before_value(j);
    put_quoted(j->out, s);
}

void json_i64(struct json *j, int64_t v)
{
    before_value(j);
    buf_put_i64(j->out, v);
}

void json_u64(struct json *j, uint64_t v)
{
    before_value(j);
    buf_put_u64(j->out, v);
}

void json_bool(struct json *j, bool v)
{
    before_value(j);
    buf_puts(j->out, v ? "true" : "false");
}

void json_null(struct json *j)
{
    before_value(j);
    buf_puts(j->out, "null");
}

void json_double(struct json *j, double v)
{
    char text[NUM_DOUBLE_MAX];
    before_value(j);
    if (v - v != 0)
        buf_puts(j->out, "null");
    else
        buf_put(j->out, text, num_format_json(text, v));
    if (v - v == 0 && fabs(v) >= 0x1p63 && fabs(v) < 1e21) // digits only, which readers would take
        buf_puts(j->out, ".0");                            // for an integer of more than 64 bits
}

void json_double_str(struct json *j, double v)
{
    char text[NUM_DOUBLE_MAX];
    before_value(j);
    buf_putc(j->out, '"');
    buf_put(j->out, text, num_format_json(text, v));
    buf_putc(j->out, '"');
}

enum { SECONDS_MAX = NUM_U64_MAX + 5 }; /* sign and fraction */

static size_t format_seconds(char out[SECONDS_MAX], int64_t unix_ms)
{
    uint64_t ms = unix_ms < 0 ? 0 - (uint64_t)unix_ms : (uint64_t)unix_ms;
    uint64_t fraction = ms % 1000;
    size_t n = 0;
    if (unix_ms < 0)
        out[n++] = '-';
    n += num_format_u64(out + n, ms / 1000);
    if (fraction) {
        const char digits[] = {'.', (char)('0' + fraction / 100), (char)('0' + fraction / 10 % 10),
                               (char)('0' + fraction % 10)};
        memcpy(out + n, digits, sizeof digits);
        n += sizeof digits;
        while (out[n - 1] == '0')
            n--;
    }
    return n;
}

void json_seconds(struct json *j, int64_t unix_ms)
{
    char text[SECONDS_MAX];
    before_value(j);
    buf_put(j->out, text, format_seconds(text, unix_ms));
}

/* Answers have millions of these: written into the buffer, without a step between. */
void json_sample(struct json *j, int64_t unix_ms, double v)
{
    char *to = buf_reserve(j->out, SECONDS_MAX + NUM_DOUBLE_MAX + 8);
    if (!to)
        return;
    char *begin = to;
    if (j->comma)
        *to++ = ',';
    *to++ = '[';
    to += format_seconds(to, unix_ms);
    *to++ = ',';
    *to++ = '"';
    to += num_format_json(to, v);
    *to++ = '"';
    *to++ = ']';
    buf_advance(j->out, (size_t)(to - begin));
    j->comma = true;
}

void json_member_str(struct json *j, const char *name, struct str value)
{
    json_key(j, name);
    json_str(j, value);
}

void json_member_i64(struct json *j, const char *name, int64_t value)
{
    json_key(j, name);
    json_i64(j, value);
}
