/** Support for tests of the Engine.IO client: a `fetch` and a `WebSocket` that do what the test says. */
import type { ClientTransportOptions } from "../../socketio/_client_transport.ts";

/** A request of the client that waits for its answer. */
export interface StubRequest {
  readonly method: string;
  readonly url: URL;
  readonly body: string;
  readonly headers: Headers;
  answer(text: string, status?: number): void;
  fail(error: Error): void;
}

/** A server of HTTP requests that the test answers one by one. */
export class StubFetch {
  readonly #requests: StubRequest[] = [];
  readonly #waiting: ((request: StubRequest) => void)[] = [];

  readonly fetch: typeof fetch = (input, init = {}) =>
    new Promise((resolve, reject) => {
      if (init.signal?.aborted) return reject(init.signal.reason);
      init.signal?.addEventListener("abort", () => reject(init.signal!.reason));
      const request: StubRequest = {
        method: init.method ?? "GET",
        url: new URL(String(input)),
        body: String(init.body ?? ""),
        headers: new Headers(init.headers),
        answer: (text, status = 200) => resolve(new Response(text, { status })),
        fail: reject,
      };
      const waiting = this.#waiting.shift();
      if (waiting !== undefined) waiting(request);
      else this.#requests.push(request);
    });

  /** The next request. */
  next(): Promise<StubRequest> {
    const request = this.#requests.shift();
    if (request !== undefined) return Promise.resolve(request);
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  /** How many requests came that the test has not looked at. */
  get pending(): number {
    return this.#requests.length;
  }
}

/** The client's end of a WebSocket, and in the same object what the server does. */
export class StubWebSocket {
  readonly url: string;
  readonly options: unknown;
  binaryType = "blob";
  readyState = 0;
  bufferedAmount = 0;
  readonly sent: unknown[] = [];
  onopen: (() => void) | undefined;
  onmessage: ((event: { data: unknown }) => void) | undefined;
  onerror: ((event: { error: unknown }) => void) | undefined;
  onclose: ((event: { code: number; reason: string }) => void) | undefined;

  constructor(url: string, options?: unknown) {
    this.url = url;
    this.options = options;
  }

  send(data: unknown): void {
    if (this.readyState === 0) throw new DOMException("not open", "InvalidStateError");
    this.sent.push(data);
  }

  close(): void {
    this.readyState = 2;
    queueMicrotask(() => this.end());
  }

  /** The server accepts. */
  accept(...messages: (string | ArrayBuffer)[]): void {
    this.readyState = 1;
    this.onopen?.();
    this.receive(...messages);
  }

  /** The server sends messages. */
  receive(...messages: (string | ArrayBuffer)[]): void {
    for (const data of messages) this.onmessage?.({ data });
  }

  /** The connection ends. */
  end(code = 1005, error?: Error): void {
    if (this.readyState === 3) return;
    this.readyState = 3;
    if (error !== undefined) this.onerror?.({ error });
    this.onclose?.({ code, reason: "" });
  }

  /** What was sent since the last look. */
  take(): unknown[] {
    return this.sent.splice(0);
  }
}

/** Options of a client's transport over stubs: the sockets that it opens are in `sockets`. */
export function stubOptions(
  options: Partial<ClientTransportOptions> = {},
): { http: StubFetch; sockets: StubWebSocket[]; options: ClientTransportOptions } {
  const http = new StubFetch();
  const sockets: StubWebSocket[] = [];
  class Recorded extends StubWebSocket {
    constructor(url: string, options?: unknown) {
      super(url, options);
      sockets.push(this);
    }
  }
  return {
    http,
    sockets,
    options: {
      url: new URL("http://example.org/engine.io/?a=b"),
      headers: undefined,
      withCredentials: false,
      fetch: http.fetch,
      WebSocket: Recorded as unknown as typeof WebSocket,
      maxHttpBufferSize: 1000,
      ...options,
    },
  };
}
