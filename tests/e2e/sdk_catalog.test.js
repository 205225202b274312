// The example of an agent, as users build it: its run is found again in our own server, as metrics by
// PromQL, as a trace by search, and as log records.

import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { run } from "./support/process.js";
import { near } from "./support/fixture.js";
import { TELLTALE, Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const MODEL = "claude-3-5-sonnet-20241022";

describe("an agent that tells of itself by libtelltale-catalog", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    const { code, stderr } = await run(join(BUILD, "examples", "agent"), ["mend the sail"], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_SERVICE_NAME: "agent" },
    });
    assert.equal(code, 0, stderr);
    assert.equal(stderr, "");
  });
  after(() => server?.dispose());

  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };
  const search = async (where) => (await data("traces", { where })).traces;

  const METRICS = {
    'agent_operations_total{agent_type="coder",operation="execute_task",status="success"}': 1,
    'agent_execution_total{agent_type="coder",phase="act",status="success"}': 1,
    'active_agents_total{agent_type="coder"}': 0,
    [`llm_api_calls_total{provider="anthropic",model="${MODEL}",status="success"}`]: 4,
    [`llm_tokens_used_total{provider="anthropic",model="${MODEL}",token_type="input"}`]: 14200,
    [`llm_tokens_used_total{provider="anthropic",model="${MODEL}",token_type="output"}`]: 330,
    // 5400 tokens at the full price, 8800 from the cache, 330 of output
    [`llm_cost_usd_total{provider="anthropic",model="${MODEL}"}`]: (5400 * 3 + 8800 * 0.3 + 330 * 15) / 1e6,
    [`agent_tokens_used_total{agent_type="coder",model="${MODEL}"}`]: 14530,
    'tool_calls_total{tool="search",status="success"}': 1,
    'tool_call_failure_total{tool="teleport",error_type="unknown_tool"}': 1,
    'sum(tool_call_success_total) / sum(tool_calls_total)': 2 / 3,
    'errors_total{component="agent_runtime",error_type="unknown_tool"}': 1,
    'error_recovery_operations_total{recovery_type="ask_again",result="success"}': 1,
    context_window_used_tokens: 5550,
    context_window_size_tokens: 200000,
    context_window_utilization: 2.775,
    'gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_token_type="input"}': 4,
  };

  for (const [query, value] of Object.entries(METRICS)) {
    it(`${query} is ${value}`, async () => {
      const [only, ...more] = await api.vector(query);
      assert.ok(only, "nothing found");
      assert.deepEqual(more, []);
      near(only.value, value, query);
    });
  }

  it("no id is a label", async () => {
    assert.deepEqual(await api.vector('{__name__=~"agent.*|context.*|llm.*",agent_id!=""}'), []);
    assert.deepEqual(await api.vector('{__name__=~"agent.*|context.*|llm.*",session_id!=""}'), []);
  });

  it("histograms have the buckets that dashboards expect", async () => {
    const buckets = await api.vector('llm_api_duration_seconds_bucket{provider="anthropic"}');
    const bounds = buckets.map(({ metric }) => Number(metric.le.replace("+Inf", "Infinity"))).sort((a, b) => a - b);
    assert.deepEqual(bounds, [0.5, 1, 2, 5, 10, 20, 30, 60, Infinity]);
  });

  it("the run is one trace of an agent, its model and its tools", async () => {
    const [trace, ...more] = await search("gen_ai.agent.name = fixer");
    assert.deepEqual(more, []);
    const { spans } = await data(`traces/${trace.trace_id}`);
    assert.deepEqual(
      spans.map((s) => `${" ".repeat(s.depth)}${s.name} ${s.kind} ${s.status}`),
      [
        "invoke_agent fixer internal unset",
        ` chat ${MODEL} client unset`,
        " execute_tool search internal unset",
        ` chat ${MODEL} client unset`,
        " execute_tool read_file internal unset",
        ` chat ${MODEL} client unset`,
        " execute_tool teleport internal error",
        ` chat ${MODEL} client unset`,
      ],
    );
    const chat = spans[1];
    assert.equal(chat.attributes["gen_ai.usage.input_tokens"], 1200);
    near(chat.attributes["gen_ai.usage.cost"], (1200 * 3 + 80 * 15) / 1e6);
    assert.deepEqual(chat.attributes["gen_ai.response.finish_reasons"], ["tool_calls"]);
    assert.equal(spans[0].attributes["gen_ai.conversation.id"], "session-1");
    assert.equal(spans[0].attributes["gen_ai.agent.id"], "agent-1");
    assert.equal(spans[6].events[0].attributes["exception.type"], "unknown_tool");
  });

  it("the trace is found by what failed in it", async () => {
    assert.equal((await search("gen_ai.tool.name = teleport and status = error")).length, 1);
    assert.equal((await search("gen_ai.tool.name = search and status = error")).length, 0);
  });

  it("the event is a log record of the trace", async () => {
    const [trace] = await search("gen_ai.agent.name = fixer");
    const { logs: records } = await data("logs", { where: `trace_id = ${trace.trace_id}` });
    assert.equal(records.length, 1);
    assert.equal(records[0].event_name, "task accepted");
    assert.equal(records[0].attributes.task, "mend the sail");
  });
});
