import { assert, assertEquals, assertInstanceOf, assertNotEquals } from "@std/assert";
import { reported } from "../_support/console_errors.ts";
import { stubOptions } from "../_support/engine_client_stubs.ts";
import { next, withServer } from "../_support/socketio_rig.ts";
import { SocketIoClientEngine } from "../../socketio/client_engine.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { EnginePacket } from "../../socketio/engine_packet.ts";

const OPEN = { sid: "e1", upgrades: ["websocket"], pingInterval: 60_000, pingTimeout: 60_000 };

Deno.test("client's engine shows the connection, and tells of its upgrade and of its end", async () => {
  await withServer({}, async ({ url, io }) => {
    const socket = connectSocketIo(url);
    const { engine } = socket.io;
    assertEquals([engine.readyState, engine.id, engine.transport.name, engine.transport.writable], [
      "opening",
      undefined,
      "polling",
      false,
    ]);
    const log: string[] = [];
    for (const event of ["open", "upgrading", "upgrade", "close"] as const) {
      engine.on(event, (...args: unknown[]) => {
        const [first] = args as [{ name?: string } | string | undefined];
        log.push(`${event} ${typeof first === "object" ? first.name : first ?? ""}`.trim());
      });
    }
    const upgraded = new Promise<void>((resolve) => void engine.once("upgrade", () => resolve()));
    await next(socket, "connect");
    assertEquals(engine.readyState, "open");
    assert(io.engine.clients.has(engine.id!));
    await upgraded;
    assertEquals(engine.transport.name, "websocket");
    assert(socket.io.engine === engine);
    await socket.close();
    assertEquals(log, ["open", "upgrading websocket", "upgrade websocket", "close forced close"]);
    // It is still there to look at, as npm's is.
    assertEquals([socket.io.engine === engine, engine.readyState], [true, "closed"]);
  });
});

Deno.test("client's engine tells of packets and messages, both ways, and of room", async () => {
  await withServer({ pingInterval: 30 }, async ({ url, io }) => {
    io.on("connection", (socket) => socket.on("echo", (text, done) => done(text)));
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    const { engine } = socket.io;
    const came: string[] = [];
    const left: string[] = [];
    const data: unknown[] = [];
    const text = ({ type, data = "" }: EnginePacket) => `${type} ${data}`.trim();
    engine.on("packet", (packet) => came.push(text(packet)));
    engine.on("packetCreate", (packet) => left.push(text(packet)));
    engine.on("data", (text) => data.push(text)).on("message", (text) => data.push(text));
    const pinged = new Promise<void>((resolve) => void engine.once("ping", resolve));
    const drained = new Promise<void>((resolve) => void engine.once("drain", resolve));
    assertEquals(await socket.timeout(5000).emitWithAck("echo", "hi"), "hi");
    await drained;
    await pinged;
    assert(came[0].startsWith('open {"sid"'), came[0]);
    assert(came.includes('message 30["hi"]'), came.join());
    assertEquals(left.slice(0, 2), ["message 0", 'message 20["echo","hi"]']);
    assert(came.includes("ping") && left.includes("pong"));
    assertEquals(data.filter((one) => one === '30["hi"]').length, 2);
    engine.off("packet").removeAllListeners("packetCreate");
    assertEquals([engine.listenerCount("packet"), engine.listenerCount("data")], [0, 1]);
    engine.off();
    assertEquals(engine.listenerCount("data"), 0);
    await socket.close();
  });
});

Deno.test("client's engine is another one for each connection, and waits for the first", async () => {
  await withServer({}, async ({ url, io }) => {
    const socket = connectSocketIo(url, {
      autoConnect: false,
      transports: ["websocket"],
      reconnectionDelay: 1,
    });
    const early = socket.io.engine;
    assertEquals([early.readyState, early.transport.name], ["closed", "websocket"]);
    const opened = new Promise<void>((resolve) => void early.once("open", resolve));
    const closed = new Promise<string>((resolve) => void early.once("close", resolve));
    socket.connect();
    await opened;
    assert(socket.io.engine === early);
    await next(socket, "connect");
    const { id } = early;
    io.engine.clients.get(id!)!.close();
    assertEquals(await closed, "transport close");
    await next(socket, "connect");
    const late = socket.io.engine;
    assert(late !== early);
    assertNotEquals(late.id, id);
    assertEquals([early.readyState, late.readyState], ["closed", "open"]);
    await socket.close();
  });
});

Deno.test("client's engine tells why there is no upgrade, and what ended it", async () => {
  const { http, sockets, options } = stubOptions({});
  const socket = connectSocketIo("http://example.org", {
    fetch: options.fetch,
    WebSocket: options.WebSocket,
    reconnection: false,
  });
  const { engine } = socket.io;
  const log: unknown[] = [];
  engine.on("upgradeError", (error) => log.push(error));
  engine.on("error", (error) => log.push(error));
  const closed = new Promise<void>((resolve) => {
    engine.on("close", (reason, description) => {
      log.push(reason, description);
      resolve();
    });
  });
  (await http.next()).answer(`0${JSON.stringify(OPEN)}`);
  while (sockets.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  sockets[0].close();
  while (log.length === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  assertInstanceOf(log[0], Error);
  assertEquals(engine.transport.name, "polling");
  // One of them asks for packets, another one brings the socket's own.
  void http.next().then((request) => request.answer("no packet at all"));
  void http.next().then((request) => request.answer("no packet at all"));
  await closed;
  assertEquals(log.length, 4);
  assertInstanceOf(log[1], Error);
  assertEquals(log.slice(2), ["transport error", log[1]]);
  await socket.close();
});

Deno.test("client's engine survives listeners that throw, and those that end the connection", async () => {
  await withServer({}, async ({ url }) => {
    const errors = await reported(async () => {
      const socket = connectSocketIo(url, { transports: ["websocket"], forceNew: true });
      socket.io.engine.on("open", () => {
        throw new Error("thrown by open");
      });
      await next(socket, "connect");
      await socket.close();
    });
    assertEquals(errors.map((error) => (error as Error).message), ["thrown by open"]);
    for (const event of ["open", "packet", "packetCreate", "upgrading", "upgrade"] as const) {
      const socket = connectSocketIo(url, { forceNew: true, reconnection: false });
      const { engine } = socket.io;
      const closed = new Promise<unknown>((resolve) => void engine.once("close", resolve));
      engine.once(event, () => void socket.close());
      assertEquals([event, await closed], [event, "forced close"]);
      await socket.close();
      assertEquals(engine.readyState, "closed");
    }
  });
});

Deno.test("client's engine tells nothing after its close, wherever that came from", async () => {
  await withServer({}, async ({ url, io }) => {
    io.on("connection", (socket) => socket.emit("hi"));
    const events = ["open", "packet", "data", "message", "ping", "upgrade", "drain"] as const;
    for (const where of ["open", "upgrade", "hi"]) {
      const socket = connectSocketIo(url, { forceNew: true, reconnection: false });
      const { engine } = socket.io;
      const log: string[] = [];
      for (const event of events) engine.on(event, () => log.push(event));
      const closed = new Promise<void>((resolve) => {
        engine.on("close", () => {
          log.push("close");
          resolve();
        });
      });
      if (where === "hi") socket.on("hi", () => void socket.close());
      else socket.io.on(where as "open", () => void socket.close());
      await closed;
      await socket.close();
      assertEquals([where, log[0], log.at(-1)], [where, "packet", "close"]);
    }
  });
});

Deno.test("client's engine tells of the first packet that came before those that leave", async () => {
  await withServer({}, async ({ url }) => {
    const socket = connectSocketIo(url, { transports: ["websocket"] });
    const log: string[] = [];
    socket.io.engine.on("packet", ({ type }) => log.push(`in ${type}`));
    socket.io.engine.on("packetCreate", ({ type }) => log.push(`out ${type}`));
    await next(socket, "connect");
    assertEquals(log, ["in open", "out message", "in message"]);
    await socket.close();
  });
});

for (const transports of [["websocket"], ["polling"]] as const) {
  Deno.test(`client's engine that is closed loses nothing, and is made anew: ${transports}`, async () => {
    await withServer({}, async ({ url, io }) => {
      const got: unknown[] = [];
      io.on("connection", (socket) => socket.on("note", (text) => got.push(text)));
      const socket = connectSocketIo(url, { transports, reconnectionDelay: 1, forceNew: true });
      await next(socket, "connect");
      const { engine } = socket.io;
      const log: unknown[] = [];
      engine.on("close", (reason) => log.push(`engine ${reason}`));
      socket.on("disconnect", (reason) => log.push(`socket ${reason}`));
      socket.emit("note", "last words");
      assert(engine.close() === engine);
      assertEquals(engine.readyState, "closed");
      engine.close();
      await next(socket, "connect");
      assertEquals(log, ["socket forced close", "engine forced close"]);
      assert(socket.io.engine !== engine);
      socket.emit("note", "first words");
      while (got.length < 2) await new Promise((resolve) => setTimeout(resolve, 1));
      assertEquals(got, ["last words", "first words"]);
      await socket.close();
    });
  });
}

Deno.test("client's engine that is closed while it opens, or before, fails the attempt, or does nothing", async () => {
  await withServer({}, async ({ url }) => {
    const socket = connectSocketIo(url, { autoConnect: false, reconnectionDelay: 1 });
    socket.io.engine.close();
    const failed = new Promise<Error>((resolve) => void socket.once("connect_error", resolve));
    socket.connect();
    socket.io.engine.close();
    assertEquals((await failed).message, "Cannot connect: forced close");
    await next(socket, "connect");
    await socket.close();
    socket.io.engine.close();
  });
});

Deno.test("client's engine says in a line what it is", () => {
  const shown = Deno.inspect(new SocketIoClientEngine("polling"), { colors: false });
  assertEquals(shown, 'SocketIoClientEngine { readyState: "closed", transport: "polling" }');
});
