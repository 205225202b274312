/* Base-2 exponential histograms (OpenTelemetry's data model): bucket i of scale s holds the values
 * in (2^(i/2^s), 2^((i+1)/2^s)]. 160 buckets that begin at scale 20 and halve their number whenever
 * a value does not fit. */
#ifndef TELLTALE_METRICS_EXPONENTIAL_H
#define TELLTALE_METRICS_EXPONENTIAL_H

#include <stdbool.h>
#include <stdint.h>

#include "metrics/cell.h"

enum { EXP_BUCKETS = 160, EXP_SCALE_MAX = 20, EXP_SCALE_MIN = -11 };

/* Words of a range of buckets within a cell. Index i stands in slot i mod EXP_BUCKETS. */
enum {
    EXP_SCALE,    /* scale + 64; 0: nothing was recorded */
    EXP_LOW_HIGH, /* lowest index, and the highest in the upper half */
    EXP_COUNTS,
    EXP_RANGE_WORDS = EXP_COUNTS + EXP_BUCKETS
};

/* The slot of an index. */
static inline size_t exp_slot(int32_t i)
{
    int32_t at = i % EXP_BUCKETS;
    return (size_t)(at < 0 ? at + EXP_BUCKETS : at);
}

/* The word EXP_LOW_HIGH. */
static inline uint64_t exp_ends(int32_t low, int32_t high)
{
    return (uint32_t)low | (uint64_t)(uint32_t)high << 32;
}

static inline int32_t exp_low(uint64_t ends)
{
    return (int32_t)(uint32_t)ends;
}

static inline int32_t exp_high(uint64_t ends)
{
    return (int32_t)(uint32_t)(ends >> 32);
}

/* The index of a finite value above 0. */
int32_t exp_index(double v, int scale);

/* Counts a finite value above 0, in at most `max` buckets (2 to EXP_BUCKETS) that begin at a scale.
 */
void exp_record(cell_word *range, double v, int max, int scale);

/* Counts a value of index i, that does not fit at the range's scale: halves the buckets until it
 * does. */
void exp_widen(cell_word *range, int32_t i, int max);

/* Buckets read from cells. */
struct exp_buckets {
    bool used;
    int32_t scale, low, high;
    uint64_t counts[EXP_BUCKETS]; /* index i in slot i mod EXP_BUCKETS */
};

/* Adds what a range holds; between cell_read_begin and _end. `b` starts as {0}. */
void exp_add(struct exp_buckets *b, const cell_word *range);

/* To a scale that is not above its own. */
void exp_rescale(struct exp_buckets *b, int32_t scale);

/* Adds `n` to the bucket of index `i` at the scale of `b`, which it lowers when i does not fit into
 * `max` buckets. */
void exp_count(struct exp_buckets *b, int32_t i, uint64_t n, int max);

/* Takes from `b` what `less` holds, of the same scale. */
void exp_subtract(struct exp_buckets *b, const struct exp_buckets *less);

/* How many values are in it. */
uint64_t exp_total(const struct exp_buckets *b);

uint64_t exp_get(const struct exp_buckets *b, int32_t i);

#endif
