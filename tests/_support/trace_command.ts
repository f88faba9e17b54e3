/** The tracer as its users start it: the command, in a process of its own. */
import { fileURLToPath } from "node:url";
import { type Peer, spawnPeer } from "./peers.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** A running tracer. */
export interface TraceCommandPeer extends AsyncDisposable {
  /** The process. */
  readonly peer: Peer;
  /** Where clients connect. */
  readonly port: number;
  /** What it has shown so far. */
  readonly shown: string;
}

/** Starts the command and waits until it listens. */
export async function startTraceCommand(...args: string[]): Promise<TraceCommandPeer> {
  const peer = await spawnPeer(
    Deno.execPath(),
    ["run", "-A", "--quiet", "trace/mod.ts", ...args],
    {
      cwd: root,
      env: { NO_COLOR: "1" },
      stopSignal: "SIGINT",
      timeout: 60_000,
      ready: /Listening on/,
    },
  );
  const port = Number(/Listening on [^,\n]*:(\d+)/.exec(peer.stderr)![1]);
  return {
    peer,
    port,
    get shown(): string {
      return peer.stdout;
    },
    [Symbol.asyncDispose]: () => peer[Symbol.asyncDispose](),
  };
}

/** Ends it as Ctrl+C does, and gives its exit code. */
export async function stopTraceCommand({ peer }: TraceCommandPeer): Promise<number> {
  peer.kill("SIGINT");
  return (await peer.status).code;
}
