// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { AcceptFailures } from "../net/accept_failures.ts";
import { SYSTEM_CLOCK } from "../net/clock.ts";
import { dial } from "../net/dial.ts";
import type { DatagramAddress } from "../net/datagram_options.ts";
import { createDatagramSocket, type DatagramSocket } from "../net/datagram_socket.ts";
import { errorOf } from "../net/error_of.ts";
import { NetError } from "../net/errors.ts";
import { parseHost } from "../net/host.ts";
import { listenTcp } from "../net/listen_tcp.ts";
import { MAX_DELAY } from "../net/max_delay.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { ResettableTransport } from "../net/resettable_transport.ts";
import { SecureContext } from "../net/secure_context.ts";
import { startServerTls, startTls } from "../net/start_tls.ts";
import type { TlsClientOptions } from "../net/tls_options.ts";
import type { Transport, TransportAddr } from "../net/transport.ts";
import { configureTransport } from "../net/transport_settings.ts";
import { certificateNames, checkEndpoint, showEndpoint } from "./_address.ts";
import { DatagramSession } from "./_datagram_session.ts";
import { EventHub } from "./_event_hub.ts";
import { inflateRaw } from "./_inflate.ts";
import { secretNames } from "./_secrets.ts";
import {
  OpenFailure,
  type SessionContext,
  StreamSession,
  type TracedEnd,
} from "./_stream_session.ts";
import { generateCertificate, type GeneratedCertificate } from "./certificate.ts";
import { TraceError } from "./errors.ts";
import type { TraceEndpoint, TraceFaults, TracerOptions } from "./tracer_options.ts";
import type { TraceSide } from "./trace_event.ts";

const LOOPBACK = "127.0.0.1";
/** After a failure to accept, for want of file descriptors say, it is tried again after so many ms. */
const ACCEPT_AGAIN = 50;

type State = "new" | "starting" | "started" | "stopped";

interface Session {
  stop(): void;
  readonly finished: Promise<void>;
}

function describeEndpoint(endpoint: TraceEndpoint): string {
  return "path" in endpoint
    ? endpoint.path
    : showEndpoint(endpoint.hostname ?? LOOPBACK, endpoint.port);
}

function checkNumber(name: string, value: number | undefined, lowest: number, most: number): void {
  const fits = typeof value === "number" && value >= lowest && value <= most;
  if (value !== undefined && !fits) {
    throw new RangeError(`Cannot trace with ${name} ${value}: it is out of range`);
  }
}

/** A number of bytes: a part of one can't be written. */
function checkBytes(name: string, value: number | undefined, lowest: number): void {
  checkNumber(name, value, lowest, Infinity);
  if (value !== undefined && value !== Infinity && !Number.isInteger(value)) {
    throw new RangeError(`Cannot trace with ${name} ${value}: it is no whole number`);
  }
}

/** By a type that has them all: one that is missing here does not compile. */
const FAULTS: Record<keyof TraceFaults, true> = {
  delay: true,
  rate: true,
  cutAfter: true,
  split: true,
  from: true,
};

function checkFaults(faults: TraceFaults, udp: boolean): void {
  if (typeof faults !== "object") {
    throw new TypeError("Cannot trace with faults that are no object");
  }
  const unknown = Object.keys(faults).find((name) => !Object.hasOwn(FAULTS, name));
  if (unknown !== undefined) throw new TypeError(`Cannot trace with a fault "${unknown}"`);
  checkNumber("a delay of", faults.delay, 0, MAX_DELAY);
  checkNumber("a rate of", faults.rate, 1, Infinity);
  checkBytes("a cut after", faults.cutAfter, 0);
  checkBytes("a split of", faults.split, 1);
  const { from = "both" } = faults;
  if (from !== "client" && from !== "server" && from !== "both") {
    throw new TypeError(`Cannot disturb what ${JSON.stringify(from)} sends`);
  }
  if (udp && faults.split !== undefined) throw new TypeError("Cannot split datagrams");
}

/** As {@linkcode FAULTS}. */
const OPTIONS: Record<keyof TracerOptions, true> = {
  listen: true,
  to: true,
  transport: true,
  tls: true,
  toTls: true,
  sinks: true,
  onEvent: true,
  onSinkError: true,
  secrets: true,
  secretHeaders: true,
  decode: true,
  maxMessage: true,
  faults: true,
  maxConnections: true,
  connectTimeout: true,
  idleTimeout: true,
  signal: true,
};

function checkOptions(options: TracerOptions): void {
  checkOptionNames("Cannot trace", options, OPTIONS);
  const { listen, to, transport = "tcp", tls, toTls } = options;
  if (transport !== "tcp" && transport !== "udp") {
    throw new TypeError(`Cannot trace the transport ${JSON.stringify(transport)}`);
  }
  const udp = transport === "udp";
  checkEndpoint("listen", listen, 0);
  checkEndpoint("to", to, 1);
  if (udp && ("path" in listen || "path" in to)) {
    throw new TypeError("Cannot trace datagrams over Unix socket files");
  }
  if (udp && (tls !== undefined || toTls)) throw new TypeError("Cannot speak TLS over datagrams");
  checkKinds(options);
  checkFaults(options.faults ?? {}, udp);
  checkNumber("maxConnections", options.maxConnections, 1, Infinity);
  checkNumber("maxMessage", options.maxMessage, 0, Infinity);
  checkNumber("connectTimeout", options.connectTimeout, 0, MAX_DELAY);
  checkNumber("idleTimeout", options.idleTimeout, 1, MAX_DELAY);
}

/** What would show secrets, let nothing be heard or speak TLS by mistake is no option. */
function checkKinds(options: TracerOptions): void {
  const { toTls = false, sinks = [] } = options;
  for (const name of ["secrets", "decode"] as const) {
    if (typeof (options[name] ?? false) !== "boolean") {
      throw new TypeError(`Cannot trace: ${name} is neither true nor false`);
    }
  }
  for (const name of ["onEvent", "onSinkError"] as const) {
    if (options[name] !== undefined && typeof options[name] !== "function") {
      throw new TypeError(`Cannot trace: ${name} is not a function`);
    }
  }
  if (typeof toTls !== "boolean" && (typeof toTls !== "object" || toTls === null)) {
    throw new TypeError("Cannot trace: toTls is neither true, false nor an object");
  }
  if (!Array.isArray(sinks) || !sinks.every((sink) => typeof sink?.event === "function")) {
    throw new TypeError("Cannot trace: sinks is no list of sinks");
  }
}

/** Whether both are the same port of this machine, as far as can be told without looking names up. */
function isSamePlace(listen: TransportAddr, to: TraceEndpoint): boolean {
  if ("path" in to) return "path" in listen && listen.path === to.path;
  if (!("hostname" in listen) || listen.port !== to.port) return false;
  const host = parseHost(to.hostname ?? LOOPBACK).hostname;
  const local = /^(127\.|localhost$|::1$|0\.0\.0\.0$|::$)/;
  return host === listen.hostname || (local.test(host) && local.test(listen.hostname));
}

/**
 * Stands between clients and a server, passes on what they send to each other, and tells its sinks of it; made by {@linkcode createTracer}.
 *
 * It never loses, changes or reorders a byte of a stream, passes on half-closes and resets, and lets a side that does not read push back the other
 * one. On other systems than Linux, and without `--allow-ffi`, Deno can't give a reset: that side gets an ordinary end.
 *
 * @example
 * ```ts
 * import { Tracer } from "@sluice/sockets/trace";
 * import { assertEquals } from "@std/assert";
 *
 * using target = Deno.listen({ hostname: "127.0.0.1", port: 0 });
 * const seen: string[] = [];
 * await using tracer = new Tracer({
 *   listen: { port: 0 },
 *   to: { port: target.addr.port },
 *   onEvent: ({ type }) => void seen.push(type),
 * });
 * await tracer.start();
 * const client = await Deno.connect({ hostname: "127.0.0.1", port: tracer.port });
 * const server = await target.accept();
 * await client.write(new TextEncoder().encode("hello"));
 * await server.read(new Uint8Array(8));
 * for (const end of [client, server]) end.close();
 * await tracer.stop();
 * assertEquals(seen.slice(0, 3), ["open", "connect", "data"]);
 * ```
 */
export class Tracer implements AsyncDisposable {
  static {
    defineInspect(Tracer, ({ addr, connections }) => ({ addr, connections }));
  }

  readonly #options: TracerOptions;
  readonly #hub: EventHub;
  readonly #sessions = new Set<Session>();
  readonly #context: SessionContext;
  #state: State = "new";
  #listener: Deno.Listener | undefined;
  #socket: DatagramSocket | undefined;
  #addr: TransportAddr | undefined;
  #tls: SecureContext | undefined;
  #certificate: GeneratedCertificate | undefined;
  #nextId = 1;
  #starting: Promise<this> | undefined;
  #stopping: Promise<void> | undefined;
  #accepting: Promise<void> | undefined;
  #retry: { timer: ReturnType<typeof setTimeout>; wake(): void } | undefined;
  #unlisten: () => void = () => {};

  /** Makes a tracer that is not started; {@linkcode createTracer} does the same. */
  constructor(options: TracerOptions) {
    checkOptions(options);
    this.#options = options;
    const { onEvent, sinks = [], secrets = false } = options;
    const all = onEvent === undefined ? sinks : [{ event: onEvent }, ...sinks];
    this.#hub = new EventHub(all, options.onSinkError);
    this.#context = {
      hub: this.#hub,
      clock: SYSTEM_CLOCK,
      dissector: {
        secrets: secrets ? undefined : secretNames(options.secretHeaders),
        decode: options.decode ?? true,
        maxMessage: options.maxMessage ?? 1 << 20,
        inflate: inflateRaw,
      },
      faults: options.faults ?? {},
      open: (client, abort) => this.#open(client, abort),
    };
  }

  /** Where clients are to connect; `undefined` before it is started. */
  get addr(): TransportAddr | undefined {
    return this.#addr;
  }

  /** The port that clients are to connect to; 0 before it is started, and for a Unix socket file. */
  get port(): number {
    return this.#addr !== undefined && "hostname" in this.#addr ? this.#addr.port : 0;
  }

  /** The certificate that was generated, for clients to trust; `undefined` if none was. */
  get certificate(): GeneratedCertificate | undefined {
    return this.#certificate;
  }

  /** How many connections are open. */
  get connections(): number {
    return this.#sessions.size;
  }

  /**
   * Begins to listen.
   *
   * @throws {TraceError} `ERR_TRACE_STARTED`, `ERR_TRACE_STOPPED`, or `ERR_TRACE_LISTEN` when the address is not of this machine or the port is taken.
   * What a sink's `open` throws goes to the caller, too.
   */
  async start(): Promise<this> {
    const { signal } = this.#options;
    if (signal?.aborted) await this.#stop();
    if (this.#state === "stopped") {
      throw new TraceError("Cannot start the tracer: it was stopped", "ERR_TRACE_STOPPED");
    }
    if (this.#state !== "new") {
      throw new TraceError(
        "Cannot start the tracer: already started, use stop()",
        "ERR_TRACE_STARTED",
      );
    }
    this.#state = "starting";
    // Not before: a tracer that nobody starts leaves nothing with a signal that lives on.
    const abort = () => void this.#stop();
    signal?.addEventListener("abort", abort, { once: true });
    this.#unlisten = () => signal?.removeEventListener("abort", abort);
    return await (this.#starting = this.#start());
  }

  /**
   * Stops listening, closes all connections, and then the sinks.
   *
   * @throws {TraceError} `ERR_TRACE_STOPPED` when it was not started or is stopped already, `ERR_TRACE_SINK` when a sink has failed on the way: then what it
   * was to write is not complete.
   */
  async stop(): Promise<void> {
    if (this.#state === "new" || this.#state === "stopped") {
      const why = this.#state === "new" ? "not started" : "already stopped";
      throw new TraceError(`Cannot stop the tracer: ${why}`, "ERR_TRACE_STOPPED");
    }
    await this.#stop();
    if (this.#hub.failure !== undefined) throw this.#hub.failure;
  }

  /** Stops it, if it was not stopped already. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#stop();
  }

  async #start(): Promise<this> {
    const { transport, tls, listen } = this.#options;
    try {
      if (tls === "generate") {
        const names = certificateNames(this.#options.to, listen);
        this.#certificate = await generateCertificate({ names });
        const { cert, key } = this.#certificate;
        this.#tls = new SecureContext({ cert, key });
      } else if (tls !== undefined) this.#tls = new SecureContext(tls);
      if (this.#isStopped()) throw this.#stoppedError();
      if (transport === "udp") await this.#bind();
      else this.#listen();
      if (isSamePlace(this.#addr!, this.#options.to)) {
        throw new TraceError(
          `Cannot listen on "${describeEndpoint(listen)}": that is where it is to connect to`,
          "ERR_TRACE_LISTEN",
        );
      }
      // Not before: a tracer that can't listen leaves alone what a sink would replace.
      await this.#hub.open();
      if (this.#isStopped()) throw this.#stoppedError();
    } catch (error) {
      this.#state = "stopped";
      this.#listener?.close();
      await this.#socket?.close();
      await this.#hub.close();
      this.#unlisten();
      throw error;
    }
    this.#state = "started";
    if (this.#listener !== undefined) this.#accepting = this.#accept(this.#listener);
    if (this.#socket !== undefined) this.#answer(this.#socket);
    return this;
  }

  #isStopped(): boolean {
    return this.#state === "stopped";
  }

  #stoppedError(): TraceError {
    return new TraceError("Cannot start the tracer: it was stopped", "ERR_TRACE_STOPPED");
  }

  #stop(): Promise<void> {
    return this.#stopping ??= this.#stopAll();
  }

  async #stopAll(): Promise<void> {
    const before = this.#state;
    this.#state = "stopped";
    // What a start that has failed, or that this keeps from going on, has opened it closes itself.
    if (before === "starting" || before === "stopped") return await this.#startOver();
    this.#unlisten();
    this.#listener?.close();
    if (this.#retry !== undefined) {
      clearTimeout(this.#retry.timer);
      this.#retry.wake();
    }
    await this.#accepting;
    const sessions = [...this.#sessions];
    for (const session of sessions) session.stop();
    await Promise.all(sessions.map(({ finished }) => finished));
    await this.#socket?.close();
    await this.#hub.close();
  }

  /** Waits until a start is over that comes to nothing. */
  async #startOver(): Promise<void> {
    await this.#starting?.catch(() => {});
  }

  #listenError(error: unknown): TraceError {
    const why = errorOf(error instanceof NetError ? error.cause ?? error : error).message;
    return new TraceError(
      `Cannot listen on "${
        describeEndpoint(this.#options.listen)
      }": ${why}; check whether it is an address of this machine, and the port not used already`,
      "ERR_TRACE_LISTEN",
      { cause: error },
    );
  }

  #listen(): void {
    const { listen } = this.#options;
    try {
      this.#listener = "path" in listen
        ? Deno.listen({ transport: "unix", path: listen.path })
        : listenTcp({ hostname: listen.hostname ?? LOOPBACK, port: listen.port });
    } catch (error) {
      throw this.#listenError(error);
    }
    this.#addr = this.#listener.addr as TransportAddr;
  }

  async #bind(): Promise<void> {
    const { hostname = LOOPBACK, port } = this.#options.listen as {
      hostname?: string;
      port: number;
    };
    const socket = createDatagramSocket({ type: hostname.includes(":") ? "udp6" : "udp4" });
    this.#socket = socket;
    // What the system could not receive concerns no connection: the next datagram comes all the same.
    socket.on("error", () => {});
    try {
      await socket.bind(port, hostname);
    } catch (error) {
      throw this.#listenError(error);
    }
    const bound = socket.address();
    this.#addr = { transport: "udp", hostname: bound.address, port: bound.port };
  }

  async #accept(listener: Deno.Listener): Promise<void> {
    const failures = new AcceptFailures();
    while (!this.#isStopped()) {
      let conn: Deno.Conn;
      try {
        conn = await listener.accept();
        failures.clear();
      } catch (error) {
        if (await failures.passOver(error)) continue;
        if (this.#isStopped()) return;
        await new Promise<void>((wake) => {
          this.#retry = { timer: setTimeout(wake, ACCEPT_AGAIN), wake };
        });
        this.#retry = undefined;
        continue;
      }
      this.#take(conn);
    }
  }

  #take(conn: Deno.Conn): void {
    const { maxConnections = 1024, listen, to } = this.#options;
    const transport = new ResettableTransport(conn as Transport);
    configureTransport(transport, { noDelay: true });
    const session = new StreamSession(this.#nextId++, this.#context);
    const full = this.#sessions.size >= maxConnections
      ? new Error(`Cannot trace the connection: ${maxConnections} are open already`)
      : undefined;
    this.#keep(session);
    void session.run(endOf(transport, transport), {
      transport: this.#tls !== undefined ? "tls" : "path" in listen ? "unix" : "tcp",
      server: describeEndpoint(to),
    }, full);
  }

  #keep(session: Session): void {
    this.#sessions.add(session);
    session.finished.then(() => this.#sessions.delete(session));
  }

  /** TLS with the client, if any, and then the connection to the server. */
  async #open(
    client: Transport,
    signal: AbortSignal,
  ): Promise<{ client: TracedEnd; server: TracedEnd }> {
    const { connectTimeout: timeout = 30_000 } = this.#options;
    const raw = client as ResettableTransport;
    let secured: Transport = client;
    let server: TracedEnd;
    if (this.#tls !== undefined) {
      secured = await onSide("client", startServerTls(client, this.#tls, { timeout, signal }));
    }
    try {
      server = await onSide("server", this.#dial(timeout, signal));
    } catch (error) {
      if (secured !== client) endOf(secured, raw).reset();
      throw error;
    }
    return { client: endOf(secured, raw), server };
  }

  async #dial(timeout: number, signal: AbortSignal): Promise<TracedEnd> {
    const { to, tls, toTls = tls !== undefined } = this.#options;
    const hostname = "path" in to ? undefined : to.hostname ?? LOOPBACK;
    const target = "path" in to ? to : { hostname: hostname!, port: to.port };
    const raw = new ResettableTransport(await dial(target, { timeout, signal }));
    if (toTls === false) return endOf(raw, raw);
    const options: TlsClientOptions = toTls === true ? {} : toTls;
    return endOf(await startTls(raw, { ...options, hostname, timeout, signal }), raw);
  }

  /** Gives the datagrams of each client's address to a session of its own. */
  #answer(socket: DatagramSocket): void {
    const { to, maxConnections = 1024, faults = {} } = this.#options;
    const { idleTimeout = 60_000, connectTimeout = 30_000 } = this.#options;
    const { hostname = LOOPBACK, port } = to as { hostname?: string; port: number };
    const sessions = new Map<string, DatagramSession>();
    const makeRoom = (): void => {
      if (sessions.size < maxConnections) return;
      let oldest: DatagramSession | undefined;
      for (const each of sessions.values()) {
        if (oldest === undefined || each.last < oldest.last) oldest = each;
      }
      oldest?.stop();
    };
    socket.on("message", (bytes: Uint8Array, from: DatagramAddress) => {
      const key = showEndpoint(from.address, from.port);
      let session = sessions.get(key);
      if (session === undefined) {
        // The sessions that are there are being ended: nobody would end a new one.
        if (this.#isStopped()) return;
        makeRoom();
        const context = {
          hub: this.#hub,
          clock: SYSTEM_CLOCK,
          faults,
          server: { hostname, port },
          idleTimeout,
          connectTimeout,
          answer: (reply: Uint8Array) => socket.send(reply, from.port, from.address),
          onclose: () => sessions.delete(key),
        };
        const client = { transport: "udp", hostname: from.address, port: from.port } as const;
        session = new DatagramSession(this.#nextId++, context, client, describeEndpoint(to));
        sessions.set(key, session);
        this.#keep(session);
      }
      session.push(bytes);
    });
  }
}

function endOf(transport: Transport, raw: ResettableTransport): TracedEnd {
  return {
    transport,
    resets: raw.resets,
    arrived: () => raw.arrived(),
    reset: () => {
      raw.reset();
      transport.close();
    },
  };
}

async function onSide<T>(side: TraceSide, opening: Promise<T>): Promise<T> {
  try {
    return await opening;
  } catch (error) {
    throw new OpenFailure(side, error);
  }
}

/**
 * Makes a tracer: it listens for clients, connects each of them to a server, and tells what passes between them.
 *
 * @throws {TypeError} For options that there are not, contradict each other or can't be honoured.
 * @throws {RangeError} For a port, a limit or a time out of range.
 *
 * @example
 * ```ts
 * import { createTracer, TraceFormatter } from "@sluice/sockets/trace";
 * import { connect, createServer } from "@sluice/sockets/net";
 * import { assertEquals } from "@std/assert";
 *
 * const server = createServer((socket) => socket.end("hello"));
 * await server.listen(0, "127.0.0.1");
 * const formatter = new TraceFormatter();
 * const lines: string[] = [];
 * const tracer = await createTracer({
 *   listen: { port: 0 },
 *   to: { hostname: "127.0.0.1", port: server.port },
 *   onEvent: (event) => void lines.push(...formatter.format(event)),
 * }).start();
 *
 * const socket = connect(tracer.port, "127.0.0.1").setEncoding("utf8");
 * assertEquals(await Array.fromAsync(socket), ["hello"]);
 * await tracer.stop();
 * await server.close();
 * assertEquals(lines.some((line) => line.endsWith("#1 client <- server  hello")), true);
 * ```
 */
export function createTracer(options: TracerOptions): Tracer {
  return new Tracer(options);
}
