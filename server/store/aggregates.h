/* Reading metrics rolled up: what a bucket of time says of a stream's samples, for long ranges and
 * for times whose samples have expired. docs/design/aggregates.md tells when the answer to a
 * question stays the same. */
#ifndef TELLTALE_STORE_AGGREGATES_H
#define TELLTALE_STORE_AGGREGATES_H

#include "store/store.h"

enum aggregate_flag {
    AGGREGATE_ENDS_STALE = 1 << 0,   /* the last row is a stale marker */
    AGGREGATE_MIXED = 1 << 1,        /* exponential and custom histograms: there is no sum */
    AGGREGATE_MIXED_GROWTH = 1 << 7, /* … also without the first, if the second is a reset */
    AGGREGATE_GAUGES = 1 << 2,       /* some histogram is a gauge's */
    AGGREGATE_RESET_YES = 1 << 3,    /* some histogram says that it follows a reset */
    AGGREGATE_RESET_NO = 1 << 4,     /* or that it does not */
    AGGREGATE_SECOND_RESET = 1 << 5, /* the second histogram follows a reset: see lost */
    AGGREGATE_RECONCILED = 1 << 6,   /* custom bounds differed in the sum */
};

struct aggregate_histograms {
    int64_t n; /* at least 1 */
    int64_t first_ms, last_ms;
    const struct histogram *first, *last;
    const struct histogram *sum;  /* NULL with AGGREGATE_MIXED */
    const struct histogram *lost; /* sum of those before a reset, NULL: none; without `first` when
                                     AGGREGATE_SECOND_RESET is set */
};

/* One stream's samples in (t - resolution, t]. Without floats (n == 0) the numbers about them mean
 * nothing; resets and changes count floats and histograms together. */
struct aggregate {
    int64_t t_unix_ms;
    int64_t n, first_ms, last_ms;
    double first, last, sum, min, max;
    double lost; /* sum of the values before a counter reset */
    int64_t resets, changes;
    unsigned flags;
    const struct aggregate_histograms *histograms; /* NULL: none */
};

/* What is wanted of rows; times, n and flags are always there. */
enum aggregate_column {
    AGGREGATE_ENDS = 1 << 0, /* first, last and their times */
    AGGREGATE_SUM = 1 << 1,
    AGGREGATE_MIN = 1 << 2,
    AGGREGATE_MAX = 1 << 3,
    AGGREGATE_LOST = 1 << 4,
    AGGREGATE_RESETS = 1 << 5,
    AGGREGATE_CHANGES = 1 << 6,
    AGGREGATE_ALL = (1 << 7) - 1,
};

struct aggregates {
    struct aggregate *v;
    size_t n, cap;
    unsigned want;       /* of enum aggregate_column */
    size_t damaged;      /* blocks that were skipped in the last read */
    size_t samples;      /* of days that are not rolled up, in the last read */
    struct arena *arena; /* borrowed: histograms live there */
};

/* `want`: of enum aggregate_column; `arena` borrowed. */
void aggregates_init(struct aggregates *a, unsigned want, struct arena *arena);
void aggregates_done(struct aggregates *a);

/* What there is of a range of time. */
struct aggregates_view {
    int64_t resolutions_ms[STORE_RESOLUTIONS_MAX]; /* rising */
    size_t n;                                      /* 0: nothing is rolled up in the range */
    int64_t raw_min_ms; /* some samples before this have expired, or are gone */
};

/* Of [min, max]; cheap, and out of date as soon as a day is rolled up. Threads: any. */
void store_aggregates_view(struct store *s, int64_t min_ms, int64_t max_ms,
                           struct aggregates_view *out);

/* Of the days in [min, max], when store_select_aggregated is asked for `resolution_ms`: 0 when each
 * has that one or another that divides it; else the coarsest that stands in for it, at the most.
 * Threads: any. */
int64_t store_aggregates_coarser(struct store *s, int64_t min_ms, int64_t max_ms,
                                 int64_t resolution_ms);

/* As store_select, with days rolled up in place of their samples: where these have expired or are
 * gone, and, if `prefer`, wherever the aggregates are up to date. Of a day that has not
 * `resolution_ms` another one that divides it is taken, or whatever there is. */
int store_select_aggregated(struct store *s, const struct matcher *matchers, size_t n_matchers,
                            int64_t min_ms, int64_t max_ms, int64_t resolution_ms, bool prefer,
                            struct budget *memory, struct selection **out, struct err *err);

/* As store_select, of all streams that there is anything of, rolled up or not; to list them. */
int store_select_known(struct store *s, const struct matcher *matchers, size_t n_matchers,
                       int64_t min_ms, int64_t max_ms, size_t limit, struct budget *memory,
                       struct selection **out, struct err *err);

/* What a selection found rolled up. */
struct selection_aggregates {
    size_t days;           /* 0: nothing */
    size_t expired;        /* of these, days whose samples have expired */
    int64_t resolution_ms; /* the coarsest that was taken */
    int64_t end_ms;        /* of the last of them */
};
struct selection_aggregates selection_aggregates(const struct selection *sel);

/* Replaces the content of `out` with the buckets of stream i that end in [min_ms, max_ms], by
 * rising time; of days that are not rolled up those that samples make up now, of `resolution_ms`;
 * 1: each sample is a bucket of its own, that ends with it. Two rows may have the same time:
 * together they are the bucket. Errors as selection_read, which gives for a day rolled up the first
 * and last sample of each bucket. */
int selection_read_aggregates(const struct selection *sel, size_t i, int64_t min_ms, int64_t max_ms,
                              int64_t resolution_ms, struct aggregates *out, struct err *err);

#endif
