/* Rows into heads: the step that appends and the log's replay share. */
#ifndef TELLTALE_STORE_EMBEDDED_APPLY_H
#define TELLTALE_STORE_EMBEDDED_APPLY_H

#include "store/embedded/engine.h"

/* Most bytes of one sealed chunk or histogram. */
enum { SEAL_MAX = 64 << 20 };

/* Of so many streams at once memory is asked for: by apply_early, then by apply_soon. Fewer are not
 * enough to fetch beside each other, and there are about as many of a shard in a batch. */
enum { APPLY_STEP = 32 };

/* One batch's way into the heads. */
struct applier {
    struct store *store;
    struct buf *seal; /* scratch */
    bool rest;        /* rows of the rest of a replay: to heads of their own */
    uint32_t now_s;
    struct head *head; /* of the row before: batches mostly stay within a day */
    int64_t from;      /* its first millisecond */
};

/* Puts the rows into the heads of their days. The gate and the lock of the stream's shard must be
 * held. ERR_NOMEM: the rows before are in. */
int apply_rows(struct applier *a, struct stream *st, const struct sample *samples, size_t n,
               struct err *err);

int apply_switch_day(struct applier *a, int64_t t_unix_ms, struct err *err);

/* Makes a->head the one of this time's day. The gate must be held. */
static inline int apply_to_day(struct applier *a, int64_t t_unix_ms, struct err *err)
{
    bool same = a->head && t_unix_ms >= a->from && t_unix_ms - a->from < MS_PER_DAY;
    return same ? 0 : apply_switch_day(a, t_unix_ms, err);
}

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
