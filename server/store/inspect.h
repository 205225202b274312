/* Looking at a data directory that no server has open: is everything in it sound, and what takes
 * the space? Nothing is written; a directory that is mounted read-only will do, and so will a
 * snapshot. */
#ifndef TELLTALE_STORE_INSPECT_H
#define TELLTALE_STORE_INSPECT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"
#include "model/record.h"
#include "store/store.h"

struct arena;
struct fs;

/* Called for each thing found. `damage`: something that was stored cannot be read, or contradicts
 * itself; otherwise a remark that needs no action. */
typedef void store_finding(void *arg, bool damage, const char *path, const char *what);

struct store_check_totals {
    uint64_t files, bytes; /* that were read */
    uint64_t parts, streams, blocks, rows;
    uint64_t segments, records, log_rows;
    uint64_t damages, remarks; /* as told to `finding` */
};

/* Reads every byte below `dir` and compares it with its checksum, and what it says with what else
 * is said: counts, orders, times, indexes. `fs` NULL: the real one. Damage is no error: see the
 * totals. ERR_BUSY: a server has the directory open (its files change under the reader: check a
 * snapshot of it); ERR_NOT_FOUND: no data directory; ERR_IO, ERR_NOMEM. */
int store_check(const struct fs *fs, const char *dir, store_finding *finding, void *arg,
                struct store_check_totals *out, struct err *err);

/* --- what takes the space --------------------------------------------------------------------- */

/* What the tables have in common. */
struct store_measured_files {
    uint64_t days, parts, rows, bytes; /* of parts */
    uint64_t segments, log_bytes;
    uint64_t unreadable; /* parts, blocks or columns that are left out as damaged */
};

struct store_codec_size {
    const char *column, *codec; /* "times", "delta" */
    uint64_t columns, rows, bytes;
};

struct store_named_size {
    struct str name;
    uint64_t streams, rows, bytes; /* of a metric; sums over parts */
    uint64_t values;               /* of a label: different ones, in the part that has most */
};

struct store_measure {
    struct store_measured_files files;
    uint64_t streams;                  /* summed over parts */
    uint64_t block_bytes, index_bytes; /* of files.bytes */
    int64_t min_ms, max_ms;
    struct store_codec_size *codecs; /* by column, then falling bytes */
    size_t n_codecs;
    struct store_named_size *metrics, *labels; /* the `top` biggest, by bytes and by values */
    size_t n_metrics, n_labels;
};

/* Measures the parts of metrics below `dir`. Also beside a running server: a part that is merged
 * away meanwhile is left out. Results live in `arena`. Errors as store_check without ERR_BUSY. */
int store_measure(const struct fs *fs, const char *dir, size_t top, struct arena *arena,
                  struct store_measure *out, struct err *err);

/* Metrics rolled up to one resolution. */
struct store_aggregates_measure {
    int64_t resolution_ms;
    uint64_t days, rows, bytes; /* rows: buckets */
    uint64_t streams;           /* summed over days */
    uint64_t unreadable;        /* files that are left out as damaged */
};

/* By rising resolution; none when nothing is rolled up. ERR_IO, ERR_NOMEM. */
int store_measure_aggregates(const struct fs *fs, const char *dir,
                             struct store_aggregates_measure out[STORE_RESOLUTIONS_MAX],
                             size_t *out_n, struct err *err);

/* A column of a record table in one type and codec. */
struct store_record_column {
    struct str name;         /* as in column_parse; "(source)" and "(rare attributes)": own ones */
    const char *type;        /* "string" */
    const char *codec;       /* "dictionary zstd" */
    uint64_t blocks, values; /* of how many rows */
    uint64_t bytes;          /* of blocks */
    uint64_t filter_bytes;   /* of what finds words or values in them */
    uint64_t distinct;       /* texts of a dictionary, in the block that has most */
};

struct store_record_measure {
    struct store_measured_files files;
    uint64_t groups, sources;                         /* sources are summed over parts */
    uint64_t raw_bytes;                               /* of all values before compression */
    uint64_t column_bytes, filter_bytes, index_bytes; /* of files.bytes */
    int64_t min_unix_ns, max_unix_ns;
    struct store_record_column *columns; /* by falling bytes, with filters; at most `top` */
    size_t n_columns, all_columns;
};

/* The same for spans or logs. ERR_NOT_FOUND: the directory has no such table. */
int store_measure_records(const struct fs *fs, const char *dir, enum record_table table, size_t top,
                          struct arena *arena, struct store_record_measure *out, struct err *err);

#endif
