#include "core/proto.h"

#include "base/str.h"
#include "core/bytes.h"

/* Fields of AnyValue, KeyValue and their lists. */
enum { ANY_STRING = 1, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_ARRAY, ANY_MAP, ANY_BYTES };
enum { KEY_VALUE_KEY = 1, KEY_VALUE_VALUE = 2, LIST_VALUES = 1 };

static bool is_ascii(const char *p, size_t n)
{
    const uint64_t high_bits = 0x8080808080808080u;
    if (n < 8)
        return (load_short(p, n) & high_bits) == 0;
    uint64_t high = load64(p + n - 8);
    for (size_t i = 0; i + 8 < n; i += 8)
        high |= load64(p + i);
    return (high & high_bits) == 0;
}

static bool is_text(const char *p, size_t n)
{
    return is_ascii(p, n) || str_is_utf8(str_of(p, n));
}

char *put_text_field(char *to, unsigned field, const char *text, size_t n)
{
    char *at = put_bytes_head(to, field, n);
    if (n)
        memcpy(at, text, n);
    if (is_text(at, n))
        return at + n;
    for (size_t i = 0; i < n; i++) {
        if ((unsigned char)at[i] >= 0x80)
            at[i] = '?';
    }
    return at + n;
}

/* --- values ---------------------------------------------------------------------------------- */

static size_t any_size(const tt_value *v, int depth);

static size_t field_size(const tt_attr *a, int depth)
{
    return bytes_field_size(a->key_n) + bytes_field_size(any_size(&a->value, depth));
}

static size_t list_size(const tt_value *v, int depth)
{
    size_t n = 0;
    for (size_t i = 0; depth > 0 && i < v->n; i++)
        n += bytes_field_size(v->type == TT_TYPE_MAP ? field_size(&v->as.fields[i], depth - 1)
                                                     : any_size(&v->as.items[i], depth - 1));
    return n;
}

static size_t any_size(const tt_value *v, int depth)
{
    switch (v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES: return bytes_field_size(v->n);
    case TT_TYPE_BOOL: return 2;
    case TT_TYPE_INT: return 1 + varint_size((uint64_t)v->as.integer);
    case TT_TYPE_DOUBLE: return 9;
    case TT_TYPE_ARRAY:
    case TT_TYPE_MAP: return bytes_field_size(list_size(v, depth));
    default: return 0;
    }
}

static char *put_any(char *to, const tt_value *v, int depth);

static char *put_field(char *to, unsigned field, const tt_attr *a, int depth)
{
    to = put_bytes_head(to, field, field_size(a, depth));
    to = put_text_field(to, KEY_VALUE_KEY, a->key, a->key_n);
    to = put_bytes_head(to, KEY_VALUE_VALUE, any_size(&a->value, depth));
    return put_any(to, &a->value, depth);
}

static char *put_list(char *to, const tt_value *v, int depth)
{
    bool map = v->type == TT_TYPE_MAP;
    to = put_bytes_head(to, map ? ANY_MAP : ANY_ARRAY, list_size(v, depth));
    for (size_t i = 0; depth > 0 && i < v->n; i++) {
        if (map) {
            to = put_field(to, LIST_VALUES, &v->as.fields[i], depth - 1);
        } else {
            to = put_bytes_head(to, LIST_VALUES, any_size(&v->as.items[i], depth - 1));
            to = put_any(to, &v->as.items[i], depth - 1);
        }
    }
    return to;
}

static char *put_any(char *to, const tt_value *v, int depth)
{
    switch (v->type) {
    case TT_TYPE_STRING:
        return put_bytes_field(to, is_text(v->as.text, v->n) ? ANY_STRING : ANY_BYTES, v->as.text,
                               v->n);
    case TT_TYPE_BYTES: return put_bytes_field(to, ANY_BYTES, v->as.text, v->n);
    case TT_TYPE_BOOL: return put_varint_field(to, ANY_BOOL, v->as.truth);
    case TT_TYPE_INT: return put_varint_field(to, ANY_INT, (uint64_t)v->as.integer);
    case TT_TYPE_DOUBLE: return put_double_field(to, ANY_DOUBLE, v->as.number);
    case TT_TYPE_ARRAY:
    case TT_TYPE_MAP: return put_list(to, v, depth);
    default: return to;
    }
}

static bool is_nested(const tt_value *v)
{
    return v->type == TT_TYPE_ARRAY || v->type == TT_TYPE_MAP;
}

size_t proto_attr_size(const tt_attr *a)
{
    if (is_nested(&a->value))
        return 1 + bytes_field_size(field_size(a, ATTR_DEPTH_MAX));
    return 5 * PROTO_HEAD_MAX + a->key_n + a->value.n;
}

char *put_proto_attr(char *to, unsigned field, const tt_attr *a)
{
    char *end = field < 16 ? put_short_attr(to, field, a) : NULL;
    return end ? end : put_field(to, field, a, ATTR_DEPTH_MAX);
}

size_t proto_value_size(const tt_value *v)
{
    return 1 + bytes_field_size(any_size(v, ATTR_DEPTH_MAX));
}

char *put_proto_value(char *to, unsigned field, const tt_value *v)
{
    to = put_bytes_head(to, field, any_size(v, ATTR_DEPTH_MAX));
    return put_any(to, v, ATTR_DEPTH_MAX);
}

/* --- packed sets ----------------------------------------------------------------------------- */

static size_t packed_any_size(const struct attr_view *v);

static size_t packed_field_size(const struct attr_view *v)
{
    return bytes_field_size(v->key_n) + bytes_field_size(packed_any_size(v));
}

static size_t packed_list_size(const struct attr_view *v)
{
    size_t n = 0;
    const char *p = v->value, *end = p + v->value_n;
    struct attr_view item;
    while (attr_next(&p, end, &item))
        n += bytes_field_size(v->type == TT_TYPE_MAP ? packed_field_size(&item)
                                                     : packed_any_size(&item));
    return n;
}

/* The scalar again as it was given. */
static tt_value scalar_of(const struct attr_view *v)
{
    tt_value value = tt_value_of((enum tt_type)v->type, v->value_n);
    if (v->type == TT_TYPE_STRING || v->type == TT_TYPE_BYTES)
        value.as.text = v->value;
    else if (v->type == TT_TYPE_BOOL)
        value.as.truth = *v->value;
    else if (v->type == TT_TYPE_INT || v->type == TT_TYPE_DOUBLE)
        value.as.integer = attr_view_int(v);
    return value;
}

static size_t packed_any_size(const struct attr_view *v)
{
    if (v->type == TT_TYPE_ARRAY || v->type == TT_TYPE_MAP)
        return bytes_field_size(packed_list_size(v));
    tt_value scalar = scalar_of(v);
    return any_size(&scalar, 0);
}

static char *put_packed_field(char *to, unsigned field, const struct attr_view *v);

static char *put_packed_any(char *to, const struct attr_view *v)
{
    if (v->type != TT_TYPE_ARRAY && v->type != TT_TYPE_MAP) {
        tt_value scalar = scalar_of(v);
        return put_any(to, &scalar, 0);
    }
    bool map = v->type == TT_TYPE_MAP;
    const char *p = v->value, *end = p + v->value_n;
    struct attr_view item;
    to = put_bytes_head(to, map ? ANY_MAP : ANY_ARRAY, packed_list_size(v));
    while (attr_next(&p, end, &item)) {
        if (map) {
            to = put_packed_field(to, LIST_VALUES, &item);
        } else {
            to = put_bytes_head(to, LIST_VALUES, packed_any_size(&item));
            to = put_packed_any(to, &item);
        }
    }
    return to;
}

static char *put_packed_field(char *to, unsigned field, const struct attr_view *v)
{
    to = put_bytes_head(to, field, packed_field_size(v));
    to = put_text_field(to, KEY_VALUE_KEY, v->key, v->key_n);
    to = put_bytes_head(to, KEY_VALUE_VALUE, packed_any_size(v));
    return put_packed_any(to, v);
}

size_t proto_set_size(const struct attr_set *set)
{
    size_t n = 0;
    const char *p = set->packed, *end = p + set->bytes;
    struct attr_view v;
    while (attr_next(&p, end, &v))
        n += bytes_field_size(packed_field_size(&v));
    return n;
}

char *put_proto_set(char *to, unsigned field, const struct attr_set *set)
{
    const char *p = set->packed, *end = p + set->bytes;
    struct attr_view v;
    while (attr_next(&p, end, &v))
        to = put_packed_field(to, field, &v);
    return to;
}
