/* A column of doubles as few bytes, every bit kept (NaN payloads, -0, denormals).
 *
 * Four methods, the smallest wins:
 *   CONST    all the same bits
 *   DECIMAL  most values are m / 10^k with one k for the column and |m| < 2^53: m as an int column;
 *            the few others (stale markers) as exceptions. What people measure has few decimals:
 *            the idea of ALP (Afroozeh, Boncz, "ALP: Adaptive Lossless floating-Point", 2023)
 *   XOR      each value XORed with the one before, leading or trailing zero bytes left out
 *   RAW      eight bytes each
 * Layout: docs/design/format/block.md. */
#ifndef TELLTALE_STORE_EMBEDDED_FLOAT_COLUMN_H
#define TELLTALE_STORE_EMBEDDED_FLOAT_COLUMN_H

#include <stddef.h>

#include "store/embedded/bytes.h"

/* Appends the column; n in 1…COLUMN_ROWS_MAX. */
void float_column_encode(struct buf *out, const double *v, size_t n);

/* Reads exactly `n` values; sets r->bad on damage (`v` is undefined then). */
void float_column_decode(struct reader *r, double *v, size_t n);

#endif
