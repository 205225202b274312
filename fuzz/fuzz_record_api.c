/* Questions about spans and log records as a whole, asked of a small store: the first byte says
 * which, what follows is lines of "name=value", the one named "/" being the rest of the path.
 * Whatever is asked, the answer has a status that clients know and is JSON. */

#include <stdlib.h>

#include "api/api.h"
#include "api/jaeger/jaeger.h"
#include "api/records/records.h"
#include "base/time.h"
#include "codec/json_read.h"
#include "net/http_exchange.h"
#include "net/http_server.h"
#include "net/http_watch.h"
#include "query/query.h"
#include "small_store.h"

/* The signature is libFuzzer's. NOLINTNEXTLINE(readability-non-const-parameter) */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PARAMS_MAX = 64 };

static http_handler *const handlers[] = {
    api_traces,           api_trace,        api_sessions,           api_session,
    api_service_map,      api_span_fields,  api_span_values,        api_log_fields,
    api_log_values,       api_logs,         api_log_histogram,      api_log_context,
    api_log_tail,         jaeger_services,  jaeger_operations,      jaeger_service_operations,
    jaeger_traces,        jaeger_trace,     jaeger_dependencies,    jaeger_services_v3,
    jaeger_operations_v3, jaeger_traces_v3, jaeger_dependencies_v3, jaeger_trace_v3};

static struct api_context api;

/* The signature is libFuzzer's. NOLINTNEXTLINE(readability-non-const-parameter) */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    const struct query_options options = {.timeout_ms = 10000, .max_memory_bytes = 64 << 20};
    (void)argc, (void)argv;
    api.store = small_store();
    if (query_engine_new(api.store, &options, &api.engine, NULL) != 0)
        abort();
    return 0;
}

static void check(struct http_response *r, struct arena *a)
{
    static const int known[] = {200, 400, 404, 422};
    size_t i = 0;
    while (i < 4 && known[i] != r->status)
        i++;
    struct json_reader json = json_reader_of(buf_str(&r->body), a, 64);
    if (r->stream.next)
        i |= r->stream.next(r->stream.self, &r->body) < 0 ? 4 : 0;
    else
        json_skip(&json);
    json_finish(&json);
    if (i >= 4 || (!r->stream.next && json_failed(&json)) || buf_failed(&r->body))
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct http_param params[PARAMS_MAX];
    struct http_connection connection = {.fd = -1};
    struct http_server server = {0};
    struct http_exchange exchange = {.server = &server, .connection = &connection};
    struct str text = {(const char *)data, size};
    struct arena a;
    if (size == 0)
        return 0;
    arena_init(&a, 64 << 20);
    struct http_request q = {.params = params,
                             .arena = &a,
                             .exchange = &exchange,
                             .received_mono_ns = time_now_mono_ns()};
    struct http_response r = {.status = 200, .body = BUF_MAX(16 << 20)};
    for (text = str_sub(text, 1, size); text.p && q.n_params < PARAMS_MAX; q.n_params++) {
        struct str value = str_cut(&text, '\n'), name = str_cut(&value, '=');
        params[q.n_params] = (struct http_param){name, value};
    }
    q.rest = http_param(&q, "/");
    handlers[data[0] % (sizeof handlers / sizeof *handlers)](&api, &q, &r);
    check(&r, &a);
    if (r.stream.done)
        r.stream.done(r.stream.self);
    buf_done(&r.body);
    arena_done(&a);
    return 0;
}
