/* Hexadecimal, sixteen digits at a time in one vector: no tables, no branches. The compiler makes
 * SSE2 or NEON of it, or words where there is neither. */
#ifndef TELLTALE_TRACE_HEX_H
#define TELLTALE_TRACE_HEX_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"

enum { HEX_LETTER = 'a' - '0' - 10 }; /* from what would follow '9' to 'a' */

/* Values of 0 to 15 become digits. */
static inline char *hex_put(char *to, byte_vector values)
{
    values += '0' + ((byte_vector)((signed_byte_vector)values > 9) & HEX_LETTER);
    memcpy(to, &values, sizeof values);
    return to + sizeof values;
}

/* Eight bytes become sixteen digits. */
static inline char *hex_write8(char *to, const uint8_t bytes[8])
{
    uint64_t word;
    memcpy(&word, bytes, sizeof word);
    byte_vector v = (byte_vector)(word_vector){word, 0}, high = v >> 4, low = v & 15;
    return hex_put(to, SHUFFLE(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
}

static inline char *hex_write16(char *to, const uint8_t bytes[16])
{
    byte_vector v;
    memcpy(&v, bytes, sizeof v);
    byte_vector high = v >> 4, low = v & 15;
    to = hex_put(to, SHUFFLE(high, low, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23));
    return hex_put(
        to, SHUFFLE(high, low, 8, 24, 9, 25, 10, 26, 11, 27, 12, 28, 13, 29, 14, 30, 15, 31));
}

static inline char *hex_write_byte(char *to, uint8_t byte)
{
    unsigned high = byte >> 4, low = byte & 15;
    to[0] = (char)('0' + high + (high > 9 ? HEX_LETTER : 0));
    to[1] = (char)('0' + low + (low > 9 ? HEX_LETTER : 0));
    return to + 2;
}

/* The values of sixteen lower-case digits. Sets bits in `wrong` for what is none. */
static inline byte_vector hex_values(const char *text, byte_vector *wrong)
{
    byte_vector c;
    memcpy(&c, text, sizeof c);
    byte_vector letter = (byte_vector)((signed_byte_vector)c > '9');
    byte_vector v = c - '0' - (letter & HEX_LETTER);
    *wrong |= (v & 0xf0) | (byte_vector)((signed_byte_vector)(letter & 10) > (signed_byte_vector)v);
    return v;
}

/* Pairs of values become bytes. */
static inline byte_vector hex_bytes(byte_vector a, byte_vector b)
{
    return SHUFFLE(a, b, 0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 30) << 4 |
           SHUFFLE(a, b, 1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29, 31);
}

/* The reverse, of 32 and 16 lower-case digits; false when one is none. */
static inline bool hex_read_ids(const char *trace, const char *span, uint8_t trace_id[16],
                                uint8_t span_id[8])
{
    byte_vector wrong = {0};
    byte_vector a = hex_values(trace, &wrong), b = hex_values(trace + 16, &wrong);
    byte_vector c = hex_values(span, &wrong), bytes = hex_bytes(a, b);
    memcpy(trace_id, &bytes, 16);
    bytes = hex_bytes(c, c);
    memcpy(span_id, &bytes, 8);
    uint64_t halves[2];
    memcpy(halves, &wrong, sizeof halves);
    return (halves[0] | halves[1]) == 0;
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
