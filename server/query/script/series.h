/* The notation of series: labels, then values that repeat and grow. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_SERIES_H
#define TELLTALE_QUERY_SCRIPT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

struct script_value {
    bool omitted, hint_set; /* hint_set: counter_reset_hint was written */
    double v;
    const struct histogram *h; /* NULL: v */
};

struct script_series {
    struct labels labels;
    struct script_value *values;
    size_t n;
    int64_t *start_ms; /* relative to the sample; NULL: none given */
    bool *has_start;
    size_t n_starts;
};

/* Parses `metric{labels} values`. All in the arena. ERR_INVALID. */
int script_parse_series(struct arena *arena, struct str line, struct script_series *out,
                        struct err *err);

/* Parses `series@st times`: the labels, and start times into *out. */
int script_parse_starts(struct arena *arena, struct str line, struct script_series *out,
                        struct err *err);
bool script_is_starts(struct str line);

/* Plain numbers as values are written: NaN, Inf, 1e3, 0x10. */
bool script_parse_number(struct str text, double *out);

#endif
