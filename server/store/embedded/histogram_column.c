#include "store/embedded/histogram_column.h"

#include <stdlib.h>
#include <zstd.h>

#include "base/compiler.h"

/* First byte of a row. */
enum {
    SAME_LAYOUT = 1 << 0, /* as the row before */
    INTEGER = 1 << 1,     /* histogram.integer */
    EXACT = 1 << 2,       /* counts are whole numbers below 2^53, stored as such */
    RESET_SHIFT = 3       /* two bits: histogram.reset */
};

enum { PLAIN, ZSTD };
enum { ZSTD_FROM = 128, ZSTD_LEVEL = 1, DECODED_MAX = 64 << 20 };

/* --- one row ---------------------------------------------------------------------------------- */

static bool same_layout(const struct histogram *a, const struct histogram *b)
{
    return a->schema == b->schema &&
           double_bits(a->zero_threshold) == double_bits(b->zero_threshold) &&
           a->n_positive_spans == b->n_positive_spans &&
           a->n_negative_spans == b->n_negative_spans && a->n_positive == b->n_positive &&
           a->n_negative == b->n_negative && a->n_custom_bounds == b->n_custom_bounds &&
           (!a->n_positive_spans || memcmp(a->positive_spans, b->positive_spans,
                                           a->n_positive_spans * sizeof *a->positive_spans) == 0) &&
           (!a->n_negative_spans || memcmp(a->negative_spans, b->negative_spans,
                                           a->n_negative_spans * sizeof *a->negative_spans) == 0) &&
           (!a->n_custom_bounds || memcmp(a->custom_bounds, b->custom_bounds,
                                          a->n_custom_bounds * sizeof *a->custom_bounds) == 0);
}

static void put_spans(struct buf *out, const struct histogram_span *v, size_t n)
{
    put_varint(out, n);
    for (size_t i = 0; i < n; i++) {
        put_zigzag(out, v[i].offset);
        put_varint(out, v[i].length);
    }
}

static void put_layout(struct buf *out, const struct histogram *h)
{
    put_zigzag(out, h->schema);
    put_u64(out, double_bits(h->zero_threshold));
    put_spans(out, h->positive_spans, h->n_positive_spans);
    put_spans(out, h->negative_spans, h->n_negative_spans);
    put_varint(out, h->n_positive);
    put_varint(out, h->n_negative);
    put_varint(out, h->n_custom_bounds);
    for (size_t i = 0; i < h->n_custom_bounds; i++)
        put_u64(out, double_bits(h->custom_bounds[i]));
}

static bool is_exact(double v)
{
    return v >= 0 && v < 9007199254740992.0 && double_bits((double)(int64_t)v) == double_bits(v);
}

static bool all_exact(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_exact(v[i]))
            return false;
    return true;
}

static bool counts_exact(const struct histogram *h)
{
    return is_exact(h->count) && is_exact(h->zero_count) && all_exact(h->positive, h->n_positive) &&
           all_exact(h->negative, h->n_negative);
}

/* Floats differ from their neighbour in the low bytes at most: turned around, these are the high
 * ones, and the varint is short. */
static void put_count(struct buf *out, double v, double last, bool exact)
{
    if (exact)
        put_zigzag(out, (int64_t)v - (is_exact(last) ? (int64_t)last : 0));
    else
        put_varint(out, __builtin_bswap64(double_bits(v) ^ double_bits(last)));
}

static double get_count_value(struct reader *r, double last, bool exact)
{
    uint64_t x = get_varint(r);
    if (!exact)
        return bits_double(__builtin_bswap64(x) ^ double_bits(last));
    uint64_t base = is_exact(last) ? (uint64_t)(int64_t)last : 0;
    return (double)(int64_t)(base + (uint64_t)unzigzag(x));
}

static void put_counts(struct buf *out, const double *v, const double *last, size_t n, bool exact)
{
    for (size_t i = 0; i < n; i++)
        put_count(out, v[i], last ? last[i] : 0, exact);
}

static void put_row(struct buf *out, const struct histogram *h, const struct histogram *last)
{
    bool same = last && same_layout(h, last), exact = counts_exact(h);
    unsigned flags = (same ? SAME_LAYOUT : 0u) | (h->integer ? INTEGER : 0u) |
                     (exact ? EXACT : 0u) | (unsigned)h->reset << RESET_SHIFT;
    buf_putc(out, (char)flags);
    if (!same) {
        put_layout(out, h);
        last = NULL;
    }
    put_count(out, h->count, last ? last->count : 0, exact);
    put_count(out, h->zero_count, last ? last->zero_count : 0, exact);
    put_varint(out, __builtin_bswap64(double_bits(h->sum) ^ double_bits(last ? last->sum : 0)));
    put_counts(out, h->positive, last ? last->positive : NULL, h->n_positive, exact);
    put_counts(out, h->negative, last ? last->negative : NULL, h->n_negative, exact);
}

static const struct histogram_span *get_spans(struct reader *r, size_t *out_n, uint64_t *out_total,
                                              struct arena *a)
{
    size_t n = get_count(r, 2);
    uint64_t total = 0;
    struct histogram_span *v = n ? arena_array(a, n, sizeof *v) : NULL;
    if (n && !v)
        r->bad = true;
    for (size_t i = 0; v && i < n; i++) {
        v[i].offset = (int32_t)get_zigzag(r);
        v[i].length = (uint32_t)get_varint(r);
        total += v[i].length;
    }
    *out_n = n;
    *out_total = total;
    return v;
}

static const double *get_bounds(struct reader *r, size_t *out_n, struct arena *a)
{
    size_t n = get_count(r, 8);
    double *v = n ? arena_array(a, n, sizeof *v) : NULL;
    if (n && !v)
        r->bad = true;
    for (size_t i = 0; v && i < n; i++)
        v[i] = bits_double(get_u64(r));
    *out_n = n;
    return v;
}

static void get_layout(struct reader *r, struct histogram *h, struct arena *a)
{
    uint64_t positive, negative;
    h->schema = (int32_t)get_zigzag(r);
    h->zero_threshold = bits_double(get_u64(r));
    h->positive_spans = get_spans(r, &h->n_positive_spans, &positive, a);
    h->negative_spans = get_spans(r, &h->n_negative_spans, &negative, a);
    uint64_t n_positive = get_varint(r);
    uint64_t n_negative = get_varint(r);
    h->custom_bounds = get_bounds(r, &h->n_custom_bounds, a);
    /* A stale marker may come without buckets for its spans, so the counts have their own number;
     * they are a byte each at least. */
    size_t left = reader_left(r);
    bool adds_up =
        (n_positive == positive || n_positive == 0) && (n_negative == negative || n_negative == 0);
    if (!adds_up || n_positive > left || n_negative > left - n_positive) {
        r->bad = true;
        return;
    }
    h->n_positive = (size_t)n_positive;
    h->n_negative = (size_t)n_negative;
}

static const double *get_counts(struct reader *r, const double *last, size_t n, bool exact,
                                struct arena *a)
{
    if (n == 0)
        return NULL;
    if (n > reader_left(r)) {
        r->bad = true;
        return NULL;
    }
    double *v = arena_alloc(a, n * sizeof *v);
    if (!v)
        r->bad = true;
    for (size_t i = 0; v && i < n; i++)
        v[i] = get_count_value(r, last ? last[i] : 0, exact);
    return v;
}

static const struct histogram *get_row(struct reader *r, const struct histogram *last,
                                       struct arena *a)
{
    unsigned flags = get_byte(r);
    bool same = flags & SAME_LAYOUT, exact = flags & EXACT;
    struct histogram *h = arena_zalloc(a, sizeof *h);
    if (!h || (same && !last)) {
        r->bad = true;
        return NULL;
    }
    if (same)
        *h = *last;
    else
        get_layout(r, h, a);
    if (r->bad)
        return NULL;
    const struct histogram *base = same ? last : NULL;
    h->integer = flags & INTEGER;
    h->reset = (enum histogram_reset)(flags >> RESET_SHIFT & 3);
    h->count = get_count_value(r, base ? base->count : 0, exact);
    h->zero_count = get_count_value(r, base ? base->zero_count : 0, exact);
    h->sum = bits_double(__builtin_bswap64(get_varint(r)) ^ double_bits(base ? base->sum : 0));
    h->positive = get_counts(r, base ? base->positive : NULL, h->n_positive, exact, a);
    h->negative = get_counts(r, base ? base->negative : NULL, h->n_negative, exact, a);
    return r->bad ? NULL : h;
}

/* --- the column ------------------------------------------------------------------------------- */

static void put_compressed(struct buf *out, const struct buf *rows)
{
    size_t bound = ZSTD_compressBound(rows->n);
    char *packed = malloc(bound);
    size_t n = packed ? ZSTD_compress(packed, bound, rows->p, rows->n, ZSTD_LEVEL) : rows->n;
    bool smaller = packed && !ZSTD_isError(n) && n < rows->n;
    buf_putc(out, smaller ? ZSTD : PLAIN);
    if (smaller)
        put_varint(out, rows->n);
    put_text(out, smaller ? str_of(packed, n) : buf_str(rows));
    free(packed);
}

void histogram_column_encode(struct buf *out, const struct histogram *const *v, size_t n)
{
    struct buf rows = BUF_MAX(DECODED_MAX);
    for (size_t i = 0; i < n; i++)
        put_row(&rows, v[i], i ? v[i - 1] : NULL);
    if (buf_failed(&rows)) {
        out->failed = true;
    } else if (rows.n < ZSTD_FROM) {
        buf_putc(out, PLAIN);
        put_text(out, buf_str(&rows));
    } else {
        put_compressed(out, &rows);
    }
    buf_done(&rows);
}

static void get_rows(struct reader *r, const struct histogram **v, size_t n, struct arena *a)
{
    for (size_t i = 0; i < n && !r->bad; i++)
        v[i] = get_row(r, i ? v[i - 1] : NULL, a);
    r->bad |= reader_left(r) != 0;
}

void histogram_column_decode(struct reader *r, const struct histogram **v, size_t n,
                             struct arena *arena)
{
    unsigned method = get_byte(r);
    uint64_t size = method == ZSTD ? get_varint(r) : 0;
    struct str bytes = get_text(r);
    if (r->bad || method > ZSTD || size > DECODED_MAX) {
        r->bad = true;
        return;
    }
    if (method == ZSTD) {
        char *plain = malloc((size_t)size + 1);
        size_t got = plain ? ZSTD_decompress(plain, (size_t)size, bytes.p, bytes.n) : 0;
        if (!plain || ZSTD_isError(got) || got != size) {
            r->bad = true;
        } else {
            struct reader rows = reader_of(plain, got);
            get_rows(&rows, v, n, arena);
            r->bad |= rows.bad;
        }
        free(plain);
        return;
    }
    struct reader rows = reader_of(bytes.p, bytes.n);
    get_rows(&rows, v, n, arena);
    r->bad |= rows.bad;
}
