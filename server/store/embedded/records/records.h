/* The record tables of a store together: opened, replayed, flushed and maintained with it. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORDS_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORDS_H

#include "store/embedded/records/record_store.h"
#include "store/store.h"

/* Opens or creates the tables, without their logs. After an error records_abandon frees what is
 * there. _set_limits: as record_store_set_limits, table by table; the first error ends it. */
int records_open(struct store *s, const struct store_options *o, struct err *err);
int records_set_limits(struct store *s, const struct store_options *o, struct err *err);

/* `*out_rows`: rows found in the logs. */
int records_replay(struct store *s, uint64_t *out_rows, struct err *err);
bool records_is_flush_due(struct store *s);
int records_flush(struct store *s, struct err *err); /* each table; the first error is told */
int records_maintain(struct store *s, bool all, struct err *err);

/* Flushes unless `skip_head`, and keeps merges, deletions and retention away until released. */
int records_hold(struct store *s, bool skip_head, struct err *err);
void records_release(struct store *s);

void records_abandon(struct store *s);

/* Threads that flush and merge: rows come in faster than a merge ends, so each has its own. */
void records_background_init(struct store *s);
void records_background_done(struct store *s);
int records_background_start(struct store *s, struct err *err);
void records_background_stop(struct store *s); /* ends a merge under way */
void records_background_want_flush(void *store);
void records_background_want_merge(struct store *s); /* and what the retention removes */

#endif
