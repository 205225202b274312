/* What the parts of the parser share. */
#ifndef TELLTALE_QUERY_PROMQL_PARSE_H
#define TELLTALE_QUERY_PROMQL_PARSE_H

#include "query/promql/parser.h"

/* Where a duration stands and what may stand there, for messages. */
struct place_of_time {
    const char *context, *expected;
};

struct parser {
    struct lexer lexer;
    struct lexeme now;     /* the token looked at */
    uint32_t last_closing; /* end of the last token that may end an expression */
    struct ast *ast;
    unsigned features;     /* of enum query_feature */
    unsigned depth;        /* of the recursion */
    unsigned aggregations; /* around the place where the parser is */
    struct place_of_time time;
    struct err *err;
    int rc; /* the first error; nothing is parsed after it */
};

/* All parse_ functions return NULL, or false, after an error was noted in p->rc and p->err. */

/* "line:column: parse error: <message>"; the first one stays. */
void parse_error(struct parser *p, struct span at, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* "unexpected <token> in <context>, expected <expected>"; either may be NULL. What has no context
 * of its own is "in aggregation" anywhere within one. */
void parse_unexpected(struct parser *p, const char *context, const char *expected);

void parse_advance(struct parser *p);
/* False, with a message, if what comes next is no token: that is told before what is wrong with
 * the meaning of what was parsed. */
bool parse_ahead_is_token(struct parser *p);
struct lexeme parse_peek(const struct parser *p); /* the token after `now` */

/* If `now` is `t`, steps over it and returns true. */
bool parse_accept(struct parser *p, enum token t);
bool parse_expect(struct parser *p, enum token t, const char *context, const char *expected);

struct node *parse_new_node(struct parser *p, enum node_kind kind, enum value_type type,
                            struct span span);

/* Takes the depth from a child; false when the tree got too deep. */
bool parse_set_depth(struct parser *p, struct node *n, const struct node *child);

bool parse_enter(struct parser *p); /* guards a recursion; parse_leave after true */
void parse_leave(struct parser *p);

/* Appends a pointer-sized or larger element to a growing array in the ast's arena. */
void *parse_append(struct parser *p, void *array, size_t *n, size_t *cap, size_t size);

/* parser.c */
struct node *parse_expression(struct parser *p, int min_power);

/* parse_literal.c */
bool parse_number_text(struct str text, double *out);
bool parse_string(struct parser *p, struct str *out); /* the STRING at `now`, unquoted */
struct str parse_quoted(struct parser *p,
                        struct str s); /* its beginning for a message, with quotes */
struct node *parse_number_node(struct parser *p);
bool parse_signed_number(struct parser *p, const char *context, const char *expected, double *out);

/* parse_duration.c */
bool parse_offset_duration(struct parser *p, struct duration *out);
bool parse_range_duration(struct parser *p, struct place_of_time place, struct duration *out);

/* parse_selector.c */
struct node *parse_selector(struct parser *p);
struct node *parse_modifiers(struct parser *p, struct node *n);
bool parse_label_list(struct parser *p, struct str **out, size_t *out_n);

/* check.c: types and the rules that need the whole expression. */
bool check_tree(struct parser *p, struct node *n);

#endif
