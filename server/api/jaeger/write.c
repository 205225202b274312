/* A span as OpenTelemetry's rules for Jaeger have it: kind, status, scope and what else Jaeger has
 * no field for become tags, events become logs, links become references; the resource is a process,
 * which the spans of one resource share. */
#include "api/jaeger/write.h"

#include <stdio.h>

#include "api/records/request.h"
#include "base/map.h"
#include "base/time.h"

/* Larger integers are no numbers to JavaScript; Jaeger writes them as text. */
#define SAFE_INT ((INT64_C(1) << 53) - 1)

/* --- tags ------------------------------------------------------------------------------------- */

static const char *tag_type(const struct any *v)
{
    switch (v->type) {
    case ANY_BOOL: return "bool";
    case ANY_INT: return "int64";
    case ANY_DOUBLE: return "float64";
    case ANY_BYTES: return "binary";
    default: return "string";
    }
}

static void nested_value(struct json *j, const struct any *v)
{
    struct buf text = BUF_MAX(j->out->max);
    struct json inner = json_to(&text);
    json_any(&inner, v);
    json_str(j, buf_str(&text));
    j->out->failed |= buf_failed(&text);
    buf_done(&text);
}

static void tag_value(struct json *j, const struct any *v)
{
    char text[24];
    bool unsafe = v->type == ANY_INT && (v->as.integer > SAFE_INT || v->as.integer < -SAFE_INT);
    if (unsafe) {
        (void)snprintf(text, sizeof text, "%lld", (long long)v->as.integer);
        json_str(j, str_c(text));
    } else if (v->type == ANY_ARRAY || v->type == ANY_MAP) {
        nested_value(j, v);
    } else if (v->type == ANY_EMPTY) {
        json_str(j, STR(""));
    } else {
        json_any(j, v);
    }
}

static void write_tag(struct json *j, struct str key, struct any v)
{
    if (v.type == ANY_NONE)
        return;
    json_object(j);
    json_member_str(j, "key", key);
    json_member_str(j, "type", str_c(tag_type(&v)));
    json_key(j, "value");
    tag_value(j, &v);
    json_object_end(j);
}

static void write_text_tag(struct json *j, struct str key, struct str text)
{
    if (text.n)
        write_tag(j, key, any_string(text));
}

static void write_tags(struct json *j, const struct attribute *v, size_t n, struct str except)
{
    for (size_t i = 0; i < n; i++)
        if (except.n == 0 || !str_eq(v[i].key, except))
            write_tag(j, v[i].key, v[i].value);
}

static void write_status(struct json *j, const struct span *s)
{
    if (s->status == 1 || s->status == 2) // what is not known is unset
        write_tag(j, STR("otel.status_code"),
                  any_string(s->status == 2 ? STR("ERROR") : STR("OK")));
    if (s->status == 2)
        write_tag(j, STR("error"), any_bool(true));
    write_tag(j, STR("otel.status_description"), s->fields[SPAN_STATUS_MESSAGE]);
}

static void write_span_tags(struct json *j, const struct span *s)
{
    json_key(j, "tags");
    json_array(j);
    write_tags(j, s->attributes, s->n_attributes, (struct str){0});
    if (span_kind_name(s->kind) != span_kind_name(0))
        write_tag(j, STR("span.kind"), any_string(str_c(span_kind_name(s->kind))));
    write_status(j, s);
    write_tag(j, STR("w3c.tracestate"), s->fields[SPAN_TRACE_STATE]);
    if (s->source) {
        write_text_tag(j, STR("otel.scope.name"), s->source->scope_name);
        write_text_tag(j, STR("otel.scope.version"), s->source->scope_version);
    }
    json_array_end(j);
}

/* --- references, logs ------------------------------------------------------------------------- */

static void write_reference(struct json *j, const char *type, struct str trace_id,
                            struct str span_id)
{
    json_object(j);
    json_member_str(j, "refType", str_c(type));
    json_key(j, "traceID");
    json_id(j, trace_id);
    json_key(j, "spanID");
    json_id(j, span_id);
    json_object_end(j);
}

static struct any member(const struct any *map, struct str key)
{
    const struct any *v = map->type == ANY_MAP ? attribute_get(map->as.pairs, map->n, key) : NULL;
    return v ? *v : (struct any){0};
}

static void write_references(struct json *j, const struct span *s)
{
    const struct any *links = &s->fields[SPAN_LINKS];
    json_key(j, "references");
    json_array(j);
    if (s->parent_id.n)
        write_reference(j, "CHILD_OF", s->trace_id, s->parent_id);
    for (uint32_t i = 0; links->type == ANY_ARRAY && i < links->n; i++) {
        struct any trace = member(&links->as.items[i], STR("trace_id"));
        struct any span = member(&links->as.items[i], STR("span_id"));
        write_reference(j, "FOLLOWS_FROM", any_text(&trace), any_text(&span));
    }
    json_array_end(j);
}

static void write_event(struct json *j, const struct any *event)
{
    struct any time = member(event, STR("time_unix_ns")), name = member(event, STR("name"));
    struct any attributes = member(event, STR("attributes"));
    json_object(j);
    json_member_i64(j, "timestamp", time.type == ANY_INT ? time.as.integer / NS_PER_US : 0);
    json_key(j, "fields");
    json_array(j);
    write_text_tag(j, STR("event"), any_text(&name));
    if (attributes.type == ANY_MAP)
        write_tags(j, attributes.as.pairs, attributes.n, (struct str){0});
    json_array_end(j);
    json_object_end(j);
}

static void write_logs(struct json *j, const struct span *s)
{
    const struct any *events = &s->fields[SPAN_EVENTS];
    json_key(j, "logs");
    json_array(j);
    for (uint32_t i = 0; events->type == ANY_ARRAY && i < events->n; i++)
        write_event(j, &events->as.items[i]);
    json_array_end(j);
}

static void write_warnings(struct json *j, const struct span *s)
{
    json_key(j, "warnings");
    if (s->has_end && s->duration_ns >= 0) {
        json_null(j);
        return;
    }
    json_array(j);
    json_str(j, s->has_end ? STR("the end is before the start; the duration is shown as 0")
                           : STR("the span has no end; the duration is shown as 0"));
    json_array_end(j);
}

/* --- processes -------------------------------------------------------------------------------- */

/* Processes by their JSON text; spans of one resource share one. */
struct processes {
    struct map by_text; /* -> number as a pointer into `numbers` */
    struct process {
        struct str text;
        size_t number;
    } * v;
    size_t n, cap;
    struct arena *arena;
    const struct record_source *last; /* of this number */
    size_t last_number;
};

static struct str process_text(struct processes *p, const struct record_source *s, size_t max)
{
    struct buf text = BUF_MAX(max);
    struct json j = json_to(&text);
    json_object(&j);
    json_member_str(&j, "serviceName", service_of(s));
    json_key(&j, "tags");
    json_array(&j);
    if (s)
        write_tags(&j, s->resource, s->n_resource, STR("service.name"));
    json_array_end(&j);
    json_object_end(&j);
    struct str own = buf_failed(&text) ? STR("{}") : arena_str(p->arena, buf_str(&text));
    buf_done(&text);
    return own;
}

static size_t add_process(struct processes *p, struct str text)
{
    struct process *one = arena_alloc(p->arena, sizeof *one);
    struct process *v = p->v;
    if (p->n == p->cap) {
        p->cap = p->cap ? 2 * p->cap : 8;
        v = arena_grow(p->arena, p->v, p->n, p->cap, sizeof *v);
    }
    if (!one || !v)
        return 1;
    p->v = v;
    *one = p->v[p->n] = (struct process){text, p->n + 1};
    p->n++;
    (void)map_put(&p->by_text, one->text, one); // else the process is listed twice
    return one->number;
}

static size_t process_number(struct processes *p, const struct record_source *s, size_t max)
{
    if (p->n && s == p->last)
        return p->last_number;
    struct str text = process_text(p, s, max);
    const struct process *known = map_get(&p->by_text, text);
    p->last = s;
    p->last_number = known ? known->number : add_process(p, text);
    return p->last_number;
}

static void write_processes(struct json *j, const struct processes *p)
{
    char name[24];
    json_key(j, "processes");
    json_object(j);
    for (size_t i = 0; i < p->n; i++) {
        (void)snprintf(name, sizeof name, "p%zu", p->v[i].number);
        json_key(j, name);
        json_raw(j, p->v[i].text);
    }
    json_object_end(j);
}

/* --- the trace -------------------------------------------------------------------------------- */

static void write_span(struct json *j, const struct span *s, struct processes *processes)
{
    char process[24];
    (void)snprintf(process, sizeof process, "p%zu",
                   process_number(processes, s->source, j->out->max));
    json_object(j);
    json_key(j, "traceID");
    json_id(j, s->trace_id);
    json_key(j, "spanID");
    json_id(j, s->span_id);
    if (s->fields[SPAN_FLAGS].type == ANY_INT)
        json_member_i64(j, "flags", s->fields[SPAN_FLAGS].as.integer & 0xff);
    json_member_str(j, "operationName", s->name);
    write_references(j, s);
    json_member_i64(j, "startTime", s->start_unix_ns / NS_PER_US);
    json_member_i64(j, "duration", s->duration_ns > 0 ? s->duration_ns / NS_PER_US : 0);
    write_span_tags(j, s);
    write_logs(j, s);
    json_member_str(j, "processID", str_c(process));
    write_warnings(j, s);
    json_object_end(j);
}

static void write_trace_warnings(struct json *j, const struct trace *t)
{
    char text[96];
    json_key(j, "warnings");
    if (t->duplicates == 0 && t->cut == 0) {
        json_null(j);
        return;
    }
    json_array(j);
    if (t->duplicates) {
        (void)snprintf(text, sizeof text, "%zu spans are left out: others have the same id",
                       t->duplicates);
        json_str(j, str_c(text));
    }
    if (t->cut) {
        (void)snprintf(text, sizeof text, "%zu more spans are left out", t->cut);
        json_str(j, str_c(text));
    }
    json_array_end(j);
}

void jaeger_write_trace(struct json *j, const struct trace *t, struct arena *scratch)
{
    struct processes processes = {.arena = scratch};
    json_object(j);
    json_key(j, "traceID");
    json_id(j, t->id);
    json_key(j, "spans");
    json_array(j);
    for (size_t i = 0; i < t->n && !buf_failed(j->out); i++)
        write_span(j, &t->spans[i], &processes);
    json_array_end(j);
    write_processes(j, &processes);
    write_trace_warnings(j, t);
    json_object_end(j);
    map_done(&processes.by_text);
}
