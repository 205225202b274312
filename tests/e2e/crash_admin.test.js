// kill -9 while series and log records are written, deleted, cleaned up and snapshotted: what was
// acknowledged is there, what was deleted stays gone, and each snapshot is whole.

import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { run } from "./support/process.js";
import { SEED, seeded } from "./support/random.js";
import { writeLogs } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const ROUNDS = Number(process.env.TELLTALE_KILL_ROUNDS ?? 8);
const ADMIN = "/api/v1/admin";
const NOW = Math.floor(Date.now() / 1000) - 3600;
const KINDS = ["kept", "gone"];

/** What a round did: numbers of batches, each with one row of both kinds in both tables. */
class Round {
  begun = 0; // batches that were sent
  acknowledged = 0; // so many, all before the ones in flight
  deleted = 0; // batches acknowledged before a deletion that was acknowledged
  sure = 0; // batches from this one on were sent when no deletion could take them any more
  snapshots = []; // {name, acknowledged}

  constructor(number) {
    this.number = number;
  }
}

describe(`kill -9 among deletions and snapshots, ${ROUNDS} times (TELLTALE_SEED=${SEED})`, () => {
  const random = seeded(SEED);
  const rounds = [];
  let server;

  before(async () => {
    server = await Telltale.start({ set: { "http.admin_api": "true", "storage.flush_interval": "1s" } });
  });
  after(() => server?.dispose());

  const check = async (dir) => {
    const { code, stdout } = await run(TELLTALE, ["store", "check", dir]);
    assert.equal(code, 0, `${dir}: ${stdout}`);
  };

  async function writeUntilDeath(round, progress) {
    for (;;) {
      const i = round.begun++;
      const samples = [[(NOW + i) * 1000, i]];
      try {
        const answer = await rw.write(server.api, KINDS.map((kind) => ({ labels: { __name__: kind, round: `${round.number}` }, samples })));
        assert.ok(answer.status < 300, answer.text);
        await writeLogs(server.api, `round-${round.number}`, KINDS.map((kind) => ({ at: NOW + i, body: `${kind} ${i}`, attributes: { kind } })));
      } catch (error) {
        if (error.code === "ERR_ASSERTION") throw error;
        return;
      }
      round.acknowledged++;
      progress();
    }
  }

  async function administerUntilDeath(round) {
    const post = async (path) => {
      const answer = await server.api.post(`${ADMIN}/${path}`, "");
      assert.ok(answer.status < 300, answer.text);
      return answer;
    };
    for (let i = 0; ; i++)
      try {
        const before = round.acknowledged;
        round.sure = Infinity;
        await post(`tsdb/delete_series?match[]=gone{round="${round.number}"}`);
        await post(`logs/delete?${new URLSearchParams({ where: `kind = gone and service = round-${round.number}` })}`);
        round.deleted = before;
        round.sure = round.begun;
        if (i % 2) await post("tsdb/clean_tombstones");
        if (i % 3 === 0) await post("telltale/flush");
        if (i % 4 === 1) {
          const acknowledged = round.acknowledged;
          const { data } = (await post("tsdb/snapshot")).json;
          round.snapshots.push({ name: data.name, acknowledged });
        }
      } catch (error) {
        if (error.code === "ERR_ASSERTION") throw error;
        return;
      }
  }

  /** Numbers of the batches of a kind that are there, in either table. */
  async function read(api, round, kind) {
    const samples = [...(await api.samples(`${kind}{round="${round.number}"}`, { seconds: 7200, at: NOW + 7000 })).values()][0] ?? [];
    const where = `service = round-${round.number} and kind = ${kind}`;
    const { json, text } = await api.get("/api/v1/logs", { where, start: NOW - 10, end: NOW + 7200, limit: 10_000 });
    assert.ok(json?.data, text);
    const logs = json.data.logs.map(({ body }) => Number(body.split(" ")[1])).sort((a, b) => a - b);
    return { metrics: samples.map(([, v]) => v), logs };
  }

  async function checkRound(api, round) {
    const all = Array.from({ length: round.acknowledged }, (_, i) => i);
    for (const [table, there] of Object.entries(await read(api, round, "kept"))) assert.deepEqual(there.slice(0, all.length), all, `${table} of round ${round.number}`);
    for (const [table, there] of Object.entries(await read(api, round, "gone"))) {
      assert.deepEqual(there.filter((i) => i < round.deleted), [], `deleted ${table} of round ${round.number}`);
      const sure = all.filter((i) => i >= round.sure);
      assert.deepEqual(there.filter((i) => i >= round.sure).slice(0, sure.length), sure, `${table} after the deletion of round ${round.number}`);
    }
  }

  /** Killed behind so many batches, and some instant later; every fourth time there is a snapshot before. */
  async function loadAndKill(round) {
    const killAfter = 5 + Math.floor(random() * 100);
    const killDelayUs = Math.floor(random() * 5000);
    let reached;
    const killTime = new Promise((resolve) => (reached = resolve));
    const isTime = () => round.acknowledged >= killAfter && (round.number % 4 || round.snapshots.length);
    const work = [writeUntilDeath(round, () => isTime() && reached()), administerUntilDeath(round)];
    await Promise.race([killTime, Promise.all(work)]);
    const end = process.hrtime.bigint() + BigInt(killDelayUs) * 1000n;
    while (process.hrtime.bigint() < end) await new Promise(setImmediate);
    await server.kill();
    await Promise.all(work);
  }

  for (let number = 0; number < ROUNDS; number++)
    it(`round ${number}`, async () => {
      const round = new Round(number);
      rounds.push(round);
      await loadAndKill(round);
      await check(server.data);
      await server.restart();
      await checkRound(server.api, round);
    });

  it("and after all of them nothing came back, nor after a clean stop", async () => {
    for (const round of rounds) await checkRound(server.api, round);
    await server.stop();
    await check(server.data);
    await server.restart();
    for (const round of rounds) await checkRound(server.api, round);
    await server.stop();
  });

  it("and each snapshot has what was acknowledged before it", async () => {
    const parent = join(server.data, "snapshots");
    const names = readdirSync(parent).filter((name) => !name.endsWith(".tmp"));
    for (const { number, snapshots } of rounds)
      for (const { name, acknowledged } of snapshots) {
        assert.ok(names.includes(name), `snapshot ${name} of round ${number}`);
        const dir = join(parent, name);
        await check(dir);
        const { code, stdout, stderr } = await run(TELLTALE, ["store", "export", "--data", dir, "--format", "prometheus", "--match", `kept{round="${number}"}`]);
        assert.equal(code, 0, stderr);
        assert.ok(stdout.split("\n").filter((line) => line.startsWith("kept")).length >= acknowledged, `${acknowledged} in ${name}`);
      }
    assert.ok(rounds[0].snapshots.length > 0);
  });
});
