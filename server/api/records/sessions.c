/* /api/v1/sessions, sessions/{id}. */
#include "query/traces/sessions.h"

#include "api/records/handle.h"
#include "api/records/summary.h"

enum { PAGE = 20, PAGE_MAX = 200, TRACES_SHOWN = 1000, TRACES_COUNTED = 200 };

static void write_names(struct json *j, const char *name, const struct session_names *names)
{
    json_key(j, name);
    json_strs(j, names->v, names->n);
}

static void write_members(struct json *j, const struct session *s)
{
    json_member_str(j, "session", s->id);
    json_member_time(j, "start", s->start_unix_ns);
    json_member_i64(j, "duration_ns", s->end_unix_ns - s->start_unix_ns);
    json_member_i64(j, "trace_count", (int64_t)s->n_traces);
    json_member_bool(j, "traces_left_out", s->cut);
    json_member_i64(j, "span_count", (int64_t)s->usage.spans);
    json_member_i64(j, "spans_left_out", (int64_t)s->spans_cut);
    json_member_i64(j, "errors", (int64_t)s->usage.errors);
    json_key(j, "usage");
    json_usage(j, &s->usage);
    write_names(j, "agents", &s->agents);
    write_names(j, "tools", &s->tools);
    write_names(j, "models", &s->models);
    write_names(j, "services", &s->services);
}

static void write_sessions(struct json *j, const struct session *v, size_t n)
{
    json_key(j, "sessions");
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        if (v[i].n_traces == 0)
            continue; // deleted meanwhile
        json_object(j);
        write_members(j, &v[i]);
        json_object_end(j);
    }
    json_array_end(j);
}

static struct str *ids_of(struct record_request *r, const struct trace_key *keys, size_t n)
{
    struct str *ids = arena_array(&r->arena, n, sizeof *ids);
    for (size_t i = 0; ids && i < n; i++)
        ids[i] = keys[i].id;
    return ids;
}

static int search(struct record_request *r, struct http_response *response,
                  const struct record_params *p, struct err *err)
{
    struct column_ref by[SESSION_COLUMNS];
    struct trace_search wanted = {.where = &p->filter.where,
                                  .min_unix_ns = p->min_unix_ns,
                                  .max_unix_ns = page_end(p->max_unix_ns),
                                  .limit = p->limit,
                                  .by = by,
                                  .n_by = SESSION_COLUMNS};
    struct trace_key after, *keys;
    struct session *sessions;
    bool later;
    size_t n = 0;
    session_columns(by);
    int rc = page_cursor_read(r, false, &wanted.max_unix_ns, &after, &later, err);
    wanted.after = rc == 0 && later ? &after : NULL;
    if (rc == 0)
        rc = traces_find(&r->q, &wanted, &keys, &n, err);
    struct str *ids = rc == 0 ? ids_of(r, keys, n) : NULL;
    if (rc == 0)
        rc = ids ? sessions_load(&r->q, ids, n, TRACES_COUNTED, &sessions, err)
                 : record_query_no_memory(&r->q, err);
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    write_sessions(&j, sessions, n);
    page_cursor_write(&j, wanted.max_unix_ns, n == p->limit ? &keys[n - 1] : NULL, false);
    json_scanned(&j, &r->q);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

/* The filter, and that there is a session: so groups without spans of any are not read. */
static void demand_session(struct record_request *r, struct record_params *p)
{
    struct column_ref by[SESSION_COLUMNS];
    struct predicate any = {.op = PREDICATE_OR};
    session_columns(by);
    for (size_t i = 0; i < SESSION_COLUMNS; i++)
        any = where_either(&r->arena, any, where_named(by[i]));
    p->filter.where = where_both(&r->arena, any, p->filter.where);
}

static int sessions(struct record_request *r, struct http_response *response, struct err *err)
{
    struct record_params p;
    int rc = record_params_read(r, RECORD_SPANS, 0, PAGE, PAGE_MAX, &p, err);
    if (rc != 0)
        return rc;
    demand_session(r, &p);
    rc = search(r, response, &p, err);
    record_params_done(&p);
    return rc;
}

static int session(struct record_request *r, struct http_response *response, struct err *err)
{
    struct session *s = NULL;
    int rc = 0;
    if (r->http->rest.n)
        rc = sessions_load(&r->q, &r->http->rest, 1, TRACES_SHOWN, &s, err);
    if (rc == 0 && (!s || s->n_traces == 0))
        rc = err_set(err, ERR_NOT_FOUND, "no span of session \"%.*s\" is kept",
                     STR_ARG(str_sub(r->http->rest, 0, 100)));
    if (rc != 0)
        return rc;
    struct json j = record_begin(response);
    json_object(&j);
    write_members(&j, s);
    json_key(&j, "traces");
    json_array(&j);
    for (size_t i = 0; i < s->n_traces; i++)
        if (!json_trace_summary(&j, &s->traces[i], &r->arena))
            return record_query_no_memory(&r->q, err);
    json_array_end(&j);
    json_object_end(&j);
    record_end(&j, &r->q);
    return 0;
}

RECORD_HANDLER(api_sessions, sessions)
RECORD_HANDLER(api_session, session)
