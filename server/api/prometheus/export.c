#include "api/prometheus/export.h"

#include "api/api.h"
#include "api/export.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "base/budget.h"
#include "base/memory.h"
#include "query/query.h"
#include "store/store.h"

/* The answer's room is limited: a client with more asks for less at a time. */
static int put_text(void *arg, struct str text, struct err *err)
{
    struct buf *body = arg;
    buf_put_str(body, text);
    return buf_failed(body) ? err_set(err, ERR_TOO_BIG,
                                      "the answer is too large: ask for fewer metrics or less time")
                            : 0;
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
    memory_freed(request->memory->peak);
    if (rc != 0) {
        answer_error(r, &err);
        return;
    }
    bool text = request->format == EXPORT_OPENMETRICS;
    r->content_type = text ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                           : "application/x-ndjson";
    set_totals(q, r, &totals);
}

void api_export(void *self, const struct http_request *q, struct http_response *r)
{
    const struct api_context *api = self;
    struct budget memory;
    struct export_request request = {.store = api->store,
                                     .memory = &memory,
                                     .metric = http_param(q, "metric"),
                                     .piece = http_param(q, "piece").n > 0,
                                     .write = put_text,
                                     .arg = &r->body};
    struct str format = http_param(q, "format");
    struct selectors selectors;
    if (!export_format_parse(format.n ? format : STR("openmetrics"), &request.format)) {
        answer_bad_param(r, "format", "expected openmetrics or otlp-json");
        return;
    }
    if (!param_time(q, r, "start", TIME_MIN_MS, &request.min_ms) ||
        !param_time(q, r, "end", TIME_MAX_MS, &request.max_ms) ||
        !param_selectors(q, r, "match[]", &selectors))
        return;
    if (selectors.n == 1) {
        request.matchers = selectors.v[0].v;
        request.n_matchers = selectors.v[0].n;
        query_engine_budget(api->engine, &memory);
        run(&request, q, r);
    } else {
        answer_bad_param(r, "match[]", "expected exactly one selector");
    }
    selectors_done(&selectors);
}
