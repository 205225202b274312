// Limits of cardinality as a sender and an operator see them.

import assert from "node:assert/strict";
import { FOREVER, T0 } from "./support/fixture.js";
import * as rw from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const series = (name, from, to, t) =>
  Array.from({ length: to - from }, (_, i) => ({ labels: { __name__: name, id: `${from + i}`, team: "a" }, samples: [[t * 1000, 1]] }));

describe("limits of cardinality", () => {
  const set = { ...FOREVER, "storage.cardinality.series_per_metric": "10", "storage.cardinality.values_per_label": "20" };
  const OVERFLOW = '{"otel.metric.overflow"="true"}';
  const value = (query) => server.api.value(query, T0 + 60);
  const limits = async () => (await server.api.get("/api/v1/status/tsdb")).json.data.cardinalityLimits;
  let server;
  before(async () => {
    server = await Telltale.start({ set });
  });
  after(() => server?.dispose());

  it("fold new series into one of their metric", async () => {
    assert.ok((await rw.write(server.api, series("requests", 0, 15, T0))).status < 300);
    assert.equal(await value("count(requests)"), 11);
    assert.equal(await value(`requests${OVERFLOW}`), 5);
    assert.equal(await value("sum(requests)"), 15);
  });

  it("are told with who is guilty", async () => {
    assert.deepEqual(await limits(), [
      { limit: "series_per_metric", allowed: 10, label: "__name__", value: "requests", samplesFolded: 5, samplesRefused: 0, guiltyLabel: "id", guiltyLabelValues: 10 },
    ]);
    const metrics = (await server.api.get("/metrics")).text;
    assert.match(metrics, /^telltale_store_limited_samples_total\{limit="series_per_metric",outcome="folded"\} 5$/m);
  });

  it("leave the series that were first their places, through a death and an orderly end", async () => {
    for (const [i, end] of [() => server.kill(), () => server.stop()].entries()) {
      await end();
      await server.restart();
      assert.ok((await rw.write(server.api, series("requests", 10, 15, T0 + 10 + i))).status < 300);
      assert.ok((await rw.write(server.api, series("requests", 0, 10, T0 + 10 + i))).status < 300);
      assert.equal(await value("count(requests)"), 11);
      assert.equal(await value(`count_over_time(requests${OVERFLOW}[1m])`), 1 + i);
      assert.equal(await value('count_over_time(requests{id="9"}[1m])'), 1 + i);
    }
  });

  it("refuse instead when told so", async () => {
    const other = await Telltale.start({ set: { ...set, "storage.cardinality.beyond": "refuse" } });
    try {
      const answer = await rw.write(other.api, series("requests", 0, 15, T0));
      assert.equal(answer.status, 400);
      assert.match(answer.text, /the limit of 10 active series is reached by __name__=requests/);
      assert.equal(await other.api.value("count(requests)", T0), 10);
      const [one] = (await other.api.get("/api/v1/status/tsdb")).json.data.cardinalityLimits;
      assert.equal(one.samplesRefused, 5);
    } finally {
      await other.dispose();
    }
  });

  it("hold for the values of a label", async () => {
    const other = await Telltale.start({ set: { ...FOREVER, "storage.cardinality.values_per_label": "5" } });
    try {
      for (const name of ["requests", "errors"]) assert.ok((await rw.write(other.api, series(name, 0, 8, T0))).status < 300);
      assert.equal(await other.api.value('count({id!=""})', T0), 10, "five of each metric");
      assert.equal(await other.api.value(`requests${OVERFLOW}`, T0), 3);
      const [one] = (await other.api.get("/api/v1/status/tsdb")).json.data.cardinalityLimits;
      assert.deepEqual([one.limit, one.label, one.allowed, one.samplesFolded], ["values_per_label", "id", 5, 6]);
    } finally {
      await other.dispose();
    }
  });

  it("hold for all series together, where metrics that are not there yet are refused", async () => {
    const other = await Telltale.start({ set: { ...FOREVER, "storage.max_series": "8" } });
    try {
      assert.ok((await rw.write(other.api, series("requests", 0, 12, T0))).status < 300);
      const answer = await rw.write(other.api, series("errors", 0, 2, T0));
      assert.equal(answer.status, 400);
      assert.match(answer.text, /the limit of 8 active series is reached by __name__=errors/);
      assert.equal(await other.api.value(`requests${OVERFLOW}`, T0), 4);
      const limits = (await other.api.get("/api/v1/status/tsdb")).json.data.cardinalityLimits;
      assert.deepEqual(
        limits.map((one) => [one.limit, one.value, one.samplesFolded, one.samplesRefused]),
        [["series", "requests", 4, 0], ["series", "errors", 0, 2]],
      );
    } finally {
      await other.dispose();
    }
  });

  it("hold for tenants, too", async () => {
    const other = await Telltale.start({ set: { ...FOREVER, "storage.cardinality.tenant_label": "team", "storage.cardinality.series_per_tenant": "4" } });
    try {
      assert.ok((await rw.write(other.api, series("requests", 0, 7, T0))).status < 300);
      assert.equal(await other.api.value('requests{"otel.metric.overflow"="true", team="a"}', T0), 3);
    } finally {
      await other.dispose();
    }
  });
});
