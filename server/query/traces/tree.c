/* From a list of spans to a tree, and what follows from it.
 *
 * Everything is done over one array in depth-first order, forwards for what comes from above (the
 * critical path), backwards for what comes from below (sums): a trace may be a chain of a hundred
 * thousand spans, which no recursion survives. */
#include "query/traces/tree.h"

#include <stdlib.h>

#include "base/compiler.h"
#include "base/map.h"

struct making {
    struct arena *arena;
    struct trace_node *nodes; /* by start */
    struct map by_id;
    struct trace_tree *out;
    struct trace_node **work; /* as many as there are nodes, and more */
    struct map services;
};

/* --- links ------------------------------------------------------------------------------------ */

static bool index_nodes(struct making *m, const struct trace *t)
{
    for (size_t i = 0; i < t->n; i++) {
        const struct span *s = &t->spans[i];
        struct trace_node *node = &m->nodes[i];
        int64_t duration = MAX(s->duration_ns, 0);
        *node = (struct trace_node){.span = s};
        node->end_unix_ns =
            s->start_unix_ns > INT64_MAX - duration ? INT64_MAX : s->start_unix_ns + duration;
        if (map_put(&m->by_id, s->span_id, node) != 0)
            return false;
    }
    return true;
}

static void unlink_from_parent(struct trace_node *node)
{
    struct trace_node **at = &node->parent->first_child;
    while (*at != node)
        at = &(*at)->next;
    *at = node->next;
    node->parent = node->next = NULL;
}

/* From the last to the first, each put in front: children are in the order of their start. */
static void link_nodes(struct making *m, size_t n)
{
    for (size_t i = n; i-- > 0;) {
        struct trace_node *node = &m->nodes[i];
        struct str parent_id = node->span->parent_id;
        struct trace_node *parent = parent_id.n ? map_get(&m->by_id, parent_id) : NULL;
        node->lost_parent = parent_id.n && !parent;
        if (!parent)
            continue;
        node->parent = parent;
        node->next = parent->first_child;
        parent->first_child = node;
    }
}

/* Appends the subtree to the tree's nodes, depth first. */
static void walk(struct making *m, struct trace_node *root)
{
    size_t waiting = 0;
    m->out->roots++;
    m->work[waiting++] = root;
    while (waiting) {
        struct trace_node *node = m->work[--waiting];
        node->depth = node->parent ? node->parent->depth + 1 : 0;
        m->out->nodes[m->out->n++] = node;
        size_t first = waiting;
        for (struct trace_node *c = node->first_child; c; c = c->next)
            m->work[waiting++] = c;
        for (size_t i = first, k = waiting; i + 1 < k; i++, k--) {
            struct trace_node *swap = m->work[i]; // the first child is to be the next
            m->work[i] = m->work[k - 1];
            m->work[k - 1] = swap;
        }
    }
}

/* A node of the circle that the ancestors of `node` lead into. Who was passed is marked in
 * critical_ns, which has no other use yet. */
static struct trace_node *find_circle(struct trace_node *node)
{
    for (; node->critical_ns == 0; node = node->parent)
        node->critical_ns = 1;
    return node;
}

/* Spans that no root leads to hang off a circle of parents, which is opened at one of them. */
static void break_cycles(struct making *m, size_t n)
{
    for (size_t i = 0; i < n && m->out->n < n; i++) {
        struct trace_node *node = &m->nodes[i];
        bool placed = node->depth || !node->parent;
        if (placed)
            continue;
        node = find_circle(node);
        unlink_from_parent(node);
        node->broke_cycle = true;
        walk(m, node);
    }
    for (size_t i = 0; i < n; i++)
        m->nodes[i].critical_ns = 0;
}

static void put_in_order(struct making *m, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!m->nodes[i].parent)
            walk(m, &m->nodes[i]);
    break_cycles(m, n);
}

/* --- time ------------------------------------------------------------------------------------- */

static int64_t start_within(const struct trace_node *child, const struct trace_node *parent)
{
    return MAX(child->span->start_unix_ns, parent->span->start_unix_ns);
}

static int64_t end_within(const struct trace_node *child, const struct trace_node *parent)
{
    return MIN(child->end_unix_ns, parent->end_unix_ns);
}

static void find_self_time(struct trace_node *node)
{
    int64_t covered_to = node->span->start_unix_ns, covered = 0;
    for (const struct trace_node *c = node->first_child; c; c = c->next) {
        int64_t from = MAX(start_within(c, node), covered_to), to = end_within(c, node);
        if (to <= from)
            continue;
        covered += to - from;
        covered_to = to;
    }
    node->self_ns = node->end_unix_ns - node->span->start_unix_ns - covered;
}

static int by_end(const void *a, const void *b)
{
    const struct trace_node *x = *(struct trace_node *const *)a;
    const struct trace_node *y = *(struct trace_node *const *)b;
    return (x->end_unix_ns < y->end_unix_ns) - (x->end_unix_ns > y->end_unix_ns);
}

/* Backwards from `until`: the child that ended last is what the node waited for, before it began
 * the one that had ended by then, and so on; the rest is the node's own time. Each child that is on
 * the path gets its `until` in critical_ns until its own turn comes. */
static void find_critical_children(struct making *m, struct trace_node *node)
{
    int64_t at = node->critical_ns;
    size_t n = 0;
    node->critical_ns = 0;
    for (struct trace_node *c = node->first_child; c; c = c->next)
        m->work[n++] = c;
    if (n)
        qsort(m->work, n, sizeof(struct trace_node *), by_end);
    for (size_t i = 0; i < n; i++) {
        struct trace_node *c = m->work[i];
        int64_t start = start_within(c, node), end = end_within(c, node);
        if (end > at || start >= end)
            continue;
        c->is_critical = true;
        c->critical_ns = end;
        node->critical_ns += at - end;
        at = start;
    }
    node->critical_ns += MAX(at - node->span->start_unix_ns, 0);
}

static void find_critical_path(struct making *m)
{
    struct trace_tree *t = m->out;
    t->root->is_critical = true;
    t->root->critical_ns = t->root->end_unix_ns;
    for (size_t i = 0; i < t->n; i++)
        if (t->nodes[i]->is_critical)
            find_critical_children(m, t->nodes[i]);
}

/* --- clocks ----------------------------------------------------------------------------------- */

static bool is_elsewhere(const struct span *a, const struct span *b)
{
    static const char *const keys[] = {"host.name", "host.id", "service.instance.id",
                                       "k8s.pod.name"};
    if (!str_eq(service_of(a->source), service_of(b->source)))
        return true;
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (!str_eq(resource_text(a->source, str_c(keys[i])),
                    resource_text(b->source, str_c(keys[i]))))
            return true;
    return false;
}

/* A call that is answered lies within the call. One that does not, on another machine, has another
 * clock: the hint puts it into the middle, or at the start if it is longer. What is queued
 * (consumer) may well be later. */
static void find_skew(struct trace_node *node)
{
    const struct trace_node *parent = node->parent;
    enum { KIND_CONSUMER = 5 };
    if (!parent || node->span->kind == KIND_CONSUMER || !node->span->has_end ||
        !parent->span->has_end)
        return;
    int64_t start = node->span->start_unix_ns, parent_start = parent->span->start_unix_ns;
    bool within = start >= parent_start && node->end_unix_ns <= parent->end_unix_ns;
    if (within || !is_elsewhere(node->span, parent->span))
        return;
    int64_t slack =
        (parent->end_unix_ns - parent_start) - (node->end_unix_ns - node->span->start_unix_ns);
    if (slack < 0 && start >= parent_start)
        return; // it goes on behind the call
    node->skew_ns = parent_start + MAX(slack, 0) / 2 - start;
}

/* --- usage ------------------------------------------------------------------------------------ */

static void forget_tokens(struct usage *u)
{
    *u = (struct usage){.spans = u->spans,
                        .errors = u->errors,
                        .tool_calls = u->tool_calls,
                        .agent_calls = u->agent_calls};
}

/* Several instrumentations may tell of the same answer of a model. */
static bool is_first_of_response(struct map *seen, const struct span *s)
{
    static char mark;
    const struct any *id = attribute_get(s->attributes, s->n_attributes, STR("gen_ai.response.id"));
    if (!id || any_text(id).n == 0)
        return true;
    if (map_get(seen, any_text(id)))
        return false;
    (void)map_put(seen, any_text(id), &mark); // else it counts twice
    return true;
}

static struct str tool_name(const struct span *s)
{
    const struct any *v = attribute_get(s->attributes, s->n_attributes, STR("gen_ai.tool.name"));
    return v ? any_text(v) : (struct str){0};
}

/* An MCP client's span within the tool's own tells of the same call. */
static bool repeats_tool(const struct trace_node *node)
{
    return node->parent && node->parent->own.tool_calls &&
           str_eq(tool_name(node->span), tool_name(node->parent->span));
}

/* Children come before parents. A model call or an agent whose subtree has model calls only repeats
 * their tokens. */
static void sum_usage(struct making *m)
{
    struct trace_tree *t = m->out;
    struct map seen = {0};
    for (size_t i = 0; i < t->n; i++)
        (void)usage_of_span(t->nodes[i]->span, &t->nodes[i]->own);
    for (size_t i = t->n; i-- > 0;) {
        struct trace_node *node = t->nodes[i];
        struct usage counted = node->own;
        bool repeats = node->total.model_calls > 0 ||
                       (counted.model_calls && !is_first_of_response(&seen, node->span));
        if (repeats)
            forget_tokens(&counted);
        if (counted.tool_calls && repeats_tool(node))
            counted.tool_calls = 0;
        usage_add(&node->total, &counted);
        usage_add(node->parent ? &node->parent->total : &t->usage, &node->total);
    }
    map_done(&seen);
}

/* --- together --------------------------------------------------------------------------------- */

static bool summarise(struct making *m)
{
    static char mark;
    struct trace_tree *t = m->out;
    t->start_unix_ns = INT64_MAX;
    t->end_unix_ns = INT64_MIN;
    for (size_t i = 0; i < t->n; i++) {
        struct trace_node *node = t->nodes[i];
        bool better = !t->root || (t->root->lost_parent && !node->lost_parent);
        if (!node->parent && better)
            t->root = node;
        t->start_unix_ns = MIN(t->start_unix_ns, node->span->start_unix_ns);
        t->end_unix_ns = MAX(t->end_unix_ns, node->end_unix_ns);
        t->lost_parents += node->lost_parent;
        find_self_time(node);
        find_skew(node);
        if (map_put(&m->services, service_of(node->span->source), &mark) != 0)
            return false;
    }
    t->services = m->services.n;
    return true;
}

bool trace_tree_make(const struct trace *t, struct arena *a, struct trace_tree *out)
{
    struct making m = {.arena = a, .out = out};
    *out = (struct trace_tree){0};
    m.nodes = arena_array(a, t->n, sizeof *m.nodes);
    m.work = arena_array(a, t->n + 1, sizeof(struct trace_node *));
    out->nodes = arena_array(a, t->n, sizeof(struct trace_node *));
    bool ok = m.nodes && m.work && out->nodes && index_nodes(&m, t);
    if (ok && t->n) {
        link_nodes(&m, t->n);
        put_in_order(&m, t->n);
        ok = summarise(&m);
    }
    if (ok && t->n) {
        find_critical_path(&m);
        sum_usage(&m);
    }
    map_done(&m.by_id);
    map_done(&m.services);
    return ok;
}
