/* A set from the environment: which exporters, by name; each provider reads what else concerns it
 * (OTEL_TRACES_SAMPLER, OTEL_BSP_…, OTEL_METRIC_EXPORT_…, limits) itself. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "core/env.h"
#include "core/options.h"
#include "core/problem.h"
#include "telltale//init.h"

enum { EXPORTERS_MAX = TT_SDK_READERS_MAX, NAME_BYTES = 64 };

static const tt_value no_properties; // TT_TYPE_EMPTY: read the environment

/* --- names of exporters ---------------------------------------------------------------------- */

struct names {
    const tt_watch *watch;
    struct str rest;
    const char *variable; /* for problems; NULL: nobody asked for it, so nobody misses it */
    char name[NAME_BYTES];
};

static struct names names_of(const tt_watch *watch, const char *given, const char *variable,
                             const char *otherwise)
{
    const char *text = given && *given ? given : getenv(variable);
    struct names n = {.watch = watch, .rest = str_c(otherwise)};
    if (text && *text) {
        n.rest = str_c(text);
        n.variable = variable;
    }
    return n;
}

/* The next name but "none"; false after the last. */
static bool next_name(struct names *n)
{
    while (n->rest.p) {
        struct str name = str_trim(str_cut(&n->rest, ','));
        if (name.n == 0 || name.n >= sizeof n->name || str_eq(name, STR("none")))
            continue;
        memcpy(n->name, name.p, name.n);
        n->name[name.n] = '\0';
        return true;
    }
    return false;
}

static int unknown(const struct names *n)
{
    if (!n->variable)
        return TT_OK;
    problem(TT_PROBLEM_MISUSE, "an exporter that is not known, nor found in a library", n->name);
    return TT_ERR_INVALID;
}

/* --- exporters ------------------------------------------------------------------------------- */

static int make_exporter(const struct names *n, enum tt_signal signal, tt_exporter *out)
{
    tt_component c;
    if (tt_component_find(TT_COMPONENT_EXPORTER, n->name, &c) != TT_OK)
        return unknown(n);
    int rc = c.make.exporter(c.arg, signal, &no_properties, out);
    if (rc == TT_OK && n->watch->exporter)
        n->watch->exporter(n->watch->arg, signal, n->name, out);
    return rc;
}

/* All that are named, as one. */
static int make_exporters(struct names *n, enum tt_signal signal, tt_exporter *out)
{
    tt_exporter list[EXPORTERS_MAX];
    size_t found = 0;
    int rc = TT_OK;
    while (found < EXPORTERS_MAX && next_name(n)) {
        list[found] = (tt_exporter){0};
        int made = make_exporter(n, signal, &list[found]);
        found += made == TT_OK && list[found].send;
        rc = rc == TT_OK ? made : rc;
    }
    int made = tt_exporter_tee(list, found, out);
    return rc == TT_OK ? made : rc;
}

static int add_pull(tt_sdk *sdk, const tt_component *c)
{
    tt_pull pull = {0};
    int rc = c->make.pull(c->arg, sdk->meters, &no_properties, &pull);
    if (rc == TT_OK && pull.stop)
        sdk->pulls[sdk->pulls_n++] = pull;
    return rc;
}

static int add_reader(tt_sdk *sdk, const struct names *n)
{
    tt_metric_reader_options o = {.size = sizeof o};
    int rc = make_exporter(n, TT_SIGNAL_METRICS, &o.exporter);
    if (rc != TT_OK || !o.exporter.send)
        return rc;
    tt_metric_reader *reader = tt_metric_reader_start(sdk->meters, &o);
    if (!reader)
        return TT_ERR_NOMEM;
    sdk->readers[sdk->readers_n++] = reader;
    return TT_OK;
}

static int add_metrics(tt_sdk *sdk, struct names *n)
{
    int rc = TT_OK;
    while (MAX(sdk->readers_n, sdk->pulls_n) < TT_SDK_READERS_MAX && next_name(n)) {
        tt_component c;
        bool pull = tt_component_find(TT_COMPONENT_PULL, n->name, &c) == TT_OK;
        int added = pull ? add_pull(sdk, &c) : add_reader(sdk, n);
        rc = rc == TT_OK ? added : rc;
    }
    return rc;
}

/* --- the resource ---------------------------------------------------------------------------- */

static tt_resource *merge_over(tt_resource *base, tt_resource *over)
{
    tt_resource *merged = tt_resource_merge(base, over);
    tt_resource_free(base);
    tt_resource_free(over);
    return merged;
}

static size_t add_text(tt_attr *attrs, size_t n, const char *key, const char *value)
{
    if (!value || !*value)
        return n;
    attrs[n] = tt_str(key, value);
    return n + 1;
}

/* By those whose library is there. */
static tt_resource *detect(unsigned detectors)
{
    static const struct {
        unsigned detector;
        const char *name;
    } known[] = {
        {TT_DETECT_HOST, "host"},
        {TT_DETECT_OS, "os"},
        {TT_DETECT_PROCESS, "process"},
        {TT_DETECT_CONTAINER, "container"},
        {TT_DETECT_KUBERNETES, "kubernetes"},
        {TT_DETECT_SERVICE, "service"},
    };
    tt_resource *all = NULL;
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        tt_component c;
        tt_resource *found = NULL;
        if (detectors & known[i].detector &&
            tt_component_find(TT_COMPONENT_DETECTOR, known[i].name, &c) == TT_OK &&
            c.make.detector(c.arg, &no_properties, &found) == TT_OK)
            all = merge_over(all, found);
    }
    return all;
}

/* What is detected, then what the environment says, then what the program says. */
static tt_resource *make_resource(const tt_init_options *o)
{
    tt_attr attrs[3];
    size_t n = add_text(attrs, 0, "service.name", o->service_name);
    n = add_text(attrs, n, "service.version", o->service_version);
    n = add_text(attrs, n, "deployment.environment.name", o->environment);
    tt_resource *r = detect(o->detectors ? o->detectors : TT_DETECT_ALL);
    r = merge_over(r, tt_resource_default());
    r = merge_over(r, tt_resource_new(attrs, n, NULL));
    return o->resource ? merge_over(r, tt_resource_merge(o->resource, NULL)) : r;
}

/* --- the set --------------------------------------------------------------------------------- */

static int make_traces(tt_sdk *sdk, const tt_watch *w, const tt_init_options *o,
                       tt_resource *resource)
{
    tt_tracer_provider_options t = {.size = sizeof t, .resource = resource};
    struct names n = names_of(w, o->traces_exporter, "OTEL_TRACES_EXPORTER", "otlp");
    int rc = make_exporters(&n, TT_SIGNAL_TRACES, &t.exporter);
    sdk->tracers = tt_tracer_provider_new(&t);
    return sdk->tracers ? rc : TT_ERR_NOMEM;
}

static int make_logs(tt_sdk *sdk, const tt_watch *w, const tt_init_options *o,
                     tt_resource *resource)
{
    tt_logger_provider_options l = {.size = sizeof l, .resource = resource, .masks = o->log_masks};
    struct names n = names_of(w, o->logs_exporter, "OTEL_LOGS_EXPORTER", "otlp");
    int rc = make_exporters(&n, TT_SIGNAL_LOGS, &l.exporter);
    sdk->loggers = tt_logger_provider_new(&l);
    return sdk->loggers ? rc : TT_ERR_NOMEM;
}

static int make_metrics(tt_sdk *sdk, const tt_watch *w, const tt_init_options *o,
                        tt_resource *resource)
{
    tt_meter_provider_options m = {.size = sizeof m, .resource = resource};
    struct names n = names_of(w, o->metrics_exporter, "OTEL_METRICS_EXPORTER", "prometheus");
    sdk->meters = tt_meter_provider_new(&m);
    return sdk->meters ? add_metrics(sdk, &n) : TT_ERR_NOMEM;
}

static int make_watch(tt_watch *out)
{
    tt_component c;
    if (tt_component_find(TT_COMPONENT_WATCH, "self", &c) == TT_OK)
        return c.make.watch(c.arg, out);
    problem(TT_PROBLEM_MISUSE, "metrics of the SDK itself need libtelltale-self", NULL);
    return TT_ERR_INVALID;
}

static int make_all(tt_sdk *sdk, const tt_init_options *o)
{
    static int (*const parts[])(tt_sdk *, const tt_watch *, const tt_init_options *,
                                tt_resource *) = {make_traces, make_logs, make_metrics};
    tt_watch watch = {0};
    int rc = TT_OK;
    if (o->self_metrics || env_is_true("OTEL_C_SELF_METRICS"))
        rc = make_watch(&watch);
    tt_resource *resource = make_resource(o);
    if (!resource)
        rc = TT_ERR_NOMEM;
    for (size_t i = 0; resource && i < ARRAY_LEN(parts); i++) {
        int made = parts[i](sdk, &watch, o, resource);
        rc = rc == TT_OK ? made : rc;
    }
    tt_resource_free(resource);
    int started = watch.start ? watch.start(watch.arg, sdk) : TT_OK;
    return rc == TT_OK ? started : rc;
}

static int make_from_file(tt_sdk *sdk, const tt_init_options *o, const char *path)
{
    tt_component c;
    if (tt_component_find(TT_COMPONENT_CONFIGURATION, "file", &c) != TT_OK) {
        problem(TT_PROBLEM_MISUSE, "a configuration file needs libtelltale-config", path);
        return TT_ERR_INVALID;
    }
    int rc = c.make.configuration(c.arg, path, sdk);
    tt_logger_provider_mask(sdk->loggers, o->log_masks);
    return rc;
}

int tt_sdk_new(const tt_init_options *options, tt_sdk *out)
{
    tt_init_options o = {0};
    (void)options_read(&o, sizeof o, options);
    if (!out)
        return TT_ERR_INVALID;
    *out = (tt_sdk){.process = getpid()};
    const char *path = o.config_file ? o.config_file : getenv("OTEL_CONFIG_FILE");
    if (path && *path)
        return make_from_file(out, &o, path);
    out->propagators = tt_propagators_from_environment();
    return env_is_disabled() ? TT_OK : make_all(out, &o);
}
