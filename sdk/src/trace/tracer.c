/* From the rings to the exporter.
 *
 * Whoever holds `sending` (the worker, a flush, or with `simple` the thread that ends a span) takes
 * spans out of the rings and appends them to the buffer of their tracer. When they are enough for a
 * request, or there are no more, the buffers are put together and sent. Memory is bounded by the
 * rings and one request; while the exporter takes its time, rings become full and spans are lost
 * and counted. */
#include "trace/tracer.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "core/problem.h"
#include "core/proto.h"

enum { QUEUE_BYTES = 2 << 20, BATCH_SPANS = 512, DELAY_MS = 5000, SEND_TIMEOUT_MS = 30000 };
enum { LIMIT = 128, REQUEST_BYTES = 4 << 20, BUFFER_BYTES = 16 << 20, FREE_TIMEOUT_MS = 5000 };

/* Fields of ExportTraceServiceRequest, ResourceSpans and ScopeSpans. */
enum { RESOURCE_SPANS = 1, RESOURCE = 1, SCOPE_SPANS = 2, SCOPE = 1, SPANS = 2, SCHEMA_URL = 3 };

static const int64_t NS_PER_MS = 1000000;

/* --- sending --------------------------------------------------------------------------------- */

static void lose(tt_tracer_provider *p, uint64_t n)
{
    atomic_add_relaxed(&p->lost, n);
}

static void put_scope_spans(struct buf *out, tt_tracer *t)
{
    struct buf body = BUF_MAX(2 * (size_t)BUFFER_BYTES);
    otlp_put_scope(&body, SCOPE, &t->scope);
    buf_put(&body, t->pending.p, t->pending.n);
    otlp_put_text(&body, SCHEMA_URL, t->scope.schema_url);
    otlp_put_bytes(out, SCOPE_SPANS, body.p, body.n);
    out->failed |= buf_failed(&body);
    buf_done(&body);
    buf_reset(&t->pending);
}

static tt_tracer *first_tracer(tt_tracer_provider *p)
{
    mutex_lock(&p->lock);
    tt_tracer *t = p->tracers; // new ones are put in front, so what follows is there to stay
    mutex_unlock(&p->lock);
    return t;
}

static bool build_request(tt_tracer_provider *p, struct buf *out)
{
    struct buf body = BUF_MAX(2 * (size_t)BUFFER_BYTES);
    otlp_put_resource(&body, RESOURCE, p->resource);
    for (tt_tracer *t = first_tracer(p); t; t = t->next) {
        if (t->pending.n)
            put_scope_spans(&body, t);
    }
    if (tt_resource_schema_url(p->resource))
        otlp_put_text(&body, SCHEMA_URL, tt_resource_schema_url(p->resource));
    otlp_put_bytes(out, RESOURCE_SPANS, body.p, body.n);
    bool ok = !buf_failed(&body) && !buf_failed(out);
    buf_done(&body);
    return ok;
}

static int64_t time_left_ms(const tt_tracer_provider *p)
{
    int64_t left = (p->deadline_mono_ns - clock_mono_ns()) / NS_PER_MS;
    return MIN(p->options.send_timeout_ms, MAX(left, 0));
}

static void send_pending(tt_tracer_provider *p)
{
    struct buf request = BUF_MAX(2 * (size_t)BUFFER_BYTES);
    size_t spans = p->pending;
    p->pending = p->pending_bytes = 0;
    int rc = build_request(p, &request) ? TT_OK : TT_ERR_NOMEM;
    int64_t timeout_ms = time_left_ms(p);
    if (rc == TT_OK)
        rc = p->options.exporter.send(p->options.exporter.arg, TT_SIGNAL_TRACES, request.p,
                                      request.n, spans, timeout_ms);
    buf_done(&request);
    if (rc != TT_OK) {
        lose(p, spans);
        problem(TT_PROBLEM_EXPORT, "spans could not be exported", tt_status_text(rc));
    }
}

static bool take_span(void *arg, const char *record, size_t n)
{
    tt_tracer_provider *p = arg;
    tt_tracer *t;
    memcpy(&t, record, sizeof t);
    n -= sizeof t;
    otlp_put_bytes(&t->pending, SPANS, record + sizeof t, n);
    if (buf_failed(&t->pending)) { // no memory: what there was before is still whole
        t->pending.failed = false;
        lose(p, 1);
        return true;
    }
    p->pending++;
    p->pending_bytes += n;
    if (p->pending >= p->options.batch_spans || p->pending_bytes >= REQUEST_BYTES) {
        send_pending(p);
        p->timed_out = clock_mono_ns() >= p->deadline_mono_ns;
    }
    return !p->timed_out;
}

/* False when the deadline passed before all was sent. */
static bool send_all(tt_tracer_provider *p, int64_t deadline_mono_ns)
{
    if (!mutex_lock_until(&p->sending, deadline_mono_ns))
        return false;
    p->deadline_mono_ns = deadline_mono_ns;
    p->timed_out = false;
    relay_drain(p->queue, take_span, p);
    if (p->pending && !p->timed_out)
        send_pending(p);
    bool ok = !p->timed_out && clock_mono_ns() <= deadline_mono_ns;
    mutex_unlock(&p->sending);
    return ok;
}

static void work(void *arg)
{
    (void)send_all(arg, INT64_MAX);
}

static void wake(void *arg)
{
    tt_tracer_provider *p = arg;
    if (!p->options.simple && worker_start(&p->worker))
        worker_wake(&p->worker);
}

char *tracer_reserve(tt_tracer *t, size_t n)
{
    tt_tracer_provider *p = t->provider;
    char *to = NULL;
    if (LIKELY(!atomic_get_relaxed(&p->closed)))
        to = relay_reserve(p->queue, n + sizeof t);
    if (UNLIKELY(!to)) {
        lose(p, 1);
        problem_add(TT_PROBLEM_LIMIT, 1);
        return NULL;
    }
    memcpy(to, &t, sizeof t);
    return to + sizeof t;
}

void tracer_commit(tt_tracer *t, size_t n)
{
    relay_commit(t->provider->queue, n + sizeof t);
    if (t->provider->options.simple)
        work(t->provider);
}

/* --- providers ------------------------------------------------------------------------------- */

/* The spans that waited are the parent's to send. A buffer may have been changing, so its memory is
 * left alone. */
static void restart(void *arg)
{
    tt_tracer_provider *p = arg;
    mutex_init(&p->lock);
    mutex_init(&p->sending);
    worker_restart(&p->worker);
    p->pending = p->pending_bytes = 0;
    for (tt_tracer *t = p->tracers; t; t = t->next)
        t->pending = BUF_MAX(BUFFER_BYTES);
}

static void fill_defaults(tt_tracer_provider_options *o)
{
    if (!o->queue_bytes)
        o->queue_bytes = QUEUE_BYTES;
    if (!o->batch_spans)
        o->batch_spans = BATCH_SPANS;
    if (o->delay_ms <= 0)
        o->delay_ms = DELAY_MS;
    if (o->send_timeout_ms <= 0)
        o->send_timeout_ms = SEND_TIMEOUT_MS;
    o->attributes_max = MIN(o->attributes_max ? o->attributes_max : LIMIT, LIMIT);
    o->events_max = o->events_max ? o->events_max : LIMIT;
    o->links_max = o->links_max ? o->links_max : LIMIT;
    if (!o->sampler)
        o->sampler = tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL);
}

static void close_exporter(tt_tracer_provider *p)
{
    if (p->options.exporter.close)
        p->options.exporter.close(p->options.exporter.arg);
}

tt_tracer_provider *tt_tracer_provider_new(const tt_tracer_provider_options *options)
{
    tt_tracer_provider *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    if (options)
        memcpy(&p->options, options, MIN(options->size, sizeof p->options));
    tt_tracer_provider_options *o = &p->options;
    fill_defaults(o);
    mutex_init(&p->lock);
    mutex_init(&p->sending);
    worker_init(&p->worker, o->delay_ms * NS_PER_MS, work, p);
    p->fork = (struct fork_hook){.child = restart, .arg = p};
    fork_hook_add(&p->fork);
    p->resource = o->resource ? tt_resource_merge(o->resource, NULL) : tt_resource_default();
    p->queue = relay_new(o->queue_bytes, wake, p);
    if (p->resource && p->queue && o->sampler)
        return p;
    problem(TT_PROBLEM_MEMORY, "no memory for a tracer provider", NULL);
    tt_tracer_provider_free(p);
    return NULL;
}

int tt_tracer_provider_flush(tt_tracer_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    if (atomic_get_relaxed(&p->closed))
        return TT_ERR_SHUTDOWN;
    if (!p->options.exporter.send)
        return TT_OK;
    return send_all(p, clock_deadline_ns(timeout_ms)) ? TT_OK : TT_ERR_TIMEOUT;
}

int tt_tracer_provider_shutdown(tt_tracer_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    int rc = tt_tracer_provider_flush(p, timeout_ms);
    if (atomic_exchange(&p->closed, true))
        return TT_ERR_SHUTDOWN;
    if (rc == TT_ERR_TIMEOUT && p->options.exporter.cancel)
        p->options.exporter.cancel(p->options.exporter.arg);
    worker_stop(&p->worker);
    close_exporter(p);
    return rc;
}

void tt_tracer_provider_free(tt_tracer_provider *p)
{
    if (!p)
        return;
    if (p->queue && !atomic_get_relaxed(&p->closed))
        (void)tt_tracer_provider_shutdown(p, FREE_TIMEOUT_MS); // what was lost was counted
    else if (!p->queue)
        close_exporter(p);
    fork_hook_remove(&p->fork);
    relay_free(p->queue);
    for (tt_tracer *t = p->tracers, *next; t; t = next) {
        next = t->next;
        scope_done(&t->scope);
        buf_done(&t->pending);
        free(t);
    }
    tt_sampler_free(p->options.sampler);
    tt_resource_free(p->resource);
    worker_done(&p->worker);
    mutex_done(&p->sending);
    mutex_done(&p->lock);
    free(p);
}

uint64_t tt_tracer_provider_lost(const tt_tracer_provider *p)
{
    return p ? atomic_get_relaxed(&p->lost) : 0;
}

/* --- tracers --------------------------------------------------------------------------------- */

static tt_tracer *tracer_new(tt_tracer_provider *p, const tt_scope *scope)
{
    tt_tracer *t = calloc(1, sizeof *t);
    if (!t)
        return NULL;
    t->provider = p;
    t->pending = BUF_MAX(BUFFER_BYTES);
    if (scope_init(&t->scope, scope))
        return t;
    scope_done(&t->scope);
    free(t);
    return NULL;
}

tt_tracer *tt_tracer_get_scope(tt_tracer_provider *p, const tt_scope *scope)
{
    if (!p || !scope)
        return NULL;
    if (!scope->name || !*scope->name)
        problem(TT_PROBLEM_MISUSE, "a tracer without a name", NULL);
    tt_tracer *made = tracer_new(p, scope);
    if (!made) {
        problem(TT_PROBLEM_MEMORY, "no memory for a tracer", scope->name);
        return NULL;
    }
    mutex_lock(&p->lock);
    tt_tracer *t = p->tracers;
    while (t && !scope_eq(&t->scope, &made->scope))
        t = t->next;
    if (!t) {
        made->next = p->tracers;
        p->tracers = made;
    }
    mutex_unlock(&p->lock);
    if (!t)
        return made;
    scope_done(&made->scope);
    free(made);
    return t;
}

tt_tracer *tt_tracer_get(tt_tracer_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_tracer_get_scope(p, &scope);
}
