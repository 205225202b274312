#include "store/embedded/block.h"

#include "base/compiler.h"
#include "store/embedded/columns.h"
#include "store/embedded/float_column.h"
#include "store/embedded/histogram_column.h"

/* --- writing ---------------------------------------------------------------------------------- */

static size_t count_histograms(const struct columns *c, size_t from, size_t n)
{
    size_t count = 0;
    for (size_t i = 0; c->histogram && i < n; i++)
        count += c->histogram[from + i] != NULL;
    return count;
}

static bool any_start(const struct columns *c, size_t from, size_t n)
{
    for (size_t i = 0; c->start_unix_ms && i < n; i++)
        if (c->start_unix_ms[from + i])
            return true;
    return false;
}

static void put_times(struct buf *out, const int64_t *t, size_t n, int64_t base)
{
    int64_t relative[BLOCK_ROWS_MAX];
    for (size_t i = 0; i < n; i++)
        relative[i] = (int64_t)((uint64_t)t[i] - (uint64_t)base);
    int_column_encode(out, relative, n);
}

static void put_kinds(struct buf *out, const struct histogram *const *h, size_t n)
{
    for (size_t i = 0; i < n; i += 8) {
        unsigned bits = 0;
        for (size_t k = i; k < MIN(i + 8, n); k++)
            bits |= (h[k] ? 1u : 0u) << (k - i);
        buf_putc(out, (char)bits);
    }
}

/* Floats and histograms of a mixed block, each kind in its own column. */
static void put_mixed(struct buf *out, const struct columns *c, size_t from, size_t n)
{
    double floats[BLOCK_ROWS_MAX];
    const struct histogram *histograms[BLOCK_ROWS_MAX];
    size_t n_floats = 0, n_histograms = 0;
    for (size_t i = from; i < from + n; i++) {
        if (c->histogram[i])
            histograms[n_histograms++] = c->histogram[i];
        else
            floats[n_floats++] = c->value[i];
    }
    put_kinds(out, c->histogram + from, n);
    float_column_encode(out, floats, n_floats);
    histogram_column_encode(out, histograms, n_histograms);
}

void block_encode(struct buf *out, const struct columns *c, size_t from, size_t n, int64_t base_ms)
{
    size_t histograms = count_histograms(c, from, n);
    bool starts = any_start(c, from, n);
    unsigned flags = starts ? BLOCK_HAS_STARTS : 0;
    if (histograms)
        flags |= histograms == n ? BLOCK_ALL_HISTOGRAMS : BLOCK_HAS_HISTOGRAMS;

    buf_putc(out, (char)flags);
    put_varint(out, n);
    put_times(out, c->t_unix_ms + from, n, base_ms);
    if (starts)
        put_times(out, c->start_unix_ms + from, n, base_ms);
    if (histograms == 0)
        float_column_encode(out, c->value + from, n);
    else if (histograms == n)
        histogram_column_encode(out, c->histogram + from, n);
    else
        put_mixed(out, c, from, n);
}

/* --- reading ---------------------------------------------------------------------------------- */

static void get_times(struct reader *r, int64_t *t, size_t n, int64_t base)
{
    int_column_decode(r, t, n);
    if (r->bad || base == 0)
        return;
    for (size_t i = 0; i < n; i++)
        t[i] = (int64_t)((uint64_t)t[i] + (uint64_t)base);
}

static void spread(struct columns *out, const unsigned char *kinds, size_t n, const double *floats,
                   const struct histogram *const *histograms)
{
    for (size_t i = 0; i < n; i++) {
        bool is_histogram = kinds[i / 8] >> (i % 8) & 1;
        out->value[out->n + i] = is_histogram ? 0 : *floats++;
        out->histogram[out->n + i] = is_histogram ? *histograms++ : NULL;
    }
}

static void get_mixed(struct reader *r, struct columns *out, size_t n)
{
    double floats[BLOCK_ROWS_MAX];
    const struct histogram *histograms[BLOCK_ROWS_MAX];
    const unsigned char *kinds = get_bytes(r, (n + 7) / 8);
    size_t n_histograms = 0;
    for (size_t i = 0; kinds && i < n; i++)
        n_histograms += kinds[i / 8] >> (i % 8) & 1;
    if (!kinds || n_histograms == 0 || n_histograms == n) {
        r->bad = true;
        return;
    }
    float_column_decode(r, floats, n - n_histograms);
    histogram_column_decode(r, histograms, n_histograms, out->arena);
    if (!r->bad)
        spread(out, kinds, n, floats, histograms);
}

static void get_histograms(struct reader *r, struct columns *out, size_t n)
{
    memset(out->value + out->n, 0, n * sizeof *out->value);
    histogram_column_decode(r, out->histogram + out->n, n, out->arena);
}

static void get_columns(struct reader *r, struct columns *out, unsigned flags, size_t n,
                        int64_t base)
{
    get_times(r, out->t_unix_ms + out->n, n, base);
    if (flags & BLOCK_HAS_STARTS)
        get_times(r, out->start_unix_ms + out->n, n, base);
    else if (out->start_unix_ms)
        memset(out->start_unix_ms + out->n, 0, n * sizeof *out->start_unix_ms);
    if (r->bad)
        return;

    if (flags & BLOCK_ALL_HISTOGRAMS) {
        get_histograms(r, out, n);
    } else if (flags & BLOCK_HAS_HISTOGRAMS) {
        get_mixed(r, out, n);
    } else {
        float_column_decode(r, out->value + out->n, n);
        if (out->histogram)
            memset(out->histogram + out->n, 0, n * sizeof *out->histogram);
    }
}

static bool rises(const int64_t *t, size_t n)
{
    bool ok = true;
    for (size_t i = 1; i < n; i++)
        ok &= t[i] > t[i - 1];
    return ok;
}

int block_decode(const void *p, size_t n, int64_t base_ms, struct columns *out)
{
    struct reader r = reader_of(p, n);
    unsigned flags = get_byte(&r);
    uint64_t rows = get_varint(&r);
    if (r.bad || (flags & ~(unsigned)BLOCK_FLAGS_KNOWN) || rows == 0 || rows > BLOCK_ROWS_MAX)
        return ERR_CORRUPT;
    bool histograms = flags & (BLOCK_HAS_HISTOGRAMS | BLOCK_ALL_HISTOGRAMS);
    if (columns_reserve(out, (size_t)rows, histograms, flags & BLOCK_HAS_STARTS) != 0)
        return ERR_NOMEM;

    get_columns(&r, out, flags, (size_t)rows, base_ms);
    if (r.bad || reader_left(&r) != 0 || !rises(out->t_unix_ms + out->n, (size_t)rows))
        return out->arena && arena_failed(out->arena) ? ERR_NOMEM : ERR_CORRUPT;
    out->n += (size_t)rows;
    return 0;
}
