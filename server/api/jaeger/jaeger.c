#include "api/jaeger/jaeger.h"

#include "api/jaeger/answer.h"
#include "api/jaeger/search.h"
#include "api/jaeger/write.h"
#include "api/records/otlp_json.h"
#include "api/records/request.h"
#include "base/compiler.h"

#define FOREVER_MIN INT64_MIN
#define FOREVER_MAX INT64_MAX

typedef int asked_thing(struct record_request *r, struct http_response *response, struct err *err);

/* What the handlers share: the answer of `ask`, or its error by `fail`. */
static void answer(void *self, const struct http_request *http, struct http_response *response,
                   asked_thing *ask, void (*fail)(struct http_response *r, const struct err *err))
{
    struct record_request r;
    struct err err = {0};
    record_request_begin(&r, self, http);
    int rc = ask(&r, response, &err);
    if (rc != 0) {
        err.code = rc;
        fail(response, &err);
    }
    record_request_warn(&r, response);
    record_request_end(&r);
}

/* --- services and operations ------------------------------------------------------------------ */

static void write_texts(struct json *j, const struct str *v, size_t n)
{
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_str(j, v[i]);
    json_array_end(j);
}

static int services(struct record_request *r, struct http_response *response, struct err *err)
{
    struct str *names;
    size_t n;
    int rc = traces_services(&r->q, FOREVER_MIN, FOREVER_MAX, &names, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin(response);
    write_texts(&j, names, n);
    jaeger_end(&j, n);
    return 0;
}

static int services_v3(struct record_request *r, struct http_response *response, struct err *err)
{
    struct str *names;
    size_t n;
    int rc = traces_services(&r->q, FOREVER_MIN, FOREVER_MAX, &names, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin_v3(response, "services");
    write_texts(&j, names, n);
    json_object_end(&j);
    return 0;
}

/* {service}/operations: just the names. */
static int service_operations(struct record_request *r, struct http_response *response,
                              struct err *err)
{
    struct str service = r->http->rest, end = STR("/operations");
    struct operation *v;
    size_t n, names = 0;
    if (!str_ends(service, end) || service.n == end.n)
        return err_set(err, ERR_NOT_FOUND, "page not found");
    service.n -= end.n;
    int rc = traces_operations(&r->q, service, -1, FOREVER_MIN, FOREVER_MAX, &v, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin(response);
    json_array(&j);
    for (size_t i = 0; i < n; i++) {
        if (i && str_eq(v[i].name, v[i - 1].name))
            continue; // the same with another kind
        json_str(&j, v[i].name);
        names++;
    }
    json_array_end(&j);
    jaeger_end(&j, names);
    return 0;
}

static int find_operations(struct record_request *r, const char *kind_param, struct operation **out,
                           size_t *out_n, struct err *err)
{
    struct str service = http_param(r->http, "service"), word = http_param(r->http, kind_param);
    int kind = word.n ? span_kind_parse(word) : -1;
    if (service.n == 0)
        return err_set(err, ERR_INVALID, "parameter 'service' is required");
    if (word.n && kind < 0)
        return err_set(err, ERR_INVALID,
                       "parameter '%s': \"%.*s\" is none of internal, server, client, producer, "
                       "consumer",
                       kind_param, STR_ARG(str_sub(word, 0, 100)));
    return traces_operations(&r->q, service, kind, FOREVER_MIN, FOREVER_MAX, out, out_n, err);
}

static void write_operations(struct json *j, const struct operation *v, size_t n)
{
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_member_str(j, "name", v[i].name);
        json_member_str(j, "spanKind", v[i].kind ? str_c(span_kind_name(v[i].kind)) : STR(""));
        json_object_end(j);
    }
    json_array_end(j);
}

static int operations(struct record_request *r, struct http_response *response, struct err *err)
{
    struct operation *v;
    size_t n;
    int rc = find_operations(r, "spanKind", &v, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin(response);
    write_operations(&j, v, n);
    jaeger_end(&j, n);
    return 0;
}

static int operations_v3(struct record_request *r, struct http_response *response, struct err *err)
{
    struct operation *v;
    size_t n;
    int rc = find_operations(r, "span_kind", &v, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin_v3(response, "operations");
    write_operations(&j, v, n);
    json_object_end(&j);
    return 0;
}

/* --- traces ----------------------------------------------------------------------------------- */

/* Those with spans, in the order of `ids`. */
static int load(struct record_request *r, const struct str *ids, size_t n, struct trace **out,
                size_t *out_n, struct err *err)
{
    size_t found = 0;
    struct trace *v;
    const struct trace_load all = {.ids = ids,
                                   .n = n,
                                   .min_unix_ns = FOREVER_MIN,
                                   .max_unix_ns = FOREVER_MAX,
                                   .max_spans = TRACE_SPANS_MAX};
    int rc = traces_load(&r->q, &all, &v, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        if (v[i].n)
            v[found++] = v[i];
    if (rc == 0) {
        *out = v;
        *out_n = found;
    }
    return rc;
}

static int find(struct record_request *r, const struct jaeger_search *search, struct trace **out,
                size_t *out_n, struct err *err)
{
    struct trace_key *keys;
    size_t n;
    if (search->n_ids)
        return load(r, search->ids, search->n_ids, out, out_n, err);
    const struct trace_search wanted = {.where = &search->where,
                                        .min_unix_ns = search->min_unix_ns,
                                        .max_unix_ns = search->max_unix_ns,
                                        .limit = search->limit};
    int rc = traces_find(&r->q, &wanted, &keys, &n, err);
    struct str *ids = rc == 0 ? arena_array(&r->arena, n, sizeof *ids) : NULL;
    if (rc == 0 && !ids)
        return record_query_no_memory(&r->q, err);
    for (size_t i = 0; rc == 0 && i < n; i++)
        ids[i] = keys[i].id;
    return rc == 0 ? load(r, ids, n, out, out_n, err) : rc;
}

static void write_traces(struct record_request *r, struct http_response *response,
                         const struct trace *v, size_t n)
{
    struct json j = jaeger_begin(response);
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        jaeger_write_trace(&j, &v[i], &r->arena);
    json_array_end(&j);
    jaeger_end(&j, n);
}

/* OTLP has no place for warnings. */
static void warn_of_cuts(struct http_response *response, const struct trace *v, size_t n)
{
    size_t cut = 0;
    for (size_t i = 0; i < n; i++)
        cut += v[i].cut;
    if (cut)
        http_set_header(
            response, "Warning",
            STR("299 telltale \"of traces with more than 100,000 spans the others are left "
                "out\""));
}

static int write_traces_v3(struct record_request *r, struct http_response *response,
                           const struct trace *v, size_t n, struct err *err)
{
    struct json j = jaeger_begin_v3(response, "result");
    if (!json_otlp_traces(&j, v, n, &r->arena))
        return record_query_no_memory(&r->q, err);
    json_object_end(&j);
    warn_of_cuts(response, v, n);
    return 0;
}

static int traces(struct record_request *r, struct http_response *response, struct err *err)
{
    struct jaeger_search search;
    struct trace *v;
    size_t n;
    int rc = jaeger_read_search(r->http, &r->arena, &search, err);
    if (rc == 0)
        rc = find(r, &search, &v, &n, err);
    if (rc == 0)
        write_traces(r, response, v, n);
    return rc;
}

static int traces_v3(struct record_request *r, struct http_response *response, struct err *err)
{
    struct jaeger_search search;
    struct trace *v;
    size_t n;
    int rc = jaeger_read_search_v3(r->http, &r->arena, &search, err);
    if (rc == 0)
        rc = find(r, &search, &v, &n, err);
    return rc == 0 ? write_traces_v3(r, response, v, n, err) : rc;
}

/* The trace of the path; a client's hint of when it was is not needed. */
static int load_one(struct record_request *r, struct trace **out, struct err *err)
{
    enum { TRACE_ID_BYTES = 16 };
    size_t n;
    struct str id = parse_id(&r->arena, r->http->rest, TRACE_ID_BYTES);
    if (!id.p)
        return err_set(err, ERR_INVALID,
                       "cannot read the trace id \"%.*s\"; expected up to 32 hexadecimal digits",
                       STR_ARG(str_sub(r->http->rest, 0, 100)));
    int rc = load(r, &id, 1, out, &n, err);
    return rc == 0 && n == 0 ? err_set(err, ERR_NOT_FOUND, "trace not found") : rc;
}

static int trace(struct record_request *r, struct http_response *response, struct err *err)
{
    struct trace *t;
    int rc = load_one(r, &t, err);
    if (rc == 0)
        write_traces(r, response, t, 1);
    return rc;
}

static int trace_v3(struct record_request *r, struct http_response *response, struct err *err)
{
    struct trace *t;
    int rc = jaeger_read_raw(r->http, "raw_traces", err);
    if (rc == 0)
        rc = load_one(r, &t, err);
    return rc == 0 ? write_traces_v3(r, response, t, 1, err) : rc;
}

/* --- dependencies ----------------------------------------------------------------------------- */

static int find_edges(struct record_request *r, struct map_edge **out, size_t *out_n,
                      struct err *err)
{
    int64_t min, max;
    int rc = jaeger_read_range(r->http, &min, &max, err);
    return rc == 0 ? traces_map(&r->q, NULL, min, max, true, out, out_n, err) : rc;
}

static void write_edges(struct json *j, const struct map_edge *v, size_t n)
{
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_member_str(j, "parent", v[i].caller->name);
        json_member_str(j, "child", v[i].callee->name);
        json_member_i64(j, "callCount", (int64_t)v[i].calls);
        json_object_end(j);
    }
    json_array_end(j);
}

static int dependencies(struct record_request *r, struct http_response *response, struct err *err)
{
    struct map_edge *v;
    size_t n;
    int rc = find_edges(r, &v, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin(response);
    write_edges(&j, v, n);
    jaeger_end(&j, n);
    return 0;
}

static int dependencies_v3(struct record_request *r, struct http_response *response,
                           struct err *err)
{
    struct map_edge *v;
    size_t n;
    int rc = find_edges(r, &v, &n, err);
    if (rc != 0)
        return rc;
    struct json j = jaeger_begin_v3(response, "dependencies");
    write_edges(&j, v, n);
    json_object_end(&j);
    return 0;
}

/* --- handlers --------------------------------------------------------------------------------- */

#define HANDLER(name, thing, fail)                                                                 \
    void name(void *self, const struct http_request *http, struct http_response *response)         \
    {                                                                                              \
        answer(self, http, response, thing, fail);                                                 \
    }

HANDLER(jaeger_services, services, jaeger_error)
HANDLER(jaeger_service_operations, service_operations, jaeger_error)
HANDLER(jaeger_operations, operations, jaeger_error)
HANDLER(jaeger_traces, traces, jaeger_error)
HANDLER(jaeger_trace, trace, jaeger_error)
HANDLER(jaeger_dependencies, dependencies, jaeger_error)
HANDLER(jaeger_services_v3, services_v3, jaeger_error_v3)
HANDLER(jaeger_operations_v3, operations_v3, jaeger_error_v3)
HANDLER(jaeger_traces_v3, traces_v3, jaeger_error_v3)
HANDLER(jaeger_trace_v3, trace_v3, jaeger_error_v3)
HANDLER(jaeger_dependencies_v3, dependencies_v3, jaeger_error_v3)
