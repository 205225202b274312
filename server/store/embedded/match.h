/* Which streams satisfy a list of label matchers: set algebra over postings, wherever they are kept
 * (the index in memory, a part's file). */
#ifndef TELLTALE_STORE_EMBEDDED_MATCH_H
#define TELLTALE_STORE_EMBEDDED_MATCH_H

#include <stddef.h>

#include "model/matcher.h"

struct roaring_bitmap_s;

/* Asked for each value: 1 take it, 0 leave it, negative: stop with this error. */
typedef int value_filter(void *arg, struct str value);

/* Where postings come from. Each function adds streams to `out` and returns 0 or ERR_…. */
struct posting_source {
    void *self;
    int (*all)(void *self, struct roaring_bitmap_s *out);
    int (*with_name)(void *self, struct str name, struct roaring_bitmap_s *out);
    int (*with_value)(void *self, struct str name, struct str value, struct roaring_bitmap_s *out);
    /* Of every value of `name` that starts with `prefix` and passes the filter. */
    int (*with_values)(void *self, struct str name, struct str prefix, value_filter *filter,
                       void *arg, struct roaring_bitmap_s *out);
};

/* The streams that satisfy all `n` matchers (all streams for n == 0); *out is the caller's to free.
 * ERR_TOO_BIG: a regex ran into its limit. ERR_NOMEM, or what the source says. */
int match_streams(const struct posting_source *source, const struct matcher *matchers, size_t n,
                  struct roaring_bitmap_s **out, struct err *err);

#endif
