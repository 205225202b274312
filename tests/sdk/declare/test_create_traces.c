/* Samplers, tracers and the limits of spans of a model. */
#include "declared.h"

#include <stdio.h>

#include "telltale/sampling.h"

static void test_samplers_are_nested(void **state)
{
    (void)state;
    static const struct {
        const char *sampler;
        bool recorded;
    } cases[] = {
        {"{always_on: }", true},
        {"{always_off: }", false},
        {"{trace_id_ratio_based: {ratio: 0}}", false},
        {"{probability/development: {ratio: 1.0}}", true},
        {"{parent_based: {root: {always_off: }}}", false},
        {"{parent_based: }", true},
        {"{parent_based: {root: {parent_based: {root: {never: }}}}}", false},
        {"{composite/development: {always_on: }}", true},
        {"{composite/development: {always_off: }}", false},
        {"{composite/development: {probability: {ratio: 0}}}", false},
        {"{composite/development: {parent_threshold: {root: {always_on: }}}}", true},
        {"{composite/development: {rule_based: {rules: [{span_kinds: [internal, server],\n"
         "    parent: [none], sampler: {always_on: }}]}}}",
         true},
        {"{composite/development: {rule_based: {rules: [{parent: [remote, local],\n"
         "    sampler: {always_on: }}]}}}",
         false},
        {"{composite/development: {rule_based: {rules: [\n"
         "    {attribute_values: {key: a, values: [b, c]}, sampler: {always_on: }},\n"
         "    {attribute_patterns: {key: a, included: [\"*\"], excluded: [d]},\n"
         "     sampler: {always_on: }}]}}}",
         false},
        {"{composite/development: {rule_based: }}", false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char text[512];
        tt_sdk sdk;
        (void)snprintf(text, sizeof text,
                       "file_format: \"1.0\"\ntracer_provider:\n  sampler: %s\n"
                       "  processors: [{simple: {exporter: {sink: }}}]\n",
                       cases[i].sampler);
        assert_int_equal(declared_create(text, &sdk), TT_OK);
        assert_int_equal(declared_span_is_recorded(&sdk), cases[i].recorded);
        tt_sdk_free(&sdk);
    }
}

static void test_samplers_are_found_by_others(void **state)
{
    (void)state;
    tt_sdk sdk;
    tt_component c;
    tt_sampler *s = NULL;
    tt_attr root = tt_attr_of("root", tt_value_of(TT_TYPE_EMPTY, 0)), none;
    assert_int_equal(declared_create("file_format: \"1.0\"\n", &sdk), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_SAMPLER, "parent_based", &c), TT_OK);
    tt_value properties = tt_value_map(&root, 1);
    assert_int_equal(c.make.sampler(c.arg, &properties, &s), TT_OK);
    assert_non_null(s);
    tt_sampler_free(s);
    root.value = tt_value_map(&none, 0); // a sampler has a name
    assert_int_equal(c.make.sampler(c.arg, &properties, &s), TT_ERR_INVALID);
    tt_sdk_free(&sdk);
}

static void test_tracers_are_switched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "tracer_provider:\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n"
                                     "  tracer_configurator/development:\n"
                                     "    default_config: {enabled: false}\n"
                                     "    tracers: [{name: one.off, config: {disabled: true}},\n"
                                     "              {name: one.*, config: {disabled: false}}]\n",
                                     &sdk),
                     TT_OK);
    assert_true(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "one.on", NULL)));
    assert_false(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "one.off", NULL)));
    assert_false(tt_tracer_is_enabled(tt_tracer_get(sdk.tracers, "two", NULL)));
    tt_sdk_free(&sdk);
}

static void test_limits_hold_for_spans(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "attribute_limits: {attribute_value_length_limit: 3,\n"
                                     "                   attribute_count_limit: 100}\n"
                                     "tracer_provider:\n"
                                     "  limits: {attribute_count_limit: 1}\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n",
                                     &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_str("second", "x")};
    tt_span_set(span, attrs, 2);
    tt_span_end(span);
    otlp_sink_has(&declared_sink, "{\"key\":\"first\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_lacks(&declared_sink, "second");
    tt_sdk_free(&sdk);
}

static void test_limits_hold_for_events_and_links(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "tracer_provider:\n"
                                     "  limits: {event_attribute_count_limit: 1,\n"
                                     "           link_attribute_count_limit: 2}\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n",
                                     &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("a", "1"), tt_str("b", "2"), tt_str("c", "3")};
    tt_link link = {.span = tt_span_context_of(span), .attrs = attrs, .attrs_n = 3};
    tt_span_add_event(span, "event", 0, attrs, 3);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_lacks(&declared_sink, "\"key\":\"c\"");
    otlp_sink_has(&declared_sink, "\"key\":\"b\""); // of the link
    otlp_sink_has(&declared_sink, "\"droppedAttributesCount\":2");
    tt_sdk_free(&sdk);
}

static void test_limits_of_zero_keep_nothing(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "tracer_provider:\n"
                                     "  limits: {attribute_count_limit: 0, event_count_limit: 0,\n"
                                     "           link_count_limit: 0}\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n"
                                     "logger_provider:\n"
                                     "  limits: {attribute_count_limit: 0}\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n",
                                     &sdk),
                     TT_OK);
    tt_span span = tt_span_start(tt_tracer_get(sdk.tracers, "t", NULL), "work", NULL);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_int("second", 1)};
    tt_link link = {.span = tt_span_context_of(span)};
    tt_span_set(span, attrs, 2);
    tt_span_add_event(span, "event", 0, NULL, 0);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_lacks(&declared_sink, "\"attributes\":[{\"key\":\"first\"");
    otlp_sink_has(&declared_sink, "\"droppedAttributesCount\":2");
    otlp_sink_has(&declared_sink, "\"droppedEventsCount\":1");
    otlp_sink_has(&declared_sink, "\"droppedLinksCount\":1");
    tt_log(tt_logger_get(sdk.loggers, "t", NULL), TT_SEVERITY_ERROR, "text", attrs, 2);
    otlp_sink_lacks(&declared_sink, "second");
    tt_sdk_free(&sdk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECLARED_TEST(samplers_are_nested),
        DECLARED_TEST(samplers_are_found_by_others),
        DECLARED_TEST(tracers_are_switched),
        DECLARED_TEST(limits_hold_for_spans),
        DECLARED_TEST(limits_hold_for_events_and_links),
        DECLARED_TEST(limits_of_zero_keep_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
