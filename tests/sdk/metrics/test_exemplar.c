#include "metrics/exemplar.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/metric_reader.h"
#include "telltale/prometheus_text.h"
#include "telltale/trace.h"
#include "telltale/view.h"

static struct otlp_sink sink;
static tt_meter_provider *provider;
static tt_meter *meter;
static tt_context *sampled, *unsampled;

#define IDS "trace_id=\"0102030405060708090a0b0c0d0e0f10\",span_id=\"1112131415161718\""

static tt_context *context_of(uint8_t flags)
{
    tt_span_context c = {.flags = flags};
    for (uint8_t i = 0; i < 16; i++)
        c.trace_id[i] = (uint8_t)(i + 1);
    for (uint8_t i = 0; i < 8; i++)
        c.span_id[i] = (uint8_t)(i + 17);
    return tt_context_remote(&c, NULL);
}

static void start(enum tt_exemplars exemplars)
{
    tt_meter_provider_options o = {.size = sizeof o, .exemplars = exemplars};
    tt_meter_provider_free(provider);
    provider = tt_meter_provider_new(&o);
    meter = tt_meter_get(provider, "test", NULL);
}

static int begin(void **state)
{
    (void)state;
    sampled = context_of(TT_FLAG_SAMPLED);
    unsampled = context_of(0);
    start(TT_EXEMPLARS_DEFAULT);
    return meter && sampled && unsampled ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_context_free(sampled);
    tt_context_free(unsampled);
    tt_meter_provider_free(provider);
    provider = NULL;
    return 0;
}

static char *render(void)
{
    tt_prometheus_options o = {.size = sizeof o, .format = TT_PROMETHEUS_OPENMETRICS};
    o.without_scope = o.without_target = true;
    char *text = NULL;
    size_t n;
    assert_int_equal(tt_prometheus_render_new(provider, &o, 1 << 20, &text, &n), TT_OK);
    return text;
}

static void check(const char *part, bool is_there)
{
    char *text = render();
    if ((strstr(text, part) != NULL) != is_there)
        fail_msg("\"%s\" %s in:\n%s", part, is_there ? "missing" : "found", text);
    free(text);
}

static void test_value_in_a_sampled_span_becomes_an_exemplar(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_bound_counter *b = tt_counter_bind(c, NULL, 0);
    tt_token token = tt_context_enter(sampled);
    tt_bound_counter_add(b, 3);
    tt_leave(token);
    tt_bound_counter_add(b, 4);
    check("c_total 7 # {" IDS "} 3 1", true); // the time begins with 1 until the year 2033
}

static void test_value_outside_of_spans_or_in_one_that_is_not_sampled_does_not(void **state)
{
    (void)state;
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_counter_add(c, 3, NULL, 0);
    tt_token token = tt_context_enter(unsampled);
    tt_counter_add(c, 3, NULL, 0);
    tt_leave(token);
    check("c_total 6\n", true);
}

static void test_span_of_this_process_is_shown(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .exporter = otlp_sink_exporter(&sink)};
    tt_tracer_provider *tracing = tt_tracer_provider_new(&o);
    tt_span span = tt_span_start(tt_tracer_get(tracing, "t", NULL), "s", NULL);
    tt_span_context context = tt_span_context_of(span);
    char id[17], part[64];
    tt_span_id_format(&context, id);
    tt_token token = tt_span_enter(span);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_leave(token);
    tt_span_end(span);
    (void)snprintf(part, sizeof part, "span_id=\"%s\"} 1 ", id);
    check(part, true);
    tt_tracer_provider_free(tracing);
    otlp_sink_done(&sink);
}

static void test_histogram_has_one_of_each_bucket(void **state)
{
    (void)state;
    const double bounds[] = {1, 2};
    tt_instrument_options o = {.size = sizeof o, .bounds = bounds, .bounds_n = 2};
    tt_histogram *h = tt_histogram_new(meter, "h", &o);
    tt_token token = tt_context_enter(sampled);
    tt_histogram_record(h, 0.5, NULL, 0);
    tt_histogram_record(h, 3, NULL, 0);
    tt_leave(token);
    check("h_bucket{le=\"1.0\"} 1 # {" IDS "} 0.5 ", true);
    check("h_bucket{le=\"2.0\"} 1\n", true);
    check("h_bucket{le=\"+Inf\"} 2 # {" IDS "} 3 ", true);
}

static void test_dropped_attributes_stand_on_the_exemplar(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"};
    tt_view v = {.size = sizeof v, .attribute_keys = keys, .attribute_keys_n = 1};
    assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_OK);
    tt_attr attrs[] = {tt_str("route", "/"), tt_str("user", "ann")};
    tt_counter *c = tt_counter_new(meter, "c", NULL), *d = tt_counter_new(meter, "d", NULL);
    tt_token token = tt_context_enter(sampled);
    tt_counter_add(c, 1, attrs, 2);
    tt_bound_counter_add(tt_counter_bind(d, attrs, 2), 1);
    tt_leave(token);
    check("c_total{route=\"/\"} 1 # {" IDS ",user=\"ann\"} 1 ", true);
    check("d_total{route=\"/\"} 1 # {" IDS ",user=\"ann\"} 1 ", true);
}

static void test_long_attributes_are_left_out_of_openmetrics(void **state)
{
    (void)state;
    static const char *const keys[] = {NULL};
    tt_view v = {.size = sizeof v, .attribute_keys = keys};
    assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_OK);
    char value[101];
    memset(value, 'x', 100);
    value[100] = '\0';
    tt_attr attr = tt_str("a", value);
    tt_token token = tt_context_enter(sampled);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, &attr, 1);
    tt_leave(token);
    check("c_total 1 # {" IDS "} 1 ", true);
}

static void test_filter_always_off_keeps_none(void **state)
{
    (void)state;
    start(TT_EXEMPLARS_ALWAYS_OFF);
    tt_token token = tt_context_enter(sampled);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    tt_leave(token);
    check("c_total 1\n", true);
}

static void test_filter_always_on_keeps_those_without_a_span(void **state)
{
    (void)state;
    start(TT_EXEMPLARS_ALWAYS_ON);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 2, NULL, 0);
    check("c_total 2 # {} 2 ", true);
}

static void test_filter_is_named_by_the_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("OTEL_METRICS_EXEMPLAR_FILTER", "always_ON", 1), 0);
    start(TT_EXEMPLARS_DEFAULT);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 2, NULL, 0);
    check("c_total 2 # {} 2 ", true);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(setenv("OTEL_METRICS_EXEMPLAR_FILTER", "sometimes", 1), 0);
    start(TT_EXEMPLARS_DEFAULT);
    assert_int_equal(unsetenv("OTEL_METRICS_EXEMPLAR_FILTER"), 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
}

static void test_view_chooses_the_reservoir(void **state)
{
    (void)state;
    tt_view none = {.size = sizeof none, .instrument = "c", .reservoir = TT_RESERVOIR_NONE};
    tt_view fixed = {.size = sizeof fixed, .instrument = "h", .reservoir = TT_RESERVOIR_FIXED};
    fixed.reservoir_size = 2;
    assert_int_equal(tt_meter_provider_add_view(provider, &none), TT_OK);
    assert_int_equal(tt_meter_provider_add_view(provider, &fixed), TT_OK);
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_token token = tt_context_enter(sampled);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
    for (int i = 0; i < 100; i++)
        tt_histogram_record(h, i * 100, NULL, 0);
    tt_leave(token);
    char *text = render();
    check("c_total 1\n", true);
    int n = 0;
    for (const char *p = text; (p = strstr(p, "trace_id")); p++)
        n++;
    free(text);
    assert_in_range(n, 1, 2); // of one bucket one is shown
}

/* --- of the program's own --- */

/* Keeps the largest value, of those that it is offered. */
struct largest {
    tt_measurement m;
    tt_attr attr; /* the last of them */
    char text[16];
};
static size_t made, freed, offered;
static double first_bound;

static void *make_largest(void *arg, const double *bounds, size_t bounds_n)
{
    assert_string_equal(arg, "argument");
    first_bound = bounds_n ? bounds[0] : -1;
    made++;
    return calloc(1, sizeof(struct largest));
}

static void offer_largest(void *reservoir, const tt_measurement *m)
{
    struct largest *l = reservoir;
    offered++;
    assert_true(m->unix_ns > 0);
    assert_in_range(m->attrs_n, 1, 2);
    if (m->number < l->m.number)
        return;
    l->m = *m;
    l->attr = m->attrs[m->attrs_n - 1];
    (void)snprintf(l->text, sizeof l->text, "%.*s", (int)l->attr.value.n, l->attr.value.as.text);
    l->attr.value = tt_value_str(l->text);
    l->m.attrs = &l->attr;
    l->m.attrs_n = 1;
}

static void collect_largest(void *reservoir, void (*give)(void *to, const tt_measurement *m),
                            void *to)
{
    const struct largest *l = reservoir;
    if (l->m.unix_ns)
        give(to, &l->m);
}

static void free_largest(void *reservoir)
{
    freed++;
    free(reservoir);
}

static void add_largest(const char *instrument, const char *const *keys)
{
    static char argument[] = "argument";
    tt_reservoir own = {.size = sizeof own, .make = make_largest, .offer = offer_largest};
    tt_view v = {.size = sizeof v, .instrument = instrument, .own_reservoir = &own};
    own.collect = collect_largest;
    own.free = free_largest;
    own.arg = argument;
    v.attribute_keys = keys;
    v.attribute_keys_n = keys != NULL;
    made = freed = offered = 0;
    assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_OK);
    own.collect = NULL;
    assert_int_equal(tt_meter_provider_add_view(provider, &v), TT_ERR_INVALID);
}

static void test_program_chooses_the_exemplars(void **state)
{
    (void)state;
    static const char *const keys[] = {"route"};
    add_largest("h", keys);
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_attr attrs[] = {tt_str("route", "/a"), tt_str("user", "ann")};
    tt_histogram_record(h, 99, attrs, 2); // outside of a span
    tt_token token = tt_context_enter(sampled);
    tt_histogram_record(h, 3, attrs, 2);
    attrs[1] = tt_str("user", "eve");
    tt_histogram_record(h, 8, attrs, 2);
    tt_histogram_record(h, 4, attrs, 2);
    tt_leave(token);
    assert_int_equal(offered, 3);
    assert_int_equal(made, 1);
    assert_true(first_bound == 0);
    check("h_bucket{route=\"/a\",le=\"10.0\"} 3 # {" IDS ",user=\"eve\"} 8 ", true);
    check("le=\"5.0\"} 2\n", true);
    check("le=\"+Inf\"} 4\n", true); // one is one: not of other buckets
    tt_meter_provider_free(provider);
    provider = NULL;
    assert_int_equal(freed, 1);
}

static void test_values_of_a_handle_are_offered_with_its_attributes(void **state)
{
    (void)state;
    add_largest("c", NULL);
    tt_attr attr = tt_str("user", "ann");
    tt_counter *c = tt_counter_new(meter, "c", NULL);
    tt_bound_counter *b = tt_counter_bind(c, &attr, 1);
    tt_token token = tt_context_enter(sampled);
    tt_bound_counter_add(b, 1);
    tt_counter_add(c, 1, &attr, 1);
    tt_leave(token);
    assert_int_equal(offered, 2);
    check("c_total{user=\"ann\"} 2 # {" IDS "} 1 ", true); // which the series has already
}

static void test_otlp_has_them_once(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = otlp_sink_exporter(&sink);
    tt_metric_reader *reader = tt_metric_reader_start(provider, &o);
    tt_instrument_options e = {.size = sizeof e, .exponential = true};
    tt_token token = tt_context_enter(sampled);
    tt_counter_add(tt_counter_new(meter, "c", NULL), 5, NULL, 0);
    tt_histogram_record(tt_histogram_new(meter, "h", NULL), 2.5, NULL, 0);
    tt_histogram_record(tt_histogram_new(meter, "e", &e), 7.5, NULL, 0);
    tt_double_gauge_set(tt_double_gauge_new(meter, "g", NULL), 0.25, NULL, 0);
    tt_leave(token);
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    otlp_sink_has(&sink, "\"asDouble\":5,\"spanId\":\"1112131415161718\","
                         "\"traceId\":\"0102030405060708090a0b0c0d0e0f10\"");
    otlp_sink_has(&sink, "\"asDouble\":2.5,\"spanId\"");
    otlp_sink_has(&sink, "\"asDouble\":7.5,\"spanId\"");
    otlp_sink_has(&sink, "\"asDouble\":0.25,\"spanId\"");
    sink.json.n = 0;
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    otlp_sink_lacks(&sink, "spanId");
    assert_int_equal(tt_metric_reader_stop(reader, 1000), TT_OK);
    otlp_sink_done(&sink);
}

static size_t exemplars_of_a_hundred(void (*record)(void))
{
    otlp_sink_init(&sink);
    start(TT_EXEMPLARS_DEFAULT);
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000};
    o.exporter = otlp_sink_exporter(&sink);
    tt_metric_reader *reader = tt_metric_reader_start(provider, &o);
    tt_token token = tt_context_enter(sampled);
    for (int i = 0; i < 100; i++)
        record();
    tt_leave(token);
    assert_int_equal(tt_metric_reader_flush(reader, 10000), TT_OK);
    size_t n = 0;
    for (const char *p = sink.json.p; (p = strstr(p, "\"spanId\"")); p++)
        n++;
    assert_int_equal(tt_metric_reader_stop(reader, 1000), TT_OK);
    otlp_sink_done(&sink);
    return n;
}

static void count(void)
{
    tt_counter_add(tt_counter_new(meter, "c", NULL), 1, NULL, 0);
}

static void record_in_two_buckets(void)
{
    tt_histogram *h = tt_histogram_new(meter, "h", NULL);
    tt_histogram_record(h, 1, NULL, 0);
    tt_histogram_record(h, 7, NULL, 0);
}

static void record_exponentially(void)
{
    tt_instrument_options o = {.size = sizeof o, .exponential = true};
    tt_histogram_record(tt_histogram_new(meter, "e", &o), 1, NULL, 0);
}

static void test_reservoirs_are_those_of_the_aggregations(void **state)
{
    (void)state;
    assert_int_equal(exemplars_of_a_hundred(count), 1);
    assert_int_equal(exemplars_of_a_hundred(record_in_two_buckets), 2);
    assert_int_equal(exemplars_of_a_hundred(record_exponentially), 20);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_value_in_a_sampled_span_becomes_an_exemplar),
        TEST(test_value_outside_of_spans_or_in_one_that_is_not_sampled_does_not),
        TEST(test_span_of_this_process_is_shown),
        TEST(test_histogram_has_one_of_each_bucket),
        TEST(test_dropped_attributes_stand_on_the_exemplar),
        TEST(test_long_attributes_are_left_out_of_openmetrics),
        TEST(test_filter_always_off_keeps_none),
        TEST(test_filter_always_on_keeps_those_without_a_span),
        TEST(test_filter_is_named_by_the_environment),
        TEST(test_view_chooses_the_reservoir),
        TEST(test_program_chooses_the_exemplars),
        TEST(test_values_of_a_handle_are_offered_with_its_attributes),
        TEST(test_reservoirs_are_those_of_the_aggregations),
        TEST(test_otlp_has_them_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
