// Floor 3: driver.
import { utf8ByteLength } from "../buffer/utf8.ts";
import { errorOf } from "../net/error_of.ts";
import { checkPort } from "../net/host.ts";
import { checkOptionNames } from "../net/option_names.ts";
import { serveWebSocket, type WebSocketServer } from "../websocket/server.ts";
import type { WebSocketConnection } from "../websocket/connection.ts";
import { LIVE_PAGE } from "./_live_page.ts";
import { toWebEvent, type WebEvent } from "./_web_event.ts";
import { TraceError } from "./errors.ts";
import type { TraceDataEvent, TraceEvent, TraceMessageEvent, TraceSink } from "./trace_event.ts";

/** Options of {@linkcode createWebSink}. */
export interface WebSinkOptions {
  /**
   * The port of the page; 0 for any free one.
   *
   * @default {0}
   */
  port?: number;
  /**
   * What stands on top of the page.
   *
   * @default {"Traffic"}
   */
  title?: string;
  /**
   * The most bytes of a piece of data that are sent to the page.
   *
   * @default {2048}
   */
  maxBytes?: number;
  /**
   * The most events that are kept for pages that are opened later.
   *
   * @default {10000}
   */
  maxEvents?: number;
}

/** A live page, as {@linkcode createWebSink} makes it. */
export interface WebSink extends TraceSink {
  /** Where the page is. */
  readonly url: string;
  /** Closes the page. */
  close(): Promise<void>;
}

/** By a type that has them all: one that is missing here does not compile. */
const OPTIONS: Record<keyof WebSinkOptions, true> = {
  port: true,
  title: true,
  maxBytes: true,
  maxEvents: true,
};
const FOREIGN = {
  host: "is no option here: the page is for this machine only",
  hostname: "is no option here: the page is for this machine only",
};

/** What is kept for pages that are opened later, in bytes. */
const MOST_KEPT = 1 << 23;
/** Events leave together, so often, in ms. */
const TICK = 50;
/** The most characters of one message to a page. */
const LARGEST_MESSAGE = 1 << 18;
/** How much is told at once, in characters; and in the long run, in characters a ms. */
const BURST = 1 << 19;
const PER_MS = 512;

/** The page is for this machine only: under another name it was reached by a trick (DNS rebinding). */
function isLoopback(request: Request): boolean {
  const { hostname } = new URL(request.url);
  return hostname === "localhost" || hostname === "[::1]" || /^127(\.\d+){3}$/.test(hostname);
}

function nonce(): string {
  return crypto.randomUUID();
}

function answerPage(request: Request, title: string): Response {
  if (!isLoopback(request)) return new Response("Not this machine\n", { status: 403 });
  if (new URL(request.url).pathname !== "/") return new Response("Not found\n", { status: 404 });
  if (request.method !== "GET" && request.method !== "HEAD") {
    return new Response("Only GET\n", { status: 405, headers: { allow: "GET, HEAD" } });
  }
  const once = nonce();
  const safe = title.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`);
  const page = LIVE_PAGE.replaceAll("{nonce}", once).replaceAll("{title}", () => safe);
  return new Response(page, {
    headers: {
      "content-type": "text/html; charset=utf-8",
      "cache-control": "no-store",
      "content-security-policy":
        `default-src 'none'; script-src 'nonce-${once}'; style-src 'nonce-${once}'; connect-src 'self'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
      "cross-origin-opener-policy": "same-origin",
      "cross-origin-resource-policy": "same-origin",
      "referrer-policy": "no-referrer",
      "x-content-type-options": "nosniff",
    },
  });
}

/** Pieces of one direction that came too fast to be told one by one. */
interface Skipped {
  pieces: number;
  size: number;
}

class LivePage implements WebSink {
  readonly #server: WebSocketServer;
  readonly #maxBytes: number;
  readonly #maxEvents: number;
  #kept: string[] = [];
  #keptSize = 0;
  #next: string[] = [];
  #nextSize = 0;
  #skipped = new Map<string, Skipped>();
  /** By which pages that come back know this tracer from the next one. */
  readonly #run = crypto.randomUUID();
  #n = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;
  #budget = BURST;
  #last = performance.now();
  #closed = false;

  constructor(server: WebSocketServer, maxBytes: number, maxEvents: number) {
    this.#server = server;
    this.#maxBytes = maxBytes;
    this.#maxEvents = maxEvents;
  }

  get url(): string {
    return `http://127.0.0.1:${this.#server.port}/`;
  }

  event(event: TraceEvent): void {
    if (this.#closed) return;
    if ((event.type === "data" || event.type === "message") && !this.#affords()) {
      return this.#skip(event);
    }
    this.#add(toWebEvent(event, this.#n++, this.#maxBytes));
  }

  /** A page has been opened: it gets what is kept. */
  greet(ws: WebSocketConnection): void {
    ws.send(JSON.stringify({ run: this.#run })).catch(() => {});
    // Those that are to leave with the next tick reach it then. All of it fits the queue of a connection, so the order is kept.
    const before = this.#kept.slice(0, Math.max(0, this.#kept.length - this.#next.length));
    for (const message of messagesOf(before)) ws.send(message).catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#flush();
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.#server.close({ timeout: 1000, reason: "the tracer has stopped" });
  }

  #affords(): boolean {
    const now = performance.now();
    this.#budget = Math.min(BURST, this.#budget + (now - this.#last) * PER_MS);
    this.#last = now;
    return this.#budget > 0;
  }

  #skip(event: TraceDataEvent | TraceMessageEvent): void {
    // The bytes of messages have been counted as data.
    if (event.type === "message") return;
    const key = `${event.connection} ${event.from}`;
    const skipped = this.#skipped.get(key) ?? { pieces: 0, size: 0 };
    skipped.pieces++;
    skipped.size += event.bytes.length;
    this.#skipped.set(key, skipped);
    this.#schedule();
  }

  #add(event: WebEvent): void {
    const text = JSON.stringify(event);
    this.#budget -= text.length;
    this.#next.push(text);
    this.#nextSize += text.length;
    this.#kept.push(text);
    this.#keptSize += utf8ByteLength(text);
    // In one go, so that it is not done for every event.
    if (this.#kept.length > this.#maxEvents * 1.25 || this.#keptSize > MOST_KEPT * 1.25) {
      let drop = 0;
      while (this.#kept.length - drop > this.#maxEvents || this.#keptSize > MOST_KEPT) {
        this.#keptSize -= utf8ByteLength(this.#kept[drop++]);
      }
      this.#kept.splice(0, drop);
    }
    if (this.#nextSize > LARGEST_MESSAGE) this.#send();
    else this.#schedule();
  }

  #schedule(): void {
    this.#timer ??= setTimeout(() => this.#flush(), TICK);
  }

  #flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    for (const [key, { pieces, size }] of this.#skipped) {
      const [connection, from] = key.split(" ");
      this.#add({
        n: this.#n++,
        time: performance.timeOrigin + performance.now(),
        connection: Number(connection),
        type: "skipped",
        from: from as "client" | "server",
        size,
        text: `${pieces} pieces came too fast to be shown`,
      });
    }
    this.#skipped.clear();
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#send();
  }

  #send(): void {
    const next = this.#next;
    this.#next = [];
    this.#nextSize = 0;
    for (const message of messagesOf(next)) this.#server.broadcast(message);
  }
}

/** Events in JSON, joined into messages of a bounded size. */
function* messagesOf(events: readonly string[]): Generator<string> {
  let part: string[] = [];
  let size = 0;
  for (const event of events) {
    if (size + event.length > LARGEST_MESSAGE && part.length > 0) {
      yield `[${part.join(",")}]`;
      part = [];
      size = 0;
    }
    part.push(event);
    size += event.length;
  }
  if (part.length > 0) yield `[${part.join(",")}]`;
}

/**
 * Makes a sink that shows events on a live page: the connections, a timeline, the bytes, search, pause. The page is served to this machine only,
 * and holds all that it needs. What comes faster than it can be looked at is counted only; a page that is too slow misses events.
 *
 * @throws {TraceError} `ERR_TRACE_LISTEN` when the port is taken.
 * @throws {RangeError} For a port or a limit out of range.
 * @throws {TypeError} For an option that there is not.
 *
 * @example
 * ```ts
 * import { createWebSink } from "@sluice/sockets/trace";
 * import { assertMatch } from "@std/assert";
 *
 * const sink = await createWebSink({ title: "shop" });
 * const page = await (await fetch(sink.url)).text();
 * assertMatch(page, /<title>shop<\/title>/);
 * await sink.close();
 * ```
 */
export async function createWebSink(options: WebSinkOptions = {}): Promise<WebSink> {
  checkOptionNames("Cannot show the live page", options, OPTIONS, FOREIGN);
  const { port = 0, title = "Traffic", maxBytes = 2048, maxEvents = 10_000 } = options;
  checkPort(port, 0);
  if (!(maxBytes >= 0 && maxEvents >= 1)) {
    throw new RangeError(`Cannot show ${maxBytes} bytes of ${maxEvents} events`);
  }
  let page: LivePage | undefined;
  try {
    const server = await serveWebSocket({
      hostname: "127.0.0.1",
      port,
      pathname: "/events",
      slowReader: "drop",
      maxConnections: 64,
      authorize: isLoopback,
      handler: (request) => answerPage(request, title),
      // What pages send is read, and not listened to.
      default: async (ws) => {
        page?.greet(ws);
        for await (const _message of ws);
      },
      perMessageDeflate: false,
    });
    page = new LivePage(server, maxBytes, maxEvents);
    return page;
  } catch (error) {
    const why = errorOf(error).message;
    throw new TraceError(`Cannot show the live page: ${why}`, "ERR_TRACE_LISTEN", { cause: error });
  }
}
