/**
 * Support for tests of Socket.IO: an engine whose connections are in the test's own hands, and servers on a real port for
 * the length of a block.
 */
import { assertEquals } from "@std/assert";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";
import type {
  EngineConnection,
  EngineReadyState,
  EngineRequest,
  EngineServer,
  EngineWriteOptions,
} from "../../socketio/types.ts";

type AnyListener = (...args: never[]) => void;

/** A connection without a network: the test says what comes, and looks at what was written. */
export class FakeConnection implements EngineConnection {
  readonly id = "fake";
  readonly protocol = 4;
  readonly remoteAddress = "192.0.2.1";
  readyState: EngineReadyState = "open";
  readonly transport = { name: "fake", writable: true };
  readonly request: EngineRequest;
  /** What was written, and how. */
  readonly writes: { data: string | Uint8Array; options: EngineWriteOptions | undefined }[] = [];
  readonly #listeners = new Map<string, Set<AnyListener>>();

  constructor(request: Partial<EngineRequest> = {}) {
    this.request = {
      method: "GET",
      url: "/socket.io/?EIO=4&transport=websocket&x=1",
      headers: { host: "example.org", origin: "https://example.org" },
      _query: { EIO: "4", x: "1" },
      connection: { encrypted: true },
      socket: { encrypted: true },
      ...request,
    };
  }

  write(data: string | Uint8Array, options?: EngineWriteOptions): void {
    if (this.readyState === "open") this.writes.push({ data, options });
  }

  close(): void {
    this.end("forced close");
  }

  /** The connection ends. */
  end(reason: string): void {
    if (this.readyState !== "open") return;
    this.readyState = "closed";
    this.#emit("close", reason);
  }

  on(event: string, listener: AnyListener): void {
    this.#listeners.set(event, (this.#listeners.get(event) ?? new Set()).add(listener));
  }

  once(event: string, listener: AnyListener): void {
    const only: AnyListener = (...args) => {
      this.removeListener(event, only);
      listener(...args);
    };
    this.on(event, only);
  }

  removeListener(event: string, listener: AnyListener): void {
    this.#listeners.get(event)?.delete(listener);
  }

  /** How many listeners are left. */
  get listenerCount(): number {
    return [...this.#listeners.values()].reduce((sum, set) => sum + set.size, 0);
  }

  /** The client sends messages. */
  deliver(...messages: (string | Uint8Array)[]): void {
    for (const message of messages) this.#emit("data", message);
  }

  /** The connection reports an error. */
  fail(error: Error): void {
    this.#emit("error", error);
  }

  /** Joins a namespace, and forgets the answer to it. Returns the socket's id. */
  join(nsp = "/", auth?: unknown): string {
    const prefix = nsp === "/" ? "0" : `0${nsp},`;
    this.deliver(prefix + (auth === undefined ? "" : JSON.stringify(auth)));
    const answers = this.take();
    const answer = answers.find((text) => typeof text === "string" && text.startsWith(prefix));
    if (typeof answer !== "string") throw new Error(`Not joined: ${answers}`);
    return JSON.parse(answer.slice(prefix.length)).sid;
  }

  /** What was written since the last look. */
  take(): (string | Uint8Array)[] {
    return this.writes.splice(0).map(({ data }) => data);
  }

  #emit(event: string, ...args: unknown[]): void {
    for (const listener of [...this.#listeners.get(event) ?? []]) listener(...args as never[]);
  }
}

/** An engine that lets in what the test wants. */
export class FakeEngine implements EngineServer {
  closed = false;
  #listener: ((connection: unknown) => void) | undefined;

  on(_event: "connection", listener: (connection: unknown) => void): void {
    this.#listener = listener;
  }

  close(): void {
    this.closed = true;
  }

  /** A client connects. */
  connect(connection: FakeConnection = new FakeConnection()): FakeConnection {
    this.#listener!(connection);
    return connection;
  }
}

/** A server on an engine of the test's own. */
export function fakeServer(
  options: SocketIoServerOptions = {},
): { io: SocketIoServer; engine: FakeEngine; join(nsp?: string, auth?: unknown): FakeConnection } {
  const io = new SocketIoServer(options);
  const engine = new FakeEngine();
  io.bind(engine);
  return {
    io,
    engine,
    join(nsp, auth) {
      const connection = engine.connect();
      connection.join(nsp, auth);
      return connection;
    },
  };
}

/** A server that listens, for the length of a block. */
export async function withServer(
  options: SocketIoServerOptions,
  run: (server: { io: SocketIoServer; port: number; url: string }) => Promise<void>,
): Promise<void> {
  const io = new SocketIoServer(options);
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1" });
  try {
    await run({ io, port, url: `http://127.0.0.1:${port}` });
  } finally {
    await io.close();
  }
}

/** Resolves with the arguments of the next event. */
export function next<T extends unknown[] = unknown[]>(
  // deno-lint-ignore no-explicit-any
  emitter: { once(event: any, listener: any): unknown },
  event: string,
): Promise<T> {
  return new Promise((resolve) => emitter.once(event, (...args: T) => resolve(args)));
}

/** A message that came over a raw WebSocket of the platform, or that it was closed. */
export class RawClient {
  readonly socket: WebSocket;
  readonly #messages: (string | ArrayBuffer)[] = [];
  readonly #waiting: ((message: string | ArrayBuffer | "closed") => void)[] = [];
  readonly closed: Promise<CloseEvent>;
  #over = false;

  constructor(url: string) {
    this.socket = new WebSocket(url);
    this.socket.binaryType = "arraybuffer";
    this.socket.onmessage = ({ data }) => {
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) waiting(data);
      else this.#messages.push(data);
    };
    this.closed = new Promise((resolve) => {
      this.socket.onclose = (event) => {
        this.#over = true;
        for (const waiting of this.#waiting.splice(0)) waiting("closed");
        resolve(event);
      };
    });
  }

  /** The next message; `"closed"` when there is none any more. */
  read(): Promise<string | ArrayBuffer> {
    const message = this.#messages.shift();
    if (message !== undefined) return Promise.resolve(message);
    if (this.#over) return Promise.resolve("closed");
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  async expect(message: string): Promise<void> {
    assertEquals(await this.read(), message);
  }

  send(message: string | Uint8Array<ArrayBuffer>): void {
    this.socket.send(message);
  }

  async close(): Promise<void> {
    this.socket.close();
    await this.closed;
  }
}
