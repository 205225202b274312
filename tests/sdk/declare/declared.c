#include "declared.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "telltale/host.h"
#include "telltale/sampling.h"

struct otlp_sink declared_sink;
char declared_properties[256];

static int make_sink(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal;
    assert_int_equal(properties->type, TT_TYPE_MAP);
    const char *path = tt_property_text(properties, "path");
    size_t n = strlen(declared_properties);
    (void)snprintf(declared_properties + n, sizeof declared_properties - n, "%s %d;",
                   path ? path : "-", (int)tt_property_int(properties, "level", -1));
    *out = otlp_sink_exporter(&declared_sink);
    return TT_OK;
}

static enum tt_decision never(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)arg, (void)sampling, (void)out;
    return TT_DROP;
}

static int make_sampler(void *arg, const tt_value *properties, tt_sampler **out)
{
    (void)arg, (void)properties;
    *out = tt_sampler_custom(never, NULL);
    return TT_OK;
}

static int make_detector(void *arg, const tt_value *properties, tt_resource **out)
{
    (void)arg, (void)properties;
    tt_attr attrs[] = {tt_str("mine.a", "1"), tt_str("mine.b", "2"), tt_str("other", "3")};
    *out = tt_resource_new(attrs, 3, "https://example.org/1");
    return TT_OK;
}

int declared_setup(void **state)
{
    (void)state;
    otlp_sink_init(&declared_sink);
    declared_properties[0] = '\0';
    assert_int_equal(tt_host_register(), TT_OK);
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "sink"};
    c.make.exporter = make_sink;
    assert_int_equal(tt_component_register(&c), TT_OK);
    assert_int_equal(tt_sampling_register(), TT_OK);
    c.kind = TT_COMPONENT_SAMPLER;
    c.name = "never";
    c.make.sampler = make_sampler;
    assert_int_equal(tt_component_register(&c), TT_OK);
    c.kind = TT_COMPONENT_DETECTOR;
    c.name = "mine";
    c.make.detector = make_detector;
    return tt_component_register(&c);
}

int declared_teardown(void **state)
{
    (void)state;
    otlp_sink_done(&declared_sink);
    return 0;
}

int declared_create(const char *text, tt_sdk *out)
{
    tt_config *config;
    tt_config_error error;
    int rc = tt_config_parse(text, strlen(text), &config, &error);
    if (rc != TT_OK)
        fail_msg("%s", error.text);
    rc = tt_config_create(tt_config_model(config), out);
    tt_config_free(config);
    return rc;
}

void declared_refused(const char *text, const char *message)
{
    tt_config *config;
    tt_config_error error;
    assert_int_equal(tt_config_parse(text, strlen(text), &config, &error), TT_ERR_INVALID);
    assert_string_equal(error.text, message);
}

bool declared_span_is_recorded(tt_sdk *sdk)
{
    tt_span span = tt_span_start(tt_tracer_get(sdk->tracers, "t", NULL), "work", NULL);
    bool recorded = tt_span_is_recording(span);
    tt_span_end(span);
    return recorded;
}

static char path[sizeof "/tmp/otel-XXXXXX"];

void declared_name_file(const char *text)
{
    memcpy(path, "/tmp/otel-XXXXXX", sizeof path);
    int fd = mkstemp(path);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    (void)close(fd);
    assert_int_equal(tt_config_register(), TT_OK);
    assert_int_equal(setenv("OTEL_CONFIG_FILE", path, 1), 0);
}

void declared_unname_file(void)
{
    (void)unsetenv("OTEL_CONFIG_FILE");
    (void)unlink(path);
}
