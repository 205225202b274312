// Our own API of log records: search, stable pages, histogram, facets, context.

import assert from "node:assert/strict";
import { writeLogs } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { within } from "./support/until.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 60_000) * 60 - 120;
const TRACE = "0af7651916cd43dd8448eb211c80319c";

describe("the API of logs", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    await writeLogs(
      api,
      "shop",
      [
        { at: NOW, severity: 9, level: "INFO", body: "Connection opened to db-1", attributes: { "net.port": 5432 } },
        { at: NOW + 1, severity: 13, body: "connection refused by db-2", trace: TRACE, id: "b7ad6b7169203331", attributes: { retry: true } },
        { at: NOW + 2, severity: 17, body: { code: 7, text: "Payment timed out" }, attributes: { user: "ada" } },
        { at: NOW + 61, severity: 18, body: "payments: reconnection refused", attributes: { user: "bob" } },
        { at: NOW + 62, body: "no severity", more: { eventName: "odd" } },
      ],
      { "host.name": "h1" },
    );
    await writeLogs(api, "levels", [0, 1, 13, 14, 24, 25, 77].map((severity) => ({ at: NOW - 90, severity, body: `level ${severity}` })));
    await writeLogs(api, "münchen", [{ at: NOW - 90, body: "ÜBER Isar" }, { at: NOW - 90, body: "über ISAR" }]);
    // Forty records at one moment, some of them equal: only what they hold gives an order.
    await writeLogs(api, "burst", Array.from({ length: 40 }, (_, i) => ({ at: NOW - 60, severity: 5, body: `line ${i % 15}`, attributes: { n: i % 15 } })));
  });
  after(() => server?.dispose());

  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };
  const bodies = async (where, more) => (await data("logs", { where: `service = shop ${where ? `and (${where})` : ""}`, ...more })).logs.map((l) => l.body);
  const [OPENED, REFUSED, PAYMENT, AGAIN, ODD] = ["Connection opened to db-1", "connection refused by db-2", { code: 7, text: "Payment timed out" }, "payments: reconnection refused", "no severity"];

  it("gives all that was sent", async () => {
    const [line] = (await data("logs", { where: "trace_id = " + TRACE })).logs;
    assert.match(line.id, /^\d{19}\.[0-9a-f]{16}\.0$/);
    assert.equal(line.time, new Date((NOW + 1) * 1000).toISOString().replace(".000Z", ".000000000Z"));
    assert.deepEqual(
      { ...line, id: 0, time: 0, observed: 0 },
      {
        id: 0,
        time: 0,
        observed: 0,
        severity: 13,
        level: "warn",
        body: REFUSED,
        trace_id: TRACE,
        span_id: "b7ad6b7169203331",
        attributes: { retry: true },
        service: "shop",
        resource: { "service.name": "shop", "host.name": "h1" },
        scope: { name: "by hand" },
      },
    );
  });

  it("finds words, phrases, parts and patterns, newest first", async () => {
    assert.deepEqual(await bodies(""), [ODD, AGAIN, PAYMENT, REFUSED, OPENED]);
    assert.deepEqual(await bodies("", { order: "oldest", limit: 2 }), [OPENED, REFUSED]);
    assert.deepEqual(await bodies("connection"), [REFUSED, OPENED]);
    assert.deepEqual(await bodies('"Connection refused"'), [REFUSED]);
    assert.deepEqual(await bodies("refused payments"), [AGAIN]);
    assert.deepEqual(await bodies("body : connection"), [AGAIN, REFUSED, OPENED]);
    assert.deepEqual(await bodies('body =~ "db-[0-9]$"'), [REFUSED, OPENED]);
    assert.deepEqual(await bodies('"timed out"'), [PAYMENT]);
    assert.deepEqual(await bodies("not connection"), [ODD, AGAIN, PAYMENT]);
  });

  it("folds the case of A to Z, and of all letters by a pattern", async () => {
        const found = async (where) => (await data("logs", { where: `service = münchen ${where}` })).logs.map((l) => l.body);
    for (const where of ["isar", "body : sAr", 'body =~ "(?i)über"']) assert.equal((await found(where)).length, 2, where);
    assert.deepEqual(await found("über"), ["über ISAR"]);
    assert.deepEqual(await found("body : Ü"), ["ÜBER Isar"]);
  });

  it("finds by severity, attributes, service, time", async () => {
    assert.deepEqual(await bodies("severity >= warn"), [AGAIN, PAYMENT, REFUSED]);
    assert.deepEqual(await bodies("severity = error and user != ada"), [AGAIN]);
    assert.deepEqual(await bodies("not exists severity"), [ODD]);
    assert.deepEqual(await bodies("net.port > 5000 or retry = true"), [REFUSED, OPENED]);
    assert.deepEqual(await bodies("event_name = odd"), [ODD]);
    assert.deepEqual(await bodies("host.name = h1 and user =~ ."), [AGAIN, PAYMENT]);
    assert.deepEqual(await bodies("", { start: NOW + 1, end: NOW + 2 }), [PAYMENT, REFUSED]);
    assert.deepEqual((await data("logs", { where: "service = nobody" })).logs, []);
  });

  for (const order of ["newest", "oldest"]) {
    it(`pages, ${order} first, give each record once, also while more arrive and parts are made`, async () => {
      const all = (await data("logs", { where: "service = burst", order, limit: 100 })).logs.map((l) => l.id);
      assert.equal(new Set(all).size, 40);
      const pages = [];
      for (let after, more = true; more; ) {
        const page = await data("logs", { where: "service = burst", order, limit: 7, ...(after && { after }) });
        pages.push(...page.logs.map((l) => l.id));
        after = page.next;
        more = after !== null;
        if (pages.length === 14) await api.post("/api/v1/admin/telltale/flush");
      }
      assert.deepEqual(pages, all);
    });
  }

  it("counts by time and severity", async () => {
    const { step_ns, buckets, total } = await data("logs/histogram", { where: "service = shop", start: NOW, end: NOW + 119, step: "1m" });
    assert.equal(step_ns, 60e9);
    assert.equal(total, 5);
    assert.deepEqual(buckets.map((b) => [b.count, b.levels]), [
      [3, { info: 1, warn: 1, error: 1 }],
      [2, { none: 1, error: 1 }],
    ]);
    assert.equal(buckets[0].start, new Date(NOW * 1000).toISOString().replace(".000Z", ".000000000Z"));
    const everything = await data("logs/histogram");
    assert.equal(everything.total, 54);
    assert.equal(everything.step_ns, 60e9);
  });

  it("has one word for a severity in filters, records, counts and values", async () => {
    const where = "service = levels";
    const { buckets } = await data("logs/histogram", { where, start: NOW - 120, end: NOW - 61, step: "1m" });
    const counts = { none: 1, trace: 1, warn: 2, fatal: 3 };
    assert.deepEqual(buckets[0].levels, counts);
    for (const level of ["none", "trace", "debug", "warn", "fatal"]) {
      const { logs } = await data("logs", { where: `${where} and severity = ${level}` });
      assert.equal(logs.length, counts[level] ?? 0, level);
      assert.ok(logs.every((l) => l.level === level), JSON.stringify(logs));
    }
    assert.deepEqual((await data("logs", { where: `${where} and severity > error` })).logs.map((l) => l.body).sort(), ["level 24", "level 25", "level 77"]);
    const { values } = await data("logs/values", { where, field: "level" });
    assert.deepEqual(values, [{ value: "fatal", count: 3 }, { value: "warn", count: 2 }, { value: "none", count: 1 }, { value: "trace", count: 1 }]);
    assert.deepEqual((await data("logs/values", { where, field: "severity", prefix: "w" })).values, [{ value: "warn", count: 2 }]);
  });

  it("gives the values of a field", async () => {
    assert.deepEqual((await data("logs/values", { field: "service" })).values, [{ value: "burst", count: 40 }, { value: "levels", count: 7 }, { value: "shop", count: 5 }, { value: "münchen", count: 2 }]);
    assert.deepEqual((await data("logs/values", { field: "user", where: "severity = error" })).values, [{ value: "ada", count: 1 }, { value: "bob", count: 1 }]);
    const n = await data("logs/values", { field: "n", limit: 3 });
    assert.deepEqual([n.distinct, n.rows, n.values.length, n.incomplete], [15, 40, 3, false]);
    assert.deepEqual((await data("logs/values", { field: "trace_id" })).values, [{ value: TRACE, count: 1 }]);
    assert.deepEqual(await data("logs/fields", { prefix: "attributes.r" }), ["attributes.retry"]);
  });

  it("patterns find what they find elsewhere, in bodies of which many are equal and in others", async () => {
    const own = await Telltale.start();
    try {
      const repeated = Array.from({ length: 300 }, (_, i) => `job ${i % 100} of shard-${i % 7} took ${i % 50}ms`);
      const single = Array.from({ length: 300 }, (_, i) => `GET /käse/${i * 7919} ${200 + (i % 5) * 100}`);
      const patterns = ["[0-9]{5}", "shard-[24] took 1\\\\dms$", "(?i)GET|JOB 7", "k.se/\\\\d+ [45]00", "^job 9\\\\d", "o[fx] +s", "[^ -~]", "\\\\bGET\\\\b.*00$"];
      for (const [service, bodies] of [["repeated", repeated], ["single", single]]) {
        await writeLogs(own.api, service, bodies.map((body) => ({ at: NOW, body })));
      }
      for (const flushed of [false, true]) {
        if (flushed) await own.api.post("/api/v1/admin/telltale/flush", "");
        for (const pattern of patterns) {
          const { json } = await own.api.get("/api/v1/logs", { where: `body =~ "${pattern}"`, limit: 1000 });
          const expected = new RegExp(pattern.replace("(?i)", "").replaceAll("\\\\", "\\"), pattern.startsWith("(?i)") ? "ui" : "u");
          assert.deepEqual(json.data.logs.map((one) => one.body).sort(), [...repeated, ...single].filter((body) => expected.test(body)).sort(), pattern);
        }
      }
    } finally {
      await own.dispose();
    }
  });

  it("a body on which a pattern takes too long spoils no search", async () => {
    const own = await Telltale.start();
    try {
      const bodies = [`${"a".repeat(500_000)} 1234567x`, "job abc 1234567 ended", "one", "two", "three", "four"];
      await writeLogs(own.api, "long", bodies.map((body) => ({ at: NOW, body })));
      for (const flushed of [false, true]) {
        if (flushed) await own.api.post("/api/v1/admin/telltale/flush", "");
        const { status, json } = await own.api.get("/api/v1/logs", { where: 'body =~ "[a-z]+[a-z0-9 ]+[0-9]{7}\\b"' });
        assert.equal(status, 200);
        assert.deepEqual(json.data.logs.map((one) => one.body), ["job abc 1234567 ended"]);
        assert.match(json.warnings[0], /too much time on some values/);
        const none = await own.api.get("/api/v1/logs", { where: 'body =~ "[a-z]+[a-z0-9 ]+[0-9]{8}"' });
        assert.deepEqual([none.json.data.logs, none.json.warnings], [[], undefined]); // no body has eight digits
      }
    } finally {
      await own.dispose();
    }
  });

  it("takes an absent severity for 0 and what stands around a record from its very resource", async () => {
    const own = await Telltale.start();
    try {
      const lines = (name) => [0, 1, 2].map((i) => ({ at: NOW + i, body: `${name} ${i}` }));
      await writeLogs(own.api, "shop", lines("mine"), { ratio: 0.5 });
      await writeLogs(own.api, "shop", lines("other"), { ratio: 0.5, "host.name": "h2" });
      const ask = async (path, params) => (await own.api.get(`/api/v1/${path}`, params)).json.data;
      for (const [where, n] of [["severity < debug", 6], ["severity <= 3", 6], ["severity = 0", 6], ["severity >= trace", 0]])
        assert.equal((await ask("logs", { where })).logs.length, n, where);
      const [line] = (await ask("logs", { where: '"mine 1"' })).logs;
      const around = await ask("logs/context", { id: line.id });
      assert.deepEqual([around.before, around.behind].map((side) => side.map((l) => l.body)), [["mine 0"], ["mine 2"]]);
    } finally {
      await own.dispose();
    }
  });

  it("writes bytes as each record does: ids in hexadecimal, attributes in base64, whatever their name", async () => {
    const own = await Telltale.start();
    try {
      await writeLogs(own.api, "shop", [{ at: NOW, trace: TRACE, body: "x", more: { attributes: [{ key: "trace_id", value: { bytesValue: "3q2+7w==" } }] } }]);
      const values = async (field) => (await own.api.get("/api/v1/logs/values", { field })).json.data.values.map((v) => v.value);
      assert.deepEqual(await values("trace_id"), [TRACE]);
      assert.deepEqual(await values("attributes.trace_id"), ["3q2+7w=="]);
    } finally {
      await own.dispose();
    }
  });

  it("shows what stands before and behind a record in its stream", async () => {
    const [line] = (await data("logs", { where: '"timed out"' })).logs;
    const around = await data("logs/context", { id: line.id, before: 1, behind: 2 });
    assert.deepEqual(around.before.map((l) => l.body), [REFUSED]);
    assert.deepEqual(around.record, line);
    assert.deepEqual(around.behind.map((l) => l.body), [AGAIN, ODD]);
    const none = await data("logs/context", { id: line.id, before: 0, behind: 0 });
    assert.deepEqual([none.before, none.behind], [[], []]);
    assert.equal((await api.get("/api/v1/logs/context", { id: "1.2.3" })).status, 404);
  });

  describe("follows", () => {
    /** Reads events until `n` have come. */
    async function follow(params, n, act = async () => {}) {
      const leave = new AbortController();
      const answer = await fetch(`${server.url}/api/v1/logs/tail?${new URLSearchParams(params)}`, { signal: leave.signal });
      assert.equal(answer.status, 200);
      assert.equal(answer.headers.get("content-type"), "text/event-stream");
      const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
      const events = [];
      let text = (await within(reader.read(), 10_000, "the first bytes")).value;
      await act();
      for (;;) {
        const parts = text.split("\n\n");
        text = parts.pop();
        for (const part of parts) {
          const [, event, json] = part.match(/^event: (\w+)\ndata: (.*)$/s) ?? [];
          if (event) events.push([event, JSON.parse(json)]);
        }
        if (events.length >= n) break;
        const { value, done } = await within(reader.read(), 10_000, "more events");
        if (done) break;
        text += value;
      }
      leave.abort();
      return events;
    }

    it("what arrives and matches, in order, and nothing that was there", async () => {
      const now = Date.now() / 1000;
      const events = await follow({ where: "service = live and severity >= warn" }, 2, async () => {
        await writeLogs(api, "live", [
          { at: now + 0.002, severity: 17, body: "two" },
          { at: now, severity: 9, body: "quiet" },
          { at: now + 0.001, severity: 13, body: "one" },
        ]);
      });
      assert.deepEqual(events.map(([event, record]) => [event, record.body]), [["log", "one"], ["log", "two"]]);
    });

    it("and shows the last lines first, when asked", async () => {
      const events = await follow({ where: "service = shop", lines: 2 }, 2);
      assert.deepEqual(events.map(([, record]) => record.body), [AGAIN, ODD]);
    });

    it("no faster than the rate allows", async () => {
      const now = Date.now() / 1000;
      const events = await follow({ where: "service = flood", rate: 10 }, 6, async () => {
        await writeLogs(api, "flood", Array.from({ length: 200 }, (_, i) => ({ at: now + i / 1000, body: `n ${i}` })));
      });
      assert.deepEqual(events.map(([event]) => event), ["dropped", "log", "log", "log", "log", "log"]);
      assert.equal(events[5][1].body, "n 199");
    });

    it("a wrong filter is refused, and streams do not hold up the end", async () => {
      assert.equal((await api.get("/api/v1/logs/tail", { where: "(" })).status, 400);
      const idle = await api.get("/api/v1/logs/tail", { rate: "0" });
      assert.deepEqual([idle.status, idle.json.error], [400, 'invalid parameter "rate": "0"; expected a number from 2 to 1000']);
      const other = await Telltale.start();
      const open = await Promise.all(Array.from({ length: 33 }, () => fetch(`${other.url}/api/v1/logs/tail`)));
      assert.deepEqual(open.map((one) => one.status).sort().slice(-2), [200, 503]);
      const began = Date.now();
      assert.deepEqual(await other.stop(), { code: 0, signal: null });
      assert.ok(Date.now() - began < 4000);
      await other.dispose();
    });
  });

  it("one bad id is its row's matter, not the batch's, and a time that is not given is not told", async () => {
    const at = String(BigInt(NOW) * 10n ** 9n);
    const logs = ["abc", "zzzzzzzzzzzzzzzz", "abcd", TRACE].map((traceId, i) => ({ timeUnixNano: at, body: { stringValue: `odd id ${i}` }, traceId, spanId: "zzzzzzzz" }));
    const kept = await api.post("/v1/logs", JSON.stringify({ resourceLogs: [{ scopeLogs: [{ logRecords: logs }] }] }), { "content-type": "application/json" });
    assert.equal(kept.status, 200, kept.text);
    assert.equal((await data("logs", { where: 'body =~ "^odd id"' })).logs.length, 4);
    assert.equal((await data("logs", { where: `body =~ "^odd id" and trace_id = ${TRACE}` })).logs.length, 1);

    const span = { traceId: TRACE, spanId: "b7ad6b7169203331", name: "s", startTimeUnixNano: at, events: [{ name: "timeless" }, { name: "timely", timeUnixNano: at }] };
    const spans = [span, { ...span, traceId: "zz" }];
    const partly = await api.post("/v1/traces", JSON.stringify({ resourceSpans: [{ scopeSpans: [{ spans }] }] }), { "content-type": "application/json" });
    assert.equal(partly.status, 200, partly.text);
    assert.equal(Number(partly.json.partialSuccess.rejectedSpans), 1);
    assert.match(partly.json.partialSuccess.errorMessage, /spans\[1\]\.trace_id: .*"zz"/);
    const [{ events }] = (await data(`traces/${TRACE}`)).spans;
    assert.deepEqual(events.map(({ name, time }) => [name, time === undefined]), [["timeless", true], ["timely", false]]);
  });

  it("says what is wrong", async () => {
    const wrong = { "logs?where=severity%20=%20loud": /severity/, "logs?after=now": /after/, "logs?order=up": /order/, "logs/context?id=x": /id/, "logs/histogram?step=0s": /step/, "logs/histogram?start=0&step=1s": /steps/, "logs?limit=10001": /limit/, [`logs?where=${"(".repeat(100)}`]: /where.*more than 64 terms within each other/, [`logs?where=${"a%20".repeat(1001)}`]: /where.*more than 1000 terms/ };
    for (const [path, message] of Object.entries(wrong)) {
      const answer = await api.get(`/api/v1/${path}`);
      assert.equal(answer.status, 400, path);
      assert.match(answer.json.error, message);
    }
  });
});
