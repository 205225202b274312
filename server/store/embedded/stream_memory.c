#include "store/embedded/stream_memory.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/err.h"
#include "store/embedded/streams.h"

enum { CHUNK_BYTES = STREAM_UNIT << STREAM_PLACE_BITS, PLACE_MASK = (1 << STREAM_PLACE_BITS) - 1 };

/* Its head takes the first unit, so no reference is 0. */
struct stream_chunk {
    uint32_t n_streams;
    uint32_t unused;
};

/* What stands where a stream was. */
struct free_room {
    uint32_t next;
};

_Static_assert(sizeof(struct stream_chunk) == STREAM_UNIT, "the head is one unit");
_Static_assert(_Alignof(struct stream) <= STREAM_UNIT, "streams follow one another");
_Static_assert(sizeof(struct stream) + STREAM_LABELS_MAX * sizeof(uint32_t) <
                   STREAM_SIZES * STREAM_UNIT,
               "the largest has a list");

static uint32_t units_of(size_t n_labels)
{
    size_t bytes = sizeof(struct stream) + n_labels * sizeof(uint32_t);
    return (uint32_t)((bytes + STREAM_UNIT - 1) / STREAM_UNIT);
}

static uint32_t chunk_reference(uint32_t shard, uint32_t number)
{
    return (number << STREAM_SHARD_BITS | shard) << STREAM_PLACE_BITS;
}

static struct stream_chunk **chunk_of(const struct stream_memory *m, uint32_t reference)
{
    return &m->chunks[reference >> STREAM_PLACE_BITS];
}

static struct free_room *room_at(const struct stream_memory *m, uint32_t reference)
{
    return (struct free_room *)(void *)stream_at(m, reference);
}

int stream_memory_init(struct stream_memory *m)
{
    *m = (struct stream_memory){0};
    m->chunks = calloc((size_t)STREAM_CHUNKS_MAX * STREAM_SHARDS, sizeof(struct stream_chunk *));
    return m->chunks ? 0 : ERR_NOMEM; // mostly never touched
}

void stream_memory_done(struct stream_memory *m)
{
    for (uint32_t shard = 0; m->chunks && shard < STREAM_SHARDS; shard++)
        for (uint32_t i = 0; i < m->pools[shard].n_chunks; i++)
            free(*chunk_of(m, chunk_reference(shard, i)));
    free(m->chunks);
    m->chunks = NULL;
}

/* --- taking ----------------------------------------------------------------------------------- */

/* The number of a chunk that is not there. */
static uint32_t free_number(const struct stream_memory *m, uint32_t shard)
{
    uint32_t i = 0;
    while (i < m->pools[shard].n_chunks && *chunk_of(m, chunk_reference(shard, i)))
        i++;
    return i;
}

static int add_chunk(struct stream_memory *m, uint32_t shard)
{
    struct stream_pool *pool = &m->pools[shard];
    uint32_t number = free_number(m, shard);
    if (number == STREAM_CHUNKS_MAX)
        return ERR_NOMEM;
    struct stream_chunk *chunk = malloc(CHUNK_BYTES);
    if (!chunk)
        return ERR_NOMEM;
    *chunk = (struct stream_chunk){0};
    uint32_t reference = chunk_reference(shard, number);
    *chunk_of(m, reference) = chunk;
    pool->n_chunks = MAX(pool->n_chunks, number + 1);
    pool->next = reference + 1;
    pool->end = reference + PLACE_MASK;
    return 0;
}

uint32_t stream_memory_take(struct stream_memory *m, uint32_t shard, size_t n)
{
    struct stream_pool *pool = &m->pools[shard];
    uint32_t units = units_of(n), reference = pool->free[units];
    if (reference) {
        pool->free[units] = room_at(m, reference)->next;
    } else {
        if (units > pool->end - pool->next && add_chunk(m, shard) != 0)
            return 0;
        reference = pool->next;
        pool->next += units;
    }
    (*chunk_of(m, reference))->n_streams++;
    return reference;
}

/* --- giving back ------------------------------------------------------------------------------ */

void stream_memory_give(struct stream_memory *m, uint32_t reference)
{
    uint32_t units = units_of(stream_at(m, reference)->n);
    uint32_t *first = &m->pools[stream_memory_shard(reference)].free[units];
    room_at(m, reference)->next = *first;
    *first = reference;
    (*chunk_of(m, reference))->n_streams--;
}

/* Takes what lies in chunks without a stream out of a list. */
static void drop_room(struct stream_memory *m, uint32_t *first)
{
    uint32_t at = *first, *link = first;
    while (at) {
        struct free_room *room = room_at(m, at);
        if ((*chunk_of(m, at))->n_streams) {
            *link = at;
            link = &room->next;
        }
        at = room->next;
    }
    *link = 0;
}

void stream_memory_sweep(struct stream_memory *m, uint32_t shard)
{
    struct stream_pool *pool = &m->pools[shard];
    for (size_t i = 0; i < STREAM_SIZES; i++)
        drop_room(m, &pool->free[i]);
    for (uint32_t i = 0; i < pool->n_chunks; i++) {
        struct stream_chunk **chunk = chunk_of(m, chunk_reference(shard, i));
        if (!*chunk || (*chunk)->n_streams)
            continue;
        if (pool->next - 1 - chunk_reference(shard, i) < PLACE_MASK)
            pool->next = pool->end = 0;
        free(*chunk);
        *chunk = NULL;
    }
    while (pool->n_chunks && !*chunk_of(m, chunk_reference(shard, pool->n_chunks - 1)))
        pool->n_chunks--;
}
