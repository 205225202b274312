// What libtelltale-sinks writes, by the names of exporters in the environment: the console's lines, and
// OTLP/JSON that our own server imports.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { Process, run } from "./support/process.js";
import { TELLTALE, Telltale, temporaryDirectory } from "./support/server.js";
import { describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const LIBRARIES = join(BUILD, "sdk");
const TRACE = "12345678901234567890123456789012";

/** The output of the example that serves HTTP, once it has greeted and ended. */
async function greet(exporter) {
  const child = new Process(join(BUILD, "examples", "http_server"), ["0"], {
    env: {
      LD_LIBRARY_PATH: LIBRARIES,
      OTEL_SERVICE_NAME: "greeter",
      OTEL_TRACES_EXPORTER: exporter,
      OTEL_LOGS_EXPORTER: exporter,
      OTEL_METRICS_EXPORTER: exporter,
    },
  });
  const [, port] = await until(() => child.stdout.match(/localhost:(\d+)/), "the address");
  const answer = await fetch(`http://127.0.0.1:${port}/hello/you`, { headers: { traceparent: `00-${TRACE}-1234567890123456-01` } });
  assert.equal(await answer.text(), "Hello, you!\n");
  child.child.stdin.end();
  const { code } = await child.exited;
  assert.equal(code, 0, child.stderr);
  return child.stdout;
}

describe("a program whose exporter is", () => {
  it("console shows a line for each span", async () => {
    const lines = (await greet("console")).split("\n");
    const span = lines.find((line) => line.includes(" SPAN "));
    assert.match(span, /^\d\d:\d\d:\d\d\.\d{3} SPAN {2}\S+: GET .*kind=server.*trace_id=12345678901234567890123456789012 /);
  });

  it("otlp/stdout writes what the server imports", async () => {
    const dir = temporaryDirectory();
    const file = join(dir, "telemetry.jsonl");
    const lines = (await greet("otlp/stdout")).split("\n").filter((line) => line.startsWith("{"));
    for (const kind of ["resourceSpans", "resourceMetrics"]) assert.ok(lines.some((line) => kind in JSON.parse(line)), kind);
    writeFileSync(file, `${lines.join("\n")}\n`);
    const server = new Telltale({ dir });
    const { code, stderr } = await run(TELLTALE, ["store", "import", "--data", server.data, "--format", "otlp-json", file]);
    assert.equal(code, 0, stderr);
    await server.restart();
    try {
      const { data } = (await server.api.get(`/api/traces/${TRACE}`)).json;
      assert.ok(data[0].spans.some((span) => span.tags.some((tag) => tag.key === "span.kind" && tag.value === "server")));
      assert.equal((await server.api.vector('target_info{job="greeter"}', undefined)).length, 1);
    } finally {
      await server.dispose();
    }
  });
});
