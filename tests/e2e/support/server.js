// Real servers on free ports, each with a directory of its own: ours, and Debian's Prometheus beside
// it. Both have `api`, `start`, `stop`, `kill`, so a test can be tried on either.

import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { Api } from "./api.js";
import { Process } from "./process.js";
import { until } from "./until.js";

const ROOT = resolve(dirname(fileURLToPath(import.meta.url)), "../../..");

/** The program under test. */
export const TELLTALE = resolve(process.env.TELLTALE_BIN ?? join(ROOT, "build/telltale"));

const remove = (dir) => rmSync(dir, { recursive: true, force: true });

/** A directory that goes when the process ends. */
export function temporaryDirectory() {
  const dir = mkdtempSync(join(tmpdir(), "telltale-e2e-"));
  process.on("exit", () => remove(dir));
  return dir;
}
process.setMaxListeners(0); // one for each directory

class Server {
  constructor({ dir } = {}) {
    this.dir = dir ?? temporaryDirectory();
    this.ownsDir = !dir;
    this.process = null;
  }

  file(name, text) {
    const path = join(this.dir, name);
    writeFileSync(path, text);
    return path;
  }

  /** Everything the last process wrote. */
  get log() {
    return this.process ? this.process.stdout + this.process.stderr : "";
  }

  /** Resolves when /-/ready answers 200; throws at once when the process has ended. */
  async ready(timeoutMs = 20_000) {
    await this.up();
    await until(
      async () => this.ended() ?? (await this.api.get("/-/ready")).status === 200,
      `${this.constructor.name} to be ready`,
      { timeoutMs, everyMs: 5 },
    );
    if (this.process.exit) throw new Error(`exited early: ${this.process.report()}`);
    return this;
  }

  ended() {
    return this.process.exit ? "exited" : undefined;
  }

  /** Ends it in order and returns {code, signal}. */
  async stop(signal = "SIGTERM") {
    const exit = this.process ? await this.process.stop(signal) : null;
    return exit;
  }

  /** As a crash would. */
  async kill() {
    if (this.process && !this.process.exit) await this.process.stop("SIGKILL");
  }

  /** For `after`: whatever happened, leave nothing behind. */
  async dispose() {
    await this.kill();
    if (this.ownsDir) remove(this.dir);
  }
}

export class Telltale extends Server {
  /**
   * @param {object} options
   * @param {string} [options.config] text of the configuration file
   * @param {object} [options.set] `--set key=value` pairs
   * @param {string[]} [options.args] more arguments, the last word on a listener's address
   * @param {string} [options.dataBelow] path below the usual data directory
   * @param {boolean} [options.listen] false: only the configuration says where it listens
   * @param {object} [options.headers] of every request
   * @param {object} [options.tls] the client's {ca, cert, key}, when the configuration has TLS
   */
  constructor({ config, set = {}, args = [], env = {}, dir, headers, tls, dataBelow = "", listen = true } = {}) {
    super({ dir });
    this.options = { set, args, env, headers, tls, listen };
    this.configPath = config === undefined ? null : this.file("telltale.yml", config);
    this.data = join(this.dir, "data", dataBelow);
  }

  /** Starts one, ready to use. */
  static async start(options) {
    const server = new Telltale(options);
    server.spawn();
    try {
      return await server.ready();
    } catch (error) {
      await server.dispose();
      throw error;
    }
  }

  /** Starts the process and returns at once. */
  spawn() {
    const { set, args, env, listen: free } = this.options;
    const sets = Object.entries(set).flatMap(([key, value]) => ["--set", `${key}=${value}`]);
    const config = this.configPath ? ["--config", this.configPath] : [];
    const listen = [
      ["--http", "127.0.0.1:0"],
      ["--otlp-http", "off"],
      ["--otlp-grpc", "off"],
    ].filter(([flag]) => free && !args.includes(flag));
    this.process = new Process(
      TELLTALE,
      ["serve", ...config, "--data", this.data, ...listen.flat(), ...sets, ...args],
      { env, cwd: this.dir },
    );
    this.addresses = null;
    return this;
  }

  async restart() {
    this.spawn();
    return this.ready();
  }

  /** Waits until the listeners are bound and learns their ports from the log. */
  async up() {
    await until(() => this.ended() ?? this.address("http"), "the HTTP listener", { everyMs: 5 });
    if (this.process.exit) throw new Error(`exited early: ${this.process.report()}`);
    const { headers, tls } = this.options;
    this.url = `${tls ? "https" : "http"}://${this.address("http")}`;
    this.api = new Api(this.url, headers, tls);
  }

  /** "127.0.0.1:43211" of the listener "http", "otlp-http" or "otlp-grpc"; null before it is bound. */
  address(listener) {
    // The log is logfmt or, when the test says so, JSON.
    const line = this.process.stderr
      .split("\n")
      .find((one) => one.includes("listening") && new RegExp(`listener"?[=:]"?${listener}[" ]`).test(one));
    return line?.match(/address"?[=:]"?([^"\s]+)/)?.[1] ?? null;
  }
}

export class Prometheus extends Server {
  constructor({ config = "global: {}\n", args = [] } = {}) {
    super();
    this.args = args;
    this.configPath = this.file("prometheus.yml", config);
  }

  static async start(options) {
    const server = new Prometheus(options);
    try {
      return await server.restart();
    } catch (error) {
      await server.dispose();
      throw error;
    }
  }

  restart() {
    this.process = new Process("prometheus", [
      `--config.file=${this.configPath}`,
      `--storage.tsdb.path=${join(this.dir, "tsdb")}`,
      "--web.listen-address=127.0.0.1:0",
      "--web.enable-remote-write-receiver",
      "--web.enable-lifecycle",
      "--storage.tsdb.retention.time=100y",
      "--enable-feature=native-histograms,exemplar-storage,promql-at-modifier",
      ...this.args,
    ]);
    return this.ready();
  }

  async up() {
    const listening = /msg="Listening on" address=(\S+)/;
    const found = await until(() => this.ended() ?? this.log.match(listening), "Prometheus's address");
    if (this.process.exit) throw new Error(`exited early: ${this.process.report()}`);
    this.url = `http://${found[1]}`;
    this.api = new Api(this.url);
  }
}

/** Debian's node_exporter; it says itself which port it got. */
export class NodeExporter extends Server {
  static async start(args = []) {
    const server = new NodeExporter();
    server.process = new Process("prometheus-node-exporter", ["--web.listen-address=127.0.0.1:0", ...args]);
    const found = await until(
      () => server.process.stderr.match(/Listening on" address=(127\.0\.0\.1:\d+)/),
      "node_exporter's address",
    );
    server.target = found[1];
    return server;
  }
}
