/* Whole traces: every span of the given ids, put together from all columns. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/hash.h"
#include "base/map.h"
#include "query/traces/tree.h"

enum { LOAD_COLUMNS = SPAN_FIELDS + USAGE_ATTRIBUTES, SPANS_FIRST = 32 };

struct loading {
    struct record_query *q;
    struct trace *traces;
    struct map by_id;
    const struct trace_load *wanted;
    struct column_ref columns[LOAD_COLUMNS]; /* fields, then attributes: all, or those of usage */
    size_t n_fields, n_columns;
    /* The source that the last row came from, and its copy: rows lie by source. */
    const struct record_source *theirs, *ours;
};

/* --- one span --------------------------------------------------------------------------------- */

static int by_key(const void *a, const void *b)
{
    const struct attribute *x = a, *y = b;
    return str_cmp(x->key, y->key);
}

static void set_attributes(struct span *s, struct arena *a, const struct attribute *pairs, size_t n)
{
    if (n == 0)
        return;
    struct attribute *v = (struct attribute *)(uintptr_t)attributes_copy(a, pairs, n);
    if (!v)
        return;
    qsort(v, n, sizeof *v, by_key);
    s->attributes = v;
    s->n_attributes = n;
}

static void read_attributes(struct loading *l, const struct record_block *b, size_t row,
                            struct span *s)
{
    struct attribute pairs[USAGE_ATTRIBUTES];
    size_t n = 0;
    if (!l->wanted->brief) {
        struct any map = vector_at(&b->columns[l->n_fields], row);
        if (map.type == ANY_MAP)
            set_attributes(s, l->q->arena, map.as.pairs, map.n);
        return;
    }
    for (size_t i = l->n_fields; i < l->n_columns; i++) {
        struct any v = vector_at(&b->columns[i], row);
        if (v.type != ANY_NONE)
            pairs[n++] = (struct attribute){l->columns[i].name, v};
    }
    set_attributes(s, l->q->arena, pairs, n);
}

static int64_t int_of(const struct any *v)
{
    return v->type == ANY_INT ? v->as.integer : 0;
}

static void set_fields(struct span *s)
{
    const struct any *f = s->fields;
    s->trace_id = any_text(&f[SPAN_TRACE_ID]);
    s->span_id = any_text(&f[SPAN_SPAN_ID]);
    s->parent_id = any_text(&f[SPAN_PARENT_ID]);
    s->name = any_text(&f[SPAN_NAME]);
    s->kind = (int)int_of(&f[SPAN_KIND]);
    s->status = (int)int_of(&f[SPAN_STATUS_CODE]);
    s->has_end = f[SPAN_DURATION_NS].type == ANY_INT;
    s->duration_ns = int_of(&f[SPAN_DURATION_NS]);
}

/* The sources of one block are borrowed from it: one copy for the rows that share it. */
static const struct record_source *keep_source(struct loading *l, const struct record_block *b,
                                               size_t row)
{
    const struct record_source *source = record_block_source(b, row);
    if (source != l->theirs) {
        l->theirs = source;
        l->ours = source ? source_copy(l->q->arena, source) : NULL;
    }
    return l->ours;
}

static void read_span(struct loading *l, const struct record_block *b, size_t row, struct span *s)
{
    struct arena *a = l->q->arena;
    *s = (struct span){.start_unix_ns = b->t_unix_ns[row]};
    for (size_t i = 0; i < l->n_fields; i++) {
        struct any v = vector_at(&b->columns[i], row);
        s->fields[i] = any_copy(a, &v);
    }
    read_attributes(l, b, row, s);
    set_fields(s);
    s->source = keep_source(l, b, row);
}

/* --- the scan --------------------------------------------------------------------------------- */

static struct span *add_span(struct loading *l, struct trace *t)
{
    if (t->n == t->cap) {
        size_t cap = t->cap ? 2 * t->cap : SPANS_FIRST;
        struct span *v = arena_grow(l->q->arena, t->spans, t->n, cap, sizeof *v);
        if (!v)
            return NULL;
        t->spans = v;
        t->cap = cap;
    }
    return &t->spans[t->n++];
}

static int each_block(void *arg, const struct record_block *b)
{
    struct loading *l = arg;
    l->theirs = NULL; // another block may have another source at the same place
    for (size_t i = 0; i < b->n; i++) {
        struct any id = vector_at(&b->columns[SPAN_TRACE_ID], i);
        struct trace *t = map_get(&l->by_id, any_text(&id));
        if (!t)
            continue;
        if (l->wanted->max_spans && t->n >= l->wanted->max_spans) {
            t->cut++;
            continue;
        }
        struct span *s = add_span(l, t);
        if (!s)
            return ERR_NOMEM;
        read_span(l, b, i, s);
        if (arena_failed(l->q->arena))
            return ERR_NOMEM;
    }
    return 0;
}

static void choose_columns(struct loading *l)
{
    l->n_fields = l->wanted->brief ? SPAN_STATUS_CODE + 1 : SPAN_FIELDS;
    for (size_t i = 0; i < l->n_fields; i++)
        l->columns[l->n_columns++] = field_column((int)i);
    for (size_t i = 0; l->wanted->brief && i < USAGE_ATTRIBUTES; i++)
        l->columns[l->n_columns++] = attribute_column(str_c(usage_attributes[i]));
    if (!l->wanted->brief)
        l->columns[l->n_columns++] = (struct column_ref){.origin = COLUMN_ALL_ATTRIBUTES};
}

static int scan(struct loading *l, struct err *err)
{
    const struct trace_load *w = l->wanted;
    struct arena *a = l->q->arena;
    struct any *values = arena_array(a, w->n, sizeof *values);
    for (size_t i = 0; values && i < w->n; i++)
        values[i] = any_bytes(w->ids[i]);
    struct predicate where =
        where_one_of(a, field_column(SPAN_TRACE_ID), values, values ? w->n : 0);
    if (arena_failed(a))
        return record_query_no_memory(l->q, err);
    choose_columns(l);
    const struct record_scan wanted = {.table = RECORD_SPANS,
                                       .min_unix_ns = w->min_unix_ns,
                                       .max_unix_ns = w->max_unix_ns,
                                       .where = &where,
                                       .columns = l->columns,
                                       .n_columns = l->n_columns,
                                       .order = SCAN_OLDEST_FIRST,
                                       .each = each_block,
                                       .arg = l};
    return record_query_scan(l->q, &wanted, err);
}

/* --- order ------------------------------------------------------------------------------------ */

static int by_id(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    int c = str_cmp(x->span_id, y->span_id);
    if (c)
        return c;
    int64_t ends[2] = {x->has_end ? x->start_unix_ns + x->duration_ns : INT64_MIN,
                       y->has_end ? y->start_unix_ns + y->duration_ns : INT64_MIN};
    if (ends[0] != ends[1])
        return ends[0] > ends[1] ? -1 : 1;
    return (x->n_attributes < y->n_attributes) - (x->n_attributes > y->n_attributes);
}

static int by_start(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    if (x->start_unix_ns != y->start_unix_ns)
        return x->start_unix_ns < y->start_unix_ns ? -1 : 1;
    return str_cmp(x->span_id, y->span_id);
}

static void put_in_order(struct trace *t)
{
    size_t n = 0;
    if (t->n == 0)
        return;
    qsort(t->spans, t->n, sizeof *t->spans, by_id);
    for (size_t i = 0; i < t->n; i++)
        if (i == 0 || !str_eq(t->spans[i].span_id, t->spans[n - 1].span_id))
            t->spans[n++] = t->spans[i];
    t->duplicates = t->n - n;
    t->n = n;
    qsort(t->spans, n, sizeof *t->spans, by_start);
}

int traces_load(struct record_query *q, const struct trace_load *wanted, struct trace **out,
                struct err *err)
{
    struct loading l = {.q = q, .wanted = wanted};
    int rc = 0;
    l.traces = arena_array(q->arena, wanted->n, sizeof *l.traces);
    if (!l.traces)
        return record_query_no_memory(q, err);
    for (size_t i = 0; rc == 0 && i < wanted->n; i++) {
        l.traces[i].id = wanted->ids[i];
        rc = map_put(&l.by_id, wanted->ids[i], &l.traces[i]);
    }
    if (rc != 0)
        rc = err_set(err, rc, "out of memory");
    else if (wanted->n)
        rc = scan(&l, err);
    for (size_t i = 0; rc == 0 && i < wanted->n; i++)
        put_in_order(&l.traces[i]);
    map_done(&l.by_id);
    if (rc == 0)
        *out = l.traces;
    return rc;
}
