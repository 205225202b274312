// The OpenTelemetry JS SDK sends every instrument over the three forms of OTLP, in both temporalities.

import assert from "node:assert/strict";
import { OTLPMetricExporter as GrpcExporter } from "@opentelemetry/exporter-metrics-otlp-grpc";
import { AggregationTemporalityPreference, OTLPMetricExporter as JsonExporter } from "@opentelemetry/exporter-metrics-otlp-http";
import { OTLPMetricExporter as ProtoExporter } from "@opentelemetry/exporter-metrics-otlp-proto";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { AggregationType, InstrumentType, MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { near } from "./support/fixture.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const { CUMULATIVE, DELTA } = AggregationTemporalityPreference;
const BOUNDS = [1, 5, 10];

describe("the OpenTelemetry SDK", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({
      config: `
otlp:
  promote_resource_attributes: [deployment.environment.name]
  promote_scope_metadata: true
`,
      args: ["--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"],
    });
    api = server.api;
  });
  after(() => server?.dispose());

  const exporters = {
    "HTTP protobuf": (o) => new ProtoExporter({ url: `http://${server.address("otlp-http")}/v1/metrics`, ...o }),
    "HTTP protobuf, gzip, main port": (o) => new ProtoExporter({ url: `${server.url}/v1/metrics`, compression: "gzip", ...o }),
    "HTTP JSON": (o) => new JsonExporter({ url: `http://${server.address("otlp-http")}/v1/metrics`, ...o }),
    "HTTP JSON as Prometheus's path": (o) => new JsonExporter({ url: `${server.url}/api/v1/otlp/v1/metrics`, ...o }),
    gRPC: (o) => new GrpcExporter({ url: `http://${server.address("otlp-grpc")}`, ...o }),
    "gRPC, gzip": (o) => new GrpcExporter({ url: `http://${server.address("otlp-grpc")}`, compression: "gzip", ...o }),
  };

  for (const [form, makeExporter] of Object.entries(exporters)) {
    for (const [temporality, temporalityPreference] of Object.entries({ cumulative: CUMULATIVE, delta: DELTA })) {
      describe(`over ${form}, ${temporality}`, () => {
        const service = `${form}-${temporality}`;
        const of = (more = "") => `{job="shop/${service}"${more ? `,${more}` : ""}}`;
        let provider;

        before(async () => {
          provider = await runProgram(service, makeExporter({ temporalityPreference }));
        });
        after(() => provider?.shutdown().catch(() => {}));

        it("each instrument has its value under its Prometheus name", async () => {
          const expected = {
            [`orders_placed_total${of('country="fi"')}`]: 7,
            [`orders_placed_total${of('country="se"')}`]: 2.5,
            [`sent_data_bytes_total${of()}`]: 4096,
            [`queue_length${of()}`]: -3,
            [`fill_ratio${of()}`]: 0.75,
            [`room_temperature_celsius${of()}`]: 21.5,
            [`speed_meters_per_second${of()}`]: 12,
            [`cpu_time_seconds_total${of('mode="user"')}`]: 20,
            [`threads${of()}`]: 18,
            [`load_average${of()}`]: 0.25,
          };
          for (const [selector, value] of Object.entries(expected)) near(await api.value(selector), value, selector);
        });

        it("explicit histograms become buckets", async () => {
          near(await api.value(`request_duration_milliseconds_count${of()}`), 5);
          near(await api.value(`request_duration_milliseconds_sum${of()}`), 0.5 + 3 + 7 + 100 + 4);
          const buckets = await api.vector(`request_duration_milliseconds_bucket${of()}`);
          const counts = new Map(buckets.map(({ metric, value }) => [Number(metric.le.replace("+Inf", "Infinity")), value]));
          assert.deepEqual([...counts].sort(([a], [b]) => a - b), [[1, 1], [5, 3], [10, 4], [Infinity, 5]]);
        });

        it("exponential histograms become native histograms", async () => {
          const [{ histogram }] = await api.vector(`payload_bytes${of()}`);
          assert.equal(histogram.count, "6");
          assert.equal(histogram.sum, "71");
          const inside = (value) =>
            histogram.buckets.find(([, low, high]) => Number(low) < value && value <= Number(high) * (1 + 1e-12));
          // 1 2 4 64 and two zeros: each value lies in a bucket of its own, not wider than itself.
          for (const value of [1, 2, 4, 64]) {
            const bucket = inside(value);
            assert.ok(bucket, `a bucket for ${value} in ${JSON.stringify(histogram.buckets)}`);
            assert.equal(bucket[3], "1");
            assert.ok(Number(bucket[2]) / Number(bucket[1]) <= 2);
          }
          const zero = histogram.buckets.find(([, low, high]) => Number(low) <= 0 && Number(high) >= 0);
          assert.equal(zero[3], "2");
        });

        it("the resource becomes job, instance, target_info and promoted labels", async () => {
          const [info] = await api.vector(`target_info${of()}`);
          assert.equal(info.value, 1);
          assert.equal(info.metric.instance, "i-1");
          assert.equal(info.metric.host_name, "box");
          const [order] = await api.vector(`orders_placed_total${of('country="fi"')}`);
          assert.equal(order.metric.instance, "i-1");
          assert.equal(order.metric.deployment_environment_name, "test");
          assert.equal(order.metric.host_name, undefined);
        });

        it("the scope becomes otel_scope_ labels", async () => {
          const [order] = await api.vector(`orders_placed_total${of('country="fi"')}`);
          assert.equal(order.metric.otel_scope_name, "shop");
          assert.equal(order.metric.otel_scope_version, "1.2.3");
        });
      });
    }
  }

  it("metadata tells type and description", async () => {
    const all = await api.data("/api/v1/metadata");
    assert.equal(all.orders_placed_total[0].type, "counter");
    assert.equal(all.orders_placed_total[0].help, "Orders placed.");
    assert.equal(all.queue_length[0].type, "gauge");
    assert.equal(all.request_duration_milliseconds[0].type, "histogram");
  });
});

// A program that uses every instrument and exports twice, so that deltas have something to add up.
async function runProgram(service, exporter) {
  const provider = new MeterProvider({
    resource: resourceFromAttributes({
      "service.namespace": "shop",
      "service.name": service,
      "service.instance.id": "i-1",
      "deployment.environment.name": "test",
      "host.name": "box",
    }),
    views: [
      { instrumentName: "request.duration", aggregation: { type: AggregationType.EXPLICIT_BUCKET_HISTOGRAM, options: { boundaries: BOUNDS } } },
      { instrumentName: "payload", instrumentType: InstrumentType.HISTOGRAM, aggregation: { type: AggregationType.EXPONENTIAL_HISTOGRAM } },
    ],
    readers: [new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 3_600_000 })],
  });
  const meter = provider.getMeter("shop", "1.2.3");
  const orders = meter.createCounter("orders.placed", { unit: "{order}", description: "Orders placed." });
  const sent = meter.createCounter("sent.data", { unit: "By" });
  const queue = meter.createUpDownCounter("queue.length", { unit: "1" });
  const fill = meter.createGauge("fill", { unit: "1" });
  const temperature = meter.createGauge("room.temperature", { unit: "Cel" });
  const speed = meter.createGauge("speed", { unit: "m/s" });
  const duration = meter.createHistogram("request.duration", { unit: "ms" });
  const payload = meter.createHistogram("payload", { unit: "By" });
  let round = 0;
  meter.createObservableCounter("cpu.time", { unit: "s" }).addCallback((r) => r.observe(10 * round, { mode: "user" }));
  meter.createObservableUpDownCounter("threads").addCallback((r) => r.observe(20 - round));
  meter.createObservableGauge("load.average").addCallback((r) => r.observe(0.5 / round));

  const first = () => {
    orders.add(3, { country: "fi" });
    orders.add(2.5, { country: "se" });
    queue.add(2);
    fill.record(0.1);
    [0.5, 3].forEach((v) => duration.record(v));
    [0, 1, 2].forEach((v) => payload.record(v));
  };
  const second = () => {
    orders.add(4, { country: "fi" });
    sent.add(4096);
    queue.add(-5);
    fill.record(0.75);
    temperature.record(21.5);
    speed.record(12);
    [7, 100, 4].forEach((v) => duration.record(v));
    [0, 4, 64].forEach((v) => payload.record(v));
  };
  for (const work of [first, second]) {
    round++;
    work();
    await provider.forceFlush(); // rejects when the export failed
  }
  return provider;
}
