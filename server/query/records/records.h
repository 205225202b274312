/* Asking the tables of spans and log records: what every such query has in common. It runs scans
 * that end when the asker has gone or the time is up, keeps what it finds in an arena with a
 * budget, and builds predicates. */
#ifndef TELLTALE_QUERY_RECORDS_RECORDS_H
#define TELLTALE_QUERY_RECORDS_RECORDS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "store/records.h"

struct map;

/* One request. Filled by the asker; what queries return lives in `arena`. One thread. */
struct record_query {
    struct store *store;
    struct arena *arena;          /* with the request's budget */
    int64_t deadline_mono_ns;     /* 0: none */
    bool (*has_gone)(void *self); /* NULL, or asked once a block of rows: has the asker gone? */
    void *self;
    struct record_scan_stats stats; /* of all scans so far */
};

/* Runs the scan, whose `is_cancelled` is set here; the blocks' memory is limited by what the arena
 * has left. ERR_TIMEOUT, ERR_CANCELLED, or as store_scan. ERR_NOMEM from `each`: the arena's budget
 * is spent, which becomes ERR_TOO_BIG with a message. */
int record_query_scan(struct record_query *q, const struct record_scan *scan, struct err *err);

/* The message for an arena that is spent; returns ERR_TOO_BIG or ERR_NOMEM. */
int record_query_no_memory(const struct record_query *q, struct err *err);

/* ERR_TIMEOUT or ERR_CANCELLED with a message when it is time to stop, else 0. For loops beside
 * scans. */
int record_query_stopped(const struct record_query *q, struct err *err);

/* The keys of a map whose keys live in the query's arena, sorted. ERR_NOMEM, ERR_TOO_BIG. */
int record_query_names(struct record_query *q, const struct map *seen, struct str **out,
                       size_t *out_n, struct err *err);

/* --- values ----------------------------------------------------------------------------------- */

/* Copies with all they hold; ANY_NONE, an empty source when memory is short (arena_failed). */
struct any any_copy(struct arena *a, const struct any *v);
const struct attribute *attributes_copy(struct arena *a, const struct attribute *v, size_t n);
struct record_source *source_copy(struct arena *a, const struct record_source *s);

/* A hash of type and value, `h` mixed in; the same in every process. */
uint64_t any_hash(const struct any *v, uint64_t h);

/* The number in an int or double; false for other types. */
bool any_number(const struct any *v, double *out);

/* A resource's attribute as text; the empty str when it has none or it is no text. */
struct str resource_text(const struct record_source *s, struct str key);

/* What a service without a name is called. */
#define UNKNOWN_SERVICE STR("unknown_service")

/* service.name; "unknown_service" when it has none, as the conventions have it, or one that is no
 * text. */
struct str service_of(const struct record_source *s);

/* --- predicates ------------------------------------------------------------------------------- */

/* All in the arena; out of memory shows by arena_failed. */
struct predicate where_leaf(enum predicate_op op, struct column_ref column, struct any value);
struct predicate where_field(enum predicate_op op, int field, struct any value);
struct predicate where_both(struct arena *a, struct predicate x, struct predicate y);
struct predicate where_either(struct arena *a, struct predicate x, struct predicate y);
struct predicate where_not(struct arena *a, struct predicate x);

/* One of the texts (strings or bytes, borrowed as the predicate has them); false without any. */
struct predicate where_one_of(struct arena *a, struct column_ref column, const struct any *texts,
                              size_t n);

/* The column has a text that is not empty. */
struct predicate where_named(struct column_ref column);

/* The service of that name, as service_of tells it: "unknown_service" are those without one. */
struct predicate where_service(struct arena *a, struct str name);

static inline struct column_ref field_column(int field)
{
    return (struct column_ref){.origin = COLUMN_FIELD, .field = field};
}

static inline struct column_ref attribute_column(struct str name)
{
    return (struct column_ref){.origin = COLUMN_ATTRIBUTE, .name = name};
}

static inline struct column_ref resource_column(struct str name)
{
    return (struct column_ref){.origin = COLUMN_RESOURCE, .name = name};
}

/* --- text ------------------------------------------------------------------------------------- */

/* The number as a time in ns: seconds, milliseconds, microseconds or nanoseconds, whichever makes
 * it a time between 1973 and 2262. Clients of the same API do not agree. */
int64_t time_by_magnitude(double number);

/* Unix time as above, or RFC 3339 with up to nine decimals. False when it is neither. */
bool parse_time_ns(struct str text, int64_t *out_unix_ns);

/* A duration as Go writes it: "1.5s", "300ms", "2h45m", "20us", "-1s"; units h m s ms us µs ns. A
 * number without unit is in `unit_ns`; 0: it is refused. */
bool parse_duration_ns(struct str text, int64_t unit_ns, int64_t *out_ns);

/* Hexadecimal digits as `n` bytes, zeros added in front; p == NULL when they are not that. */
struct str parse_id(struct arena *a, struct str text, size_t n);

#endif
