import { assert, assertEquals, assertInstanceOf, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { once } from "node:events";
import { createServer as createHttpServer, request } from "node:http";
import { connect as nodeConnect, createServer as createNodeServer, type Socket } from "node:net";
import { Duplex, PassThrough, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import { NodeTransport, TransportDuplex } from "../../net/node_transport.ts";
import { pair } from "../../net/pair.ts";
import { prefixTransport } from "../../net/prefixed_transport.ts";
import type { Socket as OwnSocket } from "../../net/socket.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { arrayWork } from "../_support/array_work.ts";
import { codeOf } from "../_support/code_of.ts";
import { joinBytes } from "../_support/fuzz.ts";
import { tcpPair } from "../_support/tcp_pair.ts";
import { testTransportContract } from "../_support/transport_contract.ts";
import { readAll } from "../_support/transport_io.ts";
import { shortTimers } from "../_support/short_timers.ts";

const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A node:net connection: the client's socket, and the server's. */
async function nodeSockets(): Promise<[Socket, Socket]> {
  const server = createNodeServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const client = nodeConnect({ port, host: "127.0.0.1", allowHalfOpen: true });
  const [[accepted]] = await Promise.all([once(server, "connection"), once(client, "connect")]);
  server.close();
  return [client, accepted as Socket];
}

/** A connection of this module: the client's socket, and the server's. */
async function ownSockets(): Promise<[OwnSocket, OwnSocket]> {
  const accepted = Promise.withResolvers<OwnSocket>();
  const server = createServer({ allowHalfOpen: true }, accepted.resolve);
  await server.listen(0, "127.0.0.1");
  const client = connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  await client.opened;
  const sockets: [OwnSocket, OwnSocket] = [client, await accepted.promise];
  server.close();
  return sockets;
}

testTransportContract("node transport", async () => {
  const [client, server] = await nodeSockets();
  return [new NodeTransport(client), new NodeTransport(server)];
});

testTransportContract("node transport over sockets of this module", async () => {
  const [client, server] = await ownSockets();
  return [new NodeTransport(client), new NodeTransport(server)];
});

Deno.test("node transport over a socket of this module is closed by a reset, at least", async () => {
  const [client, server] = await ownSockets();
  const transport = new NodeTransport(client);
  const closed = server.on("error", () => {}).resume().closed.catch(() => {});
  transport.reset();
  assertEquals(await codeOf(transport.read(new Uint8Array(1))), "ERR_SOCKET_CLOSED");
  server.end();
  await closed;
});

Deno.test("node transport passes bytes both ways over node:net, half closed too", async () => {
  const [a, b] = (await nodeSockets()).map((socket) => new NodeTransport(socket));
  assertEquals(a.remoteAddr, b.localAddr);
  assertEquals(a.localAddr, b.remoteAddr);
  assertEquals((a.remoteAddr as { hostname: string }).hostname, "127.0.0.1");
  await a.write(utf8("question"));
  await a.closeWrite();
  await a.closeWrite(); // again does nothing
  assertEquals(await codeOf(a.write(utf8("more"))), "EPIPE"); // and it can be read on
  assertEquals(await readAll(b), utf8("question"));
  await b.write(utf8("late answer"));
  await b.closeWrite();
  assertEquals(await readAll(a, 3), utf8("late answer"));
  assertEquals(await a.read(new Uint8Array(1)), null);
  a.close();
  b.close();
});

Deno.test("node transport fails over a stream that gives text", async () => {
  const stream = new PassThrough({ encoding: "utf8" });
  const transport = new NodeTransport(stream);
  stream.write("1234");
  const error = await assertRejects(() => transport.read(new Uint8Array(8)), NetError);
  assert(error.message.includes("setEncoding"), error.message);
  assertEquals(stream.destroyed, true);
  transport.close();
});

Deno.test("node transport gives the head first", async () => {
  const stream = new PassThrough();
  const transport = new NodeTransport(stream, { head: utf8("head") });
  stream.write("body");
  stream.end();
  assertEquals(await readAll(transport, 3), utf8("headbody"));
  transport.close();
});

Deno.test("node transport takes over the socket of an HTTP upgrade", async () => {
  const server = createHttpServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  const upgraded = once(server, "upgrade");
  const client = request({
    port,
    host: "127.0.0.1",
    headers: { Connection: "Upgrade", Upgrade: "x" },
  });
  client.end();
  const [, socket, head] = await upgraded as [unknown, Socket, Uint8Array];
  const transport = new NodeTransport(socket, { head });
  const answered = once(client, "upgrade");
  await transport.write(
    utf8("HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n"),
  );
  const [, clientSocket, clientHead] = await answered as [unknown, Socket, Uint8Array];
  const other = new NodeTransport(clientSocket, { head: clientHead });
  await other.write(utf8("hello"));
  const p = new Uint8Array(10);
  assertEquals(await transport.read(p), 5);
  transport.close();
  other.close();
  server.close();
  await once(server, "close");
});

Deno.test("node transport keeps all bytes and their order at any sizes", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 20 }),
    fc.integer({ min: 1, max: 60 }),
    fc.integer({ min: 1, max: 100 }),
    async (chunks, size, highWaterMark) => {
      const stream = new PassThrough();
      const transport = new NodeTransport(stream, { highWaterMark });
      for (const chunk of chunks) stream.write(chunk);
      stream.end();
      assertEquals(await readAll(transport, size), Uint8Array.from(chunks.flatMap((c) => [...c])));
      transport.close();
    },
  ));
});

Deno.test("node transport stops its stream when nobody reads", async () => {
  let pushed = 0;
  const stream = new Duplex({
    read() {
      pushed += 1000;
      this.push(new Uint8Array(1000));
    },
    write(_chunk, _encoding, callback) {
      callback();
    },
  });
  const transport = new NodeTransport(stream, { highWaterMark: 10_000 });
  while (!stream.isPaused()) await new Promise((resolve) => setTimeout(resolve, 0));
  const p = new Uint8Array(500);
  assertEquals(await transport.read(p), 500);
  assert(pushed < 200_000, `${pushed} bytes were taken`);
  for (let total = 500; total < 100_000;) total += (await transport.read(p))!;
  transport.close();
});

Deno.test("node transport writes wait for the stream", async () => {
  let done: (() => void) | undefined;
  const stream = new Duplex({
    read() {},
    write(_chunk, _encoding, callback) {
      done = callback;
    },
  });
  const transport = new NodeTransport(stream);
  let settled = false;
  const write = transport.write(utf8("abc")).then((n) => {
    settled = true;
    return n;
  });
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(settled, false);
  done!();
  assertEquals(await write, 3);
  transport.close();
});

Deno.test("node transport close ends reads and writes that wait", async () => {
  const stream = new Duplex({ read() {}, write() {} });
  const transport = new NodeTransport(stream);
  const read = codeOf(transport.read(new Uint8Array(1)));
  const write = codeOf(transport.write(utf8("x")));
  const ended = codeOf(transport.closeWrite());
  transport.close();
  transport.close();
  assertEquals(await Promise.all([read, write, ended]), [
    "ERR_SOCKET_CLOSED",
    "ERR_SOCKET_CLOSED",
    "ERR_SOCKET_CLOSED",
  ]);
  assertEquals(await codeOf(transport.read(new Uint8Array(1))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(transport.write(utf8("x"))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(transport.closeWrite()), "ERR_SOCKET_CLOSED");
});

Deno.test("node transport allows one read at a time", async () => {
  const transport = new NodeTransport(new PassThrough());
  const first = codeOf(transport.read(new Uint8Array(1)));
  await assertRejects(() => transport.read(new Uint8Array(1)), TypeError, "another read");
  transport.close();
  await first;
});

Deno.test("node transport gives what came before an error, then the error", async () => {
  const stream = new PassThrough();
  const transport = new NodeTransport(stream);
  stream.write("data");
  await new Promise((resolve) => setTimeout(resolve, 0));
  stream.destroy(Object.assign(new Error("read ECONNRESET"), { code: "ECONNRESET" }));
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(await transport.read(new Uint8Array(10)), 4);
  assertEquals(await codeOf(transport.read(new Uint8Array(10))), "ECONNRESET");
  assertEquals(await codeOf(transport.write(utf8("x"))), "ECONNRESET");
  assertEquals(await codeOf(transport.closeWrite()), "ECONNRESET");
  transport.close();
});

/** Cancels the write under way when it is destroyed, as Deno's node:net does. */
function cancelling(): Duplex {
  let cancel: (error: Error) => void;
  return new Duplex({
    read: () => {},
    write: (_chunk, _encoding, done) => void (cancel = done),
    destroy: (error, done) => {
      cancel(Object.assign(new Error("write ECANCELED"), { code: "ECANCELED", syscall: "write" }));
      done(error);
    },
  });
}

Deno.test("node transport tells what broke the connection, not that the write under way was cancelled for it", async () => {
  const stream = cancelling();
  const transport = new NodeTransport(stream);
  const writing = assertRejects(() => transport.write(utf8("hello")), NetError);
  const reading = assertRejects(() => transport.read(new Uint8Array(9)), NetError);
  stream.destroy(
    Object.assign(new Error("read ETIMEDOUT"), { code: "ETIMEDOUT", syscall: "read" }),
  );
  assertEquals([(await writing).code, (await reading).code], ["ETIMEDOUT", "ETIMEDOUT"]);
  transport.close();
});

Deno.test("node transport that is reset, or its stream destroyed, tells the write under way that it is closed", async () => {
  for (const how of ["reset", "destroy"] as const) {
    const stream = cancelling();
    const transport = new NodeTransport(
      Object.assign(stream, { resetAndDestroy: () => stream.destroy() }),
    );
    const writing = assertRejects(() => transport.write(utf8("hello")), NetError);
    const reading = assertRejects(() => transport.read(new Uint8Array(9)), NetError);
    if (how === "reset") transport.reset();
    else stream.destroy();
    const codes = [(await writing).code, (await reading).code];
    assertEquals(codes, ["ERR_SOCKET_CLOSED", "ERR_SOCKET_CLOSED"], how);
    transport.close();
  }
});

Deno.test("node transport reads a stream that was paused", async () => {
  const stream = new PassThrough();
  stream.pause();
  stream.write("hello");
  const transport = new NodeTransport(stream);
  assertEquals(await transport.read(new Uint8Array(9)), 5);
  transport.close();
});

Deno.test("node transport takes a stream that is over already", async () => {
  const destroyed = new PassThrough();
  destroyed.destroy();
  const closed = new NodeTransport(destroyed);
  assertEquals(await codeOf(closed.read(new Uint8Array(1))), "ERR_SOCKET_CLOSED");
  const failed = new PassThrough();
  failed.on("error", () => {});
  failed.destroy(Object.assign(new Error("x"), { code: "EPIPE" }));
  const broken = new NodeTransport(failed);
  assertEquals(await codeOf(broken.read(new Uint8Array(1))), "EPIPE");
  // Also when nothing will be emitted any more.
  await new Promise<void>((resolve) => failed.once("close", resolve));
  const late = new NodeTransport(failed);
  assertEquals(await codeOf(late.read(new Uint8Array(1))), "EPIPE");
  assertEquals(await codeOf(late.write(new Uint8Array(1))), "EPIPE");
});

Deno.test("node transport resets the connection, and sets what the socket can", async () => {
  const [client, server] = await nodeSockets();
  const a = new NodeTransport(client);
  const b = new NodeTransport(server);
  a.setNoDelay();
  a.setKeepAlive(true, 1000);
  const calls: string[] = [];
  for (const name of ["unref", "ref"] as const) {
    const call = client[name].bind(client);
    client[name] = () => {
      calls.push(name);
      return call();
    };
  }
  a.unref();
  a.ref();
  assertEquals(calls, ["unref", "ref"]);
  await b.write(utf8("never read"));
  a.reset();
  const outcome = await b.read(new Uint8Array(1)).catch((error) => error.code);
  assertEquals(outcome, "ECONNRESET");
  b.close();
});

Deno.test("node transport says whether its stream has a reset, and closes without one", async () => {
  const without = new NodeTransport(new PassThrough());
  assertEquals(without.resets, false);
  without.reset();
  assertEquals(await codeOf(without.read(new Uint8Array(1))), "ERR_SOCKET_CLOSED");
  const [client, server] = await nodeSockets();
  const ends = [new NodeTransport(client), new NodeTransport(server)];
  assertEquals(ends.map(({ resets }) => resets), [true, true]);
  for (const end of ends) end.close();
});

Deno.test("node transport asks at the end whether it is one", async () => {
  const stream = new PassThrough();
  const transport = new NodeTransport(stream, {
    checkEnd: () => new NetError("cut", { code: "ERR_TLS_TRUNCATED" }),
  });
  stream.end("rest");
  assertEquals(await transport.read(new Uint8Array(10)), 4);
  assertEquals(await codeOf(transport.read(new Uint8Array(10))), "ERR_TLS_TRUNCATED");
  transport.close();
});

Deno.test("transport duplex carries both directions and their ends", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a);
  duplex.write("hello ");
  duplex.end("world");
  assertEquals(await readAll(b), utf8("hello world"));
  await writeAll(b, utf8("and back"));
  await b.closeWrite();
  let text = "";
  for await (const chunk of duplex) text += new TextDecoder().decode(chunk);
  assertEquals(text, "and back");
  b.close();
});

Deno.test("transport duplex closes when the peer has ended, unless half-open use is allowed", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a).resume();
  const closed = once(duplex, "close");
  await b.closeWrite();
  await closed; // who waits for this alone knows that the peer is gone
  assert(duplex.writableFinished);
  assertEquals(await readAll(b), new Uint8Array());
  b.close();

  const [c, d] = pair();
  const open = new TransportDuplex(c, { allowHalfOpen: true }).resume();
  const ended = once(open, "end");
  await d.closeWrite();
  await ended;
  open.end("still");
  assertEquals(await readAll(d), utf8("still"));
  d.close();
});

Deno.test("transport duplex gives the head first", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a, { head: utf8("first ") });
  await b.write(utf8("second"));
  await b.closeWrite();
  let text = "";
  for await (const chunk of duplex) text += new TextDecoder().decode(chunk);
  assertEquals(text, "first second");
  duplex.destroy();
  b.close();
});

Deno.test("transport duplex is destroyed when the peer takes nothing for too long", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a, { writeTimeout: 50 });
  const failed = new Promise<NetError>((resolve) => duplex.once("error", resolve));
  await new Promise((resolve) => duplex.write("taken at once", resolve));
  duplex.write(new Uint8Array(10_000_000)); // more than there is room for, and nobody reads
  assertEquals((await failed).code, "ETIMEDOUT");
  assert(duplex.destroyed);
  assertThrows(() => new TransportDuplex(a, { writeTimeout: 0 }), RangeError, "0 ms");
  assertThrows(() => new TransportDuplex(a, { writeTimeout: 3e9 }), RangeError);
  b.close();
});

Deno.test("transport duplex is destroyed when its end takes too long", async () => {
  const [a, b] = pair();
  const stuck: Transport = {
    read: (p) => a.read(p),
    write: (p) => a.write(p),
    closeWrite: () => new Promise(() => {}),
    close: () => a.close(),
    localAddr: a.localAddr,
    remoteAddr: a.remoteAddr,
  };
  const duplex = new TransportDuplex(stuck, { writeTimeout: 50 });
  const failed = new Promise<NetError>((resolve) => duplex.once("error", resolve));
  duplex.end("the last of it");
  duplex.destroySoon();
  assertEquals((await failed).code, "ETIMEDOUT");
  assert(duplex.destroyed);
  b.close();
});

Deno.test("transport duplex serves HTTP for a node:http server that never listens", async () => {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const server = createHttpServer((req, res) => res.end(`hello ${req.socket.remoteAddress}`));
  const accepted = listener.accept().then((conn) => {
    server.emit("connection", new TransportDuplex(conn));
  });
  const client = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  await accepted;
  await writeAll(client, utf8("GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const answer = new TextDecoder().decode(await readAll(client));
  assert(answer.startsWith("HTTP/1.1 200") && answer.endsWith("hello 127.0.0.1"), answer);
  client.close();
});

/** A transport that keeps what it is given, and takes it when the test says so. */
class Collecting implements Transport {
  readonly localAddr = { transport: "memory" } as const;
  readonly remoteAddr = { transport: "memory" } as const;
  readonly writes: Uint8Array[] = [];
  closed = false;
  #takes: (() => void)[] = [];

  read(): Promise<number | null> {
    return new Promise(() => {});
  }

  write(chunk: Uint8Array): Promise<number> {
    if (this.closed) return Promise.reject(new Deno.errors.BadResource("closed"));
    this.writes.push(chunk.slice());
    return new Promise((resolve) => this.#takes.push(() => resolve(chunk.length)));
  }

  async taken(): Promise<void> {
    while (this.#takes.length === 0) await new Promise((resolve) => setTimeout(resolve));
    this.#takes.shift()!();
  }

  closeWrite(): Promise<void> {
    return Promise.resolve();
  }

  close(): void {
    this.closed = true;
    for (const take of this.#takes.splice(0)) take();
  }
}

Deno.test("transport duplex writes at once what waited, and nothing for empty chunks", async () => {
  const transport = new Collecting();
  const duplex = new TransportDuplex(transport);
  const sizes = () => transport.writes.map(({ length }) => length);
  // As node:http writes a response: a head, its body and an empty chunk.
  duplex.cork();
  duplex.write("head ");
  duplex.write("body");
  duplex.write("");
  const flushed = new Promise((resolve) => duplex.write("", resolve));
  duplex.uncork();
  await transport.taken();
  await flushed;
  assertEquals(transport.writes.map((bytes) => new TextDecoder().decode(bytes)), ["head body"]);
  assertEquals(duplex.bytesWritten, 9);

  await new Promise((resolve) => duplex.write("", resolve)); // and none by itself
  assertEquals(sizes(), [9]);

  // What is large leaves in parts, and is counted once all the while.
  duplex.cork();
  for (const size of [40_000, 20_000, 0, 10_000, 70_000, 1]) duplex.write(new Uint8Array(size));
  duplex.uncork();
  for (let i = 0; i < 4; i++) {
    assertEquals(duplex.bytesWritten, 140_010);
    await transport.taken();
  }
  await new Promise<void>((resolve) => duplex.end(resolve));
  assertEquals(sizes(), [9, 60_000, 10_000, 70_000, 1]);
  assertEquals(duplex.bytesWritten, 140_010);
  duplex.destroy();
});

Deno.test("transport duplex that is destroyed between two parts of what waited says that the rest was not written", async () => {
  const transport = new Collecting();
  const duplex = new TransportDuplex(transport);
  duplex.cork();
  duplex.write(new Uint8Array(70_000));
  const last = new Promise<Error | null | undefined>((resolve) =>
    duplex.write(new Uint8Array(70_000), resolve)
  );
  duplex.uncork();
  duplex.destroy();
  assert(await last);
  assertEquals(transport.writes.length, 1);
});

Deno.test("transport duplex pushes back on the transport, and can be held", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a, { highWaterMark: 1000 });
  duplex.hold();
  const got: number[] = [];
  duplex.on("data", (chunk: Uint8Array) => got.push(chunk.length));
  let sent = 0;
  const sending = (async () => {
    try {
      for (;;) {
        sent += await b.write(new Uint8Array(10_000));
        await new Promise((resolve) => setTimeout(resolve, 0)); // or nothing else gets a turn
      }
    } catch {
      // closed
    }
  })();
  await new Promise((resolve) => setTimeout(resolve, 5));
  assertEquals(got, []);
  const held = sent;
  duplex.release();
  duplex.release();
  while (sent < held + 50_000) await new Promise((resolve) => setTimeout(resolve, 0));
  duplex.hold();
  const before = sent;
  for (let turn = 0; turn < 40; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assert(sent - before <= 80_000, `${sent - before} bytes were taken`); // the pair holds 64 KiB
  duplex.destroy();
  b.close();
  await sending;
});

Deno.test("transport duplex that was held while it waited for more gives it when it is let go", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a);
  const got: string[] = [];
  duplex.on("data", (chunk: Uint8Array) => got.push(new TextDecoder().decode(chunk)));
  await b.write(utf8("one"));
  await once(duplex, "data");
  duplex.hold();
  await b.write(utf8("two"));
  for (let turn = 0; turn < 5; turn++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(got, ["one"]);
  const more = once(duplex, "data");
  duplex.release();
  await more;
  assertEquals(got, ["one", "two"]);
  duplex.destroy();
  b.close();
});

Deno.test("transport duplex without a writeTimeout waits for a peer that reads late", async () => {
  const [a, b] = pair({ capacity: 4 });
  const duplex = new TransportDuplex(a);
  duplex.end("12345678");
  await new Promise((resolve) => setTimeout(resolve, 20));
  assertEquals(duplex.destroyed, false);
  assertEquals(new TextDecoder().decode(await readAll(b)), "12345678");
  duplex.destroy();
  b.close();
});

Deno.test("transport duplex tells when nothing has passed for a time", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a);
  assertEquals(duplex.timeout, 0);
  let told = 0;
  duplex.on("timeout", () => told++);
  assertEquals(duplex.setTimeout(20).timeout, 20);
  await once(duplex, "timeout");
  await b.write(utf8("x"));
  const [[chunk]] = await Promise.all([once(duplex, "data"), once(duplex, "timeout")]);
  assertEquals([new TextDecoder().decode(chunk), told], ["x", 2]);
  const again = once(duplex, "timeout");
  duplex.write("y");
  await again;
  await new Promise<void>((resolve) => duplex.setTimeout(5, resolve));
  assertEquals(told, 4);
  const unwanted = () => told = 100;
  duplex.setTimeout(60_000, unwanted).setTimeout(0, unwanted); // or a timer leaks here
  assertEquals([duplex.timeout, duplex.listenerCount("timeout"), told], [0, 1, 4]);
  assertThrows(() => duplex.setTimeout(-1), RangeError);
  duplex.timeout = 5; // libraries do so with sockets of node:net
  duplex.connecting = true;
  assertEquals([duplex.timeout, duplex.connecting], [0, false]);

  duplex.setTimeout(60_000).unref().ref();
  duplex.destroy(); // and here
  assertEquals(duplex.setTimeout(60_000).timeout, 0);
  b.close();
});

Deno.test("transport duplex hands on the failures of its transport", async () => {
  const [a, b] = pair();
  const duplex = new TransportDuplex(a);
  const failed = once(duplex, "error");
  duplex.resume();
  a.close();
  assert((await failed)[0] instanceof Error);
  b.close();
});

Deno.test("transport duplex fails over a transport that says that it took what it can't have taken", async () => {
  for (const count of [0, -1, 6, NaN, undefined]) {
    const [a, b] = pair();
    let calls = 0;
    a.write = () => {
      if (++calls > 10) throw new Error("the same bytes are written again and again");
      return Promise.resolve(count as number);
    };
    const duplex = new TransportDuplex(a);
    const failed = once(duplex, "error");
    duplex.write("hello");
    const [error] = await failed;
    assertInstanceOf(error, NetError);
    assertEquals([error.code, error.syscall, calls], ["EIO", "write", 1]);
    b.close();
  }
});

Deno.test("transport duplex passes on errors of a transport's own class, with a code of their own", async () => {
  class QuotaError extends Error {
    readonly code = "EQUOTA";
    readonly used = 5;
  }
  const plain = Object.assign(new Error("no buffers"), { code: "ENOBUFS" });
  const known = Object.assign(new TypeError("reset"), { code: "ECONNRESET" });
  const given: unknown[] = [];
  for (const error of [new QuotaError("too much"), plain, known]) {
    const [a, b] = pair();
    a.read = () => Promise.reject(error);
    const duplex = new TransportDuplex(a);
    given.push(await new Promise((resolve) => duplex.once("error", resolve).resume()));
    b.close();
  }
  assertInstanceOf(given[0], QuotaError);
  assertEquals(given.map((error) => (error as NetError).code), ["EQUOTA", "EIO", "ECONNRESET"]);
});

Deno.test("transport duplex gives the failures of its transport Node's codes", async () => {
  const [a, b] = pair();
  const failing = (what: Partial<Transport>): TransportDuplex => {
    const rest = { localAddr: a.localAddr, remoteAddr: a.remoteAddr, close() {} };
    const read = () => new Promise<null>(() => {});
    const write = () => Promise.resolve(1);
    return new TransportDuplex({
      read,
      write,
      closeWrite: () => Promise.resolve(),
      ...rest,
      ...what,
    });
  };
  const cut = () => Promise.reject(new Deno.errors.UnexpectedEof("no close_notify"));
  const gone = () => Promise.reject(new Deno.errors.BadResource("Bad resource ID"));
  const reset = Object.assign(new Deno.errors.ConnectionReset("reset"), { code: "ECONNRESET" });
  for (
    const [duplex, code, syscall] of [
      [failing({ read: cut }), "ERR_TLS_TRUNCATED", "read"],
      [failing({ read: () => Promise.reject(reset) }), "ECONNRESET", "read"],
      [failing({ write: gone }), "ERR_SOCKET_CLOSED", "write"],
      [failing({ closeWrite: gone }), "ERR_SOCKET_CLOSED", "shutdown"],
    ] as const
  ) {
    const failed = new Promise<NetError>((resolve) => duplex.once("error", resolve));
    if (syscall === "read") duplex.resume();
    else duplex.end(syscall === "write" ? "x" : undefined);
    const error = await failed;
    assert(error instanceof NetError);
    assertEquals([error.code, error.syscall], [code, syscall]);
  }
  const fail = (given: Error): Promise<Error> => {
    const remoteAddr = { transport: "tcp", hostname: "10.0.0.1", port: 9 } as const;
    const duplex = failing({ read: () => Promise.reject(given), remoteAddr });
    return new Promise((resolve) => duplex.resume().once("error", resolve));
  };
  for (const code of ["ERR_STREAM_PREMATURE_CLOSE", "ABORT_ERR", "MY_CODE"]) {
    const given = Object.assign(new Error("x"), { code });
    const error = await fail(given);
    assert(error === given, `${error}`);
  }
  const own = new NetError("x", { code: "ECONNRESET" });
  assert(await fail(own) === own);
  // What Deno throws for errors of the system for which it has no class.
  for (const [thrown, code] of [["EHOSTUNREACH", "EHOSTUNREACH"], ["ENAMETOOLONG", "EIO"]]) {
    const given = Object.assign(new Error("x"), { code: thrown });
    const error = await fail(given);
    assert(error instanceof NetError, `${error}`);
    assertEquals([error.code, error.syscall, error.cause], [code, "read", given]);
    assertEquals([error.address, error.port], ["10.0.0.1", 9]);
  }
  a.close();
  b.close();
});

Deno.test("transport duplex has the addresses and the setters of a socket", async () => {
  const [client, server] = await tcpPair();
  const duplex = new TransportDuplex(client);
  assertEquals(
    [duplex.remoteAddress, duplex.remotePort, duplex.remoteFamily, duplex.localAddress],
    ["127.0.0.1", server.localAddr.port, "IPv4", "127.0.0.1"],
  );
  assertEquals(duplex.localPort, (server.remoteAddr as Deno.NetAddr).port);
  duplex.setNoDelay().setKeepAlive(true).setTimeout(5).unref().ref();
  duplex.destroy();
  server.close();
  const [a] = pair();
  const memory = new TransportDuplex(a);
  assertEquals([memory.remoteAddress, memory.remoteFamily, memory.localPort], [
    undefined,
    undefined,
    undefined,
  ]);
  memory.destroy();
});

Deno.test("transport duplex says how far it is, in the words of a socket", async () => {
  const [conn, peer] = await tcpPair();
  const duplex = new TransportDuplex(conn, { allowHalfOpen: true });
  const { port } = conn.localAddr;
  assertEquals(duplex.address(), { address: "127.0.0.1", ip: "127.0.0.1", family: "IPv4", port });
  assertEquals([duplex.localFamily, duplex.connecting, duplex.pending], ["IPv4", false, false]);
  assertEquals(duplex.readyState, "open");
  duplex.write("hello");
  assertEquals(duplex.bytesWritten, 5);
  const ended = once(duplex.resume(), "end");
  await peer.write(utf8("abc"));
  await peer.closeWrite();
  await ended;
  assertEquals([duplex.readyState, duplex.bytesRead], ["writeOnly", 3]);
  const closed = once(duplex, "close");
  duplex.end("!");
  await closed;
  assertEquals([duplex.readyState, duplex.pending, duplex.bytesWritten], ["closed", true, 6]);
  peer.close();

  const [a, b] = pair();
  const ending = new TransportDuplex(a);
  ending.end();
  assertEquals([ending.address(), ending.readyState], [{}, "readOnly"]);
  ending.destroy();
  b.close();
});

Deno.test("transport duplex over a socket that a server has accepted serves node:http", async () => {
  const bytes = new Uint8Array(3_000_000).map((_, i) => i);
  const http = createHttpServer((req, res) => {
    assertEquals(req.socket.remoteAddress, "127.0.0.1");
    req.pipe(res);
  });
  const server = await createServer((socket) => {
    http.emit("connection", new TransportDuplex(new NodeTransport(socket)));
  }).listen(0, "127.0.0.1");
  const response = await fetch(`http://127.0.0.1:${server.port}/`, {
    method: "POST",
    headers: { connection: "close" },
    body: bytes,
  });
  assertEquals(await response.bytes(), bytes);
  server.close();
  await server.close({ drain: 5000 });
});

Deno.test("node transport knows the addresses once its socket is connected", async () => {
  const server = await createServer((socket) => socket.end("x")).listen(0, "127.0.0.1");
  const { port } = server;
  for (const open of [connect, nodeConnect]) {
    const transport = new NodeTransport(open(port, "127.0.0.1"));
    assertEquals(transport.remoteAddr, { transport: "memory" });
    assertEquals(await transport.read(new Uint8Array(8)), 1);
    assertEquals(transport.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port });
    transport.close();
    assertEquals(transport.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port });
  }
  await server.close();
});

Deno.test("node transport keeps what came before the peer's end, and the way to answer it", async () => {
  const bytes = new Uint8Array(100_000).map((_, i) => i);
  const echo = (socket: Duplex | OwnSocket): void => {
    const duplex = new TransportDuplex(new NodeTransport(socket as Duplex));
    duplex.pipe(duplex);
  };
  const own = await createServer(echo).listen(0, "127.0.0.1");
  const node = createNodeServer(echo).listen(0, "127.0.0.1");
  await once(node, "listening");
  for (const { port } of [own, node.address() as { port: number }]) {
    using client = await Deno.connect({ hostname: "127.0.0.1", port });
    const [answer] = await Promise.all([
      readAll(client),
      writeAll(client, bytes).then(() => client.closeWrite()),
    ]);
    assertEquals(answer, bytes);
  }
  node.close();
  await Promise.all([own.close(), once(node, "close")]); // nobody stays half open
});

Deno.test("node transport leaves it to its owner when a stream's own direction ends", async () => {
  const sent: string[] = [];
  const stream = new Duplex({
    allowHalfOpen: false,
    read() {
      this.push(utf8("hello"));
      this.push(null);
    },
    write(chunk: Uint8Array, _encoding, callback) {
      sent.push(new TextDecoder().decode(chunk));
      callback();
    },
  });
  const transport = new NodeTransport(stream);
  await once(stream, "end");
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals(await readAll(transport), utf8("hello"));
  await transport.write(utf8("answer"));
  await transport.closeWrite();
  assertEquals([sent, stream.destroyed], [["answer"], true]);
  transport.close();
});

Deno.test("transport duplex over a node transport is not idle while a large write passes", async () => {
  const taken: number[] = [];
  const stream = new Duplex({
    read() {},
    // It takes all at once, and is slow: a slice of 64 KiB in 20 ms.
    write(chunk: Uint8Array, _encoding, callback) {
      taken.push(chunk.length);
      setTimeout(callback, chunk.length / 65_536 * 20);
    },
  });
  const duplex = new TransportDuplex(prefixTransport(new NodeTransport(stream), utf8("x")), {
    writeTimeout: 300,
  });
  let told = 0;
  duplex.setTimeout(300).on("timeout", () => told++);
  await new Promise<void>((resolve, reject) => {
    duplex.write(new Uint8Array(65_536 * 30), (error) => error ? reject(error) : resolve());
  });
  assertEquals([told, taken.length, Math.max(...taken)], [0, 8, 262_144]);
  duplex.destroy();
});

Deno.test("transport duplex gives a node transport what is large in pieces, so that its idle time may begin at any time", async () => {
  const taken: number[] = [];
  const stream = new Duplex({
    read() {},
    write(chunk: Uint8Array, _encoding, callback) {
      taken.push(chunk.length);
      callback();
    },
  });
  const duplex = new TransportDuplex(new NodeTransport(stream));
  for (const ms of [0, 60_000]) {
    duplex.setTimeout(ms);
    await new Promise((resolve) => duplex.write(new Uint8Array(400_000), resolve));
  }
  assertEquals(taken, [262_144, 400_000 - 262_144, 262_144, 400_000 - 262_144]);
  duplex.destroy();
});

Deno.test("transport duplex gives a transport that takes what it has room for all at once", async () => {
  const [a, b] = pair();
  const sizes: number[] = [];
  const duplex = new TransportDuplex({
    ...{ read: (p) => a.read(p), closeWrite: () => a.closeWrite(), close: () => a.close() },
    ...{ localAddr: a.localAddr, remoteAddr: a.remoteAddr },
    write(p) {
      sizes.push(p.length);
      return Promise.resolve(Math.min(p.length, 600_000));
    },
  });
  await new Promise((resolve) => duplex.write(new Uint8Array(1_000_000), resolve));
  assertEquals(sizes, [1_000_000, 400_000]);
  duplex.destroy();
  b.close();
});

Deno.test("node transport knows the addresses after the end of a socket that it was given before", async () => {
  const server = await createServer((socket) => socket.end("x")).listen(0, "127.0.0.1");
  const { port } = server;
  for (const open of [connect, nodeConnect]) {
    const transport = new NodeTransport(open(port, "127.0.0.1"));
    assertEquals(await transport.read(new Uint8Array(8)), 1);
    transport.close(); // nobody has asked until now
    await new Promise((resolve) => setTimeout(resolve, 0));
    assertEquals(transport.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port });
    assertEquals((transport.localAddr as { hostname: string }).hostname, "127.0.0.1");
  }
  await server.close();
});

Deno.test("node transport keeps the address that it knows when it is asked for the other one", () => {
  const stream = new PassThrough();
  const ends = { localAddress: "127.0.0.1" as string | undefined, localPort: 1 };
  const transport = new NodeTransport(Object.assign(stream, ends));
  Object.assign(stream, { localAddress: undefined, localPort: undefined });
  assertEquals(transport.remoteAddr, { transport: "memory" });
  assertEquals(transport.localAddr, { transport: "tcp", hostname: "127.0.0.1", port: 1 });
  transport.close();
});

Deno.test("transport duplex hands a keep-alive delay on, where the transport takes one", async () => {
  const told: unknown[][] = [];
  const stream = Object.assign(new PassThrough(), {
    setKeepAlive: (...args: unknown[]) => told.push(args),
  });
  const duplex = new TransportDuplex(new NodeTransport(stream));
  duplex.setKeepAlive(true, 5000).setKeepAlive(false, 5000).setKeepAlive();
  assertEquals(told, [[true, 5000], [false, undefined], [false, undefined]]);
  duplex.destroy();

  const [client, server] = await ownSockets();
  const own: boolean[] = [];
  const { setKeepAlive } = server;
  server.setKeepAlive = (on = false, delay) => {
    const socket = setKeepAlive.call(server, on, delay);
    own.push(on);
    return socket;
  };
  assertThrows(() => server.setKeepAlive(true, 5000), NetError, "Deno can't");
  const over = new TransportDuplex(new NodeTransport(server)).setKeepAlive(true, 5000);
  assertEquals(own, [true]); // without the delay
  over.destroy();
  client.destroy();

  const [a, b] = pair();
  const failing = Object.assign(a, {
    setKeepAlive: () => {
      throw new Deno.errors.BadResource("closed");
    },
  });
  const broken = new TransportDuplex(failing);
  assertEquals(broken.setKeepAlive(true, 1), broken); // as a socket's does
  broken.destroy();
  b.close();
});

Deno.test("transport duplex sets after its write what the transport refuses meanwhile", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port });
  const peer = await listener.accept();
  const set: unknown[] = [];
  const { setNoDelay, setKeepAlive } = conn;
  conn.setNoDelay = (on) => {
    setNoDelay.call(conn, on);
    set.push(["noDelay", on]);
  };
  conn.setKeepAlive = (on) => {
    setKeepAlive.call(conn, on);
    set.push(["keepAlive", on]);
  };
  const duplex = new TransportDuplex(conn);
  const total = 16_777_216;
  const written = new Promise((resolve) => duplex.write(new Uint8Array(total), resolve));
  const p = new Uint8Array(65_536);
  let got = (await peer.read(p))!;
  duplex.setNoDelay(true).setKeepAlive(true, 1000).setNoDelay(false);
  assertEquals(set, []); // Deno's own can't while they write
  while (got < total) got += (await peer.read(p))!;
  await written;
  assertEquals(set, [["noDelay", false], ["keepAlive", true]]);
  duplex.destroy();
  peer.close();
  listener.close();
});

for (const ends of [true, false]) {
  Deno.test(`transport duplex leaves soon, and ${ends ? "with" : "without"} a peer that ends as well`, async () => {
    using _time = shortTimers(5000, ends ? 60_000 : 1000);
    const [own, far] = pair();
    const duplex = new TransportDuplex(own, { allowHalfOpen: true });
    duplex.resume();
    duplex.write("the last");
    duplex.destroySoon();
    duplex.destroySoon();
    assertEquals(await readAll(far), utf8("the last"));
    assertEquals(duplex.destroyed, false);
    const start = performance.now();
    const closed = once(duplex, "close");
    if (ends) await far.closeWrite();
    await closed;
    assertEquals(performance.now() - start > 900, !ends);
    duplex.destroySoon();
    far.close();
  });
}

Deno.test("transport duplex leaves in the end although its peer goes on to send", async () => {
  using _time = shortTimers(5000, 500);
  const [own, far] = pair();
  const duplex = new TransportDuplex(own, { allowHalfOpen: true });
  duplex.resume();
  duplex.destroySoon();
  assertEquals(await readAll(far), new Uint8Array(0));
  const closed = once(duplex, "close");
  const dripping = setInterval(() => void far.write(utf8(".")).catch(() => {}), 50);
  const { now } = performance;
  try {
    // It sees that some came, and stays; then five minutes have passed.
    await new Promise((resolve) => setTimeout(resolve, 700));
    assertEquals([duplex.destroyed, duplex.bytesRead > 0], [false, true]);
    performance.now = () => now.call(performance) + 300_000;
    await closed;
  } finally {
    performance.now = now;
    clearInterval(dripping);
    far.close();
  }
});

Deno.test("with allowHalfOpen a pipe through a transform brings back all that came before the peer's end", async () => {
  const [own, other] = pair();
  const duplex = new TransportDuplex(own, { allowHalfOpen: true });
  const late = new Transform({
    transform: (chunk, _encoding, done) => void setTimeout(() => done(null, chunk), 10),
  });
  const passed = pipeline(duplex, late, duplex);
  await writeAll(other, utf8("hello"));
  await other.closeWrite();
  assertEquals(new TextDecoder().decode(await readAll(other)), "hello");
  await passed;
  other.close();
});

Deno.test("transport duplex that is destroyed has nothing to set any more, as a socket of node:net", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  const [conn, accepted] = await Promise.all([Deno.connect({ port }), listener.accept()]);
  const duplex = new TransportDuplex(conn);
  duplex.destroy();
  // Deno's own connections throw when they are closed; node:http2 sets this on what it is given.
  assertEquals(duplex.setNoDelay(true), duplex);
  assertEquals(duplex.setKeepAlive(true), duplex);
  assertEquals(duplex.setKeepAlive(true, 1000), duplex);
  await once(duplex, "close");
  accepted.close();
  listener.close();
});

Deno.test("a stream's very many small chunks: none costs more for the others", async () => {
  const stream = new PassThrough();
  const transport = new NodeTransport(stream);
  const count = 5000;
  const all = Uint8Array.from({ length: count }, (_, i) => i);
  for (let i = 0; i < count; i++) stream.write(all.subarray(i, i + 1));
  stream.write(all);
  stream.end();
  let came: Uint8Array | undefined;
  const work = await arrayWork(async () => came = await readAll(transport));
  assertEquals(came, joinBytes(all, all));
  assert(work < 20 * count, `${work}`);
  transport.close();
});
