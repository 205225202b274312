/* Loggers of a model: what they let through, hide, add and cut off. */
#include "declared.h"

#include <stdio.h>
#include <string.h>

static void test_loggers_are_configured_by_name(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        declared_create("file_format: \"1.0\"\n"
                        "logger_provider:\n"
                        "  processors: [{simple: {exporter: {sink: }}}]\n"
                        "  logger_configurator/development:\n"
                        "    default_config: {minimum_severity: error}\n"
                        "    loggers: [{name: one, config: {minimum_severity: warn}},\n"
                        "              {name: o*, config: {disabled: true}},\n"
                        "              {name: spans, config: {trace_based: true}}]\n",
                        &sdk),
        TT_OK);
    static const struct {
        const char *name;
        enum tt_severity severity;
        bool enabled;
    } cases[] = {{"any", TT_SEVERITY_WARN, false},
                 {"any", TT_SEVERITY_ERROR, true},
                 {"one", TT_SEVERITY_INFO, false},
                 {"one", TT_SEVERITY_WARN, true},
                 {"other", TT_SEVERITY_FATAL, false}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        tt_logger *l = tt_logger_get(sdk.loggers, cases[i].name, NULL);
        assert_int_equal(tt_logger_is_enabled(l, cases[i].severity), cases[i].enabled);
    }
    tt_sdk_free(&sdk);
}

static void test_limits_hold_for_logs(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(declared_create("file_format: \"1.0\"\n"
                                     "attribute_limits: {attribute_value_length_limit: 3}\n"
                                     "logger_provider:\n"
                                     "  limits: {attribute_count_limit: 1}\n"
                                     "  processors: [{simple: {exporter: {sink: }}}]\n",
                                     &sdk),
                     TT_OK);
    tt_attr attrs[] = {tt_str("first", "abcdef"), tt_str("second", "x")};
    tt_log(tt_logger_get(sdk.loggers, "t", NULL), TT_SEVERITY_ERROR, "text", attrs, 2);
    otlp_sink_has(&declared_sink, "{\"key\":\"first\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_lacks(&declared_sink, "second");
    tt_sdk_free(&sdk);
}

static void test_logs_are_masked_and_enriched(void **state)
{
    (void)state;
    tt_sdk sdk;
    assert_int_equal(
        declared_create("file_format: \"1.0\"\n"
                        "resource: {attributes: [{name: service.name, value: shop}]}\n"
                        "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                        "distribution: {telltale: {logs: {masks: [emails, tokens],\n"
                        "  mask_keys: [iban, \"*.tax_id\"], enrich: [application]}}}\n",
                        &sdk),
        TT_OK);
    tt_attr attrs[] = {tt_str("iban", "DE02"), tt_str("user.tax_id", "TAX7"),
                       tt_str("kept", "seen")};
    tt_log(tt_logger_get(sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "ann@example.org +49301234567",
           attrs, 3);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&declared_sink, "\"*** +49301234567\"");
    otlp_sink_lacks(&declared_sink, "DE02");
    otlp_sink_lacks(&declared_sink, "TAX7");
    otlp_sink_has(&declared_sink, "\"seen\"");
    otlp_sink_has(&declared_sink,
                  "{\"key\":\"service.name\",\"value\":{\"stringValue\":\"shop\"}}]");
    tt_sdk_free(&sdk);
}

static void test_too_many_keys_hide_all(void **state)
{
    (void)state;
    static char long_key[40000], text[90000];
    tt_sdk sdk;
    memset(long_key, 'k', sizeof long_key - 1);
    (void)snprintf(text, sizeof text,
                   "file_format: \"1.0\"\n"
                   "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                   "distribution: {telltale: {logs: {mask_keys: [iban, %s, %s]}}}\n",
                   long_key, long_key);
    assert_int_equal(declared_create(text, &sdk), TT_ERR_LIMIT);
    tt_attr attr = tt_str("iban", "DE02");
    tt_log(tt_logger_get(sdk.loggers, "l", NULL), TT_SEVERITY_ERROR, "m", &attr, 1);
    assert_int_equal(tt_sdk_flush(&sdk, 10000), TT_OK);
    otlp_sink_has(&declared_sink, "\"key\":\"iban\"");
    otlp_sink_lacks(&declared_sink, "DE02");
    tt_sdk_free(&sdk);
}

static void test_masks_of_the_program_hold_beside_a_file(void **state)
{
    (void)state;
    declared_name_file("file_format: \"1.0\"\n"
                       "logger_provider: {processors: [{simple: {exporter: {sink: }}}]}\n"
                       "distribution: {telltale: {logs: {masks: [phones]}}}\n");
    tt_init_options o = {.size = sizeof o, .log_masks = TT_MASK_EMAILS};
    assert_int_equal(tt_init(&o), TT_OK);
    tt_log(tt_logger_global("l", NULL), TT_SEVERITY_ERROR, "ann@example.org +49301234567", NULL, 0);
    assert_int_equal(tt_shutdown(10000), TT_OK);
    otlp_sink_has(&declared_sink, "\"*** ***\"");
    tt_cleanup();
    declared_unname_file();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DECLARED_TEST(loggers_are_configured_by_name),
        DECLARED_TEST(limits_hold_for_logs),
        DECLARED_TEST(logs_are_masked_and_enriched),
        DECLARED_TEST(too_many_keys_hide_all),
        DECLARED_TEST(masks_of_the_program_hold_beside_a_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
