// kill -9 under metrics, spans and logs at once: what was acknowledged is there after the restart,
// each batch whole and once, and the directory is sound.
//
// Searches find it, too: traces by attribute and id, sessions, log records by word, as Jaeger's API does.
//
// Spans and log records have no key, so that unlike with samples a row that came back twice would
// show. What was sent and not acknowledged may be there as a whole or not at all.

import assert from "node:assert/strict";
import { run } from "./support/process.js";
import { SEED, seeded } from "./support/random.js";
import { writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const ROUNDS = Number(process.env.TELLTALE_KILL_ROUNDS ?? 6);
const BATCH = 25; // rows of one request
const FLUSH = "/api/v1/admin/telltale/flush";
const NOW = Math.floor(Date.now() / 1000) - 3600;
const traceOf = (round, batch) => hex((round + 1) * 1e6 + batch, 32);
const hex = (n, digits) => n.toString(16).padStart(digits, "0");

/** A batch of rows that tell their round, writer and batch; some of them are of the day before. */
const time = (batch, i) => NOW - (batch % 7 === 3 && i % 2 ? 86_400 : 0) + batch + i / 1000;
const SENDERS = {
  spans: (api, round, writer, batch) =>
    writeSpans(
      api,
      `service-${writer}`,
      Array.from({ length: BATCH }, (_, i) => ({
        trace: traceOf(round, batch),
        id: hex(((round + 1) * 100 + writer) * 1e7 + batch * 100 + i + 1, 16),
        name: `step ${i % 3}`,
        start: time(batch, i),
        attributes: { round, writer, batch, i, text: `row ${i} of a batch of round ${round}`, "session.id": `round ${round}` },
      })),
    ),
  logs: (api, round, writer, batch) =>
    writeLogs(
      api,
      `service-${writer}`,
      Array.from({ length: BATCH }, (_, i) => ({ at: time(batch, i), body: `line ${i} of batch ${batch}`, trace: traceOf(round, batch), severity: 9, attributes: { round, writer, batch, i } })),
    ),
  async metrics(api, round, writer, batch) {
    const series = { labels: { __name__: "crash", round: String(round), writer: String(writer) }, samples: Array.from({ length: BATCH }, (_, i) => [NOW * 1000 + batch * BATCH + i, batch]) };
    const answer = await rw.write(api, [series]);
    assert.ok(answer.status < 300, `${answer.status}: ${answer.text}`);
  },
};
const WRITERS = ["spans", "spans", "logs", "logs", "metrics"];

describe(`kill -9 under metrics, spans and logs, ${ROUNDS} times (TELLTALE_SEED=${SEED})`, () => {
  const random = seeded(SEED);
  const acknowledged = []; // by round: batches of each writer
  let server;

  before(async () => {
    server = await Telltale.start();
  });
  after(() => server?.dispose());

  async function writeUntilDeath(round, writer, progress) {
    for (let batch = 0; ; batch++) {
      try {
        await SENDERS[WRITERS[writer]](server.api, round, writer, batch);
      } catch (error) {
        if (error.code === "ERR_ASSERTION") throw error;
        return batch; // the connection broke: this one was not acknowledged
      }
      progress();
    }
  }

  async function loadAndKill(round) {
    const killAfter = 1 + Math.floor(random() * 120);
    const killDelayUs = Math.floor(random() * 4000);
    const flushAfter = Math.floor(random() * 120);
    let done = 0;
    let reached;
    const killTime = new Promise((resolve) => (reached = resolve));
    const progress = () => {
      done++;
      if (done === flushAfter) server.api.post(FLUSH, "").catch(() => {});
      if (done === killAfter) reached();
    };
    const writers = WRITERS.map((_, w) => writeUntilDeath(round, w, progress));
    await Promise.race([killTime, Promise.all(writers)]);
    const end = process.hrtime.bigint() + BigInt(killDelayUs) * 1000n;
    while (process.hrtime.bigint() < end) await new Promise(setImmediate);
    await server.kill();
    return Promise.all(writers);
  }

  /** Rows of the round by writer and batch. */
  async function rowsOf(table, round) {
    const answer = await server.api.get("/api/v1/export", { table, match: `attributes.round = ${round}` });
    assert.equal(answer.status, 200, answer.text);
    const counts = new Map();
    for (const line of answer.text.split("\n").filter(Boolean)) {
      const request = JSON.parse(line);
      for (const { scopeSpans, scopeLogs } of request.resourceSpans ?? request.resourceLogs)
        for (const { spans, logRecords } of scopeSpans ?? scopeLogs)
          for (const { attributes } of spans ?? logRecords) {
            const value = (name) => Number(attributes.find(({ key }) => key === name).value.intValue);
            const key = `${value("writer")}/${value("batch")}`;
            counts.set(key, (counts.get(key) ?? new Set()).add(value("i")));
            counts.get(key).rows = (counts.get(key).rows ?? 0) + 1;
          }
    }
    return counts;
  }

  async function checkRecords(round, writer, count) {
    const found = await rowsOf(WRITERS[writer], round);
    for (let batch = 0; batch < count; batch++) {
      const rows = found.get(`${writer}/${batch}`);
      assert.equal(rows?.rows, BATCH, `${WRITERS[writer]}, round ${round}, batch ${batch} of ${count}`);
      assert.equal(rows.size, BATCH);
    }
    const more = [...found].filter(([key]) => key.startsWith(`${writer}/`)).length - count;
    assert.ok(more === 0 || (more === 1 && found.get(`${writer}/${count}`)?.rows === BATCH), `${more} batches more than were acknowledged`);
  }

  async function checkRound(round) {
    for (const [writer, count] of acknowledged[round].entries()) {
      if (WRITERS[writer] !== "metrics") {
        await checkRecords(round, writer, count);
        continue;
      }
      const samples = await server.api.vector(`count_over_time(crash{round="${round}"}[2h])`, NOW + 7000);
      const found = samples[0]?.value ?? 0;
      assert.ok(found === count * BATCH || found === (count + 1) * BATCH, `${found} samples, ${count * BATCH} acknowledged`);
    }
  }

  async function found(path, params) {
    const answer = await server.api.get(`/api/v1/${path}`, params);
    assert.equal(answer.status, 200, answer.text);
    return answer.json.data;
  }

  /** What each writer of the table acknowledged in the round: the most, for they share traces. */
  const most = (table, round) => Math.max(...acknowledged[round].filter((_, w) => WRITERS[w] === table));
  const sum = (table, round) => acknowledged[round].filter((_, w) => WRITERS[w] === table).reduce((a, b) => a + b);
  const atLeast = (n, expected, what) => assert.ok(n >= expected && n <= expected + 2, `${what}: ${n}, ${expected} acknowledged`);

  async function searchTraces(round) {
    const count = most("spans", round);
    const { traces } = await found("traces", { where: `round = ${round} and text : "batch of round ${round}"`, limit: 500 });
    const ids = new Set(traces.map((t) => t.trace_id));
    for (let batch = 0; batch < count && batch < 500; batch++) assert.ok(ids.has(traceOf(round, batch)), `trace of batch ${batch} of ${count}`);
    if (count === 0) return;
    const { sessions } = await found("sessions", { where: `round = ${round}` });
    atLeast(sessions[0].trace_count, Math.min(count, 200), "traces of the session");
    const { spans, logs } = await found(`traces/${traceOf(round, 0)}`);
    const { data } = (await server.api.get(`/jaeger/api/traces/${traceOf(round, 0)}`)).json;
    assert.equal(data[0].spans.length, spans.length);
    const lines = acknowledged[round].filter((n, w) => WRITERS[w] === "logs" && n > 0).length;
    assert.ok(logs.length >= lines * BATCH, `${logs.length} lines of the trace`);
  }

  async function searchLogs(round) {
    const { logs } = await found("logs", { where: `"line 7" and round = ${round}`, limit: 10_000 });
    atLeast(logs.length, sum("logs", round), "lines found by their words");
    const { total } = await found("logs/histogram", { where: `round = ${round}`, start: NOW - 2 * 86_400, end: NOW + 7000, step: "1h" });
    atLeast(total / BATCH, sum("logs", round), "lines in the histogram");
  }

  async function checkDirectory() {
    const { code, stdout } = await run(TELLTALE, ["store", "check", server.data], { timeoutMs: 120_000 });
    assert.equal(code, 0, stdout);
  }

  for (let round = 0; round < ROUNDS; round++) {
    it(`round ${round}`, async () => {
      acknowledged[round] = await loadAndKill(round);
      assert.ok(acknowledged[round].some((count) => count > 0));
      if (round % 5 === 0) await checkDirectory();
      await server.restart();
      await checkRound(round);
      await searchTraces(round);
      await searchLogs(round);
    });
  }

  it("and after all of them nothing is gone or there twice, nor after a clean stop", async () => {
    for (let round = 0; round < ROUNDS; round++) await checkRound(round);
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    await checkDirectory();
    await server.restart();
    for (let round = 0; round < ROUNDS; round++) {
      await checkRound(round);
      await searchTraces(round);
      await searchLogs(round);
    }
  });
});
