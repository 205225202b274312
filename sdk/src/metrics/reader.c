/* The periodic reader: a worker that collects and sends.
 *
 * It does so once more at the end, since what it calls (callbacks, producers, the exporter) belongs
 * to others and may not return, which a shutdown must not wait for. A thread that is left there is
 * detached; the reader, and by its count of readers the provider, stay for it. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/fork.h"
#include "core/options.h"
#include "core/problem.h"
#include "core/worker.h"
#include "metrics/otlp_metrics.h"
#include "metrics/split.h"
#include "metrics/view.h"
#include "telltale/metric_reader.h"

enum { INTERVAL_MS = 60000, TIMEOUT_MS = 30000, GRACE_MS = 500, REQUEST_BYTES = 64 << 20 };

struct tt_metric_reader {
    tt_meter_provider *provider;
    tt_metric_reader_options options; /* with defaults filled in; never changed */
    struct worker worker;
    struct fork_hook fork;
    struct mutex sending;         /* one collects and sends at a time */
    struct delta delta;           /* guarded by `sending` */
    _Atomic(int64_t) end_mono_ns; /* of tt_metric_reader_stop */
    bool ended;                   /* the last was sent; the worker's */
    int result;                   /* of that; read after the worker's end */
};

/* A collection on its way out. */
struct sending {
    const tt_metric_reader *reader;
    int64_t deadline_mono_ns;
    int rc; /* the first failure */
};

/* What fails does not hold up what follows, but for the end of the time and of the exporter. */
static bool send_part(void *arg, const struct buf *part, size_t points)
{
    struct sending *s = arg;
    const tt_metric_reader_options *o = &s->reader->options;
    int64_t left_ms = (s->deadline_mono_ns - clock_mono_ns()) / 1000000;
    int rc = o->exporter.send(o->exporter.arg, TT_SIGNAL_METRICS, part->p, part->n, points,
                              MIN(o->timeout_ms, MAX(left_ms, 1)));
    s->rc = s->rc ? s->rc : rc;
    return rc != TT_ERR_SHUTDOWN && clock_mono_ns() < s->deadline_mono_ns;
}

static int send_all(const tt_metric_reader *r, const struct buf *request, size_t points,
                    int64_t deadline_mono_ns)
{
    size_t max = r->options.batch_points;
    struct sending s = {.reader = r, .deadline_mono_ns = deadline_mono_ns};
    if (!max || points <= max)
        (void)send_part(&s, request, points); // there is no more
    else if (!metrics_split(request, max, send_part, &s))
        s.rc = s.rc ? s.rc : TT_ERR_NOMEM;
    return s.rc;
}

/* Under `sending`. */
static int collect_and_send(tt_metric_reader *r, int64_t deadline_mono_ns)
{
    struct buf request = BUF_MAX(REQUEST_BYTES);
    size_t points = 0;
    int rc = otlp_metrics_collect(r->provider, &r->delta, deadline_mono_ns, &request, &points);
    if (rc == TT_OK && points)
        rc = send_all(r, &request, points, deadline_mono_ns);
    buf_done(&request);
    if (rc != TT_OK)
        problem(TT_PROBLEM_EXPORT, "metrics could not be exported", tt_status_text(rc));
    return rc;
}

static int flush_until(tt_metric_reader *r, int64_t deadline_mono_ns)
{
    if (!mutex_lock_until(&r->sending, deadline_mono_ns))
        return TT_ERR_TIMEOUT;
    const tt_exporter *e = &r->options.exporter;
    int rc = collect_and_send(r, deadline_mono_ns);
    if (rc == TT_OK && e->flush)
        rc = e->flush(e->arg, MAX((deadline_mono_ns - clock_mono_ns()) / 1000000, 0));
    mutex_unlock(&r->sending);
    return rc;
}

/* For tt_metric_reader_stop, once. */
static void end(tt_metric_reader *r)
{
    int64_t end_mono_ns = atomic_get_relaxed(&r->end_mono_ns);
    if (!r->ended)
        r->result = clock_mono_ns() < end_mono_ns ? flush_until(r, end_mono_ns) : TT_ERR_TIMEOUT;
    r->ended = true;
}

static void work(void *arg)
{
    tt_metric_reader *r = arg;
    if (atomic_get_acquire(&r->worker.stopping)) { // pairs with worker_stop
        end(r);
        return;
    }
    mutex_lock(&r->sending);
    (void)collect_and_send(r, INT64_MAX); // a failure was told
    mutex_unlock(&r->sending);
}

static void restart(void *arg)
{
    tt_metric_reader *r = arg;
    mutex_init(&r->sending);
    worker_restart(&r->worker);
}

static enum tt_temporality temporality_of(enum tt_temporality asked)
{
    if (asked != TT_TEMPORALITY_DEFAULT)
        return asked;
    unsigned chosen = env_choice("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
                                 "cumulative delta lowmemory");
    return chosen ? (enum tt_temporality)chosen : TT_TEMPORALITY_CUMULATIVE;
}

tt_metric_reader *tt_metric_reader_start(tt_meter_provider *provider,
                                         const tt_metric_reader_options *options)
{
    tt_metric_reader_options given = {0};
    if (!options_read(&given, sizeof given, options) && options && options->exporter.close)
        options->exporter.close(options->exporter.arg); // taken
    tt_metric_reader *r = provider ? calloc(1, sizeof *r) : NULL;
    if (!r) {
        if (given.exporter.close)
            given.exporter.close(given.exporter.arg); // taken, also on failure
        return NULL;
    }
    r->options = given;
    tt_metric_reader_options *o = &r->options;
    if (o->interval_ms <= 0)
        o->interval_ms = env_number("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL_MS);
    if (o->timeout_ms <= 0)
        o->timeout_ms = env_number("OTEL_METRIC_EXPORT_TIMEOUT", TIMEOUT_MS);
    r->provider = provider;
    atomic_add_relaxed(&provider->readers_n, 1);
    r->delta.temporality = temporality_of(o->temporality);
    r->delta.reader = view_add_reader(provider, o->defaults);
    r->delta.producers_n = MIN(o->producers_n, PRODUCERS_MAX);
    if (o->filter)
        r->delta.filter = *o->filter;
    if (r->delta.producers_n)
        memcpy(r->delta.producers, o->producers, r->delta.producers_n * sizeof *o->producers);
    mutex_init(&r->sending);
    worker_init(&r->worker, o->interval_ms, work, r);
    r->fork = (struct fork_hook){.child = restart, .arg = r};
    fork_hook_add(&r->fork);
    if (o->exporter.send && worker_start(&r->worker))
        return r;
    problem(TT_PROBLEM_MISUSE, "a metric reader without exporter, or no thread for it", NULL);
    (void)tt_metric_reader_stop(r, 0); // there is nothing to flush
    return NULL;
}

int tt_metric_reader_flush(tt_metric_reader *r, int64_t timeout_ms)
{
    if (!r || !r->options.exporter.send)
        return TT_OK;
    return flush_until(r, clock_deadline_ns(timeout_ms));
}

/* False when the worker is left with what it calls. */
static bool end_worker(tt_metric_reader *r)
{
    const tt_exporter *e = &r->options.exporter;
    if (worker_stop(&r->worker, atomic_get_relaxed(&r->end_mono_ns)))
        return true;
    if (e->cancel)
        e->cancel(e->arg);
    if (worker_stop(&r->worker, clock_deadline_ns(GRACE_MS)))
        return true;
    (void)pthread_detach(r->worker.thread); // ends by itself, if it does
    problem(TT_PROBLEM_EXPORT, "a metric reader did not return in time", NULL);
    return false;
}

int tt_metric_reader_stop(tt_metric_reader *r, int64_t timeout_ms)
{
    if (!r)
        return TT_OK;
    atomic_set_relaxed(&r->end_mono_ns, clock_deadline_ns(timeout_ms));
    if (!end_worker(r))
        return TT_ERR_TIMEOUT;
    int rc = r->result;
    if (r->options.exporter.close)
        r->options.exporter.close(r->options.exporter.arg);
    fork_hook_remove(&r->fork);
    worker_done(&r->worker);
    mutex_done(&r->sending);
    delta_done(&r->delta);
    atomic_fetch_sub_explicit(&r->provider->readers_n, 1, memory_order_release);
    free(r);
    return rc;
}
