#include "query/exec/limits.h"

#include <stdlib.h>

#include "base/time.h"

#define ASK_NS NS_PER_MS /* between two questions whether the client is there: a system call */

struct limits_arena {
    struct arena arena;
    struct limits_arena *next;
};

void limits_done(struct limits *l)
{
    while (l->arenas) {
        struct limits_arena *next = l->arenas->next;
        arena_done(&l->arenas->arena);
        free(l->arenas);
        l->arenas = next;
    }
}

size_t limits_memory_used(const struct limits *l)
{
    size_t used = 0;
    for (const struct limits_arena *a = l->arenas; a; a = a->next)
        used += a->arena.used;
    return used;
}

/* Gives each arena what is left beside what it has. */
static void divide_memory(struct limits *l)
{
    size_t used = limits_memory_used(l);
    size_t left = used < l->max_memory_bytes ? l->max_memory_bytes - used : 0;
    for (struct limits_arena *a = l->arenas; a; a = a->next)
        a->arena.budget = a->arena.used + left;
}

struct arena *limits_arena(struct limits *l)
{
    struct limits_arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    arena_init(&a->arena, 0);
    a->next = l->arenas;
    l->arenas = a;
    divide_memory(l);
    return &a->arena;
}

int limits_memory_error(const struct limits *l, struct err *err)
{
    return err_set(err, ERR_TOO_BIG,
                   "query needs more than %zu MiB of memory; select less or raise "
                   "query.max_memory_bytes",
                   l->max_memory_bytes >> 20);
}

int limits_tick(struct limits *l, struct err *err)
{
    int64_t now = time_now_mono_ns();
    if (now > l->deadline_mono_ns)
        return err_set(err, ERR_TIMEOUT,
                       "query timed out in expression evaluation after %lld ms; select less or "
                       "raise query.timeout",
                       (long long)l->timeout_ms);
    if (l->cancelled && now >= l->ask_mono_ns) {
        l->ask_mono_ns = now + ASK_NS;
        if (l->cancelled(l->self))
            return err_set(err, ERR_CANCELLED, "query was canceled in expression evaluation");
    }
    divide_memory(l);
    for (const struct limits_arena *a = l->arenas; a; a = a->next)
        if (arena_failed(&a->arena))
            return limits_memory_error(l, err);
    return 0;
}

int limits_hold(struct limits *l, uint64_t n, struct err *err)
{
    l->samples += n;
    if (l->samples > l->peak_samples)
        l->peak_samples = l->samples;
    if (l->samples <= l->max_samples)
        return 0;
    return err_set(err, ERR_TOO_BIG,
                   "query processing would load too many samples into memory in query execution; "
                   "the limit is %llu, set by query.max_samples",
                   (unsigned long long)l->max_samples);
}

void limits_release(struct limits *l, uint64_t n)
{
    l->samples -= n < l->samples ? n : l->samples;
}
