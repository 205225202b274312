// OTLP beyond what an SDK sends: summaries, exemplars, flags, deltas with gaps, compression, both
// HTTP ports, partial success, and what gRPC promises.

import assert from "node:assert/strict";
import { connect } from "node:http2";
import { gzipSync } from "node:zlib";
import grpc from "@grpc/grpc-js";
import { FOREVER, near, T0 } from "./support/fixture.js";
import * as pb from "./support/protobuf.js";
import { Api } from "./support/api.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { within } from "./support/until.js";
import { zstdFrame } from "./support/zstd.js";

const JSON_TYPE = { "content-type": "application/json" };
const PROTO_TYPE = { "content-type": "application/x-protobuf" };
const EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

const ns = (s) => `${BigInt(Math.round((T0 + s) * 1000)) * 1_000_000n}`;
const attributes = (object) => Object.entries(object).map(([key, stringValue]) => ({ key, value: { stringValue } }));

const request = (service, ...metrics) => ({
  resourceMetrics: [
    {
      resource: { attributes: attributes({ "service.name": service }) },
      scopeMetrics: [{ scope: { name: "by hand" }, metrics }],
    },
  ],
});
const gauge = (name, ...points) => ({ name, gauge: { dataPoints: points } });
const point = (s, asDouble, more = {}) => ({ timeUnixNano: ns(s), asDouble, ...more });
const DELTA = 1;
const CUMULATIVE = 2;

/** The same gauge in protobuf: one point of one metric. */
function gaugeProto(service, name, s, value) {
  const attribute = pb.message(1, pb.string(1, "service.name"), pb.message(2, pb.string(1, service)));
  const dataPoint = pb.message(1, pb.fixed64(3, ns(s)), pb.double(4, value));
  const metric = pb.message(2, pb.string(1, name), pb.message(5, dataPoint));
  return pb.message(1, pb.message(1, attribute), pb.message(2, metric));
}

describe("OTLP", () => {
  let server, api, main, otlpHttp;
  before(async () => {
    server = await Telltale.start({
      set: FOREVER,
      args: ["--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"],
    });
    api = server.api;
    main = api;
    otlpHttp = new Api(`http://${server.address("otlp-http")}`);
  });
  after(() => server?.dispose());

  const send = async (body, headers = JSON_TYPE, to = main) => {
    const answer = await to.post("/v1/metrics", typeof body === "object" && !Buffer.isBuffer(body) ? JSON.stringify(body) : body, headers);
    assert.equal(answer.status, 200, answer.text);
    return answer;
  };

  describe("over HTTP", () => {
    it("on both ports, in protobuf and JSON, plain, gzip and zstd", async () => {
      let n = 0;
      for (const to of [main, otlpHttp]) {
        for (const encoding of ["identity", "gzip", "zstd"]) {
          for (const type of [JSON_TYPE, PROTO_TYPE]) {
            const name = `form_${n++}`;
            const plain = type === JSON_TYPE ? Buffer.from(JSON.stringify(request("forms", gauge(name, point(0, n))))) : gaugeProto("forms", name, 0, n);
            const body = { identity: (b) => b, gzip: gzipSync, zstd: zstdFrame }[encoding](plain);
            const answer = await send(body, { ...type, "content-encoding": encoding }, to);
            assert.match(answer.headers.get("content-type"), new RegExp(type["content-type"]));
            near(await api.value(name, T0), n, `${name}: ${encoding} ${type["content-type"]}`);
          }
        }
      }
    });

    it("summaries become quantiles, sum and count", async () => {
      await send(request("s", { name: "lag", unit: "s", summary: { dataPoints: [{ timeUnixNano: ns(0), count: "10", sum: 4.5, quantileValues: [{ quantile: 0.5, value: 0.25 }, { quantile: 0.99, value: 2 }] }] } }));
      near(await api.value('lag_seconds{quantile="0.5"}', T0), 0.25);
      near(await api.value('lag_seconds{quantile="0.99"}', T0), 2);
      near(await api.value("lag_seconds_sum", T0), 4.5);
      near(await api.value("lag_seconds_count", T0), 10);
    });

    it("exemplars keep trace and span", async () => {
      const exemplar = { timeUnixNano: ns(1), asDouble: 0.7, traceId: "4bf92f3577b34da6a3ce929d0e0e4736", spanId: "00f067aa0ba902b7", filteredAttributes: attributes({ user: "u" }) };
      const sum = { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints: [point(1, 5, { exemplars: [exemplar] })] };
      await send(request("e", { name: "clicks", sum }));
      const [found] = await api.data("/api/v1/query_exemplars", { query: "clicks_total", start: T0, end: T0 + 10 });
      assert.deepEqual(found.exemplars, [
        { labels: { span_id: "00f067aa0ba902b7", trace_id: "4bf92f3577b34da6a3ce929d0e0e4736", user: "u" }, value: "0.7", timestamp: T0 + 1 },
      ]);
    });

    it("no recorded value ends a series", async () => {
      await send(request("f", gauge("flagged", point(0, 1), { timeUnixNano: ns(15), flags: 1 })));
      assert.equal((await api.vector("flagged", T0 + 14)).length, 1);
      assert.equal((await api.vector("flagged", T0 + 16)).length, 0);
    });

    it("deltas add up, also after a restart of the program", async () => {
      const delta = (from, to, value) => ({
        name: "steps",
        sum: { aggregationTemporality: DELTA, isMonotonic: true, dataPoints: [{ startTimeUnixNano: ns(from), timeUnixNano: ns(to), asInt: String(value) }] },
      });
      await send(request("d", delta(0, 10, 3)));
      await send(request("d", delta(10, 20, 4)));
      near(await api.value("steps_total", T0 + 20), 7);
      await send(request("d", delta(60, 70, 5)));
      const [increase] = await api.vector("sum_over_time((steps_total - steps_total offset 50s)[1s:1s])", T0 + 70);
      assert.ok(increase.value >= 0, "never decreases");
      assert.equal((await api.value("steps_total", T0 + 70)) >= 5, true);
    });

    it("a histogram without sum, an integer gauge, attributes of every type", async () => {
      const kinds = [
        { key: "s", value: { stringValue: "x" } },
        { key: "b", value: { boolValue: true } },
        { key: "i", value: { intValue: "42" } },
        { key: "d", value: { doubleValue: 1.5 } },
        { key: "list", value: { arrayValue: { values: [{ stringValue: "a" }, { intValue: "1" }] } } },
        { key: "map", value: { kvlistValue: { values: [{ key: "k", value: { stringValue: "v" } }] } } },
      ];
      await send(
        request(
          "k",
          { name: "nosum", histogram: { aggregationTemporality: CUMULATIVE, dataPoints: [{ timeUnixNano: ns(0), count: "3", bucketCounts: ["1", "2"], explicitBounds: [5] }] } },
          gauge("kinds", { timeUnixNano: ns(0), asInt: "-9007199254740993", attributes: kinds }),
        ),
      );
      near(await api.value("nosum_count", T0), 3);
      near(await api.value('nosum_bucket{le=~"5(.0)?"}', T0), 1);
      const [found] = await api.vector("kinds", T0);
      const { s, b, i, d, list, map } = found.metric;
      assert.deepEqual({ s, b, i, d, list, map }, { s: "x", b: "true", i: "42", d: "1.5", list: '["a",1]', map: '{"k":"v"}' });
    });

    it("the good part of a request is kept and the rest counted", async () => {
      const answer = await send(request("p", gauge("part_good", point(0, 1)), gauge("", point(0, 2)), { name: "part_bad", exponentialHistogram: { aggregationTemporality: CUMULATIVE, dataPoints: [{ timeUnixNano: ns(0), count: "1", scale: 99, positive: { bucketCounts: ["5"] } }] } }));
      const { rejectedDataPoints, errorMessage } = answer.json.partialSuccess;
      assert.ok(Number(rejectedDataPoints) >= 1, answer.text);
      assert.match(errorMessage, /name|part_bad/);
      near(await api.value("part_good", T0), 1);
    });

    it("an empty request is fine", async () => {
      assert.deepEqual((await send({})).json, {});
      assert.equal((await send(Buffer.alloc(0), PROTO_TYPE)).bytes.length, 0);
    });

    it("a wrong body is 400 and says where", async () => {
      const bad = { resourceMetrics: [{ scopeMetrics: [{ metrics: [{ name: "a", gauge: { dataPoints: [{ timeUnixNano: "then" }] } }] }] }] };
      const answer = await main.post("/v1/metrics", JSON.stringify(bad), JSON_TYPE);
      assert.equal(answer.status, 400);
      assert.match(answer.text, /resource_?metrics\[0\].*data_?points\[0\].*time_?unix_?nano/i);
    });

    it("a wrong content type is 415", async () => {
      const answer = await main.post("/v1/metrics", "hello", { "content-type": "text/plain" });
      assert.equal(answer.status, 415, answer.text);
      assert.match(answer.text, /text\/plain/);
    });

    it("a wrong content encoding is refused by name", async () => {
      const answer = await main.post("/v1/metrics", "x", { ...PROTO_TYPE, "content-encoding": "br" });
      assert.ok([400, 415].includes(answer.status), `${answer.status}`);
      assert.match(answer.text, /br/);
    });
  });

  describe("over gRPC", () => {
    let client;
    before(() => {
      client = new grpc.Client(server.address("otlp-grpc"), grpc.credentials.createInsecure(), { "grpc.max_send_message_length": -1 });
    });
    after(() => client?.close());

    const call = (path, message, { metadata = new grpc.Metadata(), deadlineMs = 10_000 } = {}) =>
      new Promise((resolve) => {
        const identity = (bytes) => bytes;
        client.makeUnaryRequest(path, identity, identity, message, metadata, { deadline: Date.now() + deadlineMs }, (error, value) =>
          resolve({ code: error?.code ?? grpc.status.OK, details: error?.details, value }),
        );
      });

    it("a hundred calls at once on one connection", async () => {
      const answers = await Promise.all(Array.from({ length: 100 }, (_, i) => call(EXPORT, gaugeProto("g", `grpc_${i}`, 0, i))));
      for (const { code, details } of answers) assert.equal(code, grpc.status.OK, details);
      near(await api.value('sum({__name__=~"grpc_.+"})', T0), 4950);
    });

    it("a large message", async () => {
      const metrics = Array.from({ length: 20_000 }, (_, i) => gaugeProto("large", "large", i / 1000, i));
      const { code, details } = await call(EXPORT, pb.concat(metrics));
      assert.equal(code, grpc.status.OK, details);
      near(await api.value("count_over_time(large[1m])", T0 + 50), 20_000);
    });

    it("a wrong message is INVALID_ARGUMENT and says why", async () => {
      const { code, details } = await call(EXPORT, Buffer.from([0x0a, 0x05, 0x01]));
      assert.equal(code, grpc.status.INVALID_ARGUMENT);
      assert.match(details, /resource_metrics|byte|truncated|length/);
    });

    it("an unknown method is UNIMPLEMENTED", async () => {
      const { code } = await call("/opentelemetry.proto.collector.metrics.v1.MetricsService/Import", Buffer.alloc(0));
      assert.equal(code, grpc.status.UNIMPLEMENTED);
    });

    it("a deadline of the past is DEADLINE_EXCEEDED, and the connection lives", async () => {
      const { code } = await call(EXPORT, gaugeProto("g", "late", 0, 1), { deadlineMs: -1 });
      assert.equal(code, grpc.status.DEADLINE_EXCEEDED);
      assert.equal((await call(EXPORT, gaugeProto("g", "in_time", 0, 1))).code, grpc.status.OK);
    });

    it("answers pings, and wrong requests by status", async () => {
      const session = connect(`http://${server.address("otlp-grpc")}`);
      try {
        await within(new Promise((resolve, reject) => session.on("connect", resolve).on("error", reject)), 5000, "a connection");
        await within(new Promise((resolve, reject) => session.ping((error) => (error ? reject(error) : resolve()))), 5000, "a ping");
        const get = (headers, body) =>
          within(
            new Promise((resolve, reject) => {
              const stream = session.request(headers, { endStream: !body });
              const seen = {};
              stream.on("response", (h) => Object.assign(seen, h));
              stream.on("trailers", (h) => Object.assign(seen, h));
              stream.on("error", reject);
              stream.on("close", () => resolve(seen));
              stream.resume();
              if (body) stream.end(body);
            }),
            5000,
            "an answer",
          );
        const notGrpc = await get({ ":method": "POST", ":path": EXPORT, "content-type": "application/json" }, Buffer.from("{}"));
        assert.equal(notGrpc[":status"], 415);
        const prefixLies = Buffer.from([0, 0, 0, 0, 200, 1, 2, 3]);
        const lied = await get({ ":method": "POST", ":path": EXPORT, "content-type": "application/grpc", te: "trailers" }, prefixLies);
        assert.equal(lied[":status"], 200);
        assert.notEqual(lied["grpc-status"], "0");
        assert.ok(lied["grpc-status"], JSON.stringify(lied));
      } finally {
        session.destroy();
      }
    });

    it("says in the answer what was left out", async () => {
      const { code, value } = await call(EXPORT, pb.concat(gaugeProto("g", "kept", 0, 1), gaugeProto("g", "", 0, 2)));
      assert.equal(code, grpc.status.OK);
      assert.match(value.toString("latin1"), /name/);
      near(await api.value("kept", T0), 1);
    });
  });
});

describe("OTLP names are translated as configured", () => {
  const sum = { name: "Http.Requests-Served", unit: "By", sum: { aggregationTemporality: CUMULATIVE, isMonotonic: true, dataPoints: [point(0, 1, { attributes: attributes({ "http.route": "/" }) })] } };
  const strategies = {
    UnderscoreEscapingWithSuffixes: ["Http_Requests_Served_bytes_total", "http_route"],
    UnderscoreEscapingWithoutSuffixes: ["Http_Requests_Served", "http_route"],
    NoUTF8EscapingWithSuffixes: ["Http.Requests-Served_bytes_total", "http.route"],
    NoTranslation: ["Http.Requests-Served", "http.route"],
  };
  for (const [strategy, [name, label]] of Object.entries(strategies)) {
    it(strategy, async () => {
      const server = await Telltale.start({ set: { ...FOREVER, "otlp.translation_strategy": strategy } });
      try {
        const answer = await server.api.post("/v1/metrics", JSON.stringify(request("t", sum)), JSON_TYPE);
        assert.equal(answer.status, 200, answer.text);
        const [found] = await server.api.vector(`{"${name}"}`, T0);
        assert.equal(found?.metric.__name__, name);
        assert.equal(found.metric[label], "/");
      } finally {
        await server.dispose();
      }
    });
  }
});
