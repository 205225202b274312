/* From the rings to the exporter.
 *
 * Whoever holds `sending` (the worker, a flush, or with `simple` the thread that made a record)
 * takes records out of the rings and appends them to the buffer of their source. When they are
 * enough for a request, or there are no more, the buffers are put together and sent. Memory is
 * bounded by the rings and one request; while the exporter takes its time, rings become full and
 * records are lost and counted.
 *
 * A shutdown has a deadline for all of them: who sends looks at it between two requests. What is in
 * the rings after it is lost, and so is the request whose send does not return: then the batcher is
 * stuck, and keeps its memory and the exporter, which that call may use, for ever. */
#include "core/batcher.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/problem.h"
#include "core/proto.h"

enum { QUEUE_BYTES = 4 << 20, BATCH_ITEMS = 512, SPANS_DELAY_MS = 5000, SEND_TIMEOUT_MS = 30000 };
enum { LOGS_DELAY_MS = 1000, RECORD_BYTES = 1024, RECORDS_MAX = 1 << 16, NOT_SET = -1 };
enum { REQUEST_BYTES = 4 << 20, BUFFER_BYTES = 16 << 20, FREE_TIMEOUT_MS = 5000, GRACE_MS = 500 };

/* Fields of the requests, and of resources and scopes in them: of traces and logs alike. */
enum { RESOURCES = 1, RESOURCE = 1, SCOPES = 2, SCOPE = 1, RECORDS = 2, SCHEMA_URL = 3 };

static const int64_t NS_PER_MS = 1000000;

static struct source *first_source(struct batcher *b)
{
    mutex_lock(&b->lock);
    struct source *s = b->sources; // new ones are put in front, so what follows is there to stay
    mutex_unlock(&b->lock);
    return s;
}

/* --- sending --------------------------------------------------------------------------------- */

static size_t source_size(const struct source *s)
{
    return s->head.n + s->pending.n + s->tail.n;
}

/* Of memory that is known to be large enough. Empties the source's buffer. */
static char *put_source(char *to, struct source *s)
{
    to = put_bytes_head(to, SCOPES, source_size(s));
    const struct buf *parts[] = {&s->head, &s->pending, &s->tail};
    for (size_t i = 0; i < ARRAY_LEN(parts); i++) {
        if (parts[i]->n)
            memcpy(to, parts[i]->p, parts[i]->n);
        to += parts[i]->n;
    }
    buf_reset(&s->pending);
    return to;
}

/* Each record is copied once. Without memory the sources' buffers are emptied all the same. */
static bool build_request(struct batcher *b)
{
    const char *schema_url = tt_resource_schema_url(b->resource);
    size_t schema_n = schema_url && *schema_url ? strlen(schema_url) : 0;
    size_t n = b->resource_field.n + (schema_n ? bytes_field_size(schema_n) : 0);
    struct source *first = first_source(b);
    for (struct source *s = first; s; s = s->next)
        n += s->pending.n ? bytes_field_size(source_size(s)) : 0;
    buf_reset(&b->request);
    char *to = buf_reserve(&b->request, n + PROTO_HEAD_MAX);
    if (to) {
        to = put_bytes_head(to, RESOURCES, n);
        memcpy(to, b->resource_field.p, b->resource_field.n);
        to += b->resource_field.n;
    }
    for (struct source *s = first; s; s = s->next) {
        if (to && s->pending.n)
            to = put_source(to, s);
        buf_reset(&s->pending);
    }
    if (to && schema_n)
        to = put_bytes_field(to, SCHEMA_URL, schema_url, schema_n);
    if (to)
        buf_advance(&b->request, (size_t)(to - b->request.p));
    return to != NULL;
}

static bool has_ended(const struct batcher *b)
{
    return clock_mono_ns() >= atomic_get_relaxed(&b->end_mono_ns);
}

static int64_t time_left_ms(const struct batcher *b)
{
    int64_t end = MIN(b->deadline_mono_ns, atomic_get_relaxed(&b->end_mono_ns));
    int64_t left = (end - clock_mono_ns()) / NS_PER_MS;
    return MIN(b->options.send_timeout_ms, MAX(left, 0));
}

static void send_pending(struct batcher *b)
{
    const tt_exporter *e = &b->options.exporter;
    size_t items = b->pending;
    b->pending = b->pending_bytes = 0;
    int rc = build_request(b) ? TT_OK : TT_ERR_NOMEM;
    int64_t timeout_ms = time_left_ms(b);
    atomic_add_relaxed(rc == TT_OK ? &b->processed : &b->no_memory, items);
    if (rc == TT_OK) {
        atomic_set_relaxed(&b->in_flight, items);
        rc = e->send(e->arg, b->options.signal, b->request.p, b->request.n, items, timeout_ms);
        items = atomic_exchange(&b->in_flight, 0); // 0: a shutdown gave them up
        atomic_add_relaxed(&b->failed, rc == TT_OK ? 0 : items);
    }
    if (rc == TT_OK)
        return;
    b->failure = rc;
    problem(TT_PROBLEM_EXPORT, "spans or log records could not be exported", tt_status_text(rc));
}

/* Nobody will send what was taken from the rings. Under `sending`. */
static void drop_pending(struct batcher *b)
{
    atomic_add_relaxed(&b->shut_down, b->pending);
    b->pending = b->pending_bytes = 0;
}

static bool take_record(void *arg, const char *record, size_t n)
{
    struct batcher *b = arg;
    struct source *s;
    memcpy(&s, record, sizeof s);
    n -= sizeof s;
    otlp_put_bytes(&s->pending, RECORDS, record + sizeof s, n);
    if (buf_failed(&s->pending)) { // no memory: what there was before is still whole
        s->pending.failed = false;
        atomic_add_relaxed(&b->no_memory, 1);
        return true;
    }
    b->pending++;
    b->pending_bytes += n;
    if (b->pending >= b->options.batch_items || b->pending_bytes >= REQUEST_BYTES) {
        send_pending(b);
        b->timed_out = clock_mono_ns() >= b->deadline_mono_ns || has_ended(b);
    }
    return !b->timed_out;
}

static uint64_t unsent(const struct batcher *b)
{
    return atomic_get_relaxed(&b->no_memory) + atomic_get_relaxed(&b->failed);
}

/* The failure of the last send that failed since the call, or of waiting for all to be sent. */
static int send_all(struct batcher *b, int64_t deadline_mono_ns)
{
    uint64_t before = unsent(b); // a send that is under way counts, too
    if (!mutex_lock_until(&b->sending, deadline_mono_ns))
        return TT_ERR_TIMEOUT;
    b->deadline_mono_ns = deadline_mono_ns;
    b->timed_out = false;
    relay_drain(b->relay, take_record, b);
    if (b->pending && !b->timed_out)
        send_pending(b);
    bool late = b->timed_out || clock_mono_ns() > deadline_mono_ns;
    int failure = unsent(b) == before ? TT_OK : b->failure;
    if (has_ended(b))
        drop_pending(b);
    mutex_unlock(&b->sending);
    return late ? TT_ERR_TIMEOUT : failure;
}

static int flush_exporter(struct batcher *b, int64_t deadline_mono_ns);

/* By the worker; the last time for a shutdown, which may not wait for an exporter itself. */
static void work(void *arg)
{
    struct batcher *b = arg;
    int64_t end = atomic_get_relaxed(&b->end_mono_ns);
    if (!atomic_get_acquire(&b->closed)) { // pairs with batcher_shutdown
        (void)send_all(b, INT64_MAX);      // failures were told
        return;
    }
    int rc = has_ended(b) ? TT_ERR_TIMEOUT : send_all(b, end);
    if (rc != TT_ERR_TIMEOUT)
        rc = rc ? rc : flush_exporter(b, end);
    b->result = b->result ? b->result : rc;
}

static void wake(void *arg)
{
    struct batcher *b = arg;
    if (!b->options.simple)
        worker_start_or_wake(&b->worker);
}

char *source_reserve(struct source *s, size_t n)
{
    struct batcher *b = s->batcher;
    _Atomic(uint64_t) *cause = &b->shut_down;
    char *to = NULL;
    if (LIKELY(!atomic_get_relaxed(&b->closed))) {
        cause = &b->queue_full;
        to = relay_reserve(b->relay, n + sizeof s);
    }
    if (UNLIKELY(!to)) {
        atomic_add_relaxed(cause, 1);
        problem_add(TT_PROBLEM_LIMIT, 1);
        return NULL;
    }
    memcpy(to, &s, sizeof s);
    return to + sizeof s;
}

void source_commit(struct source *s, size_t n)
{
    relay_commit(s->batcher->relay, n + sizeof s);
    if (s->batcher->options.simple)
        work(s->batcher);
}

/* --- beginning and end ----------------------------------------------------------------------- */

/* What waited is the parent's to send. A buffer may have been changing, so its memory is left
 * alone. */
static void restart(void *arg)
{
    struct batcher *b = arg;
    mutex_init(&b->lock);
    mutex_init(&b->sending);
    worker_restart(&b->worker);
    b->pending = b->pending_bytes = 0;
    atomic_set_relaxed(&b->in_flight, 0);
    for (struct source *s = b->sources; s; s = s->next)
        s->pending = BUF_MAX(BUFFER_BYTES);
    b->request = BUF_MAX(2 * (size_t)BUFFER_BYTES);
}

/* A variable of batch processors: OTEL_BSP_… of spans, OTEL_BLRP_… of log records. */
static int64_t variable(const struct batcher_options *o, const char *name, int64_t otherwise)
{
    char whole[40];
    (void)snprintf(whole, sizeof whole, "OTEL_%s_%s",
                   o->signal == TT_SIGNAL_TRACES ? "BSP" : "BLRP", name);
    return env_number(whole, otherwise);
}

/* A number of records is a limit when somebody asked for one. The specification's default, 2048, is
 * none here: a loop that makes spans reaches it in a fraction of a millisecond, and memory is
 * bounded without it. Records of 1 kB are to fit, though a number may not take all memory there is.
 */
static void fill_queue(struct batcher_options *o)
{
    if (!o->queue_records)
        o->queue_records = (size_t)variable(o, "MAX_QUEUE_SIZE", NOT_SET);
    if (o->simple)
        o->queue_records = SIZE_MAX;
    if (o->queue_bytes)
        return;
    o->queue_bytes = QUEUE_BYTES;
    if (o->queue_records != SIZE_MAX)
        o->queue_bytes = MAX(o->queue_bytes, MIN(o->queue_records, RECORDS_MAX) * RECORD_BYTES);
}

static void fill_defaults(struct batcher_options *o)
{
    bool spans = o->signal == TT_SIGNAL_TRACES;
    fill_queue(o);
    if (!o->batch_items)
        o->batch_items = (size_t)variable(o, "MAX_EXPORT_BATCH_SIZE", BATCH_ITEMS);
    o->batch_items = MIN(o->batch_items, o->queue_records);
    if (o->delay_ms <= 0)
        o->delay_ms = variable(o, "SCHEDULE_DELAY", spans ? SPANS_DELAY_MS : LOGS_DELAY_MS);
    if (o->send_timeout_ms <= 0)
        o->send_timeout_ms = variable(o, "EXPORT_TIMEOUT", SEND_TIMEOUT_MS);
}

bool batcher_init(struct batcher *b, const struct batcher_options *o, const tt_resource *resource)
{
    b->options = *o;
    b->end_mono_ns = INT64_MAX;
    b->failure = TT_ERR_NOMEM; // of records that were lost before a send
    fill_defaults(&b->options);
    b->disabled = env_is_disabled();
    mutex_init(&b->lock);
    mutex_init(&b->sending);
    worker_init(&b->worker, b->options.delay_ms, work, b);
    b->fork = (struct fork_hook){.child = restart, .arg = b};
    fork_hook_add(&b->fork);
    b->resource = resource ? tt_resource_merge(resource, NULL) : tt_resource_default();
    size_t records = b->options.queue_records;
    b->relay = relay_new(b->options.queue_bytes, records == SIZE_MAX ? RELAY_RECORDS_ANY : records,
                         wake, b);
    b->request = b->resource_field = BUF_MAX(2 * (size_t)BUFFER_BYTES);
    if (b->resource)
        otlp_put_resource(&b->resource_field, RESOURCE, b->resource);
    return b->resource && b->relay && !buf_failed(&b->resource_field);
}

/* What the exporter keeps. */
static int flush_exporter(struct batcher *b, int64_t deadline_mono_ns)
{
    const tt_exporter *e = &b->options.exporter;
    if (!e->flush)
        return TT_OK;
    if (!mutex_lock_until(&b->sending, deadline_mono_ns))
        return TT_ERR_TIMEOUT;
    int64_t left_ms = MAX((deadline_mono_ns - clock_mono_ns()) / NS_PER_MS, 0);
    int rc = e->flush(e->arg, left_ms);
    mutex_unlock(&b->sending);
    return rc;
}

uint64_t batcher_left(const struct batcher *b)
{
    tt_pipeline p = {0};
    if (atomic_get_acquire(&b->ended)) // pairs with batcher_shutdown
        relay_read(b->relay, &p);
    return p.queued;
}

uint64_t batcher_lost(const struct batcher *b)
{
    return atomic_get_relaxed(&b->queue_full) + atomic_get_relaxed(&b->shut_down) + unsent(b) +
           batcher_left(b);
}

int batcher_flush(struct batcher *b, int64_t timeout_ms)
{
    int64_t deadline = clock_deadline_ns(timeout_ms);
    if (atomic_get_relaxed(&b->closed))
        return TT_ERR_SHUTDOWN;
    if (!b->options.exporter.send || !b->relay)
        return TT_OK;
    int rc = send_all(b, deadline);
    if (rc == TT_ERR_TIMEOUT)
        return rc;
    int kept = flush_exporter(b, deadline);
    return rc ? rc : kept;
}

/* The worker's last work, or ours when there is no thread for it. False when the exporter does not
 * return, not even some time after it was cancelled. */
static bool finish(struct batcher *b)
{
    const tt_exporter *e = &b->options.exporter;
    if (!e->send || !b->relay)
        return true;
    if (!worker_start(&b->worker))
        work(b);
    if (!worker_stop(&b->worker, atomic_get_relaxed(&b->end_mono_ns)) && e->cancel)
        e->cancel(e->arg);
    int64_t until = clock_deadline_ns(GRACE_MS);
    if (!worker_stop(&b->worker, until)) {
        (void)pthread_detach(b->worker.thread); // ends by itself, if it does
        return false;
    }
    if (!mutex_lock_until(&b->sending, until))
        return false;
    drop_pending(b);
    mutex_unlock(&b->sending);
    return true;
}

int batcher_shutdown(struct batcher *b, int64_t timeout_ms)
{
    uint64_t before = unsent(b);
    if (atomic_get_relaxed(&b->closed))
        return TT_ERR_SHUTDOWN;
    atomic_set_relaxed(&b->end_mono_ns, clock_deadline_ns(timeout_ms));
    if (atomic_exchange(&b->closed, true))
        return TT_ERR_SHUTDOWN;
    b->stuck = !finish(b);
    atomic_add_relaxed(&b->failed, atomic_exchange(&b->in_flight, 0)); // 0 unless it is stuck
    atomic_set_release(&b->ended, b->relay != NULL);                   // pairs with batcher_left
    if (b->stuck || batcher_left(b))
        problem(TT_PROBLEM_EXPORT, "spans or log records were not sent before the shutdown", NULL);
    if (b->stuck)
        return TT_ERR_TIMEOUT;
    exporter_close(&b->options.exporter);
    return b->result == TT_OK && unsent(b) != before ? b->failure : b->result;
}

static void source_free(struct source *s)
{
    scope_done(&s->scope);
    buf_done(&s->head);
    buf_done(&s->tail);
    buf_done(&s->pending);
    free(s);
}

bool batcher_done(struct batcher *b)
{
    (void)batcher_shutdown(b, FREE_TIMEOUT_MS); // what is lost by it is counted
    if (b->stuck)
        return false;
    fork_hook_remove(&b->fork);
    relay_free(b->relay);
    for (struct source *s = b->sources, *next; s; s = next) {
        next = s->next;
        source_free(s);
    }
    buf_done(&b->request);
    buf_done(&b->resource_field);
    tt_resource_free(b->resource);
    worker_done(&b->worker);
    mutex_done(&b->sending);
    mutex_done(&b->lock);
    return true;
}

/* --- sources --------------------------------------------------------------------------------- */

static struct source *source_new(struct batcher *b, const tt_scope *scope, size_t size)
{
    struct source *s = calloc(1, size);
    if (!s)
        return NULL;
    s->batcher = b;
    s->pending = s->head = s->tail = BUF_MAX(BUFFER_BYTES);
    if (scope_init(&s->scope, scope)) {
        otlp_put_scope(&s->head, SCOPE, &s->scope);
        otlp_put_text(&s->tail, SCHEMA_URL, s->scope.schema_url);
        if (!buf_failed(&s->head) && !buf_failed(&s->tail))
            return s;
    }
    source_free(s);
    return NULL;
}

void *batcher_source(struct batcher *b, const tt_scope *scope, size_t size)
{
    if (b->disabled)
        return NULL;
    if (!scope->name || !*scope->name)
        problem(TT_PROBLEM_MISUSE, "a tracer or logger without a name", NULL);
    struct source *made = source_new(b, scope, size);
    if (!made) {
        problem(TT_PROBLEM_MEMORY, "no memory for a tracer or logger", scope->name);
        return NULL;
    }
    mutex_lock(&b->lock);
    struct source *s = b->sources;
    while (s && !scope_eq(&s->scope, &made->scope))
        s = s->next;
    if (!s) {
        made->next = b->sources;
        b->sources = made;
    }
    mutex_unlock(&b->lock);
    if (!s)
        return made;
    source_free(made);
    return s;
}
