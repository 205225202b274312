/* Messages come from our own encoders, from files and from collectors, so nothing is taken for
 * granted: no read goes beyond the message, whatever its lengths say. */
#include "wire/field.h"

static bool read_varint(struct str *in, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; in->n && shift < 64; shift += 7) {
        unsigned char c = (unsigned char)*in->p;
        *in = str_sub(*in, 1, in->n);
        *out |= (uint64_t)(c & 0x7f) << shift;
        if (!(c & 0x80))
            return true;
    }
    return false;
}

static bool take(struct str *in, uint64_t n, struct str *out)
{
    if (n > in->n)
        return false;
    *out = str_sub(*in, 0, (size_t)n);
    *in = str_sub(*in, (size_t)n, in->n);
    return true;
}

static bool read_fixed(struct str *in, size_t n, uint64_t *out)
{
    struct str bytes;
    if (!take(in, n, &bytes))
        return false;
    *out = 0;
    for (size_t i = n; i-- > 0;)
        *out = *out << 8 | (unsigned char)bytes.p[i];
    return true;
}

bool wire_next_number(struct str *in, enum wire_type type, uint64_t *out)
{
    switch (type) {
    case WIRE_IS_VARINT: return read_varint(in, out);
    case WIRE_IS_FIXED64: return read_fixed(in, 8, out);
    case WIRE_IS_FIXED32: return read_fixed(in, 4, out);
    default: return false;
    }
}

int wire_next(struct str *in, struct wire_field *f)
{
    uint64_t tag, n;
    *f = (struct wire_field){0};
    if (!in->n)
        return 0;
    if (!read_varint(in, &tag))
        return -1;
    f->number = tag >> 3;
    f->type = (enum wire_type)(tag & 7);
    bool ok = f->type == WIRE_IS_BYTES ? read_varint(in, &n) && take(in, n, &f->bytes)
                                       : wire_next_number(in, f->type, &f->value);
    return ok ? 1 : -1;
}
