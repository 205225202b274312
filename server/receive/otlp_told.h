/* Families whose metadata the sink was told already, so that it need not be made from each request
 * again: a table of hashes. By its name a family has a row of places, of which it takes a free one,
 * or that of another, who is told once more then. One that changes its description takes its own
 * place.
 *
 * And hashes of runs of numbers that came (otlp_recall.h): one that comes a second time is worth
 * telling, one in an order that never comes again is not. Threads: any. */
#ifndef TELLTALE_RECEIVE_OTLP_TOLD_H
#define TELLTALE_RECEIVE_OTLP_TOLD_H

#include "base/atomic.h"
#include "base/hash.h"
#include "codec/otlp.h"

enum { OTLP_TOLD_ROWS = 1024, OTLP_TOLD_PLACES = 4, OTLP_RUNS = 16384 };

struct otlp_told {
    atomic_ullong v[OTLP_TOLD_ROWS][OTLP_TOLD_PLACES]; /* upper half: of the name; 0: none */
    atomic_ullong runs[OTLP_RUNS];                     /* 0: none */
};

struct otlp_told_key {
    size_t row;
    uint64_t hash;
};

/* What the names of a metric's series are made from, besides its kind. */
struct otlp_metric_hash {
    struct hash128 name, unit;
};

static inline struct otlp_metric_hash otlp_metric_hash(const struct otlp_metric *m)
{
    return (struct otlp_metric_hash){hash_secret128(m->name.p, m->name.n),
                                     hash_secret128(m->unit.p, m->unit.n)};
}

/* Of all that metadata is made from. */
static inline struct otlp_told_key otlp_told_key(const struct otlp_metric *m,
                                                 struct otlp_metric_hash h)
{
    struct hash128 help = hash_secret128(m->description.p, m->description.n);
    struct hash128 texts = hash128_join(hash128_join(h.name, h.unit), help);
    uint64_t kind = (uint64_t)m->kind * 2 + m->data.monotonic;
    uint32_t rest = (uint32_t)hash_combine(texts.low, kind) | 1;
    return (struct otlp_told_key){h.name.low % OTLP_TOLD_ROWS, h.name.high >> 32 << 32 | rest};
}

static inline bool otlp_told_has(const struct otlp_told *t, struct otlp_told_key key)
{
    bool has = false;
    for (size_t i = 0; i < OTLP_TOLD_PLACES; i++)
        has |= atomic_get_relaxed(&t->v[key.row][i]) == key.hash;
    return has;
}

static inline void otlp_told_put(struct otlp_told *t, struct otlp_told_key key)
{
    atomic_ullong *v = t->v[key.row];
    size_t at = key.hash / 2 % OTLP_TOLD_PLACES;
    for (size_t i = OTLP_TOLD_PLACES; i-- > 0;) {
        uint64_t old = atomic_get_relaxed(&v[i]);
        if (old != 0 && old >> 32 != key.hash >> 32)
            continue;
        atomic_set_relaxed(&v[i], 0); // two requests at once may have put the name twice
        at = i;
    }
    atomic_set_relaxed(&v[at], key.hash);
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
    for (size_t i = 0; i < OTLP_TOLD_ROWS; i++)
        for (size_t k = 0; k < OTLP_TOLD_PLACES; k++)
            atomic_set_relaxed(&t->v[i][k], 0);
}

#endif
