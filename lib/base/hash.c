#define XXH_INLINE_ALL
#include "base/hash.h"

#include <pthread.h>
#include <sys/random.h>
#include <time.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n)
{
    return XXH3_64bits(p, n);
}

uint64_t hash_bytes_seeded(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

struct hash128 hash_bytes128(const void *p, size_t n, uint64_t seed)
{
    XXH128_hash_t h = XXH3_128bits_withSeed(p, n, seed);
    return (struct hash128){h.low64, h.high64};
}

static uint64_t process_seed;

static void make_process_seed(void)
{
    if (getrandom(&process_seed, sizeof process_seed, 0) != (ssize_t)sizeof process_seed) {
        struct timespec now = {0};
        (void)clock_gettime(CLOCK_MONOTONIC, &now); // zeros are still a seed
        process_seed = hash_u64((uint64_t)now.tv_nsec ^ (uint64_t)(uintptr_t)&now);
    }
}

uint64_t hash_process_seed(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_process_seed); // cannot fail with a valid control
    return process_seed;
}
