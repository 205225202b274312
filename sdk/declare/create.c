/* From a model to providers. */
#include "declare/create.h"

#include <unistd.h>

#include "base/compiler.h"
#include "base/str.h"
#include "telltale/config.h"

void create_complain(struct create *c, int rc, const char *text, const char *detail)
{
    if (c->rc == TT_OK)
        c->rc = rc;
    if (text)
        tt_problem_tell(TT_PROBLEM_MISUSE, text, detail);
}

bool create_component_of(struct create *c, const tt_value *v, const char **out_name,
                         tt_value *out_properties)
{
    if (!v || v->type != TT_TYPE_MAP || v->n != 1) {
        create_complain(c, TT_ERR_INVALID, "a component is a map with one key, its name", NULL);
        return false;
    }
    static const tt_attr none;
    const tt_attr *field = &v->as.fields[0];
    if (field->value.type != TT_TYPE_MAP && field->value.type != TT_TYPE_EMPTY)
        create_complain(c, TT_ERR_INVALID, "the properties of a component are a map", field->key);
    *out_name = field->key;
    *out_properties = field->value.type == TT_TYPE_MAP ? field->value : tt_value_map(&none, 0);
    return true;
}

int64_t create_count(struct create *c, const tt_value *map, const char *name, int64_t otherwise)
{
    const tt_value *v = tt_property(map, name);
    if (!v || v->type == TT_TYPE_EMPTY)
        return otherwise;
    if (v->type == TT_TYPE_INT && v->as.integer >= 0)
        return v->as.integer;
    create_complain(c, TT_ERR_INVALID, "in a configuration: a number of 0 or more was expected",
                    name);
    return otherwise;
}

int64_t create_timeout_ms(struct create *c, const tt_value *map, const char *name)
{
    int64_t ms = create_count(c, map, name, 30000);
    return ms > 0 ? MIN(ms, INT32_MAX) : INT32_MAX;
}

/* --- switches -------------------------------------------------------------------------------- */

bool create_is_on(const tt_value *config)
{
    return !tt_property_bool(config, "disabled", !tt_property_bool(config, "enabled", true));
}

void create_switches(struct create *c, const tt_value *configurator, const char *key,
                     int (*put)(struct create *c, const char *pattern, bool on))
{
    const tt_value *list = tt_property(configurator, key);
    bool all = create_is_on(tt_property(configurator, "default_config"));
    int rc = all ? TT_OK : put(c, "*", false);
    for (size_t i = list && list->type == TT_TYPE_ARRAY ? list->n : 0; i > 0 && rc == TT_OK; i--) {
        const tt_value *item = &list->as.items[i - 1];
        rc = put(c, tt_property_text(item, "name"), create_is_on(tt_property(item, "config")));
    }
    if (rc != TT_OK)
        create_complain(c, rc, "a configurator names what is on or off", key);
}

/* --- propagators ----------------------------------------------------------------------------- */

static unsigned propagator_bit(struct create *c, struct str name)
{
    static const struct {
        const char *name;
        unsigned bit;
    } known[] = {
        {"tracecontext", TT_W3C}, {"baggage", TT_BAGGAGE}, {"b3", TT_B3},
        {"b3multi", TT_B3_MULTI}, {"jaeger", TT_JAEGER},   {"none", 0},
        {"ottrace", TT_OTTRACE},
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++) {
        if (str_eq(name, str_c(known[i].name)))
            return known[i].bit;
    }
    create_complain(c, TT_ERR_INVALID, "a configuration names a propagator that is not known",
                    NULL);
    return 0;
}

/* `composite` is a list of maps with one key, in format 0.4 also of names; composite_list has names
 * with commas. */
unsigned create_propagators(struct create *c, const tt_value *propagator)
{
    unsigned bits = 0;
    const tt_value *list = tt_property(propagator, "composite");
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        const tt_value *item = &list->as.items[i];
        const char *name;
        tt_value properties;
        if (item->type == TT_TYPE_STRING)
            bits |= propagator_bit(c, str_of(item->as.text, item->n));
        else if (create_component_of(c, item, &name, &properties))
            bits |= propagator_bit(c, str_c(name));
    }
    struct str rest = str_c(tt_property_text(propagator, "composite_list"));
    while (rest.p && rest.n) {
        struct str name = str_trim(str_cut(&rest, ','));
        bits |= name.n ? propagator_bit(c, name) : 0;
    }
    return bits;
}

/* --- exporters ------------------------------------------------------------------------------- */

int create_exporter(struct create *c, enum tt_signal signal, const tt_value *exporter,
                    tt_exporter *out)
{
    const char *name;
    tt_value properties;
    tt_component component;
    *out = (tt_exporter){0};
    if (!create_component_of(c, exporter, &name, &properties))
        return TT_ERR_INVALID;
    int rc = tt_component_find(TT_COMPONENT_EXPORTER, name, &component);
    if (rc == TT_OK)
        rc = component.make.exporter(component.arg, signal, &properties, out);
    else
        create_complain(c, rc, "a configuration names an exporter that is not known", name);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    else if (c->watch.exporter)
        c->watch.exporter(c->watch.arg, signal, name, out);
    return rc;
}

/* --- the whole ------------------------------------------------------------------------------- */

/* What is null or left out is not there. */
static bool is_given(const tt_value *v)
{
    return v && v->type == TT_TYPE_MAP;
}

static void make_watch(struct create *c)
{
    const tt_value *own = tt_property(tt_property(c->model, "distribution"), "telltale");
    tt_component self;
    if (!tt_property_bool(own, "self_metrics", false))
        return;
    int rc = tt_component_find(TT_COMPONENT_WATCH, "self", &self);
    if (rc == TT_OK)
        rc = self.make.watch(self.arg, &c->watch);
    else
        create_complain(c, rc, "metrics of the SDK itself need libtelltale-self", NULL);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
}

static void create_all(struct create *c)
{
    const tt_value *tracers = tt_property(c->model, "tracer_provider");
    const tt_value *loggers = tt_property(c->model, "logger_provider");
    const tt_value *meters = tt_property(c->model, "meter_provider");
    c->sdk->propagators = create_propagators(c, tt_property(c->model, "propagator"));
    if (tt_property_bool(c->model, "disabled", false))
        return;
    c->resource = create_resource(c, tt_property(c->model, "resource"));
    if (!c->resource) {
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
        return;
    }
    make_watch(c);
    if (is_given(tracers))
        create_tracers(c, tracers);
    if (is_given(loggers))
        create_loggers(c, loggers);
    if (is_given(meters))
        create_meters(c, meters);
    tt_resource_free(c->resource);
    int rc = c->watch.start ? c->watch.start(c->watch.arg, c->sdk) : TT_OK;
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
}

int tt_config_create(const tt_value *model, tt_sdk *out)
{
    struct create c = {.model = model, .sdk = out};
    if (!out)
        return TT_ERR_INVALID;
    *out = (tt_sdk){.process = getpid()};
    if (!model || model->type != TT_TYPE_MAP)
        return TT_ERR_INVALID;
    create_check(&c);
    create_register_samplers();
    if (tt_property_text(model, "log_level"))
        tt_problem_set_level(tt_property_text(model, "log_level"));
    create_all(&c);
    return c.rc;
}
