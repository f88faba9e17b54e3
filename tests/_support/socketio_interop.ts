// Programs of npm's Socket.IO, and the scenario that they and this package do with each other.
import { assert, assertEquals } from "@std/assert";
import { fileURLToPath } from "node:url";
import { nodePackages } from "./node_modules.ts";
import { type Peer, spawnPeer } from "./peers.ts";
import { EXPECTED } from "../interop/peers/socketio_scenario.mjs";

const PEER = fileURLToPath(new URL("../interop/peers/socketio_peer.mjs", import.meta.url));

const PACKAGES = [
  "socket.io",
  "socket.io-client",
  "engine.io-client",
  "redis",
  "@socket.io/redis-adapter",
  "@socket.io/redis-streams-adapter",
];

/** What runs a peer: Node, or Deno with npm's packages. */
export type Platform = "node" | "deno";

/** What a peer is to do; see socketio_peer.mjs. */
export interface SocketIoTask {
  mode: "server" | "client" | "watch" | "hesitate" | "engine";
  [option: string]: unknown;
}

/** Starts a peer. */
export async function startPeer(task: SocketIoTask, platform: Platform = "node"): Promise<Peer> {
  const args = [PEER, JSON.stringify(task)];
  const env = { PACKAGES: await nodePackages(PACKAGES) };
  return platform === "node"
    ? await spawnPeer("node", args, { env })
    : await spawnPeer(Deno.execPath(), ["run", "-A", "--quiet", "--no-lock", ...args], { env });
}

/** Starts a peer that is a server, and waits until it listens. */
export async function startNpmServer(
  task: Record<string, unknown> = {},
  platform: Platform = "node",
): Promise<AsyncDisposable & { peer: Peer; port: number; url: string }> {
  const peer = await startPeer({ ...task, mode: "server" }, platform);
  try {
    const [, port] = await peer.waitFor(/"port":(\d+)/);
    return {
      peer,
      port: Number(port),
      url: `http://127.0.0.1:${port}`,
      [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
    };
  } catch (error) {
    await peer[Symbol.asyncDispose]();
    throw error;
  }
}

/** Runs a peer that is a client to its end, and gives its report. */
export async function runNpmClient(
  task: SocketIoTask,
  platform: Platform = "node",
): Promise<Record<string, unknown>> {
  await using peer = await startPeer(task, platform);
  const [line] = await peer.waitFor(/^\{.*\}$/m, 60_000);
  return JSON.parse(line);
}

/** Checks what a client that did the scenario reports. */
export function checkReport(report: object): void {
  const { lost, error, ...rest } = report as Record<string, unknown>;
  assert(error === undefined, String(error));
  assert(lost === "transport close" || lost === "transport error", String(lost));
  assertEquals(rest, EXPECTED as Record<string, unknown>);
}
