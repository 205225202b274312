/* The registry of streams that are active: those with rows in a head, or seen lately.
 *
 *   labels hash ─► shard (its low bits) ─► slots: open addressing, a part of the hash ─┐
 *   id ─────────► directory[id] ──────────────────────────────────────────────────────┤
 *   labels as sent ─► recall: open addressing, a part of a hash of them ─────────────┤
 *                                                    struct stream { pairs… , rows } ◄┘
 *
 * A stream's id rises with its age (stream_directory.h). Labels are pair numbers of the index, so a
 * stream costs four bytes a label and shares all text.
 *
 * Who sends a series sends its labels in the same bytes again and again. A stream remembers the
 * hash of those it was sent with last, and streams_recall finds it by them: nothing is parsed,
 * sorted or compared. The hash has 128 bits and is seeded, so equal hashes are equal bytes; who
 * could make two collide could as well name the other series outright.
 *
 * A shard's lock guards its table, its streams and, in every head, the rows of its streams. Ids are
 * used again after an eviction; a stream with rows in a head is never evicted, so within one
 * segment of the log an id means one stream (wal.h relies on it). */
#ifndef TELLTALE_STORE_EMBEDDED_STREAMS_H
#define TELLTALE_STORE_EMBEDDED_STREAMS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/hash.h"
#include "base/lock.h"
#include "model/labels.h"
#include "store/embedded/index.h"
#include "store/embedded/stream_directory.h"
#include "store/embedded/stream_memory.h"

struct head_series;
struct head_group;

enum { STREAM_TEXT_MAX = 64 << 10 };

/* What a group of streams has in place of a hash. */
struct stream_group_place {
    uint32_t reference; /* its own (stream_memory.h) */
    uint32_t members;
};

struct stream {
    union {
        uint64_t hash;                      /* labels_hash */
        struct stream_group_place of_group; /* stream_groups.h */
    };
    union {
        struct head_series *rows; /* newest head first; guarded by the shard's lock */
        struct head_group *points;
    };
    atomic_uint segment; /* of the log that has its definition; 0: none */
    uint32_t id;
    uint32_t last_append_s; /* Unix seconds; guarded by the shard's lock */
    uint32_t n;
    struct hash128 sent; /* guarded by the recall's lock; {0}: none */
    uint32_t pairs[];    /* in the order of label names */
};

struct stream_slot {
    uint32_t tag;    /* high half of the hash */
    uint32_t stream; /* a reference (stream_memory.h); 0: free */
};

struct stream_shard {
    struct lock lock;
    struct stream_slot *slots;
    atomic_uintptr_t
        place; /* of the slots, and the logarithm of their number: for streams_ask_for */
    uint32_t n_slots, used;
};

/* Streams by the hash of their labels as sent: open addressing. */
struct stream_recall {
    struct rwlock lock;
    struct stream_slot *slots; /* NULL: none yet */
    uint32_t n_slots, used;
};

/* The groups of a shard. */
struct stream_groups {
    uint32_t *v; /* references */
    uint32_t n, cap;
};

struct streams {
    struct index index;
    struct stream_shard shards[STREAM_SHARDS];
    struct stream_memory memory;
    struct stream_directory directory;
    struct stream_recall recall;
    struct stream_groups groups[STREAM_SHARDS]; /* guarded by the shard's lock */
    atomic_uint evictions; /* so far: what was recalled before the last one may be gone */
    atomic_uint count;
    atomic_uint max; /* looked at by guard.c */
};

int streams_init(struct streams *s, size_t max);
void streams_done(struct streams *s);

/* The number of the shard of the streams with this hash of their labels. */
static inline uint32_t stream_shard_of(uint64_t hash)
{
    return (uint32_t)(hash % STREAM_SHARDS);
}

static inline struct stream_shard *streams_shard(struct streams *s, uint64_t hash)
{
    return &s->shards[stream_shard_of(hash)];
}

/* Asks for the memory that streams_get will look at first. No lock. */
void streams_ask_for(struct streams *s, uint64_t hash);

/* The stream with these labels, or NULL. The shard's lock must be held. */
struct stream *streams_get(struct streams *s, const struct labels *labels, uint64_t hash);

/* A stream that a new one is like: bit i of `same` says that its i-th label is the other's i-th
 * (labels_same_text), and nothing is compared. */
struct stream_like {
    const struct stream *stream; /* NULL: none, and `same` is 0 */
    uint64_t same;
};

/* As streams_get, and made when missing, whatever limits there are (guard.h). ERR_INVALID: labels
 * are not canonical (message says how); ERR_TOO_BIG: more pairs than the index can number;
 * ERR_NOMEM. The shard's lock must be held. */
int streams_intern(struct streams *s, const struct labels *labels, uint64_t hash,
                   struct stream_like like, struct stream **out, struct err *err);

/* ERR_INVALID when labels are such that no stream can have them; `same`: of a stream_like. */
int streams_check(const struct labels *labels, uint64_t same, struct err *err);

/* Makes the stream that streams_get did not find, under the same hold of the lock, of labels that
 * passed streams_check. The one it is `like` stays during the call. ERR_NOMEM, ERR_TOO_BIG as
 * above. */
int streams_add(struct streams *s, const struct labels *labels, uint64_t hash,
                struct stream_like like, struct stream **out, struct err *err);

/* By id, or NULL. Who calls knows that it is there, or that none is removed meanwhile. */
struct stream *streams_by_id(const struct streams *s, uint32_t id);

/* The same with the lock of its shard, which is taken unless the answer is NULL. */
struct stream *streams_hold(struct streams *s, uint32_t id);

/* The streams that were sent with labels of these hashes, NULL where there is none. The answer
 * holds while s->evictions, read before, stays the same, which it does under the gate. */
void streams_recall(struct streams *s, const struct hash128 *sent, size_t n, const void **out);

struct stream_sent {
    struct stream *stream;
    struct hash128 sent; /* not {0} */
};

/* Lets streams_recall find the streams by what they were sent with from now on, instead of what it
 * was before. The gate must be held. */
void streams_remember(struct streams *s, const struct stream_sent *v, size_t n);

/* Lets nobody find it any more. */
void streams_forget(struct streams *s, struct stream *st);

/* Labels of a stream: as many as st->n, borrowed from the index, valid while the stream is held. */
void streams_labels(const struct streams *s, const struct stream *st, struct label *out);

/* Removes the streams of one shard that have no rows in a head and were last appended to before
 * `before_s`. The evict lock and the gate must be held for writing. Returns their number. */
size_t streams_evict(struct streams *s, size_t shard, uint32_t before_s);

/* The same for the streams of one shard in `ids`, however young. */
size_t streams_evict_set(struct streams *s, size_t shard, const struct roaring_bitmap_s *ids);

#endif
