// HTTP by hand over a socket, for what no HTTP library lets one send.

import { connect } from "node:net";
import { within } from "./until.js";

/**
 * Opens a connection, writes `parts` one after the other, and collects what comes until the server
 * closes or `until(text)` is true.
 * @param {string} address "127.0.0.1:9090"
 * @param {{ halfClose?: boolean, until?: (text: string) => boolean, timeoutMs?: number }} [options]
 *   halfClose: send FIN after the last part
 */
export async function exchange(address, parts, { halfClose = false, until, timeoutMs = 15_000 } = {}) {
  const socket = open(address);
  let text = "";
  const done = new Promise((resolve) => {
    socket.on("data", (bytes) => {
      text += bytes.toString("latin1");
      if (until?.(text)) resolve();
    });
    socket.on("end", resolve);
    socket.on("close", resolve);
    socket.on("error", resolve); // a reset is an end like another: what came before it counts
  });
  for (const part of [parts].flat()) socket.write(part);
  if (halfClose) socket.end();
  try {
    await within(done, timeoutMs, "an end of the answer");
  } finally {
    socket.destroy();
  }
  return text;
}

/** A bare connection; the caller destroys it. Errors on it are expected. */
export function open(address) {
  const [host, port] = address.split(":");
  return connect({ host, port: Number(port), allowHalfOpen: true }).on("error", () => {});
}

export const head = (method, path, headers = {}) =>
  `${method} ${path} HTTP/1.1\r\nhost: x\r\n${Object.entries(headers)
    .map(([name, value]) => `${name}: ${value}\r\n`)
    .join("")}\r\n`;

export const status = (text) => Number(text.match(/^HTTP\/1\.1 (\d+)/)?.[1] ?? 0);
