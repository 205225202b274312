// A program that is scraped: an HTTP(S) server whose pages a test sets, and which remembers what it
// was asked.

import { createServer as createHttp } from "node:http";
import { createServer as createHttps } from "node:https";
import { within } from "./until.js";

export const TEXT = "text/plain; version=0.0.4; charset=utf-8";
export const OPENMETRICS = "application/openmetrics-text; version=1.0.0; charset=utf-8";

export class Exposer {
  /** @param {object} [tls] options of node:https; plain HTTP without */
  static async start(tls) {
    const exposer = new Exposer();
    exposer.pages = new Map();
    exposer.requests = [];
    const answer = (request, response) => exposer.#answer(request, response);
    exposer.server = tls ? createHttps(tls, answer) : createHttp(answer);
    await new Promise((resolve) => exposer.server.listen(0, "127.0.0.1", resolve));
    exposer.target = `127.0.0.1:${exposer.server.address().port}`;
    return exposer;
  }

  /**
   * @param {string} path "/metrics"
   * @param {string | Buffer | ((request, response) => any)} page text, or a handler of its own
   */
  page(path, page, headers = { "content-type": TEXT }) {
    this.pages.set(path, { page, headers });
    return this;
  }

  remove(path) {
    this.pages.delete(path);
  }

  asked(path) {
    return this.requests.filter((one) => one.url.split("?")[0] === path);
  }

  async #answer(request, response) {
    this.requests.push(request);
    const found = this.pages.get(request.url.split("?")[0]);
    if (!found) return response.writeHead(404).end("no such page");
    if (typeof found.page === "function") return found.page(request, response);
    response.writeHead(200, found.headers).end(found.page);
  }

  async stop() {
    this.server.closeAllConnections?.();
    await within(new Promise((resolve) => this.server.close(resolve)), 5000, "closing the exposer");
  }
}
