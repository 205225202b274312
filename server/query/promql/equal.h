/* Which parts of an expression mean the same. */
#ifndef TELLTALE_QUERY_PROMQL_EQUAL_H
#define TELLTALE_QUERY_PROMQL_EQUAL_H

#include "query/promql/ast.h"

/* Whether two nodes give the same over the same steps: alike but for parentheses, the order of
 * matchers, and the way numbers were written. */
bool node_equal(const struct node *a, const struct node *b);

/* Equal for equal nodes. Fills node.hash of the tree below, too. */
uint64_t node_hash(struct node *n);

/* Of what a subquery's steps depend on, its own expression aside. */
uint64_t subquery_hash(const struct subquery_node *q);

/* Of selectors, whether they have the same matchers, whatever their times; and of those alone. */
bool matchers_equal(const struct selector_node *a, const struct selector_node *b);
uint64_t matchers_hash(const struct selector_node *s);

#endif
