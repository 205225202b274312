/* Families whose metadata the sink was told already, so that it need not be made from each request
 * again: a table of hashes by name, in which the last of two that share a place wins. Who is not
 * found is told once more. A family that changes its description takes its own place.
 *
 * And hashes of runs of numbers that came (otlp_recall.h): one that comes a second time is worth
 * telling, one in an order that never comes again is not. Threads: any. */
#ifndef TELLTALE_RECEIVE_OTLP_TOLD_H
#define TELLTALE_RECEIVE_OTLP_TOLD_H

#include "base/atomic.h"
#include "base/hash.h"
#include "codec/otlp.h"

enum { OTLP_TOLD = 4096, OTLP_RUNS = 16384 };

struct otlp_told {
    atomic_ullong v[OTLP_TOLD];    /* 0: none */
    atomic_ullong runs[OTLP_RUNS]; /* likewise */
};

struct otlp_told_key {
    uint64_t place, hash;
};

/* Of all that metadata is made from. */
static inline struct otlp_told_key otlp_told_key(const struct otlp_metric *m)
{
    uint64_t seed = hash_process_seed();
    uint64_t name = hash_bytes_seeded(m->name.p, m->name.n, seed);
    uint64_t unit = hash_bytes_seeded(m->unit.p, m->unit.n, seed);
    uint64_t help = hash_bytes_seeded(m->description.p, m->description.n, seed);
    uint64_t kind = (uint64_t)m->kind * 2 + m->data.monotonic;
    uint64_t hash = hash_combine(hash_combine(name, unit), hash_combine(help, kind));
    return (struct otlp_told_key){name % OTLP_TOLD, hash | 1};
}

static inline bool otlp_told_has(const struct otlp_told *t, struct otlp_told_key key)
{
    return atomic_get_relaxed(&t->v[key.place]) == key.hash;
}

static inline void otlp_told_put(struct otlp_told *t, struct otlp_told_key key)
{
    atomic_set_relaxed(&t->v[key.place], key.hash);
}

/* Whether the run came before; from now on it did. */
static inline bool otlp_told_run(struct otlp_told *t, struct hash128 sent)
{
    atomic_ullong *at = &t->runs[sent.low % OTLP_RUNS];
    bool came = atomic_get_relaxed(at) == (sent.high | 1);
    if (!came)
        atomic_set_relaxed(at, sent.high | 1);
    return came;
}

/* For a batch that did not arrive. */
static inline void otlp_told_forget(struct otlp_told *t)
{
    for (size_t i = 0; i < OTLP_TOLD; i++)
        atomic_set_relaxed(&t->v[i], 0);
}

#endif
