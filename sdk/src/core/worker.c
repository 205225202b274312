#include "core/worker.h"

#include <errno.h>
#include <signal.h>

#include "core/clock.h"

void worker_init(struct worker *w, int64_t interval_ns, void (*work)(void *arg), void *arg)
{
    mutex_init(&w->lock);
    (void)sem_init(&w->wake, 0, 0); // fails for values and flags that are not these
    w->running = false;
    atomic_init(&w->stopping, false);
    w->interval_ns = interval_ns;
    w->work = work;
    w->arg = arg;
}

static void wait_for_work(struct worker *w)
{
    int64_t until = clock_unix_ns() + w->interval_ns;
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    while (sem_timedwait(&w->wake, &at) != 0 && errno == EINTR) {
    }
    while (sem_trywait(&w->wake) == 0) { // several wishes are one
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    while (!atomic_get_acquire(&w->stopping)) { // pairs with worker_stop
        wait_for_work(w);
        w->work(w->arg);
    }
    return NULL;
}

/* Under the lock. The host's signals are the host's threads' to handle. */
static bool make_thread(struct worker *w)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before); // cannot fail for these arguments
    bool ok = pthread_create(&w->thread, NULL, run, w) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

bool worker_start(struct worker *w)
{
    mutex_lock(&w->lock);
    if (!w->running && !atomic_get_relaxed(&w->stopping))
        w->running = make_thread(w);
    bool here = w->running;
    mutex_unlock(&w->lock);
    return here;
}

void worker_wake(struct worker *w)
{
    (void)sem_post(&w->wake); // at its maximum the worker knows already
}

void worker_restart(struct worker *w)
{
    mutex_init(&w->lock);
    (void)sem_init(&w->wake, 0, 0); // as above
    w->running = false;
}

void worker_stop(struct worker *w)
{
    atomic_set_release(&w->stopping, true); // pairs with run
    mutex_lock(&w->lock);
    if (w->running) {
        worker_wake(w);
        (void)pthread_join(w->thread, NULL);
    }
    w->running = false;
    mutex_unlock(&w->lock);
}

void worker_done(struct worker *w)
{
    (void)sem_destroy(&w->wake);
    mutex_done(&w->lock);
}
