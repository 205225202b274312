/* Spans that are not sampled: slots of their threads, and what other threads do with them. */
#include "trace/light.h"

#include <pthread.h>
#include <stdlib.h>

#include "core/mutex.h"
#include "support/check.h"
#include "telltale/trace.h"

static tt_tracer_provider *provider;
static tt_tracer *tracer;

static int discard(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                   int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static int begin(void **state)
{
    (void)state;
    tt_tracer_provider_options o = {.size = sizeof o, .sampler = tt_sampler_always_off()};
    o.exporter.send = discard;
    provider = tt_tracer_provider_new(&o);
    tracer = tt_tracer_get(provider, "lib", NULL);
    return tracer ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_tracer_provider_free(provider);
    return 0;
}

static uint64_t misuses(void)
{
    return tt_problem_count(TT_PROBLEM_MISUSE);
}

static void run_thread(void *(*run)(void *arg), void *arg)
{
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, run, arg), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
}

static void test_span_has_ids_beyond_its_end(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    tt_span_context c = tt_span_context_of(span), ended;
    assert_true(tt_span_context_is_valid(&c));
    assert_int_equal(c.flags, TT_FLAG_RANDOM);
    assert_false(tt_span_is_recording(span) || tt_span_may_record(span));
    tt_span_end(span);
    ended = tt_span_context_of(span);
    assert_memory_equal(&ended, &c, sizeof c);
    tt_span next = tt_span_start(tracer, "s", NULL); // the same slot
    assert_ptr_equal(next.memory, span.memory);
    ended = tt_span_context_of(span);
    assert_memory_equal(&ended, &c, sizeof c);
    tt_span_end(next);
    tt_span later = tt_span_start(tracer, "s", NULL);
    tt_span_end(later);
    (void)tt_span_context_of(later);
    ended = tt_span_context_of(span); // it is not the last any more, and its slot was used again
    assert_false(tt_span_context_is_valid(&ended));
}

static void test_child_is_of_the_same_trace(void **state)
{
    (void)state;
    tt_span outer = tt_span_start(tracer, "outer", NULL);
    tt_token token = tt_span_enter(outer);
    tt_span inner = tt_span_start(tracer, "inner", NULL);
    tt_span_context a = tt_span_context_of(outer), b = tt_span_context_of(inner);
    assert_memory_equal(a.trace_id, b.trace_id, 16);
    assert_memory_not_equal(a.span_id, b.span_id, 8);
    tt_span_end(inner);
    tt_leave(token);
    tt_span_end(outer);
}

static void test_second_end_is_told(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    uint64_t before = misuses();
    tt_span_end(span);
    assert_int_equal(misuses(), before);
    tt_span_end(span);
    assert_int_equal(misuses(), before + 1);
}

static void *end_span(void *arg)
{
    tt_span_end(*(tt_span *)arg);
    return NULL;
}

static void test_another_thread_may_end_it(void **state)
{
    (void)state;
    tt_span span = tt_span_start(tracer, "s", NULL);
    uint64_t before = misuses();
    run_thread(end_span, &span);
    assert_int_equal(misuses(), before);
    run_thread(end_span, &span);
    assert_int_equal(misuses(), before + 1);
    tt_span_end(span);
    assert_int_equal(misuses(), before + 2);
}

static void test_what_others_ended_is_used_again(void **state)
{
    (void)state;
    size_t owned = 0;
    for (int i = 0; i < 5000; i++) { // far more than there may be slots without it
        tt_span spans[40];
        for (int k = 0; k < 40; k++)
            spans[k] = tt_span_start(tracer, "s", NULL);
        for (int k = 0; k < 40; k++) {
            assert_non_null(spans[k].memory);
            light_end_elsewhere((struct light *)(void *)spans[k].memory,
                                spans[k].generation & ~LIGHT_SIGN);
        }
        owned = light_own.owned;
    }
    assert_true(owned < 20);
}

static void *start_span(void *arg)
{
    *(tt_span *)arg = tt_span_start(tracer, "s", NULL);
    return NULL;
}

static void test_span_outlives_its_thread(void **state)
{
    (void)state;
    tt_span first, second;
    run_thread(start_span, &first);
    tt_span_context c = tt_span_context_of(first);
    assert_true(tt_span_context_is_valid(&c));
    uint64_t before = misuses();
    tt_span_end(first);
    run_thread(start_span, &second); // takes over the slots
    run_thread(start_span, &first);
    tt_span_end(first);
    tt_span_end(second);
    assert_int_equal(misuses(), before);
}

static void test_too_many_are_told(void **state)
{
    (void)state;
    enum { MANY = 70000 };
    tt_span *spans = calloc(MANY, sizeof *spans);
    assert_non_null(spans);
    uint64_t before = tt_problem_count(TT_PROBLEM_LIMIT);
    size_t started = 0;
    for (int i = 0; i < MANY; i++) {
        spans[i] = tt_span_start(tracer, "s", NULL);
        started += spans[i].memory != NULL;
    }
    assert_true(started > 60000 && started < 65536);
    assert_int_equal(tt_problem_count(TT_PROBLEM_LIMIT) - before, MANY - started);
    for (int i = 0; i < MANY; i++)
        tt_span_end(spans[i]);
    free(spans);
}

/* --- all at once --- */

enum { THREADS = 4, ROUNDS = 2000, SHARED = 16 };

static struct {
    struct mutex lock;
    tt_span spans[SHARED];
} shared = {.lock = MUTEX_INIT};

/* Puts a span of its own where another thread finds it, ends what was there, and looks at a third,
 * which may end meanwhile. */
static void *exchange_spans(void *arg)
{
    unsigned at = (unsigned)(uintptr_t)arg;
    for (int i = 0; i < ROUNDS; i++) {
        tt_span mine = tt_span_start(tracer, "s", NULL);
        at = at * 1103515245u + 12345u;
        mutex_lock(&shared.lock);
        tt_span theirs = shared.spans[at >> 16 & (SHARED - 1)];
        shared.spans[at >> 16 & (SHARED - 1)] = mine;
        tt_span third = shared.spans[at >> 20 & (SHARED - 1)];
        mutex_unlock(&shared.lock);
        tt_span_context c = tt_span_context_of(third);
        if (c.span_id[0] && !tt_span_context_is_valid(&c))
            abort();
        tt_span_end(theirs);
    }
    return NULL;
}

static void test_threads_end_the_spans_of_others(void **state)
{
    (void)state;
    uint64_t before = misuses();
    for (int round = 0; round < 3; round++) { // threads die, and leave living spans behind
        pthread_t threads[THREADS];
        for (uintptr_t i = 0; i < THREADS; i++)
            assert_int_equal(pthread_create(&threads[i], NULL, exchange_spans, (void *)(i + 1)), 0);
        for (int i = 0; i < THREADS; i++)
            assert_int_equal(pthread_join(threads[i], NULL), 0);
    }
    for (int i = 0; i < SHARED; i++)
        tt_span_end(shared.spans[i]);
    assert_int_equal(misuses(), before);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_span_has_ids_beyond_its_end, begin, end),
        cmocka_unit_test_setup_teardown(test_child_is_of_the_same_trace, begin, end),
        cmocka_unit_test_setup_teardown(test_second_end_is_told, begin, end),
        cmocka_unit_test_setup_teardown(test_another_thread_may_end_it, begin, end),
        cmocka_unit_test_setup_teardown(test_what_others_ended_is_used_again, begin, end),
        cmocka_unit_test_setup_teardown(test_span_outlives_its_thread, begin, end),
        cmocka_unit_test_setup_teardown(test_threads_end_the_spans_of_others, begin, end),
        cmocka_unit_test_setup_teardown(test_too_many_are_told, begin, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
