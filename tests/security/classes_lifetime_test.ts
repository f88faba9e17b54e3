// Known classes of faults in what outlives an attack: callbacks that throw, connections that are killed at any point, resources that stay.
import { assert, assertEquals, assertLess } from "@std/assert";
import {
  acceptance,
  askForWebSocket,
  byteServer,
  clientFrame,
  latin1,
  liveGrowthAfter,
  openWebSocket,
  Wire,
} from "../_support/attack.ts";
import { CA, identity } from "../_support/certs.ts";
import { hex } from "../_support/hex.ts";
import { delay, PORTS, socketIoPort, socks5Port, within } from "../_support/ports.ts";
import { joined } from "../_support/websocket_rig.ts";
import { serve, until, upgradeRequest, urlOf } from "../_support/websocket_server.ts";
import { reported } from "../_support/console_errors.ts";
import { createServer } from "../../net/create_server.ts";
import { createDatagramSocket } from "../../net/datagram_socket.ts";
import { dial } from "../../net/dial.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import type { TransportListener } from "../../net/server_options.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoServer } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";

const ENGINE = "/socket.io/?EIO=4&transport=websocket";

/** What callbacks do that should not. */
const MISDEEDS = {
  throws: () => {
    throw new Error("a planned fault");
  },
  "throws nothing that is an error": () => {
    throw null;
  },
  rejects: () => Promise.reject(new Error("a planned fault")),
} as const;

/** Runs with the console silent: it is told of the faults that are planned here. */
async function quietly(run: () => Promise<void>): Promise<void> {
  await reported(run);
}

// Callbacks. CVE-2026-21637 (Node), CVE-2022-41940 (engine.io), CVE-2024-38355 (socket.io).

/** For each callback of a WebSocket server: options in which it misbehaves for whoever comes to `/evil`. */
const WEBSOCKET_CALLBACKS: Readonly<
  Record<string, (misbehave: () => unknown) => ServeWebSocketOptions>
> = {
  "its handler": (misbehave) => ({
    default: (ws) => isEvil(ws) ? misbehave() : echo(ws),
  }),
  "a listener of messages": (misbehave) => ({
    default: (ws) => isEvil(ws) ? ws.on("message", misbehave as () => void) && undefined : echo(ws),
  }),
  "a listener of pings": (misbehave) => ({
    default: (ws) => {
      if (isEvil(ws)) ws.on("ping", misbehave as () => void);
      echo(ws);
    },
  }),
  "a listener of the end": (misbehave) => ({
    default: (ws) => {
      if (isEvil(ws)) ws.on("close", misbehave as () => void);
      echo(ws);
    },
  }),
  "a listener of errors": (misbehave) => ({
    default: (ws) => {
      if (isEvil(ws)) ws.on("error", misbehave as () => void);
      echo(ws);
    },
  }),
  "authorize": (misbehave) => ({
    authorize: (request) => request.url.endsWith("/evil") ? misbehave() as never : true,
    default: echo,
  }),
  "authorize, and what is told of it": (misbehave) => ({
    authorize: (request) => request.url.endsWith("/evil") ? misbehave() as never : true,
    onError: misbehave as () => void,
    default: echo,
  }),
  "the judge of origins": (misbehave) => ({
    origin: (origin) => origin === "http://evil.example" ? misbehave() as never : true,
    default: echo,
  }),
  "the handler of pages": (misbehave) => ({
    handler: (request) =>
      request.url.endsWith("/evil") ? misbehave() as never : new Response("page"),
    default: echo,
  }),
};

function isEvil(ws: WebSocketConnection): boolean {
  return ws.url.endsWith("/evil");
}

function echo(ws: WebSocketConnection): void {
  ws.on("message", (data) => void ws.send(data));
}

for (const [name, make] of Object.entries(WEBSOCKET_CALLBACKS)) {
  for (const [misdeed, misbehave] of Object.entries(MISDEEDS)) {
    Deno.test(`callback: ${name} of a WebSocket server that ${misdeed} harms no other connection`, () =>
      quietly(async () => {
        await using server = await serve(make(misbehave));
        await using honest = await connectWebSocket(urlOf(server));
        const { wire, status } = await askForWebSocket(server.port, {
          path: "/evil",
          headers: { Origin: name === "the judge of origins" ? "http://evil.example" : undefined },
        });
        if (status === 101) {
          await wire.write(joined(
            clientFrame(9, "p"),
            clientFrame(1, "m"),
            clientFrame(8, hex("03e8")),
          ));
          await within("the end", wire.readAll());
        } else assert(status === 403 || status === 500, `status ${status}`);
        wire.close();
        if (name === "the handler of pages") {
          const response = await fetch(`http://127.0.0.1:${server.port}/evil`);
          await response.body?.cancel();
          assertEquals(response.status, 500);
        }
        await until(() => server.clients.size === 1);
        await honest.send("still there?");
        assertEquals((await honest.receive({ timeout: 10_000 })).data, "still there?");
        await using next = await connectWebSocket(urlOf(server));
        assertEquals(next.state, "open");
      }));
  }
}

Deno.test("callback: authorize that never settles holds its own client, until the handshake's deadline", async () => {
  await using server = await serve({
    handshakeTimeout: 300,
    authorize: (request) => request.url.endsWith("/evil") ? new Promise<boolean>(() => {}) : true,
  });
  const asked = askForWebSocket(server.port, { path: "/evil" });
  await using honest = await connectWebSocket(urlOf(server));
  const { wire, status } = await within("the end", asked);
  assertEquals([status, honest.state], [0, "open"]);
  wire.close();
});

/** For each callback of a Socket.IO server: how it is made to misbehave for whoever comes with `evil` in the query. */
const SOCKETIO_CALLBACKS: Readonly<
  Record<string, (io: SocketIoServer, misbehave: () => unknown) => void>
> = {
  "a listener of connections": (io, misbehave) =>
    void io.on("connection", (socket) => socket.handshake.query.evil ? misbehave() : undefined),
  "a listener of events": (io, misbehave) => onEvil(io, (socket) => socket.on("m", misbehave)),
  "a listener of all events": (io, misbehave) => onEvil(io, (socket) => socket.onAny(misbehave)),
  "a listener of the end": (io, misbehave) =>
    onEvil(io, (socket) => socket.on("disconnect", misbehave).on("disconnecting", misbehave)),
  "a middleware of events": (io, misbehave) => onEvil(io, (socket) => socket.use(misbehave)),
  "an acknowledgement's callback": (io, misbehave) =>
    onEvil(io, (socket) => socket.emit("ask", misbehave)),
  "a middleware of the namespace": (io, misbehave) =>
    void io.use((socket, next) => socket.handshake.query.evil ? misbehave() : next()),
  "a middleware of the engine": (io, misbehave) =>
    void io.engine.use((request, _response, next) =>
      request.url!.includes("evil") ? misbehave() : next()
    ),
  "the maker of ids": (io, misbehave) => {
    const generate = io.engine.generateId;
    io.engine.generateId = (request) =>
      request.url!.includes("evil") ? misbehave() as never : generate(request);
  },
  "a listener of refused connections": (io, misbehave) =>
    void io.engine.on("connection_error", misbehave),
  "a listener of headers": (io, misbehave) =>
    void io.engine.on(
      "headers",
      (_headers, request) => request.url!.includes("evil") ? misbehave() as never : undefined,
    ),
  "a matcher of namespaces": (io, misbehave) =>
    void io.of((name, _auth, next) => name === "/evil" ? misbehave() : next(null, false)),
};

// deno-lint-ignore no-explicit-any
function onEvil(io: SocketIoServer, run: (socket: any) => void): void {
  io.on("connection", (socket) => {
    if (socket.handshake.query.evil) run(socket);
  });
}

for (const [name, make] of Object.entries(SOCKETIO_CALLBACKS)) {
  for (const [misdeed, misbehave] of Object.entries(MISDEEDS)) {
    Deno.test(`callback: ${name} of a Socket.IO server that ${misdeed} harms no other connection`, () =>
      quietly(async () => {
        await using port = await socketIoPort({ connectTimeout: 1000, closeTimeout: 200 });
        make(port.io, misbehave);
        const honest = connectSocketIo(`http://127.0.0.1:${port.port}`, { forceNew: true });
        await new Promise<void>((resolve) => honest.on("connect", resolve));
        const { wire, status } = await askForWebSocket(port.port, { path: `${ENGINE}&evil=1` });
        if (status === 101) {
          for (const text of ["40", "40/evil,", '420["m",1]', "430[]", "41", "bad packet"]) {
            await wire.write(clientFrame(1, text));
          }
          await within("the end", wire.readAll());
        } else assert(status >= 400, `status ${status}`);
        wire.close();
        using poller = await Wire.connect(port.port);
        await poller.write(
          "GET /socket.io/?EIO=4&transport=polling&evil=1 HTTP/1.1\r\nHost: h\r\n\r\n",
        );
        assert((await within("an answer", poller.readResponse())).status >= 200);
        assertEquals(await honest.timeout(10_000).emitWithAck("echo", "there?"), "there?");
        honest.disconnect();
        await port.visit();
      }));
  }
}

for (const [misdeed, misbehave] of Object.entries(MISDEEDS)) {
  Deno.test(`callback: allowRequest and the origins of a Socket.IO server that ${misdeed} refuse, and harm nobody`, () =>
    quietly(async () => {
      await using port = await socketIoPort({
        allowRequest: (request, decide) =>
          request.url!.includes("evil") ? misbehave() : decide(null, true),
        cors: {
          origin: (origin) => origin === "http://evil.example" ? misbehave() as never : true,
        },
      });
      for (const origin of [undefined, "http://evil.example"]) {
        const { wire, status } = await askForWebSocket(port.port, {
          path: origin === undefined ? `${ENGINE}&evil=1` : ENGINE,
          headers: { Origin: origin },
        });
        assert(status >= 400, `status ${status}`);
        wire.close();
      }
      assertEquals(port.connections(), 0);
      await port.visit();
    }));

  Deno.test(`callback: hooks of a SOCKS5 server that ${misdeed} end their own client`, () =>
    quietly(async () => {
      for (const hook of ["authenticate", "authorize", "dial", "lookup", "onerror"] as const) {
        let evil = true;
        await using port = await socks5Port({
          [hook]: (...args: unknown[]) => {
            if (evil) return misbehave();
            if (hook === "dial") return dial(args[0] as { hostname: string; port: number });
            return hook === "lookup" ? ["127.0.0.1"] : true;
          },
        });
        using wire = await Wire.connect(port.port);
        await wire.write(
          hook === "authenticate"
            ? hex("05 01 02 01 01 75 01 70")
            : hex("05 01 00 05 01 00 03 01 61 0001"),
        );
        const answer = await within("the end", wire.readAll());
        assert(!answer.toHex().slice(4).startsWith("0500"));
        evil = false;
        if (hook !== "authenticate") await port.visit();
        await until(() => port.connections() === 0);
      }
    }));

  Deno.test(`callback: listeners of a TCP server that ${misdeed} end their own connection`, () =>
    quietly(async () => {
      let count = 0;
      await using server = createServer({}, (socket) => {
        const number = count++;
        if (number === 0) return misbehave() as never;
        if (number <= 4) {
          const event = (["data", "end", "close", "timeout"] as const)[number - 1];
          socket.on(event, misbehave as never);
          if (event === "timeout") socket.setTimeout(10);
          if (event !== "data") socket.resume();
        } else socket.pipe(socket);
      });
      server.on("error", () => {});
      await server.listen(0, "127.0.0.1");
      for (let i = 0; i < 5; i++) {
        using wire = await Wire.connect(server.port);
        await wire.write("hello");
        if (i === 2 || i === 3) await (wire.conn as Deno.TcpConn).closeWrite();
        await within("the end", wire.readAll());
      }
      using honest = await Wire.connect(server.port);
      await honest.write("hello");
      assertEquals(await honest.read(5), latin1("hello"));
    }));

  Deno.test(`callback: the chooser of certificates of a TLS server that ${misdeed} ends its own connection`, () =>
    quietly(async () => {
      await using server = createSecureServer({
        ...identity("server"),
        SNICallback: (name) => name === "localhost" ? undefined : misbehave() as never,
      }, (socket) => socket.pipe(socket));
      await server.listen(0, "127.0.0.1");
      const target = { hostname: "127.0.0.1", port: server.port };
      for (const servername of ["evil.example", "localhost"]) {
        const tls = { ca: CA, servername };
        const dialled = await dial(target, { tls, timeout: 10_000 }).catch(() => undefined);
        assertEquals(dialled !== undefined, servername === "localhost");
        dialled?.close();
      }
    }));

  Deno.test(`callback: a listener of datagrams that ${misdeed} harms no other socket`, () =>
    quietly(async () => {
      const bad = createDatagramSocket();
      bad.on("error", () => {});
      bad.on("message", misbehave as never);
      await bad.bind({ address: "127.0.0.1" });
      await using good = createDatagramSocket();
      await good.bind({ address: "127.0.0.1" });
      const closed = new Promise<void>((resolve) => bad.on("close", resolve));
      await using sender = createDatagramSocket();
      for (const socket of [bad, good]) {
        await sender.send(latin1("x"), { address: "127.0.0.1", port: socket.address().port });
      }
      assertEquals((await good.receive({ timeout: 10_000 })).data, latin1("x"));
      await within("the end", closed);
    }));
}

// Killed at any point.

/** A listener whose connections a test hands in. */
class Queue implements TransportListener {
  readonly addr = { transport: "tcp", hostname: "127.0.0.1", port: 0 } as const;
  readonly #waiting: Transport[] = [];
  #wake = Promise.withResolvers<void>();
  #closed = false;

  push(transport: Transport): void {
    this.#waiting.push(transport);
    this.#wake.resolve();
  }

  async accept(): Promise<Transport> {
    for (;;) {
      const next = this.#waiting.shift();
      if (next !== undefined) return next;
      if (this.#closed) throw new Deno.errors.BadResource("closed");
      await this.#wake.promise;
      this.#wake = Promise.withResolvers();
    }
  }

  close(): void {
    this.#closed = true;
    this.#wake.resolve();
  }
}

async function readAll(transport: Transport): Promise<number> {
  let size = 0;
  try {
    const buffer = new Uint8Array(65_536);
    for (let n; (n = await transport.read(buffer)) !== null;) size += n;
  } catch {
    // cut
  }
  return size;
}

/** A whole visit to a WebSocket server: handshake, ping, fragments, close. */
const VISIT = joined(
  latin1(upgradeRequest()),
  clientFrame(9, "p"),
  clientFrame(1, "he", { fin: false }),
  clientFrame(9, "q"),
  clientFrame(0, "llo"),
  clientFrame(2, new Uint8Array(300)),
  clientFrame(8, hex("03e8 62 79 65")),
);

for (const action of ["end", "reset"] as const) {
  Deno.test(`resource leak: a WebSocket server whose connection gets an ${action} at any byte, in either direction, keeps nothing`, async () => {
    const listener = new Queue();
    let told = 0;
    let opened = 0;
    await using server = await serve({
      listener,
      closeTimeout: 1000,
      default: (ws) => {
        opened++;
        echo(ws);
        ws.on("close", () => told++);
      },
    });
    for (const way of ["forth", "back"] as const) {
      for (let at = 0; at < VISIT.length; at += 1) {
        const options: PairOptions = { [way]: { faults: [{ at, action }] } };
        const [client, end] = pair(options);
        listener.push(end);
        const reading = readAll(client);
        await writeAll(client, VISIT).catch(() => {});
        await client.closeWrite().catch(() => {});
        await within(`the end after ${at} bytes`, reading);
        client.close();
      }
    }
    await until(() => server.clients.size === 0);
    assertEquals(told, opened);
  });
}

Deno.test("resource leak: a WebSocket client whose connection is cut at any byte fails or closes, and keeps nothing", async () => {
  const answer = latin1(await acceptance("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  const size = answer.length + 40;
  let open = 0;
  for (const action of ["end", "reset"] as const) {
    for (let at = 0; at < size; at++) {
      const [client, server] = pair({ back: { faults: [{ at, action }] } });
      const serving = (async () => {
        const wire = new Wire(server as unknown as Deno.Conn);
        const head = await wire.readHead();
        await wire.write(await acceptance(head));
        await wire.write(hex("81 02 6869 01 01 61 89 00 80 01 62 88 02 03e8"));
        await wire.readAll();
        wire.close();
      })();
      try {
        const ws = await connectWebSocket("ws://a.example/", { transport: client });
        open++;
        await within(`the end after ${at} bytes`, ws.closed);
      } catch (error) {
        assert(error instanceof Error && "code" in error, String(error));
      }
      await within(`the server's end after ${at} bytes`, serving);
    }
  }
  assert(open > 0 && open < 2 * size);
});

Deno.test("resource leak: a Socket.IO server whose clients vanish at any byte keeps nothing", async () => {
  await using port = await socketIoPort();
  let open = 0;
  port.io.on("connection", (socket) => {
    open++;
    socket.on("disconnect", () => open--);
    socket.join("room");
  });
  const socket = joined(
    latin1(upgradeRequest({}, `GET ${ENGINE} HTTP/1.1`)),
    clientFrame(1, "40"),
    clientFrame(1, '420["echo",1]'),
    clientFrame(1, '451-1["echo",{"_placeholder":true,"num":0}]'),
    clientFrame(2, new Uint8Array(20)),
    clientFrame(1, "41"),
  );
  const request = latin1(
    "GET /socket.io/?EIO=4&transport=polling HTTP/1.1\r\nHost: h\r\n\r\n" +
      "POST /socket.io/?EIO=4&transport=polling&sid=x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n40",
  );
  for (const bytes of [socket, request]) {
    for (let at = 0; at < bytes.length; at += 3) {
      const wire = await Wire.connect(port.port);
      await wire.write(bytes.subarray(0, at));
      wire.close();
    }
  }
  await port.visit();
  // Sessions by polling have no connection that could be lost: they end at their timeout.
  const polling = () =>
    [...port.io.engine.clients.values()].filter((one) => one.transport.name === "polling");
  await until(() => port.connections() === polling().length && open === 0);
  assertEquals([...port.io.sockets.adapter.rooms.keys()], []);
});

Deno.test("resource leak: a SOCKS5 server whose connection gets an end or a reset at any byte keeps nothing", async () => {
  const open = new Set<Wire>();
  await using target = byteServer(async (wire) => {
    open.add(wire);
    await wire.write("hello");
    await wire.readAll();
    open.delete(wire);
    wire.close();
  });
  await using server = createSocks5Server({ authenticate: () => true });
  const bytes = joined(
    hex("05 02 00 02 01 01 75 01 70 05 01 00 01 7f000001"),
    new Uint8Array([target.port >> 8, target.port & 255]),
    latin1("hello"),
  );
  for (const action of ["end", "reset"] as const) {
    for (const way of ["forth", "back"] as const) {
      for (let at = 0; at < bytes.length; at++) {
        const [client, end] = pair({ [way]: { faults: [{ at, action }] } });
        const served = server.serve(end);
        const reading = readAll(client);
        await writeAll(client, bytes).catch(() => {});
        await client.closeWrite().catch(() => {});
        client.close();
        await within(`the end after ${at} bytes`, served);
        await reading;
      }
    }
  }
  assertEquals(server.connections, 0);
  await until(() => open.size === 0);
});

Deno.test("resource leak: a dial whose proxy or TLS is cut at any byte fails, and keeps nothing", async () => {
  const answers = [
    ["socks5", hex("05 00 05 00 00 01 00000000 0000")],
    ["http", latin1("HTTP/1.1 200 OK\r\nX: y\r\n\r\n")],
  ] as const;
  for (const [scheme, answer] of answers) {
    for (let at = 0; at < answer.length; at++) {
      await using proxy = byteServer(async (wire) => {
        await wire.more();
        await wire.write(answer.subarray(0, at));
        wire.close();
      });
      const dialled = await dial({ hostname: "a.example", port: 80 }, {
        proxy: `${scheme}://127.0.0.1:${proxy.port}`,
        timeout: 10_000,
      }).catch((error) => error);
      assert(dialled instanceof Error, `${scheme} after ${at} bytes`);
    }
  }
  await using server = byteServer((wire) => wire.readAll(), identity("server"));
  for (const implementation of ["node", "deno"] as const) {
    for (let most = 0; most < 2000; most += 150) {
      await using proxy = byteServer(async (wire) => {
        const target = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
        await target.write(await wire.more());
        const buffer = new Uint8Array(most);
        const n = most === 0 ? 0 : await target.read(buffer) ?? 0;
        await wire.write(buffer.subarray(0, Math.min(n, 300)));
        target.close();
        wire.close();
      });
      const trust = implementation === "node" ? { ca: CA } : { caCerts: [CA] };
      const tls = { ...trust, servername: "localhost", implementation };
      const target = { hostname: "127.0.0.1", port: proxy.port };
      const dialled = await dial(target, { tls, timeout: 10_000 }).catch((error) => error);
      assert(dialled instanceof Error, `${implementation} after ${most} bytes`);
    }
  }
});

Deno.test("resource leak: a client that is aborted at any moment leaves nothing open", async () => {
  await using server = await serve({ tls: identity("server") });
  await using proxy = createSocks5Server();
  const { port } = proxy.listen();
  let open = 0;
  for (let turns = 0; turns < 40; turns++) {
    const controller = new AbortController();
    const connecting = connectWebSocket(urlOf(server, "/", "wss"), {
      tls: { ca: CA, servername: "localhost" },
      proxy: turns % 2 === 0 ? undefined : `socks5://127.0.0.1:${port}`,
      signal: controller.signal,
    });
    const settled = connecting.then(async (ws) => {
      open++;
      await ws.close();
    }, () => {});
    for (let i = 0; i < turns; i++) await new Promise((resolve) => setTimeout(resolve, 0));
    controller.abort();
    await within("the end", settled);
  }
  await until(() => server.clients.size === 0 && proxy.connections === 0);
  assert(open < 40);
});

// CVE-2021-42340 (Tomcat): closed connections that stay in somebody's books.
for (const [name, open] of PORTS) {
  Deno.test(`resource leak: 500 connections that come and go leave nothing in the books of a ${name}`, async () => {
    await using port = await open({ timeout: 1000 });
    for (let round = 0; round < 10; round++) {
      const wires = await Promise.all(Array.from({ length: 50 }, () => Wire.connect(port.port)));
      if (round % 2 === 0) await Promise.all(wires.map((wire) => wire.write("\x05\x01\x00GET")));
      for (const wire of wires) wire.close();
    }
    await within("the end of all", until(() => port.connections() === 0));
    await port.visit();
    await within("the end of the visit", until(() => port.connections() === 0));
  });
}

Deno.test("resource leak: 500 WebSockets that come and go, with topics and rooms, leave nothing in the books", async () => {
  await using server = await serve({
    default: (ws) => {
      ws.subscribe("all");
      ws.subscribe(`of ${ws.url}`);
      echo(ws);
    },
  });
  await using io = await socketIoPort();
  io.io.on("connection", (socket) => {
    socket.join(["all", `of ${socket.id}`]);
    socket.emit("question", () => {});
  });
  for (let round = 0; round < 10; round++) {
    const wires = await Promise.all(
      Array.from(
        { length: 50 },
        (_, i) => openWebSocket((i % 2 === 0 ? server : io).port, { path: ENGINE }),
      ),
    );
    for (const [i, wire] of wires.entries()) {
      await wire.write(clientFrame(1, "40"));
      if (i % 3 === 0) await wire.write(clientFrame(8, hex("03e8")));
      wire.close();
    }
    await until(() => server.clients.size === 0 && io.connections() === 0);
  }
  assertEquals([server.subscribers("all"), server.broadcast("x")], [0, 0]);
  const { sockets } = io.io;
  assertEquals([sockets.sockets.size, sockets.adapter.rooms.size, sockets.adapter.sids.size], [
    0,
    0,
    0,
  ]);
  await delay(0);
});

for (const sni of [undefined, { "a.example.com": identity("a_example") }]) {
  const names = sni === undefined ? "without" : "with";
  Deno.test(`resource leak: handshakes that never come whole leave nothing at a TLS server ${names} certificates by name`, async () => {
    const server = createSecureServer({ ...identity("server"), sni });
    let failed = 0;
    server.on("tlsClientError", () => failed++);
    await server.listen(0, "127.0.0.1");
    const { port } = server;
    const beginnings = [
      "",
      "\x16\x03\x01\x00",
      "no TLS at all\r\n\r\n",
      `\x16\x03\x01\x00\x20\x01\x00\x00\x1c${"x".repeat(28)}`,
    ];
    const visit = async (beginning: string): Promise<void> => {
      using client = await Deno.connect({ hostname: "127.0.0.1", port });
      await client.write(latin1(beginning));
      await client.closeWrite();
      const buffer = new Uint8Array(100);
      while (await client.read(buffer).catch(() => null) !== null);
    };
    const visits = async (rounds: number): Promise<void> => {
      for (let i = 0; i < rounds; i++) await Promise.all(beginnings.map(visit));
    };
    await visits(25);
    assertLess(await liveGrowthAfter(() => visits(100)), 2 * 1_048_576);
    await until(() => failed === 500);
    await server.close();
  });
}
