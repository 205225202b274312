// A web service that knows nothing of telemetry but these first lines; with NEXT_URL it asks another
// one before it answers. Prints its port; ends when its input does.

const { HttpInstrumentation } = require("@opentelemetry/instrumentation-http");
const { observe } = require("./telemetry.cjs");

const shutdown = observe(process.env.SERVICE, [new HttpInstrumentation()]);
const http = require("node:http");
const winston = require("winston");
const { OpenTelemetryTransportV3 } = require("@opentelemetry/winston-transport");

const logger = winston.createLogger({ transports: [new OpenTelemetryTransportV3()] });

const ask = (url) =>
  new Promise((resolve, reject) => {
    http.get(url, (answer) => answer.resume().on("end", () => resolve(answer.statusCode))).on("error", reject);
  });

const server = http.createServer(async (request, response) => {
  const { NEXT_URL } = process.env;
  const status = NEXT_URL ? await ask(NEXT_URL + request.url) : request.url === "/broken" ? 500 : 200;
  logger.log(status < 500 ? "info" : "error", `${request.method} answered`, { path: request.url, status, tags: ["web", 1] });
  response.writeHead(status).end();
});

server.listen(0, "127.0.0.1", () => console.log(server.address().port));
process.stdin.resume().on("end", () => server.close(() => shutdown().then(() => process.exit(0))));
