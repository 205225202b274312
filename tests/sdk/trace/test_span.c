#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/log.h"
#include "telltale/metric_reader.h"
#include "telltale/sampling.h"
#include "telltale/trace.h"

static struct otlp_sink sink;
static tt_tracer_provider *provider;
static tt_tracer *tracer;

static void start(tt_tracer_provider_options o)
{
    tt_attr attr = tt_str("service.name", "shop");
    tt_resource *resource = tt_resource_new(&attr, 1, "https://example.org/resource");
    otlp_sink_init(&sink);
    o.size = sizeof o;
    o.resource = resource;
    o.exporter = otlp_sink_exporter(&sink);
    provider = tt_tracer_provider_new(&o);
    tt_resource_free(resource);
    tracer = tt_tracer_get(provider, "lib", "1");
}

static int begin(void **state)
{
    (void)state;
    start((tt_tracer_provider_options){.simple = true});
    return tracer ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_tracer_provider_free(provider);
    assert_true(sink.closed);
    otlp_sink_done(&sink);
    return 0;
}

static uint64_t misuses(void)
{
    return tt_problem_count(TT_PROBLEM_MISUSE);
}

/* --- what is exported --- */

static void test_span_is_exported_with_all_its_parts(void **state)
{
    (void)state;
    tt_attr start_attr = tt_int("n", 7);
    tt_span_options o = {.size = sizeof o,
                         .kind = TT_SPAN_SERVER,
                         .start_unix_ns = 1000,
                         .attrs = &start_attr,
                         .attrs_n = 1};
    tt_span span = tt_span_start(tracer, "work", &o);
    tt_value items[] = {tt_value_bool(true), tt_value_str("x")};
    tt_attr attrs[] = {tt_str("route", "/"), tt_double("d", 0.5), tt_bool("b", true),
                       tt_attr_of("list", tt_value_array(items, 2)),
                       tt_bytes("raw", "\xff\x00", 2)};
    tt_span_set(span, attrs, 5);
    tt_attr event_attr = tt_str("k", "v");
    tt_span_add_event(span, "happened", 1500, &event_attr, 1);
    tt_span_set_status(span, TT_STATUS_ERROR, "broke");
    tt_span_end_at(span, 2000);
    otlp_sink_has(&sink, "\"stringValue\":\"shop\"");
    otlp_sink_has(&sink, "\"name\":\"lib\",\"version\":\"1\"");
    otlp_sink_has(&sink, "\"name\":\"work\"");
    otlp_sink_has(&sink, "\"kind\":2");
    otlp_sink_has(&sink, "\"startTimeUnixNano\":\"1000\",\"endTimeUnixNano\":\"2000\"");
    otlp_sink_has(&sink, "{\"key\":\"n\",\"value\":{\"intValue\":\"7\"}}");
    otlp_sink_has(&sink, "{\"key\":\"route\",\"value\":{\"stringValue\":\"/\"}}");
    otlp_sink_has(&sink, "{\"key\":\"d\",\"value\":{\"doubleValue\":0.5}}");
    otlp_sink_has(&sink, "{\"key\":\"b\",\"value\":{\"boolValue\":true}}");
    otlp_sink_has(&sink, "{\"arrayValue\":{\"values\":[{\"boolValue\":true},"
                         "{\"stringValue\":\"x\"}]}}");
    otlp_sink_has(&sink, "{\"bytesValue\":\"/wA=\"}");
    otlp_sink_has(&sink, "\"timeUnixNano\":\"1500\",\"name\":\"happened\"");
    otlp_sink_has(&sink, "\"message\":\"broke\",\"code\":2");
    assert_int_equal(sink.items, 1);
}

static void test_attribute_set_again_is_replaced(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "first name", NULL);
    for (int i = 0; i < 50; i++) {
        tt_attr attrs[] = {tt_int("a", i), tt_str("b", i % 2 ? "long text" : ""), tt_int("c", -i)};
        tt_span_set(span, attrs, 3);
    }
    tt_span_rename(span, "second");
    tt_attr last = tt_str("a", "end");
    tt_span_set(span, &last, 1);
    tt_span_end(span);
    otlp_sink_has(&sink, "{\"key\":\"a\",\"value\":{\"stringValue\":\"end\"}}");
    otlp_sink_has(&sink, "{\"key\":\"b\",\"value\":{\"stringValue\":\"long text\"}}");
    otlp_sink_has(&sink, "{\"key\":\"c\",\"value\":{\"intValue\":\"-49\"}}");
    otlp_sink_has(&sink, "\"name\":\"second\"");
    otlp_sink_lacks(&sink, "first name");
    otlp_sink_lacks(&sink, "-48");
}

static void test_what_is_beyond_the_limits_is_counted(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    for (int i = 0; i < 130; i++) {
        char key[8];
        (void)snprintf(key, sizeof key, "k%d", i);
        tt_attr attr = tt_int(key, i);
        tt_link link = {.span = {.trace_id = {1}, .span_id = {2}}};
        tt_span_set(span, &attr, 1);
        tt_span_add_event(span, "e", 0, NULL, 0);
        tt_span_add_link(span, &link);
    }
    tt_span_end(span);
    otlp_sink_has(&sink, "\"key\":\"k127\"");
    otlp_sink_lacks(&sink, "\"key\":\"k128\"");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
    otlp_sink_has(&sink, "\"droppedEventsCount\":2");
    otlp_sink_has(&sink, "\"droppedLinksCount\":2");
}

static void test_long_values_are_cut_between_characters(void **state)
{
    (void)state;
    (void)end(NULL);
    start((tt_tracer_provider_options){.simple = true, .value_bytes_max = 4});
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_attr attrs[] = {tt_str("a", "abcdef"), tt_str("b", "abc\xc3\xa9"), tt_str("c", "abcd")};
    tt_span_set(span, attrs, 3);
    tt_span_end(span);
    otlp_sink_has(&sink, "{\"key\":\"a\",\"value\":{\"stringValue\":\"abcd\"}}");
    otlp_sink_has(&sink, "{\"key\":\"b\",\"value\":{\"stringValue\":\"abc\"}}");
    otlp_sink_has(&sink, "{\"key\":\"c\",\"value\":{\"stringValue\":\"abcd\"}}");
}

static void test_text_that_is_not_utf8_becomes_bytes(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer,
                                 "a\xff"
                                 "b",
                                 NULL);
    tt_attr attr = tt_str("k", "\xff");
    tt_span_set(span, &attr, 1);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"name\":\"a?b\"");
    otlp_sink_has(&sink, "{\"bytesValue\":\"/w==\"}");
}

static void test_large_span_is_exported_whole(void **state)
{
    (void)state;
    static char text[100001];
    memset(text, 'x', sizeof text - 1);
    tt_span span = tt_span_start(tracer, "large", NULL);
    tt_attr attr = tt_str("k", text);
    tt_span_set(span, &attr, 1);
    tt_span_record_error(span, "EIO", "disk");
    tt_span_end(span);
    otlp_sink_has(&sink, text);
    otlp_sink_has(&sink, "\"exception.message\",\"value\":{\"stringValue\":\"disk\"}");
    otlp_sink_has(&sink, "\"message\":\"disk\",\"code\":2");
}

static void test_exception_has_all_that_is_known(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_attr attrs[] = {tt_bool("exception.escaped", true), tt_str("exception.type", "Mine")};
    tt_exception e = {.size = sizeof e,
                      .error_number = ENOENT,
                      .stacktrace = "main()",
                      .attrs = attrs,
                      .attrs_n = 2,
                      .time_unix_ns = 77};
    tt_span_record_exception(span, &e);
    tt_span_record_exception(span, NULL);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"timeUnixNano\":\"77\",\"name\":\"exception\"");
    otlp_sink_has(&sink, "\"exception.message\",\"value\":{\"stringValue\":\"No such file");
    otlp_sink_has(&sink, "\"exception.stacktrace\",\"value\":{\"stringValue\":\"main()\"}");
    otlp_sink_has(&sink, "\"exception.escaped\",\"value\":{\"boolValue\":true}");
    otlp_sink_has(&sink, "\"exception.type\",\"value\":{\"stringValue\":\"Mine\"}");
    otlp_sink_lacks(&sink, "ENOENT");
    otlp_sink_has(&sink, "\"message\":\"No such file or directory\",\"code\":2");
}

static void test_errno_is_named_and_the_calls_are_told(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_record_errno(span, EACCES, "open /x", true);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"exception.type\",\"value\":{\"stringValue\":\"EACCES\"}");
    otlp_sink_has(&sink, "\"exception.message\",\"value\":{\"stringValue\":\"open /x\"}");
    const char *trace = strstr(sink.json.p, "exception.stacktrace");
    assert_non_null(trace);
    assert_non_null(strstr(trace, "test_sdk_span")); // a frame of this program
    char small[40];
    assert_true(tt_backtrace(small, sizeof small) < sizeof small);
    assert_int_equal(tt_backtrace(small, 1), 0);
}

static void test_limits_of_events_and_links_have_their_own_variables(void **state)
{
    (void)state;
    (void)end(NULL);
    assert_int_equal(setenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT", "1", 1), 0);
    assert_int_equal(setenv("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "2", 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    assert_int_equal(unsetenv("OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT"), 0);
    assert_int_equal(unsetenv("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT"), 0);
    tt_attr attrs[] = {tt_int("a1", 1), tt_int("a2", 2), tt_int("a3", 3)};
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_add_event(span, "e", 0, attrs, 3);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"key\":\"a1\"");
    otlp_sink_lacks(&sink, "\"key\":\"a2\"");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
    tt_link link = {.span = {.trace_id = {1}, .span_id = {2}}, .attrs = attrs, .attrs_n = 3};
    span = tt_span_start(tracer, "s", NULL);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"key\":\"a2\"");
    otlp_sink_lacks(&sink, "\"key\":\"a3\"");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":1");
}

static void test_variables_limit_events_and_links(void **state)
{
    (void)state;
    (void)end(NULL);
    assert_int_equal(setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "1", 1), 0);
    assert_int_equal(setenv("OTEL_SPAN_LINK_COUNT_LIMIT", "2", 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    assert_int_equal(unsetenv("OTEL_SPAN_EVENT_COUNT_LIMIT"), 0);
    assert_int_equal(unsetenv("OTEL_SPAN_LINK_COUNT_LIMIT"), 0);
    tt_link link = {.span = {.trace_id = {1}, .span_id = {2}}};
    tt_span span = tt_span_start(tracer, "s", NULL);
    for (int i = 0; i < 5; i++) {
        tt_span_add_event(span, i ? "later" : "first", 0, NULL, 0);
        tt_span_add_link(span, &link);
    }
    tt_span_end(span);
    otlp_sink_has(&sink, "\"name\":\"first\"");
    otlp_sink_lacks(&sink, "\"name\":\"later\"");
    otlp_sink_has(&sink, "\"droppedEventsCount\":4");
    otlp_sink_has(&sink, "\"droppedLinksCount\":3");
}

static void test_ok_holds_for_good(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_set_status(span, TT_STATUS_ERROR, "one");
    tt_span_set_status(span, TT_STATUS_OK, "ignored");
    tt_span_set_status(span, TT_STATUS_ERROR, "two");
    tt_span_end(span);
    otlp_sink_has(&sink, "\"code\":1");
    otlp_sink_lacks(&sink, "ignored");
    otlp_sink_lacks(&sink, "two");
}

static void test_links_and_events_keep_their_order(void **state)
{
    (void)state;
    tt_attr attr = tt_str("why", "retry");
    tt_link links[] = {
        {.span = {.trace_id = {0xaa}, .span_id = {1}}, .tracestate = "x=1"},
        {.span = {.trace_id = {0xbb}, .span_id = {2}}, .attrs = &attr, .attrs_n = 1}};
    tt_span_options o = {.size = sizeof o, .links = links, .links_n = 2};
    tt_span span = tt_span_start(tracer, "s", &o);
    tt_span_add_event(span, "one", 1, NULL, 0);
    tt_span_add_event(span, "two", 2, NULL, 0);
    tt_span_end(span);
    const char *a = strstr(sink.json.p, "\"traceId\":\"aa0"), *b = strstr(sink.json.p, "\"bb0");
    assert_true(a && b && a < b);
    assert_true(strstr(sink.json.p, "\"one\"") < strstr(sink.json.p, "\"two\""));
    otlp_sink_has(&sink, "\"traceState\":\"x=1\"");
    otlp_sink_has(&sink, "{\"key\":\"why\",\"value\":{\"stringValue\":\"retry\"}}");
}

static void test_scope_and_resource_have_their_schema(void **state)
{
    (void)state;
    tt_attr attr = tt_str("team", "a");
    tt_scope scope = {
        .name = "n", .schema_url = "https://example.org/s", .attrs = &attr, .attrs_n = 1};
    tt_tracer *t = tt_tracer_get_scope(provider, &scope);
    assert_ptr_equal(t, tt_tracer_get_scope(provider, &scope));
    assert_ptr_not_equal(t, tt_tracer_get(provider, "n", NULL));
    tt_span_end(tt_span_start(t, "s", NULL));
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/s\"");
    otlp_sink_has(&sink, "\"schemaUrl\":\"https://example.org/resource\"");
    otlp_sink_has(&sink, "{\"key\":\"team\",\"value\":{\"stringValue\":\"a\"}}");
}

/* --- parents --- */

static void check_child_of(tt_span_context parent)
{
    char text[64], id[17];
    tt_span_id_format(&parent, id);
    (void)snprintf(text, sizeof text, "\"parentSpanId\":\"%s\"", id);
    otlp_sink_has(&sink, text);
}

static void test_span_is_a_child_of_the_current_one(void **state)
{
    (void)state;
    tt_span outer = tt_span_start(tracer, "outer", NULL);
    tt_span_context context = tt_span_context_of(outer);
    tt_token token = tt_span_enter(outer);
    tt_span inner = tt_span_start(tracer, "inner", NULL);
    tt_span_context inner_context = tt_span_context_of(inner);
    assert_memory_equal(inner_context.trace_id, context.trace_id, 16);
    assert_memory_not_equal(inner_context.span_id, context.span_id, 8);
    tt_span_end(inner);
    check_child_of(context);
    assert_true(tt_span_current().memory == outer.memory);
    tt_leave(token);
    assert_null(tt_span_current().memory);
    tt_span other = tt_span_start(tracer, "other", NULL);
    tt_span_context other_context = tt_span_context_of(other);
    assert_memory_not_equal(other_context.trace_id, context.trace_id, 16);
    tt_span_end(other);
    tt_span_end(outer);
}

static void test_block_ends_and_leaves_its_span(void **state)
{
    (void)state;
    tt_span_context context;
    {
        TT_SPAN(span, tracer, "block");
        context = tt_span_context_of(span);
        TT_SPAN(child, tracer, "child");
    }
    check_child_of(context);
    otlp_sink_has(&sink, "\"name\":\"block\"");
    tt_span root = tt_span_start(tracer, "root", NULL);
    assert_memory_not_equal(tt_span_context_of(root).trace_id, context.trace_id, 16);
    tt_span_end(root);
}

static void test_parent_may_be_a_context_of_another_process(void **state)
{
    (void)state;
    tt_span_context remote = {.trace_id = {1, 2}, .span_id = {3}, .flags = TT_FLAG_SAMPLED};
    tt_context *c = tt_context_remote(&remote, "vendor=1");
    tt_span_options o = {.size = sizeof o, .parent = c};
    tt_span span = tt_span_start(tracer, "s", &o);
    assert_memory_equal(tt_span_context_of(span).trace_id, remote.trace_id, 16);
    assert_false(tt_span_context_of(span).remote);
    tt_span_end(span);
    check_child_of(remote);
    otlp_sink_has(&sink, "\"traceState\":\"vendor=1\"");
    otlp_sink_has(&sink, "\"flags\":769"); // sampled, and: the parent is remote
    o.root = true;
    tt_span root = tt_span_start(tracer, "r", &o);
    assert_memory_not_equal(tt_span_context_of(root).trace_id, remote.trace_id, 16);
    tt_span_end(root);
    tt_context_free(c);
}

static void *continue_there(void *arg)
{
    tt_token token = tt_context_enter(arg);
    tt_span span = tt_span_start(tracer, "there", NULL);
    tt_span_end(span);
    tt_leave(token);
    return NULL;
}

static void test_context_is_handed_to_another_thread(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "here", NULL);
    tt_span_context context = tt_span_context_of(span);
    tt_token token = tt_span_enter(span);
    tt_context *c = tt_context_current();
    tt_leave(token);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, continue_there, c), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    tt_context_free(c);
    check_child_of(context);
    tt_span_end(span);
}

/* --- mistakes --- */

static void test_ended_span_may_be_used_without_harm(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_end(span);
    tt_span next = tt_span_start(tracer, "next", NULL); // in the same memory
    uint64_t before = misuses();
    tt_attr attr = tt_str("wrong", "x");
    tt_span_set(span, &attr, 1);
    tt_span_rename(span, "wrong");
    tt_span_end(span);
    assert_int_equal(misuses() - before, 3);
    assert_false(tt_span_is_recording(span));
    assert_true(tt_span_is_recording(next));
    tt_span_end(next);
    otlp_sink_lacks(&sink, "wrong");
    otlp_sink_has(&sink, "\"name\":\"next\"");
}

static void test_ended_span_that_is_current_has_children(void **state)
{
    (void)state;
    tt_span outer = tt_span_start(tracer, "outer", NULL);
    tt_span_context c = tt_span_context_of(outer), ended;
    tt_token token = tt_span_enter(outer);
    uint64_t before = misuses();
    tt_span_end(outer);
    ended = tt_span_context_of(outer);
    assert_memory_equal(&ended, &c, sizeof c);
    for (int i = 0; i < 3; i++) {
        tt_span inner = tt_span_start(tracer, "inner", NULL); // the first in the same memory
        assert_memory_equal(tt_span_context_of(inner).trace_id, c.trace_id, 16);
        tt_span_end(inner);
        check_child_of(c);
    }
    tt_leave(token);
    assert_int_equal(misuses() - before, 0);
}

static void *read_context(void *arg)
{
    struct {
        tt_span span;
        tt_span_context read;
    } *of = arg;
    of->read = tt_span_context_of(of->span);
    return NULL;
}

static tt_span_context read_elsewhere(tt_span span)
{
    struct {
        tt_span span;
        tt_span_context read;
    } of = {.span = span};
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, read_context, &of), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    return of.read;
}

static void test_other_threads_read_the_context_of_an_ended_span(void **state)
{
    (void)state;
    tt_span ended[8];
    tt_span_context contexts[8];
    for (int i = 0; i < 8; i++) { // all in the same memory
        ended[i] = tt_span_start(tracer, "x", NULL);
        contexts[i] = tt_span_context_of(ended[i]);
        tt_span_end(ended[i]);
    }
    for (int i = 0; i < 8; i++) {
        tt_span_context read = read_elsewhere(ended[i]);
        assert_memory_equal(&read, &contexts[i], sizeof read);
    }
}

static void test_other_threads_read_the_context_of_an_ended_span_that_is_not_recorded(void **state)
{
    (void)state;
    (void)end(NULL);
    start((tt_tracer_provider_options){.sampler = tt_sampler_always_off()});
    tt_span span = tt_span_start(tracer, "x", NULL);
    tt_span_context context = tt_span_context_of(span);
    tt_span_end(span);
    tt_span_context read = read_elsewhere(span);
    assert_memory_equal(&read, &context, sizeof read);
    tt_span next = tt_span_start(tracer, "y", NULL); // takes its memory
    read = read_elsewhere(span);
    assert_false(tt_span_context_is_valid(&read));
    tt_span_end(next);
}

static _Atomic(bool) all_done;
static _Atomic(uint64_t) shared_memory, shared_generation;

/* Ids of one span, or none: what is half another's is neither. */
static void *read_many(void *arg)
{
    size_t *wrong = arg;
    while (!atomic_load(&all_done)) {
        tt_span span = {(void *)(uintptr_t)atomic_load(&shared_memory), // NOLINT
                        atomic_load(&shared_generation)};
        tt_span_context c = tt_span_context_of(span);
        *wrong += tt_span_context_is_valid(&c) && memcmp(c.trace_id, c.span_id, 8) != 0;
    }
    return NULL;
}

static void same_trace(void *arg, uint8_t out[16])
{
    uint64_t id = ++*(uint64_t *)arg;
    memcpy(out, &id, 8);
    memcpy(out + 8, &id, 8);
}

static void same_span(void *arg, uint8_t out[8])
{
    uint64_t id = *(uint64_t *)arg + 1; // is made before its trace's
    memcpy(out, &id, 8);
}

static void test_contexts_are_never_read_by_halves(void **state)
{
    (void)state;
    static uint64_t last;
    for (int sampled = 0; sampled < 2; sampled++) {
        (void)end(NULL);
        start((tt_tracer_provider_options){
            .sampler = sampled ? tt_sampler_always_on() : tt_sampler_always_off(),
            .ids = {.trace_id = same_trace, .span_id = same_span, .arg = &last}});
        pthread_t thread;
        size_t wrong = 0;
        atomic_store(&all_done, false);
        assert_int_equal(pthread_create(&thread, NULL, read_many, &wrong), 0);
        for (int i = 0; i < 20000; i++) {
            tt_span span = tt_span_start(tracer, "x", NULL);
            tt_span_context own = tt_span_context_of(span);
            assert_memory_equal(own.trace_id, own.span_id, 8);
            atomic_store(&shared_generation, span.generation);
            atomic_store(&shared_memory, (uintptr_t)span.memory);
            tt_span_end(span);
        }
        atomic_store(&all_done, true);
        assert_int_equal(pthread_join(thread, NULL), 0);
        assert_int_equal(wrong, 0);
    }
}

static int closed;

static int send_nothing(void *arg, enum tt_signal signal, const void *request, size_t n,
                        size_t items, int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static void count_close(void *arg)
{
    (void)arg;
    closed++;
}

static void test_options_without_their_size_are_told_and_what_they_gave_is_closed(void **state)
{
    (void)state;
    tt_exporter e = {.send = send_nothing, .close = count_close};
    tt_tracer_provider_options t = {.exporter = e, .sampler = tt_sampler_always_on()};
    tt_logger_provider_options l = {.exporter = e};
    tt_metric_reader_options m = {.exporter = e};
    tt_span_options s = {.kind = TT_SPAN_CLIENT};
    tt_meter_provider *meters = tt_meter_provider_new(NULL);
    uint64_t before = misuses();
    tt_tracer_provider_free(tt_tracer_provider_new(&t));
    tt_logger_provider_free(tt_logger_provider_new(&l));
    assert_null(tt_metric_reader_start(meters, &m));
    assert_int_equal(closed, 3);
    assert_int_equal(misuses() - before, 4); // a reader without an exporter is told, too
    tt_span_end(tt_span_start(tracer, "s", &s));
    assert_int_equal(misuses() - before, 5);
    tt_meter_provider_free(meters);
}

static void test_nothing_is_a_valid_span(void **state)
{
    (void)state;
    tt_span none = tt_span_start(NULL, "s", NULL);
    tt_attr attr = tt_str("k", "v");
    tt_span_set(none, &attr, 1);
    tt_span_add_event(none, "e", 0, NULL, 0);
    tt_leave(tt_span_enter(none));
    tt_span_end(none);
    tt_span_context c = tt_span_context_of(none);
    assert_false(tt_span_context_is_valid(&c));
    assert_int_equal(tt_tracer_provider_flush(NULL, 0), TT_OK);
    tt_tracer_provider_free(NULL);
}

/* --- processing --- */

static void test_failed_exports_are_counted(void **state)
{
    (void)state;
    sink.outcome = TT_ERR_IO;
    tt_span_end(tt_span_start(tracer, "s", NULL));
    tt_span_end(tt_span_start(tracer, "s", NULL));
    assert_int_equal(tt_tracer_provider_lost(provider), 2);
}

static void test_spans_after_shutdown_are_lost_and_counted(void **state)
{
    (void)state;
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1000), TT_OK);
    assert_true(sink.closed);
    tt_span_end(tt_span_start(tracer, "late", NULL));
    assert_int_equal(tt_tracer_provider_lost(provider), 1);
    assert_int_equal(tt_tracer_provider_flush(provider, 1000), TT_ERR_SHUTDOWN);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1000), TT_ERR_SHUTDOWN);
    otlp_sink_lacks(&sink, "late");
}

static void test_batches_hold_as_many_as_asked_for(void **state)
{
    (void)state;
    (void)end(NULL);
    start((tt_tracer_provider_options){.batch_spans = 10, .delay_ms = 3600000});
    tt_tracer *other = tt_tracer_get(provider, "other", NULL);
    for (int i = 0; i < 25; i++)
        tt_span_end(tt_span_start(i % 2 ? tracer : other, "s", NULL));
    assert_int_equal(tt_tracer_provider_flush(provider, 10000), TT_OK);
    assert_int_equal(sink.items, 25);
    assert_true(sink.requests >= 3);
    assert_int_equal(tt_tracer_provider_lost(provider), 0);
    otlp_sink_has(&sink, "\"name\":\"other\"");
}

static void test_environment_sets_limits_and_batches(void **state)
{
    (void)state;
    static const char *const variables[][2] = {
        {"OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "1"},   {"OTEL_SPAN_EVENT_COUNT_LIMIT", "1"},
        {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"}, {"OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "2"},
        {"OTEL_BSP_SCHEDULE_DELAY", "3600000"},     {"OTEL_SPAN_LINK_COUNT_LIMIT", "none"}};
    (void)end(NULL);
    uint64_t before = misuses();
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(setenv(variables[i][0], variables[i][1], 1), 0);
    start((tt_tracer_provider_options){.simple = false});
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(unsetenv(variables[i][0]), 0);
    assert_int_equal(misuses() - before, 1);
    for (int i = 0; i < 6; i++) {
        tt_span span = tt_span_start(tracer, "s", NULL);
        tt_attr attrs[] = {tt_str("kept", "abc"), tt_str("dropped", "abc")};
        tt_span_set(span, attrs, 2);
        tt_span_end(span);
    }
    assert_int_equal(tt_tracer_provider_flush(provider, 10000), TT_OK);
    assert_int_equal(sink.items, 6);
    assert_true(sink.requests >= 3);
    otlp_sink_has(&sink, "{\"key\":\"kept\",\"value\":{\"stringValue\":\"ab\"}}");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":1");
}

static void test_variables_of_spans_hold_over_those_of_all_attributes(void **state)
{
    (void)state;
    static const char *const variables[][2] = {{"OTEL_ATTRIBUTE_COUNT_LIMIT", "1"},
                                               {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "9"},
                                               {"OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "2"}};
    (void)end(NULL);
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(setenv(variables[i][0], variables[i][1], 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    for (size_t i = 0; i < sizeof variables / sizeof *variables; i++)
        assert_int_equal(unsetenv(variables[i][0]), 0);
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_attr attrs[] = {tt_str("kept", "abc"), tt_str("dropped", "abc")};
    tt_span_set(span, attrs, 2);
    tt_span_end(span);
    otlp_sink_has(&sink, "{\"key\":\"kept\",\"value\":{\"stringValue\":\"ab\"}}");
    otlp_sink_has(&sink, "\"droppedAttributesCount\":1");
}

static void test_limits_of_the_environment_may_be_zero_and_over_128_are_told(void **state)
{
    (void)state;
    (void)end(NULL);
    uint64_t before = misuses();
    assert_int_equal(setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "0", 1), 0);
    assert_int_equal(setenv("OTEL_SPAN_EVENT_COUNT_LIMIT", "0", 1), 0);
    start((tt_tracer_provider_options){.simple = true, .links_max = TT_LIMIT_NONE});
    assert_int_equal(unsetenv("OTEL_SPAN_EVENT_COUNT_LIMIT"), 0);
    assert_int_equal(misuses() - before, 0);
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_attr attrs[] = {tt_str("a", "abc"), tt_int("b", 1)};
    tt_link link = {.span = tt_span_context_of(span)};
    tt_span_set(span, attrs, 2);
    tt_span_add_event(span, "event", 0, NULL, 0);
    tt_span_add_link(span, &link);
    tt_span_end(span);
    otlp_sink_has(&sink, "\"droppedAttributesCount\":2");
    otlp_sink_has(&sink, "\"droppedEventsCount\":1");
    otlp_sink_has(&sink, "\"droppedLinksCount\":1");
    (void)end(NULL);
    assert_int_equal(setenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "129", 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    assert_int_equal(unsetenv("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT"), 0);
    assert_int_equal(misuses() - before, 1);
}

static void test_disabled_is_true_or_false(void **state)
{
    (void)state;
    (void)end(NULL);
    uint64_t before = misuses();
    assert_int_equal(setenv("OTEL_SDK_DISABLED", "1", 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    assert_int_equal(unsetenv("OTEL_SDK_DISABLED"), 0);
    assert_non_null(tracer);
    assert_true(misuses() > before);
}

static void test_disabled_sdk_records_nothing(void **state)
{
    (void)state;
    (void)end(NULL);
    assert_int_equal(setenv("OTEL_SDK_DISABLED", "TRUE", 1), 0);
    start((tt_tracer_provider_options){.simple = true});
    assert_int_equal(unsetenv("OTEL_SDK_DISABLED"), 0);
    assert_null(tracer);
    tt_span span = tt_span_start(tracer, "s", NULL);
    assert_false(tt_span_is_recording(span));
    tt_span_end(span);
    assert_int_equal(sink.requests, 0);
}

enum { THREADS = 4, SPANS = 5000 };

static void *make_spans(void *arg)
{
    (void)arg;
    for (int i = 0; i < SPANS; i++) {
        tt_span span = tt_span_start(tracer, "s", NULL);
        tt_attr attr = tt_int("i", i);
        tt_span_set(span, &attr, 1);
        tt_span_end(span);
    }
    return NULL;
}

static void test_spans_of_many_threads_all_arrive_or_are_counted(void **state)
{
    (void)state;
    (void)end(NULL);
    start((tt_tracer_provider_options){.queue_bytes = 1 << 16, .delay_ms = 3600000});
    for (int round = 0; round < 3; round++) {
        pthread_t threads[THREADS];
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, make_spans, NULL), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    assert_int_equal(tt_tracer_provider_flush(provider, 60000), TT_OK);
    assert_int_equal(sink.items + tt_tracer_provider_lost(provider), 3 * THREADS * SPANS);
}

static void test_child_after_fork_sends_its_own_spans(void **state)
{
    (void)state;
    (void)end(NULL);
    start((tt_tracer_provider_options){.delay_ms = 3600000});
    tt_span_end(tt_span_start(tracer, "parent", NULL));
    pid_t child = fork();
    if (child == 0) {
        tt_span_end(tt_span_start(tracer, "child", NULL));
        bool ok = tt_tracer_provider_flush(provider, 10000) == TT_OK && sink.items == 1;
        _exit(ok ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(tt_tracer_provider_flush(provider, 10000), TT_OK);
    assert_int_equal(sink.items, 1);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_span_is_exported_with_all_its_parts),
        TEST(test_attribute_set_again_is_replaced),
        TEST(test_what_is_beyond_the_limits_is_counted),
        TEST(test_long_values_are_cut_between_characters),
        TEST(test_text_that_is_not_utf8_becomes_bytes),
        TEST(test_large_span_is_exported_whole),
        TEST(test_exception_has_all_that_is_known),
        TEST(test_errno_is_named_and_the_calls_are_told),
        TEST(test_limits_of_events_and_links_have_their_own_variables),
        TEST(test_variables_limit_events_and_links),
        TEST(test_ok_holds_for_good),
        TEST(test_links_and_events_keep_their_order),
        TEST(test_scope_and_resource_have_their_schema),
        TEST(test_span_is_a_child_of_the_current_one),
        TEST(test_block_ends_and_leaves_its_span),
        TEST(test_parent_may_be_a_context_of_another_process),
        TEST(test_context_is_handed_to_another_thread),
        TEST(test_ended_span_may_be_used_without_harm),
        TEST(test_ended_span_that_is_current_has_children),
        TEST(test_other_threads_read_the_context_of_an_ended_span),
        TEST(test_other_threads_read_the_context_of_an_ended_span_that_is_not_recorded),
        TEST(test_contexts_are_never_read_by_halves),
        TEST(test_options_without_their_size_are_told_and_what_they_gave_is_closed),
        TEST(test_nothing_is_a_valid_span),
        TEST(test_failed_exports_are_counted),
        TEST(test_spans_after_shutdown_are_lost_and_counted),
        TEST(test_batches_hold_as_many_as_asked_for),
        TEST(test_spans_of_many_threads_all_arrive_or_are_counted),
        TEST(test_child_after_fork_sends_its_own_spans),
        TEST(test_environment_sets_limits_and_batches),
        TEST(test_variables_of_spans_hold_over_those_of_all_attributes),
        TEST(test_disabled_sdk_records_nothing),
        TEST(test_limits_of_the_environment_may_be_zero_and_over_128_are_told),
        TEST(test_disabled_is_true_or_false),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
