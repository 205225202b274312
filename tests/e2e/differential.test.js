// Random expressions on the same data, asked of Debian's Prometheus and of us: the same answers.
//
//   TELLTALE_DIFFERENTIAL=2000 TELLTALE_SEED=7 node --test differential.test.js
//
// Each expression is asked at an instant and over a range. What the versions (2.42 there, the language
// of 3 here) do differently on purpose stands in DIFFERENCES with the reason, and is counted; what the
// generator leaves out is told in support/expressions.js.

import assert from "node:assert/strict";
import { labelText } from "./support/api.js";
import { differentialData, START } from "./support/differential_data.js";
import { Expressions } from "./support/expressions.js";
import { FOREVER } from "./support/fixture.js";
import { write } from "./support/remote_write.js";
import { SEED } from "./support/random.js";
import { Prometheus, Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";

const COUNT = Number(process.env.TELLTALE_DIFFERENTIAL ?? 150);

const SHOWN = 8;

/** @type {{name: string, reason: string, allows: (expr: string, theirs, ours) => boolean}[]} */
const DIFFERENCES = [
  {
    name: "many-to-one matches that a comparison filters away",
    reason: "are an error in Prometheus 3 wherever they meet, in 2 only where more than one is left",
    allows: (expr, a, b) => /[<>]|[=!]=/.test(expr) && !a.error && /^multiple matches for labels/.test(b.message ?? ""),
  },
  {
    name: "stddev and stdvar of one value that is infinite or NaN",
    reason: "are NaN in Prometheus 3, as they are of several; 2 says 0",
    allows: (expr, a, b) => /\bstd(dev|var)\b/.test(expr) && difference(a, whereNotNaN(a, b)) === null,
  },
  {
    name: "predict_linear over a window that @ fixes",
    reason: "Prometheus 2.42 reads the window into buffers that it uses again, and loses steps of ranges",
    allows: (expr, a, b) => /predict_linear\([^()]*@/.test(expr) && !a.error && !b.error,
  },
];

/** Messages, theirs or ours, about what Prometheus 3 reads or says in another way than 2. */
const NEWER_WORDS = [
  /did you mean/, // ours adds it
  /experimental/, // names of functions and modifiers that 2 does not know
  /regexp|regular expression/, // another library's words
  /duration/, // expressions of durations, durations as numbers and numbers as durations
  /<Item/, // an operator that 2 has no word for
  /unexpected string .* in (label matching|grouping opts)/, // names in quotes
  /unexpected metric identifier .* in grouping opts/, // in 3 any text is a label's name
  /in subquery or range, expected/, // durations are arithmetic
  /unknown position/, // in an empty query; 2 says 1:1
  /error parsing number/, // 1.2.3, which 2 reads as two numbers
];

const number = (text) => (text === "+Inf" ? Infinity : text === "-Inf" ? -Infinity : Number(text));
// Sums in another order differ in their last digits; what cancels out differs absolutely.
const close = (a, b) => Object.is(a, b) || a === b || Math.abs(a - b) <= 1e-7 * Math.max(Math.abs(a), Math.abs(b), 1e-3);

/** An answer as {kind, series: Map of labels to [[t, value], …]} or {error}. */
function plain({ status, json }) {
  if (status !== 200) return { error: `${status} ${json?.errorType}`, message: json?.error };
  const { resultType, result } = json.data;
  if (resultType === "scalar") return { kind: resultType, series: new Map([["", [result]]]) };
  return { kind: resultType, series: new Map(result.map(({ metric, value, values }) => [labelText(metric), values ?? [value]])), order: result.map(({ value }) => value?.[1]) };
}

/** Why the answers differ, or null. */
function difference(a, b) {
  if (a.error || b.error) return a.error === b.error ? null : `${a.error ?? "an answer"} (${a.message ?? ""}), ours ${b.error ?? "an answer"} (${b.message ?? ""})`;
  if (a.kind !== b.kind) return `${a.kind}, ours ${b.kind}`;
  for (const labels of new Set([...a.series.keys(), ...b.series.keys()])) {
    const [x, y] = [a.series.get(labels), b.series.get(labels)];
    if (!x || !y) return `${labels} is only ${x ? "theirs" : "ours"}: ${JSON.stringify(x ?? y).slice(0, 200)}`;
    if (x.length !== y.length) return `${labels} has ${x.length} values, ours ${y.length}: ${JSON.stringify([x, y]).slice(0, 600)}`;
    for (const [i, [t, v]] of x.entries()) {
      if (t !== y[i][0] || !close(number(v), number(y[i][1]))) return `${labels}: ${v} at ${t}, ours ${y[i][1]} at ${y[i][0]}`;
    }
  }
  return null;
}

/** Ours, with their value wherever ours is NaN. */
function whereNotNaN(a, b) {
  if (!a.series || !b.series) return b;
  const put = (labels) => ([t, v], i) => [t, v === "NaN" ? (a.series.get(labels)?.[i]?.[1] ?? v) : v];
  return { ...b, series: new Map([...b.series].map(([labels, values]) => [labels, values.map(put(labels))])) };
}

describe("random expressions", { skip: missing("prometheus") }, () => {
  let ours, theirs;
  before(async () => {
    ours = await Telltale.start({ set: FOREVER });
    theirs = await Prometheus.start();
    for (const { api } of [ours, theirs]) {
      for (const one of differentialData()) assert.equal(Math.floor((await write(api, [one])).status / 100), 2);
    }
  });
  after(async () => {
    await ours?.dispose();
    await theirs?.dispose();
  });

  /** Do both sort by the values? Equal ones may stand in any order. */
  function sortedAlike(expr, a, b) {
    if (!/^sort(_desc)?\(/.test(expr) || a.error || b.error || !a.order) return null;
    const bad = a.order.findIndex((v, i) => !close(number(v), number(b.order[i])));
    return bad < 0 ? null : `place ${bad} is ${a.order[bad]}, ours ${b.order[bad]}`;
  }

  async function compare(expr, path, params) {
    const [a, b] = (await Promise.all([theirs, ours].map(({ api }) => api.form(path, { query: expr, ...params })))).map(plain);
    const why = difference(a, b) ?? (path.endsWith("query") ? sortedAlike(expr, a, b) : null);
    if (!why) return null;
    const known = DIFFERENCES.find((one) => one.allows(expr, a, b));
    return known ? { known: known.name } : { expr, path, why };
  }

  it(`${COUNT} of seed ${SEED} have the same answers`, { timeout: 60_000 + COUNT * 200 }, async (context) => {
    const grow = new Expressions(SEED);
    grow.start = START;
    const found = [];
    const known = new Map();
    let answers = 0;
    for (let i = 0; i < COUNT; i++) {
      const expr = grow.expression();
      const time = START + 610 + 10 * grow.int(280) + 7;
      const checks = [
        ["/api/v1/query", { time }],
        ["/api/v1/query_range", { start: time - 600, end: time, step: grow.pick([10, 30, 60, 170]) }],
      ];
      for (const [path, params] of checks) {
        const result = await compare(expr, path, params);
        if (result?.known) known.set(result.known, (known.get(result.known) ?? 0) + 1);
        else if (result) found.push(result);
        answers++;
      }
    }
    for (const [name, times] of known) context.diagnostic(`${times} × ${name}`);
    const shown = found.slice(0, SHOWN).map(({ expr, path, why }) => `${path}: ${expr}\n    ${why}`);
    assert.equal(found.length, 0, `${found.length} of ${answers} answers differ:\n${shown.join("\n")}`);
  });

  // Damaged expressions: both refuse them with the same words and place, or both take them.
  it(`${COUNT} damaged expressions are refused alike`, { timeout: 60_000 + COUNT * 200 }, async (context) => {
    const grow = new Expressions(SEED + 1);
    grow.start = START;
    const ask = async (api, query) => {
      const { status, json } = await api.form("/api/v1/query", { query, time: START + 7 });
      return status === 400 ? json.error : "taken";
    };
    const found = [];
    let known = 0;
    for (let i = 0; i < COUNT; i++) {
      const expr = grow.damage(grow.expression());
      const [a, b] = await Promise.all([theirs, ours].map(({ api }) => ask(api, expr)));
      if (a === b) continue;
      if (NEWER_WORDS.some((one) => one.test(a) || one.test(b))) known++;
      else found.push(`${expr}\n    ${a}\n    ours ${b}`);
    }
    context.diagnostic(`${known} × other words on purpose`);
    assert.equal(found.length, 0, `${found.length} of ${COUNT} messages differ:\n${found.slice(0, SHOWN).join("\n")}`);
  });
});
