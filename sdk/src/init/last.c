/* A signal may come while any code holds its locks, ours or those of malloc. So nothing is done in
 * the handler but waking a thread, which shuts down and then lets the signal do what it would have
 * done. exit() uses the same thread, since it may be called in a handler, too: the locks of the
 * code that was interrupted are held for ever then, and all that is left is not to wait for them.
 */
#include "init/last.h"

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "core/worker.h"
#include "telltale/init.h"

static const int64_t NS_PER_MS = 1000000;

enum { GRACE_MS = 1000 };

static struct {
    sem_t asked, done;
    _Atomic(int64_t) process; /* that has the thread; 0: none */
    _Atomic(int64_t) timeout_ms;
    _Atomic(int) signal;
} last;

bool last_is_expected(void)
{
    return atomic_get_acquire(&last.process) == getpid(); // pairs with start
}

static void *run(void *arg)
{
    (void)arg;
    while (sem_wait(&last.asked) != 0) { // EINTR
    }
    (void)tt_shutdown(atomic_get_relaxed(&last.timeout_ms)); // what is lost by it is counted
    (void)sem_post(&last.done);
    int sig = atomic_get_relaxed(&last.signal);
    sigset_t own;
    (void)sigemptyset(&own);
    if (sig) {
        (void)sigaddset(&own, sig);
        (void)pthread_sigmask(SIG_UNBLOCK, &own, NULL);
        (void)raise(sig); // its handler was reset when it came
    }
    return NULL;
}

static bool start(void)
{
    if (last_is_expected())
        return true;
    pthread_t thread;
    (void)sem_init(&last.asked, 0, 0); // neither fails for these values
    (void)sem_init(&last.done, 0, 0);
    if (!worker_thread(&thread, run, NULL))
        return false;
    (void)pthread_detach(thread);
    atomic_set_release(&last.process, getpid()); // pairs with last_is_expected
    return true;
}

void last_shutdown(int64_t timeout_ms)
{
    atomic_set_relaxed(&last.timeout_ms, timeout_ms);
    if (start()) {
        (void)sem_post(&last.asked);
        (void)sem_wait_ns(&last.done, (MIN(timeout_ms, INT32_MAX) + GRACE_MS) * NS_PER_MS);
    } else {
        (void)tt_shutdown(timeout_ms); // nobody is left to be told
    }
}

/* In a child after fork() there is no thread: the signal comes again at the handler's end. */
static void on_signal(int sig)
{
    int before = errno;
    atomic_set_relaxed(&last.signal, sig);
    if (last_is_expected())
        (void)sem_post(&last.asked);
    else
        (void)raise(sig);
    errno = before;
}

int tt_shutdown_on_signal(int sig, int64_t timeout_ms)
{
    struct sigaction now, on = {.sa_handler = on_signal, .sa_flags = SA_RESETHAND | SA_RESTART};
    (void)sigemptyset(&on.sa_mask);
    if (sigaction(sig, NULL, &now) != 0)
        return TT_ERR_INVALID;
    if (now.sa_handler == SIG_IGN)
        return TT_OK;
    atomic_set_relaxed(&last.timeout_ms, timeout_ms > 0 ? timeout_ms : 0);
    if (!start())
        return TT_ERR_NOMEM;
    return sigaction(sig, &on, NULL) == 0 ? TT_OK : TT_ERR_INVALID;
}
