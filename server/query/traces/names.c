/* Which services and operations there are. */
#include <stdlib.h>

#include "base/compiler.h"
#include "base/map.h"
#include "query/traces/traces.h"

/* Services beyond are left out of lists: nobody reads so many. */
enum { NAMES_MAX = 100000, KINDS = 6 };

/* --- words ------------------------------------------------------------------------------------ */

static const char *const kinds[KINDS] = {"unspecified", "internal", "server",
                                         "client",      "producer", "consumer"};
static const char *const statuses[] = {"unset", "ok", "error"};

static int find_word(const char *const *words, size_t n, struct str name)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq_nocase(name, str_c(words[i])))
            return (int)i;
    return -1;
}

const char *span_kind_name(int kind)
{
    return kinds[kind > 0 && kind < KINDS ? kind : 0];
}

int span_kind_parse(struct str name)
{
    return find_word(kinds, KINDS, name);
}

const char *span_status_name(int status)
{
    return statuses[status > 0 && status < (int)ARRAY_LEN(statuses) ? status : 0];
}

int span_status_parse(struct str name)
{
    return find_word(statuses, ARRAY_LEN(statuses), name);
}

/* --- services --------------------------------------------------------------------------------- */

struct names {
    struct record_query *q;
    struct map seen; /* text in the arena */
    uint64_t asked;
};

/* The name in the arena; NULL when it was there already, or memory is short (arena_failed). */
static struct str *add_name(struct names *n, struct str name)
{
    if (n->seen.n >= NAMES_MAX || map_get(&n->seen, name))
        return NULL;
    struct str *own = arena_alloc(n->q->arena, sizeof *own);
    if (!own)
        return NULL;
    *own = arena_str(n->q->arena, name);
    if (map_put(&n->seen, *own, own) != 0)
        n->q->arena->failed = true;
    return own;
}

static int each_source(void *arg, const struct record_source *s)
{
    struct names *n = arg;
    (void)add_name(n, service_of(s));
    if (arena_failed(n->q->arena))
        return ERR_NOMEM;
    return n->asked++ % 1024 == 1023 ? record_query_stopped(n->q, NULL) : 0;
}

int traces_services(struct record_query *q, int64_t min_unix_ns, int64_t max_unix_ns,
                    struct str **out, size_t *out_n, struct err *err)
{
    struct names n = {.q = q};
    int rc =
        store_list_sources(q->store, RECORD_SPANS, min_unix_ns, max_unix_ns, each_source, &n, err);
    if (rc == 0)
        rc = record_query_names(n.q, &n.seen, out, out_n, err);
    else if (arena_failed(q->arena))
        rc = record_query_no_memory(q, err);
    else
        (void)record_query_stopped(q, err);
    map_done(&n.seen);
    return rc;
}

/* --- operations ------------------------------------------------------------------------------- */

struct operations {
    struct names names;
    struct map bits; /* name -> its byte */
};

static int note_operation(struct operations *o, struct str name, int64_t kind)
{
    unsigned bit = 1u << (kind > 0 && kind < KINDS ? kind : 0);
    uint8_t *bits = map_get(&o->bits, name);
    if (!bits) {
        struct str *own = add_name(&o->names, name);
        bits = own ? arena_zalloc(o->names.q->arena, 1) : NULL;
        if (!bits)
            return arena_failed(o->names.q->arena) ? ERR_NOMEM : 0;
        if (map_put(&o->bits, *own, bits) != 0)
            return ERR_NOMEM;
    }
    *bits = (uint8_t)(*bits | bit);
    return 0;
}

/* Runs of rows with the same name and kind are noted once. */
static int each_operation(void *arg, const struct record_block *b)
{
    struct operations *o = arg;
    struct any last = {0};
    int64_t last_kind = -1;
    for (size_t i = 0; i < b->n; i++) {
        struct any name = vector_at(&b->columns[0], i), kind = vector_at(&b->columns[1], i);
        int64_t k = kind.type == ANY_INT ? kind.as.integer : 0;
        if (name.as.text == last.as.text && name.n == last.n && k == last_kind)
            continue;
        last = name;
        last_kind = k;
        int rc = name.type == ANY_STRING ? note_operation(o, any_text(&name), k) : 0;
        if (rc != 0)
            return rc;
    }
    return 0;
}

static int by_name_and_kind(const void *a, const void *b)
{
    const struct operation *x = a, *y = b;
    int c = str_cmp(x->name, y->name);
    return c ? c : x->kind - y->kind;
}

static int give_operations(struct operations *o, int kind, struct operation **out, size_t *out_n,
                           struct err *err)
{
    size_t cursor = 0, n = 0;
    struct operation *v = arena_array(o->names.q->arena, o->bits.n * KINDS, sizeof *v);
    if (!v)
        return record_query_no_memory(o->names.q, err);
    for (const struct map_entry *e; (e = map_next(&o->bits, &cursor));)
        for (int k = 0; k < KINDS; k++)
            if (*(const uint8_t *)e->value & (1u << k) && (kind < 0 || k == kind))
                v[n++] = (struct operation){e->key, k};
    if (n)
        qsort(v, n, sizeof *v, by_name_and_kind);
    *out = v;
    *out_n = n;
    return 0;
}

int traces_operations(struct record_query *q, struct str service, int kind, int64_t min_unix_ns,
                      int64_t max_unix_ns, struct operation **out, size_t *out_n, struct err *err)
{
    struct operations o = {.names.q = q};
    struct predicate of_service = where_service(q->arena, service);
    if (arena_failed(q->arena))
        return record_query_no_memory(q, err);
    const struct column_ref columns[] = {field_column(SPAN_NAME), field_column(SPAN_KIND)};
    const struct record_scan scan = {.table = RECORD_SPANS,
                                     .min_unix_ns = min_unix_ns,
                                     .max_unix_ns = max_unix_ns,
                                     .where = service.n ? &of_service : NULL,
                                     .columns = columns,
                                     .n_columns = 2,
                                     .each = each_operation,
                                     .arg = &o};
    int rc = record_query_scan(q, &scan, err);
    if (rc == 0)
        rc = give_operations(&o, kind, out, out_n, err);
    map_done(&o.names.seen);
    map_done(&o.bits);
    return rc;
}
