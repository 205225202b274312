/* Threads that help queries: work in pieces, done by whoever is free, taken in order.
 *
 *      pieces   0   1   2   3   4   5 …
 *                   │   │   └── not begun
 *                   │   └────── a helper's, in a lane
 *                   └────────── the query's own: nobody had begun it when its turn came
 *
 * A query never waits for a helper to come: what nobody has begun it does itself. Helpers go round
 * the queries that have work, a piece at a time, and only as long as there are fewer queries and
 * helpers at work than threads allowed; so a short query finds a core soon after it came, however
 * many heavy ones there are. What a helper did waits in one of a few lanes until its turn, which
 * bounds how far helpers run ahead. */
#ifndef TELLTALE_QUERY_EXEC_POOL_H
#define TELLTALE_QUERY_EXEC_POOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/lock.h"
#include "base/thread.h"

enum { POOL_LANES_MAX = 16, POOL_THREADS_MAX = 64 };

struct pool_lane {
    enum { LANE_FREE, LANE_BUSY, LANE_DONE } state;
    size_t piece;
};

struct pool_work {
    /* Set by the caller before pool_begin. `run` is called by any thread, of one lane by one at a
     * time, and must end soon when the query has to. */
    void (*run)(void *self, size_t lane, size_t piece);
    void *self;
    size_t n_pieces, n_lanes;

    /* Guarded by the pool's lock. */
    struct pool_lane lanes[POOL_LANES_MAX];
    size_t next;   /* the first piece that nobody has begun */
    size_t wanted; /* whose turn it is */
    size_t busy;   /* helpers at work on it */
    uint64_t helped;
    struct cond changed; /* a lane is done, or a helper left */
    struct pool_work *before, *after;
};

struct pool {
    struct lock lock;
    struct cond wake;
    struct thread helpers[POOL_THREADS_MAX];
    size_t n_helpers;
    size_t
        threads; /* of queries and helpers at work, to which helpers may add; 0: of the machine */
    size_t queries, busy;           /* guarded by lock: queries that run, helpers at work */
    struct pool_work *first, *last; /* guarded by lock; whoever was helped goes to the end */
    bool stopping;                  /* guarded by lock */
};

/* Starts `threads` - 1 helpers; 0: as many threads as the machine has cores. When the system gives
 * fewer threads there are fewer helpers. */
void pool_init(struct pool *p, size_t threads);
void pool_done(struct pool *p);

/* Around each query. */
void pool_enter(struct pool *p);
void pool_leave(struct pool *p);

/* Offers the work to helpers. The caller keeps `w` where it is until pool_end. */
void pool_begin(struct pool *p, struct pool_work *w);

enum pool_turn { POOL_END, POOL_OWN, POOL_LANE };

/* Moves on to the next piece: nobody has begun it and it is the caller's to do (`*out` the piece),
 * or it was done in lane `*out`, which the caller empties and gives back by pool_release. Waits
 * when a helper is at it, and meanwhile does what comes after it. One thread, that of the query. */
enum pool_turn pool_next(struct pool *p, struct pool_work *w, size_t *out);
void pool_release(struct pool *p, struct pool_work *w, size_t lane);

/* No more pieces are begun; waits for those that are. */
void pool_end(struct pool *p, struct pool_work *w);

#endif
