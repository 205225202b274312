/* Nanoseconds per operation of the SDK's metrics. Prints a line for each: name, threads, median and
 * spread of the runs. bench/sdk/run sets them beside prometheus-cpp's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "measure.h"
#include "telltale/metrics.h"
#include "telltale/prometheus_text.h"

static tt_meter_provider *provider;
static tt_bound_counter *bound;
static tt_counter *counter;
static tt_bound_histogram *explicit_12, *exponential;

static void add_bound(void)
{
    for (size_t i = 0; i < operations; i++)
        tt_bound_counter_add(bound, 1);
}

static void add_attributes(void)
{
    static const char *const routes[] = {"/", "/users", "/orders", "/items"};
    static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
    for (size_t i = 0; i < operations; i++) {
        tt_attr attrs[] = {tt_str("http.route", routes[i & 3]),
                           tt_str("http.request.method", methods[i >> 2 & 3]),
                           tt_int("http.response.status_code", 200)};
        tt_counter_add(counter, 1, attrs, 3);
    }
}

static void record_explicit(void)
{
    double v = 0.001;
    for (size_t i = 0; i < operations; i++) {
        tt_bound_histogram_record(explicit_12, v);
        v = v > 20 ? 0.001 : v * 1.37;
    }
}

static void record_exponential(void)
{
    double v = 0.001;
    for (size_t i = 0; i < operations; i++) {
        tt_bound_histogram_record(exponential, v);
        v = v > 20 ? 0.001 : v * 1.37;
    }
}

static void set_up(void)
{
    const double bounds[] = {0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 12};
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    tt_meter_provider_options p = {.size = sizeof p, .cardinality_limit = 20000};
    provider = tt_meter_provider_new(&p);
    tt_meter *meter = tt_meter_get(provider, "bench", "1");
    counter = tt_counter_new(meter, "requests", NULL);
    bound = tt_counter_bind(tt_counter_new(meter, "bound", NULL), NULL, 0);
    explicit_12 = tt_histogram_bind(tt_histogram_new(meter, "explicit", &o), NULL, 0);
    exponential = tt_histogram_bind(tt_histogram_new(meter, "exponential", &e), NULL, 0);
}

/* Of 10,000 series with three labels, a series. */
static void measure_rendering(const char *name, enum tt_prometheus_format format, bool fractions)
{
    enum { SERIES = 10000, TIMES = 20 };
    tt_meter_provider_options p = {.size = sizeof p, .cardinality_limit = 20000};
    tt_meter_provider *own = tt_meter_provider_new(&p);
    tt_double_counter *c = tt_double_counter_new(tt_meter_get(own, "bench", NULL), "c", NULL);
    for (int i = 0; i < SERIES; i++) {
        char text[32];
        (void)snprintf(text, sizeof text, "/route/%d", i);
        tt_attr attrs[] = {tt_str("route", text), tt_str("method", "GET"), tt_int("code", 200)};
        tt_double_counter_add(c, fractions ? i * 1.0001 : i * 17, attrs, 3);
    }
    tt_prometheus_options o = {.size = sizeof o, .format = format};
    static char out[4 << 20];
    double ns[RUNS];
    size_t n;
    for (int i = -1; i < RUNS; i++) {
        double start = now_ns(CLOCK_THREAD_CPUTIME_ID);
        for (int k = 0; k < TIMES; k++)
            if (tt_prometheus_render(own, &o, out, sizeof out, &n) != TT_OK)
                abort();
        if (i >= 0)
            ns[i] = (now_ns(CLOCK_THREAD_CPUTIME_ID) - start) / (SERIES * TIMES);
    }
    print(name, 1, ns);
    tt_meter_provider_free(own);
}

int main(void)
{
    set_up();
    measure("counter, bound", add_bound, 50000000);
    measure("counter, 3 attributes of 16 sets", add_attributes, 5000000);
    measure("histogram of 12 bounds, bound", record_explicit, 10000000);
    measure("exponential histogram, bound", record_exponential, 10000000);
    measure_rendering("text of 10000 series, integers", TT_PROMETHEUS_TEXT, false);
    measure_rendering("text of 10000 series, fractions", TT_PROMETHEUS_TEXT, true);
    measure_rendering("protobuf of 10000 series", TT_PROMETHEUS_PROTOBUF, true);
    tt_meter_provider_free(provider);
    return 0;
}
