// Floor 3: driver.
import { promisify } from "node:util";
import { deflate, gzip } from "node:zlib";
import { utf8ByteLength } from "../buffer/utf8.ts";
import { BudgetShare } from "../net/budget_share.ts";
import { reportCallbackError } from "./_callback.ts";
import type { EngineSettings } from "./_engine_settings.ts";
import { type HttpExchange, REQUEST_NUMBER, type ResponseHeaders } from "./_exchange.ts";
import { decodeEnginePayload, encodeEnginePayload, type EnginePacket } from "./engine_packet.ts";
import { PacketFault, SocketIoError } from "./errors.ts";
import type { EngineHeaders, EngineRequest, ServerDisconnectReason } from "./types.ts";

const compressors = { gzip: promisify(gzip), deflate: promisify(deflate) };

const TEXT = "text/plain; charset=UTF-8";

/** Who is told what a polling client does. */
export interface PollingHost {
  /** A packet came. Returns whether more of the same body may follow. */
  onPollingPacket(packet: EnginePacket): boolean;
  /** The client waits for packets. */
  onPollingReady(): void;
  /** The client broke the rules, or went. */
  onPollingError(reason: ServerDisconnectReason, error: Error): void;
  /** Lets the program add headers to a response. */
  onPollingHeaders(headers: ResponseHeaders, request: EngineRequest): void;
}

/** The coding that the client likes best: RFC 9110, section 12.5.3. */
function acceptedEncoding(headers: EngineHeaders): "gzip" | "deflate" | undefined {
  const accepted = headers["accept-encoding"];
  if (typeof accepted !== "string") return undefined;
  const weights = new Map<string, number>();
  for (const part of accepted.toLowerCase().split(",")) {
    const [name, ...parameters] = part.split(";").map((text) => text.trim());
    const weight = parameters.find((parameter) => parameter.startsWith("q="));
    weights.set(name, weight === undefined ? 1 : Math.max(Number(weight.slice(2)) || 0, 0));
  }
  const [gzip, deflate] = ["gzip", "deflate"].map((name) =>
    weights.get(name) ?? weights.get("*") ?? 0
  );
  if (gzip === 0 && deflate === 0) return undefined;
  return gzip >= deflate ? "gzip" : "deflate";
}

/** What becomes of a request is nobody else's to hear of: an error there would end the process. */
function failWith(exchange: HttpExchange, error: unknown): void {
  reportCallbackError(error);
  if (!exchange.done) exchange.respond(500, {});
}

/**
 * HTTP long-polling, on the server's side of one session: one `GET` of the client waits until there is something to
 * send, its `POST`s bring what it sends.
 *
 * Source: Engine.IO protocol, revision 4, "HTTP long-polling".
 */
export class PollingTransport {
  readonly name = "polling";
  readonly #host: PollingHost;
  readonly #settings: EngineSettings;
  #poll: HttpExchange | undefined;
  /** Whether the headers of the response that waits are gone. */
  #held = false;
  #post: HttpExchange | undefined;
  /** The number of the request that waits, or waited last. */
  #pollNumber: string | undefined;
  /** What it was answered with, until the next one shows that this has arrived. */
  #lastPayload: string | undefined;
  #lastCompress = true;
  /** What of it the limits count. */
  #lastShare: BudgetShare | undefined;
  /** The number of the request whose packets were taken last. */
  #postNumber: string | undefined;
  #closed = false;

  constructor(host: PollingHost, settings: EngineSettings) {
    this.#host = host;
    this.#settings = settings;
  }

  /** Whether a request waits for packets. */
  get writable(): boolean {
    return this.#poll !== undefined;
  }

  /** Takes a request of the session. */
  handle(exchange: HttpExchange): void {
    if (this.#closed) return exchange.respond(400, {});
    if (exchange.request.method === "POST") this.#receive(exchange);
    else if (exchange.request.method === "GET") this.#wait(exchange);
    else exchange.respond(400, {});
  }

  /** Answers the request that waits. `compress` is whether the answer may be compressed. */
  send(packets: EnginePacket[], compress = true): void {
    const poll = this.#poll;
    if (poll === undefined) return;
    this.#poll = undefined;
    poll.onAbort = undefined;
    const payload = encodeEnginePayload(packets);
    this.#lastCompress = compress;
    if (this.#pollNumber !== undefined) this.#keep(payload);
    this.#respond(poll, payload, compress);
  }

  /** Ends the transport. Who waits is told by `last`. */
  close(last: EnginePacket): void {
    if (this.#closed) return;
    this.#closed = true;
    this.send([last]);
    this.#forget();
    const post = this.#post;
    this.#post = undefined;
    if (post !== undefined && !post.done) post.respond(400, { Connection: "close" });
  }

  #wait(exchange: HttpExchange): void {
    const number = exchange.request._query?.[REQUEST_NUMBER];
    const repeated = number !== undefined && number === this.#pollNumber;
    if (this.#poll !== undefined && !repeated) {
      exchange.respond(400, {});
      return this.#fault("two requests wait at a time");
    }
    if (this.#poll !== undefined) this.#giveUp(this.#poll);
    else if (repeated && this.#lastPayload !== undefined) {
      // The answer was lost on its way: here it is again.
      this.#held = false;
      return this.#respond(exchange, this.#lastPayload, this.#lastCompress);
    }
    this.#forget();
    this.#pollNumber = number;
    this.#poll = exchange;
    this.#held = false;
    exchange.onAbort = () => {
      if (this.#poll !== exchange) return;
      this.#poll = undefined;
      this.#fault("a waiting request was given up");
    };
    this.#host.onPollingReady();
    if (this.#poll === exchange) this.#held = exchange.hold(() => this.#headers(exchange, TEXT));
  }

  /** Keeps an answer, should it be lost, as long as there is room. */
  #keep(payload: string): void {
    this.#lastPayload = payload;
    const share = this.#lastShare ??= new BudgetShare(this.#settings.limits.queuedBytes, {
      onOverBudget: () => {
        this.#lastShare = undefined;
        this.#lastPayload = undefined;
      },
      onRoom: () => {},
    });
    if (share.set(payload.length) !== "go") this.#forget();
  }

  #forget(): void {
    this.#lastPayload = undefined;
    this.#lastShare?.set(0);
  }

  /** The same request has come over another connection: nobody listens on this one. */
  #giveUp(poll: HttpExchange): void {
    poll.onAbort = undefined;
    if (this.#held) poll.respond(200, {}, "");
    else poll.respond(400, {});
  }

  #receive(exchange: HttpExchange): void {
    if (this.#post !== undefined) {
      exchange.respond(400, {});
      return this.#fault("two requests bring packets at a time");
    }
    if (exchange.request.headers["content-type"] === "application/octet-stream") {
      exchange.respond(400, {});
      return this.#fault("a request has the content type of revision 3");
    }
    this.#post = exchange;
    const starve = () => {
      if (this.#post !== exchange) return;
      this.#post = undefined;
      exchange.respond(503, { Connection: "close" });
      this.#fault("there is no room for a request");
    };
    // A request does not wait for room.
    const share = new BudgetShare(this.#settings.limits.receivedBytes, {
      onOverBudget: () => queueMicrotask(starve),
      onRoom: () => {},
    });
    const hasRoom = (held: number) => this.#post === exchange && share.set(held) === "go";
    const fail = (error: unknown) => {
      share.close();
      if (this.#post === exchange) this.#post = undefined;
      failWith(exchange, error);
    };
    exchange.readBody(this.#settings.maxHttpBufferSize, hasRoom).then((body) => {
      share.close();
      if (body === "no room") return starve();
      if (this.#post !== exchange) return;
      this.#post = undefined;
      if (body === "aborted") {
        // Nobody reads it, but a platform's server waits for a response before it ends.
        exchange.respond(400, { Connection: "close" });
        return this.#fault("a request ended before its body did");
      }
      if (body === "too large") {
        exchange.respond(413, { Connection: "close" });
        return this.#fault("a request is too large");
      }
      this.#deliver(exchange, body);
    }).catch(fail);
  }

  #deliver(exchange: HttpExchange, body: Uint8Array): void {
    const number = exchange.request._query?.[REQUEST_NUMBER];
    if (number !== undefined && number === this.#postNumber) {
      // Its packets were taken, and the answer was lost on its way.
      return exchange.respond(200, this.#headers(exchange, "text/html"), "ok");
    }
    this.#postNumber = number;
    let fault: PacketFault | undefined;
    try {
      const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(body);
      fault = decodeEnginePayload(text, (packet) => this.#host.onPollingPacket(packet));
    } catch {
      fault = new PacketFault("text that is not UTF-8");
    }
    if (fault !== undefined) {
      exchange.respond(400, {});
      return this.#host.onPollingError("parse error", fault.toError());
    }
    // A browser would offer any other type of text as a download.
    exchange.respond(200, this.#headers(exchange, "text/html"), "ok");
  }

  #respond(exchange: HttpExchange, payload: string, compress: boolean): void {
    if (this.#held) return exchange.respond(200, {}, payload);
    const headers = this.#headers(exchange, TEXT);
    const encoding = compress && this.#isLong(payload)
      ? acceptedEncoding(exchange.request.headers)
      : undefined;
    if (encoding === undefined) return exchange.respond(200, headers, payload);
    headers["Content-Encoding"] = encoding;
    compressors[encoding](payload).then((body) => exchange.respond(200, headers, body))
      .catch((error) => failWith(exchange, error));
  }

  /** Whether a payload has as many bytes as the least that are compressed. */
  #isLong(payload: string): boolean {
    const { compressionThreshold } = this.#settings;
    if (payload.length >= compressionThreshold) return true;
    // A character has three bytes at most.
    return payload.length * 3 >= compressionThreshold &&
      utf8ByteLength(payload) >= compressionThreshold;
  }

  #headers(exchange: HttpExchange, type: string): ResponseHeaders {
    const headers: ResponseHeaders = { "Content-Type": type, "Cache-Control": "no-store" };
    // Those of middleware, which the session's would take the place of.
    const cookies = exchange.response.getHeader("Set-Cookie");
    if (cookies !== undefined) headers["Set-Cookie"] = [cookies].flat().map(String);
    this.#host.onPollingHeaders(headers, exchange.request);
    return headers;
  }

  #fault(why: string): void {
    const error = new SocketIoError("ERR_TRANSPORT", `Cannot go on with polling: ${why}`);
    this.#host.onPollingError("transport error", error);
  }
}
