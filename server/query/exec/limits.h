/* What one query may use: time, samples, memory; and whether its asker is still there.
 *
 * Samples are counted while they are held: a series decoded for one operator is given back when the
 * next one is decoded. Memory is the sum of the query's arenas: each of them may take what the
 * others left, which limits_tick() re-divides. One thread at a time. */
#ifndef TELLTALE_QUERY_EXEC_LIMITS_H
#define TELLTALE_QUERY_EXEC_LIMITS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"

struct limits_arena;

struct limits {
    int64_t deadline_mono_ns, timeout_ms;
    uint64_t max_samples, samples, peak_samples, samples_read;
    size_t max_memory_bytes;
    bool (*cancelled)(void *self); /* may be NULL */
    void *self;
    int64_t ask_mono_ns;         /* when to call it next */
    struct limits_arena *arenas; /* owned */
};

/* Takes over deadline, maxima and callback as set by the caller; the rest must be zero. */
void limits_done(struct limits *l);

/* A new arena that counts into the query's memory; freed by limits_done. NULL: out of memory. */
struct arena *limits_arena(struct limits *l);

/* What the query's arenas have taken. */
size_t limits_memory_used(const struct limits *l);

/* To be called for each series or row: ERR_TIMEOUT, ERR_CANCELLED, ERR_TOO_BIG (memory). */
int limits_tick(struct limits *l, struct err *err);

/* `n` more samples are held, or given back. ERR_TOO_BIG. */
int limits_hold(struct limits *l, uint64_t n, struct err *err);
void limits_release(struct limits *l, uint64_t n);

/* The error for an arena that ran out: ERR_TOO_BIG, naming the limit. */
int limits_memory_error(const struct limits *l, struct err *err);

#endif
