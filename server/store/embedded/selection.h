/* A selection: streams found in heads and parts, unified by label set, with where their rows are.
 *
 * gather (gather.c) walks the sources and leaves a candidate for each stream of each source; unify
 * (select.c) ranks the distinct label pairs, sorts candidates as arrays of integers and makes one
 * stream of those that are equal. */
#ifndef TELLTALE_STORE_EMBEDDED_SELECTION_H
#define TELLTALE_STORE_EMBEDDED_SELECTION_H

#include "store/aggregates.h"
#include "store/embedded/engine.h"
#include "store/embedded/keep.h"
#include "store/embedded/label_table.h"

/* Rows of one stream in one place: a series of a head, or a block of a part. */
struct source {
    struct head_series *series; /* or NULL */
    size_t shard;      /* of the series' stream: nothing of `series` is read without its lock */
    struct part *part; /* or NULL */
    struct part_block block;     /* of the part; for a head only its times */
    const struct hidden *hidden; /* rows that were deleted, or NULL; in the selection's arena */
};

struct selected {
    struct labels labels;
    int64_t min_ms;        /* samples: not before their retention */
    int64_t rolled_min_ms; /* what is rolled up: not before that of aggregates */
    uint32_t first, n;     /* of sources */
};

struct selection {
    struct store *store;
    struct arena arena; /* owns all below but the counts of references */
    struct selection_aggregates aggregates;
    int64_t aggregates_min_ms; /* not before theirs */
    struct selected *streams;
    size_t n;
    struct source *sources; /* by rising rank within a stream: the later wins at equal time */
    size_t n_sources, cap_sources;
    struct head **heads; /* referenced */
    size_t n_heads, cap_heads;
    struct part **parts; /* referenced */
    size_t n_parts, cap_parts;
};

/* One stream of one source. Candidates are in the order of rank of their sources. */
struct candidate {
    uint32_t labels, n_labels; /* in gather.labels */
    uint32_t first, n;         /* in selection.sources */
};

struct gather {
    struct selection *selection;
    struct keep keep;
    const struct tombstone_set *tombstones; /* taken before anything else is looked at */
    const struct erasures *erasures;        /* of the current part */
    const struct matcher *matchers;
    size_t n_matchers;
    int64_t min_ms, max_ms;
    const struct aggregate_request *request; /* NULL: samples alone */
    int64_t *taken;                          /* days read rolled up, rising */
    size_t n_taken;
    int64_t *mixed; /* days read rolled up, but for streams whose samples are kept longer */
    size_t n_mixed;
    int64_t *partial; /* of these, days that have lost samples of some streams, whatever is kept now
                       */
    size_t n_partial;
    struct arena work;
    struct label_table table;
    struct candidate *candidates;
    uint32_t *labels; /* numbers of the table */
    size_t n_candidates, cap_candidates, n_labels, cap_labels;
    struct err *err;
};

/* Which days are read rolled up (aggregate_select.c). */
struct aggregate_request {
    int64_t asked_min_ms, resolution_ms;
    bool prefer; /* where there are samples, too */
};

/* Chooses the days, before heads and parts are gathered: they become the selection's first parts.
 */
int aggregates_choose(struct gather *g);
bool aggregates_took(const struct gather *g, int64_t day);

/* Whether that day of a stream, whose samples are kept from `stream_min_ms` on, is to be read
 * rolled up, or from its samples. `samples`: it has some that day (of no interest unless
 * aggregates_is_partial). */
bool aggregates_want(const struct gather *g, int64_t day, bool rolled_up, int64_t stream_min_ms,
                     bool samples);
bool aggregates_is_partial(const struct gather *g, int64_t day);

/* Joins them with the raw parts of the other days; takes the references to `raw`. */
int aggregates_put(struct gather *g, struct part **raw, size_t n);

/* selection_read of the days that are not rolled up. */
int selection_read_raw(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                       struct columns *out);

/* Samples that a block of the aggregates tells of, within [min, max]. */
int aggregates_read_points(const struct part *p, const struct part_block *b, int64_t min_ms,
                           int64_t max_ms, struct columns *out);

/* Adds the candidates of all live and frozen heads, or of all parts. */
int gather_heads(struct gather *g);
int gather_parts(struct gather *g);

/* References to the parts that may have rows in [min, max], by (day, sequence), in `arena`; the
 * caller unrefs each. */
int parts_snapshot(struct store *s, int64_t min_ms, int64_t max_ms, struct arena *arena,
                   struct part ***out, size_t *out_n);

#endif
