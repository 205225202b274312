#include "store/embedded/chunk_cache.h"

#include <stdlib.h>

struct part_chunk *part_chunk_new(size_t bytes)
{
    struct part_chunk *c = calloc(1, bytes);
    if (!c)
        return NULL;
    refcount_init(&c->refs);
    c->bytes = bytes;
    return c;
}

void part_chunk_unref(struct part_chunk *c)
{
    if (c && refcount_put(&c->refs))
        free(c);
}

void chunk_cache_init(struct chunk_cache *c, size_t budget_bytes)
{
    *c = (struct chunk_cache){.budget = budget_bytes};
    lock_init(&c->lock, LOCK_LEAF);
}

/* Takes a chunk out of the ring and its slot, and gives up the cache's reference. */
static void forget(struct chunk_cache *c, struct part_chunk *chunk)
{
    if (c->hand == chunk)
        c->hand = chunk->next == chunk ? NULL : chunk->next;
    chunk->prev->next = chunk->next;
    chunk->next->prev = chunk->prev;
    *chunk->slot = NULL;
    chunk->slot = NULL;
    c->bytes -= chunk->bytes;
    part_chunk_unref(chunk);
}

void chunk_cache_done(struct chunk_cache *c)
{
    while (c->hand)
        forget(c, c->hand);
    lock_done(&c->lock);
}

struct part_chunk *chunk_cache_get(struct chunk_cache *c, struct part_chunk **slot)
{
    lock_take(&c->lock);
    struct part_chunk *chunk = *slot;
    if (chunk) {
        chunk->used = true;
        refcount_get(&chunk->refs);
    }
    lock_give(&c->lock);
    return chunk;
}

/* Behind the hand: the last one that it comes to. */
static void add(struct chunk_cache *c, struct part_chunk *chunk)
{
    struct part_chunk *next = c->hand ? c->hand : chunk;
    chunk->next = next;
    chunk->prev = c->hand ? next->prev : chunk;
    chunk->prev->next = chunk;
    next->prev = chunk;
    c->hand = next;
    c->bytes += chunk->bytes;
}

static void shrink(struct chunk_cache *c)
{
    while (c->bytes > c->budget && c->hand) {
        struct part_chunk *at = c->hand;
        if (!at->used) {
            forget(c, at);
            continue;
        }
        at->used = false;
        c->hand = at->next;
    }
}

void chunk_cache_put(struct chunk_cache *c, struct part_chunk **slot, struct part_chunk *chunk)
{
    lock_take(&c->lock);
    if (!*slot) {
        refcount_get(&chunk->refs);
        *slot = chunk;
        chunk->slot = slot;
        add(c, chunk);
        shrink(c);
    }
    lock_give(&c->lock);
}

void chunk_cache_drop(struct chunk_cache *c, struct part_chunk **slots, size_t n)
{
    lock_take(&c->lock);
    for (size_t i = 0; i < n; i++)
        if (slots[i])
            forget(c, slots[i]);
    lock_give(&c->lock);
}
