#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/str.h"
#include "support/check.h"
#include "support/otlp_sink.h"
#include "telltale/catalog.h"
#include "telltale/init.h"
#include "telltale/metric_reader.h"
#include "telltale/prometheus_text.h"
#include "telltale/track.h"

static struct otlp_sink sink;
static tt_meter_provider *meters;
static tt_tracer_provider *tracers;
static tt_logger_provider *loggers;
static tt_catalog *catalog;

static tt_catalog *new_catalog(tt_catalog_options o)
{
    o.size = sizeof o;
    o.meters = meters;
    o.tracers = tracers;
    o.loggers = loggers;
    return tt_catalog_new(&o);
}

static int begin(void **state)
{
    (void)state;
    otlp_sink_init(&sink);
    meters = tt_meter_provider_new(NULL);
    tt_tracer_provider_options t = {.size = sizeof t, .simple = true};
    t.exporter = otlp_sink_exporter(&sink);
    t.sampler = tt_sampler_always_on();
    tracers = tt_tracer_provider_new(&t);
    tt_logger_provider_options l = {.size = sizeof l, .simple = true};
    l.exporter = otlp_sink_exporter(&sink);
    loggers = tt_logger_provider_new(&l);
    catalog = new_catalog((tt_catalog_options){0});
    return catalog ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    tt_catalog_free(catalog);
    tt_logger_provider_free(loggers);
    tt_tracer_provider_free(tracers);
    tt_meter_provider_free(meters);
    otlp_sink_done(&sink);
    return 0;
}

static bool scrape_has(const char *text)
{
    char *all = NULL;
    size_t n = 0;
    tt_prometheus_options o = {.size = sizeof o, .without_scope = true};
    assert_int_equal(tt_prometheus_render_new(meters, &o, 1 << 22, &all, &n), TT_OK);
    all = realloc(all, n + 1);
    assert_non_null(all);
    all[n] = '\0';
    bool has = strstr(all, text);
    free(all);
    return has;
}

/* --- spans --- */

static void test_llm_call_is_a_span_by_the_conventions(void **state)
{
    (void)state;
    tt_llm_call call = {.size = sizeof call, .provider = "anthropic", .session_id = "s-1"};
    call.model = "claude-3-5-sonnet-20241022";
    tt_llm_call_begin(catalog, &call);
    call.input_tokens = 1000;
    call.cached_input_tokens = 400;
    call.output_tokens = 200;
    call.finish_reason = "stop";
    tt_llm_call_end(&call);
    otlp_sink_has(&sink, "\"name\":\"chat claude-3-5-sonnet-20241022\",\"kind\":3");
    otlp_sink_has(&sink, "\"gen_ai.operation.name\",\"value\":{\"stringValue\":\"chat\"}");
    otlp_sink_has(&sink, "\"gen_ai.provider.name\",\"value\":{\"stringValue\":\"anthropic\"}");
    otlp_sink_has(&sink, "\"gen_ai.conversation.id\",\"value\":{\"stringValue\":\"s-1\"}");
    otlp_sink_has(&sink, "\"gen_ai.usage.input_tokens\",\"value\":{\"intValue\":\"1000\"}");
    otlp_sink_has(&sink, "\"gen_ai.response.finish_reasons\",\"value\":{\"arrayValue\":"
                         "{\"values\":[{\"stringValue\":\"stop\"}]}}");
    otlp_sink_has(&sink, "\"gen_ai.usage.cost\",\"value\":{\"doubleValue\":0.00492}");
    otlp_sink_lacks(&sink, "gen_ai.response.id");
    otlp_sink_lacks(&sink, "error.type");
}

static void test_failed_operation_has_its_error_on_span_and_metrics(void **state)
{
    (void)state;
    tt_tool_call call = {.size = sizeof call, .tool = "grep"};
    tt_tool_call_begin(catalog, &call);
    call.error_type = "timeout";
    call.error_message = "no answer in 5 s";
    tt_tool_call_end(&call);
    otlp_sink_has(&sink, "\"name\":\"execute_tool grep\"");
    otlp_sink_has(&sink, "\"error.type\",\"value\":{\"stringValue\":\"timeout\"}");
    otlp_sink_has(&sink, "\"name\":\"exception\"");
    otlp_sink_has(&sink, "\"status\":{\"message\":\"no answer in 5 s\",\"code\":2}");
    assert_true(scrape_has("tool_call_failure_total{error_type=\"timeout\",tool=\"grep\"} 1\n"));
    assert_true(scrape_has("tool_calls_total{status=\"error\",tool=\"grep\"} 1\n"));
    assert_false(scrape_has("tool_call_success_total{"));
}

static void test_workflows_and_commands_are_spans_of_their_plans(void **state)
{
    (void)state;
    tt_workflow flow = {.size = sizeof flow, .workflow_id = "w-1", .workflow_name = "release"};
    tt_workflow_step step = {.size = sizeof step, .step_name = "build", .step_type = "shell"};
    tt_command command = {.size = sizeof command, .request = "ApproveOrder"};
    tt_workflow_begin(catalog, &flow);
    tt_workflow_step_begin(catalog, &step);
    tt_command_begin(catalog, &command);
    command.error_type = "Refused";
    command.error_message = "no";
    tt_command_end(&command);
    tt_workflow_step_end(&step);
    tt_workflow_end(&flow);
    otlp_sink_has(&sink, "\"name\":\"ExecuteWorkflow\"");
    otlp_sink_has(&sink, "\"workflow.id\",\"value\":{\"stringValue\":\"w-1\"}");
    otlp_sink_has(&sink, "\"workflow.name\",\"value\":{\"stringValue\":\"release\"}");
    otlp_sink_has(&sink, "\"name\":\"ExecuteStep:build\"");
    otlp_sink_has(&sink, "\"step.type\",\"value\":{\"stringValue\":\"shell\"}");
    otlp_sink_has(&sink, "\"name\":\"MediatR.ApproveOrder\"");
    otlp_sink_has(&sink, "\"status\":{\"message\":\"no\",\"code\":2}");
}

static void test_operations_nest_as_spans(void **state)
{
    (void)state;
    tt_agent_execution run = {.size = sizeof run, .agent_type = "coder", .agent_id = "a-1"};
    tt_agent_execution_begin(catalog, &run);
    tt_span_context parent = tt_span_context_of(run.op.span);
    char id[17], text[64];
    tt_span_id_format(&parent, id);
    tt_tool_call call = {.size = sizeof call, .tool = "grep"};
    tt_tool_call_begin(catalog, &call);
    tt_tool_call_end(&call);
    (void)snprintf(text, sizeof text, "\"parentSpanId\":\"%s\"", id);
    otlp_sink_has(&sink, text);
    assert_true(tt_span_current().memory == run.op.span.memory);
    tt_agent_execution_end(&run);
    assert_null(tt_span_current().memory);
    otlp_sink_has(&sink, "\"name\":\"invoke_agent coder\",\"kind\":1");
    otlp_sink_has(&sink, "\"gen_ai.agent.id\",\"value\":{\"stringValue\":\"a-1\"}");
}

static void test_detached_operation_is_not_current(void **state)
{
    (void)state;
    tt_task task = {.size = sizeof task, .task_type = "review", .detached = true};
    tt_task_begin(catalog, &task);
    assert_null(tt_span_current().memory);
    tt_task_end(&task);
    otlp_sink_has(&sink, "\"name\":\"execute_task review\"");
}

static void test_sets_have_tracers_of_their_own(void **state)
{
    (void)state;
    tt_approval approval = {.size = sizeof approval, .approval_id = "p-1", .operator_id = "o-1"};
    tt_approval_begin(catalog, &approval);
    tt_approval_end(&approval);
    otlp_sink_has(&sink, "\"name\":\"Orchestra.Core.Escalation\",\"version\":\"1.0.0\"");
    otlp_sink_has(&sink, "\"name\":\"SendApprovalRequest\",\"kind\":3");
    otlp_sink_has(&sink, "\"approval.approved\",\"value\":{\"boolValue\":false}");
    otlp_sink_has(&sink, "\"operator.id\",\"value\":{\"stringValue\":\"o-1\"}");
}

static void test_names_of_spans_leave_out_what_is_not_told(void **state)
{
    (void)state;
    tt_http_request request = {.size = sizeof request, .method = "GET"};
    tt_http_request_begin(catalog, &request);
    tt_http_request_end(&request);
    otlp_sink_has(&sink, "\"name\":\"GET\",\"kind\":2");
    tt_db_query query = {.size = sizeof query};
    tt_db_query_begin(catalog, &query);
    tt_db_query_end(&query);
    otlp_sink_has(&sink, "\"name\":\"db_query\",\"kind\":3");
}

static void test_long_names_are_cut_between_characters(void **state)
{
    (void)state;
    char tool[600] = "";
    for (size_t i = 0; i + 2 < sizeof tool; i += 2)
        memcpy(tool + i, "\xc3\xa4", 3); // ä
    tt_tool_call call = {.size = sizeof call, .tool = tool};
    tt_tool_call_begin(catalog, &call);
    tt_tool_call_end(&call);
    char name[300];
    (void)snprintf(name, sizeof name, "\"name\":\"execute_tool %.242s\"", tool);
    otlp_sink_has(&sink, name);
}

static void test_server_errors_fail_a_request_and_client_errors_do_not(void **state)
{
    (void)state;
    tt_http_request request = {.size = sizeof request, .method = "GET", .route = "/a"};
    tt_http_request_begin(catalog, &request);
    request.status = 404;
    tt_http_request_end(&request);
    otlp_sink_lacks(&sink, "error.type");
    tt_http_request other = {.size = sizeof other, .method = "GET", .route = "/a"};
    tt_http_request_begin(catalog, &other);
    other.status = 503;
    tt_http_request_end(&other);
    otlp_sink_has(&sink, "\"error.type\",\"value\":{\"stringValue\":\"503\"}");
    assert_true(scrape_has("http_requests_total{method=\"GET\",path=\"/a\",status=\"404\"} 1\n"));
    assert_true(scrape_has("http_requests_total{method=\"GET\",path=\"/a\",status=\"503\"} 1\n"));
    assert_true(scrape_has("\nerror_rate 50\n"));
    assert_true(scrape_has("http_server_active_requests{http_request_method=\"GET\","
                           "url_scheme=\"http\"} 0\n"));
}

/* --- lives of operations --- */

#if defined(__GNUC__) || defined(__clang__)
static int leave_early(int n)
{
    TT_TOOL_CALL(call, catalog, .tool = "grep");
    if (n > 0)
        return n;
    call.error_type = "empty";
    return 0;
}

static void test_block_ends_its_operation_on_every_way_out(void **state)
{
    (void)state;
    (void)leave_early(1);
    (void)leave_early(0);
    assert_null(tt_span_current().memory);
    assert_true(scrape_has("tool_calls_total{status=\"success\",tool=\"grep\"} 1\n"));
    assert_true(scrape_has("tool_calls_total{status=\"error\",tool=\"grep\"} 1\n"));
}
#endif

static void test_gauges_of_what_is_active_go_up_and_down(void **state)
{
    (void)state;
    tt_agent_execution run = {.size = sizeof run, .agent_type = "coder"};
    tt_agent_execution_begin(catalog, &run);
    assert_true(scrape_has("active_agents_total{agent_type=\"coder\"} 1\n"));
    tt_websocket socket = {.size = sizeof socket, .endpoint = "/ws"};
    tt_websocket_begin(catalog, &socket);
    assert_true(scrape_has("\nactive_connections 1\n"));
    tt_websocket_end(&socket);
    tt_agent_execution_end(&run);
    assert_true(scrape_has("active_agents_total{agent_type=\"coder\"} 0\n"));
    assert_true(scrape_has("\nactive_connections 0\n"));
}

static void test_tracked_operation_has_the_duration_that_was_told(void **state)
{
    (void)state;
    tt_agent_execution run = {.size = sizeof run, .agent_type = "coder", .phase = "plan"};
    tt_agent_execution_track(catalog, &run, INT64_C(5000000000));
    assert_true(scrape_has("agent_execution_duration_seconds_sum{agent_type=\"coder\","
                           "phase=\"plan\"} 5\n"));
    assert_int_equal(sink.items, 1);
    tt_agent_execution never = {.size = sizeof never, .agent_type = "coder", .phase = "none"};
    tt_agent_execution_track(catalog, &never, -1);
    assert_true(scrape_has("agent_execution_duration_seconds_sum{agent_type=\"coder\","
                           "phase=\"none\"} 0\n"));
}

static void test_misuse_is_harmless_and_told(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_tool_call sizeless = {.tool = "grep"};
    tt_tool_call_begin(catalog, &sizeless);
    tt_tool_call_end(&sizeless);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    tt_tool_call call = {.size = sizeof call, .tool = "grep"};
    tt_tool_call_end(&call);
    tt_tool_call_begin(catalog, &call);
    tt_tool_call_begin(catalog, &call);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 2);
    tt_tool_call_end(&call);
    tt_tool_call_end(&call);
    assert_true(scrape_has("tool_calls_total{status=\"success\",tool=\"grep\"} 1\n"));
    tt_tool_call_begin(catalog, NULL);
    tt_tool_call_end(NULL);
    tt_tool_call_track(catalog, NULL, 1);
}

static void *end_task(void *arg)
{
    tt_task_end(arg);
    return NULL;
}

static void test_operation_that_ends_in_another_thread_leaves_that_one_alone(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_task task = {.size = sizeof task, .task_type = "review"};
    tt_task_begin(catalog, &task);
    pthread_t thread;
    assert_int_equal(pthread_create(&thread, NULL, end_task, &task), 0);
    assert_int_equal(pthread_join(thread, NULL), 0);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE) - before, 1);
    otlp_sink_has(&sink, "\"name\":\"execute_task review\"");
    tt_leave(task.op.token);
    assert_null(tt_span_current().memory);
}

static void test_spans_that_are_not_sampled_nest_all_the_same(void **state)
{
    (void)state;
    uint64_t before = tt_problem_count(TT_PROBLEM_MISUSE);
    tt_tracer_provider_options t = {.size = sizeof t, .exporter = otlp_sink_exporter(&sink)};
    t.sampler = tt_sampler_always_off();
    tt_catalog_options o = {.size = sizeof o, .tracers = tt_tracer_provider_new(&t)};
    tt_catalog *unsampled = tt_catalog_new(&o);
    for (int i = 0; i < 2; i++) {
        tt_task outer = {.size = sizeof outer}, inner = {.size = sizeof inner};
        tt_task_begin(unsampled, &outer);
        tt_task_begin(unsampled, &inner);
        tt_task_end(&inner);
        tt_task_end(&outer);
        if (i == 0)
            assert_int_equal(tt_tracer_provider_shutdown(o.tracers, 1000), TT_OK);
    }
    assert_null(tt_span_current().memory);
    assert_int_equal(tt_problem_count(TT_PROBLEM_MISUSE), before);
    assert_int_equal(sink.items, 0);
    tt_catalog_free(unsampled);
    tt_tracer_provider_free(o.tracers);
}

static void test_what_was_computed_can_be_read_afterwards(void **state)
{
    (void)state;
    tt_llm_call call = {.size = sizeof call, .provider = "openai", .model = "gpt-4"};
    tt_llm_call_begin(catalog, &call);
    call.input_tokens = 1000;
    tt_llm_call_end(&call);
    assert_true(call.cost_usd > 0.0299 && call.cost_usd < 0.0301);
    assert_string_equal(call.operation, "chat");
    assert_true(call.op.duration_ns > 0);
    tt_http_call failed = {.size = sizeof failed, .method = "GET", .status = 404};
    tt_http_call_track(catalog, &failed, 1);
    assert_string_equal(failed.error_type, "404");
    tt_tool_call tracked = {.size = sizeof tracked, .tool = "grep"};
    tt_tool_call_track(NULL, &tracked, 5);
    assert_false(tracked.op.tracked); // a later _begin measures by itself
}

static void test_no_catalog_and_no_providers_do_nothing(void **state)
{
    (void)state;
    tt_catalog_options none = {.size = sizeof none};
    tt_catalog *empty = tt_catalog_new(&none), *catalogs[] = {NULL, empty};
    for (int i = 0; i < 2; i++) {
        tt_llm_call call = {.size = sizeof call, .provider = "acme", .model = "m"};
        tt_llm_call_begin(catalogs[i], &call);
        call.input_tokens = 7;
        tt_llm_call_end(&call);
        tt_error_record(catalogs[i], "here", "timeout", "error");
        tt_context_window_set(catalogs[i], "a", "s", 1, 2);
        tt_approval_queue_set(catalogs[i], 7);
        tt_track_request(catalogs[i], "GET /", 5, 200, NULL, 0);
        tt_track_dependency(catalogs[i], "db", "SQL", 5, true, NULL, 0);
        tt_track_exception(catalogs[i], "E", "text", NULL, 0);
        tt_track_event(catalogs[i], "event", NULL, 0);
    }
    tt_catalog_free(empty);
    tt_catalog_free(NULL);
    assert_int_equal(sink.items, 0);
}

/* --- options --- */

static void test_providers_of_the_process_are_taken_when_none_are_given(void **state)
{
    (void)state;
    tt_sdk sdk = {.meters = tt_meter_provider_new(NULL)};
    assert_int_equal(tt_sdk_set_global(&sdk), TT_OK);
    tt_catalog *global = tt_catalog_new(NULL);
    tt_revenue_record(global, "pro", 2.5);
    char text[4096];
    size_t n;
    assert_int_equal(tt_prometheus_render(sdk.meters, NULL, text, sizeof text - 1, &n), TT_OK);
    text[n] = '\0';
    assert_non_null(strstr(text, "pricing_tier=\"pro\"} 2.5\n"));
    assert_int_equal(tt_shutdown(0), TT_OK);
    tt_catalog_free(global);
    tt_cleanup();
}

static void test_only_chosen_sets_are_recorded(void **state)
{
    (void)state;
    tt_catalog *some = new_catalog((tt_catalog_options){.sets = TT_SET_AGENTS});
    tt_llm_call call = {.size = sizeof call, .provider = "acme", .model = "m"};
    call.agent_type = "coder";
    tt_llm_call_begin(some, &call);
    call.input_tokens = 7;
    tt_llm_call_end(&call);
    tt_task_queue_set(some, "high", 3);
    assert_true(scrape_has("agent_tokens_used_total{agent_type=\"coder\",model=\"m\"} 7\n"));
    assert_true(scrape_has("task_queue_size{priority=\"high\"} 3\n"));
    assert_true(scrape_has("telltale_llm_unpriced_total{model=\"m\",provider=\"acme\"} 1\n"));
    assert_false(scrape_has("llm_api_calls_total"));
    assert_false(scrape_has("gen_ai_client"));
    tt_catalog_free(some);
}

static void test_ids_are_labels_when_asked_for(void **state)
{
    (void)state;
    tt_meter_provider *others = tt_meter_provider_new(NULL);
    tt_catalog_options o = {.size = sizeof o, .meters = others, .keep_ids = true};
    tt_catalog *with_ids = tt_catalog_new(&o);
    tt_approval_request_record(with_ids, "s-1", "o-1");
    tt_context_window_set(with_ids, "a-1", "s-1", 30, 120);
    char text[8192];
    size_t n;
    tt_prometheus_options p = {.size = sizeof p, .without_scope = true};
    assert_int_equal(tt_prometheus_render(others, &p, text, sizeof text - 1, &n), TT_OK);
    text[n] = '\0';
    assert_non_null(strstr(text, "escalation_approval_requests_total{operator_id=\"o-1\","
                                 "session_id=\"s-1\"} 1\n"));
    assert_non_null(strstr(text, "context_window_utilization{agent_id=\"a-1\",session_id=\"s-1\"} "
                                 "25\n"));
    tt_catalog_free(with_ids);
    tt_meter_provider_free(others);
}

static void test_optional_labels_are_there_when_they_are_told(void **state)
{
    (void)state;
    tt_http_request request = {
        .size = sizeof request, .method = "GET", .route = "/", .status = 200};
    tt_http_request_track(catalog, &request, 1000000);
    assert_true(scrape_has("http_server_request_duration_seconds_count{http_request_method=\"GET\","
                           "http_response_status_code=\"200\",http_route=\"/\","
                           "url_scheme=\"http\"} 1\n"));
    request.server_address = "shop.example";
    request.server_port = 8443;
    request.protocol_name = "spdy";
    request.synthetic_type = "bot";
    tt_http_request_track(catalog, &request, 1000000);
    assert_true(scrape_has("http_route=\"/\",network_protocol_name=\"spdy\","
                           "server_address=\"shop.example\",server_port=\"8443\","
                           "url_scheme=\"http\",user_agent_synthetic_type=\"bot\"} 1\n"));
    tt_rpc_request rpc = {.size = sizeof rpc, .method = "a/B", .server_address = "rpc.example"};
    tt_rpc_request_track(catalog, &rpc, 1000000);
    assert_true(scrape_has("server_address=\"rpc.example\"} 1\n"));
    tt_db_query query = {.size = sizeof query, .system = "postgresql", .text = "CALL f($1)"};
    query.stored_procedure = "f";
    query.peer_address = "10.0.0.7";
    query.peer_port = 5432;
    tt_db_query_track(catalog, &query, 1000000);
    assert_true(scrape_has("db_stored_procedure_name=\"f\",db_system_name=\"postgresql\","
                           "network_peer_address=\"10.0.0.7\",network_peer_port=\"5432\"} 1\n"));
    assert_false(scrape_has("CALL"));
}

static void test_texts_of_many_values_are_labels_when_ids_are(void **state)
{
    (void)state;
    tt_meter_provider *others = tt_meter_provider_new(NULL);
    tt_catalog_options o = {.size = sizeof o, .meters = others, .keep_ids = true};
    tt_catalog *with_ids = tt_catalog_new(&o);
    tt_db_query query = {.size = sizeof query, .system = "postgresql", .text = "CALL f($1)"};
    tt_mcp_call call = {.size = sizeof call, .method = "resources/read", .resource_uri = "a:b"};
    tt_db_query_track(with_ids, &query, 1000000);
    tt_mcp_call_track(with_ids, &call, 1000000);
    char *text;
    size_t n;
    tt_prometheus_options p = {.size = sizeof p, .without_scope = true};
    assert_int_equal(tt_prometheus_render_new(others, &p, 1 << 20, &text, &n), TT_OK);
    assert_true(str_find(str_of(text, n), STR("db_query_text=\"CALL f($1)\"")) < n);
    assert_true(str_find(str_of(text, n), STR("mcp_resource_uri=\"a:b\"")) < n);
    free(text);
    tt_catalog_free(with_ids);
    tt_meter_provider_free(others);
}

static void test_ids_stand_on_exemplars(void **state)
{
    (void)state;
    tt_metric_reader_options r = {.size = sizeof r, .interval_ms = 3600000};
    r.exporter = otlp_sink_exporter(&sink);
    tt_metric_reader *reader = tt_metric_reader_start(meters, &r);
    tt_approval approval = {.size = sizeof approval, .session_id = "s-1", .operator_id = "o-1"};
    tt_approval_begin(catalog, &approval);
    approval.approved = true;
    tt_approval_end(&approval);
    assert_int_equal(tt_metric_reader_stop(reader, 10000), TT_OK);
    otlp_sink_has(&sink, "\"name\":\"escalation.approval.requests\"");
    otlp_sink_has(&sink, "\"filteredAttributes\":["
                         "{\"key\":\"operator_id\",\"value\":{\"stringValue\":\"o-1\"}},"
                         "{\"key\":\"session_id\",\"value\":{\"stringValue\":\"s-1\"}}]");
    assert_false(scrape_has("operator_id=\"o-1\""));
}

static void test_ids_of_calls_go_to_the_current_span(void **state)
{
    (void)state;
    tt_span_block block = tt_span_block_begin(tt_tracer_get(tracers, "t", NULL), "outer");
    tt_context_window_set(catalog, "a-1", "s-1", 30, 120);
    tt_span_block_end(&block);
    otlp_sink_has(&sink, "\"gen_ai.agent.id\",\"value\":{\"stringValue\":\"a-1\"}");
    otlp_sink_has(&sink, "\"context_window.used_tokens\",\"value\":{\"intValue\":\"30\"}");
    assert_true(scrape_has("\ncontext_window_used_tokens 30\n"));
}

static void test_the_process_has_one_catalog_for_each_tt_init(void **state)
{
    (void)state;
    assert_null(tt_catalog_global());
    tt_catalog *seen[2];
    for (int i = 0; i < 2; i++) {
        tt_sdk sdk = {.meters = tt_meter_provider_new(NULL)};
        assert_int_equal(tt_sdk_set_global(&sdk), TT_OK);
        seen[i] = tt_catalog_global();
        assert_non_null(seen[i]);
        assert_ptr_equal(tt_catalog_global(), seen[i]);
        tt_revenue_record(tt_catalog_global(), "pro", 2.5);
        char text[4096];
        size_t n;
        assert_int_equal(tt_prometheus_render(sdk.meters, NULL, text, sizeof text - 1, &n), TT_OK);
        text[n] = '\0';
        assert_non_null(strstr(text, "pricing_tier=\"pro\"} 2.5\n"));
        assert_int_equal(tt_shutdown(0), TT_OK);
        assert_null(tt_catalog_global());
    }
    assert_ptr_not_equal(seen[0], seen[1]);
    tt_revenue_record(seen[0], "pro", 1); // goes nowhere
    tt_catalog_cleanup();
    tt_catalog_cleanup(); // nothing is left
    tt_cleanup();
}

/* --- tracked as by Application Insights --- */

static void test_requests_and_dependencies_are_spans(void **state)
{
    (void)state;
    tt_attr property = tt_str("tenant", "t-1");
    tt_track_request(catalog, "GET /users", 12.5, 500, &property, 1);
    otlp_sink_has(&sink, "\"name\":\"GET /users\",\"kind\":2");
    otlp_sink_has(&sink, "\"http.response.status_code\",\"value\":{\"intValue\":\"500\"}");
    otlp_sink_has(&sink, "\"tenant\",\"value\":{\"stringValue\":\"t-1\"}");
    otlp_sink_has(&sink, "\"status\":{\"message\":\"\",\"code\":2}");
    tt_track_dependency(catalog, "users", "SQL", 3, true, NULL, 0);
    otlp_sink_has(&sink, "\"name\":\"users\",\"kind\":3");
    otlp_sink_has(&sink, "\"dependency.type\",\"value\":{\"stringValue\":\"SQL\"}");
    tt_track_request(catalog, NULL, -1, 0, NULL, 7);
    tt_track_request(catalog, "odd", 0.0 / 0.0, 200, NULL, 0);
    tt_track_request(catalog, "long", 1e300, 200, NULL, 0);
    assert_int_equal(sink.items, 5);
}

static void test_exceptions_and_events_are_records_of_the_span(void **state)
{
    (void)state;
    tt_attr property = tt_str("order", "o-7");
    tt_track_exception(catalog, "IOError", "disk full", &property, 1);
    otlp_sink_has(&sink, "\"eventName\":\"exception\"");
    otlp_sink_has(&sink, "\"exception.type\",\"value\":{\"stringValue\":\"IOError\"}");
    otlp_sink_has(&sink, "\"exception.message\",\"value\":{\"stringValue\":\"disk full\"}");
    tt_track_event(catalog, "order placed", &property, 1);
    otlp_sink_has(&sink, "\"eventName\":\"order placed\"");
    otlp_sink_has(&sink, "\"order\",\"value\":{\"stringValue\":\"o-7\"}");
    assert_int_equal(sink.items, 2);
    tt_track_event(catalog, NULL, NULL, 0);
    assert_int_equal(sink.items, 2);
}

static void test_events_of_agents_and_missions_name_them(void **state)
{
    (void)state;
    tt_attr property = tt_str("error", "no team");
    tt_track_mission_event(catalog, "m-1", "mission_failed", &property, 1);
    otlp_sink_has(&sink, "\"eventName\":\"mission_failed\"");
    otlp_sink_has(&sink, "\"mission.id\",\"value\":{\"stringValue\":\"m-1\"}");
    otlp_sink_has(&sink, "\"event\",\"value\":{\"stringValue\":\"mission_failed\"}");
    otlp_sink_has(&sink, "\"error\",\"value\":{\"stringValue\":\"no team\"}");
    tt_track_agent_event(catalog, "a-1", "started", NULL, 0);
    otlp_sink_has(&sink, "\"agent.id\",\"value\":{\"stringValue\":\"a-1\"}");
    tt_track_agent_event(catalog, "a-1", NULL, NULL, 0);
    tt_track_mission_event(NULL, "m-1", "none", NULL, 0);
    assert_int_equal(sink.items, 2);
}

static void test_without_loggers_events_go_to_the_span(void **state)
{
    (void)state;
    tt_catalog_options o = {.size = sizeof o, .tracers = tracers};
    tt_catalog *spans = tt_catalog_new(&o);
    tt_task task = {.size = sizeof task};
    tt_task_begin(spans, &task);
    tt_track_event(spans, "half done", NULL, 0);
    tt_task_end(&task);
    otlp_sink_has(&sink, "\"name\":\"half done\"");
    tt_catalog_free(spans);
}

static void test_too_many_properties_are_cut(void **state)
{
    (void)state;
    tt_attr many[100];
    char keys[100][8];
    for (int i = 0; i < 100; i++) {
        (void)snprintf(keys[i], sizeof keys[i], "k%d", i);
        many[i] = tt_int(keys[i], i);
    }
    uint64_t before = tt_problem_count(TT_PROBLEM_LIMIT);
    tt_track_event(catalog, "full", many, 100);
    assert_int_equal(tt_problem_count(TT_PROBLEM_LIMIT) - before, 1);
    otlp_sink_has(&sink, "\"k39\"");
    otlp_sink_lacks(&sink, "\"k40\"");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_llm_call_is_a_span_by_the_conventions),
        TEST(test_failed_operation_has_its_error_on_span_and_metrics),
        TEST(test_workflows_and_commands_are_spans_of_their_plans),
        TEST(test_operations_nest_as_spans),
        TEST(test_detached_operation_is_not_current),
        TEST(test_sets_have_tracers_of_their_own),
        TEST(test_names_of_spans_leave_out_what_is_not_told),
        TEST(test_long_names_are_cut_between_characters),
        TEST(test_server_errors_fail_a_request_and_client_errors_do_not),
#if defined(__GNUC__) || defined(__clang__)
        TEST(test_block_ends_its_operation_on_every_way_out),
#endif
        TEST(test_gauges_of_what_is_active_go_up_and_down),
        TEST(test_tracked_operation_has_the_duration_that_was_told),
        TEST(test_misuse_is_harmless_and_told),
        TEST(test_operation_that_ends_in_another_thread_leaves_that_one_alone),
        TEST(test_spans_that_are_not_sampled_nest_all_the_same),
        TEST(test_what_was_computed_can_be_read_afterwards),
        TEST(test_no_catalog_and_no_providers_do_nothing),
        TEST(test_providers_of_the_process_are_taken_when_none_are_given),
        TEST(test_the_process_has_one_catalog_for_each_tt_init),
        TEST(test_only_chosen_sets_are_recorded),
        TEST(test_ids_are_labels_when_asked_for),
        TEST(test_optional_labels_are_there_when_they_are_told),
        TEST(test_texts_of_many_values_are_labels_when_ids_are),
        TEST(test_ids_stand_on_exemplars),
        TEST(test_ids_of_calls_go_to_the_current_span),
        TEST(test_requests_and_dependencies_are_spans),
        TEST(test_exceptions_and_events_are_records_of_the_span),
        TEST(test_events_of_agents_and_missions_name_them),
        TEST(test_without_loggers_events_go_to_the_span),
        TEST(test_too_many_properties_are_cut),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
