/* The cases are those that the tests and documents of Prometheus's own translator agree on. */
#include "receive/otlp_name.h"

#include "base/compiler.h"
#include "support/check.h"
#include "support/test_arena.h"

struct metric_case {
    const char *name, *unit;
    enum otlp_name_kind kind;
    const char *expected;
};

static void check_metrics(enum otlp_translation t, const struct metric_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str got =
            otlp_metric_name(t, str_c(cases[i].name), str_c(cases[i].unit), cases[i].kind, &arena);
        if (!str_eq(got, str_c(cases[i].expected)))
            fail_msg("\"%s\" in \"%s\": got \"%.*s\", expected \"%s\"", cases[i].name,
                     cases[i].unit, STR_ARG(got), cases[i].expected);
    }
}

static void test_escaped_names_have_units_and_types_as_suffixes(void **state)
{
    (void)state;
    static const struct metric_case cases[] = {
        {"requests", "", OTLP_NAME_COUNTER, "requests_total"},
        {"requests_total", "", OTLP_NAME_COUNTER, "requests_total"},
        {"total.requests", "", OTLP_NAME_COUNTER, "requests_total"},
        {"requests_total_count", "", OTLP_NAME_COUNTER, "requests_count_total"},
        {"items", "1", OTLP_NAME_COUNTER, "items_total"},
        {"cpu_usage", "1", OTLP_NAME_GAUGE, "cpu_usage_ratio"},
        {"cpu_usage_ratio", "1", OTLP_NAME_GAUGE, "cpu_usage_ratio"},
        {"queue.length", "1", OTLP_NAME_OTHER, "queue_length"},
        {"response_time", "ms", OTLP_NAME_GAUGE, "response_time_milliseconds"},
        {"response_time_seconds", "s", OTLP_NAME_GAUGE, "response_time_seconds"},
        {"seconds.of.silence", "s", OTLP_NAME_GAUGE, "seconds_of_silence"},
        {"memory_usage", "By", OTLP_NAME_GAUGE, "memory_usage_bytes"},
        {"requests", "1/s", OTLP_NAME_GAUGE, "requests_per_second"},
        {"requests", "1/s", OTLP_NAME_COUNTER, "requests_per_second_total"},
        {"throughput", "By/s", OTLP_NAME_GAUGE, "throughput_bytes_per_second"},
        {"speed", "m/h", OTLP_NAME_GAUGE, "speed_meters_per_hour"},
        {"rate", "{things}/m", OTLP_NAME_GAUGE, "rate_per_minute"},
        {"broken", "test/", OTLP_NAME_GAUGE, "broken_test"},
        {"custom_metric", "custom_unit", OTLP_NAME_GAUGE, "custom_metric_custom_unit"},
        {"custom_metric", "{custom}", OTLP_NAME_GAUGE, "custom_metric"},
        {"custom_metric", "By/{custom}", OTLP_NAME_GAUGE, "custom_metric_bytes"},
        {"custom_metric", "unit@with#special/chars", OTLP_NAME_GAUGE,
         "custom_metric_unit_with_special_per_chars"},
        {"metric__with__multiple__underscores", "unit__multiple__underscores", OTLP_NAME_GAUGE,
         "metric_with_multiple_underscores_unit_multiple_underscores"},
        {"http.server.request.duration", "s", OTLP_NAME_OTHER,
         "http_server_request_duration_seconds"},
        {"system.filesystem.usage", "%", OTLP_NAME_GAUGE, "system_filesystem_usage_percent"},
        {"temperature", "Cel", OTLP_NAME_GAUGE, "temperature_celsius"},
        {"1.bad.start", "", OTLP_NAME_GAUGE, "_1_bad_start"},
        {"nsxt:cluster.memory", "", OTLP_NAME_GAUGE, "nsxt:cluster_memory"},
        {"m\xc3\xa9tric", "", OTLP_NAME_GAUGE, "m_tric"},
        {"@#$%", "", OTLP_NAME_GAUGE, ""},
        {"___", "", OTLP_NAME_GAUGE, ""},
        {"", "s", OTLP_NAME_GAUGE, ""},
    };
    check_metrics(OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES, cases, ARRAY_LEN(cases));
}

static void test_escaped_names_without_suffixes_keep_their_underscores(void **state)
{
    (void)state;
    static const struct metric_case cases[] = {
        {"simple_metric", "s", OTLP_NAME_COUNTER, "simple_metric"},
        {"double__underscore", "", OTLP_NAME_GAUGE, "double__underscore"},
        {"metric@with#special$chars", "", OTLP_NAME_GAUGE, "metric_with_special_chars"},
        {"metric@@##$$name", "", OTLP_NAME_GAUGE, "metric_name"},
        {"123metric", "", OTLP_NAME_GAUGE, "_123metric"},
        {"@#$%", "", OTLP_NAME_GAUGE, ""},
    };
    check_metrics(OTLP_UNDERSCORE_ESCAPING_WITHOUT_SUFFIXES, cases, ARRAY_LEN(cases));
}

static void test_utf8_names_keep_their_characters_before_the_suffixes(void **state)
{
    (void)state;
    static const struct metric_case cases[] = {
        {"requ\xc3\xaasts", "", OTLP_NAME_COUNTER, "requ\xc3\xaasts_total"},
        {"http.requests.total", "", OTLP_NAME_COUNTER, "http.requests_total"},
        {"requests_total", "", OTLP_NAME_COUNTER, "requests_total"},
        {"cpu_seconds_total", "s", OTLP_NAME_COUNTER, "cpu_seconds_total"},
        {"cpu_usage_ratio", "1", OTLP_NAME_GAUGE, "cpu_usage_ratio"},
        {"respons\xc3\xa9.time", "ms", OTLP_NAME_GAUGE, "respons\xc3\xa9.time_milliseconds"},
        {"response_time_seconds", "s", OTLP_NAME_GAUGE, "response_time_seconds"},
        {"requ\xc3\xaasts", "1/s", OTLP_NAME_COUNTER, "requ\xc3\xaasts_per_second_total"},
        {"@#$%", "", OTLP_NAME_COUNTER, "@#$%_total"},
        {"total", "", OTLP_NAME_COUNTER, "total_total"},
    };
    check_metrics(OTLP_NO_UTF8_ESCAPING_WITH_SUFFIXES, cases, ARRAY_LEN(cases));
}

static void test_no_translation_leaves_names_alone(void **state)
{
    (void)state;
    static const struct metric_case cases[] = {
        {"http.server.duration", "s", OTLP_NAME_COUNTER, "http.server.duration"},
        {"@#$%", "1", OTLP_NAME_GAUGE, "@#$%"},
    };
    check_metrics(OTLP_NO_TRANSLATION, cases, ARRAY_LEN(cases));
}

static void test_labels_are_sanitised_and_prefixed(void **state)
{
    (void)state;
    static const struct {
        const char *key, *expected;
    } cases[] = {
        {"label:with:colons", "label_with_colons"},
        {"LabelWithCapitalLetters", "LabelWithCapitalLetters"},
        {"label!with&special$chars)", "label_with_special_chars_"},
        {"label_with_foreign_characters_\xe5\xad\x97\xe7\xac\xa6",
         "label_with_foreign_characters___"},
        {"label.with.dots", "label_with_dots"},
        {"double__underscore", "double__underscore"},
        {"123label", "key_123label"},
        {"_label_starting_with_underscore", "key_label_starting_with_underscore"},
        {".hidden", "key_hidden"},
        {"__label_starting_with_2underscores", "__label_starting_with_2underscores"},
        {"\xe5\xad\x97", "key_"},
        {"\xe3\x82\x88\xe3\x81\x86", ""},
        {"__", ""},
        {"", ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got =
            otlp_label_name(OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES, str_c(cases[i].key), &arena);
        if (!str_eq(got, str_c(cases[i].expected)))
            fail_msg("\"%s\": got \"%.*s\", expected \"%s\"", cases[i].key, STR_ARG(got),
                     cases[i].expected);
        got = otlp_label_name(OTLP_NO_TRANSLATION, str_c(cases[i].key), &arena);
        assert_true(str_eq(got, str_c(cases[i].key)));
    }
}

static void test_plain_labels_are_borrowed(void **state)
{
    (void)state;
    struct str key = STR("method");
    assert_ptr_equal(otlp_label_name(OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES, key, &arena).p, key.p);
}

static void test_units_of_metadata_are_words(void **state)
{
    (void)state;
    static const struct {
        const char *unit, *expected;
    } cases[] = {
        {"s", "seconds"},  {"By/s", "bytes_per_second"}, {"1", ""}, {"1/s", "per_second"},
        {"{request}", ""}, {"unit__x", "unit_x"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct str got =
            otlp_unit_name(OTLP_UNDERSCORE_ESCAPING_WITH_SUFFIXES, str_c(cases[i].unit), &arena);
        if (!str_eq(got, str_c(cases[i].expected)))
            fail_msg("\"%s\": got \"%.*s\", expected \"%s\"", cases[i].unit, STR_ARG(got),
                     cases[i].expected);
    }
    assert_true(str_eq(otlp_unit_name(OTLP_NO_TRANSLATION, STR("By"), &arena), STR("By")));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_escaped_names_have_units_and_types_as_suffixes),
        cmocka_unit_test(test_escaped_names_without_suffixes_keep_their_underscores),
        cmocka_unit_test(test_utf8_names_keep_their_characters_before_the_suffixes),
        cmocka_unit_test(test_no_translation_leaves_names_alone),
        cmocka_unit_test(test_labels_are_sanitised_and_prefixed),
        cmocka_unit_test(test_plain_labels_are_borrowed),
        cmocka_unit_test(test_units_of_metadata_are_words),
    };
    return cmocka_run_group_tests(tests, make_arena, free_arena);
}
