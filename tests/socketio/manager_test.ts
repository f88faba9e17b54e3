import { assert, assertEquals } from "@std/assert";
import { Buffer } from "node:buffer";
import { stubOptions } from "../_support/engine_client_stubs.ts";
import { next, withServer } from "../_support/socketio_rig.ts";
import { connectSocketIo } from "../../socketio/connect.ts";
import type { SocketIoError } from "../../socketio/errors.ts";
import type { SocketIoClientOptions } from "../../socketio/client_options.ts";
import type { SocketIoServer } from "../../socketio/server.ts";
import type { SocketIoSocket } from "../../socketio/socket.ts";
import type { SocketIoParser } from "../../socketio/types.ts";

const OPEN = '0{"sid":"a","upgrades":[],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1e6}';

/** A server of polling whose answers the test gives. */
function scripted(answers: (string | number)[]): SocketIoClientOptions {
  return {
    transports: ["polling"],
    reconnection: false,
    fetch: (_input, init) => {
      if (init?.method === "POST") return Promise.resolve(new Response("ok"));
      const answer = answers.shift();
      if (typeof answer === "string") return Promise.resolve(new Response(answer));
      if (typeof answer === "number") return Promise.resolve(new Response("", { status: answer }));
      return new Promise((_resolve, reject) => {
        init?.signal?.addEventListener("abort", () => reject(init.signal!.reason));
      });
    },
  };
}

Deno.test("manager tells of its connection", async () => {
  await withServer({ pingInterval: 20 }, async ({ url }) => {
    const socket = connectSocketIo(url);
    const manager = socket.io;
    const log: string[] = [];
    manager.on("upgrade", () => log.push("upgrade"));
    manager.once("close", (reason) => log.push(`close ${reason}`));
    assertEquals([manager.connected, manager.transport], [false, "polling"]);
    await next(manager, "open");
    assert(manager.connected);
    await next(manager, "ping");
    while (manager.transport !== "websocket") await next(manager, "ping");
    await socket.close();
    assertEquals(log, ["upgrade", "close io client disconnect"]);
    assertEquals([manager.connected, manager.transport], [false, undefined]);
  });
});

Deno.test("manager's end waits for the one before it, which still tells the server of its failure", async () => {
  const told = Promise.withResolvers<Response>();
  const { fetch: answer, ...options } = scripted([OPEN, 503, OPEN]);
  const ends: string[] = [];
  const socket = connectSocketIo("http://host", {
    ...options,
    reconnection: true,
    reconnectionDelay: 1,
    forceNew: true,
    fetch: (input, init) => {
      if (init?.body !== "1") return answer!(input, init);
      ends.push(`${input}`);
      return ends.length === 1 ? told.promise : answer!(input, init);
    },
  });
  await next(socket.io, "open");
  await next(socket.io, "open");
  let ended = false;
  const ending = socket.close().then(() => ended = true);
  await new Promise((resolve) => setImmediate(resolve));
  assertEquals([ends.length, ended], [2, false]);
  told.resolve(new Response("ok"));
  await ending;
});

Deno.test("manager's listeners are removed as those of npm's: one, all of an event, or all", () => {
  const manager = connectSocketIo("http://host", { autoConnect: false }).io;
  const listener = () => {};
  const add = () => manager.on("close", listener).addEventListener("close", () => {});
  for (
    const name of ["off", "removeListener", "removeAllListeners", "removeEventListener"] as const
  ) {
    add().on("open", listener);
    manager[name]("close", undefined)[name](undefined)[name](undefined, listener);
    assertEquals(manager.listeners("close").length, 2, name);
    assertEquals(manager[name]("close", listener).listeners("close").length, 1, name);
    assertEquals(manager[name]("close").hasListeners("close"), false, name);
    assertEquals(manager.listeners("open"), [listener]);
    assertEquals(manager[name]().hasListeners("open"), false, name);
  }
});

Deno.test("manager lets more answers wait where the program lets more wait of what it sends", async () => {
  const open = '0{"sid":"s","upgrades":[],"pingInterval":60000,"pingTimeout":60000}';
  const answer = "x".repeat(30_000_000);
  for (
    const [maxBufferedBytes, inOneTurn, active] of [
      [undefined, true, false],
      [100_000_000, true, true],
      [undefined, false, false],
      [100_000_000, false, true],
    ] as const
  ) {
    const { options: { WebSocket }, sockets } = stubOptions();
    const socket = connectSocketIo("http://example.org/", {
      transports: ["websocket"],
      WebSocket,
      forceNew: true,
      reconnection: false,
      maxBufferedBytes,
    });
    socket.on("question", (done) => done(answer));
    const [server] = sockets;
    server.send = (data) => server.bufferedAmount += (data as string).length;
    server.accept(open, '40{"sid":"a"}');
    for (let id = 0; id < 3; id++) {
      server.receive(`42${id}["question"]`);
      if (!inOneTurn) await Promise.resolve();
    }
    assertEquals(socket.connected, active, `${maxBufferedBytes} ${inOneTurn}`);
    await socket.close();
  }
});

/** Packets as bytes, which it reads as the parsers of npm do on Node. */
const bytesParser: SocketIoParser = {
  Encoder: class {
    encode(packet: unknown): Uint8Array[] {
      const text = Buffer.from(JSON.stringify(packet));
      const head = Buffer.alloc(4);
      head.writeUInt32BE(text.length);
      return [Buffer.concat([head, text])];
    }
  },
  Decoder: class {
    #found: (packet: unknown) => void = () => {};
    on(_event: "decoded", listener: (packet: unknown) => void): void {
      this.#found = listener;
    }
    add(data: Buffer): void {
      this.#found(JSON.parse(data.toString("utf8", 4, 4 + data.readUInt32BE(0))));
    }
    destroy(): void {}
  },
};

Deno.test("manager and server hand bytes to a parser as a Buffer", async () => {
  await withServer({ parser: bytesParser }, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("a", (value, done) => done(value + 1)));
    for (const transport of ["polling", "websocket"] as const) {
      const socket = connectSocketIo(url, { parser: bytesParser, transports: [transport] });
      assertEquals(await socket.timeout(5000).emitWithAck("a", 1), 2, transport);
      await socket.close();
    }
  });
});

Deno.test("manager takes what a parser gives that is no packet for a parse error, by both transports", async () => {
  await withServer({ parser: bytesParser }, async ({ io, url }) => {
    const bad = [
      null,
      { type: 2, nsp: "/", data: 5 },
      { type: 2, nsp: "/", data: ["disconnect", "forged"] },
      { type: 4, nsp: "/" },
    ];
    const encoder = new bytesParser.Encoder();
    for (const transport of ["polling", "websocket"] as const) {
      for (const packet of bad) {
        const joined = next<[SocketIoSocket]>(io, "connection");
        const socket = connectSocketIo(url, {
          parser: bytesParser,
          transports: [transport],
          reconnection: false,
        });
        const gone = next<[string, SocketIoError]>(socket, "disconnect");
        const [peer] = await joined;
        for (const part of encoder.encode(packet)) peer.conn.write(part);
        const [reason, error] = await gone;
        assertEquals([reason, error.code], ["parse error", "ERR_PARSE"]);
        await socket.close();
      }
    }
  });
});

/** Lists of packets, one list in each message; a text goes as it is, and `null` can't be decoded. */
const listParser: SocketIoParser = {
  Encoder: class {
    encode(packet: unknown): string[] {
      return [typeof packet === "string" ? packet : JSON.stringify([packet])];
    }
  },
  Decoder: class {
    #found: (packet: unknown) => void = () => {};
    on(_event: "decoded", listener: (packet: unknown) => void): void {
      this.#found = listener;
    }
    add(text: string): void {
      for (const packet of JSON.parse(text)) {
        if (packet === null) throw new Error("can't");
        this.#found(packet);
      }
    }
    destroy(): void {}
  },
};

/** An event as a server or a client sends it. */
function event(name: string): unknown {
  return { type: 2, nsp: "/", data: [name] };
}

/** A client by that parser, and its socket at the server. */
async function joinByList(io: SocketIoServer, url: string) {
  const joined = next<[SocketIoSocket]>(io, "connection");
  const socket = connectSocketIo(url, {
    parser: listParser,
    transports: ["websocket"],
    reconnection: false,
  });
  const [peer] = await joined;
  if (!socket.connected) await next(socket, "connect");
  return { socket, peer };
}

Deno.test("manager and server hand out what a parser gives before a fault, and nothing after it", async () => {
  await withServer({ parser: listParser }, async ({ io, url }) => {
    for (const fault of [{ type: 9 }, null]) {
      for (const side of ["manager", "server"]) {
        const { socket, peer } = await joinByList(io, url);
        const log: unknown[] = [];
        const receiver = side === "manager" ? socket : peer;
        receiver.on("a", () => log.push("a"));
        receiver.on("b", () => log.push("b"));
        const gone = next<[string]>(receiver, "disconnect");
        const message = JSON.stringify([event("a"), fault, event("b")]);
        if (side === "manager") peer.conn.write(message);
        else socket.io._send(message as never);
        log.push((await gone)[0]);
        assertEquals(log, ["a", "parse error"], `${side} ${JSON.stringify(fault)}`);
        await socket.close();
      }
    }
  });
});

Deno.test("manager leaves a new connection alone where a listener made it before a fault", async () => {
  await withServer({ parser: listParser }, async ({ io, url }) => {
    const { socket, peer } = await joinByList(io, url);
    const log: unknown[] = [];
    socket.on("a", () => void socket.disconnect().connect());
    socket.on("b", () => log.push("b"));
    const settled = new Promise<void>((resolve) => {
      socket.once("connect", resolve);
      socket.io.on("close", (reason) => {
        log.push(reason);
        if (reason === "parse error") resolve();
      });
    });
    peer.conn.write(JSON.stringify([event("a"), event("b"), { type: 9 }]));
    await settled;
    assertEquals(log, ["io client disconnect"]);
    await socket.close();
  });
});

Deno.test("manager sends what a parser encodes as ArrayBuffer, by both transports", async () => {
  const encoder = new bytesParser.Encoder();
  const parser: SocketIoParser = {
    Encoder: class {
      encode(packet: unknown): ArrayBuffer[] {
        return encoder.encode(packet).map((part: Uint8Array) => new Uint8Array(part).buffer);
      }
    },
    Decoder: bytesParser.Decoder,
  };
  await withServer({ parser }, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("a", (value, done) => done(value + 1)));
    for (const transport of ["polling", "websocket"] as const) {
      const socket = connectSocketIo(url, { parser, transports: [transport] });
      assertEquals(await socket.timeout(5000).emitWithAck("a", 1), 2, transport);
      await socket.close();
    }
  });
});

Deno.test("manager ends a connection with what can't be decoded", async () => {
  for (
    const [answer, reason] of [
      ['42["a"', "parse error"],
      ["47", "parse error"],
      ["abc", "transport error"],
      ["5", "parse error"],
      ["1", "transport close"],
    ]
  ) {
    const socket = connectSocketIo("http://host", scripted([OPEN, '40{"sid":"s"}', answer]));
    const [got, error] = await next<[string, SocketIoError | undefined]>(socket, "disconnect");
    assertEquals(got, reason, answer);
    if (answer !== "1") assertEquals(error?.code, "ERR_PARSE", answer);
    await socket.close();
  }
});

Deno.test("manager tells why a connection could not be made", async () => {
  const cases: [(string | number)[], string][] = [
    [[400], "Cannot poll: the server answered with status 400"],
    [["2"], "Cannot decode a packet: a first packet that is no handshake"],
    [["0{}"], "Cannot decode a packet: a handshake without a session id"],
    [["x"], "Cannot decode a packet: an unknown Engine.IO packet type"],
  ];
  for (const [answers, message] of cases) {
    const socket = connectSocketIo("http://host", scripted(answers));
    const [error] = await next<[SocketIoError]>(socket, "connect_error");
    assertEquals(error.message, message);
    await socket.close();
  }
});

Deno.test("manager gives up an attempt that takes too long", async () => {
  const socket = connectSocketIo("http://host", { ...scripted([]), timeout: 20 });
  const [error] = await next<[SocketIoError]>(socket, "connect_error");
  assertEquals([error.code, error.message], [
    "ERR_TIMEOUT",
    "Cannot connect: timed out after 20 ms",
  ]);
  await socket.close();
});

Deno.test("manager notices a server that is silent", async () => {
  const quick = OPEN.replace("25000", "20").replace("20000", "20");
  const socket = connectSocketIo("http://host", scripted([quick, '40{"sid":"s"}']));
  await next(socket, "connect");
  assertEquals((await next(socket, "disconnect"))[0], "ping timeout");
  await socket.close();
});

Deno.test("manager does not come back where that is not wanted", async () => {
  const socket = connectSocketIo("http://host", scripted([OPEN, '40{"sid":"s"}', "1"]));
  await next(socket, "disconnect");
  assertEquals([socket.active, socket.io.reconnecting], [false, false]);
  await socket.close();
});

Deno.test("manager waits twice as long each time, as much longer or shorter as may be left to chance, and never longer than that", async () => {
  const { random } = Math;
  const { setTimeout } = globalThis;
  try {
    const cases = [
      [0, 90, [5, 10, 20]],
      [1, 50, [15, 30, 50]],
      // The longest wait is no longer, and what is left to chance makes it no shorter: as with npm's.
      [0.25, 25, [8, 15, 25]],
      [0, 15, [5, 10, 15]],
    ] as const;
    for (const [chance, max, waits] of cases) {
      Math.random = () => chance;
      const seen: number[] = [];
      globalThis.setTimeout = ((run: () => void, ms: number) => {
        // The longer ones are the deadlines of attempts.
        if (ms >= 1 && ms <= 1000) seen.push(Math.round(ms));
        return setTimeout(run, ms);
      }) as typeof setTimeout;
      const socket = connectSocketIo("http://host", {
        ...scripted([500, 500, 500, 500]),
        reconnection: true,
        reconnectionAttempts: 3,
        reconnectionDelay: 10,
        reconnectionDelayMax: max,
      });
      await next(socket.io, "reconnect_failed");
      assertEquals(seen, [...waits]);
      await socket.close();
    }
  } finally {
    Math.random = random;
    globalThis.setTimeout = setTimeout;
  }
});

Deno.test("manager that came back does not reconnect any more, also where it need not wait for that", async () => {
  const answers = [OPEN, "1", OPEN, "1", OPEN];
  const socket = connectSocketIo("http://host", {
    ...scripted(answers),
    reconnection: true,
    reconnectionDelay: 0,
  });
  const { io } = socket;
  const log: unknown[] = [];
  io.on("open", () => log.push(["open", io.reconnecting]));
  io.on("close", () => log.push(["close", io.reconnecting]));
  io.on("reconnect", (attempts) => {
    log.push(["reconnect", attempts]);
    if (answers.length === 0) done.resolve();
  });
  const done = Promise.withResolvers<void>();
  await done.promise;
  assertEquals(log, [
    ["open", false],
    ["close", false],
    ["open", false],
    ["reconnect", 1],
    ["close", false],
    ["open", false],
    ["reconnect", 1],
  ]);
  await socket.close();
});

Deno.test("manager's listeners can be removed", async () => {
  const socket = connectSocketIo("http://host", { ...scripted([OPEN]), autoConnect: false });
  let calls = 0;
  const listener = () => calls++;
  socket.io.on("open", listener).off("open", listener);
  socket.connect();
  await next(socket.io, "open");
  assertEquals(calls, 0);
  await socket.close();
});

Deno.test("manager takes a codec of npm's form", async () => {
  class Encoder {
    encode(packet: unknown): string[] {
      return [JSON.stringify(packet)];
    }
  }
  class Decoder {
    #listener: ((packet: unknown) => void) | undefined;
    on(_event: "decoded", listener: (packet: unknown) => void): void {
      this.#listener = listener;
    }
    add(text: string): void {
      this.#listener!(JSON.parse(text));
    }
    destroy(): void {}
  }
  const parser = { Encoder, Decoder };
  await withServer({ parser }, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("a", (value, answer) => answer(value)));
    const socket = connectSocketIo(url, { parser, transports: ["websocket"] });
    assertEquals(await socket.emitWithAck("a", 1), 1);
    assertEquals(await socket.emitWithAck("a", 2), 2);
    await socket.close();
  });
});

Deno.test("manager listens to a codec once for each decoder, not for each message, and destroys each in the end", async () => {
  let listeners = 0;
  let destroyed = 0;
  class Encoder {
    encode(packet: unknown): string[] {
      return [JSON.stringify(packet)];
    }
  }
  class Decoder {
    #listener: ((packet: unknown) => void) | undefined;
    on(_event: "decoded", listener: (packet: unknown) => void): void {
      listeners++;
      this.#listener = listener;
    }
    add(text: string): void {
      this.#listener!(JSON.parse(text));
    }
    destroy(): void {}
  }
  class Mine extends Decoder {
    override destroy(): void {
      destroyed++;
    }
  }
  const parser = { Encoder, Decoder };
  await withServer({ parser }, async ({ io, url }) => {
    io.on("connection", (socket) => socket.on("a", (value, answer) => answer(value)));
    const socket = connectSocketIo(url, {
      parser: { Encoder, Decoder: Mine },
      transports: ["websocket"],
    });
    await socket.emitWithAck("a", 1);
    const before = listeners;
    await socket.emitWithAck("a", 2);
    assertEquals(listeners, before);
    await socket.close();
    assert(destroyed > 0);
  });
});

Deno.test("manager tells each failed attempt, and that it gave up only where it tries again", async () => {
  for (
    const [options, expected] of [
      [{ reconnection: false }, ["error", "end"]],
      [
        { reconnection: true, reconnectionAttempts: 1, reconnectionDelay: 0 },
        ["error", "reconnect_attempt", "error", "reconnect_error", "reconnect_failed", "end"],
      ],
    ] as const
  ) {
    const socket = connectSocketIo("http://host", { ...scripted([400, 400]), ...options });
    const log: string[] = [];
    const events = ["error", "reconnect_attempt", "reconnect_error", "reconnect_failed"] as const;
    for (const event of events) socket.io.on(event, () => log.push(event));
    while (socket.active) await next(socket, "connect_error").then(() => Promise.resolve());
    log.push("end");
    assertEquals(log, [...expected]);
    await socket.close();
  }
});

Deno.test("manager that was closed counts its attempts anew", async () => {
  const socket = connectSocketIo("http://host", {
    ...scripted([400, 400, 400, 400]),
    reconnection: true,
    reconnectionDelay: 0,
  });
  const attempts: number[] = [];
  socket.io.on("reconnect_attempt", (attempt) => attempts.push(attempt));
  for (const counted of [2, 3]) {
    while (attempts.length < counted) await next(socket.io, "reconnect_attempt");
    await socket.close();
    if (counted === 2) socket.connect();
  }
  assertEquals(attempts, [1, 2, 1]);
});
