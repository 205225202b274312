// Starting, reloading, stopping: no sample is lost on the way, and every refusal says why.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { Exposer } from "./support/exposer.js";
import { FOREVER, T0 } from "./support/fixture.js";
import { run } from "./support/process.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE } from "./support/server.js";
import { describe, it } from "./support/test.js";
import { until, within } from "./support/until.js";

/** Starts a server for one test and takes it down whatever happens. */
const withServer = async (options, body) => {
  const server = await Telltale.start(options);
  try {
    return await body(server);
  } finally {
    await server.dispose();
  }
};

const write = async (api, name, samples) => {
  const answer = await rw.write(api, [{ labels: { __name__: name }, samples }]);
  assert.ok(answer.status < 300, `${answer.status}: ${answer.text}`);
};

describe("starting", () => {
  it("answers health, and readiness only after the log was replayed", () =>
    withServer({ set: FOREVER }, async (server) => {
      // Enough of a log that its replay takes a moment.
      for (let batch = 0; batch < 40; batch++) {
        const series = Array.from({ length: 500 }, (_, s) => ({
          labels: { __name__: "replayed", s: String(s) },
          samples: Array.from({ length: 20 }, (_, i) => [T0 * 1000 + (batch * 20 + i) * 1000, i]),
        }));
        assert.ok((await rw.write(server.api, series)).status < 300);
      }
      await server.kill();
      server.spawn();
      await server.up();
      const statuses = new Set();
      await until(async () => {
        const ready = await server.api.get("/-/ready");
        if (ready.status === 200) return true;
        statuses.add(ready.status);
        assert.equal(ready.status, 503);
        assert.equal((await server.api.get("/-/healthy")).status, 200, "healthy while it replays");
        const query = await server.api.get("/api/v1/query", { query: "replayed", time: T0 });
        // Ready may have come between the two requests.
        if (query.status === 200) assert.equal(query.json.data.result.length, 500, "no half answers");
        else assert.equal(query.status, 503, query.text);
        return false;
      }, "readiness", { everyMs: 1 });
      assert.equal(await server.api.value("count(replayed)", T0), 500);
      assert.equal(await server.api.value("sum(count_over_time(replayed[20m]))", T0 + 900), 400_000);
    }));

  it("makes the data directory with its parents", () =>
    withServer({ set: FOREVER, dataBelow: "a/b" }, async (server) => {
      await write(server.api, "up", [[T0 * 1000, 1]]);
      assert.equal(await server.api.value("up", T0), 1);
    }));

  it("keeps samples of any time for ever", () =>
    withServer({ set: FOREVER }, async (server) => {
      const year2100 = 4_102_444_800;
      await write(server.api, "then", [[0, 1], [year2100 * 1000, 2]]);
      assert.equal(await server.api.value("then", 0), 1);
      assert.equal(await server.api.value("then", year2100), 2);
    }));

  it("takes options from the command line for any key", () =>
    withServer({ set: { "storage.retention.metrics": "8d", "log.format": "json" } }, async (server) => {
      const { yaml } = await server.api.data("/api/v1/status/config");
      assert.match(yaml, /metrics: 8d/);
      const lines = server.process.stderr.trim().split("\n");
      for (const line of lines.slice(1)) assert.doesNotThrow(() => JSON.parse(line), line);
    }));

  it("uses telltale.yml of the working directory", async () => {
    const server = new Telltale({});
    try {
      server.file("telltale.yml", "storage: {retention: {metrics: 9d}}\n");
      server.spawn();
      await server.ready();
      assert.match((await server.api.data("/api/v1/status/config")).yaml, /9d/);
    } finally {
      await server.dispose();
    }
  });

  it("runs an existing prometheus.yml and warns of what it leaves out", () =>
    withServer(
      {
        config: `
global: {scrape_interval: 15s, evaluation_interval: 15s}
alerting: {alertmanagers: [{static_configs: [{targets: [localhost:9093]}]}]}
rule_files: [first.rules]
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["localhost:1"]}]
`,
      },
      async (server) => {
        for (const key of ["alerting", "rule_files"]) {
          assert.match(server.process.stderr, new RegExp(`level=warn.*${key}`));
        }
        assert.equal((await server.api.data("/api/v1/targets")).activeTargets.length, 1);
      },
    ));

  it("refuses a directory that another server uses", () =>
    withServer({}, async (server) => {
      const second = await run(TELLTALE, ["serve", "--data", server.data, "--http", "127.0.0.1:0", "--otlp-http", "off", "--otlp-grpc", "off"]);
      assert.notEqual(second.code, 0);
      assert.match(second.stderr, /in use|another|locked/i);
      assert.match(second.stderr, new RegExp(server.data));
      assert.equal((await server.api.get("/-/ready")).status, 200);
    }));

  it("refuses an address in use, and says which", () =>
    withServer({}, async (server) => {
      const address = server.address("http");
      const second = await run(TELLTALE, ["serve", "--data", `${server.data}2`, "--http", address, "--otlp-http", "off", "--otlp-grpc", "off"]);
      assert.notEqual(second.code, 0);
      assert.match(second.stderr, new RegExp(address));
      assert.match(second.stderr, /in use|another program/i);
    }));

  it("refuses a wrong configuration with file, line and column", async () => {
    const server = new Telltale({ config: "global:\n  scrape_intervall: 5s\n" });
    try {
      server.spawn();
      const { code } = await within(server.process.exited, 10_000, "refusal");
      assert.notEqual(code, 0);
      assert.match(server.process.stderr, /telltale\.yml:2:3.*scrape_intervall.*scrape_interval/s);
    } finally {
      await server.dispose();
    }
  });

  it("refuses a wrong --set, naming it and the nearest", async () => {
    const done = await run(TELLTALE, ["serve", "--set", "storage.retention.metric=5d", "--data", "/nonexistent/x"]);
    assert.notEqual(done.code, 0);
    assert.match(done.stderr, /storage\.retention\.metric\b/);
    assert.match(done.stderr, /storage\.retention\.metrics/);
  });
});

describe("stopping", () => {
  for (const signal of ["SIGTERM", "SIGINT"]) {
    it(`by ${signal} writes everything down and exits 0 within seconds`, () =>
      withServer({ set: FOREVER }, async (server) => {
        await write(server.api, "kept", [[T0 * 1000, 1]]);
        const started = Date.now();
        assert.deepEqual(await server.stop(signal), { code: 0, signal: null });
        assert.ok(Date.now() - started < 5000);
        await server.restart();
        assert.equal(await server.api.value("kept", T0), 1);
      }));
  }

  it("while requests come in loses nothing that was acknowledged", () =>
    withServer({ set: FOREVER }, async (server) => {
      let acknowledged = 0;
      const load = (async () => {
        for (let i = 0; ; i++) {
          try {
            const answer = await rw.write(server.api, [{ labels: { __name__: "until_stop" }, samples: [[T0 * 1000 + i, i]] }]);
            if (answer.status >= 300) return;
            acknowledged = i + 1;
          } catch {
            return;
          }
        }
      })();
      await until(() => acknowledged > 50, "some load");
      assert.deepEqual(await server.stop(), { code: 0, signal: null });
      await load;
      await server.restart();
      const found = await server.api.value("count_over_time(until_stop[1h])", T0 + 3000);
      assert.ok(found >= acknowledged, `${found} of ${acknowledged}`);
    }));
});

describe("reloading", () => {
  const config = (target, job) => `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: ${job}, static_configs: [{targets: ["${target}"]}]}]
`;
  const reloads = {
    "POST /-/reload": (server) => server.api.post("/-/reload", ""),
    SIGHUP: (server) => {
      server.process.signal("SIGHUP");
      return { status: 200, text: "" };
    },
  };

  for (const [how, reload] of Object.entries(reloads)) {
    it(`by ${how} changes targets, keeps what was written, and survives a bad file`, async () => {
      const exposer = await Exposer.start();
      exposer.page("/metrics", "steady 1\n");
      try {
        await withServer({ config: config(exposer.target, "first") }, async (server) => {
          const up = (job) => until(async () => (await server.api.vector(`up{job="${job}"} == 1`)).length === 1, `job ${job}`);
          await up("first");

          // Writes go on over the reloads; each must be acknowledged and found.
          let written = 0;
          let stop = false;
          const base = Date.now() - 60_000;
          const load = (async () => {
            for (; !stop; written++) await write(server.api, "through_reload", [[base + written, written]]);
          })();

          writeFileSync(server.configPath, config(exposer.target, "second"));
          const answer = await reload(server);
          assert.equal(answer.status, 200, answer.text);
          await up("second");
          await until(async () => (await server.api.vector('up{job="first"}')).length === 0, "the first job to be stale");

          writeFileSync(server.configPath, "scrape_configs:\n  - job_nam: x\n");
          const broken = Date.now();
          const refused = await reload(server);
          if (how !== "SIGHUP") {
            assert.ok(refused.status >= 400, String(refused.status));
            assert.match(refused.text, /:2:5.*job_nam/s);
          }
          await until(() => /level=error.*job_nam/.test(server.process.stderr), "the error in the log");
          const runtime = await server.api.data("/api/v1/status/runtimeinfo");
          assert.equal(runtime.reloadConfigSuccess, false);
          const [notice, ...others] = await server.api.data("/api/v1/notifications");
          assert.deepEqual([notice.text, notice.active, others], ["Configuration reload has failed.", true, []]);
          const since = Date.parse(notice.date);
          assert.ok(since >= broken && since <= Date.now(), notice.date);
          const scrapes = await server.api.value('count_over_time(up{job="second"}[1h])');
          await until(async () => (await server.api.value('count_over_time(up{job="second"}[1h])')) > scrapes + 1, "more scrapes of the old configuration");

          stop = true;
          await load;
          assert.equal(await server.api.value("count_over_time(through_reload[1h])"), written);
          assert.ok(written > 10, `${written} writes`);
        });
      } finally {
        await exposer.stop();
      }
    });
  }

  it("does not interrupt the scrapes of a job that did not change", async () => {
    const exposer = await Exposer.start();
    exposer.page("/metrics", "steady 1\n");
    try {
      await withServer({ config: config(exposer.target, "same") }, async (server) => {
        await until(() => exposer.asked("/metrics").length >= 3, "scrapes");
        for (let i = 0; i < 3; i++) assert.equal((await server.api.post("/-/reload", "")).status, 200);
        const before = exposer.asked("/metrics").length;
        await until(() => exposer.asked("/metrics").length > before + 3, "more scrapes");
        const stale = await server.api.query('steady[1h]');
        assert.equal(stale.result.length, 1);
        assert.equal(await server.api.value('min_over_time(up{job="same"}[1h])'), 1);
      });
    } finally {
      await exposer.stop();
    }
  });
});
