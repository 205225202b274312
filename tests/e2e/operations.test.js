// What an operator does to the data: snapshots and restoring them, checking, measuring, deleting.

import assert from "node:assert/strict";
import { cpSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOREVER, T0 } from "./support/fixture.js";
import { run } from "./support/process.js";
import { writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const SNAPSHOT = "/api/v1/admin/tsdb/snapshot";

describe("a snapshot", () => {
  let server;
  let name;
  const write = async (value) => {
    const answer = await rw.write(server.api, [
      { labels: { __name__: "m", s: "1" }, samples: [[(T0 + value) * 1000, value]] },
    ]);
    assert.ok(answer.status < 300, answer.text);
  };
  const restored = async (body) => {
    const dir = temporaryDirectory();
    cpSync(join(server.data, "snapshots", name), join(dir, "data"), { recursive: true });
    const copy = await Telltale.start({ set: FOREVER, dir });
    try {
      return await body(copy);
    } finally {
      await copy.dispose();
    }
  };

  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    await write(1);
    const answer = await server.api.post(SNAPSHOT, "");
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.status, "success");
    name = answer.json.data.name;
    await write(2);
  });
  after(() => server?.dispose());

  it("has a name in the order of time", () => assert.match(name, /^\d{8}T\d{6}Z-[0-9a-f]+$/));

  it("is restored by copying it to a new data directory", async () => {
    await restored(async (copy) => {
      assert.equal(await copy.api.value("count_over_time(m[1h])", T0 + 1800), 1);
      assert.equal(await copy.api.value("m", T0 + 1), 1);
    });
    assert.equal(await server.api.value("count_over_time(m[1h])", T0 + 1800), 2, "the origin goes on");
  });

  it("shares its files with the origin", () => {
    const table = join(server.data, "snapshots", name, "metrics");
    const day = readdirSync(table).find((one) => /^\d{4}-/.test(one));
    const [part] = readdirSync(join(table, day));
    assert.equal(statSync(join(table, day, part)).nlink, 2);
  });

  it("can leave out the head", async () => {
    const answer = await server.api.request(SNAPSHOT, { method: "PUT", params: { skip_head: "true" } });
    name = answer.json.data.name;
    await restored(async (copy) => {
      assert.equal(await copy.api.value("count_over_time(m[1h])", T0 + 1800), 1);
    });
  });

  it("is asked for by POST or PUT and with a flag that is one", async () => {
    assert.equal((await server.api.get(SNAPSHOT)).status, 405);
    const answer = await server.api.post(`${SNAPSHOT}?skip_head=perhaps`, "");
    assert.equal(answer.status, 400);
    assert.match(answer.json.error, /skip_head/);
  });
});

describe("a snapshot of all signals, under load", () => {
  const AT = Math.floor(Date.now() / 1000) - 3600;
  const BATCH = 20;
  const hex = (n, digits) => n.toString(16).padStart(digits, "0");
  const SENDERS = [
    (api, batch) => writeSpans(api, "shop", Array.from({ length: BATCH }, (_, i) => ({ trace: hex(batch + 1, 32), id: hex(batch * BATCH + i + 1, 16), name: "step", start: AT + i, attributes: { batch } }))),
    (api, batch) => writeLogs(api, "shop", Array.from({ length: BATCH }, (_, i) => ({ at: AT + i, body: `line ${i}`, attributes: { batch } }))),
    (api, batch) => rw.write(api, [{ labels: { __name__: "m" }, samples: Array.from({ length: BATCH }, (_, i) => [AT * 1000 + batch * BATCH + i, batch]) }]),
  ];
  let server;
  let name;
  const known = []; // batches acknowledged before the snapshot was asked for
  const everSent = []; // … and sent at all

  before(async () => {
    server = await Telltale.start();
    let stop = false;
    const sent = [0, 0, 0];
    const writers = SENDERS.map(async (send, w) => {
      while (!stop) await send(server.api, sent[w]++);
    });
    while (Math.min(...sent) < 20) await new Promise((resolve) => setImmediate(resolve));
    known.push(...sent.map((n) => n - 1));
    const answer = await server.api.post(SNAPSHOT, "");
    assert.equal(answer.status, 200, answer.text);
    name = answer.json.data.name;
    everSent.push(...sent);
    stop = true;
    await Promise.all(writers);
  });
  after(() => server?.dispose());
  const snapshot = () => join(server.data, "snapshots", name);

  it("is sound", async () => {
    const { code, stdout } = await run(TELLTALE, ["store", "check", "--json", snapshot()]);
    assert.equal(code, 0, stdout);
    assert.deepEqual(JSON.parse(stdout).findings, []);
  });

  it("has all tables", () => {
    const tables = (dir) => readdirSync(dir, { withFileTypes: true }).filter((one) => one.isDirectory() && one.name !== "snapshots").map((one) => one.name).sort();
    assert.deepEqual(tables(snapshot()), tables(server.data));
  });

  it("gives back what was acknowledged before it, each batch whole, when it is copied", async () => {
    const dir = temporaryDirectory();
    cpSync(snapshot(), join(dir, "data"), { recursive: true });
    const copy = await Telltale.start({ dir });
    try {
      const rows = async (table) => Number((await copy.api.get("/api/v1/export", { table })).headers.get("x-telltale-export").match(/rows=(\d+)/)[1]);
      const found = [await rows("spans"), await rows("logs"), await copy.api.value("count_over_time(m[3h])", AT + 7000)];
      for (const [w, n] of found.entries()) {
        assert.equal(n % BATCH, 0, `${found}`);
        assert.ok(n >= known[w] * BATCH && n <= everSent[w] * BATCH, `${found}, ${known}, ${everSent}`);
      }
      await SENDERS[0](copy.api, 1e6); // and it goes on
      assert.equal(await rows("spans"), found[0] + BATCH);
    } finally {
      await copy.dispose();
    }
  });
});

describe("telltale store", () => {
  const telltale = (...args) => run(TELLTALE, args);
  let server;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    const series = Array.from({ length: 300 }, (_, s) => ({
      labels: { __name__: "m", s: String(s) },
      samples: Array.from({ length: 20 }, (_, i) => [(T0 + i) * 1000, i]),
    }));
    assert.ok((await rw.write(server.api, series)).status < 300);
  });
  after(() => server?.dispose());

  const firstPart = () => {
    const table = join(server.data, "metrics");
    const day = readdirSync(table).find((one) => /^\d{4}-/.test(one));
    return join(table, day, readdirSync(join(table, day))[0]);
  };

  it("check refuses a directory in use and says what to do", async () => {
    const { code, stderr } = await telltale("store", "check", server.data);
    assert.equal(code, 2);
    assert.match(stderr, /in use by a server.*snapshot/);
  });

  it("check finds a killed server's directory sound, and a stopped one's", async () => {
    await server.kill();
    const killed = await telltale("store", "check", server.data);
    assert.equal(killed.code, 0, killed.stdout);
    assert.match(killed.stdout, /: sound\n/);
    await server.restart();
    await server.stop();
    const stopped = await telltale("store", "check", "--json", server.data);
    assert.equal(stopped.code, 0, stopped.stdout);
    const { sound, rows, streams, findings } = JSON.parse(stopped.stdout);
    assert.deepEqual({ sound, rows, streams, findings }, { sound: true, rows: 6000, streams: 300, findings: [] });
  });

  it("stats tells what takes the space", async () => {
    const { code, stdout } = await telltale("store", "stats", "--json", "--top", "1", server.data);
    assert.equal(code, 0);
    const { metrics } = JSON.parse(stdout);
    assert.equal(metrics.rows, 6000);
    assert.deepEqual(metrics.labels, [{ name: "s", values: 300 }]);
    assert.equal(metrics.metrics[0].name, "m");
    assert.equal(metrics.bytes, statSync(firstPart()).size);
    const table = await telltale("store", "stats", server.data);
    assert.match(table.stdout, /^times +linear +300 +6000 /m);
  });

  it("stats tells it of spans and logs, too", async () => {
    const other = await Telltale.start();
    try {
      const at = Math.floor(Date.now() / 1000) - 60;
      await writeSpans(other.api, "shop", Array.from({ length: 100 }, (_, i) => ({ trace: "0af7651916cd43dd8448eb211c80319c", id: String(i + 1).padStart(16, "0"), name: "get", start: at, attributes: { route: "/cart", n: i } })));
      await writeLogs(other.api, "shop", [{ at, body: "hello" }]);
      await other.stop();
      const { stdout } = await telltale("store", "stats", "--json", "--top", "100", other.data);
      const { spans, logs } = JSON.parse(stdout);
      assert.equal(spans.rows, 100);
      assert.equal(logs.rows, 1);
      const { type, values, distinct } = spans.columns.find(({ column }) => column === "attributes.route");
      assert.deepEqual({ type, values, distinct }, { type: "string", values: 100, distinct: 1 });
      assert.equal(spans.columns.reduce((sum, { bytes }) => sum + bytes, 0), spans.column_bytes);
      const table = await telltale("store", "stats", other.data);
      assert.match(table.stdout, /^spans\n +100 rows in 1 parts of 1 days$/m);
      assert.match(table.stdout, / int +\w+ +attributes\.n$/m);
      const check = await telltale("store", "check", "--json", other.data);
      assert.equal(check.code, 0, check.stdout);
      assert.equal(JSON.parse(check.stdout).rows, 101);
    } finally {
      await other.dispose();
    }
  });

  it("check names a damaged file and exits 1", async () => {
    const path = firstPart();
    const bytes = readFileSync(path);
    bytes[100] ^= 4;
    writeFileSync(path, bytes);
    const { code, stdout } = await telltale("store", "check", server.data);
    assert.equal(code, 1);
    assert.ok(stdout.includes(`damage: ${path}: the block at `), stdout);
    assert.match(stdout, /: DAMAGED\n/);
  });

  it("check and stats are used with a directory", async () => {
    assert.equal((await telltale("store", "check")).code, 2);
    assert.equal((await telltale("store", "stats", "--top", "many", server.data)).code, 2);
    assert.equal((await telltale("store", "check", server.dir)).code, 2, "no data directory");
    assert.equal((await telltale("store", "stats", join(server.dir, "none"))).code, 1);
  });
});

describe("deleting series", () => {
  const DELETE = "/api/v1/admin/tsdb/delete_series";
  const CLEAN = "/api/v1/admin/tsdb/clean_tombstones";
  const count = (selector) => server.api.value(`count_over_time(${selector}[1h])`, T0 + 1800);
  const write = async (name, n) => {
    const samples = Array.from({ length: n }, (_, i) => [(T0 + i) * 1000, i]);
    const answer = await rw.write(server.api, [{ labels: { __name__: name, s: "1" }, samples }]);
    assert.ok(answer.status < 300, answer.text);
  };
  let server;

  before(async () => {
    server = await Telltale.start({ set: { ...FOREVER, "http.admin_api": "true" } });
    await write("kept", 100);
    await write("gone", 100);
  });
  after(() => server?.dispose());

  it("is refused unless it is allowed", async () => {
    const other = await Telltale.start({ set: FOREVER });
    try {
      for (const path of [`${DELETE}?match[]=up`, CLEAN]) {
        const answer = await other.api.post(path, "");
        assert.equal(answer.status, 503);
        assert.equal(answer.json.errorType, "unavailable");
        assert.equal(answer.json.error, "admin APIs disabled");
      }
    } finally {
      await other.dispose();
    }
  });

  it("takes the samples in the range of all selected series", async () => {
    const answer = await server.api.request(DELETE, {
      method: "PUT",
      params: { "match[]": ["gone", '{__name__=~"nothing.*"}'], start: String(T0 + 10), end: String(T0 + 19) },
    });
    assert.equal(answer.status, 204, answer.text);
    assert.equal(answer.text, "");
    assert.equal(await count("gone"), 90);
    assert.equal(await count("kept"), 100);
  });

  it("outlives kill -9, and later samples are seen", async () => {
    assert.equal((await server.api.post(`${DELETE}?match[]=gone`, "")).status, 204);
    await write("gone", 3);
    await server.kill();
    await server.restart();
    assert.equal(await count("gone"), 3);
    assert.equal(await count("kept"), 100);
  });

  it("gives the space back when it is cleaned up", async () => {
    const storage = async () => (await server.api.get("/api/v1/status/tsdb")).json.data.storage;
    const before = await storage();
    assert.ok(before.tombstones > 0);
    assert.equal((await server.api.post(CLEAN, "")).status, 204);
    const after = await storage();
    assert.equal(after.tombstones, 0);
    assert.ok(after.partRows < before.partRows);
    assert.equal(await count("gone"), 3);
  });
});

describe("a limit of bytes that is far exceeded", () => {
  const DAYS = 12;
  const NOON = Math.floor(Date.now() / 86_400_000) * 86_400 - 43_200; // yesterday's
  const days = (server, table) => readdirSync(join(server.data, table)).filter((name) => /^\d{4}-/.test(name));

  it("is kept within seconds, though the days of all tables go in turns", async () => {
    const config = (size) => `storage:\n  aggregates: {enabled: false}\n  retention: {metrics: forever, spans: forever, logs: forever, size: ${size}}\n`;
    const server = await Telltale.start({ config: config(0) });
    const { api } = server;
    try {
      for (let day = 0; day < DAYS; day++) {
        const at = NOON - day * 86_400;
        const text = Array.from({ length: 4000 }, (_, i) => (((i + 1) * (day + 7) * 2654435761) % 0xffffffff).toString(36)).join(" ");
        await rw.write(api, [{ labels: { __name__: "m" }, samples: [[at * 1000, day]] }]);
        await writeLogs(api, "shop", [{ at, body: text }]);
        await writeSpans(api, "shop", [{ trace: "0af7651916cd43dd8448eb211c80319c", id: "b7ad6b7169203331", name: "a", start: at, attributes: { text } }]);
      }
      assert.equal((await api.post("/api/v1/admin/telltale/flush?merge=1")).status, 200);
      assert.equal(days(server, "logs").length, DAYS);
      writeFileSync(server.configPath, config("64KiB"));
      assert.equal((await api.post("/-/reload")).status, 200);
      const bytes = () => ["metrics", "logs", "spans"].flatMap((table) => days(server, table).flatMap((day) => readdirSync(join(server.data, table, day)).map((name) => statSync(join(server.data, table, day, name)).size))).reduce((a, b) => a + b, 0);
      await until(() => bytes() <= 64 << 10, "old days to go", { timeoutMs: 25_000, everyMs: 100 });
      for (const table of ["metrics", "logs", "spans"]) assert.ok(days(server, table).length < DAYS, table);
    } finally {
      await server.dispose();
    }
  });
});
