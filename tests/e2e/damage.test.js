// Damaged files: what is readable is answered, and everyone who asks is told what is missing.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FOREVER, T0 } from "./support/fixture.js";
import { run } from "./support/process.js";
import { writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { describe, it, missing } from "./support/test.js";

const WARNING = /stored data is damaged and left out/;

const flip = (path, at) => {
  const bytes = readFileSync(path);
  bytes[at < 0 ? bytes.length + at : at] ^= 0xff;
  writeFileSync(path, bytes);
};

/** The first file below the directory whose name ends so. */
const find = (dir, ending) => {
  const name = readdirSync(dir, { recursive: true }).find((one) => one.endsWith(ending));
  return name && join(dir, name);
};

const write = async (server) => {
  for (let i = 0; i < 3; i++) {
    const answer = await rw.write(server.api, [{ labels: { __name__: "m", s: String(i) }, samples: [[T0 * 1000, i]] }]);
    assert.ok(answer.status < 300, answer.text);
  }
};

const ask = (server, path, parameters) => server.api.get(path, { ...parameters, start: T0 - 60, end: T0 + 60 });

describe("a damaged part", () => {
  const damaged = async (at, body) => {
    const server = await Telltale.start({ set: FOREVER });
    try {
      await write(server);
      await server.stop();
      flip(find(join(server.data, "metrics"), ".part"), at);
      await server.restart();
      await body(server);
    } finally {
      await server.dispose();
    }
  };

  it("whose block does not decode is answered around, with a warning, a log line and a count", () =>
    damaged(40, async (server) => {
      const { json } = await server.api.get("/api/v1/query", { query: "count(m)", time: T0 });
      assert.match(json.warnings?.[0], WARNING);
      await server.api.get("/api/v1/query", { query: "m", time: T0 });
      assert.equal(server.log.match(/level=error.*a block of a part is damaged.*file=/g)?.length, 1);
      const metrics = await server.api.get("/metrics");
      assert.match(metrics.text, /^telltale_store_damaged_blocks_total [1-9]/m);
    }));

  it("whose block is damaged leaves /metrics valid", { skip: missing("promtool") }, () =>
    damaged(40, async (server) => {
      await server.api.get("/api/v1/query", { query: "m", time: T0 });
      const { text } = await server.api.get("/metrics");
      const { code, stderr, stdout } = await run("promtool", ["check", "metrics"], { input: text });
      assert.notEqual(code, 1, stdout + stderr);
    }));

  it("that cannot be opened is told of in every kind of answer", () =>
    damaged(-1, async (server) => {
      for (const again of [false, true]) {
        for (const [path, parameters] of [
          ["/api/v1/query_range", { query: "m", step: 15 }],
          ["/api/v1/series", { "match[]": "m" }],
          ["/api/v1/labels", {}],
          ["/api/v1/label/s/values", {}],
        ]) {
          const { json, text } = await ask(server, path, parameters);
          assert.match(json.warnings?.[0], WARNING, `${path}: ${text}`);
        }
        const other = await server.api.get("/api/v1/query", { query: "m", time: T0 + 30 * 86400 });
        assert.equal(other.json.warnings, undefined, "of another time");
        const exported = await ask(server, "/api/v1/export", { "match[]": "m" });
        assert.equal(exported.headers.get("x-telltale-export"), "series=0 samples=0 left_out=0 damaged=1");
        if (!again) {
          await server.stop();
          await server.restart();
        }
      }
    }));
});

describe("a damaged part of spans or logs", () => {
  const now = Math.floor(Date.now() / 1000) - 60;
  const TRACE = "0af7651916cd43dd8448eb211c80319c";
  const spans = Array.from({ length: 20 }, (_, i) => ({ trace: TRACE, id: String(1000 + i).padStart(16, "a"), name: `step ${i}`, start: now + i }));
  const trace = (server) => server.api.get(`/jaeger/api/traces/${TRACE}`);

  const damaged = async (at, body) => {
    const server = await Telltale.start();
    try {
      await writeSpans(server.api, "shop", spans);
      await writeLogs(server.api, "shop", [{ at: now, body: "hello" }]);
      await server.stop();
      flip(find(join(server.data, "spans"), ".part"), at);
      await server.restart();
      await body(server);
    } finally {
      await server.dispose();
    }
  };

  it("of which a group cannot be read is answered around, with a warning, a log line and a count", () =>
    damaged(40, async (server) => {
      for (let i = 0; i < 2; i++) {
        const answer = await trace(server);
        assert.match(answer.headers.get("warning"), WARNING, answer.text);
      }
      assert.equal(server.log.match(/level=error.*a group of rows is damaged.*file=/g)?.length, 1);
      const { text } = await server.api.get("/metrics");
      assert.match(text, /^telltale_store_records_damaged_groups_total\{table="spans"\} [1-9]/m);
      assert.match(text, /^telltale_store_records_damaged_groups_total\{table="logs"\} 0$/m);
      const { json } = await server.api.get("/api/v1/status/tsdb");
      assert.ok(json.data.records.spans.damagedGroups > 0);
      assert.equal(json.data.records.logs.partRows, 1);
    }));

  it("that cannot be opened is set aside and told of, at the next start too", () =>
    damaged(-1, async (server) => {
      const { text } = await server.api.get("/metrics");
      assert.match(text, /^telltale_store_records_damaged_parts_total\{table="spans"\} 1$/m);
      assert.match((await trace(server)).headers.get("warning"), WARNING);
      await server.stop();
      await server.restart();
      assert.match((await trace(server)).headers.get("warning"), WARNING);
      await writeSpans(server.api, "shop", spans.slice(0, 1)); // and it goes on
      assert.equal((await trace(server)).json.data[0].spans.length, 1);
    }));

  it("is no damage of another time, nor of a sound store", async () => {
    const server = await Telltale.start();
    try {
      await writeSpans(server.api, "shop", spans);
      const answer = await trace(server);
      assert.equal(answer.json.data[0].spans.length, 20);
      assert.equal(answer.headers.get("warning"), null);
    } finally {
      await server.dispose();
    }
  });
});

describe("a damaged write-ahead log", () => {
  it("is counted", async () => {
    const server = await Telltale.start({ set: FOREVER });
    try {
      await write(server);
      await server.kill();
      flip(find(join(server.data, "metrics"), ".wal"), 40);
      await server.restart();
      const { text } = await server.api.get("/metrics");
      assert.match(text, /^telltale_store_wal_damaged_segments_total 1$/m);
      assert.match(text, /^telltale_store_wal_damaged_bytes_total [1-9]/m);
      assert.match(server.log, /level=error.*write-ahead log is damaged/);
      const warnings = async () => (await ask(server, "/api/v1/query_range", { query: "m", step: 15 })).json.warnings;
      assert.match((await warnings())?.[0] ?? "", WARNING);
      await server.stop();
      await server.restart();
      assert.match((await warnings())?.[0] ?? "", WARNING, "after another start");
      await server.stop();
      rmSync(find(join(server.data, "metrics"), ".wal.damaged"));
      await server.restart();
      assert.equal(await warnings(), undefined);
    } finally {
      await server.dispose();
    }
  });

  it("of spans or logs is counted, too, and what is whole is kept", async () => {
    const at = Math.floor(Date.now() / 1000) - 60;
    const server = await Telltale.start();
    try {
      for (let i = 0; i < 3; i++) await writeLogs(server.api, "shop", [{ at: at + i, body: `hello ${i}` }]);
      await server.kill();
      flip(find(join(server.data, "logs"), ".wal"), 60);
      await server.restart();
      const { text } = await server.api.get("/metrics");
      assert.match(text, /^telltale_store_records_wal_damaged_segments_total\{table="logs"\} 1$/m);
      assert.match(text, /^telltale_store_records_wal_damaged_bytes_total\{table="logs"\} [1-9]/m);
      assert.match(text, /^telltale_store_records_wal_damaged_segments_total\{table="spans"\} 0$/m);
      assert.match(text, /^telltale_store_records_head_rows\{table="logs"\} 2$/m);
      assert.match(server.log, /level=error.*write-ahead log is damaged.*table=logs/);
    } finally {
      await server.dispose();
    }
  });
});
