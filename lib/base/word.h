/* Words out of bytes at any address, and doubles as their bits: what needs a memcpy to be defined
 * and compiles to one instruction. Words are in the machine's order: to be compared and hashed, not
 * kept. */
#ifndef TELLTALE_BASE_WORD_H
#define TELLTALE_BASE_WORD_H

#include <stdint.h>
#include <string.h>

static inline uint64_t load64(const void *p)
{
    uint64_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint32_t load32(const void *p)
{
    uint32_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint16_t load16(const void *p)
{
    uint16_t v;
    memcpy(&v, p, sizeof v);
    return v;
}

static inline uint64_t double_bits(double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    return bits;
}

static inline double bits_double(uint64_t bits)
{
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

#endif
