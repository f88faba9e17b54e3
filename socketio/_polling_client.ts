// Floor 3: driver.
import { utf8ByteLength } from "../buffer/utf8.ts";
import type {
  ClientTransport,
  ClientTransportHost,
  ClientTransportOptions,
} from "./_client_transport.ts";
import {
  decodeEnginePayload,
  encodeEnginePacketAsText,
  ENGINE_PAYLOAD_SEPARATOR,
  type EnginePacket,
} from "./engine_packet.ts";
import { REQUEST_NUMBER } from "./_exchange.ts";
import { failureMessage } from "./_failure_text.ts";
import { SocketIoError } from "./errors.ts";
import { timerTime } from "./_time.ts";

/** How long the server may take to be told of the end, in ms. */
const CLOSE_TIME = 2_000;

/** The URL of a transport's requests. */
export function transportUrl(base: URL, transport: string, sid: string | undefined): URL {
  const url = new URL(base);
  url.searchParams.set("EIO", "4");
  url.searchParams.set("transport", transport);
  if (sid !== undefined) url.searchParams.set("sid", sid);
  return url;
}

/** HTTP long-polling by `fetch`: one request at a time waits for packets, and one at a time brings them. */
export class PollingClient implements ClientTransport {
  readonly name = "polling";
  /** The session, once the server has named it. */
  sid: string | undefined;
  /** The most bytes of one request, once the server has named it. */
  maxPayload = Infinity;
  /** How long the server may take to answer what is sent, in ms, once it has said so. */
  postTimeout = Infinity;
  readonly #options: ClientTransportOptions;
  readonly #host: ClientTransportHost;
  readonly #abort = new AbortController();
  #waiting: string[] = [];
  #bytes = 0;
  #polling = false;
  #posting: Promise<void> | undefined;
  #closed = false;
  /** After a failure: until the server has been told, or need not be. */
  #told: Promise<void> | undefined;
  #paused: (() => void) | undefined;
  #stopped = false;
  /** Whether the server has said that there is no such session (any more). */
  #forgotten = false;
  #requests = 0;

  constructor(options: ClientTransportOptions, host: ClientTransportHost) {
    this.#options = options;
    this.#host = host;
  }

  get writable(): boolean {
    return this.sid !== undefined && this.#posting === undefined && !this.#closed && !this.#stopped;
  }

  get buffered(): number {
    return this.#bytes;
  }

  get bufferedPackets(): number {
    return this.#waiting.length;
  }

  open(): void {
    this.#poll();
  }

  send(packets: EnginePacket[]): void {
    for (const packet of packets) this.#queue(packet);
    if (this.#posting === undefined) this.#post();
  }

  pause(done: () => void): void {
    this.#paused = done;
    this.#checkPaused();
  }

  async close(): Promise<void> {
    if (this.#closed) return this.#told;
    this.#closed = true;
    if (this.sid !== undefined && !this.#stopped) {
      // The server is told first, so that what ends then is not a loss to it.
      const timer = setTimeout(() => this.#abort.abort(), CLOSE_TIME);
      this.#queue({ type: "close" });
      await (this.#posting ?? this.#post());
      clearTimeout(timer);
    }
    this.#abort.abort();
  }

  #queue(packet: EnginePacket): void {
    const text = encodeEnginePacketAsText(packet);
    this.#waiting.push(text);
    this.#bytes += text.length;
  }

  async #request(
    method: "GET" | "POST",
    body?: string,
    signal = this.#abort.signal,
  ): Promise<Response> {
    const { url, withCredentials, cookies, fetch } = this.#options;
    const headers = cookies?.addTo(this.#options.headers, Date.now()) ?? this.#options.headers;
    const init: RequestInit = {
      method,
      headers: body === undefined
        ? headers
        : { ...headers, "Content-Type": "text/plain;charset=UTF-8" },
      body,
      credentials: withCredentials ? "include" : "same-origin",
      cache: "no-store",
      // Wherever it led, the program's headers and what `auth` says would go along.
      redirect: headers === undefined && this.sid === undefined ? "follow" : "error",
    };
    init.signal = signal;
    const target = transportUrl(url, "polling", this.sid);
    // By its number a server of this package knows a request that `fetch` has sent twice (see the server's side).
    if (this.sid !== undefined) target.searchParams.set(REQUEST_NUMBER, `${this.#requests++}`);
    const response = await fetch(target, init);
    // A browser keeps its cookies by itself, and shows none. Where a redirect leads, no later request goes.
    if (!response.redirected) cookies?.take(response.headers.getSetCookie?.() ?? [], Date.now());
    return response;
  }

  async #poll(): Promise<void> {
    this.#polling = true;
    let text: string;
    try {
      const response = await this.#request("GET");
      if (response.status !== 200) {
        await response.body?.cancel();
        this.#forgotten = response.status === 400;
        throw new SocketIoError(
          this.sid === undefined ? "ERR_CONNECT" : "ERR_TRANSPORT",
          `Cannot poll: the server answered with status ${response.status}`,
        );
      }
      text = await readText(response, this.#options.maxHttpBufferSize);
    } catch (error) {
      return this.#fail(error);
    }
    this.#polling = false;
    const fault = decodeEnginePayload(text, (packet) => {
      if (!this.#closed) this.#host.onTransportPacket(this, packet);
      return !this.#closed;
    });
    if (fault !== undefined) return this.#fail(fault.toError());
    if (this.#closed) return;
    if (this.#paused !== undefined) this.#checkPaused();
    else this.#poll();
  }

  /** Sends what waits, one request after the other. It never rejects. */
  #post(): Promise<void> {
    const posting = this.#postAll().then(() => {
      this.#posting = undefined;
      if (this.#closed) return;
      this.#host.onTransportDrain(this);
      this.#checkPaused();
    }, (error) => this.#fail(error));
    this.#posting = posting;
    return posting;
  }

  async #postAll(): Promise<void> {
    while (this.#waiting.length > 0) {
      const response = await this.#postOne(this.#takePayload());
      if (response.status !== 200) {
        this.#forgotten = response.status === 400;
        throw new SocketIoError(
          "ERR_TRANSPORT",
          `Cannot send: the server answered with status ${response.status}`,
        );
      }
    }
  }

  async #postOne(body: string): Promise<Response> {
    // The heartbeat does not look after it: pings come by the other requests. `close` has a time of its own.
    const { postTimeout } = this;
    const timer = this.#closed ? undefined : setTimeout(() => {
      const message = `Cannot send: the server gave no answer within ${postTimeout} ms`;
      this.#fail(new SocketIoError("ERR_TIMEOUT", message));
    }, timerTime(postTimeout));
    try {
      const response = await this.#request("POST", body);
      await response.body?.cancel();
      return response;
    } finally {
      clearTimeout(timer);
    }
  }

  /** As many packets as the server takes in one request, and at least one. */
  #takePayload(): string {
    let size = 0;
    let count = 0;
    for (const text of this.#waiting) {
      size += utf8ByteLength(text) + 1;
      if (count > 0 && size > this.maxPayload) break;
      count++;
    }
    const texts = this.#waiting.splice(0, count);
    for (const text of texts) this.#bytes -= text.length;
    return texts.join(ENGINE_PAYLOAD_SEPARATOR);
  }

  #checkPaused(): void {
    if (this.#paused === undefined || this.#polling) return;
    if (this.#posting !== undefined) return;
    if (this.#waiting.length > 0) return;
    const done = this.#paused;
    this.#paused = undefined;
    this.#stopped = true;
    done();
  }

  #fail(cause: unknown): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#abort.abort();
    if (this.sid !== undefined && !this.#stopped && !this.#forgotten) this.#told = this.#tellEnd();
    const error = cause instanceof SocketIoError ? cause : new SocketIoError(
      this.sid === undefined ? "ERR_CONNECT" : "ERR_TRANSPORT",
      failureMessage("Cannot reach the server by polling", cause),
      { cause },
    );
    this.#host.onTransportClose(this, error);
  }

  /** A server that does not know of the failure would keep the session until its heartbeat fails, and not let it be taken up again. */
  async #tellEnd(): Promise<void> {
    const gone = new AbortController();
    const timer = setTimeout(() => gone.abort(), CLOSE_TIME);
    try {
      const end = encodeEnginePacketAsText({ type: "close" });
      const response = await this.#request("POST", end, gone.signal);
      await response.body?.cancel();
    } catch {
      // Then its heartbeat has to tell it.
    }
    clearTimeout(timer);
  }
}

/** Reads a response as UTF-8, and gives up once it has too many bytes. */
async function readText(response: Response, limit: number): Promise<string> {
  const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });
  let text = "";
  let size = 0;
  const reader = response.body?.getReader();
  if (reader === undefined) return text;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return text + decoder.decode();
      size += value.length;
      if (size > limit) {
        throw new SocketIoError(
          "ERR_LIMIT",
          `Cannot poll: a response has more than ${limit} bytes`,
        );
      }
      text += decoder.decode(value, { stream: true });
    }
  } catch (error) {
    await reader.cancel().catch(() => {});
    throw error;
  }
}
