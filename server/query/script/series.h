/* The notation of series: labels, then values that repeat and grow. Private to script/. */
#ifndef TELLTALE_QUERY_SCRIPT_SERIES_H
#define TELLTALE_QUERY_SCRIPT_SERIES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "model/histogram.h"
#include "model/labels.h"

struct script_starts;

struct script_value {
    bool omitted, hint_set; /* hint_set: counter_reset_hint was written */
    double v;
    const struct histogram *h; /* NULL: v */
};

struct script_series {
    struct labels labels;
    struct script_value *values;
    size_t n;
    const struct script_starts *starts; /* NULL: none given */
};

/* Parses `metric{labels} values`. All in the arena. ERR_INVALID. */
int script_parse_series(struct arena *arena, struct str line, struct script_series *out,
                        struct err *err);

/* --- pieces of the notation, for starts.c ------------------------------------------------------
 */

/* Where the labels at the start of the line end. */
size_t script_labels_end(struct str line);

/* Labels as a selector of nothing but = writes them. ERR_INVALID, ERR_NOMEM. */
int script_labels_of(struct arena *arena, struct str text, struct labels *out, struct err *err);

/* Takes the item at the start of the text; spaces inside {{ }} belong to it. */
struct str script_next_item(struct str *text);

/* The repeat behind an item ("x3"): -1 if there is none. ERR_INVALID. */
int script_repeat_of(struct str text, long *out, struct err *err);

/* Plain numbers as values are written: NaN, Inf, 1e3, 0x10. */
bool script_parse_number(struct str text, double *out);

#endif
