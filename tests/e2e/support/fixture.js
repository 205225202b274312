// Known data for tests of queries: ten minutes of 15-second samples from a fixed moment, written by
// remote write. Values are simple functions of the sample's number, so a test can say what must come.

import assert from "node:assert/strict";
import { write } from "./remote_write.js";

/** Unix seconds of the first sample: a full hour, years ago (the server keeps it: FOREVER). */
export const T0 = 1_700_006_400;
export const STEP_S = 15;
export const SAMPLES = 41;
/** The time of the last sample. */
export const END = T0 + STEP_S * (SAMPLES - 1);

export const FOREVER = { "storage.retention.metrics": "forever" };

const at = (i) => (T0 + i * STEP_S) * 1000;
const line = (labels, value, more = {}) => ({
  labels,
  samples: Array.from({ length: SAMPLES }, (_, i) => [at(i), value(i)]),
  ...more,
});

/** Increase per second of http_requests_total by instance and code. */
export const SLOPES = { a200: 4, a500: 1, b200: 2, b500: 0.5 };

const counter = (instance, code) =>
  line(
    { __name__: "http_requests_total", job: "api", instance, code },
    (i) => 1000 + SLOPES[instance + code] * STEP_S * i,
    { type: "counter", help: "Requests answered." },
  );

// Cumulative buckets that grow by these amounts at each sample: 10 observations, 4 up to 0.1 s.
const BUCKETS = { 0.1: 4, 0.5: 8, 1: 9, "+Inf": 10 };

export function fixture() {
  const histogram = (suffix, labels, growth, more) =>
    line({ __name__: `request_seconds${suffix}`, job: "api", ...labels }, (i) => growth * i, more);
  return [
    ...["a", "b"].flatMap((instance) => ["200", "500"].map((code) => counter(instance, code))),
    line({ __name__: "temperature_celsius", room: "attic" }, (i) => 20 + (i % 5), {
      type: "gauge",
      help: "Air.",
      unit: "celsius",
    }),
    line({ __name__: "temperature_celsius", room: "cellar" }, () => -3.5),
    ...Object.entries(BUCKETS).map(([le, growth]) =>
      histogram("_bucket", { le }, growth, le === "0.5" ? { exemplars: [EXEMPLAR] } : {}),
    ),
    histogram("_count", {}, 10),
    histogram("_sum", {}, 2.5),
    {
      labels: { __name__: "native_seconds", job: "api" },
      histograms: Array.from({ length: SAMPLES }, (_, i) => nativeHistogram(i)),
    },
    { labels: { __name__: "odd_values", kind: "nan" }, samples: [[at(0), NaN]] },
    { labels: { __name__: "odd_values", kind: "plus" }, samples: [[at(0), Infinity]] },
    { labels: { __name__: "odd_values", kind: "minus" }, samples: [[at(0), -Infinity]] },
  ];
}

export const EXEMPLAR = { labels: { trace_id: "4bf92f3577b34da6a3ce929d0e0e4736" }, value: 0.31, t: at(4) };

// Schema 0: buckets (0.5,1] and (1,2], 3 and 1 observations more at each sample, one of zero.
function nativeHistogram(i) {
  return {
    t: at(i),
    schema: 0,
    count: 5 * i,
    sum: 4 * i,
    zeroThreshold: 0.001,
    zeroCount: i,
    positiveSpans: [[0, 2]],
    positiveDeltas: [3 * i, -2 * i],
  };
}

export async function writeFixture(api, options) {
  const answer = await write(api, fixture(), options);
  assert.ok(answer.status === 200 || answer.status === 204, `${answer.status}: ${answer.text}`);
}

/** Compares floats that took different roads to the same number. */
export function near(actual, expected, what = "value") {
  const error = Math.abs(actual - expected) / Math.max(Math.abs(expected), 1e-300);
  assert.ok(error < 1e-9 || actual === expected, `${what}: ${actual}, expected ${expected}`);
}
