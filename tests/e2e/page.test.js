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

  it("stands where links to Prometheus's page lead", async () => {
    const page = await server.api.get("/");
    for (const path of ["/graph?g0.expr=up&g0.tab=0", "/query?g0.expr=up"])
      assert.equal((await server.api.get(path)).text, page.text);
    assert.equal((await server.api.get("/ui/")).status, 404);
  });

  it("answers such a link in Chromium", { skip: missing("chromium") }, () => {
    const link = { "g0.expr": "1+41", "g0.range_input": "5400s", "g0.tab": "1" };
    const url = `${server.url}/graph?${new URLSearchParams(link)}`;
    const args = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000", "--dump-dom", url];
    const dom = execFileSync("chromium", args, { stdio: ["ignore", "pipe", "ignore"], timeout: 50_000 }).toString();
    assert.match(dom, />42</);
  });
});
