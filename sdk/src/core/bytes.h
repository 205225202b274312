/* Comparing and hashing a few bytes inline: the keys and values of attributes are mostly shorter
 * than what a call of memcmp costs. */
#ifndef TELLTALE_CORE_BYTES_H
#define TELLTALE_CORE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/word.h"

/* All of 0 to 7 bytes in one word; reads overlap rather than branch for each byte. */
static inline uint64_t load_short(const char *p, size_t n)
{
    if (n >= 4)
        return (uint64_t)load32(p) << 32 | load32(p + n - 4);
    if (n >= 2)
        return (uint32_t)load16(p) << 16 | load16(p + n - 2);
    return n ? (unsigned char)*p : 0;
}

/* Of two words each, the second at an offset, without a branch between them. */
static inline bool pairs_eq(const char *a, const char *b, size_t second)
{
    return ((load64(a) ^ load64(b)) | (load64(a + second) ^ load64(b + second))) == 0;
}

static inline bool bytes_eq(const char *a, const char *b, size_t n)
{
    if (n < 8)
        return load_short(a, n) == load_short(b, n);
    for (; n > 16; n -= 16, a += 16, b += 16) {
        if (!pairs_eq(a, b, 8))
            return false;
        if (n < 24) // what is left may be less than a word
            return load64(a + n - 8) == load64(b + n - 8);
    }
    return pairs_eq(a, b, n - 8);
}

__extension__ typedef unsigned __int128 bytes_u128;

/* Folds the product of two words, as wyhash and its kin do. */
static inline uint64_t mix64(uint64_t a, uint64_t b)
{
    bytes_u128 product = (bytes_u128)(a ^ 0x2d358dccaa6c78a5u) * (b ^ 0x8bb84b93962eacc9u);
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t bytes_hash(uint64_t hash, const char *p, size_t n)
{
    if (n < 8)
        return mix64(hash ^ n, load_short(p, n));
    for (size_t i = 0; i + 8 < n; i += 8)
        hash = mix64(hash, load64(p + i));
    return mix64(hash ^ n, load64(p + n - 8));
}

/* Of the length, the first and the last bytes alone: one multiplication, that does not wait for
 * those of other texts. For names of a program's own, and where all bytes are compared afterwards.
 * The uppermost bits are the best. */
static inline uint64_t bytes_hash_ends(const char *p, size_t n)
{
    uint64_t ends = n < 8 ? load_short(p, n) : load64(p) + load64(p + n - 8);
    return (ends + (n << 3)) * 0x9e3779b97f4a7c15u;
}

/* The last 8 bytes, or all. */
static inline uint64_t bytes_last(const char *p, size_t n)
{
    return n < 8 ? load_short(p, n) : load64(p + n - 8);
}

#endif
