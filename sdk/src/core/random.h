/* Random numbers for ids: a generator of each thread, seeded by the system, and again in a child
 * after fork(). A counter, and its product with itself under a key of the thread's own (wyrand,
 * Wang Yi): of two threads that come to the same count, each still has numbers of its own. Numbers
 * do not wait for each other. Not for secrets. */
#ifndef TELLTALE_CORE_RANDOM_H
#define TELLTALE_CORE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/compiler.h"
#include "core/bytes.h"

struct random_state {
    uint64_t count, key;
    bool seeded;
};
extern _Thread_local struct random_state random_state;

#define RANDOM_STEP UINT64_C(0x2d358dccaa6c78a5)

void random_seed(void);

/* Once the thread's generator is seeded. */
static inline uint64_t random_quick(void)
{
    uint64_t count = random_state.count += RANDOM_STEP;
    bytes_u128 product = (bytes_u128)count * (count ^ random_state.key);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t random_next(void)
{
    if (UNLIKELY(!random_state.seeded))
        random_seed();
    return random_quick();
}

#endif
