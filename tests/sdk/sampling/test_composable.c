#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/component.h"
#include "telltale/sampling.h"

/* What a sampler is asked about. */
struct asked {
    tt_span_context parent;
    uint8_t trace_id[16];
    tt_sampling sampling;
};

static tt_sampling *ask_of(struct asked *a, const char *tracestate, uint8_t seventh)
{
    *a = (struct asked){.trace_id = {1, [9] = seventh}};
    a->sampling = (tt_sampling){.parent = &a->parent,
                                .tracestate = tracestate,
                                .trace_id = a->trace_id,
                                .name = "s",
                                .kind = TT_SPAN_SERVER};
    return &a->sampling;
}

static void set_parent(struct asked *a, bool sampled, bool remote)
{
    memcpy(a->parent.trace_id, a->trace_id, sizeof a->trace_id);
    a->parent.span_id[0] = 1;
    a->parent.flags = sampled ? TT_FLAG_SAMPLED : 0;
    a->parent.remote = remote;
}

/* Asks by way of a provider's sampler, as spans do; what it says of the tracestate: `state`. */
static enum tt_decision outcome;
static char state_told[600];
static size_t attrs_told;

static enum tt_decision ask_inner(void *arg, const tt_sampling *sampling, tt_sampled *out)
{
    (void)sampling;
    const struct asked *a = ((void **)arg)[1];
    outcome = tt_sampler_ask(((void **)arg)[0], &a->sampling, out);
    (void)snprintf(state_told, sizeof state_told, "%s",
                   out->tracestate ? out->tracestate : a->sampling.tracestate);
    attrs_told = out->attrs_n;
    return outcome;
}

static enum tt_decision decide(tt_composable *c, struct asked *a)
{
    struct otlp_sink sink;
    otlp_sink_init(&sink);
    tt_sampler *s = tt_sampler_composite(c);
    void *both[] = {s, a};
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    o.sampler = tt_sampler_custom(ask_inner, both);
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_span_end(tt_span_start(tt_tracer_get(p, "t", NULL), "s", NULL));
    tt_tracer_provider_free(p);
    tt_sampler_free(s);
    otlp_sink_done(&sink);
    return outcome;
}

static void test_all_and_nothing(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "", 0);
    assert_int_equal(decide(tt_composable_always_on(), &a), TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=th:0");
    assert_int_equal(decide(tt_composable_always_off(), &a), TT_DROP);
    assert_string_equal(state_told, "");
    assert_int_equal(decide(tt_composable_probability(0), &a), TT_DROP);
    assert_null(tt_sampler_composite(NULL));
}

static void test_probability_goes_by_the_trace_id(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "", 0xbf);
    assert_int_equal(decide(tt_composable_probability(0.25), &a), TT_DROP);
    (void)ask_of(&a, "", 0xc0);
    assert_int_equal(decide(tt_composable_probability(0.25), &a), TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=th:c");
}

static void test_randomness_that_was_told_is_used_and_stays(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "x=1,ot=rv:ffffffffffffff;th:8;k:v,y=2", 0);
    assert_int_equal(decide(tt_composable_probability(0.25), &a), TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=th:c;rv:ffffffffffffff;k:v,x=1,y=2");
    (void)ask_of(&a, "x=1,ot=rv:00000000000000;th:0", 0xff);
    assert_int_equal(decide(tt_composable_probability(0.25), &a), TT_DROP);
    assert_string_equal(state_told, "ot=rv:00000000000000,x=1"); // no threshold of what is dropped
}

static void test_threshold_of_a_parent_holds(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "ot=th:8", 0x80);
    set_parent(&a, true, true);
    assert_int_equal(decide(tt_composable_parent_threshold(tt_composable_always_off()), &a),
                     TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=th:8");
    (void)ask_of(&a, "ot=th:8", 0x7f);
    set_parent(&a, false, true);
    assert_int_equal(decide(tt_composable_parent_threshold(NULL), &a), TT_DROP);
}

static void test_parent_without_threshold_decides_by_its_flag(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "ot=th:none;k:v", 0);
    set_parent(&a, true, false);
    assert_int_equal(decide(tt_composable_parent_threshold(tt_composable_always_off()), &a),
                     TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=k:v"); // what it stands for is not known
    set_parent(&a, false, false);
    assert_int_equal(decide(tt_composable_parent_threshold(NULL), &a), TT_DROP);
    (void)ask_of(&a, "", 0);
    assert_int_equal(decide(tt_composable_parent_threshold(tt_composable_always_off()), &a),
                     TT_DROP); // a root
}

static tt_attr attrs[] = {{.key = "n", .key_n = 1}, {.key = "list", .key_n = 4}};

static void test_rules_go_by_kind_parent_and_name(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "", 0);
    tt_sampling_rule rule = {.size = sizeof rule, .kinds = 1u << TT_SPAN_SERVER};
    rule.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&rule, 1), &a), TT_RECORD_AND_SAMPLE);
    rule.sampler = tt_composable_always_on();
    rule.kinds = 1u << TT_SPAN_CLIENT;
    assert_int_equal(decide(tt_composable_rules(&rule, 1), &a), TT_DROP);
    rule = (tt_sampling_rule){.size = sizeof rule, .parents = TT_PARENT_REMOTE};
    set_parent(&a, false, true);
    rule.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&rule, 1), &a), TT_RECORD_AND_SAMPLE);
    set_parent(&a, false, false);
    rule.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&rule, 1), &a), TT_DROP);
    a.sampling.name = "GET /health/live";
    tt_sampling_rule both[] = {
        {.size = sizeof rule, .name = "GET /health*", .sampler = tt_composable_always_off()},
        {.size = sizeof rule, .sampler = tt_composable_always_on()}};
    assert_int_equal(decide(tt_composable_rules(both, 2), &a), TT_DROP);
    both[0].sampler = tt_composable_always_off();
    both[1].sampler = tt_composable_always_on();
    a.sampling.name = "GET /cart";
    assert_int_equal(decide(tt_composable_rules(both, 2), &a), TT_RECORD_AND_SAMPLE);
}

static bool by_pattern(struct asked *a, const char *key, const char *included, const char *excluded)
{
    tt_sampling_rule r = {.size = sizeof r, .patterns_key = key};
    r.included = &included;
    r.included_n = included != NULL;
    r.excluded = &excluded;
    r.excluded_n = excluded != NULL;
    r.sampler = tt_composable_always_on();
    return decide(tt_composable_rules(&r, 1), a) == TT_RECORD_AND_SAMPLE;
}

static void test_rules_compare_values_as_they_are_written(void **state)
{
    (void)state;
    struct asked a;
    const tt_value items[] = {tt_value_str("one"), tt_value_bool(true)};
    (void)ask_of(&a, "", 0);
    attrs[0].value = tt_value_int(404);
    attrs[1].value = tt_value_array(items, 2);
    a.sampling.attrs = attrs;
    a.sampling.attrs_n = 2;
    assert_true(by_pattern(&a, "n", "4*", NULL));
    assert_false(by_pattern(&a, "n", "4*", "?04"));
    assert_true(by_pattern(&a, "n", NULL, "5*"));
    assert_false(by_pattern(&a, "other", NULL, NULL)); // it is not there
    assert_true(by_pattern(&a, "list", "true", NULL));
    assert_false(by_pattern(&a, "list", "two", NULL));
    attrs[0].value = tt_value_int(INT64_MIN);
    assert_true(by_pattern(&a, "n", "-9223372036854775808", NULL));
    attrs[0].value = tt_value_double(0.5);
    assert_true(by_pattern(&a, "n", "0.5", NULL));
    const char *const values[] = {"0.25", "0.5"};
    tt_sampling_rule r = {.size = sizeof r, .values_key = "n", .values = values, .values_n = 2};
    r.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&r, 1), &a), TT_RECORD_AND_SAMPLE);
    r.sampler = tt_composable_always_on();
    r.values_n = 1;
    assert_int_equal(decide(tt_composable_rules(&r, 1), &a), TT_DROP);
}

static bool asked_by_program(void *arg, const tt_sampling *sampling)
{
    return strcmp(sampling->name, arg) == 0;
}

static void test_rule_may_ask_the_program(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "", 0);
    char name[] = "s";
    tt_sampling_rule r = {.size = sizeof r, .matches = asked_by_program, .arg = name};
    r.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&r, 1), &a), TT_RECORD_AND_SAMPLE);
    name[0] = 't';
    r.sampler = tt_composable_always_on();
    assert_int_equal(decide(tt_composable_rules(&r, 1), &a), TT_DROP);
}

static void test_attributes_of_nested_samplers_are_joined(void **state)
{
    (void)state;
    struct otlp_sink sink;
    otlp_sink_init(&sink);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true};
    char text[] = "inner";
    const tt_value items[] = {tt_value_int(1), tt_value_str("two")};
    const tt_attr inner[] = {tt_str("a", text), tt_attr_of("l", tt_value_array(items, 2))};
    const tt_attr outer = tt_int("b", 7);
    tt_composable *c = tt_composable_annotating(tt_composable_always_on(), inner, 2);
    o.sampler = tt_sampler_composite(tt_composable_annotating(c, &outer, 1));
    text[0] = 'x'; // it was copied
    o.exporter = otlp_sink_exporter(&sink);
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_span_end(tt_span_start(tt_tracer_get(p, "t", NULL), "s", NULL));
    tt_tracer_provider_free(p);
    otlp_sink_has(&sink, "\"key\":\"a\",\"value\":{\"stringValue\":\"inner\"}");
    otlp_sink_has(&sink, "\"key\":\"l\",\"value\":{\"arrayValue\"");
    otlp_sink_has(&sink, "\"key\":\"b\",\"value\":{\"intValue\":\"7\"}");
    otlp_sink_has(&sink, "\"traceState\":\"ot=th:0\"");
    otlp_sink_done(&sink);
    assert_null(tt_composable_annotating(NULL, &outer, 1));
}

static int freed;

static void count_freed(void *arg)
{
    (void)arg;
    freed++;
}

static void want_half(void *arg, const tt_sampling *sampling, tt_intent *out)
{
    (void)sampling;
    out->threshold = TT_THRESHOLD_NONE / 2;
    out->reliable = arg != NULL;
    out->tracestate = "mine=1,ot=th:f";
    tt_attr many[TT_INTENT_ATTRS_MAX + 5];
    for (size_t i = 0; i < TT_INTENT_ATTRS_MAX + 5; i++)
        many[i] = tt_int("k", 1);
    tt_intent_add(out, many, TT_INTENT_ATTRS_MAX + 5);
    tt_intent_add(out, many, 1);
}

static void test_sampler_of_the_program_may_join_in(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "theirs=1,ot=k:v", 0x80);
    freed = 0;
    assert_int_equal(decide(tt_composable_custom(want_half, &a, count_freed), &a),
                     TT_RECORD_AND_SAMPLE);
    assert_string_equal(state_told, "ot=th:8;k:v,mine=1"); // "ot" is the composite's
    assert_int_equal(attrs_told, TT_INTENT_ATTRS_MAX);
    assert_int_equal(freed, 1);
    assert_null(tt_composable_custom(NULL, NULL, count_freed));
    assert_int_equal(freed, 2);
}

static void test_chance_decides_what_is_not_reliable(void **state)
{
    (void)state;
    struct asked a;
    (void)ask_of(&a, "", 0); // with this id a reliable half is dropped
    size_t n = 0;
    for (int i = 0; i < 400; i++)
        n += decide(tt_composable_custom(want_half, NULL, NULL), &a) == TT_RECORD_AND_SAMPLE;
    assert_in_range(n, 130, 270); // 7 standard deviations
    assert_string_equal(state_told, outcome == TT_DROP ? "" : "mine=1");
}

static void test_long_tracestate_is_cut_between_members(void **state)
{
    (void)state;
    struct asked a;
    char long_state[513];
    memset(long_state, 'a', 512);
    long_state[512] = '\0';
    long_state[3] = '=';
    long_state[250] = ',';
    long_state[254] = '=';
    (void)ask_of(&a, long_state, 0);
    assert_int_equal(decide(tt_composable_always_on(), &a), TT_RECORD_AND_SAMPLE);
    assert_int_equal(strlen(state_told), 7 + 1 + 250);
    assert_memory_equal(state_told, "ot=th:0,aaa=", 12);
}

static tt_value map_of(tt_attr *field, const char *key, tt_value value)
{
    *field = tt_attr_of(key, value);
    return tt_value_map(field, 1);
}

static void test_configuration_without_sense_is_refused(void **state)
{
    (void)state;
    tt_component c;
    tt_sampler *s = NULL;
    tt_attr f[2], g, nested[20];
    assert_int_equal(tt_sampling_register(), TT_OK);
    assert_int_equal(tt_component_find(TT_COMPONENT_SAMPLER, "composite/development", &c), TT_OK);
    tt_value v = map_of(&f[0], "sometimes", tt_value_of(TT_TYPE_EMPTY, 0));
    assert_int_equal(c.make.sampler(c.arg, &v, &s), TT_ERR_INVALID);
    v = map_of(&f[0], "parent_threshold", tt_value_of(TT_TYPE_EMPTY, 0));
    assert_int_equal(c.make.sampler(c.arg, &v, &s), TT_ERR_INVALID); // it needs a root
    tt_value kinds = tt_value_str("servant"), list = tt_value_array(&kinds, 1);
    f[0] = tt_attr_of("span_kinds", list);
    f[1] = tt_attr_of("sampler", map_of(&g, "always_on", tt_value_of(TT_TYPE_EMPTY, 0)));
    tt_value rule = tt_value_map(f, 2), rules = tt_value_array(&rule, 1);
    tt_value of = map_of(&nested[0], "rules", rules);
    v = map_of(&nested[1], "rule_based", of);
    assert_int_equal(c.make.sampler(c.arg, &v, &s), TT_ERR_INVALID);
    v = map_of(&g, "always_on", tt_value_of(TT_TYPE_EMPTY, 0));
    for (size_t i = 0; i < 20; i += 2) { // too deep
        v = map_of(&nested[i], "root", v);
        v = map_of(&nested[i + 1], "parent_threshold", v);
    }
    assert_int_equal(c.make.sampler(c.arg, &v, &s), TT_ERR_INVALID);
    assert_null(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_and_nothing),
        cmocka_unit_test(test_probability_goes_by_the_trace_id),
        cmocka_unit_test(test_randomness_that_was_told_is_used_and_stays),
        cmocka_unit_test(test_threshold_of_a_parent_holds),
        cmocka_unit_test(test_parent_without_threshold_decides_by_its_flag),
        cmocka_unit_test(test_rules_go_by_kind_parent_and_name),
        cmocka_unit_test(test_rules_compare_values_as_they_are_written),
        cmocka_unit_test(test_rule_may_ask_the_program),
        cmocka_unit_test(test_attributes_of_nested_samplers_are_joined),
        cmocka_unit_test(test_sampler_of_the_program_may_join_in),
        cmocka_unit_test(test_chance_decides_what_is_not_reliable),
        cmocka_unit_test(test_long_tracestate_is_cut_between_members),
        cmocka_unit_test(test_configuration_without_sense_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
