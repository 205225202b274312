// Native histograms and random PromQL over them, grown from a seed: what Prometheus 2.42 reads as
// Prometheus 3 does. Left out is what 3 changed: interpolation in quantiles, averages, differences, and
// zero buckets that end inside of others, of which 2.42 adds some counts twice.

import { START } from "./differential_data.js";
import { seeded } from "./random.js";

const COUNT = 240;
const time = (i) => (START + 15 * i) * 1000 + 3007;
const total = (counts) => counts.reduce((a, b) => a + b, 0);
const deltas = (counts) => counts.map((n, k) => n - (k ? counts[k - 1] : 0));

export class NativeExpressions {
  constructor(seed) {
    this.next = seeded(seed);
    this.zeroThreshold = this.pick([0.001, 1e-128, 0.01]);
  }

  chance = (p) => this.next() < p;
  int = (n) => Math.floor(this.next() * n);
  pick = (list) => list[this.int(list.length)];

  /** Six series of different schemas and bounds, with gaps and resets. */
  data() {
    return ["a", "b", "c"].flatMap((instance) => ["200", "500"].map((code) => this.series({ __name__: "h", instance, code })));
  }

  // Counts are far from zero, as those of the counters, and for the same reason.
  series(labels) {
    const schema = this.pick([0, 1, 2, 3]), offset = this.int(8) - 4;
    let positive = Array(4 + this.int(5)).fill(2000), negative = Array(this.chance(0.4) ? 3 : 0).fill(2000);
    let zeroCount = 2000, sum = 100;
    const histograms = [];
    for (let i = 0; i < COUNT; i++) {
      if (this.chance(0.01)) [positive, negative, zeroCount, sum] = [positive.map(() => 1000), negative.map(() => 1000), 1000, 50];
      positive = positive.map((n) => n + this.int(4));
      negative = negative.map((n) => n + this.int(3));
      zeroCount += this.int(2);
      sum += this.int(100) / 4;
      if (this.chance(0.05)) continue;
      histograms.push({
        t: time(i), schema, sum, zeroCount, zeroThreshold: this.zeroThreshold,
        count: zeroCount + total(positive) + total(negative),
        positiveSpans: [[offset, 2], [1, positive.length - 2]],
        positiveDeltas: deltas(positive),
        ...(negative.length ? { negativeSpans: [[1, 3]], negativeDeltas: deltas(negative) } : {}),
      });
    }
    return { labels, histograms };
  }

  selector = () => `h${this.pick(["", '{instance="a"}', '{code="200"}', '{instance=~"a|b"}'])}`;
  range = () => this.pick(["30s", "1m", "90s", "2m", "5m", "10m"]);
  offset = () => (this.chance(0.15) ? ` offset ${this.pick(["10s", "1m", "-30s", "2m30s"])}` : "");

  vector(depth) {
    if (depth <= 0) return this.selector() + this.offset();
    return this.pick([
      () => this.selector() + this.offset(),
      () => `rate(${this.selector()}[${this.range()}]${this.offset()})`,
      () => `increase(${this.selector()}[${this.range()}]${this.offset()})`,
      () => `sum ${this.pick(["", "by (instance)", "by (code)", "without (instance)"])} (${this.vector(depth - 1)})`,
      () => `(${this.vector(depth - 1)}) + ${this.pick(["", "on (instance, code) ", "ignoring (job) "])}(${this.vector(depth - 1)})`,
    ])();
  }

  expression() {
    return this.pick([
      () => this.vector(3),
      () => this.vector(3),
      () => `histogram_count(${this.vector(2)})`,
      () => `histogram_sum(${this.vector(2)})`,
      () => `${this.pick(["count", "present"])}_over_time(${this.selector()}[${this.range()}])`,
      () => `count(${this.vector(2)})`,
      () => `group by (instance) (${this.vector(2)})`,
      () => `absent(${this.vector(1)})`,
      () => `timestamp(${this.selector()})`,
    ])();
  }
}
