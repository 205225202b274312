// A child process whose output is kept, so that a failing test can show it.

import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { within } from "./until.js";

const KEPT_CHARS = 256 * 1024; // of each output of a server: enough for a test, bounded for a runaway
const RUN_CHARS = 64 * 1024 * 1024; // of a command that is run to its end

export class Process {
  /** Started processes that are still alive; the test wrapper shows their logs on failure. */
  static alive = new Set();

  constructor(command, args, { env = {}, cwd, keptChars = KEPT_CHARS } = {}) {
    this.title = [command, ...args].join(" ");
    this.stdout = "";
    this.stderr = "";
    this.child = spawn(command, args, {
      cwd,
      env: { ...process.env, ...env },
      stdio: ["pipe", "pipe", "pipe"],
    });
    this.child.stdin.on("error", () => {}); // a child that exits early does not read its input
    for (const name of ["stdout", "stderr"]) {
      this.child[name].setEncoding("utf8").on("data", (text) => {
        this[name] = (this[name] + text).slice(-keptChars);
      });
    }
    // "close" comes once the outputs are read to their end, "exit" may come before.
    this.exited = new Promise((resolve) => {
      this.child.on("error", (error) => {
        this.stderr += `${error}\n`;
        resolve({ code: null, signal: null, error });
      });
      this.child.on("close", (code, signal) => resolve({ code, signal }));
    });
    this.exit = null;
    Process.alive.add(this);
    this.exited.then((exit) => {
      this.exit = exit;
      Process.alive.delete(this);
    });
  }

  get pid() {
    return this.child.pid;
  }

  signal(name) {
    this.child.kill(name);
  }

  /** Signals and waits for the end. A process that does not end is killed, which is a failure. */
  async stop(signal = "SIGTERM", timeoutMs = 10_000) {
    if (!this.exit) this.signal(signal);
    try {
      return await within(this.exited, timeoutMs, `${this.title} after ${signal}`);
    } catch (error) {
      this.signal("SIGKILL");
      await this.exited;
      throw error;
    }
  }

  #memory(field) {
    const line = readFileSync(`/proc/${this.pid}/status`, "utf8").match(new RegExp(`^${field}:\\s+(\\d+) kB`, "m"));
    return Number(line[1]) * 1024;
  }

  /** Bytes of memory that the process holds now. */
  residentBytes() {
    return this.#memory("VmRSS");
  }

  /** The most that it ever held. */
  peakBytes() {
    return this.#memory("VmHWM");
  }

  report() {
    const tail = (text) => text.split("\n").slice(-15).join("\n");
    return `--- ${this.title}\n${tail(this.stdout)}\n${tail(this.stderr)}`;
  }
}

/** Runs a command to its end. */
export async function run(command, args, { input = "", env, cwd, timeoutMs = 30_000 } = {}) {
  const process = new Process(command, args, { env, cwd, keptChars: RUN_CHARS });
  process.child.stdin.end(input);
  try {
    const { code, signal } = await within(process.exited, timeoutMs, process.title);
    return { code, signal, stdout: process.stdout, stderr: process.stderr };
  } catch (error) {
    process.signal("SIGKILL");
    throw error;
  }
}
