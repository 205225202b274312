/* Where range functions get their samples: series of the store, or rows of a subquery. */
#ifndef TELLTALE_QUERY_PROMQL_SOURCE_H
#define TELLTALE_QUERY_PROMQL_SOURCE_H

#include "query/promql/eval.h"
#include "store/aggregates.h"
#include "store/store.h"

struct rolled_function;
struct rolled_plan;
struct series_reader;
struct common_read;
struct reading;

/* The samples of one series without stale markers, floats apart from histograms. Start times: 0
 * unknown; the arrays are NULL when none is known. */
struct samples {
    const int64_t *ft, *fst;
    const double *fv;
    const int64_t *ht, *hst;
    const struct histogram *const *hh;
    size_t nf, nh;
};

struct sample_series {
    struct labels labels;
    bool drop_name;
    struct samples samples;        /* until the next series */
    const struct aggregates *rows; /* in place of samples when they come rolled up; else NULL */
};

/* The window that a range selector or subquery opens at each step: (end - range, end]. */
struct window_spec {
    int64_t range_ms, offset_ms;
    struct at at;
    bool anchored, smoothed;
};

static inline int64_t window_end(const struct window_spec *w, int64_t t)
{
    return (w->at.kind == AT_NONE ? t : w->at.ms) - w->offset_ms;
}

struct source {
    int (*next)(struct source *s, struct sample_series *out); /* 1, 0, or an error */
    struct eval *ev;
    struct window_spec window;
    bool distinct;              /* as of op */
    struct rolled_plan *rolled; /* rows come rolled up; NULL: as samples */
};

/* For a range selector or subquery node and the timeline of its function. `rolled`: the function
 * can do with samples rolled up; NULL: it cannot. */
int source_open(struct eval *ev, const struct node *n, struct timeline t,
                const struct rolled_function *rolled, struct source **out);

/* The reader of a source of stored series; NULL: it is a subquery. */
struct series_reader *source_reader(const struct source *s);

/* Another source of the same stored series, for another evaluation. */
int source_share(struct eval *ev, const struct source *of, const struct rolled_function *rolled,
                 struct source **out);

/* Cuts samples to the window of the one step at `t`. With anchored and smoothed selectors that is
 * smaller than what was read, and has a sample at each of its ends, made where there is none; in
 * the query's memory then. ERR_UNSUPPORTED: these cannot be made of histograms. */
int source_window(const struct source *s, int64_t t, struct samples *samples);

/* --- series of the store, raw (select.c and selection-backed sources) ------------------------- */

struct series_reader {
    struct op op; /* only for its close */
    struct selection *selection;
    struct columns columns;     /* of the series read last */
    struct columns own;         /* what is behind them, unless they are kept ones */
    struct common_read *common; /* NULL: it reads alone */
    struct aggregates *rows;    /* what is read instead of columns; NULL: columns */
    int64_t rows_resolution_ms; /* of samples among them */
    struct arena *histograms;
    int64_t min_ms, max_ms;
    size_t at, end; /* series yet to read: [at, end) */
    size_t held;
    bool borrowed; /* the selection is another reader's */
    bool distinct;
    /* Series to skip unread; NULL: none. */
    bool (*wanted)(void *self, const struct labels *l);
    void *self;
    bool resolve_resets;
};

/* What a selector selects; both times inclusive. */
struct series_spec {
    const struct matcher *matchers;
    size_t n;
    int64_t min_ms, max_ms;
    const struct rolled_plan *plan;
    struct reading *reading; /* with others; NULL: alone */
};

/* NULL in *out with an error. */
int series_open(struct eval *ev, const struct series_spec *spec, struct series_reader **out);

/* Another reader of the same selection, for another evaluation. The first outlives it. Rolled-up
 * rows are the caller's to set. */
int series_share(struct eval *ev, const struct series_reader *of, struct series_reader **out);

/* Reads the next series that has rows: 1 (labels and r->columns or r->rows), 0, or an error. */
int series_next(struct series_reader *r, struct labels *out);

#endif
