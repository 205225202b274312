/* PromQL text to a checked tree. */
#ifndef TELLTALE_QUERY_PROMQL_PARSER_H
#define TELLTALE_QUERY_PROMQL_PARSER_H

#include "base/err.h"
#include "query/promql/ast.h"

enum {
    PARSE_DEPTH_MAX = 1000,      /* nesting of the tree, long chains of operators included */
    PARSE_MEMORY_MAX = 16 << 20, /* of one tree */
    PARSE_QUERY_MAX = 1 << 20    /* bytes of text */
};

/* Times and durations beyond this are refused, so that sums of a few never overflow. */
#define PARSE_TIME_MAX (INT64_MAX / 1024)
#define PARSE_DURATION_MAX_MS (INT64_MAX / 1000000) /* 292 years, as Go's */

/* Parses and type-checks an expression. `features`: of enum query_feature. `out`: ast_done; its
 * texts borrow from `query`. ERR_INVALID with "line:column: parse error: …"; ERR_NOMEM. */
int promql_parse(struct str query, unsigned features, struct ast *out, struct err *err);

/* As match[] takes it: one vector selector and nothing else. `out->root` is a selector node. */
int promql_parse_selector(struct str text, struct ast *out, struct err *err);

#endif
