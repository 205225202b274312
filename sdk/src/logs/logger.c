/* Providers of loggers, and what is configured for loggers by their names. */
#include "logs/logger.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/glob.h"
#include "base/str.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/options.h"
#include "core/problem.h"
#include "core/text.h"
#include "telltale/watch.h"

enum { FREE_TIMEOUT_MS = 5000 };

/* --- providers ------------------------------------------------------------------------------- */

static const tt_value *resource_value(const tt_resource *r, const char *key)
{
    const tt_attr *attrs;
    size_t n = tt_resource_attributes(r, &attrs);
    for (size_t i = 0; i < n; i++) {
        if (str_eq(str_of(attrs[i].key, attrs[i].key_n), str_c(key)) &&
            attrs[i].value.type == TT_TYPE_STRING)
            return &attrs[i].value;
    }
    return NULL;
}

static int choose_level(const tt_logger_provider_options *o, const tt_resource *r)
{
    const tt_value *v = resource_value(r, "deployment.environment.name");
    struct str environment = v ? str_of(v->as.text, v->n) : (struct str){0};
    if (o->environment)
        environment = str_c(o->environment);
    if (o->level)
        return o->level;
    if (str_eq(environment, STR("development")))
        return TT_SEVERITY_DEBUG;
    return str_eq(environment, STR("production")) ? TT_SEVERITY_WARN : TT_SEVERITY_INFO;
}

static void add_from_resource(tt_logger_provider *p, unsigned enrich, const char *key)
{
    const tt_value *v = p->enrich & enrich ? resource_value(p->batcher.resource, key) : NULL;
    if (v)
        p->added[p->added_n++] = tt_attr_of(key, *v);
}

/* What is the same for all records is looked up once. */
static void prepare_enrichment(tt_logger_provider *p)
{
    add_from_resource(p, TT_ENRICH_APPLICATION, "service.name");
    add_from_resource(p, TT_ENRICH_APPLICATION, "service.version");
    add_from_resource(p, TT_ENRICH_ENVIRONMENT, "deployment.environment.name");
    add_from_resource(p, TT_ENRICH_HOST, "host.name");
    if (p->enrich & TT_ENRICH_HOST && !resource_value(p->batcher.resource, "host.name") &&
        gethostname(p->host, sizeof p->host - 1) == 0)
        p->added[p->added_n++] = tt_str("host.name", p->host);
}

/* An environment that the options name is one of the resource, too. Freed by the caller. */
static tt_resource *resource_of(const tt_logger_provider_options *o)
{
    tt_attr attr = tt_str("deployment.environment.name", o->environment);
    tt_resource *own = o->resource ? NULL : tt_resource_default();
    tt_resource *environment = o->environment ? tt_resource_new(&attr, 1, NULL) : NULL;
    tt_resource *all = tt_resource_merge(o->resource ? o->resource : own, environment);
    tt_resource_free(own);
    tt_resource_free(environment);
    return all;
}

void tt_logger_provider_mask(tt_logger_provider *p, unsigned masks)
{
    if (!p)
        return;
    p->masks.kinds |= masks;
    p->masked = p->masks.kinds || p->masks.keys;
    p->plain = !p->masked && !p->enrich && !p->processors_n && !p->value_bytes_max;
}

static bool fill(tt_logger_provider *p, const tt_logger_provider_options *o)
{
    p->level = o->exporter.send || o->processors_n ? choose_level(o, p->batcher.resource)
                                                   : (int)TT_SEVERITY_OFF;
    p->masks.keys = o->mask_keys ? text_dup(o->mask_keys) : NULL;
    p->enrich = o->enrich;
    p->trace_based = o->trace_based;
    p->attributes_max = env_limit(o->attributes_max, "OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT",
                                  "OTEL_ATTRIBUTE_COUNT_LIMIT", LOG_ATTRS_MAX);
    p->value_bytes_max = o->value_bytes_max;
    if (!p->value_bytes_max)
        p->value_bytes_max = (size_t)env_number("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                                                env_number("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", 0));
    size_t n = o->processors ? o->processors_n : 0;
    p->processors = calloc(n + 1, sizeof *p->processors);
    if (!p->processors || (o->mask_keys && !p->masks.keys))
        return false;
    if (n)
        memcpy(p->processors, o->processors, n * sizeof *p->processors);
    p->processors_n = n;
    prepare_enrichment(p);
    tt_logger_provider_mask(p, o->masks);
    return true;
}

tt_logger_provider *tt_logger_provider_new(const tt_logger_provider_options *options)
{
    tt_logger_provider_options o = {0};
    if (!options_read(&o, sizeof o, options) && options)
        exporter_close(&options->exporter); // taken
    tt_logger_provider *p = calloc(1, sizeof *p);
    if (!p) {
        problem(TT_PROBLEM_MEMORY, "no memory for a logger provider", NULL);
        exporter_close(&o.exporter); // taken
        return NULL;
    }
    struct batcher_options b = {
        .signal = TT_SIGNAL_LOGS,
        .exporter = o.exporter,
        .queue_bytes = o.queue_bytes,
        .queue_records = o.queue_records,
        .batch_items = o.batch_records,
        .delay_ms = o.delay_ms,
        .send_timeout_ms = o.send_timeout_ms,
        .simple = o.simple,
    };
    tt_resource *resource = resource_of(&o);
    bool ok = batcher_init(&p->batcher, &b, resource) && resource && fill(p, &o);
    tt_resource_free(resource);
    if (ok)
        return p;
    problem(TT_PROBLEM_MEMORY, "no memory for a logger provider", NULL);
    tt_logger_provider_free(p);
    return NULL;
}

static int64_t left_ms(int64_t deadline_mono_ns)
{
    return MAX((deadline_mono_ns - clock_mono_ns()) / 1000000, 0);
}

/* Of all processors; the first failure is the answer. */
static int call_processors(tt_logger_provider *p, int64_t deadline_mono_ns, bool shut_down)
{
    int rc = TT_OK;
    for (size_t i = 0; i < p->processors_n; i++) {
        const tt_log_processor *s = &p->processors[i];
        int (*call)(void *arg, int64_t timeout_ms) = shut_down ? s->shutdown : s->flush;
        int own = call ? call(s->arg, left_ms(deadline_mono_ns)) : TT_OK;
        rc = rc ? rc : own;
    }
    return rc;
}

int tt_logger_provider_flush(tt_logger_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    if (atomic_get_relaxed(&p->shut_down))
        return TT_ERR_SHUTDOWN;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = call_processors(p, deadline, false);
    int sent = batcher_flush(&p->batcher, left_ms(deadline));
    return rc ? rc : sent;
}

int tt_logger_provider_shutdown(tt_logger_provider *p, int64_t timeout_ms)
{
    if (!p)
        return TT_OK;
    if (atomic_exchange(&p->shut_down, true))
        return TT_ERR_SHUTDOWN;
    int64_t deadline = clock_deadline_ns(timeout_ms);
    int rc = call_processors(p, deadline, true);
    int sent = batcher_shutdown(&p->batcher, left_ms(deadline));
    return rc ? rc : sent;
}

void tt_logger_provider_free(tt_logger_provider *p)
{
    if (!p)
        return;
    (void)tt_logger_provider_shutdown(p, FREE_TIMEOUT_MS); // what is lost by it is counted
    if (!batcher_done(&p->batcher))
        return;
    for (struct logger_rule *r = p->rules, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    free(p->processors);
    free(p->masks.keys);
    free(p);
}

uint64_t tt_logger_provider_lost(const tt_logger_provider *p)
{
    return p ? batcher_lost(&p->batcher) : 0;
}

void tt_logger_provider_pipeline(tt_logger_provider *p, tt_pipeline *out)
{
    if (out)
        *out = (tt_pipeline){0};
    if (p && out)
        batcher_read(&p->batcher, out);
}

/* --- loggers and their levels ---------------------------------------------------------------- */

static bool rule_is_for(const struct logger_rule *r, const struct logger *l)
{
    return glob_fits_nocase(str_c(r->name), str_c(l->source.scope.name));
}

static void apply(const tt_logger_provider *p, struct logger *l, const tt_logger_config *c)
{
    atomic_set_relaxed(&l->handle.level, c->level ? (int)c->level : p->level);
    atomic_set_relaxed(&l->handle.trace_based, c->trace_based);
}

static void configure_new(tt_logger_provider *p, struct logger *l)
{
    mutex_lock(&p->batcher.lock);
    if (atomic_get_relaxed(&l->handle.level) == 0) {
        tt_logger_config plain = {.trace_based = p->trace_based};
        const struct logger_rule *r = p->rules;
        while (r && !rule_is_for(r, l))
            r = r->next;
        apply(p, l, r ? &r->config : &plain);
    }
    mutex_unlock(&p->batcher.lock);
}

tt_logger *tt_logger_get_scope(tt_logger_provider *p, const tt_scope *scope)
{
    struct logger *l = p && scope ? batcher_source(&p->batcher, scope, sizeof *l) : NULL;
    if (!l)
        return NULL;
    configure_new(p, l);
    return &l->handle;
}

tt_logger *tt_logger_get(tt_logger_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_logger_get_scope(p, &scope);
}

static bool level_is_known(enum tt_severity level)
{
    return level >= TT_SEVERITY_TRACE && level <= TT_SEVERITY_OFF;
}

void tt_logger_set_level(tt_logger *l, enum tt_severity level)
{
    if (l && level_is_known(level))
        atomic_set_relaxed(&l->level, (int)level);
    else if (l)
        problem(TT_PROBLEM_MISUSE, "a logger's level is 1 to 25", logger_of(l)->source.scope.name);
}

int tt_logger_provider_configure(tt_logger_provider *p, const char *name,
                                 const tt_logger_config *config)
{
    if (!p || !name || !config || (config->level && !level_is_known(config->level)))
        return TT_ERR_INVALID;
    struct logger_rule *r = calloc(1, sizeof *r + strlen(name) + 1);
    if (!r)
        return TT_ERR_NOMEM;
    (void)options_read(&r->config, sizeof r->config, config);
    memcpy(r->name, name, strlen(name) + 1);
    mutex_lock(&p->batcher.lock);
    r->next = p->rules;
    p->rules = r;
    for (struct source *s = p->batcher.sources; s; s = s->next) {
        struct logger *l = CONTAINER_OF(s, struct logger, source);
        if (rule_is_for(r, l))
            apply(p, l, &r->config);
    }
    mutex_unlock(&p->batcher.lock);
    return TT_OK;
}

void log_filtered(tt_logger *l)
{
    if (l && atomic_get_relaxed(&l->level) < TT_SEVERITY_OFF)
        atomic_add_relaxed(&logger_of(l)->source.batcher->filtered, 1);
}

bool tt_logger_is_enabled(const tt_logger *handle, enum tt_severity severity)
{
    if (!handle || (int)severity < atomic_get_relaxed(&handle->level))
        return false;
    const struct logger *l = (const void *)((const char *)handle - offsetof(struct logger, handle));
    const tt_logger_provider *p = logger_provider(l);
    bool wanted = p->processors_n == 0 || p->batcher.options.exporter.send;
    for (size_t i = 0; !wanted && i < p->processors_n; i++) {
        const tt_log_processor *s = &p->processors[i];
        wanted = !s->enabled || s->enabled(s->arg, l->source.scope.name, severity);
    }
    return wanted;
}
