// Floor 3: driver.
import { reportCallbackError } from "./_callback.ts";
import { isOriginAllowed } from "../websocket/origin.ts";
import { isHostAllowed } from "../websocket/request_url.ts";
import { answerCors } from "./_cors.ts";
import { Decisions, Undecided } from "./_decisions.ts";
import { type EngineSettings, formatCookie } from "./_engine_settings.ts";
import { type EngineSocketHost, ServerEngineSocket } from "./_engine_socket.ts";
import type { EngineSocket } from "./engine_socket.ts";
import type {
  EngineWebSocket,
  HttpExchange,
  MiddlewareResponse,
  ResponseHeaders,
  UpgradeExchange,
} from "./_exchange.ts";
import { Listeners } from "./_listeners.ts";
import { KeptResponse } from "./_middleware_response.ts";
import { parseQuery } from "./_query.ts";
import { randomId } from "./_random_id.ts";
import { type Delay, Scheduler } from "./_scheduler.ts";
import { isPromise, onRejection } from "./_thenable.ts";
import { ENGINE_ERRORS, type Refusal, verifyRequest } from "./_verify.ts";
import { type SocketTransportHost, WebSocketTransport } from "./_websocket_transport.ts";
import type { EngineRequest, EngineResponse } from "./types.ts";

/** A middleware of the engine, as in Express. */
export type EngineMiddleware = (
  request: EngineRequest,
  response: EngineResponse,
  next: (error?: unknown) => void,
) => unknown;

/** Nothing comes over a WebSocket before it belongs to a connection. */
const NOBODY: SocketTransportHost = {
  onTransportMessage() {},
  onTransportPacket() {},
  onTransportFault() {},
  onTransportDrain() {},
  onTransportClose() {},
};

const CLOSING = "The server is closing";
/** Nobody hears of it. */
const LEFT = "The client has left";

/** How a request is refused that the program was asked about in vain. */
function refusalOf({ message }: Undecided): Refusal {
  return { code: 4, context: { message, status: 503 } };
}

/** How a request is refused whose origin is not let in; `error` is what the program's function has said. */
function foreignOrigin(origin: unknown, error?: unknown): Refusal {
  return { code: 4, context: { name: "ORIGIN_NOT_ALLOWED", origin, ...error ? { error } : {} } };
}

/**
 * Makes one header of those whose names differ in case alone, as where a listener writes `cache-control`: the one whose name was added
 * last holds, but cookies are added to each other.
 */
function mergeHeaders(headers: ResponseHeaders): void {
  const names = new Map<string, string>();
  for (const [name, value] of Object.entries(headers)) {
    const key = name.toLowerCase();
    const other = names.get(key);
    names.set(key, name);
    if (other === undefined) continue;
    if (key === "set-cookie") headers[name] = [headers[other], value].flat();
    delete headers[other];
  }
}

/** The headers with which a WebSocket is let in: some middleware, as that which keeps sessions, sets its own now. */
function beginHeaders(response: KeptResponse | undefined): ResponseHeaders {
  if (response === undefined) return {};
  if (!response.began) response.writeHead(101);
  return response.headers;
}

/** Middleware that waits for the end of its response, as node's tells it, hears of the WebSocket's. */
function transportOver(
  webSocket: EngineWebSocket,
  response: KeptResponse | undefined,
): WebSocketTransport {
  if (response === undefined) return new WebSocketTransport(webSocket, NOBODY);
  response.upgraded = true;
  return new WebSocketTransport(webSocket, NOBODY, () => response.tell("close"));
}

const TOO_MANY: Refusal = { code: 4, context: { message: "Too many connections", status: 503 } };

const aTurn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve));

/**
 * Everything of the engine but the servers that requests come through: sessions, checks, middleware, and what is told to
 * the program.
 */
export class EngineCore implements EngineSocketHost {
  readonly settings: EngineSettings;
  /** The engine itself, which its listeners are called with. */
  readonly engine: EngineSocket["server"];
  readonly sockets: Map<string, ServerEngineSocket> = new Map();
  readonly listeners: Listeners = new Listeners();
  readonly middleware: EngineMiddleware[] = [];
  readonly pingInterval: Delay<ServerEngineSocket>;
  readonly pingTimeout: Delay<ServerEngineSocket>;
  readonly upgradeTimeout: Delay<ServerEngineSocket>;
  readonly noopDelay: Delay<ServerEngineSocket>;
  readonly closeTimeout: Delay<ServerEngineSocket>;
  generateId: (request: EngineRequest) => string | Promise<string> = randomId;
  /** Connections that are being let in. */
  #opening = 0;
  /** Those for WebSockets of which the program has to say something before. */
  readonly #asked = new Map<UpgradeExchange, string>();
  /** The sessions that they are for. */
  readonly #better = new Set<string>();
  /** How many connections the limits count here. */
  #counted = 0;
  /** Their ids, where the program makes them: two must not get the same. */
  readonly #reserved = new Set<string>();
  #closed = false;
  readonly #decisions: Decisions;
  /** WebSockets of a platform that are not open yet. Its clients may have gone meanwhile, and it does not tell. */
  readonly #unopened: Decisions;

  constructor(settings: EngineSettings, engine: EngineSocket["server"]) {
    this.settings = settings;
    this.engine = engine;
    const scheduler = new Scheduler();
    this.#decisions = new Decisions(scheduler, settings.decisionTimeout);
    this.#unopened = new Decisions(scheduler, settings.upgradeTimeout);
    this.pingInterval = scheduler.delay(settings.pingInterval, (socket) => socket.pingDue());
    this.pingTimeout = scheduler.delay(settings.pingTimeout, (socket) => socket.pongOverdue());
    this.upgradeTimeout = scheduler.delay(
      settings.upgradeTimeout,
      (socket) => socket.abortUpgrade(),
    );
    this.noopDelay = scheduler.delay(100, (socket) => socket.releasePoll());
    this.closeTimeout = scheduler.delay(settings.closeTimeout, (socket) => socket.closeOverdue());
  }

  /** Takes an HTTP request for the engine's path. */
  handleRequest(exchange: HttpExchange): void {
    this.#settle(exchange, this.#handleRequest(exchange));
  }

  /** Takes a request for a file beside the engine's path: `serve` answers it unless the CORS rules do. */
  handleFile(exchange: HttpExchange, serve: (exchange: HttpExchange) => Promise<void>): void {
    const asked = this.#askCors(exchange);
    this.#settle(exchange, asked.then((goesOn) => goesOn ? serve(exchange) : undefined));
  }

  #settle(exchange: HttpExchange, handled: Promise<void>): void {
    handled.catch((error) => {
      reportCallbackError(error);
      if (!exchange.done) exchange.respond(500, {});
    });
  }

  /**
   * Takes a request for a WebSocket on the engine's path. Where nothing has to be waited for, the connection is there
   * when this returns.
   */
  handleUpgrade(exchange: UpgradeExchange): void {
    const fail = (error: unknown) => {
      reportCallbackError(error);
      if (!exchange.done) exchange.refuse(500, {}, "Internal error");
    };
    try {
      const result = this.middleware.length === 0
        ? this.#checkUpgrade(exchange)
        : this.#handleUpgrade(exchange);
      if (result instanceof Promise) result.catch(fail).finally(() => this.#forget(exchange));
    } catch (error) {
      fail(error);
    }
  }

  /** Closes all connections; no new ones are let in. */
  close(): void {
    this.#closed = true;
    this.#decisions.giveUp(CLOSING);
    this.#unopened.giveUp(CLOSING);
    for (const socket of [...this.sockets.values()]) {
      // What was sent in this turn goes before the end: a polling client that finds it beside that does not hand it on.
      socket.flush();
      socket.close(true);
    }
  }

  /** New connections are let in again. */
  reopen(): void {
    this.#closed = false;
  }

  onSocketGone(socket: ServerEngineSocket): void {
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id);
    this.#count();
  }

  onHeaders(headers: ResponseHeaders, request: EngineRequest, sid: string): void {
    if (this.settings.cookie === undefined && this.listeners.empty) return;
    if (!request._query?.sid) {
      if (this.settings.cookie !== undefined) {
        const cookie = formatCookie(this.settings.cookie, sid);
        headers["Set-Cookie"] = [headers["Set-Cookie"] ?? [], cookie].flat();
      }
      this.#emit("initial_headers", headers, request);
    }
    this.#emit("headers", headers, request);
    mergeHeaders(headers);
  }

  /** Gives a response the headers of the CORS rules. Says whether the request goes on: it may be answered now. */
  async #askCors(exchange: HttpExchange): Promise<boolean> {
    const { cors } = this.settings;
    if (cors === undefined) return true;
    const { request, response } = exchange;
    const preflight = request.method === "OPTIONS";
    const answer = await this.#decisions.wait(answerCors(cors, request.headers, preflight, aTurn));
    if (answer instanceof Undecided) {
      this.#refuse(exchange, refusalOf(answer));
      return false;
    }
    for (const [name, value] of answer.headers) response.setHeader(name, value);
    if (answer.error) {
      this.#refuse(exchange, foreignOrigin(request.headers.origin, answer.error));
      return false;
    }
    if (preflight) exchange.respond(cors.optionsSuccessStatus ?? 204, {});
    return !preflight;
  }

  async #handleRequest(exchange: HttpExchange): Promise<void> {
    const { request, response } = exchange;
    const query = request._query ??= parseQuery(request.url ?? "");
    if (this.settings.cors !== undefined && !await this.#askCors(exchange)) return;
    if (this.middleware.length > 0) {
      const refusal = await this.#askMiddleware(exchange, response);
      if (refusal !== undefined) return this.#refuse(exchange, refusal);
    }
    if (exchange.done) return;
    const { origin, host } = request.headers;
    const refusal = this.#verify(host, origin, request.method, query, false);
    if (refusal !== undefined) return this.#refuse(exchange, refusal);
    const { sid } = query;
    if (sid) return this.sockets.get(sid)!.handle(exchange);
    const watch = (leave: () => void) => exchange.onAbort = leave;
    const id = await this.#admit(request, watch);
    if (typeof id !== "string") return exchange.done ? undefined : this.#refuse(exchange, id);
    if (exchange.done) return this.#giveUp(id);
    const socket = new ServerEngineSocket(this, id, request, exchange.remoteAddress);
    this.#open(socket);
    socket.handle(exchange);
  }

  async #handleUpgrade(exchange: UpgradeExchange): Promise<void> {
    const response = new KeptResponse((ended) => {
      exchange.refuse(ended.statusCode < 300 ? 400 : ended.statusCode, ended.headers, ended.text);
      ended.tell("finish");
      ended.tell("close");
    });
    const { sid } = exchange.request._query ??= parseQuery(exchange.request.url ?? "");
    try {
      const refusal = await this.#askCounted(
        exchange,
        sid,
        () => this.#askMiddleware(exchange, response),
        // As node's does; and nobody waits for the middleware any more.
        () => response.tell("close"),
      );
      if (refusal !== undefined) return this.#refuseUpgrade(exchange, refusal);
      if (!exchange.done) await this.#checkUpgrade(exchange, response);
    } finally {
      if (!response.upgraded) response.tell("close");
    }
  }

  #checkUpgrade(exchange: UpgradeExchange, response?: KeptResponse): Promise<void> | void {
    const { request } = exchange;
    const query = request._query ??= parseQuery(request.url ?? "");
    const { host, origin } = exchange;
    const refusal = this.#verify(host, origin, request.method, query, true);
    if (refusal !== undefined) return this.#refuseUpgrade(exchange, refusal);
    const foreign = this.#checkOrigin(exchange, query.sid);
    if (foreign === undefined) return this.#letIn(exchange, query, response);
    return foreign.then((refusal) => {
      // The client may have left meanwhile.
      if (exchange.done) return;
      if (refusal !== undefined) this.#refuseUpgrade(exchange, refusal);
      else return this.#letIn(exchange, query, response);
    });
  }

  #letIn(
    exchange: UpgradeExchange,
    query: Record<string, string>,
    response: KeptResponse | undefined,
  ): Promise<void> | void {
    if (query.sid) return this.#upgrade(exchange, query.sid, response);
    // Who was counted already has a place, which goes over.
    const hasPlace = this.#asked.delete(exchange);
    const watch = (leave: () => void) => exchange.watch?.(leave);
    const id = this.#admit(exchange.request, watch, exchange.hasRoom || hasPlace);
    if (typeof id === "string") return this.#accept(exchange, id, response);
    if (!(id instanceof Promise)) {
      this.#count();
      return this.#refuseUpgrade(exchange, id);
    }
    return id.then((id) => {
      if (typeof id === "string") return this.#accept(exchange, id, response);
      if (!exchange.done) this.#refuseUpgrade(exchange, id);
    });
  }

  #accept(
    exchange: UpgradeExchange,
    id: string,
    response: KeptResponse | undefined,
  ): Promise<void> | void {
    if (exchange.done) return this.#giveUp(id);
    let webSocket: ReturnType<UpgradeExchange["accept"]>;
    try {
      const headers = beginHeaders(response);
      this.onHeaders(headers, exchange.request, id);
      webSocket = exchange.accept(headers);
    } catch (error) {
      this.#giveUp(id);
      throw error;
    }
    if (!(webSocket instanceof Promise)) this.#begin(exchange, id, webSocket, response);
    else {
      return this.#opened(webSocket)
        .then((opened) => this.#begin(exchange, id, opened, response));
    }
  }

  /** A WebSocket of a platform, once it is open; `undefined` if that fails or takes too long. */
  #opened(webSocket: Promise<EngineWebSocket>): Promise<EngineWebSocket | undefined> {
    return this.#unopened.wait(webSocket).then(
      (opened) => {
        if (!(opened instanceof Undecided)) return opened;
        webSocket.then((late) => late.terminate(), () => {});
        return undefined;
      },
      () => undefined,
    );
  }

  #begin(
    exchange: UpgradeExchange,
    id: string,
    webSocket: EngineWebSocket | undefined,
    response: KeptResponse | undefined,
  ): void {
    // Whose handshake is not valid, or who went, has been told already.
    if (webSocket === undefined) return this.#giveUp(id);
    const { request, remoteAddress } = exchange;
    const transport = transportOver(webSocket, response);
    const socket = new ServerEngineSocket(this, id, request, remoteAddress, transport);
    transport.handOver(socket);
    this.#open(socket);
    socket.startTransport();
  }

  /** A WebSocket for a session that has polling so far. */
  #upgrade(
    exchange: UpgradeExchange,
    sid: string,
    response: KeptResponse | undefined,
  ): Promise<void> | void {
    const headers = beginHeaders(response);
    const socket = this.sockets.get(sid);
    const may = this.settings.allowUpgrades && socket?.beginUpgrade() === true;
    this.onHeaders(headers, exchange.request, sid);
    const answer = (webSocket: EngineWebSocket | undefined) => {
      if (webSocket === undefined) return may ? socket!.abortUpgrade() : undefined;
      const transport = transportOver(webSocket, response);
      if (may) {
        transport.handOver(socket!);
        return socket!.probe(transport);
      }
      // The client can tell a WebSocket that is closed from a server that can't be reached.
      transport.start();
      transport.close(1000);
    };
    const webSocket = exchange.accept(headers);
    if (!(webSocket instanceof Promise)) return answer(webSocket);
    return this.#opened(webSocket).then(answer);
  }

  #verify(
    host: string | string[] | undefined,
    origin: string | string[] | undefined,
    method: string | undefined,
    query: Record<string, string>,
    upgrade: boolean,
  ): Refusal | undefined {
    if (typeof origin === "string" && !/^[\t\x20-\x7e\x80-\xff]*$/.test(origin)) {
      return { code: 3, context: { name: "INVALID_ORIGIN" } };
    }
    const { allowedHosts } = this.settings;
    if (allowedHosts !== undefined && !isHostAllowed(allowedHosts, String(host ?? ""))) {
      return { code: 4, context: { message: "This host is not served here", status: 421 } };
    }
    return verifyRequest({
      method,
      query,
      upgrade,
      transports: this.settings.transports,
      sessionTransport: (sid) => this.sockets.get(sid)?.transport.name,
    });
  }

  /** Browsers let any page open a WebSocket to anywhere: the server has to look. */
  #checkOrigin(
    exchange: UpgradeExchange,
    sid: string,
  ): Promise<Refusal | undefined> | undefined {
    const { origin } = exchange;
    if (origin === undefined) return undefined;
    // The proxy in front may have ended TLS: the scheme says nothing here.
    if (isOriginAllowed("same-host", origin, exchange.host ?? "", false)) return undefined;
    return this.#askCounted(
      exchange,
      sid,
      () => this.#checkForeignOrigin(origin, exchange.request),
    );
  }

  /** Asks the program about a request for a WebSocket. Its connection is in nobody else's count meanwhile. */
  async #askCounted(
    exchange: UpgradeExchange,
    sid: string,
    ask: () => Promise<Refusal | undefined>,
    onleave?: () => void,
  ): Promise<Refusal | undefined> {
    if (!this.#asked.has(exchange)) {
      const full = this.settings.limits.connections.full && !exchange.hasRoom;
      // A session that there is goes on as it is if this is refused, but not the better for it: it may ask once.
      if (full && (!this.sockets.has(sid) || this.#better.has(sid))) return TOO_MANY;
      this.#asked.set(exchange, sid);
      if (sid) this.#better.add(sid);
      this.#count();
      exchange.watch?.(() => {
        this.#forget(exchange);
        onleave?.();
      });
    }
    return await ask();
  }

  #forget(exchange: UpgradeExchange): void {
    const sid = this.#asked.get(exchange);
    if (!this.#asked.delete(exchange)) return;
    if (sid) this.#better.delete(sid);
    this.#count();
  }

  async #checkForeignOrigin(
    origin: string,
    request: EngineRequest,
  ): Promise<Refusal | undefined> {
    const { cors } = this.settings;
    if (cors !== undefined) {
      const answer = await this.#decisions.wait(answerCors(cors, request.headers, false, aTurn));
      if (answer instanceof Undecided) return refusalOf(answer);
      if (answer.allowed) return undefined;
      return foreignOrigin(origin, answer.error);
    }
    return foreignOrigin(origin);
  }

  /**
   * Lets a new connection in: its id, or why not. After an id, `#opening` counts it until it is open. While the program is asked,
   * what `watch` is given is to be called when the client leaves.
   */
  #admit(
    request: EngineRequest,
    watch: (leave: () => void) => void,
    hasRoom = false,
  ): Promise<string | Refusal> | string | Refusal {
    if (this.#closed) return { code: 4, context: { message: CLOSING } };
    const { limits, maxConnections } = this.settings;
    const full = limits.connections.full && !hasRoom;
    if (full || this.sockets.size + this.#opening >= maxConnections) {
      return TOO_MANY;
    }
    this.#opening++;
    this.#count();
    if (this.settings.allowRequest === undefined && this.generateId === randomId) return randomId();
    return this.#admitAfterAsking(request, watch);
  }

  async #admitAfterAsking(
    request: EngineRequest,
    watch: (leave: () => void) => void,
  ): Promise<string | Refusal> {
    let refusal: Refusal;
    try {
      const left = new Promise<Undecided>((resolve) => watch(() => resolve(new Undecided(LEFT))));
      const decision = await this.#decisions.wait(Promise.race([left, this.#decide(request)]));
      if (decision instanceof Undecided) refusal = refusalOf(decision);
      else if (decision.message !== undefined) {
        refusal = { code: 4, context: { message: decision.message } };
      } else {
        const { id } = decision;
        const free = !this.sockets.has(id) && !this.#reserved.has(id);
        if (typeof id === "string" && id !== "" && free) {
          this.#reserved.add(id);
          return id;
        }
        refusal = { code: 3, context: { name: "ID_GENERATION_ERROR" } };
      }
    } catch (error) {
      reportCallbackError(error);
      refusal = { code: 3, context: { name: "ID_GENERATION_ERROR", error } };
    }
    this.#opening--;
    this.#count();
    return refusal;
  }

  /** Asks the program for a connection's id, or why it is not let in. */
  async #decide(request: EngineRequest): Promise<{ message?: string; id: string }> {
    const message = await this.#askProgram(request);
    return { message, id: message === undefined ? await this.generateId(request) : "" };
  }

  /** Why the program does not let a connection in; `undefined` if it does. */
  #askProgram(request: EngineRequest): Promise<string | undefined> | undefined {
    const { allowRequest } = this.settings;
    if (allowRequest === undefined) return undefined;
    return new Promise((resolve) => {
      const failed = (error: unknown) => {
        reportCallbackError(error);
        resolve(ENGINE_ERRORS[4]);
      };
      try {
        const result = allowRequest(request, (message, allowed) => {
          resolve(allowed ? undefined : message || ENGINE_ERRORS[4]);
        });
        onRejection(result, failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  /** Has the limits count the connections that there are. */
  #count(): void {
    const more = this.sockets.size + this.#opening + this.#asked.size - this.#counted;
    this.#counted += more;
    if (more > 0) this.settings.limits.connections.add(more);
    else if (more < 0) this.settings.limits.connections.remove(-more);
  }

  /** A connection that was let in will not be. */
  #giveUp(id: string): void {
    this.#opening--;
    this.#count();
    this.#reserved.delete(id);
  }

  #open(socket: ServerEngineSocket): void {
    this.sockets.set(socket.id, socket);
    this.#giveUp(socket.id);
    socket.start();
    if (this.#closed) socket.close(true);
    else this.#emit("connection", socket);
  }

  /** Runs the middleware; resolves to why the request is refused. The middleware may have answered it. */
  async #askMiddleware(
    exchange: HttpExchange | UpgradeExchange,
    response: MiddlewareResponse,
  ): Promise<Refusal | undefined> {
    const error = await this.#decisions.wait(this.#runMiddleware(exchange, response));
    if (error === undefined) return undefined;
    if (error instanceof Undecided) return refusalOf(error);
    return { code: 3, context: { name: "MIDDLEWARE_FAILURE", error } };
  }

  /** Resolves to what was given to `next`; `undefined` at the end of the middleware, or when one has answered. */
  #runMiddleware(
    exchange: HttpExchange | UpgradeExchange,
    response: MiddlewareResponse,
  ): Promise<unknown> {
    const { middleware } = this;
    const { request } = exchange;
    return new Promise((resolve) => {
      const endIfAnswered = () => {
        if (exchange.done) resolve(undefined);
      };
      // It may answer much later, by a callback.
      response.once("close", endIfAnswered);
      const run = (index: number): void => {
        if (index === middleware.length) return resolve(undefined);
        let called = false;
        const next = (error?: unknown) => {
          if (called) return;
          called = true;
          if (error) resolve(error);
          else run(index + 1);
        };
        const failed = (error: unknown) => {
          reportCallbackError(error);
          next(error ?? true);
        };
        try {
          const result = middleware[index](request, response, next);
          if (isPromise(result)) Promise.resolve(result).then(endIfAnswered, failed);
          else endIfAnswered();
        } catch (error) {
          failed(error);
        }
      };
      run(0);
    });
  }

  #refuse(exchange: HttpExchange, refusal: Refusal): void {
    const { status, message } = this.#tellRefusal(exchange.request, refusal);
    const body = JSON.stringify({ code: refusal.code, message });
    if (!exchange.done) exchange.respond(status, { "Content-Type": "application/json" }, body);
  }

  #refuseUpgrade(exchange: UpgradeExchange, refusal: Refusal): void {
    const { status, message } = this.#tellRefusal(exchange.request, refusal);
    if (!exchange.done) exchange.refuse(status, {}, message);
  }

  #tellRefusal(req: EngineRequest, refusal: Refusal): { status: number; message: string } {
    const { code, context } = refusal;
    this.#emit("connection_error", { req, code, message: ENGINE_ERRORS[code], context });
    const message = typeof context.message === "string" ? context.message : ENGINE_ERRORS[code];
    const status = typeof context.status === "number" ? context.status : code === 4 ? 403 : 400;
    return { status, message };
  }

  #emit(event: string, ...args: unknown[]): void {
    this.listeners.emit(event, this.engine, args, reportCallbackError);
  }
}
