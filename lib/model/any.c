#include "model/any.h"

static bool items_eq(const struct any *a, const struct any *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!any_eq(&a->as.items[i], &b->as.items[i]))
            return false;
    return true;
}

static bool pairs_eq(const struct any *a, const struct any *b)
{
    for (uint32_t i = 0; i < a->n; i++)
        if (!str_eq(a->as.pairs[i].key, b->as.pairs[i].key) ||
            !any_eq(&a->as.pairs[i].value, &b->as.pairs[i].value))
            return false;
    return true;
}

bool any_eq(const struct any *a, const struct any *b)
{
    if (a->type != b->type)
        return false;
    switch ((enum any_type)a->type) {
    case ANY_STRING:
    case ANY_BYTES: return str_eq(any_text(a), any_text(b));
    case ANY_BOOL: return a->as.boolean == b->as.boolean;
    case ANY_INT:
    case ANY_DOUBLE: // by their bits
        return a->as.integer == b->as.integer;
    case ANY_ARRAY: return a->n == b->n && items_eq(a, b);
    case ANY_MAP: return a->n == b->n && pairs_eq(a, b);
    case ANY_NONE:
    case ANY_EMPTY:
    case ANY_TYPES: break;
    }
    return true;
}

const struct any *attribute_get(const struct attribute *pairs, size_t n, struct str key)
{
    for (size_t i = 0; i < n; i++)
        if (str_eq(pairs[i].key, key))
            return &pairs[i].value;
    return NULL;
}

const struct any *any_member(const struct any *map, struct str key)
{
    static const struct any none = {0};
    const struct any *v = map->type == ANY_MAP ? attribute_get(map->as.pairs, map->n, key) : NULL;
    return v ? v : &none;
}
