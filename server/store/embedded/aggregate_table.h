/* The aggregates table: the days that were rolled up, a file each, and the rounds that make more of
 * them and remove old ones. docs/design/aggregates.md. */
#ifndef TELLTALE_STORE_EMBEDDED_AGGREGATE_TABLE_H
#define TELLTALE_STORE_EMBEDDED_AGGREGATE_TABLE_H

#include "store/aggregates.h"
#include "store/embedded/engine.h"

/* Finds the days in <data>/aggregates; forgets them. */
int aggregates_open(struct store *s, struct err *err);
void aggregates_close(struct store *s);

/* Takes over the options. Threads: any. */
void aggregates_configure(struct store *s, const struct store_options *o);
struct aggregate_options aggregates_options(struct store *s);

/* Oldest bucket that may be read now. */
int64_t aggregates_min_ms(struct store *s);

/* Rolls up days that are due for some seconds, or (`all`) all of them, and removes those that are
 * older than the retention. Nothing may be locked. */
int aggregates_maintain(struct store *s, bool all, struct err *err);

/* For whoever removes rows of days that are over, or hides them for good: the days of [min, max]
 * that can be made again from samples are removed, to be rolled up anew. The rest (whose samples
 * have expired, in part or as a whole) stays as it is; *out_kept tells how many files these are.
 * Nothing may be locked. */
int aggregates_forget(struct store *s, int64_t min_ms, int64_t max_ms, size_t *out_kept,
                      struct err *err);

/* --- between the files of the table ----------------------------------------------------------- */

/* Removes the days that are over as a whole. */
int aggregates_expire(struct store *s, struct err *err);

/* The directory of a resolution, made if missing; borrowed. ERR_TOO_BIG: too many resolutions. */
int aggregates_dir(struct store *s, int64_t resolution_ms, const char **out, struct err *err);

/* "2026-11-21.part" */
enum { AGGREGATE_NAME_MAX = 24 };
void aggregates_format_name(char out[AGGREGATE_NAME_MAX], int64_t day);
bool aggregates_parse_name(const char *name, int64_t *out_day);

/* "5m" */
bool aggregates_parse_dir(const char *name, int64_t *out_resolution_ms);

/* Appends the buckets of a block. ERR_CORRUPT, ERR_NOMEM. */
int aggregates_read_block(const struct part *p, const struct part_block *b, struct aggregates *out);

/* Lists a day in the place of what was there. Takes the reference; on ERR_NOMEM it stays with the
 * caller. */
int aggregates_publish(struct store *s, struct part *p, struct err *err);

/* A reference to the day at the resolution, or NULL. */
struct part *aggregates_day(struct store *s, int64_t resolution_ms, int64_t day);

#endif
