/* The shortest decimal that reads back as the same double; of those the nearest to it. */
#ifndef TELLTALE_BASE_SHORTEST_H
#define TELLTALE_BASE_SHORTEST_H

#include <stdbool.h>
#include <stdint.h>

/* The value digits × 10^exponent; digits has at most 17 of them and does not end in a zero. */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* `v`: finite and above zero. Threads: any. */
struct shortest shortest_decimal(double v);

/* The value 0.DIGITS × 10^point, in a form that is quick to make and to write: sixteen digits, of
 * which the first is no zero, and one more. Zeros at their end do not count. */
struct shortest_wide {
    uint64_t sixteen;
    unsigned last;
    int point;
};

/* The same decimal of the same doubles. False, rarely: it takes shortest_decimal() to tell. */
bool shortest_wide(double v, struct shortest_wide *out);

#endif
