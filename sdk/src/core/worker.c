#include "core/worker.h"

#include <errno.h>
#include <signal.h>

#include "base/compiler.h"
#include "core/clock.h"

static const int64_t NS_PER_MS = 1000000;

void worker_init(struct worker *w, int64_t interval_ms, void (*work)(void *arg), void *arg)
{
    mutex_init(&w->lock);
    (void)sem_init(&w->wake, 0, 0); // fails for values and flags that are not these
    (void)sem_init(&w->ended, 0, 0);
    w->running = false;
    atomic_init(&w->stopping, false);
    w->interval_ns = MIN(interval_ms, INT64_MAX / NS_PER_MS) * NS_PER_MS;
    w->work = work;
    w->arg = arg;
}

bool sem_wait_ns(sem_t *s, int64_t ns)
{
    int64_t until = clock_unix_ns() + MIN(ns, INT64_MAX / 2);
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    int rc;
    while ((rc = sem_timedwait(s, &at)) != 0 && errno == EINTR) {
    }
    return rc == 0;
}

bool mutex_lock_until(struct mutex *m, int64_t deadline_mono_ns)
{
    int64_t left = MAX(deadline_mono_ns - clock_mono_ns(), 0);
    int64_t until = clock_unix_ns() + MIN(left, INT64_MAX / 2);
    struct timespec at = {.tv_sec = until / 1000000000, .tv_nsec = until % 1000000000};
    return pthread_mutex_timedlock(&m->m, &at) == 0; // does not look at the time of a free one
}

static void wait_for_work(struct worker *w)
{
    (void)sem_wait_ns(&w->wake, w->interval_ns); // works in either case
    while (sem_wait_ns(&w->wake, 0)) {           // several wishes are one
    }
}

static void *run(void *arg)
{
    struct worker *w = arg;
    bool last;
    do {
        last = atomic_get_acquire(&w->stopping); // pairs with worker_stop
        if (!last)
            wait_for_work(w);
        w->work(w->arg);
    } while (!last);
    (void)sem_post(&w->ended); // once
    return NULL;
}

/* The host's signals are the host's threads' to handle. */
bool worker_thread(pthread_t *out, void *(*main_of)(void *arg), void *arg)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before); // cannot fail for these arguments
    bool ok = pthread_create(out, NULL, main_of, arg) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    return ok;
}

/* *out_ran: there was a thread before. */
static bool start(struct worker *w, bool *out_ran)
{
    mutex_lock(&w->lock);
    *out_ran = w->running;
    if (!w->running && !atomic_get_relaxed(&w->stopping))
        w->running = worker_thread(&w->thread, run, w);
    bool here = w->running;
    mutex_unlock(&w->lock);
    return here;
}

bool worker_start(struct worker *w)
{
    bool ran;
    return start(w, &ran);
}

void worker_start_or_wake(struct worker *w)
{
    bool ran;
    if (start(w, &ran) && ran)
        worker_wake(w);
}

void worker_wake(struct worker *w)
{
    (void)sem_post(&w->wake); // at its maximum the worker knows already
}

void worker_restart(struct worker *w)
{
    mutex_init(&w->lock);
    (void)sem_init(&w->wake, 0, 0); // as above
    (void)sem_init(&w->ended, 0, 0);
    w->running = false;
}

bool worker_stop(struct worker *w, int64_t until_mono_ns)
{
    bool ended = true;
    atomic_set_release(&w->stopping, true); // pairs with run
    mutex_lock(&w->lock);
    if (w->running) {
        worker_wake(w);
        ended = sem_wait_ns(&w->ended, until_mono_ns - clock_mono_ns());
        if (ended)
            (void)pthread_join(w->thread, NULL);
        w->running = !ended;
    }
    mutex_unlock(&w->lock);
    return ended;
}

void worker_done(struct worker *w)
{
    (void)sem_destroy(&w->wake);
    (void)sem_destroy(&w->ended);
    mutex_done(&w->lock);
}
