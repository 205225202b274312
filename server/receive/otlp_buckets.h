/* Private to the delta streams: exponential buckets that are added up.
 *
 * Adding may need a wider range of buckets than there is room for; then the scale is lowered, which
 * merges neighbours two by two. */
#ifndef TELLTALE_RECEIVE_OTLP_BUCKETS_H
#define TELLTALE_RECEIVE_OTLP_BUCKETS_H

#include <stdbool.h>
#include <stdint.h>

#include "codec/otlp.h"

enum { OTLP_BUCKETS_MAX = 1024 }; /* on each side of zero */

struct bucket_sum {
    uint64_t *counts; /* owned */
    size_t n;
    int32_t offset;
};

void bucket_sum_done(struct bucket_sum *s);

/* By how much the scale has to be lowered so that both fit into OTLP_BUCKETS_MAX; `down` is where
 * to begin for each. */
int32_t bucket_sum_shift(const struct bucket_sum *s, int32_t s_down, const struct otlp_buckets *b,
                         int32_t b_down);

/* Lowers the scale of both by their shifts and adds `b` to `s`. False when memory is short; `s` is
 * then unchanged. */
bool bucket_sum_add(struct bucket_sum *s, int32_t s_down, const struct otlp_buckets *b,
                    int32_t b_down);

#endif
