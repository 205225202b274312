/* The second step of a replay: what was written to the log before its newest rows
 * (replay_outline.h) goes back to heads while the store is used already.
 *
 *   store_replay     definitions, exemplars and metadata of all of the log, rows from the place on
 *   replay_rest_run  rows before the place, to frozen heads     (thread of background.c)
 *
 * Until it is done whoever asks for times before the place waits, and so do flushes, deletions and
 * snapshots; appends and questions about the last minutes do not. So that enough threads are left
 * for these, few questions may wait; others are refused for the moment. The heads are frozen ones
 * by their rank alone: until the end they are written to, under the locks of the streams' shards.
 * When the log cannot be read they are dropped and, later, made again.
 *
 * Threads: one replays; any may wait. */
#ifndef TELLTALE_STORE_EMBEDDED_REPLAY_REST_H
#define TELLTALE_STORE_EMBEDDED_REPLAY_REST_H

#include "base/err.h"
#include "base/lock.h"
#include "store/embedded/replay_outline.h"

enum replay_rest_state {
    REST_DONE,
    REST_WANTED,
    REST_FAILED,   /* it will be tried again */
    REST_CANCELLED /* the store is being closed */
};

/* So many questions wait at a time: half of the threads that the server has for them by default. */
enum { REST_WAITING_MAX = 4 };

struct replay_rest {
    struct lock lock;
    struct cond changed;
    enum replay_rest_state state; /* guarded by lock, as is the reason */
    char reason[256];             /* of the failure */
    size_t waiting;               /* questions; guarded by lock */
    uint32_t told;                /* up to this segment of damage; of the thread that replays */
    struct wal_place upto;        /* what stands before is the rest; set before any thread asks */
    uint64_t seq;                 /* of its heads */
    atomic_bool done;             /* as the state, for who has no time */
};

struct store;

/* There is no rest; replay_rest_want says that there is one, before the store is used. */
void replay_rest_init(struct replay_rest *rest);
void replay_rest_free(struct replay_rest *rest);
void replay_rest_want(struct replay_rest *rest, const struct wal_place *upto, uint64_t seq);

/* Replays it, if that is still to be done. ERR_CANCELLED after store_cancel_replay; other errors:
 * it may be called again. */
int replay_rest_run(struct store *s, struct err *err);

/* Nobody replays it any more: who waits goes away with ERR_BUSY. */
void replay_rest_cancel(struct replay_rest *rest);

/* Returns when all rows of the log are in heads: at once after store_is_replayed. ERR_BUSY: the log
 * is being replayed, or the rest of it cannot be now. No lock may be held. */
int replay_wait(struct store *s, struct err *err);

/* The same for a question about rows from min_ms on. ERR_BUSY also when too many wait already. */
int replay_wait_for(struct store *s, int64_t min_ms, struct err *err);

#endif
