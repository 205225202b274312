/* The bit streams of Prometheus's chunks. Bits fill each byte from its highest.
 *
 *   XOR      count: 2 bytes │ t₀ varint │ v₀ 64 bits │ t₁−t₀ uvarint │ v₁ │ (Δ² of t, v)…
 *   histogram  count: 2 bytes │ flags: 1 byte │ layout │ t │ count, zero count, sum │ buckets
 *
 * A value is one bit 0 when it equals the one before it; else 1 and the bits of the XOR of both
 * that differ: within the window of the last time (0), or with a window of its own (1, five bits
 * of leading zeros, six of length). The idea is Gorilla's (Pelkonen et al., VLDB 2015). */
#include "codec/xor_chunk.h"

#include <math.h>
#include <stdbool.h>

#include "base/compiler.h"
#include "base/word.h"
#include "model/histogram.h"

/* --- bits ------------------------------------------------------------------------------------- */

struct bits {
    struct buf *out;
    unsigned char last; /* being filled */
    unsigned used;      /* of its bits */
};

/* The lowest n bits of v, highest first. */
static void put_bits(struct bits *b, uint64_t v, unsigned n)
{
    while (n > 0) {
        unsigned room = 8 - b->used, taken = MIN(n, room);
        unsigned piece = (unsigned)(v >> (n - taken)) & ((1u << taken) - 1);
        b->last = (unsigned char)(b->last | piece << (room - taken));
        b->used += taken;
        n -= taken;
        if (b->used == 8) {
            buf_putc(b->out, (char)b->last);
            b->last = 0;
            b->used = 0;
        }
    }
}

static void put_bit(struct bits *b, bool bit)
{
    put_bits(b, bit, 1);
}

static void finish(struct bits *b)
{
    if (b->used)
        buf_putc(b->out, (char)b->last);
}

static void put_byte(struct bits *b, unsigned v)
{
    put_bits(b, v, 8);
}

static void put_uvarint(struct bits *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_byte(b, (unsigned)(v & 0x7f) | 0x80);
    put_byte(b, (unsigned)v);
}

static void put_varint(struct bits *b, int64_t v)
{
    put_uvarint(b, (uint64_t)v << 1 ^ (uint64_t)(v >> 63));
}

static void put_double(struct bits *b, double v)
{
    put_bits(b, double_bits(v), 64);
}

/* In two's complement of n bits, of which the value with the sign bit alone counts as positive. */
static bool fits(int64_t v, unsigned n)
{
    int64_t half = INT64_C(1) << (n - 1);
    return v > -half && v <= half;
}

/* --- floats ----------------------------------------------------------------------------------- */

struct window {
    uint64_t last;
    unsigned leading, trailing;
    bool set;
};

static void put_xor(struct bits *b, struct window *w, double v)
{
    enum { LEADING_MAX = 31 };
    uint64_t now = double_bits(v), changed = now ^ w->last;
    w->last = now;
    put_bit(b, changed != 0);
    if (changed == 0)
        return;
    unsigned leading = (unsigned)__builtin_clzll(changed);
    unsigned trailing = (unsigned)__builtin_ctzll(changed);
    leading = leading > LEADING_MAX ? LEADING_MAX : leading;
    bool own = !w->set || leading < w->leading || trailing < w->trailing;
    put_bit(b, own);
    if (own) {
        *w = (struct window){now, leading, trailing, true};
        put_bits(b, leading, 5);
        put_bits(b, 64 - leading - trailing, 6); // 64 does not fit and is written as 0
    }
    put_bits(b, changed >> w->trailing, 64 - w->leading - w->trailing);
}

static void put_second_difference(struct bits *b, int64_t v)
{
    static const struct {
        unsigned bits, prefix, prefix_bits;
    } sizes[] = {{14, 2, 2}, {17, 6, 3}, {20, 14, 4}};
    if (v == 0) {
        put_bit(b, false);
        return;
    }
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        if (fits(v, sizes[i].bits)) {
            put_bits(b, sizes[i].prefix, sizes[i].prefix_bits);
            put_bits(b, (uint64_t)v, sizes[i].bits);
            return;
        }
    }
    put_bits(b, 15, 4);
    put_bits(b, (uint64_t)v, 64);
}

void xor_chunk_encode(struct buf *out, const struct sample *v, size_t n)
{
    struct bits b = {.out = out};
    struct window w = {0};
    int64_t delta = 0;
    put_bits(&b, n, 16);
    for (size_t i = 0; i < n; i++) {
        int64_t step = i ? v[i].t_unix_ms - v[i - 1].t_unix_ms : 0;
        if (i == 0) {
            put_varint(&b, v[i].t_unix_ms);
            put_double(&b, v[i].value);
            w.last = double_bits(v[i].value);
            continue;
        }
        if (i == 1)
            put_uvarint(&b, (uint64_t)step);
        else
            put_second_difference(&b, step - delta);
        delta = step;
        put_xor(&b, &w, v[i].value);
    }
    finish(&b);
}

/* --- histograms ------------------------------------------------------------------------------- */

/* Small numbers in few bits: a prefix of ones that tells how many follow. */
static const unsigned varbit_sizes[] = {3, 6, 9, 12, 18, 25, 56};
enum { VARBIT_SIZES = sizeof varbit_sizes / sizeof *varbit_sizes };

static void put_varbit(struct bits *b, uint64_t v, unsigned size_index)
{
    bool whole = size_index == VARBIT_SIZES;
    put_bits(b, ~UINT64_C(0), size_index + 1);
    if (!whole)
        put_bit(b, false);
    put_bits(b, v, whole ? 64 : varbit_sizes[size_index]);
}

static void put_varbit_int(struct bits *b, int64_t v)
{
    unsigned i = 0;
    if (v == 0) {
        put_bit(b, false);
        return;
    }
    while (i < VARBIT_SIZES && !fits(v, varbit_sizes[i]))
        i++;
    put_varbit(b, (uint64_t)v, i);
}

static void put_varbit_uint(struct bits *b, uint64_t v)
{
    unsigned i = 0;
    if (v == 0) {
        put_bit(b, false);
        return;
    }
    while (i < VARBIT_SIZES && v >> varbit_sizes[i])
        i++;
    put_varbit(b, v, i);
}

/* A power of two, as thresholds mostly are, takes a byte. */
static void put_zero_threshold(struct bits *b, double v)
{
    int exponent;
    double fraction = frexp(v, &exponent);
    if (v == 0) {
        put_byte(b, 0);
    } else if (fraction == 0.5 && exponent >= -242 && exponent <= 11) {
        put_byte(b, (unsigned)(exponent + 243));
    } else {
        put_byte(b, 255);
        put_double(b, v);
    }
}

static void put_spans(struct bits *b, const struct histogram_span *v, size_t n)
{
    put_varbit_uint(b, n);
    for (size_t i = 0; i < n; i++) {
        put_varbit_uint(b, v[i].length);
        put_varbit_int(b, v[i].offset);
    }
}

/* A bound may also be written as thousandths; a 0 before it says that it is not. */
static void put_bounds(struct bits *b, const double *v, size_t n)
{
    put_varbit_uint(b, n);
    for (size_t i = 0; i < n; i++) {
        put_bit(b, false);
        put_double(b, v[i]);
    }
}

static unsigned reset_flags(enum histogram_reset reset)
{
    switch (reset) {
    case HISTOGRAM_RESET_YES: return 0x80;
    case HISTOGRAM_RESET_NO: return 0x40;
    case HISTOGRAM_RESET_GAUGE: return 0xc0;
    case HISTOGRAM_RESET_UNKNOWN: break;
    }
    return 0;
}

void float_histogram_chunk_encode(struct buf *out, const struct sample *s)
{
    const struct histogram *h = s->histogram;
    struct bits b = {.out = out};
    put_bits(&b, 1, 16);
    put_byte(&b, reset_flags(h->reset));
    put_zero_threshold(&b, h->zero_threshold);
    put_varbit_int(&b, h->schema);
    put_spans(&b, h->positive_spans, h->n_positive_spans);
    put_spans(&b, h->negative_spans, h->n_negative_spans);
    if (h->schema == HISTOGRAM_SCHEMA_CUSTOM)
        put_bounds(&b, h->custom_bounds, h->n_custom_bounds);
    put_varbit_int(&b, s->t_unix_ms);
    put_double(&b, h->count);
    put_double(&b, h->zero_count);
    put_double(&b, h->sum);
    for (size_t i = 0; i < h->n_positive; i++)
        put_double(&b, h->positive[i]);
    for (size_t i = 0; i < h->n_negative; i++)
        put_double(&b, h->negative[i]);
    finish(&b);
}
