#include "api/prometheus/export.h"

#include <stdlib.h>

#include "api/api.h"
#include "api/export.h"
#include "api/export_answer.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/params.h"
#include "api/records/export.h"
#include "base/budget.h"
#include "base/memory.h"
#include "codec/prom_format.h"
#include "query/query.h"
#include "store/store.h"

struct metrics_export {
    struct export_request request;
    struct selector selector; /* owned */
    struct budget memory;
    struct export_totals totals;
};

static int run(void *self, const struct export_sink *to, struct err *err)
{
    struct metrics_export *x = self;
    x->request.write = to->write;
    x->request.is_cancelled = to->is_cancelled;
    x->request.arg = to->arg;
    return export_run(&x->request, &x->totals, err);
}

static void put_totals(const void *self, struct buf *out)
{
    const struct export_totals *t = &((const struct metrics_export *)self)->totals;
    buf_printf(out, "series=%llu samples=%llu left_out=%llu damaged=%llu",
               (unsigned long long)t->series, (unsigned long long)t->samples,
               (unsigned long long)t->left_out, (unsigned long long)t->damaged);
}

static void done(void *self)
{
    struct metrics_export *x = self;
    memory_freed(x->memory.peak);
    query_matchers_free(x->selector.v, x->selector.n);
    free(x);
}

static const char *content_type(enum export_format format)
{
    if (format == EXPORT_OTLP_JSON)
        return "application/x-ndjson";
    enum prom_format form = format == EXPORT_PROMETHEUS ? PROM_TEXT : PROM_OPENMETRICS;
    return prom_content_type((struct prom_content){form, PROM_ALLOW_UTF8});
}

/* Takes what `selector` has. */
static void export_selector(struct api_context *api, const struct export_request *request,
                            struct selector *selector, const struct http_request *q,
                            struct http_response *r)
{
    struct err err;
    struct metrics_export *x = calloc(1, sizeof *x);
    if (!x) {
        (void)err_set(&err, ERR_NOMEM, "export: out of memory");
        answer_error(r, &err);
        return;
    }
    x->request = *request;
    x->selector = *selector;
    *selector = (struct selector){0};
    x->request.matchers = x->selector.v;
    x->request.n_matchers = x->selector.n;
    x->request.memory = &x->memory;
    query_engine_budget(api->engine, &x->memory);
    const struct export_job job = {run,
                                   put_totals,
                                   done,
                                   x,
                                   content_type(request->format),
                                   query_engine_options(api->engine).timeout_ms};
    export_answer(&job, q, r);
}

static void export_metrics(struct api_context *api, const struct export_request *request,
                           const struct http_request *q, struct http_response *r)
{
    struct selectors selectors;
    if (!param_selectors(q, r, &selectors))
        return;
    if (selectors.n == 1)
        export_selector(api, request, &selectors.v[0], q, r);
    else
        answer_bad_param(r, "match[]", "expected exactly one selector");
    selectors_done(&selectors);
}

void api_export(void *self, const struct http_request *q, struct http_response *r)
{
    struct api_context *api = self;
    struct export_request request = {.store = api->store};
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
