/* Rows into heads: the step that appends and the log's replay share. */
#ifndef TELLTALE_STORE_EMBEDDED_APPLY_H
#define TELLTALE_STORE_EMBEDDED_APPLY_H

#include "store/embedded/engine.h"

/* Most bytes of one sealed chunk or histogram. */
enum { SEAL_MAX = 64 << 20 };

/* How many streams before their turn their own memory is to be asked for, and when apply_early and
 * apply_soon are worth calling. */
enum { APPLY_STEP = 32 };

/* One batch's way into the heads. */
struct applier {
    struct store *store;
    struct buf *seal; /* scratch */
    uint32_t now_s;
    struct head *head; /* of the row before: batches mostly stay within a day */
    int64_t from;      /* its first millisecond */
};

/* Puts the rows into the heads of their days. The gate and the lock of the stream's shard must be
 * held. ERR_NOMEM: the rows before are in. */
int apply_rows(struct applier *a, struct stream *st, const struct sample *samples, size_t n,
               struct err *err);

/* Makes a->head the one of this time's day. The gate must be held. */
int apply_to_day(struct applier *a, int64_t t_unix_ms, struct err *err);

/* Ask for the memory that apply_rows will look at, early for what tells where the rest is. The lock
 * of the stream's shard must be held. */
static inline void apply_early(const struct stream *st)
{
    const struct head_series *hs = st->rows;
    if (hs) {
        PREFETCH(hs);
        PREFETCH((const char *)hs + 64);
    }
}

static inline void apply_soon(const struct stream *st)
{
    const struct head_series *hs = st->rows;
    if (hs)
        PREFETCH(hs->tail_end);
}

#endif
