/**
 * What `deno task bench` measures. A new server is one entry of `SERVERS`, a new measurement one of `GROUPS`; a group
 * leaves out servers whose file, runtime or package is missing, and says so.
 */
import type { Load } from "./_wire.ts";

/** A server to measure: `bench/servers/FILE PORT`. */
export interface BenchServer {
  /** What the tables call it. */
  label: string;
  /** What runs it. @default {"deno"} */
  runtime?: "deno" | "node" | "bun";
  /** The file in bench/servers. */
  file: string;
  /** Arguments after the port. */
  args?: string[];
}

/** What is to hold of the ratio of `server` to `over`: of rates at least, of memory at most so much. */
export interface Bar {
  server: string;
  /** Of memory it may be left out: then `most` is in kB. */
  over?: string;
  least?: number;
  most?: number;
  /** Where it is to hold. @default all cells */
  cells?: string[];
}

/** Servers under the same loads, each as a ratio to the first of them. */
export interface LoadGroup {
  kind: "load";
  title: string;
  /** Keys of `SERVERS`. */
  servers: string[];
  /** The loads, by what the tables call them. */
  cells: Record<string, Load>;
  bars: Bar[];
}

/** What open connections that do nothing cost; as a ratio to the first server. */
export interface MemoryGroup {
  kind: "memory";
  title: string;
  servers: string[];
  connections: number;
  protocol: Load["protocol"];
  /**
   * How long the connections do nothing before they are measured, in ms. With a heartbeat: until it has come round, and
   * the collector behind it; what was needed to open them is not what they cost.
   *
   * @default {0}
   */
  idle?: number;
  bars: Bar[];
}

/** A program that measures by itself, such as a codec without sockets; its output is shown as it is. */
export interface ScriptGroup {
  kind: "script";
  title: string;
  /** The file in bench. */
  file: string;
}

/** Measurements that belong in one table. */
export type Group = LoadGroup | MemoryGroup | ScriptGroup;

/** All servers. */
export const SERVERS: Record<string, BenchServer> = {
  raw: { label: "bare `conn.read` and `conn.write`", file: "raw_echo.ts" },
  rawStreams: { label: "`conn.readable.pipeTo(conn.writable)`", file: "raw_echo_streams.ts" },
  rawIdle: { label: "bare connections in a read of 1 KiB", file: "raw_idle.ts" },
  tcp: { label: "Sluice, events", file: "tcp_echo.ts" },
  tcpStreams: { label: "Sluice, web streams", file: "tcp_echo_streams.ts" },
  netDeno: { label: "node:net on Deno", file: "node_net_echo.mjs" },
  netNode: { label: "node:net on Node", runtime: "node", file: "node_net_echo.mjs" },
  netBun: { label: "node:net on Bun", runtime: "bun", file: "node_net_echo.mjs" },

  tlsRaw: { label: "bare loop on `Deno.listenTls`", file: "raw_tls_echo.ts" },
  tlsByNode: { label: "Sluice, over node:tls", file: "tls_echo.ts", args: ["node"] },
  tlsByDeno: { label: "Sluice, over Deno's TLS", file: "tls_echo.ts", args: ["deno"] },
  tlsNodeDeno: { label: "node:tls on Deno", file: "tls_node_echo.mjs" },
  tlsNode: { label: "node:tls on Node", runtime: "node", file: "tls_node_echo.mjs" },

  ws: { label: "Sluice, events", file: "ws_echo.ts" },
  wsAwait: { label: "Sluice, for await", file: "ws_echo_await.ts" },
  wsDeno: { label: "Deno's WebSocket", file: "peers/ws_echo_deno.ts" },
  wsNode: { label: "npm ws on Node", runtime: "node", file: "peers/ws_echo_node.mjs" },
  wsBun: { label: "Bun's WebSocket", runtime: "bun", file: "peers/ws_echo_bun.mjs" },
  wsFan: { label: "Sluice", file: "ws_fan.ts" },
  wsFanDeno: { label: "Deno's WebSocket", file: "peers/ws_fan_deno.ts" },
  wsFanNode: { label: "npm ws on Node", runtime: "node", file: "peers/ws_fan_node.mjs" },
  wsFanBun: { label: "Bun's publish", runtime: "bun", file: "peers/ws_fan_bun.mjs" },
  wsDeflate: { label: "Sluice", file: "ws_echo.ts", args: ["deflate"] },
  wsDeflateNode: {
    label: "npm ws on Node",
    runtime: "node",
    file: "peers/ws_echo_node.mjs",
    args: ["deflate"],
  },
  wsDeflateBun: {
    label: "Bun's WebSocket",
    runtime: "bun",
    file: "peers/ws_echo_bun.mjs",
    args: ["deflate"],
  },

  sio: { label: "Sluice", file: "sio.ts" },
  sioHandler: { label: "Sluice, a handler of `Deno.serve`", file: "sio_handler.ts" },
  sioBound: { label: "npm socket.io, bound to our engine", file: "sio_bound.ts" },
  sioNode: { label: "npm socket.io on Node", runtime: "node", file: "peers/sio_node.mjs" },
  sioDeno: { label: "npm socket.io on Deno", file: "peers/sio_deno.ts" },
};

function load(
  protocol: Load["protocol"],
  connections: number,
  size: number,
  pipeline: number,
  more: Partial<Load> = {},
): Load {
  return { protocol, pattern: "echo", connections, size, pipeline, ...more };
}

const SINGLE = "50 × 64 B, 1 in flight";
const BURST = "50 × 64 B, 16 in flight";
const BULK = "8 × 64 KiB, 4 in flight";
const HUGE = "4 × 1 MiB, 1 in flight";
const FAN_ONE = "64 B to 500, 1 a round";
const FAN_TEN = "64 B to 500, 10 a round";

function echo(protocol: Load["protocol"], more: Partial<Load> = {}): Record<string, Load> {
  return {
    [SINGLE]: load(protocol, 50, 64, 1, more),
    [BURST]: load(protocol, 50, 64, 16, more),
    [BULK]: load(protocol, 8, 65_536, 4, more),
  };
}

function fan(protocol: Load["protocol"]): Record<string, Load> {
  return {
    [FAN_ONE]: load(protocol, 500, 64, 1, { pattern: "fan" }),
    [FAN_TEN]: load(protocol, 500, 64, 10, { pattern: "fan" }),
  };
}

/** All measurements, by the name that the command line takes. */
export const GROUPS: Record<string, Group> = {
  tcp: {
    kind: "load",
    title: "TCP echo",
    servers: ["raw", "tcp", "rawStreams", "tcpStreams", "netDeno", "netNode", "netBun"],
    cells: echo("tcp"),
    bars: [
      { server: "tcp", over: "raw", least: 0.95 },
      { server: "tcp", over: "netDeno", least: 1 },
      { server: "tcpStreams", over: "rawStreams", least: 1.5 },
    ],
  },
  "tcp-idle": {
    kind: "memory",
    title: "Memory of idle TCP connections",
    servers: ["rawIdle", "tcp", "rawStreams", "tcpStreams", "netDeno", "netNode", "netBun"],
    connections: 5000,
    protocol: "tcp",
    bars: [{ server: "tcp", over: "rawIdle", most: 1.3 }],
  },
  tls: {
    kind: "load",
    title: "TLS echo",
    servers: ["tlsRaw", "tlsByNode", "tlsByDeno", "tlsNodeDeno", "tlsNode"],
    cells: echo("tcp", { tls: true }),
    bars: [{ server: "tlsByDeno", over: "tlsRaw", least: 0.95 }],
  },
  ws: {
    kind: "load",
    title: "WebSocket echo",
    servers: ["wsDeno", "ws", "wsAwait", "wsNode", "wsBun"],
    cells: { ...echo("ws"), [HUGE]: load("ws", 4, 1_048_576, 1) },
    bars: [
      { server: "ws", over: "wsDeno", least: 1, cells: [SINGLE, BULK] },
      { server: "ws", over: "wsDeno", least: 8, cells: [BURST] },
      { server: "ws", over: "wsDeno", least: 1.5, cells: [HUGE] },
      { server: "ws", over: "wsBun", least: 0.8, cells: [BURST] },
      { server: "ws", over: "wsBun", least: 1.5, cells: [HUGE] },
      { server: "ws", over: "wsNode", least: 1 },
      { server: "wsAwait", over: "ws", least: 0.7 },
    ],
  },
  "ws-text": {
    kind: "load",
    title: "WebSocket echo of text",
    servers: ["wsDeno", "ws", "wsAwait", "wsNode", "wsBun"],
    cells: echo("ws", { text: true }),
    bars: [
      { server: "ws", over: "wsDeno", least: 1, cells: [SINGLE, BULK] },
      { server: "ws", over: "wsDeno", least: 8, cells: [BURST] },
      { server: "ws", over: "wsNode", least: 1 },
    ],
  },
  "ws-fan": {
    kind: "load",
    title: "WebSocket broadcast",
    servers: ["wsFanDeno", "wsFan", "wsFanNode", "wsFanBun"],
    cells: fan("ws"),
    bars: [
      { server: "wsFan", over: "wsFanDeno", least: 1, cells: [FAN_ONE] },
      { server: "wsFan", over: "wsFanDeno", least: 6, cells: [FAN_TEN] },
      { server: "wsFan", over: "wsFanBun", least: 0.7, cells: [FAN_TEN] },
      { server: "wsFan", over: "wsFanNode", least: 1 },
    ],
  },
  "ws-deflate": {
    kind: "load",
    title: "WebSocket echo of JSON with permessage-deflate",
    servers: ["wsDeflateNode", "wsDeflate", "wsDeflateBun"],
    cells: { "50 × 1 KiB, 1 in flight": load("ws", 50, 1024, 1, { text: true, deflate: true }) },
    bars: [{ server: "wsDeflate", over: "wsDeflateNode", least: 3 }],
  },
  "ws-idle": {
    kind: "memory",
    title: "Memory of idle WebSockets",
    servers: ["wsDeno", "ws", "wsAwait", "wsNode", "wsBun"],
    connections: 5000,
    protocol: "ws",
    bars: [{ server: "ws", most: 12 }],
  },
  sio: {
    kind: "load",
    title: "Socket.IO echo",
    servers: ["sioNode", "sio", "sioHandler", "sioBound", "sioDeno"],
    cells: { [SINGLE]: load("sio", 50, 64, 1), [BURST]: load("sio", 50, 64, 16) },
    bars: [
      { server: "sio", over: "sioNode", least: 1.5, cells: [SINGLE] },
      { server: "sio", over: "sioNode", least: 5, cells: [BURST] },
      { server: "sioHandler", over: "sioNode", least: 1 },
    ],
  },
  "sio-fan": {
    kind: "load",
    title: "Socket.IO broadcast",
    servers: ["sioNode", "sio", "sioHandler", "sioBound", "sioDeno"],
    cells: fan("sio"),
    bars: [
      { server: "sio", over: "sioNode", least: 1.3, cells: [FAN_ONE] },
      { server: "sio", over: "sioNode", least: 7, cells: [FAN_TEN] },
      { server: "sioHandler", over: "sioNode", least: 1 },
      { server: "sioBound", over: "sioNode", least: 4, cells: [FAN_TEN] },
    ],
  },
  "sio-idle": {
    kind: "memory",
    title: "Memory of idle Socket.IO clients",
    servers: ["sioNode", "sio", "sioHandler", "sioBound", "sioDeno"],
    connections: 5000,
    protocol: "sio",
    // The servers ping each 25 s: between the first two pings, far from both.
    idle: 42_000,
    bars: [{ server: "sio", most: 14 }],
  },
  crowd: { kind: "script", title: "Whom a busy server serves", file: "crowd.ts" },
  trace: { kind: "script", title: "The tracer in a bulk transfer", file: "trace.ts" },
  framing: { kind: "script", title: "Framing codecs, one core, no sockets", file: "framing.ts" },
};
