#include "codec/protobuf.h"

#include "base/word.h"

void pb_damage(struct pb_reader *r, const char *what)
{
    if (!r->damage) {
        r->damage = what;
        r->damage_offset = pb_offset(r);
    }
    r->at = r->end;
}

int pb_error(const struct pb_reader *r, const char *field, struct err *err)
{
    return err_set(err, ERR_INVALID, "%s%s%s, at byte %zu", field ? field : "", field ? ": " : "",
                   r->damage ? r->damage : "damaged", r->damage_offset);
}

uint64_t pb_varint_long(struct pb_reader *r)
{
    uint64_t v = 0;
    const uint8_t *p = r->at;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        if (p == r->end) {
            pb_damage(r, "message ends inside a varint");
            return 0;
        }
        uint8_t byte = *p++;
        if (shift == 63 && byte > 1)
            break; // more than 64 bits
        v |= (uint64_t)(byte & 0x7f) << shift;
        if (byte < 0x80) {
            r->at = p;
            return v;
        }
    }
    pb_damage(r, "varint is longer than 64 bits");
    return 0;
}

uint64_t pb_short_fixed(struct pb_reader *r)
{
    pb_damage(r, "message ends inside a fixed-size value");
    return 0;
}

bool pb_tag_valid(struct pb_reader *r, uint64_t tag)
{
    if (r->damage)
        return false;
    if (tag > UINT32_MAX || tag >> 3 == 0) {
        pb_damage(r, "field number is out of range");
        return false;
    }
    switch (tag & 7) {
    case PB_VARINT:
    case PB_I64:
    case PB_LEN:
    case PB_I32: return true;
    default: pb_damage(r, "wire type is not one of proto3"); return false;
    }
}

void pb_skip(struct pb_reader *r, uint32_t tag)
{
    switch (tag & 7) {
    case PB_VARINT: (void)pb_varint(r); break; // only its place matters
    case PB_I64: (void)pb_fixed64(r); break;
    case PB_LEN: (void)pb_str(r); break;
    case PB_I32: (void)pb_fixed32(r); break;
    default: pb_damage(r, "wire type is not one of proto3");
    }
}

void pb_skip_unknown(struct pb_reader *r, uint32_t tag, uint64_t known)
{
    uint32_t number = pb_number(tag);
    if (number < 64 && (known & PB_FIELD(number)))
        pb_damage(r, "a field has another wire type than its own");
    else
        pb_skip(r, tag);
}

void pb_count(struct pb_reader r, uint32_t counts[PB_COUNTED])
{
    memset(counts, 0, PB_COUNTED * sizeof *counts);
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        pb_skip(&r, tag);
        if (pb_number(tag) < PB_COUNTED && !r.damage)
            counts[pb_number(tag)]++;
    }
}

size_t pb_count_varints(struct str packed)
{
    size_t n = 0;
    for (size_t i = 0; i < packed.n; i++)
        n += (uint8_t)packed.p[i] < 0x80;
    return n;
}

/* ---- writing ---- */

enum { VARINT_MAX = 10 };

static size_t encode_varint(uint8_t out[VARINT_MAX], uint64_t v)
{
    size_t n = 0;
    for (; v >= 0x80; v >>= 7)
        out[n++] = (uint8_t)(v | 0x80);
    out[n++] = (uint8_t)v;
    return n;
}

void pb_put_raw_varint(struct buf *out, uint64_t v)
{
    uint8_t bytes[VARINT_MAX];
    buf_put(out, bytes, encode_varint(bytes, v));
}

void pb_put_varint(struct buf *out, uint32_t number, uint64_t v)
{
    pb_put_raw_varint(out, PB_TAG(number, PB_VARINT));
    pb_put_raw_varint(out, v);
}

void pb_put_sint(struct buf *out, uint32_t number, int64_t v)
{
    pb_put_varint(out, number, (uint64_t)v << 1 ^ (v < 0 ? UINT64_MAX : 0));
}

void pb_put_fixed64(struct buf *out, uint32_t number, uint64_t v)
{
    uint8_t bytes[8];
    for (size_t i = 0; i < sizeof bytes; i++)
        bytes[i] = (uint8_t)(v >> (8 * i));
    pb_put_raw_varint(out, PB_TAG(number, PB_I64));
    buf_put(out, bytes, sizeof bytes);
}

void pb_put_double(struct buf *out, uint32_t number, double v)
{
    pb_put_fixed64(out, number, double_bits(v));
}

void pb_put_str(struct buf *out, uint32_t number, struct str s)
{
    pb_put_raw_varint(out, PB_TAG(number, PB_LEN));
    pb_put_raw_varint(out, s.n);
    buf_put_str(out, s);
}

size_t pb_begin(struct buf *out, uint32_t number)
{
    pb_put_raw_varint(out, PB_TAG(number, PB_LEN));
    return out->n;
}

void pb_end(struct buf *out, size_t begun)
{
    uint8_t length[VARINT_MAX];
    size_t inner = out->n - begun, n = encode_varint(length, inner);
    if (!buf_reserve(out, n))
        return;
    memmove(out->p + begun + n, out->p + begun, inner);
    memcpy(out->p + begun, length, n);
    buf_advance(out, n);
}
