// One programme of messages, pings and closes, for our client against any server, and for any client against ours.
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import type { Peer, PeerNeed } from "./peers.ts";
import { peerTest, spawnPeer } from "./peers.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import type { PerMessageDeflateOptions } from "../../websocket/permessage_deflate.ts";
import type { WebSocketServer } from "../../websocket/server.ts";
import type { WebSocketCloseInfo, WebSocketData } from "../../websocket/types.ts";

/** What a peer program is told to do, as JSON in its first argument. */
export interface WebSocketPeerTask {
  mode: "server" | "client";
  /** Where a client connects to. */
  url?: string;
  /** The Unix socket file of a server, or of a client. */
  path?: string;
  /** The port of a server. @default {a free one} */
  port?: number;
  /** How it compresses. @default {false} */
  deflate?: boolean | PerMessageDeflateOptions;
  /** Files: what a server shows, and the authority that a client trusts. */
  tls?: { cert?: string; key?: string; ca?: string };
}

/** A program that takes a {@linkcode WebSocketPeerTask}. */
export interface WebSocketPeerProgram {
  name: string;
  needs: readonly (string | PeerNeed)[];
  /** Command, arguments before the task, and environment. */
  start(): { command: string; args: string[]; env?: Record<string, string> };
}

const file = (name: string): string =>
  fileURLToPath(new URL(`../interop/peers/${name}`, import.meta.url));
const ROOT = fileURLToPath(new URL("../..", import.meta.url));

/** npm's ws on Node. */
export const WS_ON_NODE: WebSocketPeerProgram = {
  name: "ws on Node",
  needs: ["node", "npm:ws"],
  start: () => ({
    command: "node",
    args: [file("websocket_ws.mjs")],
    // The module that Deno has fetched: Node has no packages here.
    env: { WS: import.meta.resolve("ws") },
  }),
};

/** npm's ws on Deno. */
export const WS_ON_DENO: WebSocketPeerProgram = {
  name: "ws on Deno",
  needs: ["npm:ws"],
  start: () => ({
    command: Deno.execPath(),
    args: ["run", "-A", "--quiet", file("websocket_ws.mjs")],
    env: { WS: "ws" },
  }),
};

/** Debian's python3-websockets. */
export const PYTHON_WEBSOCKETS: WebSocketPeerProgram = {
  name: "python3-websockets",
  needs: ["/usr/bin/python3", {
    name: "python3-websockets",
    found: () => {
      try {
        return Deno.statSync("/usr/lib/python3/dist-packages/websockets").isDirectory;
      } catch {
        return false;
      }
    },
  }],
  start: () => ({ command: "/usr/bin/python3", args: [file("websocket_python.py")] }),
};

/** Starts a peer as a server; gives its port, too. */
export async function startPeerServer(
  program: WebSocketPeerProgram,
  task: Omit<WebSocketPeerTask, "mode"> = {},
): Promise<AsyncDisposable & { peer: Peer; port: number }> {
  const { command, args, env } = program.start();
  const json = JSON.stringify({ mode: "server", ...task });
  const peer = await spawnPeer(command, [...args, json], { cwd: ROOT, env });
  try {
    const [, port] = await peer.waitFor(/listening (\d+)\n/);
    return { peer, port: Number(port), [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose]() };
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
}

/** What a peer saw as a client, in the words of its report. */
export interface WebSocketPeerReport {
  protocol?: string;
  compressed?: boolean;
  echoed?: number;
  inOrder?: boolean;
  sentFragments?: string;
  gotFragments?: string;
  pong?: string;
  pinged?: string;
  closed?: [number, string];
  closedByServer?: [number, string];
  terminated?: [number, string];
  tooBig?: number;
}

/** Runs a peer as a client, and gives its report. */
export async function runPeerClient(
  program: WebSocketPeerProgram,
  task: Omit<WebSocketPeerTask, "mode">,
): Promise<WebSocketPeerReport> {
  const { command, args, env } = program.start();
  const json = JSON.stringify({ mode: "client", ...task });
  await using peer = await spawnPeer(command, [...args, json], { cwd: ROOT, env });
  const [report] = await peer.waitFor(/^\{.*\}$/m, 60_000);
  assertEquals((await peer.status).code, 0, peer.output);
  return JSON.parse(report);
}

/** How many messages a peer's client sends to have them echoed. */
export const CORPUS_SIZE = 18;

/** What a peer's client has to see at our server. */
export function expectedReport(compressed: boolean): WebSocketPeerReport {
  return {
    protocol: "interop",
    compressed,
    echoed: CORPUS_SIZE,
    inOrder: true,
    sentFragments: "fragmented ✓",
    gotFragments: "fragmented ✓",
    pong: "are you there?",
    pinged: "ponged hello",
    // The answer repeats the code and the reason. RFC 6455 §5.5.1
    closed: [4001, "bye ✓"],
    closedByServer: [4002, "so long"],
    terminated: [1006, ""],
    tooBig: 1009,
  };
}

/** A class with the browser's interface. */
export type WebSocketClass = new (url: string, protocols: string[]) => WebSocket;

/**
 * The same steps as the other peers' clients take, without what browsers can't do, by any class with the browser's
 * interface. It uses nothing from outside, so that it can run in a page.
 */
export async function standardClient(
  { url, frames }: { url: string; frames: boolean },
  Socket: WebSocketClass = WebSocket,
): Promise<WebSocketPeerReport & { extensions: string }> {
  const open = async () => {
    const ws = new Socket(url, ["other", "interop"]);
    ws.binaryType = "arraybuffer";
    const got: unknown[] = [];
    const waiting: ((data: unknown) => void)[] = [];
    ws.onmessage = ({ data }) => waiting.length > 0 ? waiting.shift()!(data) : got.push(data);
    const closed = new Promise<[number, string]>((resolve) => {
      ws.onclose = (event) => {
        resolve([event.code, event.reason]);
        for (const resolve of waiting) resolve(`closed with ${event.code}`);
      };
    });
    await new Promise((resolve, reject) => {
      ws.onopen = resolve;
      ws.onerror = () => reject(new Error(`no connection to ${url}`));
    });
    const next = (): Promise<unknown> =>
      got.length > 0
        ? Promise.resolve(got.shift())
        : new Promise((resolve) => waiting.push(resolve));
    return { ws, next, closed };
  };
  const sizes = [0, 1, 125, 126, 127, 65535, 65536];
  const rows = Array.from({ length: 300 }, (_, id) => ({ id, name: `row ${id}` }));
  const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * i >> 3) & 255);
  const same = (a: Uint8Array, b: unknown): boolean => {
    const other = new Uint8Array(b as ArrayBuffer);
    return a.length === other.length && a.every((byte, i) => byte === other[i]);
  };
  const texts = [
    ...sizes.map((size) => "x".repeat(size)),
    "€🙂".repeat(20_000),
    JSON.stringify(rows),
    "z".repeat(1 << 20),
  ];

  const one = await open();
  let echoed = 0;
  for (const text of texts) {
    one.ws.send(text);
    if (await one.next() === text) echoed++;
  }
  for (const size of [...sizes, 1 << 20]) {
    const part = bytes.slice(0, size);
    one.ws.send(size % 2 === 0 ? part : new Blob([part]));
    if (same(part, await one.next())) echoed++;
  }
  for (let i = 0; i < 500; i++) one.ws.send(`message ${i}`);
  let inOrder = true;
  for (let i = 0; i < 500; i++) if (await one.next() !== `message ${i}`) inOrder = false;
  let gotFragments, pinged;
  if (frames) {
    one.ws.send("/fragments");
    gotFragments = await one.next() as string;
    one.ws.send("/ping hello");
    pinged = await one.next() as string;
  }
  one.ws.close(4001, "bye ✓");
  const closed = await one.closed;

  const two = await open();
  two.ws.send("/close 4002 so long");
  const closedByServer = await two.closed;
  const three = await open();
  three.ws.send("/terminate");
  const terminated = await three.closed;
  const four = await open();
  four.ws.send("x".repeat((1 << 20) + 1));
  const [tooBig] = await four.closed;
  const { protocol, extensions } = one.ws;
  const compressed = extensions.includes("permessage-deflate");
  return {
    protocol,
    extensions,
    compressed,
    echoed,
    inOrder,
    gotFragments,
    pinged,
    closed,
    closedByServer,
    terminated,
    tooBig,
  };
}

/** Does what texts that begin with a slash ask for, and echoes all else: a handler for our servers. */
export function obey(ws: WebSocketConnection): void {
  ws.on("message", async (data) => {
    const [, command, rest] = typeof data === "string" ? /^\/(\w+) ?(.*)$/su.exec(data) ?? [] : [];
    if (command === "fragments") await ws.send(["frag", "men", "ted ✓"]);
    else if (command === "ping") {
      // The payload of a ping is ours to choose; what counts is that the answer comes.
      await ws.ping({ timeout: 10_000 });
      await ws.send(`ponged ${rest}`);
    } else if (command === "close") {
      const [, code, reason] = /^(\d*) ?(.*)$/su.exec(rest)!;
      if (code === "") ws.close({});
      else ws.close(Number(code), reason);
    } else if (command === "terminate") ws.terminate();
    else await ws.send(data);
  });
}

/** A handler that obeys, and how each of its connections ended. */
export function recordingHandler(): {
  handler: (ws: WebSocketConnection) => void;
  ends: Promise<WebSocketCloseInfo>[];
} {
  const ends: Promise<WebSocketCloseInfo>[] = [];
  return {
    ends,
    handler: (ws) => {
      ends.push(ws.closed);
      obey(ws);
    },
  };
}

/** Messages of all kinds and sizes up to 1 MiB. */
function corpus(): WebSocketData[] {
  const sizes = [0, 1, 125, 126, 127, 65_535, 65_536];
  const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * i >> 3) & 255);
  const random = new Uint8Array(200_000);
  for (let at = 0; at < random.length; at += 50_000) {
    crypto.getRandomValues(random.subarray(at, at + 50_000));
  }
  return [
    ...sizes.map((size) => "x".repeat(size)),
    "€🙂".repeat(20_000),
    JSON.stringify(Array.from({ length: 300 }, (_, id) => ({ id, name: `row ${id}` }))),
    "z".repeat(1 << 20),
    ...sizes.map((size) => bytes.slice(0, size)),
    random,
    bytes,
  ];
}

/** What a server, or the way to it, can do. */
export interface ServerAbilities {
  /** Whether permessage-deflate has to be agreed on. */
  compressed: boolean;
  /** Whether the server sends pings and fragments on demand. @default {true} */
  frames?: boolean;
  /** The close codes that the server may send. */
  codes?: readonly (number | undefined)[];
  /** Whether it is our own server: it chooses the payload of pings, and does not repeat the reason of a close. @default {false} */
  ours?: boolean;
  /** Told of the close frames that it gets; resolves when the server has told of this one. */
  sawClose?(code: number, reason: string): Promise<unknown>;
}

/** Takes our client through everything, against a server that obeys. */
export async function exerciseServer(
  url: string,
  {
    compressed,
    frames = true,
    ours = false,
    sawClose,
    codes = [1000, 1011, 3000, 4999, undefined],
  }: ServerAbilities,
  options: ConnectWebSocketOptions = {},
): Promise<void> {
  const open = () => connectWebSocket(url, { protocols: ["other", "interop"], ...options });
  const ws = await open();
  assertEquals(ws.protocol, "interop");
  assertEquals(ws.extensions.includes("permessage-deflate"), compressed, ws.extensions);
  for (const message of corpus()) {
    await ws.send(message);
    const { data } = await ws.receive({ timeout: 20_000 });
    assert(typeof message === "string" ? data === message : same(data, message), about(message));
  }
  // Compressed and plain messages, in one stream.
  for (let i = 0; i < 500; i++) ws.send(`message ${i}`, { compress: i % 3 !== 0 });
  for (let i = 0; i < 500; i++) {
    assertEquals((await ws.receive({ timeout: 20_000 })).data, `message ${i}`);
  }
  await ws.send(["frag", "", "men", "ted \ud83d", "\ude42"]);
  assertEquals((await ws.receive({ timeout: 20_000 })).data, "fragmented 🙂");
  await ws.send(pieces());
  const whole = (await ws.receive({ timeout: 20_000 })).data as Uint8Array;
  assertEquals([whole.length, whole[0], whole[299_999]], [300_000, 0, 29]);
  assert(await ws.ping({ timeout: 20_000 }) >= 0);
  if (frames) await exerciseFrames(ws, ours);
  const info = await ws.close(4001, "bye ✓");
  assertEquals([info.wasClean, info.code, info.reason], [true, 4001, "bye ✓"]);
  await sawClose?.(4001, "bye ✓");

  for (const code of codes) {
    await using ws = await open();
    await ws.send(code === undefined ? "/close" : `/close ${code} so long`);
    const info = await ws.closed;
    const reason = code === undefined ? "" : "so long";
    assertEquals([info.wasClean, info.reason], [true, reason]);
    if (code !== undefined) assertEquals(info.code, code);
    else assert(info.code === 1005 || info.code === 1000, `${info.code}`);
  }
}

async function exerciseFrames(ws: WebSocketConnection, ours: boolean): Promise<void> {
  await ws.send("/fragments");
  assertEquals((await ws.receive({ timeout: 20_000 })).data, "fragmented ✓");
  await ws.send("/fragments");
  const { readable } = await ws.receiveStream({ timeout: 20_000 }) as {
    readable: ReadableStream<Uint8Array>;
  };
  assertEquals(await new Response(readable).text(), "fragmented ✓");
  const pinged = new Promise<Uint8Array>((resolve) => ws.once("ping", resolve));
  await ws.send("/ping hello");
  assertEquals((await ws.receive({ timeout: 20_000 })).data, "ponged hello");
  const payload = new TextDecoder().decode(await pinged);
  if (!ours) assertEquals(payload, "hello");
  await ws.send("still here");
  assertEquals((await ws.receive({ timeout: 20_000 })).data, "still here");
}

/** A binary message of 300,000 bytes, as it is produced. */
async function* pieces(): AsyncGenerator<Uint8Array> {
  for (let i = 0; i < 30; i++) {
    await Promise.resolve();
    yield new Uint8Array(10_000).fill(i);
  }
}

function same(a: unknown, b: Uint8Array): boolean {
  return a instanceof Uint8Array && a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function about(message: WebSocketData): string {
  return `${
    typeof message === "string" ? "text" : "binary"
  } of ${message.length} came back changed`;
}

/** The parameter sets of compression that are tried with peers. */
const DEFLATES: readonly (readonly [string, boolean | PerMessageDeflateOptions])[] = [
  ["uncompressed", false],
  ["compressed", true],
  ["compressed, no context takeover", {
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
    threshold: 0,
  }],
  ["compressed, windows of 9 and 10 bits", {
    serverMaxWindowBits: 9,
    clientMaxWindowBits: 10,
    threshold: 0,
  }],
];

/** Registers the tests of a program in both roles, with each set of parameters. */
export function interopTests(
  program: WebSocketPeerProgram,
  serve: (options: {
    handler: (ws: WebSocketConnection) => void;
    deflate: boolean | PerMessageDeflateOptions;
  }) => Promise<WebSocketServer>,
): void {
  const { name, needs } = program;
  for (const [how, deflate] of DEFLATES) {
    peerTest(`our client talks with a ${name} server, ${how}`, { needs }, async () => {
      await using server = await startPeerServer(program, { deflate });
      await exerciseServer(`ws://127.0.0.1:${server.port}/`, {
        compressed: deflate !== false,
        sawClose: (code, reason) => server.peer.waitFor(new RegExp(`closed ${code} ${reason}\n`)),
      }, { perMessageDeflate: deflate });
    });

    peerTest(`a ${name} client talks with our server, ${how}`, { needs }, async () => {
      const { handler, ends } = recordingHandler();
      await using server = await serve({ handler, deflate });
      const url = `ws://127.0.0.1:${server.port}/some/path?query`;
      const report = await runPeerClient(program, { url, deflate });
      assertEquals(report, expectedReport(deflate !== false));
      const infos = await Promise.all(ends);
      assertEquals(
        infos.map(({ wasClean, code, reason, error }) => [wasClean, code, reason, error?.code]),
        [
          [true, 4001, "bye ✓", undefined],
          [true, 4002, "so long", undefined],
          [false, 1006, "", undefined],
          [false, 1006, "", "MESSAGE_TOO_BIG"],
        ],
      );
    });
  }

  peerTest(`our client and a ${name} server agree on no compression when one does not want it`, {
    needs,
  }, async () => {
    await using plain = await startPeerServer(program, { deflate: false });
    await exerciseServer(`ws://127.0.0.1:${plain.port}/`, { compressed: false }, {
      perMessageDeflate: true,
    });
    await using compressing = await startPeerServer(program, { deflate: true });
    await exerciseServer(`ws://127.0.0.1:${compressing.port}/`, { compressed: false });
  });
}
