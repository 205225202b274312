/* How many samples each step looked at, as Prometheus counts them: an instant selector one for each
 * value, a range selector or subquery all that are in the window, at each step anew. What a
 * subquery selects to make its own samples does not count, unless they are the answer. A histogram
 * counts by its size.
 *
 * COUNT_AT_STEP: for the step; COUNT_AT_ALL: for all steps alike; COUNT_WITHIN: likewise, of what a
 * subquery that is opened next selects. */
#ifndef TELLTALE_QUERY_PROMQL_STEP_COUNTS_H
#define TELLTALE_QUERY_PROMQL_STEP_COUNTS_H

#include "query/promql/eval.h"

struct samples;

struct step_counts {
    uint64_t *v; /* one for each of the query's steps */
    size_t n;
    uint64_t at_all; /* counted once, of what is the same at every step */
    enum step_counting mode;
};

/* Operators that are opened from here on count so, unless those around them do not count; returns
 * how it was, for count_as_before(). */
enum step_counting count_as(struct eval *ev, enum step_counting mode);
enum step_counting count_in_subquery(struct eval *ev);
void count_as_before(struct eval *ev, enum step_counting mode);

/* The operator looked at `n` samples for a step. */
void count_samples(const struct op *op, size_t step, uint64_t n);

/* One for each value of a row, or as many as its histogram counts. */
void count_values(const struct op *op, const struct row *r);

/* As how many samples they count. */
uint64_t samples_weight(const struct samples *s);

/* Whether there is something to count for. */
static inline bool op_counts(const struct op *op)
{
    return op->counting != COUNT_NOT;
}

/* Adds what is the same at every step to each; the sum of all. */
uint64_t step_counts_finish(struct step_counts *c);

#endif
