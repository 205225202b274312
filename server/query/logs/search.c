/* The newest records that match, by one pass over blocks of falling time.
 *
 * Of a block only the rows that can be among the first `limit` are read: their times decide, in a
 * heap of the best so far, before any other column is looked at. The worst of the heap is the
 * floor, which ends the scan as soon as no block reaches it. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "query/logs/logs.h"

enum { ROWS_FIRST = 64, COLUMNS = LOG_FIELDS + 1, ROWS_OF_ONE_TIME_MAX = 1 << 20 };

/* Times are turned around for oldest first, so that more is better in both directions. */
struct search {
    struct record_query *q;
    const struct log_search *wanted;
    int64_t *heap; /* the smallest first: keys of the best rows so far */
    size_t n_heap;
    int64_t floor_ns, ceiling_ns; /* of the scan */
    struct log_row *rows;
    size_t n, cap;
    const struct record_source *theirs, *ours; /* of the last row, and its copy */
};

static int64_t key_of(const struct search *s, int64_t t_unix_ns)
{
    return s->wanted->oldest_first ? -1 - t_unix_ns : t_unix_ns;
}

/* --- the heap --------------------------------------------------------------------------------- */

static void sift_down(int64_t *v, size_t n)
{
    size_t at = 0;
    for (size_t child; (child = 2 * at + 1) < n; at = child) {
        child += child + 1 < n && v[child + 1] < v[child];
        if (v[at] <= v[child])
            return;
        int64_t swap = v[at];
        v[at] = v[child];
        v[child] = swap;
    }
}

static void sift_up(int64_t *v, size_t at)
{
    for (size_t parent; at > 0 && v[parent = (at - 1) / 2] > v[at]; at = parent) {
        int64_t swap = v[at];
        v[at] = v[parent];
        v[parent] = swap;
    }
}

static void offer(struct search *s, int64_t key)
{
    if (s->n_heap < s->wanted->limit) {
        s->heap[s->n_heap] = key;
        sift_up(s->heap, s->n_heap++);
    } else if (key > s->heap[0]) {
        s->heap[0] = key;
        sift_down(s->heap, s->n_heap);
    }
}

/* Keys below cannot be on the page. */
static int64_t floor_key(const struct search *s)
{
    return s->n_heap == s->wanted->limit ? s->heap[0] : INT64_MIN;
}

/* --- rows ------------------------------------------------------------------------------------- */

/* Rows of the cursor's very time may be before or behind it: they are taken and told apart later,
 * and do not count. */
static size_t narrow(void *arg, const int64_t *t_unix_ns, uint32_t *sel, size_t n)
{
    struct search *s = arg;
    const struct log_id *after = s->wanted->after;
    int64_t cursor = after ? key_of(s, after->t_unix_ns) : INT64_MAX;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++) {
        int64_t key = key_of(s, t_unix_ns[sel[i]]);
        if (key < cursor || !after)
            offer(s, key);
    }
    int64_t floor = floor_key(s);
    for (size_t i = 0; i < n; i++) {
        int64_t key = key_of(s, t_unix_ns[sel[i]]);
        if (key >= floor && key <= cursor)
            sel[kept++] = sel[i];
    }
    if (s->wanted->oldest_first)
        s->ceiling_ns = floor == INT64_MIN ? INT64_MAX : -1 - floor;
    else
        s->floor_ns = floor;
    return kept;
}

static int by_key(const void *a, const void *b)
{
    const struct attribute *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

static void set_attributes(struct log_row *row, struct arena *a, const struct any *map)
{
    if (map->type != ANY_MAP || map->n == 0)
        return;
    struct attribute *v = (struct attribute *)(uintptr_t)attributes_copy(a, map->as.pairs, map->n);
    if (!v)
        return;
    qsort(v, map->n, sizeof *v, by_key);
    row->attributes = v;
    row->n_attributes = map->n;
}

static uint64_t attributes_hash(const struct attribute *v, size_t n, uint64_t h)
{
    for (size_t i = 0; i < n; i++) {
        h = hash_combine(h, hash_str(v[i].key));
        h = any_hash(&v[i].value, h);
    }
    return hash_combine(h, n);
}

static uint64_t source_hash(const struct record_source *s, uint64_t h)
{
    h = attributes_hash(s->resource, s->n_resource, h);
    h = attributes_hash(s->scope, s->n_scope, h);
    h = hash_combine(h, hash_str(s->resource_schema_url));
    h = hash_combine(h, hash_str(s->scope_schema_url));
    h = hash_combine(h, hash_str(s->scope_name));
    h = hash_combine(h, hash_str(s->scope_version));
    h = hash_combine(h, s->resource_dropped);
    return hash_combine(h, s->scope_dropped);
}

/* Of all that it holds, its source as well: records that are numbered because they look the same
 * are of one source, so their numbers are the same in a search for that source alone. */
static uint64_t row_hash(const struct log_row *row)
{
    uint64_t h = 0;
    for (size_t i = 0; i < LOG_FIELDS; i++)
        h = any_hash(&row->fields[i], h);
    h = attributes_hash(row->attributes, row->n_attributes, h);
    return row->source ? source_hash(row->source, h) : h;
}

static struct log_row *add_row(struct search *s)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : ROWS_FIRST;
        struct log_row *v = arena_grow(s->q->arena, s->rows, s->n, cap, sizeof *v);
        if (!v)
            return NULL;
        s->rows = v;
        s->cap = cap;
    }
    return &s->rows[s->n++];
}

static const struct record_source *keep_source(struct search *s, const struct record_block *b,
                                               size_t i)
{
    const struct record_source *source = record_block_source(b, i);
    if (source != s->theirs) {
        s->theirs = source;
        s->ours = source ? source_copy(s->q->arena, source) : NULL;
    }
    return s->ours;
}

static int each_block(void *arg, const struct record_block *b)
{
    struct search *s = arg;
    struct arena *a = s->q->arena;
    s->theirs = NULL; // another block may have another source at the same place
    for (size_t i = 0; i < b->n; i++) {
        struct log_row *row = add_row(s);
        if (!row)
            return ERR_NOMEM;
        *row = (struct log_row){.id.t_unix_ns = b->t_unix_ns[i]};
        for (size_t k = 0; k < LOG_FIELDS; k++) {
            struct any v = vector_at(&b->columns[k], i);
            row->fields[k] = any_copy(a, &v);
        }
        struct any map = vector_at(&b->columns[LOG_FIELDS], i);
        set_attributes(row, a, &map);
        row->source = keep_source(s, b, i);
        row->id.hash = row_hash(row);
    }
    return arena_failed(a) ? ERR_NOMEM : 0;
}

/* --- the page --------------------------------------------------------------------------------- */

static int by_time(const struct log_id *x, const struct log_id *y)
{
    if (x->t_unix_ns != y->t_unix_ns)
        return x->t_unix_ns < y->t_unix_ns ? -1 : 1;
    if (x->hash != y->hash)
        return x->hash < y->hash ? -1 : 1;
    return (x->number > y->number) - (x->number < y->number);
}

static int oldest_first(const void *a, const void *b)
{
    return by_time(&((const struct log_row *)a)->id, &((const struct log_row *)b)->id);
}

static int newest_first(const void *a, const void *b)
{
    return oldest_first(b, a);
}

/* Equal rows are numbered from the oldest end, in both directions alike. */
static void number_rows(struct search *s)
{
    if (s->n == 0)
        return;
    qsort(s->rows, s->n, sizeof *s->rows, oldest_first);
    for (size_t i = 1; i < s->n; i++) {
        const struct log_id *before = &s->rows[i - 1].id;
        struct log_id *id = &s->rows[i].id;
        if (id->t_unix_ns == before->t_unix_ns && id->hash == before->hash)
            id->number = before->number + 1;
    }
    if (!s->wanted->oldest_first)
        qsort(s->rows, s->n, sizeof *s->rows, newest_first);
}

static void give_page(struct search *s, struct log_row **out, size_t *out_n)
{
    const struct log_id *after = s->wanted->after;
    size_t first = 0;
    number_rows(s);
    while (after && first < s->n) {
        int c = by_time(&s->rows[first].id, after);
        if (s->wanted->oldest_first ? c > 0 : c < 0)
            break;
        first++;
    }
    *out = first ? s->rows + first : s->rows; // which is NULL without any
    *out_n = MIN(s->n - first, s->wanted->limit);
}

int logs_search(struct record_query *q, const struct log_search *search, struct log_row **out,
                size_t *out_n, struct err *err)
{
    struct search s = {.q = q, .wanted = search, .floor_ns = INT64_MIN, .ceiling_ns = INT64_MAX};
    const struct log_id *after = search->after;
    bool old = search->oldest_first;
    struct column_ref columns[COLUMNS];
    for (int i = 0; i < LOG_FIELDS; i++)
        columns[i] = field_column(i);
    columns[LOG_FIELDS] = (struct column_ref){.origin = COLUMN_ALL_ATTRIBUTES};
    s.heap = arena_array(q->arena, search->limit, sizeof *s.heap);
    if (!s.heap)
        return record_query_no_memory(q, err);
    const struct record_scan scan = {
        .table = RECORD_LOGS,
        .min_unix_ns =
            after && old ? MAX(search->min_unix_ns, after->t_unix_ns) : search->min_unix_ns,
        .max_unix_ns =
            after && !old ? MIN(search->max_unix_ns, after->t_unix_ns) : search->max_unix_ns,
        .where = search->where,
        .source = search->source,
        .columns = columns,
        .n_columns = COLUMNS,
        .order = old ? SCAN_OLDEST_FIRST : SCAN_NEWEST_FIRST,
        .narrow = narrow,
        .each = each_block,
        .arg = &s,
        .floor_unix_ns = &s.floor_ns,
        .ceiling_unix_ns = &s.ceiling_ns};
    int rc = record_query_scan(q, &scan, err);
    if (rc == 0)
        give_page(&s, out, out_n);
    return rc;
}

/* --- one record ------------------------------------------------------------------------------- */

int logs_get(struct record_query *q, const struct log_id *id, struct log_row **out, struct err *err)
{
    struct log_row *rows;
    size_t n;
    const struct log_search at = {.min_unix_ns = id->t_unix_ns,
                                  .max_unix_ns = id->t_unix_ns,
                                  .oldest_first = true,
                                  .limit = ROWS_OF_ONE_TIME_MAX};
    int rc = logs_search(q, &at, &rows, &n, err);
    for (size_t i = 0; rc == 0 && i < n; i++) {
        if (rows[i].id.hash != id->hash || rows[i].id.number != id->number)
            continue;
        *out = &rows[i];
        return 0;
    }
    return rc != 0 ? rc : err_set(err, ERR_NOT_FOUND, "no log record has this id");
}
