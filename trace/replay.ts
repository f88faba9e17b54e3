// Floor 3: driver.
import { AcceptFailures } from "../net/accept_failures.ts";
import { createDatagramSocket, type DatagramSocket } from "../net/datagram_socket.ts";
import { dial } from "../net/dial.ts";
import { errorOf } from "../net/error_of.ts";
import { NetError } from "../net/errors.ts";
import { listenTcp } from "../net/listen_tcp.ts";
import { isDelay, MAX_DELAY } from "../net/max_delay.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { ResettableTransport } from "../net/resettable_transport.ts";
import { SecureContext } from "../net/secure_context.ts";
import { startServerTls, startTls } from "../net/start_tls.ts";
import type { TlsClientOptions, TlsServerOptions } from "../net/tls_options.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import { type Deadline, deadlineSignal, waitFor } from "../net/wait.ts";
import { writeAll } from "../net/write_all.ts";
import { checkEndpoint } from "./_address.ts";
import { Comparison, makeScripts, type Script } from "./_replay_script.ts";
import { TraceError } from "./errors.ts";
import { type RecordedStep, RecordingDecoder, type RecordingHeader } from "./recording.ts";
import type { TraceSide } from "./trace_event.ts";
import type { TraceEndpoint } from "./tracer_options.ts";

/** A recording, as {@linkcode readRecording} gives it. */
export interface Recording {
  /** What stands at its top. */
  header: RecordingHeader;
  /** What happened, in order. */
  steps: RecordedStep[];
}

/** Options of {@linkcode readRecording}. */
export interface ReadRecordingOptions {
  /**
   * The largest file, in bytes: it is kept in memory.
   *
   * @default {268435456}
   */
  maxSize?: number;
}

/** How a recording is played. */
export interface ReplayOptions {
  /**
   * How much faster than it was; `Infinity` for without pauses.
   *
   * @default {1}
   */
  speed?: number;
  /**
   * Whether to wait, before each step, until the other side has sent as much as it had by then. Without it only the time counts.
   * @default {true}
   */
  wait?: boolean;
  /**
   * How long to wait for the other side at each step: to start TLS, to send, or to take what is sent; in ms, 0 for no limit.
   *
   * @default {30000}
   */
  timeout?: number;
  /** Ends it when it fires. */
  signal?: AbortSignal;
}

/** Options of {@linkcode replayClient}. */
export interface ReplayClientOptions extends ReplayOptions {
  /**
   * Speaks TLS with the server.
   *
   * @default {false}
   */
  tls?: boolean | TlsClientOptions;
}

/** Options of {@linkcode replayServer}. */
export interface ReplayServerOptions extends ReplayOptions {
  /** Speaks TLS with clients. */
  tls?: TlsServerOptions;
}

/** How it went with one connection. */
export interface ReplayedConnection {
  /** Its number in the recording. */
  connection: number;
  /** How many bytes were sent. */
  sent: number;
  /** How many bytes the other side sent. */
  received: number;
  /** How many bytes it had sent in the recording. */
  expected: number;
  /** At which of its bytes the other side first did something else; `undefined` if it did not. */
  difference: number | undefined;
  /** Why it was not played to its end; `undefined` if it was. */
  error: Error | undefined;
}

/** How it went. */
export interface ReplayReport {
  /** The connections, in the order of the recording. */
  connections: ReplayedConnection[];
  /** Whether the other side has sent the same bytes as in the recording, in all connections. */
  same: boolean;
}

/** A server that is played, see {@linkcode replayServer}. */
export interface ReplayServer extends AsyncDisposable {
  /** Where clients are to connect to. */
  readonly addr: TransportAddr;
  /** The port; 0 for a Unix socket file. */
  readonly port: number;
  /** Resolves when all connections of the recording have been played. */
  readonly finished: Promise<ReplayReport>;
}

const LOOPBACK = "127.0.0.1";

/**
 * Reads a recording from a file.
 *
 * @throws {TraceError} `ERR_TRACE_RECORDING` when it is none, or too large.
 * @throws {RangeError} For a `maxSize` that is negative or no number.
 * @throws {Deno.errors.NotFound} and others, when the file can't be read.
 *
 * @example
 * ```ts
 * import { readRecording } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const path = await Deno.makeTempFile({ suffix: ".trace" });
 * await Deno.writeTextFile(
 *   path,
 *   '{"format":"sluice-trace","version":1,"started":0,"transport":"tcp","server":"a:1","masked":false}\n' +
 *     '{"time":0,"connection":1,"type":"open","client":"127.0.0.1:5000"}\n',
 * );
 * const { header, steps } = await readRecording(path, { maxSize: 1_048_576 });
 * assertEquals([header.server, steps.length], ["a:1", 1]);
 * await Deno.remove(path);
 * ```
 */
export async function readRecording(
  path: string,
  options: ReadRecordingOptions = {},
): Promise<Recording> {
  const { maxSize = 1 << 28 } = options;
  if (!(maxSize >= 0)) throw new RangeError(`Cannot read a recording of ${maxSize} bytes`);
  const decoder = new RecordingDecoder();
  const steps: RecordedStep[] = [];
  const text = new TextDecoder();
  let size = 0;
  const file = await Deno.open(path);
  try {
    const p = new Uint8Array(1 << 16);
    for (let n; (n = await file.read(p)) !== null;) {
      size += n;
      if (size > maxSize) {
        throw new TraceError(
          `Cannot read the recording: it is larger than ${maxSize} bytes`,
          "ERR_TRACE_RECORDING",
        );
      }
      for (const step of decoder.push(text.decode(p.subarray(0, n), { stream: true }))) {
        steps.push(step);
      }
    }
  } finally {
    file.close();
  }
  steps.push(...decoder.finish());
  return { header: decoder.header!, steps };
}

/** The other side of a connection that is played. */
interface Line {
  send(bytes: Uint8Array): Promise<unknown>;
  end(): Promise<void>;
  /** Resolves when the other side has what was sent, as far as that can be told. */
  arrived(): Promise<void>;
  reset(): void;
  close(): void;
}

function failure(script: Script, why: string, cause?: unknown): TraceError {
  return new TraceError(
    `Cannot replay connection ${script.connection}: ${why}`,
    "ERR_TRACE_REPLAY",
    cause === undefined ? undefined : { cause },
  );
}

/** Plays one connection. */
class Player {
  readonly report: ReplayedConnection;
  readonly #script: Script;
  readonly #options: ReplayOptions;
  readonly #comparison: Comparison;
  readonly #other: TraceSide;
  #ended = false;
  #broken: unknown;
  #changed = Promise.withResolvers<void>();

  constructor(script: Script, side: TraceSide, datagrams: boolean, options: ReplayOptions) {
    this.#script = script;
    this.#options = options;
    this.#other = side === "client" ? "server" : "client";
    this.#comparison = new Comparison(script.expected, datagrams);
    this.report = {
      connection: script.connection,
      sent: 0,
      received: 0,
      expected: script.expected.reduce((sum, bytes) => sum + bytes.length, 0),
      difference: undefined,
      error: undefined,
    };
  }

  /** Takes what the other side has sent. */
  receive(bytes: Uint8Array): void {
    this.#comparison.push(bytes);
    this.#tell();
  }

  /** The other side has ended, or is broken. */
  over(error?: unknown): void {
    this.#ended = true;
    this.#broken = error;
    this.#tell();
  }

  /** Does what is in the script. Never rejects. */
  async play(line: Line): Promise<void> {
    const { speed = 1, wait = true, signal } = this.#options;
    const script = this.#script;
    const began = performance.now();
    let reset = false;
    try {
      for (const action of script.actions) {
        await this.#sleep(began + action.time / speed - performance.now());
        if (wait) await this.#await(action.after, action.afterEnd);
        signal?.throwIfAborted();
        reset = action.kind === "reset";
        if (reset) break;
        if (action.kind === "end") await this.#taken(line.end());
        else {
          await this.#taken(line.send(action.bytes));
          this.report.sent += action.bytes.length;
        }
      }
      if (reset) await this.#reset(line);
      else await this.#await(script.expectedUnits, script.expectsEnd);
    } catch (error) {
      this.report.error = errorOf(error);
    }
    this.report.received = this.#comparison.bytes;
    this.report.difference = this.#comparison.difference;
    if (this.report.difference === undefined && this.report.received < this.report.expected) {
      this.report.difference = this.report.received;
    }
    line.close();
  }

  #tell(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits until the other side has sent so much. */
  async #await(units: number, end: boolean): Promise<void> {
    const { timeout = 30_000 } = this.#options;
    const until = timeout === 0 ? Infinity : performance.now() + timeout;
    for (;;) {
      const { units: come } = this.#comparison;
      if (come >= units && (!end || this.#ended)) return;
      const what = `the ${this.#other} sent ${come} of ${units}`;
      if (this.#ended) throw failure(this.#script, `${what} and ended`, this.#broken);
      const left = until - performance.now();
      if (left <= 0) {
        throw failure(this.#script, `${what}${end ? " and its end" : ""} in ${timeout} ms`);
      }
      await this.#sleep(left, this.#changed.promise);
    }
  }

  /** Waits until the other side has taken what is on its way to it. */
  async #taken(sending: Promise<unknown>): Promise<void> {
    const { timeout = 30_000, signal } = this.#options;
    try {
      await waitFor(sending, "send", { timeout, signal });
    } catch (error) {
      signal?.throwIfAborted();
      if (!(error instanceof NetError) || error.code !== "ETIMEDOUT") throw error;
      const why = `the ${this.#other} did not take what was sent in ${timeout} ms`;
      throw failure(this.#script, why, error);
    }
  }

  /** Resets the connection once the other side has what it had before the reset, if it takes it in time. */
  async #reset(line: Line): Promise<void> {
    const { signal } = this.#options;
    await this.#taken(line.arrived()).catch(() => {});
    signal?.throwIfAborted();
    line.reset();
  }

  /** Waits, and throws when it is the signal that ends it. */
  async #sleep(ms: number, sooner?: Promise<void>): Promise<void> {
    const { signal } = this.#options;
    signal?.throwIfAborted();
    await pause(ms, signal, sooner);
    signal?.throwIfAborted();
  }
}

/** A stream as the other side of a player. */
function streamLine(transport: Transport, raw: ResettableTransport, player: Player): Line {
  void (async () => {
    const p = new Uint8Array(1 << 16);
    try {
      for (let n; (n = await transport.read(p)) !== null;) player.receive(p.subarray(0, n));
      player.over();
    } catch (error) {
      player.over(error);
    }
  })();
  return {
    async send(bytes): Promise<void> {
      await writeAll(transport, bytes);
    },
    end: () => transport.closeWrite(),
    arrived: () => raw.arrived(),
    reset: () => raw.reset(),
    close(): void {
      transport.close();
      raw.close();
    },
  };
}

function reportOf(players: readonly Player[]): ReplayReport {
  const connections = players.map(({ report }) => report);
  const same = connections.every(({ difference, error }) =>
    difference === undefined && error === undefined
  );
  return { connections, same };
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof (ReplayClientOptions | ReplayServerOptions), true> = {
  speed: true,
  wait: true,
  timeout: true,
  signal: true,
  tls: true,
};

function checkReplay(options: ReplayClientOptions | ReplayServerOptions): void {
  checkOptionNames("Cannot replay", options, OPTIONS);
  const { speed = 1, timeout = 0 } = options;
  if (!(speed > 0)) throw new RangeError(`Cannot replay at a speed of ${speed}`);
  if (!isDelay(timeout)) throw new RangeError(`Cannot wait for ${timeout} ms`);
}

/** Waits for the time, the signal, or `sooner`, whichever comes first. */
function pause(
  ms: number,
  signal: AbortSignal | undefined,
  sooner?: Promise<void>,
): Promise<void> {
  if (!(ms > 0) || signal?.aborted) return Promise.resolve();
  return new Promise((resolve) => {
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, Math.min(ms, MAX_DELAY));
    signal?.addEventListener("abort", done, { once: true });
    sooner?.then(done);
  });
}

/**
 * Plays the clients of a recording against a server: the same bytes, in the same pieces, with the same pauses, after the same answers.
 *
 * @throws {RangeError} For a port, a speed or a time out of range.
 * @throws {TypeError} For a host or a path that is none, and an option that there is not.
 * @returns How it went: a server that does something else, or can't be reached, is no exception.
 *
 * @example
 * ```ts
 * import { type Recording, replayClient } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const encode = (text: string) => new TextEncoder().encode(text);
 * const recording: Recording = {
 *   header: { started: 0, transport: "tcp", server: "example.org:80", masked: false },
 *   steps: [
 *     { time: 0, connection: 1, type: "open" },
 *     { time: 1, connection: 1, type: "data", from: "client", bytes: encode("ping") },
 *     { time: 2, connection: 1, type: "data", from: "server", bytes: encode("pong") },
 *     { time: 3, connection: 1, type: "end", from: "client" },
 *     { time: 3, connection: 1, type: "end", from: "server" },
 *     { time: 3, connection: 1, type: "close" },
 *   ],
 * };
 * const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const serving = (async () => {
 *   using conn = await listener.accept();
 *   await conn.read(new Uint8Array(16));
 *   await conn.write(encode("pong"));
 * })();
 * const { same } = await replayClient(recording, { port: listener.addr.port });
 * assertEquals(same, true); // the server has answered as it did then
 * await serving;
 * listener.close();
 * ```
 */
export async function replayClient(
  recording: Recording,
  to: TraceEndpoint,
  options: ReplayClientOptions = {},
): Promise<ReplayReport> {
  checkReplay(options);
  checkEndpoint("to", to, 1);
  const datagrams = recording.header.transport === "udp";
  if (datagrams && (options.tls || "path" in to)) {
    throw new TypeError("Cannot replay datagrams over TLS or a Unix socket file");
  }
  const stop = new AbortController();
  const given = linkSignal(stop, options.signal);
  try {
    return await playClients(recording, to, { ...options, signal: stop.signal });
  } finally {
    given.clear();
  }
}

/** Has `stop` fire with a signal. Not `AbortSignal.any`, which takes none of a polyfill's. */
function linkSignal(stop: AbortController, signal: AbortSignal | undefined): Deadline {
  const given = deadlineSignal("replay", { signal });
  given.onfire(() => stop.abort(signal!.reason));
  return given;
}

async function playClients(
  recording: Recording,
  to: TraceEndpoint,
  options: ReplayClientOptions,
): Promise<ReplayReport> {
  const datagrams = recording.header.transport === "udp";
  const { speed = 1, signal } = options;
  const scripts = makeScripts(recording.steps, "client", datagrams);
  const players = scripts.map((script) => new Player(script, "client", datagrams, options));
  const began = performance.now();
  const first = scripts[0]?.start ?? 0;
  const playing: Promise<void>[] = [];
  for (const [i, player] of players.entries()) {
    const due = began + (scripts[i].start - first) / speed;
    await pause(due - performance.now(), signal);
    const opened = datagrams
      ? openDatagrams(player, to as { hostname?: string; port: number }, options)
      : openStream(player, to, options);
    // One after the other, so that the server meets them in the order of the recording.
    try {
      const line = await opened;
      playing.push(player.play(line));
    } catch (error) {
      player.report.error = errorOf(error);
      player.report.difference = player.report.expected > 0 ? 0 : undefined;
    }
  }
  await Promise.all(playing);
  return reportOf(players);
}

async function openStream(
  player: Player,
  to: TraceEndpoint,
  { tls = false, timeout = 30_000, signal }: ReplayClientOptions,
): Promise<Line> {
  const hostname = "path" in to ? undefined : to.hostname ?? LOOPBACK;
  const target = "path" in to ? to : { hostname: hostname!, port: to.port };
  const raw = new ResettableTransport(await dial(target, { timeout, signal }));
  if (tls === false) return streamLine(raw, raw, player);
  const secured = { ...(tls === true ? {} : tls), hostname, timeout, signal };
  return streamLine(await startTls(raw, secured), raw, player);
}

async function openDatagrams(
  player: Player,
  { hostname = LOOPBACK, port }: { hostname?: string; port: number },
  { timeout = 30_000, signal }: ReplayOptions,
): Promise<Line> {
  const socket = createDatagramSocket({ type: hostname.includes(":") ? "udp6" : "udp4" });
  try {
    socket.on("message", (bytes) => player.receive(bytes));
    // Its name may have to be looked up.
    await socket.connect(port, hostname, { timeout: Math.min(timeout, MAX_DELAY), signal });
  } catch (error) {
    await socket.close();
    throw error;
  }
  return datagramLine((bytes) => socket.send(bytes), () => void socket.close());
}

function datagramLine(send: (bytes: Uint8Array) => Promise<unknown>, close: () => void): Line {
  const end = (): Promise<void> => Promise.resolve();
  return { send, end, arrived: end, reset: () => {}, close };
}

/**
 * Plays the server of a recording: the first client that comes is served as the first one was, and so on. When all have been played it stops to listen.
 *
 * @throws {RangeError} For a port, a speed or a time out of range.
 * @throws {TypeError} For a host or a path that is none, an option that there is not, and for
 * a certificate, a key or an option of `tls` that is no good.
 * @throws {NetError} `ERR_UNSUPPORTED` for TLS with `implementation: "deno"`.
 * @throws {TraceError} `ERR_TRACE_LISTEN` when the address is not of this machine, or the port taken.
 *
 * @example
 * ```ts
 * import { type Recording, replayClient, replayServer } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * const encode = (text: string) => new TextEncoder().encode(text);
 * const recording: Recording = {
 *   header: { started: 0, transport: "tcp", server: "example.org:80", masked: false },
 *   steps: [
 *     { time: 0, connection: 1, type: "open" },
 *     { time: 1, connection: 1, type: "data", from: "client", bytes: encode("ping") },
 *     { time: 2, connection: 1, type: "data", from: "server", bytes: encode("pong") },
 *   ],
 * };
 * await using server = await replayServer(recording, { port: 0 });
 * const report = await replayClient(recording, { port: server.port });
 * assertEquals([report.same, (await server.finished).same], [true, true]);
 * ```
 */
export async function replayServer(
  recording: Recording,
  listen: TraceEndpoint,
  options: ReplayServerOptions = {},
): Promise<ReplayServer> {
  checkReplay(options);
  checkEndpoint("listen", listen, 0);
  const datagrams = recording.header.transport === "udp";
  if (datagrams && (options.tls !== undefined || "path" in listen)) {
    throw new TypeError("Cannot replay datagrams over TLS or a Unix socket file");
  }
  // What is wrong with the certificates is told now, not to each client.
  const secure = options.tls === undefined ? undefined : new SecureContext(options.tls);
  const stop = new AbortController();
  const players = makeScripts(recording.steps, "server", datagrams).map((script) =>
    new Player(script, "server", datagrams, { ...options, signal: stop.signal })
  );
  const given = linkSignal(stop, options.signal);
  try {
    const { addr, finished: played } = datagrams
      ? await serveDatagrams(players, listen as { hostname?: string; port: number }, stop.signal)
      : serveStreams(players, listen, secure, { timeout: options.timeout, signal: stop.signal });
    const finished = played.finally(() => given.clear());
    return {
      addr,
      port: "hostname" in addr ? addr.port : 0,
      finished,
      async [Symbol.asyncDispose](): Promise<void> {
        stop.abort();
        await finished;
      },
    };
  } catch (error) {
    given.clear();
    const why = errorOf(error instanceof NetError ? error.cause ?? error : error).message;
    throw new TraceError(`Cannot listen to replay: ${why}`, "ERR_TRACE_LISTEN", { cause: error });
  }
}

interface Served {
  addr: TransportAddr;
  finished: Promise<ReplayReport>;
}

function serveStreams(
  players: readonly Player[],
  listen: TraceEndpoint,
  secure: SecureContext | undefined,
  { timeout = 30_000, signal }: { timeout?: number; signal: AbortSignal },
): Served {
  const listener = "path" in listen
    ? Deno.listen({ transport: "unix", path: listen.path })
    : listenTcp({ hostname: listen.hostname ?? LOOPBACK, port: listen.port });
  let open = true;
  const close = (): void => {
    if (open) listener.close();
    open = false;
  };
  signal.addEventListener("abort", close, { once: true });
  if (signal.aborted) close();
  const serve = async (player: Player, conn: Deno.Conn): Promise<void> => {
    const raw = new ResettableTransport(conn as Transport);
    try {
      const transport = secure === undefined
        ? raw
        : await startServerTls(raw, secure, { timeout, signal });
      await player.play(streamLine(transport, raw, player));
    } catch (error) {
      player.report.error = errorOf(error);
      raw.close();
    }
  };
  const run = async (): Promise<ReplayReport> => {
    const playing: Promise<void>[] = [];
    for (const player of players) {
      try {
        playing.push(serve(player, await acceptFrom(listener)));
      } catch (error) {
        player.report.error = errorOf(error);
        if (signal.aborted) continue;
      }
    }
    close();
    await Promise.all(playing);
    signal.removeEventListener("abort", close);
    return reportOf(players);
  };
  return { addr: listener.addr as TransportAddr, finished: run() };
}

/** Accepts a connection. Clients that reset before they are accepted, as health checks do, are none. */
async function acceptFrom(listener: Deno.Listener): Promise<Deno.Conn> {
  const failures = new AcceptFailures();
  for (;;) {
    try {
      return await listener.accept();
    } catch (error) {
      if (!await failures.passOver(error)) throw error;
    }
  }
}

async function serveDatagrams(
  players: readonly Player[],
  { hostname = LOOPBACK, port }: { hostname?: string; port: number },
  signal: AbortSignal,
): Promise<Served> {
  const socket: DatagramSocket = createDatagramSocket({
    type: hostname.includes(":") ? "udp6" : "udp4",
  });
  try {
    await socket.bind(port, hostname);
  } catch (error) {
    await socket.close();
    throw error;
  }
  const { address, port: bound } = socket.address();
  const waiting = [...players];
  const known = new Map<string, Player>();
  const playing: Promise<void>[] = [];
  const all = Promise.withResolvers<void>();
  if (waiting.length === 0) all.resolve();
  signal.addEventListener("abort", () => all.resolve(), { once: true });
  if (signal.aborted) all.resolve();
  socket.on("message", (bytes, from) => {
    const key = `${from.address} ${from.port}`;
    let player = known.get(key);
    if (player === undefined) {
      player = waiting.shift();
      if (player === undefined) return;
      known.set(key, player);
      playing.push(player.play(datagramLine((reply) => socket.send(reply, from), () => {})));
      if (waiting.length === 0) all.resolve();
    }
    player.receive(bytes);
  });
  const run = async (): Promise<ReplayReport> => {
    await all.promise;
    await Promise.all(playing);
    await socket.close();
    for (const player of waiting) {
      player.report.error = new TraceError("Cannot replay: nobody came", "ERR_TRACE_REPLAY");
    }
    return reportOf(players);
  };
  return { addr: { transport: "udp", hostname: address, port: bound }, finished: run() };
}
