#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>

#include "base/atomic.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "base/memory.h"

#if defined(__SANITIZE_ADDRESS__)
#define ARENA_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ARENA_ASAN 1
#endif
#endif

#ifdef ARENA_ASAN
#include <sanitizer/asan_interface.h>
enum { REDZONE = 16, MAPS_BLOCKS = 0 }; // what a mapped block points to would count as leaked
#else
enum { REDZONE = 0, MAPS_BLOCKS = 1 };
#define ASAN_POISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#define ASAN_UNPOISON_MEMORY_REGION(p, n) ((void)(p), (void)(n))
#endif

enum {
    ALIGN = 16,
    FIRST_BLOCK = 4096,
    LARGEST_BLOCK = 1 << 20,
    MAPPED_BLOCK = 4 << 20, /* blocks of this size and more are mapped */
    MAPPED_FROM = 16 << 20  /* an arena that large takes no smaller blocks */
};

struct arena_block {
    struct arena_block *next;
    size_t size; /* of the whole block, this header included */
};

enum { HEADER = (sizeof(struct arena_block) + ALIGN - 1) / ALIGN * ALIGN };

void arena_init(struct arena *a, size_t budget_bytes)
{
    *a = (struct arena){.budget = budget_bytes};
}

void arena_init_shared(struct arena *a, size_t budget_bytes, struct budget *shared)
{
    *a = (struct arena){.budget = budget_bytes, .shared = shared};
}

void arena_leave_budget(struct arena *a)
{
    struct budget *old = a->shared;
    if (!old)
        return;
    (void)atomic_sub_relaxed(&old->used, a->used);
    a->shared = old->parent;
}

static void open_block(struct arena *a, struct arena_block *b)
{
    a->at = (char *)b + HEADER;
    a->end = (char *)b + b->size;
    ASAN_POISON_MEMORY_REGION(a->at, (size_t)(a->end - a->at));
}

static bool is_mapped(size_t size)
{
    return MAPS_BLOCKS && size >= MAPPED_BLOCK;
}

static struct arena_block *take_block(size_t size)
{
    return is_mapped(size) ? memory_map(size) : malloc(size);
}

static void give_block(struct arena_block *b)
{
    if (is_mapped(b->size))
        memory_unmap(b, b->size);
    else
        free(b);
}

static void free_blocks(struct arena *a, struct arena_block *b)
{
    size_t freed = 0;
    while (b) {
        struct arena_block *next = b->next;
        ASAN_UNPOISON_MEMORY_REGION((char *)b + HEADER, b->size - HEADER);
        freed += b->size;
        give_block(b);
        b = next;
    }
    a->used -= freed;
    if (a->shared)
        budget_give(a->shared, freed);
}

void arena_done(struct arena *a)
{
    free_blocks(a, a->blocks);
    arena_init_shared(a, a->budget, a->shared);
}

void arena_reset(struct arena *a)
{
    if (a->blocks) {
        free_blocks(a, a->blocks->next);
        a->blocks->next = NULL;
        open_block(a, a->blocks);
    }
    a->failed = a->over_budget = false;
}

static size_t usual_size(const struct arena *a)
{
    if (a->used >= MAPPED_FROM)
        return MAPPED_BLOCK;
    return a->blocks ? MIN(a->blocks->size * 2, (size_t)LARGEST_BLOCK) : FIRST_BLOCK;
}

static bool add_block(struct arena *a, size_t need)
{
    size_t size = usual_size(a);
    if (size < need + HEADER)
        size = need + HEADER;
    if (size > a->budget - a->used)
        size = need + HEADER; // what is left of the budget may still hold this object
    if (size > a->budget - a->used || (a->shared && !budget_take(a->shared, size))) {
        a->over_budget = true;
        return false;
    }
    struct arena_block *b = take_block(size);
    if (!b) {
        if (a->shared)
            budget_give(a->shared, size);
        return false;
    }
    *b = (struct arena_block){.next = a->blocks, .size = size};
    a->blocks = b;
    a->used += size;
    open_block(a, b);
    return true;
}

static size_t room_of(size_t n)
{
    size_t size = (n + ALIGN - 1) / ALIGN * ALIGN + REDZONE;
    return size ? size : ALIGN; // two empty objects differ, and NULL always means failure
}

static void *fail(struct arena *a)
{
    a->failed = true;
    if (a->shared)
        atomic_set_relaxed(&a->shared->failed, true);
    return NULL;
}

void *arena_alloc(struct arena *a, size_t n)
{
    if (a->failed || n > SIZE_MAX / 2)
        return fail(a);
    size_t size = room_of(n);
    if (size > (size_t)(a->end - a->at) && !add_block(a, size))
        return fail(a);
    char *p = a->at;
    a->at += size;
    ASAN_UNPOISON_MEMORY_REGION(p, n);
    return p;
}

void *arena_zalloc(struct arena *a, size_t n)
{
    void *p = arena_alloc(a, n);
    return p ? memset(p, 0, n) : NULL;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
    if (size && count > SIZE_MAX / 2 / size)
        return fail(a);
    return arena_zalloc(a, count * size);
}

void *arena_grow(struct arena *a, const void *old, size_t old_count, size_t new_count, size_t size)
{
    if (size && new_count > SIZE_MAX / 2 / size)
        return fail(a);
    char *p = arena_alloc(a, new_count * size);
    if (p && old_count)
        memcpy(p, old, old_count * size);
    if (p)
        memset(p + old_count * size, 0, (new_count - old_count) * size);
    return p;
}

/* Whether the object of `n` bytes is the last one and there are `more` bytes behind it. */
static bool is_extensible(const struct arena *a, const char *p, size_t n, size_t wanted)
{
    return p && p + room_of(n) == a->at && wanted <= SIZE_MAX / 2 &&
           room_of(wanted) - room_of(n) <= (size_t)(a->end - a->at);
}

void *arena_extend(struct arena *a, void *old, size_t old_count, size_t new_count, size_t size)
{
    if (a->failed || (size && new_count > SIZE_MAX / 2 / size))
        return fail(a);
    if (new_count >= old_count && is_extensible(a, old, old_count * size, new_count * size)) {
        a->at = (char *)old + room_of(new_count * size);
        ASAN_UNPOISON_MEMORY_REGION((char *)old, new_count * size);
        return old;
    }
    void *p = arena_alloc(a, new_count * size);
    if (p && old_count)
        memcpy(p, old, old_count * size);
    return p;
}

struct str arena_str(struct arena *a, struct str s)
{
    char *p = arena_alloc(a, s.n + 1);
    if (!p)
        return (struct str){0};
    if (s.n)
        memcpy(p, s.p, s.n);
    p[s.n] = '\0';
    return (struct str){p, s.n};
}
