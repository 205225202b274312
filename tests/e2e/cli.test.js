// The command line: help, version, checks, queries, and what it says to mistakes.

import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { END, FOREVER, writeFixture } from "./support/fixture.js";
import { run } from "./support/process.js";
import { Telltale, TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";

const telltale = (...args) => run(TELLTALE, args);
const output = ({ stdout, stderr }) => stdout + stderr;

describe("telltale", () => {
  it("version and --version", async () => {
    for (const word of ["version", "--version"]) {
      const { code, stdout } = await telltale(word);
      assert.equal(code, 0);
      assert.match(stdout, /^telltale,? (version )?\d+\.\d+\.\d+/);
    }
  });

  it("help lists the commands, help COMMAND explains one", async () => {
    const all = await telltale("help");
    assert.equal(all.code, 0);
    for (const command of ["serve", "check", "query", "version", "help"]) assert.match(all.stdout, new RegExp(`\\b${command}\\b`));
    const serve = await telltale("help", "serve");
    assert.equal(serve.code, 0);
    for (const flag of ["--config", "--set", "--http", "--otlp-grpc", "--otlp-http", "--data"]) assert.match(serve.stdout, new RegExp(flag));
    assert.equal((await telltale("serve", "--help")).code, 0);
  });

  it("help config names every key with its default", async () => {
    const { code, stdout } = await telltale("help", "config");
    assert.equal(code, 0);
    assert.match(stdout, /storage\.retention\.metrics/);
    assert.match(stdout, /30d/);
    assert.match(stdout, /scrape_configs/);
  });

  it("an unknown command suggests the nearest", async () => {
    const { code, stderr } = await telltale("serv");
    assert.notEqual(code, 0);
    assert.match(stderr, /serv/);
    assert.match(stderr, /serve/);
    assert.match(stderr, /did you mean|nearest/i);
  });

  it("an unknown flag is an error with the nearest", async () => {
    const { code, stderr } = await telltale("serve", "--htpp", "127.0.0.1:0");
    assert.notEqual(code, 0);
    assert.match(stderr, /--htpp/);
    assert.match(stderr, /--http/);
  });

  it("no command at all shows how to use it", async () => {
    const done = await telltale();
    assert.match(output(done), /serve/);
  });
});

describe("telltale check config", () => {
  const dir = temporaryDirectory();
  const check = (text, name = "some.yml") => {
    writeFileSync(join(dir, name), text);
    return telltale("check", "config", join(dir, name));
  };

  it("a good file", async () => {
    const done = await check("storage:\n  retention:\n    metrics: 7d\n");
    assert.equal(done.code, 0, output(done));
  });

  it("a Prometheus file, with warnings for what is not covered yet", async () => {
    const done = await check(`
global: {scrape_interval: 15s, evaluation_interval: 15s, external_labels: {site: a}}
rule_files: ["rules/*.yml"]
alerting: {alertmanagers: [{static_configs: [{targets: [localhost:9093]}]}]}
scrape_configs:
  - job_name: prometheus
    static_configs: [{targets: ["localhost:9090"]}]
`);
    assert.equal(done.code, 0, output(done));
    assert.match(output(done), /rule_files/);
    assert.match(output(done), /alerting/);
    assert.doesNotMatch(output(done), /warn.*scrape_interval/);
  });

  it("files that are not there, and targets that are none", async () => {
    const done = await check(`
http: {tls: {cert: /nonexistent/cert.pem, key: /nonexistent/key.pem}}
scrape_configs:
  - job_name: a
    authorization: {credentials_file: /nonexistent/token}
    tls_config: {ca_file: /nonexistent/ca.pem}
    static_configs: [{targets: ["http://host:90/x", "host:99999", "host name", "host:90", "[::1]:90", "[::1]", "host"]}]
  - job_name: probe
    relabel_configs:
      - {target_label: __address__, replacement: "prober:9115"}
    static_configs: [{targets: ["https://example.com/page"]}]
`);
    assert.equal(done.code, 1, output(done));
    for (const named of [/http\.tls\.cert: cannot read \/nonexistent\/cert\.pem/, /http\.tls\.key/, /job "a": authorization\.credentials_file/, /tls_config\.ca_file/, /target "http:\/\/host:90\/x"/, /target "host:99999": .*65535/, /target "host name"/])
      assert.match(done.stderr, named);
    assert.equal(done.stderr.trim().split("\n").length, 7, done.stderr);
  });

  const wrong = {
    "an unknown key, with its place and the nearest": ["scrape_configs:\n  - job_nam: a\n", /:2:5\b.*job_nam\b.*job_name/s],
    "an unknown key at the top": ["storag: {}\n", /:1:1\b.*storag\b.*storage/s],
    "a wrong duration": ["storage:\n  retention: {metrics: soon}\n", /:2:\d+.*storage\.retention\.metrics.*soon/s],
    "a wrong type": ["scrape_configs: 5\n", /:1:\d+.*scrape_configs/s],
    "YAML that is not": ["a: [1, 2\nb: }\n", /:\d+:\d+/],
    "a key twice": ["storage: {}\nstorage: {}\n", /:2:1\b.*storage/s],
    "a job twice": ["scrape_configs:\n  - job_name: a\n  - job_name: a\n", /:3:\d+.*\ba\b/s],
    "a bad relabel expression": ["scrape_configs:\n  - job_name: a\n    relabel_configs: [{regex: '(', target_label: x}]\n", /:3:\d+.*regex/s],
    "a timeout longer than the interval": ["scrape_configs:\n  - {job_name: a, scrape_interval: 1s, scrape_timeout: 2s}\n", /scrape_timeout/],
    "an unset variable": ["scrape_configs:\n  - {job_name: a, basic_auth: {username: u, password: '${NO_SUCH_VARIABLE}'}}\n", /NO_SUCH_VARIABLE/],
  };
  for (const [what, [text, message]] of Object.entries(wrong)) {
    it(`refuses ${what}`, async () => {
      const done = await check(text);
      assert.equal(done.code, 1, output(done));
      assert.match(output(done), message);
      assert.match(output(done), /some\.yml/);
    });
  }

  it("a file that is not there", async () => {
    const done = await telltale("check", "config", join(dir, "absent.yml"));
    assert.notEqual(done.code, 0);
    assert.match(output(done), /absent\.yml/);
  });
});

describe("telltale check metrics", () => {
  const check = (text, ...args) => run(TELLTALE, ["check", "metrics", ...args], { input: text });

  it("valid text is 0, from a file or standard input", async () => {
    const text = "# TYPE a counter\na 1\n";
    assert.equal((await check(text, "-")).code, 0);
    assert.equal((await check(text)).code, 0);
    const file = join(temporaryDirectory(), "m.prom");
    writeFileSync(file, text);
    assert.equal((await telltale("check", "metrics", file)).code, 0);
  });

  it("invalid text is 1 with line and reason", async () => {
    const done = await check("good 1\nbad one\n", "-");
    assert.equal(done.code, 1);
    assert.match(output(done), /2/);
    assert.match(output(done), /one/);
  });

  it("OpenMetrics is another format", async () => {
    const open = "# TYPE a counter\na_total 1\n# EOF\n";
    assert.equal((await check(open, "--format", "openmetrics", "-")).code, 0);
    const done = await check("# TYPE a counter\na_total 1\n", "--format", "openmetrics", "-");
    assert.equal(done.code, 1);
    assert.match(output(done), /EOF/);
  });
});

describe("telltale query", () => {
  let server;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    await writeFixture(server.api);
  });
  after(() => server?.dispose());

  it("prints a table", async () => {
    const { code, stdout, stderr } = await telltale("query", "--url", server.url, `temperature_celsius @ ${END}`);
    assert.equal(code, 0, stderr);
    assert.match(stdout, /attic/);
    assert.match(stdout, /-3\.5/);
    assert.equal(stdout.trim().split("\n").filter((line) => /attic|cellar/.test(line)).length, 2);
  });

  it("prints JSON", async () => {
    const { code, stdout } = await telltale("query", "--url", server.url, "--json", "1 + 1");
    assert.equal(code, 0);
    const answer = JSON.parse(stdout);
    assert.equal((answer.data ?? answer).result[1], "2");
  });

  it("fails with the server's message", async () => {
    const { code, stderr } = await telltale("query", "--url", server.url, "sum(");
    assert.notEqual(code, 0);
    assert.match(stderr, /parse error|1:\d/);
  });

  it("fails when nobody answers", async () => {
    const { code, stderr } = await telltale("query", "--url", "http://127.0.0.1:1", "1");
    assert.notEqual(code, 0);
    assert.match(stderr, /127\.0\.0\.1:1/);
  });
});

describe("telltale format", () => {
  it("lays out an expression from the argument or standard input", async () => {
    assert.deepEqual(await telltale("format", "sum(rate(x[5m]))by(job)"), { code: 0, signal: null, stdout: "sum by (job) (rate(x[5m]))\n", stderr: "" });
    assert.equal((await run(TELLTALE, ["format", "-"], { input: "a+b\n" })).stdout, "a + b\n");
  });

  it("escapes what does not print, as Prometheus does", async () => {
    const input = `x{a="\\x00b", b="\x1b[1m\u00a0", c="\\xff\\n\\\"é"}`;
    const { code, stdout } = await run(TELLTALE, ["format", "-"], { input });
    assert.deepEqual({ code, stdout }, { code: 0, stdout: `x{a="\\x00b",b="\\x1b[1m\\u00a0",c="\\xff\\n\\"é"}\n` });
    assert.equal((await run(TELLTALE, ["format", "-"], { input: stdout })).stdout, stdout);
  });

  it("says where an expression is wrong", async () => {
    const { code, stderr } = await telltale("format", "sum(");
    assert.equal(code, 1);
    assert.match(stderr, /1:5: parse error: /);
  });
});

describe("telltale test promql", () => {
  const dir = temporaryDirectory();
  const script = (text) => {
    writeFileSync(join(dir, "a.test"), text);
    return telltale("test", "promql", join(dir, "a.test"));
  };
  const load = "load 30s\n  requests 0+10x4\n\n";

  it("counts the evals that pass", async () => {
    const done = await script(`${load}eval instant at 2m requests\n  requests 40\n\nclear\n\neval instant at 2m requests\n`);
    assert.equal(done.code, 0, output(done));
    assert.match(done.stdout, /2 of 2 evals pass/);
  });

  it("names the line of an eval that does not", async () => {
    const done = await script(`${load}eval instant at 2m requests\n  requests 41\n`);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /a\.test:4: .*requests/);
  });

  it("refuses a script that is none, and a feature that is unknown", async () => {
    const done = await script("lode 30s\n");
    assert.equal(done.code, 1);
    assert.match(done.stderr, /line 1: unknown command "lode"/);
    assert.equal((await telltale("test", "promql", "--enable-feature=promql-magic", "x")).code, 2);
  });
});

describe("telltale test rules", () => {
  const dir = temporaryDirectory();
  const file = join(dir, "tests.yml");
  const test = (text) => {
    writeFileSync(file, text);
    return telltale("test", "rules", file);
  };
  const input = `evaluation_interval: 1m
tests:
  - name: requests
    interval: 1m
    input_series:
      - series: 'requests{path="/a"}'
        values: 0+10x4
      - series: 'requests{path="/b"}'
        values: 0+10x1 _ stale
`;
  const check = (expr, ...samples) => `      - expr: ${expr}\n        eval_time: 4m\n        exp_samples:\n${samples.map(([labels, value]) => `          - {labels: '${labels}', value: ${value}}\n`).join("")}`;
  const expressions = (...list) => `${input}    promql_expr_test:\n${list.join("")}`;

  it("takes what promtool takes", async () => {
    const text = expressions(
      check('sum_over_time(requests{path="/a"}[2m1s])', ['{path="/a"}', 90]),
      check("requests", ['requests{path="/a"}', 40]),
      check("1 / 0", ["{}", ".inf"]),
      check("requests > 100"),
      check("|\n          sum(requests)", ["{}", "4e1"]),
    );
    const done = await test(text);
    assert.equal(done.code, 0, output(done));
    assert.match(done.stdout, /5 of 5 checks pass/);
    if (!missing("promtool")) assert.equal((await run("promtool", ["test", "rules", file])).code, 0);
  });

  it("takes native histograms", async () => {
    const done = await test(`tests:
  - input_series:
      - {series: h, values: '{{schema:0 count:3 sum:2 buckets:[1 2]}}+{{schema:0 count:3 sum:2 buckets:[1 2]}}x2'}
    promql_expr_test:
      - {expr: h, eval_time: 1m, exp_samples: [{labels: h, histogram: '{{schema:0 count:6 sum:4 buckets:[2 4]}}'}]}
`);
    assert.equal(done.code, 0, output(done));
  });

  for (const [what, samples] of [
    ["another value", [['requests{path="/a"}', 41]]],
    ["a value in the last digits", [['requests{path="/a"}', 40.000001]]],
    ["a missing series", []],
    ["a series too many", [['requests{path="/a"}', 40], ['requests{path="/c"}', 1]]],
  ]) {
    it(`names the place of ${what}, where promtool fails, too`, async () => {
      const done = await test(expressions(check("requests", ...samples)));
      assert.equal(done.code, 1);
      assert.match(done.stderr, /tests\.yml:11:9: test "requests": requests at 240000 ms: .*requests\{path=/);
      if (!missing("promtool")) assert.equal((await run("promtool", ["test", "rules", file])).code, 1);
    });
  }

  it("names the labels that are wrong, and what is wrong with them", async () => {
    const done = await test(expressions(check("requests", ["{path=", 40])));
    assert.equal(done.code, 1);
    assert.match(done.stderr, /requests at 240000 ms: labels "\{path=": 1:\d+: parse error: /);
    if (!missing("promtool")) assert.match(output(await run("promtool", ["test", "rules", file])), /labels "\{path=": 1:\d+: parse error: /);
  });

  it("takes the next number for the same where the file asks for it", async () => {
    for (const [value, code] of [["40.00000000000001", 0], ["39.99999999999999", 0], ["40.00000000000002", 1]]) {
      const text = expressions(check("requests", ['requests{path="/a"}', value]));
      assert.equal((await test(`fuzzy_compare: true\n${text}`)).code, code, value);
      assert.equal((await test(text)).code, 1, value);
    }
  });

  /** The file passes, and does with promtool. */
  async function passes(text) {
    const done = await test(text);
    assert.equal(done.code, 0, output(done));
    if (!missing("promtool")) assert.equal((await run("promtool", ["test", "rules", file])).code, 0, "promtool");
  }

  it("takes the evaluation interval for the resolution of subqueries", () =>
    passes(`evaluation_interval: 2m
tests:
  - interval: 1m
    input_series: [{series: x, values: 0+1x10}]
    promql_expr_test:
      - {expr: 'count_over_time(x[7m:])', eval_time: 10m, exp_samples: [{labels: '{}', value: 4}]}
      - {expr: 'count_over_time(x[7m:1m])', eval_time: 10m, exp_samples: [{labels: '{}', value: 8}]}
`.replaceAll("[7m:", "[6m59s:").replace("value: 8", "value: 7")));

  it("has no samples behind the last evaluation", () =>
    passes(`evaluation_interval: 2m
tests:
  - interval: 1m
    input_series: [{series: x, values: 0+1x10}]
    promql_expr_test:
      - {expr: x, eval_time: 5m, exp_samples: [{labels: x, value: 4}]}
      - {expr: x offset -3m, eval_time: 1m, exp_samples: [{labels: x, value: 4}]}
      - {expr: x offset -5m, eval_time: 1m, exp_samples: [{labels: x, value: 4}]}
`));

  it("begins where the test says", async () => {
    const at = (start) => `tests:
  - start_timestamp: ${start}
    interval: 1m
    input_series: [{series: x, values: 0+1x10}]
    promql_expr_test:
      - {expr: timestamp(x), eval_time: 2m, exp_samples: [{labels: '{}', value: 1700000120}]}
`;
    for (const start of ["1700000000", "2023-11-14T22:13:20Z", "'2023-11-14T23:13:20+01:00'"]) {
      const done = await test(at(start));
      assert.equal(done.code, 0, output(done));
    }
    const done = await test(at("soon"));
    assert.equal(done.code, 1);
    assert.match(done.stderr, /tests\.yml:2:22: start_timestamp: expected Unix seconds or a time as/);
  });

  it("tells that rules and alerts are not evaluated, and fails", async () => {
    const done = await test(`rule_files: [a.yml]\n${expressions(check("requests", ['requests{path="/a"}', 40]))}    alert_rule_test:\n      - {alertname: A, eval_time: 1m}\n`);
    assert.equal(done.code, 1);
    assert.match(done.stderr, /tests\.yml:1:14: rule_files: not read, because this version evaluates no rules/);
    assert.match(done.stderr, /alert_rule_test: not checked, because this version evaluates no alerting rules/);
    assert.match(done.stdout, /1 of 2 checks pass/);
  });

  it("refuses what is no such file", async () => {
    for (const [text, message] of [
      ["tests: [{interva: 1m}]", /tests has no field "interva"; expected one of name interval/],
      ["tests: {}", /tests: expected a list, found a map/],
      ["tests: [{interval: 1 parsec}]", /tests\.yml:1:20: interval: /],
      ["tests: [{input_series: [{series: 'a{', values: 1}]}]", /tests\.yml:1:25: /],
      ["tests: [{promql_expr_test: [{expr: 'sum(', eval_time: 1m}]}]", /parse error/],
      ["group_eval_order: [a, b, a]", /tests\.yml:1:26: group name repeated in evaluation order/],
      ["a: [", /telltale: /],
    ]) {
      const done = await test(text);
      assert.equal(done.code, 1, text);
      assert.match(done.stderr, message);
    }
  });
});
