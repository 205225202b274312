/* OTLP as JSON (protobuf's mapping with OTLP's exceptions): 64-bit integers are text, ids
 * hexadecimal, bytes base64, enumerations numbers. */
#include "api/records/otlp_json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api/records/request.h"
#include "api/records/write.h"
#include "base/map.h"

/* --- values ----------------------------------------------------------------------------------- */

static void member_u64(struct json *j, const char *name, uint64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    json_member_str(j, name, str_c(text));
}

static void member_text(struct json *j, const char *name, struct str text)
{
    if (text.n)
        json_member_str(j, name, text);
}

static void member_id(struct json *j, const char *name, struct str id)
{
    json_key(j, name);
    json_id(j, id);
}

static void member_count(struct json *j, const char *name, const struct any *v)
{
    if (v->type == ANY_INT && v->as.integer != 0)
        json_member_i64(j, name, v->as.integer);
}

static void write_value(struct json *j, const struct any *v);

static void write_attributes(struct json *j, const struct attribute *v, size_t n)
{
    json_array(j);
    for (size_t i = 0; i < n; i++) {
        json_object(j);
        json_member_str(j, "key", v[i].key);
        json_key(j, "value");
        write_value(j, &v[i].value);
        json_object_end(j);
    }
    json_array_end(j);
}

static void write_int_value(struct json *j, int64_t v)
{
    char text[24];
    (void)snprintf(text, sizeof text, "%lld", (long long)v);
    json_member_str(j, "intValue", str_c(text));
}

/* NaN and the infinities are words in protobuf's JSON. */
static void write_double_value(struct json *j, double v)
{
    json_key(j, "doubleValue");
    if (v - v == 0)
        json_double(j, v);
    else
        json_str(j, v > 0 ? STR("Infinity") : v < 0 ? STR("-Infinity") : STR("NaN"));
}

static void write_nested(struct json *j, const struct any *v)
{
    json_key(j, v->type == ANY_ARRAY ? "arrayValue" : "kvlistValue");
    json_object(j);
    json_key(j, "values");
    if (v->type == ANY_MAP) {
        write_attributes(j, v->as.pairs, v->n);
    } else {
        json_array(j);
        for (uint32_t i = 0; i < v->n; i++)
            write_value(j, &v->as.items[i]);
        json_array_end(j);
    }
    json_object_end(j);
}

static void write_value(struct json *j, const struct any *v)
{
    json_object(j);
    switch (v->type) {
    case ANY_STRING: json_member_str(j, "stringValue", any_text(v)); break;
    case ANY_BOOL:
        json_key(j, "boolValue");
        json_bool(j, v->as.boolean);
        break;
    case ANY_INT: write_int_value(j, v->as.integer); break;
    case ANY_DOUBLE: write_double_value(j, v->as.number); break;
    case ANY_BYTES:
        json_key(j, "bytesValue");
        json_any(j, v);
        break;
    case ANY_ARRAY:
    case ANY_MAP: write_nested(j, v); break;
    default: break;
    }
    json_object_end(j);
}

static void member_attributes(struct json *j, const struct attribute *v, size_t n)
{
    if (n == 0)
        return;
    json_key(j, "attributes");
    write_attributes(j, v, n);
}

/* --- events and links ------------------------------------------------------------------------- */

static void nested_attributes(struct json *j, const struct any *map)
{
    const struct any *v = any_member(map, STR("attributes"));
    if (v->type == ANY_MAP)
        member_attributes(j, v->as.pairs, v->n);
    member_count(j, "droppedAttributesCount", any_member(map, STR("dropped_attributes")));
}

static void write_event(struct json *j, const struct any *e)
{
    const struct any *time = any_member(e, STR("time_unix_ns"));
    json_object(j);
    member_u64(j, "timeUnixNano", time->type == ANY_INT ? (uint64_t)time->as.integer : 0);
    json_member_str(j, "name", any_text(any_member(e, STR("name"))));
    nested_attributes(j, e);
    json_object_end(j);
}

static void write_link(struct json *j, const struct any *l)
{
    json_object(j);
    member_id(j, "traceId", any_text(any_member(l, STR("trace_id"))));
    member_id(j, "spanId", any_text(any_member(l, STR("span_id"))));
    member_text(j, "traceState", any_text(any_member(l, STR("trace_state"))));
    nested_attributes(j, l);
    member_count(j, "flags", any_member(l, STR("flags")));
    json_object_end(j);
}

/* --- rows ------------------------------------------------------------------------------------- */

static void member_int(struct json *j, const char *name, const struct any *v)
{
    json_member_i64(j, name, v->type == ANY_INT ? v->as.integer : 0);
}

static void member_id_if_any(struct json *j, const char *name, const struct any *v)
{
    if (v->type != ANY_NONE)
        member_id(j, name, any_text(v));
}

static void write_status(struct json *j, const struct any *f)
{
    json_key(j, "status");
    json_object(j);
    member_count(j, "code", &f[SPAN_STATUS_CODE]);
    member_text(j, "message", any_text(&f[SPAN_STATUS_MESSAGE]));
    json_object_end(j);
}

static void write_span(struct json *j, const struct record *r)
{
    const struct any *f = r->fields, *duration = &f[SPAN_DURATION_NS];
    json_object(j);
    member_id(j, "traceId", any_text(&f[SPAN_TRACE_ID]));
    member_id(j, "spanId", any_text(&f[SPAN_SPAN_ID]));
    member_text(j, "traceState", any_text(&f[SPAN_TRACE_STATE]));
    member_id_if_any(j, "parentSpanId", &f[SPAN_PARENT_ID]);
    member_count(j, "flags", &f[SPAN_FLAGS]);
    json_member_str(j, "name", any_text(&f[SPAN_NAME]));
    member_int(j, "kind", &f[SPAN_KIND]);
    member_u64(j, "startTimeUnixNano", (uint64_t)r->t_unix_ns);
    if (duration->type == ANY_INT)
        member_u64(j, "endTimeUnixNano", (uint64_t)r->t_unix_ns + (uint64_t)duration->as.integer);
    member_attributes(j, r->attributes, r->n_attributes);
    member_count(j, "droppedAttributesCount", &f[SPAN_DROPPED_ATTRIBUTES]);
    json_member_list(j, "events", &f[SPAN_EVENTS], write_event);
    member_count(j, "droppedEventsCount", &f[SPAN_DROPPED_EVENTS]);
    json_member_list(j, "links", &f[SPAN_LINKS], write_link);
    member_count(j, "droppedLinksCount", &f[SPAN_DROPPED_LINKS]);
    write_status(j, f);
    json_object_end(j);
}

/* Of a record that came without any time the one it was given is told as the observed one. */
static void write_log_times(struct json *j, const struct record *r)
{
    const struct any *observed = &r->fields[LOG_OBSERVED_NS];
    bool given = r->fields[LOG_NO_TIME].type == ANY_NONE;
    if (given)
        member_u64(j, "timeUnixNano", (uint64_t)r->t_unix_ns);
    if (observed->type == ANY_INT || !given)
        member_u64(j, "observedTimeUnixNano",
                   (uint64_t)r->t_unix_ns +
                       (observed->type == ANY_INT ? (uint64_t)observed->as.integer : 0));
}

static void write_log(struct json *j, const struct record *r)
{
    const struct any *f = r->fields;
    json_object(j);
    write_log_times(j, r);
    member_count(j, "severityNumber", &f[LOG_SEVERITY]);
    member_text(j, "severityText", any_text(&f[LOG_SEVERITY_TEXT]));
    if (f[LOG_BODY].type != ANY_NONE) {
        json_key(j, "body");
        write_value(j, &f[LOG_BODY]);
    }
    member_attributes(j, r->attributes, r->n_attributes);
    member_count(j, "droppedAttributesCount", &f[LOG_DROPPED_ATTRIBUTES]);
    member_count(j, "flags", &f[LOG_FLAGS]);
    member_id_if_any(j, "traceId", &f[LOG_TRACE_ID]);
    member_id_if_any(j, "spanId", &f[LOG_SPAN_ID]);
    member_text(j, "eventName", any_text(&f[LOG_EVENT_NAME]));
    json_object_end(j);
}

/* --- groups ----------------------------------------------------------------------------------- */

static void member_dropped(struct json *j, uint32_t n)
{
    if (n)
        json_member_i64(j, "droppedAttributesCount", n);
}

static void write_resource(struct json *j, const struct record_source *s)
{
    json_key(j, "resource");
    json_object(j);
    member_attributes(j, s->resource, s->n_resource);
    member_dropped(j, s->resource_dropped);
    json_object_end(j);
    member_text(j, "schemaUrl", s->resource_schema_url);
}

static void write_scope(struct json *j, const struct record_source *s)
{
    json_key(j, "scope");
    json_object(j);
    member_text(j, "name", s->scope_name);
    member_text(j, "version", s->scope_version);
    member_attributes(j, s->scope, s->n_scope);
    member_dropped(j, s->scope_dropped);
    json_object_end(j);
    member_text(j, "schemaUrl", s->scope_schema_url);
}

void json_otlp_group(struct json *j, enum record_table table, const struct record_source *source)
{
    static const struct record_source none = {0};
    bool spans = table == RECORD_SPANS;
    source = source ? source : &none;
    json_object(j);
    write_resource(j, source);
    json_key(j, spans ? "scopeSpans" : "scopeLogs");
    json_array(j);
    json_object(j);
    write_scope(j, source);
    json_key(j, spans ? "spans" : "logRecords");
    json_array(j);
}

void json_otlp_row(struct json *j, enum record_table table, const struct record *r)
{
    (table == RECORD_SPANS ? write_span : write_log)(j, r);
}

void json_otlp_group_end(struct json *j)
{
    json_array_end(j);
    json_object_end(j);
    json_array_end(j);
    json_object_end(j);
}

/* --- traces ----------------------------------------------------------------------------------- */

/* Spans by their source. Sources that say the same are one, wherever the store keeps them, and
 * groups stand in the order of their first spans: so a trace reads the same before and after a
 * flush. */
struct grouping {
    struct arena *arena;
    struct map by_text; /* number of the group, from 1 */
    struct buf text;    /* of the source that is looked up */
    const struct record_source *last;
    size_t last_number, n;
};

struct placed {
    size_t group;
    const struct span *span;
};

static size_t add_group(struct grouping *g, struct str text)
{
    size_t *number = arena_alloc(g->arena, sizeof *number);
    struct str own = arena_str(g->arena, text);
    g->n++;
    if (number && own.p) {
        *number = g->n;
        (void)map_put(&g->by_text, own, number); // else the source is listed twice
    }
    return g->n;
}

static size_t group_number(struct grouping *g, const struct record_source *s)
{
    if (g->n && s == g->last)
        return g->last_number;
    struct json j = json_to(&g->text);
    buf_reset(&g->text);
    json_otlp_group(&j, RECORD_SPANS, s);
    const size_t *known = map_get(&g->by_text, buf_str(&g->text));
    g->last = s;
    g->last_number = known ? *known : add_group(g, buf_str(&g->text));
    return g->last_number;
}

static int by_group(const void *a, const void *b)
{
    const struct placed *x = a, *y = b;
    if (x->group != y->group)
        return x->group < y->group ? -1 : 1;
    return (x->span > y->span) - (x->span < y->span); // they lie by start
}

static void write_placed(struct json *j, const struct placed *v, size_t n)
{
    for (size_t i = 0; i < n && !buf_failed(j->out); i++) {
        const struct span *s = v[i].span;
        struct record r = {.t_unix_ns = s->start_unix_ns,
                           .attributes = s->attributes,
                           .n_attributes = (uint32_t)s->n_attributes};
        memcpy(r.fields, s->fields, sizeof s->fields);
        if (i == 0 || v[i].group != v[i - 1].group) {
            if (i)
                json_otlp_group_end(j);
            json_otlp_group(j, RECORD_SPANS, s->source);
        }
        write_span(j, &r);
    }
    if (n)
        json_otlp_group_end(j);
}

static void write_groups(struct json *j, const struct trace *t, struct arena *scratch)
{
    struct grouping g = {.arena = scratch, .text = BUF_MAX(j->out->max)};
    struct placed *v = arena_array(scratch, t->n, sizeof *v);
    for (size_t i = 0; v && i < t->n; i++)
        v[i] = (struct placed){group_number(&g, t->spans[i].source), &t->spans[i]};
    map_done(&g.by_text);
    buf_done(&g.text);
    if (arena_failed(scratch) || t->n == 0)
        return;
    qsort(v, t->n, sizeof *v, by_group);
    write_placed(j, v, t->n);
}

bool json_otlp_traces(struct json *j, const struct trace *traces, size_t n, struct arena *scratch)
{
    json_object(j);
    json_key(j, "resourceSpans");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        write_groups(j, &traces[i], scratch);
    json_array_end(j);
    json_object_end(j);
    return !arena_failed(scratch);
}
