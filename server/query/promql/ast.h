/* The typed tree of a PromQL expression. Nodes live in the arena of their `struct ast`. */
#ifndef TELLTALE_QUERY_PROMQL_AST_H
#define TELLTALE_QUERY_PROMQL_AST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/str.h"
#include "query/promql/lexer.h"

struct buf;
struct function;
struct json;
struct matcher;
struct node;
struct reading;
struct shared;

enum value_type { VALUE_NONE, VALUE_SCALAR, VALUE_VECTOR, VALUE_MATRIX, VALUE_STRING };

/* "instant vector", …: as people know them from the documentation. */
const char *value_type_name(enum value_type t);

/* Bytes of the query's text: where messages and annotations point to. */
struct span {
    uint32_t start, end;
};

/* "line:column" of a byte, both from 1. */
void span_format(struct buf *out, struct str query, uint32_t at);

/* A duration as written: a literal, or an expression that is resolved once the query's range and
 * step are known. `ms` holds in both cases after prepare(). */
struct duration {
    const struct node *expr; /* NULL: a literal */
    int64_t ms;
};

enum at_kind { AT_NONE, AT_TIME, AT_START, AT_END };

/* The @ modifier. `ms` holds for all but AT_NONE after prepare(). */
struct at {
    enum at_kind kind;
    int64_t ms;
};

struct number_node {
    double value;
    bool is_duration; /* written as one; value in seconds */
};

struct string_node {
    struct str value;
};

struct selector_node {
    struct str name;          /* before the braces; empty: none was */
    struct matcher *matchers; /* that of the name is the last */
    size_t n;
    struct duration offset;
    struct at at;
    bool anchored, smoothed;
    bool labels_only;           /* second argument of info(): may match anything */
    bool resolve_resets;        /* only count and sum of histograms are asked for: see series.c */
    struct reading *reading;    /* with selectors of the same matchers (share.h); NULL: alone */
    struct selector_node *next; /* all of the ast, for ast_done */
};

struct matrix_node {
    struct node *selector;
    struct duration range;
};

struct subquery_node {
    struct node *expr;
    struct duration range, step, offset; /* step 0: the default */
    struct at at;
};

struct call_node {
    const struct function *function;
    struct node **args;
    size_t n;
};

struct aggregate_node {
    enum token op;
    struct node *expr, *param; /* param NULL for operators without */
    struct str *grouping;
    size_t n_grouping;
    bool without;
};

enum cardinality { ONE_TO_ONE, MANY_TO_ONE, ONE_TO_MANY, MANY_TO_MANY };

struct matching {
    enum cardinality card;
    bool on;
    struct str *labels, *include;
    size_t n_labels, n_include;
    bool fill_left, fill_right;
    double left, right; /* what is filled in */
};

struct binary_node {
    enum token op;
    struct node *lhs, *rhs;
    bool return_bool;
    bool narrowed; /* the "many" side lacks rows that nothing matches (propagate.h) */
    struct matching matching;
    struct span op_span;
};

struct unary_node {
    enum token op;
    struct node *expr;
};

struct paren_node {
    struct node *expr;
};

enum duration_op {
    DURATION_BINARY,
    DURATION_UNARY,
    DURATION_STEP,
    DURATION_RANGE,
    DURATION_MIN,
    DURATION_MAX
};

/* Arithmetic on durations, in seconds. Operands are number or duration nodes. */
struct duration_node {
    enum duration_op kind;
    enum token op; /* of BINARY and UNARY */
    struct node *lhs, *rhs;
    bool wrapped; /* in parentheses */
};

enum node_kind {
    NODE_NUMBER,
    NODE_STRING,
    NODE_SELECTOR,
    NODE_MATRIX,
    NODE_SUBQUERY,
    NODE_CALL,
    NODE_AGGREGATE,
    NODE_BINARY,
    NODE_UNARY,
    NODE_PAREN,
    NODE_DURATION
};

struct node {
    enum node_kind kind;
    enum value_type type;
    struct span span;
    uint32_t depth;        /* of the tree below, 1 for a leaf */
    bool once;             /* the same at every step: evaluated for one and repeated */
    uint64_t hash;         /* equal.h */
    struct shared *shared; /* with the parts that are equal (share.h); NULL: there are none */
    union {
        struct number_node number;
        struct string_node string;
        struct selector_node selector;
        struct matrix_node matrix;
        struct subquery_node subquery;
        struct call_node call;
        struct aggregate_node aggregate;
        struct binary_node binary;
        struct unary_node unary;
        struct paren_node paren;
        struct duration_node duration;
    };
};

struct ast {
    struct arena arena; /* owned */
    struct str query;   /* borrowed */
    struct node *root;
    struct selector_node *selectors; /* owned matchers */
    bool of_query; /* has start(), end(), step() or range(): differs with the query's range */
};

void ast_done(struct ast *a);

/* The node inside parentheses. */
struct node *node_unwrap(struct node *n);

/* As the formatter prints it: on one line, or broken at 100 columns. */
void node_print(struct buf *out, const struct node *n);
void node_pretty(struct buf *out, const struct node *n, int level);

/* As a JSON object. */
void node_json(struct json *j, const struct node *n);

#endif
