/* An OTLP request to a batch, by the first byte under one of the translations: series have
 * canonical labels and the hash that they say, histograms are well-formed, and each point is a
 * series or counted as rejected. */
#include <stdlib.h>

#include "base/compiler.h"
#include "codec/otlp.h"
#include "model/histogram.h"
#include "receive/otlp_translate.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define CHECK(cond)                                                                                \
    do {                                                                                           \
        if (!(cond))                                                                               \
            abort();                                                                               \
    } while (0)

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

static void translate(struct str body, uint8_t choice, struct otlp_delta *delta)
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
        int rc = otlp_translate(&request, &rules, delta, &batch, &outcome, &err);
        CHECK(rc == 0 || rc == ERR_NOMEM);
        CHECK(rc != 0 || otlp_outcome_rejected(&outcome) <= outcome.points);
        if (rc == 0)
            check_batch(&batch);
    }
    otlp_rules_done(&rules);
    batch_done(&batch);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct otlp_delta *delta;
    if (size < 1)
        return 0;
    CHECK(otlp_delta_new(&(struct otlp_delta_options){.max_streams = 1000}, &delta) == 0);
    struct str body = {(const char *)data + 1, size - 1};
    translate(body, data[0], delta);
    translate(body, data[0], delta); // the same again: delta streams are there now
    otlp_delta_free(delta);
    return 0;
}
