/* Values that outlive the block of rows they came in. */
#include "base/hash.h"
#include "query/records/records.h"

#define SERVICE_NAME STR("service.name")

static const struct any *items_copy(struct arena *a, const struct any *v, size_t n)
{
    struct any *items = arena_array(a, n, sizeof *items);
    for (size_t i = 0; items && i < n; i++)
        items[i] = any_copy(a, &v[i]);
    return items;
}

struct any any_copy(struct arena *a, const struct any *v)
{
    struct any out = *v;
    switch (v->type) {
    case ANY_STRING:
    case ANY_BYTES: out.as.text = arena_str(a, any_text(v)).p; break;
    case ANY_ARRAY: out.as.items = items_copy(a, v->as.items, v->n); break;
    case ANY_MAP: out.as.pairs = attributes_copy(a, v->as.pairs, v->n); break;
    default: break;
    }
    return arena_failed(a) ? (struct any){0} : out;
}

const struct attribute *attributes_copy(struct arena *a, const struct attribute *v, size_t n)
{
    struct attribute *pairs = arena_array(a, n, sizeof *pairs);
    for (size_t i = 0; pairs && i < n; i++)
        pairs[i] = (struct attribute){arena_str(a, v[i].key), any_copy(a, &v[i].value)};
    return pairs;
}

struct record_source *source_copy(struct arena *a, const struct record_source *s)
{
    struct record_source *out = arena_zalloc(a, sizeof *out);
    if (!out)
        return NULL;
    *out = *s;
    out->resource = attributes_copy(a, s->resource, s->n_resource);
    out->scope = attributes_copy(a, s->scope, s->n_scope);
    out->resource_schema_url = arena_str(a, s->resource_schema_url);
    out->scope_schema_url = arena_str(a, s->scope_schema_url);
    out->scope_name = arena_str(a, s->scope_name);
    out->scope_version = arena_str(a, s->scope_version);
    return arena_failed(a) ? NULL : out;
}

uint64_t any_hash(const struct any *v, uint64_t h)
{
    h = hash_combine(h, v->type);
    switch (v->type) {
    case ANY_STRING:
    case ANY_BYTES: return hash_combine(h, hash_str(any_text(v)));
    case ANY_BOOL: return hash_combine(h, v->as.boolean);
    case ANY_INT: return hash_combine(h, (uint64_t)v->as.integer);
    case ANY_DOUBLE: return hash_combine(h, hash_bytes(&v->as.number, sizeof v->as.number));
    case ANY_ARRAY:
        for (uint32_t i = 0; i < v->n; i++)
            h = any_hash(&v->as.items[i], h);
        return hash_combine(h, v->n);
    case ANY_MAP:
        for (uint32_t i = 0; i < v->n; i++)
            h = any_hash(&v->as.pairs[i].value, hash_combine(h, hash_str(v->as.pairs[i].key)));
        return hash_combine(h, v->n);
    default: return h;
    }
}

bool any_number(const struct any *v, double *out)
{
    if (v->type != ANY_INT && v->type != ANY_DOUBLE)
        return false;
    *out = v->type == ANY_INT ? (double)v->as.integer : v->as.number;
    return true;
}

struct str resource_text(const struct record_source *s, struct str key)
{
    const struct any *v = s ? attribute_get(s->resource, s->n_resource, key) : NULL;
    return v && v->type == ANY_STRING ? any_text(v) : (struct str){0};
}

struct str service_of(const struct record_source *s)
{
    struct str name = resource_text(s, SERVICE_NAME);
    return name.n ? name : UNKNOWN_SERVICE;
}

/* --- predicates ------------------------------------------------------------------------------- */

struct predicate where_leaf(enum predicate_op op, struct column_ref column, struct any value)
{
    return (struct predicate){.op = op, .column = column, .value = value};
}

struct predicate where_field(enum predicate_op op, int field, struct any value)
{
    return where_leaf(op, field_column(field), value);
}

static struct predicate two(struct arena *a, enum predicate_op op, struct predicate x,
                            struct predicate y)
{
    struct predicate *children = arena_array(a, 2, sizeof *children);
    if (!children)
        return (struct predicate){.op = PREDICATE_OR};
    children[0] = x;
    children[1] = y;
    return (struct predicate){.op = op, .children = children, .n_children = 2};
}

struct predicate where_both(struct arena *a, struct predicate x, struct predicate y)
{
    return two(a, PREDICATE_AND, x, y);
}

struct predicate where_either(struct arena *a, struct predicate x, struct predicate y)
{
    return two(a, PREDICATE_OR, x, y);
}

struct predicate where_not(struct arena *a, struct predicate x)
{
    struct predicate *child = arena_array(a, 1, sizeof *child);
    if (!child)
        return (struct predicate){.op = PREDICATE_OR};
    *child = x;
    return (struct predicate){.op = PREDICATE_NOT, .children = child, .n_children = 1};
}

struct predicate where_one_of(struct arena *a, struct column_ref column, const struct any *texts,
                              size_t n)
{
    const struct text_set *set = text_set_make(a, texts, n);
    struct predicate p = {.op = PREDICATE_IN, .column = column, .set = set};
    return set ? p : (struct predicate){.op = PREDICATE_OR};
}

struct predicate where_named(struct column_ref column)
{
    return where_leaf(PREDICATE_GT, column, any_string(STR("")));
}

struct predicate where_service(struct arena *a, struct str name)
{
    struct column_ref column = resource_column(SERVICE_NAME);
    struct predicate is = where_leaf(PREDICATE_EQ, column, any_string(name));
    if (!str_eq(name, UNKNOWN_SERVICE))
        return is;
    return where_either(a, is, where_not(a, where_named(column)));
}
