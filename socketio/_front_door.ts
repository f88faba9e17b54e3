// Floor 3: driver.
import {
  createServer,
  type IncomingMessage,
  type Server as HttpServer,
  type ServerResponse,
} from "node:http";
import type { Duplex } from "node:stream";
import { AcceptFailures } from "../net/accept_failures.ts";
import type { Budget } from "../net/budget.ts";
import { MAX_DELAY } from "../net/max_delay.ts";
import { toNetError } from "../net/os_error.ts";
import type { TlsInfo } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { configureTransport } from "../net/transport_settings.ts";
import { buildRefusal, isUpgradeRequest } from "../websocket/handshake.ts";
import {
  HttpFields,
  HttpHeadReader,
  type HttpRequestHead,
  parseRequestHead,
} from "../websocket/http_head.ts";
import { answerClientError, watchResponse } from "../websocket/request_listener.ts";
import { HttpDuplex } from "./_http_duplex.ts";
import { type Delay, Scheduler } from "./_scheduler.ts";

/** A client of plain HTTP that takes nothing of its response for so long is let go of, in ms. */
const WRITE_TIMEOUT = 60_000;
/** What node:http says of a request that takes too long. */
const LATE = Object.assign(new Error("Request timeout"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });

/** What a front door needs. */
export interface FrontDoorOptions {
  /** Where connections come from. */
  listener: { accept(): Promise<Transport>; close(): void };
  /** Whether they come over TLS. */
  encrypted: boolean;
  /** Lets a connection in, or drops it: before it is made ready, where nothing else has to tell who it is from. */
  admit?: (transport: Transport) => Transport | undefined;
  /** Told of a connection that is dropped because there are too many. */
  onDrop?: (transport: Transport, reason: "limits" | "maxConnections") => void;
  /** Makes a connection ready for its first request: reads who it is from, starts TLS. */
  prepare?: (transport: Transport) => Promise<Transport>;
  /** What the TLS handshake of a connection that is ready came to, where it is known. */
  tlsInfo?: (transport: Transport) => TlsInfo | undefined;
  /** How long the head of the first request may take, in ms. */
  headTimeout: number;
  /** How long all of a request may take, in ms. */
  requestTimeout: number;
  /** How long a connection may rest between two requests, in ms. */
  keepAliveTimeout: number;
  /** The most connections that are neither WebSockets nor known to be more than open yet. */
  maxWaiting: number;
  /** What counts connections. */
  connections?: Budget;
  /** Whether a request for a WebSocket on this target is ours. */
  takesUpgrade(target: string): boolean;
  /** A request for a WebSocket. `rest` came behind its head. */
  onUpgrade(upgrade: RawRequest): void;
  /** Takes all other requests, those that offer another protocol as well. To call `watchResponse` is its part. */
  onRequest(request: IncomingMessage, response: ServerResponse): void;
  /** Takes a request for a WebSocket of ours on a connection that had other requests before, as proxies do. */
  onLateUpgrade(request: IncomingMessage, socket: Duplex, head: Uint8Array): void;
}

/** A request for a WebSocket, on its raw connection. */
export interface RawRequest {
  readonly head: HttpRequestHead;
  /** The head as it came. */
  readonly text: string;
  readonly transport: Transport;
  readonly rest: Uint8Array;
  readonly encrypted: boolean;
  /** What the TLS handshake came to, where it is known. */
  readonly tls?: TlsInfo;
  /** Whether the connection has waited until there was room for it. */
  readonly hasRoom?: boolean;
}

/** A connection whose first request has not come yet. */
interface Waiting {
  transport: Transport;
}

const NOTHING = new Uint8Array(0);
/** Most heads fit into one read of this many bytes. */
const HEAD_BUFFER = 2_048;
/** How long a port rests after an accept that failed, in ms: out of descriptors, perhaps, it is to leave the rest of the process its time. */
const ACCEPT_PAUSE = 100;
/** How long it tells nobody of others then, in ms. */
const ACCEPT_TOLD = 10_000;
/** How many buffers are kept for the next heads. */
const MAX_SPARE = 64;

/** The connection of a request that came through a front door. */
function duplexOf(request: IncomingMessage): HttpDuplex {
  return request.socket as unknown as HttpDuplex;
}

function latin1(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) bytes[i] = text.charCodeAt(i);
  return bytes;
}

/** The head of a node request, as the handshake's checks want it. */
export function toHead(request: IncomingMessage): HttpRequestHead {
  const fields = new HttpFields();
  const { rawHeaders } = request;
  for (let i = 0; i < rawHeaders.length; i += 2) fields.append(rawHeaders[i], rawHeaders[i + 1]);
  return {
    method: request.method ?? "GET",
    target: request.url ?? "/",
    minorVersion: request.httpVersionMinor === 0 ? 0 : 1,
    fields,
  };
}

/** Writes a text. */
export async function writeRaw(transport: Transport, text: string): Promise<void> {
  let bytes = latin1(text);
  while (bytes.length > 0) bytes = bytes.subarray(await transport.write(bytes));
}

/** Writes a last text, and closes. */
export async function refuseRaw(transport: Transport, response: string): Promise<void> {
  try {
    await writeRaw(transport, response);
    await transport.closeWrite();
  } catch {
    // The other side has gone already.
  }
  transport.close();
}

/**
 * The door of a port that WebSockets and plain HTTP share: it reads the head of a connection's first request, keeps
 * WebSockets as raw connections, and hands all others to a `node:http` server that never listens itself.
 */
export class FrontDoor {
  readonly #options: FrontDoorOptions;
  readonly #http: HttpServer;
  readonly #delay: Delay<Waiting>;
  /** How long a connection's last request may take to come whole. */
  readonly #due: Delay<HttpDuplex>;
  readonly #waiting: Set<Waiting> = new Set();
  readonly #plain: Set<HttpDuplex> = new Set();
  /** Buffers that heads are read into, to be used again. */
  readonly #spare: Uint8Array[] = [];
  #closed = false;
  /** How many connections the limits count here. */
  #counted = 0;
  #wake: (() => void) | undefined;
  #ending: Promise<void> | undefined;
  readonly #accepting: Promise<void>;

  constructor(options: FrontDoorOptions) {
    this.#options = options;
    const scheduler = new Scheduler();
    this.#delay = scheduler.delay(options.headTimeout, (waiting) => this.#drop(waiting));
    this.#due = scheduler.delay(options.requestTimeout, (duplex) => {
      if (duplex.late) answerClientError(LATE, duplex);
    });
    const settings = {
      headersTimeout: options.headTimeout,
      // That clock runs on while node:http does not read because 100 responses wait.
      requestTimeout: 0,
      // node:http adds a second, and that has to be a time that timers know.
      keepAliveTimeout: Math.min(options.keepAliveTimeout, MAX_DELAY - 1000),
      connectionsCheckingInterval: Math.min(5000, options.headTimeout),
      // "A server MAY ignore a received Upgrade header field", and does for HTTP/2, which some clients offer each time. RFC 9110 §7.8
      shouldUpgradeCallback: (request: IncomingMessage) =>
        isUpgradeRequest(toHead(request)) && options.takesUpgrade(request.url ?? ""),
    };
    this.#http = createServer(settings);
    this.#http.on("request", (request, response) => {
      this.#begin(request, response);
      options.onRequest(request, response);
    });
    // node:http's own 417 would leave the body where it is.
    this.#http.on("checkExpectation", (request, response) => {
      this.#begin(request, response);
      watchResponse(request, response);
      response.writeHead(417).end();
    });
    this.#http.on("clientError", answerClientError);
    this.#http.on("upgrade", (request, socket, head) => {
      const duplex = duplexOf(request);
      duplex.upgrade(() => {
        // Who takes it counts it, and closes it.
        this.#leave(duplex);
        options.onLateUpgrade(request, socket, head);
      });
    });
    // A server that is not listening keeps no connection alive, and looks after no deadlines.
    Object.defineProperty(this.#http, "listening", { value: true, configurable: true });
    this.#http.emit("listening");
    this.#accepting = this.#accept();
  }

  /** Takes no new connections. */
  stop(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#options.listener.close();
    this.#wake?.();
    for (const waiting of [...this.#waiting]) this.#drop(waiting);
  }

  /** Closes the connections that plain HTTP has, as soon as the responses that are due have left. A second call gives the same promise. */
  close(): Promise<void> {
    this.stop();
    return this.#ending ??= this.#end();
  }

  /** Ends the connections that plain HTTP has, now. */
  cut(): void {
    for (const duplex of [...this.#plain]) duplex.destroy();
  }

  async #end(): Promise<void> {
    await this.#accepting;
    Object.defineProperty(this.#http, "listening", { value: false, configurable: true });
    this.#http.close(() => {});
    const ends = [...this.#plain].map((duplex) =>
      new Promise<void>((resolve) => {
        duplex.once("close", () => resolve());
        duplex.finish();
      })
    );
    await Promise.all(ends);
  }

  async #accept(): Promise<void> {
    const { listener, connections } = this.#options;
    const failures = new AcceptFailures();
    let tellAt = 0;
    while (!this.#closed) {
      if (connections?.full && connections.policy === "wait") {
        await this.#room(connections);
        continue;
      }
      let transport: Transport;
      try {
        transport = await listener.accept();
        failures.clear();
      } catch (error) {
        if (await failures.passOver(error)) continue;
        if (this.#closed || error instanceof Deno.errors.BadResource) return;
        // Now and then. Without the stack: Deno can panic when it is asked for one and there is no descriptor left.
        const now = performance.now();
        if (now >= tellAt) {
          console.error(toNetError(error, { syscall: "accept" }).message);
          tellAt = now + ACCEPT_TOLD;
        }
        await this.#pause();
        continue;
      }
      if (this.#closed) transport.close();
      else this.#take(transport);
    }
  }

  /** Lets a connection in that was accepted, if there is a place for it. */
  #take(accepted: Transport): void {
    const { maxWaiting, connections, admit, onDrop } = this.#options;
    const full = connections?.full && connections.policy !== "wait";
    if (full || this.#waiting.size >= maxWaiting) {
      onDrop?.(accepted, full ? "limits" : "maxConnections");
      return accepted.close();
    }
    const transport = admit === undefined ? accepted : admit(accepted);
    if (transport !== undefined) this.#greet(transport);
  }

  /** Waits before the next accept, or until the door closes. */
  #pause(): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ACCEPT_PAUSE);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Waits until there is room for one more connection, in all servers that share the limits. */
  #room(connections: Budget): Promise<void> {
    return new Promise((resolve) => {
      const waiter = { onRoom: resolve };
      this.#wake = () => {
        connections.leave(waiter);
        resolve();
      };
      connections.wait(waiter);
    });
  }

  /** Has the limits count the connections that there are. */
  #count(): void {
    const more = this.#waiting.size + this.#plain.size - this.#counted;
    this.#counted += more;
    if (more > 0) this.#options.connections?.add(more);
    else if (more < 0) this.#options.connections?.remove(-more);
  }

  /** The head of a request is there. Its body has so much time from now on, whether the response has left or not. */
  #begin(request: IncomingMessage, response: ServerResponse): void {
    const duplex = duplexOf(request);
    duplex.begin(response);
    const { headers } = request;
    if ("content-length" in headers || "transfer-encoding" in headers) this.#await(duplex);
  }

  #await(duplex: HttpDuplex): void {
    if (this.#plain.has(duplex)) this.#due.start(duplex);
  }

  /** A connection is over, or none of plain HTTP any more. */
  #leave(duplex: HttpDuplex): void {
    this.#due.stop(duplex);
    this.#plain.delete(duplex);
    this.#count();
  }

  #drop(waiting: Waiting): void {
    this.#forget(waiting);
    try {
      waiting.transport.close();
    } catch {
      // It is closed already: that is why reading from it failed.
    }
  }

  #forget(waiting: Waiting): void {
    this.#delay.stop(waiting);
    this.#waiting.delete(waiting);
    this.#count();
  }

  async #greet(raw: Transport): Promise<void> {
    let transport = raw;
    // Whatever is written is meant to leave: the system must not wait for more.
    configureTransport(transport, { noDelay: true });
    const waiting: Waiting = { transport };
    this.#waiting.add(waiting);
    this.#count();
    this.#delay.start(waiting);
    const { encrypted, prepare, tlsInfo, takesUpgrade, onUpgrade, connections } = this.#options;
    const reader = new HttpHeadReader("request");
    const pieces: Uint8Array[] = [];
    // A buffer is filled before the next one is taken, so that a head that comes byte by byte needs no more of them.
    let piece: Uint8Array = NOTHING;
    let used = 0;
    try {
      if (prepare !== undefined) {
        transport = await prepare(raw);
        if (!this.#waiting.has(waiting)) return transport.close();
        waiting.transport = transport;
      }
      for (;;) {
        if (used === piece.length) {
          pieces.push(piece = this.#spare.pop() ?? new Uint8Array(HEAD_BUFFER));
          used = 0;
        }
        const size = await transport.read(used === 0 ? piece : piece.subarray(used));
        if (!this.#waiting.has(waiting)) return;
        if (size === null) return this.#drop(waiting);
        const bytes = piece.subarray(used, used + size);
        used += size;
        const end = reader.push(bytes);
        if (reader.fault !== undefined) {
          this.#forget(waiting);
          return refuseRaw(transport, buildRefusal(reader.fault.status, reader.fault.message));
        }
        if (end < 0) continue;
        const { text } = reader;
        const head = parseRequestHead(text);
        this.#forget(waiting);
        if ("message" in head) {
          return refuseRaw(transport, buildRefusal(head.status, head.message));
        }
        if (isUpgradeRequest(head) && takesUpgrade(head.target)) {
          const rest = end < size ? bytes.slice(end) : NOTHING;
          const hasRoom = connections?.policy === "wait";
          const tls = tlsInfo?.(transport);
          onUpgrade({ head, text, transport, rest, encrypted, tls, hasRoom });
        } else this.#handOver(transport, pieces, used);
        for (const piece of pieces) this.#recycle(piece);
        return;
      }
    } catch {
      this.#drop(waiting);
    }
  }

  #recycle(piece: Uint8Array): void {
    if (this.#spare.length < MAX_SPARE) this.#spare.push(piece);
  }

  /** `used` is how much of the last piece is filled. */
  #handOver(transport: Transport, pieces: Uint8Array[], used: number): void {
    const last = pieces.length - 1;
    const head = new Uint8Array(last * HEAD_BUFFER + used);
    for (const [i, piece] of pieces.entries()) {
      head.set(i < last ? piece : piece.subarray(0, used), i * HEAD_BUFFER);
    }
    const duplex = new HttpDuplex(transport, {
      head,
      allowHalfOpen: true,
      writeTimeout: WRITE_TIMEOUT,
    });
    const { encrypted, tlsInfo } = this.#options;
    duplex.encrypted = encrypted;
    duplex.tls = tlsInfo?.(transport);
    duplex.on("error", () => {});
    this.#plain.add(duplex);
    this.#count();
    duplex.onReadOn = () => this.#await(duplex);
    duplex.once("close", () => this.#leave(duplex));
    this.#http.emit("connection", duplex);
  }
}
