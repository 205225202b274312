/* Providers of tracers and loggers. All processors of a provider share the settings of the first
 * batch processor; each has its exporter. */
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "base/str.h"
#include "declare/create.h"

enum { EXPORTERS_MAX = TT_SDK_READERS_MAX, ATTRS_MAX = 128 };

/* --- processors ------------------------------------------------------------------------------ */

struct processing {
    tt_exporter exporter; /* of all processors */
    bool simple;          /* all are */
    size_t queue_records;
    int64_t batch_items, delay_ms, timeout_ms;
};

static void take_batch(struct create *c, const tt_value *p, struct processing *out)
{
    int64_t queue = create_count(c, p, "max_queue_size", -1);
    if (queue == 0)
        create_complain(c, TT_ERR_INVALID, "in a configuration: a queue of 1 or more was expected",
                        "max_queue_size");
    out->queue_records = queue > 0 ? (size_t)queue : SIZE_MAX;
    out->batch_items = create_count(c, p, "max_export_batch_size", 512);
    out->delay_ms = create_count(c, p, "schedule_delay", out->delay_ms);
    out->timeout_ms = create_count(c, p, "export_timeout", 30000);
}

/* Whether there is an exporter now in `out`. */
static bool take_processor(struct create *c, enum tt_signal signal, const tt_value *item,
                           struct processing *p, tt_exporter *out)
{
    const char *name;
    tt_value properties;
    if (!create_component_of(c, item, &name, &properties))
        return false;
    bool batch = strcmp(name, "batch") == 0;
    if (!batch && strcmp(name, "simple") != 0) {
        create_complain(c, TT_ERR_INVALID, "a configuration names a processor that is not known",
                        name);
        return false;
    }
    if (batch && p->simple)
        take_batch(c, &properties, p);
    p->simple &= !batch;
    return create_exporter(c, signal, tt_property(&properties, "exporter"), out) == TT_OK;
}

static struct processing take_processors(struct create *c, enum tt_signal signal,
                                         const tt_value *provider)
{
    struct processing p = {.simple = true,
                           .queue_records = SIZE_MAX,
                           .delay_ms = signal == TT_SIGNAL_TRACES ? 5000 : 1000};
    const tt_value *list = tt_property(provider, "processors");
    tt_exporter exporters[EXPORTERS_MAX];
    size_t n = 0;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        if (n == EXPORTERS_MAX)
            create_complain(c, TT_ERR_LIMIT, "a configuration has more than 8 processors", NULL);
        else
            n += take_processor(c, signal, &list->as.items[i], &p, &exporters[n]);
    }
    int rc = tt_exporter_tee(exporters, n, &p.exporter);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    return p;
}

/* --- tracers --------------------------------------------------------------------------------- */

/* Of the provider's limits, or else of those of all attributes. */
static int64_t said(struct create *c, const tt_value *limits, const char *name, int64_t otherwise)
{
    const tt_value *common = tt_property(c->model, "attribute_limits");
    return create_count(c, limits, name, create_count(c, common, name, otherwise));
}

static size_t limit(struct create *c, const tt_value *limits, const char *name)
{
    int64_t n = said(c, limits, name, ATTRS_MAX);
    return n > 0 ? (size_t)n : TT_LIMIT_NONE;
}

static size_t length_limit(struct create *c, const tt_value *limits)
{
    static const char name[] = "attribute_value_length_limit";
    int64_t n = said(c, limits, name, INT64_MAX);
    if (n == 0)
        create_complain(c, TT_ERR_INVALID, "in a configuration: a length of 1 or more was expected",
                        name);
    return n > 0 ? (size_t)n : SIZE_MAX;
}

void create_tracers(struct create *c, const tt_value *provider)
{
    const tt_value *limits = tt_property(provider, "limits");
    struct processing p = take_processors(c, TT_SIGNAL_TRACES, provider);
    tt_tracer_provider_options o = {
        .size = sizeof o,
        .resource = c->resource,
        .sampler = create_sampler(c, tt_property(provider, "sampler"), 0),
        .exporter = p.exporter,
        .simple = p.simple,
        .queue_spans = p.queue_records,
        .batch_spans = (size_t)p.batch_items,
        .delay_ms = p.delay_ms,
        .send_timeout_ms = p.timeout_ms,
        .attributes_max = limit(c, limits, "attribute_count_limit"),
        .events_max = limit(c, limits, "event_count_limit"),
        .links_max = limit(c, limits, "link_count_limit"),
        .value_bytes_max = length_limit(c, limits),
        .event_attributes_max = limit(c, limits, "event_attribute_count_limit"),
        .link_attributes_max = limit(c, limits, "link_attribute_count_limit"),
    };
    if (tt_property(provider, "tracer_configurator/development"))
        create_complain(c, TT_ERR_INVALID, "tracers cannot be configured one by one", NULL);
    if (!o.sampler) // an unknown one was told; the environment's is not asked for
        o.sampler = tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL);
    c->sdk->tracers = tt_tracer_provider_new(&o);
    if (!c->sdk->tracers)
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
}

/* --- loggers --------------------------------------------------------------------------------- */

/* "trace" … "fatal4"; 0 when nothing is said. */
static enum tt_severity severity_of(struct create *c, const char *text)
{
    static const char *const names[] = {"trace", "debug", "info", "warn", "error", "fatal"};
    struct str name = str_c(text);
    int finer = name.n && name.p[name.n - 1] >= '2' && name.p[name.n - 1] <= '4'
                    ? name.p[name.n - 1] - '1'
                    : 0;
    if (finer)
        name = str_sub(name, 0, name.n - 1);
    for (int i = 0; i < (int)ARRAY_LEN(names); i++) {
        if (str_eq_nocase(name, str_c(names[i])))
            return (enum tt_severity)(1 + 4 * i + finer);
    }
    if (text)
        create_complain(c, TT_ERR_INVALID, "a configuration has a severity that is not known",
                        text);
    return (enum tt_severity)0;
}

/* {disabled: true}, or as newer formats have it {enabled: false}. */
static bool is_off(const tt_value *config)
{
    return tt_property_bool(config, "disabled", !tt_property_bool(config, "enabled", true));
}

/* Of several calls the last that fits holds, and of the list the first. */
static void configure_loggers(struct create *c, const tt_value *list)
{
    for (size_t i = list && list->type == TT_TYPE_ARRAY ? list->n : 0; i > 0; i--) {
        const tt_value *item = &list->as.items[i - 1], *config = tt_property(item, "config");
        const char *name = tt_property_text(item, "name");
        tt_logger_config o = {
            .size = sizeof o,
            .level = severity_of(c, tt_property_text(config, "minimum_severity")),
            .trace_based = tt_property_bool(config, "trace_based", false),
        };
        if (is_off(config))
            o.level = TT_SEVERITY_OFF;
        bool ok = name && *name && strcspn(name, "?") == strlen(name) &&
                  strcspn(name, "*") + 1 >= strlen(name);
        int rc = ok ? tt_logger_provider_configure(c->sdk->loggers, name, &o) : TT_ERR_INVALID;
        if (rc != TT_OK)
            create_complain(c, rc, "loggers are configured by a name, or by how it begins: a*",
                            name);
    }
}

void create_loggers(struct create *c, const tt_value *provider)
{
    const tt_value *configurator = tt_property(provider, "logger_configurator/development");
    const tt_value *config = tt_property(configurator, "default_config");
    const tt_value *limits = tt_property(provider, "limits");
    struct processing p = take_processors(c, TT_SIGNAL_LOGS, provider);
    tt_logger_provider_options o = {
        .size = sizeof o,
        .resource = c->resource,
        .exporter = p.exporter,
        .simple = p.simple,
        .queue_records = p.queue_records,
        .batch_records = (size_t)p.batch_items,
        .delay_ms = p.delay_ms,
        .send_timeout_ms = p.timeout_ms,
        .level = severity_of(c, tt_property_text(config, "minimum_severity")),
        .attributes_max = limit(c, limits, "attribute_count_limit"),
        .value_bytes_max = length_limit(c, limits),
        .trace_based = tt_property_bool(config, "trace_based", false),
    };
    if (is_off(config))
        o.level = TT_SEVERITY_OFF;
    c->sdk->loggers = tt_logger_provider_new(&o);
    if (!c->sdk->loggers)
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
    else
        configure_loggers(c, tt_property(configurator, "loggers"));
}
