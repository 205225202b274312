/* Columns are looked at as a whole where their values repeat: a trace id, an operation or an agent
 * is hashed or looked up once a block, however many of its rows have it. */
#include "query/traces/map_spans.h"

#include <string.h>

#include "base/compiler.h"
#include "base/hash.h"

/* Of spans, gathered at a time; some 3 KiB a partition. */
enum { PIECE_SPANS = 128 };

struct map_piece {
    struct map_piece *next;
    struct map_span spans[PIECE_SPANS];
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

struct gathering {
    struct map_spans *spans;
    struct record_query *q;
    struct map_nodes *nodes;
    bool services_only;
};

/* What is derived from the columns of a block, by row; in the block's arena. */
struct derived {
    uint64_t *traces; /* hashes */
    uint16_t *nodes;  /* own node + 1; NULL: no span has one */
};

/* --- ids -------------------------------------------------------------------------------------- */

/* Row i of a column of ids; NULL when it has none. Ids are bytes or nothing, by the table. */
static inline const struct any *id_at(const struct vector *v, size_t i)
{
    if (v->ints)
        return NULL;
    const struct any *id = &v->values[v->codes ? v->codes[i] : i];
    return id->type == ANY_BYTES ? id : NULL;
}

/* Eight bytes of an id; those of ids that are none in the sense of OTLP are as good as others. */
static inline uint64_t word_of(const struct any *id, size_t from)
{
    uint64_t word = 0;
    if (id->n >= from + sizeof word)
        memcpy(&word, id->as.text + from, sizeof word);
    else if (id->n > from)
        memcpy(&word, id->as.text + from, id->n - from);
    return word;
}

static inline uint64_t hash_trace(const struct any *id, uint64_t seed)
{
    return id ? hash_combine(hash_u64(word_of(id, 0) ^ seed), word_of(id, sizeof seed)) : seed;
}

/* 0 for a span that there is not, never else. The trace is hashed well and the spans of one trace
 * differ, so adding is enough; the product spreads that over the high bits, which tables use. */
static inline uint64_t hash_span(uint64_t trace, const struct any *span)
{
    if (!span)
        return 0;
    uint64_t id = (trace + word_of(span, 0)) * UINT64_C(0x9e3779b97f4a7c15);
    return id ? id : 1;
}

static bool derive_traces(const struct record_block *b, uint64_t *out)
{
    const struct vector *v = &b->columns[C_TRACE];
    const uint64_t seed = hash_process_seed();
    if (!v->codes || v->n_values > b->n) {
        for (size_t i = 0; i < b->n; i++)
            out[i] = hash_trace(id_at(v, i), seed);
        return true;
    }
    const struct vector texts = {.values = v->values, .n_values = v->n_values};
    uint64_t *distinct = arena_array(b->arena, v->n_values, sizeof *distinct);
    for (size_t i = 0; distinct && i < v->n_values; i++)
        distinct[i] = hash_trace(id_at(&texts, i), seed);
    for (size_t i = 0; distinct && i < b->n; i++)
        out[i] = distinct[v->codes[i]];
    return distinct;
}

/* --- nodes ------------------------------------------------------------------------------------ */

/* Looks a value of a column up once, if the column says which rows have the same; all below is by
 * place in `values`. */
static size_t place_of(const struct vector *v, size_t row)
{
    return v->codes ? v->codes[row] : row;
}

static bool is_none(const struct vector *v)
{
    return v->ints || (v->n_values == 1 && v->values[0].type == ANY_NONE);
}

/* The kinds of the values of C_OPERATION; NULL when no row has a node of its own, or *out_failed.
 */
static unsigned char *kinds_of_values(const struct record_block *b, bool *out_failed)
{
    const struct vector *v = &b->columns[C_OPERATION];
    if (is_none(v))
        return NULL;
    unsigned char *kinds = arena_array(b->arena, v->n_values, 1);
    bool any = false;
    *out_failed = !kinds;
    for (size_t i = 0; kinds && i < v->n_values; i++) {
        if (v->values[i].type == ANY_STRING)
            kinds[i] = (unsigned char)map_kind_of(any_text(&v->values[i]));
        any |= kinds[i] != MAP_SERVICE;
    }
    return any ? kinds : NULL;
}

/* `known`: of each kind, node + 1 of the values of its column that were met. */
static uint32_t own_node(struct gathering *g, const struct record_block *b, size_t row,
                         enum map_node_kind kind, uint32_t *known)
{
    const struct vector *v = &b->columns[C_AGENT + (int)kind - (int)MAP_AGENT];
    if (v->ints)
        return 0;
    size_t at = place_of(v, row);
    const struct any *name = &v->values[at];
    if (name->type != ANY_STRING || name->n == 0)
        return 0;
    if (known[at] == 0)
        known[at] = map_node_of(g->nodes, kind, any_text(name)) + 1;
    return known[at];
}

static bool derive_nodes(struct gathering *g, const struct record_block *b, uint16_t **out)
{
    bool failed = false;
    const unsigned char *kinds = g->services_only ? NULL : kinds_of_values(b, &failed);
    *out = NULL;
    if (!kinds)
        return !failed;
    uint32_t *known[MAP_MODEL + 1] = {0};
    uint16_t *nodes = arena_array(b->arena, b->n, sizeof *nodes);
    for (int kind = MAP_AGENT; kind <= MAP_MODEL; kind++)
        known[kind] =
            arena_array(b->arena, b->columns[C_AGENT + kind - MAP_AGENT].n_values, sizeof **known);
    if (arena_failed(b->arena))
        return false;
    for (size_t i = 0; i < b->n; i++) {
        enum map_node_kind kind = (enum map_node_kind)kinds[place_of(&b->columns[C_OPERATION], i)];
        if (kind != MAP_SERVICE)
            nodes[i] = (uint16_t)own_node(g, b, i, kind, known[kind]);
    }
    *out = nodes;
    return true;
}

static uint16_t service_node(struct gathering *g, const struct record_block *b, size_t row)
{
    return (uint16_t)map_node_of(g->nodes, MAP_SERVICE, service_of(record_block_source(b, row)));
}

/* --- gathering -------------------------------------------------------------------------------- */

/* Row i of a column of ints, or -1. */
static inline int64_t int_at(const struct vector *v, size_t i)
{
    if (v->ints)
        return v->ints[i];
    const struct any *value = &v->values[v->codes ? v->codes[i] : i];
    return value->type == ANY_INT ? value->as.integer : -1;
}

static inline uint16_t bucket_of(int64_t duration_ns)
{
    if (duration_ns < 0)
        return MAP_NO_DURATION;
    uint64_t v = (uint64_t)duration_ns;
    if (v < 1u << MAP_BUCKET_BITS)
        return (uint16_t)v;
    unsigned shift = 63 - (unsigned)__builtin_clzll(v) - MAP_BUCKET_BITS;
    return (uint16_t)((shift << MAP_BUCKET_BITS) + (unsigned)(v >> shift));
}

static struct map_span *add_span(struct gathering *g, uint64_t trace)
{
    struct map_partition *p = &g->spans->partitions[trace >> (64 - MAP_PARTITION_BITS)];
    if (p->n % PIECE_SPANS == 0) {
        struct map_piece *piece = arena_alloc(g->q->arena, sizeof *piece);
        if (!piece)
            return NULL;
        piece->next = p->pieces;
        p->pieces = piece;
    }
    return &p->pieces->spans[p->n++ % PIECE_SPANS];
}

static int add_spans(struct gathering *g, const struct record_block *b, const struct derived *d)
{
    uint16_t service = 0;
    for (size_t i = 0; i < b->n; i++) {
        struct map_span *s = add_span(g, d->traces[i]);
        if (!s)
            return ERR_NOMEM;
        if (i == 0 || b->sources[i] != b->sources[i - 1])
            service = service_node(g, b, i);
        const uint64_t trace = d->traces[i];
        *s = (struct map_span){.id = hash_span(trace, id_at(&b->columns[C_SPAN], i)),
                               .parent = hash_span(trace, id_at(&b->columns[C_PARENT], i)),
                               .service = service,
                               .node = d->nodes ? d->nodes[i] : 0,
                               .bucket = bucket_of(int_at(&b->columns[C_DURATION], i)),
                               .error = int_at(&b->columns[C_STATUS], i) == 2};
    }
    g->spans->n += b->n;
    return arena_failed(g->q->arena) ? ERR_NOMEM : 0;
}

static int each_block(void *arg, const struct record_block *b)
{
    struct gathering *g = arg;
    struct derived d = {.traces = arena_array(b->arena, b->n, sizeof *d.traces)};
    if (!d.traces || !derive_traces(b, d.traces) || !derive_nodes(g, b, &d.nodes))
        return ERR_NOMEM;
    return add_spans(g, b, &d);
}

int map_spans_gather(struct map_spans *m, struct record_query *q, struct map_nodes *nodes,
                     const struct predicate *where, int64_t min_unix_ns, int64_t max_unix_ns,
                     bool services_only, struct err *err)
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
    struct gathering g = {m, q, nodes, services_only};
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = min_unix_ns,
                                     .max_unix_ns = max_unix_ns,
                                     .where = where,
                                     .columns = columns,
                                     .n_columns = services_only ? C_OPERATION : COLUMNS,
                                     .each = each_block,
                                     .arg = &g};
    *m = (struct map_spans){0};
    m->partitions = arena_array(q->arena, MAP_PARTITIONS, sizeof *m->partitions);
    return m->partitions ? record_query_scan(q, &scan, err) : record_query_no_memory(q, err);
}

void map_spans_of(const struct map_partition *p, struct map_span *out)
{
    size_t n = p->n, last = n % PIECE_SPANS ? n % PIECE_SPANS : PIECE_SPANS;
    for (const struct map_piece *piece = p->pieces; piece; piece = piece->next) {
        n -= last;
        memcpy(out + n, piece->spans, last * sizeof *out);
        last = PIECE_SPANS;
    }
}
