// Programs that start the SDK by tt_init and load its libraries by name: an HTTP server that is seen,
// and the service of the W3C's trace context test harness, driven with the harness's cases.

import assert from "node:assert/strict";
import { createServer, request } from "node:http";
import { dirname, join } from "node:path";
import { Process } from "./support/process.js";
import { TELLTALE, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const LIBRARIES = join(BUILD, "sdk");
const TRACE = "12345678901234567890123456789012";
const PARENT = "1234567890123456";

/** An example that tells its address, and ends when its input does. */
async function start(name, env, under = []) {
  const [command, ...args] = [...under, join(BUILD, "examples", name), "0"];
  const child = new Process(command, args, {
    env: { LD_LIBRARY_PATH: LIBRARIES, OTEL_EXPORTER_PROMETHEUS_PORT: "0", ...env },
  });
  const [, port] = await until(() => child.stdout.match(/localhost:(\d+)/), `the address of ${name}`);
  const end = async () => {
    child.child.stdin.end();
    return child.exited;
  };
  return { child, port: Number(port), end };
}

/** Sends headers as they are written here, in pairs; resolves to status and body. */
function send(port, { method = "GET", path = "/", headers = [], body = "" }) {
  return new Promise((resolve, reject) => {
    const call = request({ host: "127.0.0.1", port, method, path, headers: { Connection: "close" } }, (answer) => {
      let text = "";
      answer.setEncoding("utf8").on("data", (chunk) => (text += chunk));
      answer.on("end", () => resolve({ status: answer.statusCode, text }));
    });
    const byName = {};
    for (const [name, value] of headers) (byName[name] ??= []).push(value);
    for (const [name, values] of Object.entries(byName)) call.setHeader(name, values.length > 1 ? values : values[0]);
    call.on("error", reject).end(body);
  });
}

describe("an HTTP server that starts the SDK by one call", () => {
  let server, greeter;
  before(async () => {
    server = await Telltale.start();
    greeter = await start("http_server", {
      OTEL_EXPORTER_OTLP_ENDPOINT: server.url,
      OTEL_SERVICE_NAME: "greeter",
      OTEL_METRICS_EXPORTER: "otlp",
    });
    const headers = [["traceparent", `00-${TRACE}-${PARENT}-01`]];
    assert.deepEqual(await send(greeter.port, { path: "/hello/you", headers }), { status: 200, text: "Hello, you!\n" });
    assert.equal((await send(greeter.port, { path: "/elsewhere", headers })).status, 404);
    const { code } = await greeter.end();
    assert.equal(code, 0, greeter.child.stderr);
    assert.equal(greeter.child.stderr, "");
  });
  after(() => server?.dispose());

  it("sends at exit what waited: spans of the caller's trace", async () => {
    const { data } = (await server.api.get(`/api/traces/${TRACE}`)).json;
    assert.equal(data[0].spans.length, 2);
    for (const span of data[0].spans) assert.equal(span.references[0].spanID, PARENT);
  });

  it("and the metrics of its requests, with what was found out about the process", async () => {
    assert.equal(await server.api.value('sum(http_server_request_duration_seconds_count{job="greeter"})'), 2);
    const [target] = await server.api.vector('target_info{job="greeter"}');
    assert.equal(target.metric.os_type, "linux");
    assert.equal(target.metric.process_executable_name, "http_server");
    assert.match(target.metric.instance, /^[0-9a-f-]{36}$/);
  });
});

describe("the same, served for Prometheus, or not at all", () => {
  it("has its endpoint from the environment", async () => {
    const port = 20000 + (process.pid % 20000);
    const greeter = await start("http_server", { OTEL_EXPORTER_PROMETHEUS_PORT: String(port), OTEL_TRACES_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none" });
    await send(greeter.port, { path: "/hello/you" });
    const { text } = await send(port, { path: "/metrics" });
    assert.match(text, /http_server_request_duration_seconds_count\{.*\} 1\n/);
    assert.equal((await greeter.end()).code, 0);
  });

  it("shows how the SDK itself is doing, to those who ask", async () => {
    const server = await Telltale.start();
    const port = 20001 + (process.pid % 20000);
    const env = { OTEL_EXPORTER_PROMETHEUS_PORT: String(port), OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_BSP_SCHEDULE_DELAY: "10" };
    const greeter = await start("http_server", { OTEL_C_SELF_METRICS: "true", OTEL_LOGS_EXPORTER: "none", ...env });
    const address = new URL(server.url);
    const exporter = `otel_component_name="otlp_http_span_exporter/0",otel_component_type="otlp_http_span_exporter",server_address="${address.hostname}",server_port="${address.port}"`;
    for (let i = 0; i < 3; i++) await send(greeter.port, { path: "/hello/you", headers: [["traceparent", `00-${TRACE}-${PARENT}-01`]] });
    const text = await until(async () => {
      const page = (await send(port, { path: "/metrics" })).text;
      return new RegExp(`otel_sdk_exporter_span_exported_total\\{[^}]*${exporter}\\} 3\n`).test(page) && page;
    }, "the export of three spans");
    assert.match(text, /otel_sdk_span_started_total\{[^}]*otel_span_parent_origin="remote",otel_span_sampling_result="RECORD_AND_SAMPLE"\} 3\n/);
    assert.match(text, /otel_sdk_span_live\{[^}]*otel_span_sampling_result="RECORD_AND_SAMPLE"\} 0\n/);
    assert.match(text, /otel_sdk_processor_span_queue_size\{[^}]*otel_component_type="batching_span_processor"\} 0\n/);
    assert.match(text, /otel_sdk_processor_span_processed_total\{[^}]*otel_component_type="batching_span_processor"\} 3\n/);
    assert.match(text, /otel_sdk_exporter_span_inflight\{[^}]*\} 0\n/);
    assert.match(text, /otel_sdk_exporter_operation_duration_seconds_count\{[^}]*http_response_status_code="200"[^}]*\} \d+\n/);
    const again = (await send(port, { path: "/metrics" })).text;
    assert.match(again, /otel_sdk_metric_reader_collection_duration_seconds_count\{[^}]*otel_component_type="prometheus_http_text_metric_exporter"\} \d+\n/);
    const { code } = await greeter.end();
    assert.equal(code, 0, greeter.child.stderr);
    assert.equal(greeter.child.stderr, "");
    await server.dispose();
  });

  it("tells what it cannot find and serves all the same", async () => {
    const greeter = await start("http_server", { OTEL_TRACES_EXPORTER: "zipkin", OTEL_LOGS_EXPORTER: "none" });
    assert.equal((await send(greeter.port, { path: "/hello/you" })).status, 200);
    assert.equal((await greeter.end()).code, 0);
    assert.equal(greeter.child.stderr, 'telltale: warning: an exporter that is not known, nor found in a library: "zipkin"\n');
  });

  it("does nothing when the SDK is disabled", async () => {
    const greeter = await start("http_server", { OTEL_SDK_DISABLED: "true" });
    assert.equal((await send(greeter.port, { path: "/hello/you" })).status, 200);
    assert.equal((await greeter.end()).code, 0);
    assert.equal(greeter.child.stderr, "");
  });
});

describe("under valgrind", { skip: missing("valgrind") }, () => {
  it("a program loses no memory and touches none that is not its own", async () => {
    const known = new URL("./support/valgrind.supp", import.meta.url).pathname;
    const valgrind = ["valgrind", "-q", `--suppressions=${known}`, "--error-exitcode=9", "--leak-check=full", "--errors-for-leak-kinds=definite,indirect"];
    const server = await Telltale.start();
    const greeter = await start("http_server", { OTEL_EXPORTER_OTLP_ENDPOINT: server.url, OTEL_METRICS_EXPORTER: "otlp,prometheus" }, valgrind);
    assert.equal((await send(greeter.port, { path: "/hello/you" })).status, 200);
    assert.equal((await send(greeter.port, { path: "/elsewhere" })).status, 404);
    const { code } = await greeter.end();
    await server.dispose();
    assert.equal(code, 0, greeter.child.stderr);
  });
});

const parent = (text) => ["traceparent", text];
const state = (text) => ["tracestate", text];
const VALID = parent(`00-${TRACE}-${PARENT}-01`);
const many = (n) => Array.from({ length: n }, (_, i) => `bar${String(i + 1).padStart(2, "0")}=${String(i + 1).padStart(2, "0")}`).join(",");
const ALLOWED = "abcdefghijklmnopqrstuvwxyz0123456789_-*/";
const VALUES = " !\"#$%&'()*+-./0123456789:;<>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~";

// Level 2 of the recommendation lets a key have @ anywhere but at its beginning.
// [what is sent, whether the trace goes on, what tracestate goes out with it; undefined: any]
const CASES = {
  "no header": [[], false],
  "a tracestate without traceparent": [[state("foo=1")], false, null],
  "a traceparent alone": [[VALID], true, null],
  "a traceparent twice": [[parent(`00-${TRACE}-${PARENT}-01`), parent(`00-${TRACE.replace("1", "2")}-${PARENT}-01`)], false],
  "another name: trace-parent": [[["trace-parent", VALID[1]]], false],
  "another name: trace.parent": [[["trace.parent", VALID[1]]], false],
  "a name in other case: TraceParent": [[["TraceParent", VALID[1]]], true],
  "a name in other case: TRACEPARENT": [[["TRACEPARENT", VALID[1]]], true],
  "version 00 with more": [[parent(`${VALID[1]}.`)], false],
  "version 00 with a part more": [[parent(`${VALID[1]}-what-the-future-will-be-like`)], false],
  "version cc": [[parent(`cc-${TRACE}-${PARENT}-01`)], true],
  "version cc with a part more": [[parent(`cc-${TRACE}-${PARENT}-01-what-the-future-will-be-like`)], true],
  "version cc with another end": [[parent(`cc-${TRACE}-${PARENT}-01.what-the-future-will-be-like`)], false],
  "version ff": [[parent(`ff-${TRACE}-${PARENT}-01`)], false],
  "version .0": [[parent(`.0-${TRACE}-${PARENT}-01`)], false],
  "version 0.": [[parent(`0.-${TRACE}-${PARENT}-01`)], false],
  "version 000": [[parent(`000-${TRACE}-${PARENT}-01`)], false],
  "version 0": [[parent(`0-${TRACE}-${PARENT}-01`)], false],
  "a trace id of zeros": [[parent(`00-${"0".repeat(32)}-${PARENT}-01`)], false],
  "a trace id with a dot": [[parent(`00-.${TRACE.slice(1)}-${PARENT}-01`)], false],
  "a trace id in capitals": [[parent(`00-ABCDEF78901234567890123456789012-${PARENT}-01`)], false],
  "a trace id that is long": [[parent(`00-${TRACE}3-${PARENT}-01`)], false],
  "a trace id that is short": [[parent(`00-${TRACE.slice(1)}-${PARENT}-01`)], false],
  "a parent id of zeros": [[parent(`00-${TRACE}-${"0".repeat(16)}-01`)], false],
  "a parent id with a dot": [[parent(`00-${TRACE}-.${PARENT.slice(1)}-01`)], false],
  "a parent id that is long": [[parent(`00-${TRACE}-${PARENT}3-01`)], false],
  "a parent id that is short": [[parent(`00-${TRACE}-${PARENT.slice(1)}-01`)], false],
  "flags with a dot": [[parent(`00-${TRACE}-${PARENT}-.0`)], false],
  "flags that are long": [[parent(`00-${TRACE}-${PARENT}-001`)], false],
  "flags that are short": [[parent(`00-${TRACE}-${PARENT}-1`)], false],
  "spaces around": [[parent(` ${VALID[1]} `)], true],
  "a tab and spaces around": [[parent(`\t ${VALID[1]}\t`)], true],
  "a tracestate": [[VALID, state("foo=1,bar=2")], true, "foo=1,bar=2"],
  "a tracestate of another name": [[VALID, ["trace-state", "foo=1"]], true, null],
  "a tracestate in other case": [[VALID, ["TraceState", "foo=1"]], true, "foo=1"],
  "an empty tracestate": [[VALID, state("")], true, null],
  "an empty tracestate and one": [[VALID, state("foo=1"), state("")], true, "foo=1"],
  "two lines of tracestate": [[VALID, state("foo=1,bar=2"), state("rojo=1,congo=2")], true, "foo=1,bar=2,rojo=1,congo=2"],
  "three lines of tracestate": [[VALID, state("foo=1"), state("bar=2"), state("baz=3")], true, "foo=1,bar=2,baz=3"],
  "all characters that a key may have": [[VALID, state(`${ALLOWED}=1`)], true, `${ALLOWED}=1`],
  "all characters that a value may have": [[VALID, state(`foo=${VALUES}`)], true, `foo=${VALUES}`],
  "space between members": [[VALID, state("foo=1 \t , \t bar=2, \t baz=3")], true, "foo=1,bar=2,baz=3"],
  "space around all": [[VALID, state(" foo=1 \t")], true, "foo=1"],
  "a key with a space": [[VALID, state("foo =1")], true, null],
  "a key in capitals": [[VALID, state("FOO=1")], true, null],
  "a key with a dot": [[VALID, state("foo.bar=1")], true, null],
  "a vendor that is not there": [[VALID, state("foo@=1,bar=2")], true, "foo@=1,bar=2"],
  "a tenant that is not there": [[VALID, state("@foo=1,bar=2")], true, null],
  "two at signs": [[VALID, state("foo@@bar=1,bar=2")], true, "foo@@bar=1,bar=2"],
  "two vendors": [[VALID, state("foo@bar@baz=1,bar=2")], true, "foo@bar@baz=1,bar=2"],
  "32 members": [[VALID, state(many(32))], true, many(32)],
  "33 members": [[VALID, state(many(33))], true, null],
  "a key of 256 characters": [[VALID, state(`${"z".repeat(256)}=1`)], true, `${"z".repeat(256)}=1`],
  "a key of 257 characters": [[VALID, state(`${"z".repeat(257)}=1`)], true, null],
  "a tenant of 241, a vendor of 14": [[VALID, state(`${"t".repeat(241)}@${"v".repeat(14)}=1`)], true, `${"t".repeat(241)}@${"v".repeat(14)}=1`],
  "a tenant of 242": [[VALID, state(`${"t".repeat(242)}@v=1`)], true, `${"t".repeat(242)}@v=1`],
  "a vendor of 15": [[VALID, state(`t@${"v".repeat(15)}=1`)], true, `t@${"v".repeat(15)}=1`],
  "a value with an equals sign": [[VALID, state("foo=bar=baz")], true, null],
  "a value that is empty": [[VALID, state("foo=,bar=3")], true, null],
};

describe("W3C trace context, as the test harness asks", () => {
  let service, harness, calls;
  before(async () => {
    calls = [];
    harness = createServer((call, answer) => {
      calls.push(call.headers);
      call.resume().on("end", () => answer.end("[]"));
    });
    await new Promise((resolve) => harness.listen(0, "127.0.0.1", resolve));
    service = await start("trace_context_service", { OTEL_TRACES_EXPORTER: "none", OTEL_LOGS_EXPORTER: "none", OTEL_METRICS_EXPORTER: "none" });
  });
  after(async () => {
    harness?.close();
    if (service) assert.equal((await service.end()).code, 0);
  });

  /** What the service sends on when it is called with these headers: one traceparent a call. */
  async function calledWith(headers, times = 1) {
    calls.length = 0;
    const url = `http://127.0.0.1:${harness.address().port}/`;
    const body = JSON.stringify(Array.from({ length: times }, () => ({ url, arguments: [] })));
    assert.equal((await send(service.port, { method: "POST", headers, body })).status, 200);
    assert.equal(calls.length, times);
    return calls.map((got) => ({ parts: got.traceparent?.split("-"), state: got.tracestate ?? null }));
  }

  for (const [name, [headers, continues, expected]] of Object.entries(CASES)) {
    it(`${name}: the trace ${continues ? "goes on" : "begins anew"}`, async () => {
      const [{ parts, state }] = await calledWith(headers);
      assert.match(parts.join("-"), /^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$/);
      assert.notEqual(parts[1], "0".repeat(32));
      assert.notEqual(parts[2], "0".repeat(16));
      assert.notEqual(parts[2], PARENT);
      assert.equal(parts[1] === TRACE, continues);
      if (expected !== undefined) assert.equal(state, expected);
    });
  }

  it("a key twice is kept or taken once", async () => {
    for (const text of ["foo=1,foo=1", "foo=1,foo=2"]) {
      const [{ parts, state: out }] = await calledWith([VALID, state(text)]);
      assert.equal(parts[1], TRACE);
      assert.ok(out === null || /foo=[12]/.test(out), out);
    }
  });

  it("each call of one request has an id of its own", async () => {
    const sent = await calledWith([VALID], 3);
    assert.deepEqual(new Set(sent.map(({ parts }) => parts[1])), new Set([TRACE]));
    assert.equal(new Set(sent.map(({ parts }) => parts[2])).size, 3);
  });

  it("a caller that is sampled stays so, though nothing is exported here", async () => {
    const [{ parts }] = await calledWith([VALID]);
    assert.equal(Number.parseInt(parts[3], 16) & 1, 1);
  });

  it("a caller that is not sampled stays so", async () => {
    const [{ parts }] = await calledWith([parent(`00-${TRACE}-${PARENT}-00`)]);
    assert.equal(parts[1], TRACE);
    assert.equal(Number.parseInt(parts[3], 16) & 1, 0);
  });
});
