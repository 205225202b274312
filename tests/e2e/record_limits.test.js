// Nobody can take more of the server with questions about traces and logs than it gives: who hangs up
// is not worked for, a question has a limit of memory, and a live tail does not wait for slow readers.

import assert from "node:assert/strict";
import { head, open } from "./support/raw.js";
import { writeLogs, writeSpans } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const NOW = Math.floor(Date.now() / 1000) - 3600;
const MIB = 1 << 20;
const id = (n, digits) => n.toString(16).padStart(digits, "0");
const rows = (n, make) => Array.from({ length: n }, (_, i) => make(i));

async function fill(api, batches) {
  for (let batch = 0; batch < batches; batch++) {
    const n = (i) => 1 + batch * 1000 + i;
    await writeSpans(api, `service-${batch % 5}`, rows(1000, (i) => ({ trace: id(n(i), 32), id: id(n(i), 16), parent: id(n(i) + 1e9, 16), name: `op ${i}`, start: NOW + n(i) / 1000, attributes: { "session.id": `s${n(i)}`, n: n(i) } })));
    await writeLogs(api, `service-${batch % 5}`, rows(1000, (i) => ({ at: NOW + n(i) / 1000, severity: 9, body: `line ${n(i)} ${"x".repeat(500)}`, attributes: { n: n(i) } })));
  }
}

describe("questions about traces and logs are limited", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ set: { "query.max_memory_bytes": "2MiB" } });
    api = server.api;
    await fill(api, 30);
  });
  after(() => server?.dispose());

  const GREEDY = {
    "logs?limit=10000": { path: "/api/v1/logs", params: { limit: 10_000 } },
    "logs/values of what is never the same": { path: "/api/v1/logs/values", params: { field: "body", limit: 1000 } },
    "a service map of all": { path: "/api/v1/service_map", params: { start: NOW - 60, end: NOW + 3600 } },
    "Jaeger's traces": { path: "/jaeger/api/traces", params: { service: "service-1", start: NOW * 1e6, end: (NOW + 3600) * 1e6, limit: 1500 } },
    "Jaeger's dependencies": { path: "/jaeger/api/dependencies", params: { endTs: Date.now(), lookback: 7_200_000 } },
  };
  for (const [name, { path, params }] of Object.entries(GREEDY)) {
    it(`${name} ends at the limit of memory and says so`, async () => {
      const answer = await api.get(path, params);
      assert.equal(answer.status, 422, answer.text.slice(0, 300));
      assert.match(answer.json.error ?? answer.json.errors[0].msg, /needs more than 2 MiB of memory; ask for less time or fewer rows/);
      assert.equal((await api.get("/api/v1/logs", { limit: 5, where: "line" })).json.data.logs.length, 5);
    });
  }

  it("many of them at once need little more than all their limits", async () => {
    const before = server.process.residentBytes();
    await Promise.all(rows(60, (i) => api.get(Object.values(GREEDY)[i % 5].path, Object.values(GREEDY)[i % 5].params)));
    const more = server.process.residentBytes() - before;
    assert.ok(more < 96 * MIB, `${(more / MIB).toFixed()} MiB more`);
  });

  it("a question whose asker has gone ends", async () => {
    const gone = async () => (await api.get("/metrics")).text.match(/^telltale_http_requests_total\{.*code="499".*\} (\d+)/m)?.[1] ?? 0;
    const before = Number(await gone());
    const path = `/api/v1/logs/values?${new URLSearchParams({ field: "service", where: 'body =~ "l.*(x+x+)+y" or body : "nothing like it"' })}`;
    await until(
      async () => {
        const socket = open(server.address("http"));
        socket.end(head("GET", path)); // the question and the farewell in one breath
        socket.resume();
        await new Promise((resolve) => socket.on("close", resolve));
        return Number(await gone()) > before;
      },
      "a question that was cancelled",
    );
  });
});

describe("a live tail with a slow reader", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start();
    api = server.api;
  });
  after(() => server?.dispose());

  const line = (i) => ({ at: Date.now() / 1000, severity: 9, body: `${i} ${"y".repeat(20_000)}` });

  it("costs no more than one look, misses what it had no time for, and holds nobody up", async () => {
    const stuck = rows(8, () => {
      const socket = open(server.address("http"));
      socket.write(head("GET", "/api/v1/logs/tail?rate=1000"));
      return socket.pause();
    });
    await until(async () => /^telltale_http_streams\{.*\} 8$/m.test((await api.get("/metrics")).text), "eight tails");
    await api.post("/api/v1/admin/telltale/flush", "");
    const before = server.process.residentBytes();
    for (let batch = 0; batch < 20; batch++) {
      await writeLogs(api, "flood", rows(100, (i) => line(batch * 100 + i)));
      if (batch % 10 === 9) await api.post("/api/v1/admin/telltale/flush", "");
    }
    const more = server.process.residentBytes() - before;
    assert.ok(more < 200 * MIB, `${(more / MIB).toFixed()} MiB more for 40 MB of lines and eight tails`);
    assert.equal((await api.get("/api/v1/logs", { where: '"1999"' })).json.data.logs.length, 1);
    for (const socket of stuck) socket.destroy();
    await until(async () => /^telltale_http_streams\{.*\} 0$/m.test((await api.get("/metrics")).text), "no tail any more");
  });

  it("says what it leaves out when lines are larger than what is sent at once", async () => {
    const leave = new AbortController();
    const answer = await fetch(`${server.url}/api/v1/logs/tail?rate=1000&where=service%20%3D%20large`, { signal: leave.signal });
    const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
    let text = (await reader.read()).value;
    await writeLogs(api, "large", rows(400, line));
    await until(async () => {
      const { value } = await reader.read();
      text += value;
      return /event: dropped\ndata: .*bytes/.test(text);
    }, "the event");
    leave.abort();
    const shown = text.match(/event: log/g).length;
    assert.ok(shown > 100 && shown < 300, `${shown} of 400 lines of 20 kB`);
  });
});

describe("attributes whose names are ids of something", () => {
  it("cost files and memory little more than their text, also when parts are merged", async () => {
    const server = await Telltale.start({});
    const { api } = server;
    try {
      for (let batch = 0; batch < 24; batch++) {
        const attributesOf = (i) => Object.fromEntries(rows(500, (k) => [`user.${batch}.${i}.${k}`, "seen"]));
        await writeLogs(api, "shop", rows(40, (i) => ({ at: NOW + batch, severity: 9, body: "line", attributes: attributesOf(i) })));
        if (batch % 6 === 5) assert.equal((await api.post("/api/v1/admin/telltale/flush")).status, 200);
      }
      assert.equal((await api.post("/api/v1/admin/telltale/flush?merge=1")).status, 200);
      const found = await api.get("/api/v1/logs", { where: "user.7.13.499 = seen" });
      assert.equal(found.json.data.logs.length, 1);
      const peak = server.process.peakBytes();
      assert.ok(peak < 256 * MIB, `${(peak / MIB).toFixed()} MiB for 480,000 names`);
    } finally {
      await server.dispose();
    }
  });
});
