/* Where a batch goes next: the store, or a step before it. Receivers know only this. */
#ifndef TELLTALE_MODEL_SINK_H
#define TELLTALE_MODEL_SINK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/hash.h"

struct batch;
struct record_batch;

/* Why the sink left out a part of a batch that it otherwise accepted. */
enum reject_reason {
    REJECT_TOO_OLD,     /* before the retention */
    REJECT_TOO_NEW,     /* too far in the future */
    REJECT_LABELS,      /* not canonical, or over a limit */
    REJECT_HISTOGRAM,   /* not well-formed */
    REJECT_CARDINALITY, /* over a limit of streams */
    REJECT_REASONS      /* their number */
};

/* "too_old", …: for metrics and messages. */
const char *reject_reason_name(enum reject_reason r);

struct sink_result {
    size_t accepted; /* samples (a histogram is one), spans or log records */
    size_t rejected[REJECT_REASONS];
    size_t exemplars_accepted, exemplars_rejected;
    char message[256]; /* the first rejection, for a person: which series and why; else empty */
};

size_t sink_result_rejected(const struct sink_result *r);

struct sink {
    /* Takes all good parts of `b` (borrowed, unchanged) or none: on 0 they are as durable as
     * configured and `out` says what was left out; ERR_BUSY: nothing taken, try again later;
     * ERR_STALE: nothing taken, the batch has series recalled in another time, make it again
     * without recalling; ERR_IO, ERR_NOMEM: nothing taken. Threads: any, at once. */
    int (*append)(void *self, const struct batch *b, struct sink_result *out, struct err *err);

    /* See sink_recall. May be NULL. */
    uint32_t (*recall)(void *self, const struct hash128 *sent, size_t n, const void **out_known);
    /* The same for spans and log records. */
    int (*append_records)(void *self, const struct record_batch *b, struct sink_result *out,
                          struct err *err);
    void *self;
};

static inline int sink_append(const struct sink *s, const struct batch *b, struct sink_result *out,
                              struct err *err)
{
    return s->append(s->self, b, out, err);
}

/* Series that come again and again need no labels the second time: a batch_series that was appended
 * with `sent`, a hash of whatever told its labels, may then be `known` by that hash alone. Fills
 * `out_known` with what to give to batch_add_known (the sink's own), NULL where labels are needed,
 * and returns when that was, for the same function. */
static inline uint32_t sink_recall(const struct sink *s, const struct hash128 *sent, size_t n,
                                   const void **out_known)
{
    if (s->recall)
        return s->recall(s->self, sent, n, out_known);
    for (size_t i = 0; i < n; i++)
        out_known[i] = NULL;
    return 0;
}

/* What may be hashed: bytes that say the labels, all of them and nothing else, in one of these
 * forms.
 */
enum sink_form { SINK_REMOTE_WRITE_1 = 1, SINK_REMOTE_WRITE_2, SINK_OTLP };

static inline struct hash128 sink_hash(const void *p, size_t n, enum sink_form form)
{
    struct hash128 h = hash_secret128(p, n);
    h.low ^= hash_u64((uint64_t)form);
    return h;
}

static inline int sink_append_records(const struct sink *s, const struct record_batch *b,
                                      struct sink_result *out, struct err *err)
{
    return s->append_records(s->self, b, out, err);
}

#endif
