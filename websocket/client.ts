// Floor 3: driver.
import type { DialOptions } from "../net/dial.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { toNetError } from "../net/os_error.ts";
import type { Transport } from "../net/transport.ts";
import { type Deadline, deadlineSignal, isBounded, type WaitOptions } from "../net/wait.ts";
import { createCompression } from "./_compression.ts";
import { ConnectionParts } from "./_connection_parts.ts";
import { HandshakeInfo } from "./_handshake_info.ts";
import {
  HeadEndError,
  HeadFaultError,
  type ReceivedHead,
  receiveHead,
  writeLatin1,
} from "./_head_exchange.ts";
import { CONNECTION_OPTIONS, FOREIGN_CLIENT_OPTIONS } from "./_option_names.ts";
import { RawLink } from "./_raw_link.ts";
import { closeQuietly } from "./_head_exchange.ts";
import { readRefusal, toResponse } from "./_refusal.ts";
import { acceptKey, newKey } from "./_tools.ts";
import { WebSocketConnection } from "./connection.ts";
import { resolveConnectionOptions, type WebSocketConnectionOptions } from "./connection_options.ts";
import { WebSocketHandshakeError } from "./errors.ts";
import { type AgreedHandshake, buildClientHandshake, checkServerHandshake } from "./handshake.ts";
import {
  checkHttpHeadLimits,
  type HttpHeadLimits,
  type HttpResponseHead,
  parseResponseHead,
} from "./http_head.ts";
import type { PerMessageDeflateOptions } from "./permessage_deflate.ts";
import { parseWebSocketUrl, type WebSocketTarget } from "./url.ts";

/** What {@linkcode connectWebSocket} hands on to `dial`. */
export type WebSocketDialOptions = Pick<
  DialOptions,
  | "tls"
  | "proxy"
  | "proxyTls"
  | "policy"
  | "localAddress"
  | "localPort"
  | "family"
  | "noDelay"
  | "lookup"
  | "attemptDelay"
>;

/** Options of {@linkcode connectWebSocket}. */
export interface ConnectWebSocketOptions extends WebSocketConnectionOptions, WebSocketDialOptions {
  /** The subprotocols to offer, best first. */
  protocols?: string | readonly string[];
  /** Headers for the request. They go to the host of the URL only, never on through a redirect to another. */
  headers?: HeadersInit;
  /** The `Origin` header. Browsers send one, other clients need not. */
  origin?: string;
  /**
   * Offers compression; `true` for the defaults. See the danger told there.
   *
   * @default {false}
   */
  perMessageDeflate?: boolean | PerMessageDeflateOptions;
  /** A transport that is connected already, through TLS if there is to be TLS. Nothing is dialled then. */
  transport?: Transport;
  /**
   * How long connecting may take, TLS and proxies included, in ms.
   *
   * @default {10_000}
   */
  connectTimeout?: number;
  /**
   * How long the server may take to answer the handshake after that, in ms.
   *
   * @default {10_000}
   */
  handshakeTimeout?: number;
  /**
   * How many redirects are followed. A redirect from `wss:` to `ws:` never is.
   *
   * @default {0}
   */
  maxRedirects?: number;
  /** Limits for the head of the server's response. */
  head?: HttpHeadLimits;
  /** Ends the connecting when it fires. Later it does nothing. */
  signal?: AbortSignal;
}

/** By a type that has them all: one that is missing here does not compile. */
const OWN_OPTIONS: Record<
  Exclude<keyof ConnectWebSocketOptions, keyof WebSocketConnectionOptions>,
  true
> = {
  tls: true,
  proxy: true,
  proxyTls: true,
  policy: true,
  localAddress: true,
  localPort: true,
  family: true,
  noDelay: true,
  lookup: true,
  attemptDelay: true,
  protocols: true,
  headers: true,
  origin: true,
  perMessageDeflate: true,
  transport: true,
  connectTimeout: true,
  handshakeTimeout: true,
  maxRedirects: true,
  head: true,
  signal: true,
};
const KNOWN: Readonly<Record<string, unknown>> = { ...CONNECTION_OPTIONS, ...OWN_OPTIONS };

const REDIRECTS: ReadonlySet<number> = new Set([301, 302, 303, 307, 308]);
/** How many interim responses (100 to 199, but for 101) are passed over. */
const MAX_INTERIM = 16;

const makeConnection = WebSocketConnection as unknown as new (
  parts: ConnectionParts,
) => WebSocketConnection;

/**
 * Opens a WebSocket to a server.
 *
 * The handshake is checked to the letter: a server that does not prove that it has read the key, or that chooses a
 * subprotocol or an extension that was not offered, is refused.
 *
 * @param url A `ws:` or `wss:` URL, or `ws+unix:FILE:/TARGET`. A user and a password in it become an `Authorization` header.
 * @throws {TypeError} If the URL or an option is malformed, or an option is not known.
 * @throws {RangeError} If a limit or a time is out of range.
 * @throws {WebSocketHandshakeError} If the server does not answer, or not as it has to; it names the header, what was expected, and what came.
 * @throws {NetError} If the server can't be reached: `ECONNREFUSED`, `ENOTFOUND`, `ETIMEDOUT`, `ABORT_ERR`, and those of TLS and proxies;
 * or if the connection breaks before the server has answered: `ECONNRESET`, `EPIPE`, `ERR_TLS`.
 *
 * @example
 * ```ts
 * import { connectWebSocket, serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => void ws.on("message", (data) => ws.send(data)),
 * });
 * const ws = await connectWebSocket(`ws://127.0.0.1:${server.port}/feed`, {
 *   headers: { "x-token": "secret" },
 *   signal: AbortSignal.timeout(5000),
 * });
 * await ws.send(new Uint8Array([1, 2, 3]));
 * const { data } = await ws.receive();
 * assertEquals(data, new Uint8Array([1, 2, 3]));
 * await ws.close();
 * ```
 */
export async function connectWebSocket(
  url: string | URL,
  options: ConnectWebSocketOptions = {},
): Promise<WebSocketConnection> {
  const attempt = new ClientAttempt(url, options);
  for (let redirects = options.maxRedirects ?? 0;; redirects--) {
    const result = await attempt.run();
    if (result instanceof WebSocketConnection) return result;
    if (redirects <= 0) throw result;
    attempt.redirect(result);
  }
}

/** A redirect, as the error that it is unless it is followed. */
class RedirectError extends WebSocketHandshakeError {
  readonly location: string | undefined;
  constructor(display: string, head: HttpResponseHead) {
    const { status } = head;
    super(`Cannot connect to "${display}": it redirects with status ${status}`, {
      code: "HANDSHAKE_REDIRECT",
      status,
      header: "Location",
      response: toResponse(head),
    });
    this.location = head.fields.getAll("location")[0];
  }
}

/** One call of `connectWebSocket`: the options, checked, and where they lead now. */
class ClientAttempt {
  #url: string;
  #target: WebSocketTarget;
  /** Whether the target is still the host of the URL that was given. */
  #sameHost = true;
  readonly #options: ConnectWebSocketOptions;
  readonly #protocols: readonly string[];
  readonly #deflate: PerMessageDeflateOptions | undefined;
  readonly #resolved: ReturnType<typeof resolveConnectionOptions>;

  constructor(url: string | URL, options: ConnectWebSocketOptions) {
    checkOptionNames("Cannot connect", options, KNOWN, FOREIGN_CLIENT_OPTIONS);
    this.#options = options;
    this.#url = String(url);
    this.#target = parseWebSocketUrl(url);
    this.#resolved = resolveConnectionOptions(options);
    const { protocols = [], perMessageDeflate = false, maxRedirects = 0 } = options;
    this.#protocols = typeof protocols === "string" ? [protocols] : protocols;
    this.#deflate = perMessageDeflate === true ? {} : perMessageDeflate || undefined;
    isBounded("connect", { timeout: options.handshakeTimeout });
    if (!(maxRedirects >= 0)) {
      throw new RangeError(`Cannot connect: maxRedirects ${maxRedirects} is out of range`);
    }
    if (options.head !== undefined) checkHttpHeadLimits(options.head);
    const { tls = {} } = options;
    if (typeof tls !== "boolean" && (typeof tls !== "object" || tls === null)) {
      throw new TypeError("Cannot connect: `tls` is neither true nor an object");
    }
    if (options.transport !== undefined) this.#checkNoDialing(options);
    else if (options.tls !== undefined && !this.#target.secure) {
      throw new TypeError("Cannot connect: `tls` is for wss: URLs");
    } else if (options.tls === false) {
      throw new TypeError("Cannot connect: the URL says whether TLS is spoken, not `tls`");
    }
    // What can't be sent is told before anything is opened.
    this.#request(newKey());
  }

  #checkNoDialing(options: ConnectWebSocketOptions): void {
    const names = ["tls", "proxy", "proxyTls", "policy", "localAddress", "localPort", "family"]
      .concat("noDelay", "lookup", "attemptDelay", "connectTimeout", "maxRedirects") as Array<
        keyof ConnectWebSocketOptions
      >;
    const name = names.find((name) => options[name] !== undefined);
    if (name !== undefined) {
      throw new TypeError(`Cannot connect: \`${name}\` has no meaning beside \`transport\``);
    }
  }

  #request(key: string): string {
    const { target, host, authorization } = this.#target;
    const headers = new Headers(this.#sameHost ? this.#options.headers : undefined);
    if (authorization !== undefined && !headers.has("authorization")) {
      headers.set("authorization", authorization);
    }
    return buildClientHandshake({
      target,
      host,
      key,
      protocols: this.#protocols,
      deflate: this.#deflate,
      origin: this.#options.origin,
      headers,
    });
  }

  /** Connects and makes the handshake. A redirect is returned, not thrown. */
  async run(): Promise<WebSocketConnection | RedirectError> {
    const { handshakeTimeout = 10_000, signal } = this.#options;
    const transport = await this.#dial();
    const what = `open the WebSocket to "${this.#target.display}"`;
    let deadline: Deadline | undefined;
    try {
      deadline = deadlineSignal(what, { timeout: handshakeTimeout, signal });
      // Closing is what ends a read that is under way.
      deadline.onfire(() => closeQuietly(transport));
      const result = await this.#shakeHands(transport);
      // It may have fired while the answer was read: the transport is closed then.
      if (deadline.fired === null) return result;
      if (result instanceof WebSocketConnection) result.terminate();
      throw deadline.fired;
    } catch (error) {
      closeQuietly(transport);
      throw this.#explain(error, deadline, handshakeTimeout);
    } finally {
      deadline?.clear();
    }
  }

  async #dial(): Promise<Transport> {
    const { transport, connectTimeout = 10_000, signal } = this.#options;
    if (transport !== undefined) return transport;
    const { tls, proxy, proxyTls, policy, localAddress, localPort } = this.#options;
    const { family, noDelay, lookup, attemptDelay } = this.#options;
    const { secure, hostname, port, path } = this.#target;
    const wait: WaitOptions = { timeout: connectTimeout, signal };
    // Loaded when it is needed: it brings node:net and node:tls along.
    const { dial } = await import("../net/dial.ts");
    return await dial(path === undefined ? { hostname, port } : { path }, {
      ...wait,
      tls: secure ? this.#tls(tls) : undefined,
      proxy,
      proxyTls,
      policy,
      localAddress,
      localPort,
      family,
      noDelay,
      lookup,
      attemptDelay,
    });
  }

  /** HTTP/1.1 by ALPN and nothing else; and a client certificate is for the host that it was meant for. */
  #tls(tls: DialOptions["tls"]): DialOptions["tls"] {
    const given = typeof tls === "object" ? { ...tls } : {};
    if (!this.#sameHost) {
      delete given.cert;
      delete given.key;
      delete given.passphrase;
      delete given.servername;
    }
    return { ALPNProtocols: ["http/1.1"], ...given };
  }

  async #shakeHands(transport: Transport): Promise<WebSocketConnection | RedirectError> {
    const key = newKey();
    await writeLatin1(transport, this.#request(key));
    const { received, head } = await this.#receive(transport);
    if (REDIRECTS.has(head.status)) {
      received.reader.stop();
      closeQuietly(transport);
      return new RedirectError(this.#target.display, head);
    }
    const agreed = checkServerHandshake(head, {
      accept: acceptKey(key),
      protocols: this.#protocols,
      deflate: this.#deflate,
    });
    if (!(agreed instanceof WebSocketHandshakeError)) {
      return this.#open(transport, received, agreed);
    }
    if (agreed.code !== "HANDSHAKE_STATUS") {
      received.reader.stop();
      throw this.#named(agreed);
    }
    throw this.#named(agreed, await readRefusal(received, head));
  }

  /** What is wrong with the server's answer, with the server in its text. */
  #named(error: WebSocketHandshakeError, response?: Response): WebSocketHandshakeError {
    const { message, code, status, header, expected, actual } = error;
    const text = message.replace(":", () => ` to "${this.#target.display}":`);
    return new WebSocketHandshakeError(text, {
      code,
      status,
      header,
      expected,
      actual,
      response,
    });
  }

  /** The head of the final response: "A client MUST be able to parse one or more 1xx responses" (RFC 9110 §15.2). */
  async #receive(
    transport: Transport,
  ): Promise<{ received: ReceivedHead; head: HttpResponseHead }> {
    let first: Uint8Array | undefined;
    for (let interim = 0;; interim++) {
      const received = await receiveHead(transport, "response", this.#options.head, first);
      const head = parseResponseHead(received.text);
      if ("message" in head) throw new HeadFaultError(head, received);
      const { status } = head;
      if (status >= 200 || status === 101 || interim === MAX_INTERIM) return { received, head };
      received.reader.stop();
      first = received.rest;
    }
  }

  #open(
    transport: Transport,
    received: ReceivedHead,
    agreed: AgreedHandshake,
  ): WebSocketConnection {
    const deflate = this.#deflate;
    const link = new RawLink(transport, {
      role: "client",
      protocol: agreed.protocol,
      extensions: agreed.extensions,
      compression: agreed.deflate && createCompression("client", agreed.deflate, deflate),
      options: this.#resolved,
      reader: received.reader,
      rest: received.rest,
    });
    const info = new HandshakeInfo("response", received.text, this.#publicUrl(), false);
    return new makeConnection(new ConnectionParts(link, this.#resolved, info, undefined));
  }

  /** The URL without user and password. */
  #publicUrl(): string {
    const url = new URL(this.#url);
    url.username = url.password = "";
    return url.href.replace(/^http/, "ws");
  }

  #explain(error: unknown, deadline: Deadline | undefined, timeout: number): unknown {
    const { display } = this.#target;
    const fired = deadline?.fired;
    // The refusal came in time, if all of its body did not.
    const refused = error instanceof WebSocketHandshakeError && error.status !== undefined;
    if (refused && fired?.code !== "ABORT_ERR") return error;
    if (fired?.code === "ETIMEDOUT") {
      return new WebSocketHandshakeError(
        `Cannot connect to "${display}": the server did not answer the handshake within ${timeout} ms`,
        { code: "HANDSHAKE_TIMEOUT", cause: fired },
      );
    }
    if (fired) return fired;
    if (error instanceof HeadFaultError) {
      const { status, message } = error.fault;
      error.received.reader.stop();
      return new WebSocketHandshakeError(
        `Cannot connect to "${display}": the server's answer is malformed: ${message}`,
        { code: status === 431 || status === 414 ? "HANDSHAKE_TOO_LARGE" : "HANDSHAKE_MALFORMED" },
      );
    }
    if (error instanceof HeadEndError) {
      return new WebSocketHandshakeError(
        `Cannot connect to "${display}": the server ended the connection before it answered`,
        { code: "HANDSHAKE_CLOSED" },
      );
    }
    const told = error instanceof WebSocketHandshakeError || error instanceof TypeError ||
      error instanceof RangeError;
    // What is left is of the transport, and `Deno.Conn` throws errors of its own.
    return told
      ? error
      : toNetError(error, { syscall: "connect", what: `Cannot connect to "${display}"` });
  }

  /** Goes where a redirect says. What was meant for the host of the URL does not go along to another. */
  redirect(redirect: RedirectError): void {
    const { location } = redirect;
    const base = new URL(this.#url);
    if (location === undefined || !URL.canParse(location, base.href)) throw redirect;
    const next = new URL(location, base);
    let target;
    try {
      target = parseWebSocketUrl(next);
    } catch {
      throw redirect;
    }
    const before = this.#target;
    if (target.path !== undefined || (before.secure && !target.secure)) throw redirect;
    const same = before.path === undefined && target.hostname === before.hostname &&
      target.port === before.port && target.secure === before.secure;
    if (!same) this.#sameHost = false;
    this.#url = next.href;
    // Only the URL that the user gave may carry a user and a password.
    const authorization = this.#sameHost ? before.authorization : undefined;
    this.#target = { ...target, authorization };
  }
}
