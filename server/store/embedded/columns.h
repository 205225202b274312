/* Rows as columns, the private half of store.h's `struct columns`: growing, cutting, putting into
 * order. Optional columns (histograms, start times) appear when the first row needs them. */
#ifndef TELLTALE_STORE_EMBEDDED_COLUMNS_H
#define TELLTALE_STORE_EMBEDDED_COLUMNS_H

#include "store/store.h"

/* Empty, memory kept; the optional columns stay allocated but read as absent (see store.h). */
void columns_reset(struct columns *c);

/* Room for `more` rows behind the last, with or without the optional columns (which are filled
 * with NULL and 0 for the rows before). ERR_NOMEM. */
int columns_reserve(struct columns *c, size_t more, bool histograms, bool starts);

/* One row behind the last; `h` borrowed. ERR_NOMEM. */
int columns_add(struct columns *c, int64_t t, double v, const struct histogram *h, int64_t start);

/* Drops the rows outside [min, max] of those from row `from` on, which rise by time. */
void columns_trim(struct columns *c, size_t from, int64_t min_ms, int64_t max_ms);

/* Brings the rows into rising order of time; of rows with the same time the last one stays.
 * ERR_NOMEM (rows unchanged). */
int columns_sort(struct columns *c);

#endif
