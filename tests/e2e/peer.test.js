// Debian's Prometheus scrapes a target and remote-writes into us: afterwards the same questions get
// the same answers from both.
//
// Two things changed between Prometheus 2.42 and 3, whose answers we give, and are kept out of the
// questions: 2.42 includes the left edge of a range, so no window begins at a sample; and it guesses
// differently how a counter began, so no window reaches back to the first scrape.

import assert from "node:assert/strict";
import promClient from "prom-client";
import { labelText } from "./support/api.js";
import { Exposer } from "./support/exposer.js";
import { NodeExporter, Prometheus } from "./support/server.js";
import { OURS_ONLY, startServer } from "./support/target.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const SCRAPES = 28; // 7 s: windows of 4 s over the last 2 s

describe("Debian's Prometheus remote-writes into us", { skip: missing("prometheus") }, () => {
  let ours, theirs, exposer, nodes;
  let window; // {start, end, at}: what both have, off the sample grid

  // A program with all metric types that moves at every scrape, without randomness.
  function movingProgram(registry) {
    const make = (type, name, more) => new promClient[type]({ name, help: name, registers: [registry], ...more });
    const requests = make("Counter", "requests_total", { labelNames: ["route", "code"] });
    const depth = make("Gauge", "queue_depth", { labelNames: ["queue"] });
    const wait = make("Histogram", "wait_seconds", { labelNames: ["route"], buckets: [0.125, 0.25, 0.5, 1, 2, 4] });
    let tick = 0;
    return () => {
      tick++;
      ["/", "/cart", "/pay"].forEach((route, r) => {
        requests.inc({ route, code: "200" }, 3 + r + (tick % 3));
        if (tick % 4 === r) requests.inc({ route, code: "500" });
        for (let i = 0; i < 4; i++) wait.observe({ route }, ((tick * 7 + i * 5 + r) % 40) / 8);
      });
      ["a", "b", "c", "d"].forEach((queue, q) => depth.set({ queue }, ((tick * (q + 1)) % 7) - q));
    };
  }

  before(async () => {
    exposer = await Exposer.start();
    const registry = new promClient.Registry();
    const move = movingProgram(registry);
    exposer.page("/metrics", async (_, response) => {
      move();
      response.setHeader("content-type", registry.contentType);
      response.end(await registry.metrics());
    });
    nodes = await NodeExporter.start(["--collector.disable-defaults", "--collector.cpu", "--collector.meminfo", "--collector.loadavg"]);
    ours = await startServer();
    theirs = await Prometheus.start({
      config: `
global: {scrape_interval: 250ms, scrape_timeout: 250ms}
scrape_configs:
  - {job_name: program, static_configs: [{targets: ["${exposer.target}"]}]}
  - {job_name: node, static_configs: [{targets: ["${nodes.target}"]}]}
remote_write:
  - url: ${ours.url}/api/v1/write
    queue_config: {batch_send_deadline: 100ms}
    metadata_config: {send_interval: 1s}
`,
    });
    const scrapes = (api) => api.value('count_over_time(up{job="program"}[1h])');
    await until(async () => (await scrapes(theirs.api)) >= SCRAPES, `${SCRAPES} scrapes`);
    // From here on only the past is asked about, and we have it all.
    const newest = Number((await theirs.api.query('up{job="program"}[1h]')).result[0].values.at(-2)[0]);
    await until(
      async () => (await ours.api.vector('timestamp(up{job="program"})')).some((one) => one.value > newest),
      "the newest sample to arrive",
    );
    await until(async () => (await ours.api.vector(`{__name__=~"node_.+"}`)).length > 10, "the node's samples");
    // 7 ms off the scrapes of the program; the windows below are multiples of their interval.
    window = { start: newest - 2.007, end: newest - 0.007, at: newest - 0.007 };
  });
  after(async () => {
    await theirs?.dispose();
    await ours?.dispose();
    await nodes?.dispose();
    await exposer?.stop();
  });

  // Values within 1e-9 of each other count as the same: the order of summation may differ.
  const round = (text) => {
    const value = Number(text);
    if (!Number.isFinite(value)) return text;
    return Math.abs(value) < 1e-12 ? 0 : Number(value.toPrecision(9));
  };
  const plain = ({ result }) =>
    Object.fromEntries(
      result.map(({ metric, value, values }) => [
        labelText(metric),
        (values ?? [value]).map(([t, v]) => [t, round(v)]),
      ]),
    );

  const expressions = [
    "up",
    "requests_total",
    'queue_depth{queue=~"a|b"}',
    'queue_depth{queue!="a"}',
    "rate(requests_total[3s])",
    "irate(requests_total[3s])",
    "increase(requests_total[2s])",
    "delta(queue_depth[2s])",
    "deriv(queue_depth[2s])",
    "sum by (code) (rate(requests_total[3s]))",
    "sum without (code, instance) (requests_total)",
    "avg by (job) (queue_depth)",
    "max(queue_depth) - min(queue_depth)",
    "count by (le) (wait_seconds_bucket)",
    "stddev(queue_depth)",
    "quantile(0.5, queue_depth)",
    "topk(2, requests_total)",
    "bottomk(1, sum by (route) (requests_total))",
    'count_values("depth", queue_depth)',
    "histogram_quantile(0.9, sum by (le, route) (rate(wait_seconds_bucket[3s])))",
    "histogram_quantile(0.5, wait_seconds_bucket)",
    "wait_seconds_sum / wait_seconds_count",
    'sum by (route) (rate(requests_total{code="500"}[4s])) / ignoring (code) sum by (route) (rate(requests_total[4s]))',
    'requests_total{code="200"} / on (route) group_left () wait_seconds_count',
    "queue_depth > 1",
    "queue_depth > bool 1",
    "queue_depth < 0 or queue_depth > 3",
    "queue_depth and on (queue) (queue_depth > 0)",
    "queue_depth unless on (queue) (queue_depth > 0)",
    "avg_over_time(queue_depth[3s])",
    "min_over_time(queue_depth[3s])",
    "quantile_over_time(0.25, queue_depth[3s])",
    "stddev_over_time(queue_depth[3s])",
    "last_over_time(queue_depth[1s])",
    "count_over_time(requests_total[3s])",
    "changes(queue_depth[3s])",
    "resets(queue_depth[3s])",
    "predict_linear(queue_depth[3s], 60)",
    "requests_total offset 1s",
    "max_over_time(rate(requests_total[2s])[2s:500ms])",
    "absent(no_such_metric{a=\"b\"})",
    "clamp(queue_depth, -1, 2)",
    "round(queue_depth / 3, 0.5)",
    "abs(queue_depth) ^ 2 % 5",
    "-queue_depth",
    'label_replace(queue_depth, "first", "$1", "queue", "(.).*")',
    'label_join(queue_depth, "both", "-", "job", "queue")',
    "sort_desc(queue_depth)",
    "timestamp(queue_depth)",
    "vector(time())",
    "hour() + minute() + day_of_week()",
    "scalar(sum(queue_depth))",
    "node_memory_MemTotal_bytes",
    'sum by (mode) (node_cpu_seconds_total{mode!="idle"})',
    "count({__name__=~\"node_.+\"}) by (job)",
  ];
  for (const expr of expressions) {
    it(`${expr}: the same`, async () => {
      const [a, b] = [await theirs.api.query(expr, window.at), await ours.api.query(expr, window.at)];
      assert.equal(b.resultType, a.resultType);
      if (a.resultType === "scalar") assert.equal(round(b.result[1]), round(a.result[1]));
      else assert.deepEqual(plain(b), plain(a));
      const range = [window.start, window.end, 0.5];
      const [c, d] = [await theirs.api.queryRange(expr, ...range), await ours.api.queryRange(expr, ...range)];
      assert.deepEqual(plain(d), plain(c), "over a range");
      assert.ok(c.result.length > 0, "the expression finds something");
    });
  }

  const lists = [
    ["/api/v1/labels", {}],
    ["/api/v1/labels", { "match[]": "requests_total" }],
    ["/api/v1/label/__name__/values", {}],
    ["/api/v1/label/route/values", {}],
    ["/api/v1/label/queue/values", { "match[]": 'queue_depth{queue!="b"}' }],
    ["/api/v1/series", { "match[]": ["requests_total", 'wait_seconds_bucket{le="1"}'] }],
    ["/api/v1/series", { "match[]": '{__name__=~"node_load.+"}' }],
  ];
  for (const [path, params] of lists) {
    it(`${path} ${JSON.stringify(params)}: the same`, async () => {
      const asked = { ...params, start: window.start, end: window.end };
      const sorted = (list) => list.map((one) => (typeof one === "string" ? one : labelText(one))).sort();
      const expected = sorted(await theirs.api.data(path, asked));
      assert.ok(expected.length > 0);
      assert.deepEqual(sorted(await ours.api.data(path, asked)), expected);
    });
  }

  it("metadata came along", { skip: OURS_ONLY }, async () => {
    const metadata = await until(async () => {
      const found = await ours.api.data("/api/v1/metadata", { metric: "wait_seconds" });
      return found.wait_seconds && found;
    }, "metadata of wait_seconds");
    assert.equal(metadata.wait_seconds[0].type, "histogram");
  });

  it("stale markers came along", async () => {
    await exposer.page("/metrics", "requests_total 1\n");
    for (const { api } of [theirs, ours]) {
      await until(async () => (await api.vector("queue_depth")).length === 0, "queue_depth to be stale");
    }
  });
});
