/* Processors and limits, and the provider of tracers. */
#include <stdint.h>
#include <string.h>

#include "base/compiler.h"
#include "declare/create_records.h"

enum { EXPORTERS_MAX = TT_SDK_READERS_MAX, ATTRS_MAX = 128 };

/* --- processors ------------------------------------------------------------------------------ */

static void take_batch(struct create *c, const tt_value *p, struct processing *out)
{
    int64_t queue = create_count(c, p, "max_queue_size", -1);
    if (queue == 0)
        create_complain(c, TT_ERR_INVALID, "in a configuration: a queue of 1 or more was expected",
                        "max_queue_size");
    out->queue_records = queue > 0 ? (size_t)queue : SIZE_MAX;
    out->batch_items = create_count(c, p, "max_export_batch_size", 512);
    out->delay_ms = create_count(c, p, "schedule_delay", out->delay_ms);
    out->timeout_ms = create_timeout_ms(c, p, "export_timeout");
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

struct processing create_processors(struct create *c, enum tt_signal signal,
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

/* --- limits ---------------------------------------------------------------------------------- */

/* Of the provider's limits, or else of those of all attributes. */
static int64_t said(struct create *c, const tt_value *limits, const char *name, int64_t otherwise)
{
    const tt_value *common = tt_property(c->model, "attribute_limits");
    return create_count(c, limits, name, create_count(c, common, name, otherwise));
}

size_t create_limit(struct create *c, const tt_value *limits, const char *name)
{
    int64_t n = said(c, limits, name, ATTRS_MAX);
    return n > 0 ? (size_t)n : TT_LIMIT_NONE;
}

size_t create_length_limit(struct create *c, const tt_value *limits)
{
    static const char name[] = "attribute_value_length_limit";
    int64_t n = said(c, limits, name, INT64_MAX);
    if (n == 0)
        create_complain(c, TT_ERR_INVALID, "in a configuration: a length of 1 or more was expected",
                        name);
    return n > 0 ? (size_t)n : SIZE_MAX;
}

/* --- tracers --------------------------------------------------------------------------------- */

static int switch_tracers(struct create *c, const char *pattern, bool on)
{
    return tt_tracer_provider_switch(c->sdk->tracers, pattern, on);
}

void create_tracers(struct create *c, const tt_value *provider)
{
    const tt_value *limits = tt_property(provider, "limits");
    struct processing p = create_processors(c, TT_SIGNAL_TRACES, provider);
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
        .attributes_max = create_limit(c, limits, "attribute_count_limit"),
        .events_max = create_limit(c, limits, "event_count_limit"),
        .links_max = create_limit(c, limits, "link_count_limit"),
        .value_bytes_max = create_length_limit(c, limits),
        .event_attributes_max = create_limit(c, limits, "event_attribute_count_limit"),
        .link_attributes_max = create_limit(c, limits, "link_attribute_count_limit"),
    };
    if (!o.sampler) // an unknown one was told; the environment's is not asked for
        o.sampler = tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL);
    c->sdk->tracers = tt_tracer_provider_new(&o);
    if (!c->sdk->tracers)
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
    else
        create_switches(c, tt_property(provider, "tracer_configurator/development"), "tracers",
                        switch_tracers);
}
