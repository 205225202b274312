/* Delta points become cumulative ones: what each stream has counted so far is kept and added to.
 *
 * The rules are those of OpenTelemetry's deltatocumulative processor:
 * - a stream begins with its first point, whose start time stays its start time;
 * - a point older than the last one is refused;
 * - a gap (start time after the last point's time) is bridged: what was lost is lost, but the sum
 *   does not fall, which PromQL would take for a reset;
 * - a change of a histogram's bounds begins the stream anew.
 * A point at the very time of the last one is the last one sent again (a client's retry) and gives
 * the same result once more.
 *
 * The streams are limited in number; one that has been idle makes room for others, and begins anew
 * when it comes back. Nothing is kept over a restart. Threads: any; streams are spread over shards
 * with a lock each. */
#ifndef TELLTALE_RECEIVE_OTLP_DELTA_H
#define TELLTALE_RECEIVE_OTLP_DELTA_H

#include "base/arena.h"
#include "codec/otlp.h"

struct otlp_delta;

enum otlp_delta_outcome {
    OTLP_DELTA_OK,
    OTLP_DELTA_OUT_OF_ORDER, /* older than the stream's last point */
    OTLP_DELTA_FULL,         /* too many streams, or no memory for one more */
};

struct otlp_delta_options {
    size_t max_streams; /* 0: 1,000,000; a histogram counts as one more for each 64 buckets */
    int64_t idle_ms;    /* 0: 1 h */
};

/* ERR_NOMEM. */
int otlp_delta_new(const struct otlp_delta_options *options, struct otlp_delta **out);
void otlp_delta_free(struct otlp_delta *d);
void otlp_delta_configure(struct otlp_delta *d, const struct otlp_delta_options *options);

/* How many streams are kept now. */
size_t otlp_delta_count(struct otlp_delta *d);

/* Adds the point `p` to stream `id` (a hash of its labels and kind) and makes `p` what the stream
 * has counted since its start. New arrays are of the arena; when its budget is spent it is marked
 * so and `p` is of no use. Minimum and maximum are dropped: they have no cumulative form. */
enum otlp_delta_outcome otlp_delta_number(struct otlp_delta *d, uint64_t id,
                                          struct otlp_number_point *p);
enum otlp_delta_outcome otlp_delta_histogram(struct otlp_delta *d, uint64_t id, struct arena *arena,
                                             struct otlp_histogram_point *p);
enum otlp_delta_outcome otlp_delta_exponential(struct otlp_delta *d, uint64_t id,
                                               struct arena *arena,
                                               struct otlp_exponential_point *p);

#endif
