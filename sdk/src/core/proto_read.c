#include "core/proto_read.h"

#include <string.h>

#include "base/word.h"
#include "core/proto.h"

enum { ANY_STRING = 1, ANY_BOOL, ANY_INT, ANY_DOUBLE, ANY_ARRAY, ANY_MAP, ANY_BYTES };
enum { KEY = 1, VALUE = 2 };

static uint64_t read_varint(const char **inout_p, const char *end)
{
    uint64_t v = 0;
    for (int shift = 0; *inout_p < end && shift < 64; shift += 7) {
        uint64_t byte = (unsigned char)*(*inout_p)++;
        v |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            break;
    }
    return v;
}

static uint64_t read_fixed(const char **inout_p, const char *end, size_t n)
{
    uint64_t v = 0;
    if ((size_t)(end - *inout_p) >= n)
        memcpy(&v, *inout_p, n);
    *inout_p = (size_t)(end - *inout_p) >= n ? *inout_p + n : end;
    return v;
}

bool proto_next(const char **inout_p, const char *end, struct proto_field *out)
{
    if (*inout_p >= end)
        return false;
    uint64_t tag = read_varint(inout_p, end);
    *out = (struct proto_field){.field = (unsigned)(tag >> 3), .wire = tag & 7, .p = *inout_p};
    if (out->wire == WIRE_VARINT)
        out->number = read_varint(inout_p, end);
    else if (out->wire == WIRE_FIXED64)
        out->number = read_fixed(inout_p, end, 8);
    else if (out->wire == WIRE_FIXED32)
        out->number = read_fixed(inout_p, end, 4);
    else {
        uint64_t n = read_varint(inout_p, end);
        out->p = *inout_p;
        out->n = n < (uint64_t)(end - *inout_p) ? (size_t)n : (size_t)(end - *inout_p);
        *inout_p += out->n;
    }
    return true;
}

tt_value proto_read_value(const char *p, size_t n)
{
    struct proto_field f;
    const char *end = p + n;
    if (!proto_next(&p, end, &f))
        return tt_value_of(TT_TYPE_EMPTY, 0);
    switch (f.field) {
    case ANY_STRING: return tt_value_text(f.p, f.n);
    case ANY_BOOL: return tt_value_bool(f.number != 0);
    case ANY_INT: return tt_value_int((int64_t)f.number);
    case ANY_DOUBLE: return tt_value_double(bits_double(f.number));
    case ANY_ARRAY: return tt_value_of(TT_TYPE_ARRAY, 0);
    case ANY_MAP: return tt_value_of(TT_TYPE_MAP, 0);
    default: return tt_value_bytes(f.p, f.n);
    }
}

void proto_read_attr(const struct proto_field *f, tt_attr *out)
{
    const char *p = f->p, *end = p + f->n;
    struct proto_field part;
    *out = (tt_attr){.key = ""};
    while (proto_next(&p, end, &part)) {
        if (part.field == KEY) {
            out->key = part.p;
            out->key_n = part.n;
        } else if (part.field == VALUE) {
            out->value = proto_read_value(part.p, part.n);
        }
    }
}
