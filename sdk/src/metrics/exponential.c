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

/* --- recording ------------------------------------------------------------------------------- */

static COLD void begin(cell_word *range, double v, int scale)
{
    int32_t i = exp_index(v, scale);
    atomic_set_relaxed(&range[EXP_LOW_HIGH], exp_ends(i, i));
    atomic_set_relaxed(&range[EXP_COUNTS + exp_slot(i)], 1);
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
    int64_t low = MIN(exp_low(ends), i), high = MAX(exp_high(ends), i);
    if (UNLIKELY(high - low >= max)) {
        exp_widen(range, i, max);
        return;
    }
    word_add(&range[EXP_COUNTS + exp_slot(i)], 1);
    uint64_t now = exp_ends((int32_t)low, (int32_t)high);
    if (now != ends)
        atomic_set_relaxed(&range[EXP_LOW_HIGH], now);
}
