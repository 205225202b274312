/* The table of components. It is small, written at start and read at start. */
#include "init/component.h"
#include "core/options.h"

#include "base/compiler.h"
#include "core/mutex.h"
#include "telltale/component.h"

enum { COMPONENTS_MAX = 64 };

static struct {
    struct mutex lock;
    size_t n;
    tt_component list[COMPONENTS_MAX];
} registry = {.lock = MUTEX_INIT};

#define HOST "libtelltale-host.so.0"
#define OTLP "libtelltale-otlp.so.0"

/* Where a component is, when nobody has registered it. */
static const struct {
    enum tt_component_kind kind;
    const char *name, *library;
} libraries[] = {
    {TT_COMPONENT_EXPORTER, "otlp", OTLP},
    {TT_COMPONENT_EXPORTER, "otlp_http", OTLP},
    {TT_COMPONENT_EXPORTER, "otlp_grpc", OTLP},
    {TT_COMPONENT_EXPORTER, "console", "libtelltale-sinks.so.0"},
    {TT_COMPONENT_EXPORTER, "otlp/stdout", "libtelltale-sinks.so.0"},
    {TT_COMPONENT_EXPORTER, "otlp_file/development", "libtelltale-sinks.so.0"},
    {TT_COMPONENT_DETECTOR, "host", HOST},
    {TT_COMPONENT_DETECTOR, "os", HOST},
    {TT_COMPONENT_DETECTOR, "process", HOST},
    {TT_COMPONENT_DETECTOR, "container", HOST},
    {TT_COMPONENT_DETECTOR, "kubernetes", HOST},
    {TT_COMPONENT_DETECTOR, "service", HOST},
    {TT_COMPONENT_SAMPLER, "jaeger_remote", OTLP},
    {TT_COMPONENT_SAMPLER, "jaeger_remote/development", OTLP},
    {TT_COMPONENT_SAMPLER, "composite/development", "libtelltale-sampling.so.0"},
    {TT_COMPONENT_CONFIGURATION, "file", "libtelltale-config.so.0"},
    {TT_COMPONENT_WATCH, "self", "libtelltale-self.so.0"},
    {TT_COMPONENT_PULL, "prometheus", "libtelltale-prometheus.so.0"},
    {TT_COMPONENT_PULL, "prometheus/development", "libtelltale-prometheus.so.0"},
};

/* Under the lock. */
static tt_component *find(enum tt_component_kind kind, const char *name)
{
    for (size_t i = 0; i < registry.n; i++) {
        tt_component *c = &registry.list[i];
        if (c->kind == kind && strcmp(c->name, name) == 0)
            return c;
    }
    return NULL;
}

int tt_component_register(const tt_component *given)
{
    tt_component c = {0};
    (void)options_read(&c, sizeof c, given);
    if (!c.name || !c.make.exporter)
        return TT_ERR_INVALID;
    mutex_lock(&registry.lock);
    tt_component *at = find(c.kind, c.name);
    if (!at && registry.n < COMPONENTS_MAX)
        at = &registry.list[registry.n++];
    if (at)
        *at = c;
    mutex_unlock(&registry.lock);
    return at ? TT_OK : TT_ERR_LIMIT;
}

static int copy_found(enum tt_component_kind kind, const char *name, tt_component *out)
{
    mutex_lock(&registry.lock);
    const tt_component *c = find(kind, name);
    if (c)
        *out = *c;
    mutex_unlock(&registry.lock);
    return c ? TT_OK : TT_ERR_INVALID;
}

static const char *library_of(enum tt_component_kind kind, const char *name)
{
    for (size_t i = 0; i < ARRAY_LEN(libraries); i++) {
        if (libraries[i].kind == kind && strcmp(libraries[i].name, name) == 0)
            return libraries[i].library;
    }
    return NULL;
}

int tt_component_find(enum tt_component_kind kind, const char *name, tt_component *out)
{
    if (!name || !out)
        return TT_ERR_INVALID;
    int rc = copy_found(kind, name, out);
    const char *library = rc == TT_OK ? NULL : library_of(kind, name);
    if (library && component_load && component_load(library)) // it registers when it is loaded
        rc = copy_found(kind, name, out);
    return rc;
}

void component_restart(void)
{
    mutex_init(&registry.lock);
}
