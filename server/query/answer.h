/* One query while it runs, and what it answers. Private to the engine. */
#ifndef TELLTALE_QUERY_ANSWER_H
#define TELLTALE_QUERY_ANSWER_H

#include "query/exec/limits.h"
#include "query/promql/eval.h"
#include "query/query.h"

struct run {
    const struct query_request *request;
    struct query_options options;
    struct timeline t;
    struct limits limits;
    struct eval ev;
    struct ast ast;
    struct query_result *out;
    struct budget *all; /* the engine's */
    struct err *err;
    const char *timeout_by;                       /* as of limits */
    int64_t parse_ns, queue_ns, eval_ns, sort_ns; /* eval_ns has sort_ns in it */
};

/* Evaluates the tree, which is parsed and prepared, into `out`, or to the request's taker. */
int answer_query(struct run *r);

#endif
