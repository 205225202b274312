// Spans and log records as OTLP JSON, from as few words as can be.

import assert from "node:assert/strict";

const JSON_TYPE = { "content-type": "application/json" };

const value = (v) => {
  if (typeof v === "string") return { stringValue: v };
  if (typeof v === "boolean") return { boolValue: v };
  if (Array.isArray(v)) return { arrayValue: { values: v.map(value) } };
  if (typeof v === "object") return { kvlistValue: { values: attributes(v) } };
  return Number.isInteger(v) ? { intValue: String(v) } : { doubleValue: v };
};

/** {"a": 1} as OTLP's list of pairs. */
export const attributes = (object = {}) => Object.entries(object).map(([key, v]) => ({ key, value: value(v) }));

/** Unix seconds as text in nanoseconds, exact to the microsecond. */
export const ns = (seconds) => `${BigInt(Math.round(seconds * 1e6)) * 1000n}`;

const KINDS = { internal: 1, server: 2, client: 3, producer: 4, consumer: 5 };

/** {trace, id, parent, name, kind, start (s), ms, error, attributes, events, links} as OTLP's span. */
export const span = (s) => ({
  traceId: s.trace,
  spanId: s.id,
  parentSpanId: s.parent,
  name: s.name,
  kind: KINDS[s.kind ?? "internal"],
  startTimeUnixNano: ns(s.start),
  endTimeUnixNano: s.ms === null ? undefined : ns(s.start + (s.ms ?? 1) / 1000),
  attributes: attributes(s.attributes),
  events: (s.events ?? []).map((e) => ({ name: e.name, timeUnixNano: ns(e.at), attributes: attributes(e.attributes) })),
  links: (s.links ?? []).map((l) => ({ traceId: l.trace, spanId: l.id, attributes: attributes(l.attributes) })),
  status: s.error === undefined ? {} : { code: 2, message: s.error },
  ...s.more,
});

/** {at (s), severity, body, trace, id, attributes} as OTLP's log record. */
export const log = (l) => ({
  timeUnixNano: ns(l.at),
  severityNumber: l.severity,
  severityText: l.level,
  body: l.body === undefined ? undefined : value(l.body),
  traceId: l.trace,
  spanId: l.id,
  attributes: attributes(l.attributes),
  ...l.more,
});

const resource = (service, more) => ({ attributes: attributes({ "service.name": service, ...more }) });

async function send(api, path, body) {
  const answer = await api.post(path, JSON.stringify(body), JSON_TYPE);
  assert.equal(answer.status, 200, answer.text);
  assert.deepEqual(answer.json.partialSuccess ?? {}, {}, answer.text);
}

export const writeSpans = (api, service, spans, more = {}) =>
  send(api, "/v1/traces", {
    resourceSpans: [{ resource: resource(service, more), scopeSpans: [{ scope: { name: "by hand", version: "1" }, spans: spans.map(span) }] }],
  });

export const writeLogs = (api, service, logs, more = {}) =>
  send(api, "/v1/logs", {
    resourceLogs: [{ resource: resource(service, more), scopeLogs: [{ scope: { name: "by hand" }, logRecords: logs.map(log) }] }],
  });
