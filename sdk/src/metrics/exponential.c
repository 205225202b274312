/* The index needs log2 of the mantissa: a table of 128 logarithms, and a polynomial for what is
 * left of it, good to 1e-15; bucket boundaries at the finest scale lie 1e-6 apart. Powers of two,
 * which are boundaries of every scale, come out exact. The table is made on first use by series, so
 * that the library needs no libm. */
#include "metrics/exponential.h"

#include <pthread.h>

#include "metrics/cell.h"

enum { TABLE_BITS = 7, TABLE_SIZE = 1 << TABLE_BITS, FRACTION_BITS = 52, BIAS = 1023 };

#define FRACTION_MASK ((UINT64_C(1) << FRACTION_BITS) - 1)
#define LOG2_E 1.44269504088896340735992468100189214

static struct {
    double inverse, log2; /* of the middle of the interval */
} table[TABLE_SIZE];
static pthread_once_t table_once = PTHREAD_ONCE_INIT;

/* ln c = 2 artanh((c - 1) / (c + 1)); for c in [1, 2) the terms fall by 9 each. */
static COLD double log2_series(double c)
{
    double z = (c - 1) / (c + 1), power = z, sum = 0;
    for (int k = 1; k < 40; k += 2) {
        sum += power / k;
        power *= z * z;
    }
    return 2 * sum * LOG2_E;
}

static COLD void make_table(void)
{
    for (int i = 0; i < TABLE_SIZE; i++) {
        double c = 1 + (i + 0.5) / TABLE_SIZE;
        table[i].inverse = 1 / c;
        table[i].log2 = log2_series(c);
    }
}

/* log2 of 1 + fraction / 2^52. The terms of the series are taken in pairs, that do not wait for
 * each other. */
static inline double log2_mantissa(uint64_t fraction)
{
    size_t i = fraction >> (FRACTION_BITS - TABLE_BITS);
    double m = bits_double(fraction | (uint64_t)BIAS << FRACTION_BITS);
    double r = m * table[i].inverse - 1, r2 = r * r; // at most 1/256
    double tail =
        LOG2_E / 3 * r - LOG2_E / 2 + r2 * (LOG2_E / 5 * r - LOG2_E / 4 - r2 * LOG2_E / 6);
    return table[i].log2 + (LOG2_E * r + r2 * tail);
}

/* At a scale above 0, of a number that is no power of two. The table is made. */
static inline int32_t index_of(int exponent, uint64_t fraction, int scale)
{
    int32_t per_octave = (int32_t)1 << scale;
    double steps = log2_mantissa(fraction) * per_octave;
    int32_t within = (int32_t)steps;
    within -= within == steps; // which is one below the ceiling, as it is otherwise
    return exponent * per_octave + MIN(MAX(within, 0), per_octave - 1);
}

/* The exponent; *out_bits has the fraction, of a subnormal number that of the normal one it is. */
static int exponent_of(double v, uint64_t *out_bits)
{
    const double up = 18014398509481984.0; // 2^54
    *out_bits = double_bits(v);
    int exponent = (int)(*out_bits >> FRACTION_BITS) - BIAS;
    if (exponent != -BIAS)
        return exponent;
    *out_bits = double_bits(v * up);
    return (int)(*out_bits >> FRACTION_BITS) - BIAS - 54;
}

COLD int32_t exp_index(double v, int scale)
{
    uint64_t bits;
    int exponent = exponent_of(v, &bits);
    uint64_t fraction = bits & FRACTION_MASK;
    if (scale <= 0)
        return (exponent - (fraction == 0)) >> -scale;
    if (fraction == 0)
        return (int32_t)(exponent * (1 << scale)) - 1;
    (void)pthread_once(&table_once, make_table);
    return index_of(exponent, fraction, scale);
}

/* The same, once the table is made. */
static inline int32_t quick_index(double v, int scale)
{
    uint64_t bits = double_bits(v), fraction = bits & FRACTION_MASK;
    int exponent = (int)(bits >> FRACTION_BITS) - BIAS;
    if (UNLIKELY(scale <= 0 || fraction == 0 || exponent == -BIAS))
        return exp_index(v, scale);
    return index_of(exponent, fraction, scale);
}

/* --- recording ------------------------------------------------------------------------------- */

/* Makes the table, too. */
static COLD void begin(cell_word *range, double v, int scale)
{
    (void)pthread_once(&table_once, make_table);
    int32_t i = exp_index(v, scale);
    atomic_set_relaxed(&range[EXP_LOW_HIGH], exp_ends(i, i));
    atomic_set_relaxed(&range[EXP_COUNTS + exp_slot(i)], 1);
    atomic_set_release(&range[EXP_SCALE], (uint64_t)(scale + 64)); // pairs with read_range
}

/* A value outside of the indices there were. */
static COLD void record_beyond(cell_word *range, int32_t i, int max)
{
    uint64_t ends = atomic_get_relaxed(&range[EXP_LOW_HIGH]);
    int64_t low = MIN(exp_low(ends), i), high = MAX(exp_high(ends), i);
    if (high - low >= max) {
        exp_widen(range, i, max);
        return;
    }
    word_add(&range[EXP_COUNTS + exp_slot(i)], 1);
    atomic_set_relaxed(&range[EXP_LOW_HIGH], exp_ends((int32_t)low, (int32_t)high));
}

void exp_record(cell_word *range, double v, int max, int max_scale)
{
    uint64_t scale = atomic_get_relaxed(&range[EXP_SCALE]);
    if (UNLIKELY(!scale)) {
        begin(range, v, max_scale);
        return;
    }
    int32_t i = quick_index(v, (int)scale - 64);
    uint64_t ends = atomic_get_relaxed(&range[EXP_LOW_HIGH]);
    uint32_t above = (uint32_t)i - (uint32_t)ends, width = (uint32_t)(ends >> 32) - (uint32_t)ends;
    if (LIKELY(above <= width))
        word_add(&range[EXP_COUNTS + exp_slot(i)], 1);
    else
        record_beyond(range, i, max);
}
