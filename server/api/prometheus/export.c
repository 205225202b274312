#include "api/prometheus/export.h"

#include "api/api.h"
#include "api/export.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "api/records/export.h"
#include "base/budget.h"
#include "base/memory.h"
#include "base/time.h"
#include "codec/prom_format.h"
#include "query/query.h"
#include "store/store.h"

struct exporting {
    const struct http_request *http;
    struct buf *body;
    int64_t deadline_mono_ns;
};

/* The answer's room is limited: a client with more asks for less at a time. */
static int put_text(void *arg, struct str text, struct err *err)
{
    struct buf *body = ((struct exporting *)arg)->body;
    bool full = body->n && body->n + text.n > EXPORT_ANSWER_MAX;
    buf_put_str(body, text);
    return full || buf_failed(body)
               ? err_set(err, ERR_TOO_BIG,
                         "the answer is too large: ask for fewer metrics or less time")
               : 0;
}

static bool is_late(const struct exporting *x)
{
    return time_now_mono_ns() > x->deadline_mono_ns;
}

static bool is_cancelled(void *arg)
{
    const struct exporting *x = arg;
    return is_late(x) || http_client_gone(x->http);
}

static void set_totals(const struct http_request *q, struct http_response *r,
                       const struct export_totals *t)
{
    struct buf text = BUF_MAX(256);
    buf_printf(&text, "series=%llu samples=%llu left_out=%llu damaged=%llu",
               (unsigned long long)t->series, (unsigned long long)t->samples,
               (unsigned long long)t->left_out, (unsigned long long)t->damaged);
    http_set_header(r, "X-Telltale-Export", arena_str(q->arena, buf_str(&text)));
    buf_done(&text);
}

static void run(const struct export_request *request, const struct http_request *q,
                struct http_response *r)
{
    struct export_totals totals;
    struct err err = {0};
    int rc = export_run(request, &totals, &err);
    if (rc == ERR_CANCELLED && is_late(request->arg))
        rc = err_set(&err, ERR_TOO_BIG,
                     "the export takes longer than query.timeout allows: ask for fewer metrics or "
                     "less time");
    memory_freed(request->memory->peak);
    if (rc != 0) {
        size_t n = r->body.n;
        buf_done(&r->body); // an error needs little
        memory_freed(n);
        answer_error(r, &err);
        return;
    }
    bool text = request->format != EXPORT_OTLP_JSON;
    enum prom_format form = request->format == EXPORT_PROMETHEUS ? PROM_TEXT : PROM_OPENMETRICS;
    r->content_type = text ? prom_content_type((struct prom_content){form, PROM_ALLOW_UTF8})
                           : "application/x-ndjson";
    set_totals(q, r, &totals);
}

static void export_metrics(struct api_context *api, struct export_request *request,
                           const struct http_request *q, struct http_response *r)
{
    struct selectors selectors;
    struct budget memory;
    if (!param_selectors(q, r, "match[]", &selectors))
        return;
    if (selectors.n == 1) {
        request->matchers = selectors.v[0].v;
        request->n_matchers = selectors.v[0].n;
        request->memory = &memory;
        query_engine_budget(api->engine, &memory);
        run(request, q, r);
    } else {
        answer_bad_param(r, "match[]", "expected exactly one selector");
    }
    selectors_done(&selectors);
}

void api_export(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    const int64_t timeout_ns = query_engine_options(api->engine).timeout_ms * NS_PER_MS;
    struct exporting x = {q, &r->body, time_now_mono_ns() + timeout_ns};
    struct export_request request = {.store = api->store,
                                     .metric = http_param(q, "metric"),
                                     .piece = http_param(q, "piece").n > 0,
                                     .write = put_text,
                                     .is_cancelled = is_cancelled,
                                     .arg = &x};
    struct str format = http_param(q, "format"), table = http_param(q, "table");
    bool spans = str_eq(table, STR("spans")), metrics = !table.n || str_eq(table, STR("metrics"));
    if (format.n && !export_format_parse(format, &request.format)) {
        answer_bad_param(r, "format", "expected openmetrics, prometheus or otlp-json");
        return;
    }
    if (!metrics && !spans && !str_eq(table, STR("logs"))) {
        answer_bad_param(r, "table", "expected metrics, spans or logs");
        return;
    }
    if (!metrics && format.n && request.format != EXPORT_OTLP_JSON) {
        answer_bad_param(r, "format", "expected otlp-json, the only one for spans and logs");
        return;
    }
    if (!param_range(q, r, &request.min_ms, &request.max_ms))
        return;
    if (metrics)
        export_metrics(api, &request, q, r);
    else
        record_export(api, spans ? RECORD_SPANS : RECORD_LOGS, request.min_ms, request.max_ms, q,
                      r);
}
