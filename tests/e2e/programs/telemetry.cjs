// What a program does first to be observed: spans and log records go to the server under test by
// OTLP, OTLP_URL says where. Instrumentations must be there before what they instrument is loaded.

const { logs } = require("@opentelemetry/api-logs");
const { OTLPLogExporter } = require("@opentelemetry/exporter-logs-otlp-proto");
const { OTLPTraceExporter } = require("@opentelemetry/exporter-trace-otlp-proto");
const { registerInstrumentations } = require("@opentelemetry/instrumentation");
const { resourceFromAttributes } = require("@opentelemetry/resources");
const { BatchLogRecordProcessor, LoggerProvider } = require("@opentelemetry/sdk-logs");
const { BatchSpanProcessor, NodeTracerProvider } = require("@opentelemetry/sdk-trace-node");

/** Returns how to send what is left, to be awaited before the program ends. */
exports.observe = (service, instrumentations) => {
  const url = process.env.OTLP_URL;
  const resource = resourceFromAttributes({ "service.name": service, "process.pid": process.pid });
  const spans = new NodeTracerProvider({
    resource,
    spanProcessors: [new BatchSpanProcessor(new OTLPTraceExporter({ url: `${url}/v1/traces` }))],
  });
  const records = new LoggerProvider({
    resource,
    processors: [new BatchLogRecordProcessor({ exporter: new OTLPLogExporter({ url: `${url}/v1/logs` }) })],
  });
  spans.register();
  logs.setGlobalLoggerProvider(records);
  registerInstrumentations({ instrumentations });
  return () => Promise.all([spans.shutdown(), records.shutdown()]);
};
