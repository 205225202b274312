/* Arrays of one type, built one after another at the end of larger chunks of an arena; the last one
 * grows. Nothing is counted beforehand and hardly anything is moved. */
#ifndef TELLTALE_CODEC_ARRAYS_H
#define TELLTALE_CODEC_ARRAYS_H

#include "base/arena.h"
#include "base/compiler.h"

struct arrays {
    struct arena *arena;
    size_t size;      /* of an element */
    char *chunk;      /* of the arena */
    size_t used, cap; /* elements in the chunk */
    size_t start;     /* of the array that grows */
};

enum { ARRAYS_CHUNK = 1024 };

/* The growing array moves to a new chunk with room for more of it. */
static inline bool arrays_move(struct arrays *a)
{
    size_t n = a->used - a->start;
    size_t cap = MAX(n * 2, ARRAYS_CHUNK);
    char *chunk =
        arena_extend(a->arena, a->chunk ? a->chunk + a->start * a->size : NULL, n, cap, a->size);
    if (!chunk)
        return false;
    a->chunk = chunk;
    a->start = 0;
    a->used = n;
    a->cap = cap;
    return true;
}

/* A new last element, uninitialised; NULL when the budget is spent. */
static inline void *arrays_add(struct arrays *a)
{
    if (UNLIKELY(a->used == a->cap) && !arrays_move(a))
        return NULL;
    return a->chunk + a->used++ * a->size;
}

static inline size_t arrays_count(const struct arrays *a)
{
    return a->used - a->start;
}

/* The growing array; it may be shortened in place before it is closed. */
static inline void *arrays_growing(const struct arrays *a)
{
    return a->chunk ? a->chunk + a->start * a->size : NULL;
}

/* The array is done at `n` elements; the next begins. */
static inline void arrays_close(struct arrays *a, size_t n)
{
    a->start += n;
    a->used = a->start;
}

#endif
