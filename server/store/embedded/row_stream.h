/* Rows as a stream of bytes that grows at its end: what a head keeps of a series until enough rows
 * are there to make a block. A row is written as a difference to the one before and takes two to
 * four bytes for an ordinary counter or gauge.
 *
 *   control  bits 0-2  value: SAME as before, DECIMAL with 0…3 decimals, XOR, HISTOGRAM
 *            bits 3-4  start time: none, as before, new
 *            bits 5-7  time: change of the step by -3…3 ms, or 7: a varint follows
 *   [varint change of the step] [varint start] [value]
 *
 * Rows stand in the order of their arrival: a step may be zero or negative.
 *
 * Never leaves memory, so the layout may change from version to version. */
#ifndef TELLTALE_STORE_EMBEDDED_ROW_STREAM_H
#define TELLTALE_STORE_EMBEDDED_ROW_STREAM_H

#include "store/embedded/bytes.h"

/* Most bytes of a row without a histogram. */
enum { ROW_BYTES_MAX = 48 };

/* A row; times are ms since the start of the day. */
struct raw_row {
    uint32_t t;
    double value;
    int64_t start_unix_ms; /* 0: none */
    struct str histogram;  /* encoded (histogram_column.h); p == NULL: a float */
};

/* What the next row is a difference to. {0} at the start of a stream. */
struct row_state {
    uint64_t bits; /* of the last float */
    int64_t start; /* the last one */
    uint32_t t;
    int32_t step;     /* last difference of times */
    uint32_t n_bytes; /* of the stream, and its rows: counted by who stores it */
    uint8_t n_rows;
    uint8_t decimals; /* of the last DECIMAL value: tried first */
};

/* Writes all of the row but a histogram's bytes, which the caller puts behind it. Returns the bytes
 * written (at most ROW_BYTES_MAX). `base_ms`: the start of the day. */
size_t row_write(char out[ROW_BYTES_MAX], struct row_state *state, const struct raw_row *row,
                 int64_t base_ms);

/* Reads the next row; a histogram is borrowed from the bytes. Sets r->bad at the end. */
void row_read(struct reader *r, struct row_state *state, struct raw_row *out, int64_t base_ms);

#endif
