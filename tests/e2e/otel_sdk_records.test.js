// The OpenTelemetry JS SDK sends spans and log records over the three forms of OTLP; all of it is
// found again, by trace, by words, and through Jaeger's API.

import assert from "node:assert/strict";
import { context, ROOT_CONTEXT, SpanKind, SpanStatusCode, trace } from "@opentelemetry/api";
import { SeverityNumber } from "@opentelemetry/api-logs";
import { OTLPLogExporter as GrpcLogs } from "@opentelemetry/exporter-logs-otlp-grpc";
import { OTLPLogExporter as JsonLogs } from "@opentelemetry/exporter-logs-otlp-http";
import { OTLPLogExporter as ProtoLogs } from "@opentelemetry/exporter-logs-otlp-proto";
import { OTLPTraceExporter as GrpcTraces } from "@opentelemetry/exporter-trace-otlp-grpc";
import { OTLPTraceExporter as JsonTraces } from "@opentelemetry/exporter-trace-otlp-http";
import { OTLPTraceExporter as ProtoTraces } from "@opentelemetry/exporter-trace-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NESTED = { text: "Payment refused", codes: [7, "seven", { deep: true }], empty: {} };

describe("the OpenTelemetry SDK's traces and logs", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ args: ["--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"] });
    api = server.api;
  });
  after(() => server?.dispose());

  const http = (path) => `http://${server.address("otlp-http")}${path}`;
  const grpc = () => `http://${server.address("otlp-grpc")}`;
  const forms = {
    "HTTP protobuf": (o) => [new ProtoTraces({ url: http("/v1/traces"), ...o }), new ProtoLogs({ url: http("/v1/logs"), ...o })],
    "HTTP protobuf, gzip, main port": () => [
      new ProtoTraces({ url: `${server.url}/v1/traces`, compression: "gzip" }),
      new ProtoLogs({ url: `${server.url}/v1/logs`, compression: "gzip" }),
    ],
    "HTTP JSON": (o) => [new JsonTraces({ url: http("/v1/traces"), ...o }), new JsonLogs({ url: http("/v1/logs"), ...o })],
    gRPC: (o) => [new GrpcTraces({ url: grpc(), ...o }), new GrpcLogs({ url: grpc(), ...o })],
  };

  const data = async (path, params) => {
    const answer = await api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  };

  for (const [form, makeExporters] of Object.entries(forms)) {
    describe(`over ${form}`, () => {
      const service = `shop-${form}`;
      let ids;

      before(async () => {
        ids = await runProgram(service, makeExporters());
      });

      it("a trace is a tree with kinds, status, attributes, events and links", async () => {
        const { spans } = await data(`traces/${ids.trace}`);
        assert.deepEqual(spans.map((s) => [s.name, s.depth, s.kind, s.status]), [
          ["POST /cart", 0, "server", "error"],
          ["charge card", 1, "client", "unset"],
        ]);
        const [cart, charge] = spans;
        assert.equal(cart.status_message, "card refused");
        assert.equal(cart.service, service);
        assert.deepEqual(cart.attributes, { "http.request.method": "POST", retries: 2, share: 0.25, cached: false, items: ["a", "b"] });
        assert.deepEqual(charge.attributes, { "payment.provider": "bank" });
        const exception = cart.events.find((e) => e.name === "exception");
        assert.equal(exception.attributes["exception.message"], "no funds");
        assert.equal(charge.links[0].trace_id, "0af7651916cd43dd8448eb211c80319c");
        assert.equal(charge.links[0].attributes.why, "cause");
        assert.ok(charge.duration_ns >= 0);
      });

      it("Jaeger's API shows the same trace", async () => {
        const answer = await api.get(`/jaeger/api/traces/${ids.trace}`);
        const [found] = answer.json.data;
        assert.equal(found.spans.length, 2);
        assert.deepEqual(Object.values(found.processes).map((p) => p.serviceName), [service]);
        const charge = found.spans.find((s) => s.operationName === "charge card");
        assert.equal(charge.references.find((r) => r.refType === "CHILD_OF").spanID, ids.span);
      });

      it("log records keep bodies of any shape and stand beside their span", async () => {
        const { logs } = await data("logs", { where: `service = "${service}"`, order: "oldest" });
        assert.deepEqual(logs.map((l) => l.body), ["cart opened for ada", NESTED]);
        const [opened, refused] = logs;
        assert.equal(opened.level, "info");
        assert.deepEqual(opened.attributes, { "user.id": "ada", n: 1 });
        assert.equal(opened.trace_id, undefined);
        assert.equal(refused.trace_id, ids.trace);
        assert.equal(refused.span_id, ids.span);
        const { spans } = await data(`traces/${ids.trace}`);
        assert.deepEqual(spans[0].logs.map((l) => l.body), [NESTED]);
      });

      it("words within a nested body find it", async () => {
        const { logs } = await data("logs", { where: `service = "${service}" and "payment refused"` });
        assert.deepEqual(logs.map((l) => l.body), [NESTED]);
      });
    });
  }
});

/** A request with a failed call and two lines; returns the ids of its root span. */
async function runProgram(service, [traceExporter, logExporter]) {
  const resource = resourceFromAttributes({ "service.name": service, "host.name": "box" });
  const traces = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(traceExporter)] });
  const logs = new LoggerProvider({ resource, processors: [new BatchLogRecordProcessor({ exporter: logExporter })] });
  const tracer = traces.getTracer("shop", "1.2.3");
  const logger = logs.getLogger("shop", "1.2.3");

  const earlier = Date.now() - 1000; // the SDK's clock has milliseconds: too few to tell the lines apart
  logger.emit({ timestamp: earlier, severityNumber: SeverityNumber.INFO, severityText: "INFO", body: "cart opened for ada", attributes: { "user.id": "ada", n: 1 }, context: ROOT_CONTEXT });
  const cart = tracer.startSpan("POST /cart", { kind: SpanKind.SERVER, attributes: { "http.request.method": "POST", retries: 2, share: 0.25, cached: false, items: ["a", "b"] } });
  const inCart = trace.setSpan(context.active(), cart);
  const link = { context: { traceId: "0af7651916cd43dd8448eb211c80319c", spanId: "b7ad6b7169203331", traceFlags: 1 }, attributes: { why: "cause" } };
  const charge = tracer.startSpan("charge card", { kind: SpanKind.CLIENT, attributes: { "payment.provider": "bank" }, links: [link] }, inCart);
  charge.end();
  cart.recordException(new Error("no funds"));
  logger.emit({ severityNumber: SeverityNumber.ERROR, body: NESTED, context: inCart });
  cart.setStatus({ code: SpanStatusCode.ERROR, message: "card refused" });
  cart.end();

  await Promise.all([traces.forceFlush(), logs.forceFlush()]);
  await Promise.all([traces.shutdown(), logs.shutdown()]);
  const { traceId, spanId } = cart.spanContext();
  return { trace: traceId, span: spanId };
}
