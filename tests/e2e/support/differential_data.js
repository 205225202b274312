// Data on which two servers are compared: an hour of samples every 15 s, in all the shapes that matter
// to PromQL: counters with resets, gauges, gaps, stale markers, NaN and infinities, histograms.

import { STALE } from "./remote_write.js";

/** A full hour. Samples lie 3.007 s behind its quarter minutes. */
export const START = 1_700_006_400;
export const SECONDS = 3600;

const COUNT = SECONDS / 15;
const time = (i) => (START + 15 * i) * 1000 + 3007;

const series = (labels, value, has = () => true) => ({
  labels,
  samples: Array.from({ length: COUNT }, (_, i) => i)
    .filter(has)
    .map((i) => [time(i), value(i)]),
});

export function differentialData() {
  const out = [];
  ["a", "b", "c"].forEach((instance, k) => {
    const job = k === 2 ? "api" : "web";
    ["200", "404", "500"].forEach((code, c) => {
      // Resets fall back to 5000: far enough from zero.
      const resetAt = 40 + 50 * k + 17 * c;
      out.push(series({ __name__: "requests_total", instance, job, code }, (i) => 5000 + (c + 1) * (k + 2) * 15 * (i >= resetAt ? i - resetAt : i + 100), (i) => i % 29 !== 11 * c));
    });
    out.push(series({ __name__: "depth", instance, job }, (i) => ((i * 7 + 31 * k) % 23) * 0.25 + 100 * (k - 1) + k / 8));
    out.push(series({ __name__: "depth", instance, job: "batch" }, (i) => 2000 + k * 50 - ((i * i) % 37) * 0.5));
    // Long gaps, beyond the look-back, and ends that are told.
    out.push(series({ __name__: "sparse", instance }, (i) => ([90, 180][k % 2] === i ? STALE : i * 0.5 + k), (i) => (i + 20 * k) % 60 < 25));
    let sums = 0;
    const growth = [3, 5, 9, 10 + k];
    ["0.1", "0.5", "1", "+Inf"].forEach((le, b) => out.push(series({ __name__: "wait_bucket", instance, le }, (i) => 10000 * (b + 1) + growth[b] * i * (1 + (i % 2)))));
    out.push(series({ __name__: "wait_count", instance }, (i) => 40000 + growth[3] * i));
    out.push(series({ __name__: "wait_sum", instance }, (i) => (sums += (i % 7) * 0.25)));
  });
  out.push(series({ __name__: "limit", job: "web" }, () => 150), series({ __name__: "limit", job: "api" }, () => 75));
  const odd = { nan: () => NaN, inf: () => Infinity, minus: () => -Infinity, mixed: (i) => [1, NaN, Infinity, -2][i % 4], zero: () => 0 };
  for (const [kind, value] of Object.entries(odd)) out.push(series({ __name__: "odd", kind }, value));
  return out;
}
