/* A label matcher: name, operator, value. A label that is absent has the empty value. */
#ifndef TELLTALE_MODEL_MATCHER_H
#define TELLTALE_MODEL_MATCHER_H

#include <stdbool.h>

#include "base/err.h"
#include "base/str.h"

struct buf;
struct labels;
struct regex;
struct regex_toil;

enum match_op { MATCH_EQUAL, MATCH_NOT_EQUAL, MATCH_REGEX, MATCH_NOT_REGEX };

struct matcher {
    enum match_op op;
    struct str name, value; /* owned after matcher_init */
    struct regex *regex;    /* owned; for the two regex operators */
};

/* Copies name and value and compiles a regex. ERR_INVALID (bad pattern), ERR_NOMEM. */
int matcher_init(struct matcher *m, enum match_op op, struct str name, struct str value,
                 struct err *err);
void matcher_done(struct matcher *m);

/* 1, 0, or ERR_TOO_BIG when a regex ran into its limit. Threads: any. */
int matcher_matches(const struct matcher *m, struct str value);

/* The same for one of many values; `toil` as in regex_match_among. */
int matcher_matches_among(const struct matcher *m, struct str value, struct regex_toil *toil);

/* 1 when all matchers match, 0 when one does not, or ERR_TOO_BIG. */
int matchers_match(const struct matcher *v, size_t n, const struct labels *labels);

/* True when the matcher accepts a series without the label. */
bool matcher_matches_empty(const struct matcher *m);

/* name="value", with the operator and Go-style quoting. */
void matcher_format(struct buf *out, const struct matcher *m);

#endif
