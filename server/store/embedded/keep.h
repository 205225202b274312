/* How long which stream is kept: the table's retention, and rules that override it for streams by
 * their labels; the first rule that matches counts.
 *
 *   read    a stream's rows before its own limit are not seen, from the moment the rules change
 *   append  a sample before its stream's limit is too old
 *   disk    a day's parts are rewritten once it is over for some of their streams (retention.c)
 *
 * Aggregates (aggregates.h) outlast samples, unless a rule keeps the stream shorter than the table:
 * then nothing of it is seen before that. Where a rule keeps samples longer than the table they go
 * before aggregates; of the other streams these are read.
 *
 * A list of rules never changes; a reload puts another in its place. Who works with times asks
 * once, by keep_begin, so that now and the rules stay the same for the whole operation. */
#ifndef TELLTALE_STORE_EMBEDDED_KEEP_H
#define TELLTALE_STORE_EMBEDDED_KEEP_H

#include "store/embedded/engine.h"
#include "store/embedded/part_view.h"

struct roaring_bitmap_s;

struct keep_rule {
    struct matcher *matchers; /* owned */
    size_t n;
    int64_t keep_ms; /* or STORE_RETENTION_FOREVER */
};

struct keep_rules {
    struct refcount refs;
    uint64_t generation;
    size_t n;
    struct keep_rule v[];
};

/* What is kept at one moment. */
struct keep {
    struct keep_rules *rules; /* a reference; NULL: none */
    int64_t now_ms, table_ms; /* table_ms: how long without a rule */
    int64_t table_min_ms;     /* nothing before this is seen of a stream without a rule */
    int64_t least_ms;         /* nothing before this is seen of any stream */
    int64_t all_ms;           /* from here on all is seen of every stream */
};

void keep_init(struct store *s);
void keep_done(struct store *s);

/* Takes copies of the rules and the table's retention. ERR_NOMEM: the old ones stay. */
int keep_set(struct store *s, const struct store_options *o);

/* The rules and the clock of now, for one piece of work, which ends with _end. Threads: any. */
struct keep keep_begin(struct store *s);
void keep_end(struct keep *k);

/* table_min_ms by itself. */
int64_t keep_table_min_ms(struct store *s);

/* The oldest time that is seen of a stream. Between least_ms and all_ms. */
int64_t keep_min_ms(const struct keep *k, const struct labels *labels);

/* Streams of the part of which nothing at or before `t_ms` is seen, in *out (the caller's); NULL:
 * there are none. Errors as match_streams. */
int keep_expired(const struct keep *k, struct part_view *v, int64_t t_ms,
                 struct roaring_bitmap_s **out, struct err *err);

/* Changes when keep_expired may give other streams for the same time. Never 0. */
uint64_t keep_mark(const struct keep *k, int64_t t_ms);

#endif
