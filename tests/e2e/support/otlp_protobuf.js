// Requests in protobuf's JSON as protobuf's bytes: as much of OTLP's traces and logs as there is.

import { bytes, concat, double, fixed64, int, message, string, varint } from "./protobuf.js";

const fixed32 = (number, value) => {
  const out = Buffer.alloc(4);
  out.writeUInt32LE(value);
  return concat(varint((number << 3) | 5), out);
};
const many = (encode) => (number, list) => concat((list ?? []).map((one) => message(number, encode(one))));
const maybe = (encode) => (number, v) => (v === undefined ? Buffer.alloc(0) : encode(number, v));
const text = maybe(string);
const id = maybe((number, v) => bytes(number, Buffer.from(v, "hex")));
const time = maybe(fixed64);
const count = maybe(int);
const flags = maybe(fixed32);

const value = (v) => {
  if (v.stringValue !== undefined) return string(1, v.stringValue);
  if (v.boolValue !== undefined) return int(2, v.boolValue ? 1 : 0);
  if (v.intValue !== undefined) return int(3, BigInt(v.intValue));
  if (v.doubleValue !== undefined) return double(4, Number(v.doubleValue));
  if (v.arrayValue) return message(5, many(value)(1, v.arrayValue.values));
  if (v.kvlistValue) return message(6, pairs(1, v.kvlistValue.values));
  return v.bytesValue === undefined ? Buffer.alloc(0) : bytes(7, Buffer.from(v.bytesValue, "base64"));
};
const pairs = many(({ key, value: v }) => concat(string(1, key), message(2, value(v))));

const event = (e) => concat(time(1, e.timeUnixNano), text(2, e.name), pairs(3, e.attributes), count(4, e.droppedAttributesCount));
const link = (l) => concat(id(1, l.traceId), id(2, l.spanId), text(3, l.traceState), pairs(4, l.attributes), count(5, l.droppedAttributesCount), flags(6, l.flags));
const status = (s) => concat(text(2, s.message), count(3, s.code));

const span = (s) =>
  concat(
    [id(1, s.traceId), id(2, s.spanId), text(3, s.traceState), id(4, s.parentSpanId), text(5, s.name), int(6, s.kind)],
    [time(7, s.startTimeUnixNano), time(8, s.endTimeUnixNano), pairs(9, s.attributes), count(10, s.droppedAttributesCount)],
    [many(event)(11, s.events), count(12, s.droppedEventsCount), many(link)(13, s.links), count(14, s.droppedLinksCount)],
    [message(15, status(s.status)), flags(16, s.flags)],
  );

const log = (l) =>
  concat(
    [time(1, l.timeUnixNano), count(2, l.severityNumber), text(3, l.severityText), l.body ? message(5, value(l.body)) : []],
    [pairs(6, l.attributes), count(7, l.droppedAttributesCount), flags(8, l.flags), id(9, l.traceId), id(10, l.spanId)],
    [time(11, l.observedTimeUnixNano), text(12, l.eventName)],
  );

const resource = (r) => concat(pairs(1, r.attributes), count(2, r.droppedAttributesCount));
const scope = (s) => concat(text(1, s.name), text(2, s.version), pairs(3, s.attributes), count(4, s.droppedAttributesCount));

/** {resourceSpans} or {resourceLogs} as the body of a request. */
export function otlpRequest({ resourceSpans, resourceLogs }) {
  const inScope = (s) => concat(message(1, scope(s.scope)), many(s.spans ? span : log)(2, s.spans ?? s.logRecords), text(3, s.schemaUrl));
  const inResource = (r) => concat(message(1, resource(r.resource)), many(inScope)(2, r.scopeSpans ?? r.scopeLogs), text(3, r.schemaUrl));
  return many(inResource)(1, resourceSpans ?? resourceLogs);
}
