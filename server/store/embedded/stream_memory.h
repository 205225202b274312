/* Where streams lie: packed behind each other in chunks, each shard's in chunks of its own, known
 * by a reference of 32 bits.
 *
 *   reference   chunk of the shard (14 bits) │ shard (5) │ place in the chunk, in 8 bytes (13)
 *   chunk       how many streams live in it │ stream │ stream │ …
 *
 * There are as many streams as series, so what malloc writes in front of each would be a sixth of
 * them; and tables that hold references find a stream without asking a directory where it is, which
 * would be a miss in the processor's caches of its own.
 *
 * Room that is given back is taken again by the next stream with as many labels, and chunks without
 * a stream are freed by stream_memory_sweep.
 *
 * Threads: what is of a shard is guarded by its lock. Who knows that a stream is there may follow
 * its reference without the lock, since neither chunks nor the table of chunks move. */
#ifndef TELLTALE_STORE_EMBEDDED_STREAM_MEMORY_H
#define TELLTALE_STORE_EMBEDDED_STREAM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

enum { STREAM_SHARD_BITS = 5, STREAM_SHARDS = 1 << STREAM_SHARD_BITS, STREAM_LABELS_MAX = 1024 };
enum {
    STREAM_UNIT = 8,
    STREAM_PLACE_BITS = 13,
    STREAM_CHUNKS_MAX = 1 << (32 - STREAM_PLACE_BITS - STREAM_SHARD_BITS), /* of a shard */
    STREAM_SIZES = 520 /* in units: more than the largest stream takes */
};

struct stream;
struct stream_chunk;

struct stream_pool {
    uint32_t next, end;          /* room for new ones: references; 0: none yet */
    uint32_t n_chunks;           /* numbers that were given out ever */
    uint32_t free[STREAM_SIZES]; /* by size: the first of a list; 0: none */
};

struct stream_memory {
    struct stream_chunk **chunks; /* by the reference without its place; NULL: none */
    struct stream_pool pools[STREAM_SHARDS];
};

int stream_memory_init(struct stream_memory *m);
void stream_memory_done(struct stream_memory *m);

static inline struct stream *stream_at(const struct stream_memory *m, uint32_t reference)
{
    uint32_t place = reference & ((1u << STREAM_PLACE_BITS) - 1);
    char *chunk = (char *)m->chunks[reference >> STREAM_PLACE_BITS];
    return (struct stream *)(void *)(chunk + (size_t)place * STREAM_UNIT);
}

static inline uint32_t stream_memory_shard(uint32_t reference)
{
    return reference >> STREAM_PLACE_BITS & (STREAM_SHARDS - 1);
}

/* Room for a stream with `n` labels, as it was left; 0: there is no memory. */
uint32_t stream_memory_take(struct stream_memory *m, uint32_t shard, size_t n);

/* Gives back that of a stream whose `n` still is what it was taken with. */
void stream_memory_give(struct stream_memory *m, uint32_t reference);

/* Frees what can be freed of a shard's. For the end of many removals: it looks at all free room. */
void stream_memory_sweep(struct stream_memory *m, uint32_t shard);

#endif
