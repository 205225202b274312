// Queries under limits, given up by their client, traced; and what Grafana's data source looks at.

import assert from "node:assert/strict";
import { readFileSync, renameSync } from "node:fs";
import http from "node:http";
import { join } from "node:path";
import { END, FOREVER, T0, writeFixture } from "./support/fixture.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

/** Much work that needs little memory, and no data. */
const LONG = "sum_over_time(double_exponential_smoothing(vector(1)[1h:10ms], 0.5, 0.5)[1h:1s])";
const ONE_WORKER = { ...FOREVER, "limits.query_workers": 1, "query.features": "[promql-experimental-functions]" };

/** Minutes of work on any data. */
const HEAVY = "sum_over_time(max_over_time(temperature_celsius[10m:1ms])[1h:1ms])";

describe("queries", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ set: { ...FOREVER, "http.cors_origin": "https://.*\\.example" } });
    api = server.api;
    await writeFixture(api);
  });
  after(() => server?.dispose());

  const metric = async (name) => {
    const line = (await api.get("/metrics")).text.split("\n").find((one) => one.startsWith(name));
    return line ? Number(line.slice(line.lastIndexOf(" ") + 1)) : 0;
  };

  describe("trace=1", () => {
    const query = 'sum by (code) (rate(http_requests_total[1m])) / ignoring(code) group_left () sum(rate(http_requests_total[1m]))';

    it("is a tree of the parts and what each read", async () => {
      const { json } = await api.get("/api/v1/query_range", { query, start: END - 60, end: END, step: 15, trace: 1 });
      const { trace } = json.data;
      assert.equal(trace.expr, query);
      assert.equal(trace.series, json.data.result.length);
      const [division] = trace.children;
      assert.equal(division.expr, query);
      const [many, one] = [...division.children].sort((a, b) => b.expr.length - a.expr.length);
      assert.equal(many.expr, "sum by (code) (rate(http_requests_total[1m]))");
      assert.equal(one.expr, "sum(rate(http_requests_total[1m]))");
      assert.equal(one.series, 1);
      const [rate] = one.children;
      assert.equal(rate.expr, "rate(http_requests_total[1m])");
      assert.equal(rate.series, 4);
      assert.equal(rate.steps, 5);
      assert.ok(rate.samples > 0 && rate.samples === one.samples, "the sum reads what the rate reads");
      assert.ok(trace.samples === many.samples + one.samples);
      assert.ok(trace.milliseconds >= division.milliseconds && division.milliseconds >= one.milliseconds && one.milliseconds > 0);
    });

    it("is there only when asked for, and changes no answer", async () => {
      const plain = (await api.get("/api/v1/query", { query, time: END })).json.data;
      const { trace, ...traced } = (await api.get("/api/v1/query", { query, time: END, trace: "true" })).json.data;
      assert.ok(trace);
      assert.deepEqual(traced, plain);
      assert.equal((await api.get("/api/v1/query", { query, time: END, trace: "0" })).json.data.trace, undefined);
    });

    it("has scalars and subqueries in it", async () => {
      const { json } = await api.get("/api/v1/query", { query: "scalar(sum(temperature_celsius)) + sum(max_over_time(temperature_celsius[2m:15s]))", time: END, trace: 1 });
      const all = (t) => [t.expr, ...t.children.flatMap(all)];
      assert.ok(all(json.data.trace).includes("sum(temperature_celsius)"));
      assert.ok(all(json.data.trace).filter((expr) => expr === "temperature_celsius").length >= 2);
    });
  });

  it("stats=all tells times and samples", async () => {
    const { json } = await api.get("/api/v1/query", { query: "rate(http_requests_total[1m])", time: END, stats: "all" });
    const { timings, samples, seriesSelected, pieces } = json.data.stats;
    assert.ok(timings.evalTotalTime > 0 && timings.queryPreparationTime > 0);
    assert.ok(timings.resultSortTime >= 0 && timings.execQueueTime >= 0);
    assert.ok(timings.execTotalTime >= timings.evalTotalTime + timings.execQueueTime);
    assert.ok(samples.totalQueryableSamples >= 16 && samples.peakSamples > 0);
    assert.equal(seriesSelected, 4);
    assert.deepEqual(pieces, { shared: 0, helped: 0 });
  });

  it("stats=all counts samples by step where promql-per-step-stats is on", async () => {
    const counting = await Telltale.start({ set: { ...FOREVER, "query.features": "[promql-per-step-stats]" } });
    try {
      await writeFixture(counting.api);
      const query = "rate(http_requests_total[1m])";
      const { samples } = (await counting.api.get("/api/v1/query_range", { query, start: END - 30, end: END, step: 15, stats: "all" })).json.data.stats;
      assert.deepEqual(samples.totalQueryableSamplesPerStep, [[END - 30, 16], [END - 15, 16], [END, 16]]);
      assert.equal(samples.totalQueryableSamples, 48);
      const short = (await counting.api.get("/api/v1/query", { query, time: END, stats: "true" })).json.data.stats;
      assert.equal(short.samples.totalQueryableSamplesPerStep, undefined);
    } finally {
      await counting.dispose();
    }
  });

  it("ends when its client hangs up", async () => {
    const canceled = 'telltale_query_queries_total{outcome="canceled"}';
    const before = await metric(canceled);
    const request = http.get(`${api.base}/api/v1/query?${new URLSearchParams({ query: HEAVY, time: END })}`);
    request.on("error", () => {});
    await new Promise((resolve) => request.once("socket", (s) => (s.connecting ? s.once("connect", resolve) : resolve())));
    // While it runs it is listed, and others are answered.
    const running = async () => (await api.get("/api/v1/status/queries")).json.data;
    const [listed] = await until(async () => (await running()).length > 0 && running(), "the query to be listed");
    assert.equal(listed.query, HEAVY);
    assert.equal(listed.start, END);
    assert.ok(listed.runningSeconds >= 0 && listed.began > 0);
    for (let i = 0; i < 10; i++) assert.equal((await api.get("/api/v1/query", { query: "1", time: END })).status, 200);
    request.destroy();
    await until(async () => (await metric(canceled)) > before, "the query to be cancelled", { timeoutMs: 20_000 });
  });

  it("are logged to a file, which a reload opens anew", async () => {
    const logging = await Telltale.start({ config: "global:\n  query_log_file: queries.log\n", set: FOREVER });
    try {
      const file = join(logging.dir, "queries.log");
      const lines = (path) => readFileSync(path, "utf8").trimEnd().split("\n").map((one) => JSON.parse(one));
      await logging.api.get("/api/v1/query_range", { query: "up", start: T0, end: T0 + 60, step: 15 });
      await logging.api.get("/api/v1/query", { query: "vector(1) + on () group_left () (vector(1) or label_replace(vector(2), 'a', 'b', '', ''))", time: T0 });
      await logging.api.get("/api/v1/query", { query: "sum(", time: T0 });
      const [range, failed, ...more] = lines(file);
      assert.deepEqual(more, [], "what does not parse is no query");
      assert.deepEqual(range.params, { start: new Date(T0 * 1000).toISOString(), end: new Date((T0 + 60) * 1000).toISOString(), query: "up", step: 15 });
      assert.ok(range.stats.timings.evalTotalTime >= 0 && range.stats.timings.execTotalTime > 0 && range.ts);
      assert.deepEqual(range.httpRequest, { clientIP: "127.0.0.1", method: "GET", path: "/api/v1/query_range" });
      assert.match(failed.error, /duplicate series/);
      renameSync(file, `${file}.1`);
      assert.equal((await logging.api.post("/-/reload", "")).status, 200);
      await logging.api.get("/api/v1/query", { query: "2", time: T0 });
      assert.deepEqual(lines(file).map((one) => one.params.query), ["2"]);
      assert.equal(lines(`${file}.1`).length, 2);
    } finally {
      await logging.dispose();
    }
  });

  it("do not keep the server's own answers waiting, not even when they have all workers", async () => {
    const busy = await Telltale.start({ set: ONE_WORKER });
    const leave = new AbortController();
    try {
      const heavy = ["1", "2"].map((k) =>
        fetch(`${busy.url}/api/v1/query?${new URLSearchParams({ query: `${LONG} + ${k}`, time: END })}`, { signal: leave.signal }).catch((error) => error.name));
      const running = async () => (await busy.api.get("/api/v1/status/queries")).json.data;
      await until(async () => (await running()).length > 0, "the query to be listed");
      for (const path of ["/-/healthy", "/-/ready", "/metrics", "/api/v1/status/runtimeinfo", "/api/v1/status/config",
        "/api/v1/status/flags", "/api/v1/targets", "/api/v1/metadata", "/api/v1/features", "/api/v1/notifications"])
        assert.equal((await busy.api.get(path)).status, 200, path);
      assert.equal((await busy.api.post("/-/reload", "")).status, 200);
      assert.equal((await running()).length, 1, "it is still at work");
      leave.abort();
      assert.deepEqual(await Promise.all(heavy), ["AbortError", "AbortError"]);
    } finally {
      leave.abort();
      await busy.dispose();
    }
  });

  it("have no more time than their timeout when they waited for a worker", async () => {
    const busy = await Telltale.start({ set: { ...ONE_WORKER, "query.timeout": "1s" } });
    try {
      const began = performance.now();
      const answers = await Promise.all(["1", "2", "3", "4"].map((k) => busy.api.get("/api/v1/query", { query: `${LONG} + ${k}`, time: END })));
      const took = performance.now() - began;
      assert.deepEqual(answers.map(({ status }) => status), [503, 503, 503, 503]);
      assert.ok(took < 3000, `${took} ms`);
    } finally {
      await busy.dispose();
    }
  });

  describe("under a limit", () => {
    const cases = [
      ["query.max_samples", { "query.max_samples": 10 }, "http_requests_total[10m]", 422, "execution", /too many samples into memory .* query\.max_samples/],
      ["query.max_memory_bytes", { "query.max_memory_bytes": "1MiB" }, "max_over_time(temperature_celsius[1h:10ms])", 422, "execution", /raise query\.max_memory_bytes/],
      ["query.max_total_memory_bytes", { "query.max_total_memory_bytes": "1MiB" }, "max_over_time(temperature_celsius[1h:10ms])", 503, "unavailable", /raise query\.max_total_memory_bytes/],
      ["query.timeout", { "query.timeout": "50ms" }, HEAVY, 503, "timeout", /raise query\.timeout/],
    ];
    for (const [name, set, query, status, type, message] of cases) {
      it(`${name}: refused with its name, and others go on`, async () => {
        const limited = await Telltale.start({ set: { ...FOREVER, ...set } });
        try {
          await writeFixture(limited.api);
          const [answer, other] = await Promise.all([limited.api.get("/api/v1/query", { query, time: END }), limited.api.get("/api/v1/query", { query: "1 + 1", time: END })]);
          assert.equal(answer.status, status, answer.text.slice(0, 300));
          assert.equal(answer.json.status, "error");
          assert.equal(answer.json.errorType, type);
          assert.match(answer.json.error, message);
          assert.equal(other.json.data.result[1], "2");
        } finally {
          await limited.dispose();
        }
      });
    }

    it("query.max_samples: the points of an answer count", async () => {
      const limited = await Telltale.start({ set: { ...FOREVER, "query.max_samples": 100 } });
      try {
        await writeFixture(limited.api);
        const range = (query) => limited.api.get("/api/v1/query_range", { query, start: T0, end: END, step: 15 });
        const { status, json } = await range("http_requests_total"); // 4 series of 41 points
        assert.equal(status, 422);
        assert.match(json.error, /^query processing would load too many samples into memory .* 100, set by query\.max_samples$/);
        assert.equal((await range("sum(http_requests_total)")).status, 200);
      } finally {
        await limited.dispose();
      }
    });

    it("query.max_points: in Prometheus's words, with the limit's name", async () => {
      const { status, json } = await api.get("/api/v1/query_range", { query: "1", start: 0, end: 11_001, step: 1 });
      assert.equal(status, 400);
      assert.match(json.error, /^exceeded maximum resolution of 11,000 points per timeseries\. Try decreasing the query resolution \(\?step=XX\)/);
      assert.match(json.error, /query\.max_points/);
    });
  });

  it("1,000 dashboards at once are answered, and what needs too much memory is refused", { timeout: 120_000 }, async () => {
    const many = await Telltale.start({ set: { ...FOREVER, "query.max_memory_bytes": "16MiB" } });
    try {
      await writeFixture(many.api);
      const range = (query) => many.api.get("/api/v1/query_range", { query, start: T0, end: END, step: 15 });
      const hungry = range("max_over_time(temperature_celsius[1h:10ms])");
      const answers = await Promise.all(Array.from({ length: 1000 }, () => range("sum by (code) (rate(http_requests_total[1m])) / ignoring(code) group_left () sum(rate(http_requests_total[1m]))")));
      assert.equal((await hungry).status, 422);
      assert.deepEqual([...new Set(answers.map(({ status, text }) => `${status} ${text}`))], [`200 ${answers[0].text}`]);
    } finally {
      await many.dispose();
    }
  });

  describe("regular expressions", () => {
    it("of a hostile kind end at a limit", async () => {
      const value = `${"a".repeat(28)}b!`;
      const { status, json } = await api.form("/api/v1/query", { query: `label_replace(label_replace(vector(1), "l", "${value}", "", ""), "m", "$1", "l", "(a|a?)+b")`, time: END });
      assert.equal(status, 422);
      assert.match(json.error, /regular expression .*ran into a limit/);
    });

    it("have RE2's syntax only", async () => {
      for (const pattern of ["(a)\\\\1", "(?=a)", "a++"]) {
        const { status } = await api.get("/api/v1/query", { query: `up{a=~"${pattern}"}`, time: END });
        assert.equal(status, 400, pattern);
      }
    });
  });

  describe("as Grafana's data source asks", () => {
    it("health: a query by POST, and a build that is not taken for another product", async () => {
      const { status, json } = await api.form("/api/v1/query", { query: "1+1", time: 4 });
      assert.equal(status, 200);
      assert.deepEqual(json.data, { resultType: "scalar", result: [4, "2"] });
      const build = await api.get("/api/v1/status/buildinfo");
      assert.ok(build.json.data.version);
      assert.equal(build.json.data.features, undefined);
    });

    it("POST and GET alike, for queries, labels and series", async () => {
      for (const [path, params] of [
        ["/api/v1/query_range", { query: "up", start: T0, end: END, step: 15.5 }],
        ["/api/v1/labels", { start: T0, end: END, limit: 40000 }],
        ["/api/v1/series", { "match[]": "http_requests_total", start: T0, end: END, limit: 40000 }],
        ["/api/v1/query_exemplars", { query: "http_requests_total", start: T0, end: END }],
      ]) {
        const [get, post] = await Promise.all([api.get(path, params), api.form(path, params)]);
        assert.equal(get.status, 200, `${path} ${get.text}`);
        assert.deepEqual(post.json, get.json, path);
      }
    });

    it("names in UTF-8 by U__", async () => {
      const { status, json } = await api.get("/api/v1/label/U___name_2d__5f_/values");
      assert.equal(status, 200, JSON.stringify(json));
      const values = (await api.get("/api/v1/label/U__code/values")).json.data;
      assert.deepEqual(values, (await api.get("/api/v1/label/code/values")).json.data);
    });

    it("searching metrics as one types, in lines of JSON", async () => {
      const answer = await api.get("/api/v1/search/metric_names", { start: END - 3600, end: END, limit: 100,
        "search[]": "req", sort_by: "score", batch_size: 100, include_metadata: "true" });
      assert.equal(answer.status, 200, answer.text);
      assert.match(answer.headers.get("content-type"), /^application\/x-ndjson/);
      const lines = answer.text.trimEnd().split("\n").map((line) => JSON.parse(line));
      assert.ok(lines[0].results.some((r) => r.name.includes("req")), answer.text);
      assert.deepEqual(lines.at(-1), { status: "success", has_more: false });
    });

    it("what is not there says 404 page not found: no rules to edit, no Thanos, no Mimir", async () => {
      for (const path of ["/api/v1/rules/x", "/config/v1/rules", "/alertmanager/alertmanager/api/v2/status"]) {
        const answer = await api.get(path);
        assert.equal(answer.status, 404, path);
        assert.match(answer.text, /page not found/, path);
      }
    });

    it("from a page of an origin that is allowed, and of no other", async () => {
      const from = (origin) => api.get("/api/v1/query", { query: "1", time: END }, { origin });
      assert.equal((await from("https://grafana.example")).headers.get("access-control-allow-origin"), "https://grafana.example");
      assert.equal((await from("https://grafana.example.org")).headers.get("access-control-allow-origin"), null);
    });
  });
});
