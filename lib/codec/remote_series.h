/* Series as remote read answers and remote write sends them: parts of Prometheus's protobuf
 * messages, written into a buffer. The readers are in remote_write.c and remote_read.c. */
#ifndef TELLTALE_CODEC_REMOTE_SERIES_H
#define TELLTALE_CODEC_REMOTE_SERIES_H

#include <stdint.h>

#include "base/buf.h"
#include "model/labels.h"
#include "model/sample.h"

/* Label {name = 1, value = 2}, each pair as field `number`. */
void remote_put_labels(struct buf *out, uint32_t number, const struct labels *l);

/* Sample {value = 1, timestamp = 2, start_timestamp = 3} as field `number`; the start only where it
 * is known, which is a field of remote write 2.0 alone. */
void remote_put_sample(struct buf *out, uint32_t number, const struct sample *s);

/* Histogram of s->histogram: whole counts as deltas where the histogram says that they are whole,
 * else as doubles. */
void remote_put_histogram(struct buf *out, uint32_t number, const struct sample *s);

#endif
