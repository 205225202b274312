/* Writing protobuf: into memory that is known to be large enough. Each put_… returns where the next
 * byte goes; each …_size says how much that will be. */
#ifndef TELLTALE_CORE_PROTO_H
#define TELLTALE_CORE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/word.h"
#include "core/attr_set.h"
#include "core/bytes.h"
#include "telltale/attribute.h"

enum { WIRE_VARINT = 0, WIRE_FIXED64 = 1, WIRE_BYTES = 2, WIRE_FIXED32 = 5 };
enum { PROTO_HEAD_MAX = 12 }; /* tag and length of a field below 16, and more */

static inline size_t varint_size(uint64_t v)
{
    return ((size_t)(63 - __builtin_clzll(v | 1)) * 9 + 73) / 64;
}

static inline char *put_varint(char *to, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        *to++ = (char)(v | 0x80);
    *to++ = (char)v;
    return to;
}

static inline char *put_tag(char *to, unsigned field, unsigned wire)
{
    return put_varint(to, field << 3 | wire);
}

/* Of a field with a number below 16. */
static inline size_t bytes_field_size(size_t n)
{
    return 1 + varint_size(n) + n;
}

static inline char *put_bytes_head(char *to, unsigned field, size_t n)
{
    return put_varint(put_tag(to, field, WIRE_BYTES), n);
}

static inline char *put_bytes_field(char *to, unsigned field, const void *p, size_t n)
{
    to = put_bytes_head(to, field, n);
    if (n)
        memcpy(to, p, n);
    return to + n;
}

static inline char *put_fixed32_field(char *to, unsigned field, uint32_t v)
{
    to = put_tag(to, field, WIRE_FIXED32);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static inline char *put_fixed64_field(char *to, unsigned field, uint64_t v)
{
    to = put_tag(to, field, WIRE_FIXED64);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static inline char *put_double_field(char *to, unsigned field, double v)
{
    return put_fixed64_field(to, field, double_bits(v));
}

static inline char *put_varint_field(char *to, unsigned field, uint64_t v)
{
    return put_varint(put_tag(to, field, WIRE_VARINT), v);
}

#define PROTO_NOT_ASCII UINT64_C(0x8080808080808080)

/* Copies text and returns its bytes or-ed together, so that one test tells whether it is ASCII. */
static inline uint64_t put_ascii(char *to, const char *from, size_t n)
{
    uint64_t all = 0, word, last;
    if (n < 8) {
        if (n >= 4) {
            uint32_t first = load32(from), rest = load32(from + n - 4);
            memcpy(to, &first, 4);
            memcpy(to + n - 4, &rest, 4);
            return (uint64_t)first << 32 | rest;
        }
        all = load_short(from, n);
        if (n > 0)
            to[0] = from[0];
        if (n > 1)
            memcpy(to + n - 2, from + n - 2, 2);
        return all;
    }
    for (size_t i = 8; i + 8 < n; i += 8) {
        word = load64(from + i);
        memcpy(to + i, &word, 8);
        all |= word;
    }
    word = load64(from);
    last = load64(from + n - 8);
    memcpy(to, &word, 8);
    memcpy(to + n - 8, &last, 8);
    return all | word | last;
}

enum { SHORT_ATTR_MAX = 96, SHORT_ATTR_ROOM = 128 };

/* The common attribute: a scalar, ASCII, key and text of 96 bytes at most, so that all lengths take
 * one byte; in a field below 16. NULL for others, which put_proto_attr writes. Takes at most 128
 * bytes. */
static inline char *put_short_attr(char *to, unsigned field, const tt_attr *a)
{
    size_t key_n = a->key_n, n = a->value.n;
    if (key_n + n > SHORT_ATTR_MAX)
        return NULL;
    to[0] = (char)(field << 3 | WIRE_BYTES);
    to[2] = 1 << 3 | WIRE_BYTES;
    to[3] = (char)key_n;
    uint64_t all = put_ascii(to + 4, a->key, key_n);
    char *value = to + 4 + key_n, *end = value + 3;
    value[0] = 2 << 3 | WIRE_BYTES;
    if (a->value.type == TT_TYPE_STRING) {
        value[2] = 1 << 3 | WIRE_BYTES;
        value[3] = (char)n;
        all |= put_ascii(value + 4, a->value.as.text, n);
        end = value + 4 + n;
    } else if (a->value.type == TT_TYPE_INT) {
        value[2] = 3 << 3 | WIRE_VARINT;
        end = put_varint(end, (uint64_t)a->value.as.integer);
    } else if (a->value.type == TT_TYPE_BOOL) {
        value[2] = 2 << 3 | WIRE_VARINT;
        *end++ = a->value.as.truth;
    } else if (a->value.type == TT_TYPE_DOUBLE) {
        value[2] = 4 << 3 | WIRE_FIXED64;
        memcpy(end, &a->value.as.number, 8);
        end += 8;
    } else {
        return NULL;
    }
    value[1] = (char)(end - value - 2);
    to[1] = (char)(end - to - 2);
    return all & PROTO_NOT_ASCII ? NULL : end;
}

/* A KeyValue as field `field` of its message. Text that is not UTF-8 becomes bytes; a key that is
 * not gets "?" for what is wrong; what is nested too deep is left empty. */
size_t proto_attr_size(const tt_attr *a); /* an upper bound */
char *put_proto_attr(char *to, unsigned field, const tt_attr *a);

/* A value alone, as an AnyValue; _size counts its head, too. */
size_t proto_value_size(const tt_value *v);
char *put_proto_value(char *to, unsigned field, const tt_value *v);

/* All of a packed set, each as field `field`. */
size_t proto_set_size(const struct attr_set *set);
char *put_proto_set(char *to, unsigned field, const struct attr_set *set);

/* Text as a field; what is not UTF-8 in it becomes "?". */
char *put_text_field(char *to, unsigned field, const char *text, size_t n);

#endif
