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

/* --- what takes the space ----------------------------------------------------------------------
 */

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
    uint64_t days, parts, streams, rows, bytes; /* of parts; streams are summed over parts */
    uint64_t block_bytes, index_bytes;          /* … of which */
    uint64_t segments, log_bytes;
    uint64_t unreadable; /* parts or blocks that are left out */
    int64_t min_ms, max_ms;
    struct store_codec_size *codecs; /* by column, then falling bytes */
    size_t n_codecs;
    struct store_named_size *metrics, *labels; /* the `top` biggest, by bytes and by values */
    size_t n_metrics, n_labels;
};

/* Measures the parts below `dir`. Also beside a running server: a part that is merged away
 * meanwhile is left out. Results live in `arena`. Errors as store_check without ERR_BUSY. */
int store_measure(const struct fs *fs, const char *dir, size_t top, struct arena *arena,
                  struct store_measure *out, struct err *err);

#endif
