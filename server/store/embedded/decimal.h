/* Doubles that are m / 10^k exactly, as most that people write down or measure are. */
#ifndef TELLTALE_STORE_EMBEDDED_DECIMAL_H
#define TELLTALE_STORE_EMBEDDED_DECIMAL_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>

#include "store/embedded/bytes.h"

enum { DECIMALS_MAX = 12 };

static const double decimal_powers[DECIMALS_MAX + 1] = {1e0, 1e1, 1e2, 1e3,  1e4,  1e5, 1e6,
                                                        1e7, 1e8, 1e9, 1e10, 1e11, 1e12};

/* Integers below this are exact in a double, so m / 10^k is correctly rounded and unique. */
#define DECIMAL_MANTISSA_MAX 9007199254740992.0

static inline double decimal_value(int64_t m, unsigned k)
{
    return k ? (double)m / decimal_powers[k] : (double)m;
}

/* Is v = m / 10^k, bit for bit? -0, NaN and infinities never are. */
static inline bool decimal_scale(double v, unsigned k, int64_t *m)
{
    double scaled = v * decimal_powers[k];
    if (!(scaled < DECIMAL_MANTISSA_MAX && scaled > -DECIMAL_MANTISSA_MAX))
        return false;
    /* Rounds to the nearest integer; from 2^52 on doubles are integers and a half would be lost. */
    double half = scaled < 0 ? -0.5 : 0.5;
    int64_t i = (int64_t)(fabs(scaled) < DECIMAL_MANTISSA_MAX / 2 ? scaled + half : scaled);
    *m = i;
    return double_bits(decimal_value(i, k)) == double_bits(v);
}

#endif
