/* Writing a part of records: the sources, then groups of rows by (source, time), then finish. The
 * file is written beside its name and takes it when it is complete and synced. One thread. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_WRITE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_WRITE_H

#include "store/embedded/records/record_part.h"

struct record_writer;

struct record_writer_options {
    const struct fs *fs;
    const char *dir; /* must exist */
    enum record_table table;
    int64_t day;
    uint64_t seq_lo, seq_hi;
    uint32_t cut; /* see record_part.h */
    int level;    /* of zstd */
};

/* Creates the file. ERR_NOMEM, or what fs_open gives. */
int record_writer_new(const struct record_writer_options *options, struct record_writer **out,
                      struct err *err);

/* Removes what was written, unless it was finished. */
void record_writer_free(struct record_writer *w);

/* A group about to be written; borrowed. */
struct group_rows {
    uint32_t n; /* rows, 1 … COLUMN_ROWS */
    const int64_t *t_unix_ns;
    const uint32_t *sources; /* ordinals, rising */
    const struct group_values {
        struct column_id id;
        struct column values; /* without dictionary */
    } * columns;
    uint32_t n_columns;
    uint64_t raw_bytes;
};

int record_write_group(struct record_writer *w, const struct group_rows *g, struct err *err);

/* `sources` in the order of source_cmp, as many as the ordinals speak of. Syncs, renames, syncs the
 * directory, and opens the part. */
int record_writer_finish(struct record_writer *w, const struct str *sources, uint32_t n,
                         struct record_part **out, struct err *err);

#endif
