/* Writing parts anew: fewer of them, or without some of their rows. The merge lock must be held for
 * all of it. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_MERGE_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_MERGE_H

#include "store/embedded/records/record_store.h"
#include "store/embedded/records/rowset.h"

/* Rows that a deletion leaves out. */
struct record_drop {
    const struct predicate *where; /* NULL: all */
    int64_t min_unix_ns, max_unix_ns;
};

/* Sets the bits of the rows to drop, none otherwise. Errors as rowset_match. */
int record_drop_match(const struct record_drop *drop, struct rowset *rows, uint64_t *out);

/* Merges what is due; `all`: each day into one part. */
int record_merge_due(struct record_store *s, bool all, struct err *err);

/* Puts a part without what `drop` (may be NULL) names and what is not kept any more in the place of
 * `p`. *out_rows grows by what `drop` named. */
int record_rewrite(struct record_store *s, struct record_part *p, const struct record_drop *drop,
                   uint64_t *out_rows, struct err *err);

/* Calls `each` for every day that has parts, until one gives an error. */
int record_each_day(struct record_store *s,
                    int (*each)(struct record_store *s, int64_t day, bool all, struct err *err),
                    bool all, struct err *err);

#endif
