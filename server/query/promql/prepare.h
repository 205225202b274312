/* What is done to a tree once the query's range and step are known, before evaluation. */
#ifndef TELLTALE_QUERY_PROMQL_PREPARE_H
#define TELLTALE_QUERY_PROMQL_PREPARE_H

#include "base/err.h"
#include "query/promql/ast.h"
#include "query/promql/eval.h"

/* Resolves duration expressions and @ start(), @ end(), and marks (node.once) the largest parts
 * that are the same at every step. `end_ms`: what the query was asked for; its last step may come
 * before. ERR_INVALID: a duration came out wrong. */
int prepare(struct ast *ast, const struct timeline *t, int64_t end_ms, struct err *err);

#endif
