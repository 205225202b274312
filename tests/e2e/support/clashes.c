/* Metrics whose names and labels clash in Prometheus's formats, served until the end of standard
 * input. */
#include <stdio.h>

#include "telltale/metrics.h"
#include "telltale/prometheus.h"

static void name_them_alike(tt_meter *meter)
{
    tt_instrument_options o = {.size = sizeof o, .unit = "s", .description = "Of work"};
    tt_histogram_record(tt_histogram_new(meter, "work", &o), 3, NULL, 0);
    o.unit = NULL;
    tt_gauge_set(tt_gauge_new(meter, "work.seconds.count", &o), 7, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "work.seconds.sum", &o), 7, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "work.seconds.bucket", &o), 7, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "jobs", &o), 1, NULL, 0);
    tt_counter_add(tt_counter_new(meter, "jobs", &o), 2, NULL, 0);
    tt_gauge_set(tt_gauge_new(meter, "target", &o), 1, NULL, 0);
}

static void label_them_alike(tt_meter *meter)
{
    tt_attr dot = tt_str("a.b", "1"), bar = tt_str("a_b", "1"), number = tt_int("a.b", 1);
    tt_attr both[] = {dot, bar}, empty = tt_str("c", ""), le = tt_str("le", "5");
    tt_instrument_options o = {.size = sizeof o, .description = "Of goods"};
    tt_counter *c = tt_counter_new(meter, "sold", &o);
    tt_counter_add(c, 1, &dot, 1);
    tt_counter_add(c, 2, &bar, 1);
    tt_counter_add(c, 4, &number, 1);
    tt_counter_add(c, 8, both, 2);
    tt_counter_add(c, 16, NULL, 0);
    tt_counter_add(c, 32, &empty, 1);
    tt_histogram *h = tt_histogram_new(meter, "weight", &o);
    tt_histogram_record(h, 1, &le, 1);
    tt_histogram_record(h, 1, NULL, 0);
}

int main(void)
{
    tt_prometheus_endpoint_options o = tt_prometheus_endpoint_defaults();
    tt_meter_provider *provider = tt_meter_provider_new(NULL);
    tt_meter *meter = tt_meter_get(provider, "clashes", NULL);
    name_them_alike(meter);
    label_them_alike(meter);
    tt_prometheus_endpoint *endpoint;
    o.port = 0;
    if (tt_prometheus_endpoint_start(provider, &o, &endpoint) != TT_OK)
        return 1;
    printf("http://127.0.0.1:%d/metrics\n", tt_prometheus_endpoint_port(endpoint));
    (void)fflush(stdout);
    while (getchar() != EOF) {
    }
    tt_prometheus_endpoint_stop(endpoint);
    tt_meter_provider_free(provider);
    return 0;
}
