/* What one query may use: time, samples, memory; and whether its asker is still there.
 *
 * Samples are counted while they are held: a series decoded for one operator is given back when the
 * next one is decoded. Memory is what the query's arenas take from its budget, which is a part of
 * that of all queries. One thread at a time. */
#ifndef TELLTALE_QUERY_EXEC_LIMITS_H
#define TELLTALE_QUERY_EXEC_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/budget.h"
#include "base/err.h"

struct limits_arena;

struct limits {
    int64_t deadline_mono_ns, timeout_ms;
    const char *timeout_by; /* what set it, for the message; NULL: query.timeout */
    uint64_t max_samples, samples, peak_samples, samples_read;
    uint64_t answered;             /* points of the answer so far */
    struct budget memory;          /* by limits_budget() */
    bool (*cancelled)(void *self); /* may be NULL */
    void *self;
    int64_t ask_mono_ns;         /* when to call it next */
    struct limits_arena *arenas; /* owned */
};

/* Takes over deadline, maxima and callback as set by the caller; the rest must be zero. */
void limits_done(struct limits *l);

/* A new arena that counts into the query's memory; freed by limits_done. NULL: out of memory. */
struct arena *limits_arena(struct limits *l);

/* The budget of one query: of `max_bytes`, and part of `all` (may be NULL). */
void limits_budget(struct budget *b, size_t max_bytes, struct budget *all);

/* To be called for each series or row: ERR_TIMEOUT, ERR_CANCELLED, ERR_TOO_BIG (memory). */
int limits_tick(struct limits *l, struct err *err);

/* `n` more samples are held, or given back. ERR_TOO_BIG. */
int limits_hold(struct limits *l, uint64_t n, struct err *err);
void limits_release(struct limits *l, uint64_t n);

/* `n` more points are part of the answer. They count apart from what is held, for the rows of most
 * answers were held before: as many as may be held may be answered. ERR_TOO_BIG. */
int limits_answer(struct limits *l, uint64_t n, struct err *err);

/* Whether `n` bytes more would fit; nothing is taken. Errors as of limits_memory_error. */
int limits_room(struct limits *l, size_t n, struct err *err);

/* The error for an arena that ran out, naming the limit: ERR_TOO_BIG for the query's own, ERR_BUSY
 * for that of all queries. */
int limits_memory_error(const struct limits *l, struct err *err);

#endif
