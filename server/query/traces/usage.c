/* The generations of conventions for generative AI that are in use: names that came and went, and
 * what instrumentations say about cost, for which there is no convention. */
#include "base/compiler.h"
#include "query/traces/tree.h"

/* Indices of usage_attributes; of several names for one thing, the first that a span has counts. */
enum {
    U_OPERATION,
    U_SYSTEM,
    U_AGENT,
    U_TOOL,
    U_MODEL,
    U_RESPONSE_MODEL,
    U_RESPONSE_ID,
    U_INPUT,
    U_INPUT_OLD,
    U_INPUT_OTHER,
    U_OUTPUT,
    U_OUTPUT_OLD,
    U_OUTPUT_OTHER,
    U_CACHED,
    U_REASONING,
    U_COST,
    U_COST_TOTAL,
    U_COST_OTHER,
    U_SESSION,
    U_SESSION_OTHER,
    U_SESSION_MCP,
};

const char *const usage_attributes[USAGE_ATTRIBUTES] = {
    [U_OPERATION] = "gen_ai.operation.name",
    [U_SYSTEM] = "gen_ai.system",
    [U_AGENT] = "gen_ai.agent.name",
    [U_TOOL] = "gen_ai.tool.name",
    [U_MODEL] = "gen_ai.request.model",
    [U_RESPONSE_MODEL] = "gen_ai.response.model",
    [U_RESPONSE_ID] = "gen_ai.response.id",
    [U_INPUT] = "gen_ai.usage.input_tokens",
    [U_INPUT_OLD] = "gen_ai.usage.prompt_tokens",
    [U_INPUT_OTHER] = "llm.token_count.prompt",
    [U_OUTPUT] = "gen_ai.usage.output_tokens",
    [U_OUTPUT_OLD] = "gen_ai.usage.completion_tokens",
    [U_OUTPUT_OTHER] = "llm.token_count.completion",
    [U_CACHED] = "gen_ai.usage.cache_read.input_tokens",
    [U_REASONING] = "gen_ai.usage.reasoning.output_tokens",
    [U_COST] = "gen_ai.usage.cost",
    [U_COST_TOTAL] = "gen_ai.usage.cost.amount",
    [U_COST_OTHER] = "llm.cost.total",
    [U_SESSION] = "gen_ai.conversation.id",
    [U_SESSION_OTHER] = "session.id",
    [U_SESSION_MCP] = "mcp.session.id",
};

static const struct {
    const char *name;
    enum ai_operation operation;
} operations[] = {
    {"chat", AI_MODEL},         {"text_completion", AI_MODEL}, {"generate_content", AI_MODEL},
    {"embeddings", AI_MODEL},   {"completion", AI_MODEL},      {"execute_tool", AI_TOOL},
    {"invoke_agent", AI_AGENT}, {"create_agent", AI_AGENT},
};

static const struct any *attribute(const struct span *s, int which)
{
    return attribute_get(s->attributes, s->n_attributes, str_c(usage_attributes[which]));
}

/* The first number among names [from, to]; false when there is none. */
static bool number(const struct span *s, int from, int to, double *out)
{
    for (int i = from; i <= to; i++) {
        const struct any *v = attribute(s, i);
        if (v && any_number(v, out) && *out >= 0)
            return true;
    }
    return false;
}

static enum ai_operation operation_of(const struct span *s)
{
    const struct any *name = attribute(s, U_OPERATION);
    for (size_t i = 0; name && i < ARRAY_LEN(operations); i++)
        if (str_eq(any_text(name), str_c(operations[i].name)))
            return operations[i].operation;
    double n;
    bool used = number(s, U_INPUT, U_OUTPUT_OTHER, &n);
    return !name && used ? AI_MODEL : AI_NONE; // what is older than the attribute, or other
}

enum ai_operation usage_of_span(const struct span *s, struct usage *out)
{
    enum ai_operation operation = operation_of(s);
    *out = (struct usage){.spans = 1, .errors = s->status == 2};
    out->model_calls = operation == AI_MODEL;
    out->tool_calls = operation == AI_TOOL;
    out->agent_calls = operation == AI_AGENT;
    (void)number(s, U_INPUT, U_INPUT_OTHER, &out->input_tokens); // else zero
    (void)number(s, U_OUTPUT, U_OUTPUT_OTHER, &out->output_tokens);
    (void)number(s, U_CACHED, U_CACHED, &out->cached_tokens);
    (void)number(s, U_REASONING, U_REASONING, &out->reasoning_tokens);
    out->has_cost = number(s, U_COST, U_COST_OTHER, &out->cost);
    return operation;
}

void usage_add(struct usage *to, const struct usage *u)
{
    to->spans += u->spans;
    to->errors += u->errors;
    to->model_calls += u->model_calls;
    to->tool_calls += u->tool_calls;
    to->agent_calls += u->agent_calls;
    to->input_tokens += u->input_tokens;
    to->output_tokens += u->output_tokens;
    to->cached_tokens += u->cached_tokens;
    to->reasoning_tokens += u->reasoning_tokens;
    to->cost += u->cost;
    to->has_cost |= u->has_cost;
}
