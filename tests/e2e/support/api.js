// A client of the Prometheus HTTP API, as thin as can be: what the server said stays visible.

import assert from "node:assert/strict";
import { request as httpsRequest } from "node:https";

export class Api {
  /**
   * @param {string} base "http://127.0.0.1:9090"
   * @param {object} [tls] {ca, cert, key} for https; fetch knows none of them
   */
  constructor(base, headers = {}, tls = null) {
    this.base = base;
    this.headers = headers;
    this.tls = tls;
  }

  /** One request; never throws on a status. `json` is undefined when the body is not JSON. */
  async request(path, { method = "GET", params, headers = {}, body, redirect = "manual" } = {}) {
    const query = params ? `?${encode(params)}` : "";
    const url = `${this.base}${path}${query}`;
    const options = { method, headers: { ...this.headers, ...headers }, body, redirect };
    const response = await (this.tls ? fetchTls(url, options, this.tls) : fetch(url, options));
    const bytes = Buffer.from(await response.arrayBuffer());
    const text = bytes.toString("utf8");
    return { status: response.status, headers: response.headers, text, bytes, json: parse(text) };
  }

  get(path, params, headers) {
    return this.request(path, { params, headers });
  }

  /** POST of a form, as Grafana sends its queries. */
  form(path, params) {
    return this.request(path, {
      method: "POST",
      body: encode(params),
      headers: { "content-type": "application/x-www-form-urlencoded" },
    });
  }

  post(path, body, headers) {
    return this.request(path, { method: "POST", body, headers });
  }

  /** The `data` of a successful answer. */
  async data(path, params) {
    const answer = await this.get(path, params);
    assert.equal(answer.status, 200, `${path} ${JSON.stringify(params)}: ${answer.text}`);
    assert.equal(answer.json?.status, "success", `${path}: ${answer.text}`);
    return answer.json.data;
  }

  query(expr, time) {
    return this.data("/api/v1/query", time === undefined ? { query: expr } : { query: expr, time });
  }

  queryRange(expr, start, end, step) {
    return this.data("/api/v1/query_range", { query: expr, start, end, step });
  }

  /** An instant vector as [{metric, value}] (or `histogram`), sorted by labels. */
  async vector(expr, time) {
    const data = await this.query(expr, time);
    assert.equal(data.resultType, "vector", expr);
    return data.result
      .map(({ metric, value, histogram }) =>
        histogram ? { metric, histogram: histogram[1] } : { metric, value: Number(value[1]) },
      )
      .sort((a, b) => (labelText(a.metric) < labelText(b.metric) ? -1 : 1));
  }

  /** The value of an expression that must give exactly one series. */
  async value(expr, time) {
    const found = await this.vector(expr, time);
    assert.equal(found.length, 1, `${expr}: ${JSON.stringify(found)}`);
    return found[0].value;
  }

  /** All stored samples of a selector as Map from label text to [[t, value], …]. */
  async samples(selector, { seconds, at }) {
    const data = await this.query(`${selector}[${seconds}s]`, at);
    assert.equal(data.resultType, "matrix", selector);
    return new Map(
      data.result.map(({ metric, values }) => [
        labelText(metric),
        values.map(([t, v]) => [t, Number(v)]),
      ]),
    );
  }
}

/** `name{a="1",b="2"}`: one text for one label set. */
export function labelText({ __name__: name = "", ...labels }) {
  const pairs = Object.keys(labels)
    .sort()
    .map((key) => `${key}=${JSON.stringify(labels[key])}`);
  return pairs.length ? `${name}{${pairs.join(",")}}` : name;
}

/** As much of fetch as Api uses, with certificates. */
function fetchTls(url, { method, headers, body }, tls) {
  return new Promise((resolve, reject) => {
    const asked = httpsRequest(url, { method, headers, agent: false, ...tls }, async (response) => {
      const parts = [];
      for await (const part of response) parts.push(part);
      resolve({
        status: response.statusCode,
        headers: { get: (name) => response.headers[name] ?? null },
        arrayBuffer: () => Buffer.concat(parts),
      });
    });
    asked.on("error", reject).end(body);
  });
}

function encode(params) {
  const out = new URLSearchParams();
  for (const [key, value] of Object.entries(params)) {
    for (const one of Array.isArray(value) ? value : [value]) out.append(key, String(one));
  }
  return out.toString();
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
