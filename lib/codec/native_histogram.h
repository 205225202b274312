/* Private to the codecs of protobuf: a native histogram, whose message is the same in remote
 * write's two versions, and has the same fields by other numbers in the format of scrapes. */
#ifndef TELLTALE_CODEC_NATIVE_HISTOGRAM_H
#define TELLTALE_CODEC_NATIVE_HISTOGRAM_H

#include "base/arena.h"
#include "codec/protobuf.h"
#include "model/histogram.h"

/* Arrays whose length is known only when all their fields were seen: a repeated number may come
 * packed, one by one, or in several packed pieces. */
struct native_doubles {
    double *v;
    size_t n, cap;
};

struct native_spans {
    struct histogram_span *v;
    size_t n, cap;
};

/* The sum of deltas so far is the count: exact in an int64, and as a double up to 2^53. */
struct native_counts {
    struct native_doubles absolute;
    int64_t last;
};

/* What is being read; starts as {0}. */
struct native_reading {
    struct histogram h; /* but for its arrays */
    struct native_spans positive_spans, negative_spans;
    struct native_counts positive, negative;
    struct native_doubles custom;
};

/* Reads the value of a field of remote write's message, `tag` its own; false, and nothing is read,
 * when it is none of the histogram's. Damage is the reader's; out of memory: arena_failed(). */
bool native_read_field(struct native_reading *in, struct pb_reader *r, uint32_t tag,
                       struct arena *arena);

/* What was read, not validated; integer buckets came as deltas and are absolute counts. NULL when
 * out of memory. */
struct histogram *native_read_end(const struct native_reading *in, struct arena *arena);

/* Appends spans, each a message of its own in field `number`: the same in all these formats. */
void native_put_spans(struct buf *out, uint32_t number, const struct histogram_span *v, size_t n);

#endif
