/* A store that gets rows of several series, and a second one that gets the same as single series:
 * whatever happens, both must give the same rows. */
#ifndef TELLTALE_TESTS_SERVER_STORE_TWO_STORES_H
#define TELLTALE_TESTS_SERVER_STORE_TWO_STORES_H

#include "harness.h"

struct both {
    struct harness rows, series; /* of several series; of single ones alone */
    uint64_t random;
    size_t as_rows; /* what was sent and known as such a row */
};

/* Both empty, at NOON; both_done. */
void both_begin(struct both *b);
void both_done(struct both *b);

/* Appends what their batches have: both must take and reject the same. */
void both_append(struct both *b);

/* Both give the same rows, of all times or from `min_ms` to `max_ms`. */
void both_same(struct both *b);
void both_same_rows(struct both *b, int64_t min_ms, int64_t max_ms);

/* After the i-th step: now and then the first dies or flushes; then both give the same rows. */
void both_go_on(struct both *b, unsigned i);

/* What random steps are made of: `batch` sends rows of several series, `single` a row of one, about
 * `t`; now and then what either of two matchers selects is deleted. The clock moves by `pace_ms` in
 * half of the rounds, by a second in the others. */
struct both_dice {
    void (*batch)(struct both *b, int64_t t);
    void (*single)(struct both *b, int64_t t);
    const char *deleted[2];
    int64_t pace_ms;
    size_t
        known_min; /* of the rows that a round sends, so many are known as rows of several series */
};

/* Random steps of this kind, with flushes, merges, deaths and restarts between them; the seeds
 * begin behind TELLTALE_STORE_SEED. */
void both_at_random(const struct both_dice *dice);

enum { BOTH_STEPS = 600 }; /* of a round */

/* A number from 0 to n - 1, by `random`. */
uint64_t both_below(struct both *b, uint64_t n);

size_t rows_in_heads(struct harness *h);

/* What writer 0 or 1 adds to the batch as its i-th; rows of a time are equal, whoever writes. */
typedef void both_writing(struct harness *h, unsigned writer, unsigned i);

/* Two threads write to `rows` at once, while it is read and flushed; one after the other to
 * `series`. */
void both_write_at_once(struct both *b, both_writing *add);

#endif
