#include "metrics/provider.h"

#include <pthread.h>
#include <stdlib.h>

#include "base/str.h"
#include "core/clock.h"
#include "core/env.h"
#include "core/options.h"
#include "core/problem.h"
#include "metrics/exemplar.h"
#include "metrics/stream.h"

enum { LIMIT_DEFAULT = 2000 };

_Static_assert(sizeof(struct series) == CACHE_LINE, "a series is a cache line");

/* --- all providers, for fork ----------------------------------------------------------------- */

static struct {
    struct mutex lock;
    tt_meter_provider *list;
} registry = {.lock = MUTEX_INIT};

static pthread_once_t once = PTHREAD_ONCE_INIT;
static bool usable; /* set by prepare, once */

static void before_fork(void)
{
    mutex_lock(&registry.lock);
    for (tt_meter_provider *p = registry.list; p; p = p->next)
        mutex_lock(&p->lock);
}

static void after_fork_in_parent(void)
{
    for (tt_meter_provider *p = registry.list; p; p = p->next)
        mutex_unlock(&p->lock);
    mutex_unlock(&registry.lock);
}

/* What the parent set or observed is the parent's to report. */
static void restart(struct stream *st, int64_t now)
{
    for (size_t i = 0; i < st->series.n; i++) {
        st->series.list[i]->start_unix_ns = now;
        st->series.list[i]->observed = 0;
        atomic_set_relaxed(&st->series.list[i]->set, (unsigned char)SET_NEVER);
        exemplars_restart(atomic_get_relaxed(&st->series.list[i]->reservoir));
    }
}

static void after_fork_in_child(void)
{
    int64_t now = clock_unix_ns();
    for (tt_meter_provider *p = registry.list; p; p = p->next) {
        mutex_init(&p->collect); // the thread that held it, if one did, is not here
        p->start_unix_ns = now;
        for (struct stream *st = p->streams; st; st = st->next)
            restart(st, now);
        mutex_unlock(&p->lock);
    }
    mutex_unlock(&registry.lock);
}

/* The cells go first: handlers before a fork run in reverse, and their lock is the inner one. */
static void prepare(void)
{
    usable =
        cell_start() && pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

static void enlist(tt_meter_provider *p)
{
    mutex_lock(&registry.lock);
    p->next = registry.list;
    registry.list = p;
    mutex_unlock(&registry.lock);
}

static void delist(tt_meter_provider *p)
{
    mutex_lock(&registry.lock);
    tt_meter_provider **at = &registry.list;
    while (*at && *at != p)
        at = &(*at)->next;
    if (*at)
        *at = p->next;
    mutex_unlock(&registry.lock);
}

/* --- providers ------------------------------------------------------------------------------- */

static enum tt_exemplars exemplars_of(const tt_meter_provider_options *o)
{
    if (o->exemplars != TT_EXEMPLARS_DEFAULT)
        return o->exemplars;
    unsigned chosen =
        env_choice("OTEL_METRICS_EXEMPLAR_FILTER", "trace_based always_on always_off");
    return chosen ? (enum tt_exemplars)chosen : TT_EXEMPLARS_TRACE_BASED;
}

static bool env_wants_exponential(void)
{
    return env_choice("OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
                      "base2_exponential_bucket_histogram explicit_bucket_histogram") == 1;
}

static tt_meter_provider *make(const tt_meter_provider_options *o)
{
    tt_meter_provider *p = calloc(1, sizeof *p);
    if (!p)
        return NULL;
    mutex_init(&p->collect);
    mutex_init(&p->lock);
    p->disabled = env_is_disabled();
    p->callbacks_end = &p->callbacks;
    p->streams_end = &p->streams;
    p->exponential = o->exponential_histograms || env_wants_exponential();
    p->exemplars = exemplars_of(o);
    p->composable = o->view_matching == TT_VIEWS_COMPOSABLE;
    (void)options_read(&p->defaults, sizeof p->defaults, o->defaults);
    p->limit = o->cardinality_limit ? o->cardinality_limit : LIMIT_DEFAULT;
    p->start_unix_ns = clock_unix_ns();
    p->resource = o->resource ? tt_resource_merge(o->resource, NULL) : tt_resource_default();
    if (!p->resource) {
        free(p);
        return NULL;
    }
    return p;
}

tt_meter_provider *tt_meter_provider_new(const tt_meter_provider_options *options)
{
    tt_meter_provider_options o = {0};
    (void)options_read(&o, sizeof o, options);
    (void)pthread_once(&once, prepare);
    tt_meter_provider *p = usable ? make(&o) : NULL;
    if (p)
        enlist(p);
    else
        problem(TT_PROBLEM_MEMORY, "no memory for a meter provider", NULL);
    return p;
}

static void meter_free(tt_meter *m)
{
    for (struct instrument *i = m->instruments, *next; i; i = next) {
        next = i->next;
        instrument_free(i);
    }
    scope_done(&m->scope);
    free(m->text);
    free(m);
}

struct series *provider_take_series(tt_meter_provider *p)
{
    struct series_slab *slab = p->slabs;
    if (!slab || slab->used == SLAB_SERIES) {
        slab = aligned_alloc(CACHE_LINE, sizeof *slab);
        if (!slab)
            return NULL;
        memset(slab, 0, sizeof *slab);
        slab->next = p->slabs;
        p->slabs = slab;
    }
    return &slab->series[slab->used++];
}

void tt_meter_provider_free(tt_meter_provider *p)
{
    if (!p)
        return;
    if (atomic_get_acquire(&p->readers_n)) { // pairs with tt_metric_reader_stop
        problem(TT_PROBLEM_MISUSE, "a meter provider that is read is not freed", NULL);
        return;
    }
    delist(p);
    for (struct stream *s = p->streams, *next; s; s = next) {
        next = s->next;
        stream_free(s);
    }
    for (tt_meter *m = p->meters, *next; m; m = next) {
        next = m->next;
        meter_free(m);
    }
    for (struct callback *c = p->callbacks, *next; c; c = next) {
        next = c->next;
        free(c);
    }
    for (struct series_slab *s = p->slabs, *next; s; s = next) {
        next = s->next;
        free(s);
    }
    view_free_all(p);
    for (struct text_form *f = p->text_forms, *next; f; f = next) {
        next = f->next;
        free(f->constants);
        free(f);
    }
    tt_resource_free(p->resource);
    mutex_done(&p->collect);
    mutex_done(&p->lock);
    free(p);
}

/* --- meters ---------------------------------------------------------------------------------- */

static tt_meter *meter_new(tt_meter_provider *p, const tt_scope *scope)
{
    tt_meter *m = calloc(1, sizeof *m);
    if (!m)
        return NULL;
    m->provider = p;
    if (scope_init(&m->scope, scope))
        return m;
    meter_free(m);
    return NULL;
}

tt_meter *tt_meter_get_scope(tt_meter_provider *p, const tt_scope *scope)
{
    if (!p || !scope || p->disabled)
        return NULL;
    if (!scope->name || !*scope->name)
        problem(TT_PROBLEM_MISUSE, "a meter without a name", NULL);
    tt_meter *made = meter_new(p, scope);
    if (!made) {
        problem(TT_PROBLEM_MEMORY, "no memory for a meter", scope->name);
        return NULL;
    }
    mutex_lock(&p->lock);
    tt_meter *m = p->meters;
    while (m && !scope_eq(&m->scope, &made->scope))
        m = m->next;
    if (!m) {
        atomic_set_relaxed(&made->on, view_meter_is_on(p, made->scope.name));
        made->next = p->meters;
        p->meters = made;
    }
    mutex_unlock(&p->lock);
    if (!m)
        return made;
    meter_free(made);
    return m;
}

tt_meter *tt_meter_get(tt_meter_provider *p, const char *name, const char *version)
{
    tt_scope scope = {.name = name, .version = version};
    return tt_meter_get_scope(p, &scope);
}
