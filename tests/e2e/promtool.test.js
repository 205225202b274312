// promtool, as people use it on a Prometheus, on us; and our own command line beside it.

import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { END, FOREVER, T0, writeFixture } from "./support/fixture.js";
import { run } from "./support/process.js";
import { TELLTALE, temporaryDirectory } from "./support/server.js";
import { AGAINST_PROMETHEUS, startServer } from "./support/target.js";
import { after, before, describe, it, missing } from "./support/test.js";

const SOURCES = fileURLToPath(new URL("../../server", import.meta.url));

describe("promtool", { skip: missing("promtool") }, () => {
  let server;
  before(async () => {
    server = await startServer({ set: FOREVER });
    await writeFixture(server.api);
  });
  after(() => server?.dispose());

  const iso = (s) => new Date(s * 1000).toISOString();
  const promtool = async (...args) => {
    const { code, stdout, stderr } = await run("promtool", args);
    assert.equal(code, 0, stderr);
    return stdout.trim();
  };

  it("query instant", async () => {
    const out = await promtool("query", "instant", `--time=${iso(END)}`, server.url, 'temperature_celsius{room="cellar"}');
    assert.equal(out, `temperature_celsius{room="cellar"} => -3.5 @[${END}]`);
  });

  it("query instant that is wrong", async () => {
    const { code, stderr } = await run("promtool", ["query", "instant", server.url, "sum("]);
    assert.notEqual(code, 0);
    assert.match(stderr, /bad_data/);
    assert.match(stderr, /parse error/);
  });

  it("query range", async () => {
    const out = await promtool("query", "range", `--start=${iso(T0)}`, `--end=${iso(T0 + 60)}`, "--step=30s", server.url, 'temperature_celsius{room="attic"}');
    assert.equal(out, `temperature_celsius{room="attic"} =>\n20 @[${T0}]\n22 @[${T0 + 30}]\n24 @[${T0 + 60}]`);
  });

  it("query series", async () => {
    const out = await promtool("query", "series", "--match=temperature_celsius", `--start=${iso(T0)}`, `--end=${iso(END)}`, server.url);
    assert.deepEqual(out.split("\n").sort(), ['{__name__="temperature_celsius", room="attic"}', '{__name__="temperature_celsius", room="cellar"}']);
  });

  it("query labels", async () => {
    assert.equal(await promtool("query", "labels", `--start=${iso(T0)}`, `--end=${iso(END)}`, server.url, "room"), "attic\ncellar");
  });

  it("debug metrics", async () => {
    const dir = temporaryDirectory();
    const { code, stderr } = await run("promtool", ["debug", "metrics", server.url], { cwd: dir });
    assert.equal(code, 0, stderr);
    const archive = readdirSync(dir).find((one) => one.endsWith(".tar.gz"));
    assert.ok(readFileSync(`${dir}/${archive}`).length > 100, "an archive with the metrics");
  });

  it("check metrics finds nothing to say about ours", async () => {
    const { text } = await server.api.get("/metrics");
    const { code, stdout, stderr } = await run("promtool", ["check", "metrics"], { input: text });
    if (!AGAINST_PROMETHEUS) assert.equal(stdout + stderr, "");
    if (!AGAINST_PROMETHEUS) assert.equal(code, 0);
  });

  it("check metrics finds nothing to say about the names of ours that are shown seldom", { skip: AGAINST_PROMETHEUS }, async () => {
    const families = readdirSync(SOURCES, { recursive: true })
      .filter((name) => name.endsWith(".c"))
      .flatMap((name) => [...readFileSync(`${SOURCES}/${name}`, "utf8").matchAll(/SELF_(COUNTER|GAUGE)\(\s*"([^"]+)"/g)])
      .map(([, type, name]) => `# HELP ${name} Help.\n# TYPE ${name} ${type.toLowerCase()}\n${name} 1\n`);
    assert.ok(families.length > 40, `${families.length} names`);
    const { code, stdout, stderr } = await run("promtool", ["check", "metrics"], { input: families.join("") });
    assert.equal(stdout + stderr, "");
    assert.equal(code, 0);
  });

  // Where promtool says that a text is broken, so do we; what it only dislikes is valid for us.
  const texts = {
    "a good text": ["# HELP a_total A.\n# TYPE a_total counter\na_total 1\n", true],
    "no line end": ["a 1", false],
    "a value that is none": ["a one\n", false],
    "an open brace": ['a{b="c" 1\n', false],
    "a type twice": ["# TYPE a counter\n# TYPE a gauge\na 1\n", false],
    "a type behind its sample": ["a 1\n# TYPE a counter\n", false],
    "an unknown type": ["# TYPE a thing\na 1\n", false],
    "a label twice": ['a{b="1",b="2"} 1\n', false],
    "a name that starts with a digit": ["9a 1\n", false],
  };
  for (const [what, [text, valid]] of Object.entries(texts)) {
    it(`check metrics: ${what}`, { skip: AGAINST_PROMETHEUS }, async () => {
      const theirs = await run("promtool", ["check", "metrics"], { input: text });
      assert.equal(theirs.code === 0, valid, `promtool: ${theirs.stderr}`);
      const ours = await run(TELLTALE, ["check", "metrics", "-"], { input: text });
      assert.equal(ours.code, valid ? 0 : 1, ours.stdout + ours.stderr);
      if (!valid) assert.match(ours.stdout + ours.stderr, /line \d|:\d+/);
    });
  }
});
