/* A thread that does one thing from time to time, or when it is woken. */
#ifndef TELLTALE_CORE_WORKER_H
#define TELLTALE_CORE_WORKER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/atomic.h"
#include "core/mutex.h"

struct worker {
    struct mutex lock; /* guards start and stop */
    pthread_t thread;
    sem_t wake, ended;
    bool running;         /* there is a thread to join; guarded by lock */
    atomic_bool stopping; /* set once */
    int64_t interval_ns;
    void (*work)(void *arg);
    void *arg;
};

/* Nothing runs before worker_start. `interval_ms`: over zero, however large. */
void worker_init(struct worker *w, int64_t interval_ms, void (*work)(void *arg), void *arg);

/* Makes the thread, with all signals blocked. True when there is one already; false after
 * worker_stop, and when the system refuses. */
bool worker_start(struct worker *w);

/* Starts it, which then waits its interval first; has it work now if it runs already. */
void worker_start_or_wake(struct worker *w);

/* Has it work now. Async-signal-safe when the thread runs. */
void worker_wake(struct worker *w);

/* In a child after fork(), where there is no thread. */
void worker_restart(struct worker *w);

/* Ends the thread after it has worked once more. False when that did not return by then: what it
 * uses, this worker too, must stay, or this is called again. */
bool worker_stop(struct worker *w, int64_t until_mono_ns);
void worker_done(struct worker *w);

/* A thread with all signals blocked; false when the system refuses. */
bool worker_thread(pthread_t *out, void *(*main_of)(void *arg), void *arg);

/* False when nobody posted in so many nanoseconds. */
bool sem_wait_ns(sem_t *s, int64_t ns);

#endif
