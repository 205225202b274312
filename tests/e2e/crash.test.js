// kill -9 under load: what was acknowledged is there after the restart, with its value.
//
// Each round writes over several connections while the head is flushed to parts now and then, kills
// the server at a random moment, starts it again and reads everything back. What was sent and not
// acknowledged may be there or not; what was never sent may not.

import assert from "node:assert/strict";
import { FOREVER, T0 } from "./support/fixture.js";
import { SEED, seeded } from "./support/random.js";
import * as rw from "./support/remote_write.js";
import { AGAINST_PROMETHEUS, startServer } from "./support/target.js";
import { after, before, describe, it } from "./support/test.js";

const ROUNDS = Number(process.env.TELLTALE_KILL_ROUNDS ?? 10);
const WRITERS = 4;
const SERIES = 10; // of each writer
const BATCH = 20; // samples of each series in one request
const FLUSH = "/api/v1/admin/telltale/flush";

describe(`kill -9 under load, ${ROUNDS} times (TELLTALE_SEED=${SEED})`, () => {
  const random = seeded(SEED);
  const acknowledged = new Map(); // series name -> number of samples, over all rounds
  let server;

  before(async () => {
    server = await startServer({ set: FOREVER });
  });
  after(() => server?.dispose());

  const nameOf = (round, writer, series) => `load_r${round}_w${writer}_s${series}`;
  const valueOf = (writer, series, i) => writer * 1e9 + series * 1e6 + i;

  // Writes batch after batch until the server dies; returns how many batches were acknowledged.
  async function writeUntilDeath(round, writer, progress) {
    for (let batch = 0; ; batch++) {
      const series = Array.from({ length: SERIES }, (_, s) => ({
        labels: { __name__: nameOf(round, writer, s), job: "load" },
        samples: Array.from({ length: BATCH }, (_, k) => {
          const i = batch * BATCH + k;
          return [T0 * 1000 + round * 3_600_000 + i, valueOf(writer, s, i)];
        }),
      }));
      let answer;
      try {
        answer = await rw.write(server.api, series);
      } catch {
        return batch; // the connection broke: this one was not acknowledged
      }
      assert.ok(answer.status < 300, `${answer.status}: ${answer.text}`);
      progress();
    }
  }

  async function loadAndKill(round) {
    const killAfter = 1 + Math.floor(random() * 80); // acknowledged batches
    const killDelayUs = Math.floor(random() * 3000); // and then a moment within a request
    const flushAfter = Math.floor(random() * 80);
    let done = 0;
    let reached;
    const killTime = new Promise((resolve) => (reached = resolve));
    const progress = () => {
      done++;
      if (done === flushAfter && !AGAINST_PROMETHEUS) server.api.post(FLUSH, "").catch(() => {});
      if (done === killAfter) reached();
    };
    const writers = Array.from({ length: WRITERS }, (_, w) => writeUntilDeath(round, w, progress));
    await Promise.race([killTime, Promise.all(writers)]);
    const end = process.hrtime.bigint() + BigInt(killDelayUs) * 1000n;
    while (process.hrtime.bigint() < end) await new Promise(setImmediate);
    await server.kill();
    return Promise.all(writers);
  }

  async function checkRound(round, batches) {
    for (const [writer, count] of batches.entries()) {
      for (let s = 0; s < SERIES; s++) {
        const name = nameOf(round, writer, s);
        const at = T0 + round * 3600 + 1800;
        const samples = [...(await server.api.samples(name, { seconds: 1801, at })).values()][0] ?? [];
        acknowledged.set(name, count * BATCH);
        assert.ok(samples.length >= count * BATCH, `${name}: ${samples.length} samples, ${count * BATCH} acknowledged`);
        assert.ok(samples.length <= (count + 1) * BATCH, `${name}: more samples than were sent`);
        samples.forEach(([t, v], i) => {
          assert.equal(v, valueOf(writer, s, i), name);
          assert.ok(Math.abs(t - (T0 + round * 3600 + i / 1000)) < 1e-6, name);
        });
      }
    }
  }

  for (let round = 0; round < ROUNDS; round++) {
    it(`round ${round}`, async () => {
      const batches = await loadAndKill(round);
      assert.ok(batches.some((count) => count > 0));
      await server.restart();
      await checkRound(round, batches);
    });
  }

  it("and after all of them nothing of the first is gone, nor after a clean stop", async () => {
    const check = async () => {
      for (const [name, count] of acknowledged) {
        const [series] = await server.api.vector(`count_over_time(${name}[${ROUNDS + 1}h])`, T0 + ROUNDS * 3600);
        const found = series?.value ?? 0; // a writer may have come to nothing in its round
        assert.ok(found >= count, `${name}: ${found} of ${count}`);
      }
    };
    await check();
    assert.deepEqual(await server.stop(), { code: 0, signal: null });
    await server.restart();
    await check();
  });
});
