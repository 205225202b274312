/* Threads that work at once with one catalog, while its metrics are collected. */
#include <pthread.h>
#include <stdlib.h>

#include "support/check.h"
#include "telltale/catalog.h"
#include "telltale/prometheus_text.h"
#include "telltale/track.h"

enum { THREADS = 4, ROUNDS = 500 };

static tt_catalog *catalog;

static int drop(void *arg, enum tt_signal signal, const void *request, size_t n, size_t items,
                int64_t timeout_ms)
{
    (void)arg, (void)signal, (void)request, (void)n, (void)items, (void)timeout_ms;
    return TT_OK;
}

static void *work(void *arg)
{
    (void)arg;
    for (int i = 0; i < ROUNDS; i++) {
        tt_agent_execution run = {.size = sizeof run, .agent_type = "coder", .session_id = "s"};
        tt_agent_execution_begin(catalog, &run);
        tt_llm_call call = {.size = sizeof call, .provider = "openai", .model = "gpt-4"};
        tt_llm_call_begin(catalog, &call);
        call.input_tokens = 10;
        tt_llm_call_end(&call);
        tt_websocket socket = {.size = sizeof socket, .detached = true};
        tt_websocket_begin(catalog, &socket);
        tt_cache_record(catalog, "redis", "get", i % 2 == 0 ? "hit" : "miss");
        tt_error_record(catalog, "here", "timeout", "error");
        tt_context_window_set(catalog, "a", "s", i, 1000);
        tt_track_event(catalog, "done", NULL, 0);
        tt_websocket_end(&socket);
        tt_agent_execution_end(&run);
    }
    return NULL;
}

static char *scrape(tt_meter_provider *meters)
{
    char *text = NULL;
    size_t n = 0;
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true};
    assert_int_equal(tt_prometheus_render_new(meters, &o, 1 << 22, &text, &n), TT_OK);
    text = realloc(text, n + 1);
    assert_non_null(text);
    text[n] = '\0';
    return text;
}

static void test_threads_work_with_one_catalog(void **state)
{
    (void)state;
    tt_tracer_provider_options t = {.size = sizeof t, .exporter = {.send = drop}};
    tt_catalog_options o = {.size = sizeof o, .meters = tt_meter_provider_new(NULL)};
    o.tracers = tt_tracer_provider_new(&t);
    catalog = tt_catalog_new(&o);
    pthread_t threads[THREADS];
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_create(&threads[i], NULL, work, NULL), 0);
    for (int i = 0; i < 10; i++)
        free(scrape(o.meters));
    for (int i = 0; i < THREADS; i++)
        assert_int_equal(pthread_join(threads[i], NULL), 0);

    char *text = scrape(o.meters);
    const char *lines[] = {
        "\nllm_api_calls_total{model=\"gpt-4\",provider=\"openai\",status=\"success\"} 2000\n",
        "\nllm_tokens_used_total{model=\"gpt-4\",provider=\"openai\",token_type=\"input\"} 20000\n",
        "\nactive_agents_total{agent_type=\"coder\"} 0\n",
        "\nactive_connections 0\n",
        "\ncache_hit_ratio{cache_type=\"redis\"} 0.5\n",
        "\nerrors_total{component=\"here\",error_type=\"timeout\"} 2000\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        if (!strstr(text, lines[i]))
            fail_msg("no %s", lines[i]);
    }
    free(text);
    tt_catalog_free(catalog);
    tt_tracer_provider_free(o.tracers);
    tt_meter_provider_free(o.meters);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_threads_work_with_one_catalog)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
