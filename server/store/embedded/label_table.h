/* The distinct label pairs of some streams, numbered, and in the end ranked: the rank order of
 * numbers is the order of (name, value). With it label sets are compared as arrays of integers,
 * equal sets are equal arrays, and all work on text is done once a pair, not once a stream.
 *
 * Used where streams of several sources meet: selections, flushes, merges. One thread. */
#ifndef TELLTALE_STORE_EMBEDDED_LABEL_TABLE_H
#define TELLTALE_STORE_EMBEDDED_LABEL_TABLE_H

#include <stdint.h>

#include "base/arena.h"
#include "model/labels.h"

struct label_table {
    struct arena *text, *work; /* borrowed: own the pairs' text; the tables */
    struct label *pairs;       /* by number */
    uint64_t *hashes;
    uint32_t *slots; /* number + 1 */
    size_t n, cap, n_slots;
};

void label_table_init(struct label_table *t, struct arena *text, struct arena *work);

/* The number of the pair; its text is copied when it is new. UINT32_MAX when an arena is spent. */
uint32_t label_table_intern(struct label_table *t, struct label pair);

/* An array in `work`: rank of each number. NULL when the arena is spent. `out_sorted` (may be
 * NULL): the numbers in rank order. */
uint32_t *label_table_rank(struct label_table *t, uint32_t **out_sorted);

/* A source's own pair numbers to numbers of the table, so that text is looked at once a pair. */
struct id_map {
    struct arena *arena;
    struct {
        uint32_t key, value; /* key + 1; 0: free */
    } * slots;
    size_t n, n_slots;
};

void id_map_init(struct id_map *m, struct arena *arena);

/* Where the value of `key` is kept: UINT32_MAX in it when the key is new. NULL when the arena is
 * spent. Valid until the next call. */
uint32_t *id_map_at(struct id_map *m, uint32_t key);

/* The order of labels_cmp for label sets given as ranks. */
int ranks_cmp(const uint32_t *a, size_t n_a, const uint32_t *b, size_t n_b);

#endif
