/* Attributes: a key with a value of one of OpenTelemetry's types.
 *
 * A tt_attr borrows its key and value; every function that takes one copies what it keeps before it
 * returns. Build them where they are used:
 *
 *     tt_attr attrs[] = {tt_str("http.route", "/users/:id"), tt_int("http.status_code", 200)};
 *
 * Text is UTF-8. Where a key is given twice the later one holds. A value of type TT_TYPE_EMPTY
 * ("null") is undefined: it may be kept as empty or be left out, and nobody should rely on either;
 * a text that is NULL is an empty one. */
#ifndef TELLTALE_ATTRIBUTE_H
#define TELLTALE_ATTRIBUTE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "telltale/api.h"

TT_BEGIN

enum tt_type {
    TT_TYPE_EMPTY,
    TT_TYPE_STRING,
    TT_TYPE_BOOL,
    TT_TYPE_INT,
    TT_TYPE_DOUBLE,
    TT_TYPE_BYTES,
    TT_TYPE_ARRAY,
    TT_TYPE_MAP
};

typedef struct tt_value tt_value;
typedef struct tt_attr tt_attr;

struct tt_value {
    union {
        const char *text; /* string and bytes, not NUL-terminated */
        int64_t integer;
        double number;
        bool truth;
        const tt_value *items; /* of an array */
        const tt_attr *fields; /* of a map */
    } as;
    uint32_t n;    /* bytes, items or fields */
    uint32_t type; /* enum tt_type */
};

struct tt_attr {
    const char *key; /* not NUL-terminated */
    size_t key_n;
    tt_value value;
};

static inline tt_value tt_value_of(enum tt_type type, size_t n)
{
    tt_value v;
    v.as.integer = 0;
    v.n = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
    v.type = (uint32_t)type;
    return v;
}

static inline tt_value tt_value_text(const char *text, size_t n)
{
    tt_value v = tt_value_of(TT_TYPE_STRING, text ? n : 0);
    v.as.text = text;
    return v;
}

static inline tt_value tt_value_str(const char *text)
{
    return tt_value_text(text, text ? strlen(text) : 0);
}

static inline tt_value tt_value_bytes(const void *bytes, size_t n)
{
    tt_value v = tt_value_of(TT_TYPE_BYTES, bytes ? n : 0);
    v.as.text = (const char *)bytes;
    return v;
}

static inline tt_value tt_value_int(int64_t integer)
{
    tt_value v = tt_value_of(TT_TYPE_INT, 0);
    v.as.integer = integer;
    return v;
}

static inline tt_value tt_value_double(double number)
{
    tt_value v = tt_value_of(TT_TYPE_DOUBLE, 0);
    v.as.number = number;
    return v;
}

static inline tt_value tt_value_bool(bool truth)
{
    tt_value v = tt_value_of(TT_TYPE_BOOL, 0);
    v.as.truth = truth;
    return v;
}

static inline tt_value tt_value_array(const tt_value *items, size_t n)
{
    tt_value v = tt_value_of(TT_TYPE_ARRAY, items ? n : 0);
    v.as.items = items;
    return v;
}

static inline tt_value tt_value_map(const tt_attr *fields, size_t n)
{
    tt_value v = tt_value_of(TT_TYPE_MAP, fields ? n : 0);
    v.as.fields = fields;
    return v;
}

static inline tt_attr tt_attr_of(const char *key, tt_value value)
{
    tt_attr a;
    a.key = key;
    a.key_n = key ? strlen(key) : 0;
    a.value = value;
    return a;
}

static inline tt_attr tt_str(const char *key, const char *text)
{
    return tt_attr_of(key, tt_value_str(text));
}

/* With a length, for text that is not NUL-terminated. */
static inline tt_attr tt_text(const char *key, const char *text, size_t n)
{
    return tt_attr_of(key, tt_value_text(text, n));
}

static inline tt_attr tt_bytes(const char *key, const void *bytes, size_t n)
{
    return tt_attr_of(key, tt_value_bytes(bytes, n));
}

static inline tt_attr tt_int(const char *key, int64_t integer)
{
    return tt_attr_of(key, tt_value_int(integer));
}

static inline tt_attr tt_double(const char *key, double number)
{
    return tt_attr_of(key, tt_value_double(number));
}

static inline tt_attr tt_bool(const char *key, bool truth)
{
    return tt_attr_of(key, tt_value_bool(truth));
}

TT_END

#endif
