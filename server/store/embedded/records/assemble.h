/* Bringing rows from many places (chunks of a head, groups of parts) into new groups of a part: the
 * common half of flush and merge. Rows are added in the order of (source, time); a group is written
 * whenever one is full.
 *
 * A row is added as a reference to where its values are; they are copied once, column by column,
 * when the group is written. So what a row came from must stay until assembler_flush. One thread.
 */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_ASSEMBLE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_ASSEMBLE_H

#include "store/embedded/records/column_places.h"
#include "store/embedded/records/record_write.h"

struct assembler;

/* Writes to `w`, which is borrowed. */
int assembler_new(struct record_writer *w, struct assembler **out, struct err *err);
void assembler_free(struct assembler *a);

/* Columns that rows can be taken from. */
struct assembly_input {
    struct input_column {
        struct column values;               /* content borrowed */
        const struct column_places *places; /* NULL: dense */
        uint32_t column;                    /* the assembler's number; UINT32_MAX: OWN_REST */
    } * columns;
    uint32_t n_columns;
    const int64_t *t_unix_ns;
    uint32_t row_bytes; /* about */
};

/* The assembler's number of a column; *out for an assembly_input. ERR_NOMEM. */
int assembler_column(struct assembler *a, const struct column_id *id, uint32_t *out);

/* Fills the input's next column: its values, of `n_rows` rows, and its number. `arena`: for what
 * lives as long as the values. ERR_NOMEM. */
int assembly_input_add(struct assembly_input *in, const struct column *values, uint32_t column,
                       uint32_t n_rows, struct arena *arena);

/* Adds row `row` of `in`, which and whose columns live until the next flush. `source`: its ordinal,
 * rising from call to call. */
int assembler_add(struct assembler *a, const struct assembly_input *in, uint32_t row,
                  uint32_t source, struct err *err);

/* Counts the groups written: what was added at an earlier generation is no longer referred to, and
 * what it came from may be freed. */
uint64_t assembler_generation(const struct assembler *a);

/* Writes what is left. */
int assembler_flush(struct assembler *a, struct err *err);

#endif
