// Our own API of traces: search, one trace understood, sessions, the service map, completion.

import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { attributes, span, writeLogs, writeSpans } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 1000) - 60;
const id = (n, length = 16) => n.toString(16).padStart(length, "0");
const AGENT = id(0xa9e27, 32);
const trace = (n) => id(0x1000 + n, 32);

/** An agent that asks a model, uses a tool, asks again: the tool calls another service, and fails. */
const agentRun = [
  { trace: AGENT, id: id(1), name: "invoke_agent planner", start: NOW, ms: 1000, attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "gen_ai.conversation.id": "talk-1" } },
  { trace: AGENT, id: id(2), parent: id(1), name: "chat gpt", kind: "client", start: NOW + 0.1, ms: 300, attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt", "gen_ai.usage.input_tokens": 100, "gen_ai.usage.output_tokens": 20, "gen_ai.usage.cost": 0.5 } },
  { trace: AGENT, id: id(3), parent: id(1), name: "execute_tool search", start: NOW + 0.45, ms: 200, error: "no index", attributes: { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "search" } },
  { trace: AGENT, id: id(5), parent: id(1), name: "chat gpt", kind: "client", start: NOW + 0.7, ms: 250, attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt", "gen_ai.usage.input_tokens": 200, "gen_ai.usage.output_tokens": 30 } },
];

describe("the API of traces", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    await writeSpans(api, "agents", agentRun);
    await writeSpans(api, "index", [{ trace: AGENT, id: id(4), parent: id(3), name: "GET /find", kind: "server", start: NOW + 0.5, ms: 100, error: "500", attributes: { "http.status_code": 500 } }]);
    await writeLogs(api, "agents", [
      { at: NOW + 0.5, severity: 17, body: "the index does not answer", trace: AGENT, id: id(3) },
      { at: NOW + 0.2, severity: 9, body: "thinking", trace: AGENT, id: id(3) },
      { at: NOW + 0.9, severity: 9, body: "no span named", trace: AGENT },
      { at: NOW, severity: 9, body: "of another trace", trace: trace(1), id: id(3) },
    ]);
    const many = Array.from({ length: 25 }, (_, i) => ({ trace: trace(i), id: id(0x100 + i), name: i % 2 ? "odd" : "even", start: NOW - 100 + i, ms: (i * 7) % 25, attributes: { n: i, "session.id": `s${i % 3}` } }));
    // Every trace has a second span, far from the first: pages must not show a trace twice.
    await writeSpans(api, "many", [...many, ...many.map((s, i) => ({ ...s, id: id(0x200 + i), parent: s.id, name: "child", start: NOW - 300 + ((i * 11) % 25), ms: 1 }))]);
  });
  after(() => server?.dispose());

  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };
  const ids = async (where, more) => (await data("traces", { where, ...more })).traces.map((t) => t.trace_id);

  it("finds traces by what their spans are", async () => {
    assert.deepEqual(await ids("service = index"), [AGENT]);
    assert.deepEqual(await ids("status = error and duration > 150ms"), [AGENT]);
    assert.deepEqual(await ids("status = error and duration > 250ms"), []);
    assert.deepEqual(await ids("http.status_code >= 500"), [AGENT]);
    assert.deepEqual(await ids("n = 7 or n = 8"), [trace(8), trace(7)]);
    assert.deepEqual(await ids("n > 22 and not name = child"), [trace(24), trace(23)]);
    assert.deepEqual(await ids("name =~ ^od and n < 4"), [trace(3), trace(1)]);
    assert.deepEqual(await ids("exists gen_ai.tool.name"), [AGENT]);
    assert.deepEqual(await ids(`trace_id = ${AGENT}`), [AGENT]);
    assert.deepEqual(await ids("n = 3", { start: NOW - 90 }), []);
  });

  it("sums a trace up", async () => {
    const [found] = (await data("traces", { where: "service = agents" })).traces;
    assert.equal(found.start, `${new Date(NOW * 1000).toISOString().slice(0, -1)}000000Z`);
    assert.equal(found.duration_ns, 1e9);
    assert.deepEqual(found.root, { span_id: id(1), name: "invoke_agent planner", service: "agents", status: "unset" });
    assert.equal(found.span_count, 5);
    assert.equal(found.errors, 2);
    assert.deepEqual(found.usage, { model_calls: 2, tool_calls: 1, agent_calls: 1, input_tokens: 300, output_tokens: 50, cost: 0.5 });
    assert.deepEqual(found.services, [
      { name: "agents", spans: 4, errors: 1 },
      { name: "index", spans: 1, errors: 1 },
    ]);
  });

  for (const order of ["newest", "slowest"]) {
    it(`pages, ${order} first, show each trace once`, async () => {
      const all = await ids("service = many", { order, limit: 100 });
      assert.equal(new Set(all).size, 25);
      assert.equal(all.length, 25);
      const expected = [...Array(25).keys()].sort((a, b) => (order === "newest" ? b - a : ((b * 7) % 25) - ((a * 7) % 25))).map(trace);
      if (order === "newest") assert.deepEqual(all, expected);
      for (const limit of [1, 4, 7, 25]) {
        const pages = [];
        for (let after, more = true; more; ) {
          const page = await data("traces", { where: "service = many", order, limit, ...(after && { after }) });
          pages.push(...page.traces.map((t) => t.trace_id));
          after = page.next;
          more = after !== null;
        }
        assert.deepEqual(pages, all, `limit ${limit}`);
      }
    });
  }

  it("shows a trace as a tree with times, usage and logs", async () => {
    const one = await data(`traces/${AGENT}`);
    assert.deepEqual(one.spans.map((s) => [s.span_id, s.depth]), [[id(1), 0], [id(2), 1], [id(3), 1], [id(4), 2], [id(5), 1]]);
    const [agent, chat, tool, find] = one.spans;
    assert.equal(agent.self_ns, 250e6);
    assert.equal(agent.critical, true);
    assert.deepEqual(agent.usage, { model_calls: 2, tool_calls: 1, agent_calls: 1, input_tokens: 300, output_tokens: 50, cost: 0.5 });
    assert.equal(chat.attributes["gen_ai.usage.input_tokens"], 100);
    assert.equal(tool.status, "error");
    assert.equal(tool.status_message, "no index");
    assert.deepEqual(tool.logs.map((l) => l.body), ["thinking", "the index does not answer"]);
    assert.equal(find.service, "index");
    assert.equal(find.kind, "server");
    assert.deepEqual(one.logs.map((l) => l.body), ["no span named"]);
    assert.equal((await data(`traces/${AGENT}`, { logs: 0 })).spans[2].logs, undefined);
  });

  it("says what is wrong", async () => {
    const wrong = {
      "traces?where=name": /where.*expected an operator/,
      "traces?order=best": /order.*newest or slowest/,
      "traces?limit=501": /limit.*from 1 to 500/,
      "traces?limit=0": /limit.*from 1 to 500/,
      "service_map?services_only=maybe": /"services_only": "maybe"; expected true or false/,
      "traces?after=x": /after/,
      "traces?start=tomorrow": /start/,
      "traces?start=5&end=4": /end/,
      "traces/xyz": /trace id/,
      "spans/values": /field/,
      "service_map?where=(": /where/,
    };
    for (const [path, message] of Object.entries(wrong)) {
      const answer = await api.get(`/api/v1/${path}`);
      assert.equal(answer.status, 400, path);
      assert.match(answer.json.error, message);
    }
    assert.equal((await api.get(`/api/v1/traces/${"e".repeat(32)}`)).status, 404);
    assert.equal((await api.get("/api/v1/sessions/nothing")).status, 404);
  });

  it("groups traces into sessions", async () => {
    const { sessions } = await data("sessions");
    assert.deepEqual(sessions.map((s) => [s.session, s.trace_count]), [["talk-1", 1], ["s0", 9], ["s2", 8], ["s1", 8]]);
    const [talk] = sessions;
    assert.deepEqual([talk.agents, talk.tools, talk.models, talk.services], [["planner"], ["search"], ["gpt"], ["agents", "index"]]);
    assert.equal(talk.usage.input_tokens, 300);
    assert.equal(talk.errors, 2);
    assert.equal(talk.duration_ns, 1e9);
    const first = await data("sessions", { limit: 2 });
    const second = await data("sessions", { limit: 2, after: first.next });
    assert.deepEqual([...first.sessions, ...second.sessions].map((s) => s.session), ["talk-1", "s0", "s2", "s1"]);
    assert.deepEqual((await data("sessions", { where: "gen_ai.agent.name = planner" })).sessions.map((s) => s.session), ["talk-1"]);
    const s1 = await data("sessions/s1");
    assert.equal(s1.traces.length, 8);
    assert.deepEqual(s1.traces.map((t) => t.root.name).slice(0, 2).sort(), ["even", "odd"]);
  });

  it("maps who calls whom", async () => {
    const { edges } = await data("service_map");
    const named = (n) => `${n.kind} ${n.name}`;
    const flat = edges.map((e) => [named(e.caller), named(e.callee), e.calls, e.errors]).sort();
    assert.deepEqual(flat, [
      ["agent planner", "model gpt", 2, 0],
      ["agent planner", "tool search", 1, 1],
      ["tool search", "service index", 1, 1],
    ]);
    const model = edges.find((e) => e.callee.name === "gpt");
    assert.ok(Math.abs(model.p95_ns - 300e6) < 30e6, model.p95_ns);
    const failed = await data("service_map", { where: "status = error" });
    assert.deepEqual(failed.edges.map((e) => [named(e.caller), named(e.callee), e.calls, e.errors]).sort(), flat.slice(1));
    assert.deepEqual((await data("service_map", { where: "gen_ai.operation.name = invoke_agent" })).edges, []);
    const only = await data("service_map", { services_only: true });
    assert.deepEqual(only.edges.map((e) => [e.caller.name, e.callee.name]), [["agents", "index"]]);
  });

  it("completes fields and values", async () => {
    const fields = await data("spans/fields", { prefix: "gen_ai.u" });
    assert.deepEqual(fields, ["attributes.gen_ai.usage.cost", "attributes.gen_ai.usage.input_tokens", "attributes.gen_ai.usage.output_tokens"]);
    assert.ok((await data("spans/fields", { prefix: "du" })).includes("duration"));
    assert.ok((await data("spans/fields")).includes("resource.service.name"));
    const services = await data("spans/values", { field: "service" });
    assert.deepEqual(services.values, [{ value: "many", count: 50 }, { value: "agents", count: 4 }, { value: "index", count: 1 }]);
    const names = await data("spans/values", { field: "name", prefix: "chat" });
    assert.deepEqual(names.values, [{ value: "chat gpt", count: 2 }]);
    const words = async (field) => (await data("spans/values", { field, where: "service = agents or service = index" })).values.map((v) => v.value).sort();
    assert.deepEqual(await words("status"), ["error", "unset"]);
    assert.deepEqual(await words("kind"), ["client", "internal", "server"]);
    assert.deepEqual((await data("spans/values", { field: "status", prefix: "err" })).values.map((v) => v.value), ["error"]);
    const codes = await data("spans/values", { field: "http.status_code", where: "service = index" });
    assert.deepEqual(codes.values, [{ value: 500, count: 1 }]);
  });

  it("shows what was dropped, schemas and the flags of links", async () => {
    const TRACE = trace(0xabc);
    const sent = {
      resource: { attributes: attributes({ "service.name": "rest" }), droppedAttributesCount: 4 },
      schemaUrl: "https://example.org/resource/1",
      scopeSpans: [{ scope: { droppedAttributesCount: 5 }, schemaUrl: "https://example.org/scope/2", spans: [span({ trace: TRACE, id: id(1), name: "op", start: NOW - 200, more: { links: [{ traceId: trace(1), spanId: id(2), flags: 769, droppedAttributesCount: 6 }] } })] }],
    };
    const answer = await api.post("/v1/traces", JSON.stringify({ resourceSpans: [sent] }), { "content-type": "application/json" });
    assert.equal(answer.status, 200, answer.text);
    const [one] = (await data(`traces/${TRACE}`)).spans;
    assert.equal(one.resource_dropped_attributes, 4);
    assert.equal(one.resource_schema_url, sent.schemaUrl);
    assert.deepEqual(one.scope, { dropped_attributes: 5, schema_url: "https://example.org/scope/2" });
    assert.deepEqual(one.links, [{ trace_id: trace(1), span_id: id(2), flags: 769, dropped_attributes: 6 }]);
  });

  it("needs the right to read", async () => {
    const guarded = await Telltale.start({ config: `auth: {users: [{name: in, token_sha256: ${createHash("sha256").update("secret").digest("hex")}, rights: [ingest]}]}\n` });
    try {
      for (const path of ["/api/v1/traces", "/api/v1/logs", "/api/services", "/jaeger/api/v3/services"]) {
        assert.equal((await guarded.api.get(path)).status, 401, path);
        assert.equal((await guarded.api.get(path, {}, { authorization: "Bearer secret" })).status, 403, path);
      }
    } finally {
      await guarded.dispose();
    }
  });
});
