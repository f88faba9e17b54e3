// Floor 3: driver.
import type { IncomingMessage, ServerResponse } from "node:http";
import { nextTick } from "node:process";
import type { Duplex } from "node:stream";
import { errorOf } from "../net/error_of.ts";
import { TransportDuplex } from "../net/node_transport.ts";
import type { TransportAddr } from "../net/transport.ts";
import { headerPairs } from "./_header_pairs.ts";
import { isToken } from "./_tokens.ts";
import { showThrown } from "./_uncaught.ts";
import { isCutOff, Upload } from "./_upload.ts";
import { HttpFields } from "./http_head.ts";
import { requestUrl } from "./request_url.ts";

/** How much of a body is awaited before its head is sent, in bytes: what is there at once, and no more than a chunk beyond. */
const AT_ONCE_BYTES = 65_536;

/** How many chunks of it, which may be empty. */
const AT_ONCE_CHUNKS = 1024;

/** How long for each chunk, in turns of the queue of promises: a chunk of a `Blob` takes five. */
const AT_ONCE_TURNS = 10;

/**
 * With so many responses that have not left, a connection is not read: its client sends a request in 25 bytes, and what is held for each
 * takes kilobytes. Those that came in the same read are answered, too.
 */
const MAX_UNANSWERED = 100;

/** How much may follow behind nonsense while responses before it are due, in bytes: who sends more does not wait for them, and is cut. */
const MAX_STRAY = 16_777_216;

/** What a fetched response tells of the connection that it came on, beside what every response may not say. */
const BETWEEN_NEIGHBOURS = ["upgrade", "te", "proxy-connection"];

/** The codings that Deno's `fetch` takes off. */
const DECODED: ReadonlySet<string> = new Set(["gzip", "br"]);

/** What a {@linkcode HttpHandler} is told beside the request. */
export interface HttpHandlerInfo {
  /** The client's address; of a client on a Unix socket of node:http itself, which tells none, without a hostname and with port 0. */
  remoteAddr: TransportAddr;
}

/** Answers a plain HTTP request. The request's signal fires when its response has left, or its client. */
export type HttpHandler = (
  request: Request,
  info: HttpHandlerInfo,
) => Response | Promise<Response>;

/** Options of {@linkcode createRequestListener}. */
export interface RequestListenerOptions {
  /**
   * Told what the handler throws, and what goes wrong with its response. That the request's signal had it give up is no error.
   *
   * @default {`console.error`, as with `Deno.serve`}
   */
  onError?: (error: unknown) => void;
}

/**
 * Makes a listener of a `node:http` server's requests that has them answered by a web handler, as `Deno.serve` takes it: an app's `fetch`.
 *
 * Bodies are streams in both directions: what the client does not take is not read from the handler's, and a client that has gone
 * cancels it. What the handler throws becomes 500; a body that fails on its way cuts the connection, so that it does not look whole.
 * What the handler has not read of the request's body when its response has left is thrown away; if it still holds a reader, when that
 * has not read for half a second.
 *
 * In frameworks of `node:http` (Express, Koa, Fastify) it belongs before body parsers: a body that one has read fails to be read again.
 * Requests of HTTP/2, which `node:http2` has, get 505; those of HTTP/1 on the same server (`allowHTTP1`) are answered.
 * The URL is made from the request's `url`, from which Express takes off the path that a middleware was mounted on.
 *
 * How long a request may take, and a client that does not read its response, is for the server to say: `requestTimeout` and `timeout`.
 * What is no request can be answered by {@linkcode answerClientError}.
 *
 * @throws {TypeError} When the handler, or `onError`, is not a function.
 *
 * @example
 * ```ts
 * import { createRequestListener } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 * import { createServer } from "node:http";
 * import type { AddressInfo } from "node:net";
 *
 * const server = createServer(createRequestListener(() => new Response("hello")));
 * await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
 * const { port } = server.address() as AddressInfo;
 * const response = await fetch(`http://127.0.0.1:${port}/`, { headers: { connection: "close" } });
 * assertEquals(await response.text(), "hello");
 * await new Promise((resolve) => server.close(resolve));
 * ```
 */
export function createRequestListener(
  handler: HttpHandler,
  options: RequestListenerOptions = {},
): (request: IncomingMessage, response: ServerResponse) => void {
  if (typeof handler !== "function") {
    throw new TypeError("Cannot make a request listener: the handler is not a function");
  }
  const { onError = showThrown } = options;
  if (typeof onError !== "function") {
    throw new TypeError("Cannot make a request listener: onError is not a function");
  }
  const tell = (error: unknown): void => {
    try {
      // It may be a promise, also of another library or realm.
      Promise.resolve(onError(error)).catch(showThrown);
    } catch (thrown) {
      showThrown(thrown);
    }
  };
  return (request, response) => {
    if (request.httpVersionMajor > 1) {
      // RFC 9110 §15.6.6
      response.writeHead(505).end();
      // A client of node:http may write any version.
      if ("stream" in request) {
        tell(new TypeError("Cannot answer: the server is one of node:http2, not of node:http"));
      }
      return;
    }
    watchResponse(request, response);
    if (isBehindLast(request, response)) return answerOnly(response, 400, ENDS); // which never leaves
    const gone = new AbortController();
    // Its client may have gone before this listener was asked.
    if (response.destroyed) gone.abort();
    else response.once("close", () => gone.abort());
    const { signal } = gone;
    respond(handler, request, response, signal, tell).catch((error) => {
      // What is cut off must not look whole.
      if (response.headersSent) response.destroy();
      // Who still sends its body would be cut off: a proxy then tells its client of that (502). What is left of it is thrown away.
      else answerOnly(response, 500, request.complete ? ENDS : {});
      if (!isAbort(error, signal)) tell(error);
    });
  };
}

/** Whether an error tells that somebody gave up because the client has gone. */
function isAbort(error: unknown, signal: AbortSignal): boolean {
  // The body may be cut off a moment before the signal fires.
  if (isCutOff(error)) return true;
  return signal.aborted &&
    (error === signal.reason || errorOf(error).name === "AbortError");
}

/** The responses that have not left, by their connection. */
const unfinished = new WeakMap<IncomingMessage["socket"], Set<ServerResponse>>();

/** The response to the newest request, by the connection; perhaps no more when it has left and the request has come whole. */
const unread = new WeakMap<IncomingMessage["socket"], ServerResponse>();

/**
 * Sees to what node:http leaves out for requests that come before the response to another has left, as those of any client may:
 *
 * - A response that waits for its turn is destroyed and emits `"close"` at the end of its connection, too; otherwise only the one whose
 *   turn it is does, and what hangs on the others stays for ever.
 * - A connection is not read while 100 of its responses have not left: any number of requests could wait for the first one. That its
 *   client leaves meanwhile is noticed when something is written to it.
 * - Where so much waited that reading was stopped, it goes on when it has left; in Deno it does not by itself.
 * - What nobody has begun to read of a request's body is thrown away when its response has left, as Node does; in Deno it would hold up
 *   the request behind it.
 * - What comes behind the last response of a connection is thrown away, where the connection stays open for a client that still sends.
 *
 * To be called when the request comes. {@linkcode createRequestListener} and the servers here do so.
 *
 * @example
 * ```ts
 * import { watchResponse } from "@sluice/sockets/websocket";
 * import { createServer } from "node:http";
 *
 * const server = createServer((request, response) => {
 *   watchResponse(request, response);
 *   const timer = setInterval(() => response.write("tick\n"), 1000);
 *   response.once("close", () => clearInterval(timer));
 * });
 * server.close();
 * ```
 */
export function watchResponse(request: IncomingMessage, response: ServerResponse): void {
  const { socket } = request;
  // A request that a test injects has none.
  if (typeof socket?.once !== "function") return;
  const responses = responsesOf(socket);
  if (responses.has(response)) return;
  // Something was awaited before this was called, and that was told already.
  if (socket.destroyed) nextTick(() => closeWaiting(response));
  responses.add(response);
  unread.set(socket, response);
  holdBack(socket, responses.size);
  response.once("close", () => {
    responses.delete(response);
    if (request.complete && unread.get(socket) === response) unread.delete(socket);
    if (request.readableFlowing === null) request.resume();
    if (socket.writableEnded && !socket.destroyed) throwAway(socket, request);
    else if (responses.size < MAX_UNANSWERED) readOn(socket);
  });
}

/**
 * Whether a response before this one has said that it is the last: "The server MUST NOT process any further requests received on that
 * connection" RFC 9112 §9.6. Behind a request that says so, node:http takes none.
 */
function isBehindLast({ socket }: IncomingMessage, response: ServerResponse): boolean {
  if (socket?.writableEnded) return true;
  for (const before of unfinished.get(socket) ?? []) {
    if (before === response) return false;
    if (before.headersSent && (before as { _last?: boolean })._last === true) return true;
  }
  return false;
}

/** That was the last response of its connection: what comes behind its request is nobody's, but its client may still send it. RFC 9112 §9.6 */
function throwAway(socket: IncomingMessage["socket"], request: IncomingMessage): void {
  if (request.complete) socket.removeAllListeners("data").resume();
  else {
    readOn(socket);
    request.once("end", () => throwAway(socket, request));
  }
}

/** Those of a connection. Apart from who asks: what listens to the connection must not hold its first request for as long as that stays. */
function responsesOf(socket: IncomingMessage["socket"]): Set<ServerResponse> {
  const known = unfinished.get(socket);
  if (known !== undefined) return known;
  const responses = new Set<ServerResponse>();
  unfinished.set(socket, responses);
  // One listener for all of them: there may be any number. A listener of theirs that throws holds up none of the others.
  socket.once("close", () => {
    for (const waiting of responses) nextTick(() => closeWaiting(waiting));
  });
  // At this node:http reads on, whatever else there was to wait for.
  socket.on("drain", () => holdBack(socket, responses.size));
  return responses;
}

/** Ends a response that has not got its turn, as node:http ends the one that has. */
function closeWaiting(response: ServerResponse): void {
  const state = response as { _closed?: boolean };
  if (response.socket !== null || state._closed || response.writableFinished) return;
  response.destroy();
  // What node:http itself looks at, so that it is not told again.
  state._closed = true;
  response.emit("close");
}

/** Has node:http stop to read where too many responses have not left, as it does where too much of them waits. */
function holdBack(socket: IncomingMessage["socket"], unanswered: number): void {
  const state = socket as { _paused?: boolean; parser?: unknown };
  // Without a parser it is somebody else's, for another protocol.
  if (unanswered < MAX_UNANSWERED || socket.destroyed || state.parser === null) return;
  // Behind the last response all is thrown away.
  if (socket.writableEnded) return;
  state._paused = true;
  socket.pause();
}

/** Has node:http read on, which looks whether it may when it is told that there is room. */
function readOn(socket: IncomingMessage["socket"]): void {
  const { _paused: paused } = socket as { _paused?: boolean };
  if (paused === true && !socket.writableNeedDrain && !socket.destroyed) socket.emit("drain");
}

/** Who is at the other end of a connection of `node:http`. */
function clientOf(socket: IncomingMessage["socket"]): TransportAddr {
  const taken: unknown = socket;
  // Node's two properties can't tell a client on a Unix socket.
  if (taken instanceof TransportDuplex) return taken.remoteAddr;
  const { remoteAddress: hostname = "", remotePort: port = 0 } = socket;
  return { transport: "tcp", hostname, port };
}

/** What a client's error is answered with, by its code, as in Node; with 400 if it is none of these. */
const FAULTS: ReadonlyMap<string | undefined, string> = new Map([
  ["HPE_HEADER_OVERFLOW", "431 Request Header Fields Too Large"],
  ["HPE_CHUNK_EXTENSIONS_OVERFLOW", "413 Payload Too Large"],
  ["ERR_HTTP_REQUEST_TIMEOUT", "408 Request Timeout"],
]);

/** The connections whose end is on its way. */
const ending = new WeakSet<Duplex>();

/**
 * A listener of a server's `clientError`: what came is no request, or none in time. It is answered with 400, 408, 413 or 431 behind the
 * responses to the requests before it, where node:http would put its own in the place of the first one, or cut them off; then the
 * connection ends.
 *
 * It takes the responses into account that {@linkcode watchResponse} was told of. In the middle of one the connection is cut.
 *
 * @example
 * ```ts
 * import { answerClientError, createRequestListener } from "@sluice/sockets/websocket";
 * import { createServer } from "node:http";
 *
 * const server = createServer(createRequestListener(() => new Response("hello")));
 * server.on("clientError", answerClientError);
 * server.close();
 * ```
 */
export function answerClientError(error: Error, socket: Duplex): void {
  // A head that takes too long is told of again and again while responses before it are due; Deno adds a listener of its own each time.
  if (ending.has(socket)) return;
  ending.add(socket);
  socket.setMaxListeners(0);
  const status = FAULTS.get((error as { code?: string }).code) ?? "400 Bad Request";
  // What follows is thrown away; node:http would find fault with each piece of it.
  let stray = 0;
  socket.removeAllListeners("data").on("data", (chunk: Uint8Array) => {
    stray += chunk.length;
    if (stray > MAX_STRAY) socket.destroy();
  }).resume();
  const key = socket as IncomingMessage["socket"];
  const responses = unfinished.get(key) ?? new Set();
  // A body that is broken ends in no other way, and its handler may wait for it: its response is not awaited, unless it was given already.
  const own = unread.get(key);
  const broken = own?.req.complete === false ? own : undefined;
  const step = (): void => {
    const [current] = responses;
    // In the middle of a response it would be taken for a part of that. Those behind the first one wait for their turn.
    if (current?.headersSent && !current.writableEnded) socket.destroy();
    else if (current !== undefined && (current !== broken || current.writableEnded)) {
      current.once("close", step);
    } else end();
  };
  const end = (): void => {
    // There is no second response to one request.
    if (socket.writable && !broken?.writableEnded) {
      socket.end(`HTTP/1.1 ${status}\r\nConnection: close\r\n\r\n`);
    }
    const { destroySoon } = socket as { destroySoon?(): void };
    if (destroySoon !== undefined) destroySoon.call(socket);
    else if (socket.writableFinished || !socket.writableEnded) socket.destroy();
    // What a Duplex of the program has not taken yet would be lost.
    else socket.once("finish", () => socket.destroy());
  };
  step();
}

/** Ends the connection behind a response. */
const ENDS = { connection: "close" };

/** Answers with a status and no body. */
function answerOnly(
  response: ServerResponse,
  status: number,
  own: Record<string, string>,
): void {
  // The reason of a head that could not be written would stay.
  response.statusMessage = "";
  const headers = { ...own, "content-length": "0" };
  try {
    response.writeHead(status, headers).end();
  } catch {
    // What other middleware has set can't go with it, or what it has put around it throws.
    answerBarely(response, status, headers);
  }
}

function answerBarely(
  response: ServerResponse,
  status: number,
  headers: Record<string, string>,
): void {
  try {
    for (const name of response.getHeaderNames()) response.removeHeader(name);
    response.writeHead(status, headers).end();
  } catch {
    response.destroy();
  }
}

/** What a handler is asked for one of node's requests; or the status that answers a request that handlers can't be asked for. */
function toRequest(
  incoming: IncomingMessage,
  signal: AbortSignal,
): { request: Request; upload: Upload | undefined } | number {
  const { method = "GET", headers, rawHeaders, url = "/" } = incoming;
  const secure = (incoming.socket as unknown as { encrypted?: boolean }).encrypted === true;
  const pairs: [string, string][] = [];
  for (let i = 0; i < rawHeaders.length; i += 2) pairs.push([rawHeaders[i], rawHeaders[i + 1]]);
  const fields = new HttpFields(pairs);
  // "A server MUST respond with a 400 to any request that contains more than one Host header field line." RFC 9112 §3.2
  // That of the whole server has no URL: it gets the one that Deno.serve gives it.
  const path = method === "OPTIONS" && url === "*" ? "/*" : url;
  const target = fields.getAll("host").length > 1
    ? undefined
    : requestUrl(path, headers.host, secure);
  if (target === undefined) return 400;
  // A `Request` can't be one of TRACE (Fetch §2.2.1). RFC 9110 §15.6.2
  if (method === "TRACE") return 501;
  const upload = method === "GET" || method === "HEAD" ? undefined : new Upload(incoming);
  const request = new Request(target, {
    method,
    headers: headerPairs(fields),
    body: upload?.stream,
    signal,
  });
  return { request, upload };
}

async function respond(
  handler: HttpHandler,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
  signal: AbortSignal,
  onError: (error: unknown) => void,
): Promise<void> {
  const asked = toRequest(incoming, signal);
  if (typeof asked === "number") return answerOnly(outgoing, asked, ENDS);
  const { request, upload } = asked;
  outgoing.once("close", () => upload?.leave());
  const response = await handler(request, { remoteAddr: clientOf(incoming.socket) });
  const { status, body } = response;
  // Behind a response of status 101 its client would wait for another.
  if (status < 200) throw new TypeError(`Cannot answer: ${status} is not the status of a response`);
  const sent = headersToSend(response);
  const answered = toNodeHeaders(sent);
  if (response.bodyUsed || body?.locked) {
    throw new TypeError("Cannot answer: the body of the response was read already");
  }
  const isHead = request.method === "HEAD";
  const bodiless = status === 204 || status === 304;
  const told = sent.has("content-length");
  const promised = isHead || bodiless ? undefined : promisedLength(sent, body);
  const start = body === null || bodiless || (isHead && told) ? undefined : await startOf(body);
  // "[A] server SHOULD send a Content-Length header field when the content size is known" RFC 9110 §8.6
  const length = start === undefined ? (body === null && !isHead ? 0 : undefined) : start.total;
  if (!told && !bodiless && length !== undefined) answered["content-length"] = String(length);
  if (promised !== undefined && start?.total !== undefined && start.total !== promised) {
    throw wrongLength(start.total, promised);
  }
  const source = start === undefined ? body : start.reader;
  try {
    const { statusText } = response;
    // What other middleware has put around it (npm's on-headers) looks for the headers right behind the status.
    if (statusText === "") outgoing.writeHead(status, answered);
    else outgoing.writeHead(status, statusText, answered);
    if (start !== undefined && !isHead) await sendBody(start, promised, outgoing);
    outgoing.end();
  } catch (error) {
    source?.cancel(error).catch(() => {});
    throw error;
  }
  // Whether or when the source takes notice is nothing for the client to wait for.
  if (start === undefined || isHead) source?.cancel().catch(onError);
}

/** Headers as `writeHead` takes them: each cookie is a line of its own. */
function toNodeHeaders(headers: Headers): Record<string, string | string[]> {
  const all: Record<string, string | string[]> = Object.create(null);
  for (const [name, value] of headers) {
    if (name !== "set-cookie") all[name] = value;
  }
  const cookies = headers.getSetCookie();
  if (cookies.length > 0) all["set-cookie"] = cookies;
  return all;
}

/**
 * The headers, without those that are between two neighbours (RFC 9110 §7.6.1): how the body is framed, and whether the connection
 * stays, is for this one to say, as a response that a handler passes on tells it of another. A handler of its own may say `close`.
 * And without those of the coding that `fetch` has taken off its body.
 */
function headersToSend(response: Response): Headers {
  const fetched = response.url !== "";
  const sent = new Headers(response.headers);
  const connection = sent.get("connection")?.toLowerCase();
  if (fetched) {
    const named = connection?.split(",").map((name) => name.trim()).filter(isToken) ?? [];
    for (const name of [...BETWEEN_NEIGHBOURS, ...named]) sent.delete(name);
  }
  if (fetched || connection === "keep-alive") sent.delete("connection");
  sent.delete("keep-alive");
  sent.delete("transfer-encoding");
  // A `Response` has no trailers, and node:http throws at some that are announced.
  sent.delete("trailer");
  // "A server MUST NOT send a Content-Length header field in any response with a status code of […] 204" RFC 9110 §8.6
  if (response.status === 204) sent.delete("content-length");
  const coding = sent.get("content-encoding")?.toLowerCase() ?? "";
  if (fetched && response.body !== null && DECODED.has(coding)) {
    sent.delete("content-encoding");
    sent.delete("content-length");
  }
  return sent;
}

/**
 * How long the handler says that the body is.
 *
 * @throws {TypeError} When there is no body, and it says that there is.
 */
function promisedLength(headers: Headers, body: Response["body"]): number | undefined {
  const length = headers.get("content-length");
  if (length === null) return undefined;
  if (!/^[0-9]+$/.test(length)) {
    throw new TypeError("Cannot answer: content-length is not a number of bytes");
  }
  if (body === null && Number(length) !== 0) throw wrongLength(0, Number(length));
  return Number(length);
}

/** What follows the body would be taken for a part of it, or what is too much of it for the next response. */
function wrongLength(length: number, promised: number): TypeError {
  return new TypeError(
    `Cannot answer: the body has ${length} bytes, and content-length says ${promised}`,
  );
}

/** The beginning of a body. */
interface BodyStart {
  reader: ReadableStreamDefaultReader<Uint8Array>;
  chunks: Uint8Array[];
  /** How long all of it is, if the chunks are all of it. */
  total: number | undefined;
  /** The read behind the chunks. */
  next: Promise<ReadableStreamReadResult<Uint8Array>>;
}

/** Takes of a body what is there already: all of it where it was made from a string, from bytes, or from what is in memory. */
async function startOf(body: ReadableStream<Uint8Array>): Promise<BodyStart> {
  const reader = body.getReader();
  try {
    return await firstChunks(reader);
  } catch (error) {
    reader.cancel(error).catch(() => {});
    throw error;
  }
}

async function firstChunks(reader: ReadableStreamDefaultReader<Uint8Array>): Promise<BodyStart> {
  const chunks: Uint8Array[] = [];
  for (let length = 0, known = true;;) {
    const next = reader.read();
    // It is looked at later, perhaps when it has failed.
    next.catch(() => {});
    const read: ReadableStreamReadResult<Uint8Array> | undefined = known
      ? await Promise.race([next, turns(AT_ONCE_TURNS)])
      : undefined;
    if (read === undefined || read.done) {
      return { reader, chunks, total: read && length, next };
    }
    checkChunk(read.value);
    chunks.push(read.value);
    // One chunk more, for its end may be there, but no more of what comes and comes.
    known = length <= AT_ONCE_BYTES && chunks.length < AT_ONCE_CHUNKS;
    length += read.value.byteLength;
  }
}

/**
 * A stream may give anything.
 *
 * @throws {TypeError} If it is not bytes.
 */
function checkChunk(chunk: unknown): void {
  if (chunk instanceof Uint8Array) return;
  throw new TypeError("Cannot answer: the body has a chunk that is not a Uint8Array");
}

/** Lets what is settled already, and what hangs on that, go first. */
async function turns(count: number): Promise<undefined> {
  while (count-- > 0) await undefined;
}

/** Sends a body as fast as the client takes it, and cancels it as soon as the client has gone. */
async function sendBody(
  { reader, chunks, total, next }: BodyStart,
  promised: number | undefined,
  outgoing: ServerResponse,
): Promise<void> {
  if (outgoing.destroyed) return await reader.cancel();
  // What begins later may begin much later, as a stream of events does: its client is told now that it will come.
  if (chunks.length === 0 && total === undefined) outgoing.flushHeaders();
  let left: Promise<void> | undefined;
  let goOn: (() => void) | undefined;
  // One of each for all of the body: npm's compression hangs those for "drain" on a stream of its own, from where they can't be taken.
  outgoing.on("drain", () => goOn?.());
  outgoing.once("close", () => {
    left = reader.cancel();
    left.catch(() => {});
    goOn?.();
  });
  for (let length = 0, at = 0, empty = 0;; at++) {
    const { value, done }: ReadableStreamReadResult<Uint8Array> = at < chunks.length
      ? { value: chunks[at], done: false }
      : await (at === chunks.length ? next : reader.read());
    if (outgoing.destroyed) break;
    if (!done) checkChunk(value);
    length += value?.byteLength ?? 0;
    if (promised !== undefined && (done ? length !== promised : length > promised)) {
      throw wrongLength(length, promised);
    }
    if (done) break;
    // A source of nothing but empty chunks must not keep the process from everything else.
    empty = value.byteLength === 0 ? empty + 1 : 0;
    if (empty >= AT_ONCE_CHUNKS) {
      empty = 0;
      await new Promise((resolve) => setTimeout(resolve));
      if (outgoing.destroyed) break;
    }
    if (!outgoing.write(value)) {
      await new Promise<void>((resolve) => goOn = resolve);
    }
  }
  await left;
}
