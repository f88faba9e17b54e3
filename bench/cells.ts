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
  over: string;
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
};

function echo(protocol: Load["protocol"], more: Partial<Load> = {}): Record<string, Load> {
  const load = (connections: number, size: number, pipeline: number): Load => ({
    protocol,
    pattern: "echo",
    connections,
    size,
    pipeline,
    ...more,
  });
  return {
    "50 × 64 B, 1 in flight": load(50, 64, 1),
    "50 × 64 B, 16 in flight": load(50, 64, 16),
    "8 × 64 KiB, 4 in flight": load(8, 65_536, 4),
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
  framing: { kind: "script", title: "Framing codecs, one core, no sockets", file: "framing.ts" },
};
