// Floor 3: driver.
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Budget } from "../net/budget.ts";
import { BudgetShare } from "../net/budget_share.ts";
import { watchResponse } from "../websocket/request_listener.ts";
import { BodyBytes } from "./_body_bytes.ts";
import { reportCallbackError } from "./_callback.ts";
import type {
  HttpExchange,
  MiddlewareResponse,
  RequestBody,
  ResponseHeaders,
} from "./_exchange.ts";
import type { EngineRequest } from "./types.ts";

/** How long the rest of a request that was refused is thrown away, before its connection is cut, in ms. */
const LINGER = 5000;

/** Whether some of a request's body may still come. */
function hasMore({ complete, headers }: IncomingMessage): boolean {
  return !complete &&
    (headers["transfer-encoding"] !== undefined || Number(headers["content-length"] ?? 0) > 0);
}

/** Node's request as the engine's: `connection` is an old name of `socket`, which node may drop one day. */
export function nodeRequest(request: IncomingMessage): EngineRequest {
  if (!("connection" in request)) {
    Object.defineProperty(request, "connection", { value: (request as IncomingMessage).socket });
  }
  return request as unknown as EngineRequest;
}

/** A request that came through a `node:http` server, and its response. */
export class NodeExchange implements HttpExchange {
  readonly request: EngineRequest;
  readonly remoteAddress: string;
  readonly response: MiddlewareResponse;
  onAbort: (() => void) | undefined;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #budget: Budget | undefined;
  #aborted = false;

  /** `budget` counts the bytes of the response until the system has taken them. */
  constructor(request: IncomingMessage, response: ServerResponse, budget?: Budget) {
    this.#budget = budget;
    this.#request = request;
    this.#response = response;
    this.request = nodeRequest(request);
    this.response = response as MiddlewareResponse;
    this.remoteAddress = request.socket?.remoteAddress ?? "";
    watchResponse(request, response);
    response.on("close", () => {
      if (response.writableEnded) return;
      this.#aborted = true;
      this.onAbort?.();
    });
    response.on("error", () => {});
  }

  get done(): boolean {
    return this.#aborted || this.#response.writableEnded;
  }

  hold(): boolean {
    return false;
  }

  readBody(limit: number, hasRoom?: (held: number) => boolean): Promise<RequestBody> {
    const request = this.#request;
    if (request.readableDidRead || request.readableEncoding !== null) {
      // It may have come to its end, which nobody would hear of again. What is left of it is not to hold up the next request.
      this.#response.once("close", () => request.resume());
      const why = "middleware has begun to read it, or set an encoding";
      return Promise.reject(new TypeError(`Cannot read the body of a request: ${why}`));
    }
    if (request.destroyed) return Promise.resolve("aborted");
    const length = Number(request.headers["content-length"] ?? 0);
    if (length > limit) return Promise.resolve("too large");
    return new Promise((resolve) => {
      const bytes = new BodyBytes(limit, hasRoom);
      const settle = (result: RequestBody) => {
        request.removeListener("data", ondata);
        request.removeListener("end", onend);
        request.removeListener("close", onclose);
        this.#response.removeListener("close", onclose);
        // What comes behind the response is only thrown away.
        if (typeof result === "string" && !this.#response.writableEnded) request.pause();
        resolve(result);
      };
      const ondata = (chunk: Uint8Array) => {
        if (!bytes.add(chunk)) settle(bytes.starved ? "no room" : "too large");
      };
      const onend = () => settle(bytes.take());
      const onclose = () => settle("aborted");
      request.on("data", ondata);
      request.on("end", onend);
      request.on("close", onclose);
      request.on("error", onclose);
      // Behind it the request tells nothing of a connection that is lost, and nobody wants the body any more.
      this.#response.on("close", onclose);
      // Middleware may have paused it until it knows who asks.
      request.resume();
    });
  }

  respond(status: number, headers: ResponseHeaders, body: string | Uint8Array = ""): void {
    if (this.done) return;
    const length = typeof body === "string" ? new TextEncoder().encode(body) : body;
    const all: ResponseHeaders = { ...headers };
    const endsConnection = headers.Connection === "close";
    // With it node:http cuts off who still sends. A proxy then tells its client that the server failed (502), and nothing of the response.
    const stays = endsConnection && hasMore(this.#request);
    if (stays) delete all.Connection;
    // Where there is one, it is that of the page itself (RFC 9110 §8.6).
    if (status !== 204 && status !== 304) all["Content-Length"] = String(length.length);
    try {
      this.#response.writeHead(status, all);
      if (this.#budget !== undefined && length.length > 0) this.#count(this.#budget, length.length);
      this.#response.end(length);
    } catch (error) {
      // A header of the program's can't be sent, or its middleware threw, also from an `end` of its own.
      reportCallbackError(error);
      if (!this.#response.writableEnded) return this.#fail();
    }
    if (stays) this.#response.once("finish", () => this.#throwAway());
    else if (endsConnection) this.#response.once("finish", () => this.#request.destroy());
  }

  /** What is left of a request is thrown away, for a while: in front of it the connection can't go on. Behind it, it does. */
  #throwAway(): void {
    const request = this.#request;
    const { socket } = request;
    request.resume();
    // A request that a test injects has no connection.
    if (request.complete || typeof socket?.once !== "function" || socket.destroyed) return;
    const timer = setTimeout(() => request.destroy(), LINGER);
    const stop = () => {
      clearTimeout(timer);
      socket.removeListener("close", stop);
    };
    request.once("end", stop);
    // Of a connection that is lost now the request does not tell.
    socket.once("close", stop);
  }

  /** Answers with a 500 that has none of the program's headers; or with none at all. */
  #fail(): void {
    const response = this.#response;
    try {
      for (const name of response.getHeaderNames()) response.removeHeader(name);
      response.writeHead(500, { "Content-Length": "0" });
      response.end();
    } catch {
      response.destroy();
    }
  }

  /** A client that does not read its response holds it as long as others need no room. */
  #count(budget: Budget, size: number): void {
    const share = new BudgetShare(budget, {
      onOverBudget: () => queueMicrotask(() => this.#request.destroy()),
      onRoom: () => {},
    });
    const done = () => share.close();
    this.#response.once("finish", done);
    this.#response.once("close", done);
    share.set(size);
  }
}
