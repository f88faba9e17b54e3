// npm's ws as a server or as a client, on Node or on Deno. The first argument is JSON: see WebSocketPeerTask in
// tests/_support/websocket_interop.ts. ws itself is at the URL in the variable WS.
import { readFileSync } from "node:fs";
import { createServer as createHttpServer } from "node:http";
import { createServer as createHttpsServer } from "node:https";
import process from "node:process";

const { WebSocket, WebSocketServer } = await import(process.env.WS);
const task = JSON.parse(process.argv[2]);
const deflate = task.deflate ?? false;

/** Does what texts that begin with a slash ask for, and echoes all else. */
function obey(ws, data, isBinary) {
  const [, command, rest] = isBinary ? [] : /^\/(\w+) ?(.*)$/su.exec(data.toString()) ?? [];
  if (command === "fragments") {
    ws.send("frag", { fin: false });
    ws.send("men", { fin: false });
    ws.send("ted ✓", { fin: true });
  } else if (command === "ping") {
    ws.once("pong", (payload) => ws.send(`ponged ${payload}`));
    ws.ping(rest);
  } else if (command === "close") {
    const [, code, reason] = /^(\d*) ?(.*)$/su.exec(rest);
    if (code === "") ws.close();
    else ws.close(Number(code), reason);
  } else if (command === "terminate") ws.terminate();
  else ws.send(data, { binary: isBinary });
}

function serve() {
  const options = {
    perMessageDeflate: deflate,
    maxPayload: 1 << 20,
    handleProtocols: (offered) => offered.has("interop") ? "interop" : false,
  };
  const { tls, path, port = 0 } = task;
  const http = tls
    ? createHttpsServer({
      cert: readFileSync(tls.cert),
      key: readFileSync(tls.key),
      // With an authority, clients have to show a certificate of it.
      ...(tls.ca ? { ca: readFileSync(tls.ca), requestCert: true } : {}),
    })
    : createHttpServer();
  const wss = new WebSocketServer({ ...options, server: http });
  http.listen(path ? { path } : { port, host: "127.0.0.1" }, () => {
    console.log(`listening ${http.address().port ?? 0}`);
  });
  wss.on("connection", (ws) => {
    ws.on("message", (data, isBinary) => obey(ws, data, isBinary));
    ws.on("error", (error) => console.log(`error ${error.message}`));
    ws.on("close", (code, reason) => console.log(`closed ${code} ${reason}`));
  });
  process.on("SIGTERM", () => process.exit(0));
}

/** Opens a connection, and keeps what comes until somebody asks for it. */
async function open() {
  const ws = new WebSocket(task.url, ["other", "interop"], {
    perMessageDeflate: deflate,
    ...(task.tls ? { ca: readFileSync(task.tls.ca) } : {}),
  });
  const got = [];
  const waiting = [];
  ws.on("message", (data, isBinary) => {
    const message = isBinary ? data : data.toString();
    if (waiting.length > 0) waiting.shift()(message);
    else got.push(message);
  });
  const closed = new Promise((resolve) => {
    ws.on("close", (code, reason) => resolve([code, reason.toString()]));
  });
  ws.on("error", (error) => console.error(String(error)));
  await new Promise((resolve, reject) => {
    ws.on("open", resolve);
    ws.on("error", reject);
  });
  const next = () =>
    got.length > 0 ? Promise.resolve(got.shift()) : new Promise((resolve) => waiting.push(resolve));
  return { ws, next, closed };
}

const same = (a, b) => typeof a === "string" ? a === b : Buffer.compare(Buffer.from(a), b) === 0;

function corpus() {
  const sizes = [0, 1, 125, 126, 127, 65535, 65536];
  const json = JSON.stringify(Array.from({ length: 300 }, (_, id) => ({ id, name: `row ${id}` })));
  return [
    ...sizes.map((size) => "x".repeat(size)),
    "€🙂".repeat(20_000),
    json,
    "z".repeat(1 << 20),
    ...[...sizes, 1 << 20].map((size) =>
      Buffer.from(Array.from({ length: size }, (_, i) => i * i >> 3 & 255))
    ),
  ];
}

async function client() {
  const report = { echoed: 0 };
  const one = await open();
  report.protocol = one.ws.protocol;
  report.compressed = one.ws.extensions.includes("permessage-deflate");
  for (const message of corpus()) {
    one.ws.send(message);
    if (same(message, await one.next())) report.echoed++;
  }
  for (let i = 0; i < 500; i++) one.ws.send(`message ${i}`);
  report.inOrder = true;
  for (let i = 0; i < 500; i++) if (await one.next() !== `message ${i}`) report.inOrder = false;
  one.ws.send("frag", { fin: false });
  one.ws.send("men", { fin: false });
  one.ws.send("ted ✓", { fin: true });
  report.sentFragments = await one.next();
  one.ws.send("/fragments");
  report.gotFragments = await one.next();
  const pong = new Promise((resolve) => one.ws.once("pong", (payload) => resolve(String(payload))));
  one.ws.ping("are you there?");
  report.pong = await pong;
  one.ws.send("/ping hello");
  report.pinged = await one.next();
  one.ws.close(4001, "bye ✓");
  report.closed = await one.closed;

  const two = await open();
  two.ws.send("/close 4002 so long");
  report.closedByServer = await two.closed;

  const three = await open();
  three.ws.send("/terminate");
  report.terminated = await three.closed;

  const four = await open();
  four.ws.send("x".repeat((1 << 20) + 1));
  [report.tooBig] = await four.closed;
  console.log(JSON.stringify(report));
}

if (task.mode === "server") serve();
else await client();
