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
 * have any are left out; if too few are left for a page, the search is run again, with more
 * candidates and without those. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map.h"
#include "query/traces/traces.h"

enum { CANDIDATES_MIN = 256, ROUNDS_MAX = 16, KEEP_GROWTH = 4, COLUMNS_MAX = 8 };

/* Candidates by id: a hash table of indices into an array. */
struct search {
    struct record_query *q;
    const struct trace_search *wanted;
    struct trace_key *v;
    size_t n, cap;
    size_t keep;     /* candidates that a page is chosen from */
    uint32_t *slots; /* index + 1; twice as many as cap, or more; a power of two */
    size_t n_slots;
    int64_t floor; /* keys below are of no interest */
    int64_t scan_floor_ns;
    struct predicate *bound; /* duration >= floor, of the scan's predicate; NULL: by time */
    struct map earlier;      /* on pages before */
    struct column_ref columns[COLUMNS_MAX]; /* of the scan: those to group by, then the duration */
    size_t n_by;
};

/* --- candidates ------------------------------------------------------------------------------- */

static int by_order(const void *a, const void *b)
{
    const struct trace_key *x = a, *y = b;
    if (x->key != y->key)
        return x->key > y->key ? -1 : 1;
    return str_cmp(x->id, y->id);
}

/* Behind the cursor? */
static bool is_after(const struct trace_search *s, int64_t key, struct str id)
{
    if (!s->after)
        return true;
    if (key != s->after->key)
        return key < s->after->key;
    return str_cmp(id, s->after->id) > 0;
}

/* The slot that holds the id, or the free one where it belongs. */
static uint32_t *slot_of(const struct search *s, struct str id)
{
    size_t at = hash_bytes_seeded(id.p, id.n, hash_process_seed()) & (s->n_slots - 1);
    while (s->slots[at] && !str_eq(s->v[s->slots[at] - 1].id, id))
        at = (at + 1) & (s->n_slots - 1);
    return &s->slots[at];
}

/* Spans that are at least so long. One without an end has the length 0: a leaf on the duration is
 * never true of it, so there is none unless the bound is above 0. */
static struct predicate at_least(int64_t ns)
{
    return ns > 0 ? where_field(PREDICATE_GE, SPAN_DURATION_NS, any_int(ns))
                  : (struct predicate){.op = PREDICATE_AND};
}

/* Keeps the best, raises the floor. */
static void compact(struct search *s)
{
    if (s->n <= s->keep)
        return;
    qsort(s->v, s->n, sizeof *s->v, by_order);
    s->n = s->keep;
    s->floor = s->v[s->n - 1].key;
    if (s->bound)
        *s->bound = at_least(s->floor);
    else
        s->scan_floor_ns = s->floor;
    memset(s->slots, 0, s->n_slots * sizeof *s->slots);
    for (size_t i = 0; i < s->n; i++)
        *slot_of(s, s->v[i].id) = (uint32_t)i + 1;
}

static void offer(struct search *s, struct str id, int64_t key)
{
    if (key < s->floor || !is_after(s->wanted, key, id) || map_get(&s->earlier, id))
        return;
    uint32_t *slot = slot_of(s, id);
    if (*slot) {
        struct trace_key *c = &s->v[*slot - 1];
        c->key = MAX(c->key, key);
        return;
    }
    s->v[s->n] = (struct trace_key){key, arena_str(s->q->arena, id)};
    *slot = (uint32_t)++s->n;
    if (s->n == s->cap)
        compact(s);
}

/* What row i is grouped by: the trace's id, or of other columns the first that has a text; else the
 * empty str. */
static struct str id_of(const struct search *s, const struct record_block *b, size_t i)
{
    for (size_t k = 0; k < s->n_by; k++) {
        struct any id = vector_at(&b->columns[k], i);
        if (id.type == (s->wanted->n_by ? ANY_STRING : ANY_BYTES) && id.n)
            return any_text(&id);
    }
    return (struct str){0};
}

static int64_t key_of(const struct search *s, const struct record_block *b, size_t i)
{
    if (s->wanted->order == TRACES_NEWEST)
        return b->t_unix_ns[i];
    struct any duration = vector_at(&b->columns[s->n_by], i);
    return duration.type == ANY_INT ? duration.as.integer : 0;
}

static int each_block(void *arg, const struct record_block *b)
{
    struct search *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct str id = id_of(s, b, i);
        if (id.n)
            offer(s, id, key_of(s, b, i));
    }
    compact(s);
    return arena_failed(s->q->arena) ? ERR_NOMEM : 0;
}

static void choose_columns(struct search *s)
{
    const struct trace_search *w = s->wanted;
    s->columns[0] = field_column(SPAN_TRACE_ID);
    s->n_by = w->n_by ? MIN(w->n_by, (size_t)COLUMNS_MAX - 1) : 1;
    for (size_t i = 0; i < s->n_by && w->n_by; i++)
        s->columns[i] = w->by[i];
    s->columns[s->n_by] = field_column(SPAN_DURATION_NS);
}

/* Empty, with room for so many candidates. */
static int restart(struct search *s, size_t keep, struct err *err)
{
    struct arena *a = s->q->arena;
    s->n = 0;
    s->floor = s->scan_floor_ns = INT64_MIN;
    if (keep > s->keep) {
        s->keep = keep;
        s->cap = MAX(keep * 4, (size_t)CANDIDATES_MIN);
        for (s->n_slots = 2; s->n_slots < 2 * s->cap; s->n_slots *= 2)
            continue;
        s->v = arena_array(a, s->cap, sizeof *s->v);
        s->slots = arena_array(a, s->n_slots, sizeof *s->slots);
        return s->v && s->slots ? 0 : record_query_no_memory(s->q, err);
    }
    memset(s->slots, 0, s->n_slots * sizeof *s->slots);
    return 0;
}

/* --- scanning --------------------------------------------------------------------------------- */

/* One pass; by time it needs to look no later than the cursor. */
static int pass(struct search *s, struct err *err)
{
    const struct trace_search *w = s->wanted;
    bool by_time = w->order == TRACES_NEWEST;
    struct predicate both[2] = {
        at_least(INT64_MIN),
        w->where ? *w->where : (struct predicate){.op = PREDICATE_AND},
    };
    const struct predicate slow = {.op = PREDICATE_AND, .children = both, .n_children = 2};
    s->bound = by_time ? NULL : &both[0];
    const struct record_scan scan = {
        .table = RECORD_SPANS,
        .min_unix_ns = w->min_unix_ns,
        .max_unix_ns = by_time && w->after ? MIN(w->max_unix_ns, w->after->key) : w->max_unix_ns,
        .where = by_time ? w->where : &slow,
        .columns = s->columns,
        .n_columns = s->n_by + !by_time,
        .without_sources = true,
        .order = by_time ? SCAN_NEWEST_FIRST : SCAN_ANY_ORDER,
        .each = each_block,
        .arg = s,
        .floor_unix_ns = &s->scan_floor_ns};
    return record_query_scan(s->q, &scan, err);
}

/* --- later pages ------------------------------------------------------------------------------ */

static int each_earlier(void *arg, const struct record_block *b)
{
    static char seen;
    struct search *s = arg;
    for (size_t i = 0; i < b->n; i++) {
        struct str id = id_of(s, b, i);
        if (id.n == 0 || is_after(s->wanted, key_of(s, b, i), id) || map_get(&s->earlier, id))
            continue;
        struct str own = arena_str(s->q->arena, id);
        if (arena_failed(s->q->arena) || map_put(&s->earlier, own, &seen) != 0)
            return ERR_NOMEM;
    }
    return 0;
}

/* Rows of the candidates, by any of the columns. */
static struct predicate where_candidates(struct search *s)
{
    struct arena *a = s->q->arena;
    struct predicate where = {.op = PREDICATE_OR};
    struct any *ids = arena_array(a, s->n, sizeof *ids);
    bool bytes = s->wanted->n_by == 0;
    for (size_t i = 0; ids && i < s->n; i++)
        ids[i] = bytes ? any_bytes(s->v[i].id) : any_string(s->v[i].id);
    for (size_t k = 0; ids && k < s->n_by; k++) {
        struct predicate one = where_one_of(a, s->columns[k], ids, s->n);
        where = k ? where_either(a, where, one) : one;
    }
    return where;
}

/* Adds to `earlier` the candidates that have a span above the cursor. */
static int find_earlier(struct search *s, struct err *err)
{
    const struct trace_search *w = s->wanted;
    struct arena *a = s->q->arena;
    bool by_time = w->order == TRACES_NEWEST;
    struct predicate where = where_candidates(s);
    if (w->where)
        where = where_both(a, where, *w->where);
    if (!by_time)
        where = where_both(a, where, at_least(w->after->key));
    if (arena_failed(a))
        return record_query_no_memory(s->q, err);
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = by_time ? MAX(w->min_unix_ns, w->after->key)
                                                            : w->min_unix_ns,
                                     .max_unix_ns = w->max_unix_ns,
                                     .where = &where,
                                     .columns = s->columns,
                                     .n_columns = s->n_by + !by_time,
                                     .without_sources = true,
                                     .each = each_earlier,
                                     .arg = s};
    return record_query_scan(s->q, &scan, err);
}

/* Of the candidates, in order, those that were on no page before. */
static void drop_earlier(struct search *s)
{
    size_t n = 0;
    qsort(s->v, s->n, sizeof *s->v, by_order);
    for (size_t i = 0; i < s->n; i++)
        if (!map_get(&s->earlier, s->v[i].id))
            s->v[n++] = s->v[i];
    s->n = n;
}

/* Until there are enough for a page, or all there are. */
static int find(struct search *s, struct err *err)
{
    size_t limit = s->wanted->limit;
    size_t keep = s->wanted->after ? MAX(limit, (size_t)CANDIDATES_MIN) : limit;
    for (int round = 0; round < ROUNDS_MAX; round++, keep *= KEEP_GROWTH) {
        int rc = restart(s, keep, err);
        if (rc == 0)
            rc = pass(s, err);
        bool all = s->n < s->keep;
        if (rc == 0 && s->wanted->after && s->n)
            rc = find_earlier(s, err);
        if (rc != 0)
            return rc;
        drop_earlier(s);
        if (all || s->n >= limit)
            return 0;
    }
    return err_set(err, ERR_TOO_BIG,
                   "the traces of this page have too many spans on pages before; ask with an "
                   "earlier end instead");
}

int traces_find(struct record_query *q, const struct trace_search *search, struct trace_key **out,
                size_t *out_n, struct err *err)
{
    struct search s = {.q = q, .wanted = search};
    choose_columns(&s);
    int rc = find(&s, err);
    if (rc == 0) {
        *out = s.v;
        *out_n = MIN(s.n, search->limit);
    }
    map_done(&s.earlier);
    return rc;
}
