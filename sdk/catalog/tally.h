/* Gauges that are computed from what was counted: shares of good ones, and events per second.
 *
 * A tally has an entry for each set of labels, of which there are at most TALLY_ENTRIES; entries
 * are found in a hash table and never go away. Counting takes no lock. */
#ifndef TELLTALE_SDK_CATALOG_TALLY_H
#define TELLTALE_SDK_CATALOG_TALLY_H

#include "catalog/runtime.h"

enum { TALLY_ENTRIES = 256, TALLY_WINDOW_S = 60 };

/* `kind`: METRIC_PERCENT, METRIC_RATIO or METRIC_PER_SECOND. NULL when out of memory. */
struct tally *tally_new(enum metric_kind kind, tt_observable *instrument);
void tally_free(struct tally *t);

/* Counts one, good or not; for METRIC_PER_SECOND all are alike. NULL is fine. The labels' values
 * are texts. Beyond the limit it is dropped and told as TT_PROBLEM_LIMIT. */
void tally_add(struct tally *t, const struct attrs *labels, bool good);

/* Observes each entry as of a time of the monotonic clock; called when metrics are collected. */
void tally_observe(struct tally *t, tt_observation *observation, int64_t now_mono_ns);

/* tally_add as of a time. */
void tally_add_at(struct tally *t, const struct attrs *labels, bool good, int64_t now_mono_ns);

#endif
