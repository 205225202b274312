/* What is done to a tree once the query's range and step are known, before evaluation. */
#ifndef TELLTALE_QUERY_PROMQL_PREPARE_H
#define TELLTALE_QUERY_PROMQL_PREPARE_H

#include "base/err.h"
#include "query/promql/ast.h"
#include "query/promql/eval.h"

/* Resolves duration expressions and @ start(), @ end(), and marks (node.once) the largest parts
 * that are the same at every step. ERR_INVALID: a duration came out wrong. */
int prepare(struct ast *ast, const struct timeline *t, struct err *err);

#endif
