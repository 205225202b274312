#include "trace/tracer.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/env.h"
#include "core/problem.h"

enum { LIMIT = 128 };

static void fill_defaults(tt_tracer_provider_options *o)
{
    int64_t common = env_number("OTEL_ATTRIBUTE_COUNT_LIMIT", LIMIT);
    if (!o->attributes_max)
        o->attributes_max = (size_t)env_number("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", common);
    o->attributes_max = MIN(o->attributes_max, LIMIT);
    if (!o->events_max)
        o->events_max = (size_t)env_number("OTEL_SPAN_EVENT_COUNT_LIMIT", LIMIT);
    if (!o->links_max)
        o->links_max = (size_t)env_number("OTEL_SPAN_LINK_COUNT_LIMIT", LIMIT);
    common = env_number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    if (!o->value_bytes_max)
        o->value_bytes_max = (size_t)env_number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", common);
    if (!o->sampler)
        o->sampler = tt_sampler_from_environment();
}

tt_tracer_provider *tt_tracer_provider_new(const tt_tracer_provider_options *options)
{
    tt_tracer_provider_options given = {0};
    if (options)
        memcpy(&given, options, MIN(options->size, sizeof given));
    tt_tracer_provider *p = calloc(1, sizeof *p);
    if (!p) {
        problem(TT_PROBLEM_MEMORY, "no memory for a tracer provider", NULL);
        tt_sampler_free(given.sampler); // taken, as the exporter is
        exporter_close(&given.exporter);
        return NULL;
    }
    p->options = given;
    tt_tracer_provider_options *o = &p->options;
    fill_defaults(o);
    struct batcher_options b = {
        .signal = TT_SIGNAL_TRACES,
        .exporter = o->exporter,
        .queue_bytes = o->queue_bytes,
        .batch_items = o->batch_spans,
        .delay_ms = o->delay_ms,
        .send_timeout_ms = o->send_timeout_ms,
        .simple = o->simple,
    };
    if (batcher_init(&p->batcher, &b, o->resource) && o->sampler)
        return p;
    problem(TT_PROBLEM_MEMORY, "no memory for a tracer provider", NULL);
    tt_tracer_provider_free(p);
    return NULL;
}

int tt_tracer_provider_flush(tt_tracer_provider *p, int64_t timeout_ms)
{
    return p ? batcher_flush(&p->batcher, timeout_ms) : TT_OK;
}

int tt_tracer_provider_shutdown(tt_tracer_provider *p, int64_t timeout_ms)
{
    return p ? batcher_shutdown(&p->batcher, timeout_ms) : TT_OK;
}

void tt_tracer_provider_free(tt_tracer_provider *p)
{
    if (!p)
        return;
    batcher_done(&p->batcher);
    tt_sampler_free(p->options.sampler);
    free(p);
}

uint64_t tt_tracer_provider_lost(const tt_tracer_provider *p)
{
    return p ? atomic_get_relaxed(&p->batcher.lost) : 0;
}

tt_tracer *tt_tracer_get_scope(tt_tracer_provider *p, const tt_scope *scope)
{
    return p && scope ? batcher_source(&p->batcher, scope, sizeof(tt_tracer)) : NULL;
}

tt_tracer *tt_tracer_get(tt_tracer_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_tracer_get_scope(p, &scope);
}
