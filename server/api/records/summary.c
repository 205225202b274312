#include "api/records/summary.h"

#include "api/records/write.h"
#include "base/map.h"

struct service {
    struct str name;
    int64_t spans, errors;
};

/* Services of a trace: few, but a hostile trace has as many as spans. */
struct services {
    struct map by_name;
    struct service *v;
    size_t n;
};

static void count_service(struct services *s, const struct span *span)
{
    struct str name = service_of(span->source);
    struct service *known = map_get(&s->by_name, name);
    if (!known) {
        known = &s->v[s->n];
        known->name = name;
        if (map_put(&s->by_name, name, known) != 0)
            return; // counted nowhere, for want of memory
        s->n++;
    }
    known->spans++;
    known->errors += span->status == 2;
}

static void write_services(struct json *j, const struct trace_tree *tree, struct arena *a)
{
    struct services s = {.v = arena_array(a, tree->n, sizeof *s.v)};
    for (size_t i = 0; s.v && i < tree->n; i++)
        count_service(&s, tree->nodes[i]->span);
    json_key(j, "services");
    json_array(j);
    for (size_t i = 0; i < s.n; i++) {
        json_object(j);
        json_member_str(j, "name", s.v[i].name);
        json_member_i64(j, "spans", s.v[i].spans);
        json_member_i64(j, "errors", s.v[i].errors);
        json_object_end(j);
    }
    json_array_end(j);
    map_done(&s.by_name);
}

static void write_root(struct json *j, const struct trace_node *root)
{
    json_key(j, "root");
    json_object(j);
    json_member_id(j, "span_id", root->span->span_id);
    json_member_str(j, "name", root->span->name);
    json_member_str(j, "service", service_of(root->span->source));
    json_member_str(j, "status", str_c(span_status_name(root->span->status)));
    if (root->lost_parent)
        json_member_bool(j, "parent_is_missing", true);
    json_object_end(j);
}

void json_summary_members(struct json *j, const struct trace *t, const struct trace_tree *tree,
                          struct arena *a)
{
    json_member_id(j, "trace_id", t->id);
    json_member_time(j, "start", tree->start_unix_ns);
    json_member_i64(j, "duration_ns", tree->end_unix_ns - tree->start_unix_ns);
    write_root(j, tree->root);
    json_member_i64(j, "span_count", (int64_t)tree->n);
    json_member_i64(j, "spans_left_out", (int64_t)t->cut);
    json_member_i64(j, "errors", (int64_t)tree->usage.errors);
    json_member_i64(j, "missing_parents", (int64_t)tree->lost_parents);
    json_key(j, "usage");
    json_usage(j, &tree->usage);
    write_services(j, tree, a);
}

bool json_trace_summary(struct json *j, const struct trace *t, struct arena *a)
{
    struct trace_tree tree;
    if (t->n == 0)
        return true; // deleted meanwhile
    if (!trace_tree_make(t, a, &tree))
        return false;
    json_object(j);
    json_summary_members(j, t, &tree, a);
    json_object_end(j);
    return !arena_failed(a);
}
