/* The periodic reader: a worker that collects and sends. */
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
    struct mutex sending; /* one collects and sends at a time */
    struct delta delta;   /* guarded by `sending` */
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
    int rc = otlp_metrics_collect(r->provider, &r->delta, &request, &points);
    if (rc == TT_OK && points)
        rc = send_all(r, &request, points, deadline_mono_ns);
    buf_done(&request);
    if (rc != TT_OK)
        problem(TT_PROBLEM_EXPORT, "metrics could not be exported", tt_status_text(rc));
    return rc;
}

static void work(void *arg)
{
    tt_metric_reader *r = arg;
    mutex_lock(&r->sending);
    if (!atomic_get_acquire(&r->worker.stopping)) // the last was sent by tt_metric_reader_stop
        (void)collect_and_send(r, INT64_MAX);     // a failure was told
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
    static const struct {
        const char *name;
        enum tt_temporality is;
    } names[] = {{"cumulative", TT_TEMPORALITY_CUMULATIVE},
                 {"delta", TT_TEMPORALITY_DELTA},
                 {"lowmemory", TT_TEMPORALITY_LOWMEMORY}};
    const char *given = getenv("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE");
    if (asked != TT_TEMPORALITY_DEFAULT || !given || !*given)
        return asked ? asked : TT_TEMPORALITY_CUMULATIVE;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(str_c(given), str_c(names[i].name)))
            return names[i].is;
    }
    problem(TT_PROBLEM_MISUSE, "not a preference of temporality", given);
    return TT_TEMPORALITY_CUMULATIVE;
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
    r->delta.temporality = temporality_of(o->temporality);
    r->delta.reader = view_add_reader(provider, o->defaults);
    r->delta.producers_n = MIN(o->producers_n, PRODUCERS_MAX);
    if (o->filter)
        r->delta.filter = *o->filter;
    if (r->delta.producers_n)
        memcpy(r->delta.producers, o->producers, r->delta.producers_n * sizeof *o->producers);
    mutex_init(&r->sending);
    worker_init(&r->worker, o->interval_ms * 1000000, work, r);
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
    int64_t deadline = clock_deadline_ns(timeout_ms);
    if (!mutex_lock_until(&r->sending, deadline))
        return TT_ERR_TIMEOUT;
    const tt_exporter *e = &r->options.exporter;
    int rc = collect_and_send(r, deadline);
    if (rc == TT_OK && e->flush)
        rc = e->flush(e->arg, MAX((deadline - clock_mono_ns()) / 1000000, 0));
    mutex_unlock(&r->sending);
    return rc;
}

int tt_metric_reader_stop(tt_metric_reader *r, int64_t timeout_ms)
{
    if (!r)
        return TT_OK;
    int rc = r->worker.running ? tt_metric_reader_flush(r, timeout_ms) : TT_OK;
    if (rc == TT_ERR_TIMEOUT && r->options.exporter.cancel)
        r->options.exporter.cancel(r->options.exporter.arg);
    if (!worker_stop(&r->worker, clock_deadline_ns(GRACE_MS)))
        return TT_ERR_TIMEOUT; // the exporter does not return: all that it may use stays
    if (r->options.exporter.close)
        r->options.exporter.close(r->options.exporter.arg);
    fork_hook_remove(&r->fork);
    worker_done(&r->worker);
    mutex_done(&r->sending);
    delta_done(&r->delta);
    free(r);
    return rc;
}
