/* An immutable copy of attributes, in the one order that makes equal sets equal bytes.
 *
 * Packed, for it is kept by the thousand: for each attribute, by ascending key, a head of 8 bytes,
 * the key, and the value: text and bytes as they are, numbers in 8 bytes, truth in 1, arrays and
 * maps as a sequence of the same (an array's items have no key).
 *
 *     | value_n: 32 bits, key_n: 28, type: 4 | key … | value … | next head …
 */
#ifndef TELLTALE_CORE_ATTR_SET_H
#define TELLTALE_CORE_ATTR_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "telltale/attribute.h"

enum {
    ATTRS_MAX = 128,    /* of a set; those beyond are dropped */
    ATTR_DEPTH_MAX = 8, /* of arrays and maps in each other */
    ATTR_SET_BYTES_MAX = 1 << 20,
    ATTR_HEAD_BYTES = 8,
};

struct attr_set {
    uint32_t hash;
    uint32_t n : 8;      /* attributes */
    uint32_t bytes : 24; /* of packed */
    char packed[];
};

/* A value read from a set. Arrays and maps keep their packed form: read on with attr_next. */
struct attr_view {
    const char *key, *value;
    uint32_t key_n, value_n;
    uint32_t type; /* enum tt_type */
};

/* Sorts, drops earlier ones of a key, attributes without key and what is too deep or too much (a
 * problem is told), and copies. `keep` chooses by key, NULL: all. NULL when out of memory. The
 * caller frees with free(). */
typedef bool attr_filter(const tt_attr *attr, const void *arg);
struct attr_set *attr_set_new(const tt_attr *attrs, size_t n, attr_filter *keep, const void *arg);

/* Tells it what its packed bytes are, which are no more than a set may have. */
static inline void attr_set_is_of(struct attr_set *set, size_t n, size_t bytes)
{
    set->n = (uint8_t)n;
    set->bytes = (uint32_t)bytes & (2 * ATTR_SET_BYTES_MAX - 1);
}

bool attr_set_eq(const struct attr_set *a, const struct attr_set *b);

/* Steps through packed bytes: start with p at the beginning, false at `end`. */
bool attr_next(const char **p, const char *end, struct attr_view *out);

/* Reads scalars back, n of them; arrays and maps have no flat form and come out empty. They borrow
 * from the set. */
size_t attr_set_list(const struct attr_set *set, tt_attr *out);

static inline uint64_t attr_head(size_t key_n, uint32_t type, size_t value_n)
{
    return (uint64_t)value_n << 32 | (uint32_t)key_n << 4 | type;
}

static inline int64_t attr_view_int(const struct attr_view *v)
{
    int64_t x;
    memcpy(&x, v->value, sizeof x);
    return x;
}

static inline double attr_view_double(const struct attr_view *v)
{
    double x;
    memcpy(&x, v->value, sizeof x);
    return x;
}

#endif
