/* Prometheus's remote read: the request (prometheus.ReadRequest), and both forms of the answer,
 * raw samples and a stream of frames with chunks. */
#ifndef TELLTALE_CODEC_REMOTE_READ_H
#define TELLTALE_CODEC_REMOTE_READ_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/str.h"
#include "model/labels.h"
#include "model/sample.h"

struct remote_read_matcher {
    unsigned op; /* =, !=, =~, !~ as 0…3: the order of enum match_op */
    struct str name, value;
};

struct remote_read_query {
    int64_t start_ms, end_ms; /* both inclusive */
    struct remote_read_matcher *matchers;
    size_t n;
};

struct remote_read_request {
    struct remote_read_query *queries;
    size_t n;
    bool chunked; /* the first form of answer that the client likes and we have */
};

/* Decodes the decompressed body, from which texts are borrowed; arrays live in the arena.
 * ERR_INVALID names the field and byte; ERR_UNSUPPORTED: the client takes no form that there is. */
int remote_read_decode(struct str body, struct arena *arena, struct remote_read_request *out,
                       struct err *err);

/* One series of a QueryResult (raw samples), as field 1. */
void remote_read_put_series(struct buf *out, const struct labels *labels, const struct sample *v,
                            size_t n);

/* A frame ends with the chunk that makes it as large as this: readers refuse larger ones. */
enum { REMOTE_READ_FRAME_BYTES = 1 << 20 };

/* Appends frames with one series as chunks; each is a length, a checksum, a ChunkedReadResponse.
 * Floats become XOR chunks of up to 120 samples, each histogram a float-histogram chunk of its own.
 */
void remote_read_put_frames(struct buf *out, uint64_t query, const struct labels *labels,
                            const struct sample *v, size_t n);

#endif
