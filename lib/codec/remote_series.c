#include "codec/remote_series.h"

#include "base/word.h"
#include "codec/native_histogram.h"
#include "codec/protobuf.h"

void remote_put_labels(struct buf *out, uint32_t number, const struct labels *l)
{
    for (size_t i = 0; i < l->n; i++) {
        size_t begun = pb_begin(out, number);
        pb_put_str(out, 1, l->v[i].name);
        pb_put_str(out, 2, l->v[i].value);
        pb_end(out, begun);
    }
}

void remote_put_sample(struct buf *out, uint32_t number, const struct sample *s)
{
    size_t begun = pb_begin(out, number);
    pb_put_double(out, 1, s->value);
    pb_put_varint(out, 2, (uint64_t)s->t_unix_ms);
    if (s->start_unix_ms)
        pb_put_varint(out, 3, (uint64_t)s->start_unix_ms);
    pb_end(out, begun);
}

static void put_doubles(struct buf *out, uint32_t number, const double *v, size_t n)
{
    size_t begun = pb_begin(out, number);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = double_bits(v[i]);
        unsigned char bytes[8];
        for (size_t k = 0; k < sizeof bytes; k++)
            bytes[k] = (unsigned char)(bits >> 8 * k);
        buf_put(out, bytes, sizeof bytes);
    }
    pb_end(out, begun);
}

/* Each count as the difference to the one before it. */
static void put_deltas(struct buf *out, uint32_t number, const double *v, size_t n)
{
    int64_t last = 0;
    size_t begun = pb_begin(out, number);
    for (size_t i = 0; i < n; i++) {
        int64_t count = (int64_t)v[i], delta = count - last;
        pb_put_raw_varint(out, (uint64_t)delta << 1 ^ (uint64_t)(delta >> 63));
        last = count;
    }
    pb_end(out, begun);
}

/* The fields whose form depends on whether counts are whole. */
static void put_counts(struct buf *out, const struct histogram *h)
{
    if (h->integer) {
        pb_put_varint(out, 1, (uint64_t)h->count);
        pb_put_varint(out, 6, (uint64_t)h->zero_count);
    } else {
        pb_put_double(out, 2, h->count);
        pb_put_double(out, 7, h->zero_count);
    }
    void (*put)(struct buf *, uint32_t, const double *, size_t) =
        h->integer ? put_deltas : put_doubles;
    if (h->n_negative)
        put(out, h->integer ? 9 : 10, h->negative, h->n_negative);
    if (h->n_positive)
        put(out, h->integer ? 12 : 13, h->positive, h->n_positive);
}

void remote_put_histogram(struct buf *out, uint32_t number, const struct sample *s)
{
    const struct histogram *h = s->histogram;
    size_t begun = pb_begin(out, number);
    put_counts(out, h);
    pb_put_double(out, 3, h->sum);
    pb_put_sint(out, 4, h->schema);
    pb_put_double(out, 5, h->zero_threshold);
    native_put_spans(out, 8, h->negative_spans, h->n_negative_spans);
    native_put_spans(out, 11, h->positive_spans, h->n_positive_spans);
    if (h->reset)
        pb_put_varint(out, 14, h->reset);
    pb_put_varint(out, 15, (uint64_t)s->t_unix_ms);
    if (h->n_custom_bounds)
        put_doubles(out, 16, h->custom_bounds, h->n_custom_bounds);
    if (s->start_unix_ms)
        pb_put_varint(out, 17, (uint64_t)s->start_unix_ms);
    pb_end(out, begun);
}
