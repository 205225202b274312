/* The endpoint by its name in the configuration. */
#include <errno.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "telltale/component.h"
#include "telltale/prometheus.h"

static void stop(void *arg)
{
    tt_prometheus_endpoint_stop(arg);
}

/* As Prometheus names its own strategies. */
static enum tt_prometheus_names names_of(const char *strategy)
{
    static const struct {
        const char *name;
        enum tt_prometheus_names is;
    } names[] = {{"UnderscoreEscapingWithSuffixes", TT_NAMES_UNDERSCORE_SUFFIXES},
                 {"UnderscoreEscapingWithoutSuffixes", TT_NAMES_UNDERSCORE},
                 {"NoUTF8EscapingWithSuffixes", TT_NAMES_UTF8_SUFFIXES},
                 {"NoTranslation", TT_NAMES_UTF8}};
    struct str wanted = str_c(strategy);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(wanted, str_c(names[i].name)))
            return names[i].is;
    }
    if (wanted.n)
        tt_problem_tell(TT_PROBLEM_MISUSE, "not a translation strategy", strategy);
    return TT_NAMES_UNDERSCORE_SUFFIXES;
}

static void read_properties(const tt_value *properties, tt_prometheus_endpoint_options *o)
{
    if (properties->type != TT_TYPE_MAP)
        return;
    const char *host = tt_property_text(properties, "host");
    o->host = host ? host : "localhost";
    int64_t port = tt_property_int(properties, "port", 9464);
    o->port = port >= 0 && port <= INT32_MAX ? (int32_t)port : INT32_MAX;
    o->without_scope = tt_property_bool(properties, "without_scope_info", false);
    o->names = names_of(tt_property_text(properties, "translation_strategy"));
    o->without_target =
        tt_property_bool(properties, "without_target_info/development",
                         tt_property_bool(properties, "without_target_info", false));
}

static int make(void *arg, tt_meter_provider *provider, const tt_value *properties, tt_pull *out)
{
    (void)arg;
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    tt_prometheus_endpoint *endpoint;
    read_properties(properties, &o);
    errno = 0;
    int rc = tt_prometheus_endpoint_start(provider, &o, &endpoint);
    if (rc == TT_OK)
        *out = (tt_pull){.stop = stop, .arg = endpoint};
    else
        tt_problem_tell(TT_PROBLEM_MISUSE, "the Prometheus endpoint cannot listen",
                        errno ? strerror(errno) : tt_status_text(rc));
    return rc;
}

int tt_prometheus_register(void)
{
    static const char *const names[] = {"prometheus", "prometheus/development"};
    int rc = TT_OK;
    for (size_t i = 0; i < ARRAY_LEN(names) && rc == TT_OK; i++) {
        tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_PULL, .name = names[i]};
        c.make.pull = make;
        rc = tt_component_register(&c);
    }
    return rc;
}

ON_LOAD static void on_load(void)
{
    (void)tt_prometheus_register(); // there is room, or tt_init tells that the name is unknown
}
