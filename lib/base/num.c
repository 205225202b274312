/* Parsing goes through strtod_l, which is exact and tells no lies at the edges; formatting is
 * shortest.h and where to put the point. Integers, the common case, take a short cut. */
#define _GNU_SOURCE // strtod_l
#include "base/num.h"

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/shortest.h"

int num_parse_u64(struct str text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.n == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        if (c < '0' || c > '9')
            return ERR_INVALID;
        if (__builtin_mul_overflow(v, 10u, &v) ||
            __builtin_add_overflow(v, (uint64_t)(c - '0'), &v))
            return ERR_TOO_BIG;
    }
    *out = v;
    return 0;
}

int num_parse_i64(struct str text, int64_t *out)
{
    bool negative = text.n && text.p[0] == '-';
    bool sign = negative || (text.n && text.p[0] == '+');
    uint64_t magnitude;
    int rc = num_parse_u64(str_sub(text, sign, text.n), &magnitude);
    if (rc != 0)
        return rc;
    if (magnitude > (uint64_t)INT64_MAX + negative)
        return ERR_TOO_BIG;
    *out = negative ? (int64_t)(0 - magnitude) : (int64_t)magnitude;
    return 0;
}

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    char lower = (char)(c | 0x20);
    return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

int num_parse_hex(struct str text, uint64_t *out)
{
    uint64_t v = 0;
    if (text.n == 0)
        return ERR_INVALID;
    for (size_t i = 0; i < text.n; i++) {
        int digit = hex_digit(text.p[i]);
        if (digit < 0)
            return ERR_INVALID;
        if (v >> 60)
            return ERR_TOO_BIG;
        v = v << 4 | (uint64_t)digit;
    }
    *out = v;
    return 0;
}

static locale_t c_locale;

static void make_c_locale(void)
{
    c_locale = newlocale(LC_ALL_MASK, "C", (locale_t)0);
}

static void need_c_locale(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_c_locale); // cannot fail with a valid control
}

/* A single underscore may stand between two digits. */
static bool parts_digits(struct str text, size_t at)
{
    if (at == 0 || at + 1 >= text.n)
        return false;
    bool hex = text.n > 1 && (text.p[1] | 0x20) == 'x';
    for (int side = -1; side <= 1; side += 2) {
        int digit = hex_digit(text.p[at + (size_t)side]);
        if (digit < 0 || (digit > 9 && !hex))
            return false;
    }
    return true;
}

/* True when the text has only characters that belong into a number, so that strtod's extras
 * (leading space, "nan(chars)") cannot slip in. Copies it to `out` without underscores. */
static bool number_chars(struct str text, char *out, size_t room)
{
    size_t n = 0;
    for (size_t i = 0; i < text.n; i++) {
        char c = text.p[i];
        bool alnum = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
        if (c == '_') {
            if (!parts_digits(text, i))
                return false;
            continue;
        }
        if ((!alnum && c != '+' && c != '-' && c != '.') || n + 1 >= room)
            return false;
        out[n++] = c;
    }
    out[n] = '\0';
    return n > 0;
}

int num_parse_double(struct str text, double *out)
{
    /* Up to 15 digits are exact in a double: the usual sample value needs no strtod. */
    uint64_t small;
    if (text.n <= 15 && num_parse_u64(text, &small) == 0) {
        *out = (double)small;
        return 0;
    }

    char digits[512];
    if (!number_chars(text, digits, sizeof digits))
        return ERR_INVALID;
    need_c_locale();
    char *end = NULL;
    errno = 0;
    double v = strtod_l(digits, &end, c_locale);
    if (end == digits || *end != '\0')
        return ERR_INVALID;
    *out = v;
    return errno == ERANGE && isinf(v) ? ERR_TOO_BIG : 0;
}

/* Decimal digits of a finite v > 0 and its decimal point: v = 0.DIGITS × 10^point. */
struct decimal {
    char digits[NUM_U64_MAX];
    int n;
    int point;
};

/* "00" to "99": two digits a division. */
static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                            "34353637383940414243444546474849505152535455565758596061626364656667"
                            "6869707172737475767778798081828384858687888990919293949596979899";

static void put_pair(char *to, uint32_t v)
{
    memcpy(to, pairs + 2 * v, 2);
}

/* Eight digits, in divisions that do not wait for one another. */
static void put_eight(char *to, uint32_t v)
{
    uint32_t high = v / 10000, low = v % 10000;
    put_pair(to, high / 100);
    put_pair(to + 2, high % 100);
    put_pair(to + 4, low / 100);
    put_pair(to + 6, low % 100);
}

static size_t count_digits(uint64_t v)
{
    static const uint64_t powers[] = {1,
                                      10,
                                      100,
                                      1000,
                                      10000,
                                      100000,
                                      1000000,
                                      10000000,
                                      100000000,
                                      1000000000,
                                      10000000000,
                                      100000000000,
                                      1000000000000,
                                      10000000000000,
                                      100000000000000,
                                      1000000000000000,
                                      10000000000000000,
                                      100000000000000000,
                                      1000000000000000000,
                                      UINT64_C(10000000000000000000)};
    unsigned bits = 64 - (unsigned)__builtin_clzll(v | 1);
    unsigned log10 = bits * 1233 >> 12; // of 2^bits, rounded down
    return log10 + (v >= powers[log10] || v == 0);
}

/* Each digit goes where it stays: what was written in parts is slow to read back as a whole. */
size_t num_format_u64(char out[NUM_U64_MAX], uint64_t v)
{
    const uint64_t unit = 100000000;
    size_t n = count_digits(v), at = n;
    for (; v >= unit; v /= unit)
        put_eight(out + (at -= 8), (uint32_t)(v % unit));
    uint32_t rest = (uint32_t)v;
    for (; at > 2; rest /= 100)
        put_pair(out + (at -= 2), rest % 100);
    if (at == 2)
        put_pair(out, rest);
    else
        out[0] = (char)('0' + rest);
    return n;
}

static char *put_zeros(char *to, int n)
{
    if (n <= 0)
        return to;
    memset(to, '0', (size_t)n);
    return to + n;
}

static size_t write_plain(char *out, const struct decimal *d)
{
    char *to = out;
    int whole = d->point < 0 ? 0 : d->point < d->n ? d->point : d->n;
    memcpy(to, d->digits, (size_t)whole);
    to = put_zeros(to + whole, d->point - whole);
    if (d->point <= 0)
        *to++ = '0';
    if (whole < d->n) {
        *to++ = '.';
        to = put_zeros(to, -d->point);
        memcpy(to, d->digits + whole, (size_t)(d->n - whole));
        to += d->n - whole;
    }
    return (size_t)(to - out);
}

static size_t write_exponent(char *out, const struct decimal *d)
{
    size_t n = 0;
    out[n++] = d->digits[0];
    if (d->n > 1) {
        out[n++] = '.';
        memcpy(out + n, d->digits + 1, (size_t)d->n - 1);
        n += (size_t)d->n - 1;
    }
    int exponent = d->point - 1;
    out[n++] = 'e';
    out[n++] = exponent < 0 ? '-' : '+';
    unsigned magnitude = (unsigned)(exponent < 0 ? -exponent : exponent);
    if (magnitude >= 100)
        out[n++] = (char)('0' + magnitude / 100);
    out[n++] = (char)('0' + magnitude / 10 % 10);
    out[n++] = (char)('0' + magnitude % 10);
    return n;
}

/* Digits on both sides of the point stand one place to the right at first. */
static size_t format_fraction(char *out, double v, bool exponent)
{
    struct shortest s = shortest_decimal(v);
    int n = (int)num_format_u64(out + 1, s.digits), point = s.exponent + n;
    if (!exponent && point > 0 && point < n) {
        for (int i = 0; i < point; i++)
            out[i] = out[i + 1];
        out[point] = '.';
        return (size_t)n + 1;
    }
    struct decimal d = {.n = n, .point = point};
    memcpy(d.digits, out + 1, (size_t)n);
    return exponent ? write_exponent(out, &d) : write_plain(out, &d);
}

/* Below `low` or from `high` on, the exponent form. */
static size_t format_double(char *out, double v, double low, double high)
{
    if (isnan(v) || isinf(v)) {
        const char *text = isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
        memcpy(out, text, strlen(text) + 1);
        return strlen(text);
    }
    size_t n = 0;
    if (signbit(v))
        out[n++] = '-';
    double magnitude = fabs(v);
    if (magnitude < MIN(high, 1e15) && magnitude == (double)(uint64_t)magnitude) {
        n += num_format_u64(out + n, (uint64_t)magnitude);
    } else {
        bool exponent = magnitude < low || magnitude >= high;
        n += format_fraction(out + n, magnitude, exponent);
    }
    out[n] = '\0';
    return n;
}

size_t num_format_plain(char out[NUM_DOUBLE_MAX], double v)
{
    return format_double(out, v, 0, INFINITY);
}

size_t num_format_short(char out[NUM_DOUBLE_MAX], double v)
{
    return format_double(out, v, 1e-4, 1e6);
}

size_t num_format_json(char out[NUM_DOUBLE_MAX], double v)
{
    return format_double(out, v, 1e-6, 1e21);
}

void buf_put_double(struct buf *b, double v)
{
    char text[NUM_DOUBLE_MAX];
    buf_put(b, text, num_format_short(text, v));
}
