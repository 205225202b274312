// Remote read: what Prometheus and its like ask when they want samples of ours.

import assert from "node:assert/strict";
import snappy from "snappyjs";
import * as chunks from "./support/chunks.js";
import { END, FOREVER, SAMPLES, STEP_S, T0, writeFixture } from "./support/fixture.js";
import * as pb from "./support/protobuf.js";
import { compress, write } from "./support/remote_write.js";
import { Prometheus, Telltale } from "./support/server.js";
import { OURS_ONLY, startServer } from "./support/target.js";
import { after, before, describe, it, missing } from "./support/test.js";

const OPS = ["=", "!=", "=~", "!~"];
const [RAW, CHUNKS] = [0, 1];

/** One query a list of matchers such as ["job", "=", "api"]. */
function request(queries, { forms = [], start = T0, end = END } = {}) {
  const matcher = ([name, op, value]) =>
    pb.message(3, pb.int(1, OPS.indexOf(op)), pb.string(2, name), pb.string(3, value));
  return pb.concat(
    queries.map((list) => pb.message(1, pb.int(1, start * 1000), pb.int(2, end * 1000), list.map(matcher))),
    forms.length ? pb.packedInt(2, forms) : [],
  );
}

const read = (api, body) =>
  api.post("/api/v1/read", compress(body), {
    "content-type": "application/x-protobuf",
    "content-encoding": "snappy",
    "x-prometheus-remote-read-version": "0.1.0",
  });

/** The series of each query: [{labels, samples, histograms}]. */
async function readRaw(api, ...args) {
  const answer = await read(api, request(...args));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get("content-encoding"), "snappy");
  const results = chunks.all(chunks.fields(Buffer.from(snappy.uncompress(answer.bytes))), 1);
  return results.map((result) => chunks.all(chunks.fields(result), 1).map((bytes) => {
    const series = chunks.fields(bytes);
    const sample = (one) => [chunks.int(chunks.one(one, 2)), chunks.double(chunks.one(one, 1))];
    return {
      labels: chunks.labels(series),
      samples: chunks.all(series, 2).map((one) => sample(chunks.fields(one))),
      histograms: chunks.all(series, 4).map(chunks.fields),
    };
  }));
}

async function readChunks(api, ...args) {
  const answer = await read(api, request(...args));
  assert.equal(answer.status, 200, answer.text);
  assert.equal(answer.headers.get("content-type"), "application/x-streamed-protobuf; proto=prometheus.ChunkedReadResponse");
  return chunks.frames(answer.bytes).flatMap((frame) => {
    const query = chunks.int(chunks.one(frame, 2));
    return chunks.all(frame, 1).map((bytes) => {
      const series = chunks.fields(bytes);
      const list = chunks.all(series, 2).map(chunks.fields);
      return { query, labels: chunks.labels(series), chunks: list.map((one) => ({ from: chunks.int(chunks.one(one, 1)), to: chunks.int(chunks.one(one, 2)), type: chunks.int(chunks.one(one, 3)), data: chunks.one(one, 4) })) };
    });
  });
}

describe("remote read", () => {
  let server, api;
  before(async () => {
    server = await startServer({ set: FOREVER });
    api = server.api;
    await writeFixture(api);
    // Values that are hard on the encoder: equal ones, all bits, uneven times.
    await write(api, [{ labels: { __name__: "uneven" }, samples: uneven }]);
  });
  after(() => server?.dispose());

  const random = (i) => Math.sin(i * 7.13) * 10 ** ((i * 37) % 40 - 20);
  let t = T0 * 1000;
  const uneven = Array.from({ length: 300 }, (_, i) => {
    t += [1, 15000, 3, 900, 1000000, 70000][(i * i) % 6];
    return [t, i % 5 === 0 ? 1.5 : i === 77 ? NaN : i === 78 ? -Infinity : random(i)];
  });
  const whole = { start: T0, end: T0 + 10 ** 8 };
  const api200 = [["__name__", "=", "http_requests_total"], ["code", "!=", "500"], ["instance", "=~", "a|x"]];

  it("raw samples of each query, in order", async () => {
    const [first, second, third] = await readRaw(api, [api200, [["__name__", "=", "none"]], [["room", "!~", "attic|"]]]);
    assert.equal(first.length, 1);
    assert.deepEqual(first[0].labels, { __name__: "http_requests_total", code: "200", instance: "a", job: "api" });
    assert.equal(first[0].samples.length, SAMPLES);
    assert.deepEqual(first[0].samples[1], [(T0 + STEP_S) * 1000, 1060]);
    assert.deepEqual(second, []);
    assert.equal(third[0].labels.room, "cellar");
  });

  it("both ends of the range belong to it", async () => {
    const [[series]] = await readRaw(api, [api200], { start: T0 + STEP_S, end: T0 + 3 * STEP_S });
    assert.deepEqual(series.samples.map(([at]) => at / 1000 - T0), [15, 30, 45]);
  });

  it("native histograms as they came", { skip: OURS_ONLY }, async () => {
    const [[series]] = await readRaw(api, [[["__name__", "=", "native_seconds"]]], { forms: [RAW] });
    const last = series.histograms.at(-1);
    assert.equal(chunks.int(chunks.one(last, 15)), END * 1000);
    assert.equal(chunks.int(chunks.one(last, 1)), 5 * (SAMPLES - 1), "the whole count");
    assert.equal(chunks.double(chunks.one(last, 3)), 4 * (SAMPLES - 1), "the sum");
  });

  it("chunks, when the asker likes them better", async () => {
    const [one, two] = await readChunks(api, [api200, [["__name__", "=", "uneven"]]], { forms: [CHUNKS, RAW], ...whole });
    assert.deepEqual([one.query, two.query], [0, 1]);
    const samples = two.chunks.flatMap((chunk) => {
      assert.equal(chunk.type, 1);
      const list = chunks.xorChunk(chunk.data);
      assert.deepEqual([list[0][0], list.at(-1)[0]], [chunk.from, chunk.to]);
      return list;
    });
    assert.deepEqual(samples, uneven);
    assert.equal(one.chunks.flatMap((chunk) => chunks.xorChunk(chunk.data)).length, SAMPLES);
  });

  // Prometheus 2.42 sends chunks of whole counts, which have another form.
  it("histograms in chunks", { skip: OURS_ONLY }, async () => {
    const [series] = await readChunks(api, [[["__name__", "=", "native_seconds"]]], { forms: [CHUNKS] });
    const list = series.chunks.map((chunk) => (assert.equal(chunk.type, 3), chunks.floatHistogramChunk(chunk.data)));
    assert.equal(list.length, SAMPLES);
    const i = SAMPLES - 1;
    assert.deepEqual(list[i], { t: END * 1000, schema: 0, zeroThreshold: 0.001, bounds: [], count: 5 * i, zeroCount: i, sum: 4 * i, positiveSpans: [[0, 2]], negativeSpans: [], positive: [3 * i, i], negative: [] });
  });

  it("chunks of a long series in frames that no reader refuses", async () => {
    const long = Array.from({ length: 250_000 }, (_, i) => [T0 * 1000 + i * 100, random(i)]);
    await write(api, [{ labels: { __name__: "long" }, samples: long }]);
    const answer = await read(api, request([[["__name__", "=", "long"]]], { forms: [CHUNKS], start: T0, end: T0 + 25_000 }));
    const frames = chunks.frames(answer.bytes);
    assert.ok(frames.length > 1 && answer.bytes.length / frames.length < 1.1 * 2 ** 20, `${frames.length} frames`);
    const series = frames.flatMap((frame) => chunks.all(frame, 1).map(chunks.fields));
    const samples = series.flatMap((one) => {
      assert.deepEqual(chunks.labels(one), { __name__: "long" });
      return chunks.all(one, 2).map(chunks.fields).flatMap((chunk) => chunks.xorChunk(chunks.one(chunk, 4)));
    });
    assert.deepEqual(samples, long);
  });

  it("refuses what is not a request", async () => {
    for (const [body, message] of [
      [Buffer.from("not snappy"), /snappy/i],
      [compress(Buffer.from([0xff, 0xff])), /./],
      [compress(request([[["a", "=~", "("]]])), /\(|regex|paren/],
    ]) {
      const answer = await api.post("/api/v1/read", body, {});
      assert.ok(answer.status === 400 || answer.status === 500, `${answer.status}`);
      assert.match(answer.text, message);
    }
  });

  it("refuses a form that it does not have", { skip: OURS_ONLY }, async () => {
    const answer = await read(api, request([api200], { forms: [7] }));
    assert.equal(answer.status, 400);
    assert.match(answer.text, /accepted_response_types/);
  });
});

describe("remote read with external labels", () => {
  let server;
  before(async () => {
    server = await Telltale.start({ set: FOREVER, config: "global: {external_labels: {site: here, job: other}}\n" });
    await writeFixture(server.api);
  });
  after(() => server?.dispose());

  it("puts them on and can be asked for them", async () => {
    const name = ["__name__", "=", "temperature_celsius"];
    const [[found], none] = await readRaw(server.api, [[name, ["site", "=", "here"], ["room", "=", "attic"]], [name, ["site", "=", "there"]]]);
    assert.deepEqual(found.labels, { __name__: "temperature_celsius", job: "other", room: "attic", site: "here" });
    assert.deepEqual(none, []);
  });
});

describe("Prometheus reads from us", { skip: missing("prometheus") }, () => {
  let ours, theirs;
  before(async () => {
    ours = await Telltale.start({ set: FOREVER });
    await writeFixture(ours.api);
    theirs = await Prometheus.start({ config: `remote_read: [{url: "${ours.url}/api/v1/read", read_recent: true}]\n` });
  });
  after(async () => {
    await theirs?.dispose();
    await ours?.dispose();
  });

  // It asks for raw samples and knows floats alone. Windows of Prometheus 2 are closed on the left: the last digits of a rate may differ.
  const rounded = (list) => list.map(({ metric, value }) => ({ metric, value: Number(value.toPrecision(9)) }));
  it("and computes the same", async () => {
    for (const expr of ["temperature_celsius", 'sum by (code) (rate(http_requests_total{job="api"}[2m]))', 'count({__name__=~"request_.+"})']) {
      assert.deepEqual(rounded(await theirs.api.vector(expr, END)), rounded(await ours.api.vector(expr, END)), expr);
    }
  });
});
