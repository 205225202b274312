/* The service map: every span finds its parent, and where the two belong to different nodes there
 * is a call. All spans of the time are gathered first, 32 bytes each, since a parent may come from
 * any block; then they are joined by a hash of trace id and span id. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map.h"
#include "query/traces/traces.h"

enum {
    PIECE_SPANS = 1 << 15, /* gathered at a time: 1 MiB */
    PARTITION_BITS = 12,
    PARTITIONS = 1 << PARTITION_BITS,
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
    uint64_t id, parent; /* hashes, the partition in their highest bits; parent 0: a root */
    int64_t duration_ns; /* negative: unknown */
    uint32_t service;    /* node */
    uint32_t node : 31;  /* node + 1; 0: that of its caller */
    uint32_t error : 1;
};

struct piece {
    struct piece *next;
    size_t n;
    struct joined_span spans[PIECE_SPANS];
};

struct edge {
    uint32_t caller, callee;
    uint64_t calls, errors, n_durations;
    uint32_t *buckets; /* BUCKETS of them */
};

/* What was found out about texts of the block: those of a dictionary are met again and again at the
 * same address. */
enum { CACHE_SLOTS = 256 };
struct word_cache {
    const char *text[CACHE_SLOTS];
    uint32_t value[CACHE_SLOTS];
};

struct mapping {
    struct record_query *q;
    struct word_cache operations, names; /* kinds; nodes */
    bool services_only;
    struct piece *pieces;      /* the last one first */
    size_t n;                  /* spans */
    struct joined_span *spans; /* of the partition being joined */
    uint32_t *slots;           /* of these by id: index + 1 */
    size_t n_slots, cap_slots;
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

static size_t cache_slot(const char *text)
{
    return hash_u64((uint64_t)(uintptr_t)text) & (CACHE_SLOTS - 1);
}

static enum map_node_kind kind_of(struct mapping *m, struct str operation)
{
    static const char *const agent[] = {"invoke_agent", "create_agent", NULL};
    static const char *const tool[] = {"execute_tool", NULL};
    static const char *const model[] = {"chat", "text_completion", "generate_content", "embeddings",
                                        NULL};
    size_t slot = cache_slot(operation.p);
    if (m->operations.text[slot] == operation.p)
        return (enum map_node_kind)m->operations.value[slot];
    enum map_node_kind kind = is_one_of(operation, agent)   ? MAP_AGENT
                              : is_one_of(operation, tool)  ? MAP_TOOL
                              : is_one_of(operation, model) ? MAP_MODEL
                                                            : MAP_SERVICE;
    m->operations.text[slot] = operation.p;
    m->operations.value[slot] = (uint32_t)kind;
    return kind;
}

static uint32_t named_node(struct mapping *m, enum map_node_kind kind, struct str name)
{
    size_t slot = (cache_slot(name.p) + (size_t)kind) & (CACHE_SLOTS - 1);
    if (m->names.text[slot] == name.p && m->nodes[m->names.value[slot]]->kind == kind)
        return m->names.value[slot];
    uint32_t node = node_of(m, kind, name);
    m->names.text[slot] = name.p;
    m->names.value[slot] = node;
    return node;
}

/* The node that the span itself stands for + 1; 0: none of its own. */
static uint32_t own_node(struct mapping *m, const struct record_block *b, size_t row)
{
    struct any operation = vector_at(&b->columns[C_OPERATION], row);
    if (operation.type != ANY_STRING || operation.n == 0)
        return 0;
    enum map_node_kind kind = kind_of(m, any_text(&operation));
    if (kind == MAP_SERVICE)
        return 0;
    struct any name = vector_at(&b->columns[C_AGENT + (int)kind - (int)MAP_AGENT], row);
    return name.type == ANY_STRING && name.n ? named_node(m, kind, any_text(&name)) + 1 : 0;
}

/* --- gathering -------------------------------------------------------------------------------- */

/* The bytes of an id; those of ids that are none in the sense of OTLP are as good as others. */
static uint64_t word_of(const struct any *id, size_t from)
{
    uint64_t word = 0;
    if (id->type == ANY_BYTES && id->n > from)
        memcpy(&word, id->as.text + from, MIN(id->n - from, sizeof word));
    return word;
}

/* 0 for a span that there is not. */
static uint64_t id_hash(uint64_t trace_hash, const struct any *span)
{
    if (span->type != ANY_BYTES)
        return 0;
    uint64_t h = hash_combine(trace_hash, word_of(span, 0));
    return ((h << PARTITION_BITS | 1 << PARTITION_BITS) >> PARTITION_BITS) |
           trace_hash >> (64 - PARTITION_BITS) << (64 - PARTITION_BITS);
}

static struct joined_span *add_span(struct mapping *m)
{
    if (!m->pieces || m->pieces->n == PIECE_SPANS) {
        struct piece *piece = arena_alloc(m->q->arena, sizeof *piece);
        if (!piece)
            return NULL;
        piece->next = m->pieces;
        piece->n = 0;
        m->pieces = piece;
    }
    m->n++;
    return &m->pieces->spans[m->pieces->n++];
}

static int each_block(void *arg, const struct record_block *b)
{
    struct mapping *m = arg;
    const uint64_t seed = hash_process_seed();
    m->last_service = (struct str){0};
    m->operations = m->names = (struct word_cache){0}; // the addresses are those of other texts now
    for (size_t i = 0; i < b->n; i++) {
        struct joined_span *s = add_span(m);
        if (!s || arena_failed(m->q->arena))
            return ERR_NOMEM;
        struct any trace = vector_at(&b->columns[C_TRACE], i);
        struct any span = vector_at(&b->columns[C_SPAN], i);
        struct any parent = vector_at(&b->columns[C_PARENT], i);
        struct any duration = vector_at(&b->columns[C_DURATION], i);
        struct any status = vector_at(&b->columns[C_STATUS], i);
        uint64_t trace_hash =
            hash_combine(hash_u64(word_of(&trace, 0) ^ seed), word_of(&trace, sizeof seed));
        s->id = id_hash(trace_hash, &span);
        s->parent = id_hash(trace_hash, &parent);
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
    size_t at = (id >> 1) & (m->n_slots - 1); // the lowest bit is always set
    while (m->slots[at] && m->spans[m->slots[at] - 1].id != id)
        at = (at + 1) & (m->n_slots - 1);
    return &m->slots[at];
}

/* Of `n` spans; its memory is used again from partition to partition and grows with them. */
static bool make_slots(struct mapping *m, size_t n)
{
    for (m->n_slots = 64; m->n_slots < 2 * n; m->n_slots *= 2)
        continue;
    if (m->n_slots > m->cap_slots) {
        m->slots = arena_alloc(m->q->arena, m->n_slots * sizeof *m->slots);
        m->cap_slots = m->n_slots;
    }
    if (!m->slots)
        return false;
    memset(m->slots, 0, m->n_slots * sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        *span_slot(m, m->spans[i].id) = (uint32_t)i + 1;
    return true;
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

static int join_partition(struct mapping *m, struct joined_span *spans, size_t n, struct err *err)
{
    m->spans = spans;
    if (!make_slots(m, n))
        return record_query_no_memory(m->q, err);
    for (size_t i = 0; i < n; i++)
        count_call(m, &spans[i]);
    return 0;
}

static size_t partition_of(const struct joined_span *s)
{
    return s->id >> (64 - PARTITION_BITS);
}

/* All spans, those of a partition behind each other; ends[p]: where partition p ends. */
static struct joined_span *sort_spans(struct mapping *m, size_t ends[PARTITIONS])
{
    struct joined_span *sorted = arena_alloc(m->q->arena, m->n * sizeof *sorted);
    size_t at = 0;
    memset(ends, 0, PARTITIONS * sizeof *ends);
    for (const struct piece *p = m->pieces; p; p = p->next)
        for (size_t i = 0; i < p->n; i++)
            ends[partition_of(&p->spans[i])]++;
    for (size_t i = 0; i < PARTITIONS; i++) {
        size_t n = ends[i];
        ends[i] = at;
        at += n;
    }
    for (const struct piece *p = m->pieces; sorted && p; p = p->next)
        for (size_t i = 0; i < p->n; i++)
            sorted[ends[partition_of(&p->spans[i])]++] = p->spans[i];
    return sorted;
}

static int join(struct mapping *m, struct err *err)
{
    size_t *ends = arena_array(m->q->arena, PARTITIONS, sizeof *ends), from = 0;
    struct joined_span *sorted = ends ? sort_spans(m, ends) : NULL;
    int rc = sorted ? 0 : record_query_no_memory(m->q, err);
    for (size_t p = 0; rc == 0 && p < PARTITIONS; p++) {
        rc = join_partition(m, sorted + from, ends[p] - from, err);
        from = ends[p];
        if (rc == 0 && p % 64 == 0)
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
