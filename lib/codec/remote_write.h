/* Prometheus remote write: 1.0 (prometheus.WriteRequest) and 2.0 (io.prometheus.write.v2.Request,
 * texts through a table of symbols), decoded straight into a batch.
 *
 * A broken message is refused as a whole; a series that is not right (labels, a histogram) is left
 * out and counted, and the rest is kept. */
#ifndef TELLTALE_CODEC_REMOTE_WRITE_H
#define TELLTALE_CODEC_REMOTE_WRITE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/str.h"

struct batch;
struct sink;

enum remote_write_version { REMOTE_WRITE_1, REMOTE_WRITE_2 };

/* 0: no limit. */
struct remote_write_limits {
    uint32_t max_series; /* in one request: ERR_TOO_BIG above */
    uint32_t max_labels; /* of one series, the name included */
    uint32_t max_label_name_bytes;
    uint32_t max_label_value_bytes;
    uint32_t max_buckets; /* of one native histogram */
};

/* Why a series or histogram was left out. */
enum remote_write_reject {
    REMOTE_WRITE_BAD_LABELS,    /* no name, a name twice or empty, not UTF-8, a bad reference */
    REMOTE_WRITE_LABEL_LIMIT,   /* too many, or too long */
    REMOTE_WRITE_BAD_HISTOGRAM, /* not well-formed, or too many buckets */
    REMOTE_WRITE_REJECTS        /* their number */
};

/* "labels", "label_limit", "histogram": for metrics. */
const char *remote_write_reject_name(enum remote_write_reject r);

struct remote_write_result {
    size_t samples, histograms, exemplars; /* in the batch */
    size_t rejected[REMOTE_WRITE_REJECTS]; /* samples and histograms left out */
    size_t exemplars_rejected;
    char message[256]; /* the first rejection: which series and why; else empty */
};

size_t remote_write_rejected(const struct remote_write_result *r);

/* Decodes the decompressed body, which outlives the batch: labels borrow its text. Adds to the
 * batch, which is rubbish after an error. Labels of series that `sink` recalls are not even looked
 * at: they were when the series was new (NULL: all are read). ERR_INVALID names the field and byte;
 * ERR_TOO_BIG: over max_series; ERR_NOMEM: over the batch's budget. */
int remote_write_decode(struct str body, enum remote_write_version version,
                        const struct remote_write_limits *limits, const struct sink *sink,
                        struct batch *b, struct remote_write_result *out, struct err *err);

#endif
