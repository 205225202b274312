// Metrics rolled up: made in the background, asked over HTTP in place of samples, kept when these have
// expired, whole after a kill.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { FOREVER } from "./support/fixture.js";
import { run } from "./support/process.js";
import { seeded } from "./support/random.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const DAY = 86_400;
const HOUR = 3600;
const FIRST = 1_700_006_400 - (1_700_006_400 % DAY); // a midnight, years ago
const DAYS = 4;
const END = FIRST + DAYS * DAY;
const SETTINGS = { ...FOREVER, "storage.flush_interval": "1s", "http.admin_api": true };

const random = seeded(7);
let total = 0;
const counter = () => (total = random() < 0.01 ? 0 : total + Math.floor(random() * 100));
const gauge = () => Math.round(random() * 1e6) / 1e3 - 500;
const SERIES = [
  [{ __name__: "requests_total", job: "a" }, counter],
  [{ __name__: "requests_total", job: "b" }, counter],
  [{ __name__: "level", job: "a" }, gauge],
];

const ALIGNED = [
  "rate(requests_total[1h])",
  "increase(requests_total[6h])",
  "resets(requests_total[1d])",
  "changes(level[1h])",
  "delta(level[2h])",
  ..."avg sum count min max last present".split(" ").map((f) => `${f}_over_time(level[1h])`),
  "level",
  'sum by (job) (rate(requests_total{job=~"a|b"}[1h]))',
  "max_over_time(level[1h] offset 5h)",
];

describe("metrics rolled up", () => {
  let server;
  const ask = (query, more = {}) =>
    server.api.data("/api/v1/query_range", {
      query,
      start: FIRST + DAY,
      end: END - HOUR,
      step: HOUR,
      stats: "all",
      ...more,
    });
  const rolledUp = () => until(async () => (await ask("level")).stats.aggregates.days === DAYS, "all days", { timeoutMs: 60_000 });
  const assertSame = (got, expected, what) => {
    assert.deepEqual(
      got.map((s) => [s.metric, s.values.map(([t]) => t)]),
      expected.map((s) => [s.metric, s.values.map(([t]) => t)]),
      what,
    );
    got.forEach((s, i) =>
      s.values.forEach(([t, v], k) => {
        const raw = Number(expected[i].values[k][1]);
        assert.ok(Math.abs(v - raw) <= 1e-9 * (1 + Math.abs(raw)), `${what} at ${t}: ${v}, not ${raw}`);
      }),
    );
  };

  before(async () => {
    server = await Telltale.start({ set: SETTINGS });
    for (let day = 0; day < DAYS; day++) {
      const times = Array.from({ length: DAY / 60 }, (_, i) => (FIRST + day * DAY + i * 60 + 7) * 1000);
      const body = SERIES.map(([labels, next]) => ({ labels, samples: times.map((t) => [t, next()]) }));
      const answer = await rw.write(server.api, body);
      assert.ok(answer.status < 300, answer.text);
    }
    await rolledUp();
  });
  after(() => server?.dispose());

  for (const query of ALIGNED)
    it(`answer ${query} like the samples`, async () => {
      const raw = await ask(query, { aggregates: "never" });
      const rolled = await ask(query);
      assert.equal(raw.stats.aggregates.days, 0);
      assert.ok(rolled.stats.aggregates.days >= DAYS - 1);
      assert.equal(rolled.stats.aggregates.resolutionSeconds, HOUR);
      assert.equal(rolled.stats.aggregates.approximate, false);
      assert.ok(rolled.stats.samples.totalQueryableSamples * 4 < raw.stats.samples.totalQueryableSamples);
      assertSame(rolled.result, raw.result, query);
    });

  it("use the resolution that the step allows", async () => {
    const { stats } = await ask("avg_over_time(level[10m])", { step: 600 });
    assert.equal(stats.aggregates.resolutionSeconds, 300);
  });

  it("are left alone by questions that need samples", async () => {
    for (const query of ["quantile_over_time(0.9, level[1h])", "sum_over_time(level[61s])"])
      assert.equal((await ask(query)).stats.aggregates.days, 0, query);
    assert.equal((await ask("level", { start: FIRST + DAY + 1 })).stats.aggregates.days, 0);
  });

  it("answer everything when it is demanded, and say that it is approximate", async () => {
    const params = { query: "sum_over_time(level[90m])", time: FIRST + 2 * DAY + 17, stats: "all", aggregates: "always" };
    const { json } = await server.api.get("/api/v1/query", params);
    assert.equal(json.data.stats.aggregates.approximate, true);
    assert.match(json.infos[0], /values are approximate where aggregates of 5m stand in for samples/);
  });

  it("are asked for by three words", async () => {
    const answer = await server.api.get("/api/v1/query", { query: "level", aggregates: "some" });
    assert.equal(answer.status, 400);
    assert.match(answer.json.error, /"aggregates": expected auto, never or always/);
  });

  it("are read with late samples at once", async () => {
    const sum = async () => (await ask("sum(sum_over_time(level[1d]))", { start: FIRST + DAY, end: FIRST + DAY })).result[0].values[0][1];
    const before = Number(await sum());
    const late = [{ labels: { __name__: "level", job: "a" }, samples: [[(FIRST + 1000) * 1000, 1e9]] }];
    await rw.write(server.api, late);
    assert.ok(Math.abs((await sum()) - before - 1e9) < 1, "at once");
  });

  it("survive a kill, and are sound", async () => {
    const expected = await ask("rate(requests_total[1h])");
    await server.kill();
    await server.restart();
    const got = await ask("rate(requests_total[1h])");
    assert.ok(got.stats.aggregates.days >= DAYS - 1);
    assertSame(got.result, expected.result, "after the kill");
    await server.stop();
    const check = await run(TELLTALE, ["store", "check", server.data]);
    assert.equal(check.code, 0, check.stdout + check.stderr);
    await server.restart();
  });

  it("lose what is deleted", async () => {
    const params = new URLSearchParams({ "match[]": 'requests_total{job="b"}' });
    const answer = await server.api.post(`/api/v1/admin/tsdb/delete_series?${params}`, "");
    assert.equal(answer.status, 204, answer.text);
    const { result } = await ask("rate(requests_total[1h])");
    assert.deepEqual(result.map((s) => s.metric.job), ["a"]);
  });

  it("stay when the samples have expired", async () => {
    await rolledUp();
    const expected = await ask("rate(requests_total[1h])", { aggregates: "never" });
    await server.stop();
    Object.assign(server.options.set, { "storage.retention.metrics": "1d", "storage.retention.aggregates": "forever" });
    await server.restart();
    await until(
      () => readdirSync(join(server.data, "metrics")).every((name) => !/^\d{4}-/.test(name)),
      "the end of the samples",
      { timeoutMs: 60_000 },
    );
    const got = await ask("rate(requests_total[1h])");
    assertSame(got.result, expected.result, "of aggregates alone");
    assert.deepEqual((await ask("level", { aggregates: "never" })).result, []);
    const { json } = await server.api.get("/api/v1/query", { query: "stddev_over_time(level[1h])", time: END - HOUR });
    assert.match(json.infos[0], /stand in for samples that have expired/);
  });
});
