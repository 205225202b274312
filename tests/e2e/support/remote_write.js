// Remote write 1.0 and 2.0 requests from plain objects:
//
//   { labels: { __name__: "up", job: "a" }, samples: [[unixMs, value], …],
//     histograms: [{…}], exemplars: [{ labels, value, t }], type, help, unit }

import snappy from "snappyjs";
import * as pb from "./protobuf.js";

export const V1 = "application/x-protobuf";
export const V2 = "application/x-protobuf;proto=io.prometheus.write.v2.Request";

/** Prometheus's stale marker, a NaN with a payload of its own. */
export const STALE = (() => {
  const bytes = Buffer.alloc(8);
  bytes.writeBigUInt64LE(0x7ff0000000000002n);
  return bytes;
})();

const TYPES = ["unknown", "counter", "gauge", "histogram", "gaugehistogram", "summary", "info", "stateset"];

// A stale marker travels as its bytes: JavaScript may change the payload of a NaN.
const value = (number, v) => (v === STALE ? pb.concat(pb.varint((number << 3) | 1), STALE) : pb.double(number, v));

const sortedLabels = (labels) => Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1));

// The fields of a native histogram have the same numbers in both versions.
function histogram(number, h) {
  const spans = (n, list = []) => list.map(([offset, length]) => pb.message(n, pb.sint(1, offset), pb.int(2, length)));
  return pb.message(
    number,
    pb.int(1, h.count),
    h.sum === STALE ? value(3, STALE) : pb.double(3, h.sum),
    pb.sint(4, h.schema ?? 0),
    pb.double(5, h.zeroThreshold ?? 0),
    pb.int(6, h.zeroCount ?? 0),
    spans(8, h.negativeSpans),
    h.negativeDeltas ? pb.packedSint(9, h.negativeDeltas) : [],
    spans(11, h.positiveSpans),
    h.positiveDeltas ? pb.packedSint(12, h.positiveDeltas) : [],
    pb.int(15, h.t),
    h.customValues ? pb.packedDouble(16, h.customValues) : [],
  );
}

export function encodeV1(series) {
  const label = ([name, text]) => pb.message(1, pb.string(1, name), pb.string(2, text));
  const out = series.map((s) =>
    pb.message(
      1,
      sortedLabels(s.labels).map(label),
      (s.samples ?? []).map(([t, v]) => pb.message(2, value(1, v), pb.int(2, t))),
      (s.exemplars ?? []).map((e) =>
        pb.message(3, sortedLabels(e.labels).map(label), pb.double(2, e.value), pb.int(3, e.t)),
      ),
      (s.histograms ?? []).map((h) => histogram(4, h)),
    ),
  );
  for (const s of series.filter((one) => one.type)) {
    out.push(
      pb.message(
        3,
        pb.int(1, TYPES.indexOf(s.type)),
        pb.string(2, s.labels.__name__),
        pb.string(4, s.help ?? ""),
        pb.string(5, s.unit ?? ""),
      ),
    );
  }
  return pb.concat(out);
}

export function encodeV2(series) {
  const symbols = [""];
  const seen = new Map([["", 0]]);
  const symbol = (text) => {
    if (!seen.has(text)) seen.set(text, symbols.push(text) - 1);
    return seen.get(text);
  };
  const refs = (labels) => sortedLabels(labels).flatMap(([name, text]) => [symbol(name), symbol(text)]);
  const body = series.map((s) =>
    pb.message(
      5,
      pb.packedInt(1, refs(s.labels)),
      (s.samples ?? []).map(([t, v, start]) =>
        pb.message(2, value(1, v), pb.int(2, t), start === undefined ? [] : pb.int(3, start)),
      ),
      (s.histograms ?? []).map((h) => histogram(3, h)),
      (s.exemplars ?? []).map((e) =>
        pb.message(4, pb.packedInt(1, refs(e.labels)), pb.double(2, e.value), pb.int(3, e.t)),
      ),
      pb.message(5, pb.int(1, TYPES.indexOf(s.type ?? "unknown")), pb.int(3, symbol(s.help ?? "")), pb.int(4, symbol(s.unit ?? ""))),
    ),
  );
  return pb.concat(symbols.map((text) => pb.string(4, text)), body);
}

export const compress = (body) => Buffer.from(snappy.compress(body));

export function headers(contentType = V1) {
  return {
    "content-type": contentType,
    "content-encoding": "snappy",
    "x-prometheus-remote-write-version": contentType === V2 ? "2.0.0" : "0.1.0",
  };
}

/** Sends and returns the answer, whatever its status. */
export function write(api, series, { version = 1 } = {}) {
  const type = version === 2 ? V2 : V1;
  const body = version === 2 ? encodeV2(series) : encodeV1(series);
  return api.post("/api/v1/write", compress(body), headers(type));
}
