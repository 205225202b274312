/* Attributes as given at a call against packed ones: inline, for this is the hot path of recording
 * with attributes. */
#ifndef TELLTALE_CORE_ATTR_MATCH_H
#define TELLTALE_CORE_ATTR_MATCH_H

#include "core/attr_set.h"
#include "core/bytes.h"

/* The scalar's value as bytes; false for arrays and maps. */
static inline bool attr_scalar(const tt_value *v, const char **out, size_t *out_n)
{
    enum { SIZES = 1 << 4 * TT_TYPE_BOOL | 8 << 4 * TT_TYPE_INT | 8 << 4 * TT_TYPE_DOUBLE };
    if (v->type == TT_TYPE_STRING || v->type == TT_TYPE_BYTES) {
        *out = v->as.text;
        *out_n = v->n;
        return true;
    }
    *out = (const char *)&v->as;
    *out_n = (size_t)SIZES >> 4 * v->type & 15;
    return v->type <= TT_TYPE_DOUBLE;
}

/* Whether the packed set was made of these very attributes, in this order; all scalar. False is not
 * an answer but a "look closer". */
static inline bool attr_set_is(const struct attr_set *set, const tt_attr *attrs, size_t n)
{
    const char *p = set->packed;
    if (n != set->n)
        return false;
    for (const tt_attr *a = attrs; n > 0; n--, a++) {
        const char *value;
        size_t value_n;
        if (!attr_scalar(&a->value, &value, &value_n) ||
            load64(p) != attr_head(a->key_n, a->value.type, value_n))
            return false;
        p += ATTR_HEAD_BYTES;
        if (!bytes_eq(p, a->key, a->key_n) || !bytes_eq(p + a->key_n, value, value_n))
            return false;
        p += a->key_n + value_n;
    }
    return true;
}

/* Hash of scalar attributes in the order given: of the ends of keys and values alone, for all of it
 * is compared. False when there is an array or a map. The products do not wait for each other; only
 * their sum does. */
static inline bool attrs_hash(const tt_attr *attrs, size_t n, uint64_t *inout_hash)
{
    const uint64_t odd = 0x9e3779b97f4a7c15u;
    uint64_t hash = *inout_hash;
    for (const tt_attr *a = attrs; n > 0; n--, a++) {
        const char *value;
        size_t value_n;
        if (!attr_scalar(&a->value, &value, &value_n))
            return false;
        uint64_t key = bytes_last(a->key, a->key_n) + (a->key_n << 4 | a->value.type);
        uint64_t v =
            value_n <= 16 ? bytes_both_ends(value, value_n) : bytes_hash(0, value, value_n);
        hash = hash * odd + mix64(key, v);
    }
    *inout_hash = hash;
    return true;
}

#endif
