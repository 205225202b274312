// Who may do what, and over what: rights, TLS, addresses, secrets.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { networkInterfaces } from "node:os";
import grpc from "@grpc/grpc-js";
import { Api } from "./support/api.js";
import { makeCertificates } from "./support/certificates.js";
import { Exposer } from "./support/exposer.js";
import { END, FOREVER, T0, writeFixture } from "./support/fixture.js";
import { run } from "./support/process.js";
import * as rw from "./support/remote_write.js";
import { Telltale, TELLTALE, temporaryDirectory } from "./support/server.js";
import { after, before, describe, it } from "./support/test.js";
import { until } from "./support/until.js";

const sha256 = (text) => createHash("sha256").update(text).digest("hex");
const crypted = (password) => execFileSync("openssl", ["passwd", "-6", "-salt", "testsalt", password]).toString().trim();
const basic = (user, password) => ({ authorization: `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}` });
const bearer = (token) => ({ authorization: `Bearer ${token}` });
const EXPORT = "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export";

const grpcExport = (address, credentials, headers = {}) =>
  new Promise((resolve) => {
    const client = new grpc.Client(address, credentials);
    const metadata = new grpc.Metadata();
    for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
    const identity = (bytes) => bytes;
    client.makeUnaryRequest(EXPORT, identity, identity, Buffer.alloc(0), metadata, { deadline: Date.now() + 5000 }, (error) => {
      client.close();
      resolve(error?.code ?? grpc.status.OK);
    });
  });

describe("rights", () => {
  let server;
  before(async () => {
    server = await Telltale.start({
      config: `
storage: {retention: {metrics: forever}}
auth:
  users:
    - {name: reader, password_hash: '${crypted("read-pw")}', rights: [read]}
    - {name: writer, token_sha256: ${sha256("write-token")}, rights: [ingest]}
    - {name: boss, password_hash: '${crypted("boss-pw")}', rights: [admin]}
    - {name: robot, token_sha256: ${sha256("robot-token")}, rights: [admin]}
`,
      args: ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"],
    });
  });
  after(() => server?.dispose());

  const who = {
    nobody: {},
    "a wrong password": basic("reader", "nope"),
    "a wrong token": bearer("nope"),
    "a malformed header": { authorization: "Basic !!!" },
    reader: basic("reader", "read-pw"),
    writer: bearer("write-token"),
    boss: basic("boss", "boss-pw"),
    robot: bearer("robot-token"),
  };
  const deeds = {
    read: [
      ["GET", "/api/v1/query?query=1"],
      ["GET", "/api/v1/query_range?query=1&start=0&end=1&step=1"],
      ["GET", "/api/v1/labels"],
      ["GET", "/api/v1/series?match[]=up"],
      ["GET", "/api/v1/targets"],
      ["GET", "/api/v1/metadata"],
      ["GET", "/api/v1/status/buildinfo"],
      ["GET", "/federate?match[]=up"],
      ["GET", "/metrics"],
    ],
    ingest: [
      ["POST", "/api/v1/write", rw.compress(rw.encodeV1([])), rw.headers()],
      ["POST", "/v1/metrics", "{}", { "content-type": "application/json" }],
    ],
    admin: [
      ["POST", "/-/reload", ""],
      ["POST", "/api/v1/admin/telltale/flush", ""],
    ],
  };
  const may = { reader: ["read"], writer: ["ingest"], boss: ["read", "ingest", "admin"], robot: ["read", "ingest", "admin"] };

  for (const [name, headers] of Object.entries(who)) {
    for (const [right, requests] of Object.entries(deeds)) {
      const expected = !may[name] ? 401 : may[name].includes(right) ? 200 : 403;
      it(`${name}: ${right} → ${expected}`, async () => {
        for (const [method, path, body, more] of requests) {
          const answer = await server.api.request(path, { method, body, headers: { ...more, ...headers } });
          const status = answer.status === 204 ? 200 : answer.status;
          assert.equal(status, expected, `${method} ${path}: ${answer.status} ${answer.text}`);
          if (expected === 401) assert.match(answer.headers.get("www-authenticate"), /Basic|Bearer/);
          if (expected === 403) assert.match(answer.text, new RegExp(`does not have the right ${right}\\b`));
        }
      });
    }
  }

  it("over the OTLP ports, too", async () => {
    const address = server.address("otlp-grpc");
    const plain = grpc.credentials.createInsecure();
    assert.equal(await grpcExport(address, plain), grpc.status.UNAUTHENTICATED);
    assert.equal(await grpcExport(address, plain, who.reader), grpc.status.PERMISSION_DENIED);
    assert.equal(await grpcExport(address, plain, who.writer), grpc.status.OK);
    const http = new Api(`http://${server.address("otlp-http")}`);
    const json = { "content-type": "application/json" };
    assert.equal((await http.post("/v1/metrics", "{}", json)).status, 401);
    assert.equal((await http.post("/v1/metrics", "{}", { ...json, ...who.writer })).status, 200);
  });

  it("health is open to all", async () => {
    assert.equal((await server.api.get("/-/healthy")).status, 200);
    assert.equal((await server.api.get("/-/ready")).status, 200);
  });

  it("unauthorised writes leave nothing", async () => {
    const series = rw.compress(rw.encodeV1([{ labels: { __name__: "sneaked" }, samples: [[T0 * 1000, 1]] }]));
    assert.equal((await server.api.post("/api/v1/write", series, { ...rw.headers(), ...who.reader })).status, 403);
    const found = await server.api.get("/api/v1/query", { query: "sneaked", time: T0 }, who.reader);
    assert.deepEqual(found.json.data.result, []);
  });

  it("hashes are not shown", async () => {
    const { text } = await server.api.get("/api/v1/status/config", undefined, who.boss);
    assert.doesNotMatch(text, /\$6\$/);
    assert.doesNotMatch(text, new RegExp(sha256("write-token")));
    assert.match(text, /reader/);
  });
});

describe("TLS", () => {
  let certificates, server;
  const client = (more = {}) => ({ ca: certificates.read("ca.pem"), ...more });
  const known = () => client({ cert: certificates.read("client.pem"), key: certificates.read("client.key") });

  before(async () => {
    certificates = makeCertificates();
    const { path } = certificates;
    server = await Telltale.start({
      config: `
http: {tls: {cert: ${path("server.pem")}, key: ${path("server.key")}, client_ca: ${path("ca.pem")}}}
storage: {retention: {metrics: forever}}
`,
      args: ["--otlp-grpc", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0"],
      tls: known(),
    });
  });
  after(() => server?.dispose());

  it("serves a client whose certificate it knows", async () => {
    await writeFixture(server.api);
    assert.equal((await server.api.vector("temperature_celsius", END)).length, 2);
  });

  it("refuses a client without one, a stranger's, and plain text", async () => {
    const ask = (tls) => new Api(server.url, {}, tls).get("/api/v1/query", { query: "1" });
    // In the handshake or right behind it.
    const refused = async (tls) => {
      const status = await ask(tls).then((answer) => answer.status, () => 0);
      assert.ok([0, 401, 403].includes(status), `status ${status}`);
    };
    await refused(client());
    await refused(client({ cert: certificates.read("stranger.pem"), key: certificates.read("stranger.key") }));
    await assert.rejects(ask({ ...known(), maxVersion: "TLSv1.1" }));
    const plain = await fetch(`http://${server.address("http")}/-/healthy`).then((r) => r.status, () => "no answer");
    assert.notEqual(plain, 200);
    assert.equal((await server.api.get("/-/healthy")).status, 200);
  });

  it("holds on the OTLP ports, too", async () => {
    const { ca, cert, key } = known();
    const address = server.address("otlp-grpc");
    assert.equal(await grpcExport(address, grpc.credentials.createSsl(ca, key, cert)), grpc.status.OK);
    assert.equal(await grpcExport(address, grpc.credentials.createSsl(ca)), grpc.status.UNAVAILABLE);
    assert.equal(await grpcExport(address, grpc.credentials.createInsecure()), grpc.status.UNAVAILABLE);
    const otlp = new Api(`https://${server.address("otlp-http")}`, {}, known());
    assert.equal((await otlp.post("/v1/metrics", "{}", { "content-type": "application/json" })).status, 200);
  });

  it("is spoken by the commands that ask a server", async () => {
    const { path } = certificates;
    const ask = (...args) => run(TELLTALE, ["query", "--url", server.url, "--time", String(END), ...args, "count(temperature_celsius)"]);
    const own = ["--cert", path("client.pem"), "--key", path("client.key")];
    const answer = await ask("--ca", path("ca.pem"), ...own);
    assert.deepEqual([answer.code, answer.stderr], [0, ""]);
    assert.match(answer.stdout, /\b2\b/);
    const without = await ask("--ca", path("ca.pem"));
    assert.equal(without.code, 1);
    const unknown = await ask(...own);
    assert.equal(unknown.code, 1);
    assert.match(unknown.stderr, /certificate|verif|issuer/i);
    const half = await ask("--ca", path("ca.pem"), "--cert", path("client.pem"));
    assert.match(half.stderr, /--cert and --key belong together/);
  });

  it("is used to scrape: authority, client certificate, name", async () => {
    const { path, read } = certificates;
    const exposer = await Exposer.start({ cert: read("server.pem"), key: read("server.key"), ca: read("ca.pem"), requestCert: true, rejectUnauthorized: true });
    for (const name of ["trusted", "no_authority", "no_check", "no_certificate"]) exposer.page(`/${name}`, "x 1\n");
    const job = (name, tls) => `
  - {job_name: ${name}, scheme: https, metrics_path: /${name}, static_configs: [{targets: ["${exposer.target}"]}], tls_config: {${tls}}}`;
    const own = `cert_file: ${path("client.pem")}, key_file: ${path("client.key")}`;
    const scraper = await Telltale.start({
      config: `
global: {scrape_interval: 500ms, scrape_timeout: 500ms}
scrape_configs:${job("trusted", `ca_file: ${path("ca.pem")}, ${own}`)}${job("no_authority", own)}${job("no_check", `insecure_skip_verify: true, ${own}`)}${job("no_certificate", `ca_file: ${path("ca.pem")}`)}
`,
    });
    try {
      // A busy machine may let a scrape time out: the next one tells.
      const is = (name, value) => until(async () => (await scraper.api.vector(`up{job="${name}"}`))[0]?.value === value, `up{job="${name}"} ${value}`);
      await is("trusted", 1);
      await is("no_check", 1);
      await is("no_authority", 0);
      await is("no_certificate", 0);
      const { activeTargets } = await scraper.api.data("/api/v1/targets");
      assert.match(activeTargets.find((one) => one.scrapePool === "no_authority").lastError, /certificate|verif|issuer/i);
    } finally {
      await scraper.dispose();
      await exposer.stop();
    }
  });
});

describe("an address that is not loopback", () => {
  const start = (...args) =>
    run(TELLTALE, ["serve", "--data", temporaryDirectory(), "--otlp-http", "off", "--otlp-grpc", "off", "--http", "127.0.0.1:0", ...args]);

  for (const flag of ["--http", "--otlp-http", "--otlp-grpc"]) {
    it(`is refused for ${flag} without TLS and a credential`, async () => {
      const { code, stderr } = await start(flag, "0.0.0.0:0");
      assert.notEqual(code, 0);
      assert.match(stderr, /0\.0\.0\.0/);
      assert.match(stderr, /tls/i);
      assert.match(stderr, /insecure/);
    });
  }

  it("keeps its users over a reload that moves it to loopback at the next start", async () => {
    const certificates = makeCertificates();
    const { path, read } = certificates;
    const rest = "otlp: {http: {address: off}, grpc: {address: off}}\n";
    const server = await Telltale.start({
      config: `
http: {address: "0.0.0.0:0", tls: {cert: ${path("server.pem")}, key: ${path("server.key")}}}
auth: {users: [{name: boss, token_sha256: ${sha256("boss-token")}, rights: [admin]}]}
${rest}`,
      listen: false,
      headers: bearer("boss-token"),
      tls: { ca: read("ca.pem"), servername: "localhost" },
    });
    try {
      server.file("telltale.yml", `http: {address: "127.0.0.1:0"}\n${rest}`);
      server.process.signal("SIGHUP");
      await until(() => /level=error.*http\.address: 0\.0\.0\.0.*without a credential/.test(server.log), "the refusal");
      const stranger = new Api(server.url, {}, { ca: read("ca.pem"), servername: "localhost" });
      assert.equal((await stranger.get("/api/v1/query", { query: "1" })).status, 401);
      assert.equal((await server.api.get("/api/v1/query", { query: "1" })).status, 200);
    } finally {
      await server.dispose();
    }
  });

  it("is taken with http.insecure=true, with a warning", async () => {
    const server = await Telltale.start({ args: ["--http", "0.0.0.0:0"], set: { "http.insecure": "true" } });
    try {
      assert.match(server.process.stderr, /level=warn.*insecure/s);
      const port = server.address("http").split(":").pop();
      const own = Object.values(networkInterfaces()).flat().find((one) => one.family === "IPv4");
      assert.equal((await new Api(`http://${own.address}:${port}`).get("/-/healthy")).status, 200);
    } finally {
      await server.dispose();
    }
  });
});

describe("secrets", () => {
  it("come from the environment and files, reach the target, and are never shown", async () => {
    const exposer = await Exposer.start();
    const dir = temporaryDirectory();
    const seen = new Map();
    for (const page of ["basic", "bearer", "header", "file"]) {
      exposer.page(`/${page}`, (request, response) => {
        seen.set(page, request.headers);
        response.writeHead(200, { "content-type": "text/plain" }).end("x 1\n");
      });
    }
    const target = `static_configs: [{targets: ["${exposer.target}"]}]`;
    const server = new Telltale({
      dir,
      env: { SCRAPE_PASSWORD: "s3cret-env" },
      config: `
global: {scrape_interval: 300ms, scrape_timeout: 300ms}
log: {level: debug}
scrape_configs:
  - {job_name: basic, metrics_path: /basic, ${target}, basic_auth: {username: me, password: "\${SCRAPE_PASSWORD}"}}
  - {job_name: bearer, metrics_path: /bearer, ${target}, authorization: {credentials: "\${file:token.txt}"}}
  - {job_name: header, metrics_path: /header, ${target}, bearer_token: s3cret-inline}
  - {job_name: file, metrics_path: /file, ${target}, authorization: {credentials_file: token.txt}}
  - {job_name: down, metrics_path: "/down/\${SCRAPE_PASSWORD}", ${target}, params: {key: ["\${file:token.txt}", "x\${SCRAPE_PASSWORD}"]}}
  - {job_name: dropped, ${target}, params: {key: ["\${file:token.txt}"]}, relabel_configs: [{action: drop, source_labels: [job], regex: dropped}]}
`,
    });
    server.file("token.txt", "s3cret-file\n");
    try {
      server.spawn();
      await server.ready();
      await until(() => seen.size === 4, "four scrapes");
      assert.deepEqual(seen.get("basic").authorization, basic("me", "s3cret-env").authorization);
      assert.equal(seen.get("bearer").authorization, "Bearer s3cret-file");
      assert.equal(seen.get("header").authorization, "Bearer s3cret-inline");
      assert.equal(seen.get("file").authorization, "Bearer s3cret-file");
      await until(() => /target is down.*job=down/.test(server.log), "the page that is not there");
      assert.ok(exposer.requests.some((one) => one.url === "/down/s3cret-env?key=s3cret-file&key=xs3cret-env"));
      for (const path of ["/api/v1/status/config", "/api/v1/status/flags", "/api/v1/targets", "/metrics"]) {
        const { text } = await server.api.get(path);
        assert.doesNotMatch(text, /s3cret/, path);
      }
      assert.doesNotMatch(server.log, /s3cret/);
      assert.match((await server.api.data("/api/v1/status/config")).yaml, /username: "?me/);
    } finally {
      await server.dispose();
      await exposer.stop();
    }
  });
});
