/**
 * Whom a server serves that has more to do than it can: `deno task bench crowd`, or `deno run -A bench/crowd.ts [CONNECTIONS] [SECONDS]`. All
 * connections send a message, wait for its echo, and send the next one; each costs the server 0.2 ms of work.
 */
import { fileURLToPath } from "node:url";
import { freePort, spawnPeer } from "../tests/_support/peers.ts";
import { dial } from "../net/dial.ts";
import type { Transport } from "../net/transport.ts";
import { connectWebSocket } from "../websocket/client.ts";

const CONNECTIONS = Number(Deno.args[0] ?? 1000);
const SECONDS = Number(Deno.args[1] ?? 10);
/** What goes before, in s: it does not count. */
const WARM_UP = 10;

type Protocol = "tcp" | "ws";
const SERVERS: [label: string, protocol: Protocol, program: string, ...args: string[]][] = [
  ["TCP, bare `conn.read` and `conn.write`", "tcp", "deno", "busy_echo.ts", "raw"],
  ["TCP, Sluice", "tcp", "deno", "busy_echo.ts", "tcp"],
  ["TCP, node:net on Deno", "tcp", "deno", "busy_net_echo.mjs"],
  ["TCP, node:net on Node", "tcp", "node", "busy_net_echo.mjs"],
  ["WebSocket, Deno's", "ws", "deno", "busy_echo.ts", "wsDeno"],
  ["WebSocket, Sluice", "ws", "deno", "busy_echo.ts", "ws"],
];

const MESSAGE = new Uint8Array(64);

/** One connection, and how often and when it was served. */
class Client {
  served = 0;
  longest = 0;
  since = 0;
  close: () => void = () => {};

  async open(protocol: Protocol, port: number): Promise<void> {
    try {
      if (protocol === "tcp") await this.#echo(await dial({ hostname: "127.0.0.1", port }));
      else await this.#openWebSocket(port);
    } catch {
      // It could not be made, and got nothing; or it is over.
    }
  }

  async #openWebSocket(port: number): Promise<void> {
    const url = `ws://127.0.0.1:${port}/`;
    const ws = await connectWebSocket(url, { handshakeTimeout: 60_000, keepAliveInterval: 0 });
    this.close = () => ws.terminate();
    const next = () => {
      this.since = performance.now();
      ws.trySend(MESSAGE);
    };
    ws.on("message", () => {
      this.#count();
      next();
    });
    next();
  }

  async #echo(transport: Transport): Promise<void> {
    this.close = () => transport.close();
    const buffer = new Uint8Array(256);
    for (;;) {
      this.since = performance.now();
      await transport.write(MESSAGE);
      if (await transport.read(buffer) === null) return;
      this.#count();
    }
  }

  #count(): void {
    this.served++;
    this.longest = Math.max(this.longest, performance.now() - this.since);
  }
}

const sleep = (seconds: number) => new Promise((resolve) => setTimeout(resolve, seconds * 1000));

async function measure(protocol: Protocol, program: string, args: string[]): Promise<string> {
  const port = freePort();
  const path = fileURLToPath(new URL(`servers/${args[0]}`, import.meta.url));
  const command = [path, `${port}`, ...args.slice(1)];
  const peer = program === "deno"
    ? await spawnPeer(Deno.execPath(), ["run", "--quiet", "-A", ...command], { ready: port })
    : await spawnPeer(program, command, { ready: port });
  const clients = Array.from({ length: CONNECTIONS }, () => new Client());
  for (const client of clients) client.open(protocol, port);
  await sleep(WARM_UP);
  for (const client of clients) client.served = client.longest = 0;
  const begin = performance.now();
  await sleep(SECONDS);
  const end = performance.now();
  const served = clients.map((client) => client.served).sort((a, b) => a - b);
  // Who still waits has waited since then, too.
  const longest = clients.map(({ longest, since }) =>
    Math.max(longest, Math.min(end - since, end - begin))
  );
  for (const client of clients) client.close();
  await peer[Symbol.asyncDispose]();
  const total = served.reduce((sum, count) => sum + count, 0);
  const starved = served.filter((count) => count === 0).length;
  return [
    Math.round(total / SECONDS),
    starved,
    served[CONNECTIONS >> 1],
    served.at(-1)!,
    Math.round(Math.max(...longest)),
  ].map((figure) => `${figure}`.padStart(9)).join(" ");
}

console.log(
  `${
    `${CONNECTIONS} connections for ${SECONDS} s`.padEnd(40)
  }   rate/s  got none   median      most  longest wait, ms`,
);
for (const [label, protocol, program, ...args] of SERVERS) {
  try {
    console.log(`${label.padEnd(40)}${await measure(protocol, program, args)}`);
  } catch (error) {
    if (program === "deno") throw error;
    console.log(`${label.padEnd(40)}  left out: ${program} is missing`);
  }
}
Deno.exit();
