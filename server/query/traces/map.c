/* The service map: every span finds its parent, and where the two belong to different nodes there
 * is a call. All spans of the time are gathered first, since a parent may come from any block; then
 * each partition of them is joined by a hash of trace id and span id. When only some calls are
 * asked for, a second scan gathers their spans, each of which is looked up among all. */
#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "query/traces/map_spans.h"

enum {
    EDGES_MAX = 20000,
    EDGE_SLOTS = 1 << 16, /* over twice as many */
    WALK_MAX = 10000      /* ancestors looked at; a cycle of parents ends here */
};

#define NO_PARENT UINT32_MAX

struct edge {
    uint32_t caller, callee;
    uint64_t calls, errors, n_durations;
    uint32_t *buckets; /* MAP_BUCKETS of them */
};

struct mapping {
    struct record_query *q;
    struct map_nodes nodes;
    struct map_spans all, chosen; /* chosen.partitions NULL: all of them */
    /* Of the partition being joined; used again from one to the next, and grown with them. */
    struct map_span *spans, *calls;
    uint32_t *parents;   /* of each span: index or NO_PARENT */
    uint32_t *slots;     /* of spans by id: index + 1 */
    unsigned slot_shift; /* n_slots is 2^(64 - slot_shift) */
    size_t n_slots, cap_slots, cap_spans;
    struct edge *edges;
    size_t n_edges;
    uint32_t *edge_slots;
};

/* --- edges ------------------------------------------------------------------------------------ */

/* The middle of a bucket. */
static int64_t bucket_value(unsigned bucket)
{
    if (bucket < 2u << MAP_BUCKET_BITS)
        return bucket;
    unsigned shift = (bucket >> MAP_BUCKET_BITS) - 1;
    uint64_t low = (uint64_t)((bucket & ((1u << MAP_BUCKET_BITS) - 1)) + (1u << MAP_BUCKET_BITS))
                   << shift;
    return (int64_t)(low + (UINT64_C(1) << shift) / 2);
}

static int64_t quantile(const struct edge *e, double q)
{
    uint64_t rank = (uint64_t)(q * (double)e->n_durations), seen = 0;
    for (unsigned i = 0; i < MAP_BUCKETS; i++) {
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
    e->buckets = arena_array(m->q->arena, MAP_BUCKETS, sizeof *e->buckets);
    if (!e->buckets)
        return NULL;
    m->edge_slots[at] = (uint32_t)++m->n_edges;
    return e;
}

static void count_call(struct mapping *m, uint32_t caller, uint32_t callee,
                       const struct map_span *s)
{
    struct edge *e = caller == callee ? NULL : edge_of(m, caller, callee);
    if (!e)
        return;
    e->calls++;
    e->errors += s->error;
    if (s->bucket == MAP_NO_DURATION)
        return;
    e->n_durations++;
    e->buckets[s->bucket]++;
}

/* --- joining ---------------------------------------------------------------------------------- */

/* The slot that holds the id, or the free one where it belongs. */
static uint32_t *span_slot(const struct mapping *m, uint64_t id)
{
    size_t at = id >> m->slot_shift;
    while (m->slots[at] && m->spans[m->slots[at] - 1].id != id)
        at = (at + 1) & (m->n_slots - 1);
    return &m->slots[at];
}

/* Room for n spans and the table over them. */
static bool make_room(struct mapping *m, size_t n)
{
    struct arena *a = m->q->arena;
    m->slot_shift = 64 - 6;
    for (m->n_slots = 1 << 6; m->n_slots < 2 * n; m->n_slots *= 2)
        m->slot_shift--;
    if (m->n_slots > m->cap_slots) {
        m->cap_slots = m->n_slots;
        m->cap_spans = m->n_slots / 2;
        m->slots = arena_array(a, m->cap_slots, sizeof *m->slots);
        m->spans = arena_array(a, m->cap_spans, sizeof *m->spans);
        m->calls = m->chosen.partitions ? arena_array(a, m->cap_spans, sizeof *m->calls) : NULL;
        m->parents = arena_array(a, m->cap_spans, sizeof *m->parents);
    }
    return !arena_failed(a);
}

/* Of spans with the same id the last one is the parent of others. */
static void find_parents(struct mapping *m, size_t n)
{
    memset(m->slots, 0, m->n_slots * sizeof *m->slots);
    for (size_t i = 0; i < n; i++)
        *span_slot(m, m->spans[i].id) = (uint32_t)i + 1;
    for (size_t i = 0; i < n; i++) {
        uint64_t parent = m->spans[i].parent;
        m->parents[i] = parent ? *span_slot(m, parent) - 1 : NO_PARENT; // 0 - 1: there is none
    }
}

/* The node of a span: its own, or that of its nearest ancestor in the same service that has one, or
 * the service. What was found is kept in all spans on the way. */
static uint32_t resolve(struct mapping *m, uint32_t span)
{
    struct map_span *const v = m->spans;
    uint32_t at = span;
    for (int i = 0; v[at].node == 0 && i < WALK_MAX; i++) {
        uint32_t parent = m->parents[at];
        if (parent == NO_PARENT || v[parent].service != v[at].service)
            v[at].node = (uint16_t)(v[at].service + 1);
        else
            at = parent;
    }
    uint16_t node = v[at].node ? v[at].node : (uint16_t)(v[span].service + 1);
    for (at = span; at != NO_PARENT && v[at].node == 0; at = m->parents[at])
        v[at].node = node;
    return node - 1;
}

static void count_span(struct mapping *m, uint32_t span, const struct map_span *call)
{
    uint32_t parent = m->parents[span];
    if (parent != NO_PARENT)
        count_call(m, resolve(m, parent), resolve(m, span), call);
}

/* A span that came between the scans is not among all. */
static void count_chosen(struct mapping *m, const struct map_partition *p)
{
    map_spans_of(p, m->calls);
    for (uint32_t i = 0; i < p->n; i++) {
        uint32_t slot = *span_slot(m, m->calls[i].id);
        if (slot)
            count_span(m, slot - 1, &m->calls[i]);
    }
}

static bool join_partition(struct mapping *m, size_t number)
{
    const struct map_partition *p = &m->all.partitions[number];
    const struct map_partition *calls = m->chosen.partitions ? &m->chosen.partitions[number] : NULL;
    if (!make_room(m, calls ? MAX(p->n, calls->n) : p->n))
        return false;
    map_spans_of(p, m->spans);
    find_parents(m, p->n);
    if (calls)
        count_chosen(m, calls);
    for (uint32_t i = 0; !calls && i < p->n; i++)
        count_span(m, i, &m->spans[i]);
    return true;
}

static int join(struct mapping *m, struct err *err)
{
    int rc = 0;
    for (size_t p = 0; rc == 0 && p < MAP_PARTITIONS; p++) {
        if (!join_partition(m, p))
            rc = record_query_no_memory(m->q, err);
        else if (p % 16 == 0)
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
        v[i] = (struct map_edge){.caller = m->nodes.v[e->caller],
                                 .callee = m->nodes.v[e->callee],
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
    struct mapping m = {.q = q};
    bool ok = map_nodes_init(&m.nodes, q->arena);
    m.edges = arena_array(q->arena, EDGES_MAX, sizeof *m.edges);
    m.edge_slots = arena_array(q->arena, EDGE_SLOTS, sizeof *m.edge_slots);
    int rc = ok && !arena_failed(q->arena) ? 0 : record_query_no_memory(q, err);
    if (rc == 0)
        rc = map_spans_gather(&m.all, q, &m.nodes, NULL, min_unix_ns, max_unix_ns, services_only,
                              err);
    if (rc == 0 && where)
        rc = map_spans_gather(&m.chosen, q, &m.nodes, where, min_unix_ns, max_unix_ns,
                              services_only, err);
    if (rc == 0)
        rc = join(&m, err);
    if (rc == 0)
        rc = give_edges(&m, out, out_n, err);
    map_nodes_done(&m.nodes);
    return rc;
}
