/* An OTLP request to a batch, by the first byte under one of the translations: series have
 * canonical labels and the hash that they say, histograms are well-formed, and each point is a
 * series or counted as rejected; and the same request with series recalled makes the same. */
#include <stdlib.h>

#include "codec/otlp.h"
#include "model/histogram.h"
#include "receive/otlp_translate.h"
#include "support/memory_sink.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond) ((cond) ? (void)0 : abort())

static const struct otlp_delta_options delta_options = {.max_streams = 1000};
static void check_batch(const struct batch *b)
{
    for (size_t i = 0; i < b->n_series; i++) {
        const struct batch_series *s = &b->series[i];
        CHECK(labels_are_canonical(&s->labels) && s->hash == labels_hash(&s->labels));
        CHECK(labels_metric_name(&s->labels).n > 0);
        for (size_t k = 0; k < s->labels.n; k++)
            CHECK(str_is_utf8(s->labels.v[k].name) && str_is_utf8(s->labels.v[k].value));
        for (size_t k = 0; k < s->n_samples; k++)
            CHECK(!s->samples[k].histogram ||
                  histogram_validate(s->samples[k].histogram, NULL) == 0);
        for (size_t k = 0; k < s->n_exemplars; k++)
            CHECK(labels_are_canonical(&s->exemplars[k].labels));
    }
}

/* What the sink recalls stands for the labels that would be made. */
static void check_recalled(struct str body, const struct otlp_rules *rules, const struct sink *sink,
                           struct batch *expected)
{
    struct otlp_request request;
    struct otlp_delta *delta;
    struct otlp_outcome outcome;
    struct sink_result stored;
    struct batch batch;
    batch_init(&batch, 64 << 20);
    memory_sink_sort(expected);
    CHECK(otlp_delta_new(&delta_options, &delta) == 0);
    if (otlp_decode_lazily(body, NULL, &batch.arena, &request, NULL) == 0 &&
        otlp_translate(&request, rules, sink, delta, &batch, &outcome, NULL) == 0) {
        CHECK(sink_append(sink, &batch, &stored, NULL) == 0);
        memory_sink_unroll(&batch);
        memory_sink_sort(&batch);
        CHECK(memory_sink_eq(&batch, expected));
    }
    otlp_delta_free(delta);
    batch_done(&batch);
}

static void translate(struct str body, uint8_t choice, struct otlp_delta *delta,
                      struct memory_sink *memory)
{
    const struct receiver_options options = {
        .limits = {.max_labels = 40, .max_series_per_request = 5000},
        .otlp = {.translation = (enum otlp_translation)(choice & 3),
                 .promote_all_resource_attributes = choice & 4,
                 .promote_scope_metadata = choice & 8,
                 .keep_identifying_resource_attributes = choice & 16,
                 .convert_histograms_to_nhcb = choice & 32},
    };
    struct otlp_rules rules;
    struct otlp_request request;
    struct otlp_outcome outcome;
    struct batch batch;
    struct err err = {0};
    batch_init(&batch, 64 << 20);
    CHECK(otlp_rules_init(&rules, &options) == 0);
    if (otlp_decode(body, NULL, &batch.arena, &request, NULL) == 0) {
        int rc = otlp_translate(&request, &rules, NULL, delta, &batch, &outcome, &err);
        CHECK(rc == 0 || rc == ERR_NOMEM);
        CHECK(rc != 0 || otlp_outcome_rejected(&outcome) <= outcome.points);
        if (rc == 0)
            check_batch(&batch);
        if (rc == 0 && memory) {
            check_recalled(body, &rules, &memory->sink, &batch);
            check_recalled(body, &rules, &memory->sink, &batch);
        }
    }
    otlp_rules_done(&rules);
    batch_done(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct otlp_delta *delta;
    struct memory_sink memory;
    struct str body = str_sub(str_of((const char *)data, size), 1, size);
    if (size < 1)
        return 0;
    CHECK(otlp_delta_new(&delta_options, &delta) == 0);
    memory_sink_init(&memory);
    translate(body, data[0], delta, &memory);
    translate(body, data[0], delta, NULL); // the same again: delta streams are there now
    memory_sink_done(&memory);
    otlp_delta_free(delta);
    return 0;
}
