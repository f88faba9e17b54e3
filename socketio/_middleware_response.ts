// Floor 3: driver.
import { Buffer } from "node:buffer";
import { EventEmitter } from "node:events";
import { concat } from "@std/bytes";
import { reportCallbackError } from "./_callback.ts";
import type { ResponseHeaders } from "./_exchange.ts";
import type { EngineResponse } from "./types.ts";

/** What node's `writeHead` takes as headers. */
type GivenHeaders =
  | Record<string, number | string | string[]>
  | readonly (number | string | string[])[]
  | readonly (readonly (number | string | string[])[])[];

/** Called once a chunk is kept. */
type Written = () => void;

/** What may stand behind a chunk, as in node. */
type BehindChunk = [encoding?: BufferEncoding | Written, written?: Written];

/**
 * What middleware gets as the response where there is none of node's: it keeps the headers for the real response, and a
 * body that ends the request.
 */
export class KeptResponse extends EventEmitter implements EngineResponse {
  statusCode = 200;
  /** Whether it has become a WebSocket, whose end is its own. */
  upgraded = false;
  readonly #headers: Map<string, [name: string, value: string | string[]]> = new Map();
  readonly #chunks: (string | Uint8Array)[] = [];
  #ended = false;
  #began = false;
  #closed = false;
  readonly #onend: (response: KeptResponse) => void;

  constructor(onend: (response: KeptResponse) => void) {
    super();
    this.#onend = onend;
  }

  get headersSent(): boolean {
    return this.#began;
  }

  /** Node's older name: some middleware would call a method of node's own otherwise. */
  get _header(): boolean {
    return this.#began;
  }

  get writableEnded(): boolean {
    return this.#ended;
  }

  /** Whether `writeHead` was called: some middleware, as that which keeps sessions, puts its own in its place to set headers then. */
  get began(): boolean {
    return this.#began;
  }

  /** What was written: a text, or bytes if some of it were. */
  get body(): string | Uint8Array {
    const chunks = this.#chunks;
    if (chunks.every((chunk) => typeof chunk === "string")) return chunks.join("");
    const encoder = new TextEncoder();
    return concat(
      chunks.map((chunk) => typeof chunk === "string" ? encoder.encode(chunk) : chunk),
    );
  }

  /** What was written, as a text. */
  get text(): string {
    const { body } = this;
    return typeof body === "string" ? body : new TextDecoder().decode(body);
  }

  /** The headers so far. */
  get headers(): ResponseHeaders {
    return Object.fromEntries(this.#headers.values());
  }

  setHeader(name: string, value: number | string | readonly string[]): this {
    if (value === undefined) {
      throw new TypeError(`Cannot set the header "${name}": it has no value`);
    }
    // Of what is neither a number nor a text, as true, node makes a text, too.
    const text = Array.isArray(value) ? value.map(String) : String(value);
    this.#headers.set(name.toLowerCase(), [name, text]);
    return this;
  }

  getHeader(name: string): string | string[] | undefined {
    return this.#headers.get(name.toLowerCase())?.[1];
  }

  removeHeader(name: string): void {
    this.#headers.delete(name.toLowerCase());
  }

  getHeaderNames(): string[] {
    return [...this.#headers.keys()];
  }

  /** The headers by lower-case name, as node has them. */
  getHeaders(): ResponseHeaders {
    return Object.fromEntries([...this.#headers].map(([key, [, value]]) => [key, value]));
  }

  hasHeader(name: string): boolean {
    return this.#headers.has(name.toLowerCase());
  }

  /** Adds a line to those that a header has. */
  appendHeader(name: string, value: string | readonly string[]): this {
    const before = this.getHeader(name);
    return this.setHeader(name, before === undefined ? value : [before, value].flat());
  }

  writeHead(status: number, message?: string | GivenHeaders, headers?: GivenHeaders): this {
    this.#began = true;
    this.statusCode = status;
    // As in node, the reason may be left out. What is sent has that of the status.
    const given = (typeof message === "string" ? headers : headers ?? message) ?? {};
    if (Array.isArray(given)) this.#setList(Array.isArray(given[0]) ? given.flat() : given);
    else for (const [name, value] of Object.entries(given)) this.setHeader(name, value);
    return this;
  }

  /** Names and values by turns; a name that comes more than once makes several lines. */
  #setList(list: readonly (number | string | string[])[]): void {
    for (let i = 0; i < list.length; i += 2) this.removeHeader(`${list[i]}`);
    for (let i = 0; i + 1 < list.length; i += 2) {
      const value = list[i + 1];
      this.appendHeader(`${list[i]}`, Array.isArray(value) ? value : `${value}`);
    }
  }

  write(chunk: string | Uint8Array, ...rest: BehindChunk): boolean {
    if (!this.#began) this.writeHead(this.statusCode);
    this.#chunks.push(kept(chunk, rest[0]));
    callWritten(rest);
    return true;
  }

  end(chunk?: string | Uint8Array | Written | null, ...rest: BehindChunk): this {
    if (this.#ended) return this;
    if (typeof chunk === "function") return this.end(null, chunk);
    if (chunk !== undefined && chunk !== null) this.write(chunk, ...rest);
    else {
      if (!this.#began) this.writeHead(this.statusCode);
      callWritten(rest);
    }
    this.#ended = true;
    this.#onend(this);
    return this;
  }

  /** Emits an event, whatever the listeners do; "close" once, as node's does. */
  tell(event: "finish" | "close"): void {
    if (this.#closed) return;
    this.#closed = event === "close";
    try {
      this.emit(event);
    } catch (error) {
      reportCallbackError(error);
    }
  }
}

/** What stays of a chunk: who wrote bytes may use their place again. */
function kept(chunk: string | Uint8Array, encoding: unknown): string | Uint8Array {
  if (typeof chunk !== "string") return new Uint8Array(chunk);
  if (typeof encoding !== "string" || /^utf-?8$/i.test(encoding)) return chunk;
  return new Uint8Array(Buffer.from(chunk, encoding as BufferEncoding));
}

function callWritten(rest: BehindChunk): void {
  const written = rest.find((one) => typeof one === "function");
  if (written === undefined) return;
  queueMicrotask(() => {
    try {
      written();
    } catch (error) {
      reportCallbackError(error);
    }
  });
}
