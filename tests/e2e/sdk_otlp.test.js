// What libtelltale sends as OTLP, in all its forms: read by our own server, over TLS and after an
// outage, and by protoc with OpenTelemetry's own definitions.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { createServer } from "node:http";
import { dirname, join, resolve } from "node:path";
import { makeCertificates } from "./support/certificates.js";
import { Process, run } from "./support/process.js";
import { TELLTALE, Telltale, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const WORKER = join(BUILD, "examples", "otlp_worker");
const LISTEN = ["--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"];

/** Runs the worker as `service` with OTEL_EXPORTER_OTLP_… as in `more`. */
const work = (service, more) =>
  run(WORKER, [], {
    env: {
      OTEL_SERVICE_NAME: service,
      OTEL_METRIC_EXPORT_INTERVAL: "60000",
      ...Object.fromEntries(Object.entries(more).map(([name, value]) => [`OTEL_EXPORTER_OTLP_${name}`, value])),
      ...more.env,
    },
  });

/** Everything that the worker sends has arrived, `times` times. */
async function checkArrived(api, service, times = 1) {
  assert.equal(await api.value(`sum(steps_total{job="${service}"})`), 3);
  const { data } = (await api.get("/api/traces", { service })).json;
  assert.equal(data.length, times);
  for (const trace of data) {
    assert.deepEqual(trace.spans.map((span) => span.operationName).sort(), ["step", "step", "step", "work"]);
    for (const span of trace.spans.filter((one) => one.operationName === "step"))
      assert.equal(typeof span.tags.find((tag) => tag.key === "step.number").value, "number");
  }
  const logs = (await api.data("/api/v1/logs", { where: `service = ${service}` })).logs;
  assert.deepEqual(logs.map((one) => one.body), Array(times).fill("3 steps done"));
  const ids = data.map((trace) => trace.traceID).sort();
  assert.deepEqual(logs.map((one) => one.trace_id).sort(), ids);
}

describe("what libtelltale sends", () => {
  let server;
  before(async () => {
    server = await Telltale.start({ args: LISTEN });
  });
  after(() => server?.dispose());

  const forms = [];
  for (const protocol of ["http/protobuf", "http/json", "grpc"])
    for (const compression of ["none", "gzip", "zstd"])
      if (protocol !== "grpc" || compression !== "zstd") forms.push([protocol, compression]);

  for (const [protocol, compression] of forms) {
    it(`arrives by ${protocol}, compression ${compression}`, async () => {
      const service = `${protocol}-${compression}`.replace("/", "-");
      const address = server.address(protocol === "grpc" ? "otlp-grpc" : "otlp-http");
      const { code, stderr } = await work(service, { PROTOCOL: protocol, COMPRESSION: compression, ENDPOINT: `http://${address}` });
      assert.equal(code, 0, stderr);
      await checkArrived(server.api, service);
    });
  }

  it("each signal may go by a form of its own", async () => {
    const { code, stderr } = await work("mixed", {
      ENDPOINT: `http://${server.address("otlp-http")}`,
      TRACES_ENDPOINT: server.address("otlp-grpc"),
      TRACES_PROTOCOL: "grpc",
      TRACES_INSECURE: "true",
      LOGS_PROTOCOL: "http/json",
      METRICS_COMPRESSION: "zstd",
    });
    assert.equal(code, 0, stderr);
    await checkArrived(server.api, "mixed");
  });

  it("a refusal is told with the server's reason", async () => {
    const { code, stderr } = await work("lost", { ENDPOINT: `http://${server.address("otlp-http")}/nowhere`, TIMEOUT: "2000" });
    assert.equal(code, 1);
    assert.match(stderr, /the collector refused (spans|metrics|log records): "http/);
  });
});

describe("what libtelltale sends over TLS", () => {
  let server, certificates;
  before(async () => {
    certificates = makeCertificates();
    const { path, read } = certificates;
    server = await Telltale.start({
      config: `http: {tls: {cert: ${path("server.pem")}, key: ${path("server.key")}, client_ca: ${path("ca.pem")}}}\n`,
      args: LISTEN,
      tls: { ca: read("ca.pem"), cert: read("client.pem"), key: read("client.key"), servername: "localhost" },
    });
  });
  after(() => server?.dispose());

  const port = (protocol) => server.address(protocol === "grpc" ? "otlp-grpc" : "otlp-http").split(":").at(-1);
  const tls = (protocol, more) => ({
    PROTOCOL: protocol,
    ENDPOINT: protocol === "grpc" ? `localhost:${port(protocol)}` : `https://localhost:${port(protocol)}`,
    CERTIFICATE: certificates.path("ca.pem"),
    ...more,
  });
  const as = (name) => ({ CLIENT_KEY: certificates.path(`${name}.key`), CLIENT_CERTIFICATE: certificates.path(`${name}.pem`) });

  for (const protocol of ["http/protobuf", "http/json", "grpc"]) {
    const service = `tls-${protocol.replace("/", "-")}`;
    it(`arrives by ${protocol} from a client with a certificate`, async () => {
      const { code, stderr } = await work(service, tls(protocol, as("client")));
      assert.equal(code, 0, stderr);
      await checkArrived(server.api, service);
    });
    it(`does not by ${protocol} from a stranger, nor to a server that the authority does not know`, async () => {
      assert.equal((await work("stranger", tls(protocol, { ...as("stranger"), TIMEOUT: "300" }))).code, 1);
      assert.equal((await work("nobody", tls(protocol, { TIMEOUT: "300" }))).code, 1);
      assert.equal((await work("careful", tls(protocol, { ...as("client"), TIMEOUT: "300", CERTIFICATE: certificates.path("other.pem") }))).code, 1);
    });
  }
});

describe("what libtelltale cannot send", () => {
  it("waits in a folder until the server is back", async () => {
    const buffer = join(temporaryDirectory(), "buffer");
    const env = { OTEL_C_EXPORTER_OTLP_BUFFER: buffer };
    const down = await work("patient", { ENDPOINT: "http://127.0.0.1:9", env });
    assert.match(down.stderr + down.code, /1$/);
    assert.ok(existsSync(join(buffer, "traces.0", "0000000000000001.otlp")));
    const server = await Telltale.start({ args: LISTEN });
    try {
      const { code, stderr } = await work("patient", { ENDPOINT: `http://${server.address("otlp-grpc")}`, PROTOCOL: "grpc", env });
      assert.equal(code, 0, stderr);
      await checkArrived(server.api, "patient", 2);
      assert.ok(!existsSync(join(buffer, "traces.0", "0000000000000001.otlp")));
    } finally {
      await server.dispose();
    }
  });

  it("outlives a program that is killed", async () => {
    const buffer = join(temporaryDirectory(), "buffer");
    const service = {
      LD_LIBRARY_PATH: join(BUILD, "sdk"),
      OTEL_SERVICE_NAME: "killed",
      OTEL_METRICS_EXPORTER: "none",
      OTEL_BSP_SCHEDULE_DELAY: "10",
      OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
      OTEL_C_EXPORTER_OTLP_BUFFER: buffer,
    };
    const greeter = new Process(join(BUILD, "examples", "http_server"), ["0"], { env: service });
    const [, port] = await until(() => greeter.stdout.match(/localhost:(\d+)/), "the address");
    const trace = "abcdefabcdefabcdefabcdefabcdefab";
    await fetch(`http://127.0.0.1:${port}/hello/you`, { headers: { traceparent: `00-${trace}-1234567890123456-01` } });
    await until(() => existsSync(join(buffer, "traces.0", "0000000000000001.otlp")), "the buffer's file");
    await greeter.stop("SIGKILL");
    const server = await Telltale.start();
    try {
      const { code, stderr } = await work("next", { ENDPOINT: server.url, env: { OTEL_C_EXPORTER_OTLP_BUFFER: buffer } });
      assert.equal(code, 0, stderr);
      const { data } = (await server.api.get(`/api/traces/${trace}`)).json;
      assert.equal(Object.values(data[0].processes)[0].serviceName, "killed");
    } finally {
      await server.dispose();
    }
  });

  it("is sent while the program runs, once the server is there", async () => {
    const server = new Telltale({ args: LISTEN });
    const dead = createServer((request, response) => response.writeHead(503, { "retry-after": "0" }).end());
    await new Promise((listening) => dead.listen(0, "127.0.0.1", listening));
    const buffer = join(temporaryDirectory(), "buffer");
    try {
      const refused = await work("late", { ENDPOINT: `http://127.0.0.1:${dead.address().port}`, env: { OTEL_C_EXPORTER_OTLP_BUFFER: buffer } });
      assert.equal(refused.code, 1);
      await server.restart();
      const { code, stderr } = await work("late", { ENDPOINT: server.url, env: { OTEL_C_EXPORTER_OTLP_BUFFER: buffer } });
      assert.equal(code, 0, stderr);
      await checkArrived(server.api, "late", 2);
    } finally {
      dead.close();
      await server.dispose();
    }
  });
});

const PROTO = resolve(process.env.OTLP_PROTO ?? join(dirname(TELLTALE), "../../shared/proto"));
const DEFINITIONS = "opentelemetry/proto/collector";
const noProto = existsSync(join(PROTO, DEFINITIONS)) ? missing("protoc") : `OpenTelemetry's .proto files are not in ${PROTO} (OTLP_PROTO)`;

describe("protoc", { skip: noProto }, () => {
  const bodies = new Map();
  let collector;
  before(async () => {
    collector = createServer(async (request, response) => {
      const parts = [];
      for await (const part of request) parts.push(part);
      // Requests one after the other are one message.
      bodies.set(request.url, Buffer.concat([bodies.get(request.url) ?? Buffer.alloc(0), ...parts]));
      response.end();
    });
    await new Promise((listening) => collector.listen(0, "127.0.0.1", listening));
    const { code, stderr } = await work("decoded", { ENDPOINT: `http://127.0.0.1:${collector.address().port}` });
    assert.equal(code, 0, stderr);
  });
  after(() => collector?.close());

  const decode = async (signal, message) => {
    const child = new Process("protoc", [
      `--decode=opentelemetry.proto.collector.${signal}.v1.${message}`,
      `--proto_path=${PROTO}`,
      `${DEFINITIONS}/${signal}/v1/${signal}_service.proto`,
    ]);
    child.child.stdin.end(bodies.get(signal === "trace" ? "/v1/traces" : `/v1/${signal}`));
    const { code } = await child.exited;
    assert.equal(code, 0, child.stderr);
    // What a definition does not know is shown by its number.
    assert.doesNotMatch(child.stdout, /^\s*\d+[:{ ]/m);
    return child.stdout;
  };

  it("reads our spans", async () => {
    const text = await decode("trace", "ExportTraceServiceRequest");
    assert.match(text, /name: "work"/);
    assert.match(text, /key: "step.number"\s+value {\s+int_value: 2/);
    assert.equal(text.match(/parent_span_id: /g).length, 3);
  });

  it("reads our metrics", async () => {
    const text = await decode("metrics", "ExportMetricsServiceRequest");
    assert.match(text, /name: "steps"/);
    assert.match(text, /aggregation_temporality: AGGREGATION_TEMPORALITY_CUMULATIVE\s+is_monotonic: true/);
  });

  it("reads our log records", async () => {
    const text = await decode("logs", "ExportLogsServiceRequest");
    assert.match(text, /severity_number: SEVERITY_NUMBER_INFO/);
    assert.match(text, /string_value: "3 steps done"/);
  });
});
