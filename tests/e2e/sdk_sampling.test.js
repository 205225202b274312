// Samplers that are named by the environment or a configuration file: one that asks a service of
// Jaeger's what to do (a stand-in here), and one that is composed of rules.

import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer, request } from "node:http";
import { createServer as createHttp2Server } from "node:http2";
import { dirname, join } from "node:path";
import { Process } from "./support/process.js";
import { TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const share = (samplingRate) => ({ strategyType: "PROBABILISTIC", probabilisticSampling: { samplingRate } });

describe("samplers by their names", () => {
  let service, address, strategy, spans, asked;
  const started = [];

  /** Both in one: tells the strategy, and takes spans as OTLP/JSON. */
  function serve(question, response) {
    let body = "";
    question.setEncoding("utf8").on("data", (chunk) => (body += chunk));
    question.on("end", () => {
      const { pathname, searchParams } = new URL(question.url, "http://stand.in");
      if (pathname === "/v1/traces") {
        for (const resource of JSON.parse(body).resourceSpans)
          for (const scope of resource.scopeSpans) spans.push(...scope.spans);
        response.end("{}");
      } else {
        asked.push(`${pathname} ${searchParams.get("service")}`);
        response.end(typeof strategy === "string" ? strategy : JSON.stringify(strategy));
      }
    });
  }

  before(async () => {
    service = createServer(serve).listen(0, "127.0.0.1");
    await once(service, "listening");
    address = `http://127.0.0.1:${service.address().port}`;
  });
  after(() => {
    for (const child of started) child.child.kill();
    service.close();
  });
  /** The HTTP server of the examples; `call` asks it for something. */
  async function start(env) {
    spans = [];
    asked = [];
    const child = new Process(join(BUILD, "examples", "http_server"), ["0"], {
      env: {
        LD_LIBRARY_PATH: join(BUILD, "sdk"),
        OTEL_METRICS_EXPORTER: "none",
        OTEL_LOGS_EXPORTER: "none",
        OTEL_EXPORTER_OTLP_ENDPOINT: address,
        OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
        OTEL_BSP_SCHEDULE_DELAY: "20",
        ...env,
      },
    });
    started.push(child);
    const [, port] = await until(() => child.stdout.match(/localhost:(\d+)/), "the address of the server");
    const call = (path, method = "GET") =>
      new Promise((resolve, reject) => {
        const one = request({ host: "127.0.0.1", port, path, method }, (answer) => answer.resume().on("end", resolve));
        one.on("error", reject).end();
      });
    const end = async () => {
      child.child.stdin.end();
      assert.equal((await child.exited).code, 0, child.stderr);
    };
    return { child, call, end };
  }

  const askedAgain = (times) => {
    const enough = asked.length + times;
    return until(() => asked.length >= enough, "further questions");
  };

  it("do what a service of Jaeger's says, from the first answer on and as it changes", async () => {
    strategy = share(0);
    const program = await start({
      OTEL_SERVICE_NAME: "asking one",
      OTEL_TRACES_SAMPLER: "parentbased_jaeger_remote",
      OTEL_TRACES_SAMPLER_ARG: `endpoint=${address},pollingIntervalMs=100,initialSamplingRate=0`,
    });
    await askedAgain(2);
    await program.call("/hello/you");
    strategy = share(1);
    await until(async () => (await program.call("/hello/you"), spans.length > 0), "a span");
    const [{ name, traceState }] = spans;
    assert.equal(traceState, "ot=th:0");
    strategy = { operationSampling: { defaultSamplingProbability: 1, perOperationStrategies: [{ operation: name, ...share(0) }] } };
    await askedAgain(2);
    await program.call("/hello/you", "DELETE");
    await until(() => spans.some((span) => span.name !== name), "a span of another name");
    strategy = "{ this is no answer";
    await askedAgain(3);
    spans = [];
    await program.call("/hello/you");
    await program.call("/hello/you", "DELETE");
    await program.end();
    assert.deepEqual([...new Set(spans.map((span) => span.name !== name))], [true]);
    assert.deepEqual([...new Set(asked)], ["/sampling asking one"]);
    assert.match(program.child.stderr, /a sampling strategy that cannot be used/);
  });

  it("ask over gRPC, too", async () => {
    const share = Buffer.alloc(11); // probabilisticSampling {samplingRate}
    share.set([0x12, 9, 0x09]);
    let rate = 0;
    const questions = [];
    const jaeger = createHttp2Server((question, answer) => {
      const chunks = [];
      question.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
        questions.push([question.headers[":path"], question.headers["content-type"], Buffer.concat(chunks).toString("latin1")]);
        share.writeDoubleLE(rate, 3);
        answer.writeHead(200, { "content-type": "application/grpc" });
        if (rate >= 0) answer.write(Buffer.concat([Buffer.from([0, 0, 0, 0, share.length]), share]));
        answer.addTrailers({ "grpc-status": rate >= 0 ? "0" : "14" });
        answer.end();
      });
    }).listen(0, "127.0.0.1");
    await once(jaeger, "listening");
    const program = await start({
      OTEL_SERVICE_NAME: "asking one",
      OTEL_TRACES_SAMPLER: "parentbased_jaeger_remote",
      OTEL_TRACES_SAMPLER_ARG: `endpoint=grpc://127.0.0.1:${jaeger.address().port},pollingIntervalMs=100,initialSamplingRate=0`,
    });
    await until(() => questions.length >= 2, "two questions");
    await program.call("/hello/you");
    assert.equal(spans.length, 0);
    rate = 1;
    await until(async () => (await program.call("/hello/you"), spans.length > 0), "a span");
    rate = -1; // refused: what was said holds
    const enough = questions.length + 2;
    await until(() => questions.length >= enough, "questions that are refused");
    spans = [];
    await program.call("/hello/you");
    await program.end();
    jaeger.close();
    assert.equal(spans.length, 1);
    assert.deepEqual(questions[0], ["/jaeger.api_v2.SamplingManager/GetSamplingStrategy", "application/grpc", "\0\0\0\0\x0c\x0a\x0aasking one"]);
    assert.match(program.child.stderr, /sampling strategies could not be fetched: "the service refused by a gRPC status"/);
  });

  it("are those of a configuration file, which tells the name of the service", async () => {
    strategy = share(1);
    const file = join(temporaryDirectory(), "otel.yaml");
    const config = {
      file_format: "1.0",
      resource: { attributes: [{ name: "service.name", value: "configured" }] },
      tracer_provider: {
        processors: [{ batch: { schedule_delay: 20, exporter: { otlp_http: { endpoint: `${address}/v1/traces`, encoding: "json" } } } }],
        sampler: {
          parent_based: {
            root: { "jaeger_remote/development": { endpoint: `${address}/a/b`, interval: 100, initial_sampler: { always_off: null } } },
          },
        },
      },
    };
    writeFileSync(file, JSON.stringify(config));
    const program = await start({ OTEL_CONFIG_FILE: file });
    await until(async () => (await program.call("/hello/you"), spans.length > 0), "a span");
    await program.end();
    assert.deepEqual([...new Set(asked)], ["/a/b configured"]);
    assert.equal(program.child.stderr, "");
  });

  it("may be composed of rules", async () => {
    const file = join(temporaryDirectory(), "otel.yaml");
    const rules = [
      { attribute_patterns: { key: "url.path", included: ["/else*"] }, sampler: { always_off: null } },
      { span_kinds: ["server"], parent: ["none"], sampler: { probability: { ratio: 1 } } },
    ];
    const config = {
      file_format: "1.0",
      tracer_provider: {
        processors: [{ simple: { exporter: { otlp_http: { endpoint: `${address}/v1/traces`, encoding: "json" } } } }],
        sampler: { "composite/development": { rule_based: { rules } } },
      },
    };
    writeFileSync(file, JSON.stringify(config));
    const program = await start({ OTEL_CONFIG_FILE: file });
    await program.call("/hello/you");
    await program.call("/elsewhere");
    await program.end();
    assert.equal(program.child.stderr, "");
    assert.deepEqual(spans.map((span) => span.traceState), ["ot=th:0"]);
  });
});
