/* Hexadecimal, eight digits at a time in one word: no tables, no branches. */
#ifndef TELLTALE_TRACE_HEX_H
#define TELLTALE_TRACE_HEX_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define HEX_ONES UINT64_C(0x0101010101010101)

/* Words whose first byte in memory is the lowest. */
static inline uint64_t hex_load(const void *p, size_t n)
{
    uint64_t v = 0;
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(&v, p, n);
#else
    for (size_t i = 0; i < n; i++)
        v |= (uint64_t)((const unsigned char *)p)[i] << 8 * i;
#endif
    return v;
}

static inline void hex_store(void *p, uint64_t v, size_t n)
{
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    memcpy(p, &v, n);
#else
    for (size_t i = 0; i < n; i++)
        ((unsigned char *)p)[i] = (unsigned char)(v >> 8 * i);
#endif
}

/* The digits of eight values of 0 to 15, a byte each. */
static inline uint64_t hex_digits(uint64_t nibbles)
{
    uint64_t letters = ((nibbles + 6 * HEX_ONES) >> 4) & HEX_ONES;
    return nibbles + '0' * HEX_ONES + letters * ('a' - '0' - 10);
}

/* Four bytes become eight digits; `n` is a multiple of 4. */
static inline char *hex_write(char *to, const uint8_t *bytes, size_t n)
{
    for (size_t i = 0; i < n; i += 4, to += 8) {
        uint64_t v = hex_load(bytes + i, 4);
        v = (v & 0xffff) | (v & 0xffff0000) << 16;
        v = (v & UINT64_C(0x000000ff000000ff)) | (v & UINT64_C(0x0000ff000000ff00)) << 8;
        v = (v >> 4 & UINT64_C(0x000f000f000f000f)) | (v & UINT64_C(0x000f000f000f000f)) << 8;
        hex_store(to, hex_digits(v), 8);
    }
    return to;
}

static inline char *hex_write_byte(char *to, uint8_t byte)
{
    to[0] = (char)hex_digits(byte >> 4);
    to[1] = (char)hex_digits(byte & 15);
    return to + 2;
}

/* The reverse, of lower-case digits alone: what they mean is written again and compared. `n`, of
 * the bytes, is a multiple of 4. */
static inline bool hex_read(const char *text, uint8_t *out, size_t n)
{
    uint64_t wrong = 0;
    for (size_t i = 0; i < n; i += 4) {
        uint64_t digits = hex_load(text + 2 * i, 8);
        uint64_t v = (digits & 0x0f * HEX_ONES) + (digits >> 6 & HEX_ONES) * 9;
        wrong |= (v & 0xf0 * HEX_ONES) | (hex_digits(v & 0x0f * HEX_ONES) ^ digits);
        v = (v & UINT64_C(0x000f000f000f000f)) << 4 | (v >> 8 & UINT64_C(0x000f000f000f000f));
        v = (v & UINT64_C(0x000000ff000000ff)) | (v >> 8 & UINT64_C(0x0000ff000000ff00));
        v = (v & 0xffff) | (v >> 16 & 0xffff0000);
        hex_store(out + i, v, 4);
    }
    return wrong == 0;
}

/* A digit of either case, or -1. */
static inline int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = (char)(c | 0x20);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static inline bool hex_read_byte(const char *text, uint8_t *out)
{
    int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
    if (low < 0)
        return false;
    *out = (uint8_t)(high << 4 | low);
    return true;
}

#endif
