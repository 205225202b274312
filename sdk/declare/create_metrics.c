/* The provider of meters and its readers. */
#include <string.h>

#include "base/compiler.h"
#include "declare/create.h"

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

static void add_periodic(struct create *c, const tt_value *reader)
{
    tt_metric_reader_options o = {
        .size = sizeof o,
        .interval_ms = MAX(create_count(c, reader, "interval", 60000), 1),
        .timeout_ms = MAX(create_count(c, reader, "timeout", 30000), 1),
    };
    const tt_value *exporter = tt_property(reader, "exporter");
    if (create_exporter(c, TT_SIGNAL_METRICS, exporter, &o.exporter) != TT_OK)
        return;
    tt_metric_reader *made = tt_metric_reader_start(c->sdk->meters, &o);
    if (made)
        c->sdk->readers[c->sdk->readers_n++] = made;
    else
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
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
        add_pull(c, tt_property(&properties, "exporter"));
    else if (strcmp(name, "periodic") == 0)
        add_periodic(c, &properties);
    else
        create_complain(c, TT_ERR_INVALID, "a metric reader is pull or periodic", name);
}

/* The provider has one limit: that of the first reader that tells one. */
static size_t cardinality_limit(struct create *c, const tt_value *readers)
{
    int64_t limit = 0;
    for (size_t i = 0; readers && readers->type == TT_TYPE_ARRAY && i < readers->n && !limit; i++) {
        const tt_value *reader = &readers->as.items[i];
        if (reader->type == TT_TYPE_MAP && reader->n == 1) {
            const tt_value *limits = tt_property(&reader->as.fields[0].value, "cardinality_limits");
            limit = create_count(c, limits, "default", 0);
        }
    }
    return (size_t)limit;
}

void create_meters(struct create *c, const tt_value *provider)
{
    const tt_value *readers = tt_property(provider, "readers");
    tt_meter_provider_options o = {.size = sizeof o,
                                   .resource = c->resource,
                                   .cardinality_limit = cardinality_limit(c, readers)};
    c->sdk->meters = tt_meter_provider_new(&o);
    if (!c->sdk->meters) {
        create_complain(c, TT_ERR_NOMEM, NULL, NULL);
        return;
    }
    for (size_t i = 0; readers && readers->type == TT_TYPE_ARRAY && i < readers->n; i++)
        add_reader(c, &readers->as.items[i]);
}
