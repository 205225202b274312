/* Two passes: which traces have spans of the sessions, then these traces, all at once. */
#include "query/traces/sessions.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/map.h"

enum { NAMES_MAX = 100, SPANS_MAX = 20000 };

const char *const session_attributes[SESSION_COLUMNS] = {"gen_ai.conversation.id", "session.id",
                                                         "mcp.session.id"};

void session_columns(struct column_ref out[SESSION_COLUMNS])
{
    for (size_t i = 0; i < SESSION_COLUMNS; i++)
        out[i] = attribute_column(str_c(session_attributes[i]));
}

struct loading {
    struct record_query *q;
    struct session *sessions;
    struct map by_id;    /* session id -> session */
    struct map *seen;    /* of each session: its traces' ids */
    struct session_ids { /* of each session */
        struct str *v;
        size_t n, cap;
    } * traces;
    size_t n, max_traces;
};

/* --- which traces ----------------------------------------------------------------------------- */

static int add_trace(struct loading *l, size_t at, struct str id)
{
    static char mark;
    struct arena *a = l->q->arena;
    struct session_ids *ids = &l->traces[at];
    if (map_get(&l->seen[at], id))
        return 0;
    if (ids->n == l->max_traces) {
        l->sessions[at].cut = true;
        return 0;
    }
    if (ids->n == ids->cap) {
        ids->cap = ids->cap ? 2 * ids->cap : 8;
        struct str *v = arena_grow(a, ids->v, ids->n, ids->cap, sizeof *v);
        if (!v)
            return ERR_NOMEM;
        ids->v = v;
    }
    struct str own = arena_str(a, id);
    if (arena_failed(a) || map_put(&l->seen[at], own, &mark) != 0)
        return ERR_NOMEM;
    ids->v[ids->n++] = own;
    return 0;
}

static bool names_session(const struct any *v)
{
    return v->type == ANY_STRING && v->n > 0;
}

/* The first of the columns that names one decides, as in a search for sessions. */
static int each_block(void *arg, const struct record_block *b)
{
    struct loading *l = arg;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < b->n; i++) {
        struct any session = {0}, trace = vector_at(&b->columns[SESSION_COLUMNS], i);
        for (size_t k = 0; !names_session(&session) && k < SESSION_COLUMNS; k++)
            session = vector_at(&b->columns[k], i);
        const struct session *s = NULL;
        if (names_session(&session))
            s = map_get(&l->by_id, any_text(&session));
        if (s && trace.type == ANY_BYTES)
            rc = add_trace(l, (size_t)(s - l->sessions), any_text(&trace));
    }
    return rc;
}

static int find_traces(struct loading *l, const struct str *ids, struct err *err)
{
    struct arena *a = l->q->arena;
    struct column_ref columns[SESSION_COLUMNS + 1];
    struct predicate where = {.op = PREDICATE_OR};
    struct any *values = arena_array(a, l->n, sizeof *values);
    session_columns(columns);
    columns[SESSION_COLUMNS] = field_column(SPAN_TRACE_ID);
    for (size_t i = 0; values && i < l->n; i++)
        values[i] = any_string(ids[i]);
    for (size_t k = 0; values && k < SESSION_COLUMNS; k++)
        where = where_either(a, where, where_one_of(a, columns[k], values, l->n));
    if (arena_failed(a))
        return record_query_no_memory(l->q, err);
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = INT64_MIN,
                                     .max_unix_ns = INT64_MAX,
                                     .where = &where,
                                     .columns = columns,
                                     .n_columns = SESSION_COLUMNS + 1,
                                     .without_sources = true,
                                     .order = SCAN_NEWEST_FIRST,
                                     .each = each_block,
                                     .arg = l};
    return record_query_scan(l->q, &scan, err);
}

/* --- what they did ---------------------------------------------------------------------------- */

static void add_name(struct session_names *names, struct arena *a, struct str name)
{
    for (size_t i = 0; i < names->n; i++)
        if (str_eq(names->v[i], name))
            return;
    if (name.n == 0 || names->n == NAMES_MAX)
        return;
    if (names->n == names->cap) {
        names->cap = names->cap ? 2 * names->cap : 4;
        struct str *v = arena_grow(a, names->v, names->n, names->cap, sizeof *v);
        if (!v)
            return;
        names->v = v;
    }
    names->v[names->n++] = name;
}

static struct str text_of(const struct span *s, struct str key)
{
    const struct any *v = attribute_get(s->attributes, s->n_attributes, key);
    return v && v->type == ANY_STRING ? any_text(v) : (struct str){0};
}

static bool add_trace_to(struct session *s, const struct trace *t, struct arena *a)
{
    struct trace_tree tree;
    if (!trace_tree_make(t, a, &tree))
        return false;
    if (t->n == 0)
        return true;
    s->start_unix_ns = MIN(s->start_unix_ns, tree.start_unix_ns);
    s->end_unix_ns = MAX(s->end_unix_ns, tree.end_unix_ns);
    s->spans_cut += t->cut;
    usage_add(&s->usage, &tree.usage);
    for (size_t i = 0; i < t->n; i++) {
        add_name(&s->services, a, service_of(t->spans[i].source));
        add_name(&s->agents, a, text_of(&t->spans[i], STR("gen_ai.agent.name")));
        add_name(&s->tools, a, text_of(&t->spans[i], STR("gen_ai.tool.name")));
        add_name(&s->models, a, text_of(&t->spans[i], STR("gen_ai.request.model")));
    }
    return !arena_failed(a);
}

static int by_start(const void *a, const void *b)
{
    const struct trace *x = a, *y = b;
    int64_t s = x->n ? x->spans[0].start_unix_ns : 0, t = y->n ? y->spans[0].start_unix_ns : 0;
    return (s > t) - (s < t);
}

/* The ids of the traces of all sessions, each once; a trace may be of several. */
static struct str *all_ids(struct loading *l, struct map *places, size_t *out_n)
{
    size_t total = 0, n = 0;
    for (size_t i = 0; i < l->n; i++)
        total += l->traces[i].n;
    struct str *ids = arena_array(l->q->arena, total, sizeof *ids);
    for (size_t i = 0; ids && i < l->n; i++) {
        for (size_t k = 0; k < l->traces[i].n; k++) {
            struct str id = l->traces[i].v[k];
            if (map_get(places, id))
                continue;
            ids[n] = id;
            if (map_put(places, id, &ids[n++]) != 0)
                return NULL;
        }
    }
    *out_n = n;
    return ids;
}

static bool fill_session(struct loading *l, size_t at, const struct map *places,
                         const struct str *ids, const struct trace *traces)
{
    struct session *s = &l->sessions[at];
    struct arena *a = l->q->arena;
    s->n_traces = l->traces[at].n;
    s->start_unix_ns = INT64_MAX;
    s->end_unix_ns = INT64_MIN;
    s->traces = arena_array(a, s->n_traces, sizeof *s->traces);
    for (size_t i = 0; s->traces && i < s->n_traces; i++) {
        const struct str *place = map_get(places, l->traces[at].v[i]);
        s->traces[i] = traces[place - ids];
        if (!add_trace_to(s, &s->traces[i], a))
            return false;
    }
    if (s->traces && s->n_traces)
        qsort(s->traces, s->n_traces, sizeof *s->traces, by_start);
    return s->traces;
}

/* The traces of all sessions by one scan, then what they say, session by session. */
static int load_sessions(struct loading *l, struct map *places, struct err *err)
{
    struct trace_load wanted = {
        .min_unix_ns = INT64_MIN, .max_unix_ns = INT64_MAX, .max_spans = SPANS_MAX, .brief = true};
    struct trace *traces;
    struct str *ids = all_ids(l, places, &wanted.n);
    if (!ids)
        return record_query_no_memory(l->q, err);
    wanted.ids = ids;
    int rc = traces_load(l->q, &wanted, &traces, err);
    for (size_t i = 0; rc == 0 && i < l->n; i++)
        if (!fill_session(l, i, places, ids, traces))
            rc = record_query_no_memory(l->q, err);
    return rc;
}

static int begin(struct loading *l, const struct str *ids, struct err *err)
{
    struct arena *a = l->q->arena;
    l->sessions = arena_array(a, l->n, sizeof *l->sessions);
    l->seen = arena_array(a, l->n, sizeof *l->seen);
    l->traces = arena_array(a, l->n, sizeof *l->traces);
    if (arena_failed(a))
        return record_query_no_memory(l->q, err);
    for (size_t i = 0; i < l->n; i++) {
        l->sessions[i].id = ids[i];
        if (map_put(&l->by_id, ids[i], &l->sessions[i]) != 0)
            return err_set(err, ERR_NOMEM, "out of memory");
    }
    return 0;
}

int sessions_load(struct record_query *q, const struct str *ids, size_t n, size_t max_traces,
                  struct session **out, struct err *err)
{
    struct loading l = {.q = q, .n = n, .max_traces = max_traces};
    struct map places = {0}; // of traces among all
    int rc = begin(&l, ids, err);
    if (rc == 0 && n)
        rc = find_traces(&l, ids, err);
    for (size_t i = 0; l.seen && i < n; i++)
        map_done(&l.seen[i]);
    map_done(&l.by_id);
    if (rc == 0)
        rc = load_sessions(&l, &places, err);
    map_done(&places);
    if (rc == 0)
        *out = l.sessions;
    return rc;
}
