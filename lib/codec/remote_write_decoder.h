/* Private to remote_write: the state of one request's decoding, and the reading of a series. */
#ifndef TELLTALE_CODEC_REMOTE_WRITE_DECODER_H
#define TELLTALE_CODEC_REMOTE_WRITE_DECODER_H

#include "base/hash.h"
#include "codec/arrays.h"
#include "codec/protobuf.h"
#include "codec/remote_write.h"
#include "model/sample.h"

enum { REMOTE_WRITE_FAMILIES = 256, REMOTE_WRITE_WAITING = 64 };

/* A series of 1.0 that was found but not read. */
struct remote_write_waiting {
    struct pb_reader message;
    const uint8_t *labels_end; /* of the labels in front; may be a guess until it is read */
};

struct remote_write_decoder {
    enum remote_write_version version;
    const struct remote_write_limits *limits;
    const struct sink *sink; /* recalls series; NULL: none */
    struct batch *batch;
    struct remote_write_result *result;
    struct err *err;

    struct str *symbols; /* of 2.0; of the arena */
    size_t n_symbols, n_series;

    struct arrays labels, samples, exemplars;
    struct arrays exemplar_labels;
    struct labels before; /* of the last series that was added with labels */

    /* Of the series being read. */
    size_t n_histograms;
    const char *bad_text; /* a label is not right at first sight: why; static text */
    uint64_t same;        /* which labels are those of `before` (labels_same_text) */
    struct hash128 sent;  /* of the labels' bytes; {0}: they do not stand together */
    uint32_t type, help_ref, unit_ref;

    struct str
        families[REMOTE_WRITE_FAMILIES]; /* of 2.0: whose metadata is in the batch, by hash */

    struct remote_write_waiting waiting[REMOTE_WRITE_WAITING]; /* of 1.0: looked up together */
    struct hash128 waiting_sent[REMOTE_WRITE_WAITING];
    size_t n_waiting;
};

/* Damage of a nested message is damage of the one around it. */
static inline void remote_write_absorb(struct pb_reader *outer, const struct pb_reader *inner)
{
    if (UNLIKELY(inner->damage != NULL) && !outer->damage) {
        outer->damage = inner->damage;
        outer->damage_offset = inner->damage_offset;
        outer->at = outer->end;
    }
}

/* The wire's numbers are those of enum metric_type, in both versions. */
static inline enum metric_type remote_write_type(uint64_t wire)
{
    _Static_assert(METRIC_GAUGE_HISTOGRAM == 4 && METRIC_STATESET == 7, "the wire's numbers");
    return wire <= METRIC_STATESET ? (enum metric_type)wire : METRIC_UNKNOWN;
}

/* A series of 1.0 whose labels are needed; `sent`: the hash of those in front. False when these end
 * elsewhere than `w` says: nothing was read. */
bool remote_write_unknown(struct remote_write_decoder *d, struct pb_reader *outer,
                          const struct remote_write_waiting *w, struct hash128 sent);

/* A series of 1.0 that the sink recalled by the bytes of its labels in front. False when there is
 * more to it than these and samples behind: nothing was read. */
bool remote_write_known(struct remote_write_decoder *d, struct pb_reader *outer,
                        const struct remote_write_waiting *w, const void *known, uint32_t recalled);

/* The next series, of 2.0. */
void remote_write_series_2(struct remote_write_decoder *d, struct pb_reader *outer);

#endif
