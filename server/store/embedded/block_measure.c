#include "base/arena.h"
#include "store/embedded/block.h"
#include "store/embedded/float_column.h"
#include "store/embedded/histogram_column.h"

/* One column after the other, with a place for what is decoded and not wanted. */
struct measuring {
    struct reader r;
    struct block_shape *shape;
    struct arena *arena;
    size_t rows;
    int64_t ints[BLOCK_ROWS_MAX];
    double floats[BLOCK_ROWS_MAX];
    const struct histogram *histograms[BLOCK_ROWS_MAX];
};

static void note(struct measuring *m, int column, size_t rows, const unsigned char *from)
{
    if (m->r.bad || *from >= BLOCK_METHODS) {
        m->r.bad = true;
        return;
    }
    m->shape->columns[column].rows = (uint32_t)rows;
    m->shape->columns[column].bytes = (uint32_t)(m->r.p - from);
    m->shape->columns[column].method = *from;
}

static void measure_ints(struct measuring *m, int column)
{
    const unsigned char *from = m->r.p;
    int_column_decode(&m->r, m->ints, m->rows);
    note(m, column, m->rows, from);
}

static void measure_floats(struct measuring *m, size_t rows)
{
    const unsigned char *from = m->r.p;
    float_column_decode(&m->r, m->floats, rows);
    note(m, BLOCK_FLOATS, rows, from);
}

static void measure_histograms(struct measuring *m, size_t rows)
{
    const unsigned char *from = m->r.p;
    histogram_column_decode(&m->r, m->histograms, rows, m->arena);
    note(m, BLOCK_HISTOGRAMS, rows, from);
}

/* Which rows are histograms: bits without a method. */
static size_t measure_kinds(struct measuring *m)
{
    size_t bytes = (m->rows + 7) / 8, histograms = 0;
    const unsigned char *kinds = get_bytes(&m->r, bytes);
    for (size_t i = 0; kinds && i < m->rows; i++)
        histograms += kinds[i / 8] >> (i % 8) & 1;
    m->r.bad |= !kinds || histograms == 0 || histograms == m->rows;
    m->shape->columns[BLOCK_KINDS].rows = (uint32_t)m->rows;
    m->shape->columns[BLOCK_KINDS].bytes = (uint32_t)bytes;
    return histograms;
}

static void measure_values(struct measuring *m, unsigned flags)
{
    if (flags & BLOCK_ALL_HISTOGRAMS) {
        measure_histograms(m, m->rows);
    } else if (flags & BLOCK_HAS_HISTOGRAMS) {
        size_t histograms = measure_kinds(m);
        if (!m->r.bad)
            measure_floats(m, m->rows - histograms);
        if (!m->r.bad)
            measure_histograms(m, histograms);
    } else {
        measure_floats(m, m->rows);
    }
}

int block_measure(const void *p, size_t n, struct arena *arena, struct block_shape *out)
{
    *out = (struct block_shape){0};
    struct measuring m; // large and written before it is read
    m.r = reader_of(p, n);
    m.shape = out;
    m.arena = arena;
    unsigned flags = get_byte(&m.r);
    uint64_t rows = get_varint(&m.r);
    if (m.r.bad || (flags & ~(unsigned)BLOCK_FLAGS_KNOWN) || rows == 0 || rows > BLOCK_ROWS_MAX)
        return ERR_CORRUPT;
    m.rows = (size_t)rows;
    measure_ints(&m, BLOCK_TIMES);
    if (!m.r.bad && flags & BLOCK_HAS_STARTS)
        measure_ints(&m, BLOCK_STARTS);
    if (!m.r.bad)
        measure_values(&m, flags);
    if (!m.r.bad && reader_left(&m.r) == 0)
        return 0;
    return arena_failed(arena) ? ERR_NOMEM : ERR_CORRUPT;
}
