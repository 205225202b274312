/* Remote write, by the first byte 1.0 or 2.0: what is decoded is well-formed, the counts add up,
 * and in 1.0 it decodes to the same again after being encoded. */
#include <stdlib.h>

#include "codec/protobuf.h"
#include "codec/remote_write.h"
#include "model/batch.h"
#include "model/histogram.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

static void put_labels(struct buf *out, const struct labels *labels)
{
    for (size_t i = 0; i < labels->n; i++) {
        size_t label = pb_begin(out, 1);
        pb_put_str(out, 1, labels->v[i].name);
        pb_put_str(out, 2, labels->v[i].value);
        pb_end(out, label);
    }
}

/* Float samples and exemplars; histograms are compared by their number alone. */
static void put_series(struct buf *out, const struct batch_series *s)
{
    size_t series = pb_begin(out, 1);
    put_labels(out, &s->labels);
    for (size_t i = 0; i < s->n_samples; i++) {
        if (s->samples[i].histogram)
            continue;
        size_t sample = pb_begin(out, 2);
        pb_put_double(out, 1, s->samples[i].value);
        pb_put_varint(out, 2, (uint64_t)s->samples[i].t_unix_ms);
        pb_end(out, sample);
    }
    for (size_t i = 0; i < s->n_exemplars; i++) {
        size_t exemplar = pb_begin(out, 3);
        put_labels(out, &s->exemplars[i].labels);
        pb_put_double(out, 2, s->exemplars[i].value);
        pb_end(out, exemplar);
    }
    pb_end(out, series);
}

static void check_batch(const struct batch *b, const struct remote_write_result *r)
{
    size_t samples = 0, histograms = 0, exemplars = 0;
    for (size_t i = 0; i < b->n_series; i++) {
        const struct batch_series *s = &b->series[i];
        CHECK(labels_are_canonical(&s->labels) && labels_metric_name(&s->labels).n > 0);
        for (size_t j = 0; j < s->labels.n; j++)
            CHECK(str_is_utf8(s->labels.v[j].name) && str_is_utf8(s->labels.v[j].value));
        for (size_t j = 0; j < s->n_samples; j++) {
            histograms += s->samples[j].histogram != NULL;
            samples += s->samples[j].histogram == NULL;
            CHECK(!s->samples[j].histogram ||
                  histogram_validate(s->samples[j].histogram, NULL) == 0);
        }
        for (size_t j = 0; j < s->n_exemplars; j++)
            CHECK(labels_are_canonical(&s->exemplars[j].labels));
        exemplars += s->n_exemplars;
    }
    CHECK(samples == r->samples && histograms == r->histograms && exemplars == r->exemplars);
    CHECK((remote_write_rejected(r) == 0) || r->message[0]);
}

static void check_again(const struct batch *b, const struct remote_write_result *before)
{
    const struct remote_write_limits none = {0};
    struct remote_write_result after;
    struct batch again;
    struct buf out = BUF_MAX(64 << 20);
    batch_init(&again, 256 << 20);
    for (size_t i = 0; i < b->n_series; i++)
        put_series(&out, &b->series[i]);
    CHECK(remote_write_decode(buf_str(&out), REMOTE_WRITE_1, &none, NULL, &again, &after, NULL) ==
          0);
    CHECK(after.samples == before->samples && after.exemplars == before->exemplars);
    CHECK(remote_write_rejected(&after) == 0 && after.exemplars_rejected == 0);
    batch_done(&again);
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 1)
        return 0;
    const struct remote_write_limits limits = {.max_series = 1000, .max_labels = 40};
    enum remote_write_version version = data[0] == '2' ? REMOTE_WRITE_2 : REMOTE_WRITE_1;
    struct remote_write_result result;
    struct batch b;
    struct err err = {0};
    batch_init(&b, 64 << 20);
    struct str body = str_of((const char *)data + 1, size - 1);
    if (remote_write_decode(body, version, &limits, NULL, &b, &result, &err) == 0) {
        check_batch(&b, &result);
        check_again(&b, &result);
    } else {
        CHECK(err.message[0]);
    }
    batch_done(&b);
    return 0;
}
