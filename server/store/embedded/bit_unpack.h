/* Integers of a fixed number of bits, packed without gaps, least significant bit first. */
#ifndef TELLTALE_STORE_EMBEDDED_BIT_UNPACK_H
#define TELLTALE_STORE_EMBEDDED_BIT_UNPACK_H

#include <stddef.h>
#include <stdint.h>

/* Widths above this are stored as whole words, so that a value never spans more than eight bytes of
 * the packed stream. */
enum { BIT_WIDTH_MAX = 56 };

/* v[i] = base + the i-th of `n` values of `width` bits (at most BIT_WIDTH_MAX) in the `size` bytes
 * at `p`, which hold them all. Reads nothing beyond them. */
void bit_unpack(const unsigned char *p, size_t size, int64_t *v, size_t n, uint64_t base,
                unsigned width);

/* The same on any machine; for tests. */
void bit_unpack_portable(const unsigned char *p, size_t size, int64_t *v, size_t n, uint64_t base,
                         unsigned width);

#endif
