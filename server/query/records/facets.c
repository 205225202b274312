/* Which values a field has, and how often; which fields there are. */
#include <limits.h>
#include <stdlib.h>

#include "base/compiler.h"
#include "base/map.h"
#include "query/records/facets.h"
#include "query/traces/traces.h"

/* Different values that are counted; those met later are not, which is told. */
enum { VALUES_MAX = 100000, VALUE_TEXT_MAX = 1024 };

typedef const char *number_name(int64_t number);

struct counting {
    struct record_query *q;
    const struct facet_search *wanted;
    number_name *name; /* of the numbers of the field; NULL: they have none */
    bool texts;        /* the field's only values are texts that are not empty */
    struct str none;   /* stands for rows without a value; empty: they are not counted */
    size_t n_columns;
    struct map by_text; /* value as text, with its type in front */
    struct facet_value **v;
    size_t n, cap;
    uint64_t total;
    bool cut;
};

/* --- words ------------------------------------------------------------------------------------ */

static const char *kind_name(int64_t number)
{
    return span_kind_name((int)MIN(number, INT_MAX));
}

static const char *status_name(int64_t number)
{
    return span_status_name((int)MIN(number, INT_MAX));
}

/* The words that searches and answers have for the numbers of a column. */
static number_name *name_of(enum record_table table, const struct column_ref *column)
{
    bool spans = table == RECORD_SPANS;
    if (column->origin != COLUMN_FIELD)
        return NULL;
    if (!spans)
        return column->field == LOG_SEVERITY ? severity_name : NULL;
    return column->field == SPAN_KIND          ? kind_name
           : column->field == SPAN_STATUS_CODE ? status_name
                                               : NULL;
}

/* --- counting --------------------------------------------------------------------------------- */

static bool is_wanted(const struct counting *c, const struct any *v)
{
    struct str prefix = c->wanted->prefix;
    return prefix.n == 0 || (v->type == ANY_STRING && str_starts(any_text(v), prefix));
}

/* A key for the map: type and bytes. */
static struct str key_of(const struct any *v, char room[VALUE_TEXT_MAX + 1])
{
    struct str text = any_text(v);
    room[0] = (char)v->type;
    if (v->type == ANY_STRING || v->type == ANY_BYTES) {
        size_t n = MIN(text.n, (size_t)VALUE_TEXT_MAX);
        memcpy(room + 1, text.p ? text.p : "", n);
        return str_of(room, n + 1);
    }
    uint64_t h = any_hash(v, 0);
    memcpy(room + 1, &h, sizeof h);
    return str_of(room, sizeof h + 1);
}

static struct facet_value *add_value(struct counting *c, struct str key, const struct any *v)
{
    struct arena *a = c->q->arena;
    if (c->n == VALUES_MAX) {
        c->cut = true;
        return NULL;
    }
    if (c->n == c->cap) {
        c->cap = c->cap ? 2 * c->cap : 64;
        struct facet_value **grown =
            arena_grow(a, c->v, c->n, c->cap, sizeof(struct facet_value *));
        if (!grown)
            return NULL;
        c->v = grown;
    }
    struct facet_value *value = arena_zalloc(a, sizeof *value);
    struct str own = arena_str(a, key);
    if (!value || arena_failed(a))
        return NULL;
    value->value = any_copy(a, v);
    if (map_put(&c->by_text, own, value) != 0)
        return NULL;
    return c->v[c->n++] = value;
}

static bool is_value(const struct counting *c, const struct any *v)
{
    return c->texts ? v->type == ANY_STRING && v->n > 0 : v->type != ANY_NONE;
}

static void count(struct counting *c, const struct any *v, uint64_t times)
{
    char room[VALUE_TEXT_MAX + 1];
    const struct any none = c->none.n ? any_string(c->none) : (struct any){0};
    struct any word;
    if (!is_value(c, v))
        v = &none;
    if (c->name && v->type == ANY_INT) {
        word = any_string(str_c(c->name(v->as.integer)));
        v = &word;
    }
    if (times == 0 || v->type == ANY_NONE || !is_wanted(c, v))
        return;
    struct str key = key_of(v, room);
    struct facet_value *value = map_get(&c->by_text, key);
    if (!value)
        value = add_value(c, key, v);
    if (value)
        value->count += times;
    c->total += times;
}

/* A dictionary: each value is looked up once, whatever the number of its rows. */
static int count_codes(struct counting *c, const struct vector *v, size_t n, struct arena *scratch)
{
    uint32_t *times = arena_array(scratch, v->n_values, sizeof *times);
    if (!times)
        return ERR_NOMEM;
    for (size_t i = 0; i < n; i++)
        times[v->codes[i]]++;
    for (size_t i = 0; i < v->n_values; i++)
        count(c, &v->values[i], times[i]);
    return 0;
}

/* The first column that has a value. */
static void count_rows(struct counting *c, const struct record_block *b)
{
    for (size_t i = 0; i < b->n; i++) {
        struct any v = {0};
        for (size_t k = 0; !is_value(c, &v) && k < c->n_columns; k++)
            v = vector_at(&b->columns[k], i);
        count(c, &v, 1);
    }
}

static int each_block(void *arg, const struct record_block *b)
{
    struct counting *c = arg;
    int rc = 0;
    if (c->n_columns == 1 && b->columns[0].codes)
        rc = count_codes(c, &b->columns[0], b->n, b->arena);
    else
        count_rows(c, b);
    return arena_failed(c->q->arena) ? ERR_NOMEM : rc;
}

static int most_first(const void *a, const void *b)
{
    const struct facet_value *x = *(struct facet_value *const *)a;
    const struct facet_value *y = *(struct facet_value *const *)b;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    if (x->value.type != y->value.type)
        return x->value.type < y->value.type ? -1 : 1;
    return str_cmp(any_text(&x->value), any_text(&y->value));
}

int record_facet(struct record_query *q, const struct facet_search *wanted, struct facet *out,
                 struct err *err)
{
    struct counting c = {.q = q, .wanted = wanted};
    struct column_ref columns[FIELD_COLUMNS_MAX];
    c.n_columns = record_field_columns(wanted->table, wanted->field, columns);
    if (c.n_columns == 0)
        return err_set(err, ERR_INVALID, "field: expected the name of one");
    c.name = name_of(wanted->table, &columns[0]);
    c.texts = record_field_is_text(wanted->field, &c.none);
    if (c.name)
        c.none = str_c(c.name(0));
    const struct record_scan scan = {.table = wanted->table,
                                     .min_unix_ns = wanted->min_unix_ns,
                                     .max_unix_ns = wanted->max_unix_ns,
                                     .where = wanted->where,
                                     .columns = columns,
                                     .n_columns = c.n_columns,
                                     .each = each_block,
                                     .arg = &c};
    int rc = record_query_scan(q, &scan, err);
    map_done(&c.by_text);
    if (rc != 0)
        return rc;
    if (c.n)
        qsort(c.v, c.n, sizeof(struct facet_value *), most_first);
    *out = (struct facet){c.v, MIN(c.n, wanted->limit), c.n, c.total, c.cut};
    return 0;
}

/* --- fields ----------------------------------------------------------------------------------- */

struct naming {
    struct record_query *q;
    struct map seen;
    struct str prefix;
    uint64_t asked;
};

static int add_name(struct naming *n, const char *before, struct str name)
{
    char room[512];
    size_t head = strlen(before);
    if (name.n == 0 || head + name.n > sizeof room)
        return 0;
    memcpy(room, before, head);
    memcpy(room + head, name.p, name.n);
    struct str full = str_of(room, head + name.n);
    if (map_get(&n->seen, full) || (!str_starts(full, n->prefix) && !str_starts(name, n->prefix)))
        return 0;
    struct str *own = arena_alloc(n->q->arena, sizeof *own);
    if (!own)
        return ERR_NOMEM;
    *own = arena_str(n->q->arena, full);
    return arena_failed(n->q->arena) ? ERR_NOMEM : map_put(&n->seen, *own, own);
}

static int each_attribute(void *arg, struct str name)
{
    return add_name(arg, "attributes.", name);
}

static int each_source(void *arg, const struct record_source *s)
{
    struct naming *n = arg;
    int rc = 0;
    for (size_t i = 0; rc == 0 && i < s->n_resource; i++)
        rc = add_name(n, "resource.", s->resource[i].key);
    for (size_t i = 0; rc == 0 && i < s->n_scope; i++)
        rc = add_name(n, "scope.attributes.", s->scope[i].key);
    if (rc == 0 && n->asked++ % 1024 == 1023)
        rc = record_query_stopped(n->q, NULL);
    return rc;
}

static int add_fixed(struct naming *n, enum record_table table)
{
    static const char *const both[] = {"time", "service", "session", "scope.name", "scope.version"};
    static const char *const spans[] = {"status", "duration"};
    size_t count;
    int rc = 0;
    const struct record_field *fields = record_fields(table, &count);
    for (size_t i = 0; rc == 0 && i < ARRAY_LEN(both); i++)
        rc = add_name(n, "", str_c(both[i]));
    for (size_t i = 0; rc == 0 && table == RECORD_SPANS && i < ARRAY_LEN(spans); i++)
        rc = add_name(n, "", str_c(spans[i]));
    for (size_t i = 0; rc == 0 && i < count; i++)
        rc = add_name(n, "", str_c(fields[i].name));
    return rc;
}

int record_fields_like(struct record_query *q, enum record_table table, struct str prefix,
                       int64_t min_unix_ns, int64_t max_unix_ns, struct str **out, size_t *out_n,
                       struct err *err)
{
    struct naming n = {.q = q, .prefix = prefix};
    int rc = add_fixed(&n, table);
    if (rc == 0)
        rc = store_list_attributes(q->store, table, min_unix_ns, max_unix_ns, each_attribute, &n,
                                   err);
    if (rc == 0)
        rc = store_list_sources(q->store, table, min_unix_ns, max_unix_ns, each_source, &n, err);
    if (rc == 0)
        rc = record_query_names(n.q, &n.seen, out, out_n, err);
    else if (arena_failed(q->arena))
        rc = record_query_no_memory(q, err);
    else if (rc == ERR_TIMEOUT || rc == ERR_CANCELLED)
        (void)record_query_stopped(q, err);
    map_done(&n.seen);
    return rc;
}
