// The SDK's examples, as users build them: what they send and serve is read by our own server, by
// Prometheus and by promtool.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { Process, run } from "./support/process.js";
import { Prometheus, TELLTALE, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const example = (name) => join(BUILD, "examples", name);
const LIBRARIES = join(BUILD, "sdk");
const TRACE = "0af7651916cd43dd8448eb211c80319c";
const CALLER = "b7ad6b7169203331";

/** hello_metrics, and where it is. */
async function startHello() {
  const hello = new Process(example("hello_metrics"), ["600"], {
    env: { OTEL_EXPORTER_PROMETHEUS_PORT: "0", OTEL_SERVICE_NAME: "hello" },
  });
  const [, port] = await until(() => hello.stdout.match(/localhost:(\d+)/), "the address of hello_metrics");
  return { hello, target: `127.0.0.1:${port}` };
}

describe("a program that sends OTLP by libtelltale", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    const { code, stderr } = await run(example("otlp_worker"), [], {
      env: {
        OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
        OTEL_SERVICE_NAME: "worker",
        OTEL_RESOURCE_ATTRIBUTES: "deployment.environment.name=test,team=a%20b",
        TRACEPARENT: `00-${TRACE}-${CALLER}-01`,
        TRACESTATE: "vendor=1",
      },
    });
    assert.equal(code, 0, stderr);
  });
  after(() => server?.dispose());

  it("its counter arrives under Prometheus's name", async () => {
    assert.equal(await api.value('steps_total{job="worker"}'), 3);
    const [target] = await api.vector("target_info");
    assert.equal(target.metric.team, "a b");
    assert.equal(target.metric.telemetry_sdk_language, "c");
  });

  it("its spans continue the caller's trace", async () => {
    const { data } = (await api.get(`/api/traces/${TRACE}`)).json;
    const spans = data[0].spans;
    const parentOf = (span) => span.references.find((one) => one.refType === "CHILD_OF")?.spanID;
    const work = spans.find((span) => span.operationName === "work");
    const steps = spans.filter((span) => span.operationName === "step");
    assert.equal(parentOf(work), CALLER);
    assert.equal(work.logs.length, 1);
    assert.deepEqual(steps.map(parentOf), [work.spanID, work.spanID, work.spanID]);
    const numbers = steps.map((span) => span.tags.find((tag) => tag.key === "step.number").value);
    assert.deepEqual(numbers.map(Number).sort(), [0, 1, 2]);
  });
});

describe("a program that sends to nobody", () => {
  it("says so and ends", async () => {
    const { code, stderr } = await run(example("otlp_worker"), [], {
      env: { OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9", OTEL_EXPORTER_OTLP_TIMEOUT: "200" },
    });
    assert.equal(code, 1);
    assert.match(stderr, /could not be exported/);
  });
});

describe("a program that is scraped by libtelltale-prometheus", () => {
  let hello, target;
  before(async () => {
    ({ hello, target } = await startHello());
  });
  after(() => hello?.signal("SIGKILL"));

  const config = (where = target) => `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: hello, static_configs: [{targets: ["${where}"]}]}]
`;
  const check = async (server) => {
    const value = (expr) => until(async () => (await server.api.vector(expr))[0]?.value, expr);
    assert.equal(await value('greetings_total{to="world"}'), 3);
    assert.equal(await value('greeting_duration_seconds_bucket{le=~"5(.0)?"}'), 1);
    assert.equal(await value('target_info{service_name="hello"}'), 1);
    assert.equal(await value('up{job="hello"}'), 1);
  };

  it("our server reads it", async () => {
    const server = await Telltale.start({ config: config() });
    try {
      await check(server);
    } finally {
      await server.dispose();
    }
  });

  it("Prometheus reads it", { skip: missing("prometheus") }, async () => {
    const server = await Prometheus.start({ config: config() });
    try {
      await check(server);
    } finally {
      await server.dispose();
    }
  });

  it("Prometheus reads it as text, too, which it gets when it does not say what it takes", { skip: missing("prometheus") }, async () => {
    const plain = createServer(async (_, answer) => {
      const text = await fetch(`http://${target}/metrics`, { headers: { Accept: "*/*" } });
      answer.setHeader("Content-Type", text.headers.get("Content-Type"));
      answer.end(await text.text());
    }).listen(0, "127.0.0.1");
    await once(plain, "listening");
    const server = await Prometheus.start({ config: config(`127.0.0.1:${plain.address().port}`) });
    try {
      await check(server);
    } finally {
      await server.dispose();
      plain.close();
    }
  });

  it("promtool finds nothing wrong with its text", { skip: missing("promtool") }, async () => {
    const text = await (await fetch(`http://${target}/metrics`)).text();
    const { code, stderr } = await run("promtool", ["check", "metrics"], { input: text });
    assert.equal(code, 0, stderr);
  });
});

describe("a server whose requests are spans", () => {
  it("shows Prometheus the caller's trace as an exemplar", { skip: missing("prometheus") }, async () => {
    const traces = await Telltale.start();
    const port = 40000 + (process.pid % 20000);
    const greeter = new Process(example("http_server"), ["0", "600"], {
      env: {
        LD_LIBRARY_PATH: LIBRARIES,
        OTEL_EXPORTER_OTLP_ENDPOINT: traces.url,
        OTEL_EXPORTER_PROMETHEUS_PORT: String(port),
        OTEL_LOGS_EXPORTER: "none",
      },
    });
    const [, own] = await until(() => greeter.stdout.match(/localhost:(\d+)/), "the address of http_server");
    const headers = { traceparent: `00-${TRACE}-${CALLER}-01` };
    assert.equal((await fetch(`http://127.0.0.1:${own}/hello/you`, { headers })).status, 200);
    const server = await Prometheus.start({
      config: `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: greeter, static_configs: [{targets: ["127.0.0.1:${port}"]}]}]
`,
    });
    try {
      const now = Date.now() / 1000;
      const asked = `/api/v1/query_exemplars?query=http_server_request_duration_seconds_bucket&start=${now - 600}&end=${now + 600}`;
      const found = await until(async () => (await server.api.get(asked)).json.data[0], "an exemplar");
      assert.equal(found.exemplars[0].labels.trace_id, TRACE);
    } finally {
      await server.dispose();
      await traces.dispose();
      greeter.signal("SIGKILL");
    }
  });
});
