// Floor 3: driver.
import { defineInspect } from "../buffer/define_inspect.ts";
import { NetError } from "../net/errors.ts";
import {
  checkWaitOptions,
  deadlineSignal,
  isBounded,
  waitFor,
  type WaitOptions,
} from "../net/wait.ts";
import { closePayload } from "./_frame_output.ts";
import { checkSendOptions } from "./_outgoing.ts";
import { shownUrl } from "./_shown_url.ts";
import { PLATFORM_TOOLS } from "./_tools.ts";
import { reportUncaught } from "./_uncaught.ts";
import { backoffDelay, type BackoffOptions, checkBackoff } from "./backoff.ts";
import { connectWebSocket, type ConnectWebSocketOptions } from "./client.ts";
import type { WebSocketConnection } from "./connection.ts";
import type { WebSocketSendable, WebSocketSendOptions } from "./connection_types.ts";
import { WebSocketError, WebSocketHandshakeError } from "./errors.ts";
import type { WebSocketCloseInfo, WebSocketData } from "./types.ts";

/** What is told before the connection is tried again. */
export interface ReconnectingRetry {
  /** Why: how the last connection ended, or why the last attempt failed. */
  reason: WebSocketCloseInfo | Error;
  /** How many attempts in a row have failed. */
  failures: number;
  /** How long it waits now, in ms. */
  delay: number;
}

/** Something that is always the same, or what gives it: that is asked before each attempt. */
export type ReconnectingValue<T> = T | (() => T | Promise<T>);

/** Options of {@linkcode reconnecting}. */
export interface ReconnectingOptions
  extends Omit<ConnectWebSocketOptions, "transport" | "signal" | "headers"> {
  /** Headers for the handshake. A function is asked for them before each attempt, as for the URL: for a token that expires. */
  headers?: ReconnectingValue<HeadersInit | undefined>;
  /** How long to wait before each attempt. */
  backoff?: BackoffOptions;
  /**
   * Whether to come back after a connection that ended so. By default after every end but this side's own `close()`,
   * and after every failed attempt but those that will not get better by themselves: a handshake that the server
   * answered with a status from 400 to 499 (408, 425 and 429 excepted), or that it does not understand, and a proxy
   * that does not take the name and password. A promise is a fault, and ends it all: it would be a yes whatever it promises.
   */
  retry?: (reason: WebSocketCloseInfo | Error) => boolean;
  /**
   * Called before each wait, to show it for example. What it throws ends it all, as what `retry` throws. A promise is not waited for;
   * what it is rejected with goes to the console.
   */
  onRetry?: (retry: ReconnectingRetry) => void;
  /** Gives up for good when it fires, and closes the connection. */
  signal?: AbortSignal;
}

/** A connection that ends sooner is no success: the waits go on growing, where a server lets in and closes at once. In ms. */
const STEADY = 5_000;

/** What the server may do better the next time. */
const TEMPORARY: ReadonlySet<number> = new Set([408, 425, 429]);

function retriesByDefault(reason: WebSocketCloseInfo | Error): boolean {
  if (reason instanceof TypeError || reason instanceof RangeError) return false;
  // To ask again and again with the same password may lock an account.
  if (reason instanceof NetError && reason.code === "ERR_PROXY_AUTH") return false;
  if (!(reason instanceof WebSocketHandshakeError)) return true;
  const { code, status } = reason;
  if (status !== undefined && status >= 400 && status < 500) return TEMPORARY.has(status);
  return code === "HANDSHAKE_STATUS" || code === "HANDSHAKE_TIMEOUT" || code === "HANDSHAKE_CLOSED";
}

/**
 * A connection that comes back: an async iterable of connections, each opened when the one before has ended.
 *
 * Made by {@linkcode reconnecting}.
 */
export interface ReconnectingWebSocket extends AsyncDisposable {
  /** The connection that is open now, if one is. */
  readonly current: WebSocketConnection | undefined;
  /** How often a connection was opened. */
  readonly connections: number;
  /** Each connection in turn. The next one is opened when this one has ended and the loop asks for more. */
  [Symbol.asyncIterator](): AsyncIterator<WebSocketConnection, undefined>;
  /** The messages of all connections. What the server sent while there was none is not among them. */
  messages(): AsyncIterableIterator<WebSocketData, undefined>;
  /**
   * Sends on the connection that is open, or on the next one.
   *
   * Only somebody who iterates opens connections: without a loop it waits for good. `timeout` is one time for all that it waits for.
   *
   * @throws {TypeError} For options that there are not.
   * @throws {WebSocketError} `CLOSED` after `close()`, or when it was given up.
   * @throws {NetError} `ETIMEDOUT` or `ABORT_ERR`.
   */
  send(data: WebSocketSendable, options?: WebSocketSendOptions): Promise<void>;
  /**
   * Resolves to the next connection, or at once to the one that is open.
   *
   * @throws {WebSocketError} `CLOSED` as `send`.
   */
  connected(options?: WaitOptions): Promise<WebSocketConnection>;
  /** Ends the wait before the next attempt, if there is one: for who knows that the network is back. Later waits are as long as ever. */
  retryNow(): void;
  /**
   * Ends it for good.
   *
   * @throws {RangeError} For a code that must not be sent; nothing is ended then.
   * @throws {TypeError} For a reason of more than 123 bytes; nothing is ended then.
   */
  close(code?: number, reason?: string): Promise<void>;
}

/**
 * Connects again and again, with growing and random waits between failed attempts, and between connections that end within 5 s.
 *
 * What is wrong with the URL, or with what `connectWebSocket` takes, rejects the loop.
 *
 * The URL and the headers may be functions, which are asked before each attempt: for a new token. They have `connectTimeout` together. What they
 * throw, or are rejected with, is a failed attempt, after which `retry` is asked; without it there is another one, whatever it is.
 *
 * @throws {RangeError} If a part of `backoff` is out of range.
 * @throws {TypeError} If `retry` or `onRetry` is not a function, a `transport` is given, or `backoff` has what there is not.
 *
 * @example
 * ```ts
 * import { reconnecting, serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * let visits = 0;
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => {
 *     ws.send(`visit ${++visits}`);
 *     ws.close(1012);
 *   },
 * });
 * const got: unknown[] = [];
 * await using feed = reconnecting(`ws://127.0.0.1:${server.port}`, { backoff: { initial: 1 } });
 * for await (const message of feed.messages()) {
 *   got.push(message);
 *   if (got.length === 3) break;
 * }
 * assertEquals(got, ["visit 1", "visit 2", "visit 3"]);
 * ```
 *
 * @example A new token for each attempt
 * ```ts
 * import { reconnecting, serveWebSocket } from "@sluice/sockets/websocket";
 * import { assertEquals } from "@std/assert";
 *
 * await using server = await serveWebSocket({
 *   hostname: "127.0.0.1",
 *   default: (ws) => {
 *     ws.send(ws.headers.get("authorization")!);
 *     ws.close(1012);
 *   },
 * });
 * let tokens = 0;
 * const newToken = () => Promise.resolve(`token-${++tokens}`); // a fetch, in real life
 * await using feed = reconnecting(`ws://127.0.0.1:${server.port}`, {
 *   headers: async () => ({ authorization: `Bearer ${await newToken()}` }),
 *   backoff: { initial: 1 },
 * });
 * const messages = feed.messages();
 * assertEquals((await messages.next()).value, "Bearer token-1");
 * assertEquals((await messages.next()).value, "Bearer token-2");
 * ```
 */
export function reconnecting(
  url: ReconnectingValue<string | URL>,
  options: ReconnectingOptions = {},
): ReconnectingWebSocket {
  checkBackoff(options.backoff ?? {});
  // Otherwise they would be told of when the connection is lost, much later perhaps.
  for (const name of ["retry", "onRetry"] as const) {
    if (typeof (options[name] ?? retriesByDefault) !== "function") {
      throw new TypeError(`Cannot reconnect: \`${name}\` is not a function`);
    }
  }
  // Once it has ended there is nothing to come back to.
  if ((options as ConnectWebSocketOptions).transport !== undefined) {
    throw new TypeError("Cannot reconnect: over a `transport` there is one connection only");
  }
  return new Reconnecting(url, options);
}

class Reconnecting implements ReconnectingWebSocket {
  static {
    // By the name that programs know.
    const shown = { prototype: Reconnecting.prototype, name: "ReconnectingWebSocket" };
    defineInspect(shown, (ws) => ({
      url: ws.#asked === undefined ? undefined : shownUrl(ws.#asked),
      connections: ws.connections,
      current: ws.current?.state,
      closed: ws.#over.signal.aborted,
    }));
  }

  current: WebSocketConnection | undefined;
  connections = 0;
  readonly #url: ReconnectingValue<string | URL>;
  /** The URL, or what was last said for it. */
  #asked: string | URL | undefined;
  readonly #options: ReconnectingOptions;
  readonly #over = new AbortController();
  #failures = 0;
  /** How many connections in a row have ended soon, and since when the last one was open. */
  #short = 0;
  #since: number | undefined;
  /** How the last connection ended, or why the last attempt failed. */
  #reason: WebSocketCloseInfo | Error | undefined;
  #next: PromiseWithResolvers<WebSocketConnection> | undefined;
  /** One iteration at a time opens connections; another one waits for it. */
  #opening: Promise<WebSocketConnection | undefined> | undefined;
  #unlisten: () => void = () => {};
  /** Ends the wait that is under way. */
  #wake: (() => void) | undefined;

  constructor(url: ReconnectingValue<string | URL>, options: ReconnectingOptions) {
    this.#url = url;
    if (typeof url !== "function") this.#asked = url;
    this.#options = options;
    const { signal } = options;
    if (signal?.aborted) this.#over.abort(signal.reason);
    else if (signal !== undefined) {
      const onAbort = () => {
        this.close();
      };
      signal.addEventListener("abort", onAbort, { once: true });
      this.#unlisten = () => signal.removeEventListener("abort", onAbort);
    }
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<WebSocketConnection, undefined> {
    for (;;) {
      const ws = await this.#open();
      if (ws === undefined) return undefined;
      yield ws;
      const info = this.#reason = await ws.closed;
      if (this.current === ws) this.current = undefined;
      if (!this.#wantsMore(info)) {
        await this.close();
        return undefined;
      }
    }
  }

  async *messages(): AsyncGenerator<WebSocketData, undefined> {
    for await (const ws of this) {
      yield* ws;
    }
    return undefined;
  }

  #open(): Promise<WebSocketConnection | undefined> {
    if (this.current !== undefined && this.current.state === "open") {
      return Promise.resolve(this.current);
    }
    return this.#opening ??= this.#tryUntilOpen().finally(() => {
      this.#opening = undefined;
    });
  }

  async #tryUntilOpen(): Promise<WebSocketConnection | undefined> {
    const { backoff = {}, retry: _retry, onRetry: _onRetry, signal: _signal, ...options } =
      this.#options;
    const { signal } = this.#over;
    // A loop that was left in the middle of a connection has not seen its end.
    if (this.current !== undefined) this.#reason = await this.current.closed;
    if (this.#since !== undefined) {
      this.#short = performance.now() - this.#since < STEADY ? this.#short + 1 : 0;
      this.#since = undefined;
    }
    for (;;) {
      if (this.#reason !== undefined && !signal.aborted) {
        const delay = backoffDelay(
          backoff,
          this.#failures + Math.max(0, this.#short - 1),
          Math.random(),
        );
        this.#tell({ reason: this.#reason, failures: this.#failures, delay });
        // Whoever is told may give up.
        if (!signal.aborted) await this.#sleep(delay);
      }
      if (signal.aborted) return undefined;
      let asking = false;
      try {
        isBounded("reconnect", { timeout: options.connectTimeout });
        asking = true;
        const [url, headers] = await this.#ask();
        asking = false;
        const ws = await connectWebSocket(url, { ...options, headers, signal });
        if (signal.aborted) {
          // It was closed between the end of the handshake and now, and nobody else knows of this connection.
          ws.terminate();
          return undefined;
        }
        this.#opened(ws);
        return ws;
      } catch (error) {
        if (signal.aborted) return undefined;
        this.#failures++;
        this.#reason = error as Error;
        const { attempts = Infinity } = backoff;
        // A fetch for a token says by a TypeError that the network is away.
        const again = asking && this.#options.retry === undefined;
        if (this.#failures >= attempts || !(again || this.#wantsMore(error as Error))) {
          await this.close();
          throw error;
        }
      }
    }
  }

  /** What is new for each attempt. */
  async #ask(): Promise<[url: string | URL, headers: HeadersInit | undefined]> {
    const { headers, connectTimeout: timeout = 10_000 } = this.#options;
    const url = this.#url;
    if (typeof url !== "function" && typeof headers !== "function") return [url, headers];
    const asked = Promise.all([
      typeof url === "function" ? Promise.try(url) : url,
      typeof headers === "function" ? Promise.try(headers) : headers,
    ]);
    const { signal } = this.#over;
    const answer = await waitFor(asked, "ask for the URL and the headers", { timeout, signal });
    this.#asked = answer[0];
    return answer;
  }

  #opened(ws: WebSocketConnection): void {
    this.current = ws;
    this.connections++;
    this.#failures = 0;
    this.#since = performance.now();
    this.#next?.resolve(ws);
    this.#next = undefined;
  }

  #wantsMore(reason: WebSocketCloseInfo | Error): boolean {
    if (this.#over.signal.aborted) return false;
    try {
      const answer: unknown = (this.#options.retry ?? retriesByDefault)(reason);
      if (typeof (answer as { then?: unknown } | undefined)?.then === "function") {
        // Nobody else would hear of it if it were rejected.
        Promise.resolve(answer).catch(() => {});
        throw new TypeError("Cannot reconnect: `retry` returned a promise");
      }
      return Boolean(answer);
    } catch (error) {
      // Nobody connects any more: who waits for it must not wait for ever.
      this.close();
      throw error;
    }
  }

  #tell(retry: ReconnectingRetry): void {
    try {
      const told: unknown = this.#options.onRetry?.(retry);
      // Unheard, it would end the program.
      Promise.resolve(told).catch((error) => reportUncaught("onRetry", error));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  async #sleep(ms: number): Promise<void> {
    const { signal } = this.#over;
    await new Promise<void>((resolve) => {
      const done = this.#wake = () => {
        this.#wake = undefined;
        clearTimeout(timer);
        signal.removeEventListener("abort", done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      signal.addEventListener("abort", done);
    });
  }

  retryNow(): void {
    this.#wake?.();
  }

  async send(data: WebSocketSendable, options: WebSocketSendOptions = {}): Promise<void> {
    checkSendOptions(options); // now, and not when there is a connection
    if (!isBounded("send", options)) return await (await this.connected()).send(data, options);
    // One time for both: for the connection, and for room on it.
    const deadline = deadlineSignal("send", options);
    const aborter = new AbortController();
    deadline.onfire((error) => aborter.abort(error));
    const { signal } = aborter;
    try {
      const ws = await this.connected({ signal });
      await ws.send(data, { ...options, timeout: undefined, signal });
    } catch (error) {
      throw deadline.fired ?? error;
    } finally {
      deadline.clear();
    }
  }

  async connected(options: WaitOptions = {}): Promise<WebSocketConnection> {
    checkWaitOptions("wait for a connection", options);
    if (this.#over.signal.aborted) throw closedError();
    if (this.current?.state === "open") return this.current;
    if (this.#next === undefined) {
      this.#next = Promise.withResolvers();
      this.#next.promise.catch(() => {});
    }
    return await waitFor(this.#next.promise, "wait for a connection", options);
  }

  async close(code: number = 1000, reason: string = ""): Promise<void> {
    // What can't be sent is told before anything is given up.
    closePayload(code, reason, PLATFORM_TOOLS);
    this.#unlisten();
    if (!this.#over.signal.aborted) this.#over.abort();
    this.#next?.reject(closedError());
    this.#next = undefined;
    if (this.current?.state === "open") await this.current.close(code, reason);
    else await this.current?.closed;
    this.current = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function closedError(): WebSocketError {
  return new WebSocketError("Cannot send: the connection was given up", { code: "CLOSED" });
}
