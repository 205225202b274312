/* The index needs log2 of the mantissa: a table of 128 logarithms, and a polynomial for what is
 * left of it, good to 1e-15; bucket boundaries at the finest scale lie 1e-6 apart. Powers of two,
 * which are boundaries of every scale, come out exact. The table is made on first use by series, so
 * that the library needs no libm. */
#include "metrics/exponential.h"

#include <pthread.h>

#include "metrics/cell.h"

enum { TABLE_BITS = 7, TABLE_SIZE = 1 << TABLE_BITS, FRACTION_BITS = 52, BIAS = 1023 };

static const double LOG2_E = 1.44269504088896340735992468100189214;

static struct {
    double inverse, log2; /* of the middle of the interval */
} table[TABLE_SIZE];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

/* ln c = 2 artanh((c - 1) / (c + 1)); for c in [1, 2) the terms fall by 9 each. */
static double log2_series(double c)
{
    double z = (c - 1) / (c + 1), power = z, sum = 0;
    for (int k = 1; k < 40; k += 2) {
        sum += power / k;
        power *= z * z;
    }
    return 2 * sum * LOG2_E;
}

static void make_table(void)
{
    for (int i = 0; i < TABLE_SIZE; i++) {
        double c = 1 + (i + 0.5) / TABLE_SIZE;
        table[i].inverse = 1 / c;
        table[i].log2 = log2_series(c);
    }
}

/* log2 of 1 + fraction / 2^52. */
static double log2_mantissa(uint64_t fraction)
{
    size_t i = fraction >> (FRACTION_BITS - TABLE_BITS);
    double m = word_double(fraction | (uint64_t)BIAS << FRACTION_BITS);
    double r = m * table[i].inverse - 1; // at most 1/256
    double p = r * (1 - r * (1 / 2. - r * (1 / 3. - r * (1 / 4. - r * (1 / 5. - r / 6)))));
    return table[i].log2 + p * LOG2_E;
}

static int64_t ceil_positive(double x)
{
    int64_t i = (int64_t)x;
    return i + ((double)i < x);
}

/* Makes a subnormal number a normal one; the exponent says by how much. */
static uint64_t normal_bits(double v, int *out_exponent)
{
    const double up = 18014398509481984.0; // 2^54
    uint64_t bits = double_word(v);
    int exponent = (int)(bits >> FRACTION_BITS) - BIAS;
    if (exponent == -BIAS) {
        bits = double_word(v * up);
        exponent = (int)(bits >> FRACTION_BITS) - BIAS - 54;
    }
    *out_exponent = exponent;
    return bits;
}

int32_t exp_index(double v, int scale)
{
    int exponent;
    uint64_t fraction = normal_bits(v, &exponent) & ((UINT64_C(1) << FRACTION_BITS) - 1);
    if (scale <= 0)
        return (exponent - (fraction == 0)) >> -scale;
    if (fraction == 0)
        return (int32_t)(exponent * (1 << scale)) - 1;
    (void)pthread_once(&table_once, make_table);
    double steps = log2_mantissa(fraction) * (double)(1 << scale);
    int64_t within = ceil_positive(steps > 0 ? steps : 0x1p-60) - 1;
    int64_t last = (INT64_C(1) << scale) - 1;
    return (int32_t)(exponent * (1 << scale) + (within < last ? within : last));
}

static size_t slot(int32_t i)
{
    int32_t at = i % EXP_BUCKETS;
    return (size_t)(at < 0 ? at + EXP_BUCKETS : at);
}

/* By how many halvings indices from low to high come to fit. */
static int halvings(int64_t low, int64_t high, int max)
{
    int k = 0;
    while ((high >> k) - (low >> k) >= max)
        k++;
    return k;
}

static uint64_t pack_range(int32_t low, int32_t high)
{
    return (uint32_t)low | (uint64_t)(uint32_t)high << 32;
}

static int32_t range_low(uint64_t word)
{
    return (int32_t)(uint32_t)word;
}

static int32_t range_high(uint64_t word)
{
    return (int32_t)(uint32_t)(word >> 32);
}

/* --- buckets that were read ------------------------------------------------------------------ */

void exp_rescale(struct exp_buckets *b, int32_t scale)
{
    int shift = b->scale - scale;
    if (b->used && shift > 0) {
        uint64_t counts[EXP_BUCKETS] = {0};
        for (int32_t i = b->low; i <= b->high; i++)
            counts[slot(i >> shift)] += b->counts[slot(i)];
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
    b->counts[slot(i)] += n;
}

void exp_subtract(struct exp_buckets *b, const struct exp_buckets *less)
{
    for (int32_t i = less->low; less->used && i <= less->high; i++)
        b->counts[slot(i)] -= less->counts[slot(i)];
    while (b->low < b->high && !b->counts[slot(b->low)])
        b->low++;
    while (b->low < b->high && !b->counts[slot(b->high)])
        b->high--;
    b->used = b->used && b->counts[slot(b->low)];
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
    return b->used && i >= b->low && i <= b->high ? b->counts[slot(i)] : 0;
}

static void read_range(struct exp_buckets *b, const cell_word *range)
{
    uint64_t scale = atomic_get_acquire(&range[EXP_SCALE]); // pairs with begin: the ends are there
    uint64_t ends = atomic_get_relaxed(&range[EXP_LOW_HIGH]);
    b->used = scale != 0;
    b->scale = (int32_t)scale - 64;
    b->low = range_low(ends);
    b->high = range_high(ends);
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
        uint64_t n = more.counts[slot(i)];
        if (n)
            exp_count(b, i >> (scale - b->scale), n, EXP_BUCKETS);
    }
}

/* --- recording ------------------------------------------------------------------------------- */

/* The value does not fit at this scale: halve the buckets until it does. */
static void widen(cell_word *range, int32_t i, int max)
{
    struct exp_buckets b;
    cell_change_begin();
    read_range(&b, range);
    exp_count(&b, i, 1, max);
    atomic_set_relaxed(&range[EXP_SCALE], (uint64_t)(b.scale + 64));
    atomic_set_relaxed(&range[EXP_LOW_HIGH], pack_range(b.low, b.high));
    for (size_t k = 0; k < EXP_BUCKETS; k++)
        atomic_set_relaxed(&range[EXP_COUNTS + k], b.counts[k]);
    cell_change_end();
}

static void begin(cell_word *range, double v, int scale)
{
    int32_t i = exp_index(v, scale);
    atomic_set_relaxed(&range[EXP_LOW_HIGH], pack_range(i, i));
    atomic_set_relaxed(&range[EXP_COUNTS + slot(i)], 1);
    atomic_set_release(&range[EXP_SCALE], (uint64_t)(scale + 64)); // pairs with read_range
}

void exp_record(cell_word *range, double v, int max, int max_scale)
{
    uint64_t scale = atomic_get_relaxed(&range[EXP_SCALE]);
    if (UNLIKELY(!scale)) {
        begin(range, v, max_scale);
        return;
    }
    int32_t i = exp_index(v, (int)scale - 64);
    uint64_t ends = atomic_get_relaxed(&range[EXP_LOW_HIGH]);
    int64_t low = MIN(range_low(ends), i), high = MAX(range_high(ends), i);
    if (UNLIKELY(high - low >= max)) {
        widen(range, i, max);
        return;
    }
    word_add(&range[EXP_COUNTS + slot(i)], 1);
    uint64_t now = pack_range((int32_t)low, (int32_t)high);
    if (now != ends)
        atomic_set_relaxed(&range[EXP_LOW_HIGH], now);
}
