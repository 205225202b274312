/* Which group of an aggregation a series belongs to. */
#ifndef TELLTALE_QUERY_PROMQL_GROUP_H
#define TELLTALE_QUERY_PROMQL_GROUP_H

#include "query/promql/eval.h"
#include "query/promql/labelset.h"

struct group {
    struct labels labels; /* what the group is known by */
    bool drop_name;       /* of one of its series */
    void *state;          /* of the aggregation; NULL until first set */
};

struct grouping {
    struct label_filter filter;
    struct label_index index;
    struct group *v;
    size_t n, cap;
};

/* by (labels) or without (labels). */
int grouping_init(struct eval *ev, const struct aggregate_node *a, struct grouping *out);

/* The group of a series with these labels, made if new; NULL with ev->err filled. The pointer is
 * good until the next call. */
struct group *grouping_of(struct eval *ev, struct grouping *g, const struct row *r);

#endif
