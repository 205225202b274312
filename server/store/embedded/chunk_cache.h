/* Decoded chunks of parts' indexes, kept for the next query.
 *
 * A small query reads a handful of chunks, and unpacking them would cost several times what the
 * rest of it does. So what was decoded once stays, within a budget of bytes for all parts of a
 * store: a clock hand goes round the chunks and drops those that nobody asked for since its last
 * round, so a scan over all streams does not push out what is asked for all the time.
 *
 * A chunk is one allocation, immutable, and lives while somebody holds a reference; the cache is
 * one of the holders. Each part has a slot a chunk. Threads: any. */
#ifndef TELLTALE_STORE_EMBEDDED_CHUNK_CACHE_H
#define TELLTALE_STORE_EMBEDDED_CHUNK_CACHE_H

#include <stddef.h>
#include <stdint.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/str.h"

struct part_stream;

struct part_chunk {
    struct refcount refs;
    bool used;                      /* since the hand passed; guarded by the cache's lock */
    size_t bytes;                   /* of the allocation */
    struct part_chunk **slot;       /* of the part, or NULL: not in the cache; same guard */
    struct part_chunk *prev, *next; /* of the ring; same guard */
    union {
        struct str *texts;           /* values of pairs, or postings */
        struct part_stream *streams; /* with their pairs and blocks */
    };
};

struct chunk_cache {
    struct lock lock;
    struct part_chunk *hand; /* of the ring; NULL: empty; guarded by lock */
    size_t bytes, budget;    /* guarded by lock */
};

void chunk_cache_init(struct chunk_cache *c, size_t budget_bytes);

/* No part may use it any more. */
void chunk_cache_done(struct chunk_cache *c);

/* The chunk of a slot with a reference for the caller, or NULL. */
struct part_chunk *chunk_cache_get(struct chunk_cache *c, struct part_chunk **slot);

/* Keeps the caller's chunk in the slot, unless another thread was faster, and drops what is over
 * the budget. The caller's own reference stays. */
void chunk_cache_put(struct chunk_cache *c, struct part_chunk **slot, struct part_chunk *chunk);

/* Empties a part's slots. */
void chunk_cache_drop(struct chunk_cache *c, struct part_chunk **slots, size_t n);

/* A chunk of so many bytes (its own structure included), zeroed, with one reference. NULL: out of
 * memory. */
struct part_chunk *part_chunk_new(size_t bytes);
void part_chunk_unref(struct part_chunk *c);

#endif
