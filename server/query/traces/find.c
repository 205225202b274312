/* Searching: the best `limit` traces, by one pass over the spans that match.
 *
 * Each trace met is a candidate with the best key of its spans so far. When there are candidates
 * enough, those that cannot be on the page any more are thrown away and the worst that stays is the
 * bound: spans below it need not be looked at. Newest first, the scan comes by falling time, so the
 * bound ends it. A candidate thrown away that comes again with a better key is a candidate again,
 * so the keys on the page are right.
 *
 * A page that is not the first needs one thing more: a trace whose best span was on an earlier page
 * has spans below the cursor, too. So candidates are asked for spans above the cursor, those that
 * have any are left out, and the search is run again without them until none is found. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "query/traces/traces.h"

enum { TRACE_ID_BYTES = 16, CANDIDATES_MIN = 256, ROUNDS_MAX = 16 };

struct candidate {
    int64_t key;
    char id[TRACE_ID_BYTES];
};

/* Candidates by id: a hash table of indices into an array. */
struct search {
    struct record_query *q;
    const struct trace_search *wanted;
    struct candidate *v;
    size_t n, cap;
    uint32_t *slots; /* index + 1; twice as many as cap, or more; a power of two */
    size_t n_slots;
    int64_t floor; /* keys below are of no interest */
    int64_t scan_floor_ns;
    struct predicate *bound;   /* duration >= floor, part of the scan's predicate; NULL: by time */
    struct candidate *earlier; /* on pages before */
    size_t n_earlier, cap_earlier;
};

/* --- candidates ------------------------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    const struct candidate *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return memcmp(x->id, y->id, TRACE_ID_BYTES);
}

/* Behind the cursor? */
static bool is_after(const struct trace_search *s, int64_t key, const char *id)
{
    if (!s->after)
        return true;
    if (key != s->after->key)
        return key < s->after->key;
    return memcmp(id, s->after->id.p, TRACE_ID_BYTES) > 0;
}

/* The slot that holds the id, or the free one where it belongs. */
static uint32_t *slot_of(const struct search *s, const char *id)
{
    size_t at = hash_bytes_seeded(id, TRACE_ID_BYTES, hash_process_seed()) & (s->n_slots - 1);
    while (s->slots[at] && memcmp(s->v[s->slots[at] - 1].id, id, TRACE_ID_BYTES) != 0)
        at = (at + 1) & (s->n_slots - 1);
    return &s->slots[at];
}

/* Keeps the best, raises the floor. */
static void compact(struct search *s)
{
    if (s->n <= s->wanted->limit)
        return;
    qsort(s->v, s->n, sizeof *s->v, by_order);
    s->n = s->wanted->limit;
    s->floor = s->v[s->n - 1].key;
    if (s->bound)
        s->bound->value.as.integer = s->floor;
    else
        s->scan_floor_ns = s->floor;
    memset(s->slots, 0, s->n_slots * sizeof *s->slots);
    for (size_t i = 0; i < s->n; i++)
        *slot_of(s, s->v[i].id) = (uint32_t)i + 1;
}

static bool was_earlier(const struct search *s, const char *id)
{
    for (size_t i = 0; i < s->n_earlier; i++)
        if (memcmp(s->earlier[i].id, id, TRACE_ID_BYTES) == 0)
            return true;
    return false;
}

static void offer(struct search *s, const char *id, int64_t key)
{
    if (key < s->floor || !is_after(s->wanted, key, id) || was_earlier(s, id))
        return;
    uint32_t *slot = slot_of(s, id);
    if (*slot) {
        struct candidate *c = &s->v[*slot - 1];
        c->key = MAX(c->key, key);
        return;
    }
    s->v[s->n].key = key;
    memcpy(s->v[s->n].id, id, TRACE_ID_BYTES);
    *slot = (uint32_t)++s->n;
    if (s->n == s->cap)
        compact(s);
}

static int each_block(void *arg, const struct record_block *b)
{
    struct search *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct any id = vector_at(&b->columns[0], i);
        struct any key = s->bound ? vector_at(&b->columns[1], i) : any_int(b->t_unix_ns[i]);
        if (id.type == ANY_BYTES && id.n == TRACE_ID_BYTES)
            offer(s, id.as.text, key.type == ANY_INT ? key.as.integer : 0);
    }
    compact(s);
    return 0;
}

static int search_init(struct search *s, struct record_query *q, const struct trace_search *wanted,
                       struct err *err)
{
    *s = (struct search){.q = q, .wanted = wanted};
    s->cap = MAX(wanted->limit * 4, (size_t)CANDIDATES_MIN);
    for (s->n_slots = 2; s->n_slots < 2 * s->cap; s->n_slots *= 2)
        continue;
    s->v = arena_array(q->arena, s->cap, sizeof *s->v);
    s->slots = arena_array(q->arena, s->n_slots, sizeof *s->slots);
    return s->v && s->slots ? 0 : record_query_no_memory(q, err);
}

static void restart(struct search *s)
{
    s->n = 0;
    s->floor = s->scan_floor_ns = INT64_MIN;
    memset(s->slots, 0, s->n_slots * sizeof *s->slots);
}

/* --- scanning --------------------------------------------------------------------------------- */

/* One pass; by time it needs to look no later than the cursor. */
static int pass(struct search *s, struct err *err)
{
    const struct trace_search *w = s->wanted;
    bool by_time = w->order == TRACES_NEWEST;
    const struct column_ref columns[] = {field_column(SPAN_TRACE_ID),
                                         field_column(SPAN_DURATION_NS)};
    struct predicate both[2] = {
        where_field(PREDICATE_GE, SPAN_DURATION_NS, any_int(INT64_MIN)),
        w->where ? *w->where : (struct predicate){.op = PREDICATE_AND},
    };
    const struct predicate slow = {.op = PREDICATE_AND, .children = both, .n_children = 2};
    restart(s);
    s->bound = by_time ? NULL : &both[0];
    const struct record_scan scan = {
        .table = RECORD_SPANS,
        .min_unix_ns = w->min_unix_ns,
        .max_unix_ns = by_time && w->after ? MIN(w->max_unix_ns, w->after->key) : w->max_unix_ns,
        .where = by_time ? w->where : &slow,
        .columns = columns,
        .n_columns = by_time ? 1 : 2,
        .order = by_time ? SCAN_NEWEST_FIRST : SCAN_ANY_ORDER,
        .each = each_block,
        .arg = s,
        .floor_unix_ns = &s->scan_floor_ns};
    return record_query_scan(s->q, &scan, err);
}

/* --- later pages ------------------------------------------------------------------------------ */

static int each_earlier(void *arg, const struct record_block *b)
{
    struct search *s = arg;
    bool by_time = s->wanted->order == TRACES_NEWEST;
    for (size_t i = 0; i < b->n; i++) {
        struct any id = vector_at(&b->columns[0], i);
        struct any key = by_time ? any_int(b->t_unix_ns[i]) : vector_at(&b->columns[1], i);
        if (id.type != ANY_BYTES || id.n != TRACE_ID_BYTES || key.type != ANY_INT ||
            is_after(s->wanted, key.as.integer, id.as.text) || was_earlier(s, id.as.text))
            continue;
        if (s->n_earlier == s->cap_earlier) {
            size_t cap = s->cap_earlier ? 2 * s->cap_earlier : 32;
            void *grown =
                arena_grow(s->q->arena, s->earlier, s->n_earlier, cap, sizeof *s->earlier);
            if (!grown)
                return ERR_NOMEM;
            s->earlier = grown;
            s->cap_earlier = cap;
        }
        memcpy(s->earlier[s->n_earlier++].id, id.as.text, TRACE_ID_BYTES);
    }
    return 0;
}

/* Adds to `earlier` the candidates that have a span above the cursor. */
static int find_earlier(struct search *s, struct err *err)
{
    const struct trace_search *w = s->wanted;
    struct arena *a = s->q->arena;
    bool by_time = w->order == TRACES_NEWEST;
    struct any *ids = arena_array(a, s->n, sizeof *ids);
    for (size_t i = 0; ids && i < s->n; i++)
        ids[i] = any_bytes(str_of(s->v[i].id, TRACE_ID_BYTES));
    struct predicate where = where_one_of(a, field_column(SPAN_TRACE_ID), ids, s->n);
    if (w->where)
        where = where_both(a, where, *w->where);
    if (!by_time)
        where = where_both(a, where,
                           where_field(PREDICATE_GE, SPAN_DURATION_NS, any_int(w->after->key)));
    if (arena_failed(a))
        return record_query_no_memory(s->q, err);
    const struct column_ref columns[] = {field_column(SPAN_TRACE_ID),
                                         field_column(SPAN_DURATION_NS)};
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = by_time ? MAX(w->min_unix_ns, w->after->key)
                                                            : w->min_unix_ns,
                                     .max_unix_ns = w->max_unix_ns,
                                     .where = &where,
                                     .columns = columns,
                                     .n_columns = 2,
                                     .each = each_earlier,
                                     .arg = s};
    return record_query_scan(s->q, &scan, err);
}

static int give_page(struct search *s, struct trace_key **out, size_t *out_n, struct err *err)
{
    qsort(s->v, s->n, sizeof *s->v, by_order);
    struct trace_key *keys = arena_array(s->q->arena, s->n, sizeof *keys);
    if (!keys)
        return record_query_no_memory(s->q, err);
    for (size_t i = 0; i < s->n; i++)
        keys[i] = (struct trace_key){s->v[i].key, str_of(s->v[i].id, TRACE_ID_BYTES)};
    *out = keys;
    *out_n = MIN(s->n, s->wanted->limit);
    return 0;
}

int traces_find(struct record_query *q, const struct trace_search *search, struct trace_key **out,
                size_t *out_n, struct err *err)
{
    struct search s;
    int rc = search_init(&s, q, search, err);
    for (int round = 0; rc == 0 && round < ROUNDS_MAX; round++) {
        size_t before = s.n_earlier;
        rc = pass(&s, err);
        if (rc == 0 && search->after && s.n)
            rc = find_earlier(&s, err);
        if (rc == 0 && s.n_earlier == before)
            return give_page(&s, out, out_n, err);
    }
    if (rc != 0)
        return rc;
    return err_set(err, ERR_TOO_BIG,
                   "the traces of this page have too many spans on pages before; ask with a later "
                   "end instead");
}
