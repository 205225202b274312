/* The aggregates table: the days that were rolled up, a file each, and the rounds that make more of
 * them and remove old ones. docs/design/aggregates.md. */
#ifndef TELLTALE_STORE_EMBEDDED_AGGREGATE_TABLE_H
#define TELLTALE_STORE_EMBEDDED_AGGREGATE_TABLE_H

#include "store/aggregates.h"
#include "store/embedded/engine.h"

struct part_writer;

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

/* For a deletion of rows in [min, max] of the streams that satisfy all matchers. With
 * store.aggregate held, which keeps days from being rolled up, first _forget: days that have such
 * streams and can be made again from samples are removed, to be rolled up anew in time. Then, when
 * the samples are hidden, _erase takes the buckets that touch the range out of all other days. Both
 * are durable when they return. Errors as match_streams, ERR_NOMEM, ERR_IO. */
int aggregates_forget(struct store *s, const struct matcher *matchers, size_t n, int64_t min_ms,
                      int64_t max_ms, struct err *err);
int aggregates_erase(struct store *s, const struct matcher *matchers, size_t n, int64_t min_ms,
                     int64_t max_ms, struct err *err);

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

/* References to all of them, in an array that the caller frees. ERR_NOMEM. */
int aggregates_snapshot(struct store *s, struct part ***out, size_t *out_n);

/* The same of days in [min, max] whose samples have expired or are gone, one for each day. */
int aggregates_expired(struct store *s, int64_t min_ms, int64_t max_ms, struct part ***out,
                       size_t *out_n);

/* Are all the samples that the day was made of still there? */
bool aggregates_can_be_made(struct store *s, const struct part *p);

/* Takes the day out of the list and removes its file; fine when another is in its place. With
 * store.aggregate. */
int aggregates_remove(struct store *s, struct part *p, struct err *err);

/* The same for one whose index is damaged, of which the next start might read some: the file is
 * renamed. */
void aggregates_set_aside(struct store *s, struct part *p);

/* Files that were removed may come back when the power fails, until this was called. */
int aggregates_sync(struct store *s, struct err *err);

/* Appends rows [from, from + n) as a block of the day; `scratch` is used. */
int aggregates_write_block(struct part_writer *w, const struct aggregates *rows, size_t from,
                           size_t n, int64_t day, struct buf *scratch, struct err *err);

/* A reference to the day at the resolution, or NULL. */
struct part *aggregates_day(struct store *s, int64_t resolution_ms, int64_t day);

/* Is there the day at any resolution? */
bool aggregates_have_day(struct store *s, int64_t day);

#endif
