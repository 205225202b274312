#include "query/exec/limits.h"

#include <stdlib.h>

#include "base/atomic.h"
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

void limits_budget(struct budget *b, size_t max_bytes, struct budget *all)
{
    budget_init(b, max_bytes, all);
    b->code = ERR_TOO_BIG;
    b->who = "query needs";
    b->advice = "select less or raise query.max_memory_bytes";
}

struct arena *limits_arena(struct limits *l)
{
    struct limits_arena *a = calloc(1, sizeof *a);
    if (!a)
        return NULL;
    arena_init_shared(&a->arena, SIZE_MAX, &l->memory);
    a->next = l->arenas;
    l->arenas = a;
    return &a->arena;
}

int limits_memory_error(const struct limits *l, struct err *err)
{
    return budget_error(&l->memory, err);
}

int limits_room(struct limits *l, size_t n, struct err *err)
{
    if (!budget_take(&l->memory, n))
        return limits_memory_error(l, err);
    budget_give(&l->memory, n);
    return 0;
}

int limits_tick(struct limits *l, struct err *err)
{
    int64_t now = time_now_mono_ns();
    if (now > l->deadline_mono_ns)
        return err_set(err, ERR_TIMEOUT,
                       "query timed out in expression evaluation after %lld ms; select less or "
                       "raise %s",
                       (long long)l->timeout_ms, l->timeout_by ? l->timeout_by : "query.timeout");
    if (l->cancelled && now >= l->ask_mono_ns) {
        l->ask_mono_ns = now + ASK_NS;
        if (l->cancelled(l->self))
            return err_set(err, ERR_CANCELLED, "query was canceled in expression evaluation");
    }
    return atomic_get_relaxed(&l->memory.failed) ? limits_memory_error(l, err) : 0;
}

static int check_samples(const struct limits *l, uint64_t n, struct err *err)
{
    if (n <= l->max_samples)
        return 0;
    return err_set(err, ERR_TOO_BIG,
                   "query processing would load too many samples into memory in query execution; "
                   "the limit is %llu, set by query.max_samples",
                   (unsigned long long)l->max_samples);
}

int limits_hold(struct limits *l, uint64_t n, struct err *err)
{
    l->samples += n;
    if (l->samples > l->peak_samples)
        l->peak_samples = l->samples;
    return check_samples(l, l->samples, err);
}

int limits_answer(struct limits *l, uint64_t n, struct err *err)
{
    l->answered += n;
    return check_samples(l, l->answered, err);
}

void limits_release(struct limits *l, uint64_t n)
{
    l->samples -= n < l->samples ? n : l->samples;
}
