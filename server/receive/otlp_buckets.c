#include "receive/otlp_buckets.h"

#include <stdlib.h>

#include "base/compiler.h"

/* A range of bucket indexes, `last` included; empty when last < first. */
struct range {
    int64_t first, last;
};

static int64_t shifted(int64_t index, int32_t down)
{
    return index >> MIN(down, 62);
}

/* The range that is in use, without empty buckets at its ends. */
static struct range range_of(const uint64_t *counts, size_t n, int32_t offset, int32_t down)
{
    size_t first = 0;
    while (first < n && counts[first] == 0)
        first++;
    while (n > first && counts[n - 1] == 0)
        n--;
    if (first == n)
        return (struct range){0, -1};
    return (struct range){shifted(offset + (int64_t)first, down),
                          shifted(offset + (int64_t)n - 1, down)};
}

static struct range join(struct range a, struct range b)
{
    if (a.last < a.first)
        return b;
    if (b.last < b.first)
        return a;
    return (struct range){MIN(a.first, b.first), MAX(a.last, b.last)};
}

static struct range both(const struct bucket_sum *s, int32_t s_down, const struct otlp_buckets *b,
                         int32_t b_down)
{
    return join(range_of(s->counts, s->n, s->offset, s_down),
                range_of(b->counts, b->n, b->offset, b_down));
}

void bucket_sum_done(struct bucket_sum *s)
{
    free(s->counts);
    *s = (struct bucket_sum){0};
}

int32_t bucket_sum_shift(const struct bucket_sum *s, int32_t s_down, const struct otlp_buckets *b,
                         int32_t b_down)
{
    int32_t more = 0;
    struct range r = both(s, s_down, b, b_down);
    while (r.last - r.first >= OTLP_BUCKETS_MAX) {
        r = (struct range){r.first >> 1, r.last >> 1};
        more++;
    }
    return more;
}

static void add(uint64_t *to, int64_t first, const uint64_t *counts, size_t n, int32_t offset,
                int32_t down)
{
    for (size_t i = 0; i < n; i++)
        if (counts[i])
            to[shifted(offset + (int64_t)i, down) - first] += counts[i];
}

bool bucket_sum_add(struct bucket_sum *s, int32_t s_down, const struct otlp_buckets *b,
                    int32_t b_down)
{
    struct range r = both(s, s_down, b, b_down);
    size_t n = (size_t)(r.last - r.first + 1);
    uint64_t *counts = calloc(n + 1, sizeof *counts);
    if (!counts)
        return false;
    add(counts, r.first, s->counts, s->n, s->offset, s_down);
    add(counts, r.first, b->counts, b->n, b->offset, b_down);
    free(s->counts);
    *s = (struct bucket_sum){.counts = counts, .n = n, .offset = (int32_t)r.first};
    return true;
}
