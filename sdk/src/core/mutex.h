/* The SDK's locks. They differ from those of base/lock.h in one point: a host program must survive
 * whatever is wrong with them, so nothing here ends the process.
 *
 * Order in which locks may be taken, outermost first:
 *   1. a provider's collect lock (one collection at a time; callbacks run under it)
 *   2. a provider's lock (meters, instruments, attribute sets)
 *   3. the cells' lock (which thread has which memory)
 * Each is held for a change of memory, never across I/O or foreign code, but for the first. */
#ifndef TELLTALE_CORE_MUTEX_H
#define TELLTALE_CORE_MUTEX_H

#include <pthread.h>
#include <stdbool.h>

#include "core/clock.h"

struct mutex {
    pthread_mutex_t m;
};

#define MUTEX_INIT                                                                                 \
    {                                                                                              \
        PTHREAD_MUTEX_INITIALIZER                                                                  \
    }

static inline void mutex_init(struct mutex *m)
{
    (void)pthread_mutex_init(&m->m, NULL); // with default attributes it cannot fail on Linux
}

static inline void mutex_done(struct mutex *m)
{
    (void)pthread_mutex_destroy(&m->m);
}

static inline void mutex_lock(struct mutex *m)
{
    (void)pthread_mutex_lock(&m->m); // fails only for kinds of mutexes that we do not make
}

/* False when it could not be had before the deadline, of the monotonic clock. */
static inline bool mutex_lock_until(struct mutex *m, int64_t deadline_mono_ns)
{
    if (pthread_mutex_trylock(&m->m) == 0)
        return true;
    int64_t left = deadline_mono_ns - clock_mono_ns();
    if (left > INT64_MAX / 2)
        left = INT64_MAX / 2;
    int64_t until = clock_unix_ns() + left;
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    return left > 0 && pthread_mutex_timedlock(&m->m, &at) == 0;
}

static inline void mutex_unlock(struct mutex *m)
{
    (void)pthread_mutex_unlock(&m->m);
}

#endif
