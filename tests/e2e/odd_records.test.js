// What is odd about spans and log records means the same in searches, lists, counts and answers.

import assert from "node:assert/strict";
import { run } from "./support/process.js";
import { attributes, log, ns, span, writeLogs, writeSpans } from "./support/records.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 1000) - 60;
const id = (n, length = 16) => n.toString(16).padStart(length, "0");
const trace = (n) => id(0x2000 + n, 32);
const JSON_TYPE = { "content-type": "application/json" };

/** As support/records.js, with any resource. */
const postLogs = (api, records) =>
  api.post("/v1/logs", JSON.stringify({ resourceLogs: [{ resource: { attributes: attributes({ "service.name": "odd" }) }, scopeLogs: [{ logRecords: records.map(log) }] }] }), JSON_TYPE);
const postSpans = (api, resource, spans) =>
  api.post("/v1/traces", JSON.stringify({ resourceSpans: [{ resource: { attributes: attributes(resource) }, scopeSpans: [{ spans: spans.map(span) }] }] }), JSON_TYPE);

describe("odd records", () => {
  let server, api;
  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };
  const ids = async (where) => (await data("traces", { where, limit: 100 })).traces.map((t) => t.trace_id).sort();
  const values = async (path, field, params = {}) => Object.fromEntries((await data(`${path}/values`, { field, ...params })).values.map((v) => [v.value, v.count]));

  before(async () => {
    server = await Telltale.start({ set: { "http.admin_api": "true", "limits.max_text_bytes": "1KiB" } });
    api = server.api;
  });
  after(() => server?.dispose());

  /** Of `telltale traces`. */
  const lines = async (...args) => {
    const { code, stdout, stderr } = await run(TELLTALE, ["traces", "--url", server.url, ...args]);
    assert.equal(code, 0, stderr);
    return stdout.trimEnd().split("\n");
  };

  /** Both as it came in and from parts. */
  const inBoth = async (check) => {
    await check();
    assert.equal((await api.post("/api/v1/admin/telltale/flush?merge=1", "")).status, 200);
    await check();
  };

  describe("services without a name", () => {
    const names = { named: "shop", none: undefined, number: 42, empty: "" };
    before(async () => {
      for (const [i, name] of Object.values(names).entries())
        await postSpans(api, name === undefined ? {} : { "service.name": name }, [{ trace: trace(i), id: id(1), name: "named", start: NOW - i, ms: 1 }]);
    });

    it("are unknown_service everywhere", () =>
      inBoth(async () => {
        const unnamed = [trace(1), trace(2), trace(3)];
        assert.deepEqual(await ids("name = named and service = unknown_service"), unnamed);
        assert.deepEqual(await ids("name = named and not service = shop"), unnamed);
        assert.deepEqual(await ids("name = named and service != unknown_service"), [trace(0)]);
        assert.deepEqual(await ids("name = named and service : UNKNOWN"), unnamed);
        assert.deepEqual(await ids("name = named and service =~ ^unknown"), unnamed);
        assert.deepEqual(await ids("name = named and exists service"), [trace(0), ...unnamed]);
        assert.deepEqual(await ids("service = 42"), []);
        assert.deepEqual(await ids("resource.service.name = 42"), [trace(2)]);
        assert.deepEqual(await values("spans", "service", { where: "name = named" }), { shop: 1, unknown_service: 3 });
        assert.deepEqual(await values("spans", "service", { prefix: "un" }), { unknown_service: 3 });
        for (const { trace_id: found, services } of (await data("traces", { where: "name = named" })).traces)
          assert.equal(services[0].name, found === trace(0) ? "shop" : "unknown_service");
        assert.deepEqual((await api.get("/jaeger/api/services")).json.data, ["shop", "unknown_service"]);
        const { json } = await api.get("/jaeger/api/traces", { service: "unknown_service", limit: 10 });
        assert.deepEqual(json.data.map((t) => t.traceID).sort(), unnamed);
      }));
  });

  describe("sessions", () => {
    const keys = [
      { "session.id": 4242 },
      { "session.id": "SA", "gen_ai.conversation.id": "CB" },
      { "mcp.session.id": "SA" },
      { "session.id": "SA", "gen_ai.conversation.id": 7 },
      { "session.id": "" },
    ];
    before(() => writeSpans(api, "talk", keys.map((more, i) => ({ trace: trace(0x10 + i), id: id(1), name: "talk", start: NOW - i, ms: 1, attributes: more }))));

    it("have the same spans in searches, counts and lists", () =>
      inBoth(async () => {
        const found = { SA: [trace(0x12), trace(0x13)], CB: [trace(0x11)] };
        const listed = (await data("sessions", {})).sessions;
        assert.deepEqual(listed.map((s) => s.session).sort(), Object.keys(found).sort());
        assert.deepEqual(await values("spans", "session"), { SA: 2, CB: 1 });
        for (const [session, traces] of Object.entries(found)) {
          assert.deepEqual(await ids(`session = ${session}`), traces);
          assert.deepEqual((await data(`sessions/${session}`)).traces.map((t) => t.trace_id).sort(), traces);
          assert.equal(listed.find((s) => s.session === session).trace_count, traces.length);
        }
        assert.deepEqual(await ids("service = talk and not exists session"), [trace(0x10), trace(0x14)]);
        assert.deepEqual(await ids("session = 4242"), []);
        assert.deepEqual(await ids("session.id = 4242"), [trace(0x10)]);
        for (const none of ["4242", "7", "", "XX"]) assert.equal((await api.get(`/api/v1/sessions/${none}`)).status, 404);
      }));
  });

  it("records without a severity are none in searches, counts and histograms", async () => {
    await writeLogs(api, "levels", [{ at: NOW, body: "a" }, { at: NOW, body: "b", severity: 17 }, { at: NOW, body: "c" }]);
    await inBoth(async () => {
      assert.deepEqual(await values("logs", "severity"), { none: 2, error: 1 });
      assert.deepEqual(await values("logs", "severity", { prefix: "no" }), { none: 2 });
      assert.equal((await data("logs", { where: "severity = none" })).logs.length, 2);
      const { buckets } = await data("logs/histogram", { start: NOW - 60, end: NOW + 60 });
      assert.equal(buckets.reduce((n, b) => n + (b.levels.none ?? 0), 0), 2);
    });
  });

  it("kinds and statuses beyond those of OTLP are unspecified and unset", async () => {
    await writeSpans(api, "codes", [{ trace: trace(0x30), id: id(1), name: "s", start: NOW, ms: 1, more: { status: { code: 77 }, kind: 99 } }]);
    await inBoth(async () => {
      assert.deepEqual(await ids("service = codes and status = unset and kind = unspecified"), [trace(0x30)]);
      assert.deepEqual(await ids("service = codes and status =~ set and kind : spec"), [trace(0x30)]);
      assert.deepEqual(await ids("service = codes and status != unset"), []);
      assert.deepEqual(await ids("service = codes and status = 77 and kind = 99"), [trace(0x30)]);
      assert.deepEqual(await values("spans", "status", { where: "service = codes" }), { unset: 1 });
      const [shown] = (await data(`traces/${trace(0x30)}`)).spans;
      assert.deepEqual([shown.status, shown.kind], ["unset", "unspecified"]);
      const { json } = await api.get(`/jaeger/api/traces/${trace(0x30)}`);
      assert.deepEqual(json.data[0].spans[0].tags.map((t) => t.key).filter((key) => !key.startsWith("otel.scope.")), []);
    });
  });

  it("of spans with the same ids the one that ends last is shown, and the others are counted", async () => {
    const twice = trace(0x50);
    const one = { trace: twice, id: id(1), start: NOW };
    await writeSpans(api, "twice", [{ ...one, name: "begun", ms: null }, { ...one, name: "ended", ms: 20 }, { trace: twice, id: id(2), parent: id(1), name: "child", start: NOW, ms: 1 }]);
    await writeSpans(api, "twice", [{ ...one, name: "early", ms: 10 }]);
    await inBoth(async () => {
      const shown = await data(`traces/${twice}`);
      assert.deepEqual(shown.spans.map((s) => s.name), ["ended", "child"]);
      assert.deepEqual([shown.duplicates, shown.span_count], [2, 2]);
      assert.deepEqual(await ids("name = early"), [twice]);
      const jaeger = (await api.get(`/jaeger/api/traces/${twice}`)).json.data[0];
      assert.deepEqual(jaeger.spans.map((s) => s.operationName), ["ended", "child"]);
      assert.deepEqual(jaeger.warnings, ["2 spans are left out: others have the same id"]);
    });
  });

  it("spans without an end, in a circle, or by another clock have a hint", async () => {
    const [open, circle, clock] = [trace(0x51), trace(0x52), trace(0x53)];
    await writeSpans(api, "hints", [
      { trace: open, id: id(1), name: "open", start: NOW, ms: null },
      { trace: circle, id: id(1), parent: id(2), name: "one", start: NOW, ms: 2 },
      { trace: circle, id: id(2), parent: id(1), name: "two", start: NOW + 0.001, ms: 1 },
      { trace: clock, id: id(1), name: "call", start: NOW, ms: 1000 },
    ]);
    await writeSpans(api, "elsewhere", [{ trace: clock, id: id(2), parent: id(1), name: "answer", start: NOW + 5, ms: 100 }]);
    await inBoth(async () => {
      const spans = async (of) => (await data(`traces/${of}`)).spans;
      const [unended] = await spans(open);
      assert.deepEqual([unended.has_no_end, unended.duration_ns], [true, 0]);
      assert.deepEqual(await ids("service = hints and not exists duration"), [open]);
      assert.deepEqual(await ids("name = open and (duration >= 0s or duration < 0s)"), []);
      assert.match((await lines(open)).at(-1), / open {2}\(no end\)$/);

      const round = await spans(circle);
      assert.deepEqual(round.map((s) => [s.name, s.depth, s.parents_are_circular]), [["one", 0, true], ["two", 1, undefined]]);
      assert.match((await lines(circle)).at(-2), / one {2}\(its parents are circular\)$/);

      const [, answer] = await spans(clock);
      assert.equal(answer.clock_skew_ns, -4_550_000_000);
      assert.match((await lines(clock)).at(-1), / answer {2}\(its clock seems to differ by -4\.55s\)$/);
    });
  });

  it("log records of a trace stand with their span, or with the trace", async () => {
    const told = trace(0x54);
    await writeSpans(api, "told", [{ trace: told, id: id(1), name: "a", start: NOW, ms: 9 }, { trace: told, id: id(2), parent: id(1), name: "b", start: NOW, ms: 1 }]);
    await writeLogs(api, "told", [
      { at: NOW + 0.002, body: "second", trace: told, id: id(2) },
      { at: NOW + 0.001, body: "first", trace: told, id: id(2) },
      { at: NOW, body: "of a", trace: told, id: id(1) },
      { at: NOW, body: "of none", trace: told },
      { at: NOW, body: "of another", trace: trace(0x55), id: id(1) },
    ]);
    await inBoth(async () => {
      const shown = await data(`traces/${told}`);
      assert.deepEqual(shown.spans.map((s) => s.logs.map((l) => l.body)), [["of a"], ["first", "second"]]);
      assert.equal(shown.logs_of_spans, 3);
      assert.deepEqual(shown.logs.map((l) => l.body), ["of none"]);
      assert.match((await lines(told)).at(-1), / b {2}2 log records$/);
    });
  });

  it("a log record without a time has that of its observation, or of its arrival, and says so", async () => {
    const before = Date.now() / 1000;
    const sent = await postLogs(api, [
      { at: 0, body: "observed", more: { timeUnixNano: undefined, observedTimeUnixNano: ns(NOW - 5) } },
      { at: 0, body: "arrived", more: { timeUnixNano: undefined } },
      { at: NOW, body: "timed", more: { observedTimeUnixNano: ns(NOW + 1) } },
    ]);
    assert.deepEqual([sent.status, sent.json.partialSuccess ?? {}], [200, {}]);
    const time = (l) => Date.parse(l.time.replace(/\d{6}Z$/, "Z")) / 1000;
    await inBoth(async () => {
      const { logs } = await data("logs", { where: "service = odd", limit: 10 });
      const of = (body) => logs.find((l) => l.body === body);
      assert.deepEqual([time(of("observed")), of("observed").time_is_observed], [NOW - 5, true]);
      assert.deepEqual([time(of("timed")), of("timed").time_is_observed], [NOW, undefined]);
      assert.equal(of("arrived").time_is_observed, true);
      assert.ok(time(of("arrived")) >= before - 0.001 && time(of("arrived")) <= Date.now() / 1000);
    });
  });

  it("what lies too far in the future is refused, and the rest is kept", async () => {
    const rejected = async (table) => Number((await api.get("/metrics")).text.match(new RegExp(`^telltale_store_rejected_records_total\\{table="${table}"\\} (\\d+)`, "m"))?.[1] ?? 0);
    const before = [await rejected("spans"), await rejected("logs")];
    const later = Date.now() / 1000 + 25 * 3600;
    const spans = await postSpans(api, { "service.name": "later" }, [{ trace: trace(0x56), id: id(1), name: "later", start: later, ms: 1 }, { trace: trace(0x57), id: id(1), name: "now", start: NOW, ms: 1 }]);
    assert.equal(spans.status, 200);
    assert.equal(spans.json.partialSuccess.rejectedSpans, "1");
    assert.match(spans.json.partialSuccess.errorMessage, /^1 of 2 spans were rejected; first: time \d+ is .* further in the future than is accepted \(storage\.max_future\)$/);
    const logs = await postLogs(api, [{ at: later, body: "later" }]);
    assert.equal(logs.json.partialSuccess.rejectedLogRecords, "1");
    assert.deepEqual(await ids("service = later"), [trace(0x57)]);
    assert.equal((await data("logs", { where: "body = later" })).logs.length, 0);
    assert.deepEqual([await rejected("spans"), await rejected("logs")], before.map((n) => n + 1));
  });

  it("a text that is too long is cut between characters, and the row counts the cuts", async () => {
    const long = "é".repeat(600); // 1,200 bytes
    await postLogs(api, [{ at: NOW, body: `x${long}`, attributes: { "cut.one": long, short: "s" } }]);
    await writeSpans(api, "cut", [{ trace: trace(0x58), id: id(1), name: "cut", start: NOW, ms: 1, attributes: { a: [long, long] } }]);
    await inBoth(async () => {
      const [row] = (await data("logs", { where: "exists telltale.truncated" })).logs;
      assert.equal(row.body, `x${"é".repeat(511)}`);
      assert.deepEqual(row.attributes, { "cut.one": "é".repeat(512), short: "s", "telltale.truncated": 2 });
      const [shown] = (await data(`traces/${trace(0x58)}`)).spans;
      assert.deepEqual(shown.attributes, { a: ["é".repeat(512), "é".repeat(512)], "telltale.truncated": 2 });
      assert.deepEqual(await ids("telltale.truncated = 2"), [trace(0x58)]);
    });
  });

  it("of a trace that is too long the first spans count, and all answers say so", async () => {
    const [most, more, long] = [100_000, 500, trace(0x40)];
    for (let from = 0; from < most + more; from += 20_100)
      await writeSpans(api, "long", Array.from({ length: 20_100 }, (_, i) => ({ trace: long, id: id(from + i + 1), parent: from + i ? id(1) : undefined, name: "n", start: NOW - 200 + (from + i) / 1000, ms: 1, attributes: { "session.id": "long" } })));
    const [found] = (await data("traces", { where: "service = long" })).traces;
    assert.deepEqual([found.span_count, found.spans_left_out], [most, more]);
    const shown = await data(`traces/${long}`);
    assert.deepEqual([shown.span_count, shown.spans.length, shown.spans_left_out], [most, most, more]);
    const session = await data("sessions/long");
    assert.deepEqual([session.span_count, session.spans_left_out], [20_000, most + more - 20_000]);
    const jaeger = (await api.get(`/jaeger/api/traces/${long}`)).json.data[0];
    assert.equal(jaeger.spans.length, most);
    assert.deepEqual(jaeger.warnings, ["500 more spans are left out"]);
    assert.match((await lines("service = long"))[1], / 100,000\+ /);
    assert.match((await lines(long))[0], / 100,000 spans \(and 500 more that are not shown\) /);
    const v3 = await api.get(`/api/v3/traces/${long}`);
    assert.match(v3.headers.get?.("warning") ?? v3.headers.warning, /more than 100,000 spans/);
  });

  it("what a deletion took is in no list of services and fields", async () => {
    await writeSpans(api, "victim", [{ trace: trace(0x20), id: id(1), name: "v", start: NOW, ms: 1, attributes: { "secret.4711": 1 } }], { "enduser.id.4711": "x" });
    assert.deepEqual(await data("spans/fields", { prefix: "secret" }), ["attributes.secret.4711"]);
    await inBoth(async () => assert.deepEqual(await data("spans/fields", { prefix: "resource.enduser" }), ["resource.enduser.id.4711"]));
    const gone = await api.post("/api/v1/admin/traces/delete?where=service%3Dvictim", "");
    assert.equal(gone.json.data.deleted, 1);
    await inBoth(async () => {
      for (const prefix of ["resource.enduser", "secret"]) assert.deepEqual(await data("spans/fields", { prefix }), []);
      assert.equal((await api.get("/jaeger/api/services")).json.data.includes("victim"), false);
    });
  });

  describe("values within values", () => {
    const nested = (levels, wrap) => Array.from({ length: levels }).reduce(wrap, "core");
    const ways = { arrays: (v) => [v], maps: (v) => ({ k: v }) };
    const exported = async (table, match) => (await api.get("/api/v1/export", { table, match, format: "otlp-json" })).text;
    const depth = (text) => (text.match(/"(arrayValue|kvlistValue)"/g) ?? []).length;

    for (const [name, wrap] of Object.entries(ways)) {
      it(`nest 32 levels of ${name}, everywhere, and come back`, async () => {
        const deep = nested(32, wrap);
        const at = NOW - 40;
        assert.equal((await postLogs(api, [{ at, body: deep, attributes: { of: name, deep } }])).status, 200);
        const events = [{ name: "plain", at }, { name: "deep", at, attributes: { deep } }];
        const links = [{ trace: trace(90), id: id(90), attributes: { deep } }];
        assert.equal((await postSpans(api, {}, [{ trace: trace(91), id: id(91), name: `deep ${name}`, start: at, attributes: { deep }, events, links }])).status, 200);
        await inBoth(async () => {
          assert.equal(depth(await exported("logs", `of = ${name}`)), 64);
          const text = await exported("spans", `name = "deep ${name}"`);
          assert.equal(depth(text), 96);
          assert.match(text, /"plain"/);
        });
      });

      it(`are refused with 33 levels of ${name}`, async () => {
        const answer = await postLogs(api, [{ at: NOW, body: nested(33, wrap) }]);
        assert.equal(answer.status, 413);
        assert.match(answer.text, /nested deeper than 32 levels/);
      });
    }
  });
});
