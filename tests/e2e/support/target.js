// The server that most files test: ours, or with TELLTALE_E2E_AGAINST=prometheus Debian's, to prove
// that a test asks for what Prometheus does and nothing else.

import { Prometheus, Telltale } from "./server.js";

export const AGAINST_PROMETHEUS = process.env.TELLTALE_E2E_AGAINST === "prometheus";

/** For `{ skip }`: what Debian's Prometheus 2.42 does not have. */
export const OURS_ONLY = AGAINST_PROMETHEUS ? "not in Prometheus 2.42" : false;

export const startServer = (options = {}) =>
  AGAINST_PROMETHEUS ? Prometheus.start({ config: options.config }) : Telltale.start(options);
