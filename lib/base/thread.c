#define _GNU_SOURCE // pthread_setname_np, sched_getaffinity
#include "base/thread.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct start {
    void (*run)(void *arg);
    void *arg;
    char name[16];
};

static void *enter(void *p)
{
    struct start s = *(struct start *)p;
    free(p);
#ifdef __linux__
    (void)pthread_setname_np(pthread_self(), s.name); // for debuggers only
#endif
    s.run(s.arg);
    return NULL;
}

/* All signals but those that an instruction of the thread itself causes: blocked ones of these end
 * the process, and SIGBUS has a handler (map_guard.c). */
static void set_of_requests(sigset_t *set)
{
    static const int own[] = {SIGBUS, SIGSEGV, SIGFPE, SIGILL, SIGTRAP, SIGABRT};
    sigfillset(set);
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        sigdelset(set, own[i]);
}

int thread_start(struct thread *t, const char *name, void (*run)(void *arg), void *arg,
                 struct err *err)
{
    struct start *s = malloc(sizeof *s);
    if (!s)
        return err_set(err, ERR_NOMEM, "cannot start thread %s: out of memory", name);
    *s = (struct start){.run = run, .arg = arg};
    (void)snprintf(s->name, sizeof s->name, "%s", name);

    sigset_t all, before;
    set_of_requests(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before);
    int rc = pthread_create(&t->id, NULL, enter, s);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);

    if (rc != 0) {
        free(s);
        errno = rc;
        return err_errno(err, "cannot start thread %s", name);
    }
    t->running = true;
    return 0;
}

void thread_join(struct thread *t)
{
    if (t->running)
        (void)pthread_join(t->id, NULL); // fails only for threads that are not ours
    t->running = false;
}

unsigned thread_processors(void)
{
#ifdef __linux__
    cpu_set_t allowed;
    if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) // fails with more than 1,024 of them
        return (unsigned)CPU_COUNT(&allowed);
#endif
    long n = sysconf(_SC_NPROCESSORS_ONLN);
    return n > 0 ? (unsigned)n : 1;
}
