#include "api/records/export.h"

#include "api/export.h"
#include "api/export_records.h"
#include "api/prometheus/answer.h"
#include "api/records/request.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "base/time.h"

struct exporting {
    struct record_request request;
    struct buf *body;
};

/* The answer's room is limited: a client with more asks for less time. */
static int put_text(void *arg, struct str text, struct err *err)
{
    struct buf *body = ((struct exporting *)arg)->body;
    bool full = body->n && body->n + text.n > EXPORT_ANSWER_MAX;
    buf_put_str(body, text);
    return full || buf_failed(body)
               ? err_set(err, ERR_TOO_BIG, "the answer is too large: ask for less time")
               : 0;
}

static bool is_cancelled(void *arg)
{
    const struct record_query *q = &((struct exporting *)arg)->request.q;
    return time_now_mono_ns() > q->deadline_mono_ns || q->has_gone(q->self);
}

static void set_totals(const struct http_request *q, struct http_response *r,
                       const struct export_records_totals *t)
{
    struct buf text = BUF_MAX(256);
    buf_printf(&text, "rows=%llu lines=%llu damaged=%llu", (unsigned long long)t->rows,
               (unsigned long long)t->lines, (unsigned long long)t->damaged);
    http_set_header(r, "X-Telltale-Export", arena_str(q->arena, buf_str(&text)));
    buf_done(&text);
}

/* Milliseconds that are out of the range of nanoseconds become its end. */
static int64_t ns_of(int64_t ms)
{
    const int64_t max = INT64_MAX / NS_PER_MS - 1;
    return MAX(MIN(ms, max), -max) * NS_PER_MS;
}

void record_export(struct api_context *api, enum record_table table, int64_t min_ms, int64_t max_ms,
                   const struct http_request *q, struct http_response *r)
{
    struct exporting x = {.body = &r->body};
    struct export_records_totals totals;
    struct err err = {0};
    record_request_begin(&x.request, api, q);
    const struct export_records_request request = {.store = api->store,
                                                   .table = table,
                                                   .match = http_param(q, "match"),
                                                   .min_unix_ns = ns_of(min_ms),
                                                   .max_unix_ns = ns_of(max_ms) + NS_PER_MS - 1,
                                                   .max_bytes = x.request.arena.budget,
                                                   .write = put_text,
                                                   .is_cancelled = is_cancelled,
                                                   .arg = &x};
    int rc = export_records_run(&request, &totals, &err);
    if (rc == ERR_CANCELLED && time_now_mono_ns() > x.request.q.deadline_mono_ns)
        rc = err_set(&err, ERR_TOO_BIG,
                     "the export takes longer than query.timeout allows: ask "
                     "for less time");
    record_request_end(&x.request);
    if (rc != 0) {
        size_t n = r->body.n;
        buf_done(&r->body); // an error needs little
        memory_freed(n);
        answer_error(r, &err);
        return;
    }
    r->content_type = "application/x-ndjson";
    set_totals(q, r, &totals);
}
