#include "store/embedded/records/filter.h"

#include <stdlib.h>
#include <string.h>

#include "base/hash.h"
#include "store/embedded/bytes.h"

/* --- collecting ------------------------------------------------------------------------------- */

void hash_set_done(struct hash_set *s)
{
    free(s->slots);
    *s = (struct hash_set){0};
}

void hash_set_reset(struct hash_set *s)
{
    if (s->n)
        memset(s->slots, 0, s->cap * sizeof *s->slots);
    s->n = 0;
}

static void insert(uint64_t *slots, size_t cap, uint64_t hash)
{
    size_t at = hash & (cap - 1);
    while (slots[at])
        at = (at + 1) & (cap - 1);
    slots[at] = hash;
}

static bool grow(struct hash_set *s)
{
    size_t cap = s->cap ? s->cap * 2 : 1024;
    uint64_t *slots = calloc(cap, sizeof *slots);
    if (!slots)
        return false;
    for (size_t i = 0; i < s->cap; i++)
        if (s->slots[i])
            insert(slots, cap, s->slots[i]);
    free(s->slots);
    s->slots = slots;
    s->cap = cap;
    return true;
}

bool hash_set_add(struct hash_set *s, uint64_t hash)
{
    hash += hash == 0;
    if (s->n * 2 >= s->cap && !grow(s))
        return false;
    size_t at = hash & (s->cap - 1);
    for (; s->slots[at]; at = (at + 1) & (s->cap - 1))
        if (s->slots[at] == hash)
            return true;
    s->slots[at] = hash;
    s->n++;
    return true;
}

/* --- the filter ------------------------------------------------------------------------------- */

/* Odd constants that spread a hash over the eight words of a block. */
static const uint32_t salts[8] = {0x47b6137b, 0x44974d91, 0x8824ad5b, 0xa2b7289d,
                                  0x705495c7, 0x2df1424b, 0x9efc4947, 0x5c6bfb31};

static size_t block_of(uint64_t hash, size_t blocks)
{
    return (size_t)(((hash >> 32) * blocks) >> 32);
}

static uint32_t bit_of(uint64_t hash, int word)
{
    return UINT32_C(1) << ((uint32_t)hash * salts[word] >> 27);
}

void filter_put(struct buf *out, const struct hash_set *s)
{
    size_t blocks = (s->n * FILTER_BITS + FILTER_BLOCK * 8 - 1) / (FILTER_BLOCK * 8);
    char *to = buf_reserve(out, blocks * FILTER_BLOCK);
    if (!to || blocks == 0)
        return;
    memset(to, 0, blocks * FILTER_BLOCK);
    for (size_t i = 0; i < s->cap; i++) {
        if (!s->slots[i])
            continue;
        char *block = to + block_of(s->slots[i], blocks) * FILTER_BLOCK;
        for (int k = 0; k < 8; k++)
            write_u32(block + (size_t)4 * k,
                      read_u32(block + (size_t)4 * k) | bit_of(s->slots[i], k));
    }
    buf_advance(out, blocks * FILTER_BLOCK);
}

bool filter_may_contain(const char *filter, size_t n, uint64_t hash)
{
    hash += hash == 0;
    if (n < FILTER_BLOCK)
        return false;
    const char *block = filter + block_of(hash, n / FILTER_BLOCK) * FILTER_BLOCK;
    for (int k = 0; k < 8; k++)
        if (!(read_u32(block + (size_t)4 * k) & bit_of(hash, k)))
            return false;
    return true;
}

/* --- words ------------------------------------------------------------------------------------ */

static size_t skip_others(struct str s, size_t at)
{
    while (at < s.n && !word_byte((unsigned char)s.p[at]))
        at++;
    return at;
}

/* Hashes the word at *at and moves behind it: FNV-1a, with a better mix at the end. */
static uint64_t hash_word(struct str s, size_t *at)
{
    uint64_t hash = 0xcbf29ce484222325u;
    unsigned char c;
    while (*at < s.n && (c = word_byte((unsigned char)s.p[*at]))) {
        hash = (hash ^ c) * 0x100000001b3u;
        ++*at;
    }
    return hash_u64(hash);
}

bool words_each(struct str text, bool (*each)(void *arg, uint64_t hash), void *arg)
{
    for (size_t at = skip_others(text, 0); at < text.n; at = skip_others(text, at))
        if (!each(arg, hash_word(text, &at)))
            return false;
    return true;
}

bool words_each_inner(struct str part, bool (*each)(void *arg, uint64_t hash), void *arg)
{
    size_t from = 0, to = part.n;
    while (from < to && word_byte((unsigned char)part.p[from]))
        from++;
    while (to > from && word_byte((unsigned char)part.p[to - 1]))
        to--;
    return words_each(str_sub(part, from, to - from), each, arg);
}
