// Floor 3: driver.
/**
 * What the client goes over in Deno: WebSockets of this package, new connections after a loss, and, with the option `proxy`, HTTP over connections that `dial` makes as well.
 * It is apart from the client, which runs in browsers and knows nothing of sockets.
 *
 * @module
 */
import { Agent, type IncomingMessage, request as httpRequest } from "node:http";
import { type Duplex, Readable } from "node:stream";
import { arrayBuffer } from "node:stream/consumers";
import { dial, type DialProxy } from "../net/dial.ts";
import { DialPolicy } from "../net/dial_policy.ts";
import type { NetError, NetErrorCode } from "../net/errors.ts";
import { toNetError } from "../net/os_error.ts";
import { parseProxyUrl, ProxyUrl } from "../net/proxy_url.ts";
import type { TlsClientOptions } from "../net/tls_options.ts";
import { waitFor } from "../net/wait.ts";
import type { ConnectWebSocketOptions } from "../websocket/client.ts";
import {
  type ClientNetwork,
  type OpenNetwork,
  provideOwnFetch,
  provideProxies,
  provideWebSocket,
  type ProxyOptions,
} from "./_client_network.ts";
import { DirectWebSocket } from "./_direct_web_socket.ts";
import { HttpDuplex } from "./_http_duplex.ts";

/** The responses that have no body (fetch standard, "null body status"). */
const NO_BODY: ReadonlySet<number> = new Set([204, 205, 304]);
/** How long a response's body may be to be read at once, in bytes. */
const SHORT_BODY = 4096;
/** How long such a body may take where the status says that it is no answer, in ms. */
const REFUSAL_TIME = 1_000;

/** How many interim responses (100 to 199, but for 101) are passed over. */
const MAX_INTERIM = 16;

/** What `dial` and the WebSocket are told alike. */
interface DialHow {
  readonly proxy: readonly ProxyUrl[];
  readonly tls?: TlsClientOptions;
  readonly proxyTls?: TlsClientOptions;
  readonly policy?: DialPolicy;
}

/** Keeps connections to one server, each through the proxies. */
class ProxiedAgent extends Agent {
  readonly #url: URL;
  readonly #how: DialHow;
  readonly #aborter = new AbortController();

  constructor(url: URL, how: DialHow) {
    super({ keepAlive: true });
    this.#url = url;
    this.#how = how;
  }

  override createConnection(
    _options: unknown,
    callback?: (error: Error | null, stream: Duplex) => void,
  ): Duplex {
    const done = callback as (error: Error | null, stream?: Duplex) => void;
    this.#connect().then((duplex) => done(null, duplex), done);
    return undefined as unknown as Duplex; // it comes by the callback
  }

  async #connect(): Promise<HttpDuplex> {
    const { hostname, port, protocol } = this.#url;
    const secure = protocol === "https:";
    const { signal } = this.#aborter;
    const target = { hostname, port: Number(port) || (secure ? 443 : 80) };
    const tls = secure && { ALPNProtocols: ["http/1.1"], ...this.#how.tls };
    const transport = await dial(target, { ...this.#how, tls, signal });
    if (signal.aborted) {
      transport.close();
      throw signal.reason;
    }
    const duplex = new HttpDuplex(transport, { allowHalfOpen: true });
    // The request that it serves has a listener of its own. An error that comes between two of them, such as that of a write that is still
    // under way when the answer has come, is nobody's, and would end the program.
    duplex.on("error", () => {});
    // Who sends no more answers no request: the own end is of no use then.
    duplex.once("end", () => duplex.destroy());
    return duplex;
  }

  override destroy(): void {
    this.#aborter.abort();
    super.destroy();
  }
}

/** A refusal's body, if it comes soon: what counts is the status. */
async function refusalBody(message: IncomingMessage): Promise<ArrayBuffer | undefined> {
  const timer = setTimeout(() => message.destroy(), REFUSAL_TIME);
  try {
    return await arrayBuffer(message);
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}

/**
 * A response of node:http as that of `fetch`. What is short is read at once: a body that nobody wants would cost the connection, which
 * is dear to make.
 */
async function toResponse(message: IncomingMessage): Promise<Response> {
  const headers = new Headers();
  const { rawHeaders, statusCode: status = 0 } = message;
  for (let i = 0; i < rawHeaders.length; i += 2) headers.append(rawHeaders[i], rawHeaders[i + 1]);
  const short = NO_BODY.has(status) || Number(headers.get("content-length") ?? NaN) <= SHORT_BODY;
  const body = !short
    ? Readable.toWeb(message)
    : await (status === 200 ? arrayBuffer(message) : refusalBody(message));
  return new Response(NO_BODY.has(status) ? null : body as BodyInit, { status, headers });
}

function codedError(code: NetErrorCode, message: string, cause?: unknown): Error {
  return Object.assign(new Error(message, { cause }), { code });
}

/** What node:http fails with. What its parser finds is the server's fault. */
function toFailure(error: unknown, { host, hostname: address, port }: URL): NetError {
  const { code, message } = error as { code?: unknown; message: string };
  const told = /^HPE_/.test(`${code}`) ? codedError("EPROTO", message, error) : error;
  const what = `Cannot get an answer from "${host}"`;
  return toNetError(told, { syscall: "read", address, port: Number(port) || undefined, what });
}

/** The login of a URL. What is not encoded as UTF-8 is taken as it is, as `fetch` does. */
function loginOf({ username, password }: URL): string | undefined {
  if (username === "" && password === "") return undefined;
  return `${username}:${password}`.replaceAll(/(?:%[\da-f]{2})+/gi, (encoded) => {
    try {
      return decodeURIComponent(encoded);
    } catch {
      return encoded;
    }
  });
}

/** As much of `fetch` as polling needs. It follows no redirects. */
function fetchWith(agent: Agent, url: URL, init: RequestInit): Promise<Response> {
  const { method, body } = init;
  const signal = init.signal ?? undefined;
  const answer = new Promise<Response>((resolve, reject) => {
    const headers: Record<string, string> = { ...init.headers as Record<string, string> };
    headers.Host = url.host;
    if (typeof body === "string") headers["Content-Length"] = `${new Blob([body]).size}`;
    const request = httpRequest({
      agent,
      method,
      path: url.pathname + url.search,
      headers,
      auth: loginOf(url),
      signal,
    });
    const fail = (error: unknown): void => reject(toFailure(error, url));
    const closed = (): void => {
      const why = "the connection was closed before the response had come";
      request.destroy(codedError("ECONNRESET", why));
    };
    request.on("error", fail);
    // Deno's node:http would send the request again when a connection is cut that has served one before: what the server has answered
    // or taken meanwhile would be lost, or come twice, and nobody would know.
    request.on("socket", (socket) => {
      socket.once("close", closed);
      request.once("close", () => socket.off("close", closed));
    });
    request.on("response", (message) => {
      toResponse(message).then(resolve, (error) => {
        message.destroy();
        fail(error);
      });
    });
    let interim = 0;
    request.on("information", () => {
      if (++interim <= MAX_INTERIM) return;
      request.destroy(codedError("EPROTO", "the server sends interim responses without end"));
    });
    // Nobody has asked for that.
    request.on("upgrade", (_message, socket) => {
      socket.destroy();
      fail(codedError("EPROTO", "the server answered with status 101"));
    });
    request.end(body ?? undefined);
  });
  // node:http tells a request that has no connection yet of its end when the agent has one for it: a proxy may leave it waiting for ever.
  return waitFor(answer, `get an answer from "${url.host}"`, { signal });
}

function throughProxies(options: ProxyOptions): OpenNetwork {
  const { proxy, tls, proxyTls } = options;
  const list = [proxy].flat() as DialProxy[];
  if (list.length === 0) throw new TypeError("Cannot use the option proxy: it is empty");
  const proxies = list.map((each) => each instanceof ProxyUrl ? each : parseProxyUrl(each));
  const how = { proxy: proxies, tls, proxyTls, policy: DialPolicy.from(options.policy) };
  return (url: URL, maxMessageSize: number): ClientNetwork => {
    const agent = new ProxiedAgent(url, how);
    return {
      fetch: (input, init = {}) => fetchWith(agent, new URL(String(input)), init),
      WebSocket: ownWebSocket(how, maxMessageSize),
      close: () => agent.destroy(),
    };
  };
}

function ownWebSocket(how: ConnectWebSocketOptions, maxMessageSize: number): typeof WebSocket {
  class OwnWebSocket extends DirectWebSocket {
    constructor(url: string, options: { headers?: HeadersInit } = {}) {
      super(url, { ...options, ...how, maxMessageSize });
    }
  }
  return OwnWebSocket as unknown as typeof WebSocket;
}

/** As trusting as `fetch`: what Deno is told of certificates by flags and variables holds for its own TLS. */
const AS_FETCH: ConnectWebSocketOptions = { tls: { implementation: "deno" } };

const PROXY_VARIABLES = ["http_proxy", "https_proxy", "all_proxy"]
  .flatMap((name) => [name, name.toUpperCase()]);

/** Whether Deno's own WebSocket may go through a proxy of the environment: so far as it can't be looked at, it may. */
function mayHaveProxy(): boolean {
  return PROXY_VARIABLES.some((variable) => {
    const { state } = Deno.permissions.querySync({ name: "env", variable });
    return state !== "granted" || Boolean(Deno.env.get(variable));
  });
}

/** Deno's own, which keeps what follows a small message back for up to 40 ms (Nagle's algorithm). */
const PLATFORMS = globalThis.WebSocket;
const PLATFORMS_FETCH = globalThis.fetch;

provideProxies(throughProxies);
provideOwnFetch(() => {
  let client: Deno.HttpClient | undefined;
  return {
    // With the first request, since WebSockets alone need no client; where Deno can't make one (the file of `DENO_CERT` is gone, say), the
    // request fails, as that of `fetch` does. With nothing said it goes by the flags and the environment, as `fetch` does.
    fetch: async (input, init) =>
      await fetch(
        input,
        fetch === PLATFORMS_FETCH
          ? { ...init, client: client ??= Deno.createHttpClient({}) }
          : init,
      ),
    close: () => {
      client?.close();
      client = undefined;
    },
  };
});
provideWebSocket((url, maxMessageSize) => {
  // Another one that was put there is meant to be used.
  if (globalThis.WebSocket !== PLATFORMS || mayHaveProxy()) return undefined;
  return ownWebSocket(url.protocol === "https:" ? AS_FETCH : {}, maxMessageSize);
});
