// Jaeger's query API as Grafana's data source and Jaeger's page call it.

import assert from "node:assert/strict";
import { writeSpans } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 1000) - 60;
const US = (seconds) => Math.round(seconds * 1e6);
const SHOP = "0af7651916cd43dd8448eb211c80319c";
const SLOW = "00000000000000000000000000000abc";
const OTHER = "11111111111111111111111111111111";

describe("Jaeger's query API", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    await writeSpans(
      api,
      "shop",
      [
        {
          trace: SHOP,
          id: "b7ad6b7169203331",
          name: "GET /cart",
          kind: "server",
          start: NOW,
          ms: 120,
          attributes: { "http.status_code": 200, "user.vip": true, "cart.weight": 1.5, items: ["a", "b"] },
          events: [{ name: "opened", at: NOW + 0.01, attributes: { by: "me" } }],
        },
        { trace: SHOP, id: "b7ad6b7169203332", parent: "b7ad6b7169203331", name: "ask stock", kind: "client", start: NOW + 0.02, ms: 50 },
        { trace: SLOW, id: "aaaaaaaaaaaaaaaa", name: "report", start: NOW - 100, ms: 2500, error: "out of paper", links: [{ trace: SHOP, id: "b7ad6b7169203331" }] },
      ],
      { "host.name": "h1" },
    );
    await writeSpans(api, "stock", [
      { trace: SHOP, id: "cccccccccccccccc", parent: "b7ad6b7169203332", name: "lookup", kind: "server", start: NOW + 0.03, ms: 20 },
      { trace: OTHER, id: "dddddddddddddddd", name: "lookup", kind: "server", start: NOW - 50, ms: 5 },
    ]);
  });
  after(() => server?.dispose());

  const data = async (path, params) => {
    const answer = await api.get(path, params);
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.errors, null);
    return answer.json.data;
  };
  const found = async (params) => (await data("/jaeger/api/traces", params)).map((one) => one.traceID);

  for (const base of ["/jaeger/api", "/api"]) {
    it(`lists services and operations under ${base}`, async () => {
      const answer = await api.get(`${base}/services`);
      assert.deepEqual(answer.json, { data: ["shop", "stock"], total: 2, limit: 0, offset: 0, errors: null });
      assert.deepEqual(await data(`${base}/services/shop/operations`), ["GET /cart", "ask stock", "report"]);
      assert.deepEqual(await data(`${base}/operations`, { service: "stock" }), [{ name: "lookup", spanKind: "server" }]);
      assert.deepEqual(await data(`${base}/operations`, { service: "shop", spanKind: "client" }), [{ name: "ask stock", spanKind: "client" }]);
      assert.deepEqual(await data(`${base}/services/nobody/operations`), []);
      assert.deepEqual((await api.get(`${base}/v3/services`)).json, { services: ["shop", "stock"] });
      assert.deepEqual((await api.get(`${base}/v3/operations`, { service: "stock" })).json, { operations: [{ name: "lookup", spanKind: "server" }] });
    });
  }

  it("gives a trace with all that was sent", async () => {
    const [trace] = await data(`/jaeger/api/traces/${SHOP}`);
    assert.equal(trace.traceID, SHOP);
    assert.equal(trace.warnings, null);
    assert.deepEqual(
      Object.values(trace.processes).sort((a, b) => a.serviceName.localeCompare(b.serviceName)),
      [
        { serviceName: "shop", tags: [{ key: "host.name", type: "string", value: "h1" }] },
        { serviceName: "stock", tags: [] },
      ],
    );
    assert.deepEqual(trace.spans.map((s) => s.operationName), ["GET /cart", "ask stock", "lookup"]);
    const [root, client, lookup] = trace.spans;
    assert.equal(trace.processes[lookup.processID].serviceName, "stock");
    assert.equal(root.startTime, US(NOW));
    assert.equal(root.duration, 120_000);
    assert.deepEqual(root.references, []);
    assert.deepEqual(client.references, [{ refType: "CHILD_OF", traceID: SHOP, spanID: "b7ad6b7169203331" }]);
    assert.deepEqual(root.tags, [
      { key: "cart.weight", type: "float64", value: 1.5 },
      { key: "http.status_code", type: "int64", value: 200 },
      { key: "items", type: "string", value: '["a","b"]' },
      { key: "user.vip", type: "bool", value: true },
      { key: "span.kind", type: "string", value: "server" },
      { key: "otel.scope.name", type: "string", value: "by hand" },
      { key: "otel.scope.version", type: "string", value: "1" },
    ]);
    assert.deepEqual(root.logs, [
      {
        timestamp: US(NOW + 0.01),
        fields: [
          { key: "event", type: "string", value: "opened" },
          { key: "by", type: "string", value: "me" },
        ],
      },
    ]);
  });

  it("finds a trace by an id without its leading zeros, with errors and links", async () => {
    const [trace] = await data("/jaeger/api/traces/abc");
    const [span] = trace.spans;
    assert.equal(span.traceID, SLOW);
    const tag = (key) => span.tags.find((one) => one.key === key)?.value;
    assert.equal(tag("error"), true);
    assert.equal(tag("otel.status_code"), "ERROR");
    assert.equal(tag("otel.status_description"), "out of paper");
    assert.deepEqual(span.references, [{ refType: "FOLLOWS_FROM", traceID: SHOP, spanID: "b7ad6b7169203331" }]);
  });

  it("answers 404 and 400 in its own form", async () => {
    const none = await api.get(`/api/traces/${"f".repeat(32)}`);
    assert.equal(none.status, 404);
    assert.deepEqual(none.json, { data: null, total: 0, limit: 0, offset: 0, errors: [{ code: 404, msg: "trace not found" }] });
    const bad = { "/api/traces/xyz": "trace id", "/api/traces": "'service' is required", "/api/operations": "'service'" };
    for (const [path, message] of Object.entries(bad)) {
      const answer = await api.get(path);
      assert.equal(answer.status, 400, path);
      assert.match(answer.json.errors[0].msg, new RegExp(message));
    }
    for (const wrong of [{ start: "soon" }, { minDuration: "1 parsec" }, { tags: "{" }, { tag: "x" }, { limit: "-1" }, { start: US(NOW), end: US(NOW - 1) }, { minDuration: "2ms", maxDuration: "1999us" }]) {
      const answer = await api.get("/api/traces", { service: "shop", ...wrong });
      assert.equal(answer.status, 400, JSON.stringify(wrong));
    }
    const crossed = await api.get("/api/v3/traces", { "query.service_name": "shop", "query.duration_min": "2s", "query.duration_max": "1s" });
    assert.equal(crossed.status, 400);
    assert.equal(crossed.json.error.message, "'query.duration_max' should be greater than 'query.duration_min'");
    for (const [path, name] of [["/api/v3/traces", "query.raw_traces"], [`/api/v3/traces/${SHOP}`, "raw_traces"]]) {
      for (const [raw, status] of [["x", 400], ["true", 200], ["0", 200]]) {
        const answer = await api.get(path, { "query.service_name": "shop", [name]: raw });
        assert.equal(answer.status, status, `${name}=${raw}`);
        if (status === 400) assert.match(answer.json.error.message, new RegExp(`'${name}': cannot read "x"; expected true or false`));
      }
    }
    const v3 = await api.get(`/api/v3/traces/${"f".repeat(32)}`);
    assert.equal(v3.status, 404);
    assert.equal(v3.json.error.httpCode, 404);
  });

  it("searches by service, operation, tags, times and durations, newest first", async () => {
    assert.deepEqual(await found({ service: "shop" }), [SHOP, SLOW]);
    assert.deepEqual(await found({ service: "shop", limit: 1 }), [SHOP]);
    assert.deepEqual(await found({ service: "stock", operation: "lookup" }), [SHOP, OTHER]);
    assert.deepEqual(await found({ service: "nobody" }), []);
    assert.deepEqual(await found({ service: "shop", minDuration: "1.2s" }), [SLOW]);
    assert.deepEqual(await found({ service: "shop", maxDuration: "60ms" }), [SHOP]);
    assert.deepEqual(await found({ service: "shop", start: US(NOW - 10), end: US(NOW + 10) }), [SHOP]);
    assert.deepEqual(await found({ service: "shop", start: (NOW - 110) * 1000, end: (NOW - 90) * 1000 }), [SLOW]);
    assert.deepEqual(await found({ service: "shop", lookback: "30s", end: US(NOW) }), [SHOP]);
    const tags = async (object) => found({ service: "shop", tags: JSON.stringify(object), lookback: "custom" });
    assert.deepEqual(await tags({ "http.status_code": "200" }), [SHOP]);
    assert.deepEqual(await tags({ "http.status_code": "404" }), []);
    assert.deepEqual(await tags({ "user.vip": "true", "cart.weight": "1.5" }), [SHOP]);
    assert.deepEqual(await tags({ error: "true" }), [SLOW]);
    assert.deepEqual(await tags({ error: "false" }), [SHOP]);
    assert.deepEqual(await tags({ "span.kind": "client" }), [SHOP]);
    assert.deepEqual(await tags({ "host.name": "h1" }), [SHOP, SLOW]);
    assert.deepEqual(await found({ service: "shop", tag: "otel.status_code:error" }), [SLOW]);
    const asked = await api.get("/api/traces", { traceID: SLOW });
    assert.deepEqual(asked.json.data.map((one) => one.traceID), [SLOW]);
  });

  it("gives version 3 as OTLP", async () => {
    const params = {
      "query.service_name": "shop",
      "query.start_time_min": new Date((NOW - 10) * 1000).toISOString(),
      "query.start_time_max": new Date((NOW + 10) * 1000).toISOString(),
      "query.duration_min": "100ms",
      "query.attributes": JSON.stringify({ "user.vip": "true" }),
    };
    for (const answer of [await api.get("/jaeger/api/v3/traces", params), await api.get(`/api/v3/traces/${SHOP}`)]) {
      assert.equal(answer.status, 200, answer.text);
      const { resourceSpans } = answer.json.result;
      const spans = resourceSpans.flatMap((r) => r.scopeSpans.flatMap((s) => s.spans));
      assert.deepEqual(spans.map((s) => s.spanId).sort(), ["b7ad6b7169203331", "b7ad6b7169203332", "cccccccccccccccc"]);
      const root = spans.find((s) => !s.parentSpanId);
      assert.equal(root.traceId, SHOP);
      assert.equal(root.kind, 2);
      assert.equal(root.startTimeUnixNano, `${NOW}000000000`);
      assert.equal(root.endTimeUnixNano, `${NOW}120000000`);
      assert.deepEqual(root.attributes.find((a) => a.key === "items").value, { arrayValue: { values: [{ stringValue: "a" }, { stringValue: "b" }] } });
      assert.deepEqual(root.attributes.find((a) => a.key === "http.status_code").value, { intValue: "200" });
    }
  });

  it("knows who calls whom", async () => {
    for (const path of ["/jaeger/api/dependencies", "/api/dependencies"]) {
      const edges = await data(path, { endTs: (NOW + 60) * 1000, lookback: 3_600_000 });
      assert.deepEqual(edges, [{ parent: "shop", child: "stock", callCount: 1 }]);
    }
    assert.deepEqual(await data("/api/dependencies", { endTs: (NOW - 3600) * 1000, lookback: 1000 }), []);
  });

  it("says the same after a flush and a restart", async () => {
    await api.post("/api/v1/admin/telltale/flush");
    const before = await data(`/jaeger/api/traces/${SHOP}`);
    assert.deepEqual(await found({ service: "shop", tags: '{"user.vip":"true"}' }), [SHOP]);
    await server.stop();
    await server.restart();
    api = server.api;
    assert.deepEqual(await data(`/jaeger/api/traces/${SHOP}`), before);
    assert.deepEqual(await data("/jaeger/api/services"), ["shop", "stock"]);
  });

  it("gives version 3 in one order, before and after a flush", async () => {
    const trace = "2".repeat(32);
    const id = (n) => String(n).padStart(16, "0");
    for (const n of [7, 2, 5, 0, 3, 6, 1, 4]) {
      await writeSpans(api, `tier ${n % 3}`, [{ trace, id: id(n + 1), name: `step ${n}`, start: NOW + Math.floor(n / 2) }], { "host.name": "h1", tier: n % 3 });
    }
    const groups = async () => (await api.get(`/api/v3/traces/${trace}`)).json.result.resourceSpans;
    const inMemory = await groups();
    const names = inMemory.map((r) => r.scopeSpans[0].spans.map((s) => s.name.slice(5)).join(" "));
    assert.deepEqual(names, ["0 3 6", "1 4 7", "2 5"]);
    await api.post("/api/v1/admin/telltale/flush");
    assert.deepEqual(await groups(), inMemory);
    await api.post("/api/v1/admin/telltale/flush?merge=1");
    assert.deepEqual(await groups(), inMemory);
  });
});
