/** What the processes of a soak run send each other: numbered messages with a hash, and lines of JSON as commands. */

const HEADER = 12;

/** FNV-1a. */
function hash(bytes: Uint8Array, start: number): number {
  let h = 0x811c9dc5;
  for (let i = start; i < bytes.length; i++) h = Math.imul(h ^ bytes[i], 0x01000193);
  return h >>> 0;
}

/** The message `seq` of connection `id`: mostly short, now and then long, half of it compressible. */
export function makeMessage(id: number, seq: number): Uint8Array {
  let x = (Math.imul(id, 0x9e3779b1) ^ Math.imul(seq + 1, 0x85ebca6b)) | 1;
  const next = (): number => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return x >>> 0;
  };
  const size = HEADER + (next() % 40 === 0 ? next() % 20_000 : next() % 700);
  const bytes = new Uint8Array(size);
  for (let i = HEADER; i < size; i++) bytes[i] = i & 64 ? 0x61 : next();
  const view = new DataView(bytes.buffer);
  view.setUint32(0, id);
  view.setUint32(4, seq);
  view.setUint32(8, hash(bytes, HEADER));
  return bytes;
}

/** What is wrong with a message that should be `seq` of connection `id`; `undefined` for nothing. */
export function checkMessage(bytes: Uint8Array, id: number, seq: number): string | undefined {
  if (bytes.length < HEADER) return `${bytes.length} bytes`;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  if (view.getUint32(0) !== id) return `message of connection ${view.getUint32(0)} at ${id}`;
  if (view.getUint32(4) !== seq) return `message ${view.getUint32(4)} where ${seq} was due`;
  return view.getUint32(8) === hash(bytes, HEADER) ? undefined : "wrong hash";
}

/** The ports of the server process. */
export interface Ports {
  tcp: number;
  tls: number;
  ws: number;
  sio: number;
}

/** The kinds of connection. */
export const KINDS = ["tcp", "tls", "ws", "wsDeflate", "sio", "sioPolling"] as const;
export type Kind = (typeof KINDS)[number];

/** What share of the connections is of each kind. */
export const SHARES: Readonly<Record<Kind, number>> = {
  tcp: 0.37,
  tls: 0.05,
  ws: 0.28,
  wsDeflate: 0.1,
  sio: 0.15,
  sioPolling: 0.05,
};

/** What a client process counts. */
export interface ClientCounts {
  /** Connections that are open, by kind. */
  open: Record<Kind, number>;
  /** Connections that have been opened in all. */
  opened: number;
  /** Messages that came back right. */
  echoed: number;
  /** Broadcasts that came, in order. */
  broadcasts: number;
  /** Messages that did not come back in time. */
  lost: number;
  /** Messages and broadcasts that came out of order, or changed. */
  wrong: number;
  /** Connections that broke. */
  broken: number;
  /** The first of what went wrong. */
  faults: string[];
}

/** What the server process tells of itself. */
export interface ServerFigures {
  /** Resident memory after a collection, without what the C library keeps of freed memory, in bytes. */
  rss: number;
  /** What JavaScript's objects take of it, and their buffers, in bytes. */
  heapUsed: number;
  external: number;
  /** Open TCP sockets. */
  sockets: number;
  /** Connections at the servers. */
  connections: number;
  /** How many bytes the shared limits count. */
  counted: number;
  /** How many slow readers were let go of. */
  letGo: number;
}

/** 99th percentiles of echoes, in ms. */
export interface Latencies {
  /** Of the server's. */
  server: number;
  /** Of those of a process that nobody else talks to. */
  control: number;
}

/** Commands come as lines on standard input, answers leave as lines of JSON. */
export async function serveCommands(
  commands: Record<string, (argument: string) => unknown>,
): Promise<void> {
  let rest = "";
  for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    for (const line of lines) {
      const [name, argument = ""] = line.split(" ", 2);
      const answer = await commands[name](argument) ?? null;
      await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(answer) + "\n"));
      if (name === "stop") return;
    }
  }
}

/** Pauses that end early, all together. */
export class Pauses {
  /** Whether they have been ended. */
  over = false;
  readonly #waiting = new Set<() => void>();

  /** Waits so many milliseconds, or until `end`. */
  pause(ms: number): Promise<void> {
    if (this.over) return Promise.resolve();
    return new Promise((resolve) => {
      const end = (): void => {
        clearTimeout(timer);
        this.#waiting.delete(end);
        resolve();
      };
      const timer = setTimeout(end, ms);
      this.#waiting.add(end);
    });
  }

  /** Ends all pauses, and those to come. */
  end(): void {
    this.over = true;
    for (const end of [...this.#waiting]) end();
  }
}
