#include "store/embedded/float_column.h"

#include "store/embedded/decimal.h"
#include "store/embedded/int_column.h"

enum method { CONST, DECIMAL, XOR, RAW };

/* --- decimals --------------------------------------------------------------------------------- */

struct decimals {
    int64_t m[COLUMN_ROWS_MAX];
    uint16_t exception[COLUMN_ROWS_MAX];
    size_t n_exceptions;
    unsigned k;
};

/* The smallest k from `from` on that writes v; DECIMALS_MAX + 1 when there is none. */
static unsigned decimals_of(double v, unsigned from)
{
    int64_t m;
    unsigned k = from;
    while (k <= DECIMALS_MAX && !decimal_scale(v, k, &m))
        k++;
    return k;
}

/* Finds one k for the column. Gives up when more than one value in eight does not fit, so columns
 * of noise cost little. */
static bool find_decimals(const double *v, size_t n, struct decimals *d)
{
    size_t misfits = 0, allowed = n / 8 + 1;
    d->k = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t m;
        if (decimal_scale(v[i], d->k, &m))
            continue;
        unsigned k = decimals_of(v[i], d->k + 1);
        if (k <= DECIMALS_MAX)
            d->k = k;
        else if (++misfits > allowed)
            return false;
    }
    return true;
}

/* The mantissas; a value that does not fit repeats the one before and is listed. */
static bool make_decimals(const double *v, size_t n, struct decimals *d)
{
    if (!find_decimals(v, n, d))
        return false;
    int64_t last = 0;
    size_t allowed = n / 4 + 1;
    d->n_exceptions = 0;
    for (size_t i = 0; i < n; i++) {
        if (decimal_scale(v[i], d->k, &d->m[i])) {
            last = d->m[i];
            continue;
        }
        d->m[i] = last;
        d->exception[d->n_exceptions++] = (uint16_t)i;
        if (d->n_exceptions > allowed)
            return false; // large values lost their last digits to a large k
    }
    return true;
}

static void put_decimals(struct buf *out, const double *v, size_t n, const struct decimals *d)
{
    buf_putc(out, DECIMAL);
    buf_putc(out, (char)d->k);
    int_column_encode(out, d->m, n);
    put_varint(out, d->n_exceptions);
    size_t last = 0;
    for (size_t i = 0; i < d->n_exceptions; i++) {
        put_varint(out, d->exception[i] - last);
        put_u64(out, double_bits(v[d->exception[i]]));
        last = d->exception[i];
    }
}

static void get_decimals(struct reader *r, double *v, size_t n)
{
    int64_t m[COLUMN_ROWS_MAX];
    unsigned k = get_byte(r);
    int_column_decode(r, m, n);
    if (r->bad || k > DECIMALS_MAX) {
        r->bad = true;
        return;
    }
    if (k == 0) {
        for (size_t i = 0; i < n; i++)
            v[i] = (double)m[i];
    } else {
        for (size_t i = 0; i < n; i++)
            v[i] = decimal_value(m[i], k);
    }
    size_t count = get_count(r, 9), at = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t step = get_varint(r);
        uint64_t bits = get_u64(r);
        if (r->bad || step >= n || at + step >= n) {
            r->bad = true;
            return;
        }
        at += step;
        v[at] = bits_double(bits);
    }
}

/* --- XOR -------------------------------------------------------------------------------------- */

/* A code of four bits for each difference: 0 none; 1…8 that many low bytes follow; 9…15 the high
 * code - 8 bytes follow, the low ones are zero. */
static unsigned xor_code(uint64_t x)
{
    if (x == 0)
        return 0;
    unsigned low = 8 - (unsigned)__builtin_clzll(x) / 8;
    unsigned high = 8 - (unsigned)__builtin_ctzll(x) / 8;
    return high < low ? 8 + high : low;
}

static unsigned code_bytes(unsigned code)
{
    return code <= 8 ? code : code - 8;
}

static size_t xor_size(const double *v, size_t n)
{
    size_t size = (n + 1) / 2;
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = double_bits(v[i]);
        size += code_bytes(xor_code(bits ^ last));
        last = bits;
    }
    return size;
}

static void put_xor(struct buf *out, const double *v, size_t n)
{
    buf_putc(out, XOR);
    size_t codes_size = (n + 1) / 2;
    char *p = buf_reserve(out, codes_size + 8 * n);
    if (!p)
        return;
    memset(p, 0, codes_size);
    char *at = p + codes_size;
    uint64_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = double_bits(v[i]), x = bits ^ last;
        unsigned code = xor_code(x), bytes = code_bytes(code);
        p[i / 2] = (char)(p[i / 2] | (char)(code << (i % 2 * 4)));
        write_u64(at, code > 8 ? x >> (8 * (8 - bytes)) : x);
        at += bytes;
        last = bits;
    }
    buf_advance(out, (size_t)(at - p));
}

static uint64_t get_low_bytes(struct reader *r, unsigned count)
{
    const unsigned char *p = get_bytes(r, count);
    uint64_t x = 0;
    for (unsigned i = 0; p && i < count; i++)
        x |= (uint64_t)p[i] << (8 * i);
    return x;
}

static void get_xor(struct reader *r, double *v, size_t n)
{
    const unsigned char *codes = get_bytes(r, (n + 1) / 2);
    uint64_t last = 0;
    for (size_t i = 0; codes && i < n; i++) {
        unsigned code = (codes[i / 2] >> (i % 2 * 4)) & 15, bytes = code_bytes(code);
        uint64_t x = get_low_bytes(r, bytes);
        last ^= code > 8 ? x << (8 * (8 - bytes)) : x;
        v[i] = bits_double(last);
    }
}

/* --- the column ------------------------------------------------------------------------------- */

static bool is_const(const double *v, size_t n)
{
    for (size_t i = 1; i < n; i++)
        if (double_bits(v[i]) != double_bits(v[0]))
            return false;
    return true;
}

static void put_raw(struct buf *out, const double *v, size_t n)
{
    buf_putc(out, RAW);
    for (size_t i = 0; i < n; i++)
        put_u64(out, double_bits(v[i]));
}

static void put_xor_or_raw(struct buf *out, const double *v, size_t n)
{
    if (xor_size(v, n) < 8 * n)
        put_xor(out, v, n);
    else
        put_raw(out, v, n);
}

void float_column_encode(struct buf *out, const double *v, size_t n)
{
    if (is_const(v, n)) {
        buf_putc(out, CONST);
        put_u64(out, double_bits(v[0]));
        return;
    }
    struct decimals d;
    if (!make_decimals(v, n, &d)) {
        put_xor_or_raw(out, v, n);
        return;
    }
    size_t from = out->n;
    put_decimals(out, v, n, &d);
    if (!buf_failed(out) && out->n - from > xor_size(v, n)) {
        out->n = from; // wild integers: the other way is shorter
        put_xor_or_raw(out, v, n);
    }
}

void float_column_decode(struct reader *r, double *v, size_t n)
{
    switch (get_byte(r)) {
    case CONST: {
        double value = bits_double(get_u64(r));
        for (size_t i = 0; i < n; i++)
            v[i] = value;
        break;
    }
    case DECIMAL: get_decimals(r, v, n); break;
    case XOR: get_xor(r, v, n); break;
    case RAW: {
        const unsigned char *p = get_bytes(r, n * 8);
        for (size_t i = 0; p && i < n; i++)
            v[i] = bits_double(read_u64(p + i * 8));
        break;
    }
    default: r->bad = true;
    }
}
