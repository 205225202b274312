// Answers of the Prometheus HTTP API to the letter: golden/NAME.json is what a request of CASES gives over the
// fixture. TELLTALE_GOLDEN=write makes the files again; what changed is then to be looked at in their diff.

import assert from "node:assert/strict";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { END, FOREVER, STEP_S, writeFixture } from "./support/fixture.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const RANGE = { start: END - 4 * STEP_S, end: END, step: STEP_S };
const ALL = { start: 0, end: END };

const CASES = {
  scalar: ["query", { query: "1 + 1", time: 4 }],
  string: ["query", { query: '"a \\"word\\""', time: 4 }],
  not_finite: ["query_range", { query: 'vector(0) / 0 or label_replace(vector(1) / 0, "n", "+", "", "") or label_replace(vector(-1) / 0, "n", "-", "", "")', start: 0, end: 2, step: 1 }],
  very_large_and_small: ["query", { query: 'label_replace(vector(1e21), "n", "large", "", "") or label_replace(vector(1e-7), "n", "small", "", "")', time: 4.5 }],
  vector: ["query", { query: "sort(temperature_celsius)", time: END }],
  matrix: ["query_range", { query: "temperature_celsius", ...RANGE }],
  range_selector: ["query", { query: "temperature_celsius[1m]", time: END }],
  empty: ["query", { query: "none", time: END }],
  limited: ["query", { query: "temperature_celsius", time: END, limit: 1 }],
  infos: ["query", { query: "rate(temperature_celsius[5m])", time: END }],
  series: ["series", { "match[]": "temperature_celsius", ...ALL }],
  labels: ["labels", { "match[]": "temperature_celsius", ...ALL }],
  values: ["label/room/values", ALL],
  exemplars: ["query_exemplars", { query: '{__name__=~".+"}', ...ALL }],
  metadata: ["metadata", { metric: "temperature_celsius" }],
  format_query: ["format_query", { query: "sum(rate(x[5m]))by(job)" }],
  parse_query: ["parse_query", { query: "sum by (job) (rate(x{a!='b'}[5m] offset 1m)) / on (job) y" }],
  parse_error: ["query", { query: "sum(" }],
  bad_time: ["query", { query: "x", time: "soon" }],
  bad_step: ["query_range", { query: "x", start: 0, end: 1, step: 0 }],
  too_many_points: ["query_range", { query: "x", start: 0, end: 11001, step: 1 }],
  bad_label: ["label/a-b/values", {}],
  no_match: ["series", {}],
};

describe("answers to the letter", () => {
  let server;
  const file = (name) => new URL(`golden/${name}.json`, import.meta.url);
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    await writeFixture(server.api);
  });
  after(() => server?.dispose());

  for (const [name, [path, params]] of Object.entries(CASES))
    it(name, async () => {
      const { status, text } = await server.api.get(`/api/v1/${path}`, params);
      const answer = `${status}\n${text.trimEnd()}\n`;
      if (process.env.TELLTALE_GOLDEN === "write") writeFileSync(file(name), answer);
      assert.equal(answer, readFileSync(file(name), "utf8"));
    });

  it("and no file is without its request", () => {
    const names = readdirSync(new URL("golden/", import.meta.url)).map((name) => name.replace(".json", ""));
    assert.deepEqual(names.sort(), Object.keys(CASES).sort());
  });
});
