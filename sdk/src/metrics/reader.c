/* The periodic reader: a worker that collects and sends. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/fork.h"
#include "core/problem.h"
#include "core/worker.h"
#include "metrics/otlp_metrics.h"
#include "metrics/view.h"
#include "telltale/metric_reader.h"

enum { INTERVAL_MS = 60000, TIMEOUT_MS = 30000, REQUEST_BYTES = 64 << 20 };

struct tt_metric_reader {
    tt_meter_provider *provider;
    tt_metric_reader_options options; /* with defaults filled in; never changed */
    struct worker worker;
    struct fork_hook fork;
    struct mutex sending; /* one collects and sends at a time */
    struct delta delta;   /* guarded by `sending` */
};

/* Under `sending`. */
static int collect_and_send(tt_metric_reader *r, int64_t timeout_ms)
{
    struct buf request = BUF_MAX(REQUEST_BYTES);
    size_t points = 0;
    int rc = otlp_metrics_collect(r->provider, &r->delta, &request, &points);
    if (rc == TT_OK && points)
        rc = r->options.exporter.send(r->options.exporter.arg, TT_SIGNAL_METRICS, request.p,
                                      request.n, points, timeout_ms);
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
        (void)collect_and_send(r, r->options.timeout_ms); // a failure was told
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
    if (options)
        memcpy(&given, options, MIN(options->size, sizeof given));
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
    int64_t left_ms = (deadline - clock_mono_ns()) / 1000000;
    const tt_exporter *e = &r->options.exporter;
    int rc = collect_and_send(r, MIN(r->options.timeout_ms, MAX(left_ms, 1)));
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
    worker_stop(&r->worker);
    if (r->options.exporter.close)
        r->options.exporter.close(r->options.exporter.arg);
    fork_hook_remove(&r->fork);
    worker_done(&r->worker);
    mutex_done(&r->sending);
    delta_done(&r->delta);
    free(r);
    return rc;
}
