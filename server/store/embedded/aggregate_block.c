#include "store/embedded/aggregate_block.h"

#include <string.h>

#include "base/compiler.h"
#include "store/embedded/aggregate.h"
#include "store/embedded/bytes.h"
#include "store/embedded/float_column.h"
#include "store/embedded/histogram_column.h"
#include "store/embedded/int_column.h"

enum { HAS_FLOATS = 1 << 0, HAS_HISTOGRAMS = 1 << 1, FLAGS_KNOWN = 3 };
enum { ROWS_MAX = AGGREGATE_BLOCK_ROWS, BITS_MAX = ROWS_MAX / 8, COLUMN_BYTES_MAX = 1 << 30 };

_Static_assert((int)ROWS_MAX <= (int)COLUMN_ROWS_MAX, "a block's column can be decoded");

#define ALWAYS (1u << 31) // wanted by every reader

/* --- the columns of numbers ------------------------------------------------------------------- */

struct int_field {
    size_t at;       /* in struct aggregate */
    bool before_row; /* a time, kept as its distance to the row's */
    unsigned want;
};

static const struct int_field counts[] = {
    {offsetof(struct aggregate, n), false, ALWAYS},
    {offsetof(struct aggregate, resets), false, AGGREGATE_RESETS},
    {offsetof(struct aggregate, changes), false, AGGREGATE_CHANGES},
};
static const struct int_field times[] = {
    {offsetof(struct aggregate, first_ms), true, AGGREGATE_ENDS},
    {offsetof(struct aggregate, last_ms), true, AGGREGATE_ENDS},
};

static double zero(const struct aggregate *a)
{
    (void)a;
    return 0;
}

static double first(const struct aggregate *a)
{
    return a->first;
}

static double least_end(const struct aggregate *a)
{
    return a->last < a->first ? a->last : a->first;
}

static double greatest_end(const struct aggregate *a)
{
    return a->last > a->first ? a->last : a->first;
}

/* In an order in which what a column is when it is left out is known already. */
static const struct float_field {
    size_t at;
    double (*otherwise)(const struct aggregate *a);
    unsigned want; /* of the column, and of those that are made of it */
} floats[] = {
    {offsetof(struct aggregate, first), zero,
     AGGREGATE_ENDS | AGGREGATE_SUM | AGGREGATE_MIN | AGGREGATE_MAX},
    {offsetof(struct aggregate, last), first, AGGREGATE_ENDS | AGGREGATE_MIN | AGGREGATE_MAX},
    {offsetof(struct aggregate, sum), first, AGGREGATE_SUM},
    {offsetof(struct aggregate, min), least_end, AGGREGATE_MIN},
    {offsetof(struct aggregate, max), greatest_end, AGGREGATE_MAX},
    {offsetof(struct aggregate, lost), zero, AGGREGATE_LOST},
};

/* --- writing ---------------------------------------------------------------------------------- */

struct writer {
    struct buf *out, column; /* column: the one being made */
    const struct aggregate *v;
    size_t n;
    /* Of the rows with histograms: */
    const struct aggregate *h[ROWS_MAX];
    size_t nh;
};

static void put_column(struct writer *w)
{
    put_text(w->out, buf_str(&w->column));
    if (buf_failed(&w->column))
        w->out->failed = true;
    buf_reset(&w->column);
}

/* Zeros are left out. */
static void put_ints(struct writer *w, const int64_t *v, size_t n)
{
    bool any = false;
    for (size_t i = 0; i < n; i++)
        any |= v[i] != 0;
    if (any)
        int_column_encode(&w->column, v, n);
    put_column(w);
}

static int64_t int_at(const struct aggregate *row, size_t at)
{
    int64_t v;
    memcpy(&v, (const char *)row + at, sizeof v);
    return v;
}

static double float_at(const struct aggregate *row, size_t at)
{
    double v;
    memcpy(&v, (const char *)row + at, sizeof v);
    return v;
}

static void put_int_fields(struct writer *w, const struct int_field *f, size_t n_fields)
{
    int64_t v[ROWS_MAX];
    for (size_t k = 0; k < n_fields; k++) {
        for (size_t i = 0; i < w->n; i++) {
            v[i] = int_at(&w->v[i], f[k].at);
            if (f[k].before_row)
                v[i] = w->v[i].n ? w->v[i].t_unix_ms - v[i] : 0;
        }
        put_ints(w, v, w->n);
    }
}

static void put_floats(struct writer *w, const struct float_field *f)
{
    double v[ROWS_MAX];
    bool any = false;
    for (size_t i = 0; i < w->n; i++) {
        v[i] = float_at(&w->v[i], f->at);
        any |= double_bits(v[i]) != double_bits(f->otherwise(&w->v[i]));
    }
    if (any)
        float_column_encode(&w->column, v, w->n);
    put_column(w);
}

static void put_bits(struct writer *w, const bool *v, size_t n)
{
    unsigned char bits[BITS_MAX] = {0};
    for (size_t i = 0; i < n; i++)
        bits[i / 8] |= (unsigned char)((v[i] ? 1u : 0u) << (i % 8));
    buf_put(&w->column, bits, (n + 7) / 8);
}

static void put_which(struct writer *w)
{
    bool which[ROWS_MAX];
    for (size_t i = 0; i < w->n; i++) {
        which[i] = w->v[i].histograms != NULL;
        if (which[i])
            w->h[w->nh++] = &w->v[i];
    }
    if (w->nh < w->n)
        put_bits(w, which, w->n);
    put_column(w);
}

static void put_histogram_numbers(struct writer *w)
{
    int64_t v[3][ROWS_MAX];
    for (size_t i = 0; i < w->nh; i++) {
        const struct aggregate_histograms *h = w->h[i]->histograms;
        v[0][i] = h->n - 1;
        v[1][i] = w->h[i]->t_unix_ms - h->first_ms;
        v[2][i] = w->h[i]->t_unix_ms - h->last_ms;
    }
    for (size_t k = 0; k < ARRAY_LEN(v); k++)
        put_ints(w, v[k], w->nh);
}

static void put_histograms(struct writer *w, const struct histogram *const *v, size_t n)
{
    if (n)
        histogram_column_encode(&w->column, v, n);
    put_column(w);
}

static bool has_sum(const struct aggregate *row, int64_t n)
{
    return n > 1 && !(row->flags & AGGREGATE_MIXED);
}

static void put_all_histograms(struct writer *w)
{
    const struct histogram *v[4][ROWS_MAX];
    size_t n[4] = {0};
    bool lost[ROWS_MAX];
    put_which(w);
    put_histogram_numbers(w);
    for (size_t i = 0; i < w->nh; i++) {
        const struct aggregate_histograms *h = w->h[i]->histograms;
        v[0][n[0]++] = h->first;
        if (h->n > 1)
            v[1][n[1]++] = h->last;
        if (has_sum(w->h[i], h->n))
            v[2][n[2]++] = h->sum;
        lost[i] = h->lost != NULL;
        if (lost[i])
            v[3][n[3]++] = h->lost;
    }
    for (size_t k = 0; k < 3; k++)
        put_histograms(w, v[k], n[k]);
    if (n[3])
        put_bits(w, lost, w->nh);
    put_column(w);
    put_histograms(w, v[3], n[3]);
}

static void put_head(struct writer *w, unsigned flags, int64_t base)
{
    int64_t v[ROWS_MAX];
    buf_putc(w->out, (char)flags);
    put_varint(w->out, w->n);
    for (size_t i = 0; i < w->n; i++)
        v[i] = w->v[i].t_unix_ms - base;
    put_ints(w, v, w->n);
    for (size_t i = 0; i < w->n; i++)
        v[i] = w->v[i].flags;
    put_ints(w, v, w->n);
    put_int_fields(w, counts, ARRAY_LEN(counts));
}

void aggregate_block_encode(struct buf *out, const struct aggregates *a, size_t from, size_t n,
                            int64_t base_ms)
{
    struct writer w = {.out = out, .v = a->v + from, .n = n};
    unsigned flags = 0;
    for (size_t i = 0; i < n; i++)
        flags |= (w.v[i].n ? HAS_FLOATS : 0u) | (w.v[i].histograms ? HAS_HISTOGRAMS : 0u);
    buf_init(&w.column, COLUMN_BYTES_MAX);
    put_head(&w, flags, base_ms);
    if (flags & HAS_FLOATS) {
        put_int_fields(&w, times, ARRAY_LEN(times));
        for (size_t k = 0; k < ARRAY_LEN(floats); k++)
            put_floats(&w, &floats[k]);
    }
    if (flags & HAS_HISTOGRAMS)
        put_all_histograms(&w);
    buf_done(&w.column);
}

/* --- reading ---------------------------------------------------------------------------------- */

struct block_reader {
    struct reader r;
    struct aggregate *v;
    size_t n;
    unsigned want;
    struct arena *arena;
    struct aggregate *h[ROWS_MAX]; /* rows with histograms */
    struct aggregate_histograms *sets;
    size_t nh;
};

static void finish_column(struct block_reader *b, const struct reader *column)
{
    b->r.bad |= column->bad || reader_left(column) != 0;
}

/* True when the column is there and wanted: decode it from *out, then finish_column. */
static bool next_column(struct block_reader *b, unsigned want, struct reader *out)
{
    struct str bytes = get_text(&b->r);
    *out = reader_of(bytes.p, bytes.n);
    return !b->r.bad && bytes.n && (b->want & want);
}

static void get_ints(struct block_reader *b, unsigned want, int64_t *v, size_t n)
{
    struct reader column;
    if (next_column(b, want, &column)) {
        int_column_decode(&column, v, n);
        finish_column(b, &column);
    } else if (n) {
        memset(v, 0, n * sizeof *v);
    }
}

static void get_int_fields(struct block_reader *b, const struct int_field *f, size_t n_fields)
{
    int64_t v[ROWS_MAX];
    for (size_t k = 0; k < n_fields && !b->r.bad; k++) {
        get_ints(b, f[k].want, v, b->n);
        for (size_t i = 0; !b->r.bad && i < b->n; i++) {
            int64_t x =
                f[k].before_row ? (int64_t)((uint64_t)b->v[i].t_unix_ms - (uint64_t)v[i]) : v[i];
            memcpy((char *)&b->v[i] + f[k].at, &x, sizeof x);
        }
    }
}

static void get_floats(struct block_reader *b, const struct float_field *f)
{
    double v[ROWS_MAX];
    struct reader column;
    bool there = next_column(b, f->want, &column);
    if (there) {
        float_column_decode(&column, v, b->n);
        finish_column(b, &column);
    }
    if (b->r.bad || !(b->want & f->want))
        return;
    for (size_t i = 0; i < b->n; i++) {
        double x = there ? v[i] : f->otherwise(&b->v[i]);
        memcpy((char *)&b->v[i] + f->at, &x, sizeof x);
    }
}

/* A bit for each of n rows; `otherwise` when there are none. */
static size_t get_bits(struct block_reader *b, bool otherwise, bool *v, size_t n)
{
    struct reader column;
    size_t count = 0;
    bool there = next_column(b, ALWAYS, &column);
    const unsigned char *bits = there ? get_bytes(&column, (n + 7) / 8) : NULL;
    if (there)
        finish_column(b, &column);
    for (size_t i = 0; i < n; i++) {
        v[i] = bits ? bits[i / 8] >> (i % 8) & 1 : otherwise;
        count += v[i];
    }
    return count;
}

static void get_histograms(struct block_reader *b, unsigned want, const struct histogram **v,
                           size_t n)
{
    struct reader column;
    bool take = next_column(b, want, &column);
    memset(v, 0, ROWS_MAX * sizeof *v);
    if (take && n)
        histogram_column_decode(&column, v, n, b->arena);
    if (take)
        finish_column(b, &column);
    b->r.bad |= n && (b->want & want) && !take; // a column that must be there
}

static bool get_sets(struct block_reader *b)
{
    bool which[ROWS_MAX];
    size_t n = get_bits(b, true, which, b->n);
    b->sets = arena_array(b->arena, n, sizeof *b->sets);
    if (b->r.bad || !b->sets || n == 0) {
        b->r.bad = true;
        return false;
    }
    memset(b->sets, 0, n * sizeof *b->sets);
    for (size_t i = 0; i < b->n; i++) {
        if (!which[i])
            continue;
        b->v[i].histograms = &b->sets[b->nh];
        b->h[b->nh++] = &b->v[i];
    }
    return true;
}

static void get_histogram_numbers(struct block_reader *b)
{
    int64_t v[3][ROWS_MAX];
    for (size_t k = 0; k < ARRAY_LEN(v); k++)
        get_ints(b, ALWAYS, v[k], b->nh);
    for (size_t i = 0; !b->r.bad && i < b->nh; i++) {
        uint64_t t = (uint64_t)b->h[i]->t_unix_ms;
        b->r.bad |= v[0][i] < 0 || v[0][i] == INT64_MAX;
        b->sets[i].n = b->r.bad ? 1 : v[0][i] + 1;
        b->sets[i].first_ms = (int64_t)(t - (uint64_t)v[1][i]);
        b->sets[i].last_ms = (int64_t)(t - (uint64_t)v[2][i]);
    }
}

/* first, last and sum; a single histogram is all three. */
static void get_samples(struct block_reader *b)
{
    const struct histogram *v[ROWS_MAX];
    size_t n = 0, sums = 0;
    for (size_t i = 0; i < b->nh; i++) {
        n += b->sets[i].n > 1;
        sums += has_sum(b->h[i], b->sets[i].n);
    }
    get_histograms(b, AGGREGATE_ENDS | AGGREGATE_SUM, v, b->nh);
    for (size_t i = 0; i < b->nh; i++)
        b->sets[i].first = b->sets[i].last = b->sets[i].sum = v[i];
    get_histograms(b, AGGREGATE_ENDS, v, n);
    for (size_t i = 0, k = 0; i < b->nh; i++)
        if (b->sets[i].n > 1)
            b->sets[i].last = v[k++];
    get_histograms(b, AGGREGATE_SUM, v, sums);
    for (size_t i = 0, k = 0; i < b->nh; i++) {
        if (b->h[i]->flags & AGGREGATE_MIXED)
            b->sets[i].sum = NULL;
        else if (b->sets[i].n > 1)
            b->sets[i].sum = v[k++];
    }
}

static void get_lost(struct block_reader *b)
{
    const struct histogram *v[ROWS_MAX];
    bool which[ROWS_MAX];
    size_t n = get_bits(b, false, which, b->nh);
    get_histograms(b, AGGREGATE_LOST, v, n);
    for (size_t i = 0, k = 0; i < b->nh; i++)
        b->sets[i].lost = which[i] ? v[k++] : NULL;
}

static void get_head(struct block_reader *b, int64_t base)
{
    int64_t v[ROWS_MAX];
    get_ints(b, ALWAYS, v, b->n);
    for (size_t i = 0; !b->r.bad && i < b->n; i++) {
        b->v[i] = (struct aggregate){.t_unix_ms = (int64_t)((uint64_t)v[i] + (uint64_t)base)};
        b->r.bad |= i && b->v[i].t_unix_ms < b->v[i - 1].t_unix_ms;
    }
    get_ints(b, ALWAYS, v, b->n);
    for (size_t i = 0; !b->r.bad && i < b->n; i++)
        b->v[i].flags = (unsigned)v[i];
    if (!b->r.bad)
        get_int_fields(b, counts, ARRAY_LEN(counts));
}

static void get_all(struct block_reader *b, unsigned flags, int64_t base)
{
    get_head(b, base);
    if (flags & HAS_FLOATS && !b->r.bad) {
        get_int_fields(b, times, ARRAY_LEN(times));
        for (size_t k = 0; k < ARRAY_LEN(floats) && !b->r.bad; k++)
            get_floats(b, &floats[k]);
    }
    if (flags & HAS_HISTOGRAMS && !b->r.bad && get_sets(b)) {
        get_histogram_numbers(b);
        get_samples(b);
        get_lost(b);
    }
}

int aggregate_block_decode(const void *p, size_t n, int64_t base_ms, struct aggregates *out)
{
    struct block_reader b = {.r = reader_of(p, n), .want = out->want | ALWAYS, .arena = out->arena};
    unsigned flags = get_byte(&b.r);
    uint64_t rows = get_varint(&b.r);
    if (b.r.bad || (flags & ~(unsigned)FLAGS_KNOWN) || rows == 0 || rows > ROWS_MAX)
        return ERR_CORRUPT;
    if (aggregates_reserve(out, (size_t)rows) != 0)
        return ERR_NOMEM;
    b.v = out->v + out->n;
    b.n = (size_t)rows;
    get_all(&b, flags, base_ms);
    if (b.r.bad || reader_left(&b.r) != 0)
        return arena_failed(out->arena) ? ERR_NOMEM : ERR_CORRUPT;
    out->n += b.n;
    return 0;
}
