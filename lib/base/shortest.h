/* The shortest decimal that reads back as the same double; of those the nearest to it. */
#ifndef TELLTALE_BASE_SHORTEST_H
#define TELLTALE_BASE_SHORTEST_H

#include <stdint.h>

/* The value digits × 10^exponent; digits has at most 17 of them and does not end in a zero. */
struct shortest {
    uint64_t digits;
    int exponent;
};

/* `v`: finite and above zero. Threads: any. */
struct shortest shortest_decimal(double v);

#endif
