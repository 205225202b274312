/* The load command. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_LOAD_H
#define TELLTALE_QUERY_SCRIPT_LOAD_H

#include "query/script/series.h"

struct batch;

/* What one load command brings. */
struct script_load {
    struct arena *arena;
    int64_t step_ms;
    bool with_nhcb; /* also each classic histogram as a native one with custom buckets */
    struct script_series *series;
    size_t n, cap;
};

/* Takes one indented line. */
int script_load_line(struct script_load *l, struct str line, struct err *err);

/* Everything as a batch that borrows from the load's arena. */
int script_load_batch(struct script_load *l, struct batch *out, struct err *err);

#endif
