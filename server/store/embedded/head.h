/* The head: rows of one day that are not in a part yet, in memory, per stream.
 *
 *   stream ─► head_series (one of each head, in no order)
 *               ├─ chunks: sealed blocks, oldest first, immutable; or the place of rows that were
 *               │  written for several streams at once (head_group.h)
 *               └─ tail: up to TAIL_ROWS rows as they came, a row stream in a chain of segments
 *
 * A full tail is put into order and sealed into a chunk with the codec of the parts. Rows come in
 * any order, so chunks and tail may overlap in time: readers put them behind each other and sort if
 * need be, later rows winning; disorder costs only those who make it.
 *
 * All memory of a head lies in arenas, one a stream shard, guarded by that shard's lock
 * (streams.h). When the head is frozen nothing changes any more, but of those that a replay fills
 * behind the store's back (replay_rest.h) until it is done; it is freed whole when its last
 * reference goes: the table's (until its part is published) and those of selections that read it.
 */
#ifndef TELLTALE_STORE_EMBEDDED_HEAD_H
#define TELLTALE_STORE_EMBEDDED_HEAD_H

#include <stdint.h>

#include "base/atomic.h"
#include "base/time.h"
#include "store/embedded/block.h"
#include "store/embedded/row_stream.h"
#include "store/embedded/streams.h"
#include "store/embedded/wal_map.h"

enum { TAIL_ROWS = 64, SEGMENT_BYTES = 56 };

struct head_chunk {
    struct head_chunk *next; /* the one sealed after; of the newest the oldest: may change */
    uint32_t size;           /* 0: of a group that stands in the bytes, the column min_t */
    uint32_t min_t, max_t;   /* ms since the start of the day */
    char bytes[];
};

struct head_segment {
    struct head_segment *next; /* of the last the first; while free: the next free one */
    char bytes[SEGMENT_BYTES];
};

/* Rows of one stream in one head: 80 bytes, since there are as many as streams. Both chains are
 * rings, known by their ends. */
struct head_series {
    struct head_series *next_of_stream; /* in another head; mostly an older one */
    struct head *head;
    struct head_chunk *newest;                  /* NULL: none sealed */
    struct head_segment *tail_end;              /* NULL: no tail */
    struct row_state tail;                      /* at its end */
    uint32_t n_chunks : 32 - STREAM_SHARD_BITS; /* a day has 86 million rows at most */
    uint32_t shard : STREAM_SHARD_BITS;         /* of the stream, as is the number */
    uint32_t id : 30;                           /* the log has fewer */
    uint32_t has_group : 1;  /* a chunk stands for rows of a group, maybe more than one */
    uint32_t open_group : 1; /* the newest does, and more may come to it */
    uint32_t min_t, max_t; /* of its own rows; ms since the start of the day; min_t UINT32_MAX: none
                              yet */
};

/* Series lie in slabs, so that a head can be walked. */
struct head_slab {
    struct head_slab *next;
    uint32_t n, cap;
    struct head_series series[];
};

struct head_arena {
    char *at, *end;
    struct head_block *blocks;
    struct head_segment *free_segments; /* of sealed tails */
};

struct head_shard {
    struct head_arena arena;
    struct head_slab *slabs; /* newest first */
    struct head_group *groups;
    size_t n;           /* series */
    atomic_ullong rows; /* set with the shard's lock, read without */
};

struct head {
    struct refcount refs;
    int64_t day;       /* days since 1970-01-01 */
    atomic_ullong seq; /* number of its part, once frozen; UINT64_MAX while live */
    atomic_ullong bytes;
    atomic_uint min_t, max_t;   /* ms since the start of the day, nearly exact: for statistics */
    atomic_ullong *total_bytes; /* of all heads of the table; borrowed */
    struct wal_map **maps;      /* with rows of the head; a reference to each */
    size_t n_maps;
    atomic_bool lost_rows; /* some there could not be read any more */
    struct head_shard shards[STREAM_SHARDS];
};

/* A row on its way in. */
struct head_row {
    uint32_t t; /* ms since the start of the day */
    double value;
    int64_t start_unix_ms;
    const struct histogram *histogram; /* borrowed */
};

static inline int64_t day_of(int64_t t_unix_ms)
{
    return t_unix_ms / MS_PER_DAY - (t_unix_ms % MS_PER_DAY < 0);
}

/* Without a row. */
static inline bool head_is_empty(const struct head *h)
{
    return atomic_get_relaxed(&h->min_t) == UINT32_MAX;
}

/* How many it has: counted by shard, since one atomic addition for each row would take longer than
 * all else here (it waits until what was written before has reached the caches). */
static inline uint64_t head_rows(const struct head *h)
{
    uint64_t n = 0;
    for (size_t i = 0; i < STREAM_SHARDS; i++)
        n += atomic_get_relaxed(&h->shards[i].rows);
    return n;
}

struct head *head_new(int64_t day, atomic_ullong *total_bytes);
void head_ref(struct head *h);
void head_unref(struct head *h);

/* Keeps a segment of the log mapped as long as the head lives. Only a replay does. ERR_NOMEM. */
int head_keep_map(struct head *h, struct wal_map *m);

/* Memory that lives as long as the head, counted with it. The shard's lock must be held. */
void *head_take(struct head *h, size_t shard, size_t n);

/* Widens what the head's statistics say of its times. */
void head_note_time(struct head *h, uint32_t t);

/* Makes `group` the place of what comes next to the `column`-th of its streams, until a row of the
 * stream's own is added. As head_append. */
int head_join(struct head *h, struct stream *st, struct head_group *group, uint32_t column,
              struct buf *scratch);

/* Times between which the series has rows, in ms since the start of the day; false: none yet. The
 * lock of the stream's shard must be held, unless the head is frozen. */
bool head_series_range(const struct head_series *hs, uint32_t *out_min, uint32_t *out_max);

/* Adds a row of `st`. `scratch`: an empty buffer for sealing. The lock of the stream's shard must
 * be held. ERR_NOMEM: the row is not in. */
int head_append(struct head *h, struct stream *st, const struct head_row *row, struct buf *scratch);

/* Appends the rows in [min, max] to `out`, in the order of writing (out->arena gets histograms);
 * the caller sorts. Takes the shard's lock for a moment (`frozen`: not needed, not taken).
 * ERR_NOMEM; ERR_CORRUPT: a chunk does not decode (our bug, or memory gone bad). */
int head_series_read(struct head_series *hs, struct stream_shard *shard, bool frozen,
                     int64_t min_ms, int64_t max_ms, struct columns *out);

/* Appends the rows in [min, max] of a chunk that has rows. Errors as above. */
int head_chunk_read(const struct head_chunk *c, int64_t base_ms, int64_t min_ms, int64_t max_ms,
                    struct columns *out);

/* Of its stream. The shard's lock must be held, unless the head is frozen: the number shares its
 * word with others. */
static inline size_t head_series_shard(const struct head_series *hs)
{
    return hs->shard;
}

/* Takes the head's series out of their streams' lists. */
void head_unlink(struct head *h, struct streams *s);

#endif
