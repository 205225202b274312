/* Private to remote_write: a native histogram message, the same in both versions. */
#ifndef TELLTALE_CODEC_REMOTE_WRITE_HISTOGRAM_H
#define TELLTALE_CODEC_REMOTE_WRITE_HISTOGRAM_H

#include "base/arena.h"
#include "codec/protobuf.h"
#include "model/sample.h"

/* Reads the message `r` (its damage is the caller's to look at) into the sample; integer buckets
 * come as deltas and go as absolute counts. Not validated. Out of memory: arena_failed(). */
void remote_write_histogram(struct pb_reader *r, struct arena *arena, struct sample *out);

#endif
