// Scraping: prom-client as the target, and a target that we write ourselves for everything that a
// well-behaved client would not send.

import assert from "node:assert/strict";
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import promClient from "prom-client";
import { Exposer, OPENMETRICS, TEXT } from "./support/exposer.js";
import { temporaryDirectory } from "./support/server.js";
import { AGAINST_PROMETHEUS, OURS_ONLY, startServer } from "./support/target.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const INTERVAL = "200ms";
const job = (name, target, more = "") => `
  - job_name: ${name}
    metrics_path: /${name}
    static_configs: [{targets: ["${target}"]}]
${more.replace(/^/gm, "    ")}`;
const config = (...jobs) => `
global: {scrape_interval: ${INTERVAL}, scrape_timeout: ${INTERVAL}}
scrape_configs:${jobs.join("")}
`;

const scraped = (api, name, n = 1) =>
  until(
    async () => (await api.vector(`count_over_time(up{job="${name}"}[1h])`)).some((one) => one.value >= n),
    `${n} scrapes of ${name}`,
  );
const targetOf = async (api, name) =>
  (await api.data("/api/v1/targets")).activeTargets.find((one) => one.scrapePool === name);
const failure = (api, name) =>
  until(async () => {
    const target = await targetOf(api, name);
    return target?.health === "down" && target;
  }, `${name} to be down`);

describe("a prom-client program is scraped", () => {
  let server, api, exposer, registries;

  // prom-client decides between the formats when a registry is made, so there is one of each.
  function instruments(registry) {
    const make = (type, name, more) => new promClient[type]({ name, help: `A ${type}.`, registers: [registry], ...more });
    make("Counter", "orders_total", { labelNames: ["country"] }).inc({ country: "fi" }, 3);
    make("Counter", "plain_total").inc(0.5);
    make("Gauge", "depth").set(-12.75);
    make("Histogram", "wait_seconds", { buckets: [0.1, 1, 10] }).observe(0.5);
    const summary = make("Summary", "size_bytes", { percentiles: [0.5, 0.9] });
    [1, 2, 3].forEach((n) => summary.observe(n));
    return registry;
  }

  // In OpenMetrics the family of a counter is named without its suffix.
  const exposedName = ({ name, type }) => (type === "counter" && !name.endsWith("_total") ? `${name}_total` : name);
  // Prometheus 3 writes le="1" as le="1.0": numbers, compared as such.
  const sameNumber = (a, b) => a === b || `${a}` === `${b}` || Number(a) === Number(b);

  before(async () => {
    exposer = await Exposer.start();
    registries = {
      text: instruments(new promClient.Registry()),
      openmetrics: instruments(new promClient.Registry(promClient.Registry.OPENMETRICS_CONTENT_TYPE)),
    };
    exposer.page("/text", async (_, response) => {
      response.setHeader("content-type", registries.text.contentType);
      response.end(await registries.text.metrics());
    });
    exposer.page("/negotiated", async (request, response) => {
      const wanted = request.headers.accept.includes("application/openmetrics-text") ? "openmetrics" : "text";
      response.setHeader("content-type", registries[wanted].contentType);
      response.end(await registries[wanted].metrics());
    });
    server = await startServer({ config: config(job("text", exposer.target), job("negotiated", exposer.target)) });
    api = server.api;
    await scraped(api, "text");
    await scraped(api, "negotiated");
  });
  after(async () => {
    await server?.dispose();
    await exposer?.stop();
  });

  for (const name of ["text", "negotiated"]) {
    it(`as ${name}: every sample has the value that the program has`, async () => {
      const registry = registries[name === "text" ? "text" : "openmetrics"];
      let compared = 0;
      for (const family of await registry.getMetricsAsJSON()) {
        for (const { metricName = exposedName(family), value, labels } of family.values) {
          const { le, quantile, ...rest } = labels;
          const matchers = Object.entries({ ...rest, job: name }).map(([k, v]) => `${k}="${v}"`);
          const found = (await api.vector(`${metricName}{${matchers.join(",")}}`)).filter(
            ({ metric }) => sameNumber(metric.le, le) && sameNumber(metric.quantile, quantile),
          );
          assert.equal(found.length, 1, `${metricName} ${JSON.stringify(labels)}: ${JSON.stringify(found)}`);
          assert.equal(found[0].value, value, metricName);
          assert.equal(found[0].metric.instance, exposer.target);
          compared++;
        }
      }
      assert.ok(compared >= 13, `${compared} compared`);
    });
  }

  it("asks for OpenMetrics first, then text, with a timeout and a name", () => {
    const { headers } = exposer.asked("/negotiated")[0];
    assert.match(headers.accept, /application\/openmetrics-text;\s*version=1\.0\.0.*text\/plain;\s*version=0\.0\.4/);
    assert.equal(Number(headers["x-prometheus-scrape-timeout-seconds"]), 0.2);
    assert.match(headers["user-agent"], AGAINST_PROMETHEUS ? /Prometheus/ : /telltale/i);
    assert.match(headers["accept-encoding"], /gzip/);
  });

  it("and the scrape itself is measured", async () => {
    const of = (name) => api.value(`${name}{job="text"}`);
    assert.equal(await of("up"), 1);
    const n = await of("scrape_samples_scraped");
    assert.ok(n >= 12, `${n} samples`);
    assert.equal(await of("scrape_samples_post_metric_relabeling"), n);
    const took = await of("scrape_duration_seconds");
    assert.ok(took > 0 && took < 0.2, `${took} s`);
    assert.equal(await api.value('max_over_time(scrape_series_added{job="text"}[1h])'), n);
  });

  it("its metadata is known", { skip: OURS_ONLY }, async () => {
    const all = await api.data("/api/v1/metadata");
    assert.equal(all.orders_total?.[0].type ?? all.orders?.[0].type, "counter");
    assert.equal(all.depth[0].type, "gauge");
    assert.equal(all.depth[0].help, "A Gauge.");
    assert.equal(all.wait_seconds[0].type, "histogram");
    assert.equal(all.size_bytes[0].type, "summary");
  });

  it("its state is shown among the targets", async () => {
    const target = await targetOf(api, "text");
    assert.equal(target.health, "up");
    assert.equal(target.lastError, "");
    assert.equal(target.scrapeUrl, `http://${exposer.target}/text`);
    assert.deepEqual(target.labels, { instance: exposer.target, job: "text" });
    assert.equal(target.discoveredLabels.__address__, exposer.target);
    assert.equal(target.discoveredLabels.__metrics_path__, "/text");
    assert.ok(Date.now() - Date.parse(target.lastScrape) < 10_000, target.lastScrape);
    assert.ok(target.lastScrapeDuration > 0);
  });
});

describe("what is scraped is kept as it was exposed", () => {
  let server, api, exposer;

  before(async () => {
    exposer = await Exposer.start();
    const past = Date.now() - 60_000;
    exposer
      .page("/exemplars", `# TYPE e counter\n# UNIT e_seconds seconds\ne_total 3 # {trace_id="abc"} 0.5 ${past / 1000}\n# EOF\n`.replace("# UNIT e_seconds seconds\n", ""), { "content-type": OPENMETRICS })
      .page("/zipped", gzipSync("zipped 4\n"), { "content-type": TEXT, "content-encoding": "gzip" })
      .page("/honored", 'h{job="own",instance="mine"} 1\n')
      .page("/overridden", 'h{job="own",instance="mine"} 1\n')
      .page("/timed", `t 1 ${past}\n`)
      .page("/untimed", `t 1 ${past}\n`)
      .page("/odd", 'odd{v="a\\"b\\\\c\\nd"} NaN\nodd{v="plus"} +Inf\nodd{v="exp"} 1.5e-7\n')
      .page("/params", "p 1\n")
      .page("/moved", (_, response) => response.writeHead(302, { location: "/arrived" }).end())
      .page("/arrived", "arrived 1\n")
      .page("/vanishing", "stays 1\nvanishes 1\n")
      .page("/dying", "d 1\n")
      .page("/relabelled", 'keep_me{a="X",temp_one="1",drop_me="y"} 1\nforget_me 2\n')
      .page("/hashed", "hashed 1\n");
    server = await startServer({
      config: config(
        job("exemplars", exposer.target),
        job("zipped", exposer.target),
        job("honored", exposer.target, "honor_labels: true"),
        job("overridden", exposer.target),
        job("timed", exposer.target),
        job("untimed", exposer.target, "honor_timestamps: false"),
        job("odd", exposer.target),
        job("params", exposer.target, "params: {module: [icmp, tcp], q: ['a&b']}"),
        job("moved", exposer.target),
        job("vanishing", exposer.target),
        job("dying", exposer.target),
        job(
          "relabelled",
          exposer.target,
          `relabel_configs:
  - {source_labels: [__address__], regex: '(.+):.+', target_label: host}
  - {target_label: instance, replacement: renamed}
  - {target_label: __metrics_path__, replacement: /relabelled}
metric_relabel_configs:
  - {source_labels: [__name__], regex: 'forget_.+', action: drop}
  - {source_labels: [a], target_label: lower, action: lowercase}
  - {regex: 'temp_(.+)', replacement: 'kept_$1', action: labelmap}
  - {regex: 'drop_.*|temp_.*', action: labeldrop}`,
        ),
        job(
          "hashed",
          exposer.target,
          `relabel_configs:
  - {source_labels: [__address__], modulus: 1000, target_label: shard, action: hashmod}`,
        ),
        `
  - job_name: dropped
    static_configs: [{targets: ["${exposer.target}"], labels: {env: test}}]
    relabel_configs: [{source_labels: [env], regex: prod, action: keep}]`,
      ),
    });
    api = server.api;
    for (const name of ["exemplars", "relabelled", "hashed", "moved", "untimed", "dying", "vanishing"]) await scraped(api, name);
  });
  after(async () => {
    await server?.dispose();
    await exposer?.stop();
  });

  const only = async (expr) => {
    const found = await until(async () => {
      const vector = await api.vector(expr);
      return vector.length > 0 && vector;
    }, expr);
    assert.equal(found.length, 1, JSON.stringify(found));
    return found[0];
  };

  it("exemplars", async () => {
    const found = await until(async () => {
      const now = Date.now() / 1000;
      const all = await api.data("/api/v1/query_exemplars", { query: "e_total", start: now - 600, end: now });
      return all.length > 0 && all;
    }, "the exemplar");
    assert.equal(found.length, 1);
    assert.equal(found[0].exemplars.length, 1, "the same exemplar is stored once");
    assert.deepEqual(found[0].exemplars[0].labels, { trace_id: "abc" });
    assert.equal(found[0].exemplars[0].value, "0.5");
  });

  it("compressed pages", async () => assert.equal((await only("zipped")).value, 4));

  it("labels that clash, theirs or ours first", async () => {
    assert.deepEqual((await only('h{job="own"}')).metric, { __name__: "h", job: "own", instance: "mine" });
    assert.deepEqual((await only('h{job="overridden"}')).metric, {
      __name__: "h",
      job: "overridden",
      instance: exposer.target,
      exported_job: "own",
      exported_instance: "mine",
    });
  });

  it("timestamps, unless told not to", async () => {
    const now = Date.now() / 1000;
    assert.ok(now - (await only('timestamp(t{job="timed"})')).value > 50);
    assert.ok(now - (await only('timestamp(t{job="untimed"})')).value < 30);
  });

  it("escapes and values of every kind", async () => {
    const found = await until(async () => {
      const vector = await api.vector('odd{job="odd"}');
      return vector.length === 3 && vector;
    }, "three odd values");
    const byText = new Map(found.map((one) => [one.metric.v, one.value]));
    assert.ok(Number.isNaN(byText.get('a"b\\c\nd')));
    assert.equal(byText.get("plus"), NaN === 0 ? 0 : byText.get("plus"));
    assert.equal(byText.get("exp"), 1.5e-7);
    const plus = (await api.query('odd{v="plus"}')).result[0].value[1];
    assert.equal(plus, "+Inf");
  });

  it("parameters are sent", async () => {
    const asked = await until(() => exposer.asked("/params")[0], "a request");
    const params = new URL(asked.url, "http://x").searchParams;
    assert.deepEqual(params.getAll("module"), ["icmp", "tcp"]);
    assert.equal(params.get("q"), "a&b");
  });

  it("redirects are followed", async () => assert.equal((await only("arrived")).value, 1));

  it("targets and metrics are relabelled", async () => {
    assert.deepEqual((await only("keep_me")).metric, {
      __name__: "keep_me",
      job: "relabelled",
      instance: "renamed",
      host: "127.0.0.1",
      a: "X",
      lower: "x",
      kept_one: "1",
    });
    assert.deepEqual(await api.vector("forget_me"), []);
    assert.equal(await api.value('scrape_samples_scraped{job="relabelled"}'), 2);
    assert.equal(await api.value('scrape_samples_post_metric_relabeling{job="relabelled"}'), 1);
    const shard = Number((await only("hashed")).metric.shard);
    assert.ok(Number.isInteger(shard) && shard >= 0 && shard < 1000, String(shard));
  });

  it("dropped targets are listed as such", async () => {
    const { droppedTargets } = await api.data("/api/v1/targets", { state: "dropped" });
    const dropped = droppedTargets.find((one) => one.discoveredLabels.job === "dropped");
    assert.equal(dropped.discoveredLabels.env, "test");
    assert.deepEqual(await api.vector('up{job="dropped"}'), []);
  });

  it("the configuration of a job is shown", { skip: OURS_ONLY }, async () => {
    const { yaml } = await api.data("/api/v1/scrape_pools/config", { scrapePool: "dropped" });
    assert.match(yaml, /^job_name: dropped$/m);
    assert.match(yaml, /action: keep/);
    const { status, json } = await api.get("/api/v1/scrape_pools/config", { scrapePool: "none" });
    assert.deepEqual([status, json.errorType, json.error], [400, "bad_data", 'error retrieving scrape config: scrape pool "none" not found']);
    assert.match((await api.get("/api/v1/scrape_pools/config")).json.error, /no scrapePool parameter/);
  });

  it("relabelling is shown step by step", { skip: OURS_ONLY }, async () => {
    const steps = async (labels) =>
      (await api.data("/api/v1/targets/relabel_steps", { scrapePool: "dropped", labels: JSON.stringify(labels) })).steps;
    const rule = { sourceLabels: ["env"], separator: ";", regex: "prod", replacement: "$1", action: "keep" };
    const kept = { __address__: "a:1", env: "prod" };
    assert.deepEqual(await steps(kept), [{ rule, output: kept, keep: true }]);
    assert.deepEqual(await steps({ env: "test" }), [{ rule, output: {}, keep: false }]);
    const wrong = await api.get("/api/v1/targets/relabel_steps", { scrapePool: "dropped", labels: '{"a":1}' });
    assert.equal(wrong.status, 400);
    assert.match(wrong.json.error, /labels.*byte/);
  });

  it("a series that is no longer exposed is stale at the next scrape", async () => {
    await only("vanishes");
    exposer.page("/vanishing", "stays 1\n");
    await until(async () => (await api.vector("vanishes")).length === 0, "the stale marker");
    assert.equal((await only("stays")).value, 1);
    assert.ok((await api.value("count_over_time(vanishes[1h])")) >= 1, "its past is kept");
  });

  it("a target that is gone is up 0 and its series are stale", async () => {
    await only("d");
    exposer.remove("/dying");
    await until(async () => (await api.value('up{job="dying"}')) === 0, "up to be 0");
    await until(async () => (await api.vector("d")).length === 0, "d to be stale");
    assert.match((await failure(api, "dying")).lastError, /404/);
    exposer.page("/dying", "d 2\n");
    assert.equal((await only("d == 2")).value, 2);
  });
});

describe("a bad target does no harm", () => {
  let server, api, exposer;
  const many = Array.from({ length: 100 }, (_, i) => `many{n="${i}"} ${i}`).join("\n") + "\n";

  // name: [page, options of the job, what the error must say]
  const cases = {
    garbage: ["fine 1\nthis is { not metrics\n", "", /line 2|expected|invalid|\{/i],
    binary: [Buffer.from([0, 1, 2, 255, 254, 10]), "", /./],
    cut_openmetrics: [{ body: "# TYPE a counter\na_total 1\n", type: OPENMETRICS }, "", /EOF/],
    error_page: [(_, response) => response.writeHead(500).end("oops"), "", /500/],
    hangs: [() => {}, "", /deadline|timed? ?out|within/i],
    hangs_up: [(request) => request.socket.destroy(), "", /./],
    too_many: [many, "sample_limit: 10", /sample.*limit|limit/i],
    too_big: ["x 1\n".padEnd(100_000, "#"), "body_size_limit: 10KB", /body|size|limit/i],
    zip_bomb: [
      { body: gzipSync(Buffer.alloc(50_000_000, "#")), type: TEXT, encoding: "gzip" },
      "body_size_limit: 1MB",
      /body|size|limit/i,
    ],
    zip_bomb_without_a_limit: [
      { body: gzipSync(Buffer.alloc(300_000_000, "x")), type: TEXT, encoding: "gzip" },
      "",
      OURS_ONLY ? /./ : /limits\.max_decompression_ratio/,
    ],
    many_labels: ['l{a="1",b="2",c="3",d="4",e="5"} 1\n', "label_limit: 4", /label.*limit|limit/i],
    long_name: [`l{${"n".repeat(50)}="1"} 1\n`, "label_name_length_limit: 20", /label.*limit|limit/i],
    long_value: [`l{a="${"v".repeat(500)}"} 1\n`, "label_value_length_limit: 100", /label.*limit|limit/i],
  };

  before(async () => {
    exposer = await Exposer.start();
    exposer.page("/good", "good 1\n");
    for (const [name, [page]] of Object.entries(cases)) {
      const { body = page, type = TEXT, encoding } = page;
      exposer.page(`/${name}`, body, { "content-type": type, ...(encoding ? { "content-encoding": encoding } : {}) });
    }
    const jobs = Object.entries(cases).map(([name, [, options]]) => job(name, exposer.target, options));
    server = await startServer({ config: config(job("good", exposer.target), ...jobs) });
    api = server.api;
  });
  after(async () => {
    await server?.dispose();
    await exposer?.stop();
  });

  for (const [name, [, , message]] of Object.entries(cases)) {
    // Prometheus 2.42 takes the zero byte for the end of the page.
    const skip = name === "binary" && OURS_ONLY;
    it(`${name}: down, with the reason, and nothing of it stored`, { skip }, async () => {
      const { lastError } = await failure(api, name);
      assert.match(lastError, message);
      assert.equal(await api.value(`up{job="${name}"}`), 0);
      assert.deepEqual(await api.vector(`{job="${name}",__name__!~"up|scrape_.+"}`), []);
    });
  }

  it("while the good one is scraped all along", async () => {
    await scraped(api, "good", 5);
    assert.equal(await api.value('min_over_time(up{job="good"}[1h])'), 1);
    assert.ok(server.process.residentBytes() < 300e6);
  });
});

describe("targets are discovered", () => {
  let server, api, exposer, dir;
  const jobs = async () => (await api.vector("up == 1")).map((one) => one.metric.found).filter(Boolean);
  const expectJobs = (...names) =>
    until(async () => JSON.stringify((await jobs()).sort()) === JSON.stringify(names.sort()), `targets ${names}`);

  // Written beside and moved into place, as careful writers do.
  function replace(name, text) {
    writeFileSync(join(dir, `.${name}.new`), text);
    renameSync(join(dir, `.${name}.new`), join(dir, "sd", name));
  }
  const group = (found) => [{ targets: [exposer.target], labels: { found, __metrics_path__: "/page" } }];

  before(async () => {
    exposer = await Exposer.start();
    exposer.page("/page", "page 1\n");
    exposer.page("/sd", JSON.stringify(group("http")), { "content-type": "application/json" });
    dir = temporaryDirectory();
    mkdirSync(join(dir, "sd"));
    replace("one.json", JSON.stringify(group("json")));
    replace("two.yml", `- targets: ["${exposer.target}"]\n  labels: {found: yaml, __metrics_path__: /page}\n`);
    server = await startServer({
      config: config(`
  - job_name: files
    file_sd_configs: [{files: ["${dir}/sd/*.json", "${dir}/sd/*.yml"], refresh_interval: 1h}]
  - job_name: http
    http_sd_configs: [{url: "http://${exposer.target}/sd", refresh_interval: 1s}]`),
    });
    api = server.api;
  });
  after(async () => {
    await server?.dispose();
    await exposer?.stop();
  });

  it("in JSON and YAML files and over HTTP", async () => {
    await expectJobs("json", "yaml", "http");
    const target = (await api.data("/api/v1/targets")).activeTargets.find((one) => one.labels.found === "json");
    assert.equal(target.discoveredLabels.__meta_filepath, join(dir, "sd/one.json"));
    assert.match(exposer.asked("/sd")[0].headers["x-prometheus-refresh-interval-seconds"], /^1(\.0+)?$/);
  });

  it("and changes are picked up: in a file, a new file, over HTTP", async () => {
    replace("one.json", JSON.stringify(group("json2")));
    replace("three.yml", JSON.stringify(group("new")));
    exposer.page("/sd", JSON.stringify([...group("http"), ...group("more")]), { "content-type": "application/json" });
    await expectJobs("json2", "yaml", "new", "http", "more");
  });

  it("and a broken file or answer keeps the targets that were known", async () => {
    replace("one.json", '[{"targets": ["x');
    const asked = exposer.asked("/sd").length;
    exposer.page("/sd", "[{", { "content-type": "application/json" });
    await until(() => exposer.asked("/sd").length > asked + 1, "two more refreshes");
    await expectJobs("json2", "yaml", "new", "http", "more");
  });

  it("and a target that leaves is stale, not down", async () => {
    replace("one.json", "[]");
    await expectJobs("yaml", "new", "http", "more");
    assert.deepEqual(await api.vector('up{found="json2"}'), []);
  });
});
