/* Writing protobuf: into memory that is known to be large enough. Each put_… returns where the next
 * byte goes; each …_size says how much that will be. */
#ifndef TELLTALE_CORE_PROTO_H
#define TELLTALE_CORE_PROTO_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "core/attr_set.h"
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

static inline char *put_fixed64_field(char *to, unsigned field, uint64_t v)
{
    to = put_tag(to, field, WIRE_FIXED64);
    memcpy(to, &v, sizeof v);
    return to + sizeof v;
}

static inline char *put_double_field(char *to, unsigned field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return put_fixed64_field(to, field, bits);
}

static inline char *put_varint_field(char *to, unsigned field, uint64_t v)
{
    return put_varint(put_tag(to, field, WIRE_VARINT), v);
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
