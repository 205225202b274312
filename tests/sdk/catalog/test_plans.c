/* The names, types, labels and buckets that programs, dashboards and alerts rely on, written down
 * here once more: a change of the catalog that breaks one of them shows. */
#include <stdio.h>
#include <stdlib.h>

#include "catalog/runtime.h"
#include "drive.h"
#include "support/check.h"
#include "telltale/prometheus_text.h"

struct promised {
    const char *scope, *name, *type;
    const char *labels; /* in order of the alphabet */
    const char *bounds; /* of histograms */
};

#define APPROVALS "Orchestra.Core.Escalation"
#define GATEWAY "CodeAgent.Metrics"
#define PLATFORM "telltale.platform"
#define AGENTS "telltale.agents"
#define HTTP_BUCKETS "0.005 0.01 0.025 0.05 0.075 0.1 0.25 0.5 0.75 1 2.5 5 7.5 10"
#define DB_BUCKETS "0.001 0.005 0.01 0.05 0.1 0.5 1 5 10"
#define MCP_BUCKETS "0.01 0.02 0.05 0.1 0.2 0.5 1 2 5 10 30 60 120 300"
#define GEN_AI_BUCKETS "0.01 0.02 0.04 0.08 0.16 0.32 0.64 1.28 2.56 5.12 10.24 20.48 40.96 81.92"
#define GEN_AI_LABELS                                                                              \
    "gen_ai_operation_name gen_ai_provider_name gen_ai_request_model gen_ai_response_model"
#define MCP_LABELS                                                                                 \
    "error_type gen_ai_operation_name gen_ai_prompt_name gen_ai_tool_name "                        \
    "jsonrpc_protocol_version mcp_method_name mcp_protocol_version network_protocol_name "         \
    "network_protocol_version network_transport rpc_response_status_code"
#define MCP_SESSION_LABELS                                                                         \
    "error_type jsonrpc_protocol_version mcp_protocol_version network_protocol_name "              \
    "network_protocol_version network_transport"
#define HTTP_LABELS                                                                                \
    "error_type http_request_method http_response_status_code http_route "                         \
    "network_protocol_version url_scheme"

static const struct promised promises[] = {
    {APPROVALS, "escalation_approval_requests_total", "counter", "", NULL},
    {APPROVALS, "escalation_approval_responses_total", "counter", "approved", NULL},
    {APPROVALS, "escalation_response_time_milliseconds", "histogram", "approved",
     "1000 2000 5000 10000 30000 60000 120000 300000 600000 1.8e+06 3.6e+06 1.44e+07 4.32e+07 "
     "8.64e+07"},
    {APPROVALS, "telegram_api_failures_total", "counter", "failure_type", NULL},
    {APPROVALS, "telegram_retry_attempts_total", "counter", "attempt", NULL},
    {APPROVALS, "escalation_queue_size", "gauge", "", NULL},
    {APPROVALS, "circuit_breaker_state", "gauge", "breaker", NULL},
    {APPROVALS, "escalation_approval_rate", "gauge", "", NULL},
    {APPROVALS, "telegram_retry_success_rate", "gauge", "", NULL},

    {GATEWAY, "codeagent_requests_total", "counter", "endpoint method status", NULL},
    {GATEWAY, "codeagent_request_duration_milliseconds", "histogram", "endpoint method",
     "1 5 10 25 50 100 250 500 1000 2500 5000 10000"},
    {GATEWAY, "codeagent_connections_active_connections", "gauge", "", NULL},
    {GATEWAY, "codeagent_request_size_bytes", "histogram", "endpoint method", NULL},
    {GATEWAY, "codeagent_active_users", "gauge", "", NULL},
    {GATEWAY, "codeagent_websocket_connections_total", "counter", "", NULL},
    {GATEWAY, "request_count_total", "counter", "endpoint", NULL},
    {GATEWAY, "request_duration_milliseconds", "histogram", "endpoint", NULL},
    {GATEWAY, "error_rate", "gauge", "", NULL},
    {GATEWAY, "active_connections", "gauge", "", NULL},
    {GATEWAY, "message_throughput_total", "counter", "direction", NULL},
    {GATEWAY, "llm_requests_total", "counter", "provider", NULL},
    {GATEWAY, "llm_latency_milliseconds", "histogram", "provider", NULL},
    {GATEWAY, "token_usage_total", "counter", "provider token_type", NULL},
    {GATEWAY, "hit_rate", "gauge", "", NULL},
    {GATEWAY, "eviction_count_total", "counter", "", NULL},
    {GATEWAY, "query_duration_milliseconds", "histogram", "operation", NULL},
    {GATEWAY, "connection_pool", "gauge", "", NULL},

    {"mcp", "mcp_connections_total", "counter", "", NULL},
    {"mcp", "mcp_connections_active", "gauge", "", NULL},
    {"mcp", "mcp_connection_duration_seconds", "histogram", "status", NULL},
    {"mcp", "mcp_connection_errors_total", "counter", "error_type", NULL},
    {"mcp", "mcp_sessions_created_total", "counter", "", NULL},
    {"mcp", "mcp_sessions_active", "gauge", "", NULL},
    {"mcp", "mcp_sessions_evicted_total", "counter", "", NULL},
    {"mcp", "mcp_session_duration_seconds", "histogram", "", NULL},
    {"mcp", "mcp_session_heartbeat_checks_total", "counter", "", NULL},
    {"mcp", "mcp_session_dead_detected_total", "counter", "", NULL},
    {"mcp", "mcp_requests_total", "counter", "method status", NULL},
    {"mcp", "mcp_request_duration_seconds", "histogram", "method", NULL},
    {"mcp", "mcp_request_size_bytes", "histogram", "method", NULL},
    {"mcp", "mcp_response_size_bytes", "histogram", "method", NULL},
    {"mcp", "mcp_interceptor_duration_seconds", "histogram", "interceptor phase", NULL},
    {"mcp", "mcp_interceptor_errors_total", "counter", "error_type interceptor", NULL},
    {"mcp", "mcp_interceptor_actions_total", "counter", "action interceptor", NULL},
    {"mcp", "mcp_pool_connections_created_total", "counter", "pool", NULL},
    {"mcp", "mcp_pool_connections_reused_total", "counter", "pool", NULL},
    {"mcp", "mcp_pool_connections_idle", "gauge", "pool", NULL},
    {"mcp", "mcp_pool_wait_duration_seconds", "histogram", "pool", NULL},
    {"mcp", "mcp_resource_memory_bytes", "gauge", "", NULL},
    {"mcp", "mcp_resource_task_spawns_total", "counter", "", NULL},
    {"mcp", "mcp_resource_memory_pressure_total", "counter", "", NULL},

    {PLATFORM, "http_requests_total", "counter", "method path status", NULL},
    {PLATFORM, "http_request_duration_seconds", "histogram", "method path",
     "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1 2.5 5 10"},
    {PLATFORM, "agent_operations_total", "counter", "agent_type operation status", NULL},
    {PLATFORM, "agent_execution_duration_seconds", "histogram", "agent_type operation",
     "0.1 0.5 1 5 10 30 60 120 300"},
    {PLATFORM, "active_teams_total", "gauge", "status", NULL},
    {PLATFORM, "active_teams", "gauge", "status", NULL},
    {PLATFORM, "active_agents_total", "gauge", "agent_type", NULL},
    {PLATFORM, "active_agents", "gauge", "agent_type", NULL},
    {PLATFORM, "task_operations_total", "counter", "operation status", NULL},
    {PLATFORM, "task_queue_size", "gauge", "priority", NULL},
    {PLATFORM, "llm_api_calls_total", "counter", "model provider status", NULL},
    {PLATFORM, "llm_api_duration_seconds", "histogram", "model provider", "0.5 1 2 5 10 20 30 60"},
    {PLATFORM, "llm_tokens_used_total", "counter", "model provider token_type", NULL},
    {PLATFORM, "llm_cost_usd_total", "counter", "model provider", NULL},
    {PLATFORM, "db_queries_total", "counter", "operation status", NULL},
    {PLATFORM, "db_query_duration_seconds", "histogram", "operation",
     "0.001 0.005 0.01 0.025 0.05 0.1 0.25 0.5 1"},
    {PLATFORM, "db_pool_connections", "gauge", "state", NULL},
    {PLATFORM, "cache_operations_total", "counter", "operation result", NULL},
    {PLATFORM, "cache_hit_ratio", "gauge", "cache_type", NULL},
    {PLATFORM, "errors_total", "counter", "component error_type", NULL},
    {PLATFORM, "error_recovery_operations_total", "counter", "recovery_type result", NULL},
    {PLATFORM, "missions_completed_total", "counter", "outcome", NULL},
    {PLATFORM, "mission_duration_seconds", "histogram", "team_size", "60 300 600 1800 3600 7200"},
    {PLATFORM, "revenue_usd_total", "counter", "pricing_tier", NULL},

    {AGENTS, "agent_execution_total", "counter", "agent_type phase status", NULL},
    {AGENTS, "agent_execution_duration_seconds", "histogram", "agent_type phase",
     "0.1 0.5 1 5 10 30 60 120 300"},
    {AGENTS, "agent_tokens_used_total", "counter", "agent_type model", NULL},
    {AGENTS, "tool_calls_total", "counter", "status tool", NULL},
    {AGENTS, "tool_call_duration_seconds", "histogram", "tool", NULL},
    {AGENTS, "tool_call_success_total", "counter", "tool", NULL},
    {AGENTS, "tool_call_failure_total", "counter", "error_type tool", NULL},
    {AGENTS, "context_window_utilization", "gauge", "", NULL},
    {AGENTS, "context_window_size_tokens", "gauge", "", NULL},
    {AGENTS, "context_window_used_tokens", "gauge", "", NULL},
    {AGENTS, "error_rate", "gauge", "component error_type", NULL},
    {AGENTS, "error_total", "counter", "component error_type severity", NULL},
    {AGENTS, "task_duration_seconds", "histogram", "status task_type", NULL},
    {AGENTS, "task_success_total", "counter", "task_type", NULL},
    {AGENTS, "task_failure_total", "counter", "error_type task_type", NULL},

    {"telltale.gen_ai", "gen_ai_client_token_usage", "histogram",
     GEN_AI_LABELS " gen_ai_token_type server_address server_port",
     "1 4 16 64 256 1024 4096 16384 65536 262144 1.048576e+06 4.194304e+06 1.6777216e+07 "
     "6.7108864e+07"},
    {"telltale.gen_ai", "gen_ai_client_operation_duration_seconds", "histogram",
     "error_type " GEN_AI_LABELS " server_address server_port", GEN_AI_BUCKETS},
    {"telltale.gen_ai", "gen_ai_client_operation_time_to_first_chunk_seconds", "histogram",
     GEN_AI_LABELS " server_address server_port", NULL},
    {"telltale.gen_ai", "gen_ai_client_operation_time_per_output_chunk_seconds", "histogram",
     GEN_AI_LABELS " server_address server_port", NULL},
    {"telltale.gen_ai", "gen_ai_server_request_duration_seconds", "histogram",
     "error_type " GEN_AI_LABELS, GEN_AI_BUCKETS},
    {"telltale.gen_ai", "gen_ai_server_time_to_first_token_seconds", "histogram", GEN_AI_LABELS,
     NULL},
    {"telltale.gen_ai", "gen_ai_server_time_per_output_token_seconds", "histogram", GEN_AI_LABELS,
     NULL},
    {"telltale.mcp", "mcp_client_operation_duration_seconds", "histogram",
     MCP_LABELS " server_address server_port", MCP_BUCKETS},
    {"telltale.mcp", "mcp_server_operation_duration_seconds", "histogram", MCP_LABELS, MCP_BUCKETS},
    {"telltale.mcp", "mcp_client_session_duration_seconds", "histogram",
     MCP_SESSION_LABELS " server_address server_port", MCP_BUCKETS},
    {"telltale.mcp", "mcp_server_session_duration_seconds", "histogram", MCP_SESSION_LABELS,
     MCP_BUCKETS},
    {"telltale.http", "http_server_request_duration_seconds", "histogram", HTTP_LABELS,
     HTTP_BUCKETS},
    {"telltale.http", "http_server_active_requests", "gauge", "http_request_method url_scheme",
     NULL},
    {"telltale.http", "http_server_request_body_size_bytes", "histogram", HTTP_LABELS, NULL},
    {"telltale.http", "http_server_response_body_size_bytes", "histogram", HTTP_LABELS, NULL},
    {"telltale.http", "http_client_request_duration_seconds", "histogram",
     "error_type http_request_method http_response_status_code network_protocol_version "
     "server_address server_port url_scheme url_template",
     HTTP_BUCKETS},
    {"telltale.db", "db_client_operation_duration_seconds", "histogram",
     "db_collection_name db_namespace db_operation_name db_query_summary "
     "db_response_status_code db_system_name error_type server_address server_port",
     DB_BUCKETS},
    {"telltale.db", "db_client_connection_count", "gauge",
     "db_client_connection_pool_name db_client_connection_state", NULL},
    {"telltale.db", "db_client_connection_wait_time_seconds", "histogram",
     "db_client_connection_pool_name", DB_BUCKETS},
    {"telltale.db", "db_client_connection_timeouts_total", "counter",
     "db_client_connection_pool_name", NULL},
    {"telltale.rpc", "rpc_server_call_duration_seconds", "histogram",
     "error_type rpc_method rpc_response_status_code rpc_system_name", HTTP_BUCKETS},
    {"telltale.rpc", "rpc_client_call_duration_seconds", "histogram",
     "error_type rpc_method rpc_response_status_code rpc_system_name server_address server_port",
     HTTP_BUCKETS},
    {"telltale", "telltale_llm_unpriced_total", "counter", "model provider", NULL},
};

static tt_meter_provider *meters;
static char *text;

static int begin(void **state)
{
    (void)state;
    meters = tt_meter_provider_new(NULL);
    tt_catalog_options o = {.size = sizeof o, .meters = meters};
    tt_catalog *catalog = tt_catalog_new(&o);
    drive_everything(catalog);
    size_t n;
    int status = tt_prometheus_render_new(meters, NULL, 1 << 22, &text, &n);
    text = status == TT_OK ? realloc(text, n + 1) : NULL;
    if (text)
        text[n] = '\0';
    tt_catalog_free(catalog);
    return text ? 0 : -1;
}

static int end(void **state)
{
    (void)state;
    free(text);
    tt_meter_provider_free(meters);
    return 0;
}

/* The labels of a line's braces but those of the scope, in order of the alphabet. */
static void label_names(const char *line, char *out, size_t cap)
{
    const char *names[32];
    size_t lengths[32], n = 0;
    for (const char *p = strchr(line, '{') + 1; *p != '}'; p += *p == ',') {
        const char *name = p;
        p = strchr(p, '=');
        size_t length = (size_t)(p - name);
        p = strchr(p + 2, '"') + 1;
        if (strncmp(name, "otel_scope_", 11) == 0 || strncmp(name, "le=", 3) == 0)
            continue;
        size_t at = n++;
        for (; at > 0 && strncmp(names[at - 1], name, length) > 0; at--) {
            names[at] = names[at - 1];
            lengths[at] = lengths[at - 1];
        }
        names[at] = name;
        lengths[at] = length;
    }
    *out = '\0';
    for (size_t i = 0, used = 0; i < n; i++)
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", i > 0 ? " " : "",
                                 (int)lengths[i], names[i]);
}

/* The line of a metric in a scope with these labels, or NULL. `seen` gets those that it has. */
static const char *find_line(const char *prefix, const char *labels, char seen[1024])
{
    (void)snprintf(seen, 1024, "none");
    for (const char *p = text; (p = strstr(p, prefix)); p++) {
        if (p > text && p[-1] != '\n')
            continue;
        label_names(p, seen, 1024);
        if (strcmp(seen, labels) == 0)
            return p;
    }
    return NULL;
}

static void bounds_of(const char *line, const char *prefix, char *out, size_t cap)
{
    *out = '\0';
    for (size_t used = 0; strncmp(line, prefix, strlen(prefix)) == 0;) {
        const char *le = strstr(line, "le=\"") + 4;
        int n = (int)(strchr(le, '"') - le);
        if (strncmp(le, "+Inf", 4) == 0)
            return;
        used += (size_t)snprintf(out + used, cap - used, "%s%.*s", used > 0 ? " " : "", n, le);
        line = strchr(line, '\n') + 1;
    }
}

static void check_promise(const struct promised *p)
{
    char line[512], seen[1024], prefix[512];
    (void)snprintf(line, sizeof line, "# TYPE %s %s\n", p->name, p->type);
    if (!strstr(text, line))
        fail_msg("%s is no %s", p->name, p->type);
    bool histogram = strcmp(p->type, "histogram") == 0;
    (void)snprintf(prefix, sizeof prefix, "%s%s{otel_scope_name=\"%s\"", p->name,
                   histogram ? "_bucket" : "", p->scope);
    const char *found = find_line(prefix, p->labels, seen);
    if (!found)
        fail_msg("%s of %s has the labels \"%s\"; expected \"%s\"", p->name, p->scope, seen,
                 p->labels);
    if (p->bounds) {
        bounds_of(found, prefix, seen, sizeof seen);
        assert_string_equal(seen, p->bounds);
    }
}

static void test_every_metric_has_its_name_type_labels_and_buckets(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof promises / sizeof *promises; i++)
        check_promise(&promises[i]);
}

/* Two sets may have a name in common: then the first one's description is shown. */
static void test_no_metric_of_the_catalog_is_never_recorded(void **state)
{
    (void)state;
    for (size_t i = 0; i < catalog_metrics_n; i++) {
        const struct metric *m = &catalog_metrics[i];
        bool shared = strcmp(m->name, "task_queue_size") == 0 ||
                      strcmp(m->name, "agent_execution_duration_seconds") == 0 ||
                      strcmp(m->name, "error_rate") == 0;
        if (!shared && !strstr(text, m->description))
            fail_msg("%s is not there", m->name);
    }
}

static void test_ids_are_no_labels(void **state)
{
    (void)state;
    assert_null(strstr(text, "s-1"));
    assert_null(strstr(text, "o-1"));
    assert_null(strstr(text, "a-1"));
}

static void test_values_are_counted_once(void **state)
{
    (void)state;
    const char *lines[] = {
        "llm_api_calls_total{otel_scope_name=\"" PLATFORM
        "\",model=\"gpt-4\",provider=\"openai\",status=\"success\"} 1\n",
        "llm_tokens_used_total{otel_scope_name=\"" PLATFORM
        "\",model=\"gpt-4\",provider=\"openai\",token_type=\"input\"} 1000\n",
        "active_agents_total{otel_scope_name=\"" PLATFORM "\",agent_type=\"coder\"} 0\n",
        "escalation_approval_rate{otel_scope_name=\"" APPROVALS
        "\",otel_scope_version=\"1.0.0\"} 50\n",
        "cache_hit_ratio{otel_scope_name=\"" PLATFORM "\",cache_type=\"redis\"} 0.5\n",
        "telltale_llm_unpriced_total{otel_scope_name=\"telltale\",model=\"m\",provider=\"acme\"} "
        "1\n",
        "context_window_utilization{otel_scope_name=\"" AGENTS "\"} 25\n",
        "missions_completed_total{otel_scope_name=\"" PLATFORM "\",outcome=\"success\"} 1\n",
    };
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        char name[64] = "", *brace;
        (void)snprintf(name, sizeof name, "%s", lines[i]);
        if ((brace = strchr(name, '{')))
            *brace = '\0';
        if (!strstr(text, lines[i]))
            fail_msg("no %sfound: %.200s", lines[i], strstr(text, name) ? strstr(text, name) : "");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_metric_has_its_name_type_labels_and_buckets),
        cmocka_unit_test(test_no_metric_of_the_catalog_is_never_recorded),
        cmocka_unit_test(test_ids_are_no_labels),
        cmocka_unit_test(test_values_are_counted_once),
    };
    return cmocka_run_group_tests(tests, begin, end);
}
