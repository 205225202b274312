/* What configuration names: exporters, pull readers, samplers and resource detectors, each made by
 * a function that a library or the program registers under the name that stands in
 * OTEL_TRACES_EXPORTER and its like or in a configuration file (OTEL_CONFIG_FILE).
 *
 *     static int make(void *arg, enum tt_signal signal, const tt_value *properties,
 *                     tt_exporter *out_exporter) { … }
 *     tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "mine"};
 *     c.make.exporter = make;
 *     tt_component_register(&c);
 *
 * libtelltale-otlp registers "otlp", "otlp_http", "otlp_grpc" and the sampler "jaeger_remote",
 * libtelltale-prometheus registers "prometheus" and "prometheus/development", and
 * libtelltale-sampling the sampler "composite/development", when they are loaded: a program that
 * uses the shared libraries need not even link them, they are loaded when a name asks for them. A
 * static program links the archive and calls tt_otlp_register() or tt_prometheus_register() before
 * tt_init(). */
#ifndef TELLTALE_COMPONENT_H
#define TELLTALE_COMPONENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "telltale/api.h"
#include "telltale/attribute.h"
#include "telltale/exporter.h"
#include "telltale/metrics.h"
#include "telltale/resource.h"
#include "telltale/trace.h"

TT_BEGIN

enum tt_component_kind {
    TT_COMPONENT_EXPORTER, /* to which spans, log records or metrics are pushed */
    TT_COMPONENT_PULL,     /* that asks for metrics, such as the Prometheus endpoint */
    TT_COMPONENT_SAMPLER,
    TT_COMPONENT_DETECTOR,      /* of attributes of the resource */
    TT_COMPONENT_CONFIGURATION, /* reads a configuration file; "file" is the one tt_init asks for */
    TT_COMPONENT_PRODUCER,      /* of metrics that come from elsewhere, of configuration files */
    TT_COMPONENT_WATCH          /* of the SDK itself; "self" is the one that makes metrics of it */
};

struct tt_sdk;             /* init.h */
struct tt_metric_producer; /* metric_producer.h */

/* Something that reads metrics of a provider, and lives less long than it. */
typedef struct tt_pull {
    void (*stop)(void *arg); /* ends it and frees it; called once */
    void *arg;
} tt_pull;

/* Watches an SDK that is being made. */
typedef struct tt_watch {
    /* Puts an exporter of its own around one, as long as nobody else has it. `name`: its
     * component's. Without memory it stays as it is. */
    void (*exporter)(void *arg, enum tt_signal signal, const char *name,
                     tt_exporter *inout_exporter);
    /* Called once, with whatever could be made; what it begins is ended by a tt_pull that it adds.
     */
    int (*start)(void *arg, struct tt_sdk *sdk);
    void *arg;
} tt_watch;

/* The functions return TT_OK, or a negative status after having told why by tt_problem_tell.
 *
 * `properties` is a map: what a configuration file says about the component, by the names of
 * OpenTelemetry's configuration schema, and what it leaves out has the schema's default. When the
 * environment names the component it has the type TT_TYPE_EMPTY: the component reads its own
 * variables. It is valid during the call. A sampler's has "service.name", too. */
typedef struct tt_component {
    size_t size; /* sizeof(tt_component) */
    enum tt_component_kind kind;
    const char *name; /* a literal, or else it must live as long as the process */
    union {
        int (*exporter)(void *arg, enum tt_signal signal, const tt_value *properties,
                        tt_exporter *out_exporter);
        int (*pull)(void *arg, tt_meter_provider *provider, const tt_value *properties,
                    tt_pull *out_pull);
        int (*sampler)(void *arg, const tt_value *properties, tt_sampler **out_sampler);
        int (*detector)(void *arg, const tt_value *properties, tt_resource **out_resource);
        /* It must live as long as the readers. */
        int (*producer)(void *arg, const tt_value *properties,
                        struct tt_metric_producer *out_producer);
        /* Fills what is all zeros; what could not be made may be left out, with the status of it.
         */
        int (*configuration)(void *arg, const char *path, struct tt_sdk *out_sdk);
        int (*watch)(void *arg, tt_watch *out_watch);
    } make;
    void *arg;
} tt_component;

/* Copies it. The same kind and name again replaces. TT_ERR_LIMIT beyond 64; TT_ERR_INVALID without
 * a name or function. */
TT_API int tt_component_register(const tt_component *component);

/* Finds one, and loads the library that has it when that is known (see above). TT_ERR_INVALID when
 * there is none. */
TT_API int tt_component_find(enum tt_component_kind kind, const char *name,
                             tt_component *out_component);

/* A field of a map, NULL when there is none or `map` is no map. */
static inline const tt_value *tt_property(const tt_value *map, const char *name)
{
    size_t n = strlen(name);
    uint32_t i;
    for (i = 0; map && map->type == TT_TYPE_MAP && i < map->n; i++) {
        const tt_attr *field = &map->as.fields[i];
        if (field->key_n == n && memcmp(field->key, name, n) == 0)
            return &field->value;
    }
    return (const tt_value *)0;
}

/* The field as text that ends with a NUL, as all texts of `properties` do; NULL when it is none. */
static inline const char *tt_property_text(const tt_value *map, const char *name)
{
    const tt_value *v = tt_property(map, name);
    return v && v->type == TT_TYPE_STRING ? v->as.text : (const char *)0;
}

static inline int64_t tt_property_int(const tt_value *map, const char *name, int64_t otherwise)
{
    const tt_value *v = tt_property(map, name);
    return v && v->type == TT_TYPE_INT ? v->as.integer : otherwise;
}

/* An integer will do, too. */
static inline double tt_property_double(const tt_value *map, const char *name, double otherwise)
{
    const tt_value *v = tt_property(map, name);
    if (v && v->type == TT_TYPE_INT)
        return (double)v->as.integer;
    return v && v->type == TT_TYPE_DOUBLE ? v->as.number : otherwise;
}

static inline bool tt_property_bool(const tt_value *map, const char *name, bool otherwise)
{
    const tt_value *v = tt_property(map, name);
    return v && v->type == TT_TYPE_BOOL ? v->as.truth : otherwise;
}

TT_END

#endif
