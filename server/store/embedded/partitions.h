/* Days and their parts: the lists that readers take snapshots of and that flush, merge and
 * retention change. A list holds a reference to each part; a part that leaves it stays readable for
 * those who have it in a snapshot, also when its file is removed. */
#ifndef TELLTALE_STORE_EMBEDDED_PARTITIONS_H
#define TELLTALE_STORE_EMBEDDED_PARTITIONS_H

#include "store/embedded/day_dir.h"
#include "store/embedded/engine.h"

/* The day, or NULL; parts_lock must be held. */
struct partition *partition_get(const struct store *s, int64_t day);

/* Are all the samples there that the day began with, since the part of this sequence? False when
 * some went because of a retention. parts_lock must be held. */
bool partition_is_whole(const struct partition *p, uint64_t seq_lo);

/* Renames a damaged file, counts and reports it. */
void partition_set_aside(struct store *s, const char *path, const struct err *why);

/* Adds a part to its day. Takes the caller's reference; on ERR_NOMEM it stays with the caller. */
int partition_add(struct store *s, struct part *p, struct err *err);

/* Puts `merged` (NULL: nothing) in the place of the parts old[0..n), which are neighbours in one
 * day, and removes their files, unless `merged` has taken the name. Takes the reference to `merged`
 * and that of the day to each old part. A day without parts goes. */
void partition_replace(struct store *s, struct part *const *old, size_t n, struct part *merged);

/* Days that have parts, ascending; heap, caller frees. */
int partition_days(struct store *s, int64_t **out, size_t *out_n);

/* References to all parts of a day by rising sequence; heap, caller unrefs each and frees. */
int partition_parts(struct store *s, int64_t day, struct part ***out, size_t *out_n);

/* The names in the day's directory reach the disk. */
int partition_sync(struct store *s, int64_t day, struct err *err);

/* Forgets the day and removes its files. */
int partition_drop(struct store *s, int64_t day, struct err *err);

#endif
