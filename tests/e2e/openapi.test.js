// docs/openapi.json says what the server does: each path answers in the schema that stands there,
// which allows nothing else, and refuses values that the schema of a parameter does not allow.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { writeLogs, writeSpans } from "./support/records.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const api = JSON.parse(readFileSync(new URL("../../docs/openapi.json", import.meta.url), "utf8"));

const resolve = (schema) => (schema.$ref ? resolve(schema.$ref.slice(2).split("/").reduce((at, key) => at[key], api)) : schema);
const typeOf = (v) => (v === null ? "null" : Array.isArray(v) ? "array" : typeof v);
const isOf = (v, type) => (type === "integer" ? Number.isInteger(v) : typeOf(v) === type);

/** Values that no parameter of the name may have; those of ANY_TEXT may have every value. */
const WRONG = { where: "(", start: "soon", end: "soon", order: "best", limit: "many", after: "x", logs: "all", step: "often", id: "x", before: "few", behind: "few", lines: "all", rate: "fast", services_only: "maybe", all: "yes" };
const ANY_TEXT = ["field", "prefix"];

/** The words of JSON Schema that the document uses; throws with the place of the first mismatch. */
function validate(v, wanted, at = "answer") {
  const schema = resolve(wanted);
  if (schema.enum) assert.ok(schema.enum.includes(v), `${at}: ${JSON.stringify(v)} is none of ${schema.enum}`);
  if (schema.type) assert.ok([schema.type].flat().some((type) => isOf(v, type)), `${at}: ${JSON.stringify(v)} is no ${schema.type}`);
  if (schema.pattern && typeof v === "string") assert.match(v, new RegExp(schema.pattern), at);
  if (schema.minimum !== undefined) assert.ok(v >= schema.minimum, `${at}: ${v}`);
  if (schema.items) v.forEach((one, i) => validate(one, schema.items, `${at}[${i}]`));
  if (schema.type !== "object") return;
  for (const key of schema.required ?? []) assert.ok(key in v, `${at}.${key} is missing`);
  for (const [key, one] of Object.entries(v)) {
    const member = schema.properties?.[key] ?? schema.additionalProperties;
    assert.ok(member, `${at}.${key} is not described`);
    validate(one, member, `${at}.${key}`);
  }
}

describe("docs/openapi.json", () => {
  const NOW = Date.now() / 1000 - 10;
  const trace = "0af7651916cd43dd8448eb211c80319c";
  const id = (n) => String(n).padStart(16, "0");
  let server, examples;
  before(async () => {
    server = await Telltale.start({ set: { "http.admin_api": "true" } });
    await writeSpans(
      server.api,
      "shop",
      [
        { trace, id: id(1), name: "run", start: NOW, ms: 900, attributes: { "gen_ai.operation.name": "invoke_agent", "gen_ai.agent.name": "planner", "session.id": "s" }, more: { traceState: "a=b", flags: 257, droppedAttributesCount: 1, droppedEventsCount: 2, droppedLinksCount: 3 } },
        { trace, id: id(2), parent: id(1), name: "ask", kind: "client", start: NOW + 0.1, ms: 200, attributes: { "gen_ai.operation.name": "chat", "gen_ai.request.model": "m", "gen_ai.usage.input_tokens": 9, "gen_ai.usage.cache_read.input_tokens": 3, "gen_ai.usage.cost": 0.1, list: [1, { a: "b" }] }, events: [{ name: "e", at: NOW, attributes: { a: 1 } }], links: [{ trace, id: id(1), attributes: { b: 2 } }], more: { links: [{ traceId: trace, spanId: id(1), traceState: "c=d", flags: 769, droppedAttributesCount: 3, attributes: [{ key: "b", value: { intValue: "2" } }] }] } },
        { trace, id: id(3), parent: id(9), name: "lost", start: NOW, ms: null, error: "broken" },
        { trace, id: id(4), parent: id(5), name: "circle", start: NOW },
        { trace, id: id(5), parent: id(4), name: "circle", start: NOW },
      ],
      { "host.name": "h1" },
    );
    await writeSpans(server.api, "far", [{ trace, id: id(6), parent: id(2), name: "skewed", kind: "server", start: NOW - 50, ms: 100 }]);
    await writeLogs(server.api, "shop", [
      { at: NOW, severity: 9, level: "INFO", body: "one", trace, id: id(1), attributes: { a: 1 }, more: { observedTimeUnixNano: `${Math.round(NOW * 1e6)}000`, flags: 1, droppedAttributesCount: 1, eventName: "x" } },
      { at: NOW + 1, severity: 30, body: { a: [1] }, trace },
      { at: 0, more: { timeUnixNano: undefined, observedTimeUnixNano: `${Math.round(NOW * 1e6)}000` } },
    ]);
    const logs = await server.api.get("/api/v1/logs");
    examples = { trace_id: trace, session: "s", log_id: logs.json.data.logs.at(-1).id };
  });
  after(() => server?.dispose());

  const fill = (text) => text.replace(/\{(\w+)\}/g, (_, name) => examples[name]);
  const formOf = (one) => one.requestBody?.content["application/x-www-form-urlencoded"].schema ?? { properties: {} };
  const paramsOf = (path) => api.paths[path].get.parameters.filter((p) => p.in === "query");
  const required = (path) => Object.fromEntries(paramsOf(path).filter((p) => p.required).map((p) => [p.name, fill(p.example)]));
  const schemaOf = (one) => resolve(one.responses["200"]).content["application/json"]?.schema;
  const paths = Object.keys(api.paths);
  const reading = paths.filter((path) => api.paths[path].get);
  const deleting = paths.filter((path) => !api.paths[path].get);

  for (const path of reading.filter((path) => schemaOf(api.paths[path].get))) {
    it(`${path} answers as described, with and without its parameters`, async () => {
      const { get, post } = api.paths[path];
      const optional = Object.fromEntries(paramsOf(path).filter((p) => !p.required && p.example).map((p) => [p.name, p.example]));
      for (const params of [required(path), { ...required(path), ...optional }]) {
        const answer = await server.api.get(fill(path), params);
        assert.equal(answer.status, 200, answer.text);
        validate(answer.json, schemaOf(get));
        const posted = await server.api.form(fill(path), params);
        assert.equal(posted.status, 200, posted.text);
        validate(posted.json, schemaOf(post));
      }
      assert.deepEqual(Object.keys(formOf(post).properties), paramsOf(path).map((p) => p.name));
      assert.deepEqual(formOf(post).required ?? [], Object.keys(required(path)));
    });
  }

  /** Refuses each of the parameters ({name: schema}) when it alone is wrong. */
  async function refuses(params, ask) {
    for (const [name, schema] of Object.entries(params).filter(([name]) => !ANY_TEXT.includes(name))) {
      assert.ok(name in WRONG, `${name}: no example of a wrong value`);
      const beyond = [schema.minimum - 1, schema.maximum + 1].filter(Number.isFinite);
      for (const value of [WRONG[name], ...beyond]) {
        const answer = await ask({ [name]: value });
        assert.equal(answer.status, 400, `${name}=${value}: ${answer.text}`);
        assert.match(answer.json.error, new RegExp(`"${name}"`));
        validate(answer.json, api.components.schemas.Error);
      }
    }
  }

  for (const path of reading) {
    it(`${path} refuses what its parameters do not allow, as described`, async () => {
      const params = Object.fromEntries(paramsOf(path).map((p) => [p.name, p.schema]));
      await refuses(params, (wrong) => server.api.get(fill(path), { ...required(path), ...wrong }));
    });
  }

  for (const path of deleting) {
    it(`${path} answers and refuses as described, and takes no GET`, async () => {
      for (const method of ["POST", "PUT"]) {
        const one = api.paths[path][method.toLowerCase()];
        const ask = (params) => server.api.request(path, { method, headers: { "content-type": "application/x-www-form-urlencoded" }, body: new URLSearchParams(params).toString() });
        const answer = await ask({ where: "service = nobody" });
        assert.equal(answer.status, 200, answer.text);
        validate(answer.json, schemaOf(one));
        await refuses(formOf(one).properties, (wrong) => ask("all" in wrong ? wrong : { where: "service = nobody", ...wrong }));
      }
      assert.equal((await server.api.get(path)).status, 405);
    });
  }

  it("describes every path of the server's table", () => {
    const table = readFileSync(new URL("../../server/api/api.c", import.meta.url), "utf8");
    const served = [...table.matchAll(/V1\("((?:admin\/)?(?:traces|sessions|service_map|spans|logs)[^"]*)"\)/g)].map((m) => `/api/v1/${m[1]}`);
    assert.deepEqual(paths.map((path) => path.replace(/\{\w+\}/, "*")).sort(), served.sort());
  });
});
