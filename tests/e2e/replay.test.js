// The log of a server that was killed comes back newest rows first: from the first answer on each
// is whole, however far back it looks, and senders go on meanwhile.

import assert from "node:assert/strict";
import { FOREVER, T0 } from "./support/fixture.js";
import * as rw from "./support/remote_write.js";
import { startServer } from "./support/target.js";
import { after, before, describe, it } from "./support/test.js";

const SERIES = 1500;
const SCRAPES = 90; // a minute apart
const SCRAPE_S = 60;
const END = T0 + (SCRAPES - 1) * SCRAPE_S;

const labels = (i) => ({ __name__: "m", i: String(i), job: "load" });

async function scrape(api, t) {
  const series = Array.from({ length: SERIES }, (_, i) => ({
    labels: labels(i),
    samples: [[t * 1000, i]],
  }));
  const answer = await rw.write(api, series);
  assert.ok(answer.status < 300, `${answer.status}: ${answer.text}`);
}

const valueOf = async (api, query, time) => {
  const answer = await api.get(
    `/api/v1/query?query=${encodeURIComponent(query)}&time=${time}`,
  );
  assert.equal(answer.status, 200, answer.text);
  return Number(answer.json.data.result[0]?.value[1]);
};

describe("after kill -9 the newest rows come back first", () => {
  let server;
  let number = 0;
  before(async () => {
    server = await startServer({ set: FOREVER });
    for (let i = 0; i < SCRAPES; i++) await scrape(server.api, T0 + i * SCRAPE_S);
  });
  after(() => server?.dispose());

  const found = () => SERIES * (SCRAPES + number);

  it("questions asked together are all answered in full", async () => {
    await server.kill();
    await server.restart();
    const everything = `sum(count_over_time(m[${SCRAPES}m]))`;
    const asked = await Promise.all([
      valueOf(server.api, "count(m)", END),
      valueOf(server.api, everything, END),
      valueOf(server.api, "count(m)", END),
      valueOf(server.api, "count(m)", T0),
      server.api.get(`/api/v1/label/i/values?start=${T0}&end=${T0}`).then((a) => a.json.data.length),
    ]);
    assert.deepEqual(asked, [SERIES, found(), SERIES, SERIES, SERIES]);
  });

  it("what is sent at once is kept, and a second kill loses nothing", async () => {
    await server.kill();
    await server.restart();
    number++;
    await scrape(server.api, END + SCRAPE_S);
    await server.kill();
    await server.restart();
    assert.equal(
      await valueOf(server.api, `sum(count_over_time(m[${SCRAPES + 1}m]))`, END + SCRAPE_S),
      found(),
    );
  });

  it("a server that is stopped meanwhile leaves the rest for the next start", async () => {
    await server.kill();
    await server.restart();
    await server.stop();
    await server.restart();
    assert.equal(
      await valueOf(server.api, `sum(count_over_time(m[${SCRAPES + 1}m]))`, END + SCRAPE_S),
      found(),
    );
  });
});
