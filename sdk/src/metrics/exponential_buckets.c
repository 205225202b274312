/* What happens to ranges of buckets as a whole: reading, adding, halving. */
#include <string.h>

#include "metrics/exponential.h"

/* By how many halvings indices from low to high come to fit. */
static int halvings(int64_t low, int64_t high, int max)
{
    int k = 0;
    while ((high >> k) - (low >> k) >= max)
        k++;
    return k;
}

/* --- buckets that were read ------------------------------------------------------------------ */

void exp_rescale(struct exp_buckets *b, int32_t scale)
{
    int shift = b->scale - scale;
    if (b->used && shift > 0) {
        uint64_t counts[EXP_BUCKETS] = {0};
        for (int32_t i = b->low; i <= b->high; i++)
            counts[exp_slot(i >> shift)] += b->counts[exp_slot(i)];
        memcpy(b->counts, counts, sizeof counts);
        b->low >>= shift;
        b->high >>= shift;
    }
    b->scale = scale;
}

void exp_count(struct exp_buckets *b, int32_t i, uint64_t n, int max)
{
    if (!b->used) {
        b->used = true;
        b->low = b->high = i;
    }
    int k = halvings(MIN(b->low, i), MAX(b->high, i), max);
    exp_rescale(b, b->scale - k);
    i >>= k;
    b->low = MIN(b->low, i);
    b->high = MAX(b->high, i);
    b->counts[exp_slot(i)] += n;
}

void exp_subtract(struct exp_buckets *b, const struct exp_buckets *less)
{
    for (int32_t i = less->low; less->used && i <= less->high; i++)
        b->counts[exp_slot(i)] -= less->counts[exp_slot(i)];
    while (b->low < b->high && !b->counts[exp_slot(b->low)])
        b->low++;
    while (b->low < b->high && !b->counts[exp_slot(b->high)])
        b->high--;
    b->used = b->used && b->counts[exp_slot(b->low)];
}

uint64_t exp_total(const struct exp_buckets *b)
{
    uint64_t n = 0;
    for (size_t i = 0; b->used && i < EXP_BUCKETS; i++)
        n += b->counts[i];
    return n;
}

uint64_t exp_get(const struct exp_buckets *b, int32_t i)
{
    return b->used && i >= b->low && i <= b->high ? b->counts[exp_slot(i)] : 0;
}

static void read_range(struct exp_buckets *b, const cell_word *range)
{
    uint64_t scale = atomic_get_acquire(&range[EXP_SCALE]); // pairs with begin: the ends are there
    uint64_t ends = atomic_get_relaxed(&range[EXP_LOW_HIGH]);
    b->used = scale != 0;
    b->scale = (int32_t)scale - 64;
    b->low = exp_low(ends);
    b->high = exp_high(ends);
    for (size_t i = 0; i < EXP_BUCKETS; i++)
        b->counts[i] = atomic_get_relaxed(&range[EXP_COUNTS + i]);
}

void exp_add(struct exp_buckets *b, const cell_word *range)
{
    struct exp_buckets more;
    read_range(&more, range);
    if (!more.used)
        return;
    if (!b->used) {
        *b = more;
        return;
    }
    int32_t scale = MIN(b->scale, more.scale);
    exp_rescale(b, scale);
    exp_rescale(&more, scale);
    for (int32_t i = more.low; i <= more.high; i++) {
        uint64_t n = more.counts[exp_slot(i)];
        if (n)
            exp_count(b, i >> (scale - b->scale), n, EXP_BUCKETS);
    }
}

/* --- halving a range that is recorded to ---------------------------------------------------------
 */

void exp_widen(cell_word *range, int32_t i, int max)
{
    struct exp_buckets b;
    cell_change_begin();
    read_range(&b, range);
    exp_count(&b, i, 1, max);
    atomic_set_relaxed(&range[EXP_SCALE], (uint64_t)(b.scale + 64));
    atomic_set_relaxed(&range[EXP_LOW_HIGH], exp_ends(b.low, b.high));
    for (size_t k = 0; k < EXP_BUCKETS; k++)
        atomic_set_relaxed(&range[EXP_COUNTS + k], b.counts[k]);
    cell_change_end();
}
