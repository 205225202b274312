// Programs that were instrumented by what others wrote, and send by it: two web services in one trace
// by OpenTelemetry's instrumentation of HTTP, their log lines by winston's transport, and an assistant
// whose model calls OpenTelemetry's instrumentation of OpenAI's client tells.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { startModel } from "./support/model.js";
import { Process, run } from "./support/process.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const program = (name) => fileURLToPath(new URL(`programs/${name}.cjs`, import.meta.url));

describe("instrumented programs", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
  });
  after(() => server?.dispose());

  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };

  describe("two web services", () => {
    let trace;

    /** Resolves to the process, with its `url`. */
    async function startService(name, next) {
      const env = { OTLP_URL: server.url, SERVICE: name, ...(next && { NEXT_URL: next }) };
      const service = new Process("node", [program("web_service")], { env });
      const port = await until(() => service.exit ?? service.stdout.trim(), `${name}'s port`);
      service.url = `http://127.0.0.1:${port}`;
      return service;
    }

    /** The input's end is the order to send everything and go. */
    async function end(service) {
      service.child.stdin.end();
      assert.deepEqual(await service.exited, { code: 0, signal: null }, service.report());
    }

    before(async () => {
      const back = await startService("back");
      const front = await startService("front", back.url);
      for (const path of ["/fine", "/broken"]) await fetch(front.url + path);
      await end(front);
      await end(back);
      const { traces } = await data("traces", { where: "service = back and status = error" });
      assert.equal(traces.length, 1);
      trace = traces[0].trace_id;
    });

    it("are one trace: a server, its client, the other's server", async () => {
      const { spans } = await data(`traces/${trace}`);
      assert.deepEqual(
        spans.map((s) => [s.depth, s.service, s.kind, s.name, s.status]),
        [
          [0, "front", "server", "GET", "error"],
          [1, "front", "client", "GET", "error"],
          [2, "back", "server", "GET", "error"],
        ],
      );
      assert.notEqual(spans[0].resource["process.pid"], spans[2].resource["process.pid"]);
      const route = await data("traces", { where: 'url.path = "/broken"' });
      assert.deepEqual(route.traces.map((t) => t.trace_id), [trace]);
    });

    it("are seen the same through Jaeger's API", async () => {
      const { data: found } = (await api.get("/jaeger/api/traces", { service: "front", tags: '{"error":"true"}' })).json;
      assert.deepEqual(found.map((t) => [t.traceID, t.spans.length]), [[trace, 3]]);
      const { data: calls } = (await api.get("/jaeger/api/dependencies", { endTs: Date.now(), lookback: 3_600_000 })).json;
      assert.deepEqual(calls, [{ parent: "front", child: "back", callCount: 2 }]);
    });

    it("are an edge of the service map", async () => {
      const { edges } = await data("service_map");
      assert.deepEqual(edges.map((e) => [e.caller.name, e.callee.name, e.calls, e.errors]), [["front", "back", 2, 1]]);
    });

    it("their log lines stand at the spans under which they were written", async () => {
      const { spans } = await data(`traces/${trace}`);
      const lines = spans.flatMap((s) => (s.logs ?? []).map((l) => [s.service, s.kind, l.level, l.body]));
      assert.deepEqual(lines, [
        ["front", "server", "error", "GET answered"],
        ["back", "server", "error", "GET answered"],
      ]);
      const { logs } = await data("logs", { where: "answered and severity < error and service = front" });
      assert.deepEqual(logs.map((l) => [l.severity_text, l.attributes]), [["info", { path: "/fine", status: 200, tags: ["web", 1] }]]);
    });
  });

  describe("an assistant", () => {
    const SESSION = "talk-of-umbrellas";
    let model, session;

    before(async () => {
      model = await startModel();
      const env = { OTLP_URL: server.url, MODEL_URL: model.url, SESSION };
      const { code, stdout, stderr } = await run("node", [program("assistant")], { env });
      assert.equal(code, 0, stderr);
      assert.equal(stdout, "Yes, take one.\n");
      session = await data(`sessions/${SESSION}`);
    });
    after(() => model?.close());

    it("is found by its session, with model calls, tools and tokens", async () => {
      const { sessions } = await data("sessions", { where: 'gen_ai.request.model = "stand-in-1" or exists gen_ai.conversation.id' });
      assert.deepEqual(sessions.map((s) => s.session), [SESSION]);
      for (const one of [session, sessions[0]]) {
        assert.deepEqual(one.usage, { model_calls: 2, tool_calls: 1, agent_calls: 1, input_tokens: 61, output_tokens: 11 });
        assert.deepEqual([one.agents, one.tools, one.models, one.services], [["weatherman"], ["weather"], ["stand-in-1"], ["assistant"]]);
        assert.deepEqual([one.trace_count, one.errors], [1, 0]);
      }
    });

    it("its model calls say why they ended, and what was said", async () => {
      const { spans } = await data(`traces/${session.traces[0].trace_id}`);
      const told = spans.map((s) => `${s.depth} ${s.name} ${s.attributes["gen_ai.response.finish_reasons"] ?? ""}`);
      assert.equal(told[0], "0 invoke_agent weatherman ");
      // All may have begun in one millisecond, and the SDK's clock has no more.
      assert.deepEqual(told.slice(1).sort(), ["1 chat stand-in-1 stop", "1 chat stand-in-1 tool_calls", "1 execute_tool weather "]);
      const said = spans.flatMap((s) => s.logs ?? []).map((l) => l.attributes["event.name"]);
      assert.ok(said.includes("gen_ai.user.message") && said.includes("gen_ai.choice"), said.join());
      const { logs } = await data("logs", { where: "umbrella and service = assistant" });
      assert.ok(logs.length > 0 && logs.every((l) => l.trace_id === session.traces[0].trace_id));
    });

    it("calls its model and its tool on the service map", async () => {
      const { edges } = await data("service_map", { where: "service = assistant" });
      const names = edges.map((e) => `${e.caller.kind} ${e.caller.name} > ${e.callee.kind} ${e.callee.name}: ${e.calls}`);
      assert.deepEqual(names.sort(), ["agent weatherman > model stand-in-1: 2", "agent weatherman > tool weather: 1"]);
    });
  });
});
