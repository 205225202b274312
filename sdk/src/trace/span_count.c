/* How many spans there were and are. Nobody counts the common ones as they come and go: their
 * memory is used again and again, and its generation tells how often. */
#include "trace/span.h"
#include "trace/tracer.h"

void tt_tracer_provider_pipeline(tt_tracer_provider *provider, tt_pipeline *out)
{
    if (out)
        *out = (tt_pipeline){0};
    if (!provider || !out)
        return;
    batcher_read(&provider->batcher, out);
    for (const struct tt_span_memory *s = span_first(); s; s = s->made_next) {
        uint64_t generation = atomic_get_relaxed(&s->generation);
        out->recorded += (int64_t)(generation + 1 - atomic_get_relaxed(&s->renewed)) / 2;
        out->living += (int64_t)(generation % 2);
        for (size_t i = 0; i < SPAN_COUNTS; i++)
            out->by_origin[i / ORIGINS][i % ORIGINS] +=
                (int64_t)atomic_get_relaxed(&s->counts[i / ORIGINS][i % ORIGINS]);
    }
    light_count(out);
}
