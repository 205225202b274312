/* What happens to records on their way: processors, enrichment, masks, limits; and how loggers are
 * configured. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/log.h"

static struct otlp_sink sink;
static tt_logger_provider *provider;
static tt_logger *logger;

static char told[256]; /* by processors, a word each */

static void note(const char *who, const char *what)
{
    size_t n = strlen(told);
    (void)snprintf(told + n, sizeof told - n, "%s.%s ", who, what);
}

static void start(tt_logger_provider_options o)
{
    otlp_sink_init(&sink);
    told[0] = '\0';
    o.size = sizeof o;
    o.simple = true;
    o.exporter = otlp_sink_exporter(&sink);
    provider = tt_logger_provider_new(&o);
    logger = tt_logger_get(provider, "lib", "1");
}

static void end(void)
{
    tt_logger_provider_free(provider);
    otlp_sink_done(&sink);
}

/* --- processors --- */

static bool add_and_pass(void *arg, tt_log_record *r, const tt_log_origin *origin)
{
    note(arg, origin->logger);
    return tt_log_record_add(r, tt_str("by", arg)) &&
           tt_log_record_add(r, tt_str("customer.token", "t0ken"));
}

static bool drop_debug(void *arg, tt_log_record *r, const tt_log_origin *origin)
{
    (void)origin;
    note(arg, "asked");
    return r->severity > TT_SEVERITY_DEBUG;
}

static int flush(void *arg, int64_t timeout_ms)
{
    (void)timeout_ms;
    note(arg, "flush");
    return TT_OK;
}

static int shut_down(void *arg, int64_t timeout_ms)
{
    (void)timeout_ms;
    note(arg, "shutdown");
    return TT_ERR_IO;
}

static void test_processors_change_and_drop_records_in_their_order(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b", c[] = "c";
    tt_log_processor chain[] = {{.on_emit = drop_debug, .arg = a},
                                {.on_emit = add_and_pass, .arg = b},
                                {.on_emit = add_and_pass, .arg = c, .flush = flush}};
    chain[2].shutdown = shut_down;
    start((tt_logger_provider_options){
        .level = TT_SEVERITY_DEBUG, .processors = chain, .processors_n = 3, .masks = TT_MASK_KEYS});
    tt_log(logger, TT_SEVERITY_DEBUG, "dropped", NULL, 0);
    assert_string_equal(told, "a.asked ");
    tt_log(logger, TT_SEVERITY_INFO, "passed", NULL, 0);
    assert_string_equal(told, "a.asked a.asked b.lib c.lib ");
    otlp_sink_lacks(&sink, "\"dropped\"");
    otlp_sink_has(&sink, "{\"key\":\"by\",\"value\":{\"stringValue\":\"c\"}}");
    otlp_sink_lacks(&sink, "{\"stringValue\":\"b\"}"); // replaced
    otlp_sink_lacks(&sink, "t0ken");                   // hidden after it was added
    assert_int_equal(tt_logger_provider_flush(provider, 1000), TT_OK);
    assert_int_equal(tt_logger_provider_shutdown(provider, 1000), TT_ERR_IO);
    assert_int_equal(tt_logger_provider_shutdown(provider, 1000), TT_ERR_SHUTDOWN);
    assert_non_null(strstr(told, "c.flush c.shutdown "));
    end();
}

static bool replace_all(void *arg, tt_log_record *r, const tt_log_origin *origin)
{
    static const tt_attr own[] = {
        {"mail", 4, {.as.text = "a@example.org", .n = 13, .type = TT_TYPE_STRING}}};
    (void)arg, (void)origin;
    r->body = tt_value_str("rewritten");
    r->severity = TT_SEVERITY_FATAL;
    r->attrs = own;
    r->attrs_n = 1;
    return true;
}

static void test_attributes_of_a_processors_own_are_masked_too(void **state)
{
    (void)state;
    tt_log_processor one = {.on_emit = replace_all};
    start(
        (tt_logger_provider_options){.processors = &one, .processors_n = 1, .masks = TT_MASK_ALL});
    tt_attr attr = tt_int("old", 1);
    tt_log(logger, TT_SEVERITY_ERROR, "written", &attr, 1);
    otlp_sink_has(&sink, "\"severityNumber\":21");
    otlp_sink_has(&sink, "{\"stringValue\":\"rewritten\"}");
    otlp_sink_has(&sink, "{\"key\":\"mail\",\"value\":{\"stringValue\":\"***\"}}");
    otlp_sink_lacks(&sink, "\"old\"");
    end();
}

static void test_masks_see_events_numbers_and_keys_of_ones_own(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.masks = TT_MASK_ALL, .mask_keys = "iban,*.tax_id"});
    tt_attr attrs[] = {tt_int("card", 4111111111111111), tt_str("user.Tax_ID", "hidden one"),
                       tt_int("gen_ai.usage.input_tokens", 123), tt_str("iban", "hidden two")};
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_ERROR,
                       .severity_text = "to x@example.org",
                       .event_name = "of a@example.org",
                       .body = tt_value_str("password=hidden"),
                       .attrs = attrs,
                       .attrs_n = 4};
    tt_log_emit(logger, &r);
    otlp_sink_lacks(&sink, "example.org");
    otlp_sink_lacks(&sink, "hidden");
    otlp_sink_lacks(&sink, "4111111111111111");
    otlp_sink_has(&sink, "\"eventName\":\"of ***\"");
    otlp_sink_has(&sink, "\"severityText\":\"to ***\"");
    otlp_sink_has(&sink, "{\"stringValue\":\"password=***\"}");
    otlp_sink_has(&sink, "\"123\"");
    end();
}

static void test_keys_of_ones_own_need_no_other_masks(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.mask_keys = "iban"});
    tt_attr attr = tt_str("iban", "hidden");
    tt_log(logger, TT_SEVERITY_ERROR, "mail to a@example.org", &attr, 1);
    otlp_sink_lacks(&sink, "hidden");
    otlp_sink_has(&sink, "a@example.org");
    end();
}

static bool wants_errors(void *arg, const char *name, enum tt_severity severity)
{
    note(arg, name);
    return severity >= TT_SEVERITY_ERROR;
}

static void test_processors_say_what_they_want(void **state)
{
    (void)state;
    char a[] = "a";
    tt_log_processor one = {.enabled = wants_errors, .arg = a};
    tt_logger_provider_options o = {.size = sizeof o, .processors = &one, .processors_n = 1};
    told[0] = '\0';
    tt_logger_provider *p = tt_logger_provider_new(&o); // nobody else wants any
    tt_logger *l = tt_logger_get(p, "lib", NULL);
    assert_true(tt_logger_is_enabled(l, TT_SEVERITY_ERROR));
    assert_false(tt_logger_is_enabled(l, TT_SEVERITY_WARN));
    assert_false(tt_logger_is_enabled(l, TT_SEVERITY_DEBUG)); // the level: not even asked
    assert_string_equal(told, "a.lib a.lib ");
    tt_logger_provider_free(p);
}

static void test_processor_cannot_add_more_than_fits(void **state)
{
    (void)state;
    char b[] = "b";
    tt_log_processor one = {.on_emit = add_and_pass, .arg = b};
    start((tt_logger_provider_options){.processors = &one, .processors_n = 1});
    tt_attr attrs[128];
    char keys[128][8];
    for (int i = 0; i < 128; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        attrs[i] = tt_int(keys[i], i);
    }
    tt_log(logger, TT_SEVERITY_ERROR, "full", attrs, 128);
    tt_log(logger, TT_SEVERITY_ERROR, "nearly", attrs, 127);
    otlp_sink_lacks(&sink, "\"full\""); // the processor dropped it
    otlp_sink_lacks(&sink, "\"nearly\"");
    tt_log(logger, TT_SEVERITY_ERROR, "fits", attrs, 126);
    otlp_sink_has(&sink, "\"fits\"");
    end();
}

/* --- enrichment --- */

static void test_records_are_enriched(void **state)
{
    (void)state;
    tt_attr service[] = {tt_str("service.name", "shop"), tt_str("service.version", "1.2"),
                         tt_str("host.name", "h1")};
    tt_resource *resource = tt_resource_new(service, 3, NULL);
    start((tt_logger_provider_options){
        .resource = resource, .environment = "staging", .enrich = TT_ENRICH_ALL});
    tt_resource_free(resource);
    tt_context *c = tt_context_with_correlation_id(NULL, "req-17");
    tt_token token = tt_context_enter(c);
    tt_attr own = tt_str("thread.name", "mine");
    tt_log(logger, TT_SEVERITY_INFO, "x", &own, 1);
    tt_leave(token);
    tt_context_free(c);
    const char *record = strstr(sink.json.p, "logRecords");
    assert_non_null(record);
    assert_non_null(strstr(record, "\"service.name\",\"value\":{\"stringValue\":\"shop\"}"));
    assert_non_null(strstr(record, "\"service.version\",\"value\":{\"stringValue\":\"1.2\"}"));
    assert_non_null(strstr(record, "\"host.name\",\"value\":{\"stringValue\":\"h1\"}"));
    assert_non_null(
        strstr(record, "\"deployment.environment.name\",\"value\":{\"stringValue\":\"staging\"}"));
    assert_non_null(strstr(record, "\"correlation_id\",\"value\":{\"stringValue\":\"req-17\"}"));
    assert_non_null(strstr(record, "\"thread.id\",\"value\":{\"intValue\":\""));
    assert_non_null(strstr(record, "\"thread.name\",\"value\":{\"stringValue\":\"mine\"}"));
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), 0);
    end();
}

static void test_exception_becomes_attributes(void **state)
{
    (void)state;
    start((tt_logger_provider_options){0});
    tt_exception e = {.size = sizeof e, .error_number = ENOENT, .message = "open /x"};
    tt_attr own = tt_str("exception.message", "mine");
    tt_log_record r = {.size = sizeof r,
                       .severity = TT_SEVERITY_ERROR,
                       .body = tt_value_str("failed"),
                       .attrs = &own,
                       .attrs_n = 1,
                       .exception = &e};
    tt_log_emit(logger, &r);
    otlp_sink_has(&sink, "\"exception.type\",\"value\":{\"stringValue\":\"ENOENT\"}");
    otlp_sink_has(&sink, "\"exception.message\",\"value\":{\"stringValue\":\"mine\"}");
    otlp_sink_lacks(&sink, "open /x");
    end();
}

/* --- masks and limits --- */

static void test_secrets_within_arrays_and_maps_are_masked(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.masks = TT_MASK_ALL});
    tt_value mails[] = {tt_value_str("to a@example.org"), tt_value_int(7)};
    tt_attr inner[] = {tt_str("password", "hunter2"), tt_attr_of("mails", tt_value_array(mails, 2)),
                       tt_str("fine", "plain")};
    tt_attr attrs[] = {tt_attr_of("request", tt_value_map(inner, 3))};
    tt_log_record r = {.size = sizeof r, .severity = TT_SEVERITY_ERROR, .attrs = attrs};
    r.attrs_n = 1;
    r.body = tt_value_map(inner, 3);
    tt_log_emit(logger, &r);
    otlp_sink_lacks(&sink, "hunter2");
    otlp_sink_lacks(&sink, "example.org");
    otlp_sink_has(&sink, "{\"stringValue\":\"to ***\"},{\"intValue\":\"7\"}");
    otlp_sink_has(&sink, "{\"key\":\"fine\",\"value\":{\"stringValue\":\"plain\"}}");
    assert_memory_equal(mails[0].as.text, "to a@example.org", 16); // the program's own stays
    end();
}

static void test_limits_of_records_come_from_the_environment(void **state)
{
    (void)state;
    assert_int_equal(setenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT", "2", 1), 0);
    assert_int_equal(setenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT", "4", 1), 0);
    start((tt_logger_provider_options){0});
    assert_int_equal(unsetenv("OTEL_LOGRECORD_ATTRIBUTE_COUNT_LIMIT"), 0);
    assert_int_equal(unsetenv("OTEL_LOGRECORD_ATTRIBUTE_VALUE_LENGTH_LIMIT"), 0);
    tt_attr attrs[] = {tt_str("a", "abcdef"), tt_str("b", "abc\xc3\xa9"), tt_str("c", "x")};
    tt_log(logger, TT_SEVERITY_ERROR, "longer than four", attrs, 3);
    otlp_sink_has(&sink, "{\"key\":\"a\",\"value\":{\"stringValue\":\"abcd\"}}");
    otlp_sink_has(&sink, "{\"key\":\"b\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_lacks(&sink, "\"key\":\"c\"");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":1");
    otlp_sink_has(&sink, "longer than four"); // limits are of attributes
    end();
}

/* --- configuration --- */

static bool allows(const char *name, enum tt_severity severity)
{
    return tt_logger_is_enabled(tt_logger_get(provider, name, NULL), severity);
}

static void test_loggers_are_configured_by_their_names(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.level = TT_SEVERITY_INFO});
    tt_logger *there = tt_logger_get(provider, "http.client", NULL);
    tt_logger_config debug = {.size = sizeof debug, .level = TT_SEVERITY_DEBUG};
    tt_logger_config off = {.size = sizeof off, .level = TT_SEVERITY_OFF};
    assert_int_equal(tt_logger_provider_configure(provider, "http*", &debug), TT_OK);
    assert_int_equal(tt_logger_provider_configure(provider, "http.server", &off), TT_OK);
    assert_true(tt_logger_is_enabled(there, TT_SEVERITY_DEBUG));
    assert_true(allows("http.other", TT_SEVERITY_DEBUG)); // one to come
    assert_false(allows("http.server", TT_SEVERITY_FATAL));
    assert_false(allows("db", TT_SEVERITY_DEBUG));
    tt_logger_config back = {.size = sizeof back};
    assert_int_equal(tt_logger_provider_configure(provider, "*", &back), TT_OK);
    assert_false(tt_logger_is_enabled(there, TT_SEVERITY_DEBUG));
    assert_true(tt_logger_is_enabled(there, TT_SEVERITY_INFO));
    back.level = 99;
    assert_int_equal(tt_logger_provider_configure(provider, "*", &back), TT_ERR_INVALID);
    assert_int_equal(tt_logger_provider_configure(NULL, "*", &off), TT_ERR_INVALID);
    end();
}

static void log_in_a_trace(uint8_t flags, const char *message)
{
    tt_span_context c = {.trace_id = {1}, .span_id = {2}, .flags = flags};
    tt_context *context = tt_context_remote(&c, NULL);
    tt_token token = tt_context_enter(context);
    tt_log(logger, TT_SEVERITY_ERROR, message, NULL, 0);
    tt_leave(token);
    tt_context_free(context);
}

static void test_records_of_traces_that_are_not_sampled_may_be_left_out(void **state)
{
    (void)state;
    start((tt_logger_provider_options){.trace_based = true});
    log_in_a_trace(0, "not sampled");
    log_in_a_trace(TT_FLAG_SAMPLED, "is sampled");
    tt_log(logger, TT_SEVERITY_ERROR, "of no trace", NULL, 0);
    otlp_sink_lacks(&sink, "not sampled");
    otlp_sink_has(&sink, "is sampled");
    otlp_sink_has(&sink, "of no trace");
    tt_logger_config all = {.size = sizeof all};
    assert_int_equal(tt_logger_provider_configure(provider, "lib", &all), TT_OK);
    log_in_a_trace(0, "now it is kept");
    otlp_sink_has(&sink, "now it is kept");
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records_are_enriched),
        cmocka_unit_test(test_processors_change_and_drop_records_in_their_order),
        cmocka_unit_test(test_attributes_of_a_processors_own_are_masked_too),
        cmocka_unit_test(test_masks_see_events_numbers_and_keys_of_ones_own),
        cmocka_unit_test(test_keys_of_ones_own_need_no_other_masks),
        cmocka_unit_test(test_processors_say_what_they_want),
        cmocka_unit_test(test_processor_cannot_add_more_than_fits),
        cmocka_unit_test(test_exception_becomes_attributes),
        cmocka_unit_test(test_secrets_within_arrays_and_maps_are_masked),
        cmocka_unit_test(test_limits_of_records_come_from_the_environment),
        cmocka_unit_test(test_loggers_are_configured_by_their_names),
        cmocka_unit_test(test_records_of_traces_that_are_not_sampled_may_be_left_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
