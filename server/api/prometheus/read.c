#include "api/prometheus/read.h"

#include "api/api.h"
#include "api/prometheus/answer.h"
#include "api/prometheus/external.h"
#include "api/prometheus/params.h"
#include "base/budget.h"
#include "base/compiler.h"
#include "base/memory.h"
#include "codec/protobuf.h"
#include "codec/remote_read.h"
#include "codec/snappy.h"
#include "model/matcher.h"
#include "query/query.h"
#include "store/store.h"

enum { REQUEST_MAX = 32 << 20, SERIES_ARENA_MAX = 256 << 20, MATCHERS_MAX = 1000 };

/* One request being answered. */
struct reading {
    const struct api_context *api;
    const struct http_request *http;
    struct labels external;
    struct budget memory;
    uint64_t samples_left; /* of query.max_samples, for the whole request */
    bool chunked;
    struct buf *out;
};

/* ---- matchers ---- */

struct matchers {
    struct matcher *v; /* in the request's arena */
    size_t n;
};

static void matchers_done(struct matchers *m)
{
    for (size_t i = 0; i < m->n; i++)
        matcher_done(&m->v[i]);
}

/* The asker sees our external labels on every series, so what it asks of them is met by the series
 * that do not have the label: in the store none has it. */
static int make_matcher(const struct reading *r, const struct remote_read_matcher *from,
                        struct matcher *out, struct err *err)
{
    struct str external = labels_get(&r->external, from->name), value = from->value;
    if (from->op == MATCH_EQUAL && external.n && str_eq(external, value))
        value = STR("");
    return matcher_init(out, (enum match_op)from->op, from->name, value, err);
}

static int make_matchers(const struct reading *r, const struct remote_read_query *query,
                         struct matchers *out, struct err *err)
{
    *out = (struct matchers){.v = arena_array(r->http->arena, query->n + 1, sizeof *out->v)};
    if (!out->v || query->n > MATCHERS_MAX)
        return err_set(err, ERR_TOO_BIG, "matchers: %zu; expected at most %d", query->n,
                       MATCHERS_MAX);
    for (size_t i = 0; i < query->n; i++) {
        int rc = make_matcher(r, &query->matchers[i], &out->v[i], err);
        if (rc != 0)
            return rc;
        out->n++;
    }
    return 0;
}

/* ---- series ---- */

static int put_series(struct reading *r, size_t query, const struct labels *own,
                      const struct columns *c, struct arena *arena, struct err *err)
{
    struct labels labels = labels_with_external(arena, own, &r->external);
    struct sample *v = arena_array(arena, c->n, sizeof *v);
    if (!v || arena_failed(arena))
        return err_set(err, ERR_TOO_BIG, "one series is over the memory of a read");
    for (size_t i = 0; i < c->n; i++)
        v[i] = (struct sample){.t_unix_ms = c->t_unix_ms[i],
                               .value = c->value[i],
                               .histogram = c->histogram ? c->histogram[i] : NULL};
    if (r->chunked)
        remote_read_put_frames(r->out, query, &labels, v, c->n);
    else
        remote_read_put_series(r->out, &labels, v, c->n);
    if (buf_failed(r->out))
        return err_set(err, ERR_TOO_BIG, "the answer is over limits.max_response_bytes");
    return 0;
}

static int put_selection(struct reading *r, size_t query, const struct selection *sel,
                         int64_t start_ms, int64_t end_ms, struct err *err)
{
    struct arena arena;
    struct columns c;
    int rc = 0;
    arena_init_shared(&arena, SERIES_ARENA_MAX, &r->memory);
    columns_init(&c, &arena);
    for (size_t i = 0; rc == 0 && i < selection_count(sel); i++) {
        arena_reset(&arena);
        rc = selection_read(sel, i, start_ms, end_ms, &c, err);
        if (rc != 0 || c.n == 0)
            continue;
        if (c.n > r->samples_left)
            rc = err_set(err, ERR_TOO_BIG, "exceeded sample limit (%llu); see query.max_samples",
                         (unsigned long long)query_engine_options(r->api->engine).max_samples);
        else if (i % 64 == 0 && http_client_gone(r->http))
            rc = err_set(err, ERR_CANCELLED, "the client has gone");
        else
            rc = put_series(r, query, selection_labels(sel, i), &c, &arena, err);
        r->samples_left -= MIN(c.n, r->samples_left);
    }
    columns_done(&c);
    arena_done(&arena);
    return rc;
}

static int answer_query(struct reading *r, size_t index, const struct remote_read_query *query,
                        struct err *err)
{
    struct matchers m;
    struct selection *sel = NULL;
    int64_t start_ms = MAX(query->start_ms, TIME_MIN_MS);
    int64_t end_ms = MIN(query->end_ms, TIME_MAX_MS);
    size_t begun = r->chunked ? 0 : pb_begin(r->out, 1); // a QueryResult, also an empty one
    int rc = make_matchers(r, query, &m, err);
    if (rc == 0 && start_ms <= end_ms) {
        rc = store_select(r->api->store, m.v, m.n, start_ms, end_ms, 0, &r->memory, &sel, err);
        if (rc == 0)
            rc = put_selection(r, index, sel, start_ms, end_ms, err);
        selection_free(sel);
    }
    matchers_done(&m);
    if (!r->chunked)
        pb_end(r->out, begun);
    return rc;
}

/* ---- the request ---- */

static int answer_queries(struct reading *r, const struct remote_read_request *request,
                          struct err *err)
{
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < request->n; i++)
        rc = answer_query(r, i, &request->queries[i], err);
    return rc;
}

static int answer_samples(struct reading *r, const struct remote_read_request *request,
                          struct http_response *response, struct err *err)
{
    struct buf message = BUF_MAX(response->body.max);
    r->out = &message;
    int rc = answer_queries(r, request, err);
    if (rc == 0)
        rc = snappy_compress_bytes(buf_str(&message), &response->body, err);
    buf_done(&message);
    if (rc == 0) {
        response->content_type = "application/x-protobuf";
        http_set_header(response, "Content-Encoding", STR("snappy"));
    }
    return rc;
}

static int answer_chunks(struct reading *r, const struct remote_read_request *request,
                         struct http_response *response, struct err *err)
{
    r->out = &response->body;
    r->chunked = true;
    response->content_type =
        "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse";
    response->no_gzip = true;
    return answer_queries(r, request, err);
}

void api_read(void *self, const struct http_request *q, struct http_response *response)
{
    struct reading r = {.api = self, .http = q};
    struct remote_read_request request;
    struct buf body = BUF_MAX(REQUEST_MAX);
    struct err err = {0};
    r.external = r.api->external_labels(r.api->app, q->arena);
    query_engine_budget(r.api->engine, &r.memory);
    r.samples_left = query_engine_options(r.api->engine).max_samples;
    int rc = snappy_decompress(q->body, &body, &err);
    if (rc == 0)
        rc = remote_read_decode(buf_str(&body), q->arena, &request, &err);
    if (rc == 0)
        rc = request.chunked ? answer_chunks(&r, &request, response, &err)
                             : answer_samples(&r, &request, response, &err);
    if (rc != 0)
        answer_error_plainly(response, &err);
    buf_done(&body);
    memory_freed(r.memory.peak);
}
