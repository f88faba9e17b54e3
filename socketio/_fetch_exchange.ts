// Floor 3: driver.
import { BodyBytes } from "./_body_bytes.ts";
import { reportCallbackError } from "./_callback.ts";
import type {
  EngineWebSocket,
  HttpExchange,
  RequestBody,
  ResponseHeaders,
  UpgradeExchange,
} from "./_exchange.ts";
import { KeptResponse } from "./_middleware_response.ts";
import { NativeEngineSocket } from "./_native_socket.ts";
import type { EngineHeaders, EngineRequest, SocketIoRequestInfo } from "./types.ts";

function addressOf({ remoteAddr }: SocketIoRequestInfo): string {
  const hostname = remoteAddr !== undefined && "hostname" in remoteAddr
    ? remoteAddr.hostname
    : undefined;
  return typeof hostname === "string" ? hostname : "";
}

/** A request of the web, as the engine sees it. */
function toEngineRequest(request: Request, remoteAddress: string): EngineRequest {
  const url = new URL(request.url);
  const headers: EngineHeaders = Object.create(null);
  for (const [name, value] of request.headers) headers[name] = value;
  const connection = { encrypted: url.protocol === "https:", remoteAddress };
  return {
    method: request.method,
    url: url.pathname + url.search,
    headers,
    connection,
    socket: connection,
  };
}

function toHeaders(kept: ResponseHeaders, headers: ResponseHeaders): Headers {
  const result = new Headers();
  for (const [name, value] of [...Object.entries(kept), ...Object.entries(headers)]) {
    if (typeof value === "string") result.set(name, value);
    else {
      result.delete(name);
      for (const one of value) result.append(name, one);
    }
  }
  return result;
}

/** A response of the web. What middleware chose may be none: that becomes a 500, so that the client need not wait. */
function toResponse(status: number, headers: () => Headers, body?: string | Uint8Array): Response {
  const bare = status === 204 || status === 205 || status === 304;
  try {
    return new Response(bare ? null : body as BodyInit | undefined, { status, headers: headers() });
  } catch (error) {
    reportCallbackError(error);
    return new Response(null, { status: 500 });
  }
}

/** What says how the bytes of a body are to be read. */
const CODINGS = ["content-encoding", "transfer-encoding"];

/** How much of a body is read at a time, in bytes. */
const READ_SIZE = 16_384;

/**
 * Reads a body, and lets go of the rest once it is more than fits.
 *
 * @param untold Whether nobody has said how long it is. Then it may come in any number of pieces, and each that the runtime hands out by itself
 * has a buffer of 64 KiB under it, one of a single byte too: these are read into a buffer of one's own, which costs more otherwise.
 * @returns Whether it fitted.
 */
async function readInto(
  bytes: BodyBytes,
  body: ReadableStream<Uint8Array<ArrayBuffer>>,
  untold: boolean,
): Promise<boolean> {
  const reader = untold ? byobReader(body) : undefined;
  if (reader === undefined) {
    for await (const piece of body) if (!bytes.add(piece)) return false;
    return true;
  }
  for (let buffer = new Uint8Array(READ_SIZE);;) {
    const { done, value } = await reader.read(buffer);
    if (done) return true;
    // The first piece is kept as it is.
    const next = bytes.size === 0 ? new ArrayBuffer(READ_SIZE) : value.buffer;
    if (!bytes.add(value)) {
      await reader.cancel().catch(() => {});
      return false;
    }
    buffer = new Uint8Array(next);
  }
}

function byobReader(body: ReadableStream): ReadableStreamBYOBReader | undefined {
  try {
    return body.getReader({ mode: "byob" });
  } catch {
    // The stream is one of the program's or its framework's own.
    return undefined;
  }
}

/** A request of the web, and the response that becomes of it. */
export class FetchExchange implements HttpExchange {
  readonly request: EngineRequest;
  readonly remoteAddress: string;
  readonly response: KeptResponse;
  onAbort: (() => void) | undefined;
  /** The response, once it is there. */
  readonly result: Promise<Response>;
  readonly #request: Request;
  #resolve!: (response: Response) => void;
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined;
  #done = false;
  /** Sends what is to be sent, once middleware lets the response end. */
  #send: (() => void) | undefined;

  constructor(request: Request, info: SocketIoRequestInfo = {}) {
    this.#request = request;
    this.remoteAddress = addressOf(info);
    this.request = toEngineRequest(request, this.remoteAddress);
    this.result = new Promise((resolve) => this.#resolve = resolve);
    this.response = new KeptResponse(({ statusCode, body }) => {
      if (this.#send === undefined) this.respond(statusCode, {}, body);
      else this.#send();
    });
  }

  get done(): boolean {
    return this.#done;
  }

  /** A request that the other side gives up is seen only by its response's body: that has to begin. */
  hold(headers: () => ResponseHeaders): boolean {
    let all: Headers;
    try {
      all = this.#headers(200, headers());
    } catch (error) {
      reportCallbackError(error);
      this.#done = true;
      this.#end(() => this.#resolve(new Response(null, { status: 500 })));
      this.onAbort?.();
      return true;
    }
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        this.#stream = controller;
      },
      cancel: () => {
        if (this.#done) return;
        this.#done = true;
        this.onAbort?.();
        this.response.tell("close");
      },
    });
    this.#resolve(new Response(body, { headers: all }));
    return true;
  }

  async readBody(limit: number, hasRoom?: (held: number) => boolean): Promise<RequestBody> {
    const length = this.request.headers["content-length"];
    if (typeof length === "string" && Number(length) > limit) return "too large";
    const bytes = new BodyBytes(limit, hasRoom);
    const { body } = this.#request;
    try {
      if (body !== null && !await readInto(bytes, body, length === undefined)) {
        return bytes.starved ? "no room" : "too large";
      }
    } catch {
      return "aborted";
    }
    return bytes.take();
  }

  respond(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void {
    if (this.#done) return;
    this.#done = true;
    const stream = this.#stream;
    if (stream !== undefined) return this.#end(() => this.#respondBehind(stream, body));
    const response = toResponse(status, () => {
      const all = this.#headers(status, headers);
      all.delete("connection"); // the server's own business
      return all;
    }, body);
    this.#end(() => this.#resolve(response));
  }

  /** Sends the end of the response. Some middleware, as that which keeps sessions, has something to do before. */
  #end(send: () => void): void {
    const { response } = this;
    this.#send = () => {
      this.#send = () => {};
      send();
      this.response.tell("finish");
      this.response.tell("close");
    };
    if (response.writableEnded) return this.#send();
    try {
      response.end();
    } catch (error) {
      reportCallbackError(error);
      this.#send();
    }
  }

  /** Gives the body of a response that has begun. */
  #respondBehind(
    stream: ReadableStreamDefaultController<Uint8Array>,
    body: string | Uint8Array | undefined,
  ): void {
    try {
      if (body !== undefined) {
        stream.enqueue(typeof body === "string" ? new TextEncoder().encode(body) : body);
      }
      stream.close();
    } catch {
      // Deno's server cancels it from within `enqueue` when it finds that the client has gone.
    }
  }

  #headers(status: number, headers: ResponseHeaders): Headers {
    const { response } = this;
    if (response.began) return toHeaders(response.headers, headers);
    const codings = toHeaders(response.headers, headers);
    // Some middleware, as that which keeps sessions, waits for this before it sets its headers.
    response.writeHead(status, headers);
    const all = toHeaders(response.headers, {});
    // Some that compresses says so here, and waits for a body that does not come by it.
    for (const name of CODINGS) {
      const before = codings.get(name);
      if (before === null) all.delete(name);
      else all.set(name, before);
    }
    return all;
  }
}

/** A request of the web for a WebSocket, which `Deno.upgradeWebSocket` answers. */
export class NativeUpgrade implements UpgradeExchange {
  readonly request: EngineRequest;
  readonly remoteAddress: string;
  readonly origin: string | undefined;
  readonly host: string | undefined;
  /** The response, once it is there. */
  readonly result: Promise<Response>;
  readonly #request: Request;
  readonly #maxMessageSize: number;
  #resolve!: (response: Response) => void;
  #done = false;

  constructor(request: Request, maxMessageSize: number, info: SocketIoRequestInfo = {}) {
    this.#request = request;
    this.origin = request.headers.get("origin") ?? undefined;
    this.host = request.headers.get("host") ?? undefined;
    this.#maxMessageSize = maxMessageSize;
    this.remoteAddress = addressOf(info);
    this.request = toEngineRequest(request, this.remoteAddress);
    this.result = new Promise((resolve) => this.#resolve = resolve);
  }

  get done(): boolean {
    return this.#done;
  }

  refuse(status: number, headers: ResponseHeaders, message: string): void {
    if (this.#done) return;
    this.#done = true;
    this.#resolve(toResponse(status, () => toHeaders({}, headers), message));
  }

  async accept(headers: ResponseHeaders): Promise<EngineWebSocket> {
    let all: Headers;
    try {
      all = toHeaders({}, headers);
    } catch (error) {
      // A header of the program's can't be sent.
      reportCallbackError(error);
      this.refuse(500, {}, "Internal error");
      throw error;
    }
    let upgrade: Deno.WebSocketUpgrade;
    try {
      // The heartbeat is the engine's.
      upgrade = Deno.upgradeWebSocket(this.#request, { idleTimeout: 0 });
    } catch (error) {
      this.refuse(400, {}, "Bad request");
      throw error;
    }
    this.#done = true;
    // None means anything to the engine; but browsers that have offered some fail if none is chosen.
    const [protocol] = (this.#request.headers.get("sec-websocket-protocol") ?? "").split(",");
    if (protocol.trim() !== "") all.set("sec-websocket-protocol", protocol.trim());
    for (const [name, value] of all) {
      upgrade.response.headers.append(name, value);
    }
    this.#resolve(upgrade.response);
    return await NativeEngineSocket.open(upgrade.socket, this.#maxMessageSize);
  }
}
