/* Integers of the store's own formats: little-endian fixed and base-128 varint (least significant
 * group first, at most ten bytes), signed ones zigzag. A reader never leaves its bytes: once it
 * would have, `bad` is set and everything reads as zero, so a decoder tests it once per step. */
#ifndef TELLTALE_STORE_EMBEDDED_BYTES_H
#define TELLTALE_STORE_EMBEDDED_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "base/word.h"

enum { VARINT_MAX = 10 };

static inline uint64_t zigzag(int64_t v)
{
    return ((uint64_t)v << 1) ^ (v < 0 ? UINT64_MAX : 0);
}

static inline int64_t unzigzag(uint64_t v)
{
    return (int64_t)((v >> 1) ^ (0 - (v & 1)));
}

/* Writes at `p` (VARINT_MAX bytes of room) and returns the byte after. */
static inline char *varint_write(char *p, uint64_t v)
{
    while (v >= 0x80) {
        *p++ = (char)(v | 0x80);
        v >>= 7;
    }
    *p++ = (char)v;
    return p;
}

static inline size_t varint_size(uint64_t v)
{
    size_t n = 1;
    for (; v >= 0x80; v >>= 7)
        n++;
    return n;
}

static inline void put_varint(struct buf *b, uint64_t v)
{
    char *p = buf_reserve(b, VARINT_MAX);
    if (p)
        buf_advance(b, (size_t)(varint_write(p, v) - p));
}

static inline void put_zigzag(struct buf *b, int64_t v)
{
    put_varint(b, zigzag(v));
}

/* Between the host's order and the files' (little-endian); nothing on most machines. */
static inline uint32_t le32(uint32_t v)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap32(v);
}

static inline uint64_t le64(uint64_t v)
{
    return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? v : __builtin_bswap64(v);
}

static inline void write_u32(void *p, uint32_t v)
{
    v = le32(v);
    memcpy(p, &v, sizeof v);
}

static inline void write_u64(void *p, uint64_t v)
{
    v = le64(v);
    memcpy(p, &v, sizeof v);
}

static inline uint32_t read_u32(const void *p)
{
    return le32(load32(p));
}

static inline uint64_t read_u64(const void *p)
{
    return le64(load64(p));
}

static inline void put_u32(struct buf *b, uint32_t v)
{
    char *p = buf_reserve(b, 4);
    if (p) {
        write_u32(p, v);
        buf_advance(b, 4);
    }
}

static inline void put_u64(struct buf *b, uint64_t v)
{
    char *p = buf_reserve(b, 8);
    if (p) {
        write_u64(p, v);
        buf_advance(b, 8);
    }
}

/* Length and bytes. */
static inline void put_text(struct buf *b, struct str s)
{
    put_varint(b, s.n);
    buf_put_str(b, s);
}

struct reader {
    const unsigned char *p, *end;
    bool bad;
};

static inline struct reader reader_of(const void *p, size_t n)
{
    const unsigned char *at = p;
    return (struct reader){at, n ? at + n : at, false};
}

static inline size_t reader_left(const struct reader *r)
{
    return (size_t)(r->end - r->p);
}

static inline uint64_t get_varint(struct reader *r)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && r->p < r->end; shift += 7) {
        unsigned char c = *r->p++;
        v |= (uint64_t)(c & 0x7f) << shift;
        if (c < 0x80)
            return v;
    }
    r->bad = true;
    return 0;
}

static inline int64_t get_zigzag(struct reader *r)
{
    return unzigzag(get_varint(r));
}

static inline unsigned char get_byte(struct reader *r)
{
    if (r->p < r->end)
        return *r->p++;
    r->bad = true;
    return 0;
}

/* The next `n` bytes, or NULL (and `bad`). */
static inline const unsigned char *get_bytes(struct reader *r, uint64_t n)
{
    if (n > reader_left(r)) {
        r->bad = true;
        r->p = r->end;
        return NULL;
    }
    const unsigned char *p = r->p;
    if (n)
        r->p += n;
    return p;
}

static inline uint32_t get_u32(struct reader *r)
{
    const unsigned char *p = get_bytes(r, 4);
    return p ? read_u32(p) : 0;
}

static inline uint64_t get_u64(struct reader *r)
{
    const unsigned char *p = get_bytes(r, 8);
    return p ? read_u64(p) : 0;
}

static inline struct str get_text(struct reader *r)
{
    uint64_t n = get_varint(r);
    const unsigned char *p = get_bytes(r, n);
    return p ? (struct str){(const char *)p, (size_t)n} : (struct str){0};
}

/* A count of things that take at least `each` bytes more: `bad` when there cannot be so many, so
 * that no array is made larger than the input justifies. */
static inline size_t get_count(struct reader *r, size_t each)
{
    uint64_t n = get_varint(r);
    if (n > reader_left(r) / each) {
        r->bad = true;
        return 0;
    }
    return (size_t)n;
}

#endif
