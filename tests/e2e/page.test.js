// The page at /, and, where a Chromium is installed, that it works in a browser.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { FOREVER, writeFixture } from "./support/fixture.js";
import { Telltale } from "./support/server.js";
import { after, before, describe, it, missing } from "./support/test.js";

describe("the page at /", () => {
  let server;
  before(async () => {
    server = await Telltale.start({ set: FOREVER });
    await writeFixture(server.api);
  });
  after(() => server?.dispose());

  it("is HTML, with everything it needs on the same server", async () => {
    const page = await server.api.get("/");
    assert.equal(page.status, 200);
    assert.match(page.headers.get("content-type"), /^text\/html/);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src/);
    const links = [...page.text.matchAll(/(?:src|href)="([^"#]+)"/g)].map((one) => one[1]);
    const own = links.filter((link) => /\.(js|css|svg|ico)$/.test(link));
    assert.ok(own.length >= 2, page.text);
    for (const link of own) {
      assert.doesNotMatch(link, /^https?:/, "nothing from elsewhere");
      const asset = await server.api.get(new URL(link, "http://x/").pathname);
      assert.equal(asset.status, 200, link);
      assert.doesNotMatch(asset.headers.get("content-type"), /text\/plain|octet/);
    }
  });

  it("runs in Chromium and shows a query's result", { skip: missing("chromium") }, () => {
    const url = `${server.url}/#${new URLSearchParams({ expr: "1+41", view: "table" })}`;
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom", url];
    const dom = execFileSync("chromium", args, { stdio: ["ignore", "pipe", "ignore"], timeout: 50_000 }).toString();
    assert.match(dom, />42</);
    assert.doesNotMatch(dom, /undefined|NaN/);
  });
});
