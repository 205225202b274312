// /federate as another server scrapes it: Debian's Prometheus, which asks for protobuf where native
// histograms are on.

import assert from "node:assert/strict";
import { write } from "./support/remote_write.js";
import { Prometheus, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";

describe("federation", () => {
  let ours;
  const now = Math.floor(Date.now() / 1000) * 1000;
  before(async () => {
    ours = await Telltale.start({ config: "global: {external_labels: {site: here}}\n" });
    const native = {
      t: now, schema: 0, zeroThreshold: 0.001, zeroCount: 2, count: 11, sum: 8.5,
      positiveSpans: [[0, 2], [1, 1]], positiveDeltas: [4, -3, 2], negativeSpans: [[1, 1]], negativeDeltas: [1],
    };
    await write(ours.api, [
      { labels: { __name__: "fed_total", job: "x" }, samples: [[now, 42]] },
      { labels: { __name__: "fed_seconds", job: "x", instance: "i" }, histograms: [native] },
    ]);
  });
  after(() => ours?.dispose());

  it("is in the form that the asker likes best", async () => {
    const type = async (accept) => (await ours.api.get("/federate", { "match[]": "fed_total" }, { accept })).headers.get("content-type");
    assert.match(await type(`${PROTOBUF};q=0.6,text/plain;q=0.5`), /^application\/vnd\.google\.protobuf; .*encoding=delimited/);
    assert.match(await type(`${PROTOBUF};q=0.5,text/plain;q=0.6`), /^text\/plain/);
    assert.match(await type("application/openmetrics-text;version=1.0.0,*/*;q=0.1"), /^text\/plain/);
  });

  it("gives Prometheus numbers and native histograms", { skip: missing("prometheus") }, async () => {
    const theirs = await Prometheus.start({
      config: `scrape_configs: [{job_name: fed, honor_labels: true, scrape_interval: 1s, metrics_path: /federate,
        params: {"match[]": ['{__name__=~"fed_.+"}']}, static_configs: [{targets: ["${new URL(ours.url).host}"]}]}]\n`,
    });
    try {
      const found = async (expr) => (await theirs.api.vector(expr))[0];
      const histogram = await until(() => found("fed_seconds"), "the histogram to be scraped");
      assert.deepEqual(histogram, { metric: { __name__: "fed_seconds", job: "x", instance: "i", site: "here" }, histogram: (await ours.api.vector("fed_seconds"))[0].histogram });
      const number = await found("fed_total");
      assert.deepEqual(number, { metric: { __name__: "fed_total", job: "x", site: "here" }, value: 42 });
    } finally {
      await theirs.dispose();
    }
  });
});
