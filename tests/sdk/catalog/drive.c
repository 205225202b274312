#include "drive.h"

#include "telltale/catalog.h"

static void drive_agents(tt_catalog *c)
{
    tt_agent_execution run = {.size = sizeof run, .agent_type = "coder", .phase = "act"};
    run.provider = "anthropic";
    run.model = "claude-3-5-sonnet-20241022";
    run.agent_id = "a-1";
    run.session_id = "s-1";
    tt_agent_execution_begin(c, &run);
    run.input_tokens = 10;
    tt_agent_execution_end(&run);

    tt_tool_call tool = {.size = sizeof tool, .tool = "grep"};
    tt_tool_call_begin(c, &tool);
    tt_tool_call_end(&tool);
    tt_tool_call failed = {.size = sizeof failed, .tool = "grep", .error_type = "timeout"};
    tt_tool_call_begin(c, &failed);
    tt_tool_call_end(&failed);

    tt_task task = {.size = sizeof task, .task_type = "review"};
    tt_task_begin(c, &task);
    tt_task_end(&task);
    tt_task lost = {.size = sizeof lost, .task_type = "review", .error_type = "timeout"};
    tt_task_begin(c, &lost);
    tt_task_end(&lost);

    tt_context_window_set(c, "a-1", "s-1", 50, 200);
    tt_task_queue_set(c, "high", 4);
    tt_active_teams_set(c, "running", 2);
    tt_error_record(c, "agent_runtime", "timeout", "error");
    tt_error_recovery_record(c, "retry", "success");
    tt_mission mission = {.size = sizeof mission, .mission_id = "m-1", .team_size = 3};
    tt_mission_begin(c, &mission);
    tt_mission_end(&mission);
    tt_revenue_record(c, "pro", 9.5);
}

static void drive_models(tt_catalog *c)
{
    tt_llm_call call = {.size = sizeof call, .provider = "openai", .model = "gpt-4"};
    call.agent_type = "coder";
    call.server_address = "api.openai.com";
    call.server_port = 443;
    tt_llm_call_begin(c, &call);
    call.response_model = "gpt-4-0613";
    call.input_tokens = 1000;
    call.output_tokens = 100;
    call.first_chunk_s = 0.000001;
    call.chunks = 3;
    tt_llm_call_end(&call);

    tt_llm_call refused = {.size = sizeof refused, .provider = "openai", .model = "gpt-4"};
    refused.server_address = "api.openai.com";
    refused.server_port = 443;
    refused.response_model = "gpt-4-0613";
    refused.error_type = "429";
    refused.rate_limited = true;
    tt_llm_call_begin(c, &refused);
    tt_llm_call_end(&refused);

    tt_llm_call unknown = {
        .size = sizeof unknown, .provider = "acme", .model = "m", .input_tokens = 1};
    tt_llm_call_begin(c, &unknown);
    tt_llm_call_end(&unknown);

    tt_llm_serve serve = {.size = sizeof serve, .provider = "own", .model = "m"};
    tt_llm_serve_begin(c, &serve);
    serve.response_model = "m-2";
    serve.output_tokens = 5;
    serve.first_token_s = 0.001;
    tt_llm_serve_end(&serve);
    tt_llm_serve broken = {.size = sizeof broken, .provider = "own", .error_type = "oom"};
    broken.model = "m";
    broken.response_model = "m-2";
    tt_llm_serve_begin(c, &broken);
    tt_llm_serve_end(&broken);
    tt_provider_quota_set(c, "openai", 40);
}

static void drive_http(tt_catalog *c)
{
    tt_http_request request = {.size = sizeof request, .method = "GET", .route = "/a/{id}"};
    request.protocol_version = "1.1";
    tt_http_request_begin(c, &request);
    request.status = 500;
    request.request_bytes = 10;
    request.response_bytes = 20;
    tt_http_request_end(&request);

    tt_http_call call = {.size = sizeof call, .method = "GET", .server_address = "h"};
    call.server_port = 80;
    call.scheme = "http";
    call.url_template = "/a/{id}";
    tt_http_call_begin(c, &call);
    call.status = 404;
    call.protocol_version = "1.1";
    call.request_bytes = 10;
    call.response_bytes = 20;
    tt_http_call_end(&call);
    tt_http_connections_add(c, "idle", "h", 80, 1);
    tt_http_connection_record(c, "h", 80, 0.5);

    tt_websocket socket = {.size = sizeof socket, .endpoint = "/ws"};
    tt_websocket_begin(c, &socket);
    socket.reason = "normal";
    tt_websocket_end(&socket);
    tt_websocket_message_record(c, "in", 100);
    tt_active_users_set(c, 7);

    tt_rpc_request served = {.size = sizeof served, .method = "a/B", .error_type = "INTERNAL"};
    tt_rpc_request_begin(c, &served);
    served.status_code = "INTERNAL";
    tt_rpc_request_end(&served);
    tt_rpc_call asked = {.size = sizeof asked, .method = "a/B", .error_type = "INTERNAL"};
    asked.server_address = "h";
    asked.server_port = 80;
    tt_rpc_call_begin(c, &asked);
    asked.status_code = "INTERNAL";
    tt_rpc_call_end(&asked);
}

static void drive_data(tt_catalog *c)
{
    tt_db_query query = {.size = sizeof query, .system = "postgresql", .operation = "SELECT"};
    query.collection = "users";
    query.namespace_name = "shop";
    query.summary = "SELECT users";
    query.server_address = "db";
    query.server_port = 5432;
    query.error_type = "57014";
    tt_db_query_begin(c, &query);
    query.response_status = "57014";
    query.rows = 3;
    tt_db_query_end(&query);
    tt_db_wait wait = {.size = sizeof wait, .pool = "p"};
    tt_db_wait_begin(c, &wait);
    tt_db_wait_end(&wait);
    tt_db_wait late = {.size = sizeof late, .pool = "p", .timed_out = true};
    tt_db_wait_begin(c, &late);
    tt_db_wait_end(&late);
    tt_db_use use = {.size = sizeof use, .pool = "p"};
    tt_db_use_begin(c, &use);
    tt_db_use_end(&use);
    tt_db_pool_set(c, "active", 3);
    tt_db_connections_add(c, "p", "idle", 1);
    tt_db_pool_limits_add(c, "p", 1, 5, 10);
    tt_db_connection_created(c, "p", 0.1);
    tt_cache_record(c, "redis", "get", "hit");
    tt_cache_record(c, "redis", "get", "miss");
    tt_cache_eviction_record(c, 2);
}

static void drive_mcp(tt_catalog *c)
{
    tt_mcp_connection connection = {.size = sizeof connection, .error_type = "reset"};
    tt_mcp_connection_begin(c, &connection);
    tt_mcp_connection_end(&connection);
    for (int client = 0; client < 2; client++) {
        tt_mcp_session session = {.size = sizeof session, .transport = "pipe", .client = client};
        session.protocol_version = "2025-06-18";
        session.network_protocol = "http";
        session.network_version = "2";
        session.jsonrpc_version = "1.0";
        session.server_address = client ? "h" : NULL;
        session.server_port = client ? 80 : 0;
        tt_mcp_session_begin(c, &session);
        session.evicted = true;
        session.error_type = "dead";
        tt_mcp_session_end(&session);
    }
    tt_mcp_request request = {.size = sizeof request, .method = "tools/call", .tool_name = "grep"};
    request.transport = "pipe";
    request.protocol_version = "2025-06-18";
    request.prompt_name = "greet";
    request.network_protocol = "http";
    request.network_version = "2";
    request.jsonrpc_version = "1.0";
    request.error_type = "tool_error";
    tt_mcp_request_begin(c, &request);
    request.response_code = "-32602";
    request.request_bytes = 10;
    request.response_bytes = 20;
    tt_mcp_request_end(&request);
    tt_mcp_call call = {.size = sizeof call, .method = "tools/call", .tool_name = "grep"};
    call.transport = "pipe";
    call.protocol_version = "2025-06-18";
    call.prompt_name = "greet";
    call.network_protocol = "http";
    call.network_version = "2";
    call.jsonrpc_version = "1.0";
    call.error_type = "tool_error";
    call.server_address = "h";
    call.server_port = 80;
    tt_mcp_call_begin(c, &call);
    call.response_code = "-32602";
    tt_mcp_call_end(&call);
    tt_mcp_interceptor interceptor = {.size = sizeof interceptor, .interceptor = "log"};
    interceptor.phase = "request";
    tt_mcp_interceptor_begin(c, &interceptor);
    interceptor.action = "pass";
    interceptor.error_type = "Refused";
    tt_mcp_interceptor_end(&interceptor);
    for (int created = 0; created < 2; created++) {
        tt_mcp_pool_wait wait = {.size = sizeof wait, .pool = "p", .created = created};
        tt_mcp_pool_wait_begin(c, &wait);
        tt_mcp_pool_wait_end(&wait);
    }
    tt_mcp_heartbeat_record(c, true);
    tt_mcp_pool_idle_add(c, "p", 1);
    tt_mcp_memory_add(c, 4096);
    tt_mcp_task_spawn_record(c);
    tt_mcp_memory_pressure_record(c);
}

static void drive_approvals(tt_catalog *c)
{
    tt_approval approval = {.size = sizeof approval, .session_id = "s-1", .operator_id = "o-1"};
    tt_approval_begin(c, &approval);
    approval.approved = true;
    tt_approval_end(&approval);
    tt_approval_response_record(c, "s-1", false, 90000);
    tt_telegram_failure_record(c, "timeout");
    tt_retry_attempt_record(c, 1, false);
    tt_retry_attempt_record(c, 2, true);
    tt_circuit_breaker_set(c, "telegram", TT_BREAKER_HALF_OPEN);
    tt_approval_queue_set(c, 3);
}

void drive_everything(tt_catalog *c)
{
    drive_agents(c);
    drive_models(c);
    drive_http(c);
    drive_data(c);
    drive_mcp(c);
    drive_approvals(c);
}
