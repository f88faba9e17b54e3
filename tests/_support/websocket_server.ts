// A WebSocket server on a free port of the loopback, and clients in raw bytes.
import { writeAll } from "../../net/write_all.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";

/** Serves on 127.0.0.1, an echo unless other handlers are given. */
export function serve(options: ServeWebSocketOptions = {}): Promise<WebSocketServer> {
  const handlers = options.default ?? options.protocols ? {} : {
    default: (ws: Parameters<NonNullable<ServeWebSocketOptions["default"]>>[0]) => {
      ws.on("message", (data) => ws.send(data));
    },
  };
  const where = options.path ?? options.listener ? {} : { hostname: "127.0.0.1" };
  return serveWebSocket({ ...where, ...handlers, ...options });
}

/** The URL of a server. */
export function urlOf(server: { port: number }, path = "/", scheme = "ws"): string {
  return `${scheme}://127.0.0.1:${server.port}${path}`;
}

/** The RFC's key, and the answer that it gets. */
export const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
export const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

/** A correct opening request, with other or further headers (`undefined` leaves one out). */
export function upgradeRequest(
  headers: Record<string, string | undefined> = {},
  line = "GET / HTTP/1.1",
): string {
  const all: Record<string, string | undefined> = {
    Host: "127.0.0.1",
    Upgrade: "websocket",
    Connection: "Upgrade",
    "Sec-WebSocket-Key": KEY,
    "Sec-WebSocket-Version": "13",
    ...headers,
  };
  const lines = Object.entries(all).filter(([, value]) => value !== undefined);
  return `${line}\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}\r\n`;
}

/** A TCP client that speaks raw bytes. */
export class RawClient implements Disposable {
  readonly conn: Deno.TcpConn;
  text = "";
  private constructor(conn: Deno.TcpConn) {
    this.conn = conn;
  }

  static async connect(port: number): Promise<RawClient> {
    return new RawClient(await Deno.connect({ hostname: "127.0.0.1", port }));
  }

  async write(text: string | Uint8Array): Promise<void> {
    const bytes = typeof text === "string" ? Uint8Array.from(text, (c) => c.charCodeAt(0)) : text;
    await writeAll(this.conn, bytes);
  }

  /** Reads until `done`, or the end; returns all that came so far. */
  async readUntil(done: (text: string) => boolean = () => false): Promise<string> {
    const buffer = new Uint8Array(65_536);
    while (!done(this.text)) {
      const n = await this.conn.read(buffer).catch(() => null);
      if (n === null) break;
      this.text += String.fromCharCode(...buffer.subarray(0, n));
    }
    return this.text;
  }

  /** Reads a response's head. */
  readHead(): Promise<string> {
    return this.readUntil((text) => text.includes("\r\n\r\n"));
  }

  close(): void {
    try {
      this.conn.close();
    } catch {
      // closed already
    }
  }
  [Symbol.dispose](): void {
    this.close();
  }
}

/** Sends a request and returns the whole answer. */
export async function ask(port: number, request: string): Promise<string> {
  using client = await RawClient.connect(port);
  await client.write(request);
  return await client.readUntil();
}

/** Waits until a condition holds, for at most five seconds. */
export async function until(condition: () => boolean): Promise<void> {
  const start = performance.now();
  while (!condition()) {
    if (performance.now() - start > 5000) throw new Error("it did not come to that");
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}
