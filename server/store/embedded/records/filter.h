/* Which texts may occur in a group of rows: a split-block Bloom filter (Putze, Sanders, Singler,
 * "Cache-, Hash- and Space-Efficient Bloom Filters", 2007; the form of Apache Parquet). A key sets
 * one bit in each of the eight words of one 32-byte block, so asking touches one cache line. With
 * FILTER_BITS bits a key less than one question in 500 is answered "may" wrongly.
 *
 * And what a body is cut into for such a filter: words, the runs of letters, digits, '_' and bytes
 * beyond ASCII, ASCII letters made small. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_FILTER_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_FILTER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

enum { FILTER_BITS = 16, FILTER_BLOCK = 32 };

/* Different hashes collected for a filter; {0} is empty. Owned by the user: hash_set_done. */
struct hash_set {
    uint64_t *slots; /* 0: free */
    size_t n, cap;
};

void hash_set_done(struct hash_set *s);
void hash_set_reset(struct hash_set *s);
bool hash_set_add(struct hash_set *s, uint64_t hash); /* false: out of memory */

/* Appends a filter of the set; nothing for an empty set. */
void filter_put(struct buf *out, const struct hash_set *s);

/* `n` a multiple of FILTER_BLOCK; an empty filter contains nothing. */
bool filter_may_contain(const char *filter, size_t n, uint64_t hash);

/* Of a byte in a word its small form, of any other byte 0. */
static inline unsigned char word_byte(unsigned char c)
{
    if (c >= 'A' && c <= 'Z')
        return (unsigned char)(c | 0x20);
    bool in = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c >= 0x80;
    return in ? c : 0;
}

/* Calls `each` with the hash of every word; false when it ever answered false. */
bool words_each(struct str text, bool (*each)(void *arg, uint64_t hash), void *arg);

/* The words that are whole within any text that contains `part`: those with a neighbour on both
 * sides inside it. For asking a filter whether a substring may occur. */
bool words_each_inner(struct str part, bool (*each)(void *arg, uint64_t hash), void *arg);

#endif
