// As differential.test.js, over native histograms: the same buckets, counts and sums as Debian's
// Prometheus gives, in the same JSON.

import assert from "node:assert/strict";
import { labelText } from "./support/api.js";
import { START } from "./support/differential_data.js";
import { FOREVER } from "./support/fixture.js";
import { NativeExpressions } from "./support/native_expressions.js";
import { SEED } from "./support/random.js";
import { write } from "./support/remote_write.js";
import { Prometheus, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";

const COUNT = Number(process.env.TELLTALE_DIFFERENTIAL ?? 100);

const number = (text) => Number(text.replace("Inf", "Infinity"));
const close = (a, b) => a === b || Object.is(number(a), number(b)) || Math.abs(number(a) - number(b)) <= 1e-7 * Math.max(Math.abs(number(a)), 1e-3);

/** Equal, with numbers in texts to their last digits. */
function same(a, b) {
  if (typeof a === "string" && typeof b === "string") return close(a, b);
  if (a === null || b === null || typeof a !== "object" || typeof b !== "object") return a === b;
  const keys = Object.keys(a);
  return keys.length === Object.keys(b).length && keys.every((key) => key in b && same(a[key], b[key]));
}

/** Without the zero bucket where it is negative: Prometheus leaves it out. */
function listed({ buckets, ...rest }) {
  const kept = (buckets ?? []).filter(([ends, lower, , count]) => !(ends === 3 && lower !== "-Inf" && !(number(count) > 0)));
  return kept.length ? { ...rest, buckets: kept } : rest;
}

/** An answer as {labels: values or histograms}, or {error}. */
function plain({ status, json }) {
  if (status !== 200) return { error: `${status} ${json?.errorType}` };
  const of = ([t, histogram]) => [t, listed(histogram)];
  return Object.fromEntries(json.data.result.map(({ metric, histogram, histograms, ...rest }) => [
    labelText(metric),
    { ...rest, ...(histogram && { histogram: of(histogram) }), ...(histograms && { histograms: histograms.map(of) }) },
  ]));
}

describe("random expressions over native histograms", { skip: missing("prometheus") }, () => {
  const grow = new NativeExpressions(SEED);
  let ours, theirs;
  before(async () => {
    ours = await Telltale.start({ set: FOREVER });
    theirs = await Prometheus.start();
    const data = grow.data();
    for (const { api } of [ours, theirs]) {
      for (const one of data) assert.equal(Math.floor((await write(api, [one])).status / 100), 2);
    }
  });
  after(async () => {
    await ours?.dispose();
    await theirs?.dispose();
  });

  it(`${COUNT} of seed ${SEED} have the same answers`, { timeout: 60_000 + COUNT * 200 }, async () => {
    const found = [];
    for (let i = 0; i < COUNT; i++) {
      const query = grow.expression();
      const time = START + 610 + 10 * grow.int(280) + 7;
      for (const [path, params] of [
        ["/api/v1/query", { time }],
        ["/api/v1/query_range", { start: time - 600, end: time, step: grow.pick([10, 30, 60, 170]) }],
      ]) {
        const [a, b] = (await Promise.all([theirs, ours].map(({ api }) => api.form(path, { query, ...params })))).map(plain);
        if (!same(a, b)) found.push(`${path}: ${query}\n    ${JSON.stringify(a).slice(0, 500)}\n    ours ${JSON.stringify(b).slice(0, 500)}`);
      }
    }
    assert.equal(found.length, 0, `${found.length} answers differ:\n${found.slice(0, 5).join("\n")}`);
  });

  it("buckets end where the zero bucket begins", async () => {
    const one = { t: (START + 5) * 1000, schema: 0, sum: 3, zeroThreshold: 0.6 };
    const shapes = {
      up: { count: 6, zeroCount: 1, positiveSpans: [[0, 2]], positiveDeltas: [3, -1] },
      both: { count: 9, zeroCount: 1, positiveSpans: [[0, 2]], positiveDeltas: [3, -1], negativeSpans: [[0, 1]], negativeDeltas: [3] },
      inside: { count: 6, zeroCount: 1, positiveSpans: [[-1, 2]], positiveDeltas: [3, -1] },
      empty: { count: 5, zeroCount: 0, positiveSpans: [[0, 2]], positiveDeltas: [3, -1] },
      down: { count: 6, zeroCount: 1, negativeSpans: [[-1, 3]], negativeDeltas: [3, -1, -2] },
    };
    const data = Object.entries(shapes).map(([shape, more]) => ({ labels: { __name__: "zero", shape }, histograms: [{ ...one, ...more }] }));
    const answers = [];
    for (const { api } of [theirs, ours]) {
      for (const each of data) assert.equal(Math.floor((await write(api, [each])).status / 100), 2);
      answers.push(plain(await api.form("/api/v1/query", { query: "zero", time: START + 7 })));
    }
    assert.equal(Object.keys(answers[0]).length, 5);
    assert.deepEqual(answers[1], answers[0]);
  });
});
