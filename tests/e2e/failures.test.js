// A disk that is full, limited or read-only: the server goes on answering, says what is wrong, and
// takes samples again by itself.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readdirSync, rmSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { FOREVER, T0 } from "./support/fixture.js";
import { run } from "./support/process.js";
import { writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE, temporaryDirectory } from "./support/server.js";
import { describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const SERIES = 200;
const STEP = 20; // samples of each series in a batch

/** Writes batches from `from` on until one is refused or `max` are in; how many are in, and the refusal. */
async function fill(api, max, from = 0) {
  for (let batch = from; batch < max; batch++) {
    const series = Array.from({ length: SERIES }, (_, s) => ({
      labels: { __name__: "m", s: String(s) },
      samples: Array.from({ length: STEP }, (_, i) => [(T0 + batch * STEP + i) * 1000, Math.sin(batch * STEP + i + s)]),
    }));
    const answer = await rw.write(api, series);
    if (answer.status >= 300) return { batches: batch, refusal: answer };
  }
  return { batches: max };
}

const counted = (api) => api.value("sum(count_over_time(m[3h]))", T0 + 7200);

async function assertReadOnly(api, reason) {
  const ready = await api.get("/-/ready");
  assert.equal(ready.status, 503);
  assert.match(ready.text, /read-only/);
  assert.match(ready.text, reason);
  assert.equal((await api.get("/-/healthy")).status, 200);
  const { storage } = await api.data("/api/v1/status/tsdb");
  assert.equal(storage.readOnly, true);
  assert.match(storage.message, reason);
  assert.match((await api.get("/metrics")).text, /^telltale_store_read_only 1$/m);
}

/** `wait`: until the server finds out by itself, instead of by the next batch. */
async function assertRecovers(server, batches, { wait }) {
  const { api } = server;
  if (!wait) assert.equal((await fill(api, batches + 1, batches)).refusal?.text, undefined);
  await until(async () => (await api.get("/-/ready")).status === 200, "writes to be taken again", { timeoutMs: 20_000, everyMs: 100 });
  assert.equal((await api.data("/api/v1/status/tsdb")).storage.readOnly, false);
  assert.match((await api.get("/metrics")).text, /^telltale_store_read_only 0$/m);
  const more = await fill(api, batches + 5, batches);
  assert.equal(more.refusal?.text, undefined);
  assert.equal(await counted(api), (batches + 5) * SERIES * STEP);
  assert.deepEqual(await server.stop(), { code: 0, signal: null });
  const { code, stdout } = await run(TELLTALE, ["store", "check", server.data]);
  assert.equal(code, 0, stdout);
  await server.restart();
  assert.equal(await counted(server.api), (batches + 5) * SERIES * STEP, "after a restart");
}

/** A file system of its own size, or null where mounting is not permitted. */
function mountSmall(size) {
  const at = join(temporaryDirectory(), "disk");
  mkdirSync(at);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${size}`, "none", at], { stdio: "ignore" });
  } catch {
    return null;
  }
  const disk = {
    at,
    option: (text) => execFileSync("mount", ["-o", `remount,${text}`, at]),
    unmount: () => execFileSync("umount", [at]),
  };
  return disk;
}

/** Writes a file until nothing more fits. */
function fillUp(path) {
  const file = openSync(path, "w");
  try {
    for (const bytes of [Buffer.alloc(64 << 10), Buffer.alloc(1)]) {
      try {
        while (writeSync(file, bytes) > 0);
      } catch (error) {
        assert.equal(error.code, "ENOSPC");
      }
    }
  } finally {
    closeSync(file);
  }
}

const LOGS = JSON.stringify({
  resourceLogs: [{ scopeLogs: [{ logRecords: [{ timeUnixNano: `${Date.now()}000000`, body: { stringValue: "full" } }] }] }],
});

const has = (tool) => {
  try {
    execFileSync(tool, ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
};

describe("a disk that fails", () => {
  it("full: batches are refused with 503, all else goes on, and space ends it", async (t) => {
    const disk = mountSmall("6m");
    if (!disk) return t.skip("mounting is not permitted here");
    let server;
    try {
      server = await Telltale.start({ set: FOREVER, dir: disk.at });
      const { batches, refusal } = await fill(server.api, 2000);
      assert.equal(refusal?.status, 503, "6 MiB are soon full");
      assert.match(refusal.text, /No space left/);
      await assertReadOnly(server.api, /No space left/);
      assert.equal(await counted(server.api), batches * SERIES * STEP);
      disk.option("size=200m");
      await assertRecovers(server, batches, { wait: false });
    } finally {
      await server?.dispose();
      disk.unmount();
    }
  });

  it("full when the server starts: answers, refuses with a hint, and recovers by itself", async (t) => {
    const disk = mountSmall("6m");
    if (!disk) return t.skip("mounting is not permitted here");
    const filler = join(disk.at, "filler");
    let server;
    try {
      server = await Telltale.start({ set: FOREVER, dir: disk.at });
      const { batches } = await fill(server.api, 10);
      await server.kill();
      fillUp(filler);
      server.spawn();
      await server.up();
      await until(async () => /read-only/.test((await server.api.get("/-/ready")).text), "the log to be replayed", { timeoutMs: 20_000, everyMs: 50 });
      await assertReadOnly(server.api, /No space left/);
      assert.equal(await counted(server.api), batches * SERIES * STEP);
      const { refusal } = await fill(server.api, batches + 1, batches);
      assert.equal(refusal?.status, 503, refusal?.text);
      assert.match(refusal.text, /No space left/);
      assert.ok(refusal.headers.get("retry-after"));
      const otlp = await server.api.post("/v1/logs", LOGS, { "content-type": "application/json" });
      assert.equal(otlp.status, 503, otlp.text);
      assert.equal(JSON.parse(otlp.text).code, 14);
      rmSync(filler);
      await assertRecovers(server, batches, { wait: true });
    } finally {
      await server?.dispose();
      disk.unmount();
    }
  });

  it("a limit on the size of files is like a full disk, and no signal ends the server", async (t) => {
    if (!has("prlimit")) return t.skip("there is no prlimit");
    const server = await Telltale.start({ set: FOREVER });
    const limit = (bytes) => execFileSync("prlimit", ["--pid", String(server.process.pid), `--fsize=${bytes}:`]);
    try {
      limit(1 << 20);
      const { batches, refusal } = await fill(server.api, 2000);
      assert.equal(refusal?.status, 503, refusal?.text);
      assert.match(refusal.text, /File too large/);
      // The flush that follows may already have helped: parts are smaller than the log.
      assert.equal(await counted(server.api), batches * SERIES * STEP);
      limit("unlimited");
      await assertRecovers(server, batches, { wait: true });
    } finally {
      await server.dispose();
    }
  });

  it("read-only from the beginning: refuses to start and says why", async (t) => {
    const disk = mountSmall("6m");
    if (!disk) return t.skip("mounting is not permitted here");
    try {
      disk.option("ro");
      const { code, stderr } = await run(TELLTALE, ["serve", "--data", join(disk.at, "data"), "--http", "127.0.0.1:0", "--otlp-http", "off", "--otlp-grpc", "off"]);
      assert.equal(code, 1);
      assert.match(stderr, /data: Read-only file system/);
    } finally {
      disk.unmount();
    }
  });
});

describe("a flush that fails", () => {
  /** A file where the directory of the day is to be, so that nothing can be written there. */
  function block(server, table, day) {
    const path = join(server.data, table, day);
    writeFileSync(path, "");
    return path;
  }

  const storage = async (api) => (await api.data("/api/v1/status/tsdb")).storage;

  it("keeps no other table from its own, is told, and repeated within ten seconds", async () => {
    const server = await Telltale.start({ set: FOREVER });
    const today = new Date().toISOString().slice(0, 10);
    try {
      const { api } = server;
      const blocked = [block(server, "metrics", new Date(T0 * 1000).toISOString().slice(0, 10)), block(server, "spans", today)];
      await fill(api, 1);
      await writeSpans(api, "shop", [{ trace: "0af7651916cd43dd8448eb211c80319c", id: "b7ad6b7169203331", name: "a", start: Date.now() / 1000 }]);
      await api.post("/v1/logs", LOGS, { "content-type": "application/json" });
      const flush = await api.post("/api/v1/admin/telltale/flush");
      assert.deepEqual([flush.status, flush.json.errorType], [500, "internal"], flush.text);
      assert.ok(readdirSync(join(server.data, "logs", today)).some((name) => name.endsWith(".part")), "logs are written down");
      assert.deepEqual(await storage(api).then((s) => [s.readOnly, s.flushFailed]), [false, true]);
      rmSync(blocked[0]);
      await until(async () => existsSync(blocked[0]), "metrics to be flushed", { timeoutMs: 12_000, everyMs: 50 });
      const spansAlone = (s) => s.flushFailed && /spans/.test(s.message) && !/metrics/.test(s.message);
      await until(async () => spansAlone(await storage(api)), "only that of spans to fail", { timeoutMs: 12_000, everyMs: 50 });
      rmSync(blocked[1]);
      await until(async () => !(await storage(api)).flushFailed, "spans to be flushed", { timeoutMs: 12_000, everyMs: 50 });
      assert.equal(await counted(api), SERIES * STEP);
    } finally {
      await server.dispose();
    }
  });
});

describe("stopping while the log is replayed", () => {
  it("ends at once with status 0 and loses nothing", async () => {
    const server = await Telltale.start({ set: FOREVER });
    try {
      const { batches } = await fill(server.api, 150);
      await server.kill();
      for (let i = 0; i < 3; i++) {
        server.spawn();
        await server.up();
        const began = Date.now();
        assert.deepEqual(await server.stop(), { code: 0, signal: null }, server.log);
        assert.ok(Date.now() - began < 2000, `${Date.now() - began} ms`);
      }
      await server.restart();
      assert.equal(await counted(server.api), batches * SERIES * STEP);
    } finally {
      await server.dispose();
    }
  });
});
