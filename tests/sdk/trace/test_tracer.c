#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/trace.h"

static struct otlp_sink sink;
static tt_tracer_provider *provider;
static tt_tracer *tracer;

static int begin(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    o.exporter = otlp_sink_exporter(&sink);
    provider = tt_tracer_provider_new(&o);
    tracer = tt_tracer_get(provider, "lib", NULL);
    return tracer ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_tracer_provider_free(provider);
    otlp_sink_done(&sink);
    return 0;
}

static void test_tracer_is_switched_off_and_on(void **state)
{
    (void)state;
    assert_true(tt_tracer_is_enabled(tracer));
    assert_int_equal(tt_tracer_provider_switch(provider, "l?b*", false), TT_OK);
    assert_false(tt_tracer_is_enabled(tracer));
    tt_span span = tt_span_start(tracer, "none", NULL);
    assert_false(tt_span_is_recording(span));
    tt_span_end(span);
    assert_false(tt_tracer_is_enabled(tt_tracer_get(provider, "lib2", NULL)));
    assert_true(tt_tracer_is_enabled(tt_tracer_get(provider, "other", NULL)));
    assert_int_equal(tt_tracer_provider_switch(provider, "l?b*", true), TT_OK);
    span = tt_span_start(tracer, "some", NULL);
    assert_true(tt_span_is_recording(span));
    tt_span_end(span);
    otlp_sink_lacks(&sink, "\"none\"");
    otlp_sink_has(&sink, "\"some\"");
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1000), TT_OK);
    assert_false(tt_tracer_is_enabled(tracer));
    assert_int_equal(tt_tracer_provider_switch(provider, NULL, true), TT_ERR_INVALID);
    assert_int_equal(tt_tracer_provider_switch(NULL, "*", true), TT_ERR_INVALID);
}

/* What began within it is a child of the span around it. */
static void is_bridged(const tt_span_options *o, tt_span_context parent)
{
    tt_span off = tt_span_start(tracer, "off", o);
    tt_span_context own = tt_span_context_of(off);
    assert_memory_equal(own.span_id, parent.span_id, 8);
    assert_int_equal(own.flags, parent.flags);
    tt_token token = tt_span_enter(off);
    tt_span inner = tt_span_start(tt_tracer_get(provider, "on", NULL), "inner", NULL);
    own = tt_span_context_of(inner);
    assert_memory_equal(own.trace_id, parent.trace_id, 16);
    assert_true(tt_span_is_recording(inner));
    tt_span_end(inner);
    tt_leave(token);
    tt_span_end(off);
}

static void test_tracer_that_is_off_hands_its_parent_on(void **state)
{
    (void)state;
    assert_int_equal(tt_tracer_provider_switch(provider, "lib", false), TT_OK);
    tt_span outer = tt_span_start(tt_tracer_get(provider, "on", NULL), "outer", NULL);
    tt_token token = tt_span_enter(outer);
    is_bridged(NULL, tt_span_context_of(outer));
    tt_leave(token);
    tt_span_end(outer);
    tt_span_context remote = {.trace_id = {7}, .span_id = {8}, .flags = TT_FLAG_SAMPLED};
    const char *const states[] = {NULL, "a=b"};
    for (size_t i = 0; i < 2; i++) {
        tt_context *context = tt_context_remote(&remote, states[i]);
        is_bridged(&(tt_span_options){.size = sizeof(tt_span_options), .parent = context}, remote);
        tt_context_free(context);
    }
    otlp_sink_has(&sink, "\"traceState\":\"a=b\"");
    otlp_sink_lacks(&sink, "\"off\"");
}

static void test_no_span_leaves_the_current_one_alone(void **state)
{
    (void)state;
    tt_span outer = tt_span_start(tracer, "outer", NULL);
    tt_token token = tt_span_enter(outer), inner = tt_span_enter(tt_span_start(NULL, "x", NULL));
    assert_ptr_equal(tt_span_current().memory, outer.memory);
    tt_leave(inner);
    tt_leave(token);
    tt_span_end(outer);
}

/* The flags of a span that nobody is told of. */
static uint8_t flags_without_exporter(tt_sampler *sampler, const tt_context *parent)
{
    tt_tracer_provider_options o = {.size = sizeof o, .sampler = sampler};
    tt_tracer_provider *alone = tt_tracer_provider_new(&o);
    tt_tracer *t = tt_tracer_get(alone, "t", NULL);
    tt_span_options with_parent = {.size = sizeof with_parent, .parent = parent};
    tt_span span = tt_span_start(t, "s", &with_parent);
    uint8_t flags = tt_span_context_of(span).flags;
    assert_false(tt_span_is_recording(span));
    assert_false(tt_tracer_is_enabled(t));
    tt_span_end(span);
    tt_tracer_provider_free(alone);
    return flags & TT_FLAG_SAMPLED;
}

static void test_decision_travels_without_an_exporter(void **state)
{
    (void)state;
    tt_span_context remote = {.trace_id = {7}, .span_id = {8}, .flags = TT_FLAG_SAMPLED};
    tt_context *sampled = tt_context_remote(&remote, "a=b");
    remote.flags = 0;
    tt_context *unsampled = tt_context_remote(&remote, NULL);
    assert_int_equal(flags_without_exporter(NULL, NULL), TT_FLAG_SAMPLED);
    assert_int_equal(flags_without_exporter(NULL, sampled), TT_FLAG_SAMPLED);
    assert_int_equal(flags_without_exporter(NULL, unsampled), 0);
    assert_int_equal(flags_without_exporter(tt_sampler_always_off(), NULL), 0);
    assert_int_equal(flags_without_exporter(tt_sampler_ratio(1), NULL), TT_FLAG_SAMPLED);
    assert_int_equal(flags_without_exporter(tt_sampler_ratio(0), NULL), 0);
    tt_context_free(sampled);
    tt_context_free(unsampled);
}

/* --- what spans are known by --- */

static void test_context_is_valid_with_both_ids(void **state)
{
    (void)state;
    tt_span_context c = {.trace_id = {1}};
    assert_false(tt_span_context_is_valid(&c));
    c.span_id[7] = 1;
    assert_true(tt_span_context_is_valid(&c));
    c.trace_id[0] = 0;
    assert_false(tt_span_context_is_valid(&c));
    assert_false(tt_span_context_is_valid(NULL));
    tt_span span = tt_span_start(tracer, "s", NULL);
    c = tt_span_context_of(span);
    assert_true(tt_span_context_is_valid(&c));
    assert_false(c.remote);
    tt_span_end(span);
    tt_context *other = tt_context_remote(&c, NULL);
    assert_true(tt_context_span(other).remote);
    tt_context_free(other);
}

static void test_span_that_is_not_sampled_has_an_id_of_its_own(void **state)
{
    (void)state;
    tt_span_context remote = {.trace_id = {7}, .span_id = {8}};
    tt_context *parent = tt_context_remote(&remote, NULL);
    tt_span_options o = {.size = sizeof o, .parent = parent};
    tt_span span = tt_span_start(tracer, "s", &o);
    tt_span_context own = tt_span_context_of(span);
    assert_false(tt_span_is_recording(span));
    assert_true(tt_span_context_is_valid(&own));
    assert_memory_equal(own.trace_id, remote.trace_id, 16);
    assert_memory_not_equal(own.span_id, remote.span_id, 8);
    tt_span_end(span);
    tt_context_free(parent);
}

static void test_texts_of_all_scripts_are_kept(void **state)
{
    (void)state;
    static const char text[] = "\xd0\xba\xd0\xbb\xd1\x8e\xd1\x87 \xe6\x97\xa5\xe6\x9c\xac "
                               "\xf0\x9f\x9a\x80";
    tt_attr attr = tt_str(text, text);
    tt_span span = tt_span_start(tracer, text, NULL);
    tt_span_set(span, &attr, 1);
    tt_span_end(span);
    char wanted[128];
    (void)snprintf(wanted, sizeof wanted, "{\"key\":\"%s\",\"value\":{\"stringValue\":\"%s\"}}",
                   text, text);
    otlp_sink_has(&sink, wanted);
    (void)snprintf(wanted, sizeof wanted, "\"name\":\"%s\"", text);
    otlp_sink_has(&sink, wanted);
}

static void test_unset_changes_no_status(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "unset", NULL);
    tt_span_set_status(span, TT_STATUS_UNSET, "ignored");
    tt_span_end(span);
    otlp_sink_lacks(&sink, "\"code\":1");
    otlp_sink_lacks(&sink, "\"code\":2");
    span = tt_span_start(tracer, "failed", NULL);
    tt_span_set_status(span, TT_STATUS_ERROR, "broke");
    tt_span_set_status(span, TT_STATUS_UNSET, "ignored");
    tt_span_end(span);
    otlp_sink_has(&sink, "\"message\":\"broke\",\"code\":2");
    otlp_sink_lacks(&sink, "ignored");
}

#define TEST(name) cmocka_unit_test_setup_teardown(test_##name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(tracer_is_switched_off_and_on),
        TEST(tracer_that_is_off_hands_its_parent_on),
        TEST(decision_travels_without_an_exporter),
        TEST(context_is_valid_with_both_ids),
        TEST(span_that_is_not_sampled_has_an_id_of_its_own),
        TEST(texts_of_all_scripts_are_kept),
        TEST(unset_changes_no_status),
        TEST(no_span_leaves_the_current_one_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
