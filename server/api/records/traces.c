/* /api/v1/traces, traces/{id}, service_map. */
#include <stdlib.h>

#include "api/records/handle.h"
#include "api/records/summary.h"
#include "base/num.h"
#include "base/time.h"

enum { PAGE = 20, PAGE_MAX = 500, LOGS = 1000, LOGS_MAX = 100000, TRACE_ID_BYTES = 16 };

/* --- search ----------------------------------------------------------------------------------- */

static int read_order(struct record_request *r, enum trace_order *out, struct err *err)
{
    struct str order = http_param(r->http, "order");
    bool slowest = str_eq(order, STR("slowest"));
    if (order.n && !slowest && !str_eq(order, STR("newest")))
        return record_param_bad("order", order, "newest or slowest", err);
    *out = slowest ? TRACES_SLOWEST : TRACES_NEWEST;
    return 0;
}

int page_cursor_read(struct record_request *r, bool hex, int64_t *end_unix_ns,
                     struct trace_key *out, bool *out_given, struct err *err)
{
    struct str text = http_param(r->http, "after"), rest = text;
    *out_given = text.n > 0;
    if (text.n == 0)
        return 0;
    struct str end = str_cut(&rest, '.'), key = str_cut(&rest, '.');
    out->id = hex ? parse_id(&r->arena, rest, TRACE_ID_BYTES) : rest;
    if (num_parse_i64(end, end_unix_ns) != 0 || num_parse_i64(key, &out->key) != 0 || !out->id.p)
        return record_param_bad("after", text, "what the page before gave as \"next\"", err);
    return 0;
}

void page_cursor_write(struct json *j, int64_t end_unix_ns, const struct trace_key *last, bool hex)
{
    struct buf text = BUF_MAX(1 << 16);
    json_key(j, "next");
    if (!last) {
        json_null(j);
        return;
    }
    buf_printf(&text, "%lld.%lld.", (long long)end_unix_ns, (long long)last->key);
    for (size_t i = 0; i < last->id.n; i++)
        buf_printf(&text, hex ? "%02x" : "%c", (unsigned char)last->id.p[i]);
    json_str(j, buf_str(&text));
    buf_done(&text);
}

/* The end of the first page holds for all, so that what arrives meanwhile moves nothing. */
int64_t page_end(int64_t max_unix_ns)
{
    return max_unix_ns == INT64_MAX ? time_now_unix_ns() : max_unix_ns;
}

static int load_found(struct record_request *r, const struct trace_key *keys, size_t n,
                      struct trace **out, struct err *err)
{
    struct str *ids = arena_array(&r->arena, n, sizeof *ids);
    if (!ids)
        return record_query_no_memory(&r->q, err);
    for (size_t i = 0; i < n; i++)
        ids[i] = keys[i].id;
    const struct trace_load wanted = {.ids = ids,
                                      .n = n,
                                      .min_unix_ns = INT64_MIN,
                                      .max_unix_ns = INT64_MAX,
                                      .max_spans = TRACE_SPANS_MAX,
                                      .brief = true};
    return traces_load(&r->q, &wanted, out, err);
}

static int search(struct record_request *r, struct http_response *response,
                  const struct record_params *p, struct err *err)
{
    struct trace_search wanted = {.where = &p->filter.where,
                                  .min_unix_ns = p->min_unix_ns,
                                  .max_unix_ns = page_end(p->max_unix_ns),
                                  .limit = p->limit};
    struct trace_key after, *keys;
    struct trace *traces;
    bool later;
    size_t n = 0;
    int rc = read_order(r, &wanted.order, err);
    if (rc == 0)
        rc = page_cursor_read(r, true, &wanted.max_unix_ns, &after, &later, err);
    wanted.after = rc == 0 && later ? &after : NULL;
    if (rc == 0)
        rc = traces_find(&r->q, &wanted, &keys, &n, err);
    if (rc == 0)
        rc = load_found(r, keys, n, &traces, err);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    json_key(&j, "traces");
    json_array(&j);
    for (size_t i = 0; i < n; i++)
        if (!json_trace_summary(&j, &traces[i], &r->arena))
            return record_query_no_memory(&r->q, err);
    json_array_end(&j);
    page_cursor_write(&j, wanted.max_unix_ns, n == p->limit ? &keys[n - 1] : NULL, true);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

static int traces(struct record_request *r, struct http_response *response, struct err *err)
{
    struct record_params p;
    int rc = record_params_read(r, RECORD_SPANS, 0, PAGE, PAGE_MAX, &p, err);
    if (rc != 0)
        return rc;
    rc = search(r, response, &p, err);
    record_params_done(&p);
    return rc;
}

/* --- one trace -------------------------------------------------------------------------------- */

static int by_span(const void *a, const void *b)
{
    const struct log_row *x = a, *y = b;
    int c = str_cmp(any_text(&x->fields[LOG_SPAN_ID]), any_text(&y->fields[LOG_SPAN_ID]));
    if (c)
        return c;
    return (x->id.t_unix_ns > y->id.t_unix_ns) - (x->id.t_unix_ns < y->id.t_unix_ns);
}

/* By span, then time. */
static int find_logs(struct record_request *r, struct str trace_id, struct log_row **out,
                     size_t *out_n, struct err *err)
{
    struct predicate where = where_field(PREDICATE_EQ, LOG_TRACE_ID, any_bytes(trace_id));
    struct log_search wanted = {
        .where = &where, .min_unix_ns = INT64_MIN, .max_unix_ns = INT64_MAX, .oldest_first = true};
    *out = NULL;
    *out_n = 0;
    int rc = record_param_count(r, "logs", LOGS, 0, LOGS_MAX, &wanted.limit, err);
    if (rc != 0 || wanted.limit == 0)
        return rc;
    rc = logs_search(&r->q, &wanted, out, out_n, err);
    if (rc == 0 && *out_n)
        qsort(*out, *out_n, sizeof **out, by_span);
    return rc;
}

struct shown_logs {
    const struct log_row *rows;
    size_t n;
};

static size_t logs_of_span(const struct shown_logs *logs, struct str span_id,
                           const struct log_row **out)
{
    size_t lo = 0, hi = logs->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (str_cmp(any_text(&logs->rows[mid].fields[LOG_SPAN_ID]), span_id) < 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    *out = lo ? logs->rows + lo : logs->rows; // which is NULL without any
    size_t n = lo;
    while (n < logs->n && str_eq(any_text(&logs->rows[n].fields[LOG_SPAN_ID]), span_id))
        n++;
    return n - lo;
}

static void write_spans(struct json *j, const struct trace_tree *tree,
                        const struct shown_logs *logs)
{
    json_key(j, "spans");
    json_array(j);
    for (size_t i = 0; i < tree->n && !buf_failed(j->out); i++) {
        const struct log_row *own;
        size_t n = logs_of_span(logs, tree->nodes[i]->span->span_id, &own);
        json_tree_span(j, tree->nodes[i], own, n);
    }
    json_array_end(j);
}

/* Those of the trace that name no span, or one that is not there. */
static void write_other_logs(struct json *j, const struct trace_tree *tree,
                             const struct shown_logs *logs)
{
    size_t shown = 0;
    const struct log_row *own;
    for (size_t i = 0; i < tree->n; i++)
        shown += logs_of_span(logs, tree->nodes[i]->span->span_id, &own);
    json_member_i64(j, "logs_of_spans", (int64_t)shown);
    json_key(j, "logs");
    json_array(j);
    size_t n = logs_of_span(logs, (struct str){0}, &own);
    for (size_t i = 0; i < n; i++)
        json_log(j, &own[i]);
    json_array_end(j);
}

static void write_trace(struct json *j, const struct trace *t, const struct trace_tree *tree,
                        const struct shown_logs *logs, struct arena *scratch)
{
    json_object(j);
    json_summary_members(j, t, tree, scratch);
    json_member_i64(j, "duplicates", (int64_t)t->duplicates);
    write_spans(j, tree, logs);
    write_other_logs(j, tree, logs);
    json_object_end(j);
}

static int trace(struct record_request *r, struct http_response *response, struct err *err)
{
    struct str id = parse_id(&r->arena, r->http->rest, TRACE_ID_BYTES);
    struct log_row *logs;
    size_t n_logs;
    struct trace *t;
    struct trace_tree tree;
    if (!id.p)
        return err_set(err, ERR_INVALID, "trace id \"%.*s\": expected up to 32 hexadecimal digits",
                       STR_ARG(str_sub(r->http->rest, 0, 100)));
    const struct trace_load wanted = {.ids = &id,
                                      .n = 1,
                                      .min_unix_ns = INT64_MIN,
                                      .max_unix_ns = INT64_MAX,
                                      .max_spans = TRACE_SPANS_MAX};
    int rc = traces_load(&r->q, &wanted, &t, err);
    if (rc == 0 && t->n == 0)
        rc = err_set(err, ERR_NOT_FOUND, "no span of trace %.*s is kept", STR_ARG(r->http->rest));
    if (rc == 0)
        rc = find_logs(r, id, &logs, &n_logs, err);
    if (rc == 0 && !trace_tree_make(t, &r->arena, &tree))
        rc = record_query_no_memory(&r->q, err);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    write_trace(&j, t, &tree, &(struct shown_logs){logs, n_logs}, &r->arena);
    record_end(&j, &r->q);
    return 0;
}

/* --- the map ---------------------------------------------------------------------------------- */

static void write_node(struct json *j, const char *name, const struct map_node *node)
{
    json_key(j, name);
    json_object(j);
    json_member_str(j, "kind", str_c(map_node_kind_name(node->kind)));
    json_member_str(j, "name", node->name);
    json_object_end(j);
}

static void write_edges(struct json *j, const struct map_edge *v, size_t n)
{
    json_key(j, "edges");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        write_node(j, "caller", v[i].caller);
        write_node(j, "callee", v[i].callee);
        json_member_i64(j, "calls", (int64_t)v[i].calls);
        json_member_i64(j, "errors", (int64_t)v[i].errors);
        json_member_i64(j, "p50_ns", v[i].p50_ns);
        json_member_i64(j, "p95_ns", v[i].p95_ns);
        json_object_end(j);
    }
    json_array_end(j);
}

static int service_map(struct record_request *r, struct http_response *response, struct err *err)
{
    struct record_params p;
    struct map_edge *v;
    size_t n;
    bool only;
    int rc = record_param_bool(r, "services_only", &only, err);
    if (rc != 0)
        return rc;
    rc = record_params_read(r, RECORD_SPANS, 3600 * NS_PER_S, 0, 0, &p, err);
    if (rc != 0)
        return rc;
    rc = traces_map(
        &r->q,
        p.filter.where.n_children || p.filter.where.op != PREDICATE_AND ? &p.filter.where : NULL,
        p.min_unix_ns, p.max_unix_ns, only, &v, &n, err);
    record_params_done(&p);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    write_edges(&j, v, n);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

RECORD_HANDLER(api_traces, traces)
RECORD_HANDLER(api_trace, trace)
RECORD_HANDLER(api_service_map, service_map)
