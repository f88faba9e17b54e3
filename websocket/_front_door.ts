// Floor 3: driver.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import { TransportDuplex } from "../net/node_transport.ts";
import type { TlsInfo } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { DEADLINES, type Expiring } from "./_deadlines.ts";
import type { ReceivedHead } from "./_head_exchange.ts";
import type { Arrival, ServerCore } from "./_server_core.ts";
import type { HttpHeadLimits } from "./http_head.ts";
import {
  answerClientError,
  createRequestListener,
  type HttpHandler,
  watchResponse,
} from "./request_listener.ts";
import { laterHeadFault, takeUpgrade } from "./_upgrade_event.ts";
import { asksForWebSocket, decideUpgrades, WEBSOCKET_LISTENERS } from "./_websocket_listeners.ts";

/** The largest head that node:http takes for a limit, in bytes: none. */
const MAX_HEADER_SIZE = 2 ** 31 - 1;

/** A client of plain HTTP that takes nothing of its response for so long is let go of, in ms. */
const WRITE_TIMEOUT = 60_000;

/**
 * A connection of the front door, as a `node:http` server takes it: it keeps the idle time that the server sets, and the times that
 * requests may take (`headersTimeout`, `requestTimeout`), which a server that does not listen looks after no more than after the rest.
 */
class FrontDoorSocket extends TransportDuplex implements Expiring {
  /** When the next of its times is over. */
  deadline = 0;
  /** Its place in the queue of deadlines. */
  deadlineIndex = -1;
  /** What node:http looks at to tell https. */
  readonly encrypted: boolean;
  /** What its TLS handshake came to, for an upgrade that comes on it later. */
  readonly tls: TlsInfo | undefined;
  /** Called when it is over, or no connection of HTTP any more; perhaps twice. */
  onLeave: () => void = () => {};
  readonly #server: Server;
  #idle = 0;
  #idleAt = Infinity;
  /** How many requests wait for the end of their response. The first head is there already. */
  #answering = 0;
  readonly #responses = new WeakSet<ServerResponse>();
  #whenAnswered: (() => void) | undefined;
  #refused = false;
  #first = true;
  /** When the first byte of the request under way came, and when the request has to be there. */
  #startedAt = DEADLINES.now();
  #dueAt = Infinity;
  /** The request whose body is awaited. */
  #request: IncomingMessage | undefined;
  /** While too much waits for its turn to leave, node:http reads nothing: a request has its time from when reading goes on. */
  #heldBack = false;

  constructor(
    server: Server,
    transport: Transport,
    head: Uint8Array,
    secure: boolean,
    tls: TlsInfo | undefined,
  ) {
    super(transport, { head, allowHalfOpen: true, writeTimeout: WRITE_TIMEOUT });
    this.#server = server;
    this.encrypted = secure;
    this.tls = tls;
  }

  /** What came is no request. */
  refuse(error: Error): void {
    this.#refused = true;
    answerClientError(error, this);
  }

  /** The head of a request is there. */
  begin(request: IncomingMessage, response: ServerResponse): void {
    if (this.#responses.has(response)) return;
    const { requestTimeout } = this.#server;
    this.#first = false;
    // It came behind others, and nobody looked when it began.
    if (this.#answering > 0) this.#startedAt = DEADLINES.now();
    this.#answering++;
    this.#responses.add(response);
    watchResponse(request, response);
    this.#request = request;
    this.#dueAt = requestTimeout > 0 ? this.#startedAt + requestTimeout : Infinity;
    this.#arm();
    response.once("close", () => {
      if (--this.#answering > 0 || this.destroyed) return;
      this.#whenAnswered?.();
      // The rest of a body that is answered already has no more time than others.
      if (request.complete) this.#settle();
      else request.once("end", () => this.#await(request));
    });
  }

  /** A body has come whole behind its response. The client may have begun with another request, which has its time from now on. */
  #await(body: IncomingMessage): void {
    if (this.#answering > 0 || this.destroyed || this.#request !== body) return;
    const { headersTimeout } = this.#server;
    this.#request = undefined;
    this.#startedAt = DEADLINES.now();
    this.#dueAt = headersTimeout > 0 ? this.#startedAt + headersTimeout : Infinity;
    this.#arm();
  }

  /** Nothing is under way. */
  #settle(): void {
    if (this.#answering > 0 || this.destroyed) return;
    this.#request = undefined;
    this.#dueAt = Infinity;
    this.#arm();
  }

  /** Calls back once the responses to all requests so far are sent. */
  whenAnswered(callback: () => void): void {
    if (this.#answering === 0) callback();
    else this.#whenAnswered = callback;
  }

  /** It is no connection of HTTP any more: who takes it over counts it, closes it, and says how long it may be idle. */
  changeOver(): void {
    // That for the next request begins when the last response has left.
    this.setTimeout(0);
    this.onLeave();
  }

  /** Ends it once the responses to all requests that have come are sent; a head that was handed over counts as one. */
  finish(): void {
    // It does so already, and does not wait for the one whose body is broken.
    if (this.#refused) return;
    if (this.#first) this.#whenAnswered = () => this.leave();
    else this.whenAnswered(() => this.leave());
  }

  /** Ends it. */
  leave(): void {
    this.end(() => this.destroy());
  }

  override setTimeout(ms: number, listener?: () => void): this {
    // What is longer than a timer's longest time is taken: node:http adds a second to the longest `keepAliveTimeout`.
    if (typeof ms !== "number" || !(ms >= 0)) super.setTimeout(ms); // throws
    this.#idle = this.destroyed ? 0 : ms;
    if (listener !== undefined) {
      if (ms === 0) this.off("timeout", listener);
      else this.once("timeout", listener);
    }
    this.#touch();
    return this;
  }

  override get timeout(): number {
    return this.#idle;
  }
  override set timeout(ms: number) {
    super.timeout = ms;
  }

  override push(chunk: unknown, encoding?: BufferEncoding): boolean {
    if (this.#answering === 0 && !this.#first && this.#dueAt === Infinity && chunk !== null) {
      const { headersTimeout } = this.#server;
      this.#startedAt = DEADLINES.now();
      if (headersTimeout > 0) this.#dueAt = this.#startedAt + headersTimeout;
    }
    this.#touch();
    return super.push(chunk, encoding);
  }

  override pause(): this {
    if (this.#isHeldBack()) this.#heldBack = true;
    return super.pause();
  }

  override resume(): this {
    if (this.#heldBack) {
      this.#heldBack = false;
      const { requestTimeout } = this.#server;
      if (requestTimeout > 0 && this.#request?.complete === false) {
        this.#dueAt = DEADLINES.now() + requestTimeout;
        this.#arm();
      }
    }
    return super.resume();
  }

  override _write(
    chunk: Uint8Array,
    encoding: string,
    callback: (error?: Error | null) => void,
  ): void {
    this.#touch();
    super._write(chunk, encoding, callback);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    this.#idle = 0;
    this.#request = undefined;
    DEADLINES.delete(this);
    super._destroy(error, callback);
  }

  onDeadline(now: number): void {
    if (now >= this.#dueAt) {
      this.#dueAt = Infinity;
      if (!this.#refused && (this as { parser?: unknown }).parser === null) {
        // Somebody has taken the connection over, for another protocol; or an upgrade waits for the responses before it.
        if (this.#answering === 0) this.#answering = Infinity;
      } else if (this.#request?.complete !== true) {
        // The rest may have come in time, unread.
        if (!this.#isHeldBack()) {
          this.destroy();
          return;
        }
      }
    }
    if (now >= this.#idleAt) {
      this.#idleAt = Infinity;
      if (!this.emit("timeout")) this.destroy();
    }
    this.#arm();
  }

  #isHeldBack(): boolean {
    return (this as { _paused?: boolean })._paused === true;
  }

  #touch(): void {
    this.#idleAt = this.#idle > 0 ? DEADLINES.now() + this.#idle : Infinity;
    this.#arm();
  }

  #arm(): void {
    const at = Math.min(this.#idleAt, this.#dueAt);
    if (at === Infinity || this.destroyed) DEADLINES.delete(this);
    else if (at !== this.deadline || this.deadlineIndex < 0) DEADLINES.set(this, at);
  }
}

/** The servers that keep connections alive: for how many front doors, and how they were before. */
const KEPT = new WeakMap<Server, { doors: number; before: PropertyDescriptor | undefined }>();

/**
 * Lets a `node:http` server keep connections alive although it does not listen: Deno's takes such a server for one that
 * is closing, and ends each connection after its first response.
 *
 * @returns What puts it back as it was.
 */
export function keepAliveWithoutListening(server: Server): () => void {
  const kept = KEPT.get(server) ??
    { doors: 0, before: Object.getOwnPropertyDescriptor(server, "listening") };
  if (kept.doors === 0 && server.listening) return () => {};
  kept.doors++;
  KEPT.set(server, kept);
  Object.defineProperty(server, "listening", { value: true, configurable: true });
  return () => {
    if (--kept.doors > 0) return;
    KEPT.delete(server);
    const { before } = kept;
    if (before === undefined) delete (server as { listening?: boolean }).listening;
    else Object.defineProperty(server, "listening", before);
  };
}

/** Whether a socket is one that {@linkcode injectConnection} made. */
export function isInjected(socket: unknown): socket is FrontDoorSocket {
  return socket instanceof FrontDoorSocket;
}

type BufferEncoding = Parameters<TransportDuplex["push"]>[1];

/** The way from a server's port to a `node:http` server. */
export interface FrontDoor {
  /** Hands a connection over. */
  inject(arrival: Arrival, received: ReceivedHead, secure: boolean): void;
  /** Lets go of the `node:http` server. */
  close(): void;
}

/**
 * Lets a `node:http` server, or a web handler, answer the plain HTTP requests of a WebSocket server. Upgrades on
 * connections that were handed over before come back to it.
 */
export function openFrontDoor(
  core: ServerCore,
  server: Server | undefined,
  handler: HttpHandler | undefined,
  limits: HttpHeadLimits = {},
): FrontDoor {
  const http = server ?? createHandlerServer(
    (request, info) =>
      core.isHostAllowed(request.headers.get("host") ?? undefined)
        ? handler!(request, info)
        : new Response("This host is not served here\n", { status: 421 }),
    (error) => core.report(error),
    limits,
  );
  let closed = false;
  // Its connections of HTTP. Other servers may have the same one for theirs.
  const own = new Set<FrontDoorSocket>();
  const onUpgrade = (request: IncomingMessage, socket: Duplex, head: Uint8Array) => {
    const taken: unknown = socket;
    if (!isInjected(taken) || !own.has(taken)) return;
    // Requests before it on this connection may still wait for their responses, which come first.
    const { tls } = taken;
    taken.whenAnswered(() => {
      // Behind a response that says that it is the last one. RFC 9112 §9.6
      if (taken.writableEnded) return;
      if (closed) return taken.leave();
      taken.changeOver();
      takeUpgrade(core, request, socket, head, { limits, tls });
    });
  };
  // Before the server's own listeners, which may answer at once.
  const onRequest = (request: IncomingMessage, response: ServerResponse) => {
    const { socket } = request;
    if ((socket as unknown) instanceof FrontDoorSocket) {
      (socket as unknown as FrontDoorSocket).begin(request, response);
    }
  };
  UPGRADING.add(onUpgrade);
  WEBSOCKET_LISTENERS.add(onUpgrade);
  http.on("upgrade", onUpgrade);
  http.prependListener("request", onRequest);
  const unhook = hookExpectations(http, onRequest);
  // A later head may take as long as the first one.
  if (server === undefined) http.headersTimeout = core.handshakeTimeout;
  const endConnections = keepAliveWithoutListening(http);
  const takeOtherUpgrades = server === undefined ? () => {} : passOnOtherUpgrades(server);
  // Those that are there may still bring requests, whose responses are waited for, and upgrades, which must not cut these off.
  const leave = () => {
    if (!closed || own.size > 0) return;
    http.off("request", onRequest);
    http.off("upgrade", onUpgrade);
    takeOtherUpgrades();
    unhook();
  };
  return {
    inject(arrival, received, secure) {
      const { transport, tls } = arrival;
      const socket = injectConnection(http, transport, received, secure, tls);
      own.add(socket);
      // Not only the transport: who neither reads nor writes at the time would not learn of it.
      const cut = () => void socket.destroy();
      const left = core.handOver(arrival, { cut, finish: () => socket.finish() });
      socket.onLeave = () => {
        own.delete(socket);
        leave();
        left();
      };
      socket.once("close", () => socket.onLeave());
    },
    close() {
      closed = true;
      endConnections();
      leave();
    },
  };
}

/**
 * Hands a connection whose first request head was read already to a `node:http` server, which need not listen.
 *
 * @returns What the server takes for a socket; it emits `"close"` at its end.
 */
export function injectConnection(
  server: Server,
  transport: Transport,
  received: ReceivedHead,
  secure: boolean,
  tls?: TlsInfo,
): FrontDoorSocket {
  received.reader.stop();
  const { text, rest } = received;
  const head = new Uint8Array(text.length + rest.length);
  for (let i = 0; i < text.length; i++) head[i] = text.charCodeAt(i);
  head.set(rest, text.length);
  const socket = new FrontDoorSocket(server, transport, head, secure, tls);
  // Nobody else listens for what happens to a client that goes away between two requests.
  socket.on("error", () => {});
  server.emit("connection", socket);
  return socket;
}

/** The listeners for upgrades of {@linkcode openFrontDoor}. */
const UPGRADING: WeakSet<CallableFunction> = new WeakSet();

/**
 * Has a server take requests that offer another protocol, on connections that are handed to it, for the plain requests that they are, and
 * on its own ports all that nobody else listens for. It would do so by itself if nobody listened for upgrades.
 *
 * @returns What puts it back as it was.
 */
function passOnOtherUpgrades(server: Server): () => void {
  return decideUpgrades(server, (request) => {
    if (isInjected(request.socket)) return asksForWebSocket(request);
    return server.listeners("upgrade").every((one) => UPGRADING.has(one)) ? false : undefined;
  });
}

/** The listeners of {@linkcode hookExpectations}. */
const EXPECTING: WeakSet<CallableFunction> = new WeakSet();

/**
 * Calls back before a server does anything about a request with `Expect`, too: node:http tells of it by another event than `"request"`, or
 * answers it by itself if nobody listens.
 *
 * @returns What puts the server back as it was.
 */
function hookExpectations(
  server: Server,
  onRequest: (request: IncomingMessage, response: ServerResponse) => void,
): () => void {
  const restores = ["checkContinue", "checkExpectation"].map((event) => {
    const own = (request: IncomingMessage, response: ServerResponse): void => {
      onRequest(request, response);
      // One of ours does what node:http would do, unless there is a listener of the server's own.
      const listeners = server.listeners(event);
      if (listeners[0] !== own || !listeners.every((one) => EXPECTING.has(one))) return;
      if (event === "checkExpectation") return void response.writeHead(417).end();
      response.writeContinue();
      server.emit("request", request, response);
    };
    EXPECTING.add(own);
    server.prependListener(event, own);
    return () => void server.off(event, own);
  });
  return () => {
    for (const restore of restores) restore();
  };
}

/**
 * Makes a `node:http` server that answers by a web handler. It does not listen.
 *
 * @param limits Those for heads. The parser does not count all of one for their size: it refuses none that is within.
 */
export function createHandlerServer(
  handler: HttpHandler,
  onError: (error: unknown) => void,
  limits: HttpHeadLimits = {},
): Server {
  const { maxHeadSize } = limits;
  const maxHeaderSize = maxHeadSize && Math.min(Math.ceil(maxHeadSize), MAX_HEADER_SIZE);
  const listener = createRequestListener(handler, { onError });
  const settings = { maxHeaderSize, shouldUpgradeCallback: asksForWebSocket };
  const server = createServer(settings, (request, response) => {
    const fault = laterHeadFault(request, limits);
    if (fault !== undefined) {
      response.writeHead(fault.status, { connection: "close", "content-length": "0" }).end();
      return;
    }
    listener(request, response);
  });
  // It would leave out those that are too many; here the limits are looked at.
  server.maxHeadersCount = 0;
  server.on("clientError", (error, socket) => {
    if (isInjected(socket)) socket.refuse(error);
    else answerClientError(error, socket);
  });
  return server;
}
