/* Rows of the log on their way to heads: gathered over some records, then put there shard by shard,
 * so that a lock is taken once for many rows and memory is fetched before it is needed.
 *
 * Threads: one. */
#ifndef TELLTALE_STORE_EMBEDDED_REPLAY_ROWS_H
#define TELLTALE_STORE_EMBEDDED_REPLAY_ROWS_H

#include "store/embedded/apply.h"

/* So many wait at most: in the cache of a core, and some for each shard. */
enum { REPLAY_ROWS = 4096 };

struct replayed_row {
    struct stream *stream;
    struct sample sample;
};

struct replay_rows {
    struct applier to_heads;
    size_t n;
    struct replayed_row v[REPLAY_ROWS];
    uint16_t order[REPLAY_ROWS]; /* of v, by shard */
};

/* Puts the rows that wait into heads. ERR_NOMEM: none of them waits any more, some may be in. */
int replay_rows_apply(struct replay_rows *r, struct err *err);

/* Adds a row; its histogram must live until the next replay_rows_apply. Errors as there. */
static inline int replay_rows_add(struct replay_rows *r, struct stream *st,
                                  const struct sample *sample, struct err *err)
{
    PREFETCH(st);
    r->v[r->n++] = (struct replayed_row){st, *sample};
    return r->n < REPLAY_ROWS ? 0 : replay_rows_apply(r, err);
}

#endif
