/* Threads with a name. Signals are blocked in them: the main thread handles all. */
#ifndef TELLTALE_BASE_THREAD_H
#define TELLTALE_BASE_THREAD_H

#include <pthread.h>
#include <stdbool.h>

#include "base/err.h"

struct thread {
    pthread_t id;
    bool running; /* started and not yet joined */
};

/* Starts `run(arg)`. `name`: at most 15 bytes are shown. ERR_IO when the system refuses. */
int thread_start(struct thread *t, const char *name, void (*run)(void *arg), void *arg,
                 struct err *err);

/* Waits for its end; nothing when it was never started. */
void thread_join(struct thread *t);

/* Processors that this process may run on, at least 1: those of the machine, unless a container or
 * `taskset` allows fewer. */
unsigned thread_processors(void);

#endif
