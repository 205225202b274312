/* The parts of tt_config_create. Each makes what its part of the model says; NULL: as the schema
 * has it when that part is left out. */
#ifndef TELLTALE_SDK_DECLARE_CREATE_H
#define TELLTALE_SDK_DECLARE_CREATE_H

#include "telltale/init.h"

struct create {
    const tt_value *model;
    tt_sdk *sdk;
    tt_watch watch;
    tt_resource *resource;
    bool exponential; /* the provider makes such histograms, unless a reader says otherwise */
    int rc;           /* the first failure */
};

/* As create_count, of milliseconds in which something has to be done; the schema's 0 is no limit,
 * for which 24 days stand. */
int64_t create_timeout_ms(struct create *c, const tt_value *map, const char *name);

/* Notes a failure and tells it, when `text` is not NULL. */
void create_complain(struct create *c, int rc, const char *text, const char *detail);

/* The one field of a map like {otlp_http: {…}}: its key, and its properties, an empty map for null.
 * False, told, when it is something else. */
bool create_component_of(struct create *c, const tt_value *v, const char **out_name,
                         tt_value *out_properties);

/* As tt_property_int, but told and left out when it is below 0. `otherwise` for null. */
int64_t create_count(struct create *c, const tt_value *map, const char *name, int64_t otherwise);

/* {enabled: false}, or as older formats have it {disabled: true}, is off. */
bool create_is_on(const tt_value *config);

/* {default_config: …, meters: [{name: a*, config: …}]}: calls `put` so that of the list the first
 * that fits a name holds, where the last call does. `list`: the list's key. */
void create_switches(struct create *c, const tt_value *configurator, const char *list,
                     int (*put)(struct create *c, const char *pattern, bool on));

/* Complains of each value of another type than its key has; what reads it takes it as left out.
 * Tells each key that is not known. */
void create_check(struct create *c);

tt_resource *create_resource(struct create *c, const tt_value *resource);
unsigned create_propagators(struct create *c, const tt_value *propagator);
tt_sampler *create_sampler(struct create *c, const tt_value *sampler, int depth);
void create_register_samplers(void);
int create_exporter(struct create *c, enum tt_signal signal, const tt_value *exporter,
                    tt_exporter *out);

/* Fill c->sdk. */
void create_tracers(struct create *c, const tt_value *provider);
void create_loggers(struct create *c, const tt_value *provider);
void create_meters(struct create *c, const tt_value *provider);
void create_views(struct create *c, const tt_value *views);

#endif
