#include "support/script_bench.h"

#include <stdio.h>

static void close_all(struct script_bench *b)
{
    query_engine_free(b->engine);
    (void)store_close(b->store, NULL); // in memory: nothing can fail
    b->engine = NULL;
    b->store = NULL;
}

static int reset(void *self, struct err *err)
{
    struct script_bench *b = self;
    struct store_options options = {.retention_ms = STORE_RETENTION_FOREVER};
    struct query_options query = {.features = b->features};
    close_all(b);
    (void)store_open(&options, &b->store, err); // in memory: nothing can fail
    return query_engine_new(b->store, &query, &b->engine, err);
}

static int load(void *self, const struct batch *batch, struct err *err)
{
    struct sink_result result;
    return store_append(((struct script_bench *)self)->store, batch, &result, err);
}

static int query(void *self, const struct query_request *request, struct query_result *out,
                 struct err *err)
{
    return query_run(((struct script_bench *)self)->engine, request, out, err);
}

static void failed(void *self, size_t line, const char *message)
{
    struct script_bench *b = self;
    b->failures++;
    b->line = line;
    (void)snprintf(b->message, sizeof b->message, "%s", message);
}

int script_bench_run(struct script_bench *b, const char *text, struct script_report *report,
                     struct err *err)
{
    const struct script_driver driver = {
        .reset = reset, .load = load, .query = query, .failed = failed, .self = b};
    int rc = script_run(str_c(text), &driver, report, err);
    close_all(b);
    return rc;
}
