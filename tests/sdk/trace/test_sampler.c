#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/component.h"
#include "telltale/trace.h"

static struct otlp_sink sink;

static size_t sampled_of(tt_sampler *sampler, const tt_context *parent, size_t n)
{
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .sampler = sampler};
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_tracer *t = tt_tracer_get(p, "t", NULL);
    tt_span_options so = {.size = sizeof so, .parent = parent};
    for (size_t i = 0; i < n; i++) {
        tt_span span = tt_span_start(t, "s", &so);
        tt_span_context c = tt_span_context_of(span);
        assert_true(tt_span_context_is_valid(&c)); // sampled or not
        assert_int_equal(c.flags & TT_FLAG_SAMPLED, tt_span_is_recording(span));
        tt_span_end(span);
    }
    tt_tracer_provider_free(p);
    size_t items = sink.items;
    otlp_sink_done(&sink);
    return items;
}

static void test_always_on_and_off(void **state)
{
    (void)state;
    assert_int_equal(sampled_of(tt_sampler_always_on(), NULL, 10), 10);
    assert_int_equal(sampled_of(tt_sampler_always_off(), NULL, 10), 0);
    assert_int_equal(sampled_of(NULL, NULL, 10), 10);
}

static void test_ratio_samples_its_share(void **state)
{
    (void)state;
    assert_int_equal(sampled_of(tt_sampler_ratio(0), NULL, 100), 0);
    assert_int_equal(sampled_of(tt_sampler_ratio(1), NULL, 100), 100);
    size_t quarter = sampled_of(tt_sampler_ratio(0.25), NULL, 4000);
    assert_true(quarter > 800 && quarter < 1200); // 7 standard deviations
}

static void test_ratio_decides_by_the_trace_id_alone(void **state)
{
    (void)state;
    tt_span_context c = {.trace_id = {[9] = 0xbf, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},
                         .span_id = {1}};
    tt_context *below = tt_context_remote(&c, NULL);
    assert_int_equal(sampled_of(tt_sampler_ratio(0.25), below, 5), 0);
    c.trace_id[9] = 0xc0;
    memset(c.trace_id + 10, 0, 6);
    tt_context *above = tt_context_remote(&c, NULL);
    assert_int_equal(sampled_of(tt_sampler_ratio(0.25), above, 5), 5);
    tt_context_free(below);
    tt_context_free(above);
}

static void test_ratio_tells_its_threshold(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    o.sampler = tt_sampler_parent_based(tt_sampler_ratio(0.25), NULL, NULL, NULL, NULL);
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_tracer *t = tt_tracer_get(p, "t", NULL);
    for (int i = 0; i < 100; i++)
        tt_span_end(tt_span_start(t, "s", NULL));
    otlp_sink_has(&sink, "\"traceState\":\"ot=th:c\"");
    tt_tracer_provider_free(p);
    otlp_sink_done(&sink);
}

static tt_context *parent_of(bool sampled)
{
    tt_span_context c = {.trace_id = {1}, .span_id = {1}, .flags = sampled};
    return tt_context_remote(&c, NULL);
}

static void test_children_do_as_their_parent(void **state)
{
    (void)state;
    tt_context *yes = parent_of(true), *no = parent_of(false);
    assert_int_equal(
        sampled_of(tt_sampler_parent_based(tt_sampler_always_off(), NULL, NULL, NULL, NULL), yes,
                   3),
        3);
    assert_int_equal(sampled_of(NULL, no, 3), 0);
    assert_int_equal(sampled_of(tt_sampler_parent_based(NULL, tt_sampler_always_off(),
                                                        tt_sampler_always_on(), NULL, NULL),
                                yes, 3),
                     0);
    assert_int_equal(sampled_of(tt_sampler_parent_based(NULL, tt_sampler_always_off(),
                                                        tt_sampler_always_on(), NULL, NULL),
                                no, 3),
                     3);
    tt_context_free(yes);
    tt_context_free(no);
}

static void test_rate_takes_one_and_then_waits(void **state)
{
    (void)state;
    assert_int_equal(sampled_of(tt_sampler_rate(0.001), NULL, 50), 1);
    assert_int_equal(sampled_of(tt_sampler_rate(0), NULL, 50), 0);
}

static enum tt_decision only_named(void *arg, const tt_sampling *s, tt_sampled *out)
{
    (void)out;
    return strcmp(s->name, arg) == 0 ? TT_RECORD_AND_SAMPLE : TT_DROP;
}

static void test_program_may_decide_itself(void **state)
{
    (void)state;
    static char this_one[] = "s", that_one[] = "t";
    assert_int_equal(sampled_of(tt_sampler_custom(only_named, this_one), NULL, 3), 3);
    assert_int_equal(sampled_of(tt_sampler_custom(only_named, that_one), NULL, 3), 0);
}

/* The tracestate of a child of a parent with this one, by the sampler. */
static void check_state(tt_sampler *sampler, const char *parent_state, const char *expected)
{
    tt_span_context c = {.trace_id = {[9] = 0x80}, .span_id = {1}, .flags = TT_FLAG_SAMPLED};
    tt_context *parent = tt_context_remote(&c, parent_state);
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .sampler = sampler};
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_span_options so = {.size = sizeof so, .parent = parent};
    tt_span span = tt_span_start(tt_tracer_get(p, "t", NULL), "s", &so);
    tt_token token = tt_span_enter(span);
    tt_context *current = tt_context_current();
    assert_string_equal(tt_context_tracestate(current), expected);
    tt_leave(token);
    tt_span_end(span);
    tt_context_free(current);
    tt_context_free(parent);
    tt_tracer_provider_free(p);
    otlp_sink_done(&sink);
}

static void test_ratio_changes_its_threshold_in_a_parents_state(void **state)
{
    (void)state;
    check_state(tt_sampler_ratio(0.5), "a=1,ot=p:8;th:4;x:y,b=2", "ot=th:8;p:8;x:y,a=1,b=2");
    check_state(tt_sampler_ratio(0.25), "a=1,ot=th:4;x:y", "ot=x:y,a=1"); // not sampled
    check_state(tt_sampler_ratio(0.25), "ot=th:4", "");
    check_state(tt_sampler_parent_based(NULL, NULL, NULL, NULL, NULL), "ot=th:4,a=1",
                "ot=th:4,a=1");
}

static void test_ratio_decides_by_the_randomness_that_is_told(void **state)
{
    (void)state;
    check_state(tt_sampler_ratio(0.25), "ot=rv:c0000000000000", "ot=th:c;rv:c0000000000000");
    check_state(tt_sampler_ratio(0.5), "ot=rv:7fffffffffffff", "ot=rv:7fffffffffffff");
    check_state(tt_sampler_ratio(0.5), "ot=rv:0", "ot=th:8;rv:0"); // none: the trace id has 0x80
}

static void test_member_that_a_full_state_has_no_room_for_is_left_out(void **state)
{
    (void)state;
    char given[513], expected[513];
    (void)snprintf(given, sizeof given, "ot=x:y,a=%0498d,b=1", 0);        // 511 bytes
    (void)snprintf(expected, sizeof expected, "ot=th:8;x:y,a=%0498d", 0); // the last is too much
    check_state(tt_sampler_ratio(0.5), given, expected);
}

static enum tt_decision tell_more(void *arg, const tt_sampling *s, tt_sampled *out)
{
    static tt_attr attr;
    attr = tt_str("sampled.by", "me");
    assert_string_equal(tt_baggage_get(s->context, "user"), "u1");
    assert_int_equal(s->links_n, 1);
    assert_string_equal(s->tracestate, "");
    *out = (tt_sampled){arg, &attr, 1};
    return TT_RECORD_AND_SAMPLE;
}

static void test_program_sees_the_context_and_may_add_to_it(void **state)
{
    (void)state;
    static char own_state[] = "me=1";
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    o.sampler = tt_sampler_custom(tell_more, own_state);
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_context *c = tt_baggage_with(NULL, "user", "u1");
    tt_token token = tt_context_enter(c);
    tt_link link = {.span = {.trace_id = {1}, .span_id = {2}}};
    tt_span_options so = {.size = sizeof so, .links = &link, .links_n = 1};
    tt_span_end(tt_span_start(tt_tracer_get(p, "t", NULL), "s", &so));
    tt_leave(token);
    tt_context_free(c);
    otlp_sink_has(&sink, "\"traceState\":\"me=1\"");
    otlp_sink_has(&sink, "{\"key\":\"sampled.by\",\"value\":{\"stringValue\":\"me\"}}");
    tt_tracer_provider_free(p);
    otlp_sink_done(&sink);
}

static void test_children_of_local_parents_have_samplers_of_their_own(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    o.sampler = tt_sampler_parent_based(tt_sampler_rate(0.001), NULL, NULL, tt_sampler_always_off(),
                                        tt_sampler_always_on());
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_tracer *t = tt_tracer_get(p, "t", NULL);
    for (int i = 0; i < 2; i++) { // the first root is sampled, the second is not
        tt_span root = tt_span_start(t, i ? "dropped root" : "sampled root", NULL);
        tt_token token = tt_span_enter(root);
        tt_span_end(tt_span_start(t, i ? "of dropped" : "of sampled", NULL));
        tt_leave(token);
        tt_span_end(root);
    }
    otlp_sink_has(&sink, "\"sampled root\"");
    otlp_sink_lacks(&sink, "\"of sampled\"");
    otlp_sink_lacks(&sink, "\"dropped root\"");
    otlp_sink_has(&sink, "\"of dropped\"");
    tt_tracer_provider_free(p);
    otlp_sink_done(&sink);
}

static void test_environment_names_a_sampler(void **state)
{
    (void)state;
    tt_span_context c = {.trace_id = {1}, .span_id = {1}, .flags = TT_FLAG_SAMPLED};
    tt_context *yes = tt_context_remote(&c, NULL);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "always_off", 1), 0);
    assert_int_equal(sampled_of(NULL, yes, 3), 0);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "parentbased_always_off", 1), 0);
    assert_int_equal(sampled_of(NULL, yes, 3), 3);
    assert_int_equal(sampled_of(NULL, NULL, 3), 0);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "traceidratio", 1), 0);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER_ARG", "0", 1), 0);
    assert_int_equal(sampled_of(NULL, yes, 3), 0);
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "xray", 1), 0);
    assert_int_equal(sampled_of(NULL, NULL, 3), 3);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER"), 0);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER_ARG"), 0);
    tt_context_free(yes);
}

static enum tt_decision by_name(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)out;
    return strcmp(sampling->name, arg) == 0 ? TT_RECORD_AND_SAMPLE : TT_DROP;
}

static int freed;

static void count_freed(void *arg)
{
    (void)arg;
    freed++;
}

static int make_by_name(void *arg, const tt_value *properties, tt_sampler **out)
{
    assert_int_equal(properties->type, TT_TYPE_EMPTY);
    *out = tt_sampler_custom_owned(by_name, arg, count_freed);
    return *out ? TT_OK : TT_ERR_NOMEM;
}

static void test_environment_names_one_that_is_registered(void **state)
{
    (void)state;
    static char name[] = "other";
    tt_component c = {.size = sizeof c, .kind = TT_COMPONENT_SAMPLER, .name = "mine", .arg = name};
    c.make.sampler = make_by_name;
    assert_int_equal(tt_component_register(&c), TT_OK);
    freed = 0;
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "mine", 1), 0);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER_ARG", "whatever=it means", 1), 0);
    assert_int_equal(sampled_of(NULL, NULL, 3), 0);
    assert_int_equal(freed, 1);
    tt_span_context sampled = {.trace_id = {1}, .span_id = {1}, .flags = TT_FLAG_SAMPLED};
    tt_context *yes = tt_context_remote(&sampled, NULL);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "parentbased_mine", 1), 0);
    assert_int_equal(sampled_of(NULL, yes, 3), 3);
    assert_int_equal(sampled_of(NULL, NULL, 3), 0);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER"), 0);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER_ARG"), 0);
    tt_context_free(yes);
}

static enum tt_decision ask_another(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    return tt_sampler_ask(arg, sampling, out);
}

static void free_asked(void *arg)
{
    tt_sampler_free(arg);
}

static void test_sampler_may_ask_another(void **state)
{
    (void)state;
    assert_null(tt_sampler_custom_owned(NULL, tt_sampler_always_on(), free_asked));
    tt_sampler *s = tt_sampler_custom_owned(ask_another, tt_sampler_ratio(1), free_asked);
    assert_int_equal(sampled_of(s, NULL, 3), 3);
    s = tt_sampler_custom_owned(ask_another, tt_sampler_always_off(), free_asked);
    assert_int_equal(sampled_of(s, NULL, 3), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_always_on_and_off),
        cmocka_unit_test(test_ratio_samples_its_share),
        cmocka_unit_test(test_ratio_decides_by_the_trace_id_alone),
        cmocka_unit_test(test_ratio_tells_its_threshold),
        cmocka_unit_test(test_ratio_changes_its_threshold_in_a_parents_state),
        cmocka_unit_test(test_ratio_decides_by_the_randomness_that_is_told),
        cmocka_unit_test(test_member_that_a_full_state_has_no_room_for_is_left_out),
        cmocka_unit_test(test_program_sees_the_context_and_may_add_to_it),
        cmocka_unit_test(test_children_of_local_parents_have_samplers_of_their_own),
        cmocka_unit_test(test_children_do_as_their_parent),
        cmocka_unit_test(test_rate_takes_one_and_then_waits),
        cmocka_unit_test(test_program_may_decide_itself),
        cmocka_unit_test(test_environment_names_a_sampler),
        cmocka_unit_test(test_environment_names_one_that_is_registered),
        cmocka_unit_test(test_sampler_may_ask_another),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
