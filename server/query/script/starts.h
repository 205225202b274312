/* The notation of start times. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_STARTS_H
#define TELLTALE_QUERY_SCRIPT_STARTS_H

#include "query/script/series.h"

/* Of one sample, relative to it. */
struct script_start {
    bool known;
    int64_t ms;
};

struct script_starts {
    struct labels labels;
    bool any_series; /* no labels: for series that have no line of their own */
    struct script_start *v;
    size_t n, cap;
};

/* Does the line give start times? */
bool script_is_starts(struct str line);

/* Parses `series@st times` or `@st times`. All in the arena. ERR_INVALID, ERR_NOMEM. */
int script_parse_starts(struct arena *arena, struct str line, struct script_starts *out,
                        struct err *err);

#endif
