/* Each allocation of traces, logs and contexts fails once: nothing crashes, nothing leaks, and
 * without a failure all is sent. */
#include <string.h>

#include "support/check.h"
#include "support/fail_alloc.h"
#include "telltale/log.h"
#include "telltale/propagation.h"
#include "telltale/trace.h"

static size_t items_sent;

static int discard(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                   int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)timeout_ms;
    items_sent += items;
    return TT_OK;
}

static const char *get(void *carrier, const char *name)
{
    (void)carrier;
    if (strcmp(name, "traceparent") == 0)
        return "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    return strcmp(name, "baggage") == 0 ? "a=1" : NULL;
}

static void see_end(void *arg, const tt_span_data *data)
{
    (void)arg, (void)data;
}

static void trace(void)
{
    static const tt_context_key key = {"k"};
    tt_span_processor processor = {.on_end = see_end};
    static char large[4000];
    memset(large, 'x', sizeof large - 1);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .queue_bytes = 1 << 14};
    o.exporter.send = discard;
    o.sampler = tt_sampler_parent_based(tt_sampler_ratio(1), NULL, NULL, NULL, NULL);
    o.processors = &processor;
    o.processors_n = 1;
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_context *parent = tt_extract(TT_W3C | TT_BAGGAGE, get, NULL);
    tt_context *more = tt_baggage_with(parent, "b", "2");
    tt_token token = tt_context_enter(more);
    tt_attr team = tt_str("team", "a");
    tt_scope scope = {.name = "t", .version = "1", .attrs = &team, .attrs_n = 1};
    tt_span span = tt_span_start(tt_tracer_get_scope(p, &scope), "s", NULL);
    tt_attr attrs[] = {tt_str("large", large), tt_int("n", 1)};
    if (span.memory) {
        tt_span_set(span, attrs, 2);
        tt_span_end(span);
    }
    tt_context *current = tt_context_current();
    tt_leave(token);
    tt_context *with_value = tt_context_with_value(current, &key, NULL, NULL);
    tt_context *with_id = tt_context_with_correlation_id(with_value, "id");
    tt_context_free(with_id);
    tt_context_free(with_value);
    tt_context_free(current);
    tt_context_free(more);
    tt_context_free(parent);
    tt_tracer_provider_free(p);
}

static bool add_one(void *arg, tt_log_record *r, const tt_log_origin *origin)
{
    (void)arg, (void)origin;
    return tt_log_record_add(r, tt_str("added", "a@b.cc"));
}

static void write_logs(void)
{
    tt_log_processor processor = {.on_emit = add_one};
    tt_logger_provider_options o = {.size = sizeof o, .simple = true, .masks = TT_MASK_ALL};
    o.exporter.send = discard;
    o.queue_bytes = 1 << 14;
    o.processors = &processor;
    o.processors_n = 1;
    o.enrich = TT_ENRICH_ALL;
    tt_logger_provider *p = tt_logger_provider_new(&o);
    tt_value items[] = {tt_value_str("a@b.cc")};
    tt_attr attrs[] = {tt_str("mail", "a@b.cc"), tt_str("token", "x"),
                       tt_attr_of("list", tt_value_array(items, 1))};
    tt_log(tt_logger_get(p, "l", NULL), TT_SEVERITY_ERROR, "from a@b.cc", attrs, 3);
    tt_logger_config off = {.size = sizeof off, .level = TT_SEVERITY_OFF};
    (void)tt_logger_provider_configure(p, "l*", &off); // there may be no memory for it
    tt_logger_provider_free(p);
}

static void fail_each(void (*run)(void))
{
    bool done = false;
    for (size_t n = 0; !done; n++) {
        items_sent = 0;
        fail_alloc_at(n);
        run();
        done = !fail_alloc_happened();
    }
    assert_int_equal(items_sent, 1);
}

static void test_every_allocation_of_traces_may_fail(void **state)
{
    (void)state;
    fail_each(trace);
}

static void test_every_allocation_of_logs_may_fail(void **state)
{
    (void)state;
    fail_each(write_logs);
}

static void test_spans_do_not_allocate(void **state)
{
    (void)state;
    tt_tracer_provider_options o = {.size = sizeof o, .delay_ms = 3600000};
    o.exporter.send = discard;
    tt_tracer_provider *p = tt_tracer_provider_new(&o);
    tt_tracer *t = tt_tracer_get(p, "t", NULL);
    tt_span_end(tt_span_start(t, "first", NULL));                // makes the ring and the pool
    assert_int_equal(tt_tracer_provider_flush(p, 10000), TT_OK); // the worker has what it needs
    (void)fail_alloc_count();
    for (int i = 0; i < 100; i++) {
        tt_attr attrs[] = {tt_str("k", "v"), tt_int("n", i)};
        tt_span span = tt_span_start(t, "s", NULL);
        tt_span_set(span, attrs, 2);
        tt_span_end(span);
    }
    assert_int_equal(fail_alloc_count(), 0);
    tt_tracer_provider_free(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_allocation_of_traces_may_fail),
        cmocka_unit_test(test_every_allocation_of_logs_may_fail),
        cmocka_unit_test(test_spans_do_not_allocate),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
