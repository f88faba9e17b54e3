// What the tests of security share: a WebSocket and an HTTP client made of bytes, for which no rule holds, and measures of time and memory.
import { cpuUsage } from "node:process";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { constants, deflateRawSync } from "node:zlib";
import { assert } from "@std/assert";
import { type DecodedFrame, decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { acceptValue } from "./raw_peer.ts";
import { upgradeRequest } from "./websocket_server.ts";
import { joined, toBytes } from "./websocket_rig.ts";

/** The bytes of a text, each character one of them. */
export function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

/** A masked frame: what a client sends. */
export function clientFrame(
  opcode: number,
  data: string | Uint8Array = "",
  options: { fin?: boolean; rsv?: number } = {},
): Uint8Array {
  return encodeFrame(toBytes(data), { opcode, maskKey: 0x7c1d0f35, ...options });
}

/** The head of a data frame that says how long it is, in 64 bits, and has nothing behind it. */
export function longFrame(length: bigint, { masked = true, opcode = 2, rsv = 0 } = {}): Uint8Array {
  const bytes = new Uint8Array(masked ? 14 : 10);
  bytes[0] = 0x80 | rsv | opcode;
  bytes[1] = (masked ? 0x80 : 0) | 127;
  new DataView(bytes.buffer).setBigUint64(2, length);
  return bytes;
}

/** The same bytes many times. */
export function repeated(bytes: Uint8Array, count: number): Uint8Array {
  const all = new Uint8Array(bytes.length * count);
  all.set(bytes);
  for (let done = bytes.length; done < all.length; done *= 2) all.copyWithin(done, 0, done);
  return all;
}

/** A TCP connection in bytes. Nothing that it does throws because the other end has gone. */
export class Wire implements Disposable {
  readonly conn: Deno.Conn;
  #rest: Uint8Array = new Uint8Array(0);
  /** Whether the other end has ended, or cut, the connection. */
  ended = false;

  constructor(conn: Deno.Conn) {
    this.conn = conn;
  }

  static async connect(port: number): Promise<Wire> {
    const conn = await Deno.connect({ hostname: "127.0.0.1", port });
    conn.setNoDelay(true);
    return new Wire(conn);
  }

  /** Writes all of it; returns whether that was possible. */
  async write(data: string | Uint8Array): Promise<boolean> {
    const bytes = typeof data === "string" ? latin1(data) : data;
    try {
      for (let at = 0; at < bytes.length;) {
        at += await this.conn.write(bytes.subarray(at, at + 262_144));
      }
      return true;
    } catch {
      return false;
    }
  }

  /** Reads once; returns what has come and was not taken yet. */
  async more(): Promise<Uint8Array> {
    const buffer = new Uint8Array(65_536);
    const n = await this.conn.read(buffer).catch(() => null);
    if (n === null) this.ended = true;
    else this.#rest = joined(this.#rest, buffer.subarray(0, n));
    return this.#rest;
  }

  /** The text up to the end of an HTTP head, or all that came before the end of the stream. */
  async readHead(): Promise<string> {
    for (;;) {
      const text = String.fromCharCode(...this.#rest.subarray(0, 65_536));
      const end = text.indexOf("\r\n\r\n");
      if (end >= 0) {
        this.#rest = this.#rest.slice(end + 4);
        return text.slice(0, end + 4);
      }
      if (this.ended) return text;
      await this.more();
    }
  }

  /** So many bytes, or fewer at the end of the stream. */
  async read(length: number): Promise<Uint8Array> {
    while (this.#rest.length < length && !this.ended) await this.more();
    const bytes = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return bytes;
  }

  /** A whole HTTP response with a Content-Length, or up to the end of the stream. */
  async readResponse(): Promise<{ status: number; head: string; body: string }> {
    const head = await this.readHead();
    const length = /^content-length: *(\d+)/im.exec(head)?.[1];
    const body = await this.read(length === undefined ? Infinity : Number(length));
    return { status: statusOf(head), head, body: new TextDecoder().decode(body) };
  }

  /** All bytes up to the end of the stream. */
  async readAll(): Promise<Uint8Array> {
    return await this.read(Infinity);
  }

  /** The next frame; `undefined` at the end. */
  async readFrame(): Promise<DecodedFrame | undefined> {
    for (;;) {
      const frame = decodeFrame(this.#rest);
      if ("payload" in frame) {
        this.#rest = this.#rest.slice(frame.size);
        return frame;
      }
      if (this.ended) return undefined;
      await this.more();
    }
  }

  /** The next text message; `undefined` if another frame comes, or the end. */
  async readText(): Promise<string | undefined> {
    const frame = await this.readFrame();
    return frame?.opcode === 1 ? new TextDecoder().decode(frame.payload) : undefined;
  }

  /** The code of the close frame that comes sooner or later: 1005 if it has none, 1006 if none comes. */
  async readClose(): Promise<number> {
    for (;;) {
      const frame = await this.readFrame();
      if (frame === undefined) return 1006;
      if (frame.opcode !== 8) continue;
      const [high, low] = frame.payload;
      return low === undefined ? 1005 : high << 8 | low;
    }
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // closed already
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** The status of a response's head; 0 if it is none. */
export function statusOf(head: string): number {
  return Number(/^HTTP\/1\.1 (\d{3})/.exec(head)?.[1] ?? 0);
}

/** What a WebSocket of bytes asks for. */
export interface OpenOptions {
  path?: string;
  headers?: Record<string, string | undefined>;
  /** Bytes behind the request, in the same write. */
  behind?: Uint8Array;
}

/** Asks for a WebSocket, and returns the connection with the head of the answer. */
export async function askForWebSocket(
  port: number,
  { path = "/", headers = {}, behind = new Uint8Array(0) }: OpenOptions = {},
): Promise<{ wire: Wire; head: string; status: number }> {
  const wire = await Wire.connect(port);
  const request = upgradeRequest(headers, `GET ${path} HTTP/1.1`);
  await wire.write(joined(latin1(request), behind));
  const head = await wire.readHead();
  return { wire, head, status: statusOf(head) };
}

/** A WebSocket that is open. */
export async function openWebSocket(port: number, options: OpenOptions = {}): Promise<Wire> {
  const { wire, status, head } = await askForWebSocket(port, options);
  if (status !== 101) {
    wire.close();
    throw new Error(`No WebSocket: ${head}`);
  }
  return wire;
}

/** Checks that a server of WebSockets with an echo serves a new client. */
export async function assertEchoes(port: number): Promise<void> {
  using wire = await openWebSocket(port);
  await wire.write(clientFrame(1, "still there?"));
  const answer = await wire.readText();
  assert(answer === "still there?", `The server does not echo: ${answer}`);
  await wire.write(clientFrame(8, new Uint8Array([3, 232])));
  await wire.readClose();
}

/** Writes something long while what the other end says is read; returns the code of its close frame. */
export async function flood(wire: Wire, bytes: Uint8Array, times = 1): Promise<number> {
  const writing = (async () => {
    for (let i = 0; i < times && !wire.ended; i++) if (!await wire.write(bytes)) return;
  })();
  const code = await wire.readClose();
  // What is still being written ends with the connection.
  wire.close();
  await writing;
  return code;
}

setFlagsFromString("--expose-gc");
/** Frees what nothing refers to any more. */
export const collectGarbage: () => void = runInNewContext("gc");

/** Bytes that this process holds, buffers included. */
function memory(): number {
  const { heapUsed, external } = Deno.memoryUsage();
  return heapUsed + external;
}

/** As `memory`, without what nothing refers to any more. */
function liveMemory(): number {
  collectGarbage();
  return memory();
}

/**
 * By how many bytes the memory of this process has grown at the most, looked at often while `run` runs. What was taken
 * only for a moment counts too, so long as it has not been collected.
 */
export async function growthDuring(run: () => Promise<unknown>): Promise<number> {
  const before = memory();
  let most = before;
  const timer = setInterval(() => most = Math.max(most, memory()), 10);
  try {
    await run();
    return Math.max(most, memory()) - before;
  } finally {
    clearInterval(timer);
  }
}

/**
 * By how many bytes the live memory of this process has grown at the most, looked at often while `run` runs: for floods,
 * where how much garbage lies about is the collector's affair.
 */
export async function liveGrowthDuring(run: () => Promise<unknown>): Promise<number> {
  const before = liveMemory();
  let most = before;
  const look = () => {
    if (memory() > most) most = Math.max(most, liveMemory());
  };
  let timer: ReturnType<typeof setTimeout> | undefined;
  const lookOften = (took: number) => {
    // Collecting takes long: it must leave what it looks at the greater part of the time.
    timer = setTimeout(() => {
      const start = performance.now();
      look();
      lookOften(performance.now() - start);
    }, Math.min(20 + 5 * took, 1000));
  };
  lookOften(0);
  try {
    await run();
    look();
    return most - before;
  } finally {
    clearTimeout(timer);
  }
}

/** By how many bytes the live memory of this process has grown when `run` is over. */
export async function liveGrowthAfter(run: () => Promise<unknown>): Promise<number> {
  const before = liveMemory();
  await run();
  return liveMemory() - before;
}

/** The time of a run, in ms, without what the process was held up where the system tells that. */
function timeOf(run: () => void): number {
  const start = performance.now();
  const before = cpuUsage();
  run();
  const { user, system } = cpuUsage(before);
  const took = performance.now() - start;
  // Windows counts in steps of 16 ms. What the collector's threads take is not the run's.
  return Deno.build.os === "windows" ? took : Math.min(took, (user + system) / 1000);
}

/** The shortest time of several runs, in ms: what a busy machine adds is not in it. */
function shortest(run: () => void): number {
  return Math.min(...Array.from({ length: 5 }, () => timeOf(run)));
}

/**
 * Checks that 16 times the input takes no more than about 16 times the time: quadratic work would take 256 times.
 *
 * @param work Does the work for an input of this size.
 */
export function assertLinear(work: (size: number) => void, size = 2_048): void {
  work(size); // compiled by now
  const small = shortest(() => work(size));
  const large = shortest(() => work(size * 16));
  assert(large <= small * 80 + 20, `${size}: ${small} ms, ${size * 16}: ${large} ms`);
}

/** A server of bytes. */
export interface ByteServer extends AsyncDisposable {
  readonly port: number;
}

/** Serves each connection by a function, which has it in its own hands until the server is closed. */
export function byteServer(
  serve: (wire: Wire) => Promise<unknown>,
  tls?: { cert: string; key: string },
): ByteServer {
  const listener = tls === undefined
    ? Deno.listen({ hostname: "127.0.0.1", port: 0 })
    : Deno.listenTls({ hostname: "127.0.0.1", port: 0, ...tls });
  const wires: Wire[] = [];
  const running: Promise<unknown>[] = [];
  running.push((async () => {
    for await (const conn of listener) {
      const wire = new Wire(conn);
      wires.push(wire);
      running.push(serve(wire));
    }
  })());
  return {
    port: listener.addr.port,
    [Symbol.asyncDispose]: async () => {
      listener.close();
      for (const wire of wires) wire.close();
      await Promise.all(running);
    },
  };
}

/** The answer that opens a WebSocket, with further header lines (each with its CRLF). */
export async function acceptance(head: string, lines = ""): Promise<string> {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${await acceptValue(head)}\r\n${lines}\r\n`;
}

/** Opens the WebSocket that a client asks for on the wire, and returns the client's head. */
export async function acceptWebSocket(
  wire: Wire,
  lines = "",
  behind?: Uint8Array,
): Promise<string> {
  const head = await wire.readHead();
  await wire.write(joined(latin1(await acceptance(head, lines)), behind ?? new Uint8Array(0)));
  return head;
}

/** A frame as a server sends it, without a mask. */
export function serverFrame(
  opcode: number,
  data: string | Uint8Array = "",
  options: { fin?: boolean; rsv?: number } = {},
): Uint8Array {
  return encodeFrame(toBytes(data), { opcode, ...options });
}

/** A compressed message as permessage-deflate sends it: without the empty block at the end. */
export function deflated(bytes: Uint8Array): Uint8Array {
  return deflateRawSync(bytes, { finishFlush: constants.Z_SYNC_FLUSH, level: 9 }).subarray(0, -4);
}
