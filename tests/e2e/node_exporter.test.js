// Debian's node_exporter is scraped: every sample that it shows is there.

import assert from "node:assert/strict";
import { labelText } from "./support/api.js";
import { NodeExporter } from "./support/server.js";
import { OURS_ONLY, startServer } from "./support/target.js";
import { after, before, describe, it, missing } from "./support/test.js";
import { until } from "./support/until.js";

describe("node_exporter is scraped", { skip: missing("prometheus-node-exporter") }, () => {
  let server, nodes, page;
  before(async () => {
    nodes = await NodeExporter.start();
    server = await startServer({
      config: `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs: [{job_name: node, static_configs: [{targets: ["${nodes.target}"]}]}]
`,
    });
    await until(async () => (await server.api.vector("count_over_time(node_boot_time_seconds[1h])")).some((one) => one.value >= 3), "three scrapes");
    page = await (await fetch(`http://${nodes.target}/metrics`)).text();
  });
  after(async () => {
    await server?.dispose();
    await nodes?.dispose();
  });

  const lines = () => page.split("\n").filter((line) => line && !line.startsWith("#"));

  it("with every series that it shows", async () => {
    const shown = lines().map((line) => line.slice(0, line.lastIndexOf(" ")));
    const names = [...new Set(shown.map((one) => one.split("{")[0]))];
    const stored = await server.api.vector('{job="node"}');
    const without = stored.map(({ metric: { job, instance, ...rest } }) => labelText(rest));
    assert.ok(names.length > 100, `${names.length} names`);
    const missingNames = names.filter((name) => !without.some((one) => one === name || one.startsWith(`${name}{`)));
    assert.deepEqual(missingNames, []);
    // Between the two looks a few series may come or go (a disk, an interface).
    const own = without.filter((one) => !/^(up|scrape_)/.test(one)).length;
    assert.ok(Math.abs(own - shown.length) <= 5, `${own} stored, ${shown.length} shown`);
  });

  it("with the values that do not move", async () => {
    for (const name of ["node_boot_time_seconds", "node_memory_MemTotal_bytes"]) {
      const shown = Number(lines().find((line) => line.startsWith(`${name} `)).split(" ")[1]);
      assert.equal(await server.api.value(name), shown, name);
    }
  });

  it("and its counters have rates", async () => {
    const busy = await server.api.vector("sum by (mode) (rate(node_cpu_seconds_total[1m]))");
    assert.ok(busy.some((one) => one.metric.mode === "idle"));
    for (const { value } of busy) assert.ok(value >= 0 && value < 256, String(value));
  });

  it("with its metadata", { skip: OURS_ONLY }, async () => {
    const { node_cpu_seconds_total: family } = await server.api.data("/api/v1/metadata", { metric: "node_cpu_seconds_total" });
    assert.deepEqual(family, [{ type: "counter", help: "Seconds the CPUs spent in each mode.", unit: "" }]);
  });
});
