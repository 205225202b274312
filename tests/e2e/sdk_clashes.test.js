// Names and labels that clash in Prometheus's formats: promtool finds nothing wrong with the page, and
// Debian's Prometheus takes all of it in each format, without one sample that was there before.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { Process, run } from "./support/process.js";
import { Prometheus, TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

const BUILD = process.env.TELLTALE_BUILD ?? join(dirname(TELLTALE), "release");
const LIBRARIES = join(BUILD, "sdk");
const HERE = dirname(fileURLToPath(import.meta.url));
const FORMATS = {
  text: "text/plain;version=0.0.4",
  OpenMetrics: "application/openmetrics-text;version=1.0.0",
  protobuf: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
};

/** A small program of its own, as a user builds it. */
async function compiled(name) {
  const out = join(temporaryDirectory(), name);
  const { code, stderr } = await run("cc", [
    "-std=c11",
    `-I${join(HERE, "../../sdk/include")}`,
    join(HERE, "support", `${name}.c`),
    `-L${LIBRARIES}`,
    "-ltelltale",
    "-ltelltale-prometheus",
    `-Wl,-rpath,${LIBRARIES},-rpath-link,${LIBRARIES}`,
    "-o",
    out,
  ]);
  assert.equal(code, 0, stderr);
  return out;
}

/** The page as one who asks for nothing else gets it. */
async function onlyAs(accept, url) {
  const server = createServer(async (_, answer) => {
    const page = await fetch(url, { headers: { Accept: accept } });
    answer.setHeader("Content-Type", page.headers.get("Content-Type"));
    answer.end(Buffer.from(await page.arrayBuffer()));
  }).listen(0, "127.0.0.1");
  await once(server, "listening");
  return server;
}

describe("a program whose metrics clash", { skip: missing("cc") }, () => {
  let program, url;
  before(async () => {
    program = new Process(await compiled("clashes"), []);
    [url] = await until(() => program.stdout.match(/http:\S+/), "the address");
  });
  after(() => program?.signal("SIGKILL"));

  it("serves a page in which promtool finds nothing wrong", { skip: missing("promtool") }, async () => {
    const text = await (await fetch(url)).text();
    const { code, stderr, stdout } = await run("promtool", ["check", "metrics"], { input: text });
    assert.equal(code, 0, stderr + stdout + text);
  });

  it("joins the values of labels that become one", async () => {
    const text = await (await fetch(url)).text();
    assert.match(text, /^sold_total\{.*a_b="1;1"\} 8$/m);
  });

  for (const [format, accept] of Object.entries(FORMATS)) {
    it(`is scraped as ${format}`, { skip: missing("prometheus") }, async () => {
      const page = await onlyAs(accept, url);
      const server = await Prometheus.start({
        config: `
global: {scrape_interval: 200ms, scrape_timeout: 200ms}
scrape_configs: [{job_name: clashes, static_configs: [{targets: ["127.0.0.1:${page.address().port}"]}]}]
`,
      });
      try {
        const value = (expr) => until(async () => (await server.api.vector(expr))[0]?.value, expr);
        assert.equal(await value('sold_total{a_b="1"}'), 1);
        assert.equal(await value("work_seconds_count"), 1);
        assert.equal(await value("work_seconds_sum"), 3);
        assert.equal(await value("jobs"), 1);
        assert.equal(await value('up{job="clashes"}'), 1);
        const own = await (await fetch(`${server.url}/metrics`)).text();
        assert.match(own, /^prometheus_target_scrapes_sample_duplicate_timestamp_total 0$/m);
      } finally {
        await server.dispose();
        page.close();
      }
    });
  }
});
