import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import { Buffer } from "node:buffer";
import { setTimeout as delay } from "node:timers/promises";
import { grantedLibc } from "../../net/_tcp_descriptors.ts";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { createDatagramSocket, DatagramSocket } from "../../net/datagram_socket.ts";
import { NetError } from "../../net/errors.ts";
import { Limits } from "../../net/limits.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket } from "../../net/message_socket.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import { Server } from "../../net/server.ts";
import { Socket } from "../../net/socket.ts";
import { startServerTls, startTls } from "../../net/start_tls.ts";
import type { SocketOptions } from "../../net/socket_options.ts";
import type { Transport } from "../../net/transport.ts";
import { CA, identity } from "../_support/certs.ts";
import { arrayWork } from "../_support/array_work.ts";
import { countedSignal } from "../_support/counted_signal.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";
import { MISSING_NAME, missingNameCode } from "../_support/missing_name.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { readText } from "../_support/transport_io.ts";
import { reported } from "../_support/console_errors.ts";
import { assertShown } from "../_support/shown.ts";

const once = (socket: Socket, event: string): Promise<unknown[]> =>
  new Promise((resolve) => socket.once(event as "close", (...args) => resolve(args)));
const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** A socket over one end of a pair, and the other end. */
function rig(
  options: SocketOptions & { pauseOnConnect?: boolean } = {},
  faults: PairOptions = {},
): { socket: Socket; peer: Transport } & Disposable {
  const [a, peer] = pair(faults);
  const socket = Socket.from(a, options);
  return {
    socket,
    peer,
    [Symbol.dispose](): void {
      socket.destroy();
      peer.close();
    },
  };
}

const send = (transport: Transport, text: string): Promise<number> =>
  transport.write(new TextEncoder().encode(text));

async function withServer(
  options: Parameters<typeof createServer>[0],
  accept: (socket: Socket) => void,
  body: (port: number, server: Server) => Promise<void>,
): Promise<void> {
  const server = await createServer(options as SocketOptions, accept).listen(0, "127.0.0.1");
  try {
    await body(server.port, server);
  } finally {
    await server.close({ drain: 0 });
  }
}

Deno.test("socket gives data as Buffers, and text after setEncoding, characters whole", async () => {
  using it = rig();
  const data: unknown[] = [];
  it.socket.on("data", (chunk) => data.push(chunk));
  await send(it.peer, "hi");
  await turn();
  assertInstanceOf(data[0], Buffer);
  assertEquals(String(data[0]), "hi");
  it.socket.setEncoding("utf8");
  await it.peer.write(new Uint8Array([0xe2, 0x82]));
  await turn();
  await it.peer.write(new Uint8Array([0xac, 0x78]));
  await turn();
  assertEquals(data.slice(1), ["€x"]);
});

Deno.test("socket writes text in encodings, bytes, and tells when they are out", async () => {
  using it = rig();
  const order: string[] = [];
  it.socket.write("é", () => order.push("first"));
  it.socket.write("e9", "hex", () => order.push("second"));
  it.socket.write(new Uint8Array([33]));
  it.socket.end("?", "latin1", () => order.push("end"));
  const buffer = new Uint8Array(64);
  const got: number[] = [];
  for (let n; (n = await it.peer.read(buffer)) !== null;) got.push(...buffer.subarray(0, n));
  assertEquals(got, [0xc3, 0xa9, 0xe9, 33, 63]);
  await turn();
  assertEquals(order, ["first", "second", "end"]);
});

Deno.test("socket's small chunks are the caller's again at once, but for one that is written in its own data event", async () => {
  using it = rig();
  const scratch = new Uint8Array(4);
  for (let i = 1; i <= 3; i++) it.socket.write(scratch.fill(i));
  scratch.fill(0);
  const p = new Uint8Array(64);
  assertEquals([await it.peer.read(p), [...p.subarray(0, 12)]], [
    12,
    [1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 3],
  ]);
  it.socket.on("data", (chunk) => {
    it.socket.write(chunk);
    it.socket.write(chunk.subarray(1));
    it.socket.write(scratch.fill(7));
    scratch.fill(0);
  });
  for (let i = 0; i < 3; i++) {
    await it.peer.write(new Uint8Array([4, 5]));
    assertEquals([await it.peer.read(p), [...p.subarray(0, 7)]], [7, [4, 5, 5, 7, 7, 7, 7]]);
  }
});

Deno.test("socket takes what is no function for no callback, as Node's does", async () => {
  const [a, b] = pair();
  const socket = Socket.from(a);
  const other = Socket.from(b);
  for (const callback of [5, true, {}, "later"]) {
    assertEquals(socket.write("x", "utf8", callback as never), true);
  }
  socket.end();
  const closed = socket.resume().closed;
  assertEquals(
    await Array.fromAsync(other.setEncoding("utf8")).then((all) => all.join("")),
    "xxxx",
  );
  await closed;
  assertEquals(socket.write("x", null, 5 as never), false);
  assertEquals(socket.errored, null);
});

Deno.test("socket that is destroyed in the turn of its last write has said it, unless it was corked", async () => {
  for (const [corked, text] of [[false, "go away"], [true, ""]] as const) {
    using it = rig();
    if (corked) it.socket.cork();
    it.socket.write("go ");
    it.socket.write("away");
    it.socket.destroy();
    assertEquals(await readText(it.peer), text);
  }
});

Deno.test("socket that is destroyed as soon as it is there has said its last write", async () => {
  await using server = createServer((socket) => {
    socket.write("go away");
    socket.destroy();
  });
  await server.listen(0, "127.0.0.1");
  const { port } = server.address() as { port: number };
  for (let i = 0; i < 20; i++) {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => text += chunk);
    await socket.closed;
    assertEquals(text, "go away");
  }
});

Deno.test("socket that is destroyed with a last write that the system does not take is closed all the same", async () => {
  const late: Uint8Array[] = [];
  const { promise, resolve } = Promise.withResolvers<number>();
  const [a, peer] = pair();
  const stalled = Object.assign(a, {
    write(chunk: Uint8Array): Promise<number> {
      late.push(chunk);
      return promise;
    },
  });
  const socket = Socket.from(stalled);
  const closed = once(socket, "close");
  socket.write("never");
  socket.destroy();
  socket.destroy();
  assertEquals([late.length, socket.destroyed], [1, true]);
  assertEquals(await closed, [false]);
  resolve(5);
  await turn();
  assertEquals(socket.bytesWritten, 5);
  peer.close();
});

Deno.test("socket pushes back: nobody reads, so the sender stops", async () => {
  using it = rig({}, { capacity: 1000 });
  let sent = 0;
  let stopped = false;
  const sending = (async () => {
    for (; !stopped; await turn()) sent += await it.peer.write(new Uint8Array(1000));
  })().catch(() => {});
  for (let i = 0; i < 20; i++) await turn();
  // One chunk is held, and the way is full.
  assert(sent <= 3000, `${sent} bytes went out`);
  let got = 0;
  it.socket.on("data", (chunk) => got += chunk.length);
  for (let i = 0; i < 20; i++) await turn();
  assert(got > 3000);
  it.socket.pause();
  assertEquals(it.socket.isPaused(), true);
  await turn();
  const paused = got;
  await turn();
  assertEquals(got, paused);
  stopped = true;
  it.socket.destroy();
  await sending;
});

Deno.test("a paused socket counts the chunk that it holds, and is told of an end, as in Node", async () => {
  const limits = new Limits();
  const told: unknown[] = [];
  using it = rig({ limits });
  it.socket.on("data", (chunk) => told.push(`${chunk}`)).on("end", () => told.push("end"));
  await turn();
  it.socket.pause();
  await send(it.peer, "hello");
  await it.peer.closeWrite();
  await turn();
  assertEquals([it.socket.bytesRead, limits.receivedBytes.used, told], [5, 5, []]);
  it.socket.resume();
  await once(it.socket, "end");
  assertEquals([it.socket.bytesRead, limits.receivedBytes.used, told], [5, 0, ["hello", "end"]]);

  using left = rig();
  left.socket.on("data", () => {});
  await turn();
  const ended = once(left.socket, "end");
  left.socket.pause();
  await left.peer.closeWrite();
  await ended;
  assertEquals(left.socket.isPaused(), true);
});

Deno.test("a socket that pauses in its data event is told of an end when it resumes", async () => {
  using it = rig();
  const told: string[] = [];
  const paused = new Promise<void>((resolve) => {
    it.socket.on("data", (chunk) => {
      told.push(String(chunk));
      it.socket.pause();
      resolve();
    });
  });
  it.socket.on("end", () => told.push("end"));
  await send(it.peer, "a");
  await paused;
  await it.peer.closeWrite();
  for (let i = 0; i < 5; i++) await turn();
  assertEquals(told, ["a"]);
  it.socket.resume();
  await once(it.socket, "close");
  assertEquals(told, ["a", "end"]);
});

Deno.test("a socket that pauses in its data event and has ended sees the peer's end", async () => {
  const both: ((socket: Socket) => unknown)[] = [
    (socket) => socket.pause().end("bye"),
    (socket) => socket.end("bye").pause(), // what a readline interface does that is closed in its line event
  ];
  for (const answer of both) {
    using it = rig();
    it.socket.on("data", () => answer(it.socket));
    const closed = once(it.socket, "close");
    await send(it.peer, "a");
    await it.peer.closeWrite();
    await closed;
    assertEquals([it.socket.isPaused(), it.socket.destroyed], [true, true]);
  }

  // What still comes is held, one chunk of it, and told of when it resumes.
  using it = rig();
  const told: string[] = [];
  it.socket.on("data", (chunk) => void told.push(`${chunk}`));
  it.socket.once("data", () => it.socket.end().pause());
  await send(it.peer, "a");
  await turn();
  await send(it.peer, "b");
  await it.peer.closeWrite();
  for (let i = 0; i < 5; i++) await turn();
  assertEquals([told, it.socket.bytesRead, it.socket.destroyed], [["a"], 2, false]);
  it.socket.resume();
  await once(it.socket, "close");
  assertEquals(told, ["a", "b"]);
});

Deno.test("a socket tells of pause and resume, and how it is read, as Node's does", async () => {
  using it = rig();
  const { socket } = it;
  const told: unknown[] = [];
  socket.on("pause", () => told.push("pause")).on("resume", () => told.push("resume"));
  const state = () => [socket.readableFlowing, socket.readableLength, socket.readableDidRead];
  assertEquals(state(), [null, 0, false]);
  await send(it.peer, "hello");
  await turn();
  assertEquals(state(), [null, 5, false]);
  socket.pause().pause();
  assertEquals([state(), told], [[false, 5, false], ["pause"]]);
  socket.on("data", (chunk) => told.push(`${chunk}`));
  await turn();
  assertEquals([state(), told], [[false, 5, false], ["pause"]]);
  socket.resume();
  assertEquals([state(), told], [[true, 5, false], ["pause"]]);
  socket.resume();
  await turn();
  assertEquals([state(), told], [[true, 0, true], ["pause", "resume", "hello"]]);
  assertEquals([socket.readableObjectMode, socket.writableObjectMode], [false, false]);
  assertEquals(socket.readableEncoding, null);
  assertEquals(socket.setEncoding("hex").readableEncoding, "hex");
  assertEquals([socket.errored, socket.readableAborted], [null, false]);
  const boo = new Error("boo");
  socket.destroy(boo);
  assertEquals([socket.errored, socket.readableAborted, state()], [boo, true, [true, 0, true]]);

  using other = rig();
  const flowing: string[] = [];
  other.socket.on("resume", () => flowing.push("resume")).on("data", () => {});
  assertEquals([other.socket.readableFlowing, flowing], [true, []]);
  await turn();
  assertEquals(flowing, ["resume"]);

  using unread = rig();
  await send(unread.peer, "hello");
  await turn();
  unread.socket.destroy();
  assertEquals([unread.socket.readableDidRead, unread.socket.bytesRead], [false, 5]);
});

Deno.test("socket write returns false from the high-water mark on, and drain follows", async () => {
  using it = rig({ highWaterMark: 100 }, { capacity: 10 });
  assertEquals(it.socket.write(new Uint8Array(99)), true);
  assertEquals(it.socket.write(new Uint8Array(1)), false);
  assertEquals([it.socket.writableNeedDrain, it.socket.writableLength > 0], [true, true]);
  const drained = once(it.socket, "drain");
  const reading = (async () => {
    for (let n = 0; n < 100;) n += (await it.peer.read(new Uint8Array(50)))!;
  })();
  await Promise.all([drained, reading]);
  assertEquals([it.socket.writableNeedDrain, it.socket.bytesWritten], [false, 100]);
});

Deno.test("socket over its hard limit is destroyed with ERR_BUFFER_LIMIT", async () => {
  using it = rig({ highWaterMark: 10, maxSendQueueBytes: 100 }, { capacity: 1 });
  const failed = once(it.socket, "error");
  it.socket.write(new Uint8Array(200));
  const refused = new Promise<unknown>((resolve) => it.socket.write("x", resolve));
  assertEquals(((await failed)[0] as NetError).code, "ERR_BUFFER_LIMIT");
  assertEquals((await refused as NetError).code, "ERR_BUFFER_LIMIT");
});

Deno.test("socket half open: it may answer after the peer's end", async () => {
  using it = rig({ allowHalfOpen: true });
  it.socket.resume();
  const ended = once(it.socket, "end");
  await it.peer.closeWrite();
  await ended;
  assertEquals(it.socket.readyState, "writeOnly");
  it.socket.end("late");
  assertEquals(await readText(it.peer), "late");
  await it.socket.closed;
});

Deno.test("allowHalfOpen can be set on a socket that is there", async () => {
  using it = rig();
  assertEquals(it.socket.allowHalfOpen, false);
  it.socket.allowHalfOpen = true;
  assertEquals(it.socket.allowHalfOpen, true);
  const ended = once(it.socket.resume(), "end");
  await it.peer.closeWrite();
  await ended;
  it.socket.end("still here");
  assertEquals(await readText(it.peer), "still here");
});

Deno.test("socket not half open ends itself after the peer's end", async () => {
  using it = rig();
  it.socket.resume();
  it.socket.write("before");
  await it.peer.closeWrite();
  assertEquals(await readText(it.peer), "before");
  await it.socket.closed;
  assertEquals([it.socket.destroyed, it.socket.readyState], [true, "closed"]);
});

Deno.test("a write after the peer has ended a socket that is not half open is EPIPE", async () => {
  const codeOfWrite = (socket: Socket): Promise<string | undefined> =>
    new Promise((resolve) => socket.write("late", (error) => resolve((error as NetError)?.code)));
  {
    // It closes later, for its peer does not read.
    using it = rig();
    it.socket.write(new Uint8Array(1 << 20));
    const ended = once(it.socket.resume(), "end");
    const failed = once(it.socket, "error");
    await it.peer.closeWrite();
    await ended;
    assertEquals([it.socket.writableEnded, it.socket.destroyed], [true, false]);
    assertEquals(await codeOfWrite(it.socket), "EPIPE");
    assertEquals(((await failed)[0] as NetError).code, "EPIPE");
  }
  {
    using it = rig();
    it.socket.resume();
    await it.peer.closeWrite();
    await it.socket.closed;
    assertEquals(await codeOfWrite(it.socket), "EPIPE");
    const { promise, resolve } = Promise.withResolvers<unknown>();
    it.socket.end(resolve);
    assertEquals((await promise as NetError).code, "ERR_STREAM_ALREADY_FINISHED");
  }
  {
    // In the `end` event it may still write.
    using it = rig();
    it.socket.resume().on("end", () => void it.socket.write("last"));
    await it.peer.closeWrite();
    assertEquals(await readText(it.peer), "last");
  }
  {
    using it = rig({ allowHalfOpen: true });
    const ended = once(it.socket.resume(), "end");
    it.socket.end();
    await it.peer.closeWrite();
    await ended;
    await it.socket.closed;
    assertEquals(await codeOfWrite(it.socket), "ERR_STREAM_WRITE_AFTER_END");
  }
});

Deno.test("a write in the end event of a socket that has ended is told by its error", async () => {
  using it = rig();
  it.socket.resume().end();
  it.socket.on("end", () => void it.socket.write("late"));
  const failed = once(it.socket, "error");
  const closed = once(it.socket, "close");
  await it.peer.closeWrite();
  assertEquals(await closed, [true]);
  assertEquals(((await failed)[0] as NetError).code, "EPIPE");
});

Deno.test("the callback of an end hears why its own chunk was not taken", async () => {
  using it = rig();
  const finished = once(it.socket, "finish");
  it.socket.end();
  await finished;
  const told: unknown[] = [];
  it.socket.on("error", () => told.push("error"));
  it.socket.end("late", (error) => told.push((error as NetError).code));
  await once(it.socket, "close");
  assertEquals(told, ["ERR_STREAM_WRITE_AFTER_END", "error"]);
});

Deno.test("the first write of a connection that has just come is not lost by an end or a turn before destroy", async () => {
  const ways: ((socket: Socket) => void)[] = [
    (socket) => socket.end("busy").destroy(),
    (socket) => {
      socket.write("busy");
      queueMicrotask(() => socket.destroy());
    },
  ];
  for (const way of ways) {
    await withServer({}, way, async (port) => {
      const client = connect(port, "127.0.0.1").setEncoding("utf8");
      assertEquals((await Array.fromAsync(client)).join(""), "busy");
    });
  }
});

Deno.test("socket that nobody reads notices an end without data", async () => {
  using it = rig();
  await it.peer.closeWrite();
  await it.socket.closed;
  assertEquals(it.socket.readableEnded, true);
});

Deno.test("socket that ended loses nothing that the peer sends before its end", async () => {
  await withServer({ allowHalfOpen: true }, (socket) => {
    socket.resume();
    for (let i = 0; i < 50; i++) socket.write(new Uint8Array(20_000).fill(i));
    socket.end();
  }, async (port) => {
    const got = await Promise.all(Array.from({ length: 20 }, async () => {
      const socket: Socket = connect(port, "127.0.0.1", () => socket.end());
      let size = 0;
      socket.on("data", (chunk) => size += chunk.length);
      await socket.closed;
      return size;
    }));
    assertEquals(got, Array(20).fill(1_000_000));
  });
});

Deno.test("socket.readable is a stream at the reader's pace, and writable one at the peer's", async () => {
  using it = rig({ highWaterMark: 1000 }, { capacity: 1000 });
  let taken = 0;
  const source = new ReadableStream<Uint8Array>({
    pull(controller): void {
      taken++;
      if (taken > 100) controller.close();
      else controller.enqueue(new Uint8Array(1000));
    },
  }, { highWaterMark: 0 });
  const piping = source.pipeTo(it.socket.writable);
  for (let i = 0; i < 5; i++) await turn();
  assert(taken < 10, `${taken} chunks were taken though nobody reads`);
  const [text] = await Promise.all([readText(it.peer), piping]);
  assertEquals(text.length, 100_000);
});

Deno.test("a slow reader of socket.readable stops the sender at the other end", async () => {
  let written = 0;
  await withServer({}, (socket) => {
    socket.on("error", () => {});
    const pump = (): void => {
      while (!socket.destroyed) {
        written += 65_536;
        if (!socket.write(new Uint8Array(65_536))) return void socket.once("drain", pump);
      }
    };
    pump();
  }, async (port) => {
    const socket = connect(port, "127.0.0.1");
    const { readable } = await socket.opened;
    const reader = readable.getReader();
    let read = 0;
    for (let i = 0; i < 3; i++) read += (await reader.read()).value!.length;
    let before = -1;
    while (before !== written) {
      before = written;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    // What is on the way is what the two systems' buffers and ours hold, and no more.
    assert(written - read < 16_000_000, `${written - read} bytes are on the way`);
    while (read <= before) read += (await reader.read()).value!.length;
    await reader.cancel();
    assertEquals(socket.destroyed, true);
  });
});

Deno.test("socket.writable: close ends, abort destroys, a chunk that is no bytes is refused", async () => {
  {
    using it = rig();
    const writer = it.socket.writable.getWriter();
    await writer.write(new Uint8Array([120]));
    await writer.close();
    assertEquals(await readText(it.peer), "x");
  }
  {
    using it = rig();
    await it.socket.writable.abort(new Error("enough"));
    assertEquals(it.socket.destroyed, true);
    await assertRejects(() => it.socket.closed, Error, "enough");
  }
  {
    using it = rig();
    const writer = it.socket.writable.getWriter();
    await assertRejects(() => writer.write("text" as never), TypeError);
    await writer.closed.catch(() => {});
  }
});

Deno.test("socket.readable ends well at the peer's end, and fails when the connection breaks", async () => {
  {
    using it = rig();
    await send(it.peer, "all");
    await it.peer.closeWrite();
    assertEquals(
      await new Response(it.socket.readable as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
      "all",
    );
  }
  {
    using it = rig({}, { back: { faults: [{ at: 1, action: "reset" }] } });
    await send(it.peer, "all");
    const error = await assertRejects(
      () => new Response(it.socket.readable as ReadableStream<Uint8Array<ArrayBuffer>>).text(),
      NetError,
    );
    assertEquals(error.code, "ECONNRESET");
  }
});

Deno.test("socket is read in one style only; the second is a TypeError", async () => {
  const styles: Record<string, (socket: Socket) => unknown> = {
    events: (socket) => void socket.on("data", () => {}),
    stream: (socket) => socket.readable.getReader().read(),
    iterator: (socket) => socket[Symbol.asyncIterator]().next(),
  };
  for (const [first, begin] of Object.entries(styles)) {
    for (const [second, next] of Object.entries(styles)) {
      if (first === second) continue;
      using it = rig();
      const reading = Promise.resolve(begin(it.socket)).catch(() => {});
      await turn();
      await assertRejects(async () => await next(it.socket), TypeError, "Cannot read the socket");
      it.socket.destroy();
      await reading;
    }
  }
});

Deno.test("a socket closes that was asked for a second style, and is not left in its server's count", async () => {
  const limits = new Limits();
  await using server = await createServer({ limits }, (socket) => {
    socket.on("data", () => {});
    socket.readable.getReader().read().catch(() => {});
  }).listen(0, "127.0.0.1");
  await using socket = connect(server.port, "127.0.0.1");
  socket.resume().end("x");
  await socket.closed;
  while (limits.pressure.connections.used > 0) await turn();
  assertEquals(server.connections.size, 0);
});

Deno.test("TLS that is started behind what the peer does not read has the handshake's time, and ends with the socket", async () => {
  for (const how of ["time", "destroy"]) {
    const limits = new Limits();
    const starting = Promise.withResolvers<[Socket, Promise<unknown>]>();
    const server = await createServer({ limits }, (socket) => {
      socket.write(new Uint8Array(32 << 20));
      const handshakeTimeout = how === "time" ? 50 : 60_000;
      const secured = socket.startServerTls({ ...identity("server"), handshakeTimeout });
      starting.resolve([socket, secured]);
    }).listen(0, "127.0.0.1");
    const peer = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const [socket, secured] = await starting.promise;
    if (how === "destroy") {
      socket.destroy();
      assertEquals(limits.pressure.queuedBytes.used, 0);
    }
    const error = await assertRejects(() => secured, NetError);
    assertEquals(error.code, how === "time" ? "ETIMEDOUT" : "ERR_SOCKET_CLOSED");
    await server.close({ drain: 0 });
    assertEquals(limits.pressure.queuedBytes.used, 0);
    peer.close();
  }
});

Deno.test("TLS that is being started is not started again, and goes on", async () => {
  const [near, far] = pair();
  const client = Socket.from(near);
  const server = Socket.from(far);
  const starting = [
    client.startTls({ hostname: "localhost", ca: CA }),
    server.startServerTls(identity("server")),
  ];
  for (
    const again of [
      client.startTls({ hostname: "localhost", ca: CA }),
      server.startServerTls(identity("server")),
    ]
  ) {
    assertEquals((await assertRejects(() => again, NetError)).code, "EINVAL");
  }
  await Promise.all(starting);
  assertEquals([client.encrypted, server.encrypted, client.authorized], [true, true, true]);
  const got = once(server, "data");
  client.write("x");
  assertEquals(String((await got)[0]), "x");
  client.destroy();
  server.destroy();
});

Deno.test("TLS has its time once, for what was written before and for the handshake", async () => {
  for (const side of ["client", "server"]) {
    using it = rig({}, { capacity: 4 });
    it.socket.on("error", () => {});
    it.socket.write("12345678");
    const secured = side === "client"
      ? it.socket.startTls({ timeout: 1000, hostname: "localhost" })
      : it.socket.startServerTls(identity("server"), { timeout: 1000 });
    let over = false;
    const failed = assertRejects(() => secured, NetError).finally(() => over = true);
    const later = delay(1300);
    await delay(400);
    for (let n = 0; n < 8;) n += (await it.peer.read(new Uint8Array(8)))!;
    await later;
    // What a process that stood still does late comes in its order all the same, within a few turns.
    for (let turn = 0; turn < 10; turn++) await delay(0);
    assertEquals(over, true);
    const { code, message } = await failed;
    // The time that was asked for, not what was left of it.
    assertEquals([code, message], ["ETIMEDOUT", "Cannot start TLS: timed out after 1000 ms"]);
  }
});

Deno.test("TLS with wrong options fails as such, without a wait for what the peer does not read", async () => {
  const wrong = [
    ["client", { minversion: "TLSv1.3" }, "Cannot use TLS option"],
    ["client", { handshakeTimeout: NaN }, "Cannot use a handshake timeout"],
    ["server", { minversion: "TLSv1.3" }, "Cannot use TLS option"],
    ["server", { handshakeTimeout: -1 }, "Cannot use a handshake timeout"],
    ["client", { timeout: "50" }, "Cannot start TLS: a timeout"],
  ] as const;
  for (const [side, options, text] of wrong) {
    using it = rig({}, { capacity: 1 });
    it.socket.on("error", () => {});
    it.socket.write(new Uint8Array(1000));
    const waiting = { timeout: 5000 };
    const secured = side === "client"
      ? it.socket.startTls({ ...waiting, ...options } as object)
      : it.socket.startServerTls({ ...identity("server"), ...options } as object, waiting);
    const error = await assertRejects(() => secured, Error, text);
    assertEquals([error instanceof NetError, it.socket.destroyed], [false, true]);
  }
});

Deno.test("write and writable may be mixed: all leaves in the order of the calls", async () => {
  using it = rig();
  const writer = it.socket.writable.getWriter();
  it.socket.write("a");
  await writer.write(new Uint8Array([98]));
  it.socket.write("c");
  await writer.close();
  assertEquals(await readText(it.peer), "abc");
});

Deno.test("for await: a second loop is refused, and the first one goes on", async () => {
  using it = rig();
  const first = it.socket[Symbol.asyncIterator]();
  const chunk = first.next();
  await assertRejects(() => it.socket[Symbol.asyncIterator]().next(), TypeError, "somebody else");
  await it.peer.write(new Uint8Array([1, 2]));
  assertEquals([...(await chunk).value as Uint8Array], [1, 2]);
  await it.peer.closeWrite();
  assertEquals(await first.next(), { done: true, value: undefined });
});

Deno.test("for await reads to the end; leaving the loop destroys the socket", async () => {
  {
    using it = rig();
    it.socket.setEncoding("utf8");
    await send(it.peer, "one");
    await it.peer.closeWrite();
    assertEquals(await Array.fromAsync(it.socket), ["one"]);
  }
  {
    using it = rig();
    await send(it.peer, "one");
    for await (const chunk of it.socket) {
      assertEquals(String(chunk), "one");
      break;
    }
    assertEquals(it.socket.destroyed, true);
  }
  {
    using it = rig({}, { back: { faults: [{ at: 2, action: "reset" }] } });
    await send(it.peer, "one");
    await assertRejects(() => Array.fromAsync(it.socket), NetError);
  }
});

Deno.test("await using ends the socket once what was written is out", async () => {
  const [a, peer] = pair();
  {
    await using socket = Socket.from(a);
    socket.write("bye");
  }
  assertEquals(await readText(peer), "bye");
  peer.close();
});

Deno.test("await using waits until a socket that was destroyed has closed", async () => {
  const [near, far] = pair();
  const socket = Socket.from(Object.assign(near, { write: () => new Promise<number>(() => {}) }));
  socket.write("on its way for ever");
  socket.destroy();
  assertEquals(socket.isClosed, false);
  await socket[Symbol.asyncDispose]();
  assertEquals(socket.isClosed, true);
  far.close();
});

Deno.test("await using does not fail with what a socket was destroyed with: its error event and closed tell it", async () => {
  const [near, far] = pair();
  const heard: string[] = [];
  let closed: Promise<void>;
  {
    await using socket = Socket.from(near);
    socket.on("error", (error) => heard.push(error.message));
    socket.destroy(new Error("mine"));
    closed = socket.closed;
  }
  assertEquals(heard, ["mine"]);
  await assertRejects(() => closed, Error, "mine");
  far.close();
});

Deno.test("opened and closed tell how it went, also when asked late", async () => {
  await withServer({}, (socket) => socket.resume(), async (port) => {
    const socket = connect(port, "127.0.0.1");
    const info = await socket.opened;
    assertEquals([info.remotePort, info.remoteAddress], [port, "127.0.0.1"]);
    assertStrictEquals(info.readable, socket.readable);
    socket.resume().end();
    await socket.closed;
    await socket.closed;
    const broken = connect(port, "127.0.0.1");
    broken.destroy(new Error("mine"));
    await assertRejects(() => broken.opened, Error, "mine");
    await assertRejects(() => broken.closed, Error, "mine");
  });
});

Deno.test("a socket that fails with nobody listening leaves nothing unhandled", async () => {
  const socket = connect({ port: 1, host: "127.0.0.1" });
  await once(socket, "close");
  assertEquals(((await socket.closed.catch((error) => error)) as NetError).code, "ECONNREFUSED");
});

Deno.test("destroy is silent the second time; nothing comes after close", async () => {
  using it = rig();
  const told: string[] = [];
  for (const event of ["data", "end", "error", "close", "finish"] as const) {
    it.socket.on(event, () => told.push(event));
  }
  it.socket.destroy().destroy(new Error("not told"));
  await once(it.socket, "close");
  it.socket.write("y");
  it.socket.end();
  await turn();
  assertEquals(told, ["close"]);
});

Deno.test("destroySoon closes once all is out", async () => {
  using it = rig({}, { capacity: 3 });
  it.socket.write("abcdef");
  it.socket.destroySoon();
  assertEquals(it.socket.destroyed, false);
  assertEquals(await readText(it.peer), "abcdef");
  await it.socket.closed;
});

Deno.test("resetAndDestroy says where it can't be had", () => {
  const [a, peer] = pair();
  const { read, write, closeWrite, close, localAddr, remoteAddr } = a;
  // Only what every transport has, bound to the end of the pair.
  const plain: Transport = {
    read: read.bind(a),
    write: write.bind(a),
    closeWrite: closeWrite.bind(a),
    close: close.bind(a),
    localAddr,
    remoteAddr,
  };
  using stack = new DisposableStack();
  const it = { socket: Socket.from(plain) };
  stack.defer(() => peer.close());
  stack.defer(() => void it.socket.destroy());
  const error = assertThrows(() => it.socket.resetAndDestroy(), NetError);
  assertEquals([error.code, it.socket.destroyed], ["ERR_UNSUPPORTED", false]);
});

Deno.test("resetAndDestroy resets Deno's own connections where the C library can be called", {
  ignore: grantedLibc() === undefined,
}, async () => {
  const told = Promise.withResolvers<unknown>();
  await withServer({}, (socket) => {
    socket.on("error", told.resolve).resume();
  }, async (port) => {
    const socket = connect(port, "127.0.0.1");
    await socket.opened;
    socket.resetAndDestroy();
    await socket.closed;
    assertEquals((await told.promise as NetError).code, "ECONNRESET");
  });
});

Deno.test("resetAndDestroy says so on TLS over Deno's own connections, too", {
  permissions: { net: true, read: true, ffi: false },
}, async () => {
  const [client, server] = await tcpPair();
  const [a, b] = await Promise.all([
    startTls(client, { hostname: "localhost", ca: CA, implementation: "node" }),
    startServerTls(server, { ...identity("server"), implementation: "node" }),
  ]);
  const socket = Socket.from(b);
  const error = assertThrows(() => socket.resetAndDestroy(), NetError);
  assertEquals([error.code, socket.destroyed], ["ERR_UNSUPPORTED", false]);
  socket.destroy();
  a.close();
  await socket.closed;
});

Deno.test("resetAndDestroy says that Deno's own connections can't be reset without a permission", {
  permissions: { net: true, ffi: false },
}, async () => {
  await withServer({}, (socket) => void socket.resume(), async (port) => {
    const socket = connect(port, "127.0.0.1");
    await socket.opened;
    const error = assertThrows(() => socket.resetAndDestroy(), NetError);
    assertEquals([error.code, socket.destroyed], ["ERR_UNSUPPORTED", false]);
    socket.end();
    await socket.closed;
  });
});

Deno.test("setTimeout tells of silence and leaves the socket open", async () => {
  using it = rig();
  let called = 0;
  it.socket.setTimeout(10, () => called++);
  assertEquals(it.socket.timeout, 10);
  await once(it.socket, "timeout");
  assertEquals([called, it.socket.destroyed], [1, false]);
  it.socket.setTimeout(0);
  assertEquals(it.socket.timeout, 0);
  for (const ms of [-1, NaN, 2 ** 31]) {
    assertThrows(() => it.socket.setTimeout(ms), RangeError);
  }
});

Deno.test("cork holds writes back, so that they leave together", async () => {
  using it = rig();
  it.socket.cork();
  it.socket.write("a");
  it.socket.write("b");
  await turn();
  assertEquals([it.socket.writableLength, it.socket.writableCorked], [2, 1]);
  it.socket.uncork();
  it.socket.uncork();
  assertEquals(it.socket.writableCorked, 0);
  const buffer = new Uint8Array(8);
  assertEquals(await it.peer.read(buffer), 2);
});

Deno.test("pipe writes all into a Node stream, at its pace, and ends it", async () => {
  const { Writable } = await import("node:stream");
  using it = rig();
  const got: string[] = [];
  const sink = new Writable({
    highWaterMark: 1,
    write(chunk, _encoding, done): void {
      got.push(String(chunk));
      setTimeout(done, 1);
    },
  });
  assertStrictEquals(it.socket.pipe(sink), sink);
  await send(it.peer, "one");
  await turn();
  await send(it.peer, "two");
  await it.peer.closeWrite();
  await new Promise((resolve) => sink.once("finish", resolve));
  assertEquals(got.join(""), "onetwo");
});

Deno.test("a Node stream pipes into a socket", async () => {
  const { Readable } = await import("node:stream");
  using it = rig({ highWaterMark: 4 }, { capacity: 4 });
  Readable.from([Buffer.from("hello "), Buffer.from("world")]).pipe(
    it.socket as unknown as NodeJS.WritableStream,
  );
  assertEquals(await readText(it.peer), "hello world");
});

Deno.test("unpipe stops a pipe, and tells the destination", async () => {
  using from = rig();
  using to = rig();
  let told = 0;
  to.socket.on("pipe", () => told++).on("unpipe", () => told++);
  from.socket.pipe(to.socket, { end: false });
  await send(from.peer, "a");
  await turn();
  from.socket.unpipe();
  from.socket.resume();
  await send(from.peer, "b");
  await from.peer.closeWrite();
  await from.socket.closed;
  to.socket.end();
  assertEquals([await readText(to.peer), told], ["a", 2]);
});

Deno.test("a signal that has fired ends the connection it was given for, not the next", async () => {
  await withServer({}, (socket) => void socket.end(), async (port) => {
    const socket = new Socket();
    socket.connect({ port, host: "127.0.0.1", signal: AbortSignal.abort() }).destroy();
    socket.connect({ port, host: "127.0.0.1" });
    await socket.opened;
    await socket.resume().closed;
  });
});

Deno.test("pipe goes on after unpipe, and after pause", async () => {
  using from = rig();
  using to = rig();
  from.socket.pipe(to.socket, { end: false });
  from.socket.unpipe(to.socket);
  from.socket.pipe(to.socket);
  await send(from.peer, "a");
  await from.peer.closeWrite();
  assertEquals(await readText(to.peer), "a");
});

Deno.test("who listens for readable is told that there is no read()", () => {
  const socket = new Socket();
  const readable = "readable" as "data";
  for (const method of ["on", "addListener", "once"] as const) {
    const error = assertThrows(
      () => socket[method](readable, () => {}),
      TypeError,
      "TransportDuplex",
    );
    assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_VALUE");
  }
  assertEquals(socket.listenerCount(readable), 0);
});

Deno.test("a listener that throws ends its own socket only", async () => {
  const fault = new Error("in a listener");
  await withServer({}, (socket) => {
    socket.on("error", () => {});
    socket.on("data", (chunk) => {
      if (String(chunk) === "bad") throw fault;
      socket.write(chunk);
    });
  }, async (port) => {
    const bad = connect(port, "127.0.0.1");
    const good = connect(port, "127.0.0.1");
    bad.on("error", () => {});
    bad.resume().write("bad");
    await once(bad, "close");
    good.write("good");
    assertEquals(String((await once(good, "data"))[0]), "good");
    good.destroy();
    await once(good, "close");
  });
});

Deno.test("a second connect is EISCONN; a closed socket may connect again", async () => {
  await withServer({}, (socket) => socket.end("hi"), async (port) => {
    const socket = connect(port, "127.0.0.1").setEncoding("utf8");
    assertEquals(
      assertThrows(() => socket.connect(port, "127.0.0.1"), NetError).code,
      "EISCONN",
    );
    let text = "";
    socket.on("data", (chunk) => text += chunk);
    await once(socket, "close");
    socket.connect(port, "127.0.0.1").setEncoding("utf8");
    await once(socket, "close");
    assertEquals(text, "hihi");
  });
});

Deno.test("a socket that connects anew keeps its encoding, and no half of a character", async () => {
  await withServer({}, (socket) => socket.end(new Uint8Array([0x68, 0xc3])), async (port) => {
    const socket = new Socket().setEncoding("utf8");
    const got: unknown[] = [];
    socket.on("data", (chunk) => got.push(chunk));
    for (let i = 0; i < 2; i++) {
      socket.once("data", () => i === 0 && socket.destroy()).connect(port, "127.0.0.1");
      await once(socket, "close");
    }
    assertEquals(got, ["h", "h", "\ufffd"]);
  });
});

Deno.test("a socket that is paused before it connects anew stays so until resume", async () => {
  await withServer({}, (socket) => socket.end("hi"), async (port) => {
    const socket = connect(port, "127.0.0.1");
    let text = "";
    socket.on("data", (chunk) => text += chunk);
    await once(socket, "close");
    socket.pause().connect(port, "127.0.0.1");
    await once(socket, "connect");
    await new Promise((resolve) => setTimeout(resolve, 20));
    assertEquals([text, socket.isPaused()], ["hi", true]);
    socket.resume();
    await once(socket, "close");
    assertEquals(text, "hihi");
  });
});

Deno.test("a socket destroyed while TLS is to start counts no idle time, though its last write ends then", async () => {
  const [near, far] = pair();
  const written = Promise.withResolvers<void>();
  const socket = Socket.from({
    read: (p) => near.read(p),
    write: (p) => written.promise.then(() => p.length),
    closeWrite: () => near.closeWrite(),
    close: () => near.close(),
    localAddr: near.localAddr,
    remoteAddr: near.remoteAddr,
  });
  const told: string[] = [];
  socket.setTimeout(5, () => told.push("timeout")).on("drain", () => told.push("drain"));
  socket.write(new Uint8Array(100_000));
  const started = socket.startTls();
  written.resolve();
  socket.destroy();
  assertEquals((await assertRejects(() => started, NetError)).code, "ERR_SOCKET_CLOSED");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(told, []);
  far.close();
});

Deno.test("connect refuses bad ports and hosts with Node's codes", async () => {
  for (const port of [-1, 65_536, 1.5, NaN, "x y"]) {
    const socket = new Socket();
    const error = assertThrows(() => socket.connect({ port: port as number }), RangeError);
    assertEquals((error as { code?: string }).code, "ERR_SOCKET_BAD_PORT");
  }
  for (const host of ["a\0b", "a\r\nb", "x".repeat(300)]) {
    const error = await Promise.resolve()
      .then(() => connect(1, host).opened)
      .catch((error) => error);
    // As Node has it: a host that can't be one is a host that is not found.
    assertEquals([error.name, error.code], ["NetError", "ENOTFOUND"]);
  }
});

Deno.test("a socket's signal destroys it, before and after it is connected", async () => {
  await withServer({}, (socket) => socket.resume(), async (port) => {
    const controller = new AbortController();
    const socket = connect({ port, host: "127.0.0.1", signal: controller.signal });
    await socket.opened;
    controller.abort();
    assertEquals((await assertRejects(() => socket.closed, NetError)).code, "ABORT_ERR");
    const never = connect({ port, host: "127.0.0.1", signal: controller.signal });
    assertEquals((await assertRejects(() => never.opened, NetError)).code, "ABORT_ERR");
  });
});

Deno.test("a signal of the constructor destroys the first connection, beside connect's own", async () => {
  await withServer({}, (socket) => socket.resume(), async (port) => {
    const code = async (socket: Socket): Promise<unknown> =>
      (await assertRejects(() => socket.closed, NetError)).code;
    for (const which of [0, 1]) {
      const controllers = [new AbortController(), new AbortController()];
      const [{ signal }, own] = controllers;
      const socket = new Socket({ signal }).connect({
        port,
        host: "127.0.0.1",
        signal: own.signal,
      });
      await socket.opened;
      controllers[which].abort();
      assertEquals(await code(socket), "ABORT_ERR");
      // It was for that connection, and not for the next.
      await socket.connect(port, "127.0.0.1").opened;
      socket.destroy();
      await once(socket, "close");
    }
    const fired = new Socket({ signal: AbortSignal.abort() });
    assertEquals(await code(fired.connect(port, "127.0.0.1")), "ABORT_ERR");
    // Also of a socket that was destroyed before it had one.
    const controller = new AbortController();
    const late = new Socket({ signal: controller.signal });
    late.destroy();
    await late.connect(port, "127.0.0.1").opened;
    controller.abort();
    assertEquals(late.destroyed, true);
    assertEquals(await code(late), "ABORT_ERR");
    await late.connect(port, "127.0.0.1").opened;
    late.destroy();
    await late.closed;
    const wrong = assertThrows(
      () => new Socket({ signal: {} as AbortSignal }),
      TypeError,
      "signal",
    );
    assertEquals((wrong as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
    new Socket({ signal: null as never });
  });
});

Deno.test("signals of another class destroy a socket, one of them or one of two", async () => {
  await withServer({}, (socket) => socket.resume(), async (port) => {
    const code = async (socket: Socket): Promise<unknown> =>
      (await assertRejects(() => socket.closed, NetError)).code;
    const host = "127.0.0.1";
    for (const which of [0, 1, 2]) {
      const [first, second] = [foreignSignal(), foreignSignal()];
      const own = which === 2 ? undefined : second.signal;
      const socket = new Socket({ signal: first.signal }).connect({ port, host, signal: own });
      await socket.opened;
      (which === 1 ? second : first).abort();
      assertEquals(await code(socket), "ABORT_ERR");
    }
    const fired = connect({ port, host, signal: foreignSignal(true).signal });
    assertEquals(await code(fired), "ABORT_ERR");
    const { signal, abort } = foreignSignal();
    Object.assign(signal, { removeEventListener: undefined });
    const kept = connect({ port, host, signal });
    kept.destroy();
    await kept.connect(port, host).opened;
    abort();
    assertEquals(kept.destroyed, false);
    kept.destroy();
    await kept.closed;
  });
});

Deno.test("writes before the connection wait for it, in order, ended or not", async () => {
  let text = "";
  await withServer({}, (socket) => {
    socket.setEncoding("utf8").on("data", (chunk) => text += chunk);
  }, async (port) => {
    const socket = connect(port, "127.0.0.1");
    let out = 0;
    socket.write("one ", () => out++);
    socket.end("two", () => out++);
    await socket.resume().closed;
    assertEquals([text, out], ["one two", 2]);
  });
});

Deno.test("a socket tells its addresses and counts, by Node's and Luvit's names", async () => {
  await withServer({}, (socket) => socket.end("12345"), async (port) => {
    const socket = connect(port, "127.0.0.1");
    assertEquals([socket.connecting, socket.pending, socket.readyState], [true, true, "opening"]);
    assertEquals([socket.remoteAddress, socket.address()], [undefined, {}]);
    await socket.opened;
    assertEquals([socket.remoteFamily, socket.localFamily, socket.remotePort], [
      "IPv4",
      "IPv4",
      port,
    ]);
    assertEquals(socket.getsockname(), {
      address: "127.0.0.1",
      ip: "127.0.0.1",
      family: "IPv4",
      port: socket.localPort!,
    });
    socket.nodelay(true).keepalive(true).setNoDelay(false).setKeepAlive(false);
    socket.unref().ref();
    await socket.resume().closed;
    assertEquals([socket.bytesRead, socket.bytesWritten, socket.bufferSize], [5, 0, 0]);
  });
});

Deno.test({
  name: "a socket connects to a Unix path",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.sock`;
    const server = await createServer((socket) => void socket.pipe(socket)).listen({ path });
    assertEquals(server.address(), path);
    const socket = connect(path);
    socket.end("through a file");
    assertEquals((await Array.fromAsync(socket)).join(""), "through a file");
    await server.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a socket refuses limits that make no sense", () => {
  for (const options of [{ highWaterMark: -1 }, { highWaterMark: NaN }, { maxSendQueueBytes: 5 }]) {
    assertThrows(() => new Socket(options), RangeError);
  }
});

Deno.test("whatever listener throws, sync or async, ends its own socket, and nothing else", async () => {
  const events = [
    "connect",
    "ready",
    "data",
    "end",
    "finish",
    "drain",
    "timeout",
    "close",
    "error",
  ];
  for (const event of events) {
    for (const isAsync of [false, true]) {
      const fault = new Error(`in ${event}`);
      const errors: Error[] = [];
      const told = await reported(() =>
        withServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket), async (port) => {
          const socket = connect({ port, host: "127.0.0.1", highWaterMark: 3, timeout: 20 });
          if (event !== "error") socket.on("error", (error) => void errors.push(error));
          const closed = once(socket, "close");
          socket.on(event as "end", () => {
            if (isAsync) return Promise.reject(fault) as unknown as void;
            throw fault;
          });
          socket.resume().write("hello");
          if (event === "error") socket.destroy(new Error("so that it is told"));
          else if (event !== "timeout" && event !== "drain") socket.end();
          await closed;
          await turn();
          assertEquals(socket.destroyed, true);
        })
      );
      // What is thrown when the socket has closed already goes to the console.
      const late = event === "close" || event === "error" || isAsync && told.length > 0;
      assertEquals([event, late ? told : errors], [event, [fault]]);
    }
  }
});

Deno.test("a callback that throws ends its own socket only", async () => {
  const fault = new Error("in a callback");
  const throwing = (): void => {
    throw fault;
  };
  for (
    const use of [
      (socket: Socket) => void socket.write("x", throwing),
      (socket: Socket) => void socket.write("", throwing),
      (socket: Socket) => void socket.end("x", throwing),
    ]
  ) {
    using it = rig();
    const failed = once(it.socket, "error");
    use(it.socket);
    assertStrictEquals((await failed)[0], fault);
  }
  using it = rig();
  const told = await reported(async () => {
    it.socket.write("x", throwing);
    it.socket.end(throwing);
    it.socket.destroy();
    it.socket.end(throwing);
    await once(it.socket, "close");
  });
  assertEquals(told, [fault, fault, fault]);
  using late = rig();
  const failed = once(late.socket, "error");
  const also = await reported(async () => {
    late.socket.end();
    late.socket.write("late", throwing);
    assertEquals(((await failed)[0] as NetError).code, "ERR_STREAM_WRITE_AFTER_END");
  });
  assertEquals(also, [fault]);
});

Deno.test("what a listener throws that nobody hears of goes to the console", async () => {
  const fault = new Error("unheard");
  const told = await reported(async () => {
    using it = rig();
    it.socket.on("data", () => {
      throw fault;
    });
    await send(it.peer, "x");
    await once(it.socket, "close");
    // An error of the network is no fault of a listener: `closed` tells of it.
    using quiet = rig({}, { faults: [{ at: 0, action: "reset" }] });
    await once(quiet.socket, "close");
    assertEquals((await assertRejects(() => quiet.socket.closed, NetError)).code, "ECONNRESET");
  });
  assertEquals(told, [fault]);
});

Deno.test("a loop that takes its time with each chunk can still answer the last one", async () => {
  for (
    const echo of [
      async (socket: Socket): Promise<void> => {
        for await (const chunk of socket) {
          await turn();
          await turn();
          socket.write(chunk);
        }
      },
      async (socket: Socket): Promise<void> => {
        for await (const chunk of socket.readable) {
          await turn();
          await turn();
          socket.write(chunk);
        }
      },
      async (socket: Socket): Promise<void> => {
        const slow = new TransformStream<Uint8Array, Uint8Array>({
          async transform(chunk, controller): Promise<void> {
            await turn();
            controller.enqueue(chunk);
          },
        });
        await socket.readable.pipeThrough(slow).pipeTo(socket.writable);
      },
    ]
  ) {
    // The end is there, too, before the first chunk is answered.
    using it = rig({}, { split: 2 });
    await send(it.peer, "hello");
    await it.peer.closeWrite();
    const echoing = echo(it.socket);
    assertEquals(await readText(it.peer), "hello");
    await echoing;
    await it.socket.closed;
  }
});

Deno.test("while writable is locked, its holder ends the socket, and not the peer's end", async () => {
  using it = rig();
  const writer = it.socket.writable.getWriter();
  it.socket.resume();
  const ended = once(it.socket, "end");
  await it.peer.closeWrite();
  await ended;
  await writer.write(new TextEncoder().encode("still"));
  assertEquals([it.socket.readyState, it.socket.destroyed], ["writeOnly", false]);
  await writer.close();
  assertEquals(await readText(it.peer), "still");
  await it.socket.closed;
});

Deno.test("streams that nobody uses just then hear of the close, too", async () => {
  {
    using it = rig();
    const reader = it.socket.readable.getReader();
    const writer = it.socket.writable.getWriter();
    it.socket.destroy(new Error("cut"));
    await assertRejects(() => reader.closed, Error, "cut");
    await assertRejects(() => writer.closed, Error, "cut");
  }
  {
    using it = rig();
    const reader = it.socket.readable.getReader();
    await it.peer.closeWrite();
    await it.socket.closed;
    assertEquals(await reader.read(), { done: true, value: undefined });
    await reader.closed;
  }
  {
    // Asked for only after the close.
    using it = rig();
    it.socket.destroy();
    const error = await assertRejects(() => it.socket.readable.getReader().closed, NetError);
    assertEquals(error.code, "ERR_SOCKET_CLOSED");
    await assertRejects(() => it.socket.writable.getWriter().closed, NetError);
  }
});

Deno.test("writable fails where the socket was ended otherwise", async () => {
  using it = rig();
  const writer = it.socket.writable.getWriter();
  it.socket.end();
  const error = await assertRejects(() => writer.write(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ERR_STREAM_WRITE_AFTER_END");
  await writer.closed.catch(() => {});
});

Deno.test("writable may be closed though the socket has ended", async () => {
  using it = rig();
  const { writable } = it.socket;
  it.socket.end();
  await once(it.socket, "finish");
  await writable.close();
  assertEquals(await readText(it.peer), "");
});

Deno.test("chunks that are kept never change, whatever comes after them", async () => {
  await withServer({}, (socket) => {
    let i = 0;
    const pump = (): void => {
      while (i < 400) {
        const size = [1, 50, 700, 5000, 40_000][i % 5];
        if (!socket.write(new Uint8Array(size).fill(i++))) return void socket.once("drain", pump);
      }
      socket.end();
    };
    pump();
  }, async (port) => {
    const kept: { chunk: Uint8Array; copy: Uint8Array }[] = [];
    const socket = connect(port, "127.0.0.1");
    socket.on("data", (chunk) => kept.push({ chunk, copy: chunk.slice() }));
    await socket.closed;
    assertEquals(kept.reduce((sum, { chunk }) => sum + chunk.length, 0), 80 * 45_751);
    for (const { chunk, copy } of kept) assertEquals(chunk.every((b, i) => b === copy[i]), true);
  });
});

Deno.test("a reset at any byte gives all bytes before it, and then ECONNRESET", async () => {
  const text = "0123456789";
  const styles: ((socket: Socket, got: (chunk: unknown) => void) => Promise<unknown>)[] = [
    (socket, got) => {
      socket.on("data", got);
      return socket.closed;
    },
    async (socket, got) => {
      for await (const chunk of socket) got(chunk);
    },
    async (socket, got) => {
      for await (const chunk of socket.readable) got(new TextDecoder().decode(chunk));
    },
    async (socket, got) => {
      socket.on("data", (chunk) => {
        got(chunk);
        socket.pause();
        setTimeout(() => socket.resume(), 0);
      });
      await socket.closed;
    },
  ];
  for (const split of [1, 3, Infinity]) {
    for (let at = 0; at <= text.length; at++) {
      for (const style of styles) {
        using it = rig({}, { back: { split, faults: [{ at, action: "reset" }] } });
        send(it.peer, text).catch(() => {});
        let got = "";
        const error = await assertRejects(
          () => style(it.socket, (chunk) => got += chunk),
          NetError,
        );
        assertEquals([got, error.code], [text.slice(0, at), "ECONNRESET"]);
      }
    }
  }
});

Deno.test("a reset while writing fails what waits: callbacks, streams, drain, end", async () => {
  // Two bytes are on the way, and two with the reader, when the last ones are written.
  for (let at = 0; at < 6; at++) {
    using it = rig({ highWaterMark: 2 }, {
      forth: { capacity: 2, faults: [{ at, action: "reset" }] },
    });
    const failed: unknown[] = [];
    it.socket.write("01234567", (error) => failed.push((error as NetError).code));
    it.socket.end((error) => failed.push((error as NetError).code));
    const reading = readText(it.peer).catch((error) => error.code);
    assertEquals((await assertRejects(() => it.socket.closed, NetError)).code, "ECONNRESET");
    assertEquals([await reading, failed], ["ECONNRESET", ["ECONNRESET", "ECONNRESET"]]);
  }
});

Deno.test("resetAndDestroy resets: at once, while connecting, and on a socket without a connection", async () => {
  {
    using it = rig();
    const reading = it.peer.read(new Uint8Array(1));
    it.socket.resetAndDestroy();
    assertEquals((await assertRejects(() => reading, NetError)).code, "ECONNRESET");
    await it.socket.closed;
    it.socket.resetAndDestroy();
  }
  const never = new Socket();
  never.resetAndDestroy();
  assertEquals((await assertRejects(() => never.closed, NetError)).code, "ERR_SOCKET_CLOSED");
  const errors: string[] = [];
  await withServer({}, (socket) => {
    socket.on("error", (error) => errors.push((error as NetError).code)).resume();
  }, async (port, server) => {
    const gone = new Promise<void>((resolve) =>
      server.once("connection", (socket) => socket.once("close", () => resolve()))
    );
    const socket = connect({
      port,
      host: "127.0.0.1",
      keepAlive: true,
      keepAliveInitialDelay: 60_000,
    });
    socket.resetAndDestroy();
    await once(socket, "close");
    await gone;
  });
  assertEquals(errors, ["ECONNRESET"]);
});

Deno.test("a socket may connect anew from its error and close listeners", async () => {
  await withServer({}, (socket) => socket.end("hi"), async (port) => {
    for (const event of ["error", "close"] as const) {
      const told: string[] = [];
      const socket = new Socket();
      const done = new Promise<void>((resolve) => {
        for (const each of ["connect", "error", "close"] as const) {
          socket.on(each, () => {
            told.push(each);
            if (each === "close" && told.includes("connect")) resolve();
          });
        }
        socket.once(event, () => void socket.connect(port, "127.0.0.1").resume());
      });
      socket.connect(1, "127.0.0.1");
      await done;
      assertEquals(told, ["error", "close", "connect", "close"]);
      await socket.closed;
    }
  });
});

Deno.test("a socket destroyed and connected in one turn closes once and connects", async () => {
  await withServer({}, (socket) => socket.end("hi"), async (port) => {
    const socket = connect(port, "127.0.0.1");
    await socket.opened;
    const first = socket.closed;
    let closes = 0;
    socket.on("close", () => closes++);
    socket.destroy().connect(port, "127.0.0.1");
    await first;
    await socket.opened;
    assertEquals([closes, socket.destroyed], [1, false]);
    await socket.resume().closed;
    assertEquals(closes, 2);
  });
});

Deno.test("write and end on a socket that never was connected", async () => {
  const writing = new Socket();
  const failed = new Promise<unknown>((resolve) => writing.write("x", resolve));
  assertEquals((await failed as NetError).code, "ERR_SOCKET_CLOSED");
  assertEquals((await assertRejects(() => writing.closed, NetError)).code, "ERR_SOCKET_CLOSED");
  const ending = new Socket();
  ending.end();
  await ending.closed;
  const corked = new Socket();
  corked.cork();
  corked.uncork();
  corked.setTimeout(5);
  {
    await using _disposed = corked;
  }
  assertEquals(corked.isClosed, true);
});

Deno.test("what end takes on a socket that never was connected is lost by an error", async () => {
  const socket = new Socket();
  const told: unknown[] = [];
  socket.on("error", (error) => told.push(error.code));
  const closed = once(socket, "close");
  socket.end("x", (error) => told.push((error as NetError).code));
  told.push(await closed);
  assertEquals(told, ["ERR_SOCKET_CLOSED", "ERR_SOCKET_CLOSED", [true]]);
  const nothing = new Socket();
  const ended = once(nothing, "close");
  assertEquals(await (nothing.end(), ended), [false]);
});

Deno.test("await using waits for the connection, and for what was written before it", async () => {
  let text = "";
  await withServer({}, (socket) => {
    socket.setEncoding("utf8").on("data", (part) => text += part);
  }, async (port, server) => {
    const gone = new Promise<void>((resolve) =>
      server.once("connection", (socket) => socket.once("close", () => resolve()))
    );
    {
      await using socket = connect(port, "127.0.0.1");
      socket.write("written at once");
    }
    await gone;
  });
  assertEquals(text, "written at once");
});

Deno.test("options of connect hold for the connection, and setters for their own socket only", async () => {
  const options = { highWaterMark: 5 };
  await withServer(options, (socket) => {
    socket.setNoDelay(false).setKeepAlive(true).resume();
  }, async (port) => {
    const socket = new Socket(options);
    socket.connect({ port, host: "127.0.0.1", highWaterMark: 7, allowHalfOpen: true });
    assertEquals([socket.writableHighWaterMark, socket.allowHalfOpen], [7, true]);
    assertEquals([socket.write("123456"), socket.write("7")], [true, false]);
    await once(socket, "drain");
    assertEquals(socket.timeout, 0);
    socket.destroy();
    await socket.closed;
  });
  assertEquals(options, { highWaterMark: 5 });
  assertThrows(() => connect({ port: 1, highWaterMark: 9, maxSendQueueBytes: 8 }), RangeError);
});

Deno.test("ref takes back what unref has told the transport", () => {
  const [a, b] = pair();
  const told: string[] = [];
  const extras = { ref: () => void told.push("ref"), unref: () => void told.push("unref") };
  const socket = Socket.from(Object.assign(a, extras));
  assertStrictEquals(socket.unref(), socket);
  assertStrictEquals(socket.ref(), socket);
  assertEquals(told, ["unref", "ref"]);
  socket.destroy();
  b.close();
});

Deno.test("a socket without TLS has none of its properties", () => {
  const [a, b] = pair();
  for (const socket of [new Socket(), Socket.from(a)]) {
    assertEquals([socket.tls, socket.encrypted, socket.authorized], [undefined, false, false]);
    assertEquals([socket.alpnProtocol, socket.servername], [false, false]);
    assertEquals([socket.authorizationError, socket.getCipher()], [null, null]);
    assertEquals([socket.getProtocol(), socket.version()], [null, null]);
    assertEquals(socket.getPeerCertificate(), null);
    socket.destroy();
  }
  b.close();
});

Deno.test("a socket and a server that are unref'd let the program end", async () => {
  const url = new URL("../../net/mod.ts", import.meta.url).href;
  const program = `
    import { connect, createServer } from ${JSON.stringify(url)};
    const server = await createServer((socket) => socket.unref().resume()).listen(0, "127.0.0.1");
    const socket = connect(server.port, "127.0.0.1").unref();
    socket.setTimeout(60_000);
    await socket.opened;
    socket.resume();
    server.unref();
    console.log("the end");`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-check", "--no-lock", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { code, stdout, stderr } = await child.output();
  assertEquals(
    [code, new TextDecoder().decode(stdout)],
    [0, "the end\n"],
    new TextDecoder().decode(stderr),
  );
});

Deno.test("lookup is told before connect, and a name that does not resolve, too", async () => {
  await withServer({}, (socket) => socket.end(), async (port) => {
    const told: unknown[] = [];
    const socket = connect(port, "localhost");
    socket.on("lookup", (error, _address, _family, host) => told.push([error, host]));
    socket.on("connect", () => told.push("connect"));
    socket.resume();
    await Promise.race([socket.closed, once(socket, "close")]).catch(() => {});
    assertEquals(told[0], [null, "localhost"]);
    const unknown = connect(80, MISSING_NAME);
    const looked = once(unknown, "lookup");
    await once(unknown, "close");
    assertEquals(((await looked)[0] as NetError).code, await missingNameCode());
  });
});

Deno.test("setTimeout refuses what is no number, with Node's code", () => {
  const error = assertThrows(() => new Socket().setTimeout("5" as never), TypeError);
  assertEquals((error as { code?: string }).code, "ERR_INVALID_ARG_TYPE");
});

Deno.test("socket that is destroyed by the listener for its last characters tells of no end", async () => {
  using it = rig();
  const events: string[] = [];
  it.socket.setEncoding("utf8").on("end", () => events.push("end"));
  it.socket.on("data", (text) => {
    events.push(String(text));
    it.socket.destroy();
  });
  await it.peer.write(new Uint8Array([0xe2, 0x82]));
  await it.peer.closeWrite();
  await it.socket.closed;
  assertEquals([events, it.socket.readableAborted], [["\ufffd"], true]);
});

Deno.test("socket whose both directions have ended is closed in its state, though it still sends", async () => {
  using it = rig({ allowHalfOpen: true }, { capacity: 4 });
  it.socket.resume().write("12345678");
  const ended = once(it.socket, "end");
  await it.peer.closeWrite();
  await ended;
  assertEquals(it.socket.readyState, "writeOnly");
  it.socket.end();
  assertEquals([it.socket.readyState, it.socket.destroyed], ["closed", false]);
  assertEquals(await readText(it.peer), "12345678");
  await it.socket.closed;
});

Deno.test("setTimeout's listener comes once, and not when it is switched off", async () => {
  using it = rig();
  let called = 0;
  const listener = (): void => void called++;
  it.socket.setTimeout(5, listener);
  it.socket.setTimeout(0, listener);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(called, 0);
  // Nor when it is switched on again, for another one.
  await new Promise<void>((resolve) => it.socket.setTimeout(5, resolve));
  assertEquals(called, 0);
});

Deno.test("a socket's options that are Luvit's do what Node's do", async () => {
  using it = rig({ allowHalfOpen: true });
  const done = new Promise<unknown>((resolve) => it.socket.shutdown(resolve));
  assertEquals(await readText(it.peer), "");
  assertEquals([await done, it.socket.readyState], [null, "readOnly"]);
  using other = rig();
  other.socket.shutdown();
  assertEquals(await readText(other.peer), "");
});

Deno.test("settings may be changed while a write is under way, and after the end", async () => {
  await withServer({ pauseOnConnect: true }, () => {}, async (port) => {
    const socket = connect(port, "127.0.0.1");
    await socket.opened;
    socket.write(new Uint8Array(16_777_216));
    await turn();
    socket.setNoDelay(false).setKeepAlive(true).setNoDelay(true);
    assertEquals(socket.destroyed, false);
    socket.destroy().setNoDelay(false).setKeepAlive(true, 1000);
    await socket.closed;
    socket.setNoDelay(true).setKeepAlive(false);
  });
});

Deno.test("what is set while the transport is busy is set after its write", async () => {
  const [a, b] = pair();
  let busy = false;
  const set: string[] = [];
  const transport = Object.assign(a, {
    setNoDelay(on: boolean): void {
      if (busy) throw new Error("Unable to get resources");
      set.push(`noDelay ${on}`);
    },
    setKeepAlive(on: boolean): void {
      if (busy) throw new Error("Unable to get resources");
      set.push(`keepAlive ${on}`);
    },
  });
  const socket = Socket.from(transport);
  socket.write("x");
  busy = true;
  socket.setNoDelay(false).setKeepAlive(true).setNoDelay(true).setNoDelay(false);
  busy = false;
  await send(b, "y");
  await new Promise((resolve) => socket.write("z", resolve));
  assertEquals(set, ["noDelay true", "noDelay false", "keepAlive true"]);
  socket.destroy();
  b.close();
});

Deno.test("setKeepAlive throws for a delay that a connection can't have any more", async () => {
  await withServer({}, (socket) => {
    socket.on("error", () => {});
    // A listener that throws ends its connection: so this is caught.
    const error = assertThrows(() => socket.setKeepAlive(true, 1000), NetError);
    socket.setKeepAlive(true).setKeepAlive(false, 1000).end(error.code);
  }, async (port) => {
    const socket = connect(port, "127.0.0.1");
    assertEquals((await Array.fromAsync(socket)).join(""), "ERR_UNSUPPORTED");
  });
});

Deno.test("a socket destroyed while its name is looked up opens nothing", async () => {
  await withServer({}, (socket) => socket.destroy(), async (port, server) => {
    const socket: Socket = connect({
      port,
      host: "name.test",
      lookup: () => {
        socket.destroy();
        return Promise.resolve(["127.0.0.1"]);
      },
    });
    await once(socket, "close");
    await turn();
    assertEquals(server.metrics().accepted, 0);
  });
});

Deno.test("a socket gives its text's last, broken character at the end, to loops too", async () => {
  using it = rig();
  it.socket.setEncoding("utf8");
  await it.peer.write(new Uint8Array([0x61, 0xe2, 0x82]));
  await it.peer.closeWrite();
  assertEquals((await Array.fromAsync(it.socket)).join("|"), "a|\ufffd");
});

Deno.test("a socket over memory tells its own kind of address, and listens by addListener", async () => {
  using it = rig();
  assertEquals(it.socket.remoteAddr, { transport: "memory", address: "b" });
  assertEquals(it.socket.localAddr, { transport: "memory", address: "a" });
  assertEquals([it.socket.remoteAddress, it.socket.address()], [undefined, {}]);
  const got: unknown[] = [];
  it.socket.addListener("data", (chunk) => got.push(String(chunk)));
  await send(it.peer, "x");
  await turn();
  assertEquals([got, it.socket.writableEnded, it.socket.writableFinished], [["x"], false, false]);
});

Deno.test("opened of a socket that is connected already, or closed, tells at once", async () => {
  using it = rig();
  const { readable } = await it.socket.opened;
  assertStrictEquals(readable, it.socket.readable);
  it.socket.destroy();
  await it.socket.opened;
  const closed = new Socket();
  closed.destroy();
  assertEquals((await assertRejects(() => closed.opened, NetError)).code, "ERR_SOCKET_CLOSED");
});

Deno.test("a writable that is written while the socket breaks fails with what broke it", async () => {
  using it = rig({ highWaterMark: 1, maxSendQueueBytes: 5 }, { capacity: 1 });
  const writer = it.socket.writable.getWriter();
  const first = writer.write(new Uint8Array(10));
  it.socket.write(new Uint8Array(10));
  const error = await assertRejects(() => first, NetError);
  assertEquals(error.code, "ERR_BUFFER_LIMIT");
  await assertRejects(() => writer.write(new Uint8Array(1)), NetError);
  await assertRejects(() => writer.closed, NetError);
});

Deno.test({
  name: "a socket that connects anew forgets where it was connected to",
  ignore: Deno.build.os === "windows",
}, async () => {
  const folder = await Deno.makeTempDir();
  try {
    const path = `${folder}/x.sock`;
    const there = await createServer((socket) => socket.end("file")).listen(path);
    await withServer({}, (socket) => socket.end("port"), async (port) => {
      const socket = new Socket({ noDelay: false });
      for (const [target, expected] of [[path, "file"], [port, "port"], [path, "file"]] as const) {
        socket.connect(target).setEncoding("utf8");
        assertEquals((await Array.fromAsync(socket)).join(""), expected);
        await socket.closed;
      }
    });
    await there.close();
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("what was to happen to one connection does not happen to the next", async () => {
  await withServer({}, (socket) => void socket.pipe(socket), async (port) => {
    const socket = connect(1, "127.0.0.1");
    socket.resetAndDestroy();
    await once(socket, "close");
    socket.connect(port, "127.0.0.1");
    await socket.opened;
    socket.destroySoon();
    socket.destroy();
    await once(socket, "close");
    socket.connect(port, "127.0.0.1").end("whole");
    assertEquals((await Array.fromAsync(socket)).join(""), "whole");
  });
});

Deno.test("a socket that connects anew in its connect listener is ready once", async () => {
  await withServer({}, (socket) => void socket.pipe(socket), async (port) => {
    const events: string[] = [];
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => socket.destroy().connect(port, "127.0.0.1"));
    socket.on("connect", () => events.push(`connect ${socket.readyState}`));
    socket.on("ready", () => events.push(`ready ${socket.readyState}`));
    await once(socket, "ready");
    socket.destroy();
    assertEquals(events, ["connect opening", "connect open", "ready open"]);
  });
});

const habit = fc.record({
  /** The sizes of its writes. */
  writes: fc.array(fc.oneof(fc.nat(300), fc.integer({ min: 15_000, max: 40_000 })), {
    maxLength: 8,
  }),
  read: fc.constantFrom("data", "pausing", "iterator", "stream"),
  write: fc.constantFrom("write", "corked", "writable"),
});

/** One side: writes so, reads so, and gives what came. */
async function act(
  socket: Socket,
  { writes, read, write }: { writes: number[]; read: string; write: string },
): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  const got = (chunk: Uint8Array): void => void chunks.push(chunk);
  const reading = (async () => {
    if (read === "iterator") { for await (const chunk of socket) got(chunk as Uint8Array); }
    else if (read === "stream") { for await (const chunk of socket.readable) got(chunk); }
    else {
      const ended = once(socket, "end");
      let resumed = Promise.resolve();
      socket.on("data", (chunk) => {
        got(chunk);
        if (read === "data") return;
        socket.pause();
        resumed = turn().then(() => void socket.resume());
      });
      await ended;
      await resumed; // the end may come first, once the own side has ended
    }
  })();
  const bytes = writes.map((size, i) => new Uint8Array(size).fill(i + 1));
  if (write === "writable") {
    const writer = socket.writable.getWriter();
    for (const chunk of bytes) await writer.write(chunk);
    await writer.close();
  } else {
    if (write === "corked") socket.cork();
    for (const chunk of bytes) {
      if (!socket.write(chunk) && write === "write") await once(socket, "drain");
    }
    socket.end();
  }
  await reading;
  return chunks;
}

Deno.test("two sockets carry all bytes both ways, however they read, write, and are connected", async () => {
  await fc.assert(
    fc.asyncProperty(
      habit,
      habit,
      fc.record({
        split: fc.constantFrom(1000, 5003, Infinity),
        capacity: fc.constantFrom(777, 65_536),
        delay: fc.constantFrom(0, 1),
        highWaterMark: fc.constantFrom(0, 500, 65_536),
        stall: fc.integer({ min: 0, max: 50_000 }),
      }),
      async (here, there, { highWaterMark, stall, ...way }) => {
        const faults = [{ at: stall, action: "stall" as const, duration: 2 }];
        const options = { allowHalfOpen: true, highWaterMark };
        const [a, b] = pair({ ...way, faults });
        const sockets = [Socket.from(a, options), Socket.from(b, options)];
        const got = await Promise.all([act(sockets[0], here), act(sockets[1], there)]);
        await Promise.all(sockets.map((socket) => socket.closed));
        for (const [i, { writes }] of [there, here].entries()) {
          const expected = Buffer.concat(writes.map((size, k) => new Uint8Array(size).fill(k + 1)));
          assertEquals(Buffer.compare(Buffer.concat(got[i]), expected), 0);
          assertEquals(sockets[i].bytesRead, expected.length);
          assertEquals(sockets[1 - i].bytesWritten, expected.length);
        }
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("an error's listener knows of its code by type", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const seen: unknown[] = [];
  const socket = connect(port, "127.0.0.1");
  socket.on("error", (error) => seen.push(error.code, error.syscall, error.port));
  await once(socket, "close");
  assertEquals(seen, ["ECONNREFUSED", "connect", port]);
});

Deno.test("a signal that has fired already says that the connection was not made", async () => {
  const socket = connect({ port: 9, host: "127.0.0.1", signal: AbortSignal.abort() });
  await assertRejects(() => socket.opened, NetError, "Cannot connect: aborted");
});

Deno.test("socket refuses what Node's takes and nothing here honours", () => {
  const options: object = { fd: 3 };
  const error = assertThrows(() => new Socket(options), TypeError);
  assertEquals((error as { code?: unknown }).code, "ERR_INVALID_ARG_VALUE");
});

Deno.test("no socket connects with a blockList that it would not look at", async () => {
  const options: object = { blockList: { check: () => true } };
  const told = assertThrows(() => new Socket(options).connect(9, "127.0.0.1"), TypeError);
  assertEquals((told as { code?: unknown }).code, "ERR_INVALID_ARG_VALUE");
  assertThrows(() => connect({ ...options, port: 9 }), TypeError, "blockList");
  // A server's is no matter of the socket that it has let in.
  const again = Promise.withResolvers<boolean>();
  await withServer({ blockList: { check: () => false } }, (accepted) => {
    accepted.once("close", () => {
      Promise.try(() => accepted.connect(9, "127.0.0.1").destroy().destroyed).then(
        again.resolve,
        again.reject,
      );
    });
    accepted.destroy();
  }, async (port) => {
    await connect(port, "127.0.0.1").resume().closed;
    assertEquals(await again.promise, true);
  });
});

Deno.test("pause does not stop who takes the chunks, by a loop or by the web stream", async () => {
  for (const style of ["loop", "stream"] as const) {
    const [a, b] = pair();
    const socket = Socket.from(a);
    const got: string[] = [];
    const reading = (async () => {
      const chunks = style === "loop" ? socket : socket.readable;
      for await (const chunk of chunks) got.push(new TextDecoder().decode(chunk as Uint8Array));
    })();
    await new Promise((resolve) => setTimeout(resolve, 1));
    socket.pause();
    for (const text of ["one", "two"]) {
      await b.write(new TextEncoder().encode(text));
      await new Promise((resolve) => setTimeout(resolve, 1));
      socket.pause();
    }
    await b.closeWrite();
    await reading;
    assertEquals([style, ...got], [style, "one", "two"]);
    await socket.closed;
    b.close();
  }
});

Deno.test("connect refuses options that are no good at once, and changes nothing", async () => {
  const server = await createServer((socket) => socket.end("hi")).listen(0, "127.0.0.1");
  const target = { port: server.port, host: "127.0.0.1" };
  const socket = new Socket();
  for (
    const [options, kind, text] of [
      [{ policy: "publik" }, TypeError, '"publik"'],
      [{ policy: null }, TypeError, "dial policy"],
      [{ proxyTls: null }, TypeError, "TLS options"],
      [{ tls: 5 }, TypeError, "TLS options"],
      [{ highWaterMark: -1 }, RangeError, "-1"],
      [{ autoSelectFamilyAttemptDelay: NaN }, RangeError, '"autoSelectFamilyAttemptDelay"'],
      [{ connectTimeout: -1 }, RangeError, '"connectTimeout"'],
    ] as const
  ) {
    assertThrows(() => socket.connect({ ...target, ...options } as never), kind, text);
    assertEquals([socket.connecting, socket.destroyed], [false, false]);
  }
  // As in Node, 0 is no keep-alive.
  socket.connect({ ...target, keepAlive: 0 as never });
  let text = "";
  for await (const chunk of socket) text += chunk;
  assertEquals(text, "hi");
  await server.close();
});

Deno.test("socket is made of a transport, and of nothing else", () => {
  for (const wrong of [undefined, null, 5, "x", {}, [], { read() {}, write() {} }]) {
    const error = assertThrows(() => Socket.from(wrong as never), TypeError, "no transport");
    assertEquals((error as { code?: unknown }).code, "ERR_INVALID_ARG_TYPE");
  }
});

Deno.test("socket, server, and sockets of messages and datagrams are shown by what one wants to know, and it has no effect", async () => {
  const waiting = new Socket();
  const nothing = "bytesRead: 0,\n  bytesWritten: 0,\n  writableLength: 0";
  assertShown(waiting, `Socket {\n  readyState: "closed",\n  encrypted: false,\n  ${nothing}\n}`);
  waiting.on("error", () => {});
  // A look at `opened` or `closed` would make a promise that nobody catches.
  waiting.destroy(new Error("enough"));
  assertShown(
    waiting,
    `Socket {\n  readyState: "closed",\n  encrypted: false,\n  ${nothing},\n  errored: "enough"\n}`,
  );

  const server = createServer();
  assertShown(server, "Server { listening: false, connections: 0, accepted: 0, dropped: 0 }");
  await server.listen(0, "127.0.0.1");
  const accepted = new Promise<Socket>((resolve) => server.once("connection", resolve));
  const client = connect(server.port, "127.0.0.1");
  await client.opened;
  const peer = await accepted;
  client.end("hello");
  for await (const chunk of peer) assertEquals(`${chunk}`, "hello");
  const addr = (port: number) => `{ hostname: "127.0.0.1", port: ${port}, transport: "tcp" }`;
  assertShown(
    server,
    `Server {
  listening: true,
  addr: ${addr(server.port)},
  connections: ${server.connections.size},
  accepted: 1,
  dropped: 0
}`,
  );
  assertShown(
    peer,
    `Socket {
  readyState: "${peer.readyState}",
  encrypted: false,
  localAddr: ${addr(server.port)},
  remoteAddr: ${addr(client.localPort!)},
  bytesRead: 5,
  bytesWritten: 0,
  writableLength: 0
}`,
  );
  await client.closed;
  await server.close();
  assertShown(server, "Server { listening: false, connections: 0, accepted: 1, dropped: 0 }");

  const datagrams = createDatagramSocket("udp4");
  const counts = "received: 0,\n  sent: 0,\n  queued: 0";
  assertShown(datagrams, `DatagramSocket {\n  type: "udp4",\n  state: "new",\n  ${counts}\n}`);
  await datagrams.bind(0, "127.0.0.1");
  const { port } = datagrams.address();
  await datagrams.connect(port, "127.0.0.1");
  const local = `{ address: "127.0.0.1", port: ${port}, family: "IPv4" }`;
  assertShown(
    datagrams,
    `DatagramSocket {
  type: "udp4",
  state: "bound",
  local: ${local},
  remote: ${local},
  ${counts}
}`,
  );
  await datagrams.close();
  assertShown(
    datagrams,
    `DatagramSocket {\n  type: "udp4",\n  state: "closed",\n  remote: ${local},\n  ${counts}\n}`,
  );

  const [here, there] = pair();
  const messages = new MessageSocket(here, lineFramer());
  assertShown(
    messages,
    `MessageSocket {
  closed: false,
  localAddr: ${Deno.inspect(here.localAddr)},
  remoteAddr: ${Deno.inspect(here.remoteAddr)},
  received: 0,
  queued: 0
}`,
  );
  there.close();
  await messages.close();
  assertEquals(Deno.inspect(messages).includes("closed: true"), true);
  for (const Class of [Socket, Server, DatagramSocket, MessageSocket]) {
    assertShown(Class.prototype, `${Class.name} {}`);
  }
  class Mine extends Socket {}
  assertEquals(Deno.inspect(new Mine()).split("\n")[0], "Mine {");
});

Deno.test("very many sockets with one signal are one listener at it", async () => {
  const { controller, signal, counts } = countedSignal();
  const server = await createServer((socket) => socket.resume()).listen(0, "127.0.0.1");
  const { port } = server.address() as { port: number };
  const sockets = Array.from(
    { length: 20 },
    () => connect({ port, host: "127.0.0.1", signal }).on("error", () => {}),
  );
  await Promise.all(sockets.map((socket) => once(socket, "connect")));
  assertEquals(counts, { added: 1, removed: 0 });
  const closed = sockets.map((socket) => once(socket, "close"));
  controller.abort();
  await Promise.all(closed);
  await server.close();
});

Deno.test("very many writes with callbacks: no callback costs more for the others", async () => {
  using it = rig();
  const { socket } = it;
  const reader = Socket.from(it.peer).resume();
  const count = 5000;
  const called: number[] = [];
  const work = await arrayWork(() =>
    new Promise<void>((resolve) => {
      for (let i = 0; i < count; i++) {
        socket.write("x", () => {
          if (called.push(i) === count) resolve();
        });
      }
    })
  );
  assertEquals(called, Array.from({ length: count }, (_, i) => i));
  assert(work < 20 * count, `${work}`);
  reader.destroy();
});
