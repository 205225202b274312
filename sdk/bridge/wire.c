#include "bridge/wire.h"

#include <string.h>

#include "base/word.h"

enum { LENGTH_BYTES = 5, DEPTH_MAX = 8 };
enum { VARINT = 0, FIXED64 = 1, BYTES = 2 };
enum { KEY = 1, VALUE = 2, ITEM = 1 };
enum { STRING = 1, BOOL = 2, INT = 3, DOUBLE = 4, ARRAY = 5, MAP = 6, BLOB = 7 }; // of an AnyValue

static void put_varint(struct buf *out, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        buf_putc(out, (char)(v | 0x80));
    buf_putc(out, (char)v);
}

static void put_tag(struct buf *out, unsigned field, unsigned type)
{
    put_varint(out, field << 3 | type);
}

size_t wire_open(struct buf *out, unsigned field)
{
    put_tag(out, field, BYTES);
    for (int i = 0; i < LENGTH_BYTES; i++)
        buf_putc(out, 0);
    return out->n;
}

void wire_close(struct buf *out, size_t at)
{
    if (buf_failed(out))
        return;
    size_t n = out->n - at;
    char *to = out->p + at - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++, n >>= 7)
        to[i] = (char)((n & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

void wire_varint(struct buf *out, unsigned field, uint64_t v)
{
    put_tag(out, field, VARINT);
    put_varint(out, v);
}

void wire_fixed(struct buf *out, unsigned field, uint64_t v)
{
    put_tag(out, field, FIXED64);
    for (int i = 0; i < 8; i++, v >>= 8)
        buf_putc(out, (char)(v & 0xff));
}

void wire_double(struct buf *out, unsigned field, double v)
{
    wire_fixed(out, field, double_bits(v));
}

void wire_bytes(struct buf *out, unsigned field, const void *p, size_t n)
{
    put_tag(out, field, BYTES);
    put_varint(out, n);
    buf_put(out, p, n);
}

void wire_text(struct buf *out, unsigned field, const char *text)
{
    if (text && *text)
        wire_bytes(out, field, text, strlen(text));
}

/* --- values ---------------------------------------------------------------------------------- */

static void put_pairs(struct buf *out, unsigned field, const tt_attr *attrs, size_t n, int depth);

/* What is not UTF-8 are bytes. */
static void put_string(struct buf *out, const tt_value *v)
{
    struct str text = str_of(v->as.text, v->n);
    bool is_text = v->type == TT_TYPE_STRING && str_is_utf8(text);
    wire_bytes(out, is_text ? STRING : BLOB, text.p, text.n);
}

/* As an AnyValue. */
static void put_value(struct buf *out, unsigned field, const tt_value *v, int depth)
{
    size_t at = wire_open(out, field), list;
    bool deep = depth == DEPTH_MAX;
    switch (deep && v->type >= TT_TYPE_ARRAY ? TT_TYPE_EMPTY : v->type) {
    case TT_TYPE_STRING:
    case TT_TYPE_BYTES: put_string(out, v); break;
    case TT_TYPE_BOOL: wire_varint(out, BOOL, v->as.truth); break;
    case TT_TYPE_INT: wire_varint(out, INT, (uint64_t)v->as.integer); break;
    case TT_TYPE_DOUBLE: wire_double(out, DOUBLE, v->as.number); break;
    case TT_TYPE_ARRAY:
        list = wire_open(out, ARRAY);
        for (uint32_t i = 0; i < v->n; i++)
            put_value(out, ITEM, &v->as.items[i], depth + 1);
        wire_close(out, list);
        break;
    case TT_TYPE_MAP:
        list = wire_open(out, MAP);
        put_pairs(out, ITEM, v->as.fields, v->n, depth + 1);
        wire_close(out, list);
        break;
    default: break; // empty
    }
    wire_close(out, at);
}

static void put_pairs(struct buf *out, unsigned field, const tt_attr *attrs, size_t n, int depth)
{
    for (size_t i = 0; i < n; i++) {
        size_t at = wire_open(out, field);
        wire_bytes(out, KEY, attrs[i].key, attrs[i].key_n);
        put_value(out, VALUE, &attrs[i].value, depth);
        wire_close(out, at);
    }
}

void wire_attributes(struct buf *out, unsigned field, const tt_attr *attrs, size_t n)
{
    put_pairs(out, field, attrs, n, 0);
}
