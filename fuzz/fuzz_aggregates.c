/* A block of the aggregates table. What opens with all columns opens with any choice of them, and
 * says the same of what it has; a block that was read and written again reads as the same rows. */
#include <stdlib.h>

#include "base/buf.h"
#include "store/embedded/aggregate.h"
#include "store/embedded/aggregate_block.h"
#include "store/embedded/columns.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { ARENA = 64 << 20 };

static void demand(bool condition)
{
    if (!condition)
        abort();
}

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void compare(const struct aggregates *all, const struct aggregates *some, unsigned want)
{
    demand(all->n == some->n);
    for (size_t i = 0; i < all->n; i++) {
        const struct aggregate *a = &all->v[i], *b = &some->v[i];
        demand(a->t_unix_ms == b->t_unix_ms && a->n == b->n && a->flags == b->flags);
        demand(!a->histograms == !b->histograms);
        demand(!(want & AGGREGATE_ENDS) ||
               (a->first_ms == b->first_ms && a->last_ms == b->last_ms));
        demand(!(want & AGGREGATE_SUM) || same_bits(a->sum, b->sum));
        demand(!(want & AGGREGATE_MIN) || same_bits(a->min, b->min));
        demand(!(want & AGGREGATE_MAX) || same_bits(a->max, b->max));
        demand(!(want & AGGREGATE_LOST) || same_bits(a->lost, b->lost));
        demand(!(want & AGGREGATE_RESETS) || a->resets == b->resets);
        demand(!(want & AGGREGATE_CHANGES) || a->changes == b->changes);
    }
}

static int decode(const void *p, size_t n, unsigned want, struct arena *arena,
                  struct aggregates *out)
{
    aggregates_init(out, want, arena);
    return aggregate_block_decode(p, n, 0, out);
}

static void read_points(const struct aggregates *all, struct arena *arena)
{
    struct columns c;
    columns_init(&c, arena);
    (void)aggregate_points(all, 0, INT64_MAX / 4, &c);
    columns_done(&c);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    struct aggregates all, some;
    struct buf again = BUF_MAX(1 << 24);
    arena_init(&arena, ARENA);
    int rc = decode(data, size, AGGREGATE_ALL, &arena, &all);
    for (unsigned want = 0; rc == 0 && want < AGGREGATE_ALL; want = want ? want * 2 : 1) {
        if (decode(data, size, want, &arena, &some) == 0)
            compare(&all, &some, want);
        else
            demand(arena.failed);
        aggregates_done(&some);
    }
    if (rc == 0) {
        read_points(&all, &arena);
        aggregate_block_encode(&again, &all, 0, all.n, 0);
        demand(buf_failed(&again) || decode(again.p, again.n, AGGREGATE_ALL, &arena, &some) == 0 ||
               arena.failed);
        if (!buf_failed(&again))
            aggregates_done(&some);
    }
    buf_done(&again);
    aggregates_done(&all);
    arena_done(&arena);
    return 0;
}
