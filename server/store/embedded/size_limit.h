/* The limit of bytes of all tables together: above it the oldest days go, whichever table they are
 * of. */
#ifndef TELLTALE_STORE_EMBEDDED_SIZE_LIMIT_H
#define TELLTALE_STORE_EMBEDDED_SIZE_LIMIT_H

#include "store/embedded/engine.h"

enum {
    SIZE_LIMIT_METRICS = 1 << 0, /* with their aggregates */
    SIZE_LIMIT_RECORDS = 1 << 1,
    SIZE_LIMIT_ALL = SIZE_LIMIT_METRICS | SIZE_LIMIT_RECORDS
};

/* Removes days until parts and logs fit, or until the oldest is of another table than `which`: the
 * thread of that one sees to it, so that none waits for the other's merges. Today is never removed,
 * nor the newest day there is. No lock may be held. */
int size_limit_apply(struct store *s, unsigned which, struct err *err);

/* Counts and logs that a table lost a day because of its `reason`, "age" or "size". */
void size_limit_note(const char *table, int64_t day, const char *reason);

#endif
