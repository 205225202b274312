#include "base/lock.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "base/compiler.h"
#include "base/time.h"

/* A failing pthread call on a valid lock is a bug of ours; going on would corrupt data. */
static void check(int rc, const char *what)
{
    if (UNLIKELY(rc != 0)) {
        (void)fprintf(stderr, "lock: %s failed with %d\n", what, rc);
        abort();
    }
}

#ifndef NDEBUG
enum { DEEPEST = 32 };
static _Thread_local enum lock_rank held[DEEPEST];
static _Thread_local int held_n;

static void rank_enter(enum lock_rank rank)
{
    if (held_n > 0 && held[held_n - 1] >= rank) {
        (void)fprintf(stderr, "lock: rank %d taken while holding rank %d\n", rank,
                      held[held_n - 1]);
        abort();
    }
    assert(held_n < DEEPEST);
    held[held_n++] = rank;
}

static void rank_leave(enum lock_rank rank)
{
    int i = held_n - 1;
    while (i >= 0 && held[i] != rank)
        i--;
    assert(i >= 0);
    for (; i + 1 < held_n; i++)
        held[i] = held[i + 1];
    held_n--;
}
#else
static void rank_enter(enum lock_rank rank)
{
    (void)rank;
}

static void rank_leave(enum lock_rank rank)
{
    (void)rank;
}
#endif

void lock_init(struct lock *l, enum lock_rank rank)
{
    check(pthread_mutex_init(&l->mutex, NULL), "pthread_mutex_init");
    l->rank = rank;
}

void lock_done(struct lock *l)
{
    check(pthread_mutex_destroy(&l->mutex), "pthread_mutex_destroy");
}

void lock_take(struct lock *l)
{
    rank_enter(l->rank);
    check(pthread_mutex_lock(&l->mutex), "pthread_mutex_lock");
}

void lock_give(struct lock *l)
{
    check(pthread_mutex_unlock(&l->mutex), "pthread_mutex_unlock");
    rank_leave(l->rank);
}

void rwlock_init(struct rwlock *l, enum lock_rank rank)
{
    pthread_rwlockattr_t attr;
    check(pthread_rwlockattr_init(&attr), "pthread_rwlockattr_init");
#ifdef __GLIBC__
    /* A steady stream of readers must not starve the one writer. */
    check(pthread_rwlockattr_setkind_np(&attr, PTHREAD_RWLOCK_PREFER_WRITER_NONRECURSIVE_NP),
          "pthread_rwlockattr_setkind_np");
#endif
    check(pthread_rwlock_init(&l->rw, &attr), "pthread_rwlock_init");
    check(pthread_rwlockattr_destroy(&attr), "pthread_rwlockattr_destroy");
    l->rank = rank;
}

void rwlock_done(struct rwlock *l)
{
    check(pthread_rwlock_destroy(&l->rw), "pthread_rwlock_destroy");
}

void rwlock_take_read(struct rwlock *l)
{
    rank_enter(l->rank);
    check(pthread_rwlock_rdlock(&l->rw), "pthread_rwlock_rdlock");
}

void rwlock_take_write(struct rwlock *l)
{
    rank_enter(l->rank);
    check(pthread_rwlock_wrlock(&l->rw), "pthread_rwlock_wrlock");
}

void rwlock_give(struct rwlock *l)
{
    check(pthread_rwlock_unlock(&l->rw), "pthread_rwlock_unlock");
    rank_leave(l->rank);
}

void cond_init(struct cond *c)
{
    pthread_condattr_t attr;
    check(pthread_condattr_init(&attr), "pthread_condattr_init");
    check(pthread_condattr_setclock(&attr, CLOCK_MONOTONIC), "pthread_condattr_setclock");
    check(pthread_cond_init(&c->cond, &attr), "pthread_cond_init");
    check(pthread_condattr_destroy(&attr), "pthread_condattr_destroy");
}

void cond_done(struct cond *c)
{
    check(pthread_cond_destroy(&c->cond), "pthread_cond_destroy");
}

void cond_wait(struct cond *c, struct lock *l)
{
    check(pthread_cond_wait(&c->cond, &l->mutex), "pthread_cond_wait");
}

bool cond_wait_until(struct cond *c, struct lock *l, int64_t deadline_mono_ns)
{
    if (deadline_mono_ns < 0)
        deadline_mono_ns = 0;
    struct timespec ts = {.tv_sec = (time_t)(deadline_mono_ns / NS_PER_S),
                          .tv_nsec = (long)(deadline_mono_ns % NS_PER_S)};
    int rc = pthread_cond_timedwait(&c->cond, &l->mutex, &ts);
    if (rc == ETIMEDOUT)
        return false;
    check(rc, "pthread_cond_timedwait");
    return true;
}

void cond_signal(struct cond *c)
{
    check(pthread_cond_signal(&c->cond), "pthread_cond_signal");
}

void cond_broadcast(struct cond *c)
{
    check(pthread_cond_broadcast(&c->cond), "pthread_cond_broadcast");
}
