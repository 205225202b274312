/* The registry of streams that are active: those with rows in a head, or seen lately.
 *
 *   labels hash ─► shard (its low bits) ─► slots: open addressing, a part of the hash ─┐
 *   id ─────────► shard (its low bits) ─► directory[local] ──────────────────────────┤
 *   labels as sent ─► recall: open addressing, a part of a hash of them ─────────────┤
 *                                                    struct stream { pairs… , rows } ◄┘
 *
 * A stream's id is local * STREAM_SHARDS + shard: nearly dense, and the shard is known from the id.
 * Labels are pair numbers of the index, so a stream costs four bytes a label and shares all text.
 *
 * Ids should rise, for the postings are made in their order. Shards do not fill at the same pace,
 * so when the first has used up a block of local numbers the others leave out what they have left
 * of it: a sixth of the numbers.
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
#include "store/embedded/stream_memory.h"

struct head_series;

enum { STREAM_TEXT_MAX = 64 << 10 };

struct stream {
    uint64_t hash;            /* labels_hash */
    struct head_series *rows; /* newest head first; guarded by the shard's lock */
    atomic_uint segment;      /* of the log that has its definition; 0: none */
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

/* References by local number, 0: free. Chunk c has 64 << c entries and never moves, so who knows
 * that a stream is there finds it without the shard's lock. */
enum { DIRECTORY_FIRST = 64, DIRECTORY_CHUNKS = 24 };

struct stream_directory {
    uint32_t *chunks[DIRECTORY_CHUNKS];
    uint32_t cap;
};

struct stream_shard {
    struct lock lock;
    struct stream_slot *slots;
    atomic_uintptr_t
        place; /* of the slots, and the logarithm of their number: for streams_ask_for */
    struct stream_directory directory;
    uint32_t *free;                    /* local numbers to use again; room for directory.cap */
    uint32_t n_slots, n, used, n_free; /* n: local numbers handed out ever */
};

/* Streams by the hash of their labels as sent: open addressing. */
struct stream_recall {
    struct rwlock lock;
    struct stream_slot *slots; /* NULL: none yet */
    uint32_t n_slots, used;
};

struct streams {
    struct index index;
    struct stream_shard shards[STREAM_SHARDS];
    struct stream_memory memory;
    struct stream_recall recall;
    atomic_uint block;     /* the first local number of the youngest block of any shard */
    atomic_uint evictions; /* so far: what was recalled before the last one may be gone */
    atomic_uint count;
    atomic_uint max; /* looked at by guard.c */
};

int streams_init(struct streams *s, size_t max);
void streams_done(struct streams *s);

static inline struct stream_shard *streams_shard(struct streams *s, uint64_t hash_or_id)
{
    return &s->shards[hash_or_id % STREAM_SHARDS];
}

/* Asks for the memory that streams_get will look at first. No lock. */
void streams_ask_for(struct streams *s, uint64_t hash);

/* The stream with these labels, or NULL. The shard's lock must be held. */
struct stream *streams_get(struct streams *s, const struct labels *labels, uint64_t hash);

/* The same, made when missing, whatever limits there are (guard.h). ERR_INVALID: labels are not
 * canonical (message says how); ERR_TOO_BIG: more pairs than the index can number; ERR_NOMEM. The
 * shard's lock must be held. */
int streams_intern(struct streams *s, const struct labels *labels, uint64_t hash,
                   struct stream **out, struct err *err);

/* ERR_INVALID when labels are such that no stream can have them. */
int streams_check(const struct labels *labels, struct err *err);

/* Makes the stream that streams_get did not find, under the same hold of the lock, of labels that
 * passed streams_check. ERR_NOMEM, ERR_TOO_BIG as above. */
int streams_add(struct streams *s, const struct labels *labels, uint64_t hash, struct stream **out,
                struct err *err);

/* By id, or NULL. The shard's lock must be held. */
struct stream *streams_by_id(struct streams *s, uint32_t id);

/* The directory's entry for a number below its cap. */
static inline uint32_t *directory_entry(const struct stream_directory *d, uint32_t local)
{
    uint32_t above = local / DIRECTORY_FIRST + 1;
    unsigned chunk = 31 - (unsigned)__builtin_clz(above);
    return &d->chunks[chunk][local - DIRECTORY_FIRST * ((1u << chunk) - 1)];
}

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
