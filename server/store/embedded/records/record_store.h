/* A record table (spans or logs): log, heads, parts, and what moves rows between them.
 *
 *   record_append.c  batch ──► chunk ──► wal ──► head of its day, on the caller's thread
 *   record_replay.c  log ──► heads, at the start
 *   record_flush.c   heads ──► parts, then the log is cut
 *   record_merge.c   parts ──► fewer parts, without rows that nobody is to see
 *   record_retention.c  what is too old goes, and what is deleted
 *   record_scan.c    heads + parts ──► blocks of columns
 *   record_names.c   heads + parts ──► which sources and attributes there are
 *
 * Invariants
 * 1. A row is in exactly one of live head, frozen head, part at any moment: a part is published and
 *    its head forgotten under one lock, under which readers take their snapshot. (Rows of a metric
 *    may be seen twice, equal times fall together; records have no key, so they must not.)
 * 2. A part has all rows of its day from log segments below its `cut`, and no others that are in
 *    the log. So a replay knows which rows of the log are in parts already.
 * 3. Chunks and parts never change; who reads them holds a reference.
 *
 * Locks, in the order they are taken: merge (one merge, deletion or retention at a time), table
 * (one flush at a time, and no retention in it), gate (appends for reading, the cut for writing),
 * the log's, lists. A flush waits for no merge: rows come in faster than a large merge ends. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_STORE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_STORE_H

#include "base/lock.h"
#include "store/embedded/day_dir.h"
#include "store/embedded/records/record_part.h"
#include "store/embedded/wal.h"
#include "store/embedded/wal_aside.h"
#include "store/store.h"

#define DAY_NS INT64_C(86400000000000)

struct store_retention_rules;
struct append_buffers; /* record_append.c */
struct record_rules;   /* record_keep.c */

/* Rows of one day that are not in a part yet. */
struct record_head {
    int64_t day;
    uint64_t seq; /* once frozen */
    uint32_t cut; /* first log segment that came after it; once frozen */
    struct chunk **chunks;
    size_t n, cap;
};

struct record_limits {
    int64_t retention_ms;                      /* INT64_MAX: for ever */
    const struct store_retention_rules *rules; /* NULL: none */
    int64_t max_future_ms;
    int64_t flush_after_ms;
    size_t head_max_bytes;
};

struct record_store {
    const struct fs *fs;
    char *dir, *wal_dir; /* owned */
    enum record_table table;
    bool durable;
    int64_t (*now_unix_ms)(void); /* NULL: the real clock */
    void (*want_flush)(void *arg);
    void *want_flush_arg;
    atomic_llong max_future_ms, flush_after_ms;
    atomic_size_t head_max_bytes;

    struct wal wal;
    struct lock merge_lock, table_lock;
    struct rwlock gate;
    struct lock lists; /* all below until `seq` */
    struct record_head *live, *frozen;
    size_t n_live, cap_live, n_frozen, cap_frozen;
    struct record_part **parts; /* by day, then sequence; each holds a reference */
    size_t n_parts, cap_parts;
    struct append_buffers *buffers;
    int64_t retention_ms;       /* without a rule */
    struct record_rules *rules; /* NULL: none */
    uint64_t rules_generation;

    char flush_error[256]; /* of the last flush; empty: it went well. Guarded by lists */

    int64_t *damaged_days; /* of which a part was set aside */
    size_t n_damaged_days;
    struct wal_losses losses; /* filled by the replay */

    atomic_ullong seq; /* of the last freeze; changed with table_lock held */
    atomic_ullong head_bytes, head_rows, damaged_groups, damaged_parts;
    atomic_ullong wal_damaged_segments, wal_damaged_bytes; /* met by the replay */
    atomic_ullong rejected[REJECT_REASONS];
    atomic_llong last_flush_mono_ns;
    atomic_bool replayed;
    const atomic_bool *cancelled; /* ends a replay early; NULL: never */
    atomic_bool stopping;         /* ends a merge early */
};

/* Opens or creates `dir`/<table>; reads the parts, not the log. */
int record_store_open(const struct fs *fs, const char *dir, enum record_table table, bool durable,
                      const struct record_limits *limits, struct record_store **out,
                      struct err *err);

/* Frees everything without writing anything. NULL is fine. */
void record_store_abandon(struct record_store *s);

/* ERR_NOMEM, or ERR_INVALID from record_keep_set: the old ones are in force. */
int record_store_set_limits(struct record_store *s, const struct record_limits *limits,
                            struct err *err);

/* Puts the log's rows back into heads; *out_rows how many. */
int record_store_replay(struct record_store *s, uint64_t *out_rows, struct err *err);

/* The table's part in store_append_records. Threads: any. */
int record_store_append(struct record_store *s, const struct record_batch *b,
                        struct sink_result *out, struct err *err);
void append_buffers_free(struct record_store *s); /* at the end: nobody appends any more */

int record_store_flush(struct record_store *s, struct err *err);
int record_store_flush_locked(struct record_store *s, struct err *err); /* table lock held */
bool record_store_is_flush_due(struct record_store *s);

/* Whether the last flush did; then why, in `out` of `n` bytes (0: not asked). */
bool record_store_flush_failed(struct record_store *s, char *out, size_t n);

/* Retention, then merges that are due (`all`: each day into one part). ERR_CANCELLED: the table is
 * being closed (`stopping`). */
int record_store_maintain(struct record_store *s, bool all, struct err *err);

/* Of parts and log. */
uint64_t record_store_bytes(struct record_store *s);

/* The first and the last day that has parts; false when none has. */
bool record_store_days(struct record_store *s, int64_t *out_first, int64_t *out_last);

/* Forgets and removes a day's parts. */
int record_store_drop_day(struct record_store *s, int64_t day, struct err *err);

/* The table's part in store_scan, store_list_sources, store_list_attributes and
 * store_delete_records, where the contracts stand. Threads: any. */
int record_store_scan(struct record_store *s, const struct record_scan *scan,
                      struct record_scan_stats *stats, struct err *err);
int record_store_sources(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns,
                         int (*each)(void *arg, const struct record_source *source), void *arg,
                         struct err *err);
int record_store_attributes(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns,
                            int (*each)(void *arg, struct str name), void *arg, struct err *err);
int record_store_delete(struct record_store *s, const struct predicate *where, int64_t min_unix_ns,
                        int64_t max_unix_ns, uint64_t *out_rows, struct err *err);

/* Numbers for /metrics and the API; what is in the log is the caller's. */
void record_store_stats(struct record_store *s, struct store_record_stats *out);

/* --- damage ----------------------------------------------------------------------------------- */

/* Counts a group that cannot be read; logs it once a part. */
void record_damage_note_group(struct record_store *s, struct record_part *p, uint64_t offset);

/* Renames a part so that no later start reads it, and remembers its day. False: it could not be. */
bool record_damage_set_aside(struct record_store *s, const char *path, int64_t day);

/* The days of which a part was set aside, now or before. */
void record_damage_note_day(struct record_store *s, int64_t day);
void record_damage_forget_day(struct record_store *s, int64_t day);
size_t record_damage_days(struct record_store *s, int64_t min_unix_ns, int64_t max_unix_ns);
bool record_damage_oldest_day(struct record_store *s, int64_t *out); /* false: there is none */

/* --- between the files ------------------------------------------------------------------------ */

int64_t record_store_now_ms(const struct record_store *s);

/* Oldest time that may be written or read now, of any source. */
int64_t record_store_oldest_ns(struct record_store *s);

static inline int64_t day_of_ns(int64_t t_unix_ns)
{
    return t_unix_ns / DAY_NS - (t_unix_ns % DAY_NS < 0);
}

/* Adds the chunk to the live head of the day; takes the reference on success. ERR_NOMEM. */
int heads_add(struct record_store *s, int64_t day, struct chunk *c);

/* Lists a part (takes the reference); with `head`, an index of `frozen`, forgets that head. */
int parts_add(struct record_store *s, struct record_part *p, struct record_head *head);

/* `merged` takes the place of `n` parts of its day, whose files are removed unless it has their
 * name. */
void parts_replace(struct record_store *s, struct record_part *const *old, size_t n,
                   struct record_part *merged);

/* References to the parts of all days, or of one; heap. */
int parts_list(struct record_store *s, const int64_t *day, struct record_part ***out,
               size_t *out_n);
void parts_list_free(struct record_part **v, size_t n);

#endif
