#include "core/message.h"

enum { LENGTH_BYTES = 5 };

size_t message_open(struct buf *out, unsigned field)
{
    size_t head = LENGTH_BYTES + (field > 0) + (field > 15);
    char *to = buf_reserve(out, head);
    if (!to)
        return 0;
    if (field)
        (void)put_tag(to, field, WIRE_BYTES);
    buf_advance(out, head);
    return out->n;
}

void message_close(struct buf *out, size_t at)
{
    if (buf_failed(out))
        return;
    size_t n = out->n - at;
    char *to = out->p + at - LENGTH_BYTES;
    for (int i = 0; i < LENGTH_BYTES; i++, n >>= 7)
        to[i] = (char)((n & 0x7f) | (i < LENGTH_BYTES - 1 ? 0x80 : 0));
}

void message_u64(struct buf *out, unsigned field, uint64_t v)
{
    char *to = buf_reserve(out, PROTO_HEAD_MAX);
    if (to)
        buf_advance(out, (size_t)(put_fixed64_field(to, field, v) - to));
}

void message_double(struct buf *out, unsigned field, double v)
{
    char *to = buf_reserve(out, PROTO_HEAD_MAX);
    if (to)
        buf_advance(out, (size_t)(put_double_field(to, field, v) - to));
}

void message_int(struct buf *out, unsigned field, uint64_t v)
{
    char *to = buf_reserve(out, PROTO_HEAD_MAX);
    if (to)
        buf_advance(out, (size_t)(put_varint_field(to, field, v) - to));
}
