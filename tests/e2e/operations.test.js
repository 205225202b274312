// What an operator does to a running server's data: snapshots and restoring them.

import assert from "node:assert/strict";
import { cpSync, readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { FOREVER, T0 } from "./support/fixture.js";
import * as rw from "./support/remote_write.js";
import { Telltale, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";

const SNAPSHOT = "/api/v1/admin/tsdb/snapshot";

describe("a snapshot", () => {
  let server;
  let name;
  const write = async (value) => {
    const answer = await rw.write(server.api, [
      { labels: { __name__: "m", s: "1" }, samples: [[(T0 + value) * 1000, value]] },
    ]);
    assert.ok(answer.status < 300, answer.text);
  };
  const restored = async (body) => {
    const dir = temporaryDirectory();
    cpSync(join(server.data, "snapshots", name), join(dir, "data"), { recursive: true });
    const copy = await Telltale.start({ set: FOREVER, dir });
    try {
      return await body(copy);
    } finally {
      await copy.dispose();
    }
  };

  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    await write(1);
    const answer = await server.api.post(SNAPSHOT, "");
    assert.equal(answer.status, 200, answer.text);
    assert.equal(answer.json.status, "success");
    name = answer.json.data.name;
    await write(2);
  });
  after(() => server?.dispose());

  it("has a name in the order of time", () => assert.match(name, /^\d{8}T\d{6}Z-[0-9a-f]+$/));

  it("is restored by copying it to a new data directory", async () => {
    await restored(async (copy) => {
      assert.equal(await copy.api.value("count_over_time(m[1h])", T0 + 1800), 1);
      assert.equal(await copy.api.value("m", T0 + 1), 1);
    });
    assert.equal(await server.api.value("count_over_time(m[1h])", T0 + 1800), 2, "the origin goes on");
  });

  it("shares its files with the origin", () => {
    const table = join(server.data, "snapshots", name, "metrics");
    const day = readdirSync(table).find((one) => /^\d{4}-/.test(one));
    const [part] = readdirSync(join(table, day));
    assert.equal(statSync(join(table, day, part)).nlink, 2);
  });

  it("can leave out the head", async () => {
    const answer = await server.api.request(SNAPSHOT, { method: "PUT", params: { skip_head: "true" } });
    name = answer.json.data.name;
    await restored(async (copy) => {
      assert.equal(await copy.api.value("count_over_time(m[1h])", T0 + 1800), 1);
    });
  });

  it("is asked for by POST or PUT and with a flag that is one", async () => {
    assert.equal((await server.api.get(SNAPSHOT)).status, 405);
    const answer = await server.api.post(`${SNAPSHOT}?skip_head=perhaps`, "");
    assert.equal(answer.status, 400);
    assert.match(answer.json.error, /skip_head/);
  });
});
