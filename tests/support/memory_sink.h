/* A sink that keeps nothing but the labels that series were sent with, to test what receivers make
 * of series that a sink recalls. */
#ifndef TELLTALE_TESTS_SUPPORT_MEMORY_SINK_H
#define TELLTALE_TESTS_SUPPORT_MEMORY_SINK_H

#include "base/map.h"
#include "model/batch.h"
#include "model/sink.h"

struct memory_sink {
    struct sink sink; /* append and recall */
    struct arena arena;
    struct map labels; /* by the bytes of `sent` */
};

/* `s` must not move afterwards. */
void memory_sink_init(struct memory_sink *s);
void memory_sink_done(struct memory_sink *s);

/* The labels of a series of a batch, whether they are known or said. */
struct labels memory_sink_labels(const struct batch_series *series);

/* Makes series of the batch's points, where these would stand without a sink that recalls; but a
 * run of numbers stands where its first does. Groups that the batch tells of are lost: append it
 * first.
 */
void memory_sink_unroll(struct batch *b);

/* Brings series into an order of their own, whatever the way they came. */
void memory_sink_sort(struct batch *b);

/* Both batches have the same series, with equal samples and exemplars. */
bool memory_sink_eq(const struct batch *a, const struct batch *b);

#endif
