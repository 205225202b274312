/* How many spans there were and are. Nobody counts the common ones as they come and go: their
 * memory is used again and again, and its generation tells how often. */
#include <string.h>

#include "telltale/watch.h"
#include "trace/span.h"
#include "trace/tracer.h"

static void add_span(tt_pipeline *p, const struct tt_span_memory *s)
{
    uint64_t generation = atomic_get_acquire(&s->generation);
    p->live[TT_RECORD_AND_SAMPLE] += (int64_t)(generation % 2);
    p->started[TT_RECORD_AND_SAMPLE][TT_ORIGIN_NONE] +=
        (int64_t)(generation + 1 - atomic_get_relaxed(&s->renewed)) / 2;
    for (size_t d = 0; d < DECISIONS; d++) {
        for (size_t o = 0; o < ORIGINS; o++) {
            int64_t n = (int64_t)atomic_get_relaxed(&s->started[d][o]);
            p->started[d][o] += n;
            p->started[TT_RECORD_AND_SAMPLE][TT_ORIGIN_NONE] -= n; // was among all of them
            p->live[d] += d == TT_RECORD_AND_SAMPLE ? 0 : n;
        }
        p->live[d] -= (int64_t)atomic_get_relaxed(&s->ended[d]);
    }
}

static void add_spans(tt_pipeline *p)
{
    for (const struct tt_span_memory *s = span_first(); s; s = s->made_next)
        add_span(p, s);
    p->live[TT_RECORD_AND_SAMPLE] -= p->live[TT_RECORD] + p->live[TT_DROP];
    p->live[TT_DROP] = 0;
    int64_t light[ORIGINS];
    light_count(light);
    for (size_t o = 0; o < ORIGINS; o++)
        p->started[TT_DROP][o] += light[o];
}

void tt_tracer_provider_pipeline(tt_tracer_provider *provider, tt_pipeline *inout)
{
    tt_pipeline p = {.size = inout->size};
    if (provider) {
        batcher_read(&provider->batcher, &p);
        add_spans(&p);
    }
    memcpy(inout, &p, MIN(p.size, sizeof p));
}
