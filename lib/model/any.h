/* A value of any OpenTelemetry type: what attributes and log bodies hold. Values are borrowed
 * trees; nothing here owns memory. */
#ifndef TELLTALE_MODEL_ANY_H
#define TELLTALE_MODEL_ANY_H

#include <stdbool.h>
#include <stdint.h>

#include "base/str.h"

enum any_type {
    ANY_NONE,  /* no value: the attribute or field is absent */
    ANY_EMPTY, /* present, but the sender set no value */
    ANY_STRING,
    ANY_BOOL,
    ANY_INT,
    ANY_DOUBLE,
    ANY_BYTES,
    ANY_ARRAY,
    ANY_MAP,
    ANY_TYPES /* their number */
};

/* Arrays and maps within each other at most so deep: decoders refuse more. */
enum { ANY_DEPTH_MAX = 32 };

struct attribute;

struct any {
    uint8_t type;
    uint32_t n; /* bytes, items or pairs */
    union {
        const char *text; /* ANY_STRING, ANY_BYTES */
        bool boolean;
        int64_t integer;
        double number;
        const struct any *items;       /* ANY_ARRAY */
        const struct attribute *pairs; /* ANY_MAP, in the sender's order */
    } as;
};

struct attribute {
    struct str key;
    struct any value;
};

static inline struct any any_string(struct str s)
{
    return (struct any){ANY_STRING, (uint32_t)s.n, {.text = s.p}};
}

static inline struct any any_bytes(struct str s)
{
    return (struct any){ANY_BYTES, (uint32_t)s.n, {.text = s.p}};
}

static inline struct any any_int(int64_t v)
{
    return (struct any){ANY_INT, 0, {.integer = v}};
}

static inline struct any any_double(double v)
{
    return (struct any){ANY_DOUBLE, 0, {.number = v}};
}

static inline struct any any_bool(bool v)
{
    return (struct any){ANY_BOOL, 0, {.boolean = v}};
}

static inline struct any any_array(const struct any *items, size_t n)
{
    return (struct any){ANY_ARRAY, (uint32_t)n, {.items = items}};
}

static inline struct any any_map(const struct attribute *pairs, size_t n)
{
    return (struct any){ANY_MAP, (uint32_t)n, {.pairs = pairs}};
}

/* Of a string or of bytes; the empty str for other types. */
static inline struct str any_text(const struct any *v)
{
    return v->type == ANY_STRING || v->type == ANY_BYTES ? str_of(v->as.text, v->n)
                                                         : (struct str){0};
}

/* The same type and value: doubles by their bits, maps in the same order. */
bool any_eq(const struct any *a, const struct any *b);

/* The value of `key` among `pairs`, the first if there are several; NULL when there is none. */
const struct any *attribute_get(const struct attribute *pairs, size_t n, struct str key);

/* The value of a key of a map; ANY_NONE when there is none, or `map` is none. Never NULL. */
const struct any *any_member(const struct any *map, struct str key);

#endif
