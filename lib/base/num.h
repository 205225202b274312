/* Numbers and their text, independent of the locale. */
#ifndef TELLTALE_BASE_NUM_H
#define TELLTALE_BASE_NUM_H

#include <stdint.h>

#include "base/str.h"

struct buf;

/* The whole text as a number; ERR_INVALID when it is not one, ERR_TOO_BIG when it does not fit.
 * Doubles: decimal and hexadecimal floats, and in any case, with optional sign: nan, inf, infinity.
 * Digits may be grouped by single underscores, as in Go. Values beyond double's range are ±Inf with
 * ERR_TOO_BIG. */
int num_parse_i64(struct str text, int64_t *out);
int num_parse_u64(struct str text, uint64_t *out);
int num_parse_double(struct str text, double *out);

/* Hexadecimal digits of either case, nothing else. Returns as above. */
int num_parse_hex(struct str text, uint64_t *out);

/* Shortest text that parses back to the same double, as Go's strconv.FormatFloat does.
 * _plain: never an exponent ('f', -1).
 * _short: exponent when |v| < 1e-4 or >= 1e6 ('g', -1), as client libraries write /metrics.
 * _json: exponent when |v| < 1e-6 or >= 1e21, as Prometheus's JSON.
 * NaN, +Inf and -Inf are written so. */
enum { NUM_DOUBLE_MAX = 352 }; /* the longest plain form: sign, 0., 323 zeros, 17 digits, NUL */
size_t num_format_plain(char out[NUM_DOUBLE_MAX], double v);
size_t num_format_short(char out[NUM_DOUBLE_MAX], double v);
size_t num_format_json(char out[NUM_DOUBLE_MAX], double v);

/* Decimal digits without a NUL; how many they are. */
enum { NUM_U64_MAX = 20 };
size_t num_format_u64(char out[NUM_U64_MAX], uint64_t v);

void buf_put_double(struct buf *b, double v); /* num_format_short */

#endif
