// Floor 3: driver.
import { reportCallbackError } from "./_callback.ts";
import { answerCors, isSameHost } from "./_cors.ts";
import { type EngineSettings, formatCookie } from "./_engine_settings.ts";
import { type EngineSocketHost, ServerEngineSocket } from "./_engine_socket.ts";
import type {
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
import { ENGINE_ERRORS, type Refusal, verifyRequest } from "./_verify.ts";
import { type SocketTransportHost, WebSocketTransport } from "./_websocket_transport.ts";
import type { EngineRequest } from "./types.ts";

/** A middleware of the engine, as in Express. */
export type EngineMiddleware = (
  request: EngineRequest,
  response: MiddlewareResponse,
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

/**
 * Everything of the engine but the servers that requests come through: sessions, checks, middleware, and what is told to
 * the program.
 */
export class EngineCore implements EngineSocketHost {
  readonly settings: EngineSettings;
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
  #closed = false;
  readonly #emitter: unknown;

  constructor(settings: EngineSettings, emitter: unknown) {
    this.settings = settings;
    this.#emitter = emitter;
    const scheduler = new Scheduler();
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
  async handleRequest(exchange: HttpExchange): Promise<void> {
    try {
      await this.#handleRequest(exchange);
    } catch (error) {
      reportCallbackError(error);
      if (!exchange.done) exchange.respond(500, {});
    }
  }

  /** Takes a request for a WebSocket on the engine's path. */
  async handleUpgrade(exchange: UpgradeExchange): Promise<void> {
    try {
      await this.#handleUpgrade(exchange);
    } catch (error) {
      reportCallbackError(error);
      if (!exchange.done) exchange.refuse(500, {}, "Internal error");
    }
  }

  /** Closes all connections; no new ones are let in. */
  close(): void {
    this.#closed = true;
    for (const socket of [...this.sockets.values()]) socket.close(true);
  }

  /** New connections are let in again. */
  reopen(): void {
    this.#closed = false;
  }

  onSocketGone(socket: ServerEngineSocket): void {
    if (this.sockets.get(socket.id) === socket) this.sockets.delete(socket.id);
  }

  onHeaders(headers: ResponseHeaders, request: EngineRequest, sid: string): void {
    if (!request._query?.sid) {
      if (this.settings.cookie !== undefined) {
        headers["Set-Cookie"] = [formatCookie(this.settings.cookie, sid)];
      }
      this.#emit("initial_headers", headers, request);
    }
    this.#emit("headers", headers, request);
  }

  async #handleRequest(exchange: HttpExchange): Promise<void> {
    const { request, response } = exchange;
    const query = request._query ??= parseQuery(request.url ?? "");
    if (this.settings.cors !== undefined) {
      const preflight = request.method === "OPTIONS";
      const { headers } = await answerCors(this.settings.cors, request.headers, preflight);
      for (const [name, value] of headers) response.setHeader(name, value);
      if (preflight) {
        return exchange.respond(this.settings.cors.optionsSuccessStatus ?? 204, {});
      }
    }
    if (this.middleware.length > 0) {
      const error = await this.#runMiddleware(request, response);
      if (error !== undefined) {
        return this.#refuse(exchange, { code: 3, context: { name: "MIDDLEWARE_FAILURE", error } });
      }
    }
    if (exchange.done) return;
    const refusal = this.#verify(request, query, false);
    if (refusal !== undefined) return this.#refuse(exchange, refusal);
    const { sid } = query;
    if (sid) return this.sockets.get(sid)!.handle(exchange);
    const id = await this.#admit(exchange.request);
    if (typeof id !== "string") return this.#refuse(exchange, id);
    if (exchange.done) return void this.#opening--;
    const socket = new ServerEngineSocket(this, id, request, exchange.remoteAddress);
    this.#open(socket);
    socket.handle(exchange);
  }

  async #handleUpgrade(exchange: UpgradeExchange): Promise<void> {
    const { request } = exchange;
    const query = request._query ??= parseQuery(request.url ?? "");
    const headers: ResponseHeaders = {};
    if (this.middleware.length > 0) {
      const response = new KeptResponse((ended) =>
        exchange.refuse(ended.statusCode < 300 ? 400 : ended.statusCode, ended.headers, ended.body)
      );
      const error = await this.#runMiddleware(request, response);
      if (error !== undefined) {
        const context = { name: "MIDDLEWARE_FAILURE", error };
        return this.#refuseUpgrade(exchange, { code: 3, context });
      }
      Object.assign(headers, response.headers);
    }
    if (exchange.done) return;
    const refusal = this.#verify(request, query, true) ?? await this.#checkOrigin(request);
    if (refusal !== undefined) return this.#refuseUpgrade(exchange, refusal);
    if (query.sid) return await this.#upgrade(exchange, query.sid, headers);
    const id = await this.#admit(request);
    if (typeof id !== "string") return this.#refuseUpgrade(exchange, id);
    let transport: WebSocketTransport;
    try {
      if (exchange.done) throw undefined;
      this.onHeaders(headers, request, id);
      transport = new WebSocketTransport(await exchange.accept(headers), NOBODY);
    } catch {
      // Whose handshake is not valid, or who went, has been told already.
      this.#opening--;
      return;
    }
    const { remoteAddress } = exchange;
    const socket = new ServerEngineSocket(this, id, request, remoteAddress, transport);
    transport.handOver(socket);
    this.#open(socket);
    socket.startTransport();
  }

  /** A WebSocket for a session that has polling so far. */
  async #upgrade(exchange: UpgradeExchange, sid: string, headers: ResponseHeaders): Promise<void> {
    const socket = this.sockets.get(sid)!;
    const may = this.settings.allowUpgrades && socket.beginUpgrade();
    this.onHeaders(headers, exchange.request, sid);
    let transport: WebSocketTransport;
    try {
      transport = new WebSocketTransport(await exchange.accept(headers), NOBODY);
    } catch {
      if (may) socket.abortUpgrade();
      return;
    }
    if (may) {
      transport.handOver(socket);
      socket.probe(transport);
    } else {
      // The client can tell a WebSocket that is closed from a server that can't be reached.
      transport.start();
      transport.close(1000);
    }
  }

  #verify(
    request: EngineRequest,
    query: Record<string, string>,
    upgrade: boolean,
  ): Refusal | undefined {
    const { origin } = request.headers;
    if (typeof origin === "string" && !/^[\t\x20-\x7e\x80-\xff]*$/.test(origin)) {
      return { code: 3, context: { name: "INVALID_ORIGIN" } };
    }
    return verifyRequest({
      method: request.method,
      query,
      upgrade,
      transports: this.settings.transports,
      sessionTransport: (sid) => this.sockets.get(sid)?.transport.name,
    });
  }

  /** Browsers let any page open a WebSocket to anywhere: the server has to look. */
  async #checkOrigin(request: EngineRequest): Promise<Refusal | undefined> {
    const { origin, host } = request.headers;
    if (typeof origin !== "string") return undefined;
    if (isSameHost(origin, typeof host === "string" ? host : undefined)) return undefined;
    const { cors } = this.settings;
    if (cors !== undefined && (await answerCors(cors, request.headers, false)).allowed) {
      return undefined;
    }
    return { code: 4, context: { name: "ORIGIN_NOT_ALLOWED", origin } };
  }

  /** Lets a new connection in: its id, or why not. After an id, `#opening` counts it until it is open. */
  async #admit(request: EngineRequest): Promise<string | Refusal> {
    if (this.#closed) return { code: 4, context: { message: "The server is closing" } };
    if (this.sockets.size + this.#opening >= this.settings.maxConnections) {
      return { code: 4, context: { message: "Too many connections", status: 503 } };
    }
    this.#opening++;
    let refusal: Refusal;
    try {
      const message = await this.#askProgram(request);
      if (message !== undefined) refusal = { code: 4, context: { message } };
      else {
        const made = this.generateId(request);
        const id = typeof made === "string" ? made : await made;
        if (typeof id === "string" && id !== "" && !this.sockets.has(id)) return id;
        refusal = { code: 3, context: { name: "ID_GENERATION_ERROR" } };
      }
    } catch (error) {
      reportCallbackError(error);
      refusal = { code: 3, context: { name: "ID_GENERATION_ERROR", error } };
    }
    this.#opening--;
    return refusal;
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
        if (result instanceof Promise) result.catch(failed);
      } catch (error) {
        failed(error);
      }
    });
  }

  #open(socket: ServerEngineSocket): void {
    this.#opening--;
    this.sockets.set(socket.id, socket);
    socket.start();
    if (this.#closed) socket.close(true);
    else this.#emit("connection", socket);
  }

  /** Runs the middleware; resolves to what was given to `next`, or `undefined`. Never settles if the response ended. */
  #runMiddleware(request: EngineRequest, response: MiddlewareResponse): Promise<unknown> {
    const { middleware } = this;
    return new Promise((resolve) => {
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
          if (result instanceof Promise) result.catch(failed);
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
    this.listeners.emit(event, this.#emitter, args, reportCallbackError);
  }
}
