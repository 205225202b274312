/* Rows to be looked at together: a chunk of a head or a group of a part, with columns that are read
 * when they are first asked for. Scans and deletions evaluate predicates over it.
 *
 * Lives in an arena and is gone with it. One thread. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_ROWSET_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_ROWSET_H

#include "store/embedded/records/record_part.h"

/* Sources by number, decoded when first asked for. */
struct block_sources {
    const struct str *bytes;
    struct record_source **decoded;
    uint32_t n;
    struct arena *arena;
};

struct rowset_column; /* read already */

struct rowset {
    struct arena *arena;
    enum record_table table;
    uint32_t n;
    const int64_t *t_unix_ns;
    const uint32_t *row_sources; /* of each row; read by rowset_sources */
    struct block_sources sources;
    const struct chunk *chunk; /* or a group: */
    struct record_part *part;
    const struct part_group *group;
    struct group_column *group_columns; /* the table; NULL: not read */
    uint32_t n_group_columns;
    void *zstd; /* ZSTD_DCtx */
    struct rowset_column *read;
    uint64_t bytes_read;
    bool lenient; /* values on which a regex takes too long do not match, and are counted: */
    uint64_t undecided;
};

/* What each borrows lives as long as the rowset. The sources of a part are shared by its groups:
 * `sources` of a part is made by sources_of_part. Of a group nothing is read: rowset_may_match can
 * be asked at once, all else needs its table of columns. ERR_NOMEM, ERR_CORRUPT. */
int rowset_of_chunk(struct rowset *r, const struct chunk *c, enum record_table table,
                    struct arena *arena);
void rowset_of_group(struct rowset *r, struct record_part *p, const struct part_group *g,
                     const struct block_sources *sources, void *zstd, struct arena *arena);
int rowset_read_table(struct rowset *r); /* of a chunk there is none */
int sources_of_part(const struct record_part *p, struct arena *arena, struct block_sources *out);

/* Reads times and sources of the rows. ERR_CORRUPT, ERR_NOMEM. */
int rowset_times(struct rowset *r);
int rowset_sources(struct rowset *r);

/* Source `i`; NULL when it is damaged or there is no memory. */
const struct record_source *block_source(const struct block_sources *s, uint32_t i);

/* The column, or *out NULL when no row has it. COLUMN_FIELD and COLUMN_ATTRIBUTE only. */
int rowset_column(struct rowset *r, const struct column_ref *ref, const struct column **out);

/* All attributes of the rows sel[0..n), rising, each a map; *out in the arena. */
int rowset_attributes(struct rowset *r, const uint32_t *sel, uint32_t n, const struct any **out);

/* False when no row can satisfy `p`, found out without reading rows; of a group more often once its
 * table of columns is read. */
bool rowset_may_match(struct rowset *r, const struct predicate *p);

/* Sets the bits of the rows that satisfy `p` (NULL: all) in `out`, of rowset_words() words.
 * ERR_CORRUPT, ERR_NOMEM, ERR_TOO_BIG. */
int rowset_match(struct rowset *r, const struct predicate *p, uint64_t *out);

static inline size_t rowset_words(const struct rowset *r)
{
    return ((size_t)r->n + 63) / 64;
}

#endif
