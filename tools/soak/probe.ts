/** The probe of a soak run: a few well-behaved clients that measure how long an echo takes. */
import { dial } from "../../net/mod.ts";
import { connectWebSocket } from "../../websocket/mod.ts";
import { type Latencies, type Ports, serveCommands } from "./wire.ts";

const HOST = "127.0.0.1";
const EVERY = 10;
const CLIENTS = 4;
const ports: Ports = JSON.parse(Deno.args[0]);
const controlPort = Number(Deno.args[1]);
let times: number[] = [];
let controlTimes: number[] = [];
let running = true;

async function probe(
  echo: (bytes: Uint8Array) => Promise<void>,
  keep: (time: number) => void = (time) => times.push(time),
): Promise<void> {
  const bytes = crypto.getRandomValues(new Uint8Array(64));
  while (running) {
    const start = performance.now();
    await echo(bytes);
    keep(performance.now() - start);
    await new Promise((resolve) => setTimeout(resolve, EVERY));
  }
}

async function probeTcp(port: number, keep?: (time: number) => void): Promise<void> {
  const conn = await dial({ hostname: HOST, port }, { noDelay: true });
  const buffer = new Uint8Array(64);
  await probe(async (bytes) => {
    await conn.write(bytes);
    for (let n = 0; n < bytes.length;) n += (await conn.read(buffer))!;
  }, keep);
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
  (_, i) => i % 2 === 0 ? probeTcp(ports.tcp) : probeWebSocket(),
);
for (let i = 0; i < CLIENTS; i++) {
  probes.push(probeTcp(controlPort, (time) => controlTimes.push(time)));
}

function p99(times: number[]): number {
  return times.sort((a, b) => a - b)[Math.floor(times.length * 0.99)] ?? 0;
}

await serveCommands({
  /** The 99th percentiles since the last time, in ms. */
  p99(): Latencies {
    const latencies = { server: p99(times), control: p99(controlTimes) };
    times = [];
    controlTimes = [];
    return latencies;
  },
  async stop() {
    running = false;
    await Promise.all(probes);
  },
});
