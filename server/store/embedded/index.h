/* The inverted index of the streams in memory: label name -> value -> ids of streams.
 *
 * A label pair (name and value) is kept once, however many streams have it, and is known by a dense
 * number; a stream is then an array of pair numbers (streams.h). A pair holds the posting of the
 * streams that have it, which is also its reference count: the last stream takes the pair along.
 *
 *   names ─► index_name { text, streams: Roaring, pairs: [pair, …] }
 *   slots ─► pair       { name, value, posting: one id, or Roaring }
 *
 * Pairs sit in chunks that never move, so who holds a stream still (its shard's lock, or the evict
 * lock) may read its pairs' text without the index's lock.
 *
 * Threads: any; changes are ordered by the index's own lock. Removal happens only under the evict
 * lock held for writing, so a reader with the evict lock sees arrays that at most grow. */
#ifndef TELLTALE_STORE_EMBEDDED_INDEX_H
#define TELLTALE_STORE_EMBEDDED_INDEX_H

#include <stdint.h>

#include "base/lock.h"
#include "base/map.h"
#include "model/labels.h"
#include "store/embedded/match.h"

enum { PAIR_CHUNK_BITS = 12, PAIR_CHUNK = 1 << PAIR_CHUNK_BITS, PAIR_CHUNKS_MAX = 1 << 15 };

struct index_name {
    struct str text;                  /* owned */
    struct roaring_bitmap_s *streams; /* that have this label, whatever the value */
    uint32_t *pairs;                  /* its values, in no order */
    uint32_t n, cap;
    uint64_t value_bytes;
};

struct pair {
    struct index_name *name; /* NULL: free */
    char *value;             /* owned */
    uint32_t value_n;
    uint32_t hash;  /* low bits of the pair's hash, so growing the table reads no text */
    uint32_t place; /* in name->pairs */
    uint32_t count; /* streams that have the pair */
    union {
        uint32_t one;                  /* count == 1 */
        struct roaring_bitmap_s *many; /* count > 1 */
        uint32_t next_free;            /* name == NULL */
    } posting;
};

struct index {
    struct rwlock lock;
    struct map names;                 /* text -> struct index_name */
    struct pair **chunks;             /* PAIR_CHUNKS_MAX pointers, NULL behind the last */
    uint32_t *slots;                  /* hash table of pair number + 1; 0 is free */
    uint32_t n_slots, n_pairs, used;  /* slots: power of two; numbers handed out ever; pairs now */
    uint32_t first_free;              /* number + 1; 0: none */
    struct roaring_bitmap_s *streams; /* all */
    uint64_t text_bytes;              /* memory of names, values and tables, roughly */
};

int index_init(struct index *x);
void index_done(struct index *x);

/* Adds stream `id` with its labels and writes one pair number a label into `out_pairs`. ERR_NOMEM:
 * nothing is changed. ERR_TOO_BIG: more pairs than the index can number. */
int index_add(struct index *x, const struct labels *labels, uint32_t id, uint32_t *out_pairs);

/* Removes it. The evict lock must be held for writing. */
void index_remove(struct index *x, uint32_t id, const uint32_t *pairs, size_t n);

static inline const struct pair *index_pair(const struct index *x, uint32_t number)
{
    return &x->chunks[number >> PAIR_CHUNK_BITS][number & (PAIR_CHUNK - 1)];
}

static inline struct label pair_label(const struct pair *p)
{
    return (struct label){p->name->text, {p->value, p->value_n}};
}

/* What is known of a name, or of a pair; NULL: nothing. The lock must be held. */
const struct index_name *index_find_name(const struct index *x, struct str name);
const struct pair *index_find_pair(const struct index *x, struct label label);

/* At most `max` streams that have the pair, by rising id. The lock must be held. */
size_t pair_streams(const struct pair *p, uint32_t *out, size_t max);

/* The index as a source for match_streams. The evict lock must be held for reading. */
struct posting_source index_postings(struct index *x);

/* Calls `each` for all names (value empty), or for all values of `name` (with the number of streams
 * that have it); a non-zero answer ends it and is returned. Under the index's lock: `each` must be
 * quick. `within`: only what streams of this set have, NULL for all. */
typedef int index_visit(void *arg, struct str text, uint64_t streams);
int index_each_name(struct index *x, const struct roaring_bitmap_s *within, index_visit *each,
                    void *arg);
int index_each_value(struct index *x, struct str name, const struct roaring_bitmap_s *within,
                     index_visit *each, void *arg);

#endif
