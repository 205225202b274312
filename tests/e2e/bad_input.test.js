// Bad input on every endpoint: the right status, a message that names field and reason, nothing
// lost, nothing leaked, and a server that goes on.

import assert from "node:assert/strict";
import { gzipSync } from "node:zlib";
import { END, FOREVER, T0, writeFixture } from "./support/fixture.js";
import * as pb from "./support/protobuf.js";
import { SEED, seeded } from "./support/random.js";
import { exchange, head, open, status } from "./support/raw.js";
import * as rw from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until, within } from "./support/until.js";
import { zstdBomb } from "./support/zstd.js";

const MiB = 1024 * 1024;
const JSON_TYPE = { "content-type": "application/json" };
const PROTO_TYPE = { "content-type": "application/x-protobuf" };

/** A snappy block that claims to unpack to `size` bytes and has a few. */
const snappyClaim = (size) => pb.concat(pb.varint(size), Buffer.from([0x00, 0x61]));

/** A snappy block that does unpack to `size` zeros: copies of the byte before. */
function snappyBomb(size) {
  const parts = [pb.varint(size), Buffer.from([0x00, 0x00])]; // a literal of one zero
  for (let left = size - 1; left > 0; left -= 64) {
    const n = Math.min(left, 64);
    parts.push(Buffer.from([((n - 1) << 2) | 2, 1, 0])); // copy n bytes from 1 back
  }
  return Buffer.concat(parts);
}

describe("what was refused", () => {
  let server;
  before(async () => {
    server = await Telltale.start({ set: FOREVER, args: ["--otlp-http", "off", "--otlp-grpc", "off"] });
  });
  after(() => server?.dispose());
  const logged = (pattern) => until(() => pattern.test(server.log), `${pattern} in the log`);

  it("is told to the operator: a request, with its protocol and the reason", async () => {
    await server.api.post("/api/v1/write", Buffer.from("not snappy at all"), rw.headers());
    await logged(/level=warn .*"a request was not stored" protocol=remote_write outcome=\w+ error=".*snappy/i);
    await server.api.post("/v1/metrics", "{resourceMetrics", JSON_TYPE);
    await logged(/level=warn .*"a request was not stored" protocol=otlp_http outcome=\w+ error=/);
  });

  it("is told to the operator: a part of a request, with the reason", async () => {
    const point = (fields) => ({ name: "part", gauge: { dataPoints: [fields] } });
    const metrics = [point({ asDouble: 1, timeUnixNano: "1" }), { name: "", gauge: { dataPoints: [{ asDouble: 1, timeUnixNano: "1" }] } }];
    const answer = await server.api.post("/v1/metrics", JSON.stringify({ resourceMetrics: [{ scopeMetrics: [{ metrics }] }] }), JSON_TYPE);
    assert.equal(answer.json.partialSuccess.rejectedDataPoints, "1");
    await logged(/level=warn .*"a part of a request was not stored" protocol=otlp_http error=.*name/);
  });
});

describe("bad input", () => {
  let server, api, quietBytes;
  const random = seeded(SEED);
  const garbage = (n) => Buffer.from(Array.from({ length: n }, () => Math.floor(random() * 256)));

  before(async () => {
    server = await Telltale.start({
      set: { ...FOREVER, "limits.max_body_bytes": 4 * MiB, "limits.body_timeout": "2s" },
      args: ["--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"],
    });
    api = server.api;
    await writeFixture(api);
    quietBytes = server.process.residentBytes();
  });
  after(() => server?.dispose());

  const good = [[`up`, [[T0 * 1000, 1]]]].map(([name, samples]) => ({ labels: { __name__: name }, samples }));
  const valid = rw.encodeV1(good);
  const withLabels = (...labels) => pb.message(1, labels, pb.message(2, pb.double(1, 1), pb.int(2, T0 * 1000)));
  const label = (name, value) => pb.message(1, pb.string(1, name), pb.string(2, value));
  const named = label("__name__", "x");
  const nested = (depth) => {
    let text = '{"stringValue":"x"}';
    for (let i = 0; i < depth; i++) text = `{"arrayValue":{"values":[${text}]}}`;
    return `{"resourceMetrics":[{"resource":{"attributes":[{"key":"a","value":${text}}]}}]}`;
  };
  const nestedProto = (depth) => {
    let value = pb.string(1, "x");
    for (let i = 0; i < depth; i++) value = pb.message(5, pb.message(1, value));
    return pb.message(1, pb.message(1, pb.message(1, pb.string(1, "a"), pb.bytes(2, value))));
  };

  // [what, path, body, headers, statuses, what the message must name]
  const write = (what, body, statuses, message, headers = rw.headers()) => [what, "/api/v1/write", body, headers, statuses, message];
  const otlp = (what, body, statuses, message, headers = PROTO_TYPE) => [what, "/v1/metrics", body, headers, statuses, message];
  const cases = [
    write("garbage", Buffer.from("not snappy at all"), [400], /snappy/i),
    write("nothing", Buffer.alloc(0), [400], /snappy|empty/i),
    write("snappy of garbage", rw.compress(Buffer.from([0xff, 0xff, 0xff])), [400], /byte|varint|field|truncated/i),
    write("a truncated message", rw.compress(valid.subarray(0, valid.length - 3)), [400], /timeseries|byte|truncated/i),
    write("a truncated snappy block", rw.compress(valid).subarray(0, 10), [400], /snappy/i),
    write("a wrong wire type", rw.compress(pb.concat(pb.int(1, 5))), [400], /timeseries|wire|type/i),
    write("a snappy claim of 4 GiB", snappyClaim(2 ** 32 - 1), [400, 413], /snappy|large|limit|bytes/i),
    write("a snappy bomb", snappyBomb(512 * MiB), [400, 413], /large|limit|ratio|bytes/i),
    write("an oversized body", Buffer.alloc(5 * MiB, 1), [413], /bytes|large|limit/i),
    write("no snappy", valid, [400, 415], /snappy|encoding/i, { "content-type": rw.V1 }),
    write("gzip instead of snappy", gzipSync(valid), [400, 415], /gzip|snappy|encoding/i, { ...rw.headers(), "content-encoding": "gzip" }),
    write("a wrong content type", rw.compress(valid), [415], /text\/html|content.type/i, { ...rw.headers(), "content-type": "text/html" }),
    write("no name", rw.compress(withLabels(label("a", "b"))), [400], /name/i),
    write("a label twice", rw.compress(withLabels(named, label("a", "1"), label("a", "2"))), [400], /duplicate|twice|"?a"?/i),
    write("an empty label name", rw.compress(withLabels(named, label("", "1"))), [400], /label|name/i),
    write("a label that is not UTF-8", rw.compress(withLabels(named, pb.message(1, pb.string(1, "a"), pb.bytes(2, Buffer.from([0xc3, 0x28]))))), [400], /UTF-8/i),
    write("a very long label value", rw.compress(withLabels(named, label("a", "v".repeat(200_000)))), [400], /label|length|long|limit/i),
    write("very many labels", rw.compress(withLabels(named, ...Array.from({ length: 2000 }, (_, i) => label(`l${i}`, "v")))), [400], /labels?|limit/i),
    write("symbols out of range in 2.0", rw.compress(pb.concat(pb.string(4, ""), pb.message(5, pb.packedInt(1, [7, 8]), pb.message(2, pb.double(1, 1), pb.int(2, 1))))), [400], /symbol|labels_refs|ref/i, rw.headers(rw.V2)),
    write("an odd number of refs in 2.0", rw.compress(pb.concat(pb.string(4, ""), pb.message(5, pb.packedInt(1, [0]), pb.message(2, pb.double(1, 1), pb.int(2, 1))))), [400], /odd|even|labels_refs|pair/i, rw.headers(rw.V2)),
    write("a histogram whose spans lie", rw.compress(pb.message(1, named, pb.message(4, pb.int(1, 3), pb.message(11, pb.sint(1, 0), pb.int(2, 4_000_000_000)), pb.packedSint(12, [1]), pb.int(15, T0 * 1000)))), [400], /histogram|span|bucket/i),
    write("a histogram of an unknown schema", rw.compress(pb.message(1, named, pb.message(4, pb.int(1, 1), pb.sint(4, 77), pb.int(15, T0 * 1000)))), [400], /schema/i),

    otlp("garbage", Buffer.from("garbage!"), [400], /byte|field|wire|resource_metrics/i),
    otlp("a truncated message", Buffer.from([0x0a, 0x7f, 0x01]), [400], /byte|truncated|resource_metrics/i),
    otlp("a length of 2^63", pb.concat(Buffer.from([0x0a]), pb.varint(2n ** 63n - 1n), Buffer.from("x")), [400], /byte|length|truncated|resource_metrics/i),
    otlp("JSON that is not", "{resourceMetrics", [400], /JSON|line|expected/i, JSON_TYPE),
    otlp("JSON of the wrong type", '{"resourceMetrics": 5}', [400], /resourceMetrics|resource_metrics/, JSON_TYPE),
    otlp("JSON of a wrong number", '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"a","gauge":{"dataPoints":[{"asDouble":"x","timeUnixNano":"1"}]}}]}]}]}', [400], /data_?points\[0\]\.as_?double/i, JSON_TYPE),
    otlp("JSON that is deeply nested", nested(2000), [400, 413], /deep|nest|depth/i, JSON_TYPE),
    otlp("JSON brackets without end", "[".repeat(MiB), [400], /./, JSON_TYPE),
    otlp("protobuf that is deeply nested", nestedProto(2000), [400, 413], /deep|nest|depth/i),
    otlp("a gzip bomb", gzipSync(Buffer.alloc(512 * MiB)), [400, 413], /large|limit|ratio|bytes/i, { ...PROTO_TYPE, "content-encoding": "gzip" }),
    otlp("a zstd bomb", zstdBomb(2048 * MiB), [400, 413], /large|limit|ratio|bytes/i, { ...PROTO_TYPE, "content-encoding": "zstd" }),
    otlp("a truncated gzip stream", gzipSync(Buffer.alloc(1000, "x")).subarray(0, 15), [400], /gzip|truncated/i, { ...PROTO_TYPE, "content-encoding": "gzip" }),
    otlp("gzip that is not", Buffer.from("plain"), [400], /gzip/i, { ...PROTO_TYPE, "content-encoding": "gzip" }),
    otlp("zstd that is not", Buffer.from("plain"), [400], /zstd/i, { ...PROTO_TYPE, "content-encoding": "zstd" }),
    otlp("an oversized body", Buffer.alloc(5 * MiB), [413], /bytes|large|limit/i),
    otlp("an oversized body of JSON", Buffer.alloc(5 * MiB), [413], /"code":8,.*bytes/, JSON_TYPE),

    ["a form that is no form", "/api/v1/query", garbage(1000), { "content-type": "application/x-www-form-urlencoded" }, [400], /query|form/],
    ["a query of a megabyte", "/api/v1/query", `query=${"(".repeat(MiB)}`, { "content-type": "application/x-www-form-urlencoded" }, [400, 413, 422], /./],
    ["a query that is not UTF-8", "/api/v1/query", "query=%ff%fe", { "content-type": "application/x-www-form-urlencoded" }, [400], /1:1|UTF-8|unexpected/i],
    ["a JSON body where a form belongs", "/api/v1/query", '{"query":"up"}', JSON_TYPE, [400, 415], /query|content/i],
  ];

  for (const [what, path, body, headers, statuses, message] of cases) {
    it(`${path}: ${what}`, async () => {
      const answer = await within(api.post(path, body, headers), 20_000, what);
      assert.ok(statuses.includes(answer.status), `${answer.status}: ${answer.text.slice(0, 300)}`);
      assert.match(answer.text, message);
      assert.ok(answer.text.length < 2000, "the message is short");
    });
  }

  it("any bytes at all are answered with 400 or accepted, never dropped", async () => {
    for (let i = 0; i < 200; i++) {
      const body = garbage(1 + Math.floor(random() * 400));
      for (const [path, headers, wrap] of [
        ["/api/v1/write", rw.headers(), rw.compress],
        ["/v1/metrics", PROTO_TYPE, (b) => b],
        ["/v1/metrics", JSON_TYPE, (b) => b],
      ]) {
        const answer = await api.post(path, wrap(body), headers);
        assert.ok([200, 204, 400].includes(answer.status), `${answer.status} for ${body.toString("hex")}`);
      }
    }
  });

  it("any valid message with a byte changed, too", async () => {
    for (let i = 0; i < 200; i++) {
      const body = Buffer.from(valid);
      body[Math.floor(random() * body.length)] = Math.floor(random() * 256);
      const answer = await api.post("/api/v1/write", rw.compress(body), rw.headers());
      assert.ok([200, 204, 400].includes(answer.status), `${answer.status} for ${body.toString("hex")}`);
    }
  });

  describe("as HTTP", () => {
    const ended = { until: (text) => /\r\n\r\n/.test(text) };
    const raw = {
      "not HTTP": ["hello\r\n\r\n", [400, 0]],
      "a TLS hello on the plain port": [Buffer.from("160301020001000001fc0303", "hex"), [400, 0]],
      "a URL that is too long": [head("GET", `/api/v1/query?query=${"a".repeat(200_000)}`), [414, 431]],
      "headers that are too long": [head("GET", "/-/healthy", { a: "b".repeat(200_000) }), [431]],
      "a negative length": [head("POST", "/api/v1/write", { "content-length": "-5" }), [400, 0]],
      "two lengths": [`POST /api/v1/write HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ncontent-length: 7\r\n\r\nabc`, [400, 0]],
      "a length beyond the limit is refused before the body": [head("POST", "/api/v1/write", { "content-length": 99_999_999_999 }), [413]],
      "chunks beyond the limit": [[head("POST", "/v1/metrics", { ...PROTO_TYPE, "transfer-encoding": "chunked" }), ...Array.from({ length: 6 }, () => `100000\r\n${"x".repeat(0x100000)}\r\n`), "0\r\n\r\n"], [413]],
      "a path that climbs": [head("GET", "/../../../../etc/passwd", { connection: "close" }), [400, 404]],
      "a path that climbs in code": [head("GET", "/%2e%2e/%2e%2e/etc/passwd", { connection: "close" }), [400, 404]],
      "a zero byte in the path": [head("GET", "/-/healthy%00.html", { connection: "close" }), [400, 404]],
    };
    for (const [what, [bytes, statuses]] of Object.entries(raw)) {
      it(what, async () => {
        const text = await exchange(server.address("http"), bytes, ended);
        assert.ok(statuses.includes(status(text)), text.slice(0, 300) || "(closed)");
        assert.doesNotMatch(text, /root:/);
      });
    }

    it("a half-closed connection still gets its answer", async () => {
      const text = await exchange(server.address("http"), head("GET", "/-/healthy"), { halfClose: true, ...ended });
      assert.equal(status(text), 200);
    });

    it("a body that never ends is cut off, others are served meanwhile", async () => {
      const lorises = Array.from({ length: 100 }, () => {
        const socket = open(server.address("http"));
        socket.write(head("POST", "/api/v1/write", { ...rw.headers(), "content-length": 1000 }) + "x");
        return socket;
      });
      const closed = lorises.map((socket) => new Promise((resolve) => socket.on("close", resolve).on("end", resolve).resume()));
      try {
        for (let i = 0; i < 10; i++) {
          const answer = await within(api.get("/api/v1/query", { query: "up", time: T0 }), 2000, "a query meanwhile");
          assert.equal(answer.status, 200);
        }
        await within(Promise.all(closed), 15_000, "the slow ones to be cut off");
      } finally {
        lorises.forEach((socket) => socket.destroy());
      }
    });

    it("headers that drip in are cut off", async () => {
      const socket = open(server.address("http"));
      const closed = new Promise((resolve) => socket.on("close", resolve).on("end", resolve).resume());
      socket.write("GET / HTTP/1.1\r\n");
      const drip = setInterval(() => socket.writable && socket.write("a"), 200);
      try {
        await within(closed, 15_000, "the slow one to be cut off");
      } finally {
        clearInterval(drip);
        socket.destroy();
      }
    });

    it("clients that hang up in the middle leave nothing behind", async () => {
      const descriptors = async () => (await import("node:fs")).readdirSync(`/proc/${server.process.pid}/fd`).length;
      const quiet = await until(descriptors, "a count of descriptors");
      for (let i = 0; i < 100; i++) {
        const socket = open(server.address("http"));
        socket.write(head("POST", "/api/v1/write", { ...rw.headers(), "content-length": 1000 }) + "x".repeat(i), () => socket.destroy());
      }
      await until(async () => (await descriptors()) <= quiet + 10, "descriptors to be released");
    });
  });

  it("garbage on the gRPC port is cut off and does no harm", async () => {
    for (const bytes of [Buffer.from("GET / HTTP/1.1\r\n\r\n"), garbage(5000), Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + "\xff".repeat(100), "latin1")]) {
      await exchange(server.address("otlp-grpc"), bytes, { halfClose: true });
    }
    assert.equal((await api.get("/-/healthy")).status, 200);
  });

  it("left everything as it was", async () => {
    assert.equal(server.process.exit, null, "the server lives");
    assert.equal(await api.value("count(http_requests_total)", END), 4);
    assert.equal(await api.value('count_over_time(temperature_celsius{room="attic"}[15m])', END), 41);
    const answer = await rw.write(api, good);
    assert.ok(answer.status < 300);
    assert.equal(await api.value("up", T0), 1);
    const grown = server.process.residentBytes() - quietBytes;
    assert.ok(grown < 200 * MiB, `memory grew by ${Math.round(grown / MiB)} MiB`);
  });

  it("and was counted", async () => {
    const { text } = await api.get("/metrics");
    const errors = [...text.matchAll(/^telltale_http_requests_total\{.*code="4\d\d".*\} (\d+)/gm)];
    assert.ok(errors.length > 0, "requests by code");
    assert.ok(errors.reduce((sum, one) => sum + Number(one[1]), 0) > 100);
  });
});
