/* The provider of meters and its readers. */
#include <string.h>

#include "base/compiler.h"
#include "declare/create.h"
#include "telltale/metric_producer.h"
#include "telltale/view.h"

enum { PRODUCERS_MAX = 16 };

static void add_pull(struct create *c, const tt_value *exporter)
{
    const char *name;
    tt_value properties;
    tt_component component;
    tt_pull pull = {0};
    if (!create_component_of(c, exporter, &name, &properties))
        return;
    int rc = tt_component_find(TT_COMPONENT_PULL, name, &component);
    if (rc == TT_OK)
        rc = component.make.pull(component.arg, c->sdk->meters, &properties, &pull);
    else
        create_complain(c, rc, "a configuration names a pull exporter that is not known", name);
    if (rc != TT_OK)
        create_complain(c, rc, NULL, NULL);
    else if (pull.stop)
        c->sdk->pulls[c->sdk->pulls_n++] = pull;
}

/* Of the properties of an exporter: {otlp_http: {temporality_preference: delta}}. */
static const char *preference(const tt_value *exporter, const char *name)
{
    bool one = exporter && exporter->type == TT_TYPE_MAP && exporter->n == 1;
    return one ? tt_property_text(&exporter->as.fields[0].value, name) : NULL;
}

static enum tt_temporality temporality_of(struct create *c, const tt_value *exporter)
{
    const char *text = preference(exporter, "temporality_preference");
    if (!text || strcmp(text, "cumulative") == 0)
        return TT_TEMPORALITY_CUMULATIVE;
    if (strcmp(text, "delta") == 0)
        return TT_TEMPORALITY_DELTA;
    if (strcmp(text, "low_memory") != 0)
        create_complain(c, TT_ERR_INVALID, "a temporality_preference that is none", text);
    return TT_TEMPORALITY_LOWMEMORY;
}

/* --- what readers make of instruments -------------------------------------------------------- */

static bool wants_exponential(const tt_value *reader)
{
    const char *histograms =
        preference(tt_property(reader, "exporter"), "default_histogram_aggregation");
    return histograms && strcmp(histograms, "base2_exponential_bucket_histogram") == 0;
}

/* The schema's default stands in where nothing is said. */
static tt_stream_defaults defaults_of(struct create *c, const tt_value *reader)
{
    static const char *const names[TT_KINDS] = {
        [TT_KIND_ANY] = "default",
        [TT_KIND_COUNTER] = "counter",
        [TT_KIND_UPDOWNCOUNTER] = "up_down_counter",
        [TT_KIND_GAUGE] = "gauge",
        [TT_KIND_HISTOGRAM] = "histogram",
        [TT_KIND_OBSERVABLE_COUNTER] = "observable_counter",
        [TT_KIND_OBSERVABLE_UPDOWNCOUNTER] = "observable_up_down_counter",
        [TT_KIND_OBSERVABLE_GAUGE] = "observable_gauge",
    };
    const tt_value *limits = tt_property(reader, "cardinality_limits");
    tt_stream_defaults d = {.size = sizeof d};
    size_t of_any = 2000;
    for (size_t i = 0; i < TT_KINDS; i++) {
        size_t limit = (size_t)create_count(c, limits, names[i], 0);
        d.cardinality_limit[i] = limit ? limit : of_any;
        of_any = d.cardinality_limit[TT_KIND_ANY];
    }
    if (wants_exponential(reader))
        d.aggregation[TT_KIND_HISTOGRAM] = TT_AGGREGATION_EXPONENTIAL;
    else if (c->exponential)
        d.aggregation[TT_KIND_HISTOGRAM] = TT_AGGREGATION_EXPLICIT;
    return d;
}

/* The reader whose defaults are the provider's: the first that pulls, or else the first. The others
 * get streams of their own where theirs differ. */
static const tt_value *first_reader(const tt_value *readers)
{
    const tt_value *found = NULL;
    for (size_t i = 0; readers && readers->type == TT_TYPE_ARRAY && i < readers->n; i++) {
        const tt_value *reader = &readers->as.items[i];
        if (reader->type != TT_TYPE_MAP || reader->n != 1)
            continue;
        bool pulls = strcmp(reader->as.fields[0].key, "pull") == 0;
        if (!found || pulls)
            found = &reader->as.fields[0].value;
        if (pulls)
            break;
    }
    return found;
}

/* Those that are registered under the names in the list. */
static size_t create_producers(struct create *c, const tt_value *list,
                               tt_metric_producer out[PRODUCERS_MAX])
{
    size_t n = 0;
    for (size_t i = 0; list && list->type == TT_TYPE_ARRAY && i < list->n; i++) {
        const char *name;
        tt_value properties;
        tt_component component;
        if (!create_component_of(c, &list->as.items[i], &name, &properties))
            continue;
        int rc = tt_component_find(TT_COMPONENT_PRODUCER, name, &component);
        if (rc != TT_OK || n == PRODUCERS_MAX)
            create_complain(c, TT_ERR_INVALID, "a producer of metrics that is not known", name);
        else if ((rc = component.make.producer(component.arg, &properties, &out[n])) != TT_OK)
            create_complain(c, rc, NULL, NULL);
        else
            n++;
    }
    return n;
}

static void add_periodic(struct create *c, const tt_value *reader)
{
    tt_metric_reader_options o = {
        .size = sizeof o,
        .interval_ms = MAX(create_count(c, reader, "interval", 60000), 1),
        .timeout_ms = create_timeout_ms(c, reader, "timeout"),
    };
    const tt_value *exporter = tt_property(reader, "exporter");
    tt_stream_defaults defaults = defaults_of(c, reader);
    o.temporality = temporality_of(c, exporter);
    o.defaults = &defaults;
    tt_metric_producer producers[PRODUCERS_MAX];
    o.producers = producers;
    o.producers_n = create_producers(c, tt_property(reader, "producers"), producers);
    if (create_exporter(c, TT_SIGNAL_METRICS, exporter, &o.exporter) != TT_OK)
        return;
    tt_metric_reader *made = tt_metric_reader_start(c->sdk->meters, &o);
    if (made)
        c->sdk->readers[c->sdk->readers_n++] = made;
    else
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
}

static void pull(struct create *c, const tt_value *properties)
{
    const tt_value *producers = tt_property(properties, "producers");
    if (producers && producers->type != TT_TYPE_EMPTY)
        create_complain(c, TT_ERR_INVALID, "only periodic readers have producers", NULL);
    add_pull(c, tt_property(properties, "exporter"));
}

static void add_reader(struct create *c, const tt_value *item)
{
    const char *name;
    tt_value properties;
    if (MAX(c->sdk->readers_n, c->sdk->pulls_n) == TT_SDK_READERS_MAX) {
        create_complain(c, TT_ERR_LIMIT, "a configuration has more than 8 metric readers", NULL);
        return;
    }
    if (!create_component_of(c, item, &name, &properties))
        return;
    if (strcmp(name, "pull") == 0)
        pull(c, &properties);
    else if (strcmp(name, "periodic") == 0)
        add_periodic(c, &properties);
    else
        create_complain(c, TT_ERR_INVALID, "a metric reader is pull or periodic", name);
}

/* --- the provider ---------------------------------------------------------------------------- */

static enum tt_exemplars exemplars_of(struct create *c, const char *filter)
{
    if (!filter || strcmp(filter, "trace_based") == 0)
        return TT_EXEMPLARS_TRACE_BASED;
    if (strcmp(filter, "always_on") == 0)
        return TT_EXEMPLARS_ALWAYS_ON;
    if (strcmp(filter, "always_off") != 0)
        create_complain(c, TT_ERR_INVALID, "an exemplar_filter that is none", filter);
    return TT_EXEMPLARS_ALWAYS_OFF;
}

static enum tt_view_matching matching_of(struct create *c, const char *mode)
{
    if (mode && strcmp(mode, "composable") == 0)
        return TT_VIEWS_COMPOSABLE;
    if (mode && strcmp(mode, "independent") != 0)
        create_complain(c, TT_ERR_INVALID, "a view_matching_mode that is none", mode);
    return TT_VIEWS_INDEPENDENT;
}

static int switch_meters(struct create *c, const char *pattern, bool on)
{
    return tt_meter_provider_switch(c->sdk->meters, pattern, on);
}

void create_meters(struct create *c, const tt_value *provider)
{
    const tt_value *readers = tt_property(provider, "readers");
    tt_meter_provider_options o = {
        .size = sizeof o,
        .resource = c->resource,
        .exemplars = exemplars_of(c, tt_property_text(provider, "exemplar_filter")),
        .view_matching =
            matching_of(c, tt_property_text(provider, "view_matching_mode/development")),
    };
    const tt_value *first = first_reader(readers);
    tt_stream_defaults defaults = defaults_of(c, first);
    c->exponential = defaults.aggregation[TT_KIND_HISTOGRAM] == TT_AGGREGATION_EXPONENTIAL;
    o.defaults = &defaults;
    c->sdk->meters = tt_meter_provider_new(&o);
    if (!c->sdk->meters) {
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
        return;
    }
    create_switches(c, tt_property(provider, "meter_configurator/development"), "meters",
                    switch_meters);
    create_views(c, tt_property(provider, "views")); // they hold for what is made after them
    for (size_t i = 0; readers && readers->type == TT_TYPE_ARRAY && i < readers->n; i++)
        add_reader(c, &readers->as.items[i]);
}
