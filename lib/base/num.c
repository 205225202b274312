/* Parsing goes through strtod_l, which is exact and tells no lies at the edges; formatting is
 * shortest.h and where to put the point. Integers, the common case, take a short cut. */
#define _GNU_SOURCE // strtod_l, htole64
#include "base/num.h"

#include <endian.h>
#include <errno.h>
#include <locale.h>
#include <math.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#ifdef __x86_64__
#include <emmintrin.h>
#endif

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

/* --- digits in words, the first in the lowest byte -------------------------------------------- */

#define EIGHT_ZEROS UINT64_C(0x3030303030303030)

static const uint64_t unit = 100000000; /* of eight digits */

/* Halves a number of eight digits, and the halves, in lanes of one word. */
static uint64_t eight_digits(uint64_t v)
{
    uint64_t high = v / 10000, fours = high | (v - high * 10000) << 32;
    uint64_t hundreds = (fours * 5243 >> 19) & UINT64_C(0x7f0000007f);
    uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
    uint64_t tens = (twos * 103 >> 10) & UINT64_C(0x000f000f000f000f);
    return (tens | (twos - tens * 10) << 8) + EIGHT_ZEROS;
}

static void put_word(char *to, uint64_t word)
{
    word = htole64(word);
    memcpy(to, &word, sizeof word);
}

/* Without zeros in front; how many. Writes eight bytes. */
static size_t put_first(char *to, uint64_t v)
{
    uint64_t word = eight_digits(v);
    unsigned zeros = v ? (unsigned)__builtin_ctzll(word ^ EIGHT_ZEROS) / 8 : 7;
    put_word(to, word >> 8 * zeros);
    return 8 - zeros;
}

size_t num_format_u64(char out[NUM_U64_MAX], uint64_t v)
{
    size_t n = 0;
    if (v < unit)
        return put_first(out, v);
    if (v >= unit * unit) {
        n = put_first(out, v / (unit * unit));
        put_word(out + n, eight_digits(v / unit % unit));
        n += 8;
    } else {
        n = put_first(out, v / unit);
    }
    put_word(out + n, eight_digits(v % unit));
    return n + 8;
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

static NO_INLINE size_t format_any(char *out, double v, bool exponent)
{
    struct shortest s = shortest_decimal(v);
    struct decimal d;
    d.n = (int)num_format_u64(d.digits, s.digits);
    d.point = s.exponent + d.n;
    return exponent ? write_exponent(out, &d) : write_plain(out, &d);
}

/* --- sixteen digits and one more -------------------------------------------------------------- */

#ifdef __x86_64__

/* Sixteen digits as text, the first in the lowest byte. */
struct sixteen {
    __m128i v;
};

/* x / by and x % by of each lane, the quotient in the lane's lower half, the rest in its upper. */
#define SPLIT(x, quotient, product, lane, bits)                                                    \
    _mm_or_si128(quotient, _mm_slli_epi##lane(_mm_sub_epi##lane(x, product), bits))

/* The same by ten of lanes of 16 bits, 10 q as 8 q + 2 q: no operation waits for more than three.
 */
static inline __m128i split_tens(__m128i x, __m128i q)
{
    __m128i product = _mm_add_epi16(_mm_slli_epi16(q, 11), _mm_slli_epi16(q, 9));
    return _mm_sub_epi16(_mm_add_epi16(_mm_slli_epi16(x, 8), q), product);
}

/* Halves a number of eight digits in each half of a register, then the halves, and theirs. */
static inline struct sixteen sixteen_digits(uint64_t v)
{
    __m128i x = _mm_set_epi64x((long long)(v % unit), (long long)(v / unit));
    __m128i q = _mm_srli_epi64(_mm_mul_epu32(x, _mm_set1_epi64x(0xd1b71759)), 45);
    x = SPLIT(x, q, _mm_mul_epu32(q, _mm_set1_epi64x(10000)), 64, 32);
    q = _mm_srli_epi16(_mm_mulhi_epu16(x, _mm_set1_epi16(5243)), 3);
    x = SPLIT(x, q, _mm_madd_epi16(q, _mm_set1_epi32(100)), 32, 16);
    x = split_tens(x, _mm_mulhi_epu16(x, _mm_set1_epi16(6554)));
    return (struct sixteen){_mm_add_epi8(x, _mm_set1_epi8('0'))};
}

static inline void put_sixteen(char *to, struct sixteen s)
{
    _mm_storeu_si128((__m128i *)(void *)to, s.v);
}

static inline uint64_t first_eight(struct sixteen s)
{
    return (uint64_t)_mm_cvtsi128_si64(s.v);
}

/* With the one behind them and without the zeros at their end; the first is none. No branches: none
 * could be foreseen. */
static inline int count_digits(struct sixteen s, unsigned last)
{
    int zeros = _mm_movemask_epi8(_mm_cmpeq_epi8(s.v, _mm_set1_epi8('0')));
    return 32 - __builtin_clz(((unsigned)zeros ^ 0xffff) | (unsigned)(last != 0) << 16);
}

#else

struct sixteen {
    uint64_t first, second;
};

static struct sixteen sixteen_digits(uint64_t v)
{
    return (struct sixteen){eight_digits(v / unit), eight_digits(v % unit)};
}

static void put_sixteen(char *to, struct sixteen s)
{
    put_word(to, s.first);
    put_word(to + 8, s.second);
}

static uint64_t first_eight(struct sixteen s)
{
    return s.first;
}

static int count_digits(struct sixteen s, unsigned last)
{
    if (last)
        return 17;
    if (s.second != EIGHT_ZEROS)
        return 16 - __builtin_clzll(s.second ^ EIGHT_ZEROS) / 8;
    return 8 - __builtin_clzll(s.first ^ EIGHT_ZEROS) / 8;
}

#endif

enum { WIDE_POINT_MIN = -5, WIDE_POINT_MAX = 7 };

/* Bytes are written behind the text, and put over with what belongs there: whoever reads soon what
 * was just written in other pieces waits for it. */
static inline size_t write_wide(char *out, const struct shortest_wide *d)
{
    struct sixteen digits = sixteen_digits(d->sixteen);
    int n = count_digits(digits, d->last);
    if (d->point > 0) {
        unsigned bits = 8 * (unsigned)d->point;
        uint64_t first = first_eight(digits), before = (UINT64_C(1) << bits) - 1;
        put_sixteen(out + 1, digits);
        put_word(out, (first & before) | (uint64_t)'.' << bits | (first & ~before) << 8);
        out[17] = (char)('0' + d->last);
        return (size_t)n + 1;
    }
    char *to = out + 2 - d->point;
    put_word(out, UINT64_C(0x3030303030302e30)); // 0.000000
    put_sixteen(to, digits);
    to[16] = (char)('0' + d->last);
    return (size_t)(n + 2 - d->point);
}

/* `v` is no integer. */
static inline size_t format_fraction(char *out, double v, bool exponent)
{
    struct shortest_wide wide;
    if (!exponent && shortest_wide(v, &wide) && wide.point >= WIDE_POINT_MIN &&
        wide.point <= WIDE_POINT_MAX)
        return write_wide(out, &wide);
    return format_any(out, v, exponent);
}

static size_t format_special(char *out, double v)
{
    const char *text = isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
    memcpy(out, text, strlen(text) + 1);
    return strlen(text);
}

/* Below `low` or from `high` on, the exponent form. */
static size_t format_double(char *out, double v, double low, double high)
{
    if (UNLIKELY(!isfinite(v)))
        return format_special(out, v);
    size_t n = signbit(v) != 0;
    out[0] = '-';
    double magnitude = fabs(v);
    if (magnitude < MIN(high, 1e15) && magnitude == (double)(int64_t)magnitude)
        n += num_format_u64(out + n, (uint64_t)magnitude);
    else
        n += format_fraction(out + n, magnitude, magnitude < low || magnitude >= high);
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
