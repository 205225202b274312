/* A chunk: the rows that one append adds to one day, column by column in plain bytes. It is both
 * what the log has of them and what the head keeps, so a row is encoded once until it goes to a
 * part. A chunk is understood alone: it names its columns and sources.
 *
 *   header │ columns: origin, name, kind, where their values are │ runs of sources │ times │ values
 *
 * Arrays are in the byte order of the machine and 8-byte aligned, so that nothing is converted: the
 * log is read by the machine that wrote it. Layout: docs/design/format/records.md. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_CHUNK_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_CHUNK_H

#include "base/atomic.h"
#include "store/embedded/records/column.h"
#include "store/records.h"

/* What identifies a column: where it stands and its field or name. */
struct column_id {
    enum column_origin origin; /* COLUMN_FIELD or COLUMN_ATTRIBUTE */
    int field;
    struct str name;
};

static inline bool column_id_eq(const struct column_id *a, const struct column_id *b)
{
    return a->origin == b->origin && a->field == b->field && str_eq(a->name, b->name);
}

uint64_t column_id_hash(const struct column_id *id);

/* --- building --------------------------------------------------------------------------------- */

struct chunk_builder;

struct chunk_builder *chunk_builder_new(void); /* NULL: out of memory */
void chunk_builder_free(struct chunk_builder *b);
void chunk_builder_reset(struct chunk_builder *b);

/* Rows that follow are from this source. */
void chunk_builder_source(struct chunk_builder *b, const struct record_source *s);

/* `record` is borrowed until chunk_builder_finish. */
void chunk_builder_add(struct chunk_builder *b, const struct record *record);

uint32_t chunk_builder_rows(const struct chunk_builder *b);

/* Appends the chunk to `out` at an 8-byte boundary counted from the buffer's begin. ERR_NOMEM,
 * ERR_TOO_BIG. */
int chunk_builder_finish(struct chunk_builder *b, struct buf *out);

/* --- reading ---------------------------------------------------------------------------------- */

struct chunk_column {
    struct column_id id;
    struct column values;
};

struct chunk_run {
    struct str source; /* encoded (source.h) */
    uint32_t first, n; /* rows */
};

struct chunk {
    struct refcount refs;
    size_t size; /* memory */
    uint32_t n_rows, n_columns, n_runs;
    int64_t min_unix_ns, max_unix_ns;
    const int64_t *t_unix_ns;
    struct chunk_column *columns;
    struct chunk_run *runs;
    char *bytes; /* owned */
};

/* The next chunk of a log record: a copy. `*at`, an offset, is moved behind it. ERR_CORRUPT,
 * ERR_NOMEM. */
int chunk_open(struct str record, size_t *at, struct chunk **out);
void chunk_ref(struct chunk *c);
void chunk_unref(struct chunk *c);

/* Index of the column, or UINT32_MAX. */
uint32_t chunk_find(const struct chunk *c, const struct column_id *id);

#endif
