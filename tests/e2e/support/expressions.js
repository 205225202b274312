// Random PromQL: expressions that are well typed, over the data of differential_data.js, grown from a
// seed. What Prometheus 2.42 and 3 read differently on purpose is left out here, with the reason.

import { seeded } from "./random.js";

export class Expressions {
  constructor(seed) {
    this.next = seeded(seed);
  }

  chance = (p) => this.next() < p;
  int = (n) => Math.floor(this.next() * n);
  pick = (list) => list[this.int(list.length)];

  /** One expression for an instant or range query. */
  expression() {
    const depth = 1 + this.int(4);
    return this.chance(0.06) ? this.scalar(depth) : this.vector(depth);
  }

  // Ranges, offsets and steps are multiples of 10 s. Samples lie at 3.007 and 8.007 s of each ten, and
  // queries are asked at 7 s: no sample lies on the left end of a window, which Prometheus 2 counts in
  // and Prometheus 3 does not.
  range = () => this.pick(["30s", "1m", "90s", "2m", "5m", "10m"]);
  offset = () => this.pick(["10s", "1m", "-30s", "2m30s", "1h"]);

  // Steps of subqueries are aligned: a range of 5 s more than a multiple keeps them off the left end.
  subqueryRange = () => this.pick(["1m5s", "2m25s", "5m5s", "8m15s"]);
  step = () => this.pick(["10s", "30s", "1m", ""]);

  modifiers() {
    const at = this.chance(0.06) ? ` @ ${this.pick([this.start + 307, this.start + 607, "start()", "end()"])}` : "";
    const offset = this.chance(0.1) ? ` offset ${this.offset()}` : "";
    return this.chance(0.5) ? at + offset : offset + at;
  }

  matchers(labels) {
    const out = [];
    for (const [name, values] of Object.entries(labels)) {
      if (!this.chance(0.3)) continue;
      const value = this.pick(values);
      out.push(
        this.pick([
          () => `${name}="${value}"`,
          () => `${name}!="${value}"`,
          () => `${name}=~"${value}|${this.pick(values)}"`,
          () => `${name}=~"${value.slice(0, 1)}.*"`,
          () => `${name}!~"${value}"`,
          () => `${name}!~".*[${value.slice(-1)}]"`,
          () => `${name}=~".+"`,
          () => `${name}=""`,
        ])(),
      );
    }
    return out.length ? `{${out.join(",")}}` : "";
  }

  selector(names = ["requests_total", "depth", "depth", "odd", "sparse", "limit", "wait_bucket", "wait_sum"]) {
    const name = this.pick(names);
    return name + this.matchers(LABELS[name]);
  }

  counter = () => this.selector(["requests_total", "wait_bucket", "wait_count"]);
  gauge = () => this.selector(["depth", "sparse", "limit"]);

  literal = () => this.pick(["0", "1", "2", "-1", "0.5", "3.25", "10", "100", "1e3", "NaN", "Inf", "-Inf", "0.1", "1000"]);

  scalar(depth) {
    if (depth <= 0 || this.chance(0.5)) return this.chance(0.85) ? this.literal() : this.pick(["time()", "pi()"]);
    return this.pick([
      () => `scalar(${this.vector(depth - 1)})`,
      () => `(${this.scalar(depth - 1)} ${this.pick(["+", "-", "*", "/", "%", "^"])} ${this.scalar(depth - 1)})`,
      () => `(${this.scalar(depth - 1)} ${this.pick(COMPARISONS)} bool ${this.scalar(depth - 1)})`,
      () => `-${this.scalar(depth - 1)}`,
    ])();
  }

  matrix(depth, of = () => this.selector()) {
    if (depth > 0 && this.chance(0.25)) return `${this.operand(depth - 1)}[${this.subqueryRange()}:${this.step()}]${this.modifiers()}`;
    return `${of()}[${this.range()}]${this.modifiers()}`;
  }

  // A range or modifier takes hold of the last operand, so anything longer is in parentheses.
  operand = (depth) => `(${this.vector(depth)})`;

  vector(depth) {
    if (depth <= 0) return this.selector() + this.modifiers();
    return this.pick([
      () => this.overTime(depth),
      () => this.overTime(depth),
      () => this.counterFunction(depth),
      () => this.counterFunction(depth),
      () => this.aggregation(depth),
      () => this.aggregation(depth),
      () => this.aggregation(depth),
      () => this.binary(depth),
      () => this.binary(depth),
      () => this.binary(depth),
      () => this.mapped(depth),
      () => this.mapped(depth),
      () => this.labelFunction(depth),
      () => this.histogram(depth),
      () => `vector(${this.scalar(depth - 1)})`,
      () => `absent(${this.vector(depth - 1)})`,
      () => `(${this.vector(depth - 1)})`,
      () => `-${this.vector(depth - 1)}`,
      () => this.selector() + this.modifiers(),
    ])();
  }

  overTime(depth) {
    const simple = ["avg", "min", "max", "sum", "count", "stddev", "stdvar", "last", "present", "absent"];
    return this.pick([
      () => `${this.pick(simple)}_over_time(${this.matrix(depth)})`,
      () => `${this.pick(simple)}_over_time(${this.matrix(depth)})`,
      () => `quantile_over_time(${this.pick(["0", "0.25", "0.5", "0.9", "1", "-1", "2"])}, ${this.matrix(depth)})`,
      () => `${this.pick(["changes", "resets"])}(${this.matrix(depth)})`,
      () => `${this.pick(["delta", "idelta", "deriv"])}(${this.matrix(depth, this.gauge)})`,
      () => `predict_linear(${this.matrix(0, this.gauge)}, ${this.pick(["0", "60", "-100", "3600"])})`,
    ])();
  }

  // Counters of the data are far from zero. Near it Prometheus 2 limits the extrapolation to zero
  // before it looks at the threshold, and Prometheus 3 after.
  counterFunction = () => `${this.pick(["rate", "rate", "increase", "irate"])}(${this.matrix(0, this.counter)})`;

  labels = () => {
    const list = ["job", "instance", "code", "le", "missing"].filter(() => this.chance(0.35));
    return `(${list.join(", ")})`;
  };

  aggregation(depth) {
    const by = this.chance(0.6) ? ` ${this.pick(["by", "without"])} ${this.labels()} ` : "";
    const inner = this.vector(depth - 1);
    return this.pick([
      () => `${this.pick(["sum", "avg", "min", "max", "count", "group", "stddev", "stdvar"])}${by}(${inner})`,
      () => `${this.pick(["sum", "avg", "min", "max", "count", "sum", "sum"])}${by}(${inner})`,
      () => `quantile${by}(${this.pick(["0", "0.5", "0.9", "1", "NaN", "1.5"])}, ${inner})`,
      () => `count_values${by}("value", ${this.selector()})`,
      // Equal values have no order among them: depths are all different.
      () => `${this.pick(["topk", "bottomk"])}${by}(${1 + this.int(4)}, ${this.selector(["depth"])})`,
    ])();
  }

  binary(depth) {
    const left = this.side(depth - 1), right = this.side(depth - 1);
    return this.pick([
      () => `${left} ${this.arithmetic()} ${this.matching()}${right}`,
      // Prometheus 2 keeps the name here, which is a mistake of its; the sign takes it off in both.
      () => `-(${left} atan2 ${this.matching()}${right})`,
      () => `${left} ${this.arithmetic()} ${this.scalar(depth - 1)}`,
      () => `${this.scalar(depth - 1)} ${this.arithmetic()} ${right}`,
      () => `${left} ${this.pick(COMPARISONS)}${this.bool()} ${this.matching()}${right}`,
      () => `${left} ${this.pick(COMPARISONS)}${this.bool()} ${this.literal()}`,
      () => `${this.literal()} ${this.pick(COMPARISONS)}${this.bool()} ${right}`,
      () => `${left} ${this.pick(["and", "or", "unless"])} ${this.plainMatching()}${right}`,
    ])();
  }

  /** The expression with a piece taken out, put in twice, or put elsewhere. */
  damage(expr) {
    for (let n = 1 + this.int(2); n > 0; n--) {
      const [at, length] = [this.int(expr.length), 1 + this.int(3)];
      const [before, piece, after] = [expr.slice(0, at), expr.slice(at, at + length), expr.slice(at + length)];
      expr = this.pick([
        () => before + after,
        () => before + piece + piece + after,
        () => after + piece + before,
        () => before + this.pick(["(", ")", "{", "}", "[", "]", ",", ":", "=", "!", "@", "$", '"', "'", "by", "offset", "bool", "5", "x", " "]) + piece + after,
        () => before,
      ])();
    }
    return expr;
  }

  side = (depth) => (this.chance(0.5) ? `(${this.vector(depth)})` : this.selector() + this.modifiers());
  arithmetic = () => this.pick(["+", "-", "*", "/", "%", "^"]);
  bool = () => (this.chance(0.4) ? " bool" : "");
  plainMatching = () => (this.chance(0.6) ? `${this.pick(["on", "ignoring"])} ${this.labels()} ` : "");

  matching() {
    const plain = this.plainMatching();
    if (!plain || this.chance(0.5)) return plain;
    return `${plain}${this.pick(["group_left", "group_right"])} (${this.pick(["", "", "code", "missing"])}) `;
  }

  mapped(depth) {
    const inner = this.vector(depth - 1);
    return this.pick([
      () => `${this.pick(["abs", "ceil", "floor", "sqrt", "exp", "ln", "log2", "log10", "sgn", "sin", "cos", "atan", "tanh", "deg", "rad"])}(${inner})`,
      () => `${this.pick(["hour", "minute", "month", "year", "day_of_month", "day_of_week", "day_of_year", "days_in_month"])}(${this.chance(0.3) ? "" : this.gauge()})`,
      () => `timestamp(${this.chance(0.5) ? this.selector() + this.modifiers() : inner})`,
      () => `clamp(${inner}, ${this.scalar(0)}, ${this.scalar(0)})`,
      () => `${this.pick(["clamp_min", "clamp_max"])}(${inner}, ${this.scalar(0)})`,
      () => `round(${inner}${this.chance(0.5) ? `, ${this.pick(["0.5", "10", "3"])}` : ""})`,
      () => `${this.pick(["sort", "sort_desc"])}(${inner})`,
    ])();
  }

  labelFunction(depth) {
    const inner = this.vector(depth - 1);
    return this.pick([
      () => `label_replace(${inner}, "${this.pick(["new", "job", "__name__", "code"])}", "${this.pick(["$1", "x-$1", "${2}", "", "y"])}", "${this.pick(["instance", "job", "nothing"])}", "${this.pick(["(.*)", "(.)(.*)", "a.*", "", "(?:b)(.)?()"])}")`,
      () => `label_join(${inner}, "${this.pick(["new", "job"])}", "${this.pick(["-", "", ","])}", "instance", "${this.pick(["code", "job", "nothing"])}")`,
    ])();
  }

  histogram() {
    const buckets = this.chance(0.3) ? "wait_bucket" : `${this.pick(["rate", "increase"])}(wait_bucket${this.matchers({ instance: LABELS.wait_bucket.instance })}[${this.range()}])`;
    const grouped = this.chance(0.5) ? `sum by (le${this.pick(["", ", instance", ", job"])}) (${buckets})` : buckets;
    return `histogram_quantile(${this.pick(["0", "0.5", "0.9", "0.99", "1", "-0.5", "1.5"])}, ${grouped})`;
  }
}

const COMPARISONS = ["==", "!=", ">", "<", ">=", "<="];

const INSTANCES = ["a", "b", "c"];
const LABELS = {
  requests_total: { instance: INSTANCES, code: ["200", "404", "500"], job: ["web", "api"] },
  depth: { instance: INSTANCES, job: ["web", "api"] },
  odd: { kind: ["nan", "inf", "minus", "mixed", "zero"] },
  sparse: { instance: INSTANCES },
  limit: { job: ["web", "api"] },
  wait_bucket: { instance: INSTANCES, le: ["0.1", "0.5", "1", "+Inf"] },
  wait_sum: { instance: INSTANCES },
  wait_count: { instance: INSTANCES },
};
