/* Each allocation of what stands on the SDK's public interfaces fails once: composable samplers,
 * strategies of the remote one, and bridged metrics. Nothing crashes, nothing leaks. */
#include "remote/strategy.h"
#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/bridge.h"
#include "telltale/component.h"
#include "telltale/metric_reader.h"
#include "telltale/sampling.h"

static tt_sampler *compose(void)
{
    const char *const values[] = {"a", "b"};
    const tt_value items[] = {tt_value_int(1), tt_value_str("two")};
    const tt_attr field = tt_str("f", "v");
    const tt_attr attrs[] = {tt_attr_of("list", tt_value_array(items, 2)),
                             tt_attr_of("map", tt_value_map(&field, 1))};
    tt_sampling_rule rules[] = {
        {.size = sizeof *rules, .name = "n*", .values_key = "k", .values = values, .values_n = 2},
        {.size = sizeof *rules, .sampler = tt_composable_probability(0.5)},
        {.size = sizeof *rules,
         .sampler = tt_composable_parent_threshold(tt_composable_always_off())}};
    tt_composable *c = tt_composable_rules(rules, 3);
    return tt_sampler_composite(tt_composable_annotating(c, attrs, 2));
}

static void test_every_allocation_of_samplers_may_fail(void **state)
{
    (void)state;
    bool done = false;
    for (size_t n = 0; !done; n++) {
        fail_alloc_at(n);
        tt_sampler *s = compose();
        done = !fail_alloc_happened();
        assert_true(!done || s);
        tt_sampler_free(s);
    }
}

static void test_every_allocation_of_a_configured_one_may_fail(void **state)
{
    (void)state;
    tt_component c;
    assert_int_equal(tt_sampling_register(), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_SAMPLER, "composite/development", &c), TT_OK);
    const tt_value kind = tt_value_str("server"), value = tt_value_str("v");
    tt_attr on = tt_attr_of("always_on", tt_value_of(TT_TYPE_EMPTY, 0));
    tt_attr condition[] = {tt_str("key", "k"), tt_attr_of("values", tt_value_array(&value, 1))};
    tt_attr rule[] = {tt_attr_of("attribute_values", tt_value_map(condition, 2)),
                      tt_attr_of("span_kinds", tt_value_array(&kind, 1)),
                      tt_attr_of("sampler", tt_value_map(&on, 1))};
    tt_value one = tt_value_map(rule, 3);
    tt_attr rules = tt_attr_of("rules", tt_value_array(&one, 1));
    tt_attr based = tt_attr_of("rule_based", tt_value_map(&rules, 1));
    tt_value properties = tt_value_map(&based, 1);
    bool done = false;
    for (size_t n = 0; !done; n++) {
        tt_sampler *s = NULL;
        fail_alloc_at(n);
        int rc = c.make.sampler(c.arg, &properties, &s);
        done = !fail_alloc_happened();
        assert_true((rc == TT_OK) == (s != NULL));
        assert_true(!done || rc == TT_OK);
        tt_sampler_free(s);
    }
}

static void test_every_allocation_of_a_strategy_may_fail(void **state)
{
    (void)state;
    static const char json[] =
        "{\"operationSampling\":{\"defaultSamplingProbability\":0.1,"
        "\"defaultLowerBoundTracesPerSecond\":1,\"perOperationStrategies\":["
        "{\"operation\":\"\\u0061\",\"probabilisticSampling\":{\"samplingRate\":0.5}}]}}";
    bool done = false;
    for (size_t n = 0; !done; n++) {
        struct strategy *s = NULL;
        fail_alloc_at(n);
        int rc = strategy_parse(str_c(json), &s, NULL);
        done = !fail_alloc_happened();
        assert_int_equal(rc, done ? 0 : ERR_NOMEM);
        assert_true((rc == 0) == (s != NULL));
        strategy_free(s);
    }
}

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static int produced;

static int produce(void *arg, const tt_metric_filter *filter, tt_metric_batch *batch)
{
    (void)arg;
    const tt_value items[] = {tt_value_str("a long text that makes the buffer grow, and again"),
                              tt_value_bytes("\xff", 1)};
    const tt_attr attr = tt_attr_of("list", tt_value_array(items, 2));
    tt_bridge_point p = {.size = sizeof p, .attrs = &attr, .attrs_n = 1, .integer = 7};
    tt_bridge_metric m = {.size = sizeof m, .name = "m", .points = &p, .points_n = 1};
    fail_alloc_at((size_t)produced);
    int rc = tt_bridge_put(batch, filter, NULL, &m, 1);
    bool failed = fail_alloc_happened();
    assert_true(rc == TT_OK || (failed && rc == TT_ERR_NOMEM)); // or the reader's request failed
    produced = failed ? produced + 1 : -1;
    return rc;
}

static void test_every_allocation_of_bridged_metrics_may_fail(void **state)
{
    (void)state;
    tt_meter_provider *provider = tt_meter_provider_new(NULL);
    const tt_metric_producer producer = {produce, NULL};
    tt_metric_reader_options o = {.size = sizeof o, .interval_ms = 3600000, .exporter.send = drop};
    o.producers = &producer;
    o.producers_n = 1;
    tt_metric_reader *reader = tt_metric_reader_start(provider, &o);
    assert_non_null(reader);
    for (produced = 0; produced >= 0;)
        (void)tt_metric_reader_flush(reader, 10000);
    produced = 1000; // stopping collects, too
    assert_int_equal(tt_metric_reader_stop(reader, 10000), TT_OK);
    tt_meter_provider_free(provider);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_of_samplers_may_fail),
        cmocka_unit_test(test_every_allocation_of_a_configured_one_may_fail),
        cmocka_unit_test(test_every_allocation_of_a_strategy_may_fail),
        cmocka_unit_test(test_every_allocation_of_bridged_metrics_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
