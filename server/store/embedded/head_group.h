/* Rows of a group of streams in one head: the points of a histogram, each a row of all its series,
 * or runs of numbers.
 *
 *   group ─► head_group (newest head first)        head_series of each stream
 *              └─ runs: rows behind each other   ◄───┘ (a chunk says: here are rows of that group)
 *
 * A row of a histogram is its size in two bytes; what row_stream.h writes of the time, the start
 * and the sum; then the differences of the count and of each bucket's own count to the row before,
 * as varints: mostly a byte each. Rows of numbers are head_numbers.h's. A run begins without a row
 * before it, so runs can be read alone; when one is full the next is made. Nothing is sealed, since
 * a row takes no more so than in blocks.
 *
 * The order of writing, by which the later of two rows with equal times wins, is kept by closing:
 * as soon as one of the streams gets a row of its own, or joins another group, no more rows come to
 * the group in this head. Its streams then are appended to one by one, as are those of points that
 * end their series. So in each stream the group's rows stand between what was there when it was
 * made and what came after it was closed.
 *
 * All but `closed` and the times is guarded by the lock of the group's shard. */
#ifndef TELLTALE_STORE_EMBEDDED_HEAD_GROUP_H
#define TELLTALE_STORE_EMBEDDED_HEAD_GROUP_H

#include "model/batch.h"
#include "store/embedded/head_numbers.h"

struct group_run {
    struct group_run *next; /* NULL: none yet */
    uint32_t n_bytes, cap, n_rows;
    uint32_t min_t, max_t; /* ms since the start of the day */
    char bytes[];
};

struct head_group {
    struct head_group *next_of_group; /* in an older head */
    struct head_group *next_of_shard;
    struct head *head;
    struct stream *group; /* NULL: not all streams could join; without rows */
    struct lock *lock;    /* borrowed: of the group's shard */
    struct group_run *first, *last;
    union {
        struct numbers_state numbers; /* after the last row */
        struct {
            struct row_state state; /* likewise */
            uint64_t count;         /* in the last row, and each bucket's in counts */
        } histogram;
    };
    _Atomic(const struct head_chunk **) settled; /* of each stream a list; NULL: not yet */
    uint32_t n_runs, n_counts;
    uint32_t shard;           /* the group's */
    atomic_uint min_t, max_t; /* ms since the start of the day; min_t UINT32_MAX: no rows */
    atomic_bool closed;
    bool ready; /* all streams joined */
    bool has_sum, of_numbers;
    uint64_t counts[]; /* or room for what `numbers` needs */
};

/* The group's rows in a head, or NULL. Its shard's lock must be held. */
struct head_group *head_group_of(const struct head *h, const struct stream *group);

/* Begins rows of a group in a head that has none of it, for points like `p`. No lock of a shard may
 * be held, the gate must. ERR_NOMEM: nothing has changed. */
int head_group_open(struct head *h, struct streams *s, struct stream *group,
                    const struct batch_point *p, struct buf *scratch);

/* Whether all of a point's times are, of which these are the first and the last. */
bool head_group_is_of_one_day(const struct batch_point *p, int64_t *out_min, int64_t *out_max);

/* Adds a row for a point all of whose times are of the head's day. The lock of the group's shard
 * must be held. 1: the group takes no such row, its streams are to be appended to; ERR_NOMEM. */
int head_group_append(struct head_group *g, const struct batch_point *p, struct buf *scratch);

/* The same for numbers that stay in the log, which the head keeps mapped (head_keep_map). */
int head_group_append_logged(struct head_group *g, const struct logged_row *row);

static inline void head_group_close(struct head_group *g)
{
    atomic_set_relaxed(&g->closed, true);
}

/* Widens the range to the group's rows; ms since the start of the day. */
static inline void head_group_range(const struct head_group *g, uint32_t *min, uint32_t *max)
{
    uint32_t min_t = atomic_get_relaxed(&g->min_t);
    *min = min_t < *min ? min_t : *min;
    if (min_t != UINT32_MAX && atomic_get_relaxed(&g->max_t) > *max)
        *max = atomic_get_relaxed(&g->max_t);
}

/* Appends the rows of the column-th stream in [min, max] to `out`. Takes the lock for a moment
 * (`frozen`: not needed, not taken). ERR_NOMEM, ERR_CORRUPT. */
int head_group_read(struct head_group *g, uint32_t column, bool frozen, int64_t min_ms,
                    int64_t max_ms, struct columns *out);

/* Takes these and those behind them out of their groups' lists. The shard's lock must be held. */
void head_groups_unlink(struct head_group *g);

#endif
