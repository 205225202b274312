/* A store of one command's own, with a query engine: in a temporary directory, gone at the end. */
#ifndef TELLTALE_CLI_SCRATCH_H
#define TELLTALE_CLI_SCRATCH_H

#include <stdint.h>

#include "base/err.h"
#include "query/query.h"

struct batch;
struct store;

struct scratch {
    struct store *store;
    struct query_engine *engine;
    char dir[256];
};

/* An empty store that keeps everything, and an engine over it. `out` is {0} before. ERR_IO when
 * there is no room under $TMPDIR; call scratch_close in any case. */
int scratch_open(const struct query_options *options, struct scratch *out, struct err *err);

/* Appends all of it: a rejected sample is ERR_INVALID. */
int scratch_append(struct scratch *s, const struct batch *b, struct err *err);

/* Closes and removes the directory; {0} after. */
void scratch_close(struct scratch *s);

#endif
