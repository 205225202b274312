#include "store/embedded/records/source.h"

#include "base/err.h"
#include "store/embedded/records/any_bytes.h"

/* service name │ texts │ counts of dropped attributes │ attributes of resource and scope. The name
 * stands in front although it is an attribute too: it decides the order. */
void source_put(struct buf *out, const struct record_source *s)
{
    const struct any *service = attribute_get(s->resource, s->n_resource, STR("service.name"));
    put_text(out, service ? any_text(service) : (struct str){0});
    put_text(out, s->scope_name);
    put_text(out, s->scope_version);
    put_text(out, s->resource_schema_url);
    put_text(out, s->scope_schema_url);
    put_varint(out, s->resource_dropped);
    put_varint(out, s->scope_dropped);
    attributes_put(out, s->resource, s->n_resource);
    attributes_put(out, s->scope, s->n_scope);
}

int source_get(struct str bytes, struct arena *arena, struct record_source *out)
{
    struct reader r = reader_of(bytes.p, bytes.n);
    *out = (struct record_source){0};
    (void)get_text(&r); // the service's name, again among the attributes
    out->scope_name = get_text(&r);
    out->scope_version = get_text(&r);
    out->resource_schema_url = get_text(&r);
    out->scope_schema_url = get_text(&r);
    out->resource_dropped = (uint32_t)get_varint(&r);
    out->scope_dropped = (uint32_t)get_varint(&r);
    out->resource = attributes_get(&r, arena, &out->n_resource);
    out->scope = attributes_get(&r, arena, &out->n_scope);
    if (arena_failed(arena))
        return ERR_NOMEM;
    return r.bad || reader_left(&r) ? ERR_CORRUPT : 0;
}

static struct any text_or_none(struct str s)
{
    return s.n ? any_string(s) : (struct any){0};
}

static struct any count_or_none(uint32_t n)
{
    return n ? any_int(n) : (struct any){0};
}

static struct any fixed_value(const struct record_source *s, enum source_field field)
{
    switch (field) {
    case SOURCE_SCOPE_NAME: return text_or_none(s->scope_name);
    case SOURCE_SCOPE_VERSION: return text_or_none(s->scope_version);
    case SOURCE_RESOURCE_SCHEMA_URL: return text_or_none(s->resource_schema_url);
    case SOURCE_SCOPE_SCHEMA_URL: return text_or_none(s->scope_schema_url);
    case SOURCE_RESOURCE_DROPPED: return count_or_none(s->resource_dropped);
    case SOURCE_SCOPE_DROPPED: return count_or_none(s->scope_dropped);
    case SOURCE_FIELDS: break;
    }
    return (struct any){0};
}

struct any source_value(const struct record_source *s, const struct column_ref *column)
{
    if (column->origin == COLUMN_SOURCE)
        return fixed_value(s, (enum source_field)column->field);
    bool resource = column->origin == COLUMN_RESOURCE;
    const struct any *v = attribute_get(resource ? s->resource : s->scope,
                                        resource ? s->n_resource : s->n_scope, column->name);
    return v ? *v : (struct any){0};
}

int source_cmp(struct str a, struct str b)
{
    struct reader x = reader_of(a.p, a.n), y = reader_of(b.p, b.n);
    int by_service = str_cmp(get_text(&x), get_text(&y));
    return by_service ? by_service : str_cmp(a, b);
}
