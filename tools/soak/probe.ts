/** The probe of a soak run: a few well-behaved clients that measure how long an echo takes. */
import { dial } from "../../net/mod.ts";
import { connectWebSocket } from "../../websocket/mod.ts";
import { type Ports, serveCommands } from "./wire.ts";

const HOST = "127.0.0.1";
const EVERY = 10;
const CLIENTS = 4;
const ports: Ports = JSON.parse(Deno.args[0]);
let times: number[] = [];
let running = true;

async function probe(echo: (bytes: Uint8Array) => Promise<void>): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  while (running) {
    const start = performance.now();
    await echo(bytes);
    times.push(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

async function probeTcp(): Promise<void> {
  const conn = await dial({ hostname: HOST, port: ports.tcp }, { noDelay: true });
  const buffer = new Uint8Array(64);
  await probe(async (bytes) => {
    await conn.write(bytes);
    for (let n = 0; n < bytes.length;) n += (await conn.read(buffer))!;
  });
  conn.close();
}

async function probeWebSocket(): Promise<void> {
  const ws = await connectWebSocket(`ws://${HOST}:${ports.ws}/`, { protocols: ["echo"] });
  await probe(async (bytes) => {
    await ws.send(bytes);
    for (;;) {
      const { data } = await ws.receive({ timeout: 60_000 });
      if (data === undefined) throw new Error("the probe was closed");
      if (typeof data !== "string") return; // texts are broadcasts
    }
  });
  await ws.close();
}

const probes = Array.from(
  { length: CLIENTS },
  (_, i) => i % 2 === 0 ? probeTcp() : probeWebSocket(),
);

await serveCommands({
  /** The 99th percentile since the last time, in ms. */
  p99() {
    const sorted = times.sort((a, b) => a - b);
    times = [];
    return sorted[Math.floor(sorted.length * 0.99)] ?? 0;
  },
  async stop() {
    running = false;
    await Promise.all(probes);
  },
});
