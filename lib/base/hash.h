/* Hashes: XXH3 for tables and checksums. Not for secrets, and not keyed: where a hostile client
 * chooses the keys, give hash_seeded the process's random seed. */
#ifndef TELLTALE_BASE_HASH_H
#define TELLTALE_BASE_HASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/str.h"

/* XXH3-64 of the bytes; stable for ever, so it may stand in files. */
uint64_t hash_bytes(const void *p, size_t n);
uint64_t hash_bytes_seeded(const void *p, size_t n, uint64_t seed);

/* 128 bits, for keys in memory that stand for the bytes themselves: two texts share one neither by
 * accident nor by design, for the hash has a secret that is made once per process. XXH3-128. */
struct hash128 {
    uint64_t low, high;
};
struct hash128 hash_secret128(const void *p, size_t n);

static inline bool hash128_eq(struct hash128 a, struct hash128 b)
{
    return a.low == b.low && a.high == b.high;
}

/* {0}, which stands for "none". */
static inline bool hash128_is_none(struct hash128 h)
{
    return (h.low | h.high) == 0;
}

/* Of a sequence: `a` of what came before, then `b`. Both are of hash_secret128, or of this: of
 * hashes that nobody knows or can choose, a polynomial is as good as another hash. */
static inline struct hash128 hash128_join(struct hash128 a, struct hash128 b)
{
    const uint64_t odd = UINT64_C(0x9e3779b97f4a7c15);
    return (struct hash128){a.low * odd + b.low, a.high * odd + b.high};
}

static inline uint64_t hash_str(struct str s)
{
    return hash_bytes(s.p, s.n);
}

/* A random seed made once per process. Threads: any. */
uint64_t hash_process_seed(void);

/* Spreads the bits of an integer key (the finaliser of MurmurHash3). */
static inline uint64_t hash_u64(uint64_t x)
{
    x ^= x >> 33;
    x *= 0xff51afd7ed558ccdull;
    x ^= x >> 33;
    x *= 0xc4ceb9fe1a85ec53ull;
    return x ^ (x >> 33);
}

static inline uint64_t hash_combine(uint64_t a, uint64_t b)
{
    return hash_u64(a ^ (b + 0x9e3779b97f4a7c15ull + (a << 6) + (a >> 2)));
}

#endif
