/* A counter, a histogram and an endpoint: the smallest program that Prometheus can scrape.
 *
 *     hello_metrics [SECONDS]        serves http://localhost:9464/metrics for so long (default: 60)
 *
 * OTEL_EXPORTER_PROMETHEUS_HOST and OTEL_EXPORTER_PROMETHEUS_PORT say otherwise where. */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>

#include "telltale/metrics.h"
#include "telltale/prometheus.h"

int main(int argc, char **argv)
{
    tt_meter_provider *provider = tt_meter_provider_new(NULL);
    tt_meter *meter = tt_meter_get(provider, "hello", "1.0");
    tt_instrument_options counted = {.size = sizeof counted, .description = "Greetings said"};
    tt_counter *greetings = tt_counter_new(meter, "greetings", &counted);
    tt_instrument_options timed = {
        .size = sizeof timed, .unit = "s", .description = "How long a greeting takes"};
    tt_histogram *duration = tt_histogram_new(meter, "greeting.duration", &timed);

    tt_attr to_world[] = {tt_str("to", "world")};
    tt_counter_add(greetings, 3, to_world, 1);
    tt_histogram_record(duration, 0.02, to_world, 1);

    tt_prometheus_endpoint *endpoint;
    if (tt_prometheus_endpoint_start(provider, NULL, &endpoint) != TT_OK) {
        perror("hello_metrics: cannot listen");
        return 1;
    }
    printf("http://localhost:%d/metrics\n", tt_prometheus_endpoint_port(endpoint));
    (void)fflush(stdout);
    (void)poll(NULL, 0, (argc > 1 ? atoi(argv[1]) : 60) * 1000);

    tt_prometheus_endpoint_stop(endpoint);
    tt_meter_provider_free(provider);
    return 0;
}
