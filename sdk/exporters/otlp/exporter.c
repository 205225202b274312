/* The exporter: a sender with a clock, a connection, and with a buffer a thread.
 *
 * `send` runs in the provider's thread and may take its time: waits between tries end at once when
 * the exporter is cancelled, as does a transfer. With a buffer it hardly ever does: after one try
 * in vain requests go to files, which the exporter's own thread sends over a connection of its own.
 *
 * After fork() the child has neither the thread nor the parent's part of the buffer. The first
 * `send` there notices, takes a part of its own, and goes on. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/compiler.h"
#include "otlp/report.h"
#include "otlp/sender.h"
#include "otlp/transport.h"

enum { HOST_BYTES = 256 };

struct exporter {
    struct otlp_config config;
    struct otlp_transport *transport;
    struct otlp_backoff backoff;
    struct otlp_verdict last; /* of the send under way */
    atomic_bool cancelled;
    pid_t owner;
    /* With a buffer: */
    struct otlp_spool *spool;
    struct otlp_transport *background; /* the thread's */
    struct otlp_backoff background_backoff;
    pthread_t thread;
    bool running; /* there is a thread to join; changed by those that may call send */
    /* What is waited for, and how: */
    pthread_mutex_t lock; /* guards what follows */
    pthread_cond_t wake;
    bool stopping, poked;
    uint64_t rounds_begun, rounds_done; /* of the thread */
};

/* --- clock and waits ------------------------------------------------------------------------- */

static int64_t now_ms(void *arg)
{
    (void)arg;
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // cannot fail for this clock
    return t.tv_sec * INT64_C(1000) + t.tv_nsec / 1000000;
}

static struct timespec time_after(int64_t ms)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t); // as above
    ms = MIN(ms, INT64_C(1000) * 86400 * 365);
    t.tv_sec += ms / 1000;
    t.tv_nsec += ms % 1000 * 1000000;
    t.tv_sec += t.tv_nsec / 1000000000;
    t.tv_nsec %= 1000000000;
    return t;
}

/* Between tries in the provider's thread. */
static bool wait_ms(void *arg, int64_t ms)
{
    struct exporter *e = arg;
    struct timespec until = time_after(ms);
    (void)pthread_mutex_lock(&e->lock);
    int rc = 0;
    while (!atomic_load(&e->cancelled) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&e->wake, &e->lock, &until);
    (void)pthread_mutex_unlock(&e->lock);
    return !atomic_load(&e->cancelled);
}

static void init_wait(struct exporter *e)
{
    pthread_condattr_t monotonic;
    (void)pthread_mutex_init(&e->lock, NULL); // none of these can fail on Linux
    (void)pthread_condattr_init(&monotonic);
    (void)pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    (void)pthread_cond_init(&e->wake, &monotonic);
    (void)pthread_condattr_destroy(&monotonic);
}

/* --- connections ----------------------------------------------------------------------------- */

static void post(void *arg, const void *body, size_t n, int64_t timeout_ms,
                 struct otlp_verdict *out)
{
    struct exporter *e = arg;
    otlp_transport_post(e->transport, body, n, timeout_ms, out);
    e->last = *out;
}

static void post_in_background(void *arg, const void *body, size_t n, int64_t timeout_ms,
                               struct otlp_verdict *out)
{
    struct exporter *e = arg;
    otlp_transport_post(e->background, body, n, timeout_ms, out);
}

/* --- the thread ------------------------------------------------------------------------------ */

/* Until there is something to do; `pause_ms` 0: nothing waits. False at the end. */
static bool wait_for_work(struct exporter *e, int64_t pause_ms)
{
    struct timespec until = time_after(pause_ms);
    int rc = 0;
    (void)pthread_mutex_lock(&e->lock);
    e->rounds_done = e->rounds_begun;
    (void)pthread_cond_broadcast(&e->wake);
    while (!e->stopping && !e->poked && rc != ETIMEDOUT)
        rc = pause_ms ? pthread_cond_timedwait(&e->wake, &e->lock, &until)
                      : pthread_cond_wait(&e->wake, &e->lock);
    e->poked = false;
    e->rounds_begun++;
    bool more = !e->stopping;
    (void)pthread_mutex_unlock(&e->lock);
    return more;
}

static void *run(void *arg)
{
    struct exporter *e = arg;
    const struct otlp_link link = {
        .post = post_in_background, .now_ms = now_ms, .wait = wait_ms, .arg = e};
    int64_t pause_ms;
    do {
        pause_ms = otlp_send_spooled(&e->config, &link, &e->background_backoff, e->spool);
    } while (wait_for_work(e, pause_ms));
    return NULL;
}

/* The host's signals are the host's threads' to handle. */
static void start_thread(struct exporter *e)
{
    sigset_t all, before;
    (void)sigfillset(&all);
    (void)pthread_sigmask(SIG_BLOCK, &all, &before); // cannot fail for these arguments
    e->running = pthread_create(&e->thread, NULL, run, e) == 0;
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
}

/* Has the thread look into the buffer. */
static void poke(struct exporter *e)
{
    if (!e->running) {
        start_thread(e);
        return;
    }
    (void)pthread_mutex_lock(&e->lock);
    e->poked = true;
    (void)pthread_cond_broadcast(&e->wake);
    (void)pthread_mutex_unlock(&e->lock);
}

static void stop_thread(struct exporter *e)
{
    if (!e->running || e->owner != getpid())
        return;
    (void)pthread_mutex_lock(&e->lock);
    e->stopping = true;
    (void)pthread_cond_broadcast(&e->wake);
    (void)pthread_mutex_unlock(&e->lock);
    (void)pthread_join(e->thread, NULL);
}

/* In a child, before anything else is done there. */
static void adapt_to_fork(struct exporter *e)
{
    if (e->owner == getpid())
        return;
    e->owner = getpid();
    init_wait(e);
    e->running = e->poked = false;
    if (e->spool && !otlp_spool_renew(e->spool)) {
        tt_problem_tell(TT_PROBLEM_EXPORT, "no OTLP buffer for a child process", NULL);
        otlp_spool_close(e->spool);
        e->spool = NULL;
    }
}

/* --- the exporter ---------------------------------------------------------------------------- */

/* Of what was kept. */
static void became(void *arg, uint64_t *out_delivered, uint64_t *out_lost)
{
    struct exporter *e = arg;
    *out_delivered = *out_lost = 0;
    if (e->spool)
        otlp_spool_became(e->spool, out_delivered, out_lost);
}

static int send_request(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)signal;
    struct exporter *e = arg;
    adapt_to_fork(e);
    const struct otlp_link link = {.post = post, .now_ms = now_ms, .wait = wait_ms, .arg = e};
    bool waited = e->spool && otlp_spool_is_waiting(e->spool);
    tt_export_report r;
    char host[HOST_BYTES], error[OTLP_ERROR_MAX];
    otlp_report_begin(&r, &e->config, host, sizeof host);
    r.later = e->spool ? became : NULL;
    r.arg = e;
    tt_export_tell(&r);
    e->last = (struct otlp_verdict){.fate = OTLP_LATER, .grpc_code = -1};
    int rc =
        otlp_send(&e->config, &link, &e->backoff, e->spool, str_of(request, n), items, timeout_ms);
    if (e->spool && !waited && otlp_spool_is_waiting(e->spool))
        poke(e);
    otlp_report_end(&r, rc, &e->last, error);
    r.kept = rc == TT_OK && e->last.fate == OTLP_LATER ? (int64_t)items : 0;
    tt_export_tell(&r);
    return rc;
}

/* Until the thread has been through the buffer once more. */
static int flush(void *arg, int64_t timeout_ms)
{
    struct exporter *e = arg;
    struct timespec until = time_after(MAX(timeout_ms, 0));
    int rc = 0;
    adapt_to_fork(e);
    if (!e->spool || !otlp_spool_is_waiting(e->spool))
        return TT_OK;
    poke(e);
    (void)pthread_mutex_lock(&e->lock);
    uint64_t wanted = e->rounds_begun + 1;
    while (e->running && e->rounds_done < wanted && !atomic_load(&e->cancelled) && rc != ETIMEDOUT)
        rc = pthread_cond_timedwait(&e->wake, &e->lock, &until);
    (void)pthread_mutex_unlock(&e->lock);
    if (!otlp_spool_is_waiting(e->spool))
        return TT_OK;
    return rc == ETIMEDOUT ? TT_ERR_TIMEOUT : TT_ERR_IO;
}

static void cancel(void *arg)
{
    struct exporter *e = arg;
    (void)pthread_mutex_lock(&e->lock);
    atomic_store(&e->cancelled, true);
    (void)pthread_cond_broadcast(&e->wake);
    (void)pthread_mutex_unlock(&e->lock);
}

static void close_exporter(void *arg)
{
    struct exporter *e = arg;
    atomic_store(&e->cancelled, true);
    stop_thread(e);
    otlp_transport_free(e->transport);
    otlp_transport_free(e->background);
    otlp_spool_close(e->spool);
    otlp_config_done(&e->config);
    (void)pthread_cond_destroy(&e->wake);
    (void)pthread_mutex_destroy(&e->lock);
    free(e);
}

/* --- making ---------------------------------------------------------------------------------- */

static int open_spool(struct exporter *e, const struct otlp_buffer *b)
{
    static const char *const names[] = {
        [TT_SIGNAL_TRACES] = "traces", [TT_SIGNAL_METRICS] = "metrics", [TT_SIGNAL_LOGS] = "logs"};
    e->background = otlp_transport_new(&e->config, &e->cancelled);
    if (!e->background)
        return TT_ERR_NOMEM;
    otlp_backoff_init(&e->background_backoff, e->backoff.random + 1);
    int rc = otlp_spool_open(b->folder, names[e->config.signal], b->bytes_max,
                             e->config.request_max, &e->spool);
    if (rc == TT_OK && otlp_spool_is_waiting(e->spool))
        start_thread(e);
    return rc;
}

static int set_up(struct exporter *e, enum tt_signal signal, const tt_otlp_options *o,
                  const char **reason)
{
    int rc = otlp_config_init(&e->config, signal, o, reason);
    if (rc != TT_OK)
        return rc;
    *reason = "no memory for an OTLP exporter";
    e->transport = otlp_transport_new(&e->config, &e->cancelled);
    rc = e->transport ? TT_OK : TT_ERR_NOMEM;
    struct otlp_buffer buffer;
    if (rc == TT_OK && otlp_buffer_choose(o, &buffer) && (rc = open_spool(e, &buffer)) == TT_ERR_IO)
        *reason = "the folder of an OTLP buffer cannot be used";
    return rc;
}

int tt_otlp_exporter_new(enum tt_signal signal, const tt_otlp_options *options, tt_exporter *out)
{
    static const enum tt_problem problems[] = {[-TT_ERR_INVALID] = TT_PROBLEM_MISUSE,
                                               [-TT_ERR_NOMEM] = TT_PROBLEM_MEMORY,
                                               [-TT_ERR_IO] = TT_PROBLEM_EXPORT};
    tt_otlp_options o = {0};
    (void)tt_options_read(&o, sizeof o, options); // NULL leaves the defaults
    if (!out || (unsigned)signal > TT_SIGNAL_LOGS)
        return TT_ERR_INVALID;
    struct exporter *e = calloc(1, sizeof *e);
    if (!e)
        return TT_ERR_NOMEM;
    const char *reason;
    init_wait(e);
    e->owner = getpid();
    otlp_backoff_init(&e->backoff, (unsigned)now_ms(NULL));
    int rc = set_up(e, signal, &o, &reason);
    if (rc != TT_OK) {
        tt_problem_tell(problems[-rc], reason, NULL);
        close_exporter(e);
        return rc;
    }
    *out = (tt_exporter){
        .send = send_request, .flush = flush, .cancel = cancel, .close = close_exporter, .arg = e};
    return TT_OK;
}

void tt_otlp_exporter_state(const tt_exporter *exporter, tt_otlp_state *out)
{
    if (!out)
        return;
    *out = (tt_otlp_state){0};
    struct exporter *e = exporter && exporter->send == send_request ? exporter->arg : NULL;
    if (e && e->spool)
        otlp_spool_state(e->spool, out);
}
