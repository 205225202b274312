/* A column: the values that some rows have of one field or attribute, all of one kind.
 *
 * The same structure stands for a column of a chunk (plain bytes in memory), a decoded column of a
 * part, and one that is about to be written:
 *
 *   dense    value i belongs to row i          sparse   value i belongs to row rows[i]
 *   texts    value i is text i                 dictionary   value i is text codes[i]
 *
 * Layout in parts: docs/design/format/records.md. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_COLUMN_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_COLUMN_H

#include "base/arena.h"
#include "model/any.h"
#include "store/embedded/bytes.h"
#include "store/embedded/int_column.h"

enum column_kind {
    COLUMN_INT,
    COLUMN_BOOL, /* ints 0 and 1 */
    COLUMN_DOUBLE,
    COLUMN_STRING,
    COLUMN_BYTES,
    COLUMN_ANY, /* values of several types, or nested: each as any_bytes.h */
    COLUMN_KINDS,
    COLUMN_LOOSE = COLUMN_KINDS /* in memory only: decoded values */
};

struct column {
    enum column_kind kind;
    uint32_t n;           /* values */
    const uint32_t *rows; /* rising; NULL: dense */
    union {
        const int64_t *ints;
        const double *doubles;
        const struct any *values; /* COLUMN_LOOSE */
    };
    const uint32_t *ends; /* text i is text[ends[i - 1], ends[i]) */
    const char *text;
    const uint32_t *codes; /* NULL: no dictionary */
    uint32_t n_texts;
    unsigned char method; /* set by decoding, of numbers: int_column.h, float_column.h */
    bool compressed;      /* … the texts were */
};

/* The kind for a value of this type; COLUMN_ANY for what has none of its own. */
enum column_kind column_kind_of(enum any_type t);

static inline bool column_is_text(const struct column *c)
{
    return c->kind >= COLUMN_STRING && c->kind < COLUMN_KINDS;
}

static inline struct str column_text(const struct column *c, uint32_t text)
{
    uint32_t from = text ? c->ends[text - 1] : 0;
    return str_of(c->text + from, c->ends[text] - from);
}

/* Text of value i. */
static inline struct str column_value_text(const struct column *c, uint32_t i)
{
    return column_text(c, c->codes ? c->codes[i] : i);
}

/* Text `text` as a value; COLUMN_ANY is decoded into the arena (ANY_EMPTY when damaged). */
struct any column_text_any(const struct column *c, uint32_t text, struct arena *arena);

/* Value i. */
struct any column_any(const struct column *c, uint32_t i, struct arena *arena);

/* Where the value of `row` is, or UINT32_MAX. `cursor`: 0, or what the last call for this column
 * left: a row near the last one is found in a step or two. */
uint32_t column_find(const struct column *c, uint32_t row, uint32_t *cursor);

/* --- as bytes --------------------------------------------------------------------------------- */

/* Rows of one group, the most that can be encoded together. */
enum { COLUMN_ROWS = COLUMN_ROWS_MAX };

/* What encoding needs, used again from column to column. */
struct column_encoder {
    struct buf raw;      /* texts before compression */
    struct arena *arena; /* borrowed; of tables, reset by the owner */
    void *zstd;          /* ZSTD_CCtx */
};

/* `level`: of zstd. ERR_NOMEM. */
int column_encoder_init(struct column_encoder *e, struct arena *arena, int level);
void column_encoder_done(struct column_encoder *e);

/* Appends `c`, a column of a group of `n_rows` rows (≤ COLUMN_ROWS), without dictionary.
 * *out_distinct: different texts, when it became a dictionary; else 0. False: out of memory. */
bool column_encode(struct column_encoder *e, struct buf *out, const struct column *c,
                   uint32_t n_rows, uint32_t *out_distinct);

/* Reads it back into the arena; `zstd`: a ZSTD_DCtx. ERR_CORRUPT, ERR_NOMEM. */
int column_decode(struct str bytes, uint32_t n_rows, void *zstd, struct arena *arena,
                  struct column *out);

#endif
