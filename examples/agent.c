/* An agent that thinks by a model and works by tools, every step of it seen: its run, the calls of
 * the model with their tokens and cost, the calls of tools, how full its context is. The model is a
 * script within this program, so that it runs anywhere.
 *
 *     OTEL_SERVICE_NAME=agent agent ["a task"]
 *
 * OTEL_EXPORTER_OTLP_ENDPOINT says where to; the default is http://localhost:4318. */
#include <stdio.h>
#include <string.h>

#include "telltale/catalog.h"
#include "telltale/metric_reader.h"
#include "telltale/otlp.h"
#include "telltale/track.h"

/* --- a model --- */

#define MODEL "claude-3-5-sonnet-20241022"
enum { CONTEXT_TOKENS = 200000 };

struct answer {
    const char *tool, *text; /* a tool to be called, or the end */
    int input_tokens, cached_tokens, output_tokens;
};

static const struct answer script[] = {
    {.tool = "search", .input_tokens = 1200, .output_tokens = 80},
    {.tool = "read_file", .input_tokens = 2400, .cached_tokens = 1200, .output_tokens = 60},
    {.tool = "teleport", .input_tokens = 5200, .cached_tokens = 2400, .output_tokens = 40},
    {.text = "done", .input_tokens = 5400, .cached_tokens = 5200, .output_tokens = 150},
};

static struct answer ask_model(tt_catalog *catalog, const char *session, size_t turn)
{
    TT_LLM_CALL(call, catalog, .provider = "anthropic", .model = MODEL, .agent_type = "coder",
                .session_id = session);
    struct answer answer = script[turn];
    call.input_tokens = answer.input_tokens;
    call.cached_input_tokens = answer.cached_tokens;
    call.output_tokens = answer.output_tokens;
    call.finish_reason = answer.tool ? "tool_calls" : "stop";
    return answer;
}

/* --- tools --- */

static int use_tool(tt_catalog *catalog, const char *name)
{
    TT_TOOL_CALL(call, catalog, .tool = name, .tool_type = "function");
    if (strcmp(name, "search") == 0 || strcmp(name, "read_file") == 0)
        return 0;
    call.error_type = "unknown_tool";
    call.error_message = "the model asked for a tool that there is not";
    tt_error_record(catalog, "agent_runtime", "unknown_tool", "warning");
    return -1;
}

/* --- the agent --- */

static void run_agent(tt_catalog *catalog, const char *task)
{
    const char *session = "session-1";
    TT_AGENT_EXECUTION(run, catalog, .agent_type = "coder", .operation = "execute_task",
                       .phase = "act", .agent_name = "fixer", .agent_id = "agent-1",
                       .session_id = session);
    tt_attr about[] = {tt_str("task", task)};
    tt_track_event(catalog, "task accepted", about, 1);
    for (size_t turn = 0; turn < sizeof script / sizeof *script; turn++) {
        struct answer answer = ask_model(catalog, session, turn);
        tt_context_window_set(catalog, "agent-1", session,
                              answer.input_tokens + answer.output_tokens, CONTEXT_TOKENS);
        if (!answer.tool)
            break;
        if (use_tool(catalog, answer.tool) != 0)
            tt_error_recovery_record(catalog, "ask_again", "success");
    }
}

/* --- where it all goes --- */

static void print_problem(enum tt_problem kind, const char *text, void *arg)
{
    (void)kind;
    (void)arg;
    (void)fprintf(stderr, "agent: %s\n", text);
}

int main(int argc, char **argv)
{
    tt_problem_set_handler(print_problem, NULL);
    tt_tracer_provider_options traces = {.size = sizeof traces};
    tt_metric_reader_options metrics = {.size = sizeof metrics};
    tt_logger_provider_options logs = {.size = sizeof logs, .masks = TT_MASK_ALL};
    if (tt_otlp_exporter_new(TT_SIGNAL_TRACES, NULL, &traces.exporter) != TT_OK ||
        tt_otlp_exporter_new(TT_SIGNAL_METRICS, NULL, &metrics.exporter) != TT_OK ||
        tt_otlp_exporter_new(TT_SIGNAL_LOGS, NULL, &logs.exporter) != TT_OK)
        return 1;
    tt_catalog_options options = {.size = sizeof options};
    options.tracers = tt_tracer_provider_new(&traces);
    options.meters = tt_meter_provider_new(NULL);
    options.loggers = tt_logger_provider_new(&logs);
    tt_metric_reader *reader = tt_metric_reader_start(options.meters, &metrics);

    tt_catalog *catalog = tt_catalog_new(&options);
    run_agent(catalog, argc > 1 ? argv[1] : "fix the failing test");

    int failed = tt_tracer_provider_shutdown(options.tracers, 5000) != TT_OK;
    failed |= tt_logger_provider_shutdown(options.loggers, 5000) != TT_OK;
    failed |= tt_metric_reader_stop(reader, 5000) != TT_OK;
    failed |= tt_tracer_provider_lost(options.tracers) > 0;
    tt_catalog_free(catalog);
    tt_logger_provider_free(options.loggers);
    tt_tracer_provider_free(options.tracers);
    tt_meter_provider_free(options.meters);
    return failed;
}
