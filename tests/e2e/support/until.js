// Waiting for an event without sleeping for luck: ask again and again until a deadline.

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Calls `probe` until it returns something truthy, and returns that. A probe that throws counts as
 * "not yet"; its last error is shown when the deadline passes.
 * @param {() => any} probe may be async
 * @param {string} what the event, for the message
 */
export async function until(probe, what, { timeoutMs = 20_000, everyMs = 15 } = {}) {
  const deadline = Date.now() + timeoutMs;
  let last = "it returned nothing";
  for (;;) {
    try {
      const got = await probe();
      if (got) return got;
      last = `it returned ${JSON.stringify(got)}`;
    } catch (error) {
      last = error.message;
    }
    if (Date.now() >= deadline) throw new Error(`waited ${timeoutMs} ms for ${what}; last: ${last}`);
    await pause(everyMs);
  }
}

/** Fails when `promise` is not settled in time: for things that must not hang. */
export async function within(promise, timeoutMs, what) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not done after ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
