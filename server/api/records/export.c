#include "api/records/export.h"

#include <stdlib.h>

#include "api/export_answer.h"
#include "api/export_records.h"
#include "api/prometheus/answer.h"
#include "base/compiler.h"
#include "base/time.h"
#include "query/query.h"

struct records_export {
    struct export_records_request request;
    char *match; /* owned */
    struct export_records_totals totals;
};

static int run(void *self, const struct export_sink *to, struct err *err)
{
    struct records_export *x = self;
    x->request.write = to->write;
    x->request.is_cancelled = to->is_cancelled;
    x->request.arg = to->arg;
    return export_records_run(&x->request, &x->totals, err);
}

static void put_totals(const void *self, struct buf *out)
{
    const struct export_records_totals *t = &((const struct records_export *)self)->totals;
    buf_printf(out, "rows=%llu lines=%llu damaged=%llu", (unsigned long long)t->rows,
               (unsigned long long)t->lines, (unsigned long long)t->damaged);
}

static void done(void *self)
{
    struct records_export *x = self;
    free(x->match);
    free(x);
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
    const struct query_options options = query_engine_options(api->engine);
    struct str match = http_param(q, "match");
    struct records_export *x = calloc(1, sizeof *x);
    struct err err;
    if (!x || !(x->match = str_dup(match))) {
        free(x);
        (void)err_set(&err, ERR_NOMEM, "export: out of memory");
        answer_error(r, &err);
        return;
    }
    x->request = (struct export_records_request){.store = api->store,
                                                 .table = table,
                                                 .match = str_of(x->match, match.n),
                                                 .min_unix_ns = ns_of(min_ms),
                                                 .max_unix_ns = ns_of(max_ms) + NS_PER_MS - 1,
                                                 .max_bytes = options.max_memory_bytes};
    const struct export_job job = {
        run, put_totals, done, x, "application/x-ndjson", options.timeout_ms};
    export_answer(&job, q, r);
}
