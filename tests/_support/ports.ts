// Every kind of port that the library serves, to be attacked: each with an honest client that comes by.
import { createServer } from "../../net/create_server.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { socks5Connect } from "../../net/socks5.ts";
import { dial } from "../../net/dial.ts";
import type { Transport } from "../../net/transport.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoListenOptions } from "../../socketio/engine.ts";
import { SocketIoServer, type SocketIoServerOptions } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import { latin1, type Wire } from "./attack.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";
import { CA, identity } from "./certs.ts";
import { serve } from "./websocket_server.ts";

/** Bytes as text, one character for each. */
export function textOf(bytes: Uint8Array): string {
  let text = "";
  for (let at = 0; at < bytes.length; at += 8192) {
    text += String.fromCharCode(...bytes.subarray(at, at + 8192));
  }
  return text;
}

/** All that comes before the end, as text. */
export async function readToEnd(wire: Wire): Promise<string> {
  return textOf(await wire.readAll());
}

/** Writes bytes one by one, with a pause between, until they are all written or the other side has gone. */
export async function drip(wire: Wire, bytes: Uint8Array, pause: number): Promise<void> {
  for (const byte of bytes) {
    if (wire.ended || !(await wire.write(new Uint8Array([byte])))) return;
    await delay(pause);
  }
}

/** Waits so many ms. */
export function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Turns what a sleeper would wait for into a failure. Generous: a busy machine is no fault. */
export async function within<T>(what: string, promise: PromiseLike<T>, ms = 60_000): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${ms} ms`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A port of ours that is being attacked. */
export interface Port extends AsyncDisposable {
  readonly port: number;
  /** An honest client comes, and is served. */
  visit(): Promise<void>;
  /** How many connections the server knows of. */
  connections(): number;
}

/** An honest client comes, and comes again if there is no room for it yet, or the machine too busy for its time. */
export function visited(port: Port): Promise<void> {
  const come = async (): Promise<void> => {
    for (;;) {
      try {
        return await port.visit();
      } catch {
        await delay(20);
      }
    }
  };
  return within("a visit", come());
}

/** Settings of {@linkcode PORTS}. */
export interface PortOptions {
  /** How long a client may take to say who it is, in ms. */
  timeout?: number;
}

/** A WebSocket server, an echo. */
export async function webSocketPort(options: ServeWebSocketOptions = {}): Promise<Port> {
  const server = await serve(options);
  const secure = options.tls !== undefined;
  return {
    port: server.port,
    connections: () => server.clients.size,
    async visit() {
      const url = `${secure ? "wss" : "ws"}://127.0.0.1:${server.port}/`;
      const tls = secure ? { ca: CA, servername: "localhost" } : undefined;
      await using ws = await connectWebSocket(url, { tls });
      await ws.send("ping");
      const { data } = await ws.receive({ timeout: 10_000 });
      if (data !== "ping") throw new Error(`the echo was ${data}`);
    },
    [Symbol.asyncDispose]: () => server.close({ timeout: 2000 }),
  };
}

/** A WebSocket that trusts the tests' authority. */
class SecureWebSocket extends StandardWebSocket {
  constructor(url: string | URL) {
    super(url, { tls: { ca: CA } });
  }
}

/** A Socket.IO server that echoes the event `echo` by acknowledgement. */
export async function socketIoPort(
  options: SocketIoServerOptions = {},
  listen: SocketIoListenOptions = {},
): Promise<Port & { io: SocketIoServer }> {
  const io = new SocketIoServer({ serveClient: false, ...options });
  io.on("connection", (socket) => {
    socket.on("echo", (value, answer) => answer(value));
  });
  const { port } = await io.listen({ port: 0, hostname: "127.0.0.1", ...listen });
  const secure = listen.tls !== undefined;
  const client = secure ? Deno.createHttpClient({ caCerts: [CA] }) : undefined;
  return {
    io,
    port,
    connections: () => io.engine.clientsCount,
    async visit() {
      for (const transport of ["polling", "websocket"] as const) {
        const socket = connectSocketIo(`http${secure ? "s" : ""}://127.0.0.1:${port}`, {
          transports: [transport],
          fetch: secure ? (input, init) => fetch(input, { ...init, client }) : undefined,
          WebSocket: secure ? SecureWebSocket as unknown as typeof WebSocket : undefined,
          forceNew: true,
          reconnection: false,
        });
        const answer = await socket.timeout(10_000).emitWithAck("echo", transport);
        socket.disconnect();
        if (answer !== transport) throw new Error(`the echo was ${answer}`);
      }
    },
    [Symbol.asyncDispose]: async () => {
      client?.close();
      await io.close();
    },
  };
}

/** A SOCKS5 server, and a target behind it. */
export async function socks5Port(
  options: Parameters<typeof createSocks5Server>[0] = {},
): Promise<Port> {
  const echo = await linePort();
  const server = createSocks5Server(options);
  const { port } = server.listen();
  return {
    port,
    connections: () => server.connections,
    async visit() {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      const target = { hostname: "127.0.0.1", port: echo.port };
      await askLine(await socks5Connect(conn, target, { timeout: 10_000 }));
    },
    async [Symbol.asyncDispose]() {
      await server.close();
      await echo[Symbol.asyncDispose]();
    },
  };
}

async function askLine(transport: Transport): Promise<void> {
  await using socket = new MessageSocket(transport, lineFramer());
  await socket.write("hello");
  const line = await socket.read({ timeout: 10_000 });
  if (line !== "hello") throw new Error(`the echo was ${line}`);
}

async function echoLines(socket: MessageSocket<string>): Promise<void> {
  try {
    for await (const line of socket) await socket.write(line);
    await socket.close();
  } catch {
    socket.destroy();
  }
}

/** A server of lines over TCP. */
export function linePort(): Promise<Port> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const open = new Map<MessageSocket<string>, Promise<void>>();
  const accepting = (async () => {
    for await (const conn of listener) {
      const socket = new MessageSocket(conn, lineFramer({ maxLength: 1024 }));
      open.set(socket, echoLines(socket).finally(() => open.delete(socket)));
    }
  })();
  const { port } = listener.addr;
  return Promise.resolve({
    port,
    connections: () => open.size,
    visit: async () => await askLine(await dial({ hostname: "127.0.0.1", port })),
    async [Symbol.asyncDispose]() {
      listener.close();
      await accepting;
      const served = [...open.values()];
      for (const socket of [...open.keys()]) socket.destroy();
      await Promise.all(served);
    },
  });
}

/** A TLS server of bytes that come back. */
export async function tlsPort({ timeout }: PortOptions = {}): Promise<Port> {
  const server = createSecureServer(
    { ...identity("server"), handshakeTimeout: timeout },
    (socket) => {
      socket.on("error", () => {});
      socket.pipe(socket);
    },
  );
  await server.listen(0, "127.0.0.1");
  const { port } = server;
  return {
    port,
    connections: () => server.connections.size,
    async visit() {
      const tls = { ca: CA, servername: "localhost" };
      await askLine(await dial({ hostname: "127.0.0.1", port }, { tls, timeout: 10_000 }));
    },
    async [Symbol.asyncDispose]() {
      await server.close({ drain: 100 });
    },
  };
}

/** A server of bytes that come back, behind the PROXY protocol. */
async function proxyProtocolPort({ timeout }: PortOptions = {}): Promise<Port> {
  const server = createServer({ proxyProtocol: { trusted: ["127.0.0.1"], timeout } }, (socket) => {
    socket.on("error", () => {});
    socket.pipe(socket);
  });
  await server.listen(0, "127.0.0.1");
  const { port } = server;
  return {
    port,
    connections: () => server.connections.size,
    async visit() {
      const conn = await Deno.connect({ hostname: "127.0.0.1", port });
      await conn.write(latin1("PROXY TCP4 192.0.2.1 192.0.2.2 1000 2000\r\n"));
      await askLine(conn);
    },
    async [Symbol.asyncDispose]() {
      await server.close({ drain: 100 });
    },
  };
}

/** Every kind of port that waits for its clients to say who they are. */
export const PORTS: readonly (readonly [
  name: string,
  open: (options?: PortOptions) => Promise<Port>,
])[] = [
  ["WebSocket server", ({ timeout } = {}) => webSocketPort({ handshakeTimeout: timeout })],
  [
    "WebSocket server with HTTP",
    ({ timeout } = {}) =>
      webSocketPort({ handshakeTimeout: timeout, handler: () => new Response("page") }),
  ],
  [
    "WebSocket server over TLS",
    ({ timeout } = {}) => webSocketPort({ handshakeTimeout: timeout, tls: identity("server") }),
  ],
  ["Socket.IO server", ({ timeout } = {}) => socketIoPort({}, { headTimeout: timeout })],
  [
    "Socket.IO server over TLS",
    ({ timeout } = {}) => socketIoPort({}, { headTimeout: timeout, tls: identity("server") }),
  ],
  ["SOCKS5 server", ({ timeout } = {}) => socks5Port({ handshakeTimeout: timeout })],
  ["TLS server", tlsPort],
  ["server behind the PROXY protocol", proxyProtocolPort],
];
