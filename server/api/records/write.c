#include "api/records/write.h"

#include <stdio.h>

#include "api/records/request.h"
#include "base/num.h"

/* --- members ---------------------------------------------------------------------------------- */

void json_attributes(struct json *j, const struct attribute *v, size_t n)
{
    json_object(j);
    for (size_t i = 0; i < n; i++)
        json_any_member(j, v[i].key, &v[i].value);
    json_object_end(j);
}

void json_member_any(struct json *j, const char *name, const struct any *v)
{
    if (v->type == ANY_NONE)
        return;
    json_key(j, name);
    json_any(j, v);
}

void json_member_id(struct json *j, const char *name, struct str id)
{
    json_key(j, name);
    json_id(j, id);
}

void json_member_time(struct json *j, const char *name, int64_t unix_ns)
{
    json_key(j, name);
    json_time(j, unix_ns);
}

void json_member_bool(struct json *j, const char *name, bool v)
{
    json_key(j, name);
    json_bool(j, v);
}

void json_member_list(struct json *j, const char *name, const struct any *list,
                      void (*write)(struct json *j, const struct any *one))
{
    if (list->type != ANY_ARRAY || list->n == 0)
        return;
    json_key(j, name);
    json_array(j);
    for (uint32_t i = 0; i < list->n; i++)
        write(j, &list->as.items[i]);
    json_array_end(j);
}

static void member_attributes(struct json *j, const char *name, const struct attribute *v, size_t n)
{
    if (n == 0)
        return;
    json_key(j, name);
    json_attributes(j, v, n);
}

static void member_text(struct json *j, const char *name, struct str text)
{
    if (text.n)
        json_member_str(j, name, text);
}

static void member_count(struct json *j, const char *name, uint64_t n)
{
    if (n)
        json_member_i64(j, name, (int64_t)n);
}

static bool scope_says_something(const struct record_source *s)
{
    return s->scope_name.n || s->scope_version.n || s->n_scope || s->scope_dropped ||
           s->scope_schema_url.n;
}

void json_source_members(struct json *j, const struct record_source *s)
{
    json_member_str(j, "service", service_of(s));
    if (!s)
        return;
    member_attributes(j, "resource", s->resource, s->n_resource);
    member_count(j, "resource_dropped_attributes", s->resource_dropped);
    member_text(j, "resource_schema_url", s->resource_schema_url);
    if (!scope_says_something(s))
        return;
    json_key(j, "scope");
    json_object(j);
    member_text(j, "name", s->scope_name);
    member_text(j, "version", s->scope_version);
    member_attributes(j, "attributes", s->scope, s->n_scope);
    member_count(j, "dropped_attributes", s->scope_dropped);
    member_text(j, "schema_url", s->scope_schema_url);
    json_object_end(j);
}

/* The selector of the metrics that came from the same resource: job and instance as the receiver of
 * OTLP makes them (docs/ingest.md). What says its name by something that is no text has none. */
static void write_metrics(struct json *j, const struct record_source *s)
{
    struct str name = resource_text(s, STR("service.name"));
    struct str instance = resource_text(s, STR("service.instance.id"));
    const struct any *space =
        name.n ? attribute_get(s->resource, s->n_resource, STR("service.namespace")) : NULL;
    struct buf job = BUF_MAX(4 << 20), text = BUF_MAX(32 << 20);
    if (name.n == 0)
        return;
    if (space && space->type == ANY_STRING)
        buf_printf(&job, "%.*s/", STR_ARG(any_text(space)));
    buf_put_str(&job, name);
    buf_puts(&text, "{job=");
    json_str(&(struct json){.out = &text}, buf_str(&job));
    if (instance.n) {
        buf_puts(&text, ",instance=");
        json_str(&(struct json){.out = &text}, instance);
    }
    buf_putc(&text, '}');
    json_member_str(j, "metrics", buf_str(&text));
    buf_done(&text);
    buf_done(&job);
}

/* --- usage ------------------------------------------------------------------------------------ */

static void member_amount(struct json *j, const char *name, double v)
{
    if (!(v > 0))
        return;
    json_key(j, name);
    json_double(j, v);
}

void json_usage(struct json *j, const struct usage *u)
{
    json_object(j);
    member_count(j, "model_calls", u->model_calls);
    member_count(j, "tool_calls", u->tool_calls);
    member_count(j, "agent_calls", u->agent_calls);
    member_amount(j, "input_tokens", u->input_tokens);
    member_amount(j, "output_tokens", u->output_tokens);
    member_amount(j, "cached_tokens", u->cached_tokens);
    member_amount(j, "reasoning_tokens", u->reasoning_tokens);
    if (u->has_cost) {
        json_key(j, "cost");
        json_double(j, u->cost);
    }
    json_object_end(j);
}

/* --- log records ------------------------------------------------------------------------------ */

void json_log_id(struct json *j, const struct log_id *id)
{
    char text[80];
    int n = snprintf(text, sizeof text, "%lld.%016llx.%u", (long long)id->t_unix_ns,
                     (unsigned long long)id->hash, id->number);
    json_str(j, str_of(text, (size_t)n));
}

bool log_id_parse(struct str text, struct log_id *out)
{
    struct str rest = text, time = str_cut(&rest, '.'), hash = str_cut(&rest, '.');
    uint64_t number;
    bool ok = rest.p && num_parse_i64(time, &out->t_unix_ns) == 0 &&
              num_parse_hex(hash, &out->hash) == 0 && num_parse_u64(rest, &number) == 0 &&
              number <= UINT32_MAX;
    if (ok)
        out->number = (uint32_t)number;
    return ok;
}

static void write_severity(struct json *j, const struct log_row *row)
{
    const struct any *number = &row->fields[LOG_SEVERITY];
    json_member_any(j, "severity", number);
    json_member_str(j, "level",
                    str_c(severity_name(number->type == ANY_INT ? number->as.integer : 0)));
    json_member_any(j, "severity_text", &row->fields[LOG_SEVERITY_TEXT]);
}

static void write_log_ids(struct json *j, const struct log_row *row)
{
    struct str trace = any_text(&row->fields[LOG_TRACE_ID]);
    struct str span = any_text(&row->fields[LOG_SPAN_ID]);
    if (trace.n)
        json_member_id(j, "trace_id", trace);
    if (span.n)
        json_member_id(j, "span_id", span);
    json_member_any(j, "flags", &row->fields[LOG_FLAGS]);
}

void json_log(struct json *j, const struct log_row *row)
{
    const struct any *observed = &row->fields[LOG_OBSERVED_NS];
    json_object(j);
    json_key(j, "id");
    json_log_id(j, &row->id);
    json_member_time(j, "time", row->id.t_unix_ns);
    if (observed->type == ANY_INT)
        json_member_time(j, "observed", row->id.t_unix_ns + observed->as.integer);
    if (row->fields[LOG_NO_TIME].type == ANY_BOOL)
        json_member_bool(j, "time_is_observed", true);
    write_severity(j, row);
    json_member_any(j, "body", &row->fields[LOG_BODY]);
    json_member_any(j, "event_name", &row->fields[LOG_EVENT_NAME]);
    write_log_ids(j, row);
    member_attributes(j, "attributes", row->attributes, row->n_attributes);
    json_member_any(j, "dropped_attributes", &row->fields[LOG_DROPPED_ATTRIBUTES]);
    json_source_members(j, row->source);
    json_object_end(j);
}

/* --- spans ------------------------------------------------------------------------------------ */

static void write_nested_attributes(struct json *j, const struct any *map)
{
    const struct any *v = any_member(map, STR("attributes"));
    if (v->type == ANY_MAP)
        member_attributes(j, "attributes", v->as.pairs, v->n);
    json_member_any(j, "dropped_attributes", any_member(map, STR("dropped_attributes")));
}

static void write_event(struct json *j, const struct any *e)
{
    const struct any *time = any_member(e, STR("time_unix_ns"));
    json_object(j);
    if (time->type == ANY_INT && time->as.integer) // 0: not given
        json_member_time(j, "time", time->as.integer);
    json_member_any(j, "name", any_member(e, STR("name")));
    write_nested_attributes(j, e);
    json_object_end(j);
}

static void write_link(struct json *j, const struct any *l)
{
    json_object(j);
    json_member_id(j, "trace_id", any_text(any_member(l, STR("trace_id"))));
    json_member_id(j, "span_id", any_text(any_member(l, STR("span_id"))));
    json_member_any(j, "trace_state", any_member(l, STR("trace_state")));
    json_member_any(j, "flags", any_member(l, STR("flags")));
    write_nested_attributes(j, l);
    json_object_end(j);
}

/* Hints that most spans do not have. */
static void write_hints(struct json *j, const struct trace_node *node)
{
    if (node->lost_parent)
        json_member_bool(j, "parent_is_missing", true);
    if (node->broke_cycle)
        json_member_bool(j, "parents_are_circular", true);
    if (node->skew_ns)
        json_member_i64(j, "clock_skew_ns", node->skew_ns);
    if (!node->span->has_end)
        json_member_bool(j, "has_no_end", true);
    if (node->first_child && node->total.model_calls + node->total.tool_calls) {
        json_key(j, "usage");
        json_usage(j, &node->total);
    }
}

static void write_times(struct json *j, const struct trace_node *node)
{
    const struct span *s = node->span;
    json_member_time(j, "start", s->start_unix_ns);
    json_member_i64(j, "duration_ns", s->duration_ns);
    json_member_i64(j, "self_ns", node->self_ns);
    json_member_bool(j, "critical", node->is_critical);
    json_member_i64(j, "critical_ns", node->critical_ns);
}

static void write_names(struct json *j, const struct trace_node *node)
{
    const struct span *s = node->span;
    json_member_id(j, "span_id", s->span_id);
    if (s->parent_id.n)
        json_member_id(j, "parent_id", s->parent_id);
    json_member_i64(j, "depth", node->depth);
    json_member_str(j, "name", s->name);
    json_member_str(j, "kind", str_c(span_kind_name(s->kind)));
    json_member_str(j, "status", str_c(span_status_name(s->status)));
    json_member_any(j, "status_message", &s->fields[SPAN_STATUS_MESSAGE]);
}

static void write_logs(struct json *j, const struct log_row *logs, size_t n)
{
    if (n == 0)
        return;
    json_key(j, "logs");
    json_array(j);
    for (size_t i = 0; i < n; i++)
        json_log(j, &logs[i]);
    json_array_end(j);
}

void json_tree_span(struct json *j, const struct trace_node *node, const struct log_row *logs,
                    size_t n_logs)
{
    static const struct {
        const char *name;
        int field;
    } others[] = {{"trace_state", SPAN_TRACE_STATE},
                  {"flags", SPAN_FLAGS},
                  {"dropped_attributes", SPAN_DROPPED_ATTRIBUTES},
                  {"dropped_events", SPAN_DROPPED_EVENTS},
                  {"dropped_links", SPAN_DROPPED_LINKS}};
    const struct span *s = node->span;
    json_object(j);
    write_names(j, node);
    write_times(j, node);
    write_hints(j, node);
    json_source_members(j, s->source);
    write_metrics(j, s->source);
    member_attributes(j, "attributes", s->attributes, s->n_attributes);
    json_member_list(j, "events", &s->fields[SPAN_EVENTS], write_event);
    json_member_list(j, "links", &s->fields[SPAN_LINKS], write_link);
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        json_member_any(j, others[i].name, &s->fields[others[i].field]);
    write_logs(j, logs, n_logs);
    json_object_end(j);
}
