// telltale traces and telltale logs: tables, trees, lines, JSON, following, and their mistakes.

import assert from "node:assert/strict";
import { Process, run } from "./support/process.js";
import { writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const NOW = Math.floor(Date.now() / 1000) - 60;
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const time = (s) => new Date(s * 1000).toISOString().replace("T", " ").slice(0, 23);

describe("telltale", () => {
  let server;
  before(async () => {
    server = await Telltale.start();
    await writeSpans(server.api, "shop", [
      { trace: TRACE, id: "0000000000000001", name: "GET /cart", kind: "server", start: NOW, ms: 1500 },
      { trace: TRACE, id: "0000000000000002", parent: "0000000000000001", name: "chat gpt", start: NOW + 0.1, ms: 300, attributes: { "gen_ai.operation.name": "chat", "gen_ai.usage.input_tokens": 1200, "gen_ai.usage.output_tokens": 34 } },
      { trace: TRACE, id: "0000000000000003", parent: "0000000000000001", name: "pay", start: NOW + 0.5, ms: 20, error: "card \u001b[31mdeclined" },
      { trace: "1".repeat(32), id: "0000000000000004", parent: "00000000000000ff", name: "late", start: NOW + 5, ms: 0.25 },
    ]);
    await writeLogs(server.api, "shop", [
      { at: NOW, severity: 9, body: "first line", attributes: { user: "ada" } },
      { at: NOW + 1, severity: 17, body: "second\nline", trace: TRACE, id: "0000000000000003" },
    ]);
  });
  after(() => server?.dispose());

  const telltale = (command, ...args) => run(TELLTALE, [command, "--url", server.url, ...args]);
  const lines = async (...args) => {
    const { code, stdout, stderr } = await telltale(...args);
    assert.equal(code, 0, stderr);
    return stdout.trimEnd().split("\n");
  };

  it("traces is a table, newest first", async () => {
    const [head, ...rows] = await lines("traces");
    assert.match(head, /^START +DURATION SPANS +ERRORS TOKENS +TRACE +SERVICE {2}ROOT$/);
    assert.deepEqual(
      rows.map((row) => row.split(/ {2,}| (?=[\d.]+(?:µs|ms|s))/)),
      [
        [time(NOW + 5), "250µs", "1", "0", "-", "1".repeat(32), "shop", "late"],
        [time(NOW), "1.5s", "3", "1", "1,234", TRACE, "shop", "GET /cart"],
      ],
    );
  });

  it("traces takes a filter, times and an order", async () => {
    assert.match((await lines("traces", "status = error"))[1], new RegExp(TRACE));
    assert.match((await lines("traces", "--slowest", "--limit", "1"))[1], new RegExp(TRACE));
    assert.deepEqual(await lines("traces", "--start", "30s"), ["no traces"]);
    assert.deepEqual(await lines("traces", "name = nothing"), ["no traces"]);
  });

  it("traces ID is a tree without colours or control characters in a pipe", async () => {
    const [head, , , ...spans] = await lines("traces", TRACE);
    assert.equal(head, `trace ${TRACE}  ${time(NOW)}  1.5s  3 spans  1 error  1 model call  1,200 tokens in  34 tokens out`);
    assert.deepEqual(spans, [
      "* 1.5s    1.18s     shop  GET /cart  1 model call  1,200 tokens in  34 tokens out",
      "* 300ms   300ms     ├ shop  chat gpt  1,200 tokens in  34 tokens out",
      "* 20ms    20ms      └ shop  pay  ERROR: card \\x1b[31mdeclined  1 log record",
    ]);
    assert.match((await lines("traces", "1".repeat(32)))[3], /late {2}\(its parent is missing\)$/);
    assert.ok(JSON.parse((await lines("traces", "--json", TRACE))[0]).data.spans.length === 3);
  });

  it("logs shows the newest lines, the last one last", async () => {
    assert.deepEqual(await lines("logs"), [
      `${time(NOW)} info  shop  first line  user=ada`,
      `${time(NOW + 1)} error shop  second\\nline  trace=${TRACE}`,
    ]);
    assert.equal((await lines("logs", "--limit", "1", "severity < error")).length, 1);
    assert.deepEqual(await lines("logs", "nothing"), ["no log records"]);
    assert.equal(JSON.parse((await lines("logs", "--json", "ada or first"))[0]).data.logs.length, 1);
  });

  it("logs --follow goes on with what arrives", async () => {
    const follower = new Process(TELLTALE, ["logs", "--url", server.url, "--follow", "--limit", "1"]);
    await until(() => follower.stdout.includes("second"), "the line of before");
    await writeLogs(server.api, "shop", [{ at: Date.now() / 1000, severity: 13, body: "news" }]);
    await until(() => /warn {2}shop {2}news\n/.test(follower.stdout), "what arrived");
    assert.ok(!follower.stdout.includes("first line"));
    await follower.stop("SIGINT");
  });

  it("a zero byte is shown as such by traces, logs and query", async () => {
    const trace = "2".repeat(32);
    await writeSpans(server.api, "zero", [{ trace, id: "0000000000000005", name: "a\0b", start: NOW, ms: 1 }]);
    await writeLogs(server.api, "ze\0ro", [{ at: NOW, severity: 9, body: "c\0d" }]);
    await rw.write(server.api, [{ labels: { __name__: "zero", l: "a\0b" }, samples: [[Date.now(), 1]] }]);
    assert.match((await lines("traces", "service = zero"))[1], / zero {2}a\\x00b$/);
    assert.match((await lines("traces", trace)).at(-1), / zero {2}a\\x00b$/);
    assert.match((await lines("logs", "--start", "1h", '"c"')).at(-1), /ze\\x00ro {2}c\\x00d$/);
    assert.deepEqual(await lines("query", "zero"), ['zero{l="a\\x00b"}  1']);
    await writeLogs(server.api, "zero", [{ at: NOW, severity: 9, body: "named", attributes: { "k\0e": "\\u0000" } }]);
    assert.match((await lines("logs", "--start", "1h", "named")).at(-1), /named {2}k\\x00e=\\u0000$/);
  });

  it("numbers of more than 64 bits are shown", async () => {
    const trace = "3".repeat(32);
    const attributes = [
      { key: "gen_ai.operation.name", value: { stringValue: "chat" } },
      { key: "gen_ai.usage.output_tokens", value: { intValue: "9223372036854775807" } },
      { key: "ratio", value: { doubleValue: -1e19 } },
    ];
    await writeSpans(server.api, "huge", [{ trace, id: "0000000000000006", name: "vast", start: NOW, ms: 1, more: { attributes } }]);
    await writeLogs(server.api, "huge", [{ at: NOW, severity: 9, body: "vast", more: { attributes: [attributes[2]] } }]);
    assert.match((await lines("traces", "service = huge"))[1], / huge {2}vast/);
    assert.match((await lines("traces", trace)).at(-1), / huge {2}vast/);
    assert.match((await lines("logs", "--start", "1h", "vast")).at(-1), /vast {2}ratio=-1/);
  });

  it("mistakes are told", async () => {
    const bad = await telltale("traces", "duration > soon");
    assert.equal(bad.code, 1);
    assert.match(bad.stderr, /duration: "soon"; expected a duration/);
    assert.match((await telltale("traces", "f".repeat(32))).stderr, /no span of trace/);
    assert.equal((await telltale("logs", "--follow", "--start", "1h")).code, 2);
    assert.match((await telltale("logs", "--follow", "(")).stderr, /where/);
    assert.equal((await telltale("traces", "--nonsense")).code, 2);
    for (const command of ["traces", "logs"]) assert.match((await run(TELLTALE, ["help", command])).stdout, /Usage: telltale .*FILTER/);
  });
});
