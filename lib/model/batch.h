/* What travels from receivers through the pipeline to the store: one request's or scrape's worth of
 * metrics in one arena, whatever the protocol it came by. */
#ifndef TELLTALE_MODEL_BATCH_H
#define TELLTALE_MODEL_BATCH_H

#include <stdbool.h>

#include "base/arena.h"
#include "base/err.h"
#include "base/hash.h"
#include "model/labels.h"
#include "model/sample.h"

struct batch_series {
    struct labels labels; /* canonical (see labels.h); borrowed from arena or request body */
    uint64_t hash;        /* labels_hash(&labels), set by batch_add_series */
    const void *known;    /* from sink_recall, instead of labels and hash; NULL: look at these */
    struct hash128 sent;  /* of the bytes that said the labels, for sink_recall; {0}: none */
    const struct sample *samples;
    const struct exemplar *exemplars;
    uint32_t n_samples, n_exemplars;
};

/* Series that the sink recalled together: a row for all of them, in the order in which they were
 * told. Either a point of a classic histogram: _sum (if there is one), _count, _bucket by rising
 * bound, the last of them +Inf. Or a run of numbers, each with a time of its own. */
struct batch_point {
    const void *known;
    const struct sample *numbers; /* n_counts floats, borrowed; nothing below tells anything then;
                                     NULL: a histogram */
    int64_t t_unix_ms, start_unix_ms; /* as in struct sample */
    double sum;
    uint64_t count;
    const uint64_t *counts; /* in each bucket below +Inf, not added up; borrowed */
    uint32_t n_counts;
    uint32_t position; /* among the series: before so many of them were added */
    bool has_sum;
    bool stale; /* the series end here: numbers mean nothing */
};

/* Series of the batch with a float each that the sink may recall together by one hash the next
 * time, as a batch_point. They then count as if they came before all others. */
struct batch_group {
    struct hash128 sent;
    const uint32_t *series;          /* their numbers; of the arena */
    const struct batch_point *point; /* a histogram, as it would be sent if it were known; NULL: a
                                        run of numbers */
    uint32_t n;
};

enum { BATCH_RUN_MAX = 64 }; /* series of a run */

/* Lives until batch_done. Everything inside is borrowed from `arena` or from buffers that outlive
 * the batch (the request body). */
struct batch {
    struct arena arena;
    struct batch_series *series;
    struct batch_point *points; /* count as if they came before all series, histograms first */
    struct batch_group *groups;
    struct metric_metadata *metadata;
    size_t n_series, cap_series, n_points, cap_points, n_metadata, cap_metadata;
    size_t n_groups, cap_groups;
    size_t n_in_points; /* series that the points are of */
    size_t n_known;     /* series and points that are `known` */
    uint32_t recalled;  /* what sink_recall answered for the first of them */
    struct label_hashes hashes;
};

void batch_init(struct batch *b, size_t budget_bytes);
void batch_done(struct batch *b);

/* Empty again, one arena block kept: for a thread that handles one request after another. */
void batch_reset(struct batch *b);

/* Adds a series and hashes its labels. NULL when the budget is spent. The pointer is valid until
 * the next call. */
struct batch_series *batch_add_series(struct batch *b, struct labels labels);

/* The same, with what labels_same_text says of these labels and those that were added in one of
 * these two ways before. */
struct batch_series *batch_add_series_like(struct batch *b, struct labels labels, uint64_t same);

/* The same for a caller that knows labels_hash(&labels) already. */
struct batch_series *batch_add_hashed(struct batch *b, struct labels labels, uint64_t hash);

/* A series without labels that the sink recalled, with what sink_recall answered. */
struct batch_series *batch_add_known(struct batch *b, const void *known, uint32_t recalled);

/* A point whose series the sink recalled together, with what sink_recall answered. ERR_NOMEM. */
int batch_add_point(struct batch *b, const struct batch_point *point, uint32_t recalled);

/* What is to be recalled together. ERR_NOMEM. */
int batch_add_group(struct batch *b, const struct batch_group *group);

/* How many series a point is of, and of a histogram's their values; both as they would be without
 * points. */
static inline size_t batch_point_series(const struct batch_point *p)
{
    return p->numbers ? p->n_counts : (size_t)p->n_counts + 2 + p->has_sum;
}
void batch_point_values(const struct batch_point *p, double *out);

/* Its first and its last time. */
static inline void batch_point_times(const struct batch_point *p, int64_t *out_min,
                                     int64_t *out_max)
{
    int64_t min = p->numbers ? p->numbers[0].t_unix_ms : p->t_unix_ms, max = min;
    for (uint32_t i = 1; p->numbers && i < p->n_counts; i++) {
        int64_t t = p->numbers[i].t_unix_ms;
        min = t < min ? t : min;
        max = t > max ? t : max;
    }
    *out_min = min;
    *out_max = max;
}

int batch_add_metadata(struct batch *b, const struct metric_metadata *m);

size_t batch_count_samples(const struct batch *b);

#endif
