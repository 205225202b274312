/* Answers to the remote sampler: whatever one says, it is refused with a reason, or what was made
 * of it decides about spans by any of its names, and a share of 0 or 1 holds. */
#include <stdlib.h>

#include "remote/strategy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct strategy *asked;

static enum tt_decision decide(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)arg;
    enum tt_decision d = strategy_decide(asked, sampling, out);
    if (d != TT_DROP && d != TT_RECORD_AND_SAMPLE)
        abort();
    return d;
}

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static tt_tracer *tracer(void)
{
    static tt_tracer_provider *provider;
    if (!provider) {
        tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .exporter.send = drop};
        o.sampler = tt_sampler_custom(decide, NULL);
        provider = tt_tracer_provider_new(&o);
    }
    return tt_tracer_get(provider, "t", NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct strategy *s = NULL;
    struct err err = {0};
    struct str json = str_of((const char *)data, size);
    if (strategy_parse(json, &s, &err) != 0)
        return s || !err.message[0] ? abort(), 1 : 0;
    asked = s;
    tt_span_end(tt_span_start(tracer(), "of none", NULL));
    for (size_t i = 0; i < s->n; i++) {
        if (i && strcmp(s->operations[i - 1].name, s->operations[i].name) > 0)
            abort();
        tt_span_end(tt_span_start(tracer(), s->operations[i].name, NULL));
    }
    strategy_free(s);
    return 0;
}
