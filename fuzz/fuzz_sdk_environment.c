/* Variables of the environment: each line of the input is "NUMBER value" for one of those that the
 * SDK reads. Whatever they say, a span and a value are recorded and exported, and all is freed.
 * Also finds the container's id in the input as if it were a file of /proc. */
#include <stdlib.h>

#include "host/container.h"
#include "telltale/host.h"
#include "telltale/init.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const variables[] = {"OTEL_SDK_DISABLED",
                                        "OTEL_SERVICE_NAME",
                                        "OTEL_RESOURCE_ATTRIBUTES",
                                        "OTEL_PROPAGATORS",
                                        "OTEL_TRACES_EXPORTER",
                                        "OTEL_METRICS_EXPORTER",
                                        "OTEL_LOGS_EXPORTER",
                                        "OTEL_TRACES_SAMPLER",
                                        "OTEL_TRACES_SAMPLER_ARG",
                                        "OTEL_BSP_MAX_EXPORT_BATCH_SIZE",
                                        "OTEL_BSP_SCHEDULE_DELAY",
                                        "OTEL_BSP_EXPORT_TIMEOUT",
                                        "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
                                        "OTEL_ATTRIBUTE_COUNT_LIMIT",
                                        "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT",
                                        "OTEL_SPAN_EVENT_COUNT_LIMIT",
                                        "OTEL_LOG_LEVEL",
                                        "OTEL_METRIC_EXPORT_INTERVAL",
                                        "OTEL_METRIC_EXPORT_TIMEOUT",
                                        "KUBERNETES_SERVICE_HOST",
                                        "POD_NAME",
                                        "OTEL_METRICS_EXEMPLAR_FILTER",
                                        "OTEL_BSP_MAX_QUEUE_SIZE"};

enum { VARIABLES = sizeof variables / sizeof *variables };

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static int make(void *arg, enum tt_signal signal, const tt_value *properties, tt_exporter *out)
{
    (void)arg, (void)signal, (void)properties;
    *out = (tt_exporter){.send = drop};
    return TT_OK;
}

static int prepare(void)
{
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_EXPORTER, .name = "otlp"};
    c.make.exporter = make;
    return tt_component_register(&c) == TT_OK && tt_host_register() == TT_OK;
}

static void set_variables(char *text)
{
    for (size_t i = 0; i < VARIABLES; i++)
        (void)unsetenv(variables[i]);
    for (char *line; (line = strsep(&text, "\n"));) {
        char *value;
        unsigned long number = strtoul(line, &value, 10);
        if (*value == ' ' && setenv(variables[number % VARIABLES], value + 1, 1) != 0)
            abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static int prepared;
    if (!prepared)
        prepared = prepare();
    struct str text = str_of((const char *)data, size);
    struct str id = container_id_of_cgroup(text), mounted = container_id_of_mounts(text);
    struct str uid = pod_uid_of_cgroup(text);
    if (id.n > 64 || mounted.n > 64 || uid.n > 36)
        abort();
    char *copy = str_dup(text);
    if (!copy)
        return 0;
    set_variables(copy);
    free(copy);
    tt_sdk sdk;
    (void)tt_sdk_new(NULL, &sdk); // what is wrong is left out
    tt_span_end(tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL));
    tt_counter_add(tt_counter_new(tt_meter_get(sdk.meters, "m", NULL), "c", NULL), 1, NULL, 0);
    tt_sdk_free(&sdk);
    return 0;
}
