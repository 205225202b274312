// What the API of Prometheus answers to questions that are wrong, in its own words: status, errorType
// and message of each mistake, and which of several is told.

import assert from "node:assert/strict";
import { END, FOREVER, T0, writeFixture } from "./support/fixture.js";
import { after, before, describe, it } from "./support/test.js";
import { startServer } from "./support/target.js";

const PARAM = (name, why) => `invalid parameter "${name}": ${why}`;
const NO_TIME = (value) => `cannot parse "${value}" to a valid timestamp`;
const BAD_TIME = (name, value) => `invalid time value for '${name}': ${NO_TIME(value)}`;
const NO_DURATION = (value) => `cannot parse "${value}" to a valid duration`;
const PICKY = "match[] must contain at least one non-empty matcher";
const UNCLOSED = "1:4: parse error: unexpected end of input inside braces";
const EMPTY = "unknown position: parse error: no expression found in input";

/** [path, message]: all are 400 and bad_data. */
const MISTAKES = {
  "an instant query": [
    ["query", PARAM("query", EMPTY)],
    ["query?query=1&time=noon", PARAM("time", BAD_TIME("time", "noon"))],
    ["query?query=1&time=2023-11-15T00:00:00", PARAM("time", BAD_TIME("time", "2023-11-15T00:00:00"))],
    ["query?query=1&time=a%22b", PARAM("time", BAD_TIME("time", 'a\\"b'))],
    ["query?query=1&timeout=soon", PARAM("timeout", NO_DURATION("soon"))],
    ["query?query=1&timeout=1e30", PARAM("timeout", `${NO_DURATION("1e30")}. It overflows int64`)],
    ["query?query=1&lookback_delta=x", `error parsing lookback delta duration: ${NO_DURATION("x")}`],
    ["query?query=1&limit=-1", PARAM("limit", "limit must be non-negative")],
    ["query?query=1&limit=1.5", PARAM("limit", 'cannot parse "1.5" to a whole number')],
    ["query?query=1&limit=99999999999999999999", PARAM("limit", 'cannot parse "99999999999999999999" to a whole number')],
    // Of several mistakes the first in this order: limit, time, timeout, lookback_delta, query.
    ["query?query=&lookback_delta=x&timeout=x&time=x&limit=-1", PARAM("limit", "limit must be non-negative")],
    ["query?query=&lookback_delta=x&timeout=x&time=x", PARAM("time", BAD_TIME("time", "x"))],
    ["query?query=&lookback_delta=x&timeout=x", PARAM("timeout", NO_DURATION("x"))],
    ["query?query=1%2B&timeout=0", PARAM("query", "1:3: parse error: unexpected end of input")],
    ["query?query=&lookback_delta=x", `error parsing lookback delta duration: ${NO_DURATION("x")}`],
  ],
  "a range query": [
    ["query_range?query=1", PARAM("start", NO_TIME(""))],
    ["query_range?query=1&start=x", PARAM("start", NO_TIME("x"))],
    ["query_range?query=1&start=1", PARAM("end", NO_TIME(""))],
    ["query_range?query=1&start=2&end=1&step=1", PARAM("end", "end timestamp must not be before start time")],
    ["query_range?query=1&start=1&end=2", PARAM("step", NO_DURATION(""))],
    ["query_range?query=1&start=1&end=2&step=Inf", PARAM("step", `${NO_DURATION("Inf")}. It overflows int64`)],
    ...["0", "-1", "NaN"].map((step) => [
      `query_range?query=1&start=1&end=2&step=${step}`,
      PARAM("step", "zero or negative query resolution step widths are not accepted. Try a positive integer"),
    ]),
    ["query_range?query=&start=1&end=2&step=1", PARAM("query", EMPTY)],
    ["query_range?start=x&limit=-2", PARAM("limit", "limit must be non-negative")],
  ],
  "exemplars": [
    ["query_exemplars", EMPTY],
    ["query_exemplars?query=up&start=2&end=1", "end timestamp must not be before start timestamp"],
    ["query_exemplars?query=up&start=x", PARAM("start", BAD_TIME("start", "x"))],
  ],
  "series": [
    ["series", "no match[] parameter provided"],
    ["series?limit=x&start=x", "no match[] parameter provided"],
    ["series?match[]=up{&limit=-1", PARAM("limit", "limit must be non-negative")],
    ["series?match[]=up{&end=x", PARAM("end", BAD_TIME("end", "x"))],
    ["series?match[]=up{", PARAM("match[]", UNCLOSED)],
    ["series?match[]={}", PARAM("match[]", PICKY)],
    ['series?match[]={a=~".*"}', PARAM("match[]", PICKY)],
  ],
  "names and values of labels": ["labels", "label/room/values"].flatMap((call) => [
    [`${call}?match[]=up{`, UNCLOSED],
    [`${call}?match[]={}`, PICKY],
    [`${call}?match[]=up{&start=x`, PARAM("start", BAD_TIME("start", "x"))],
    [`${call}?start=x&limit=-1`, PARAM("limit", "limit must be non-negative")],
  ]),
  "metadata": [
    ["metadata?limit=x", "limit must be a number"],
    ["metadata?limit_per_metric=x", "limit_per_metric must be a number"],
    ["targets/metadata?limit=x", "limit must be a number"],
    ["targets/metadata?match_target=up{", PARAM("match_target", UNCLOSED)],
  ],
  "targets": [
    ["scrape_pools/config", "no scrapePool parameter provided"],
    ["scrape_pools/config?scrapePool=x", 'error retrieving scrape config: scrape pool "x" not found'],
    ["targets/relabel_steps", "no scrapePool parameter provided"],
    ["targets/relabel_steps?scrapePool=x", "no labels parameter provided"],
    ["targets/relabel_steps?scrapePool=x&labels={}", 'error retrieving scrape config: scrape pool "x" not found'],
  ],
  "the server": [
    ["status/tsdb?limit=0", "limit must be a positive number"],
    ["status/tsdb?limit=x", "limit must be a positive number"],
    ["status/tsdb?limit=10001", "limit must not exceed 10000"],
    ["label/%ff/values", 'invalid label name: "\\xff"'],
  ],
  "labels for info()": [
    ["info_labels?match[]=up", "match[] is not supported by info_labels; use metric_match or expr"],
    ["info_labels?metric_match=!~", "invalid metric_match: metric_match value cannot be empty"],
    ["info_labels?values_limit=-1", 'invalid values_limit "-1": must be a non-negative integer'],
    ["info_labels?expr=1%2B", "invalid expr: 1:3: parse error: unexpected end of input"],
    ["info_labels?expr=1", "expr must return series (vector or matrix), got scalar"],
    ["info_labels?sort_by=x", 'invalid sort_by "x" for info_labels: must be "alpha" or "score"'],
  ],
};

describe("a wrong question to the API of Prometheus", () => {
  let server, api;
  before(async () => {
    server = await startServer({ set: { ...FOREVER, "http.admin_api": "true" } });
    api = server.api;
    await writeFixture(api);
  });
  after(() => server?.dispose());

  for (const [what, mistakes] of Object.entries(MISTAKES))
    it(`about ${what} is told as Prometheus tells it`, async () => {
      for (const [path, message] of mistakes) {
        const { status, json } = await api.get(`/api/v1/${path}`);
        assert.deepEqual([status, json], [400, { status: "error", errorType: "bad_data", error: message }], path);
      }
    });

  it("to /federate is told in a line of text", async () => {
    const { status, text, headers } = await api.get("/federate", { "match[]": "up{" });
    assert.deepEqual([status, text, headers.get("content-type")], [400, `${UNCLOSED}\n`, "text/plain; charset=utf-8"]);
  });

  it("about times of which there are none between is none: there is nothing", async () => {
    const nothing = { start: 2, end: 1 };
    assert.deepEqual(await api.data("/api/v1/series", { "match[]": "temperature_celsius", ...nothing }), []);
    assert.deepEqual(await api.data("/api/v1/labels", nothing), []);
    assert.deepEqual(await api.data("/api/v1/label/room/values", nothing), []);
  });

  it("is not one that selects everything where Prometheus lets it", async () => {
    assert.deepEqual(await api.data("/api/v1/targets/metadata", { match_target: "{}" }), []);
    assert.equal((await api.get("/federate", { "match[]": "{}" })).status, 200);
  });

  it("about exemplars that names no series has no answer, and one that names it twice has it once", async () => {
    const none = await api.get("/api/v1/query_exemplars", { query: "1+1" });
    assert.deepEqual([none.status, none.text, none.headers.get("content-type")], [204, "", null]);
    const found = await api.data("/api/v1/query_exemplars", {
      query: 'request_seconds_bucket / request_seconds_bucket{le="0.5"}',
      start: T0,
      end: END,
    });
    assert.deepEqual(found.map((one) => one.seriesLabels.le), ["0.5"]);
  });

  it("of unknown statistics is answered with a warning", async () => {
    const ask = async (stats) => (await api.get("/api/v1/query", { query: "1", time: 4, stats })).json;
    const warned = await ask("fancy");
    assert.ok(warned.data.stats);
    assert.deepEqual(warned.warnings, [
      'value "fancy" for parameter "stats" is deprecated and will be rejected in the next major release, use "true" or "all"',
    ]);
    for (const stats of ["true", "all"]) assert.equal((await ask(stats)).warnings, undefined);
    assert.equal((await ask("")).data.stats, undefined);
  });
});
