/** Peers that know nothing but bytes: what a socket is tested against. Over `Deno.listen` and `Deno.connect` alone. */

/** One end of a connection, read and written by the byte. */
export class RawPeer implements Disposable {
  #conn: Deno.Conn;
  #rest = new Uint8Array(0);

  constructor(conn: Deno.Conn) {
    this.#conn = conn;
  }

  /** Connects to a port of this machine. */
  static async connect(port: number): Promise<RawPeer> {
    return new RawPeer(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  get localPort(): number {
    return (this.#conn.localAddr as Deno.NetAddr).port;
  }

  get remotePort(): number {
    return (this.#conn.remoteAddr as Deno.NetAddr).port;
  }

  /** Exactly so many bytes. @throws when the stream ends before. */
  async read(length: number): Promise<Uint8Array> {
    while (this.#rest.length < length) {
      if (!(await this.#more())) {
        throw new Error(`The stream ended after ${this.#rest.length} of ${length} bytes`);
      }
    }
    const bytes = this.#rest.slice(0, length);
    this.#rest = this.#rest.slice(length);
    return bytes;
  }

  /** Exactly as many bytes as `expected` has in Latin-1, as text. */
  async readText(length: number): Promise<string> {
    return String.fromCharCode(...await this.read(length));
  }

  /** The bytes up to the marker, and the marker. */
  async readUntil(marker: string): Promise<string> {
    for (;;) {
      const text = String.fromCharCode(...this.#rest);
      const at = text.indexOf(marker);
      if (at >= 0) return this.readText(at + marker.length);
      if (!(await this.#more())) throw new Error(`The stream ended before the marker: ${text}`);
    }
  }

  /** Everything up to the end of the stream. */
  async readAll(): Promise<Uint8Array> {
    while (await this.#more());
    const bytes = this.#rest;
    this.#rest = new Uint8Array(0);
    return bytes;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(65_536);
    const n = await this.#conn.read(buffer);
    if (n === null) return false;
    const joined = new Uint8Array(this.#rest.length + n);
    joined.set(this.#rest);
    joined.set(buffer.subarray(0, n), this.#rest.length);
    this.#rest = joined;
    return true;
  }

  /** All of the bytes, or of the text in Latin-1. */
  async write(data: string | Uint8Array): Promise<void> {
    let bytes = typeof data === "string"
      ? Uint8Array.from(data, (character) => character.charCodeAt(0))
      : data;
    while (bytes.length > 0) bytes = bytes.subarray(await this.#conn.write(bytes));
  }

  /** Ends the writing direction. */
  async closeWrite(): Promise<void> {
    await this.#conn.closeWrite();
  }

  /** Closes both directions; a second call does nothing. */
  close(): void {
    try {
      this.#conn.close();
    } catch {
      // closed already
    }
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** What {@linkcode rawServer} gives. */
export interface RawServer extends AsyncDisposable {
  readonly port: number;
  /** The next connection; closed together with the server. */
  accept(): Promise<RawPeer>;
}

/** Listens on a free port of 127.0.0.1. */
export function rawServer(): Promise<RawServer> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const peers: RawPeer[] = [];
  return Promise.resolve({
    port: listener.addr.port,
    async accept(): Promise<RawPeer> {
      const peer = new RawPeer(await listener.accept());
      peers.push(peer);
      return peer;
    },
    [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      for (const peer of peers) peer.close();
      return Promise.resolve();
    },
  });
}

/** A server that sends back what comes, byte for byte. */
export function echoServer(): Promise<AsyncDisposable & { readonly port: number }> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const running: Promise<void>[] = [];
  const conns: Deno.Conn[] = [];
  const echo = async (conn: Deno.Conn): Promise<void> => {
    const buffer = new Uint8Array(65_536);
    try {
      for (let n; (n = await conn.read(buffer)) !== null;) {
        for (let at = 0; at < n;) at += await conn.write(buffer.subarray(at, n));
      }
    } catch {
      // the client has gone
    }
    try {
      conn.close();
    } catch {
      // closed with the server
    }
  };
  running.push((async () => {
    for await (const conn of listener) {
      conns.push(conn);
      running.push(echo(conn));
    }
  })());
  return Promise.resolve({
    port: listener.addr.port,
    async [Symbol.asyncDispose](): Promise<void> {
      listener.close();
      for (const conn of conns) {
        try {
          conn.close();
        } catch {
          // closed already
        }
      }
      await Promise.all(running);
    },
  });
}

/** The `Sec-WebSocket-Accept` that belongs to the key in a request's head. */
export async function acceptValue(head: string): Promise<string> {
  const key = /^sec-websocket-key: *(\S+)/im.exec(head)?.[1] ?? "";
  const text = new TextEncoder().encode(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`);
  return new Uint8Array(await crypto.subtle.digest("SHA-1", text)).toBase64();
}

/** The response that accepts a WebSocket's request. */
export async function upgradeResponse(head: string): Promise<string> {
  return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
    `Sec-WebSocket-Accept: ${await acceptValue(head)}\r\n\r\n`;
}

/** Accepts a connection and answers its WebSocket handshake by the byte; frames are then the test's. */
export async function acceptUpgrade(server: RawServer): Promise<RawPeer> {
  const peer = await server.accept();
  await peer.write(await upgradeResponse(await peer.readUntil("\r\n\r\n")));
  return peer;
}
