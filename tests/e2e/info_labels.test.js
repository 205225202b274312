// /api/v1/info_labels: what info() could add, as lines of JSON for an editor.

import assert from "node:assert/strict";
import { FOREVER, T0 } from "./support/fixture.js";
import { write } from "./support/remote_write.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const info = (name, instance, more) => ({
  labels: { __name__: name, job: "shop", instance, ...more },
  samples: [[T0 * 1000, 1]],
});

const SERIES = [
  info("target_info", "a", { k8s_cluster: "east", version: "1" }),
  info("target_info", "b", { k8s_cluster: "west", version: "2", os_type: "linux" }),
  { labels: { __name__: "target_info", job: "other", instance: "c", k8s_cluster: "north" }, samples: [[T0 * 1000, 1]] },
  info("build_info", "a", { revision: "abc" }),
  info("requests_total", "a", {}),
];

describe("labels for info()", () => {
  let server, api;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    api = server.api;
    await write(api, SERIES);
  });
  after(() => server?.dispose());

  /** The results of all lines, and the last line. */
  async function ask(params) {
    const answer = await api.get("/api/v1/info_labels", { start: T0 - 60, end: T0, ...params });
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.headers.get("content-type"), "application/x-ndjson; charset=utf-8");
    const lines = answer.text.trimEnd().split("\n").map((line) => JSON.parse(line));
    const last = lines.pop();
    return { results: lines.flatMap((line) => line.results), last, lines };
  }

  it("are those of target_info but for job and instance, with their values", async () => {
    const { results, last } = await ask({});
    assert.deepEqual(results, [
      { name: "k8s_cluster", values: ["east", "north", "west"] },
      { name: "os_type", values: ["linux"] },
      { name: "version", values: ["1", "2"] },
    ]);
    assert.deepEqual(last, { status: "success", has_more: false });
  });

  it("are those of the info series that belong to an expression's series", async () => {
    const { results } = await ask({ expr: "rate(requests_total[5m]) or requests_total" });
    assert.deepEqual(results, [
      { name: "k8s_cluster", values: ["east"] },
      { name: "version", values: ["1"] },
    ]);
    assert.deepEqual(await ask({ expr: "absent_from_here" }), {
      results: [],
      last: { status: "success", has_more: false },
      lines: [{ results: [] }],
    });
  });

  it("are those of other info metrics on demand", async () => {
    const names = async (metric_match) => (await ask({ metric_match })).results.map((one) => one.name);
    assert.deepEqual(await names("build_info"), ["revision"]);
    assert.deepEqual(await names("=~.+_info"), ["k8s_cluster", "os_type", "revision", "version"]);
    assert.deepEqual(await names("!=target_info"), ["revision"]);
    assert.deepEqual(await names("!~(target|build).*"), []);
  });

  it("are searched, ordered, scored and cut as names are elsewhere", async () => {
    const { results, last } = await ask({ "search[]": "os", include_score: "true", sort_by: "score" });
    assert.deepEqual(results.map(({ name, score }) => [name, score]), [["os_type", 1]]);
    assert.equal(last.has_more, false);
    const cut = await ask({ sort_by: "alpha", sort_dir: "dsc", limit: 2, batch_size: 1, values_limit: 1 });
    assert.deepEqual(cut.lines, [
      { results: [{ name: "version", values: ["1"] }] },
      { results: [{ name: "os_type", values: ["linux"] }] },
    ]);
    assert.deepEqual(cut.last, { status: "success", has_more: true });
  });

  it("come with the warnings of the expression, once", async () => {
    const { lines } = await ask({ expr: "requests_total or quantile(2, requests_total)", batch_size: 1 });
    assert.equal(lines[0].warnings.length, 1);
    assert.match(lines[0].warnings[0], /quantile/);
    assert.equal(lines[1].warnings, undefined);
  });

  it("of an expression that cannot be evaluated are the query's error", async () => {
    const { status, json } = await api.get("/api/v1/info_labels", { expr: "target_info + on () target_info", end: T0, start: T0 });
    assert.deepEqual([status, json.errorType], [422, "execution"]);
  });
});
