#include "telltale/remote_sampler.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/check.h"
#include "support/collector.h"
#include "support/forks.h"
#include "telltale/component.h"
#include "telltale/otlp.h"

#define ANSWER(text) "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" text
#define ALL ANSWER("{\"probabilisticSampling\":{\"samplingRate\":1}}")
#define NONE ANSWER("{\"probabilisticSampling\":{\"samplingRate\":0}}")

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static tt_tracer_provider *provider_of(tt_sampler *sampler)
{
    assert_non_null(sampler);
    tt_tracer_provider_options o = {.size = sizeof o, .simple = true, .exporter.send = drop};
    o.sampler = sampler;
    return tt_tracer_provider_new(&o);
}

static bool is_sampled(tt_tracer_provider *p)
{
    tt_span span = tt_span_start(tt_tracer_get(p, "t", NULL), "GET /cart", NULL);
    bool yes = tt_span_is_recording(span);
    tt_span_end(span);
    return yes;
}

/* Until it decides so: it does when the answer came. */
static void wait_until_sampled(tt_tracer_provider *p, bool yes)
{
    while (is_sampled(p) != yes)
        (void)sched_yield();
}

static void wait_until_asked(size_t n)
{
    while (atomic_load(&collector.asked) < n)
        (void)sched_yield();
}

static const char *endpoint(const char *path)
{
    static char text[64];
    (void)snprintf(text, sizeof text, "http://127.0.0.1:%d%s", collector.port, path);
    return text;
}

static tt_sampler *remote_of(const char *path, tt_sampler *initial)
{
    tt_remote_sampler_options o = {.size = sizeof o, .service = "my shop", .interval_ms = 100};
    o.endpoint = endpoint(path);
    o.initial = initial;
    return tt_sampler_remote(&o);
}

static void test_strategy_is_asked_for_at_once(void **state)
{
    (void)state;
    collector_start(ALL, ALL);
    tt_tracer_provider *p = provider_of(remote_of("", tt_sampler_always_off()));
    wait_until_sampled(p, true);
    tt_tracer_provider_free(p);
    collector_stop();
    assert_non_null(strstr(collector.request, "GET /sampling?service=my%20shop HTTP/1.1\r\n"));
}

static void test_endpoint_may_have_a_path_and_a_query(void **state)
{
    (void)state;
    collector_start(ALL, ALL);
    tt_tracer_provider *p = provider_of(remote_of("/a/b?c=d", tt_sampler_always_off()));
    wait_until_sampled(p, true);
    tt_tracer_provider_free(p);
    collector_stop();
    assert_non_null(strstr(collector.request, "GET /a/b?c=d&service=my%20shop HTTP/1.1\r\n"));
}

static void test_strategy_changes(void **state)
{
    (void)state;
    collector_start(ALL, NONE);
    tt_tracer_provider *p = provider_of(remote_of("", tt_sampler_always_off()));
    wait_until_sampled(p, true);
    wait_until_sampled(p, false);
    tt_tracer_provider_free(p);
    collector_stop();
}

static void test_nonsense_and_refusals_change_nothing(void **state)
{
    (void)state;
    static const char *const wrong[] = {ANSWER("{\"probabilisticSampling\":{}}"), REFUSED, NULL};
    for (size_t i = 0; i < 3; i++) {
        uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
        collector_start(ALL, wrong[i]);
        tt_tracer_provider *p = provider_of(remote_of("", tt_sampler_always_off()));
        wait_until_asked(4);
        assert_true(is_sampled(p));
        tt_tracer_provider_free(p);
        collector_stop();
        assert_true(tt_problem_count(TT_PROBLEM_EXPORT) > before);
    }
}

static void test_endless_answer_is_broken_off(void **state)
{
    (void)state;
    static char endless[(1 << 20) + 4096];
    uint64_t before = tt_problem_count(TT_PROBLEM_EXPORT);
    int n = snprintf(endless, sizeof endless, "%s",
                     ANSWER("{\"probabilisticSampling\":{\"samplingRate\":1},\"more\":\""));
    memset(endless + n, 'a', sizeof endless - 1 - (size_t)n);
    collector_start(endless, endless);
    tt_tracer_provider *p = provider_of(remote_of("", tt_sampler_always_off()));
    wait_until_asked(2);
    assert_false(is_sampled(p));
    tt_tracer_provider_free(p);
    collector_stop();
    assert_true(tt_problem_count(TT_PROBLEM_EXPORT) > before);
}

static void test_endpoint_that_is_none_is_refused(void **state)
{
    (void)state;
    static const char *const wrong[] = {"",        "localhost:5778",   "ftp://localhost/x",
                                        "http://", "http:///sampling", "http://?"};
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        tt_remote_sampler_options o = {.size = sizeof o, .endpoint = wrong[i]};
        o.initial = tt_sampler_always_on();
        assert_null(tt_sampler_remote(&o));
    }
}

static void test_environment_names_it(void **state)
{
    (void)state;
    char argument[128];
    assert_int_equal(tt_otlp_register(), TT_OK);
    collector_start(NONE, NONE);
    (void)snprintf(argument, sizeof argument,
                   "endpoint=%s, pollingIntervalMs=100,initialSamplingRate=1", endpoint("/x"));
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER", "jaeger_remote", 1), 0);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER_ARG", argument, 1), 0);
    assert_int_equal(setenv("OTEL_SERVICE_NAME", "till", 1), 0);
    tt_tracer_provider *p = provider_of(tt_sampler_from_environment());
    wait_until_sampled(p, false);
    tt_tracer_provider_free(p);
    collector_stop();
    assert_non_null(strstr(collector.request, "GET /x?service=till "));
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    assert_int_equal(setenv("OTEL_TRACES_SAMPLER_ARG", "speed=fast", 1), 0);
    tt_sampler_free(tt_sampler_from_environment());
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before + 1);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER"), 0);
    assert_int_equal(unsetenv("OTEL_TRACES_SAMPLER_ARG"), 0);
    assert_int_equal(unsetenv("OTEL_SERVICE_NAME"), 0);
}

static atomic_bool enough;

static void *keep_asking(void *arg)
{
    while (!atomic_load(&enough))
        (void)is_sampled(arg);
    return NULL;
}

static void test_threads_ask_while_it_changes(void **state)
{
    (void)state;
    pthread_t threads[3];
    collector_start(ALL, NONE);
    atomic_store(&enough, false);
    tt_tracer_provider *p = provider_of(remote_of("", NULL));
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, keep_asking, p), 0);
    wait_until_asked(4);
    atomic_store(&enough, true);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);
    assert_false(is_sampled(p));
    tt_tracer_provider_free(p);
    collector_stop();
}

#ifndef NO_FORKS
/* The parent asked once, and not again for an hour. */
static void test_child_asks_for_itself(void **state)
{
    (void)state;
    collector_start(ALL, NONE);
    tt_remote_sampler_options o = {.size = sizeof o, .service = "s", .interval_ms = 3600000};
    o.endpoint = endpoint("");
    o.initial = tt_sampler_always_off();
    tt_tracer_provider *p = provider_of(tt_sampler_remote(&o));
    wait_until_sampled(p, true);
    pid_t child = fork();
    if (child == 0) {
        (void)alarm(20);
        wait_until_sampled(p, false);
        tt_tracer_provider_free(p);
        _exit(0);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_true(is_sampled(p));
    tt_tracer_provider_free(p);
    collector_stop();
}
#endif

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strategy_is_asked_for_at_once),
        cmocka_unit_test(test_endpoint_may_have_a_path_and_a_query),
        cmocka_unit_test(test_strategy_changes),
        cmocka_unit_test(test_nonsense_and_refusals_change_nothing),
        cmocka_unit_test(test_endless_answer_is_broken_off),
        cmocka_unit_test(test_endpoint_that_is_none_is_refused),
        cmocka_unit_test(test_environment_names_it),
        cmocka_unit_test(test_threads_ask_while_it_changes),
#ifndef NO_FORKS
        cmocka_unit_test(test_child_asks_for_itself),
#endif
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
