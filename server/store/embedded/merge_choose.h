/* Which parts of a day to merge next: the same for metrics, spans and logs. */
#ifndef TELLTALE_STORE_EMBEDDED_MERGE_CHOOSE_H
#define TELLTALE_STORE_EMBEDDED_MERGE_CHOOSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most parts of one merge. */
enum { MERGE_MAX = 16 };

/* The parts of a day by sequence. */
struct merge_choice {
    const uint64_t *sizes; /* bytes */
    size_t n;
    bool all;  /* whatever there is becomes one part, MERGE_MAX at a time */
    bool over; /* nothing more is expected: one part is wanted, if that gains anything */
};

/* Neighbours to merge next: *out_n of them, 2 to MERGE_MAX, from *out_first; false when nothing is
 * due. */
bool merge_choose(const struct merge_choice *c, size_t *out_first, size_t *out_n);

/* Whether the day ended an hour ago or more: what is late has come. */
bool merge_day_is_over(int64_t day, int64_t now_unix_ms);

#endif
