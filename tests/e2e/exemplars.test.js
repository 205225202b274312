// From a metric to a trace and back: an exemplar's trace id resolves through every API of traces, and
// a span names the metrics of its service, which have that exemplar.

import assert from "node:assert/strict";
import { attributes, ns, writeLogs, writeSpans } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 1000) - 60;
const TRACE = "4bf92f3577b34da6a3ce929d0e0e4736";
const SPAN = "00f067aa0ba902b7";
const JSON_TYPE = { "content-type": "application/json" };

/** A histogram of one slow request, whose exemplar is the span. */
const histogram = {
  name: "http.server.request.duration",
  unit: "s",
  histogram: {
    aggregationTemporality: 2,
    dataPoints: [
      {
        startTimeUnixNano: ns(NOW - 60),
        timeUnixNano: ns(NOW),
        count: "3",
        sum: 2.5,
        explicitBounds: [0.5, 1],
        bucketCounts: ["2", "0", "1"],
        attributes: attributes({ "http.route": "/cart" }),
        exemplars: [{ timeUnixNano: ns(NOW), asDouble: 2.1, traceId: TRACE, spanId: SPAN }],
      },
    ],
  },
};

describe("exemplars and traces", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
    const identity = { "service.namespace": "shop", "service.instance.id": 'a "1"\\\n' };
    await writeSpans(api, "cart", [{ trace: TRACE, id: SPAN, name: "GET /cart", kind: "server", start: NOW - 2.1, ms: 2100 }], identity);
    await writeSpans(api, "plain", [{ trace: TRACE, id: "00f067aa0ba902b8", parent: SPAN, name: "query", start: NOW - 2, ms: 10 }]);
    await writeLogs(api, "cart", [{ at: NOW - 1, severity: 13, body: "slow", trace: TRACE, id: SPAN }], identity);
    const resource = { attributes: attributes({ "service.name": "cart", ...identity }) };
    const body = { resourceMetrics: [{ resource, scopeMetrics: [{ scope: {}, metrics: [histogram] }] }] };
    const answer = await api.post("/v1/metrics", JSON.stringify(body), JSON_TYPE);
    assert.equal(answer.status, 200, answer.text);
  });
  after(() => server?.dispose());

  const exemplars = async (query) => (await api.data("/api/v1/query_exemplars", { query, start: NOW - 300, end: NOW + 300 })).flatMap((s) => s.exemplars);

  it("the trace id of an exemplar resolves through our API and Jaeger's, with the lines of the request", async () => {
    const [{ labels }] = await exemplars('http_server_request_duration_seconds_bucket{http_route="/cart"}');
    const { spans } = await api.data(`/api/v1/traces/${labels.trace_id}`);
    const span = spans.find((s) => s.span_id === labels.span_id);
    assert.deepEqual([span.name, span.duration_ns, span.logs.map((l) => l.body)], ["GET /cart", 2.1e9, ["slow"]]);
    for (const base of ["/jaeger/api", "/api"]) {
      const found = await api.get(`${base}/traces/${labels.trace_id}`);
      assert.deepEqual(found.json.data[0].spans.map((s) => s.spanID).sort(), [SPAN, "00f067aa0ba902b8"]);
    }
  });

  it("a span says by what its service's metrics are selected, and these have the exemplar", async () => {
    const { spans } = await api.data(`/api/v1/traces/${TRACE}`);
    const [cart, plain] = spans;
    assert.equal(cart.metrics, '{job="shop/cart",instance="a \\"1\\"\\\\\\n"}');
    assert.equal(plain.metrics, '{job="plain"}');
    const found = await exemplars(`http_server_request_duration_seconds_bucket${cart.metrics}`);
    assert.deepEqual(found.map((e) => [e.labels.trace_id, e.value]), [[TRACE, "2.1"]]);
    const counts = await api.vector(`http_server_request_duration_seconds_count${cart.metrics}`, NOW + 1);
    assert.deepEqual(counts.map((c) => c.value), [3]);
    assert.deepEqual(await api.vector(`{__name__=~".+",${plain.metrics.slice(1)}`, NOW + 1), []);
  });

  it("after a crash the metric still leads to the trace", async () => {
    await server.kill();
    await server.restart();
    api = server.api;
    const [{ labels }] = await exemplars("http_server_request_duration_seconds_bucket");
    assert.equal((await api.data(`/api/v1/traces/${labels.trace_id}`)).span_count, 2);
  });
});
