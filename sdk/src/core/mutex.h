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

/* False when it could not be had before the deadline, of the monotonic clock. One that is free can
 * be had after it, too. */
bool mutex_lock_until(struct mutex *m, int64_t deadline_mono_ns);

static inline void mutex_unlock(struct mutex *m)
{
    (void)pthread_mutex_unlock(&m->m);
}

#endif
