/* Private to the steps of an append (append.c has them in order). */
#ifndef TELLTALE_STORE_EMBEDDED_APPEND_H
#define TELLTALE_STORE_EMBEDDED_APPEND_H

#include "model/batch.h"
#include "store/embedded/engine.h"
#include "store/embedded/keep.h"

/* A series of the batch that has something to store. */
struct resolved {
    struct stream *stream;
    const struct batch_series *series;
    const struct sample *samples;     /* the good ones */
    const struct exemplar *exemplars; /* the new ones */
    uint32_t n_samples, n_exemplars;
    uint32_t id; /* of the stream: its memory is far */
    uint8_t shard;
    bool define; /* the record carries its definition */
};

/* A series whose samples go to another stream than its own. */
struct folded {
    struct stream *stream;
    const struct sample *samples;
    uint32_t n_samples, number; /* in the order of the batch */
};

/* A point that becomes a row of a group. */
struct resolved_point {
    struct stream *group;
    const struct batch_point *point;
};

struct resolved_points {
    struct resolved_point *v;
    size_t n, cap;
};

struct append_scratch {
    struct append_scratch *next;
    struct resolved *v;
    struct folded *folded;
    size_t n_folded, cap_folded;
    struct resolved_points histograms, runs; /* the latter come later, in the log as in heads */
    uint32_t *order; /* of v, by shard: a shard's lock is taken once, its memory met in order */
    uint32_t shard_from[STREAM_SHARDS + 1]; /* where each shard's begin in `order` */
    size_t n, cap;
    struct buf record, seal;
    struct arena arena; /* of filtered samples, families, label arrays */
};

/* One batch on its way. */
struct append {
    struct store *store;
    const struct batch *batch;
    struct append_scratch *x;
    struct sink_result result;
    int64_t min_ms, max_ms;                  /* times that are accepted, of every series */
    struct keep keep;                        /* before min_ms it depends on the series */
    const struct metric_metadata **families; /* that are news */
    size_t n_families, n_definitions, n_exemplars, n_with_rows;
    size_t n_in_runs; /* series of x->runs */
    size_t n_created; /* streams that were new */
    size_t n_unknown; /* series that were found by labels */
    struct {
        const struct stream *stream; /* NULL: none yet */
        struct labels labels;
    } last; /* of them */
    struct err *err;
};

/* The series' labels, also when the batch has none because the stream is known; then in the
 * scratch's arena. */
struct labels append_labels(const struct append *a, const struct batch_series *series);

/* Fills x->v and x->order with the series that have something to store, and counts the rest as
 * rejected. ERR_STALE: the batch was made with streams that may be gone. */
int append_resolve(struct append *a);

/* Folds what was admitted of the series into the overflow stream of its metric; it must not be made
 * because of `why`. Errors as streams_intern. */
int append_fold(struct append *a, const struct resolved *r, const struct guard_verdict *why);

/* Resolves the overflow streams of what was folded; there is room in x->v. ERR_NOMEM. */
int append_overflow(struct append *a);

/* Whether all of a point can be one row. */
bool append_is_usual(const struct append *a, const struct batch_point *p);

/* Adds one to x->histograms or x->runs, where there is room. */
void append_take_point(struct append *a, struct stream *group, const struct batch_point *p);

/* append_points.c: fills x->histograms and x->runs with those of the batch that can be rows of
 * groups, with room for its groups, and adds the series of the others to x->v, where there must be
 * room. ERR_NOMEM. */
int append_points_resolve(struct append *a);

/* Writes what is resolved of them to the record. Returns the latest of their times; INT64_MIN:
 * none.
 */
int64_t append_points_encode(const struct append *a, struct buf *out);

struct applier;
/* Puts them into heads. */
int append_points_apply(struct append *a, struct applier *to_heads);

/* What there is to store of a series, to x->v; the rest is counted as rejected. */
int append_resolve_series(struct append *a, const struct batch_series *series);

/* Adds one to x->v, and to the counts of what is to be written. */
void append_take(struct append *a, const struct resolved *r);

/* Writes the record of what is resolved, and of the families that are news. */
int append_log(struct append *a, struct wal_position *out);

#endif
