// Floor 3: driver.
import { concat } from "@std/bytes";
import { Limits } from "../net/limits.ts";
import { checkOptionNames } from "../net/option_names.ts";
import type { TlsInfo } from "../net/tls_options.ts";
import type { Transport } from "../net/transport.ts";
import { createCompression, DEFAULT_THRESHOLD } from "./_compression.ts";
import { type ConnectionHost, ConnectionParts } from "./_connection_parts.ts";
import { DEADLINES, type Expiring } from "./_deadlines.ts";
import { HandshakeInfo } from "./_handshake_info.ts";
import { closeQuietly, type ReceivedHead, writeLatin1 } from "./_head_exchange.ts";
import { Hub, type HubMember } from "./_hub.ts";
import { CONNECTION_OPTIONS } from "./_option_names.ts";
import { type BroadcastSource, RawLink } from "./_raw_link.ts";
import { acceptKey } from "./_tools.ts";
import { reportUncaught } from "./_uncaught.ts";
import { WebSocketConnection } from "./connection.ts";
import {
  resolveConnectionOptions,
  type ResolvedConnectionOptions,
  type WebSocketConnectionOptions,
} from "./connection_options.ts";
import { WebSocketError } from "./errors.ts";
import {
  buildRefusal,
  buildServerHandshake,
  checkClientHandshake,
  checkSubprotocols,
  type ClientRequest,
} from "./handshake.ts";
import { type HttpHeadFault, type HttpRequestHead, parseRequestHead } from "./http_head.ts";
import { checkOriginPolicy, isOriginAllowed } from "./origin.ts";
import {
  acceptDeflate,
  type AcceptedDeflate,
  checkDeflateOptions,
  type PerMessageDeflateOptions,
} from "./permessage_deflate.ts";
import { checkAllowedHosts, isHostAllowed } from "./request_url.ts";
import type {
  WebSocketAcceptOptions,
  WebSocketAdmission,
  WebSocketHandler,
} from "./server_options.ts";

/** How long a refused client has to read why, and the body that says so to come, each, in ms. */
const LINGER = 1000;
/** What connections are answered that are too many. */
export const BUSY =
  "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\nContent-Length: 0\r\n\r\n";
/** By a type that has them all: one that is missing here does not compile. */
const OWN_OPTIONS: Record<
  Exclude<keyof WebSocketAcceptOptions, keyof WebSocketConnectionOptions>,
  true
> = {
  protocols: true,
  default: true,
  pathname: true,
  origin: true,
  allowedHosts: true,
  authorize: true,
  headers: true,
  perMessageDeflate: true,
  handshakeTimeout: true,
  maxConnections: true,
  limits: true,
  onError: true,
};
/** The names of what every server takes. */
export const ACCEPT_OPTIONS: Readonly<Record<string, unknown>> = {
  ...CONNECTION_OPTIONS,
  ...OWN_OPTIONS,
};
const NO_TOPICS: ReadonlySet<string> = new Set();
/**
 * What a yes brings. Whatever else it is, a `Response` of another library for one, may have been meant as a no.
 *
 * @throws {TypeError} For what is neither `true`, nothing nor `{ headers, data }`.
 */
function admittedWith(answer: unknown): WebSocketAdmission {
  if (answer === undefined || answer === true) return {};
  if (!isPlain(answer)) {
    throw new TypeError(
      "Cannot let a client in: authorize returns true, false, nothing, a Response or { headers, data }",
    );
  }
  checkOptionNames("Cannot let a client in", answer, ADMISSION);
  return answer;
}

const ADMISSION: Record<keyof Required<WebSocketAdmission>, true> = { headers: true, data: true };

function isPlain(value: unknown): value is WebSocketAdmission {
  if (typeof value !== "object" || value === null) return false;
  const prototype = Object.getPrototypeOf(value);
  return prototype === null || Object.getPrototypeOf(prototype) === null;
}

/** The most of a body that `authorize` refuses with, in bytes. */
const MAX_REFUSAL = 65_536;

/** A connection from its first byte to the end of its handshake: it has until the deadline. */
export class Arrival implements Expiring {
  deadline = 0;
  deadlineIndex = -1;
  over = false;
  /** Tells who judges the client that it has left. */
  leaving: AbortController | undefined;
  /** What its TLS handshake came to. */
  tls: TlsInfo | undefined;
  constructor(
    /** The connection; another one once TLS runs on it. */
    public transport: Transport,
    readonly core: ServerCore,
  ) {}

  onDeadline(): void {
    this.core.drop(this);
  }
}

/** One client: its connection, what carries it, and its topics. */
class Client implements HubMember, ConnectionHost, BroadcastSource {
  taken: number;
  ws: WebSocketConnection | undefined;
  over = false;
  #topics: Set<string> | undefined;

  constructor(
    readonly core: ServerCore,
    readonly link: RawLink,
    readonly windowBits: number,
  ) {
    this.taken = core.hub.next;
    link.source = this;
  }

  get pending(): boolean {
    return this.core.hub.pending;
  }

  catchUp(): void {
    this.core.hub.catchUp(this);
  }

  sendLater(data: string | Uint8Array, compress: boolean): void {
    this.ws!.send(data, { compress }).catch(({ code }) => {
      // Nobody waits here: at the queue's limit, "wait" is "close".
      if (code === "SEND_QUEUE_FULL") this.link.overLimit(false);
    });
  }

  closed(): void {
    this.core.gone(this);
  }

  get topics(): ReadonlySet<string> {
    return this.#topics ?? NO_TOPICS;
  }

  subscribe(topic: string): void {
    // Nobody would ever take it off the list again.
    if (this.over || this.#topics?.has(topic)) return;
    // What was published before is not for it.
    this.core.hub.flush();
    (this.#topics ??= new Set()).add(topic);
    this.core.group(topic).add(this);
  }

  unsubscribe(topic: string): void {
    if (!this.#topics?.delete(topic)) return;
    // What was published before still reaches it.
    this.core.hub.flush();
    this.core.leaveGroup(topic, this);
  }

  leave(): void {
    // Nothing reaches it any more: what waits for the others, who may be told of each that leaves, goes on waiting.
    for (const topic of this.#topics ?? []) this.core.leaveGroup(topic, this);
    this.#topics = undefined;
  }

  publish(topic: string, data: string | Uint8Array, compress: boolean | undefined): number {
    return this.core.publish(topic, data, compress, this);
  }

  broadcast(data: string | Uint8Array, compress: boolean | undefined): number {
    return this.core.broadcast(data, compress, this.link.protocol, undefined);
  }
}

/** Makes a connection from parts: the constructor's other form, which is not for users. */
const makeConnection = WebSocketConnection as unknown as new (
  parts: ConnectionParts,
) => WebSocketConnection;

/** A connection that an HTTP server has. */
export interface OtherConnection {
  /** Ends it when its responses are sent. */
  finish(): void;
  /** Ends it now. */
  cut(): void;
}

function outOfRange(name: string, value: number): RangeError {
  return new RangeError(`Cannot serve WebSockets: ${name} ${value} is out of range`);
}

/** Everything of a server but where its connections come from. */
export class ServerCore {
  readonly hub: Hub;
  readonly connections = new Set<WebSocketConnection>();
  readonly options: WebSocketAcceptOptions;
  readonly limits: Limits;
  closing = false;

  readonly #resolved: ResolvedConnectionOptions;
  readonly #deflate: PerMessageDeflateOptions | undefined;
  readonly #handlers: ReadonlyMap<string, WebSocketHandler>;
  readonly #headers: ReadonlyArray<readonly [name: string, value: string]>;
  readonly #maxConnections: number;
  readonly handshakeTimeout: number;
  readonly #clients = new Set<Client>();
  /** Made when somebody is left out of something for the first time: most servers never do that. */
  #byConnection: Map<WebSocketConnection, Client> | undefined;
  readonly #byProtocol = new Map<string, Set<Client>>();
  readonly #byTopic = new Map<string, Set<Client>>();
  readonly #arrivals = new Set<Arrival>();
  /** Connections that were handed to an HTTP server: how to end each. */
  readonly #others = new Set<OtherConnection>();
  #idle: PromiseWithResolvers<void> | undefined;
  /** How many connections the limits count here. */
  #counted = 0;

  /** @throws {TypeError} @throws {RangeError} For options that can't be honoured. */
  constructor(options: WebSocketAcceptOptions) {
    const { perMessageDeflate = false, handshakeTimeout, maxConnections } = options;
    const { protocols = {} } = options;
    // A list or a Map has no names, and would be no handlers.
    if (typeof protocols !== "object" || protocols === null || Symbol.iterator in protocols) {
      throw new TypeError("Cannot serve WebSockets: `protocols` is no object of handlers");
    }
    this.options = options;
    this.limits = Limits._of(options.limits);
    this.#resolved = resolveConnectionOptions(options);
    this.#handlers = new Map(Object.entries(protocols));
    checkSubprotocols([...this.#handlers.keys()]);
    if (this.#handlers.size === 0 && options.default === undefined) {
      throw new TypeError("Cannot serve WebSockets: there is neither `protocols` nor `default`");
    }
    for (const handler of [...this.#handlers.values(), options.default ?? (() => {})]) {
      if (typeof handler !== "function") {
        throw new TypeError("Cannot serve WebSockets: a handler is not a function");
      }
    }
    if (perMessageDeflate) {
      this.#deflate = perMessageDeflate === true ? {} : perMessageDeflate;
      checkDeflateOptions(this.#deflate);
    }
    this.handshakeTimeout = handshakeTimeout ?? 10_000;
    this.#maxConnections = maxConnections ?? 16_384;
    if (!(this.handshakeTimeout > 0)) throw outOfRange("handshakeTimeout", this.handshakeTimeout);
    if (!(this.#maxConnections >= 1)) throw outOfRange("maxConnections", this.#maxConnections);
    if (options.allowedHosts !== undefined) checkAllowedHosts(options.allowedHosts);
    if (options.origin !== undefined) checkOriginPolicy(options.origin);
    const { authorize, onError, pathname } = options;
    for (const [name, value] of Object.entries({ authorize, onError })) {
      if (value !== undefined && typeof value !== "function") {
        throw new TypeError(`Cannot serve WebSockets: ${name} is not a function`);
      }
    }
    if (pathname !== undefined && !String(pathname).startsWith("/")) {
      throw new TypeError(
        `Cannot serve WebSockets: the pathname "${pathname}" has no "/" in front`,
      );
    }
    // A header that can't be sent is told now, not at the first client.
    this.#headers = [...new Headers(options.headers)];
    buildServerHandshake({ accept: "", headers: this.#headers });
    this.hub = new Hub(this.#deflate ?? {}, this.#deflate?.threshold ?? DEFAULT_THRESHOLD);
  }

  /** How many connections there are, of all kinds. */
  get size(): number {
    return this.#clients.size + this.#arrivals.size + this.#others.size;
  }

  /** Tells the user's function, which may throw what it likes, or the console. */
  report(error: unknown): void {
    const { onError } = this.options;
    if (onError === undefined) return reportUncaught("a WebSocket server", error);
    try {
      // It may be a promise, also of another library or realm.
      Promise.resolve(onError(error)).catch(() => {});
    } catch {
      // There is nobody left to tell.
    }
  }

  // Arriving.

  /** Takes a new connection in; `undefined` if there are too many. */
  arrive(transport: Transport): Arrival | undefined {
    const { connections } = this.limits;
    if (this.size >= this.#maxConnections || this.closing) return undefined;
    // Who waits for room has waited before this connection was accepted.
    if (connections.full && connections.policy !== "wait") return undefined;
    const arrival = new Arrival(transport, this);
    this.#arrivals.add(arrival);
    this.#count();
    DEADLINES.set(arrival, DEADLINES.now() + this.handshakeTimeout);
    return arrival;
  }

  /** Ends a connection that is in its handshake. */
  drop(arrival: Arrival): void {
    if (arrival.over) return;
    this.settle(arrival);
    closeQuietly(arrival.transport);
    arrival.leaving?.abort();
  }

  /** A connection is through its handshake, one way or another. */
  settle(arrival: Arrival): void {
    arrival.over = true;
    DEADLINES.delete(arrival);
    this.#arrivals.delete(arrival);
    this.#checkIdle();
  }

  /** A connection goes to an HTTP server. Call what is returned when it has ended. */
  handOver(arrival: Arrival, other: OtherConnection): () => void {
    this.#others.add(other);
    this.settle(arrival);
    return () => {
      this.#others.delete(other);
      this.#checkIdle();
    };
  }

  /** Ends the connections that were handed to an HTTP server, each when its responses are sent. */
  finishOthers(): void {
    for (const other of [...this.#others]) other.finish();
  }

  /** Ends the connections that were handed to an HTTP server, now. */
  endOthers(): void {
    for (const other of [...this.#others]) other.cut();
  }

  /** Answers that a client is not let in, lets it read that, and ends the connection. */
  async refuse(
    arrival: Arrival,
    received: ReceivedHead | undefined,
    status: number,
    message: string,
    headers: Iterable<readonly [string, string]> = [],
  ): Promise<void> {
    if (arrival.over) return;
    arrival.leaving = undefined;
    const { transport } = arrival;
    const response = buildRefusal(status, message, headers);
    DEADLINES.set(arrival, Math.min(arrival.deadline, DEADLINES.now() + LINGER));
    const { promise: ended, resolve } = Promise.withResolvers<void>();
    if (received !== undefined) {
      // What else the client sends is thrown away: it is no new request.
      received.reader.redirect({ data: () => {}, end: resolve, error: () => resolve() });
      received.reader.resume();
    }
    try {
      await writeLatin1(transport, response);
      await transport.closeWrite();
      if (received !== undefined && !arrival.over) await ended;
    } catch {
      // The client is gone already.
    }
    received?.reader.stop();
    this.drop(arrival);
  }

  /** Looks at an upgrade request, and lets it in or refuses it. Without `authorize` who is let in is so at once. */
  admit(
    arrival: Arrival,
    received: ReceivedHead,
    secure: boolean,
    head: HttpRequestHead | HttpHeadFault = parseRequestHead(received.text),
  ): Promise<void> | undefined {
    if ("message" in head) return this.refuse(arrival, received, head.status, head.message);
    const request = checkClientHandshake(head);
    if ("status" in request) {
      const { status, message, headers } = request;
      return this.refuse(arrival, received, status, message, headers);
    }
    const { pathname, default: fallback } = this.options;
    if (pathname !== undefined && pathOf(head.target) !== pathname) {
      return this.refuse(arrival, received, 404, "There is no WebSocket here");
    }
    if (!this.isHostAllowed(request.host)) {
      return this.refuse(arrival, received, 421, "This host is not served here");
    }
    if (!this.#isOriginAllowed(request, secure)) {
      return this.refuse(arrival, received, 403, "This origin is not allowed");
    }
    const protocol = request.protocols.find((offered) => this.#handlers.has(offered)) ?? "";
    const handler = protocol === "" ? fallback : this.#handlers.get(protocol);
    if (handler === undefined) {
      return this.refuse(arrival, received, 400, "None of the subprotocols offered is served here");
    }
    const info = new HandshakeInfo("request", received.text, undefined, secure);
    if (this.options.authorize === undefined) {
      this.#open(arrival, received, request, protocol, handler, info, this.#headers);
      return undefined;
    }
    return this.#authorize(arrival, received, info, request, protocol).then((headers) => {
      if (headers === undefined || arrival.over) return;
      this.#open(arrival, received, request, protocol, handler, info, headers);
    });
  }

  /** Whether requests for a host are served. */
  isHostAllowed(host: string | undefined): boolean {
    const { allowedHosts } = this.options;
    return allowedHosts === undefined || isHostAllowed(allowedHosts, host);
  }

  #isOriginAllowed(request: ClientRequest, secure: boolean): boolean {
    try {
      const { origin, host } = request;
      return isOriginAllowed(this.options.origin ?? "same-host", origin, host, secure);
    } catch (error) {
      this.report(error);
      return false;
    }
  }

  /** Asks the user. Returns the response's headers; `undefined` if the client was refused. */
  async #authorize(
    arrival: Arrival,
    received: ReceivedHead,
    info: HandshakeInfo,
    { protocols }: ClientRequest,
    protocol: string,
  ): Promise<Headers | undefined> {
    const { signal } = arrival.leaving = new AbortController();
    this.#watch(arrival, received);
    try {
      const { remoteAddr } = arrival.transport;
      const answer = await this.options.authorize!(info.requestWith(signal), {
        remoteAddr,
        protocols,
        protocol,
        ...arrival.tls !== undefined && { tls: arrival.tls },
      });
      if (answer === false) {
        await this.refuse(arrival, received, 403, "Not allowed");
        return undefined;
      }
      if (answer instanceof Response) {
        await this.#refuseWith(arrival, received, answer, signal);
        return undefined;
      }
      const admission = admittedWith(answer);
      const headers = new Headers(this.options.headers);
      for (const [name, value] of new Headers(admission.headers)) headers.append(name, value);
      info.data = admission.data;
      buildServerHandshake({ accept: "", headers });
      arrival.leaving = undefined;
      received.reader.pause();
      return headers;
    } catch (error) {
      // What was given up because the client has left is no fault.
      if (!signal.aborted || error !== signal.reason) this.report(error);
      await this.refuse(arrival, received, 500, "Internal error");
      return undefined;
    }
  }

  /** Lets go of a client that leaves while it is judged. */
  #watch(arrival: Arrival, received: ReceivedHead): void {
    const { reader } = received;
    const gone = () => this.drop(arrival);
    reader.redirect({
      data(chunk) {
        // It has to wait for the answer (RFC 6455 §4.1): what comes before is kept, and no more of it is read until then.
        received.rest = concat([received.rest, chunk]);
        reader.pause();
      },
      end: gone,
      error: gone,
    });
    reader.resume();
  }

  async #refuseWith(
    arrival: Arrival,
    received: ReceivedHead,
    response: Response,
    signal: AbortSignal,
  ): Promise<void> {
    // That it is refused is told in time, whatever becomes of the text.
    const patience = Math.min(LINGER, (arrival.deadline - DEADLINES.now()) / 2);
    const body = (await beginningOf(response, signal, patience)).trim();
    const own = ["connection", "content-length", "transfer-encoding"];
    const headers = [...response.headers].filter(([name]) => !own.includes(name));
    await this.refuse(arrival, received, response.status, body, headers);
  }

  #open(
    arrival: Arrival,
    received: ReceivedHead,
    request: ClientRequest,
    protocol: string,
    handler: WebSocketHandler,
    info: HandshakeInfo,
    headers: Iterable<readonly [name: string, value: string]>,
  ): void {
    const deflate = this.#deflate && acceptDeflate(request.extensions, this.#deflate);
    const response = buildServerHandshake({
      accept: acceptKey(request.key),
      protocol,
      extension: deflate?.response,
      headers,
    });
    const link = this.#link(arrival.transport, received, protocol, deflate);
    const { writer } = link;
    const at = writer.reserve(response.length);
    for (let i = 0; i < response.length; i++) writer.buffer[at + i] = response.charCodeAt(i);
    writer.commit(response.length);
    const bits = deflate === undefined ? 0 : deflate.parameters.serverMaxWindowBits;
    const client = new Client(this, link, bits);
    this.#clients.add(client);
    this.settle(arrival);
    if (this.#handlers.size > 0) this.#addTo(this.#byProtocol, protocol, client);
    const ws = new makeConnection(new ConnectionParts(link, this.#resolved, info, client));
    client.ws = ws;
    this.connections.add(ws);
    this.#byConnection?.set(ws, client);
    if (client.over) this.gone(client);
    else this.#handle(client, ws, handler);
  }

  #link(
    transport: Transport,
    received: ReceivedHead,
    protocol: string,
    deflate: AcceptedDeflate | undefined,
  ): RawLink {
    return new RawLink(transport, {
      role: "server",
      protocol,
      extensions: deflate === undefined ? "" : "permessage-deflate",
      compression: deflate && createCompression("server", deflate.parameters, this.#deflate),
      options: this.#resolved,
      reader: received.reader,
      rest: received.rest,
      limits: this.limits,
    });
  }

  /** A client's connection has ended. */
  gone(client: Client): void {
    client.over = true;
    if (client.ws === undefined) return;
    client.leave();
    this.#clients.delete(client);
    this.#byConnection?.delete(client.ws);
    this.connections.delete(client.ws);
    this.#removeFrom(this.#byProtocol, client.link.protocol, client);
    this.#checkIdle();
  }

  #handle(client: Client, ws: WebSocketConnection, handler: WebSocketHandler): void {
    const { link } = client;
    const failed = (cause: unknown) => {
      this.report(cause);
      link.failWith(
        new WebSocketError("The WebSocket was closed: its handler threw", {
          code: "CALLBACK",
          closeCode: 1011,
          cause,
        }),
      );
    };
    try {
      const result = handler(ws);
      if (typeof result === "object" && result !== null && "then" in result) {
        Promise.resolve(result).catch(failed);
      }
    } catch (error) {
      failed(error);
    }
  }

  // Sending to many.

  /** The subscribers of a topic, to add one. */
  group(topic: string): Set<Client> {
    let group = this.#byTopic.get(topic);
    if (group === undefined) this.#byTopic.set(topic, group = new Set());
    return group;
  }

  /** Takes a subscriber off. */
  leaveGroup(topic: string, client: Client): void {
    this.#removeFrom(this.#byTopic, topic, client);
  }

  /** How many subscribe to a topic. */
  subscribers(topic: string): number {
    return this.#byTopic.get(topic)?.size ?? 0;
  }

  /** Sends to the subscribers of a topic. */
  publish(
    topic: string,
    data: string | Uint8Array,
    compress: boolean | undefined,
    except: HubMember | undefined,
  ): number {
    const group = this.#byTopic.get(topic);
    return group === undefined ? 0 : this.hub.send(group, data, compress, except);
  }

  /** Sends to all clients, or to those with a subprotocol. */
  broadcast(
    data: string | Uint8Array,
    compress: boolean | undefined,
    protocol: string | undefined,
    except: WebSocketConnection | undefined,
  ): number {
    const all = protocol === undefined || (protocol === "" && this.#handlers.size === 0);
    const group = all ? this.#clients : this.#byProtocol.get(protocol);
    return group === undefined
      ? 0
      : this.hub.send(group, data, compress, except && this.#clientOf(except, group));
  }

  /** Who a connection is among the subscribers of a topic, if it is one of them. */
  subscriber(topic: string, ws: WebSocketConnection): HubMember | undefined {
    const group = this.#byTopic.get(topic);
    return group && this.#clientOf(ws, group);
  }

  /** Who a connection is in a group, if it is in it. */
  #clientOf(ws: WebSocketConnection, group: ReadonlySet<Client>): Client | undefined {
    if (this.#byConnection === undefined) {
      this.#byConnection = new Map();
      for (const client of this.#clients) {
        if (client.ws !== undefined) this.#byConnection.set(client.ws, client);
      }
    }
    const client = this.#byConnection.get(ws);
    return client !== undefined && group.has(client) ? client : undefined;
  }

  #addTo(groups: Map<string, Set<Client>>, name: string, client: Client): void {
    const group = groups.get(name);
    if (group === undefined) groups.set(name, new Set([client]));
    else group.add(client);
  }

  #removeFrom(groups: Map<string, Set<Client>>, name: string, client: Client): void {
    const group = groups.get(name);
    if (group?.delete(client) && group.size === 0) groups.delete(name);
  }

  // Ending.

  /** Ends the connections that are in their handshake. */
  dropArrivals(): void {
    for (const arrival of [...this.#arrivals]) this.drop(arrival);
  }

  /** Resolves when there are no more connections. */
  idle(): Promise<void> {
    const { promise } = this.#idle ??= Promise.withResolvers<void>();
    this.#checkIdle();
    return promise;
  }

  /** Has the limits count the connections that there are. */
  #count(): void {
    const more = this.size - this.#counted;
    this.#counted += more;
    if (more > 0) this.limits.connections.add(more);
    else if (more < 0) this.limits.connections.remove(-more);
  }

  #checkIdle(): void {
    this.#count();
    if (this.#idle !== undefined && this.size === 0) {
      this.#idle.resolve();
      this.#idle = undefined;
    }
  }
}

/** The text of a response, up to {@linkcode MAX_REFUSAL} and as far as it comes in time; the rest is not waited for. */
async function beginningOf(
  { body, bodyUsed }: Response,
  signal: AbortSignal,
  patience: number,
): Promise<string> {
  if (bodyUsed) throw new TypeError("Cannot refuse: the body of the response was read already");
  const decoder = new TextDecoder();
  let text = "";
  let left = MAX_REFUSAL;
  let cut = false;
  const reader = body?.getReader();
  // It ends a read that waits. Whether or when the source takes notice is nothing to wait for.
  const stop = () => {
    cut = true;
    reader?.cancel().catch(() => {});
  };
  const timer = setTimeout(stop, patience);
  signal.addEventListener("abort", stop);
  if (signal.aborted) stop();
  try {
    for (let read; reader !== undefined && !(read = await reader.read()).done;) {
      text += decoder.decode(read.value.subarray(0, left), { stream: true });
      left -= read.value.length;
      if (left <= 0) {
        stop();
        break;
      }
    }
  } finally {
    clearTimeout(timer);
    signal.removeEventListener("abort", stop);
  }
  // Where it is cut may be in the middle of a character, which is left out.
  return cut ? text : text + decoder.decode();
}

/** A request target without its query. */
function pathOf(target: string): string {
  const query = target.indexOf("?");
  return query < 0 ? target : target.slice(0, query);
}
