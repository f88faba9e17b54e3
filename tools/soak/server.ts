/** The server process of a soak run: echoes over everything, broadcasts, and a feed for those who do not read. */
import { createSecureServer, createServer, Limits, type Socket } from "../../net/mod.ts";
import { serveWebSocket } from "../../websocket/mod.ts";
import { SocketIoServer } from "../../socketio/mod.ts";
import { identity } from "../../tests/_support/certs.ts";
import { type Ports, serveCommands, type ServerFigures } from "./wire.ts";

const HOST = "127.0.0.1";
const MAX = 19_000;
/** Time between broadcasts, in ms: they go to thousands, and are not what the probe is to measure. */
const TICK = 15_000;
const fault = (error: unknown): void => console.error("server:", error);

/** Has the C library give back what it keeps of freed memory, where it can: only what is in use can leak. */
const giveBack: () => void = (() => {
  try {
    const { symbols } = Deno.dlopen("libc.so.6", {
      malloc_trim: { parameters: ["usize"], result: "i32" },
    });
    return () => void symbols.malloc_trim(0n);
  } catch {
    return () => {};
  }
})();

/** How many TCP sockets this process has, by the kernel's own tables. */
function countSockets(): number {
  const inodes = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    for (const line of Deno.readTextFileSync(table).split("\n").slice(1)) {
      const inode = line.trim().split(/\s+/)[9];
      if (inode !== undefined) inodes.add(`socket:[${inode}]`);
    }
  }
  let sockets = 0;
  for (const { name } of Deno.readDirSync("/proc/self/fd")) {
    try {
      if (inodes.has(Deno.readLinkSync(`/proc/self/fd/${name}`))) sockets++;
    } catch {
      // the descriptor of the list itself
    }
  }
  return sockets;
}

/** How many slow readers the servers have let go of. */
let letGo = 0;

function echo(socket: Socket): void {
  socket.on("data", (chunk) => {
    if (!socket.write(chunk)) socket.pause();
  });
  socket.on("drain", () => socket.resume());
  socket.on("error", () => {}); // who resets or stalls is one of the attackers
}

const tcp = createServer({ noDelay: true, maxConnections: MAX }, echo);
await tcp.listen(0, HOST, 4096);
const tls = createSecureServer({ ...identity("server"), maxConnections: MAX }, echo);
await tls.listen(0, HOST, 4096);

const ws = await serveWebSocket({
  hostname: HOST,
  perMessageDeflate: { serverNoContextTakeover: true },
  maxConnections: MAX,
  maxSendQueueBytes: 1 << 20,
  slowReader: "close",
  onError: fault,
  protocols: {
    async echo(socket) {
      for await (const message of socket) await socket.send(message);
    },
    async feed(socket) {
      socket.on("error", ({ code }) => void (code === "SLOW_READER" && letGo++));
      socket.subscribe("feed");
      await socket.closed;
    },
  },
});

const io = new SocketIoServer({
  maxConnections: MAX,
  maxBufferedBytes: 1 << 20,
  maxHttpBufferSize: 1 << 20,
});
io.on("connection", (socket) => {
  socket.on("echo", (data: Uint8Array, answer: (data: Uint8Array) => void) => answer(data));
  socket.on("feed", () => void socket.join("feed"));
  socket.on(
    "disconnect",
    (reason) => void (feeding !== undefined && reason !== "transport close" && letGo++),
  );
});
const { port: sioPort } = await io.listen({ port: 0, hostname: HOST });

let tick = 0;
const ticking = setInterval(() => {
  tick++;
  ws.broadcast(`${tick}`, { protocol: "echo" });
  io.emit("tick", tick);
}, TICK);

let feeding: ReturnType<typeof setInterval> | undefined;
const bulk = crypto.getRandomValues(new Uint8Array(32_768));

const ports: Ports = {
  tcp: (tcp.address() as { port: number }).port,
  tls: (tls.address() as { port: number }).port,
  ws: ws.port,
  sio: sioPort!,
};

/** What the shared limits count. */
function countLimits(): Pick<ServerFigures, "connections" | "counted"> {
  const { connections, queuedBytes, receivedBytes, inflatingBytes } = Limits.shared.pressure;
  return {
    connections: connections.used,
    counted: queuedBytes.used + receivedBytes.used + inflatingBytes.used,
  };
}

await serveCommands({
  ports: () => ports,
  async figures(): Promise<ServerFigures> {
    const { gc } = globalThis as unknown as { gc?: () => void };
    for (let i = 0; i < 3; i++) {
      gc?.();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    giveBack();
    return {
      ...Deno.memoryUsage(),
      sockets: countSockets(),
      ...countLimits(),
      letGo,
    };
  },
  feed(argument) {
    clearInterval(feeding);
    feeding = undefined;
    if (argument !== "on") return;
    feeding = setInterval(() => {
      ws.publish("feed", bulk);
      io.to("feed").emit("bulk", bulk);
    }, 20);
  },
  async stop(): Promise<ServerFigures> {
    clearInterval(ticking);
    clearInterval(feeding);
    await Promise.all([
      tcp.close({ drain: 5000 }),
      tls.close({ drain: 5000 }),
      ws.close(),
      io.close(),
    ]);
    // The last may still be on their way out.
    for (let i = 0; i < 60; i++) {
      await new Promise((resolve) => setTimeout(resolve, 500));
      const { connections, counted } = countLimits();
      if (countSockets() + connections + counted === 0) break;
    }
    return {
      ...Deno.memoryUsage(),
      sockets: countSockets(),
      ...countLimits(),
      letGo,
    };
  },
});
