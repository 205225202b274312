/* The registry of streams that are active: those with rows in a head, or seen lately.
 *
 *   labels hash ─► shard (its low bits) ─► slots: open addressing, hash and local number
 *                                          streams[local] ─► struct stream { pairs… , rows ─► heads
 * }
 *
 * A stream's id is local * STREAM_SHARDS + shard: dense, and the shard is known from the id. Labels
 * are pair numbers of the index, so a stream costs four bytes a label and shares all text.
 *
 * A shard's lock guards its table, its streams and, in every head, the rows of its streams. Ids are
 * used again after an eviction; a stream with rows in a head is never evicted, so within one
 * segment of the log an id means one stream (wal.h relies on it). */
#ifndef TELLTALE_STORE_EMBEDDED_STREAMS_H
#define TELLTALE_STORE_EMBEDDED_STREAMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/lock.h"
#include "model/labels.h"
#include "store/embedded/index.h"

struct head_series;

enum { STREAM_SHARDS = 32, STREAM_LABELS_MAX = 1024, STREAM_TEXT_MAX = 64 << 10 };

struct stream {
    uint64_t hash;            /* labels_hash */
    struct head_series *rows; /* newest head first; guarded by the shard's lock */
    atomic_uint segment;      /* of the log that has its definition; 0: none */
    uint32_t id;
    uint32_t last_append_s; /* Unix seconds; guarded by the shard's lock */
    uint32_t n;
    uint32_t pairs[]; /* in the order of label names */
};

struct stream_slot {
    uint32_t tag;   /* high half of the hash */
    uint32_t local; /* number + 1; 0: free */
};

struct stream_shard {
    struct lock lock;
    struct stream_slot *slots;
    struct stream **streams;                          /* by local number; NULL: free */
    uint32_t *free;                                   /* local numbers to use again */
    uint32_t n_slots, n, used, cap, n_free, cap_free; /* n: local numbers handed out ever */
};

struct streams {
    struct index index;
    struct stream_shard shards[STREAM_SHARDS];
    atomic_uint count;
    atomic_uint max;
};

int streams_init(struct streams *s, size_t max);
void streams_done(struct streams *s);

static inline struct stream_shard *streams_shard(struct streams *s, uint64_t hash_or_id)
{
    return &s->shards[hash_or_id % STREAM_SHARDS];
}

/* The stream with these labels, or NULL. The shard's lock must be held. */
struct stream *streams_get(struct streams *s, const struct labels *labels, uint64_t hash);

/* The same, made when missing. ERR_INVALID: labels are not canonical (message says how);
 * ERR_TOO_BIG: over the limit of streams; ERR_NOMEM. The shard's lock must be held. */
int streams_intern(struct streams *s, const struct labels *labels, uint64_t hash,
                   struct stream **out, struct err *err);

/* By id, or NULL. The shard's lock must be held. */
struct stream *streams_by_id(struct streams *s, uint32_t id);

/* Removes the streams of one shard that have no rows in a head and were last appended to before
 * `before_s`. The evict lock and the gate must be held for writing. Returns their number. */
size_t streams_evict(struct streams *s, size_t shard, uint32_t before_s);

/* Number of streams and roughly their memory. */
void streams_measure(struct streams *s, uint64_t *out_count, uint64_t *out_bytes);

#endif
