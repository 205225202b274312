/* Spans and logs: append batches of records, scan their columns with predicates.
 *
 * A row has the fixed fields of its table (model/record.h), attributes, and the resource and scope
 * it came from. All are columns to a query, named by where they stand and what they are called:
 * no query sees how a column is stored. Times are Unix nanoseconds. Threads: any. */
#ifndef TELLTALE_STORE_RECORDS_H
#define TELLTALE_STORE_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/record.h"
#include "model/sink.h"

struct arena;
struct store;

/* See struct sink. Rows may come in any order and into any day within the retention. */
int store_append_records(struct store *s, const struct record_batch *b, struct sink_result *out,
                         struct err *err);

/* --- columns ---------------------------------------------------------------------------------- */

enum column_origin {
    COLUMN_TIME,      /* the row's time, an int */
    COLUMN_FIELD,     /* a fixed field of the table */
    COLUMN_ATTRIBUTE, /* of the row */
    COLUMN_RESOURCE,  /* attribute of the resource */
    COLUMN_SCOPE,     /* attribute of the scope */
    COLUMN_SOURCE,    /* one of enum source_field */

    /* All attributes of the row as a map, in no certain order; to be read, not for predicates.
     * Apart from the others, whose numbers stand in files. */
    COLUMN_ALL_ATTRIBUTES = 64
};

/* What a source has besides attributes. */
enum source_field {
    SOURCE_SCOPE_NAME,
    SOURCE_SCOPE_VERSION,
    SOURCE_RESOURCE_SCHEMA_URL,
    SOURCE_SCOPE_SCHEMA_URL,
    SOURCE_RESOURCE_DROPPED,
    SOURCE_SCOPE_DROPPED,
    SOURCE_FIELDS
};

struct column_ref {
    enum column_origin origin;
    int field;       /* for COLUMN_FIELD and COLUMN_SOURCE */
    struct str name; /* for the attributes; borrowed */
};

/* "time", "name", "attributes.http.route", "resource.service.name", "scope.attributes.x",
 * "scope.name", …; false when the table has no such column (attributes always are). */
bool column_parse(enum record_table table, struct str text, struct column_ref *out);

/* True for columns of resource and scope: the same for all rows of a source. */
static inline bool column_is_of_source(const struct column_ref *column)
{
    return column->origin >= COLUMN_RESOURCE && column->origin <= COLUMN_SOURCE;
}

/* --- predicates ------------------------------------------------------------------------------- */

enum predicate_op {
    PREDICATE_AND, /* of `children`; true without any */
    PREDICATE_OR,  /* false without any */
    PREDICATE_NOT, /* of the one child */
    PREDICATE_EXISTS,
    PREDICATE_EQ, /* numbers by value, whatever their type; else type and value */
    PREDICATE_LT, /* numbers with numbers, text with text; false for other pairs of types */
    PREDICATE_LE,
    PREDICATE_GT,
    PREDICATE_GE,
    PREDICATE_REGEX,           /* strings that `regex` matches */
    PREDICATE_CONTAINS,        /* strings that contain the text `value` */
    PREDICATE_CONTAINS_NOCASE, /* … whatever the case of ASCII letters */
    PREDICATE_PHRASE,          /* … that, with no word going on at either end */
    PREDICATE_IN               /* one of `set`: a text of the same type */
};

/* Texts, to be asked for many at once; see text_set_make. */
struct text_set {
    const struct any *values;
    const uint64_t *hashes; /* of each */
    size_t n;
    const uint32_t *slots; /* by hash: index + 1; 0: free */
    size_t n_slots;
};

/* Of `values`, strings or bytes, which are borrowed as `out` has them; what is needed besides is
 * the arena's. NULL: out of memory. */
const struct text_set *text_set_make(struct arena *arena, const struct any *values, size_t n);

/* A row without the column satisfies nothing but what a NOT turns around. The texts in arrays and
 * maps count for CONTAINS and REGEX as if they stood alone. Where the case does not count, `value`
 * is given in small letters. */
struct predicate {
    enum predicate_op op;
    struct column_ref column;
    struct any value;
    const struct regex *regex;
    const struct text_set *set;
    bool scalars; /* CONTAINS, REGEX: numbers and truth values count as the text they look like */
    const struct predicate *children;
    size_t n_children;
};

/* --- scanning --------------------------------------------------------------------------------- */

enum scan_order {
    SCAN_ANY_ORDER,
    SCAN_NEWEST_FIRST, /* blocks by falling greatest time; rows within a block in no order */
    SCAN_OLDEST_FIRST
};

/* Values of one column for the rows of a block. */
struct vector {
    const int64_t *ints;      /* set when every row has an int: nothing else is then */
    const struct any *values; /* of each row, or with `codes` the distinct ones */
    const uint32_t *codes;    /* NULL: values[i] is row i's; else values[codes[i]] */
    size_t n_values;
};

static inline struct any vector_at(const struct vector *v, size_t i)
{
    return v->ints ? any_int(v->ints[i]) : v->values[v->codes ? v->codes[i] : i];
}

/* Rows that satisfied the predicate; valid during the callback. */
struct record_block {
    size_t n;
    const int64_t *t_unix_ns;
    const struct vector *columns; /* as asked for */
    const uint32_t *sources;      /* of each row: index for record_block_source; NULL: without */
    const struct block_sources *source_table;
    struct arena *arena; /* reset after the callback */
};

/* The resource and scope of row i, with its attributes. NULL: damaged, or not asked for. Borrowed
 * like the block. */
const struct record_source *record_block_source(const struct record_block *b, size_t i);

struct record_scan {
    enum record_table table;
    int64_t min_unix_ns, max_unix_ns; /* both inclusive */
    const struct predicate *where;    /* NULL: all rows */
    /* NULL, or only rows of exactly this resource and scope, doubles bit for bit: what a predicate
     * on its columns cannot say of attributes that it does not name, or that are NaN or doubled. */
    const struct record_source *source;
    const struct column_ref *columns;
    size_t n_columns;
    bool without_sources; /* nobody asks for record_block_source: blocks have none */
    enum scan_order order;
    /* NULL, or called with the rows of a block that matched before their columns are read:
     * sel[0..n) are indices of t_unix_ns, rising. It may keep some of them, in order, and returns
     * how many: who wants the newest few rows need not pay for all columns of the others. */
    size_t (*narrow)(void *arg, const int64_t *t_unix_ns, uint32_t *sel, size_t n);
    size_t max_bytes;                                     /* of memory for one block; 0: 1 GiB */
    bool (*is_cancelled)(void *arg);                      /* asked behind each block; NULL: never */
    int (*each)(void *arg, const struct record_block *b); /* non-zero ends the scan with it */
    void *arg;
    /* May be moved inwards by `each`: what lies outside is no longer of interest, as when the
     * newest 100 rows are already later. */
    int64_t *floor_unix_ns, *ceiling_unix_ns;
};

#define STORE_UNDECIDED_WARNING                                                                    \
    "a regular expression needs too much time on some values; they count as not matching"

struct record_scan_stats {
    uint64_t blocks, blocks_pruned, rows_read, rows_matched, bytes_read;
    uint64_t damaged;   /* blocks and days of which rows are missing: STORE_DAMAGED_WARNING */
    uint64_t undecided; /* values that a regex took too long on: STORE_UNDECIDED_WARNING */
};

/* Runs the scan over a snapshot: rows acknowledged before are seen. Damaged blocks are skipped and
 * counted; a value that a regex takes too long on does not match, and is counted. `stats` may be
 * NULL. ERR_CANCELLED, ERR_TOO_BIG (memory of a block), ERR_NOMEM, ERR_BUSY, or what `each`
 * returned. */
int store_scan(struct store *s, const struct record_scan *scan, struct record_scan_stats *stats,
               struct err *err);

/* --- what there is ---------------------------------------------------------------------------- */

/* Calls `each` with the sources of rows that may lie within the times (both inclusive), some more
 * than once; with the names of their attributes. Both are borrowed for the call, which must not
 * call the store; what it returns but 0 ends the listing with that. No rows are read, so this takes
 * as long as there are sources and columns. ERR_NOMEM, ERR_BUSY, or what `each` returned. */
int store_list_sources(struct store *s, enum record_table table, int64_t min_unix_ns,
                       int64_t max_unix_ns,
                       int (*each)(void *arg, const struct record_source *source), void *arg,
                       struct err *err);
int store_list_attributes(struct store *s, enum record_table table, int64_t min_unix_ns,
                          int64_t max_unix_ns, int (*each)(void *arg, struct str name), void *arg,
                          struct err *err);

/* Removes the rows that satisfy `where` (NULL: all) within the times, from memory and disk, before
 * it returns. *out_rows: how many. */
int store_delete_records(struct store *s, enum record_table table, const struct predicate *where,
                         int64_t min_unix_ns, int64_t max_unix_ns, uint64_t *out_rows,
                         struct err *err);

#endif
