// Deleting spans and log records, and keeping them longer or shorter by service.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { writeLogs, writeSpans } from "./support/records.js";
import * as rw from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const NOW = Math.floor(Date.now() / 60_000) * 60 - 120;
const HOUR = 3600;
const DAY = 24 * HOUR;
const form = (path, params) => `${path}?${new URLSearchParams(params)}`;

describe("deleting spans and log records", () => {
  let server;
  const remove = async (signal, params) => (await server.api.post(form(`/api/v1/admin/${signal}/delete`, params), "")).json;
  const bodies = async (where = "") => (await server.api.get("/api/v1/logs", { where, limit: 100 })).json.data.logs.map(({ body }) => body);

  before(async () => {
    server = await Telltale.start({ set: { "http.admin_api": "true" } });
    const line = (i) => ({ at: NOW + i, severity: 9, body: `line ${i}`, attributes: { user: i % 2 ? "ann" : "bob" } });
    await writeLogs(server.api, "shop", Array.from({ length: 10 }, (_, i) => line(i)));
    await writeLogs(server.api, "audit", [{ at: NOW, severity: 9, body: "kept" }]);
  });
  after(() => server?.dispose());

  it("is refused unless it is allowed", async () => {
    const other = await Telltale.start();
    try {
      for (const signal of ["traces", "logs"]) {
        const answer = await other.api.post(`/api/v1/admin/${signal}/delete?all=true`, "");
        assert.equal(answer.status, 503);
        assert.equal(answer.json.error, "admin APIs disabled");
      }
    } finally {
      await other.dispose();
    }
  });

  it("deletes nothing by what is left out or wrong", async () => {
    for (const [params, problem] of [
      [{}, /no "where" parameter/],
      [{ where: " " }, /no "where" parameter/],
      [{ where: "user = ann", all: "true" }, /exclude each other/],
      [{ all: "yes" }, /expected true/],
      [{ where: "user = " }, /^invalid parameter "where"/],
      [{ where: "user = ann", start: "x" }, /"start"/],
      [{ where: "user = ann", start: "2", end: "1" }, /"end"/],
    ]) {
      const answer = await server.api.post(form("/api/v1/admin/logs/delete", params), "");
      assert.equal(answer.status, 400, answer.text);
      assert.match(answer.json.error, problem);
    }
    assert.equal((await server.api.get("/api/v1/admin/logs/delete", { all: "true" })).status, 405);
    assert.equal((await bodies()).length, 11);
  });

  it("deletes what a search with the same filter and times finds", async () => {
    assert.deepEqual(await remove("logs", { where: "service = shop and user = ann", start: NOW + 3, end: NOW + 7 }), { status: "success", data: { deleted: 3 } });
    assert.deepEqual(await remove("logs", { where: "service = shop and user = ann", start: NOW + 3, end: NOW + 7 }), { status: "success", data: { deleted: 0 } });
    const left = ["line 9", "line 8", "line 6", "line 4", "line 2", "line 1", "line 0"];
    assert.deepEqual(await bodies("service = shop"), left);
    await server.kill();
    await server.restart();
    assert.deepEqual(await bodies("service = shop"), left);
    assert.deepEqual(await bodies("service = audit"), ["kept"]);
  });

  it("leaves the other signal alone", async () => {
    assert.equal((await remove("traces", { all: "true" })).data.deleted, 0);
    assert.equal((await bodies()).length, 8);
    assert.equal((await remove("logs", { all: "true", start: NOW, end: NOW })).data.deleted, 2);
    assert.equal((await bodies()).length, 6);
  });
});

describe("retention by service", () => {
  const overrides = (rules) => ["storage:", "  retention:", "    overrides:", ...rules.map((rule) => `      - ${rule}`), ""].join("\n");
  const logs = async (server) => (await server.api.get("/api/v1/logs", {})).json.data.logs.map(({ body }) => body);

  it("is taken over by a reload, and a wrong one is refused", async () => {
    const server = await Telltale.start({ config: overrides([]).replace(/ overrides:/, " logs: 90d") });
    try {
      await writeLogs(server.api, "debug", [{ at: NOW - 2 * DAY, severity: 5, body: "old" }, { at: NOW, severity: 5, body: "new" }]);
      assert.deepEqual(await logs(server), ["new", "old"]);
      writeFileSync(join(server.dir, "telltale.yml"), overrides([`{signal: logs, selector: '{"severity"="5"}', keep: 1d}`]));
      const refused = await server.api.post("/-/reload", "");
      assert.equal(refused.status, 500);
      assert.match(refused.text, /storage\.retention\.overrides\[0\]\.selector: found "severity", expected a column of resource or scope/);
      writeFileSync(join(server.dir, "telltale.yml"), overrides([`{signal: logs, selector: '{"resource.service.name"="debug"}', keep: 1d}`]));
      assert.equal((await server.api.post("/-/reload", "")).status, 200);
      assert.deepEqual(await logs(server), ["new"]);
    } finally {
      await server.dispose();
    }
  });

  it("holds for each signal, longer and shorter, from disk too", async () => {
    const keep = (long, short) =>
      ["storage:", "  retention:", "    metrics: 3d", "    spans: 3d", "    logs: 3d", "    overrides:"].join("\n") +
      ["metrics", "spans", "logs"].flatMap((signal) => [[`long`, long], [`short`, short]].map(([which, time]) => `\n      - {signal: ${signal}, selector: '{${signal === "metrics" ? "job" : '"resource.service.name"'}="${which}"}', keep: ${time}}`)).join("") +
      "\n";
    const server = await Telltale.start({ config: keep("30d", "3d"), set: { "http.admin_api": "true" } });
    const services = ["long", "short", "usual"];
    const ages = { long: [0, 2, 9], short: [0, 2], usual: [0, 2] };
    const found = async () => {
      const out = {};
      for (const service of services) {
        const metrics = await server.api.value(`count_over_time(m{job="${service}"}[20d])`, NOW + 1);
        const spans = (await server.api.get("/jaeger/api/traces", { service, limit: 100, start: (NOW - 20 * DAY) * 1e6, end: (NOW + 60) * 1e6 })).json.data.length;
        const records = (await server.api.get("/api/v1/logs", { where: `service = ${service}`, start: NOW - 20 * DAY, end: NOW + 60 })).json.data.logs.length;
        out[service] = [metrics, spans, records];
      }
      return out;
    };
    try {
      for (const service of services)
        for (const age of ages[service]) {
          const at = NOW - age * DAY;
          assert.ok((await rw.write(server.api, [{ labels: { __name__: "m", job: service }, samples: [[at * 1000, 1]] }])).status < 300);
          await writeSpans(server.api, service, [{ trace: `${age + 1}`.padStart(32, String(services.indexOf(service) + 1)), id: "00000000000000aa", name: "x", start: at }]);
          await writeLogs(server.api, service, [{ at, body: "x" }]);
        }
      assert.equal((await rw.write(server.api, [{ labels: { __name__: "m", job: "usual" }, samples: [[(NOW - 9 * DAY) * 1000, 1]] }])).status, 400);
      assert.deepEqual(await found(), { long: [3, 3, 3], short: [2, 2, 2], usual: [2, 2, 2] });
      writeFileSync(join(server.dir, "telltale.yml"), keep("5d", "1d"));
      assert.equal((await server.api.post("/-/reload", "")).status, 200);
      const left = { long: [2, 2, 2], short: [1, 1, 1], usual: [2, 2, 2] };
      assert.deepEqual(await found(), left);
      assert.equal((await server.api.post("/api/v1/admin/telltale/flush?merge=1", "")).status, 200);
      assert.deepEqual(await found(), left);
      writeFileSync(join(server.dir, "telltale.yml"), keep("30d", "3d"));
      await server.kill();
      await server.restart();
      const after = await found();
      assert.deepEqual([after.long[0], after.usual], [2, [2, 2, 2]], "what is gone from disk does not come back");
      assert.deepEqual(after.short, [1, 1, 1]);
    } finally {
      await server.dispose();
    }
  });

  it("leaves no name of an attribute behind", async () => {
    const server = await Telltale.start({ config: overrides([]).replace(/ overrides:/, " logs: 90d"), set: { "http.admin_api": "true" } });
    const fields = async () => {
      assert.equal((await server.api.post("/api/v1/admin/telltale/flush?merge=1", "")).status, 200);
      return (await server.api.get("/api/v1/logs/fields", { prefix: "resource.enduser" })).json.data;
    };
    try {
      await writeLogs(server.api, "debug", [{ at: NOW - 2 * DAY, body: "over" }], { "enduser.id.4711": "x" });
      await writeLogs(server.api, "shop", [{ at: NOW - 2 * DAY, body: "old" }]);
      assert.deepEqual(await fields(), ["resource.enduser.id.4711"]);
      writeFileSync(join(server.dir, "telltale.yml"), overrides([`{signal: logs, selector: '{"resource.service.name"="debug"}', keep: 1d}`]));
      assert.equal((await server.api.post("/-/reload", "")).status, 200);
      assert.deepEqual(await fields(), []);
      assert.deepEqual(await logs(server), ["old"]);
    } finally {
      await server.dispose();
    }
  });
});
