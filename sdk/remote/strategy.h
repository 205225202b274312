/* A strategy of sampling, as the service tells it. */
#ifndef TELLTALE_SDK_REMOTE_STRATEGY_H
#define TELLTALE_SDK_REMOTE_STRATEGY_H

#include "base/err.h"
#include "base/str.h"
#include "telltale/trace.h"

/* `sampled` by chance; what is not, by `at_least` where there is one. */
struct strategy_part {
    char *name; /* owned; of the span, NULL: of all others */
    tt_sampler *sampled, *at_least;
};

struct strategy {
    struct strategy_part rest;
    size_t n;
    struct strategy_part *operations; /* sorted by name */
};

/* Reads an answer. ERR_INVALID, with the reason, ERR_NOMEM. */
int strategy_parse(struct str json, struct strategy **out, struct err *err);

void strategy_free(struct strategy *s); /* NULL is fine */

/* Threads: any. */
enum tt_decision strategy_decide(const struct strategy *s, const tt_sampling *sampling,
                                 tt_sampled *out);

#endif
