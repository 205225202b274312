/* Equal parts of an expression are evaluated once: `a / (a + b)`, `rate(x[5m]) > 0 and
 * rate(x[5m]) < 1`. */
#ifndef TELLTALE_QUERY_PROMQL_SHARE_H
#define TELLTALE_QUERY_PROMQL_SHARE_H

#include "query/promql/eval.h"

/* Marks the largest equal parts of a prepared tree (node.shared), where they have the same steps;
 * and of what is then left the selectors with equal matchers (selector_node.reading). Without
 * memory for it nothing is marked. */
void share_equal_parts(struct ast *ast);

/* The operator of a marked node: it evaluates what was not yet, and repeats what was. */
int open_shared(struct eval *ev, const struct node *n, struct timeline t, struct op **out);

/* open.c: the operator of a node by its kind. */
int open_node(struct eval *ev, const struct node *n, struct timeline t, struct op **out);

#endif
