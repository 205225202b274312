/* native_histogram_bucket_limit: coarser histograms rather than too many buckets. */
#ifndef TELLTALE_RECEIVE_SCRAPE_BUCKETS_H
#define TELLTALE_RECEIVE_SCRAPE_BUCKETS_H

#include <stdint.h>

#include "base/arena.h"
#include "model/histogram.h"

/* Merges neighbouring buckets, of the arena, until the histogram has at most `limit` (0: any).
 * ERR_TOO_BIG: it has more even at the coarsest scale, or its buckets are custom ones; ERR_NOMEM.
 */
int scrape_fit_buckets(struct arena *arena, const struct histogram **inout, uint64_t limit);

#endif
