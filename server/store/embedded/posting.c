#include "store/embedded/posting.h"

#include <roaring/roaring.h>

/* varint: number << 1 | is runs
 * gaps: first, then (next - last - 1)…        runs: (start - end of the last), length - 1, … */
enum { BATCH = 256, SHORT_RUN = 64 };

static size_t count_runs(const uint32_t *v, size_t n)
{
    size_t runs = 1;
    for (size_t i = 1; i < n; i++)
        runs += v[i] != v[i - 1] + 1;
    return runs;
}

static void put_gaps(struct buf *out, const uint32_t *v, size_t n)
{
    put_varint(out, (uint64_t)n << 1);
    put_varint(out, v[0]);
    for (size_t i = 1; i < n; i++)
        put_varint(out, v[i] - v[i - 1] - 1);
}

static void put_runs(struct buf *out, const uint32_t *v, size_t n, size_t runs)
{
    put_varint(out, (uint64_t)runs << 1 | 1);
    uint32_t end = 0;
    for (size_t i = 0; i < n;) {
        size_t k = i + 1;
        while (k < n && v[k] == v[k - 1] + 1)
            k++;
        put_varint(out, v[i] - end);
        put_varint(out, k - i - 1);
        end = v[k - 1] + 1;
        i = k;
    }
}

void posting_encode(struct buf *out, const uint32_t *v, size_t n)
{
    size_t runs = count_runs(v, n);
    if (runs * 2 < n)
        put_runs(out, v, n, runs);
    else
        put_gaps(out, v, n);
}

/* Members on their way into the bitmap, which takes many at once for much less than one by one. */
struct batch {
    uint32_t v[BATCH];
    size_t n;
    roaring_bitmap_t *out;
};

static void batch_flush(struct batch *b)
{
    roaring_bitmap_add_many(b->out, b->n, b->v);
    b->n = 0;
}

static void get_gaps(struct reader *r, uint64_t n, uint32_t limit, struct batch *b)
{
    uint64_t next = 0;
    for (uint64_t i = 0; i < n; i++) {
        uint64_t gap = get_varint(r);
        if (r->bad || gap >= limit || next + gap >= limit) {
            r->bad = true;
            return;
        }
        b->v[b->n++] = (uint32_t)(next + gap);
        next += gap + 1;
        if (b->n == BATCH)
            batch_flush(b);
    }
}

/* [from, end): a short run is cheaper as its members. */
static void add_run(struct batch *b, uint64_t from, uint64_t end)
{
    if (end - from > SHORT_RUN) {
        batch_flush(b);
        roaring_bitmap_add_range(b->out, from, end);
        return;
    }
    if (b->n + (end - from) > BATCH)
        batch_flush(b);
    for (uint64_t v = from; v < end; v++)
        b->v[b->n++] = (uint32_t)v;
}

/* A run after `end`; its own end. */
static uint64_t get_run(struct reader *r, uint64_t end, uint32_t limit, struct batch *b)
{
    uint64_t gap = get_varint(r);
    uint64_t length = get_varint(r);
    if (r->bad || gap >= limit || length >= limit || end + gap + length >= limit) {
        r->bad = true;
        return end;
    }
    add_run(b, end + gap, end + gap + length + 1);
    return end + gap + length + 1;
}

void posting_decode_runs(struct reader *r, uint32_t limit, roaring_bitmap_t *out)
{
    struct batch b;
    uint64_t end = 0;
    b.n = 0;
    b.out = out;
    while (reader_left(r) && !r->bad)
        end = get_run(r, end, limit, &b);
    batch_flush(&b);
}

void posting_decode(struct reader *r, uint32_t limit, roaring_bitmap_t *out)
{
    uint64_t head = get_varint(r), n = head >> 1, end = 0;
    if (r->bad || n > limit) {
        r->bad = true;
        return;
    }
    struct batch b;
    b.n = 0;
    b.out = out;
    if (!(head & 1))
        get_gaps(r, n, limit, &b);
    for (uint64_t i = 0; head & 1 && i < n && !r->bad; i++)
        end = get_run(r, end, limit, &b);
    batch_flush(&b);
}
