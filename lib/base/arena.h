/* Memory of one request, batch or query: many small allocations, freed whole.
 *
 * An arena has a byte budget. When it is spent, or the system has no memory, arena_alloc returns
 * NULL and the arena is marked failed for good; code that builds a large structure may go on with
 * NULLs guarded locally and test arena_failed() once at the end of a step. One thread at a time.
 * Objects are 16-byte aligned, so any type fits. Under AddressSanitizer objects have redzones. */
#ifndef TELLTALE_BASE_ARENA_H
#define TELLTALE_BASE_ARENA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/str.h"

struct arena_block;
struct budget;

struct arena {
    struct arena_block *blocks; /* newest first, owned */
    char *at, *end;             /* free room in the newest block */
    size_t used, budget;        /* bytes taken from the system, and the most it may be */
    struct budget *shared;      /* borrowed; also counted here; NULL: nowhere else */
    bool failed;
    bool over_budget; /* and it was the budget: asking again with the same input will not help */
};

void arena_init(struct arena *a, size_t budget_bytes);

/* The same, and all it takes is taken from `shared`, which outlives it, too (base/budget.h). */
void arena_init_shared(struct arena *a, size_t budget_bytes, struct budget *shared);

/* What it has taken and takes from now on counts in the parent of its budget only. */
void arena_leave_budget(struct arena *a);
void arena_done(struct arena *a);

/* Frees all objects, keeps one block, clears `failed` and `over_budget`. */
void arena_reset(struct arena *a);

/* Uninitialised memory, or zeroed with _zalloc; NULL when the budget is spent. `n` may be 0. */
void *arena_alloc(struct arena *a, size_t n);
void *arena_zalloc(struct arena *a, size_t n);

/* `count` objects of `size` bytes, zeroed, multiplication checked. */
void *arena_array(struct arena *a, size_t count, size_t size);

/* Grows the array at `old` (of `old_count` used objects; NULL with 0) to room for `new_count`. The
 * old memory stays in the arena, so grow by doubling. What is new is zeroed. NULL on failure, `old`
 * is still valid. */
void *arena_grow(struct arena *a, const void *old, size_t old_count, size_t new_count, size_t size);

/* Makes an array of `old_count` objects (all it was made for; NULL with 0) one of `new_count`:
 * where it stands if it is the last object of the arena, else as a copy. What is new is
 * uninitialised. */
void *arena_extend(struct arena *a, void *old, size_t old_count, size_t new_count, size_t size);

/* Room for one more in an array that has `n` objects and room for `*cap`, which doubles, from
 * `first`: the array, which may have moved, or NULL on failure, when nothing has changed. */
static inline void *arena_room(struct arena *a, void *array, size_t n, size_t *cap, size_t first,
                               size_t size)
{
    if (n < *cap)
        return array;
    size_t bigger = *cap ? *cap * 2 : first;
    void *v = arena_grow(a, array, n, bigger, size);
    if (v)
        *cap = bigger;
    return v;
}

/* A copy of the bytes (NUL-terminated for convenience, the NUL not counted). The empty str when
 * out of memory. */
struct str arena_str(struct arena *a, struct str s);

static inline bool arena_failed(const struct arena *a)
{
    return a->failed;
}

#endif
