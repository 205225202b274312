/* Attributes as given at a call against packed ones: inline, for this is the hot path of recording
 * with attributes. */
#ifndef TELLTALE_CORE_ATTR_MATCH_H
#define TELLTALE_CORE_ATTR_MATCH_H

#include "core/attr_set.h"
#include "core/bytes.h"

/* The scalar's value as bytes; false for arrays and maps. */
static inline bool attr_scalar(const tt_value *v, const char **out, size_t *out_n)
{
    *out = (const char *)&v->as;
    switch (v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES:
        *out = v->as.text;
        *out_n = v->n;
        return true;
    case TT_TYPE_BOOL: *out_n = 1; return true;
    case TT_TYPE_INT:
    case TT_TYPE_DOUBLE: *out_n = 8; return true;
    case TT_TYPE_EMPTY: *out_n = 0; return true;
    default: return false;
    }
}

/* Whether the packed set was made of these very attributes, in this order; all scalar. False is not
 * an answer but a "look closer". */
static inline bool attr_set_is(const struct attr_set *set, const tt_attr *attrs, size_t n)
{
    const char *p = set->packed;
    if (n != set->n)
        return false;
    for (size_t i = 0; i < n; i++) {
        const tt_attr *a = &attrs[i];
        const char *value;
        size_t value_n;
        if (!attr_scalar(&a->value, &value, &value_n) ||
            load32(p) != ((uint32_t)a->key_n << 4 | a->value.type) || load32(p + 4) != value_n)
            return false;
        if (!bytes_eq(p + ATTR_HEAD_BYTES, a->key, a->key_n) ||
            !bytes_eq(p + ATTR_HEAD_BYTES + a->key_n, value, value_n))
            return false;
        p += ATTR_HEAD_BYTES + a->key_n + value_n;
    }
    return true;
}

/* Hash of scalar attributes in the order given. False when there is an array or a map. The hashes
 * of keys and values do not wait for each other; only their sum does. */
static inline bool attrs_hash(const tt_attr *attrs, size_t n, uint64_t *inout_hash)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = *inout_hash;
    for (size_t i = 0; i < n; i++) {
        const tt_attr *a = &attrs[i];
        const char *value;
        size_t value_n;
        if (!attr_scalar(&a->value, &value, &value_n))
            return false;
        uint64_t key_hash = bytes_hash_ends(a->key, a->key_n);
        uint64_t value_hash = value_n <= 16 ? bytes_hash_ends(value, value_n)
                                            : bytes_hash(a->value.type, value, value_n);
        hash = hash * odd + key_hash + (value_hash << 32 | value_hash >> 32) * (a->value.type | 1);
    }
    *inout_hash = hash;
    return true;
}

#endif
