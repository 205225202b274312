/* Questions about log records: the newest that match, page by page; how many when; which values.
 * All that is returned lives in the arena of the query. Times are Unix nanoseconds. */
#ifndef TELLTALE_QUERY_LOGS_LOGS_H
#define TELLTALE_QUERY_LOGS_LOGS_H

#include "query/records/records.h"

/* What tells a record from others of the same time: a hash of all it holds, and its number among
 * those that hold the same. It stays the same wherever the store keeps the record. */
struct log_id {
    int64_t t_unix_ns;
    uint64_t hash;
    uint32_t number;
};

struct log_row {
    struct log_id id;
    struct any fields[LOG_FIELDS];
    const struct attribute *attributes; /* by key */
    size_t n_attributes;
    const struct record_source *source;
};

/* --- search ----------------------------------------------------------------------------------- */

struct log_search {
    const struct predicate *where;      /* NULL: any */
    const struct record_source *source; /* NULL: any, else exactly this resource and scope */
    int64_t min_unix_ns, max_unix_ns;
    bool oldest_first;
    size_t limit;               /* at least 1 */
    const struct log_id *after; /* the last record of the page before; NULL: the first page */
};

/* The first `limit` records behind `after`: newest first (or oldest), those of one time in an order
 * that does not change. */
int logs_search(struct record_query *q, const struct log_search *search, struct log_row **out,
                size_t *out_n, struct err *err);

/* The record with the id, or ERR_NOT_FOUND. */
int logs_get(struct record_query *q, const struct log_id *id, struct log_row **out,
             struct err *err);

/* --- counts ----------------------------------------------------------------------------------- */

/* Counts by time and severity: none, trace, debug, info, warn, error, fatal. */
enum { LOG_LEVELS = 7, LOG_BUCKETS_MAX = 5000 };

struct log_histogram {
    int64_t start_unix_ns, step_ns;
    uint64_t (*counts)[LOG_LEVELS];
    size_t n;
};

/* Buckets of `step_ns` that begin at multiples of it and cover [min, max]. ERR_INVALID: more than
 * LOG_BUCKETS_MAX. */
int logs_histogram(struct record_query *q, const struct predicate *where, int64_t min_unix_ns,
                   int64_t max_unix_ns, int64_t step_ns, struct log_histogram *out,
                   struct err *err);

#endif
