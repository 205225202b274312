// Remote write 1.0 and 2.0: everything that a request can carry arrives as it was sent.

import assert from "node:assert/strict";
import { EXEMPLAR, FOREVER, near, T0, writeFixture } from "./support/fixture.js";
import * as rw from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { AGAINST_PROMETHEUS, OURS_ONLY, startServer } from "./support/target.js";
import { after, before, describe, it } from "./support/test.js";

const ms = (s) => (T0 + s) * 1000;

for (const version of AGAINST_PROMETHEUS ? [1] : [1, 2]) {
  describe(`remote write ${version}.0`, () => {
    let server, api;
    before(async () => {
      server = await startServer({ set: FOREVER });
      api = server.api;
    });
    after(() => server?.dispose());

    const write = async (series) => {
      const answer = await rw.write(api, series, { version });
      assert.ok([200, 204].includes(answer.status), `${answer.status}: ${answer.text}`);
      return answer;
    };
    const one = (name, samples, more = {}) => ({ labels: { __name__: name, job: "w" }, samples, ...more });
    const samples = async (name, at = 600) =>
      [...(await api.samples(name, { seconds: 900, at: T0 + at })).values()][0] ?? [];

    it("stores samples with all digits and signs", async () => {
      const values = [1, -2.5, 1e-300, 1.7976931348623157e308, 0.1, -0, 5e-324];
      await write([one("digits", values.map((v, i) => [ms(i), v]))]);
      assert.deepEqual(await samples("digits"), values.map((v, i) => [T0 + i, v]));
    });

    it("stores label values of any text", async () => {
      const text = 'quote " back \\ line \n tab \t ümläut 漢字 😀';
      await write([{ labels: { __name__: "texts", text }, samples: [[ms(0), 1]] }]);
      const found = await api.vector("texts", T0);
      assert.equal(found[0].metric.text, text);
    });

    it("ends a series at a stale marker", async () => {
      await write([one("ends", [[ms(0), 1], [ms(15), rw.STALE], [ms(45), 2]])]);
      assert.equal((await api.vector("ends", T0 + 14)).length, 1);
      assert.equal((await api.vector("ends", T0 + 16)).length, 0);
      assert.equal((await api.vector("ends", T0 + 46)).length, 1);
      assert.deepEqual(await samples("ends"), [[T0, 1], [T0 + 45, 2]]);
    });

    it("accepts samples out of order, last write wins", { skip: OURS_ONLY }, async () => {
      await write([one("late", [[ms(60), 3]])]);
      await write([one("late", [[ms(0), 1]])]);
      await write([one("late", [[ms(30), 2], [ms(60), 33]])]);
      assert.deepEqual(await samples("late"), [[T0, 1], [T0 + 30, 2], [T0 + 60, 33]]);
    });

    it("stores native histograms, exemplars and metadata", async () => {
      await writeFixture(api, { version });
      near(await api.value("histogram_count(native_seconds)", T0 + 60), 20);
      const [found] = await api.data("/api/v1/query_exemplars", { query: "request_seconds_bucket", start: T0, end: T0 + 600 });
      assert.deepEqual(found.exemplars, [{ labels: EXEMPLAR.labels, value: "0.31", timestamp: EXEMPLAR.t / 1000 }]);
      if (AGAINST_PROMETHEUS) return;
      const { temperature_celsius: family } = await api.data("/api/v1/metadata", { metric: "temperature_celsius" });
      assert.deepEqual(family, [{ type: "gauge", help: "Air.", unit: "celsius" }]);
    });

    it("stores histograms with custom bounds", { skip: OURS_ONLY }, async () => {
      const histogram = { t: ms(0), schema: -53, count: 6, sum: 30, customValues: [1, 5, 10], positiveSpans: [[0, 4]], positiveDeltas: [1, 1, -1, 1] };
      await write([{ labels: { __name__: "nhcb" }, histograms: [histogram] }]);
      const data = await api.query("nhcb", T0);
      const { buckets, count } = data.result[0].histogram[1];
      assert.equal(count, "6");
      assert.deepEqual(buckets.map((b) => [b[1], b[2], b[3]]), [["-Inf", "1", "1"], ["1", "5", "2"], ["5", "10", "1"], ["10", "+Inf", "2"]]);
    });

    it("takes a thousand series in one request", async () => {
      const many = Array.from({ length: 1000 }, (_, i) => ({ labels: { __name__: "many", n: String(i) }, samples: [[ms(0), i]] }));
      await write(many);
      assert.equal(await api.value("count(many)", T0), 1000);
      assert.equal(await api.value("sum(many)", T0), 499500);
    });

    it("takes an empty request", async () => {
      await write([]);
    });
  });
}

describe("remote write 2.0 tells what was written", { skip: OURS_ONLY }, () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    api = server.api;
  });
  after(() => server?.dispose());

  it("by the three headers", async () => {
    const answer = await rw.write(
      api,
      [
        { labels: { __name__: "a" }, samples: [[ms(0), 1], [ms(1), 2]], exemplars: [{ ...EXEMPLAR, t: ms(1) }] },
        { labels: { __name__: "b" }, histograms: [{ t: ms(0), count: 1, sum: 1, positiveSpans: [[0, 1]], positiveDeltas: [1] }] },
      ],
      { version: 2 },
    );
    assert.equal(answer.status, 204, answer.text);
    const written = (what) => answer.headers.get(`x-prometheus-remote-write-${what}-written`);
    assert.deepEqual([written("samples"), written("histograms"), written("exemplars")], ["2", "1", "1"]);
  });

  it("keeps the good part of a batch and names the bad", async () => {
    const answer = await rw.write(
      api,
      [
        { labels: { __name__: "good_part" }, samples: [[ms(0), 1]] },
        { labels: { job: "nameless" }, samples: [[ms(0), 1]] },
      ],
      { version: 2 },
    );
    assert.equal(answer.status, 400, answer.text);
    assert.match(answer.text, /name/);
    assert.equal(answer.headers.get("x-prometheus-remote-write-samples-written"), "1");
    assert.equal(await api.value("good_part", T0), 1);
  });

  it("refuses a message type it does not know with 415", async () => {
    const answer = await api.post("/api/v1/write", rw.compress(rw.encodeV2([])), {
      ...rw.headers(rw.V2),
      "content-type": "application/x-protobuf;proto=io.prometheus.write.v9.Request",
    });
    assert.equal(answer.status, 415, answer.text);
    assert.match(answer.text, /v9/);
  });
});

describe("retention", { skip: OURS_ONLY }, () => {
  it("forever keeps samples of 1970, also over a restart", async () => {
    const server = await Telltale.start({ set: FOREVER });
    try {
      const samples = [[0, 1], [1000, 2], [86_400_000, 3]];
      const answer = await rw.write(server.api, [{ labels: { __name__: "old" }, samples }]);
      assert.equal(answer.status, 204, answer.text);
      const expected = new Map([["old", [[0, 1], [1, 2], [86400, 3]]]]);
      const read = () => server.api.samples("old", { seconds: 86402, at: 86400 });
      assert.deepEqual(await read(), expected);
      await server.stop();
      await server.restart();
      assert.deepEqual(await read(), expected);
      assert.deepEqual(await server.api.data("/api/v1/series", { "match[]": "old", start: 0, end: 2 }), [{ __name__: "old" }]);
    } finally {
      await server.dispose();
    }
  });

  it("of days refuses what is older and says so", async () => {
    const server = await Telltale.start({ set: { "storage.retention.metrics": "2d" } });
    try {
      const now = Date.now();
      const answer = await rw.write(server.api, [
        { labels: { __name__: "aged" }, samples: [[now - 10 * 86_400_000, 1], [now, 2]] },
      ]);
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.text, /aged/);
      assert.match(answer.text, /retention|too old/i);
      assert.equal(await server.api.value("aged", now / 1000), 2);
    } finally {
      await server.dispose();
    }
  });
});
