/* Raffaello Giulietti, "The Schubfach way to render doubles" (2021): the interval of reals that
 * read back as v is scaled by a power of ten so that at most one multiple of ten, or one of two
 * neighbouring integers, has to be tested for lying in it. Three products of 64 by 128 bits decide.
 *
 * A product keeps its last bit set when anything below it was cut off ("round to odd"), so that
 * comparing with the ends of the interval, which are held in quarters, stays exact. The powers of
 * ten are computed on first use by long arithmetic: 10 KiB that nobody has to trust.
 *
 * One of the three products nearly always does: the interval is as wide below v as above, so where
 * v lies between two multiples of ten tells, unless it lies at a border to the last bits that one
 * product has. */
#include "base/shortest.h"

#include <pthread.h>
#include <string.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "base/word.h"

enum {
    POWER_MIN = -292,
    POWER_MAX = 324,
    LIMBS = 37,                   /* 32 bits each: 10^324, or 2^1152 / 10^292 with 128 bits left */
    FRACTION_BITS = 52,           /* of a double */
    EXPONENT_BIAS = 1023 + 52,    /* of v as integer × 2^e */
    EXPONENT_MASK = (1 << 11) - 1 /* in the bits above the fraction */
};

__extension__ typedef unsigned __int128 u128;

/* --- powers of ten ---------------------------------------------------------------------------- */

/* 10^k × 2^x, rounded up, with x such that the top bit of 128 is set. */
static u128 powers[POWER_MAX - POWER_MIN + 1];

static int top_bit(const uint32_t *v)
{
    int i = LIMBS - 1;
    while (v[i] == 0)
        i--;
    return i * 32 + 31 - __builtin_clz(v[i]);
}

/* The 128 bits from the top one down, and whether any lower one is set. */
static u128 leading(const uint32_t *v, bool *out_rest)
{
    int top = top_bit(v);
    u128 bits = 0;
    *out_rest = false;
    for (int i = top; i >= 0; i--) {
        unsigned bit = v[i / 32] >> (i % 32) & 1;
        if (i > top - 128)
            bits |= (u128)bit << (127 - (top - i));
        else
            *out_rest |= bit;
    }
    return bits;
}

static void times_ten(uint32_t *v)
{
    uint64_t carry = 0;
    for (int i = 0; i < LIMBS; i++) {
        carry += (uint64_t)v[i] * 10;
        v[i] = (uint32_t)carry;
        carry >>= 32;
    }
}

static void by_ten(uint32_t *v)
{
    uint64_t rest = 0;
    for (int i = LIMBS - 1; i >= 0; i--) {
        rest = rest << 32 | v[i];
        v[i] = (uint32_t)(rest / 10);
        rest %= 10;
    }
}

static void make_powers(void)
{
    uint32_t v[LIMBS] = {1};
    bool rest;
    for (int k = 0; k <= POWER_MAX; k++, times_ten(v)) {
        u128 bits = leading(v, &rest);
        powers[k - POWER_MIN] = bits + rest;
    }
    memset(v, 0, sizeof v);
    v[LIMBS - 1] = 1;
    for (int k = -1; k >= POWER_MIN; k--) {
        by_ten(v); // a cut quotient cut again is the quotient by both, cut
        powers[k - POWER_MIN] = leading(v, &rest) + 1;
    }
}

static atomic_bool made;

static NO_INLINE void need_powers(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_powers); // cannot fail with a valid control
    atomic_set_release(&made, true);        // with the acquire in power()
}

static inline u128 power(int k)
{
    if (UNLIKELY(!atomic_get_acquire(&made)))
        need_powers();
    return powers[k - POWER_MIN];
}

/* --- the algorithm ---------------------------------------------------------------------------- */

/* floor(log10(2^e)), of three quarters of it, and floor(log2(10^k)): right for all that doubles
 * need. An arithmetic shift rounds down. */
static int log10_of_power(int e, bool three_quarters)
{
    return (int)(((int64_t)e * 1262611 - (three_quarters ? 524031 : 0)) >> 22);
}

static int log2_of_ten_power(int k)
{
    return (k * 1741647) >> 19;
}

static NO_INLINE uint64_t round_to_odd(u128 g, uint64_t c)
{
    u128 low = (u128)(uint64_t)g * c;
    u128 high = (u128)(uint64_t)(g >> 64) * c + (uint64_t)(low >> 64);
    return (uint64_t)(high >> 64) | ((uint64_t)high > 1);
}

/* Scaled, and in quarters. */
struct interval {
    uint64_t low, value, high; /* both ends belong to it */
};

static struct shortest pick(const struct interval *in, int k)
{
    uint64_t s = in->value / 4, tens = s / 10;
    bool below = in->low <= 40 * tens, above = 40 * tens + 40 <= in->high;
    if (s >= 10 && below != above)
        return (struct shortest){tens + above, k + 1};
    below = in->low <= 4 * s;
    above = 4 * s + 4 <= in->high;
    if (below != above)
        return (struct shortest){s + above, k};
    uint64_t middle = 4 * s + 2;
    bool up = in->value > middle || (in->value == middle && s % 2);
    return (struct shortest){s + up, k};
}

struct shortest shortest_decimal(double v)
{
    uint64_t bits = double_bits(v);
    uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    int biased = (int)(bits >> FRACTION_BITS & EXPONENT_MASK);
    uint64_t c = biased ? fraction | UINT64_C(1) << FRACTION_BITS : fraction;
    int e = (biased ? biased : 1) - EXPONENT_BIAS;

    /* Below a power of two doubles are twice as close. */
    bool closer = fraction == 0 && biased > 1;
    int k = log10_of_power(e, closer);
    int shift = e + log2_of_ten_power(-k) + 1;
    u128 g = power(-k);
    bool odd = c % 2; // then the ends read back as the neighbours
    struct interval in = {round_to_odd(g, (4 * c - 2 + closer) << shift) + odd,
                          round_to_odd(g, (4 * c) << shift),
                          round_to_odd(g, (4 * c + 2) << shift) - odd};
    struct shortest d = pick(&in, k);
    for (; d.digits % 10 == 0; d.digits /= 10)
        d.exponent++;
    return d;
}

/* --- nearly always, with one product ---------------------------------------------------------- */

/* Where v lies between two neighbouring multiples of ten, and half the width of its interval, both
 * with 60 bits of fraction. */
struct place {
    uint64_t tens;
    uint64_t at, half;
};

/* What was cut off each of them is less than two of their last bits. */
static bool is_close(uint64_t a, uint64_t b)
{
    return a - b + 8 < 16;
}

#define TEN (UINT64_C(10) << 60)

/* Takes the multiple of ten in the interval, or else the integer nearest to v. False: bits that
 * were cut off decide. Here and below without branches that hang on the digits: no processor
 * foresees them. */
static bool round_place(const struct place *p, struct shortest_wide *out)
{
    const uint64_t one = UINT64_C(1) << 60;
    uint64_t behind = TEN - p->at;
    if (UNLIKELY(is_close(p->at, p->half) || is_close(behind, p->half) ||
                 is_close(p->at % one, one / 2)))
        return false;
    bool below = p->at < p->half, above = behind < p->half;
    unsigned last = (unsigned)((p->at + one / 2) >> 60);
    out->sixteen = p->tens + above;
    out->last = last & -(unsigned)!(below | above);
    return true;
}

bool shortest_wide(double v, struct shortest_wide *out)
{
    uint64_t bits = double_bits(v);
    uint64_t fraction = bits & ((UINT64_C(1) << FRACTION_BITS) - 1);
    int biased = (int)(bits >> FRACTION_BITS & EXPONENT_MASK);
    if (UNLIKELY(biased == 0 || fraction == 0))
        return false; // fewer digits, or an interval that is not symmetric
    int e = biased - EXPONENT_BIAS, k = log10_of_power(e, false);
    int shift = e + log2_of_ten_power(-k) + 1;
    u128 g = power(-k);
    uint64_t c = (fraction | UINT64_C(1) << FRACTION_BITS) << shift;
    u128 product = (u128)(uint64_t)(g >> 64) * c + (uint64_t)((u128)(uint64_t)g * c >> 64);
    uint64_t whole = (uint64_t)(product >> 64), tens = whole / 10;
    struct place place = {tens, (whole - tens * 10) << 60 | (uint64_t)product >> 4,
                          (uint64_t)(g >> 64) >> (5 - shift)};
    if (!round_place(&place, out))
        return false;
    const uint64_t sixteen_digits = UINT64_C(1000000000000000);
    bool narrow = out->sixteen < sixteen_digits; // then the last is one of the sixteen
    uint64_t mask = -(uint64_t)narrow;
    out->sixteen += (out->sixteen * 9 + out->last) & mask;
    out->last &= (unsigned)~mask;
    out->point = k + 17 - narrow;
    return true;
}
