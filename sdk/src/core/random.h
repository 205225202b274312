/* Random numbers for ids: a generator of each thread (xoshiro256++, Blackman and Vigna), seeded by
 * the system, and again in a child after fork(). Not for secrets. */
#ifndef TELLTALE_CORE_RANDOM_H
#define TELLTALE_CORE_RANDOM_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct random_state {
    uint64_t s[4];
    bool seeded;
};
extern _Thread_local struct random_state random_state;

void random_seed(void);

static inline uint64_t random_rotate(uint64_t x, int k)
{
    return x << k | x >> (64 - k);
}

static inline uint64_t random_step(uint64_t s[4])
{
    uint64_t result = random_rotate(s[0] + s[3], 23) + s[0], t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = random_rotate(s[3], 45);
    return result;
}

static inline uint64_t random_next(void)
{
    if (!random_state.seeded)
        random_seed();
    return random_step(random_state.s);
}

/* Three numbers, the first and the last not 0, while the state stays in registers. */
static inline void random_ids(uint64_t out[3])
{
    uint64_t s[4];
    if (!random_state.seeded)
        random_seed();
    memcpy(s, random_state.s, sizeof s);
    out[0] = random_step(s);
    out[1] = random_step(s);
    out[2] = random_step(s);
    memcpy(random_state.s, s, sizeof s);
    out[0] |= out[0] == 0;
    out[2] |= out[2] == 0;
}

#endif
