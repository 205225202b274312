// What is exported and imported again is the same, between directories and servers in both
// directions; wrong lines are named.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { get } from "node:http";
import { join } from "node:path";
import { FOREVER, T0 } from "./support/fixture.js";
import { run } from "./support/process.js";
import { attributes, writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const DAY = 86_400;
const ALL = '{__name__=~".+"}';
const telltale = (args, input) => run(TELLTALE, ["store", ...args], { input, timeoutMs: 120_000 });
const ms = (s) => (T0 + s) * 1000;

/** Everything that is hard to say: odd numbers and names, histograms of both kinds, stale markers. */
const FLOATS = [
  { labels: { __name__: "odd", n: "1" }, samples: [[ms(0), NaN], [ms(1), Infinity], [ms(2), -Infinity], [ms(3), -0], [ms(4), 5e-324], [ms(5), 0.1], [ms(6) + 7, 1.7976931348623157e308]] },
  { labels: { __name__: "odd", n: 'a "quoted"\\ \n line', ünï: "çødé 🙂" }, samples: [[ms(0), 1]] },
  { labels: { __name__: "utf8.name with blank", Zone: "x" }, samples: [[ms(0), 2]] },
  { labels: { __name__: "utf8.with zero\0byte", z: "a\0b" }, samples: [[ms(0), 3]] },
  { labels: { __name__: "hits_total", job: "a" }, samples: [[ms(0), 1, ms(-5)], [ms(60), 2, ms(-5)], [ms(DAY), 3, ms(-5)]], type: "counter", help: 'hits of "a"' },
  { labels: { __name__: "wait_bucket", le: "+Inf" }, samples: [[ms(0), 4]] },
  { labels: { __name__: "wait_bucket_size", le: "+Inf" }, samples: [[ms(0), 4]] },
  { labels: { __name__: "wait_sum" }, samples: [[ms(0), 4.5]] },
  { labels: { __name__: "long" }, samples: Array.from({ length: 3000 }, (_, i) => [ms(i * 600), Math.sin(i)]) },
];
const OTHERS = [
  { labels: { __name__: "ends" }, samples: [[ms(0), 1], [ms(15), rw.STALE]] },
  {
    labels: { __name__: "latency", job: "a" },
    histograms: [
      { t: ms(0), schema: 3, count: 16, sum: 12.5, zeroThreshold: 1e-9, zeroCount: 2, positiveSpans: [[-2, 2], [3, 1]], positiveDeltas: [1, 2, 3], negativeSpans: [[5, 1]], negativeDeltas: [4] },
      { t: ms(15), schema: -1, count: 3, sum: NaN, zeroThreshold: 0, zeroCount: 0, positiveSpans: [[0, 1]], positiveDeltas: [3] },
      { t: ms(30), schema: 3, count: 0, sum: rw.STALE },
    ],
    type: "histogram",
    help: "how long",
  },
  {
    labels: { __name__: "sizes" },
    histograms: [{ t: ms(0), schema: -53, count: 7, sum: 3, positiveSpans: [[0, 1], [1, 1]], positiveDeltas: [3, 1], customValues: [0.5, 1, 2] }],
  },
];

/** All points as texts in an order of their own: how they are put into lines may differ. */
function points(text) {
  const out = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const { name, description, ...kinds } = JSON.parse(line).resourceMetrics[0].scopeMetrics[0].metrics[0];
    for (const [kind, { dataPoints }] of Object.entries(kinds)) for (const one of dataPoints) out.push(JSON.stringify([name, description, kind, one]));
  }
  return out.sort();
}

function assertSame(actual, expected) {
  const [a, b] = [points(actual), points(expected)];
  const at = b.findIndex((one, i) => one !== a[i]);
  assert.equal(a[at], b[at]);
  assert.equal(a.length, b.length);
}

async function exported(where, format, match = ALL, more = []) {
  const { code, stdout, stderr } = await telltale(["export", ...where, "--match", match, "--format", format, ...more]);
  assert.equal(code, 0, stderr);
  return stdout;
}

async function imported(where, format, text) {
  const { code, stderr } = await telltale(["import", ...where, "--format", format, "-"], text);
  assert.equal(code, 0, stderr);
  return stderr;
}

describe("export and import", () => {
  let server;
  let otlp;
  let text;
  const FLOAT_METRICS = '{__name__=~"odd|utf8.*|hits.*|wait.*|long"}';

  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    for (const one of [...FLOATS, ...OTHERS]) {
      const answer = await rw.write(server.api, [one], { version: 2 });
      assert.ok(answer.status < 300, answer.text);
    }
    otlp = await exported(["--url", server.url], "otlp-json");
    text = await exported(["--url", server.url], "openmetrics", FLOAT_METRICS);
  });
  after(() => server?.dispose());

  it("says all of it in OTLP", () => {
    const metrics = otlp.split("\n").filter(Boolean).map((line) => JSON.parse(line).resourceMetrics[0].scopeMetrics[0].metrics[0]);
    const count = (name) =>
      metrics.filter((one) => one.name === name).reduce((n, one) => n + (one.gauge ?? one.sum ?? one.histogram ?? one.exponentialHistogram).dataPoints.length, 0);
    assert.equal(count("long"), 3000);
    assert.equal(count("latency"), 3);
    assert.equal(count("sizes"), 1);
    const hits = metrics.find((one) => one.name === "hits_total");
    assert.equal(hits.description, 'hits of "a"');
    assert.equal(hits.sum.isMonotonic, true);
    assert.equal(hits.sum.dataPoints[0].startTimeUnixNano, `${ms(-5)}000000`);
  });

  it("is the same again by way of a directory, in OTLP", async () => {
    const data = join(temporaryDirectory(), "data");
    assert.match(await imported(["--data", data], "otlp-json", otlp), /^3022 rows imported$/m);
    await imported(["--data", data], "otlp-json", otlp); // a second time changes nothing
    assertSame(await exported(["--data", data], "otlp-json"), otlp);
    assert.equal((await telltale(["check", data])).code, 0);
  });

  it("is the same again by way of a server, in OTLP", async () => {
    const other = await Telltale.start({ set: FOREVER });
    try {
      await imported(["--url", other.url], "otlp-json", otlp);
      assertSame(await exported(["--url", other.url], "otlp-json"), otlp);
      const query = (api) => api.query("latency[1d]", T0 + 100);
      assert.deepEqual(await query(other.api), await query(server.api));
    } finally {
      await other.dispose();
    }
  });

  it("says what a server has of any time, however far ahead", async () => {
    const other = await Telltale.start({ set: { ...FOREVER, "storage.max_future": "1000y" } });
    try {
      const times = [Date.UTC(1970, 0, 2), Date.UTC(2026, 0, 1), Date.UTC(2500, 0, 1)];
      const samples = times.map((t, i) => [t, i]);
      const answer = await rw.write(other.api, [{ labels: { __name__: "far" }, samples }]);
      assert.ok(answer.status < 300, answer.text);
      const lines = (await exported(["--url", other.url], "openmetrics")).split("\n");
      const far = lines.filter((line) => line.startsWith("far"));
      assert.deepEqual(far.map((line) => Number(line.split(" ")[2]) * 1000), times);
      await rw.write(other.api, [{ labels: { __name__: "first" }, samples: [[-1, 1], [0, 2], [1, 3]] }]);
      const otlp = await telltale(["export", "--url", other.url, "--match", "first", "--format", "otlp-json"]);
      assert.equal(otlp.code, 1);
      assert.match(otlp.stderr, /2 samples are left out: otlp-json has no form for them/); // 0 means no time there
      assert.match(otlp.stdout, /"timeUnixNano":"1000000"/);
    } finally {
      await other.dispose();
    }
  });

  it("is the same again in OpenMetrics, but for what text cannot tell", async () => {
    const data = join(temporaryDirectory(), "data");
    assert.match(await imported(["--data", data], "openmetrics", text), /^3016 samples imported$/m);
    assert.equal(await exported(["--data", data], "openmetrics", FLOAT_METRICS), text);
    const other = await Telltale.start({ set: FOREVER });
    try {
      await imported(["--url", other.url], "openmetrics", text);
      assert.equal(await exported(["--url", other.url], "openmetrics", FLOAT_METRICS), text);
    } finally {
      await other.dispose();
    }
  });

  it("writes OpenMetrics that is valid", async () => {
    const classic = await exported(["--url", server.url], "openmetrics", '{__name__=~"hits.*|long|wait_sum"}');
    const { code, stderr } = await run(TELLTALE, ["check", "metrics", "--format", "openmetrics", "-"], { input: classic });
    assert.equal(code, 0, stderr + classic.slice(0, 500));
    assert.match(classic, /^# TYPE hits counter$/m);
    assert.match(classic, /^hits_total\{job="a"\} 1 \d+$/m);
  });

  it("is the same again in Prometheus text, which promtool takes", async () => {
    const prometheus = await exported(["--url", server.url], "prometheus", FLOAT_METRICS);
    assert.match(prometheus, /^# TYPE hits_total counter$/m);
    assert.match(prometheus, new RegExp(`^hits_total\\{job="a"\\} 1 ${ms(0)}$`, "m"));
    assert.doesNotMatch(prometheus, /# EOF/);
    const data = join(temporaryDirectory(), "data");
    assert.match(await imported(["--data", data], "prometheus", prometheus), /^3016 samples imported$/m);
    assert.equal(await exported(["--data", data], "prometheus", FLOAT_METRICS), prometheus);
    const { stderr } = await telltale(["import", "--data", data, "--format", "prometheus", "-"], "up 1\n");
    assert.match(stderr, /line 1: the sample has no timestamp/);
  });

  it("tells what the format has no form for", async () => {
    const { code, stderr, stdout } = await telltale(["export", "--url", server.url, "--match", "latency"]);
    assert.equal(code, 1);
    assert.match(stderr, /3 samples are left out: openmetrics has no form for them/);
    assert.match(stdout, /# EOF\n$/);
  });

  it("cuts a selection out", async () => {
    const part = await exported(["--url", server.url], "openmetrics", "long", ["--from", String(T0 + 3600), "--to", String(T0 + 4800)]);
    assert.deepEqual(part.split("\n").filter((line) => line && !line.startsWith("#")).map((line) => Number(line.split(" ")[2])), [T0 + 3600, T0 + 4200, T0 + 4800]);
  });

  it("is used with one place, a selector, and a file that is there", async () => {
    for (const args of [["export"], ["export", "--match", "up"], ["import", "-"], ["import", "--data", "x", "--url", "y", "-"], ["import", "--data", "x", "--format", "csv", "-"]])
      assert.equal((await telltale(args)).code, 2, args.join(" "));
    assert.equal((await telltale(["export", "--data", join(server.dir, "none"), "--match", "up"])).code, 1);
    const busy = await telltale(["export", "--data", server.data, "--match", "up"]);
    assert.equal(busy.code, 1);
    assert.match(busy.stderr, /in use by another process/);
    assert.equal((await telltale(["export", "--url", server.url, "--match", "up{"])).code, 1);
  });
});

/** GETs; `begun` is called with the first bytes, and true from it hangs up. */
const download = (url, begun = () => false) =>
  new Promise((resolve, reject) => {
    get(url, (answer) => {
      let bytes = 0;
      answer.on("data", (chunk) => {
        if (bytes === 0 && begun()) answer.destroy(new Error("aborted by the test"));
        bytes += chunk.length;
      });
      answer.on("end", () => resolve({ bytes, headers: answer.headers, trailers: answer.trailers }));
      answer.on("error", reject);
    }).on("error", reject);
  });

const residentBytes = (pid) => Number(readFileSync(`/proc/${pid}/status`, "latin1").match(/VmRSS:\s+(\d+)/)[1]) * 1024;

describe("a large export", () => {
  const SERIES = 40;
  const TIMES = 10_000;
  let server;
  let url;

  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    url = `${server.url}/api/v1/export?format=otlp-json&match[]=much`;
    for (let i = 0; i < SERIES; i++) {
      const samples = Array.from({ length: TIMES }, (_, k) => [ms(k), Math.sin(i * k)]);
      assert.ok((await rw.write(server.api, [{ labels: { __name__: "much", i: `${i}` }, samples }])).status < 300);
    }
  });
  after(() => server?.dispose());

  it("comes while it is made, and says at its end how much it is", async () => {
    const before = residentBytes(server.process.pid);
    const { bytes, headers, trailers } = await download(url);
    assert.equal(headers.trailer, "X-Telltale-Export");
    assert.equal(trailers["x-telltale-export"], `series=${SERIES} samples=${SERIES * TIMES} left_out=0 damaged=0`);
    assert.ok(bytes > 32 << 20, `${bytes} bytes`);
    assert.ok(residentBytes(server.process.pid) - before < bytes, "the whole answer was never in memory");
  });

  it("is read by the command line to the end", async () => {
    const { code, stdout, stderr } = await telltale(["export", "--url", server.url, "--match", "much", "--format", "prometheus"]);
    assert.equal(code, 0, stderr);
    assert.match(stderr, new RegExp(`^${SERIES * TIMES} samples of ${SERIES} series exported$`, "m"));
    assert.equal(stdout.split("\n").filter((line) => line && !line.startsWith("#")).length, SERIES * TIMES);
  });

  it("may be left early, by many", async () => {
    for (let round = 0; round < 4; round++) await assert.rejects(Promise.all(Array.from({ length: 4 }, () => download(url, () => true))), /aborted/);
    await until(async () => (await download(url)).bytes > 32 << 20, "a place for one more export");
  });

  it("is seen to be cut when the server dies, and keeps none from stopping", async () => {
    await assert.rejects(
      download(url, () => void server.kill()),
      /aborted|ECONNRESET/,
    );
    await server.restart();
    url = `${server.url}/api/v1/export?format=otlp-json&match[]=much`;
    let exit;
    await assert.rejects(
      download(url, () => void (exit = server.stop())),
      /aborted|ECONNRESET/,
    );
    assert.deepEqual(await exit, { code: 0, signal: null });
  });
});

/** The rows of all lines with where they came from, in an order of their own. */
function rows(text) {
  const out = [];
  for (const line of text.split("\n").filter(Boolean)) {
    const request = JSON.parse(line);
    for (const r of request.resourceSpans ?? request.resourceLogs)
      for (const s of r.scopeSpans ?? r.scopeLogs)
        for (const row of s.spans ?? s.logRecords) {
          row.attributes?.sort((a, b) => (a.key < b.key ? -1 : 1));
          out.push(JSON.stringify([r.resource, r.schemaUrl, s.scope, s.schemaUrl, row]));
        }
  }
  return out.sort();
}

describe("export and import of spans and logs", () => {
  const NOW = Math.floor(Date.now() / 1000) - 3600;
  const NESTED = { text: "a \"b\" \n ü 🙂", int: -5, double: 1.5, yes: true, list: [1, "b", [true], {}], map: { a: { b: [] } } };
  const SPANS = Array.from({ length: 2500 }, (_, i) => ({
    trace: "0af7651916cd43dd8448eb211c80319c",
    id: String(i + 1).padStart(16, "0"),
    parent: i ? "0000000000000001" : undefined,
    name: `step ${i % 7}`,
    kind: "server",
    start: NOW + i,
    ms: i % 9 ? i : null,
    error: i % 5 ? undefined : "no",
    attributes: i % 100 ? { i } : NESTED,
    events: i % 50 ? [] : [{ name: "e", at: NOW + i, attributes: { a: 1 } }],
    links: i % 60 ? [] : [{ trace: "11111111111111111111111111111111", id: "2222222222222222", attributes: { b: [2] } }],
    more: i % 70 ? {} : { traceState: "a=b", flags: 257, droppedAttributesCount: 3, droppedEventsCount: 4, droppedLinksCount: 5 },
  }));
  const LOGS = Array.from({ length: 300 }, (_, i) => ({
    at: NOW + i,
    severity: i % 24,
    level: "INFO",
    body: i % 3 === 0 ? NESTED : i % 3 === 1 ? `line ${i}` : undefined,
    trace: i % 4 ? undefined : "0af7651916cd43dd8448eb211c80319c",
    id: i % 4 ? undefined : "0000000000000001",
    attributes: { i },
    more: i % 10 ? {} : { timeUnixNano: undefined, observedTimeUnixNano: `${NOW + i}000000001`, eventName: "e", flags: 1, droppedAttributesCount: 2, attributes: [{ key: "bytes", value: { bytesValue: "AAH/" } }, { key: "none", value: {} }, { key: "inf", value: { doubleValue: "-Infinity" } }] },
  }));
  let server;
  const text = {};
  const from = async (where, table, more = []) => {
    const { code, stdout, stderr } = await telltale(["export", ...where, "--table", table, ...more]);
    assert.equal(code, 0, stderr);
    return stdout;
  };

  before(async () => {
    server = await Telltale.start();
    for (let i = 0; i < SPANS.length; i += 500) await writeSpans(server.api, i ? "shop" : "stock", SPANS.slice(i, i + 500), { "host.name": "h", list: [1, "a"] });
    await writeLogs(server.api, "shop", LOGS);
    for (const table of ["spans", "logs"]) text[table] = await from(["--url", server.url], table);
  });
  after(() => server?.dispose());

  it("says all of it", () => {
    const spans = rows(text.spans).map((row) => JSON.parse(row).at(-1));
    assert.equal(spans.length, 2500);
    const first = spans.find(({ spanId }) => spanId === "0000000000000001");
    assert.deepEqual([...first.attributes].sort((a, b) => (a.key < b.key ? -1 : 1)), attributes(NESTED).sort((a, b) => (a.key < b.key ? -1 : 1)));
    assert.deepEqual([first.flags, first.traceState, first.droppedLinksCount, first.endTimeUnixNano], [257, "a=b", 5, undefined]);
    assert.equal(first.events[0].name, "e");
    const logs = rows(text.logs).map((row) => JSON.parse(row).at(-1));
    assert.equal(logs.length, 300);
    const tenth = logs.find(({ observedTimeUnixNano }) => observedTimeUnixNano === `${NOW + 10}000000001`);
    assert.deepEqual([tenth.timeUnixNano, tenth.eventName, tenth.flags], [undefined, "e", 1]);
    assert.deepEqual(tenth.attributes, [{ key: "bytes", value: { bytesValue: "AAH/" } }, { key: "inf", value: { doubleValue: "-Infinity" } }, { key: "none", value: {} }]);
  });

  for (const way of ["a directory", "a server"])
    it(`is the same again by way of ${way}, both signals in one file`, async () => {
      const other = way === "a server" ? await Telltale.start() : null;
      const data = join(temporaryDirectory(), "data");
      const where = other ? ["--url", other.url] : ["--data", data];
      try {
        assert.match(await imported(where, "otlp-json", text.spans + text.logs), /^2800 rows imported$/m);
        for (const table of ["spans", "logs"]) assert.deepEqual(rows(await from(where, table)), rows(text[table]));
        if (!other) assert.equal((await telltale(["check", data])).code, 0);
      } finally {
        await other?.dispose();
      }
    });

  it("cuts a selection out", async () => {
    const where = ["--url", server.url];
    assert.equal(rows(await from(where, "spans", ["--match", "service = stock and status = error"])).length, 100);
    assert.equal(rows(await from(where, "logs", ["--from", String(NOW + 10), "--to", String(NOW + 19.5)])).length, 10);
  });

  it("has rows of a directory of any age, which stay there", async () => {
    const old = NOW - 200 * DAY;
    const other = await Telltale.start({ set: { "storage.retention.spans": "forever", "storage.retention.logs": "forever" } });
    try {
      await writeSpans(other.api, "shop", [{ ...SPANS[0], start: old, events: [] }]);
      await writeLogs(other.api, "shop", [{ at: old, body: "old" }]);
      await other.stop();
      const data = join(temporaryDirectory(), "data");
      for (const table of ["spans", "logs"]) {
        const first = await from(["--data", other.data], table);
        assert.equal(rows(first).length, 1, table);
        await imported(["--data", data], "otlp-json", first);
        assert.deepEqual(rows(await from(["--data", data], table)), rows(first));
      }
    } finally {
      await other.dispose();
    }
  });

  it("is asked for by HTTP, too", async () => {
    const answer = await server.api.get("/api/v1/export", { table: "logs", match: "i < 5" });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("content-type"), "application/x-ndjson");
    assert.match(answer.headers.get("x-telltale-export"), /^rows=4 lines=1 damaged=0$/);
    for (const wrong of [{ table: "x" }, { table: "logs", format: "openmetrics" }, { table: "spans", match: "name = " }, { "match[]": "up", start: 5, end: 1 }, { table: "logs", start: 5, end: 1 }]) assert.equal((await server.api.get("/api/v1/export", wrong)).status, 400, JSON.stringify(wrong));
  });

  it("stores what stands before a wrong line, and says where that is", async () => {
    const data = join(temporaryDirectory(), "data");
    const wrong = `${text.logs.trimEnd()}\n{"resourceLogs":[{"scopeLogs":[{"logRecords":[{"timeUnixNano":7,"traceId":5}]}]}]}\n`;
    const { code, stderr } = await telltale(["import", "--data", data, "--format", "otlp-json", "-"], wrong);
    assert.equal(code, 1);
    assert.match(stderr, new RegExp(`^300 rows imported\n.*<stdin>: line ${wrong.trimEnd().split("\n").length}: `, "m"));
    assert.equal(rows(await from(["--data", data], "logs")).length, 300);
  });

  it("is used with words that fit", async () => {
    for (const more of [["--table", "x"], ["--table", "logs", "--format", "prometheus"]]) assert.equal((await telltale(["export", "--url", server.url, ...more])).code, 2, more.join(" "));
    const reversed = await telltale(["export", "--url", server.url, "--match", "up", "--from", "5s", "--to", "10s"]);
    assert.equal(reversed.code, 2);
    assert.match(reversed.stderr, /--from 5s is later than --to 10s/);
    const { code, stderr } = await telltale(["export", "--url", server.url, "--table", "logs", "--match", "a = "]);
    assert.equal(code, 1, stderr);
  });
});

describe("import", () => {
  const dir = temporaryDirectory();
  const data = join(dir, "data");
  const fails = async (format, text, expected) => {
    const { code, stderr } = await telltale(["import", "--data", data, "--format", format, "-"], text);
    assert.equal(code, 1, stderr);
    assert.match(stderr, expected);
  };

  it("names the line that is wrong", async () => {
    await fails("openmetrics", `up 1 ${T0}\nup 2\n# EOF\n`, /<stdin>: line 2: the sample has no timestamp/);
    await fails("openmetrics", `up 1 ${T0}\nup{ 2 ${T0}\n# EOF\n`, /<stdin>: line 2: /);
    await fails("otlp-json", '{}\n\n{"resourceMetrics":7}\n', /<stdin>: line 3: /);
    await fails("otlp-json", '{"resourceMetrics":[{"scopeMetrics":[{"metrics":[{"name":"x","sum":{"aggregationTemporality":1,"dataPoints":[]}}]}]}]}', /line 1: points of delta temporality cannot be imported/);
    await fails("openmetrics", `up 1 ${T0}\n`, /line 2: the file ends without # EOF/);
    await fails("openmetrics", `up 1 ${T0}\n# EOF\nup 2 ${T0}\n`, /line [23]: /);
  });

  it("takes long files piece by piece and knows the line to the end", async () => {
    const lines = [];
    for (let i = 0; i < 400_000; i++) lines.push(`m{s="${i % 100}",pad="${"x".repeat(20)}"} ${i} ${T0 + Math.floor(i / 100)}`);
    const path = join(dir, "long.txt");
    writeFileSync(path, `# TYPE m gauge\n${lines.join("\n")}\n# EOF\n`);
    const done = await telltale(["import", "--data", data, path]);
    assert.equal(done.code, 0, done.stderr);
    assert.match(done.stderr, /^400000 samples imported$/m);
    const server = await Telltale.start({ set: FOREVER, dir });
    try {
      assert.equal(await server.api.value("sum(count_over_time(m[2h]))", T0 + 7199), 400_000);
      lines[399_000] = "m{s=";
      writeFileSync(path, `# TYPE m gauge\n${lines.join("\n")}\n# EOF\n`);
      const wrong = await telltale(["import", "--url", server.url, path]);
      assert.equal(wrong.code, 1);
      assert.match(wrong.stderr, /long\.txt: line 399002: /);
    } finally {
      await server.dispose();
    }
  });
});
