#include "store/embedded/int_column.h"

#include "base/compiler.h"
#include "store/embedded/bit_unpack.h"

enum method { CONST, LINEAR, FRAME, DELTA };

static unsigned bit_length(uint64_t v)
{
    return v ? 64 - (unsigned)__builtin_clzll(v) : 0;
}

/* --- bit packing with exceptions -------------------------------------------------------------- */

struct packing {
    unsigned width;
    size_t size; /* estimated bytes */
};

static size_t exceptions_size(const uint32_t *lengths, uint64_t longer, unsigned width)
{
    size_t size = 0;
    for (; longer; longer &= longer - 1) {
        unsigned bits = (unsigned)__builtin_ctzll(longer) + 1;
        size += lengths[bits] * (2 + (bits - width) / 7);
    }
    return size;
}

/* The width that makes the fewest bytes. `present`: bit (l - 1) set when values of bit length l
 * exist, so that only widths that occur are tried. */
static struct packing choose_width(const uint32_t lengths[65], uint64_t present, size_t n)
{
    unsigned longest = present ? 64 - (unsigned)__builtin_clzll(present) : 0;
    struct packing best = {.width = 64, .size = 8 * n};
    if (longest <= BIT_WIDTH_MAX)
        best = (struct packing){.width = longest, .size = (n * longest + 7) / 8};
    uint64_t candidates = (present | 1) << 1; // zero width is a candidate too: bit 1 is width 1
    for (candidates |= 1; candidates; candidates &= candidates - 1) {
        unsigned width = (unsigned)__builtin_ctzll(candidates);
        if (width >= longest || width > BIT_WIDTH_MAX)
            break;
        uint64_t longer = width ? present >> width << width : present;
        size_t size = (n * width + 7) / 8 + exceptions_size(lengths, longer, width);
        if (size < best.size)
            best = (struct packing){.width = width, .size = size};
    }
    best.size += 2; // width and number of exceptions
    return best;
}

static struct packing plan(const int64_t *v, size_t n, uint64_t base)
{
    uint32_t lengths[65] = {0};
    uint64_t present = 0;
    for (size_t i = 0; i < n; i++) {
        unsigned bits = bit_length((uint64_t)v[i] - base);
        lengths[bits]++;
        if (bits)
            present |= UINT64_C(1) << (bits - 1);
    }
    return choose_width(lengths, present, n);
}

static void put_words(struct buf *out, const int64_t *v, size_t n, uint64_t base)
{
    for (size_t i = 0; i < n; i++)
        put_u64(out, (uint64_t)v[i] - base);
}

static void put_bits(struct buf *out, const int64_t *v, size_t n, uint64_t base, unsigned width)
{
    char *p = buf_reserve(out, (n * width + 7) / 8 + 8);
    if (!p)
        return;
    uint64_t mask = (UINT64_C(1) << width) - 1, pending = 0;
    unsigned filled = 0;
    char *at = p;
    for (size_t i = 0; i < n; i++) {
        pending |= (((uint64_t)v[i] - base) & mask) << filled;
        filled += width;
        write_u64(at, pending); // the whole bytes of it count, the rest is written again
        at += filled / 8;
        pending >>= filled / 8 * 8;
        filled %= 8;
    }
    if (filled)
        *at++ = (char)pending;
    buf_advance(out, (size_t)(at - p));
}

static void put_exceptions(struct buf *out, const int64_t *v, size_t n, uint64_t base,
                           unsigned width)
{
    size_t last = 0;
    for (size_t i = 0; i < n; i++) {
        uint64_t high = ((uint64_t)v[i] - base) >> width;
        if (high) {
            put_varint(out, i - last);
            put_varint(out, high);
            last = i;
        }
    }
}

static void pack(struct buf *out, const int64_t *v, size_t n, uint64_t base, unsigned width)
{
    buf_putc(out, (char)width);
    if (width > BIT_WIDTH_MAX) {
        put_words(out, v, n, base);
        return;
    }
    size_t exceptions = 0;
    for (size_t i = 0; i < n; i++)
        exceptions += ((uint64_t)v[i] - base) >> width != 0;
    put_varint(out, exceptions);
    put_bits(out, v, n, base, width);
    if (exceptions)
        put_exceptions(out, v, n, base, width);
}

/* Adds back the high bits; positions rise, the first may be 0. */
static void get_exceptions(struct reader *r, int64_t *v, size_t n, size_t count, unsigned width)
{
    uint64_t at = 0;
    for (size_t k = 0; k < count; k++) {
        uint64_t step = get_varint(r);
        uint64_t high = get_varint(r);
        at += step;
        if (r->bad || step >= n || at >= n) {
            r->bad = true;
            return;
        }
        v[at] = (int64_t)((uint64_t)v[at] + (high << width));
    }
}

static void unpack(struct reader *r, int64_t *v, size_t n, uint64_t base)
{
    unsigned width = get_byte(r);
    if (width > BIT_WIDTH_MAX) {
        const unsigned char *p = get_bytes(r, n * 8);
        for (size_t i = 0; p && i < n; i++)
            v[i] = (int64_t)(base + read_u64(p + i * 8));
        r->bad |= width != 64;
        return;
    }
    uint64_t exceptions = get_varint(r);
    size_t size = (n * width + 7) / 8;
    const unsigned char *p = get_bytes(r, size);
    if (!p || exceptions > n) {
        r->bad = true;
        return;
    }
    bit_unpack(p, size, v, n, base, width);
    get_exceptions(r, v, n, (size_t)exceptions, width);
}

/* --- the column ------------------------------------------------------------------------------- */

static int64_t difference(const int64_t *v, size_t i)
{
    return (int64_t)((uint64_t)v[i] - (uint64_t)v[i - 1]);
}

static bool is_linear(const int64_t *v, size_t n)
{
    int64_t step = difference(v, 1);
    for (size_t i = 2; i < n; i++)
        if (difference(v, i) != step)
            return false;
    return true;
}

static int64_t minimum(const int64_t *v, size_t n)
{
    int64_t least = v[0];
    for (size_t i = 1; i < n; i++)
        least = MIN(least, v[i]);
    return least;
}

static void put_frame_or_delta(struct buf *out, const int64_t *v, size_t n)
{
    int64_t deltas[COLUMN_ROWS_MAX];
    for (size_t i = 1; i < n; i++)
        deltas[i - 1] = difference(v, i);
    int64_t frame_base = minimum(v, n), delta_base = minimum(deltas, n - 1);
    struct packing frame = plan(v, n, (uint64_t)frame_base);
    struct packing delta = plan(deltas, n - 1, (uint64_t)delta_base);
    delta.size += varint_size(zigzag(v[0])) + varint_size(zigzag(delta_base));
    frame.size += varint_size(zigzag(frame_base));

    if (frame.size <= delta.size) {
        buf_putc(out, FRAME);
        put_zigzag(out, frame_base);
        pack(out, v, n, (uint64_t)frame_base, frame.width);
    } else {
        buf_putc(out, DELTA);
        put_zigzag(out, v[0]);
        put_zigzag(out, delta_base);
        pack(out, deltas, n - 1, (uint64_t)delta_base, delta.width);
    }
}

void int_column_encode(struct buf *out, const int64_t *v, size_t n)
{
    if (n > 1 && !is_linear(v, n)) {
        put_frame_or_delta(out, v, n);
        return;
    }
    int64_t step = n > 1 ? difference(v, 1) : 0;
    buf_putc(out, step ? LINEAR : CONST);
    put_zigzag(out, v[0]);
    if (step)
        put_zigzag(out, step);
}

static void get_linear(int64_t *v, size_t n, int64_t first, int64_t step)
{
    uint64_t x = (uint64_t)first;
    for (size_t i = 0; i < n; i++, x += (uint64_t)step)
        v[i] = (int64_t)x;
}

static void get_delta(struct reader *r, int64_t *v, size_t n)
{
    int64_t first = get_zigzag(r);
    int64_t base = get_zigzag(r);
    unpack(r, v + 1, n - 1, (uint64_t)base);
    if (r->bad)
        return;
    uint64_t x = (uint64_t)first;
    v[0] = first;
    for (size_t i = 1; i < n; i++) {
        x += (uint64_t)v[i];
        v[i] = (int64_t)x;
    }
}

void int_column_decode(struct reader *r, int64_t *v, size_t n)
{
    switch (get_byte(r)) {
    case CONST: get_linear(v, n, get_zigzag(r), 0); break;
    case LINEAR: {
        int64_t first = get_zigzag(r);
        get_linear(v, n, first, get_zigzag(r));
        break;
    }
    case FRAME: {
        int64_t base = get_zigzag(r);
        unpack(r, v, n, (uint64_t)base);
        break;
    }
    case DELTA: get_delta(r, v, n); break;
    default: r->bad = true;
    }
}
