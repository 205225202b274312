/* The protobuf reader: walks any bytes as nested messages, then writes the same fields again; what
 * was written reads back field by field as the same. */
#include <stdlib.h>

#include "codec/protobuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { DEPTH_MAX = 8 };

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void walk(struct pb_reader r, unsigned depth)
{
    uint32_t tag;
    while (pb_next(&r, &tag)) {
        if ((tag & 7) == PB_LEN && depth < DEPTH_MAX) {
            struct pb_reader packed = pb_message(&r), inner = packed;
            walk(inner, depth + 1);
            while (pb_more(&packed))
                (void)pb_varint(&packed); // for the sanitizers to watch
            CHECK(pb_failed(&packed) || packed.at == packed.end);
        } else {
            pb_skip(&r, tag);
        }
    }
    CHECK(pb_failed(&r) || r.at == r.end);
}

static void copy_field(struct pb_reader *r, uint32_t tag, struct buf *out)
{
    uint32_t number = pb_number(tag);
    switch (tag & 7) {
    case PB_VARINT: pb_put_varint(out, number, pb_varint(r)); break;
    case PB_I64: pb_put_fixed64(out, number, pb_fixed64(r)); break;
    case PB_LEN: {
        struct str s = pb_str(r);
        size_t begun = pb_begin(out, number);
        buf_put_str(out, s);
        pb_end(out, begun);
        break;
    }
    default: pb_skip(r, tag); // the writer has no 32-bit fields
    }
}

static void check_copy(struct pb_reader a, struct str copy)
{
    struct pb_reader b = pb_reader_of(copy);
    uint32_t tag_a, tag_b;
    while (pb_next(&a, &tag_a)) {
        struct pb_reader before = a;
        pb_skip(&a, tag_a);
        if (pb_failed(&a) || (tag_a & 7) == PB_I32)
            continue;
        CHECK(pb_next(&b, &tag_b) && tag_a == tag_b);
        switch (tag_a & 7) {
        case PB_VARINT: CHECK(pb_varint(&before) == pb_varint(&b)); break;
        case PB_I64: CHECK(pb_fixed64(&before) == pb_fixed64(&b)); break;
        default: CHECK(str_eq(pb_str(&before), pb_str(&b)));
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct pb_reader r = pb_reader_of(str_of((const char *)data, size));
    walk(r, 0);

    struct buf out = BUF_MAX(size * 4 + 64);
    struct pb_reader from = r;
    uint32_t tag;
    while (pb_next(&from, &tag))
        copy_field(&from, tag, &out);
    CHECK(!buf_failed(&out));
    if (!pb_failed(&from))
        check_copy(r, buf_str(&out));
    buf_done(&out);
    return 0;
}
