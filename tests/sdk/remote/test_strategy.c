#include "remote/strategy.h"

#include "support/check.h"

/* Asks by way of a provider, which alone may ask samplers. */
struct question {
    const struct strategy *strategy;
    enum tt_decision decision;
};

static enum tt_decision decide(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    struct question *q = arg;
    q->decision = strategy_decide(q->strategy, sampling, out);
    return q->decision;
}

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static size_t sampled_of(const struct strategy *s, const char *name, size_t n)
{
    struct question q = {.strategy = s};
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .exporter.send = drop};
    o.sampler = tt_sampler_custom(decide, &q);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    size_t sampled = 0;
    for (size_t i = 0; i < n; i++) {
        tt_span_end(tt_span_start(tt_tracer_get(p, "t", NULL), name, NULL));
        sampled += q.decision == TT_RECORD_AND_SAMPLE;
    }
    tt_tracer_provider_free(p);
    return sampled;
}

static struct strategy *parsed(const char *json)
{
    struct strategy *s = NULL;
    struct err err;
    if (strategy_parse(str_c(json), &s, &err) != 0)
        fail_msg("%s: %s", json, err.message);
    return s;
}

static void test_share_of_all_traces(void **state)
{
    (void)state;
    struct strategy *s = parsed(
        "{\"strategyType\":\"PROBABILISTIC\",\"probabilisticSampling\":{\"samplingRate\":1}}");
    assert_int_equal(sampled_of(s, "any", 5), 5);
    strategy_free(s);
    s = parsed("{\"probabilisticSampling\":{\"more\":[1,{}],\"samplingRate\":0}}");
    assert_int_equal(sampled_of(s, "any", 5), 0);
    strategy_free(s);
}

static void test_so_many_a_second(void **state)
{
    (void)state;
    static const char limited[] =
        "{\"strategyType\":\"RATE_LIMITING\",\"rateLimitingSampling\":{\"maxTracesPerSecond\":0.001},"
        "\"probabilisticSampling\":{\"samplingRate\":1}}";
    static const char *const written[] = {
        limited,
        "{\"strategyType\":1,\"rateLimitingSampling\":{\"maxTracesPerSecond\":0.001}}",
        "{\"rateLimitingSampling\":{\"maxTracesPerSecond\":0.001}}",
        "{\"rateLimitingSampling\":{\"maxTracesPerSecond\":0.001},\"probabilisticSampling\":null}",
    };
    for (size_t i = 0; i < ARRAY_LEN(written); i++) {
        struct strategy *s = parsed(written[i]);
        assert_int_equal(sampled_of(s, "any", 10), 1);
        strategy_free(s);
    }
    struct strategy *s = parsed("{\"strategyType\":0,\"rateLimitingSampling\":"
                                "{\"maxTracesPerSecond\":0},\"probabilisticSampling\":"
                                "{\"samplingRate\":1}}");
    assert_int_equal(sampled_of(s, "any", 10), 10);
    strategy_free(s);
}

static void test_operations_have_shares_of_their_own(void **state)
{
    (void)state;
    struct strategy *s =
        parsed("{\"strategyType\":\"PROBABILISTIC\",\"operationSampling\":{"
               "\"defaultSamplingProbability\":0,"
               "\"perOperationStrategies\":["
               "{\"operation\":\"z\",\"probabilisticSampling\":{\"samplingRate\":0}},"
               "{\"operation\":\"GET \\u002fcart\","
               "\"probabilisticSampling\":{\"samplingRate\":1}}]}}");
    assert_int_equal(sampled_of(s, "GET /cart", 5), 5);
    assert_int_equal(sampled_of(s, "z", 5), 0);
    assert_int_equal(sampled_of(s, "other", 5), 0);
    strategy_free(s);
}

static void test_operation_is_sampled_so_often_at_least(void **state)
{
    (void)state;
    struct strategy *s = parsed("{\"operationSampling\":{\"defaultSamplingProbability\":0,"
                                "\"defaultLowerBoundTracesPerSecond\":0.001,"
                                "\"perOperationStrategies\":[{\"operation\":\"a\","
                                "\"probabilisticSampling\":{\"samplingRate\":0}}]}}");
    assert_int_equal(sampled_of(s, "a", 5), 1);
    assert_int_equal(sampled_of(s, "a", 5), 0); // it goes on counting
    assert_int_equal(sampled_of(s, "b", 5), 1);
    assert_int_equal(sampled_of(s, "c", 5), 0); // all others together
    strategy_free(s);
}

static void test_nonsense_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {
        "",
        "[]",
        "{}",
        "{\"strategyType\":\"PROBABILISTIC\"}",
        "{\"probabilisticSampling\":{\"samplingRate\":2}}",
        "{\"probabilisticSampling\":{\"samplingRate\":-0.1}}",
        "{\"probabilisticSampling\":{\"samplingRate\":\"1\"}}",
        "{\"probabilisticSampling\":{}}",
        "{\"probabilisticSampling\":1}",
        "{\"probabilisticSampling\":{\"samplingRate\":1}} more",
        "{\"rateLimitingSampling\":{\"maxTracesPerSecond\":-1}}",
        "{\"rateLimitingSampling\":{\"maxTracesPerSecond\":1e300}}",
    };
    for (size_t i = 0; i < ARRAY_LEN(wrong); i++) {
        struct strategy *s = NULL;
        struct err err = {0};
        assert_int_equal(strategy_parse(str_c(wrong[i]), &s, &err), ERR_INVALID);
        assert_null(s);
        assert_true(err.message[0] != '\0');
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_share_of_all_traces),
        cmocka_unit_test(test_so_many_a_second),
        cmocka_unit_test(test_operations_have_shares_of_their_own),
        cmocka_unit_test(test_operation_is_sampled_so_often_at_least),
        cmocka_unit_test(test_nonsense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
