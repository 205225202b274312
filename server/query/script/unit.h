/* Series and expected samples in the notation of the scripts, for tests that are written in another
 * format around it. Texts are borrowed while a call runs. */
#ifndef TELLTALE_QUERY_SCRIPT_UNIT_H
#define TELLTALE_QUERY_SCRIPT_UNIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"

struct batch;
struct query_result;

struct unit_sample {
    struct str labels; /* metric{…}; "" for none */
    double value;
    struct str histogram; /* {{…}}; "": `value` it is */
};

struct unit_loader; /* lives in its arena */

/* Samples lie at `from_ms` and each `interval_ms` behind it. NULL: out of memory. */
struct unit_loader *unit_loader_new(struct arena *arena, int64_t from_ms, int64_t interval_ms);

/* One series: `metric{…}` and its values, as in "0+10x4 _ stale". ERR_INVALID, ERR_NOMEM. */
int unit_loader_add(struct unit_loader *l, struct str series, struct str values, struct err *err);

/* All of them that are not behind `until_ms`, as a batch that borrows from the arena. ERR_INVALID,
 * ERR_NOMEM. */
int unit_loader_batch(struct unit_loader *l, int64_t until_ms, struct batch *out, struct err *err);

/* Are these the samples of an instant query's answer, in any order? A scalar is a sample without
 * labels. Values must be the same to the last bit, with `fuzzy` one of the three nearest; numbers
 * in histograms the same to a millionth. ERR_INVALID with what is different. */
int unit_check(struct arena *arena, const struct unit_sample *want, size_t n, bool fuzzy,
               const struct query_result *got, struct err *err);

#endif
