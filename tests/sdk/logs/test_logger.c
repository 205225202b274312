#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/log.h"
#include "telltale/trace.h"

static struct otlp_sink sink;
static tt_logger_provider *provider;
static tt_logger *logger;

static void start(tt_logger_provider_options o)
{
    otlp_sink_init(&sink);
    o.size = sizeof o;
    o.exporter = otlp_sink_exporter(&sink);
    provider = tt_logger_provider_new(&o);
    logger = tt_logger_get(provider, "lib", "1");
}

static int begin(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.simple = true, .level = TT_SEVERITY_DEBUG});
    return logger ? 0 : -1;
}

static int begin_masked(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.simple = true, .masks = TT_MASK_ALL});
    return logger ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_logger_provider_free(provider);
    assert_true(sink.closed);
    otlp_sink_done(&sink);
    return 0;
}

static void test_record_is_exported_with_all_its_parts(void **state)
{
    (void)state;
    tt_attr fields[] = {tt_str("a", "x"), tt_int("b", 1)};
    tt_attr attrs[] = {tt_str("k", "v"), tt_bool("t", true)};
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_WARN,
                       .event_name = "my.event",
                       .body = tt_value_map(fields, 2),
                       .attrs = attrs,
                       .attrs_n = 2,
                       .time_unix_ns = 1234};
    tt_log_emit(logger, &r);
    otlp_sink_has(&sink, "\"timeUnixNano\":\"1234\"");
    otlp_sink_has(&sink, "\"severityNumber\":13,\"severityText\":\"WARN\"");
    otlp_sink_has(&sink,
                  "{\"kvlistValue\":{\"values\":[{\"key\":\"a\",\"value\":"
                  "{\"stringValue\":\"x\"}},{\"key\":\"b\",\"value\":{\"intValue\":\"1\"}}]}}");
    otlp_sink_has(&sink, "{\"key\":\"k\",\"value\":{\"stringValue\":\"v\"}}");
    otlp_sink_has(&sink, "\"eventName\":\"my.event\"");
    otlp_sink_has(&sink, "\"name\":\"lib\",\"version\":\"1\"");
    otlp_sink_lacks(&sink, "\"flags\":1");
}

static void test_formatted_message_is_cut_at_its_limit(void **state)
{
    (void)state;
    static char large[5000];
    memset(large, 'x', sizeof large - 1);
    tt_logf(logger, TT_SEVERITY_INFO, "%s is %d", "answer", 42);
    tt_logf(logger, TT_SEVERITY_INFO, "%s", large);
    otlp_sink_has(&sink, "{\"stringValue\":\"answer is 42\"}");
    otlp_sink_lacks(&sink, large + sizeof large - 1 - 2048);
    otlp_sink_has(&sink, large + sizeof large - 1 - 2047);
}

static void test_records_below_the_level_are_left_out(void **state)
{
    (void)state;
    tt_log(logger, TT_SEVERITY_TRACE, "too low", NULL, 0);
    tt_log(logger, TT_SEVERITY_DEBUG, "debugging", NULL, 0);
    tt_logger_set_level(logger, TT_SEVERITY_ERROR);
    tt_log(logger, TT_SEVERITY_WARN, "now too low", NULL, 0);
    assert_false(tt_logger_is_enabled(logger, TT_SEVERITY_WARN));
    assert_true(tt_logger_is_enabled(logger, TT_SEVERITY_FATAL));
    otlp_sink_has(&sink, "debugging");
    otlp_sink_lacks(&sink, "too low");
    assert_int_equal(sink.items, 1);
    tt_logger *again = tt_logger_get(provider, "lib", "1");
    assert_ptr_equal(again, logger);
    assert_false(tt_logger_is_enabled(again, TT_SEVERITY_WARN)); // what was set holds
}

static void check_level(const char *environment, enum tt_severity level)
{
    tt_logger_provider_options o = {.size = sizeof o, .simple = true, .environment = environment};
    o.exporter = otlp_sink_exporter(&sink);
    o.exporter.close = NULL;
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_logger *l = tt_logger_get(p, "l", NULL);
    assert_true(tt_logger_is_enabled(l, level));
    assert_false(tt_logger_is_enabled(l, level - 1));
    tt_logger_provider_free(p);
}

static void test_environment_chooses_the_level(void **state)
{
    (void)state;
    check_level("development", TT_SEVERITY_DEBUG);
    check_level("staging", TT_SEVERITY_INFO);
    check_level("production", TT_SEVERITY_WARN);
    check_level("moon", TT_SEVERITY_INFO);
    assert_int_equal(
        setenv("OTEL_RESOURCE_ATTRIBUTES", "deployment.environment.name=production", 1), 0);
    check_level(NULL, TT_SEVERITY_WARN);
    assert_int_equal(unsetenv("OTEL_RESOURCE_ATTRIBUTES"), 0);
}

static void test_record_belongs_to_the_current_span(void **state)
{
    (void)state;
    tt_span_context c = {.trace_id = {0xab, 1}, .span_id = {0xcd}, .flags = TT_FLAG_SAMPLED};
    tt_context *context = tt_context_remote(&c, NULL);
    tt_token token = tt_context_enter(context);
    tt_log(logger, TT_SEVERITY_INFO, "inside", NULL, 0);
    tt_leave(token);
    otlp_sink_has(&sink, "\"flags\":1,\"traceId\":\"ab010000000000000000000000000000\","
                         "\"spanId\":\"cd00000000000000\"");
    tt_context_free(context);
}

static void test_attributes_beyond_the_limit_are_counted(void **state)
{
    (void)state;
    tt_attr attrs[130];
    for (int i = 0; i < 130; i++)
        attrs[i] = tt_int("k", i);
    tt_log(logger, TT_SEVERITY_INFO, "many", attrs, 130);
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
}

static void test_secrets_are_masked(void **state)
{
    (void)state;
    tt_attr attrs[] = {tt_str("db.Password", "hunter2"), tt_int("api_key", 12345),
                       tt_str("note", "mail jo.doe@mail.example.org."), tt_str("ok", "plain text")};
    tt_log(logger, TT_SEVERITY_INFO,
           "Authorization: Bearer abcdefghijkl.mnop\ncard 4111 1111 1111 1111", attrs, 4);
    otlp_sink_has(&sink, "\"Authorization: ***\\ncard ***\"");
    otlp_sink_has(&sink, "{\"key\":\"db.Password\",\"value\":{\"stringValue\":\"***\"}}");
    otlp_sink_has(&sink, "{\"key\":\"api_key\",\"value\":{\"stringValue\":\"***\"}}");
    otlp_sink_has(&sink, "\"mail ***.\"");
    otlp_sink_has(&sink, "\"plain text\"");
}

static void test_null_loggers_do_nothing(void **state)
{
    (void)state;
    tt_log(NULL, TT_SEVERITY_FATAL, "x", NULL, 0);
    tt_logf(NULL, TT_SEVERITY_FATAL, "x");
    tt_log_emit(NULL, NULL);
    tt_logger_set_level(NULL, TT_SEVERITY_INFO);
    assert_false(tt_logger_is_enabled(NULL, TT_SEVERITY_FATAL));
    tt_logger_provider_free(NULL);
    tt_log(logger, TT_SEVERITY_INFO, NULL, NULL, 0);
    assert_int_equal(sink.items, 1);
}

static void test_scope_and_resource_have_their_schema(void **state)
{
    (void)state;
    (void)end(NULL);
    tt_attr attr = tt_str("service.name", "shop"), of_scope = tt_int("shard", 7);
    tt_resource *resource = tt_resource_new(&attr, 1, "https://example.org/resource");
    start((tt_logger_provider_options){.simple = true, .resource = resource});
    tt_resource_free(resource);
    tt_scope scope = {.name = "lib", .version = "2", .schema_url = "https://example.org/scope"};
    scope.attrs = &of_scope;
    scope.attrs_n = 1;
    tt_log(tt_logger_get_scope(provider, &scope), TT_SEVERITY_ERROR, "text", NULL, 0);
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/resource\"");
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/scope\"");
    otlp_sink_has(&sink, "\"name\":\"lib\",\"version\":\"2\",\"attributes\":[{\"key\":"
                         "\"shard\",\"value\":{\"intValue\":\"7\"}}]");
}

static void test_records_wait_for_their_batch(void **state)
{
    (void)state;
    (void)end(NULL);
    assert_int_equal(setenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE", "2", 1), 0);
    assert_int_equal(setenv("OTEL_BLRP_SCHEDULE_DELAY", "3600000", 1), 0);
    assert_int_equal(setenv("OTEL_ATTRIBUTE_COUNT_LIMIT", "1", 1), 0);
    start((tt_logger_provider_options){0});
    assert_int_equal(unsetenv("OTEL_BLRP_MAX_EXPORT_BATCH_SIZE"), 0);
    assert_int_equal(unsetenv("OTEL_BLRP_SCHEDULE_DELAY"), 0);
    assert_int_equal(unsetenv("OTEL_ATTRIBUTE_COUNT_LIMIT"), 0);
    tt_attr attrs[] = {tt_str("kept", "a"), tt_str("dropped", "b")};
    for (int i = 0; i < 6; i++)
        tt_log(logger, TT_SEVERITY_ERROR, "text", attrs, 2);
    assert_int_equal(tt_logger_provider_flush(provider, 10000), TT_OK);
    assert_int_equal(sink.items, 6);
    assert_true(sink.requests >= 3);
    otlp_sink_has(&sink, "\"droppedAttributesCount\":1");
    otlp_sink_lacks(&sink, "\"key\":\"dropped\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_record_is_exported_with_all_its_parts),
        TEST(test_formatted_message_is_cut_at_its_limit),
        TEST(test_records_below_the_level_are_left_out),
        TEST(test_environment_chooses_the_level),
        TEST(test_record_belongs_to_the_current_span),
        TEST(test_attributes_beyond_the_limit_are_counted),
        cmocka_unit_test_setup_teardown(test_secrets_are_masked, begin_masked, end),
        TEST(test_null_loggers_do_nothing),
        TEST(test_scope_and_resource_have_their_schema),
        TEST(test_records_wait_for_their_batch),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
