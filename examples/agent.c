/* An agent that thinks by a model and works by tools, every step of it seen: its run, the calls of
 * the model with their tokens and cost, the calls of tools, how full its context is. The model is a
 * script within this program, so that it runs anywhere.
 *
 *     OTEL_SERVICE_NAME=agent agent ["a task"]
 *
 * OTEL_EXPORTER_OTLP_ENDPOINT says where to; the default is http://localhost:4318. */
#include <string.h>

#include "telltale/catalog.h"
#include "telltale/init.h"
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

int main(int argc, char **argv)
{
    tt_init_options options = {.size = sizeof options, .log_masks = TT_MASK_ALL};
    options.metrics_exporter = "otlp";
    if (tt_otlp_register() != TT_OK || tt_init(&options) != TT_OK)
        return 1;
    tt_catalog *catalog = tt_catalog_new(NULL);
    run_agent(catalog, argc > 1 ? argv[1] : "fix the failing test");
    int sent = tt_shutdown(5000);
    tt_catalog_free(catalog);
    return sent != TT_OK;
}
