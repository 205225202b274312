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

static unsigned char secret[XXH3_SECRET_DEFAULT_SIZE];

/* With a seed in place of a secret XXH3 would make one from it at each call. */
static void make_secret(void)
{
    unsigned char random[64];
    uint64_t seed = hash_process_seed();
    if (getrandom(random, sizeof random, 0) != (ssize_t)sizeof random)
        for (size_t i = 0; i < sizeof random; i++)
            random[i] = (unsigned char)hash_combine(seed, i);
    XXH3_generateSecret(secret, sizeof secret, random, sizeof random);
}

struct hash128 hash_secret128(const void *p, size_t n)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, make_secret); // cannot fail with a valid control
    XXH128_hash_t h = XXH3_128bits_withSecret(p, n, secret, sizeof secret);
    return (struct hash128){h.low64, h.high64};
}
