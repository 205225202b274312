/* What a scan hands over of a set of rows: the values of the rows that were picked, column by
 * column, in the form that is least work for whoever reads them. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_VECTOR_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_VECTOR_H

#include "store/embedded/records/rowset.h"
#include "store/records.h"

/* Rows sel[0..n) of the set, rising. All of it is borrowed; what is made from it lives in the set's
 * arena, or is the set's own. */
struct picked_rows {
    struct rowset *rows;
    const uint32_t *sel;
    uint32_t n;
};

/* ERR_CORRUPT, ERR_NOMEM. */
int record_vector(const struct picked_rows *p, const struct column_ref *ref, struct vector *out);
int record_vector_times(const struct picked_rows *p, const int64_t **out);
int record_vector_sources(const struct picked_rows *p, const uint32_t **out);

#endif
