// Exponential histograms of a program, scraped as native ones in the protobuf format: read by
// protoc, by Prometheus, and by our own server.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Process } from "./support/process.js";
import { Prometheus, TELLTALE, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const DEFINITIONS = join(dirname(fileURLToPath(import.meta.url)), "support");
const PROTO =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

/** The messages of a delimited stream. */
function messages(bytes) {
  const found = [];
  for (let at = 0; at < bytes.length; ) {
    let n = 0;
    for (let shift = 0; ; shift += 7) {
      const byte = bytes[at++];
      n += (byte & 0x7f) * 2 ** shift;
      if (byte < 0x80) break;
    }
    found.push(bytes.subarray(at, at + n));
    at += n;
  }
  return found;
}

const decoded = (message) =>
  execFileSync(
    "protoc",
    ["--decode=io.prometheus.client.MetricFamily", `-I${DEFINITIONS}`, join(DEFINITIONS, "metric_family.proto")],
    { input: message },
  ).toString();

describe("a program with exponential histograms", () => {
  let hello, target;
  before(async () => {
    hello = new Process(join(BUILD, "examples", "hello_metrics"), ["600"], {
      env: {
        OTEL_EXPORTER_PROMETHEUS_PORT: "0",
        OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION: "base2_exponential_bucket_histogram",
      },
    });
    const [, port] = await until(() => hello.stdout.match(/localhost:(\d+)/), "the address of hello_metrics");
    target = `127.0.0.1:${port}`;
  });
  after(() => hello?.signal("SIGKILL"));

  const ask = (headers) => fetch(`http://${target}/metrics`, { headers });

  it("serves messages that protoc understands to the last field", { skip: missing("protoc") }, async () => {
    const answer = await ask({ Accept: PROTO, "Accept-Encoding": "identity" });
    assert.match(answer.headers.get("Content-Type"), /^application\/vnd.google.protobuf; proto=io/);
    const families = messages(Buffer.from(await answer.arrayBuffer())).map(decoded);
    assert.equal(families.length, 3);
    const [duration] = families.filter((one) => one.startsWith('name: "greeting_duration_seconds"'));
    assert.match(duration, /help: "How long a greeting takes"\ntype: HISTOGRAM\n/);
    assert.match(duration, /unit: "seconds"/);
    assert.match(duration, /sample_count: 1\n\s+sample_sum: 0.02\n\s+schema: 8\n/);
    assert.match(duration, /positive_delta: 1\n\s+created_timestamp \{/);
    const [greetings] = families.filter((one) => one.startsWith('name: "greetings_total"'));
    assert.match(greetings, /counter \{\n\s+value: 3\n\s+created_timestamp \{/);
    for (const family of families) assert.doesNotMatch(family, /^\s*\d+: /m, "a field without a name");
  });

  it("compresses them", async () => {
    const gzip = await ask({ Accept: PROTO, "Accept-Encoding": "gzip" });
    assert.equal(gzip.headers.get("Content-Encoding"), "gzip"); // fetch has undone it
    assert.equal(messages(Buffer.from(await gzip.arrayBuffer())).length, 3);
  });

  /** The server has what the program measured: one greeting of 20 ms. */
  const check = async (server) => {
    const value = (expr) => until(async () => (await server.api.vector(expr))[0]?.value, expr);
    assert.equal(await value("histogram_count(greeting_duration_seconds)"), 1);
    assert.equal(await value("histogram_sum(greeting_duration_seconds)"), 0.02);
    const median = await value("histogram_quantile(0.5, greeting_duration_seconds)");
    assert.ok(Math.abs(median / 0.02 - 1) < 0.003, `the median is ${median}`); // a bucket of schema 8
    assert.equal(await value('greetings_total{to="world"}'), 3);
    assert.equal((await server.api.vector("greeting_duration_seconds_bucket")).length, 0);
  };
  const config = (more = "") => `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: hello, ${more} static_configs: [{targets: ["${target}"]}]}]
`;

  it("our server reads them as native histograms when it is told to", async () => {
    const server = await Telltale.start({ config: config("scrape_native_histograms: true,") });
    try {
      await check(server);
      const known = await server.api.data("/api/v1/metadata", { metric: "greeting_duration_seconds" });
      const expected = { type: "histogram", unit: "seconds", help: "How long a greeting takes" };
      assert.deepEqual(known.greeting_duration_seconds, [expected]);
    } finally {
      await server.dispose();
    }
  });

  it("our server reads their count and sum when it is not", async () => {
    const server = await Telltale.start({ config: config() });
    try {
      const value = (expr) => until(async () => (await server.api.vector(expr))[0]?.value, expr);
      assert.equal(await value('greeting_duration_seconds_bucket{le="+Inf"}'), 1);
      assert.equal(await value("greeting_duration_seconds_count"), 1);
      assert.equal((await server.api.vector("greeting_duration_seconds")).length, 0);
    } finally {
      await server.dispose();
    }
  });

  it("Prometheus reads them as native histograms", { skip: missing("prometheus") }, async () => {
    const server = await Prometheus.start({ config: config() });
    try {
      await check(server);
    } finally {
      await server.dispose();
    }
  });
});
