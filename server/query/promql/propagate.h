/* Matchers that hold on one side of a binary operator, asked for on the other side, too: of
 * `errors{job="a"} / requests` only the requests of that job are read. */
#ifndef TELLTALE_QUERY_PROMQL_PROPAGATE_H
#define TELLTALE_QUERY_PROMQL_PROPAGATE_H

#include "query/promql/ast.h"

/* Adds matchers to the selectors of a checked tree. `features`: of enum query_feature. What there
 * is no memory for stays away. */
void propagate_matchers(struct ast *ast, unsigned features);

#endif
