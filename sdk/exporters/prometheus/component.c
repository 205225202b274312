/* The endpoint by its name in the configuration. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/compiler.h"
#include "base/str.h"
#include "telltale/component.h"
#include "telltale/prometheus.h"

enum { PATTERNS_MAX = 64 << 10 };

static void stop(void *arg)
{
    tt_prometheus_endpoint_stop(arg);
}

/* As Prometheus names its own strategies, and as newer formats of the configuration do. */
static enum tt_prometheus_names names_of(const char *strategy)
{
    static const struct {
        const char *name;
        enum tt_prometheus_names is;
    } names[] = {{"UnderscoreEscapingWithSuffixes", TT_NAMES_UNDERSCORE_SUFFIXES},
                 {"UnderscoreEscapingWithoutSuffixes", TT_NAMES_UNDERSCORE},
                 {"NoUTF8EscapingWithSuffixes", TT_NAMES_UTF8_SUFFIXES},
                 {"NoTranslation", TT_NAMES_UTF8},
                 {"underscore_escaping_with_suffixes", TT_NAMES_UNDERSCORE_SUFFIXES},
                 {"underscore_escaping_without_suffixes", TT_NAMES_UNDERSCORE},
                 {"no_utf8_escaping_with_suffixes", TT_NAMES_UTF8_SUFFIXES},
                 {"no_translation", TT_NAMES_UTF8}};
    struct str rest = str_c(strategy), wanted = str_cut(&rest, '/'); // of "/development"
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        if (str_eq_nocase(wanted, str_c(names[i].name)))
            return names[i].is;
    }
    if (wanted.n)
        tt_problem_tell(TT_PROBLEM_MISUSE, "not a translation strategy", strategy);
    return TT_NAMES_UNDERSCORE_SUFFIXES;
}

/* A list of patterns, with commas between them and a NUL; nothing when there are none. */
static void put_patterns(struct buf *out, const tt_value *list)
{
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        const tt_value *pattern = &list->as.items[i];
        if (pattern->type != TT_TYPE_STRING || !pattern->n) {
            tt_problem_tell(TT_PROBLEM_MISUSE, "a label's pattern is a text", NULL);
            continue;
        }
        if (out->n)
            buf_putc(out, ',');
        buf_put(out, pattern->as.text, pattern->n);
    }
    if (out->n)
        buf_putc(out, '\0');
}

/* {included: [service.*], excluded: [service.instance.id]}; all are when the first is left out. */
struct labels {
    struct buf included, excluded;
};

static void read_labels(const tt_value *filter, struct labels *l, tt_prometheus_endpoint_options *o)
{
    *l = (struct labels){BUF_MAX(PATTERNS_MAX), BUF_MAX(PATTERNS_MAX)};
    if (!filter || filter->type != TT_TYPE_MAP)
        return;
    const tt_value *included = tt_property(filter, "included");
    put_patterns(&l->included, included);
    put_patterns(&l->excluded, tt_property(filter, "excluded"));
    if (buf_failed(&l->included) || buf_failed(&l->excluded)) {
        tt_problem_tell(TT_PROBLEM_LIMIT, "patterns of labels are more than 65536 characters",
                        NULL);
        return;
    }
    o->resource_labels = l->included.n ? l->included.p : included ? NULL : "*";
    o->without_resource_labels = l->excluded.p;
}

/* {scope_info_enabled: false}, or as older formats have it {without_scope_info: true}. */
static bool is_off(const tt_value *properties, const char *enabled, const char *without)
{
    return !tt_property_bool(properties, enabled, !tt_property_bool(properties, without, false));
}

static void read_properties(const tt_value *properties, tt_prometheus_endpoint_options *o)
{
    if (properties->type != TT_TYPE_MAP)
        return;
    const char *host = tt_property_text(properties, "host");
    o->host = host ? host : "localhost";
    int64_t port = tt_property_int(properties, "port", 9464);
    o->port = port >= 0 && port <= INT32_MAX ? (int32_t)port : INT32_MAX;
    o->without_scope = is_off(properties, "scope_info_enabled", "without_scope_info");
    o->names = names_of(tt_property_text(properties, "translation_strategy"));
    o->without_target =
        is_off(properties, "target_info_enabled/development", "without_target_info/development") ||
        tt_property_bool(properties, "without_target_info", false);
}

static int make(void *arg, tt_meter_provider *provider, const tt_value *properties, tt_pull *out)
{
    (void)arg;
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    tt_prometheus_endpoint *endpoint;
    struct labels labels;
    read_properties(properties, &o);
    const tt_value *filter = tt_property(properties, "resource_constant_labels");
    if (!filter) // older formats
        filter = tt_property(properties, "with_resource_constant_labels");
    read_labels(filter, &labels, &o);
    errno = 0;
    int rc = tt_prometheus_endpoint_start(provider, &o, &endpoint);
    int reason = errno;
    buf_done(&labels.included);
    buf_done(&labels.excluded);
    if (rc == TT_OK)
        *out = (tt_pull){.stop = stop, .arg = endpoint};
    else
        tt_problem_tell(TT_PROBLEM_MISUSE, "the Prometheus endpoint cannot listen",
                        reason ? strerror(reason) : tt_status_text(rc));
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
