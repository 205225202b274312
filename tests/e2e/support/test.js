// node:test, with the output of the servers added to the message of a failing test.

import { spawnSync } from "node:child_process";
import { after, before, describe, it as nodeIt } from "node:test";
import { Process } from "./process.js";

export { after, before, describe };

export function it(name, options, body) {
  if (typeof options === "function") return it(name, {}, options);
  return nodeIt(name, { timeout: 60_000, ...options }, async (context) => {
    try {
      await body(context);
    } catch (error) {
      const reports = [...Process.alive].map((one) => one.report()).join("\n");
      if (reports && error instanceof Error) error.message += `\n\n${reports}`;
      throw error;
    }
  });
}

/** A reason to skip when `command` is not on the PATH, else false: for `{ skip }`. */
export function missing(command) {
  const found = spawnSync("sh", ["-c", `command -v ${command}`]).status === 0;
  return found ? false : `${command} is not installed (tools/setup installs it)`;
}
