// What is sent comes back, to the bit: random spans and log records with every field of OTLP, nested
// and empty values, bytes and numbers that are hard to write; sent as protobuf and as JSON, read by
// export and by Jaeger's API, out of memory, out of the log after a kill, out of parts and merged ones.
//
// What may differ is what the documents say: attributes have no order, of NaNs there is one.

import assert from "node:assert/strict";
import { otlpRequest } from "./support/otlp_protobuf.js";
import { SEED, seeded } from "./support/random.js";
import { RandomRecords } from "./support/random_records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const BATCHES = 6; // of each table before each flush
const ROWS = 60; // of one request
const FLUSH = "/api/v1/admin/telltale/flush";

const KINDS = {
  spans: { path: "/v1/traces", resources: "resourceSpans", scopes: "scopeSpans", rows: "spans", make: "span" },
  logs: { path: "/v1/logs", resources: "resourceLogs", scopes: "scopeLogs", rows: "logRecords", make: "log" },
};

/** JSON keeps no sign of zero when JavaScript writes it. */
const write = (v) => JSON.stringify(v, (_, one) => (Object.is(one, -0) ? "-0" : one)).replaceAll(':"-0"', ":-0");

const ordered = (list) => list && [...list].sort((a, b) => (a.key < b.key ? -1 : 1));
const inOrder = (v) => (v.attributes ? { ...v, attributes: ordered(v.attributes) } : v);
const byName = (v) => Object.fromEntries(Object.entries(v).sort(([a], [b]) => (a < b ? -1 : 1)));

/** One row with where it came from, as one text. */
function told(source, row) {
  const parts = [inOrder(source.resource), source.url, inOrder(source.scope), source.scopeUrl];
  const { events, links, ...rest } = inOrder(row);
  const lists = [events, links].map((list) => list?.map((one) => byName(inOrder(one))));
  return write([...parts.map((p) => (p && typeof p === "object" ? byName(p) : p)), ...lists, byName(rest)]);
}

/** All rows of requests, sorted. */
function rowsOf(kind, requests) {
  const out = [];
  for (const request of requests)
    for (const r of request[kind.resources])
      for (const s of r[kind.scopes])
        for (const row of s[kind.rows]) out.push(told({ resource: r.resource, url: r.schemaUrl, scope: s.scope, scopeUrl: s.schemaUrl }, row));
  return out.sort();
}

describe(`spans and log records come back as they were sent (TELLTALE_SEED=${SEED})`, () => {
  const make = new RandomRecords(seeded(SEED));
  const sent = { spans: [], logs: [] };
  let server;
  before(async () => {
    server = await Telltale.start();
  });
  after(() => server?.dispose());

  function request(kind) {
    const groups = Array.from({ length: 3 }, () => make.source());
    return {
      [kind.resources]: groups.map(({ resource, url, scope, scopeUrl }) => ({
        resource,
        ...(url && { schemaUrl: url }),
        [kind.scopes]: [{ scope, ...(scopeUrl && { schemaUrl: scopeUrl }), [kind.rows]: Array.from({ length: ROWS / 3 }, () => make[kind.make]()) }],
      })),
    };
  }

  async function send(kind, asProtobuf) {
    const one = request(kind);
    const type = asProtobuf ? "application/x-protobuf" : "application/json";
    const answer = await server.api.post(kind.path, asProtobuf ? otlpRequest(one) : write(one), { "content-type": type });
    assert.equal(answer.status, 200, answer.text);
    assert.ok(asProtobuf ? answer.bytes.length === 0 : !answer.json.partialSuccess?.errorMessage, answer.text);
    return one;
  }

  async function sendMore() {
    for (const [table, kind] of Object.entries(KINDS))
      for (let i = 0; i < BATCHES; i++) sent[table].push(await send(kind, i % 2 === 0));
  }

  async function check() {
    for (const [table, kind] of Object.entries(KINDS)) {
      const answer = await server.api.get("/api/v1/export", { table });
      assert.equal(answer.status, 200, answer.text);
      const found = rowsOf(kind, answer.text.split("\n").filter(Boolean).map(JSON.parse));
      const expected = rowsOf(kind, sent[table]);
      const at = expected.findIndex((one, i) => one !== found[i]);
      assert.equal(found[at], expected[at], `${table}, row ${at}`);
      assert.equal(found.length, expected.length);
    }
  }

  const flush = async (params) => assert.equal((await server.api.form(FLUSH, params)).status, 200);

  const steps = {
    "out of memory": sendMore,
    "out of the log, after kill -9": async () => {
      await server.kill();
      await server.restart();
    },
    "out of parts": () => flush({}),
    "out of parts and memory": sendMore,
    "out of parts and the log, after kill -9": async () => {
      await server.kill();
      await server.restart();
    },
    "out of merged parts": () => flush({ merge: 1 }),
    "out of merged parts, after an orderly restart": async () => {
      await server.stop();
      await server.restart();
    },
  };
  for (const [name, step] of Object.entries(steps)) {
    it(name, async () => {
      await step();
      await check();
    });
  }

  it("and Jaeger's version 3 gives the same OTLP", async () => {
    const requests = sent.spans.slice(0, 2);
    const ids = requests.flatMap((r) => r.resourceSpans.flatMap((one) => one.scopeSpans[0].spans.map((s) => s.traceId)));
    const found = [];
    for (const id of ids) found.push((await server.api.get(`/jaeger/api/v3/traces/${id}`)).json.result);
    assert.deepEqual(rowsOf(KINDS.spans, found), rowsOf(KINDS.spans, requests));
  });
});
