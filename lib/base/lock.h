/* Mutexes and read-write locks with a rank. A thread takes locks in rising rank only; debug builds
 * check every acquire and abort on the first wrong order, long before the deadlock would show.
 *
 * Hold a lock for the change, never across I/O (the log's lock excepted, it exists for that),
 * allocation of unknown size, logging or a callback. */
#ifndef TELLTALE_BASE_LOCK_H
#define TELLTALE_BASE_LOCK_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

/* In the order they may be taken. Locks of one rank are never held together. */
enum lock_rank {
    LOCK_NONE = 0,
    LOCK_SERVE,             /* reload and shutdown */
    LOCK_SCRAPE,            /* the scrape manager's target list */
    LOCK_SCRAPE_TARGET,     /* one target's health and caches */
    LOCK_SCHEDULE,          /* tasks that wait for their time */
    LOCK_RECEIVE,           /* delta-to-cumulative and metadata caches */
    LOCK_NET_SERVER,        /* listeners, connections */
    LOCK_NET_STREAM,        /* one HTTP/2 connection */
    LOCK_AUTH_HASH,         /* one slow password hash at a time */
    LOCK_AUTH,              /* users, cache of verified credentials */
    LOCK_QUERY,             /* list of active queries */
    LOCK_STORE_ROLLUP,      /* one round of rolling up days at a time */
    LOCK_STORE_TABLE,       /* one flush, merge or retention pass at a time */
    LOCK_STORE_SPANS_MERGE, /* one merge, deletion or retention of spans at a time */
    LOCK_STORE_SPANS,       /* one flush of spans at a time */
    LOCK_STORE_LOGS_MERGE,  /* the same of log records */
    LOCK_STORE_LOGS,
    LOCK_STORE_EVICT,   /* selections against the removal of idle streams */
    LOCK_STORE_GATE,    /* appends against the flush's cut */
    LOCK_STORE_STREAMS, /* one shard of the stream registry and its rows in the heads */
    LOCK_STORE_RECALL,  /* streams by what was sent as their labels */
    LOCK_STORE_INDEX,   /* label pairs and their postings */
    LOCK_STORE_WAL,     /* order of log records */
    LOCK_STORE_HEADS,   /* lists of live and frozen heads */
    LOCK_STORE_PARTS,   /* lists of partitions and parts */
    LOCK_QUEUE,         /* lib/base/queue.h */
    LOCK_SELF,          /* registry of our own metrics */
    LOCK_LOG,           /* the log's output */
    LOCK_LEAF,          /* guards a few fields and calls nothing */
};

struct lock {
    pthread_mutex_t mutex;
    enum lock_rank rank;
};

#define LOCK_INIT(r)                                                                               \
    {                                                                                              \
        .mutex = PTHREAD_MUTEX_INITIALIZER, .rank = (r)                                            \
    }

void lock_init(struct lock *l, enum lock_rank rank);
void lock_done(struct lock *l);
void lock_take(struct lock *l);
void lock_give(struct lock *l);

struct rwlock {
    pthread_rwlock_t rw;
    enum lock_rank rank;
};

void rwlock_init(struct rwlock *l, enum lock_rank rank);
void rwlock_done(struct rwlock *l);
void rwlock_take_read(struct rwlock *l);
void rwlock_take_write(struct rwlock *l);
void rwlock_give(struct rwlock *l);

/* A condition that waits on the monotonic clock, so clock steps do not matter. */
struct cond {
    pthread_cond_t cond;
};

void cond_init(struct cond *c);
void cond_done(struct cond *c);
void cond_wait(struct cond *c, struct lock *l);

/* Waits until woken or until time_now_mono_ns() reaches the deadline; false on deadline. */
bool cond_wait_until(struct cond *c, struct lock *l, int64_t deadline_mono_ns);
void cond_signal(struct cond *c);
void cond_broadcast(struct cond *c);

#endif
