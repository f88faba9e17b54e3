/** The attackers of a soak run: slow readers, slow writers, and senders of what no server should take. */
import { connectWebSocket } from "../../websocket/mod.ts";
import { Pauses, type Ports, serveCommands } from "./wire.ts";

const HOST = "127.0.0.1";
const ports: Ports = JSON.parse(Deno.args[0]);
const slow = Number(Deno.args[1]);
const encoder = new TextEncoder();
const UPGRADE = encoder.encode(
  `GET / HTTP/1.1\r\nHost: ${HOST}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n` +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n" +
    "Sec-WebSocket-Protocol: echo\r\n\r\n",
);

const counts = { slowReaders: 0, slowWriters: 0, garbage: 0, refused: 0 };
let pauses = new Pauses();
pauses.end();
let running: Promise<unknown>[] = [];

/** A client of the feed that reads nothing: the server has to let go of it. */
async function slowReader(url: string, protocols: string[], ...hello: string[]): Promise<void> {
  while (!pauses.over) {
    counts.slowReaders++;
    try {
      const ws = await connectWebSocket(url, { protocols });
      for (const message of hello) await ws.send(message);
      ws.pause();
      await pauses.pause(10_000);
      ws.terminate();
    } catch {
      counts.refused++;
    }
    await pauses.pause(500);
  }
}

/** Sends much to an echo and reads nothing of it. */
async function slowTcp(): Promise<void> {
  counts.slowReaders++;
  const conn = await connect(ports.tcp);
  if (conn === undefined) return;
  const bulk = new Uint8Array(65_536);
  const writing = (async () => {
    while (!pauses.over) await conn.write(bulk);
  })().catch(() => {});
  await pauses.pause(3_600_000);
  conn.close();
  await writing;
}

/** Connects, or waits a little if it is refused. */
async function connect(port: number): Promise<Deno.TcpConn | undefined> {
  try {
    return await Deno.connect({ hostname: HOST, port });
  } catch {
    counts.refused++;
    await pauses.pause(500);
    return undefined;
  }
}

/** Sends the head of a request a byte a second, and comes again when it is thrown out. */
async function slowWriter(port: number): Promise<void> {
  while (!pauses.over) {
    counts.slowWriters++;
    const conn = await connect(port);
    if (conn === undefined) continue;
    const closed = conn.read(new Uint8Array(512)).catch(() => null);
    try {
      for (let i = 0; !pauses.over && i < UPGRADE.length - 1; i++) {
        await conn.write(UPGRADE.subarray(i, i + 1));
        if (await Promise.race([closed.then(() => true), pauses.pause(1000)]) === true) break;
      }
      if (!pauses.over) counts.refused++;
    } catch {
      counts.refused++;
    }
    conn.close();
    await closed;
    await pauses.pause(200);
  }
}

const ENGINE = `ws://${HOST}:${ports.sio}/socket.io/?EIO=4&transport=websocket`;

const GARBAGE: readonly (() => [number, Uint8Array[]])[] = [
  () => [ports.ws, [UPGRADE, Uint8Array.of(0x81, 0x05, 1, 2, 3, 4, 5)]], // not masked
  () => [ports.ws, [UPGRADE, Uint8Array.of(0x82, 0xff, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0)]], // 1 TiB
  () => [ports.ws, [UPGRADE, Uint8Array.of(0xf3, 0x80, 0, 0, 0, 0)]], // reserved bits and opcode
  () => [ports.ws, [crypto.getRandomValues(new Uint8Array(3000))]],
  () => [ports.ws, [encoder.encode(`GET / HTTP/1.1\r\n${"X: y\r\n".repeat(20_000)}\r\n`)]],
  () => [ports.sio, [crypto.getRandomValues(new Uint8Array(3000))]],
  () => [
    ports.sio,
    [encoder.encode(
      `POST /socket.io/?EIO=4&transport=polling&sid=${"A".repeat(20)} HTTP/1.1\r\nHost: h\r\n` +
        "Content-Length: 99999999\r\n\r\n",
    )],
  ],
  () => [ports.tls, [crypto.getRandomValues(new Uint8Array(3000))]],
  () => [ports.tls, [encoder.encode("GET / HTTP/1.1\r\n\r\n")]],
];

async function garbage(): Promise<void> {
  for (let i = 0; !pauses.over; i++) {
    const [port, parts] = GARBAGE[i % GARBAGE.length]();
    const conn = await connect(port);
    if (conn === undefined) continue;
    counts.garbage++;
    try {
      for (const part of parts) await conn.write(part);
      const answer = new Uint8Array(4096);
      const read = (async () => {
        while (await conn.read(answer) !== null);
      })().catch(() => {});
      await Promise.race([read, pauses.pause(2000)]);
    } catch {
      // reset while sending: refused
    }
    try {
      conn.close();
    } catch {
      // closed by a failed write
    }
    await pauses.pause(100);
  }
}

/** Has the server echo much, so that its memory for dead buffers is what it is going to be. */
async function bulk(): Promise<void> {
  const bytes = new Uint8Array(65_536);
  const conn = await Deno.connect({ hostname: HOST, port: ports.tcp });
  const ws = await connectWebSocket(`ws://${HOST}:${ports.ws}/`, { protocols: ["echo"] });
  const buffer = new Uint8Array(262_144);
  for (let i = 0; i < 4000; i++) {
    const sent = ws.send(bytes);
    for (let n = 0; n < bytes.length;) n += await conn.write(bytes.subarray(n));
    for (let n = 0; n < bytes.length;) n += (await conn.read(buffer))!;
    await sent;
    while (typeof (await ws.receive()).data === "string");
  }
  conn.close();
  await ws.close();
}

await serveCommands({
  bulk,
  attack() {
    pauses = new Pauses();
    const times = <T>(n: number, f: () => T): T[] => Array.from({ length: n }, f);
    running = [
      ...times(slow, () => slowReader(`ws://${HOST}:${ports.ws}/`, ["feed"])),
      ...times(slow, () => slowReader(ENGINE, [], "40", '42["feed"]')),
      ...times(slow, slowTcp),
      ...times(slow, () => slowWriter(ports.ws)),
      ...times(slow, () => slowWriter(ports.sio)),
      garbage(),
    ];
  },
  async rest() {
    pauses.end();
    await Promise.all(running);
    running = [];
  },
  stop: () => counts,
});
