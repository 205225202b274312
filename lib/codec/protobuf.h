/* The protobuf wire format: a pull reader over borrowed bytes, and a writer into a struct buf.
 *
 * The reader never looks outside its bytes and never fails in the middle of a caller's code: the
 * first damage is noted (pb_failed, pb_error), the reader moves to its end, and every later read
 * gives 0 or empty. A message is read like this:
 *
 *   struct pb_reader r = pb_reader_of(body);
 *   while (pb_next(&r, &tag)) {
 *       switch (tag) {
 *       case PB_TAG(1, PB_LEN): name = pb_str(&r); break;
 *       case PB_TAG(2, PB_I64): value = pb_double(&r); break;
 *       case PB_TAG(3, PB_LEN): { struct pb_reader inner = pb_message(&r); … } break;
 *       default: pb_skip(&r, tag); // unknown fields are legal
 *       }
 *   }
 *   if (pb_failed(&r)) return pb_error(&r, "name", err);
 *
 * A repeated scalar may come packed (PB_LEN: a pb_reader over the values, read until pb_more() is
 * false) or one by one: handle both tags. Offsets in errors count from the outermost message. */
#ifndef TELLTALE_CODEC_PROTOBUF_H
#define TELLTALE_CODEC_PROTOBUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "base/word.h"

enum pb_wire { PB_VARINT = 0, PB_I64 = 1, PB_LEN = 2, PB_I32 = 5 };

#define PB_TAG(number, wire) ((uint32_t)(number) << 3 | (uint32_t)(wire))

static inline uint32_t pb_number(uint32_t tag)
{
    return tag >> 3;
}

/* ---- reading ---- */

struct pb_reader {
    const uint8_t *at, *end;
    const uint8_t *start; /* of the outermost message: offsets count from here */
    const char *damage;   /* what is wrong, static text; NULL: nothing */
    size_t damage_offset;
};

static inline struct pb_reader pb_reader_of(struct str bytes)
{
    const uint8_t *p = (const uint8_t *)(bytes.p ? bytes.p : "");
    return (struct pb_reader){.at = p, .end = p + bytes.n, .start = p};
}

static inline bool pb_failed(const struct pb_reader *r)
{
    return r->damage != NULL;
}

/* True until all values of a packed field are read. */
static inline bool pb_more(const struct pb_reader *r)
{
    return r->at < r->end;
}

/* Position from the start of the outermost message. */
static inline size_t pb_offset(const struct pb_reader *r)
{
    return (size_t)(r->at - r->start);
}

/* Notes the first damage, also one found by the caller ("not UTF-8"); `what`: static text. */
void pb_damage(struct pb_reader *r, const char *what);

/* Fills `err` with "field: what, at byte N" (`field` may be NULL) and returns ERR_INVALID. */
int pb_error(const struct pb_reader *r, const char *field, struct err *err);

uint64_t pb_varint_long(struct pb_reader *r); /* private: two bytes and more */

static inline uint64_t pb_varint(struct pb_reader *r)
{
    if (LIKELY(r->at < r->end && *r->at < 0x80))
        return *r->at++;
    return pb_varint_long(r);
}

static inline int64_t pb_sint(struct pb_reader *r) /* zigzag: sint32, sint64 */
{
    uint64_t v = pb_varint(r);
    return (int64_t)(v >> 1 ^ (0 - (v & 1)));
}

uint64_t pb_short_fixed(struct pb_reader *r); /* private: notes the damage, gives 0 */

static inline uint64_t pb_fixed64(struct pb_reader *r)
{
    if (UNLIKELY(r->end - r->at < 8))
        return pb_short_fixed(r);
    const uint8_t *p = r->at;
    r->at += 8;
    return (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16 | (uint64_t)p[3] << 24 |
           (uint64_t)p[4] << 32 | (uint64_t)p[5] << 40 | (uint64_t)p[6] << 48 |
           (uint64_t)p[7] << 56;
}

static inline uint32_t pb_fixed32(struct pb_reader *r)
{
    if (UNLIKELY(r->end - r->at < 4))
        return (uint32_t)pb_short_fixed(r);
    const uint8_t *p = r->at;
    r->at += 4;
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static inline double pb_double(struct pb_reader *r)
{
    return bits_double(pb_fixed64(r));
}

/* The bytes of a length-delimited field, borrowed. */
static inline struct str pb_str(struct pb_reader *r)
{
    uint64_t n = pb_varint(r);
    if (UNLIKELY(n > (size_t)(r->end - r->at))) {
        pb_damage(r, "length runs past the end of the message");
        return (struct str){0};
    }
    struct str s = {(const char *)r->at, (size_t)n};
    r->at += n;
    return s;
}

/* A reader of a length-delimited field: a nested message or packed values. Its damage is the
 * caller's to look at. */
static inline struct pb_reader pb_message(struct pb_reader *r)
{
    struct str s = pb_str(r);
    const uint8_t *p = s.p ? (const uint8_t *)s.p : r->end;
    return (struct pb_reader){.at = p,
                              .end = p + s.n,
                              .start = r->start,
                              .damage = r->damage,
                              .damage_offset = r->damage_offset};
}

bool pb_tag_valid(struct pb_reader *r, uint64_t tag); /* private */

/* The next field's tag; false at the end or after damage, and then `tag` is still that of the field
 * that was read last, or 0 when the tag itself is damaged. */
static inline bool pb_next(struct pb_reader *r, uint32_t *tag)
{
    if (r->at >= r->end)
        return false;
    uint64_t v = pb_varint(r);
    /* Field numbers 1…15 and the wire types in use need one byte; the rest is checked with care. */
    if (UNLIKELY(v < 8 || v >= 0x80 || (v & 7) == 3 || (v & 7) == 4 || (v & 7) > 5)) {
        if (!pb_tag_valid(r, v)) {
            *tag = 0;
            return false;
        }
    }
    *tag = (uint32_t)v;
    return true;
}

/* Passes over the value of a field that nobody asked for. */
void pb_skip(struct pb_reader *r, uint32_t tag);

/* The same in a message whose own fields are `known`: one of them, come here, has a wire type that
 * is not its own, which is damage. PB_FIELD(1) | PB_FIELD(3) | … */
#define PB_FIELD(number) (UINT64_C(1) << (number))
void pb_skip_unknown(struct pb_reader *r, uint32_t tag, uint64_t known);

/* How often each of the fields 0…16 occurs in the message (or up to its first damage), so that
 * arrays can be allocated at their size before reading. Takes a copy of the reader. */
enum { PB_COUNTED = 17 };
void pb_count(struct pb_reader r, uint32_t counts[PB_COUNTED]);

/* How many values a packed field of varints holds: each ends with a byte below 0x80. */
size_t pb_count_varints(struct str packed);

/* ---- writing ---- */

/* Each writes the tag and the value. Like all writers of a buf they fail stickily: test
 * buf_failed() once at the end. proto3 leaves out fields with the default value: the caller does.
 */
void pb_put_varint(struct buf *out, uint32_t number, uint64_t v);
void pb_put_sint(struct buf *out, uint32_t number, int64_t v);
void pb_put_fixed64(struct buf *out, uint32_t number, uint64_t v);
void pb_put_double(struct buf *out, uint32_t number, double v);
void pb_put_str(struct buf *out, uint32_t number, struct str s);

/* A varint alone, as in packed fields. */
void pb_put_raw_varint(struct buf *out, uint64_t v);

/* A nested message whose size is not known yet: what is written between _begin and _end becomes the
 * value of field `number`. _end moves the inner bytes by the length's few bytes. */
size_t pb_begin(struct buf *out, uint32_t number);
void pb_end(struct buf *out, size_t begun);

#endif
