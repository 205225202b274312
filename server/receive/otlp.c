/* body ─▶ tree (codec/otlp.h) ─▶ batch (otlp_translate.h) ─▶ sink ─▶ answer. Tree and batch live in
 * one arena, freed when the answer is made. */
#include "receive/otlp.h"

#include <stdlib.h>

#include "base/atomic.h"
#include "base/lock.h"
#include "base/time.h"
#include "codec/otlp.h"
#include "codec/otlp_records.h"
#include "log/log.h"
#include "receive/body.h"
#include "receive/intake.h"
#include "receive/otlp_delta.h"
#include "receive/otlp_records.h"
#include "receive/otlp_rules.h"
#include "receive/otlp_translate.h"

enum { BATCH_BYTES = 512 << 20 }; /* memory of one request's tree and batch */
enum { RETRY_AFTER_MS = 1000 };

enum otlp_encoding { OTLP_PROTOBUF, OTLP_JSON };

/* A configuration, shared by the requests that began under it. */
struct shared_rules {
    struct refcount refs;
    struct otlp_rules rules;
};

/* What differs between the signals. */
static const struct {
    const char *nouns, *rejected_name;
} signals[OTLP_SIGNALS] = {
    [OTLP_METRICS] = {"data points", "rejectedDataPoints"},
    [OTLP_TRACES] = {"spans", "rejectedSpans"},
    [OTLP_LOGS] = {"log records", "rejectedLogRecords"},
};

struct otlp_receiver {
    struct otlp_endpoint endpoints[OTLP_SIGNALS];
    const struct sink *sink;     /* borrowed */
    struct otlp_delta *delta;    /* owned */
    struct lock lock;            /* LOCK_LEAF */
    struct shared_rules *shared; /* guarded by lock; replaced whole */
};

/* ---- life ---- */

static struct shared_rules *rules_ref(struct otlp_receiver *r)
{
    lock_take(&r->lock);
    struct shared_rules *shared = r->shared;
    refcount_get(&shared->refs);
    lock_give(&r->lock);
    return shared;
}

static void rules_unref(struct shared_rules *shared)
{
    if (shared && refcount_put(&shared->refs)) {
        otlp_rules_done(&shared->rules);
        free(shared);
    }
}

static struct shared_rules *rules_new(const struct receiver_options *options)
{
    struct shared_rules *shared = calloc(1, sizeof *shared);
    if (!shared || otlp_rules_init(&shared->rules, options) != 0) {
        free(shared);
        return NULL;
    }
    refcount_init(&shared->refs);
    return shared;
}

static struct otlp_delta_options delta_options(const struct receiver_options *options)
{
    return (struct otlp_delta_options){
        .max_streams = options->otlp.max_delta_streams,
        .idle_ms = options->otlp.delta_idle_ms,
    };
}

int otlp_receiver_new(const struct receiver_options *options, struct otlp_receiver **out,
                      struct err *err)
{
    const struct otlp_delta_options delta = delta_options(options);
    struct otlp_receiver *r = calloc(1, sizeof *r);
    if (!r)
        return err_set(err, ERR_NOMEM, "out of memory for the OTLP receiver");
    lock_init(&r->lock, LOCK_LEAF);
    r->sink = options->sink;
    for (int i = 0; i < OTLP_SIGNALS; i++)
        r->endpoints[i] = (struct otlp_endpoint){r, (enum otlp_signal)i};
    r->shared = rules_new(options);
    if (!r->shared || otlp_delta_new(&delta, &r->delta) != 0) {
        otlp_receiver_free(r);
        return err_set(err, ERR_NOMEM, "out of memory for the OTLP receiver");
    }
    *out = r;
    return 0;
}

struct otlp_endpoint *otlp_receiver_endpoint(struct otlp_receiver *r, enum otlp_signal signal)
{
    return &r->endpoints[signal];
}

void otlp_receiver_free(struct otlp_receiver *r)
{
    if (!r)
        return;
    rules_unref(r->shared);
    otlp_delta_free(r->delta);
    lock_done(&r->lock);
    free(r);
}

void otlp_receiver_reconfigure(struct otlp_receiver *r, const struct receiver_options *options)
{
    const struct otlp_delta_options delta = delta_options(options);
    struct shared_rules *shared = rules_new(options);
    if (!shared) {
        log_error("receive", "out of memory for new OTLP rules; the old ones stay");
        return;
    }
    otlp_delta_configure(r->delta, &delta);
    lock_take(&r->lock);
    struct shared_rules *old = r->shared;
    r->shared = shared;
    lock_give(&r->lock);
    rules_unref(old);
}

/* ---- storing ---- */

/* One request on its way. */
struct export
{
    struct otlp_receiver *receiver;
    enum otlp_signal signal;
    enum intake_protocol protocol;
    enum otlp_encoding encoding;
    struct str body, compression;        /* as sent */
    struct otlp_outcome outcome;         /* of metrics */
    struct otlp_records_outcome records; /* of traces and logs */
    struct sink_result stored;
    struct err err; /* why nothing was stored */
};

static int decode(const struct export *e, struct str body, struct batch *batch,
                  struct otlp_request *out, struct err *err)
{
    if (e->encoding == OTLP_JSON)
        return otlp_json_decode(body, NULL, &batch->arena, out, err);
    return otlp_decode_lazily(body, NULL, &batch->arena, out, err);
}

/* `recall`: series that the sink knows need no labels. */
static int store_metrics(struct export *e, const struct otlp_rules *rules, struct str body,
                         bool recall, struct batch *batch)
{
    const struct sink *sink = e->receiver->sink;
    struct otlp_request request;
    int rc = decode(e, body, batch, &request, &e->err);
    if (rc == 0)
        rc = otlp_translate(&request, rules, recall ? sink : NULL, e->receiver->delta, batch,
                            &e->outcome, &e->err);
    /* A budget that is spent is the request's fault; memory that is not there may be later. */
    if (rc == ERR_NOMEM && batch->arena.used > batch->arena.budget / 2)
        rc = ERR_TOO_BIG;
    if (rc == 0 && batch->n_series + batch->n_points + batch->n_metadata > 0)
        rc = sink_append(sink, batch, &e->stored, &e->err);
    return rc;
}

static int store_batch(struct export *e, const struct otlp_rules *rules, struct str body,
                       struct batch *batch)
{
    int rc = store_metrics(e, rules, body, true, batch);
    if (rc == ERR_STALE) { // rare: a series was removed between translating and storing
        batch_reset(batch);
        e->err = (struct err){0};
        rc = store_metrics(e, rules, body, false, batch);
    }
    if (rc != 0)
        otlp_told_forget(rules->told);
    return rc;
}

static int decode_records(const struct export *e, struct str body, struct arena *arena,
                          struct otlp_records *out, struct err *err)
{
    const struct otlp_limits limits = {.max_attributes = OTLP_RECORD_LIST_READ};
    if (e->signal == OTLP_TRACES)
        return e->encoding == OTLP_JSON ? otlp_traces_json_decode(body, &limits, arena, out, err)
                                        : otlp_traces_decode(body, &limits, arena, out, err);
    return e->encoding == OTLP_JSON ? otlp_logs_json_decode(body, &limits, arena, out, err)
                                    : otlp_logs_decode(body, &limits, arena, out, err);
}

static int store_records(struct export *e, const struct otlp_rules *rules, struct str body)
{
    struct record_batch batch;
    struct otlp_records request;
    record_batch_init(&batch, e->signal == OTLP_TRACES ? RECORD_SPANS : RECORD_LOGS, BATCH_BYTES);
    int rc = decode_records(e, body, &batch.arena, &request, &e->err);
    if (rc == 0)
        rc = otlp_records_translate(&request, rules->limits.max_text_bytes,
                                    time_now_unix_ms() * NS_PER_MS, &batch, &e->records);
    if (rc == ERR_NOMEM && batch.arena.used > batch.arena.budget / 2)
        rc =
            err_set(&e->err, ERR_TOO_BIG, "the request needs over %d bytes of memory", BATCH_BYTES);
    if (rc == 0 && e->records.records > e->records.rejected)
        rc = sink_append_records(e->receiver->sink, &batch, &e->stored, &e->err);
    record_batch_done(&batch);
    return rc;
}

static void count(const struct export *e, int rc)
{
    intake_count(e->protocol, e->body.n, rc, rc == 0 ? &e->stored : NULL);
    if (rc == 0 && e->records.rejected)
        intake_reject(e->protocol, "invalid", e->records.rejected);
    if (rc == 0 && e->records.truncated)
        intake_truncate(e->protocol, e->records.truncated);
    for (int i = 0; i < OTLP_REJECTS && rc == 0; i++)
        if (e->outcome.rejected[i])
            intake_reject(e->protocol, otlp_reject_name((enum otlp_reject)i),
                          e->outcome.rejected[i]);
}

/* 0, or why nothing was stored; e->err tells it. */
static int export(struct export *e)
{
    struct shared_rules *shared = rules_ref(e->receiver);
    const struct otlp_rules *rules = &shared->rules;
    struct batch batch;
    struct buf room;
    struct str body;
    batch_init(&batch, BATCH_BYTES);
    int rc = body_decode(e->compression, e->body, &rules->limits, &room, &body, &e->err);
    if (rc == 0)
        rc = e->signal == OTLP_METRICS ? store_batch(e, rules, body, &batch)
                                       : store_records(e, rules, body);
    count(e, rc);
    batch_done(&batch);
    buf_done(&room);
    rules_unref(shared);
    if (rc != 0 && e->err.message[0] == '\0')
        (void)err_set(&e->err, rc, "%s", err_name(rc));
    return rc;
}

/* ---- answering ---- */

/* Points that were left out. The sink counts samples, of which a histogram's point has several; no
 * more points can be missing than were sent. */
static size_t rejected_points(const struct export *e)
{
    if (e->signal != OTLP_METRICS)
        return e->records.rejected + sink_result_rejected(&e->stored);
    size_t n = otlp_outcome_rejected(&e->outcome) + sink_result_rejected(&e->stored);
    return MIN(n, e->outcome.points);
}

/* "3 of 10 data points were rejected; first: …" */
static void put_rejections(struct buf *out, const struct export *e)
{
    size_t rejected = rejected_points(e);
    if (rejected == 0)
        return;
    bool metrics = e->signal == OTLP_METRICS;
    const char *first = metrics ? e->outcome.message : e->records.message;
    buf_printf(out, "%zu of %zu %s were rejected; first: %s", rejected,
               metrics ? e->outcome.points : e->records.records, signals[e->signal].nouns,
               first[0] ? first : e->stored.message);
}

static void put_response(struct buf *out, const struct export *e)
{
    struct buf message = BUF_MAX(4096);
    put_rejections(&message, e);
    if (message.n)
        intake_log_rejected(e->protocol, buf_str(&message));
    if (e->encoding == OTLP_JSON)
        otlp_json_encode_response(out, signals[e->signal].rejected_name, rejected_points(e),
                                  buf_str(&message));
    else
        otlp_encode_response(out, rejected_points(e), buf_str(&message));
    buf_done(&message);
}

static bool is_retryable(int rc)
{
    return rc == ERR_BUSY || rc == ERR_NOMEM || rc == ERR_IO || rc == ERR_TIMEOUT ||
           rc == ERR_CANCELLED;
}

static enum grpc_status grpc_status_of(int rc)
{
    switch (rc) {
    case ERR_INVALID:
    case ERR_CORRUPT: return GRPC_INVALID_ARGUMENT;
    case ERR_TOO_BIG: return GRPC_RESOURCE_EXHAUSTED;
    case ERR_UNSUPPORTED: return GRPC_UNIMPLEMENTED;
    default: return is_retryable(rc) ? GRPC_UNAVAILABLE : GRPC_INTERNAL;
    }
}

static int http_status_of(int rc)
{
    switch (rc) {
    case ERR_INVALID:
    case ERR_CORRUPT: return 400;
    case ERR_TOO_BIG: return 413;
    case ERR_UNSUPPORTED: return 415;
    default: return is_retryable(rc) ? 503 : 500;
    }
}

/* ---- HTTP ---- */

static int read_content_type(struct str header, enum otlp_encoding *out, struct err *err)
{
    struct str media = str_trim(str_cut(&header, ';'));
    if (str_eq_nocase(media, STR("application/x-protobuf"))) {
        *out = OTLP_PROTOBUF;
        return 0;
    }
    if (str_eq_nocase(media, STR("application/json"))) {
        *out = OTLP_JSON;
        return 0;
    }
    return err_set(err, ERR_UNSUPPORTED,
                   "Content-Type: \"%.*s\"; expected application/x-protobuf or application/json",
                   STR_ARG(str_sub(media, 0, 100)));
}

static void answer_http_error(struct http_response *response, const struct export *e, int rc)
{
    response->status = http_status_of(rc);
    struct str message = str_c(e->err.message);
    if (e->encoding == OTLP_JSON)
        otlp_json_encode_status(&response->body, (int)grpc_status_of(rc), message);
    else
        otlp_encode_status(&response->body, (int)grpc_status_of(rc), message);
    if (is_retryable(rc))
        http_set_header(response, "Retry-After", STR("1"));
    intake_log_refused(e->protocol, rc, &e->err);
}

/* gRPC's codes, as the specification of OTLP/HTTP maps them. */
static int grpc_status_of_http(int status)
{
    switch (status) {
    case 401: return GRPC_UNAUTHENTICATED;
    case 403: return GRPC_PERMISSION_DENIED;
    case 413:
    case 429: return GRPC_RESOURCE_EXHAUSTED;
    case 503: return GRPC_UNAVAILABLE;
    default: return status < 500 ? GRPC_INVALID_ARGUMENT : GRPC_INTERNAL;
    }
}

void otlp_receiver_refuse(const struct http_request *request, struct http_response *response,
                          const char *message)
{
    enum otlp_encoding encoding = OTLP_PROTOBUF;
    int code = grpc_status_of_http(response->status);
    (void)read_content_type(http_header(request, "Content-Type"), &encoding, NULL); // else protobuf
    response->content_type = encoding == OTLP_JSON ? "application/json" : "application/x-protobuf";
    if (encoding == OTLP_JSON)
        otlp_json_encode_status(&response->body, code, str_c(message));
    else
        otlp_encode_status(&response->body, code, str_c(message));
}

void otlp_receiver_http(void *self, const struct http_request *request,
                        struct http_response *response)
{
    const struct otlp_endpoint *endpoint = self;
    struct export e = {
        .receiver = endpoint->receiver,
        .signal = endpoint->signal,
        .protocol = INTAKE_OTLP_HTTP,
        .body = request->body,
        .compression = http_header(request, "Content-Encoding"),
    };
    int rc = read_content_type(http_header(request, "Content-Type"), &e.encoding, &e.err);
    if (rc != 0)
        count(&e, rc);
    else
        rc = export(&e);
    response->content_type =
        e.encoding == OTLP_JSON ? "application/json" : "application/x-protobuf";
    if (rc == 0)
        put_response(&response->body, &e);
    else
        answer_http_error(response, &e, rc);
}

/* ---- gRPC ---- */

void otlp_receiver_grpc(void *self, const struct grpc_request *request,
                        struct grpc_response *response)
{
    const struct otlp_endpoint *endpoint = self;
    struct export e = {
        .receiver = endpoint->receiver,
        .signal = endpoint->signal,
        .protocol = INTAKE_OTLP_GRPC,
        .body = request->message,
        .compression = request->encoding,
    };
    int rc = 0;
    if (time_now_mono_ns() > request->deadline_mono_ns) {
        rc = err_set(&e.err, ERR_TIMEOUT, "the deadline passed before the request was looked at");
        count(&e, rc);
    } else {
        rc = export(&e);
    }
    response->status = rc == ERR_TIMEOUT ? GRPC_DEADLINE_EXCEEDED
                       : rc              ? grpc_status_of(rc)
                                         : GRPC_OK;
    if (rc == 0) {
        put_response(&response->message, &e);
        return;
    }
    struct str shown = str_sub(str_c(e.err.message), 0, sizeof response->error - 1);
    memcpy(response->error, shown.p, shown.n);
    response->error[shown.n] = '\0';
    response->retry_after_ms = response->status == GRPC_UNAVAILABLE ? RETRY_AFTER_MS : 0;
    intake_log_refused(e.protocol, rc, &e.err);
}
