/* The remote sampler: a strategy that every thread reads, and one thread that replaces it.
 *
 * Readers do not wait. They count themselves in one of two places, by the parity of `turn`; who
 * replaces the strategy changes the parity, and frees the old one when he comes again and nobody is
 * counted in the old place. Somebody who still is keeps it, and the next one back, for a while.
 *
 * After fork() the child has one thread and no other reader: the counts are set right before it
 * goes on, and the first span there starts a thread. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/atomic.h"
#include "base/compiler.h"
#include "remote/fetch.h"
#include "remote/strategy.h"
#include "telltale/remote_sampler.h"

enum { INTERVAL_MS = 60000, INTERVAL_MIN_MS = 100, NAME_BYTES_MAX = 8192 };
static const double INITIAL_SHARE = 0.001;

struct remote {
    struct remote *next; /* of those that live; guarded by `all.lock` */
    tt_sampler *initial;
    struct question question;
    int64_t interval_ms;
    _Atomic(struct strategy *) strategy; /* NULL: the initial one decides */
    atomic_uint turn, readers[2];
    atomic_bool forked; /* this is a child that has no thread yet */
    bool running;       /* there is a thread to join */
    pthread_t thread;
    /* The thread's: */
    _Atomic(struct strategy *) old; /* that somebody may still be reading */
    struct buf last;                /* the answer that `strategy` was made of */
    unsigned random;
    /* To end it: */
    atomic_bool stopping;
    pthread_mutex_t lock; /* of `wake` */
    pthread_cond_t wake;
};

static struct {
    pthread_mutex_t lock;
    struct remote *first;
} all = {.lock = PTHREAD_MUTEX_INITIALIZER};

/* --- reading --------------------------------------------------------------------------------- */

static unsigned enter(struct remote *r)
{
    for (;;) {
        unsigned place = atomic_load(&r->turn) & 1;
        (void)atomic_fetch_add(&r->readers[place], 1);
        if ((atomic_load(&r->turn) & 1) == place)
            return place;
        (void)atomic_fetch_sub(&r->readers[place], 1); // it was just replaced
    }
}

static void start_in_child(struct remote *r);

static enum tt_decision decide(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    struct remote *r = arg;
    if (UNLIKELY(atomic_get_relaxed(&r->forked)))
        start_in_child(r);
    unsigned place = enter(r);
    const struct strategy *s = atomic_load(&r->strategy);
    enum tt_decision decision =
        s ? strategy_decide(s, sampling, out) : tt_sampler_ask(r->initial, sampling, out);
    (void)atomic_fetch_sub(&r->readers[place], 1);
    return decision;
}

/* --- replacing ------------------------------------------------------------------------------- */

/* Whether there is room for another old one. */
static bool free_old(struct remote *r)
{
    if (atomic_load(&r->readers[(atomic_load(&r->turn) + 1) & 1]))
        return false;
    strategy_free(atomic_exchange(&r->old, NULL));
    return true;
}

static void publish(struct remote *r, struct strategy *s)
{
    struct strategy *old = atomic_exchange(&r->strategy, s);
    (void)atomic_fetch_add(&r->turn, 1);
    atomic_store(&r->old, old);
}

static void take_answer(struct remote *r, struct buf *answer)
{
    struct err err;
    struct strategy *s = NULL;
    if (str_eq(buf_str(answer), buf_str(&r->last)) || !free_old(r))
        return; // what counts traces by the second goes on counting
    int rc = strategy_parse(buf_str(answer), &s, &err);
    if (rc != 0) {
        tt_problem_tell(TT_PROBLEM_EXPORT, "a sampling strategy that cannot be used",
                        rc == ERR_INVALID ? err.message : NULL);
        return;
    }
    publish(r, s);
    struct buf swap = r->last;
    r->last = *answer;
    *answer = swap;
}

static void ask(struct remote *r)
{
    struct buf answer = BUF_MAX(FETCH_BYTES_MAX);
    const char *wrong = fetch(&r->question, &r->stopping, &answer);
    if (!wrong)
        take_answer(r, &answer);
    else if (!atomic_load(&r->stopping))
        tt_problem_tell(TT_PROBLEM_EXPORT, "sampling strategies could not be fetched", wrong);
    buf_done(&answer);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Nine to eleven tenths of the interval, so that programs that were started together do not ask
 * together. */
static int64_t pause_ms(struct remote *r)
{
    r->random = r->random * 1664525u + 1013904223u;
    return r->interval_ms * 9 / 10 +
           (int64_t)((double)r->interval_ms / 5 * (r->random >> 8) / 16777216.0);
}

/* False when it is the end. */
static bool wait_for(struct remote *r, int64_t ms)
{
    struct timespec until;
    int rc = 0;
    (void)clock_gettime(CLOCK_MONOTONIC, &until); // cannot fail for this clock
    until.tv_sec += ms / 1000;
    until.tv_nsec += ms % 1000 * 1000000;
    until.tv_sec += until.tv_nsec / 1000000000;
    until.tv_nsec %= 1000000000;
    (void)pthread_mutex_lock(&r->lock);
    while (!atomic_load(&r->stopping) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&r->wake, &r->lock, &until);
    (void)pthread_mutex_unlock(&r->lock);
    return !atomic_load(&r->stopping);
}

static void *run(void *arg)
{
    struct remote *r = arg;
    do
        ask(r);
    while (wait_for(r, pause_ms(r)));
    return NULL;
}

/* Signals are for the program's threads. */
static bool start(struct remote *r)
{
    pthread_condattr_t monotonic;
    sigset_t every, before;
    (void)pthread_mutex_init(&r->lock, NULL); // none of these can fail on Linux
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&r->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
    (void)sigfillset(&every);
    (void)pthread_sigmask(SIG_SETMASK, &every, &before);
    int rc = pthread_create(&r->thread, NULL, run, r);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    r->running = rc == 0;
    return r->running;
}

/* --- fork ------------------------------------------------------------------------------------ */

static void before_fork(void)
{
    (void)pthread_mutex_lock(&all.lock);
}

static void after_fork(void)
{
    (void)pthread_mutex_unlock(&all.lock);
}

/* What the parent's thread was at is left where it is, and its last answer may be half written. */
static void in_child(void)
{
    for (struct remote *r = all.first; r; r = r->next) {
        atomic_store(&r->readers[0], 0);
        atomic_store(&r->readers[1], 0);
        r->last = BUF_MAX(FETCH_BYTES_MAX);
        r->running = false;
        atomic_store(&r->forked, true);
    }
    (void)pthread_mutex_unlock(&all.lock);
}

static void watch_forks(void)
{
    (void)pthread_atfork(before_fork, after_fork, in_child); // without memory a child is not told
}

static COLD void start_in_child(struct remote *r)
{
    bool yes = true;
    if (!atomic_compare_exchange_strong(&r->forked, &yes, false))
        return; // another thread did
    if (!start(r))
        tt_problem_tell(TT_PROBLEM_EXPORT, "no thread to ask for sampling strategies", NULL);
}

static void join_all(struct remote *r)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    (void)pthread_once(&once, watch_forks);
    (void)pthread_mutex_lock(&all.lock);
    r->next = all.first;
    all.first = r;
    (void)pthread_mutex_unlock(&all.lock);
}

static void leave_all(struct remote *r)
{
    (void)pthread_mutex_lock(&all.lock);
    for (struct remote **at = &all.first; *at; at = &(*at)->next) {
        if (*at == r) {
            *at = r->next;
            break;
        }
    }
    (void)pthread_mutex_unlock(&all.lock);
}

/* --- making and freeing ---------------------------------------------------------------------- */

static void stop(struct remote *r)
{
    (void)pthread_mutex_lock(&r->lock);
    atomic_store(&r->stopping, true);
    (void)pthread_cond_signal(&r->wake);
    (void)pthread_mutex_unlock(&r->lock);
    (void)pthread_join(r->thread, NULL); // it is ours
    (void)pthread_cond_destroy(&r->wake);
    (void)pthread_mutex_destroy(&r->lock);
}

/* Nobody asks it any more. */
static void done(void *arg)
{
    struct remote *r = arg;
    leave_all(r);
    if (r->running)
        stop(r);
    tt_sampler_free(r->initial);
    strategy_free(atomic_load(&r->strategy));
    strategy_free(atomic_load(&r->old));
    buf_done(&r->last);
    question_done(&r->question);
    free(r);
}

/* The program's name by its environment, with a NUL. */
static void put_own_name(struct buf *out)
{
    tt_resource *resource = tt_resource_default();
    const tt_attr *attrs;
    size_t n = resource ? tt_resource_attributes(resource, &attrs) : 0;
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(attrs[i].key, attrs[i].key_n), STR("service.name")) &&
            attrs[i].value.type == TT_TYPE_STRING)
            buf_put_str(out, str_of(attrs[i].value.as.text, attrs[i].value.n));
    }
    buf_putc(out, '\0');
    tt_resource_free(resource);
}

static bool make_question(const tt_remote_sampler_options *o, struct question *out)
{
    struct buf name = BUF_MAX(NAME_BYTES_MAX);
    if (!o->service)
        put_own_name(&name);
    const char *service = o->service ? o->service : buf_failed(&name) ? "" : name.p;
    const char *endpoint = o->endpoint ? o->endpoint : "http://localhost:5778";
    bool made = question_make(out, endpoint, service);
    if (!made)
        tt_problem_tell(TT_PROBLEM_MISUSE, "a remote sampler's endpoint is no URL of http or grpc",
                        endpoint);
    buf_done(&name);
    return made;
}

static unsigned seed(const struct remote *r)
{
    struct timespec now;
    (void)clock_gettime(CLOCK_REALTIME, &now); // cannot fail for this clock
    return (unsigned)now.tv_nsec ^ (unsigned)(uintptr_t)r >> 4;
}

tt_sampler *tt_sampler_remote(const tt_remote_sampler_options *options)
{
    tt_remote_sampler_options o = {0};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    struct remote *r = calloc(1, sizeof *r);
    if (!r) {
        tt_sampler_free(o.initial);
        return NULL;
    }
    r->initial = o.initial ? o.initial : tt_sampler_ratio(INITIAL_SHARE);
    r->interval_ms = MAX(o.interval_ms > 0 ? o.interval_ms : INTERVAL_MS, INTERVAL_MIN_MS);
    r->last = BUF_MAX(FETCH_BYTES_MAX);
    r->random = seed(r);
    bool asks = make_question(&o, &r->question);
    join_all(r);
    if (r->initial && asks && start(r))
        return tt_sampler_custom_owned(decide, r, done);
    done(r);
    return NULL;
}
