// What else the API says about queries: their text laid out, their tree, how far they look back; and
// the notices of what needs attention, as they come.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { END, FOREVER, writeFixture } from "./support/fixture.js";
import { Telltale } from "./support/server.js";
import { within } from "./support/until.js";
import { after, before, describe, it } from "./support/test.js";

describe("queries in other forms", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    api = server.api;
    await writeFixture(api);
  });
  after(() => server?.dispose());

  it("format_query lays out, and its answer formats to itself", async () => {
    const laidOut = {
      "sum(rate(x[5m]))by(job)": "sum by (job) (rate(x[5m]))",
      'x{a="\0b",c="\u001b[1m"}': String.raw`x{a="\x00b",c="\x1b[1m"}`,
      [String.raw`x{a="\xff\t\u200b"}`]: String.raw`x{a="\xff\t\u200b"}`,
      "x{a='\"é'}": String.raw`x{a="\"é"}`,
    };
    for (const [query, expected] of Object.entries(laidOut)) {
      assert.equal(await api.data("/api/v1/format_query", { query }), expected);
      assert.equal(await api.data("/api/v1/format_query", { query: expected }), expected);
      assert.equal((await api.form("/api/v1/format_query", { query })).json.data, expected);
    }
  });

  it("parse_query tells the tree", async () => {
    const tree = await api.data("/api/v1/parse_query", { query: 'sum by (job) (rate(x{a="b"}[5m] offset 1m))' });
    assert.deepEqual([tree.type, tree.op, tree.grouping, tree.without], ["aggregation", "sum", ["job"], false]);
    assert.deepEqual([tree.expr.type, tree.expr.func.name], ["call", "rate"]);
    const [selector] = tree.expr.args;
    assert.deepEqual([selector.type, selector.name, selector.range, selector.offset], ["matrixSelector", "x", 300_000, 60_000]);
    assert.ok(selector.matchers.some((m) => m.name === "a" && m.type === "=" && m.value === "b"));
  });

  it("both say where a query is wrong", async () => {
    for (const path of ["/api/v1/format_query", "/api/v1/parse_query"]) {
      const { status, json } = await api.get(path, { query: "sum(" });
      assert.deepEqual([status, json.errorType], [400, "bad_data"]);
      assert.match(json.error, /"query": 1:5: parse error: unclosed left parenthesis/);
    }
  });

  it("lookback_delta is how old a sample may be", async () => {
    const found = async (time, more) => (await api.data("/api/v1/query", { query: "temperature_celsius", time, ...more })).result.length;
    assert.equal(await found(END + 60), 2);
    assert.equal(await found(END + 60, { lookback_delta: "30s" }), 0);
    assert.equal(await found(END + 600), 0);
    assert.equal(await found(END + 600, { lookback_delta: "15m" }), 2);
    const steps = await api.data("/api/v1/query_range", { query: 'temperature_celsius{room="attic"}', start: END, end: END + 120, step: 60, lookback_delta: 61 });
    assert.equal(steps.result[0].values.length, 2);
    const wrong = await api.get("/api/v1/query", { query: "up", lookback_delta: "soon" });
    assert.deepEqual([wrong.status, wrong.json.errorType], [400, "bad_data"]);
    assert.match(wrong.json.error, /lookback delta.*"soon"/);
  });
});

describe("notifications", () => {
  it("are told live when a reload fails, and when one goes well again", async () => {
    const server = await Telltale.start({ config: "scrape_configs: []\n" });
    const leave = new AbortController();
    try {
      const answer = await fetch(new URL("/api/v1/notifications/live", server.url), { signal: leave.signal });
      assert.match(answer.headers.get("content-type"), /^text\/event-stream/);
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      let text = "";
      const next = async () => {
        for (;;) {
          const [, data, rest] = /^(?::.*\n\n)*data: (.*)\n\n([^]*)$/.exec(text) ?? [];
          if (data) {
            text = rest;
            return JSON.parse(data);
          }
          text += (await within(reader.read(), 10_000, "an event")).value;
        }
      };
      writeFileSync(server.configPath, "nothing: known\n");
      assert.ok((await server.api.post("/-/reload", "")).status >= 400);
      const begun = await next();
      assert.deepEqual([begun.text, begun.active], ["Configuration reload has failed.", true]);
      writeFileSync(server.configPath, "scrape_configs: []\n");
      assert.equal((await server.api.post("/-/reload", "")).status, 200);
      const over = await next();
      assert.deepEqual(over, { ...begun, active: false });
      assert.deepEqual(await server.api.data("/api/v1/notifications"), []);
    } finally {
      leave.abort();
      await server.dispose();
    }
  });
});
