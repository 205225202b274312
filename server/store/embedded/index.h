/* The inverted index of the streams in memory: label name -> value -> ids of streams.
 *
 * A label pair (name and value) is kept once, however many streams have it, and is known by a dense
 * number; a stream is then an array of pair numbers (streams.h). A pair holds the posting of the
 * streams that have it, which is also its reference count: the last stream takes the pair along.
 *
 *   names ─► index_name { text, streams: ids, pairs: [pair, …] }
 *   slots ─► pair       { name, value, posting: one id, or ids }
 *
 * The series of a request mostly say what the one before said: the same names, and of most names
 * the same value. So what was found last is tried before anything is hashed.
 *
 * The numbers of new streams rise (stream_directory.h), and most of a stream's pairs are those of
 * the one before. So what several have in common is a run that is left open: its pair is not looked
 * at while it lasts, and it goes into the posting as a whole when it ends, or when somebody asks
 * (index_postings.c). The set of a name's streams is made when it is asked for, and kept up from
 * then on: few names ever are.
 *
 * Pairs sit in chunks that never move, so who holds a stream still (its shard's lock, or the evict
 * lock) may read its pairs' text without the index's lock.
 *
 * Threads: any; changes are ordered by the index's own lock. Removal happens only under the evict
 * lock held for writing, so a reader with the evict lock sees arrays that at most grow. */
#ifndef TELLTALE_STORE_EMBEDDED_INDEX_H
#define TELLTALE_STORE_EMBEDDED_INDEX_H

#include <stdint.h>

#include "base/lock.h"
#include "base/map.h"
#include "model/labels.h"
#include "store/embedded/match.h"
#include "store/embedded/stream_ids.h"
#include "store/embedded/value_order.h"

enum { PAIR_CHUNK_BITS = 12, PAIR_CHUNK = 1 << PAIR_CHUNK_BITS, PAIR_CHUNKS_MAX = (1 << 15) - 1 };
enum { RECENT_NAMES = 64 };

struct index_name {
    struct str text;            /* owned */
    struct stream_ids *streams; /* that have this label, whatever the value; if `with_streams` */
    uint32_t n_streams;         /* their number */
    bool with_streams;
    uint32_t *pairs; /* its values, in no order, but those of `order` come first */
    uint32_t n, cap;
    uint32_t recent; /* the pair that was asked for last */
    uint64_t value_bytes;
    struct value_order order;
};

struct pair {
    struct index_name *name; /* NULL: free */
    char *value;             /* owned */
    uint16_t value_n;
    uint8_t posted; /* what `posting` is: 0 nothing, 1 `one`, POSTED_MANY `many` */
    uint32_t hash;  /* low bits of the pair's hash, so growing the table reads no text */
    uint32_t place; /* in name->pairs */
    uint32_t count; /* streams in `posting` */
    union {
        uint32_t one;
        struct stream_ids *many;
        uint32_t next_free; /* name == NULL */
    } posting;
};

enum { POSTED_MANY = 2, OPEN_RUNS = 1024 };

/* The youngest streams: [first[i], end) have the pair pairs[i] and are not in its posting yet. */
struct open_runs {
    uint32_t n, end;
    uint32_t all; /* [all, end) are not in that of all streams */
    uint32_t first[OPEN_RUNS], pairs[OPEN_RUNS];
};

struct index {
    struct rwlock lock;
    struct map names;                /* text -> struct index_name */
    struct pair **chunks;            /* PAIR_CHUNKS_MAX pointers, NULL behind the last */
    uint32_t *slots;                 /* hash table of pair number + 1 and a tag; 0 is free */
    uint32_t n_slots, n_pairs, used; /* slots: power of two; numbers handed out ever; pairs now */
    uint32_t first_free;             /* number + 1; 0: none */
    struct stream_ids *streams;      /* all */
    uint64_t seed;                   /* of the hashes of values */
    uint64_t text_bytes;             /* memory of names, values and tables, roughly */
    struct open_runs open;
    struct index_name *recent[RECENT_NAMES]; /* by a few letters of theirs; NULL: none yet */
};

int index_init(struct index *x);
void index_done(struct index *x);

/* A stream that shares labels with one that is to be added: bit i of `same` says that its i-th
 * label is the other's i-th; of the first 64. */
struct index_like {
    const uint32_t *pairs;
    uint64_t same;
};

/* Adds stream `id` with its labels, at most OPEN_RUNS, and writes one pair number a label into
 * `out_pairs`. The lock must be held for writing. ERR_NOMEM: nothing is changed. ERR_TOO_BIG: more
 * pairs than the index can number. */
int index_add(struct index *x, const struct labels *labels, uint32_t id, struct index_like like,
              uint32_t *out_pairs);

/* Removes it, after index_settle and before any index_add. The evict lock must be held for writing.
 * ERR_NOMEM: nothing is changed. */
int index_remove(struct index *x, uint32_t id, const uint32_t *pairs, size_t n);

static inline struct pair *index_pair_at(struct index *x, uint32_t number)
{
    return &x->chunks[number >> PAIR_CHUNK_BITS][number & (PAIR_CHUNK - 1)];
}

static inline const struct pair *index_pair(const struct index *x, uint32_t number)
{
    return &x->chunks[number >> PAIR_CHUNK_BITS][number & (PAIR_CHUNK - 1)];
}

static inline struct label pair_label(const struct pair *p)
{
    return (struct label){p->name->text, {p->value, p->value_n}};
}

/* What is known of a name, or of a pair; NULL: nothing. The lock must be held. */
const struct index_name *index_find_name(const struct index *x, struct str name);
const struct pair *index_find_pair(const struct index *x, struct label label);

/* Brings postings and counts up to date with every stream that was added before the call.
 * ERR_NOMEM.
 */
int index_settle(struct index *x);

/* The same under the lock, held for writing; and with the set of a name's streams. */
int index_settle_locked(struct index *x);
int index_name_settle_locked(struct index *x, struct index_name *name);

/* Whether index_settle has anything to do. The lock must be held. */
static inline bool index_is_settled(const struct index *x)
{
    return x->open.all == x->open.end;
}

/* Counts stream `id` in, whose pairs these are, in as many runs as there may be. ERR_NOMEM: none is
 * changed. The lock must be held for writing. */
int index_post(struct index *x, uint32_t id, const uint32_t *pairs, uint32_t n);

/* Whether a stream has the pair that is not in its posting yet. */
bool index_is_open(const struct index *x, uint32_t pair);

/* Puts what the pair's posting and its name's have been given lately in order (stream_ids_fold).
 * ERR_NOMEM. */
int pair_fold(struct pair *p);

/* Takes a stream out of a pair's posting, where it must be, after pair_fold. */
void pair_unpost(struct pair *p, uint32_t id);

/* Adds the pair's posting to a bitmap; whether it has one of a bitmap's streams. The lock must be
 * held. */
void pair_or(const struct pair *p, struct roaring_bitmap_s *out);
bool pair_meets(const struct pair *p, const struct roaring_bitmap_s *within);

/* At most `max` streams that have the pair. The lock must be held. */
size_t pair_streams(const struct pair *p, uint32_t *out, size_t max);

/* The index as a source for match_streams. The evict lock must be held for reading. */
struct posting_source index_postings(struct index *x);

/* Calls `each` for all names (value empty), or for all values of `name` (with the number of streams
 * that have it); a non-zero answer ends it and is returned. Under the index's lock: `each` must be
 * quick. `within`: only what streams of this set have, NULL for all. */
typedef int index_visit(void *arg, struct str text, uint64_t streams);
int index_each_name(struct index *x, const struct roaring_bitmap_s *within, index_visit *each,
                    void *arg);
int index_each_value(struct index *x, struct str name, const struct roaring_bitmap_s *within,
                     index_visit *each, void *arg);

#endif
