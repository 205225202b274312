#include "trace/tracer.h"

#include <stdlib.h>
#include <string.h>

#include "base/compiler.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/options.h"
#include "core/problem.h"
#include "trace/sampler.h"

enum { LIMIT = 128, FREE_TIMEOUT_MS = 5000 };

static void fill_defaults(tt_tracer_provider_options *o)
{
    static const char all[] = "OTEL_ATTRIBUTE_COUNT_LIMIT";
    o->attributes_max = env_limit(o->attributes_max, "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", all, LIMIT);
    o->event_attributes_max =
        env_limit(o->event_attributes_max, "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", all, LIMIT);
    o->link_attributes_max =
        env_limit(o->link_attributes_max, "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", all, LIMIT);
    o->events_max = env_limit(o->events_max, "OTEL_SPAN_EVENT_COUNT_LIMIT", "", SIZE_MAX);
    o->links_max = env_limit(o->links_max, "OTEL_SPAN_LINK_COUNT_LIMIT", "", SIZE_MAX);
    int64_t common = env_number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0);
    if (!o->value_bytes_max)
        o->value_bytes_max = (size_t)env_number("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", common);
    if (!o->sampler)
        o->sampler = tt_sampler_from_environment();
}

static bool keep_processors(tt_tracer_provider *p)
{
    size_t n = p->options.processors ? p->options.processors_n : 0;
    p->processors = calloc(n + 1, sizeof *p->processors);
    if (!p->processors)
        return false;
    if (n)
        memcpy(p->processors, p->options.processors, n * sizeof *p->processors);
    p->options.processors = p->processors;
    p->options.processors_n = n;
    p->records = n > 0 || p->options.exporter.send;
    return true;
}

static void prepare_roots(tt_tracer_provider *p)
{
    const tt_id_generator *ids = &p->options.ids;
    const tt_sampler *s = p->options.sampler;
    while (s && s->kind == PARENT_BASED)
        s = s->children[ROOT];
    enum sampler_kind kind = s ? s->kind : ALWAYS_ON;
    p->root_is_quick = kind <= RATIO && !ids->trace_id && !ids->span_id;
    if (!p->records) // what is sampled is not recorded
        p->root_is_quick = p->root_is_quick && kind == ALWAYS_OFF;
    if (kind == ALWAYS_OFF)
        p->root_threshold = THRESHOLD_ALL;
    else if (kind == RATIO)
        p->root_threshold = s->threshold;
    p->root_state = kind == RATIO ? s->state : NULL;
}

tt_tracer_provider *tt_tracer_provider_new(const tt_tracer_provider_options *options)
{
    tt_tracer_provider_options given = {0};
    if (!options_read(&given, sizeof given, options) && options) {
        tt_sampler_free(options->sampler); // taken, as the exporter is
        exporter_close(&options->exporter);
    }
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
        .queue_records = o->queue_spans,
        .batch_items = o->batch_spans,
        .delay_ms = o->delay_ms,
        .send_timeout_ms = o->send_timeout_ms,
        .simple = o->simple,
    };
    if (batcher_init(&p->batcher, &b, o->resource) && o->sampler && keep_processors(p)) {
        prepare_roots(p);
        return p;
    }
    problem(TT_PROBLEM_MEMORY, "no memory for a tracer provider", NULL);
    tt_tracer_provider_free(p);
    return NULL;
}

/* What is left of the time for the next of them. */
static int64_t left_ms(int64_t deadline_mono_ns)
{
    return MAX((deadline_mono_ns - clock_mono_ns()) / 1000000, 0);
}

/* Of all processors; the first failure is the answer. */
static int flush_processors(tt_tracer_provider *p, int64_t deadline_mono_ns, bool shut_down)
{
    int rc = TT_OK;
    for (size_t i = 0; p->processors && i < p->options.processors_n; i++) {
        const tt_span_processor *s = &p->processors[i];
        int (*call)(void *arg, int64_t timeout_ms) = shut_down ? s->shutdown : s->flush;
        int own = call ? call(s->arg, left_ms(deadline_mono_ns)) : TT_OK;
        rc = rc ? rc : own;
    }
    return rc;
}

int tt_tracer_provider_flush(tt_tracer_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    if (atomic_get_relaxed(&p->shut_down))
        return TT_ERR_SHUTDOWN;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = flush_processors(p, deadline, false),
        sent = batcher_flush(&p->batcher, left_ms(deadline));
    return rc ? rc : sent;
}

int tt_tracer_provider_shutdown(tt_tracer_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    if (atomic_exchange(&p->shut_down, true))
        return TT_ERR_SHUTDOWN;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = flush_processors(p, deadline, true),
        sent = batcher_shutdown(&p->batcher, left_ms(deadline));
    return rc ? rc : sent;
}

static void free_views(tt_tracer_provider *p)
{
    for (struct source *s = p->batcher.sources; s; s = s->next)
        tt_resource_free(CONTAINER_OF(s, tt_tracer, source)->view_attrs);
}

void tt_tracer_provider_free(tt_tracer_provider *p)
{
    if (!p)
        return;
    (void)tt_tracer_provider_shutdown(p, FREE_TIMEOUT_MS); // what is lost by it is counted
    free_views(p);
    if (!batcher_done(&p->batcher))
        return;
    tt_sampler_free(p->options.sampler);
    switches_free(p->switches);
    free(p->processors);
    free(p);
}

uint64_t tt_tracer_provider_lost(const tt_tracer_provider *p)
{
    return p ? batcher_lost(&p->batcher) : 0;
}

/* Without memory the view lacks the attributes. */
static void make_view(tt_tracer *t, const tt_scope *scope)
{
    struct mutex *lock = &t->source.batcher->lock;
    mutex_lock(lock);
    if (!t->view.name) {
        const struct scope *s = &t->source.scope;
        t->view = (tt_scope){.name = s->name, .version = s->version, .schema_url = s->schema_url};
        t->view_attrs = scope->attrs_n ? tt_resource_new(scope->attrs, scope->attrs_n, NULL) : NULL;
        t->view.attrs_n = tt_resource_attributes(t->view_attrs, &t->view.attrs);
    }
    mutex_unlock(lock);
}

static void ask_switches(tt_tracer_provider *p, tt_tracer *t)
{
    mutex_lock(&p->batcher.lock);
    atomic_set_relaxed(&t->off, !switches_say(p->switches, t->source.scope.name));
    mutex_unlock(&p->batcher.lock);
}

tt_tracer *tt_tracer_get_scope(tt_tracer_provider *p, const tt_scope *scope)
{
    tt_tracer *t = p && scope ? batcher_source(&p->batcher, scope, sizeof *t) : NULL;
    if (t && p->options.processors_n)
        make_view(t, scope);
    if (t)
        ask_switches(p, t);
    return t;
}

tt_tracer *tt_tracer_get(tt_tracer_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_tracer_get_scope(p, &scope);
}

int tt_tracer_provider_switch(tt_tracer_provider *p, const char *pattern, bool on)
{
    if (!p || !pattern)
        return TT_ERR_INVALID;
    struct scope_switch *s = switch_new(pattern, on);
    if (!s)
        return TT_ERR_NOMEM;
    mutex_lock(&p->batcher.lock);
    switches_put(&p->switches, s);
    for (struct source *at = p->batcher.sources; at; at = at->next)
        atomic_set_relaxed(&CONTAINER_OF(at, tt_tracer, source)->off,
                           !switches_say(p->switches, at->scope.name));
    mutex_unlock(&p->batcher.lock);
    return TT_OK;
}

bool tt_tracer_is_enabled(const tt_tracer *t)
{
    if (!t || atomic_get_relaxed(&t->off))
        return false;
    tt_tracer_provider *p = tracer_provider(t);
    return p->records && !atomic_get_relaxed(&p->shut_down);
}
