/* The service map: every span finds its parent, and where the two belong to different nodes there
 * is a call. All spans of the time are gathered first, 32 bytes each, since a parent may come from
 * any block; then they are joined by a hash of trace id and span id. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map.h"
#include "query/traces/traces.h"

enum {
    SPANS_FIRST = 4096,
    NODES_MAX = 20000,
    EDGES_MAX = 20000,
    EDGE_SLOTS = 1 << 16, /* over twice as many */
    WALK_MAX = 10000,     /* ancestors looked at; a cycle of parents ends here */
    /* Durations are counted in buckets of 8 a power of two. */
    SUB_BITS = 3,
    BUCKETS = (64 - SUB_BITS) << SUB_BITS,
};

/* Columns of the scan. */
enum {
    C_TRACE,
    C_SPAN,
    C_PARENT,
    C_DURATION,
    C_STATUS,
    C_OPERATION,
    C_AGENT,
    C_TOOL,
    C_MODEL,
    COLUMNS
};

struct joined_span {
    uint64_t id, parent; /* hashes; parent 0: a root */
    int64_t duration_ns; /* negative: unknown */
    uint32_t service;    /* node */
    uint32_t node : 31;  /* node + 1; 0: that of its caller */
    uint32_t error : 1;
};

struct edge {
    uint32_t caller, callee;
    uint64_t calls, errors, n_durations;
    uint32_t *buckets; /* BUCKETS of them */
};

struct mapping {
    struct record_query *q;
    bool services_only;
    struct joined_span *spans;
    size_t n, cap;
    uint32_t *slots; /* of spans by id: index + 1 */
    size_t n_slots;
    struct map by_name; /* "kind:name" -> node */
    struct map_node **nodes;
    uint32_t *node_numbers; /* what by_name's values point at */
    uint32_t n_nodes;
    struct edge *edges;
    size_t n_edges;
    uint32_t *edge_slots;
    struct str last_service; /* the text met last, borrowed from a block, and its node */
    uint32_t last_node;
};

static const char *const kinds[] = {"service", "agent", "tool", "model"};

const char *map_node_kind_name(enum map_node_kind kind)
{
    return kinds[kind];
}

/* --- nodes ------------------------------------------------------------------------------------ */

static uint32_t add_node(struct mapping *m, enum map_node_kind kind, struct str key)
{
    struct arena *a = m->q->arena;
    struct map_node *node = arena_alloc(a, sizeof *node);
    struct str own = arena_str(a, key);
    if (!node || arena_failed(a))
        return 0;
    *node = (struct map_node){kind, str_sub(own, 1, SIZE_MAX)};
    m->nodes[m->n_nodes] = node;
    m->node_numbers[m->n_nodes] = m->n_nodes;
    if (map_put(&m->by_name, own, &m->node_numbers[m->n_nodes]) != 0) {
        a->failed = true;
        return 0;
    }
    return m->n_nodes++;
}

/* Nodes beyond the limit are one with the first. */
static uint32_t node_of(struct mapping *m, enum map_node_kind kind, struct str name)
{
    char key[256];
    name = str_sub(name, 0, sizeof key - 1);
    key[0] = (char)('0' + kind);
    memcpy(key + 1, name.p ? name.p : "", name.n);
    const uint32_t *known = map_get(&m->by_name, str_of(key, name.n + 1));
    if (known)
        return *known;
    return m->n_nodes < NODES_MAX ? add_node(m, kind, str_of(key, name.n + 1)) : 0;
}

static uint32_t service_node(struct mapping *m, const struct record_block *b, size_t row)
{
    struct str name = service_of(record_block_source(b, row));
    if (m->last_service.p != name.p || m->last_service.n != name.n) {
        m->last_service = name;
        m->last_node = node_of(m, MAP_SERVICE, name);
    }
    return m->last_node;
}

static bool is_one_of(struct str word, const char *const *words)
{
    for (; *words; words++)
        if (str_eq(word, str_c(*words)))
            return true;
    return false;
}

/* The node that the span itself stands for + 1; 0: none of its own. */
static uint32_t own_node(struct mapping *m, const struct record_block *b, size_t row)
{
    static const char *const agent[] = {"invoke_agent", "create_agent", NULL};
    static const char *const tool[] = {"execute_tool", NULL};
    static const char *const model[] = {"chat", "text_completion", "generate_content", "embeddings",
                                        NULL};
    struct any operation = vector_at(&b->columns[C_OPERATION], row);
    struct str word = any_text(&operation);
    if (word.n == 0)
        return 0;
    enum map_node_kind kind = is_one_of(word, agent)   ? MAP_AGENT
                              : is_one_of(word, tool)  ? MAP_TOOL
                              : is_one_of(word, model) ? MAP_MODEL
                                                       : MAP_SERVICE;
    if (kind == MAP_SERVICE)
        return 0;
    struct any name = vector_at(&b->columns[C_AGENT + (int)kind - (int)MAP_AGENT], row);
    return name.type == ANY_STRING && name.n ? node_of(m, kind, any_text(&name)) + 1 : 0;
}

/* --- gathering -------------------------------------------------------------------------------- */

static uint64_t id_hash(const struct any *trace, const struct any *span)
{
    if (span->type != ANY_BYTES || trace->type != ANY_BYTES)
        return 0;
    uint64_t seed = hash_process_seed();
    return hash_combine(hash_bytes_seeded(trace->as.text, trace->n, seed),
                        hash_bytes_seeded(span->as.text, span->n, seed)) |
           1;
}

static struct joined_span *add_span(struct mapping *m)
{
    if (m->n == m->cap) {
        size_t cap = m->cap ? 2 * m->cap : SPANS_FIRST;
        struct joined_span *v = arena_extend(m->q->arena, m->spans, m->cap, cap, sizeof *v);
        if (!v)
            return NULL;
        m->spans = v;
        m->cap = cap;
    }
    return &m->spans[m->n++];
}

static int each_block(void *arg, const struct record_block *b)
{
    struct mapping *m = arg;
    m->last_service = (struct str){0};
    for (size_t i = 0; i < b->n; i++) {
        struct joined_span *s = add_span(m);
        if (!s || arena_failed(m->q->arena))
            return ERR_NOMEM;
        struct any trace = vector_at(&b->columns[C_TRACE], i);
        struct any span = vector_at(&b->columns[C_SPAN], i);
        struct any parent = vector_at(&b->columns[C_PARENT], i);
        struct any duration = vector_at(&b->columns[C_DURATION], i);
        struct any status = vector_at(&b->columns[C_STATUS], i);
        s->id = id_hash(&trace, &span);
        s->parent = id_hash(&trace, &parent);
        s->duration_ns = duration.type == ANY_INT ? duration.as.integer : -1;
        s->error = status.type == ANY_INT && status.as.integer == 2;
        s->service = service_node(m, b, i);
        s->node = m->services_only ? 0 : own_node(m, b, i) & INT32_MAX;
    }
    return 0;
}

static int gather(struct mapping *m, const struct predicate *where, int64_t min_unix_ns,
                  int64_t max_unix_ns, struct err *err)
{
    const struct column_ref columns[COLUMNS] = {
        [C_TRACE] = field_column(SPAN_TRACE_ID),
        [C_SPAN] = field_column(SPAN_SPAN_ID),
        [C_PARENT] = field_column(SPAN_PARENT_ID),
        [C_DURATION] = field_column(SPAN_DURATION_NS),
        [C_STATUS] = field_column(SPAN_STATUS_CODE),
        [C_OPERATION] = attribute_column(STR("gen_ai.operation.name")),
        [C_AGENT] = attribute_column(STR("gen_ai.agent.name")),
        [C_TOOL] = attribute_column(STR("gen_ai.tool.name")),
        [C_MODEL] = attribute_column(STR("gen_ai.request.model")),
    };
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = min_unix_ns,
                                     .max_unix_ns = max_unix_ns,
                                     .where = where,
                                     .columns = columns,
                                     .n_columns = m->services_only ? C_OPERATION : COLUMNS,
                                     .each = each_block,
                                     .arg = m};
    return record_query_scan(m->q, &scan, err);
}

/* --- joining ---------------------------------------------------------------------------------- */

static uint32_t *span_slot(const struct mapping *m, uint64_t id)
{
    size_t at = id & (m->n_slots - 1);
    while (m->slots[at] && m->spans[m->slots[at] - 1].id != id)
        at = (at + 1) & (m->n_slots - 1);
    return &m->slots[at];
}

static bool make_slots(struct mapping *m)
{
    for (m->n_slots = 64; m->n_slots < 2 * m->n; m->n_slots *= 2)
        continue;
    m->slots = arena_array(m->q->arena, m->n_slots, sizeof *m->slots);
    for (size_t i = 0; m->slots && i < m->n; i++)
        *span_slot(m, m->spans[i].id) = (uint32_t)i + 1;
    return m->slots;
}

static struct joined_span *parent_of(const struct mapping *m, const struct joined_span *s)
{
    uint32_t at = s->parent ? *span_slot(m, s->parent) : 0;
    return at ? &m->spans[at - 1] : NULL;
}

/* The node of a span: its own, or that of its nearest ancestor in the same service that has one, or
 * the service. What was found is kept in all spans on the way. */
static uint32_t resolve(struct mapping *m, struct joined_span *s)
{
    struct joined_span *at = s;
    for (int i = 0; at->node == 0 && i < WALK_MAX; i++) {
        struct joined_span *parent = parent_of(m, at);
        if (!parent || parent->service != at->service)
            at->node = (at->service + 1) & INT32_MAX;
        else
            at = parent;
    }
    uint32_t node = at->node ? at->node : s->service + 1;
    for (at = s; at && at->node == 0; at = parent_of(m, at))
        at->node = node & INT32_MAX;
    return node - 1;
}

/* --- edges ------------------------------------------------------------------------------------ */

static unsigned bucket_of(int64_t ns)
{
    uint64_t v = (uint64_t)ns;
    if (v < 1u << SUB_BITS)
        return (unsigned)v;
    unsigned top = 63 - (unsigned)__builtin_clzll(v);
    return ((top - SUB_BITS) << SUB_BITS) + (unsigned)(v >> (top - SUB_BITS));
}

/* The middle of a bucket. */
static int64_t bucket_value(unsigned bucket)
{
    if (bucket < 2u << SUB_BITS)
        return bucket;
    unsigned shift = (bucket >> SUB_BITS) - 1;
    uint64_t low = (uint64_t)((bucket & ((1u << SUB_BITS) - 1)) + (1u << SUB_BITS)) << shift;
    return (int64_t)(low + (UINT64_C(1) << shift) / 2);
}

static int64_t quantile(const struct edge *e, double q)
{
    uint64_t rank = (uint64_t)(q * (double)e->n_durations), seen = 0;
    for (unsigned i = 0; i < BUCKETS; i++) {
        seen += e->buckets[i];
        if (seen > rank)
            return bucket_value(i);
    }
    return 0;
}

static struct edge *edge_of(struct mapping *m, uint32_t caller, uint32_t callee)
{
    const size_t mask = EDGE_SLOTS - 1;
    size_t at = hash_u64((uint64_t)caller << 32 | callee) & mask;
    for (; m->edge_slots[at]; at = (at + 1) & mask) {
        struct edge *e = &m->edges[m->edge_slots[at] - 1];
        if (e->caller == caller && e->callee == callee)
            return e;
    }
    if (m->n_edges == EDGES_MAX)
        return NULL;
    struct edge *e = &m->edges[m->n_edges];
    *e = (struct edge){.caller = caller, .callee = callee};
    e->buckets = arena_array(m->q->arena, BUCKETS, sizeof *e->buckets);
    if (!e->buckets)
        return NULL;
    m->edge_slots[at] = (uint32_t)++m->n_edges;
    return e;
}

static void count_call(struct mapping *m, struct joined_span *s)
{
    struct joined_span *parent = parent_of(m, s);
    if (!parent)
        return;
    uint32_t caller = resolve(m, parent), callee = resolve(m, s);
    struct edge *e = caller == callee ? NULL : edge_of(m, caller, callee);
    if (!e)
        return;
    e->calls++;
    e->errors += s->error;
    if (s->duration_ns < 0)
        return;
    e->n_durations++;
    e->buckets[bucket_of(s->duration_ns)]++;
}

static int join(struct mapping *m, struct err *err)
{
    int rc = make_slots(m) ? 0 : record_query_no_memory(m->q, err);
    for (size_t i = 0; rc == 0 && i < m->n; i++) {
        count_call(m, &m->spans[i]);
        if (i % (1 << 18) == 0)
            rc = record_query_stopped(m->q, err);
    }
    return rc;
}

static int by_calls(const void *a, const void *b)
{
    const struct map_edge *x = a, *y = b;
    if (x->calls != y->calls)
        return x->calls > y->calls ? -1 : 1;
    int c = str_cmp(x->caller->name, y->caller->name);
    return c ? c : str_cmp(x->callee->name, y->callee->name);
}

static int give_edges(struct mapping *m, struct map_edge **out, size_t *out_n, struct err *err)
{
    struct map_edge *v = arena_array(m->q->arena, m->n_edges, sizeof *v);
    if (!v)
        return record_query_no_memory(m->q, err);
    for (size_t i = 0; i < m->n_edges; i++) {
        const struct edge *e = &m->edges[i];
        v[i] = (struct map_edge){.caller = m->nodes[e->caller],
                                 .callee = m->nodes[e->callee],
                                 .calls = e->calls,
                                 .errors = e->errors,
                                 .p50_ns = quantile(e, 0.5),
                                 .p95_ns = quantile(e, 0.95)};
    }
    if (m->n_edges)
        qsort(v, m->n_edges, sizeof *v, by_calls);
    *out = v;
    *out_n = m->n_edges;
    return 0;
}

int traces_map(struct record_query *q, const struct predicate *where, int64_t min_unix_ns,
               int64_t max_unix_ns, bool services_only, struct map_edge **out, size_t *out_n,
               struct err *err)
{
    struct mapping m = {.q = q, .services_only = services_only};
    m.nodes = arena_array(q->arena, NODES_MAX, sizeof(struct map_node *));
    m.node_numbers = arena_array(q->arena, NODES_MAX, sizeof *m.node_numbers);
    m.edges = arena_array(q->arena, EDGES_MAX, sizeof *m.edges);
    m.edge_slots = arena_array(q->arena, EDGE_SLOTS, sizeof *m.edge_slots);
    int rc = arena_failed(q->arena) ? record_query_no_memory(q, err) : 0;
    if (rc == 0)
        rc = gather(&m, where, min_unix_ns, max_unix_ns, err);
    if (rc == 0)
        rc = join(&m, err);
    if (rc == 0)
        rc = give_edges(&m, out, out_n, err);
    map_done(&m.by_name);
    return rc;
}
