/**
 * The tester's own end of Engine.IO, over `fetch` and the platform's `WebSocket`. It shares no code with the library, so
 * that the two can't be wrong in the same way.
 */

/** A packet as it stands: text with its type in front, or the bytes of a binary message. */
export type Packet = string | Uint8Array;

/** The content of an open packet. */
export interface Handshake {
  sid: string;
  upgrades: string[];
  pingInterval: number;
  pingTimeout: number;
  maxPayload: number;
}

/** How long a case waits for anything, in ms. */
export const PATIENCE = 20_000;

/** Waits for a promise, but not for ever. */
export async function within<T>(what: string, promise: Promise<T>, ms = PATIENCE): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(reject, ms, new Error(`Cannot wait for ${what}: ${ms} ms are over`));
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The URL of a request of the engine. Parameters that are undefined are left out. */
export function engineUrl(base: string, params: Record<string, string | undefined>): URL {
  const url = new URL("/socket.io/", base);
  for (const [name, value] of Object.entries({ EIO: "4", ...params })) {
    if (value !== undefined) url.searchParams.set(name, value);
  }
  return url;
}

/** One connection, whatever it runs over. Pings are answered, unless `silent` is set. */
export abstract class Link {
  handshake!: Handshake;
  /** Leaves pings unanswered. */
  silent = false;
  /** How many pings came. */
  pings = 0;
  /** Whether the server closed the connection, or the tester did. */
  ended = false;
  readonly #queue: Packet[] = [];
  #changed = Promise.withResolvers<void>();

  /** Sends packets as they are; together, where the transport can. Does not care whether they arrive. */
  abstract send(...packets: Packet[]): Promise<void>;
  /** Ends the connection, and waits until nothing is left of it. */
  abstract leave(): Promise<void>;

  protected take(packet: Packet): void {
    if (packet === "2") {
      this.pings++;
      if (!this.silent) this.send("3");
    } else this.#queue.push(packet);
    this.#wake();
  }

  protected stop(): void {
    this.ended = true;
    this.#wake();
  }

  #wake(): void {
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
  }

  /** Waits until `test` holds. */
  async until(what: string, test: () => boolean, ms = PATIENCE): Promise<void> {
    const deadline = performance.now() + ms;
    while (!test()) await within(what, this.#changed.promise, deadline - performance.now());
  }

  /** The next packet that is no ping. */
  async next(): Promise<Packet> {
    await this.until("a packet", () => this.#queue.length > 0 || this.ended);
    const packet = this.#queue.shift();
    if (packet === undefined) throw new Error("The connection was closed instead of a packet");
    return packet;
  }

  /** Waits until the server has closed the connection; packets before that are returned. */
  async end(ms = PATIENCE): Promise<Packet[]> {
    await this.until("the end of the connection", () => this.ended, ms);
    return this.#queue.splice(0);
  }

  /** Joins a namespace, and takes the two packets that the server greets with. */
  async join(nsp = ""): Promise<void> {
    await this.send(`40${nsp === "" ? "" : `${nsp},`}`);
    for (const wanted of ["40", "42"]) {
      const got = await this.next();
      if (typeof got !== "string" || !got.startsWith(wanted + nsp)) {
        throw new Error(`${String(got)} came instead of ${wanted}${nsp}`);
      }
    }
  }
}

/** A WebSocket, recorded from its first moment on. */
export class WebSocketLink extends Link {
  readonly #ws: WebSocket;
  readonly #closed = Promise.withResolvers<void>();

  constructor(base: string, params: Record<string, string | undefined> = {}) {
    super();
    const url = engineUrl(base, { transport: "websocket", ...params });
    url.protocol = url.protocol.replace("http", "ws");
    this.#ws = new WebSocket(url);
    this.#ws.binaryType = "arraybuffer";
    this.#ws.onmessage = ({ data }) =>
      this.take(typeof data === "string" ? data : new Uint8Array(data));
    this.#ws.onclose = () => {
      this.#closed.resolve();
      this.stop();
    };
    this.#ws.onerror = (event) => event.preventDefault();
  }

  /** Opens a connection, and takes its open packet. */
  static async open(base: string): Promise<WebSocketLink> {
    const link = new WebSocketLink(base);
    link.handshake = JSON.parse(String(await link.next()).replace(/^0/, ""));
    return link;
  }

  /** Waits until the WebSocket is open, or refused. Returns which. */
  async opened(): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#ws.onopen = () => resolve();
    if (this.#ws.readyState === WebSocket.CONNECTING) {
      await within("the opening handshake", Promise.race([promise, this.#closed.promise]));
    }
    return this.#ws.readyState === WebSocket.OPEN;
  }

  send(...packets: Packet[]): Promise<void> {
    if (this.#ws.readyState === WebSocket.OPEN) {
      for (const packet of packets) this.#ws.send(packet as string | Uint8Array<ArrayBuffer>);
    }
    return Promise.resolve();
  }

  async leave(): Promise<void> {
    this.#ws.close();
    await within("the end of the WebSocket", this.#closed.promise);
  }
}

const toText = (packet: Packet): string =>
  typeof packet === "string" ? packet : `b${packet.toBase64()}`;

/** A session over polling: one request always waits for packets, unless `hold` is set. */
export class PollingLink extends Link {
  readonly #base: string;
  #loop: Promise<void> = Promise.resolve();
  #posts: Promise<void> = Promise.resolve();
  #giveUp = new AbortController();
  /** Starts no request for packets once this is set. */
  hold = false;

  constructor(base: string) {
    super();
    this.#base = base;
  }

  /** Opens a session; `poll` says whether its packets are fetched. */
  static async open(base: string, poll = true): Promise<PollingLink> {
    const link = new PollingLink(base);
    const response = await fetch(engineUrl(base, { transport: "polling" }));
    const body = await response.text();
    if (response.status !== 200 || !body.startsWith("0")) {
      throw new Error(`The handshake was answered with ${response.status}, ${body}`);
    }
    link.handshake = JSON.parse(body.slice(1));
    if (poll) link.start();
    return link;
  }

  /** Begins to fetch packets. */
  start(): void {
    this.hold = false;
    this.#loop = this.#run();
  }

  /** Waits until no request waits for packets any more. */
  get idle(): Promise<void> {
    return this.#loop;
  }

  async #run(): Promise<void> {
    while (!this.hold && !this.ended) {
      let body: string;
      try {
        const response = await this.get(this.#giveUp.signal);
        body = await response.text();
        if (response.status !== 200) return this.stop();
      } catch {
        return this.stop();
      }
      for (const part of body.split("\x1e")) {
        if (part === "1") this.stop();
        else if (part.startsWith("b")) this.take(Uint8Array.fromBase64(part.slice(1)));
        else if (part !== "6") this.take(part);
        else this.hold = true;
      }
    }
  }

  /** One request for packets. */
  get(signal?: AbortSignal): Promise<Response> {
    const { sid } = this.handshake;
    return fetch(engineUrl(this.#base, { transport: "polling", sid }), signal ? { signal } : {});
  }

  /** One request that brings a body as it is. Returns its status; 0 where the server hung up. */
  async post(body: string | Uint8Array<ArrayBuffer>): Promise<number> {
    const { sid } = this.handshake;
    try {
      const response = await fetch(engineUrl(this.#base, { transport: "polling", sid }), {
        method: "POST",
        headers: { "content-type": "text/plain;charset=UTF-8" },
        body,
      });
      await response.body?.cancel();
      return response.status;
    } catch {
      return 0;
    }
  }

  send(...packets: Packet[]): Promise<void> {
    return this.#posts = this.#posts.then(async () => {
      if (!this.ended) await this.post(packets.map(toText).join("\x1e"));
    });
  }

  async leave(): Promise<void> {
    await this.#posts;
    if (!this.ended) await this.post("1");
    this.hold = true;
    this.#giveUp.abort();
    await within("the end of polling", this.#loop);
  }
}
