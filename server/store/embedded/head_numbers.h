/* Rows of numbers that come together (head_group.h): one value of each column, each with a time and
 * a start of its own.
 *
 *   size in two bytes, flags
 *   varint change of the step of the first column's time
 *   [TIMES   the other columns' times as differences to the first's,     else all are equal
 *    or NEAR, four bits each]
 *   [STARTS  each column's start as a difference to the one to its left] else as in the row before
 *   [ALONE   each column's kind in a byte]                               else as in the row before
 *   each column's value as a difference to the row before, or, in a row that stands alone, to 0
 *
 * or, of a row that stays in the log
 *
 *   size in two bytes, LOGGED, u32 time of the first column, u32 check, u32 bytes, their address
 *
 * A value is one varint whatever it is, so that a reader of one column finds it by counting bytes
 * that end one. Hence a column has a kind: m / 10^k exactly with k from 0 to 3, or the bits of a
 * double. Where a value is not of its column's kind the kind rises and the row stands alone, so a
 * column does that four times at most.
 *
 * Never leaves memory, so the layout may change from version to version. */
#ifndef TELLTALE_STORE_EMBEDDED_HEAD_NUMBERS_H
#define TELLTALE_STORE_EMBEDDED_HEAD_NUMBERS_H

#include "model/batch.h"
#include "store/embedded/head.h"

/* What the next row is a difference to. */
struct numbers_state {
    uint32_t t;     /* of the first column: ms since the start of the day */
    int32_t step;   /* between the last two of them */
    int64_t *start; /* of each column */
    uint64_t *last; /* of each column: m, or bits */
    uint8_t *kind;
    bool gap; /* the row before stays in the log: the next one stands alone */
};

/* A row in a mapped segment of the log: plain rows of its columns behind each other (wal_record.h).
 * `check`: low bits of the hash_bytes that they had when the log was replayed. */
struct logged_row {
    const char *p;
    uint32_t n_bytes, check;
    uint32_t t, min_t, max_t; /* of the first column, and of all: ms since the start of the day */
};

enum { LOGGED_ROW_BYTES = 3 + 3 * sizeof(uint32_t) + sizeof(char *) };

/* Whether its bytes are what they were when the log was replayed. To be asked after they were read:
 * a page that once could not be read stays zeros (map_guard.h), so what was read is right then. */
bool logged_row_is_sound(const struct logged_row *row);

/* The most bytes of a row. */
size_t numbers_row_max(size_t columns);

/* Bytes that a state of so many columns needs beside it, and what lays it out there. */
size_t numbers_state_size(size_t columns);
void numbers_state_init(struct numbers_state *s, size_t columns, void *room);

/* Writes a row of `n` samples, at most BATCH_RUN_MAX, all of the day that begins at `base_ms`; it
 * becomes the state. `alone`: it can be read without those before. Returns its size. */
size_t numbers_write(char *out, struct numbers_state *s, const struct sample *v, size_t n,
                     int64_t base_ms, bool alone);

/* The same for a row that stays in the log. */
size_t numbers_write_logged(char out[LOGGED_ROW_BYTES], struct numbers_state *s,
                            const struct logged_row *row);

/* Where a reader of one column is. {0} before the first row. */
struct numbers_reading {
    uint32_t columns, column;
    uint32_t t; /* of the first column */
    int32_t step;
    int64_t start;
    uint64_t last;
    uint8_t kind;
};

/* Reads the column of the next row; false, and r->bad: there is none; false alone: it was in the
 * log and is not as it was any more. */
bool numbers_read(struct reader *r, struct numbers_reading *s, struct raw_row *out);

/* The same for all columns, whose states stand behind each other. */
bool numbers_read_all(struct reader *r, struct numbers_reading *s, struct raw_row *out);

#endif
