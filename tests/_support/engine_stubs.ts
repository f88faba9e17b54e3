/** Support for tests of the Engine.IO server: requests and WebSockets without a network, that note what is done to them. */
import type {
  EngineWebSocket,
  EngineWebSocketHost,
  HttpExchange,
  ResponseHeaders,
  SharedMessage,
  UpgradeExchange,
} from "../../socketio/_exchange.ts";
import { KeptResponse } from "../../socketio/_middleware_response.ts";
import type { EngineRequest } from "../../socketio/types.ts";

function makeRequest(
  method: string,
  query: string,
  headers: Record<string, string>,
): EngineRequest {
  return {
    method,
    url: `/engine.io/?${query}`,
    headers,
    connection: { encrypted: false },
    socket: {},
  };
}

/** One HTTP request: `answered` resolves with what was responded. */
export class StubExchange implements HttpExchange {
  readonly request: EngineRequest;
  readonly remoteAddress = "192.0.2.1";
  readonly response: KeptResponse;
  done = false;
  onAbort: (() => void) | undefined;
  status: number | undefined;
  headers: ResponseHeaders = {};
  body: string | Uint8Array | undefined;
  readonly answered: Promise<this>;
  readonly #content: Uint8Array;
  #resolve!: (exchange: this) => void;

  constructor(method: string, query: string, body = "", headers: Record<string, string> = {}) {
    this.request = makeRequest(method, query, headers);
    this.#content = new TextEncoder().encode(body);
    this.answered = new Promise((resolve) => this.#resolve = resolve);
    this.response = new KeptResponse(({ statusCode, body }) => this.respond(statusCode, {}, body));
  }

  hold(): boolean {
    return false;
  }

  readBody(limit: number): Promise<Uint8Array | "too large" | "aborted"> {
    return Promise.resolve(this.#content.length > limit ? "too large" : this.#content);
  }

  respond(status: number, headers: ResponseHeaders, body?: string | Uint8Array): void {
    if (this.done) return;
    this.done = true;
    this.status = status;
    this.headers = { ...this.response.headers, ...headers };
    this.body = body;
    this.#resolve(this);
    this.response.tell("close");
  }

  /** The other side goes. */
  abort(): void {
    this.done = true;
    this.onAbort?.();
    this.response.tell("close");
  }
}

/** A WebSocket: the test says what comes, and looks at what was sent. */
export class StubSocket implements EngineWebSocket {
  queued = 0;
  full = false;
  host: EngineWebSocketHost | undefined;
  /** How often it was told that somebody waits for room. */
  watched = 0;
  readonly sent: (string | Uint8Array)[] = [];
  /** What was sent of that in a form that others share. */
  readonly shared: SharedMessage[] = [];
  readonly #closed: unknown[][] = [];

  /** How it was closed: a list of all calls. */
  get closed(): unknown[][] {
    return this.#closed;
  }

  start(host: EngineWebSocketHost): void {
    this.host = host;
  }

  watchDrain(): void {
    this.watched++;
  }

  send(data: string | Uint8Array): void {
    this.sent.push(data);
  }

  sendText(head: string, body: string): void {
    this.send(head + body);
  }

  sendShared(message: SharedMessage): void {
    this.sent.push(message.payload);
    this.shared.push(message);
  }

  close(code?: number, reason?: string): void {
    this.#closed.push(reason === undefined ? ["close", code] : ["close", code, reason]);
  }

  terminate(): void {
    this.#closed.push(["terminate"]);
  }

  /** Messages come. */
  receive(...messages: (string | Uint8Array)[]): void {
    for (const message of messages) this.host!.onSocketMessage(message);
  }

  /** What was sent since the last look. */
  take(): (string | Uint8Array)[] {
    return this.sent.splice(0);
  }
}

/** A request for a WebSocket; `valid` says whether its handshake is, and `"rejects"` that `accept` does. */
export class StubUpgrade implements UpgradeExchange {
  readonly request: EngineRequest;
  readonly origin: string | undefined;
  readonly host = "example.org";
  readonly remoteAddress = "192.0.2.1";
  readonly socket = new StubSocket();
  done = false;
  refused: { status: number; message: string } | undefined;
  accepted: ResponseHeaders | undefined;
  readonly refusal: Promise<{ status: number; message: string }>;
  readonly #valid: boolean | "rejects";
  #resolve!: (refusal: { status: number; message: string }) => void;

  constructor(query: string, options: { origin?: string; valid?: boolean | "rejects" } = {}) {
    this.origin = options.origin;
    this.#valid = options.valid ?? true;
    const headers = options.origin === undefined ? {} : { origin: options.origin };
    this.request = makeRequest("GET", query, headers as Record<string, string>);
    this.refusal = new Promise((resolve) => this.#resolve = resolve);
  }

  refuse(status: number, _headers: ResponseHeaders, message: string): void {
    if (this.done) return;
    this.done = true;
    this.refused = { status, message };
    this.#resolve(this.refused);
  }

  accept(headers: ResponseHeaders): Promise<EngineWebSocket> | EngineWebSocket | undefined {
    this.done = true;
    if (this.#valid === "rejects") return Promise.reject(new TypeError("not valid"));
    this.accepted = headers;
    return this.#valid ? this.socket : undefined;
  }
}
