/* One comparison of the language of searches as a predicate: what a field is, and what its value
 * may look like. */
#ifndef TELLTALE_QUERY_RECORDS_COMPARISON_H
#define TELLTALE_QUERY_RECORDS_COMPARISON_H

#include "query/records/filter.h"

enum comparison_op {
    OP_EQ,
    OP_NE,
    OP_LT,
    OP_LE,
    OP_GT,
    OP_GE,
    OP_REGEX,
    OP_NOT_REGEX,
    OP_HAS,
    OP_NOT_HAS,
    OP_PHRASE,
    OP_EXISTS
};

struct comparison {
    struct str field;
    enum comparison_op op;
    struct str value; /* as written */
    bool quoted;
    const struct regex *regex; /* of OP_REGEX and OP_NOT_REGEX */
};

/* In the arena. ERR_INVALID names the field and what it expects; ERR_NOMEM. */
int comparison_predicate(enum record_table table, const struct comparison *c, struct arena *a,
                         struct predicate *out, struct err *err);

#endif
