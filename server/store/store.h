/* The store: append a batch; select streams by matchers; read their columns over a time range.
 *
 * This is the only public face of storage. The embedded engine implements it; another engine may
 * stand behind the same functions. Metrics times are Unix milliseconds. All functions may be called
 * by any threads at once, open and close excepted. */
#ifndef TELLTALE_STORE_STORE_H
#define TELLTALE_STORE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/labels.h"
#include "model/matcher.h"
#include "model/record.h"
#include "model/sample.h"
#include "model/sink.h"

struct arena;
struct budget;
struct batch;
struct buf;
struct fs;
struct store;

enum store_durability {
    STORE_DURABILITY_PROCESS, /* acknowledged data survives the death of the process */
    STORE_DURABILITY_DISK     /* … and of the machine: a shared fsync before the answer */
};

#define STORE_RETENTION_FOREVER INT64_MAX

enum { STORE_RESOLUTIONS_MAX = 8 };

/* Streams that satisfy all matchers are kept for `keep_ms` (or STORE_RETENTION_FOREVER), longer or
 * shorter than the rest; of several rules the first that matches counts. For spans and logs a
 * stream is what has one resource and scope, and matchers name its columns as in records.h. */
struct store_retention_rule {
    const struct matcher *matchers;
    size_t n_matchers;
    int64_t keep_ms;
};

/* Copied by the store. */
struct store_retention_rules {
    const struct store_retention_rule *v;
    size_t n;
};

/* Limits of active streams beside max_streams; 0: none. They bind those who make new streams: what
 * is there stays. */
struct store_cardinality {
    uint64_t per_metric; /* streams of one metric */
    uint64_t per_label;  /* values of one label */
    uint64_t per_tenant; /* streams that have one value of the label `tenant` */
    struct str tenant;   /* copied; at most STORE_TENANT_MAX bytes count */
    bool fold;           /* beyond a limit samples go to an overflow stream of their metric */
};

#define STORE_OVERFLOW_LABEL "otel.metric.overflow" /* ="true" */
enum { STORE_TENANT_MAX = 128 };

struct store_options {
    const char *dir;      /* created if missing; locked while open */
    const struct fs *fs;  /* NULL: the real file system */
    int64_t retention_ms; /* or STORE_RETENTION_FOREVER; 0: the default, 30 days */
    int64_t retention_records_ms[RECORD_TABLES]; /* of spans and logs, as above; 0: 7 and 90 days */
    struct store_retention_rules retention_rules, retention_records_rules[RECORD_TABLES];
    uint64_t max_bytes; /* of parts and logs of all tables; the oldest days go above; 0: no limit */
    int64_t max_future_ms; /* rows later than now + this are rejected; 0: the default, 1 day; does
                              not hold for a table that is kept for ever */
    enum store_durability durability;
    size_t head_max_bytes;  /* memory of rows not yet in parts; 0: the default, 256 MiB */
    int64_t flush_after_ms; /* head to parts at least this often; 0: the default, 10 minutes */
    size_t max_streams;     /* active streams; 0: the default, 10 million */
    struct store_cardinality cardinality;
    size_t max_exemplars;         /* kept in memory, newest; 0: the default, 100,000 */
    int64_t (*now_unix_ms)(void); /* NULL: the real clock; tests bring their own */
    /* Old metrics rolled up (store/aggregates.h); a zero: the default of the configuration. */
    struct {
        bool enabled;
        int64_t after_ms;     /* how long a day must be over */
        int64_t retention_ms; /* of the aggregates, or STORE_RETENTION_FOREVER */
        int64_t resolutions_ms[STORE_RESOLUTIONS_MAX]; /* whole seconds that divide a day */
        size_t n_resolutions;                          /* 0: 5 minutes and 1 hour */
    } aggregates;
    bool background; /* run flush, merge and retention on a thread of the store's own */
};

/* Opens or creates. Takes the directory's lock and reads the parts' headers; the write-ahead log is
 * read by store_replay. ERR_BUSY: another process has the directory (message names it);
 * ERR_CORRUPT: the format is from a later version; ERR_IO. Damaged parts are set aside, reported
 * and counted, not an error. */
int store_open(const struct store_options *options, struct store **out, struct err *err);

/* Replays the write-ahead log. Until it returned, appends and reads give ERR_BUSY. With
 * `background` only the last minutes' rows need be back then: who asks for older ones waits until
 * they are, and so do flushes, deletions and snapshots. `*out_note` (may be NULL): a sentence on
 * what was replayed and dropped, heap, caller frees. Called once, after open. ERR_CANCELLED: see
 * store_cancel_replay. */
int store_replay(struct store *s, char **out_note, struct err *err);

/* Whether all rows of the log are back, so that nobody waits for them. Threads: any. */
bool store_is_replayed(const struct store *s);

/* Makes a store_replay under way, or to come, return ERR_CANCELLED soon, and ends what it left to
 * the background: the log stays as it is, and who waits for older rows gets ERR_BUSY. Threads: any.
 */
void store_cancel_replay(struct store *s);

/* Moves everything to parts, syncs and closes; samples stay in the log as long as it is not
 * replayed (store_is_replayed). Even on an error `s` is gone. NULL is fine. */
int store_close(struct store *s, struct err *err);

/* New retention and limits from a reloaded configuration; dir, fs and durability stay. ERR_INVALID:
 * a rule of retention names no column of a source, ERR_NOMEM: some tables have the old ones. */
int store_reconfigure(struct store *s, const struct store_options *options, struct err *err);

/* See struct sink. Rows of one stream may come in any order and any day within the retention; of
 * two rows of a stream with the same time the one written last wins. */
int store_append(struct store *s, const struct batch *b, struct sink_result *out, struct err *err);

/* `store_append` as a sink. */
struct sink store_sink(struct store *s);

/* --- reading ---------------------------------------------------------------------------------- */

struct selection;

/* True when data of [min_ms, max_ms] is missing because a part was found damaged, before or by the
 * reads so far. Damaged blocks of readable parts: see struct columns. Threads: any. */
#define STORE_DAMAGED_WARNING                                                                      \
    "stored data is damaged and left out of the answer; the server's log names the file"
bool store_is_damaged(struct store *s, int64_t min_ms, int64_t max_ms);

/* The streams that satisfy all matchers and may have rows in [min_ms, max_ms] (both inclusive), in
 * the order of labels_cmp, each label set once. A snapshot: rows appended later may or may not be
 * seen, rows acknowledged before are. n_matchers == 0 selects all streams. `limit`: at most so many
 * streams (0: all). `memory`: outlives the selection, may be NULL; the error when it is spent is
 * budget_error's. ERR_TOO_BIG when a regex ran into its limit, ERR_NOMEM, ERR_BUSY. */
int store_select(struct store *s, const struct matcher *matchers, size_t n_matchers, int64_t min_ms,
                 int64_t max_ms, size_t limit, struct budget *memory, struct selection **out,
                 struct err *err);
void selection_free(struct selection *sel);
size_t selection_count(const struct selection *sel);

/* Labels of stream i; borrowed from the selection. */
const struct labels *selection_labels(const struct selection *sel, size_t i);

/* Rows of one stream as columns, by rising time, times unique. */
struct columns {
    int64_t *t_unix_ms;
    double *value;                      /* meaningless where the row is a histogram */
    const struct histogram **histogram; /* NULL when no row is a histogram; else NULL per float */
    int64_t *start_unix_ms;             /* NULL when no row has a start time */
    size_t n, cap;
    size_t damaged;      /* blocks that are missing because they are damaged */
    struct arena *arena; /* borrowed: histograms live there */
};

/* `arena` gets the histograms of the rows read; the columns themselves are on the heap. */
void columns_init(struct columns *c, struct arena *arena);
void columns_done(struct columns *c);

/* Replaces the content of `out` with the rows of stream i in [min_ms, max_ms] (inclusive); the
 * range lies within the selection's. Stale markers are rows like others. Damaged blocks are skipped
 * and counted, in `out` too. Threads: several may read different streams of one selection, each
 * with its own columns and arena. ERR_NOMEM, ERR_IO. */
int selection_read(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                   struct columns *out, struct err *err);

/* The first time from `from_ms` on at which stream i may have a row; false: it has none from there
 * on. Who reads window by window asks where the next one begins, so that times without data cost
 * nothing however far they reach. Threads: any. */
bool selection_next(const struct selection *sel, size_t i, int64_t from_ms, int64_t *out_ms);

/* Sorted, unique names of labels, or values of label `name`, of the streams that satisfy the
 * matchers (as in store_select). The strings live in `arena`; `*out` too. */
int store_label_names(struct store *s, const struct matcher *matchers, size_t n_matchers,
                      int64_t min_ms, int64_t max_ms, size_t limit, struct arena *arena,
                      struct str **out, size_t *out_n, struct err *err);
int store_label_values(struct store *s, struct str name, const struct matcher *matchers,
                       size_t n_matchers, int64_t min_ms, int64_t max_ms, size_t limit,
                       struct arena *arena, struct str **out, size_t *out_n, struct err *err);

/* Metadata of metric families by name; `family` empty: all, at most `limit` (0: all). In `arena`.
 * Metadata survives restarts. */
int store_metadata(struct store *s, struct str family, size_t limit, struct arena *arena,
                   struct metric_metadata **out, size_t *out_n, struct err *err);

/* Exemplars of the series that satisfy the matchers, by series, each by rising time. In `arena`. */
struct series_exemplars {
    struct labels labels;
    struct exemplar *exemplars;
    size_t n;
};
int store_exemplars(struct store *s, const struct matcher *matchers, size_t n_matchers,
                    int64_t min_ms, int64_t max_ms, struct arena *arena,
                    struct series_exemplars **out, size_t *out_n, struct err *err);

/* --- operating -------------------------------------------------------------------------------- */

/* Writes the head to parts and removes the log that they replace. Appends go on meanwhile. */
int store_flush(struct store *s, struct err *err);

/* One round of background work now: flush if due, merge, retention. For tests and forced merges
 * (`all`: until one part per partition is left). */
int store_maintain(struct store *s, bool all, struct err *err);

/* Deletes the rows that are there now of the streams that satisfy all matchers (n_matchers == 0:
 * all streams), with times in [min_ms, max_ms] (both inclusive); durably, and for every reader from
 * the return on. Rows that are appended afterwards are kept, also with times in the range.
 * Selections made before still see what was there; exemplars and metadata stay. The space comes
 * back with merges or store_clean_tombstones. After an error (ERR_INVALID: an empty range;
 * ERR_TOO_BIG: too many deletions wait for a clean-up, or a regex ran into its limit; ERR_BUSY,
 * ERR_IO, ERR_NOMEM) nothing is deleted, unless the disk failed: then the deletion may come true at
 * the next start. */
int store_delete(struct store *s, const struct matcher *matchers, size_t n_matchers, int64_t min_ms,
                 int64_t max_ms, struct err *err);

/* Rewrites all parts that have deleted rows, so that these are gone from the disk, and forgets the
 * deletions. Appends, reads and flushes go on meanwhile. */
int store_clean_tombstones(struct store *s, struct err *err);

enum { STORE_SNAPSHOT_NAME = 40 };

/* Makes `<parent>/<name>` (parent NULL: `snapshots` in the store's own directory), a directory that
 * holds everything acknowledged before the call and that store_open takes: links where the file
 * system allows, else copies. `skip_head`: only what is in parts already, without a flush.
 * Exemplars are not in it. Appends and reads go on meanwhile. After an error nothing is left of it.
 */
int store_snapshot(struct store *s, const char *parent, bool skip_head,
                   char out_name[STORE_SNAPSHOT_NAME], struct err *err);

/* One file of rows. */
struct store_part {
    struct str name; /* "2026-11-21/0000001a-0000001c": its day and the flushes it holds */
    int64_t min_ms, max_ms;
    uint64_t rows, streams, bytes;
    uint64_t flushes; /* how many are merged in it */
};

/* All parts by day and age. Everything lives in the arena. */
int store_parts(struct store *s, struct arena *arena, struct store_part **out, size_t *out_n,
                struct err *err);

struct store_name_count {
    struct str name; /* in the arena given to store_stats */
    uint64_t count;
};

/* Of spans or log records. */
struct store_record_stats {
    uint64_t head_rows, head_bytes, parts, part_rows, part_bytes, wal_bytes;
    uint64_t rejected;                                /* rows, since open */
    uint64_t damaged_groups, damaged_parts;           /* skipped since open */
    uint64_t wal_damaged_segments, wal_damaged_bytes; /* met by the replay, bytes dropped */
};

/* New streams that a limit of cardinality kept out, since the start. */
struct store_limited {
    const char *limit;      /* "series", "series_per_metric", "values_per_label" or …_tenant */
    struct str name, value; /* whose limit: a label and its value, no value for values_per_label */
    uint64_t allowed;
    uint64_t folded, refused; /* samples */
    struct str label;         /* with the most values among its streams; may be empty */
    uint64_t label_values;    /* of some thousand streams */
};

struct store_stats {
    uint64_t streams;     /* active: in the head or seen lately */
    uint64_t label_pairs; /* different name=value pairs of those streams; with top > 0 */
    uint64_t head_rows, head_bytes;
    int64_t min_t_unix_ms, max_t_unix_ms; /* of the head; INT64_MAX, INT64_MIN when empty */
    uint64_t partitions, parts, part_rows, part_bytes, wal_bytes;
    uint64_t damaged_blocks, damaged_parts;                   /* skipped since open */
    uint64_t wal_damaged_segments, wal_damaged_bytes;         /* met by the replay, bytes dropped */
    uint64_t aggregate_days, aggregate_rows, aggregate_bytes; /* files of metrics rolled up */
    uint64_t tombstones; /* deletions whose rows may still take space */
    uint64_t rejected[REJECT_REASONS];
    struct store_record_stats records[RECORD_TABLES];
    bool replayed;
    bool read_only;    /* the disk refuses writes: batches are refused, reads go on; see message */
    bool flush_failed; /* the last flush did: the head grows until one succeeds; see message */
    uint64_t unreadable_pages; /* of mapped files, since the start of the process */
    char message[256];
    struct store_name_count *top_metrics, *top_labels, *top_values, *top_pairs;
    size_t n_top_metrics, n_top_labels, n_top_values, n_top_pairs;
    struct store_limited *limited; /* with top > 0: by samples, the most first */
    size_t n_limited;
};

/* `top`: how many of the biggest names to find (0: none, cheap). As /api/v1/status/tsdb wants:
 * series by metric name, values by label name, bytes by label name, series by label pair
 * ("name=value"). */
int store_stats(struct store *s, size_t top, struct arena *arena, struct store_stats *out,
                struct err *err);

#endif
