/* How long the rows of which source are kept: the table's retention, and rules that override it by
 * what stands in resource and scope; the first rule that matches counts.
 *
 *   scan    a source's rows before its own limit are not seen, from the moment the rules change
 *   append  a row before its source's limit is too old
 *   disk    a day's parts are rewritten once it is over for some of their sources
 *
 * The rules never change; a reload puts others in their place. Who works with times asks once. */
#ifndef TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_KEEP_H
#define TELLTALE_STORE_EMBEDDED_RECORDS_RECORD_KEEP_H

#include "store/embedded/records/record_store.h"
#include "store/embedded/records/rowset.h"

struct record_rules;

/* What is kept at one moment. */
struct record_keep {
    struct record_rules *rules; /* a reference; NULL: none */
    int64_t now_ms, table_ms;
    int64_t least_ns; /* nothing before this is seen of any source */
    int64_t all_ns;   /* from here on all is seen of every source */
};

/* Takes copies of the rules. ERR_NOMEM: the old ones stay. ERR_INVALID: a matcher is of no column
 * of resource or scope. */
int record_keep_set(struct record_store *s, int64_t table_ms,
                    const struct store_retention_rules *rules, struct err *err);
void record_keep_done(struct record_store *s);

/* The rules and the clock of now, for one piece of work, which ends with _end. Threads: any. */
struct record_keep record_keep_begin(struct record_store *s);
void record_keep_end(struct record_keep *k);

/* The oldest time that is seen of a source; NULL, a damaged one: as without rules. */
int64_t record_keep_min_ns(const struct record_keep *k, const struct record_source *source);

/* Clears the bits of rows that are not kept. ERR_CORRUPT, ERR_NOMEM. */
int record_keep_clear(const struct record_keep *k, struct rowset *rows, uint64_t *bits);

/* Changes when other sources may be over at `t_ns`. Never 0. */
uint64_t record_keep_mark(const struct record_keep *k, int64_t t_ns);

#endif
