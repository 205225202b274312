/* Queries on samples rolled up: when a selector may have buckets in place of samples, and range
 * functions on buckets. What they mean and when an answer stays the same:
 * docs/design/aggregates.md.
 */
#ifndef TELLTALE_QUERY_PROMQL_ROLLUP_H
#define TELLTALE_QUERY_PROMQL_ROLLUP_H

#include "query/promql/range.h"
#include "store/aggregates.h"

/* How a selector is answered. */
struct rolled_plan {
    bool ask;              /* the store for aggregates, at this resolution: */
    bool prefer;           /* also where there are samples */
    bool came;             /* some days are rolled up; the rest holds only then */
    bool exact;            /* and every window consists of whole buckets */
    int64_t resolution_ms; /* when came: the coarsest that did */
    int64_t end_ms;        /* of the last such day */
};

/* What there is to choose by. */
struct rolled_selector {
    const struct window_spec *window; /* range 0: an instant selector */
    struct timeline t;
    int64_t first_ms, last_ms; /* of the samples that are wanted */
    bool capable;       /* of reading buckets; else they are two samples each, which an instant
                         * selector at the end of a bucket cannot tell from all */
    bool needs_samples; /* for something that buckets do not keep: rather not */
    struct span span;
};

void rolled_choose(struct eval *ev, const struct rolled_selector *s, struct rolled_plan *out);

/* How much earlier than the window whole buckets may begin. */
int64_t rolled_reach_ms(const struct eval *ev, const struct rolled_selector *s,
                        const struct rolled_plan *p);

/* Notes what a selection found, in the plan and in the query's statistics and infos. */
void rolled_found(struct eval *ev, const struct rolled_selector *s, const struct selection *found,
                  struct rolled_plan *p);

/* Drops buckets that have no samples, but a stale marker. */
void rolled_drop_empty(struct aggregates *rows);

/* The buckets of a window. */
struct rolled_window {
    const struct aggregate *v;
    size_t n;
    int64_t floats, histograms;   /* samples in them */
    struct range_window measured; /* the time that they cover; without samples */
    double share;                 /* of that time what was asked for: 1 when they are exact */
};

struct rolled_cursor {
    size_t from, to;
};

/* The window at eval time `t`; windows never move back. */
struct rolled_window rolled_window_at(const struct rolled_plan *p, const struct window_spec *spec,
                                      const struct aggregates *rows, struct rolled_cursor *c,
                                      int64_t t);

struct rolled_function {
    unsigned want; /* of enum aggregate_column */
    /* As of range_function. */
    int (*kernel)(struct range_call *c, const struct rolled_window *w, struct range_value *out);
};

extern const struct rolled_function rolled_rate, rolled_increase, rolled_delta, rolled_resets,
    rolled_changes, rolled_avg, rolled_sum, rolled_count, rolled_min, rolled_max, rolled_last,
    rolled_first, rolled_present, rolled_ts_of_first, rolled_ts_of_last;

#endif
