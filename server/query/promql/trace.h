/* What each node of a query cost, for ?trace=1: operators are wrapped, and count what passes. */
#ifndef TELLTALE_QUERY_PROMQL_TRACE_H
#define TELLTALE_QUERY_PROMQL_TRACE_H

#include "query/promql/eval.h"

/* A new child of ev->trace for the node; it becomes ev->trace until trace_leave. NULL with ev->err
 * filled. */
struct query_trace *trace_enter(struct eval *ev, const struct node *n, struct timeline t);

/* Counts time and samples since trace_enter; the parent is ev->trace again. `op`: what was opened,
 * replaced by a wrapper that goes on counting; NULL after an error. */
int trace_leave(struct eval *ev, struct query_trace *at, struct op **op);

#endif
