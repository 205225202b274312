#include <stdio.h>
#include <string.h>

#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/trace.h"

static struct otlp_sink sink;
static tt_tracer_provider *provider;
static tt_tracer *tracer;

/* What processors were told, one word a call. */
static struct {
    char text[512];
    size_t n;
    tt_span_context parent; /* of on_start */
    char baggage[16];
    tt_span misused; /* by on_ending */
} told;

static void note(const char *who, const char *what)
{
    told.n += (size_t)snprintf(told.text + told.n, sizeof told.text - told.n, "%s.%s ", who, what);
}

static void on_start(void *arg, tt_span span, const tt_context *parent)
{
    note(arg, "start");
    told.parent = tt_context_span(parent);
    const char *value = tt_baggage_get(parent, "user");
    (void)snprintf(told.baggage, sizeof told.baggage, "%s", value ? value : "");
    tt_attr attr = tt_str("user", told.baggage);
    tt_span_set(span, &attr, 1);
}

static void on_ending(void *arg, tt_span span)
{
    note(arg, "ending");
    tt_attr attr = tt_bool("last", true);
    tt_span_set(span, &attr, 1);
    tt_span_set(told.misused, &attr, 1);
    if (told.misused.memory)
        tt_span_end(span);
}

static void on_end(void *arg, const tt_span_data *data)
{
    note(arg, data->name);
}

static int flush(void *arg, int64_t timeout_ms)
{
    (void)timeout_ms;
    note(arg, "flush");
    return TT_ERR_IO;
}

static int shut_down(void *arg, int64_t timeout_ms)
{
    (void)timeout_ms;
    note(arg, "shutdown");
    return TT_OK;
}

static tt_span_processor processor(char *name)
{
    return (tt_span_processor){on_start, on_ending, on_end, flush, shut_down, name};
}

static void start(tt_tracer_provider_options o)
{
    memset(&told, 0, sizeof told);
    otlp_sink_init(&sink);
    o.size = sizeof o;
    o.simple = true;
    o.exporter = otlp_sink_exporter(&sink);
    provider = tt_tracer_provider_new(&o);
    tracer = tt_tracer_get(provider, "lib", "1");
}

static void start_with(const tt_span_processor *processors, size_t n, tt_sampler *sampler)
{
    start((tt_tracer_provider_options){
        .processors = processors, .processors_n = n, .sampler = sampler});
}

static void end(void)
{
    tt_tracer_provider_free(provider);
    otlp_sink_done(&sink);
}

static void test_processors_are_told_in_their_order(void **state)
{
    (void)state;
    char a[] = "a", b[] = "b";
    tt_span_processor chain[] = {processor(a), processor(b)};
    start_with(chain, 2, NULL);
    tt_span_end(tt_span_start(tracer, "s", NULL));
    assert_string_equal(told.text, "a.start b.start a.ending b.ending a.s b.s ");
    assert_int_equal(tt_tracer_provider_flush(provider, 1000), TT_ERR_IO);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1000), TT_OK);
    assert_int_equal(tt_tracer_provider_shutdown(provider, 1000), TT_ERR_SHUTDOWN);
    assert_non_null(strstr(told.text, "a.flush b.flush a.shutdown b.shutdown "));
    end();
}

static void test_processor_knows_the_parents_context(void **state)
{
    (void)state;
    char a[] = "a";
    tt_span_processor one = processor(a);
    start_with(&one, 1, NULL);
    tt_context *c = tt_baggage_with(NULL, "user", "u1");
    tt_token token = tt_context_enter(c);
    tt_span outer = tt_span_start(tracer, "outer", NULL);
    tt_token inner_token = tt_span_enter(outer);
    tt_span inner = tt_span_start(tracer, "inner", NULL);
    tt_span_context parent = tt_span_context_of(outer);
    assert_memory_equal(told.parent.span_id, parent.span_id, 8);
    assert_string_equal(told.baggage, "u1");
    tt_span_options o = {.size = sizeof o, .root = true};
    tt_span_end(tt_span_start(tracer, "root", &o));
    assert_false(tt_span_context_is_valid(&told.parent));
    assert_string_equal(told.baggage, "");
    tt_span_end(inner);
    tt_leave(inner_token);
    tt_span_end(outer);
    tt_leave(token);
    tt_context_free(c);
    otlp_sink_has(&sink, "{\"key\":\"user\",\"value\":{\"stringValue\":\"u1\"}}");
    end();
}

static void test_only_processors_fill_a_span_that_ends(void **state)
{
    (void)state;
    char a[] = "a";
    tt_span_processor one = processor(a);
    start_with(&one, 1, NULL);
    tt_span span = tt_span_start(tracer, "s", NULL);
    told.misused = span;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_span_end(span);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 2); // its handle, its end
    otlp_sink_has(&sink, "{\"key\":\"last\",\"value\":{\"boolValue\":true}}");
    assert_string_equal(told.text, "a.start a.ending a.s ");
    assert_int_equal(sink.items, 1);
    end();
}

static void test_what_is_only_recorded_is_not_exported(void **state)
{
    (void)state;
    char a[] = "a";
    tt_span_processor one = processor(a);
    start_with(&one, 1, tt_sampler_always_record(tt_sampler_always_off()));
    tt_span span = tt_span_start(tracer, "s", NULL);
    assert_true(tt_span_is_recording(span));
    assert_int_equal(tt_span_context_of(span).flags & TT_FLAG_SAMPLED, 0);
    tt_span_end(span);
    assert_string_equal(told.text, "a.start a.ending a.s ");
    assert_int_equal(sink.items, 0);
    end();
    start_with(&one, 1, tt_sampler_always_off());
    tt_span_end(tt_span_start(tracer, "s", NULL));
    assert_string_equal(told.text, "");
    end();
}

static void check_data(void *arg, const tt_span_data *d)
{
    tt_attr attr;
    (void)arg;
    note("data", d->name);
    assert_string_equal(d->scope->name, "lib");
    assert_string_equal(d->scope->version, "2");
    assert_int_equal(d->scope->attrs_n, 1);
    assert_memory_equal(d->scope->attrs[0].key, "team", 4);
    assert_non_null(d->resource);
    assert_int_equal(d->kind, TT_SPAN_CLIENT);
    assert_int_equal(d->status, TT_STATUS_ERROR);
    assert_string_equal(d->status_message, "broke");
    assert_string_equal(d->tracestate, "x=1");
    assert_true(d->parent_remote && d->parent_id[0] == 2);
    assert_true(d->start_unix_ns == 1000 && d->end_unix_ns == 2000);
    assert_true(d->attrs_n == 3 && d->events_n == 1 && d->links_n == 0 && d->sampled);
    assert_true(tt_span_data_attribute(d, 0, &attr));
    assert_true(attr.key_n == 1 && *attr.key == 'i' && attr.value.as.integer == -7);
    assert_true(tt_span_data_attribute(d, 1, &attr));
    assert_true(attr.value.type == TT_TYPE_STRING && attr.value.n == 2);
    assert_true(tt_span_data_attribute(d, 2, &attr) && attr.value.type == TT_TYPE_ARRAY);
    assert_false(tt_span_data_attribute(d, 3, &attr));
}

static void test_processor_sees_the_whole_span(void **state)
{
    (void)state;
    tt_span_processor one = {.on_end = check_data};
    start_with(&one, 1, NULL);
    tt_attr team = tt_str("team", "a");
    tt_scope scope = {.name = "lib", .version = "2", .attrs = &team, .attrs_n = 1};
    tt_span_context remote = {.trace_id = {1}, .span_id = {2}, .flags = TT_FLAG_SAMPLED};
    tt_context *parent = tt_context_remote(&remote, "x=1");
    tt_span_options o = {
        .size = sizeof o, .kind = TT_SPAN_CLIENT, .parent = parent, .start_unix_ns = 1000};
    tt_span span = tt_span_start(tt_tracer_get_scope(provider, &scope), "whole", &o);
    tt_value items[] = {tt_value_int(1)};
    tt_attr attrs[] = {tt_int("i", -7), tt_str("s", "xy"),
                       tt_attr_of("l", tt_value_array(items, 1))};
    tt_span_set(span, attrs, 3);
    tt_span_add_event(span, "e", 0, NULL, 0);
    tt_span_set_status(span, TT_STATUS_ERROR, "broke");
    tt_span_end_at(span, 2000);
    tt_context_free(parent);
    assert_string_equal(told.text, "data.whole ");
    end();
}

/* --- ids --- */

static void make_trace_id(void *arg, uint8_t out[16])
{
    memset(out, *(const int *)arg, 16);
}

static void make_span_id(void *arg, uint8_t out[8])
{
    memset(out, *(const int *)arg, 8);
}

static void test_ids_come_from_the_generator(void **state)
{
    (void)state;
    int byte = 0xab;
    tt_id_generator ids = {make_trace_id, make_span_id, &byte, false};
    start((tt_tracer_provider_options){.ids = ids});
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_context c = tt_span_context_of(span);
    assert_true(c.trace_id[0] == 0xab && c.trace_id[15] == 0xab && c.span_id[7] == 0xab);
    assert_int_equal(c.flags & TT_FLAG_RANDOM, 0);
    tt_span_end(span);
    byte = 0; // which is no id
    span = tt_span_start(tracer, "s", NULL);
    c = tt_span_context_of(span);
    assert_true(tt_span_context_is_valid(&c) && c.flags & TT_FLAG_RANDOM);
    tt_span_end(span);
    end();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_processors_are_told_in_their_order),
        cmocka_unit_test(test_processor_knows_the_parents_context),
        cmocka_unit_test(test_only_processors_fill_a_span_that_ends),
        cmocka_unit_test(test_what_is_only_recorded_is_not_exported),
        cmocka_unit_test(test_processor_sees_the_whole_span),
        cmocka_unit_test(test_ids_come_from_the_generator),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
