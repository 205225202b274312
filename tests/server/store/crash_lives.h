/* Lives of a store that end with a loss of power or the death of the process: afterwards every
 * acknowledged batch is there whole and once, and no batch is there by half. What a batch is, is
 * the test's. */
#ifndef TELLTALE_TESTS_SERVER_STORE_CRASH_LIVES_H
#define TELLTALE_TESTS_SERVER_STORE_CRASH_LIVES_H

#include "harness.h"

enum { CRASH_BATCHES_MAX = 32 };

struct crash_work {
    int batches;    /* appended in a life; CRASH_BATCHES_MAX - 1 at most */
    int batch_rows; /* of each */

    /* Appends batch i; 0: it is acknowledged. */
    int (*append)(struct harness *h, int i);

    /* What the store does between batch i and the next: flushes, merges, deletes. */
    void (*upkeep)(struct harness *h, int i);

    /* Sets rows[i] to the rows that there are of each of the first `n` batches. */
    void (*count)(struct harness *h, int rows[CRASH_BATCHES_MAX], int n);
};

/* Power goes at the n-th operation on the disk, for every n until the work gets done before; fails
 * when that are less than `operations_min`. */
void crash_at_any_operation(const struct crash_work *work, uint64_t operations_min);

/* Power goes at operation `first`, and again at the n-th of the recovery, for every n below
 * `lives`. */
void crash_during_recovery(const struct crash_work *work, uint64_t first, uint64_t lives);

/* The process dies now and then; nothing that it acknowledged is lost. */
void crash_of_the_process(const struct crash_work *work);

#endif
