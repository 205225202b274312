// Random spans and log records with everything that OTLP can say of them, in the form in which the
// server gives them back: protobuf's JSON without what is empty, times and 64-bit integers as text.

const HOUR = 3600n * 1_000_000_000n;
const NOW = BigInt(Date.now()) * 1_000_000n;

const DOUBLES = [0, -0, 0.1, -1.5, 5e-324, 2.2250738585072014e-308, 1.7976931348623157e308, 1e21, 123456789012345680, "NaN", "Infinity", "-Infinity"];
const INTEGERS = ["0", "-1", "9223372036854775807", "-9223372036854775808", "9007199254740993"];
const TEXTS = ["", " ", "a", "\u0000", "tab\tand\nline", '"quoted" \\ slash /', "ünï çødé", "🙂 beyond", "\u2028\u2029", "\ufeff", "x".repeat(5000)];

export class RandomRecords {
  constructor(random) {
    this.random = random;
  }

  below(n) {
    return Math.floor(this.random() * n);
  }

  one(list) {
    return list[this.below(list.length)];
  }

  maybe(make) {
    return this.below(2) ? make() : undefined;
  }

  hex(digits) {
    return Array.from({ length: digits }, () => this.below(16).toString(16)).join("").replace(/^0/, "a");
  }

  text() {
    return this.below(3) ? this.one(TEXTS) : `text ${this.below(50)}`;
  }

  bytes() {
    return Buffer.from(Array.from({ length: this.below(20) }, () => this.below(256)));
  }

  list(most, make) {
    return Array.from({ length: this.below(most + 1) }, make);
  }

  value(depth = 3) {
    switch (this.below(depth ? 8 : 6)) {
      case 0: return { stringValue: this.text() };
      case 1: return { boolValue: this.below(2) === 1 };
      case 2: return { intValue: this.below(2) ? this.one(INTEGERS) : String(this.below(100)) };
      case 3: return { doubleValue: this.below(2) ? this.one(DOUBLES) : this.random() * 10 ** (this.below(600) - 300) };
      case 4: return { bytesValue: this.bytes().toString("base64") };
      case 5: return {};
      case 6: return { arrayValue: { values: this.list(4, () => this.value(depth - 1)) } };
      default: return { kvlistValue: { values: this.pairs(4, depth - 1) } };
    }
  }

  /** Different keys, and what an attribute holds under one key is of any type. */
  pairs(most, depth) {
    const keys = new Set(this.list(most, () => (this.below(20) ? `key.${this.below(40)}` : this.one(TEXTS.slice(1)))));
    return [...keys].map((key) => ({ key, value: this.value(depth) }));
  }

  /** {name: value} as members, those that are empty left out. */
  members(all) {
    return Object.fromEntries(Object.entries(all).filter(([, v]) => v !== undefined && v !== "" && v !== 0 && v?.length !== 0));
  }

  count() {
    return this.below(4) ? 0 : this.one([1, 7, 4294967295]);
  }

  url() {
    return this.maybe(() => `https://opentelemetry.io/schemas/1.${this.below(3)}.0`);
  }

  traceState() {
    return this.maybe(() => this.one(["a=b", "rojo=00f067aa0ba902b7,congo=t61rcWkgMzE"]));
  }

  described(more) {
    return this.members({ ...more, attributes: this.pairs(4), droppedAttributesCount: this.count() });
  }

  source() {
    return {
      resource: this.described(),
      url: this.url(),
      scope: this.described({ name: this.maybe(() => this.text()), version: this.maybe(() => "1.0") }),
      scopeUrl: this.url(),
    };
  }

  /** A time of the last days, to the nanosecond. */
  time() {
    return NOW - HOUR * BigInt(this.below(100)) - BigInt(this.below(1e9)) * 3599n;
  }

  span() {
    const start = this.time();
    const length = this.one([0n, 1n, -5n, 123_456_789n, 40n * HOUR]);
    return {
      traceId: this.hex(32),
      spanId: this.hex(16),
      name: this.text(),
      kind: this.below(6),
      startTimeUnixNano: String(start),
      status: this.members({ code: this.below(3), message: this.maybe(() => this.text()) }),
      ...this.members({
        traceState: this.traceState(),
        parentSpanId: this.maybe(() => this.hex(16)),
        flags: this.one([0, 1, 257, 4294967295]),
        endTimeUnixNano: this.below(5) ? String(start + length) : undefined,
        attributes: this.pairs(8),
        droppedAttributesCount: this.count(),
        events: this.list(3, () => ({ timeUnixNano: String(this.time()), name: this.text(), ...this.described() })),
        droppedEventsCount: this.count(),
        links: this.list(3, () => ({ traceId: this.hex(32), spanId: this.hex(16), ...this.described({ traceState: this.traceState(), flags: this.one([0, 256, 1025]) }) })),
        droppedLinksCount: this.count(),
      }),
    };
  }

  /** Not empty: a body without a value comes back as none. */
  body() {
    const value = this.value(4);
    return Object.keys(value).length ? value : undefined;
  }

  log() {
    const time = this.time();
    const observed = String(time + BigInt(this.below(1e9)) - 500_000_000n);
    const times = this.one([{ timeUnixNano: String(time) }, { observedTimeUnixNano: observed }, { timeUnixNano: String(time), observedTimeUnixNano: observed }]);
    return {
      ...times,
      ...this.members({
        severityNumber: this.below(27),
        severityText: this.maybe(() => this.text()),
        body: this.maybe(() => this.body()),
        attributes: this.pairs(8),
        droppedAttributesCount: this.count(),
        flags: this.one([0, 1, 4294967295]),
        traceId: this.maybe(() => this.hex(32)),
        spanId: this.maybe(() => this.hex(16)),
        eventName: this.maybe(() => this.text()),
      }),
    };
  }
}
