#include "receive/otlp_records.h"

#include <stdio.h>

#include "base/buf.h"
#include "base/compiler.h"

enum {
    TRACE_ID_BYTES = OTLP_TRACE_ID_BYTES,
    SPAN_ID_BYTES = OTLP_SPAN_ID_BYTES,
    LIST_MAX = OTLP_RECORD_LIST_MAX
};

struct translation {
    struct arena *arena;
    size_t max_text;
    int64_t now_unix_ns;
    struct otlp_records_outcome *out;
    size_t cut; /* texts of the current row */
};

/* --- values ----------------------------------------------------------------------------------- */

/* Not in the middle of a character of UTF-8. */
static struct str cut_text(struct translation *t, struct str s)
{
    size_t n = t->max_text;
    if (s.n <= n)
        return s;
    while (n > 0 && ((unsigned char)s.p[n] & 0xc0) == 0x80)
        n--;
    t->cut++;
    return str_of(s.p, n);
}

static struct any value_of(struct translation *t, const struct otlp_value *v);

/* The first `n` of them, with room for more behind. */
static const struct attribute *pairs_of(struct translation *t, const struct otlp_attributes *a,
                                        size_t n, size_t spare)
{
    struct attribute *v = arena_array(t->arena, n + spare, sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = (struct attribute){a->v[i].key, value_of(t, &a->v[i].value)};
    return v;
}

static const struct any *items_of(struct translation *t, const struct otlp_values *a)
{
    struct any *v = arena_array(t->arena, a->n, sizeof *v);
    for (size_t i = 0; v && i < a->n; i++)
        v[i] = value_of(t, &a->v[i]);
    return v;
}

static struct any value_of(struct translation *t, const struct otlp_value *v)
{
    switch (v->kind) {
    case OTLP_VALUE_STRING: return any_string(cut_text(t, v->str));
    case OTLP_VALUE_BYTES: return any_bytes(cut_text(t, v->str));
    case OTLP_VALUE_BOOL: return any_bool(v->boolean);
    case OTLP_VALUE_INT: return any_int(v->i64);
    case OTLP_VALUE_DOUBLE: return any_double(v->f64);
    case OTLP_VALUE_ARRAY: return any_array(items_of(t, &v->array), v->array.n);
    case OTLP_VALUE_MAP: return any_map(pairs_of(t, &v->map, v->map.n, 0), v->map.n);
    case OTLP_VALUE_NONE: break;
    }
    return (struct any){.type = ANY_EMPTY};
}

/* How many of `n` attributes, events or links stay, with a place left for the note about them; the
 * others add to what was dropped before. */
static size_t kept(struct translation *t, size_t n, uint32_t *dropped)
{
    size_t over = n > LIST_MAX ? n - (LIST_MAX - 1) : 0;
    t->cut += over;
    *dropped = (uint32_t)MIN(*dropped + (uint64_t)over, (uint64_t)UINT32_MAX);
    return n - over;
}

static struct any text_or_none(struct str s)
{
    return s.n ? any_string(s) : (struct any){0};
}

static struct any number_or_none(uint32_t n)
{
    return n ? any_int(n) : (struct any){0};
}

static bool is_id(struct str s, size_t n)
{
    if (s.n != n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (s.p[i])
            return true;
    return false;
}

static struct any id_or_none(struct str s, size_t n)
{
    return is_id(s, n) ? any_bytes(s) : (struct any){0};
}

/* --- events and links ------------------------------------------------------------------------- */

/* Adds a pair unless the value is absent. */
static void put(struct attribute *v, size_t *n, struct str key, struct any value)
{
    if (value.type != ANY_NONE)
        v[(*n)++] = (struct attribute){key, value};
}

/* Those of an event or link, and how many it has not. */
static void put_attributes(struct translation *t, const struct otlp_attributes *a, uint32_t dropped,
                           struct attribute *v, size_t *at)
{
    size_t n = kept(t, a->n, &dropped);
    put(v, at, STR("attributes"), n ? any_map(pairs_of(t, a, n, 0), n) : (struct any){0});
    put(v, at, STR("dropped_attributes"), number_or_none(dropped));
}

static struct any event_of(struct translation *t, const struct otlp_event *e)
{
    struct attribute *v = arena_array(t->arena, 4, sizeof *v);
    size_t n = 0;
    if (v) {
        put(v, &n, STR("time_unix_ns"), any_int((int64_t)e->time_unix_ns));
        put(v, &n, STR("name"), any_string(e->name));
        put_attributes(t, &e->attributes, e->dropped, v, &n);
    }
    return any_map(v, n);
}

static struct any link_of(struct translation *t, const struct otlp_link *l)
{
    struct attribute *v = arena_array(t->arena, 6, sizeof *v);
    size_t n = 0;
    if (v) {
        put(v, &n, STR("trace_id"), any_bytes(l->trace_id));
        put(v, &n, STR("span_id"), any_bytes(l->span_id));
        put(v, &n, STR("trace_state"), text_or_none(l->trace_state));
        put_attributes(t, &l->attributes, l->dropped, v, &n);
        put(v, &n, STR("flags"), number_or_none(l->flags));
    }
    return any_map(v, n);
}

static struct any events_of(struct translation *t, const struct otlp_span *s, uint32_t *dropped)
{
    size_t n = kept(t, s->n_events, dropped);
    if (n == 0)
        return (struct any){0};
    struct any *v = arena_array(t->arena, n, sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = event_of(t, &s->events[i]);
    return any_array(v, n);
}

static struct any links_of(struct translation *t, const struct otlp_span *s, uint32_t *dropped)
{
    size_t n = kept(t, s->n_links, dropped);
    if (n == 0)
        return (struct any){0};
    struct any *v = arena_array(t->arena, n, sizeof *v);
    for (size_t i = 0; v && i < n; i++)
        v[i] = link_of(t, &s->links[i]);
    return any_array(v, n);
}

/* --- rows ------------------------------------------------------------------------------------- */

/* With room for the note of what was cut, which add_note fills. */
static void add_attributes(struct translation *t, struct record *r, const struct otlp_attributes *a,
                           uint32_t dropped, int dropped_field)
{
    size_t n = kept(t, a->n, &dropped);
    r->attributes = pairs_of(t, a, n, 1);
    r->n_attributes = r->attributes ? (uint32_t)n : 0;
    r->fields[dropped_field] = number_or_none(dropped);
}

static void add_note(struct translation *t, struct record *r)
{
    if (t->cut == 0 || !r->attributes)
        return;
    t->out->truncated += t->cut;
    struct attribute *v = (struct attribute *)(uintptr_t)r->attributes; // ours, made above
    v[r->n_attributes++] = (struct attribute){STR(TRUNCATED_ATTRIBUTE), any_int((int64_t)t->cut)};
}

static void add_span(struct translation *t, const struct otlp_span *s, struct record *r)
{
    struct any *f = r->fields;
    uint32_t events = s->dropped_events, links = s->dropped_links;
    t->cut = 0;
    r->t_unix_ns = (int64_t)s->start_unix_ns;
    f[SPAN_TRACE_ID] = any_bytes(s->trace_id);
    f[SPAN_SPAN_ID] = any_bytes(s->span_id);
    f[SPAN_PARENT_ID] = id_or_none(s->parent_span_id, SPAN_ID_BYTES);
    f[SPAN_NAME] = any_string(cut_text(t, s->name));
    f[SPAN_KIND] = any_int(s->kind);
    if (s->end_unix_ns)
        f[SPAN_DURATION_NS] = any_int((int64_t)(s->end_unix_ns - s->start_unix_ns));
    f[SPAN_STATUS_CODE] = any_int(s->status.code);
    f[SPAN_STATUS_MESSAGE] = text_or_none(cut_text(t, s->status.message));
    f[SPAN_TRACE_STATE] = text_or_none(s->trace_state);
    f[SPAN_FLAGS] = number_or_none(s->flags);
    f[SPAN_EVENTS] = events_of(t, s, &events);
    f[SPAN_LINKS] = links_of(t, s, &links);
    f[SPAN_DROPPED_EVENTS] = number_or_none(events);
    f[SPAN_DROPPED_LINKS] = number_or_none(links);
    add_attributes(t, r, &s->attributes, s->dropped, SPAN_DROPPED_ATTRIBUTES);
    add_note(t, r);
}

static void add_times(struct translation *t, const struct otlp_log_record *l, struct record *r)
{
    int64_t observed = (int64_t)l->observed_unix_ns; // check_log has seen to it
    bool given = l->time_unix_ns != 0;
    r->t_unix_ns = given ? (int64_t)l->time_unix_ns : observed ? observed : t->now_unix_ns;
    if (!given)
        r->fields[LOG_NO_TIME] = any_bool(true);
    if (observed)
        r->fields[LOG_OBSERVED_NS] = any_int(observed - r->t_unix_ns);
}

static void add_log(struct translation *t, const struct otlp_log_record *l, struct record *r)
{
    struct any *f = r->fields;
    t->cut = 0;
    add_times(t, l, r);
    f[LOG_SEVERITY] = l->severity ? any_int(l->severity) : (struct any){0};
    f[LOG_SEVERITY_TEXT] = text_or_none(l->severity_text);
    if (l->body.kind != OTLP_VALUE_NONE)
        f[LOG_BODY] = value_of(t, &l->body);
    f[LOG_TRACE_ID] = id_or_none(l->trace_id, TRACE_ID_BYTES);
    f[LOG_SPAN_ID] = id_or_none(l->span_id, SPAN_ID_BYTES);
    f[LOG_FLAGS] = number_or_none(l->flags);
    f[LOG_EVENT_NAME] = text_or_none(l->event_name);
    add_attributes(t, r, &l->attributes, l->dropped, LOG_DROPPED_ATTRIBUTES);
    add_note(t, r);
}

static int bad_id(const char *field, struct str id, int expected, struct err *err)
{
    enum { SHOWN = 32 };
    struct buf value = BUF_MAX(256);
    str_quote_visible(&value, str_sub(id, 0, SHOWN));
    int rc = err_set(err, ERR_INVALID, "%s: expected %d bytes that are not all zero, got %.*s%s",
                     field, expected, STR_ARG(buf_str(&value)), id.n > SHOWN ? "…" : "");
    buf_done(&value);
    return rc;
}

/* Is a span what one must be? The message names the field. */
static int check_span(const struct otlp_span *s, struct err *err)
{
    if (!is_id(s->trace_id, TRACE_ID_BYTES))
        return bad_id("trace_id", s->trace_id, TRACE_ID_BYTES, err);
    if (!is_id(s->span_id, SPAN_ID_BYTES))
        return bad_id("span_id", s->span_id, SPAN_ID_BYTES, err);
    if (s->start_unix_ns == 0)
        return err_set(err, ERR_INVALID, "start_time_unix_nano: not given");
    if (s->start_unix_ns > INT64_MAX || s->end_unix_ns > INT64_MAX)
        return err_set(err, ERR_INVALID,
                       "start_time_unix_nano, end_time_unix_nano: later than the year 2262");
    return 0;
}

static int check_log(const struct otlp_log_record *l, struct err *err)
{
    if (l->time_unix_ns > INT64_MAX || l->observed_unix_ns > INT64_MAX)
        return err_set(err, ERR_INVALID,
                       "time_unix_nano, observed_time_unix_nano: later than the year 2262");
    return 0;
}

struct place {
    size_t resource, scope, row;
};

static void reject(struct translation *t, bool span, const struct place *at, const char *fault)
{
    t->out->rejected++;
    if (t->out->message[0] == '\0')
        (void)snprintf(t->out->message, sizeof t->out->message,
                       span ? "resource_spans[%zu].scope_spans[%zu].spans[%zu].%.150s"
                            : "resource_logs[%zu].scope_logs[%zu].log_records[%zu].%.150s",
                       at->resource, at->scope, at->row, fault); // cut if too long
}

/* --- groups ----------------------------------------------------------------------------------- */

static struct record_source source_of(struct translation *t,
                                      const struct otlp_resource_records *resource,
                                      const struct otlp_scope_records *scope)
{
    const struct otlp_attributes *r = &resource->resource.attributes, *s = &scope->scope.attributes;
    uint32_t dropped[2] = {resource->resource.dropped, scope->scope.dropped};
    size_t n_resource = kept(t, r->n, &dropped[0]), n_scope = kept(t, s->n, &dropped[1]);
    return (struct record_source){
        .resource = pairs_of(t, r, n_resource, 0),
        .scope = pairs_of(t, s, n_scope, 0),
        .n_resource = (uint32_t)n_resource,
        .n_scope = (uint32_t)n_scope,
        .resource_dropped = dropped[0],
        .scope_dropped = dropped[1],
        .resource_schema_url = resource->schema_url,
        .scope_schema_url = scope->schema_url,
        .scope_name = scope->scope.name,
        .scope_version = scope->scope.version,
    };
}

static void add_rows(struct translation *t, struct record_batch *b, struct record_group *g,
                     const struct otlp_scope_records *scope, struct place at)
{
    for (at.row = 0; at.row < scope->n; at.row++) {
        struct err why;
        int rc = scope->spans ? check_span(&scope->spans[at.row], &why)
                              : check_log(&scope->logs[at.row], &why);
        if (rc != 0) {
            reject(t, scope->spans, &at, why.message);
            continue;
        }
        struct record *r = record_batch_add(b, g);
        if (!r)
            return; // the arena says so
        if (scope->spans)
            add_span(t, &scope->spans[at.row], r);
        else
            add_log(t, &scope->logs[at.row], r);
    }
}

int otlp_records_translate(const struct otlp_records *request, size_t max_text, int64_t now_unix_ns,
                           struct record_batch *batch, struct otlp_records_outcome *out)
{
    struct translation t = {&batch->arena, max_text, now_unix_ns, out, 0};
    *out = (struct otlp_records_outcome){0};
    for (size_t i = 0; i < request->n_resources; i++) {
        const struct otlp_resource_records *resource = &request->resources[i];
        for (size_t k = 0; k < resource->n_scopes; k++) {
            const struct otlp_scope_records *scope = &resource->scopes[k];
            struct record_group *g = record_batch_add_group(batch);
            if (!g)
                return ERR_NOMEM;
            t.cut = 0;
            g->source = source_of(&t, resource, scope);
            out->truncated += t.cut;
            g->records = arena_array(&batch->arena, scope->n, sizeof *g->records);
            if (!g->records)
                return ERR_NOMEM;
            g->cap = scope->n;
            out->records += scope->n;
            add_rows(&t, batch, g, scope, (struct place){i, k, 0});
        }
    }
    return arena_failed(&batch->arena) ? ERR_NOMEM : 0;
}
