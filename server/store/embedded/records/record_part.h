/* A part of a record table: an immutable, self-contained file of one day's rows, mapped into
 * memory.
 *
 *   header │ groups │ names │ sources │ directory │ footer
 *   group    blocks of columns, filters, table of the columns
 *
 * A group is up to COLUMN_ROWS rows in the order of (source, time), whatever the number of sources:
 * many small sources make no small blocks. Each column of a group is compressed alone and carries a
 * checksum; the table of a group says where its columns are and what they hold at least and at
 * most, the directory what a query asks of every group. Names and sources are kept once a part.
 * Layout: docs/design/format/records.md.
 *
 * Threads: any; a part never changes. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_PART_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_PART_H

#include "base/atomic.h"
#include "base/fs.h"
#include "store/embedded/records/chunk.h"

/* Attributes with columns of their own in a group, the most frequent ones; the others share the
 * column REST, so that thousands of names do not make thousands of blocks. */
enum { GROUP_ATTRIBUTES_MAX = 256 };

/* Columns that no query names. */
enum own_column {
    OWN_TIME = COLUMN_SOURCE + 1, /* Unix ns */
    OWN_SOURCE,                   /* ordinal of each row's source */
    OWN_REST                      /* of each row a map of the attributes without a column */
};

/* The fields whose filters stand in the directory. */
enum group_filter { FILTER_TRACE_ID, FILTER_WORDS, GROUP_FILTERS };

/* What the directory says of a group. */
struct part_group {
    uint64_t table_offset, end; /* of its table of columns; behind the group */
    uint32_t table_size;
    uint32_t n_rows;
    int64_t min_unix_ns, max_unix_ns;
    uint32_t first_source, last_source; /* ordinals */
    uint64_t raw_bytes;                 /* of its values before compression */
    uint64_t filter_offset[GROUP_FILTERS];
    uint32_t filter_size[GROUP_FILTERS]; /* with checksum; 0: no row has the field */
};

/* A column of a group. */
struct group_column {
    uint32_t name; /* in record_part.names */
    enum column_kind kind;
    uint32_t n; /* values */
    uint64_t offset;
    uint32_t size; /* with checksum */
    bool has_range;
    int64_t min, max; /* of ints */
    uint64_t filter_offset;
    uint32_t filter_size; /* with checksum; 0: none */
    uint32_t ordinal;     /* in its group */
};

struct record_part {
    struct refcount refs;
    const struct fs *fs;
    char *path;
    const char *map;
    size_t size;
    enum record_table table;
    int64_t day, min_unix_ns, max_unix_ns;
    uint64_t seq_lo, seq_hi, rows;
    uint32_t cut; /* it has all rows of its day that are in log segments below this */
    struct part_group *groups;
    struct column_id *names; /* origin may be one of enum own_column */
    struct str *sources;     /* encoded, in the order of source_cmp */
    uint32_t n_groups, n_names, n_sources;
    char *text;                   /* of names and sources */
    uint64_t kept;                /* record_keep_mark it was looked at with; by the merge lock */
    atomic_ullong *sound_filters; /* by group: a bit for each filter whose checksum was compared */
    atomic_bool damaged;          /* a group could not be read: the file stays when it is merged */
};

/* Maps and checks all but the groups. ERR_CORRUPT, ERR_UNSUPPORTED (a later version), ERR_IO,
 * ERR_NOMEM. */
int record_part_open(const struct fs *fs, const char *path, struct record_part **out,
                     struct err *err);
void record_part_ref(struct record_part *p);
void record_part_unref(struct record_part *p);

/* The columns of a group, in the arena. ERR_CORRUPT, ERR_NOMEM. */
int record_part_columns(const struct record_part *p, const struct part_group *g,
                        struct arena *arena, struct group_column **out, uint32_t *out_n);

/* Reads a column; `zstd`: a ZSTD_DCtx. ERR_CORRUPT, ERR_NOMEM. */
int record_part_read(const struct record_part *p, const struct part_group *g,
                     const struct group_column *c, void *zstd, struct arena *arena,
                     struct column *out);

/* Whether the filter of a group, or of one of its columns, says that a value with this hash may be
 * there. A damaged filter says so of everything, so damage costs time and never rows. Whether it is
 * damaged is looked at once: eight kilobytes take longer than all else. */
bool record_part_may_contain(const struct record_part *p, const struct part_group *g,
                             enum group_filter which, uint64_t hash);
bool group_column_may_contain(const struct record_part *p, const struct part_group *g,
                              const struct group_column *c, uint64_t hash);

/* Compares the checksums of all filters of a group, whose columns these are. 0 or ERR_CORRUPT. */
int record_part_check_filters(const struct record_part *p, const struct part_group *g,
                              const struct group_column *columns, uint32_t n);

#endif
