/* The load command. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_LOAD_H
#define TELLTALE_QUERY_SCRIPT_LOAD_H

#include "query/script/series.h"

struct batch;

/* What one load command brings. */
struct script_load {
    struct arena *arena;
    int64_t from_ms, step_ms; /* of the first sample; between two */
    int64_t until_ms;         /* of the last one that is loaded, if it is set */
    bool until_set;
    bool with_nhcb; /* also each classic histogram as a native one with custom buckets */
    struct script_series *series;
    size_t n, cap;
    const struct script_starts *starts, *starts_of_any; /* for the next line; for all that follow */
};

/* Takes one indented line. ERR_INVALID, ERR_NOMEM. */
int script_load_line(struct script_load *l, struct str line, struct err *err);

/* Everything as a batch, once there are no more lines, that borrows from the load's arena. */
int script_load_batch(struct script_load *l, struct batch *out, struct err *err);

#endif
