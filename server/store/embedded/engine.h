/* struct store: the embedded engine put together, and what its parts owe each other.
 *
 *   append.c ──► streams ──► wal ──► heads            one batch, on the caller's thread
 *   flush.c      heads ──► parts, then the log is cut
 *   merge.c      parts ──► fewer parts; retention.c removes days
 *   select.c     heads + parts ──► selection; read.c decodes
 *   background.c when the above happens by itself
 *
 * Invariants
 * 1. A row is visible in at least one of live head, frozen head, part from the moment it is
 *    acknowledged: a part is published before the frozen head it came from is dropped, and readers
 *    look at heads before parts.
 * 2. Of two rows of a stream with equal time the later one has the higher rank: parts by rising
 *    sequence number, then frozen heads by sequence number, then live heads.
 * 3. Segments of the log are removed when no frozen head is left: rows of live ones are in the
 *    segment that the last cut began, or there was no cut yet and none is removed.
 *
 * Locks, in the order they are taken: table (one flush, merge or retention at a time), evict
 * (selections for reading, eviction for writing), gate (appends for reading, the cut for writing),
 * a stream shard's, the index's, the log's, heads, parts. */
#ifndef TELLTALE_STORE_EMBEDDED_ENGINE_H
#define TELLTALE_STORE_EMBEDDED_ENGINE_H

#include "base/atomic.h"
#include "base/fs.h"
#include "base/thread.h"
#include "store/embedded/chunk_cache.h"
#include "store/embedded/exemplars.h"
#include "store/embedded/guard.h"
#include "store/embedded/head.h"
#include "store/embedded/metadata.h"
#include "store/embedded/part.h"
#include "store/embedded/records/record_store.h"
#include "store/embedded/replay_rest.h"
#include "store/embedded/streams.h"
#include "store/embedded/tombstones.h"
#include "store/embedded/wal.h"
#include "store/embedded/wal_aside.h"
#include "store/store.h"

/* Live heads beyond this: appends are refused until a flush. A client that sprays times over
 * thousands of days gets small parts, not all memory. */
enum { LIVE_HEADS_MAX = 64 };

/* Times that can be stored: years 1 to 9999, what RFC 3339 can say. */
#define TIME_MIN_MS INT64_C(-62135596800000)
#define TIME_MAX_MS INT64_C(253402300799999)

struct append_scratch; /* append.c: buffers of one append, used again */

struct partition {
    int64_t day;
    struct part **parts; /* by rising sequence; each holds a reference */
    size_t n, cap;
};

/* The days rolled up to one resolution. */
struct aggregate_list {
    int64_t resolution_ms;
    char *dir;           /* owned */
    struct part **parts; /* one a day, by rising day; each holds a reference */
    size_t n, cap;
};

struct damaged_days {
    int64_t *v;
    size_t n;
};

struct aggregate_options {
    bool enabled;
    int64_t after_ms, retention_ms, resolutions_ms[STORE_RESOLUTIONS_MAX];
    size_t n;
};

/* What records/records_background.c keeps. */
struct records_background {
    struct thread flush, merge;
    struct lock lock;
    struct cond wake;
    bool stop, flush_wanted, merge_wanted; /* guarded by lock */
};

struct store {
    const struct fs *fs;
    char *dir, *table_dir, *wal_dir, *metadata_path, *exemplars_path; /* owned */
    struct fs_file lock_file;
    enum store_durability durability;
    int64_t (*now_unix_ms)(void);
    atomic_llong retention_ms, max_future_ms, flush_after_ms;
    atomic_size_t head_max_bytes;
    atomic_ullong max_bytes; /* 0: no limit */

    struct lock keep_lock;
    struct keep_rules *keep_rules; /* keep.h; guarded by keep_lock, with the two below */
    uint64_t keep_generation;
    int64_t keep_table_ms;

    struct streams streams;
    struct guard guard;
    struct wal wal;
    struct exemplars exemplars;
    struct metadata metadata;
    struct tombstones tombstones;
    struct lock table;
    struct rwlock evict, gate;

    struct lock heads_lock;
    struct head **live, **frozen; /* by day; by rising sequence; guarded by heads_lock */
    size_t n_live, cap_live, n_frozen, cap_frozen;
    atomic_ullong head_bytes;
    uint64_t seq;             /* of the last freeze; guarded by table */
    int64_t last_cut_mono_ns; /* when that was, or the store was opened; guarded by table */

    struct lock parts_lock;
    struct partition **partitions; /* by day; guarded by parts_lock */
    size_t n_partitions, cap_partitions;

    struct lock aggregate;                                   /* one round of rolling up at a time */
    struct aggregate_options aggregate_options;              /* guarded by parts_lock */
    struct aggregate_list aggregates[STORE_RESOLUTIONS_MAX]; /* by resolution; parts_lock */
    size_t n_aggregates;
    struct damaged_days damaged_days;   /* with a part that is set aside; guarded by parts_lock */
    struct damaged_days damaged_rolled; /* the same of days rolled up */
    struct wal_losses losses;           /* of the log; guarded by parts_lock */
    struct chunk_cache chunks;          /* of the parts' indexes */

    struct lock state_lock;
    char flush_error[256]; /* of the last flush; empty: it went well. Guarded by state_lock */

    struct lock scratch_lock;
    struct append_scratch *scratch;

    struct record_store *records[RECORD_TABLES]; /* spans, logs */

    atomic_bool replayed, cancelled;
    struct replay_rest rest;
    atomic_llong last_flush_mono_ns;
    atomic_bool any_damaged;
    atomic_ullong damaged_blocks, damaged_parts;
    atomic_ullong wal_damaged_segments, wal_damaged_bytes; /* met by the replay */
    atomic_ullong rejected[REJECT_REASONS];

    bool background;
    struct thread thread; /* background.c */
    struct lock wake_lock;
    struct cond wake;
    bool stop, flush_wanted, look_wanted; /* guarded by wake_lock */
    struct records_background records_background;
};

/* How far in the future rows of a table with this retention may be: what is kept for ever may be of
 * any time. */
static inline int64_t store_max_future_ms(const struct store_options *o, int64_t retention_ms)
{
    if (retention_ms == STORE_RETENTION_FOREVER)
        return INT64_MAX / 2;
    return o->max_future_ms ? o->max_future_ms : MS_PER_DAY;
}

/* The live head of a day, made when missing. The gate must be held; the head lives as long. */
int heads_get(struct store *s, int64_t day, struct head **out, struct err *err);

/* The same of the rest of the log (replay_rest.h), without the gate: nobody cuts or evicts until
 * all of it is there. */
int heads_get_rest(struct store *s, int64_t day, struct head **out, struct err *err);
int heads_push(struct head ***v, size_t *n, size_t *cap, struct head *h);
size_t heads_live_count(struct store *s);

/* Frees everything without writing anything: what a crash leaves is on disk. For store_close's end
 * and for tests of crashes. */
void store_abandon(struct store *s);

/* Frees the buffers that appends keep. */
void append_done(struct store *s);

/* Puts rows of the log back: the newest, and says what is left (replay_rest.h); those that stand
 * before a place in it. See store_replay. */
int replay_log(struct store *s, char **out_note, struct err *err);
int replay_log_before(struct store *s, const struct wal_place *upto, uint64_t *out_rows,
                      struct err *err);

/* Metrics alone; store_flush does all tables. */
int flush_metrics(struct store *s, struct err *err);

/* For work of the background thread that takes long: flushes if it is due. ERR_CANCELLED when the
 * store is being closed. */
int background_look(struct store *s, struct err *err);

/* Asks the background thread for a flush of metrics; to look what there is to do. */
void background_want_flush(struct store *s);
void background_want_look(struct store *s);
int background_start(struct store *s, struct err *err);
void background_stop(struct store *s);

/* partitions.c: finds the days and their parts; forgets them. */
int partitions_open(struct store *s, struct err *err);
void partitions_close(struct store *s);

/* flush.c: flush_metrics with the table lock held. */
int flush_locked(struct store *s, struct err *err);

/* What there is to say of the last flush of metrics, or of what it waits for; "": all went well. */
void flush_note_outcome(struct store *s, const char *error);

/* The last flush of metrics did: the next one is due at once. */
bool flush_has_failed(struct store *s);

/* flush.c: groups without rows in a head that were not appended to since. */
void evict_idle_groups(struct store *s, uint32_t before_s);

/* delete.c: removes tombstones that no part needs any more. The table lock must be held. */
int tombstones_trim(struct store *s, struct err *err);

/* snapshot.c: removes what a crash left of unfinished snapshots. */
void snapshots_clean(struct store *s);

int64_t store_now_ms(const struct store *s);

/* Oldest time that may be read or written now, of any stream. */
int64_t retention_min_ms(const struct store *s);

#endif
