/* Which values a field has, and how often; which fields there are: for facets beside a list, and
 * for completion. */
#ifndef TELLTALE_QUERY_RECORDS_FACETS_H
#define TELLTALE_QUERY_RECORDS_FACETS_H

#include "query/records/filter.h"

struct facet_search {
    enum record_table table;
    struct str field;              /* as in the language of searches */
    struct str prefix;             /* only texts that begin so; empty: all values */
    const struct predicate *where; /* NULL: all rows */
    int64_t min_unix_ns, max_unix_ns;
    size_t limit;
};

struct facet_value {
    struct any value;
    uint64_t count;
};

struct facet {
    struct facet_value **v; /* the most frequent first */
    size_t n, distinct;
    uint64_t rows; /* that have the field */
    bool cut;      /* there are more different values than were counted */
};

/* Numbers that searches have words for (kind, status, severity) are counted by these words. */
int record_facet(struct record_query *q, const struct facet_search *wanted, struct facet *out,
                 struct err *err);

/* Names of fields that begin with `prefix`, with or without "attributes." and "resource.", sorted.
 */
int record_fields_like(struct record_query *q, enum record_table table, struct str prefix,
                       int64_t min_unix_ns, int64_t max_unix_ns, struct str **out, size_t *out_n,
                       struct err *err);

#endif
