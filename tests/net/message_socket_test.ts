import {
  assert,
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import { connect } from "../../net/connect.ts";
import { createServer } from "../../net/create_server.ts";
import { NetError } from "../../net/errors.ts";
import { delimiterFramer } from "../../net/delimiter_framer.ts";
import { FramingError } from "../../net/framing_error.ts";
import { jsonLinesFramer } from "../../net/json_lines_framer.ts";
import { lengthPrefixFramer } from "../../net/length_prefix_framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { MessageSocket, type MessageSocketOptions } from "../../net/message_socket.ts";
import { netstringFramer } from "../../net/netstring_framer.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import { rawFramer } from "../../net/raw_framer.ts";
import { Socket } from "../../net/socket.ts";
import type { Framer } from "../../net/framer.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { arrayWork } from "../_support/array_work.ts";
import { codeOf } from "../_support/code_of.ts";
import { hex, text, utf8 } from "../_support/framing.ts";
import { tcpPair } from "../_support/tcp_pair.ts";

/** Two sockets over a pair in memory. */
function sockets<T>(
  framer: Framer<T>,
  { pair: faults, ...options }: MessageSocketOptions & { pair?: PairOptions } = {},
): AsyncDisposable & { a: MessageSocket<T>; b: MessageSocket<T> } {
  const [here, there] = pair(faults);
  const a = new MessageSocket(here, framer, options);
  const b = new MessageSocket(there, framer, options);
  return {
    a,
    b,
    async [Symbol.asyncDispose]() {
      await a.close();
      await b.close();
    },
  };
}

/** A socket, and the bare transport at the other end. */
function bare<T>(
  framer: Framer<T>,
  { pair: faults, ...options }: MessageSocketOptions & { pair?: PairOptions } = {},
): AsyncDisposable & { socket: MessageSocket<T>; peer: Transport } {
  const [here, peer] = pair(faults);
  const socket = new MessageSocket(here, framer, options);
  return {
    socket,
    peer,
    async [Symbol.asyncDispose]() {
      peer.close();
      await socket.close();
    },
  };
}

Deno.test("message socket carries messages both ways, byte by byte", async () => {
  await using both = sockets(jsonLinesFramer(), { pair: { split: 1 } });
  await both.a.write({ n: 1 });
  await both.a.write(null);
  await both.b.write("é");
  assertEquals([await both.b.read(), await both.b.read(), await both.a.read()], [
    { n: 1 },
    null,
    "é",
  ]);
});

Deno.test("message socket carries messages over TCP, in a loop until the end", async () => {
  const [client, server] = await tcpPair();
  await using there = new MessageSocket(server, lengthPrefixFramer());
  await using here = new MessageSocket(client, lengthPrefixFramer());
  assertEquals(here.remoteAddr, there.localAddr);
  const sent = Array.from({ length: 300 }, (_, i) => new Uint8Array(i * 100).fill(i));
  const echo = (async () => {
    for await (const message of there) await there.write(message);
    await there.closeWrite();
  })();
  const sending = (async () => {
    for (const message of sent) await here.write(message);
    await here.closeWrite();
  })();
  assertEquals(await Array.fromAsync(here), sent);
  assertStrictEquals(await here.read(), undefined);
  await Promise.all([echo, sending]);
});

Deno.test("message socket serves several reads in order", async () => {
  await using both = sockets(lineFramer());
  const reads = [both.b.read(), both.b.read(), both.b.read()];
  await both.a.write("1");
  await both.a.write("2");
  await both.a.closeWrite();
  assertEquals(await Promise.all(reads), ["1", "2", undefined]);
  assertStrictEquals(await both.b.read(), undefined);
});

Deno.test("message socket loses no message to a read that gave up", async () => {
  await using both = sockets(lineFramer());
  const controller = new AbortController();
  const aborted = both.b.read({ signal: controller.signal });
  const late = both.b.read({ timeout: 1 });
  const last = both.b.read();
  controller.abort();
  assertEquals(await codeOf(aborted), "ABORT_ERR");
  const error = await assertRejects(() => late, NetError);
  assertEquals(error.message, "Cannot read message: timed out after 1 ms");
  await both.a.write("x");
  assertEquals(await last, "x");
  await both.a.write("y");
  assertEquals(await codeOf(both.b.read({ signal: controller.signal })), "ABORT_ERR");
  assertEquals(await both.b.read(), "y");
});

Deno.test("message socket reports an end inside a message, after the messages before it", async () => {
  await using one = bare(netstringFramer());
  await writeAll(one.peer, utf8("1:a,10:b"));
  await one.peer.closeWrite();
  assertEquals(text((await one.socket.read())!), "a");
  for (let i = 0; i < 2; i++) {
    const error = await assertRejects(() => one.socket.read(), FramingError);
    assertEquals([error.fault, error.received, error.missing], ["truncated", 1, 10]);
  }
});

Deno.test("message socket reports bytes that do not fit to all who wait, and can still write", async () => {
  await using one = bare(netstringFramer());
  const reads = [one.socket.read(), one.socket.read()];
  const failing = reads.map((read) => assertRejects(() => read, FramingError));
  await writeAll(one.peer, utf8("GET / HTTP/1.1\r\n"));
  assertEquals((await Promise.all(failing)).map((error) => error.fault), [
    "malformed",
    "malformed",
  ]);
  await one.socket.write(utf8("no"));
  const buffer = new Uint8Array(10);
  assertEquals(await one.peer.read(buffer), 5);
});

Deno.test("message socket reports a reset after the messages that came before", async () => {
  const [here, there] = pair({ forth: { faults: [{ at: 3, action: "reset" }] } });
  await using socket = new MessageSocket(there, lineFramer());
  await writeAll(here, utf8("a\nb"));
  assertEquals(await socket.read(), "a");
  assertEquals(await codeOf(socket.read()), "ECONNRESET");
  assertEquals(await codeOf(socket.read()), "ECONNRESET");
  here.close();
});

Deno.test("message socket reports what did not fit, and not the reset behind it", async () => {
  const { length } = utf8("1:a,nonsense");
  const [here, there] = pair({ forth: { faults: [{ at: length, action: "reset" }] } });
  await using socket = new MessageSocket(there, netstringFramer());
  await writeAll(here, utf8("1:a,nonsense"));
  // The reset has come, and nothing was read as a message yet.
  assertEquals(await codeOf(here.read(new Uint8Array(1))), "ECONNRESET");
  assertEquals(await socket.read(), utf8("a"));
  for (let i = 0; i < 2; i++) {
    const error = await assertRejects(() => socket.read(), FramingError);
    assertEquals(error.fault, "malformed");
  }
  here.close();
});

Deno.test("message socket stops reading when nobody takes the messages", async () => {
  await using one = bare(delimiterFramer(), { maxInboxBytes: 1000, pair: { capacity: 1000 } });
  const message = utf8(`${"x".repeat(98)}\r\n`);
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 200; i++) {
      await writeAll(one.peer, message);
      written++;
    }
    await one.peer.closeWrite();
  })();
  // Everything that can move moves in the tasks that are queued now.
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  assertLessOrEqual(one.socket.received, 2000);
  assertGreater(one.socket.received, 0);
  assertLessOrEqual(written, 40);
  assertEquals((await Array.fromAsync(one.socket)).length, 200);
  await writing;
});

Deno.test("message socket takes a message larger than its inbox", async () => {
  await using both = sockets(lengthPrefixFramer(), { maxInboxBytes: 100, pair: { capacity: 50 } });
  const large = new Uint8Array(10_000).fill(7);
  // Some of it comes before anybody reads.
  const sent = [both.a.write(large), both.a.write(large), both.a.write(hex("01"))];
  await new Promise((resolve) => setTimeout(resolve, 0));
  assertEquals([await both.b.read(), await both.b.read(), await both.b.read()], [
    large,
    large,
    hex("01"),
  ]);
  await Promise.all(sent);
});

Deno.test("message socket waits while its queue is full, and gives up with the message queued", async () => {
  await using one = bare(rawFramer(), { highWaterMark: 1000, pair: { capacity: 100 } });
  const waiting = one.socket.write(new Uint8Array(2000).fill(1), { timeout: 1 });
  assertEquals(await codeOf(waiting), "ETIMEDOUT");
  const waited = one.socket.write(hex("02"));
  let received = 0;
  const buffer = new Uint8Array(500);
  while (received < 2001) received += (await one.peer.read(buffer))!;
  await waited;
  await one.socket.flushed();
  assertEquals(one.socket.queued, 0);
});

Deno.test("message socket refuses to queue without end, and breaks no message by it", async () => {
  await using one = bare(netstringFramer(), {
    highWaterMark: 1000,
    maxSendQueueBytes: 3000,
    pair: { capacity: 100 },
  });
  const message = new Uint8Array(1500).fill(65);
  const writes = [1, 2, 3].map(() => one.socket.write(message));
  assertEquals(await codeOf(writes[2]), "ERR_BUFFER_LIMIT");
  let seen = "";
  const buffer = new Uint8Array(500);
  const whole = `1500:${"A".repeat(1500)},`.repeat(2);
  while (seen.length < whole.length) {
    seen += text(buffer.subarray(0, (await one.peer.read(buffer))!));
  }
  assertEquals(seen, whole);
  await Promise.all(writes.slice(0, 2));
  // A message beyond the limit on its own goes out whole when the queue is empty.
  const large = one.socket.write(new Uint8Array(20_000).fill(66));
  seen = "";
  while (!seen.endsWith(",")) seen += text(buffer.subarray(0, (await one.peer.read(buffer))!));
  assertEquals(seen, `20000:${"B".repeat(20_000)},`);
  await large;
});

Deno.test("message socket rejects what the framing can't carry, and stays usable", async () => {
  await using both = sockets(lineFramer());
  await assertRejects(() => both.a.write("a\nb"), TypeError);
  await both.a.write("c");
  assertEquals(await both.b.read(), "c");
});

Deno.test("message socket sends what is queued before it closes", async () => {
  await using one = bare(lineFramer());
  one.socket.write("last words");
  const pending = codeOf(one.socket.read());
  await Promise.all([one.socket.close(), one.socket.close()]);
  assertEquals(await pending, "ERR_SOCKET_CLOSED");
  const buffer = new Uint8Array(100);
  assertEquals(text(buffer.subarray(0, (await one.peer.read(buffer))!)), "last words\n");
  assertStrictEquals(await one.peer.read(buffer), null);
  assertEquals(await codeOf(one.socket.read()), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(one.socket.write("x")), "ERR_SOCKET_CLOSED");
});

Deno.test("message socket ends its direction behind what the peer does not read, and need not be waited for", async () => {
  await using one = bare(rawFramer(), { pair: { capacity: 4 } });
  const message = new Uint8Array(10).fill(7);
  const written = one.socket.write(message);
  assertEquals(await codeOf(one.socket.closeWrite({ timeout: 5 })), "ETIMEDOUT");
  assertEquals(await codeOf(one.socket.closeWrite({ signal: AbortSignal.abort() })), "ABORT_ERR");
  const got: number[] = [];
  const buffer = new Uint8Array(16);
  for (let n; (n = await one.peer.read(buffer)) !== null;) got.push(...buffer.subarray(0, n));
  assertEquals(got, [...message]);
  await written;
  await one.socket.closeWrite();
});

Deno.test("message socket closes in time when the peer does not read", async () => {
  await using one = bare(rawFramer(), { pair: { capacity: 10 } });
  const write = codeOf(one.socket.write(new Uint8Array(100_000)));
  await one.socket.close({ timeout: 1 });
  assertEquals(await write, "ERR_SOCKET_CLOSED");
});

Deno.test("message socket closes in time when the option is there without a value", async () => {
  const [here, there] = pair();
  const socket = new MessageSocket(here, lengthPrefixFramer());
  await assertRejects(() => socket.write(new Uint8Array(300_000), { timeout: 1 }), NetError);
  const { setTimeout } = globalThis;
  const times: unknown[] = [];
  globalThis.setTimeout = ((fn: () => void, ms: number) => {
    times.push(ms);
    return setTimeout(fn, 1);
  }) as typeof setTimeout;
  const closing = socket.close({ timeout: undefined });
  globalThis.setTimeout = setTimeout;
  assertEquals(times, [5000]);
  await closing;
  there.close();
});

Deno.test("message socket is destroyed at once", async () => {
  await using one = bare(rawFramer(), { pair: { capacity: 10 } });
  const pending = codeOf(one.socket.read());
  const write = codeOf(one.socket.write(new Uint8Array(100_000)));
  one.socket.destroy();
  one.socket.destroy();
  assertEquals(await pending, "ERR_SOCKET_CLOSED");
  assertEquals(await write, "ERR_SOCKET_CLOSED");
});

Deno.test("message socket that is destroyed has nobody wait for a transport that does not say so", async () => {
  const [here, there] = pair();
  const never = new Promise<never>(() => {});
  const transport: Transport = {
    read: (buffer) => here.read(buffer),
    write: () => never,
    closeWrite: () => never,
    close: () => here.close(),
    localAddr: here.localAddr,
    remoteAddr: here.remoteAddr,
  };
  const socket = new MessageSocket(transport, rawFramer());
  const waiting = [
    socket.write(new Uint8Array(100_000)),
    socket.flushed(),
    socket.closeWrite(),
  ].map(codeOf);
  socket.destroy();
  assertEquals(await Promise.all(waiting), Array(3).fill("ERR_SOCKET_CLOSED"));
  there.close();
});

Deno.test("message socket that is being closed tells so to who reads, and not of the end or of bytes that do not fit", async () => {
  for (const sent of ["", "ffffffff"]) {
    await using one = bare(lengthPrefixFramer(), { pair: { capacity: 10 } });
    await one.peer.write(hex(sent));
    const write = codeOf(one.socket.write(new Uint8Array(100_000)));
    const closing = one.socket.close();
    assertEquals(await codeOf(one.socket.read()), "ERR_SOCKET_CLOSED");
    assertEquals(await Array.fromAsync(one.socket), []);
    one.socket.destroy();
    assertEquals(await write, "ERR_SOCKET_CLOSED");
    await closing;
  }
});

Deno.test("message socket ends its direction and goes on reading", async () => {
  await using both = sockets(lineFramer());
  await both.a.write("question");
  await both.a.closeWrite();
  assertEquals(await codeOf(both.a.write("x")), "ERR_STREAM_WRITE_AFTER_END");
  assertEquals([await both.b.read(), await both.b.read()], ["question", undefined]);
  await both.b.write("answer");
  assertEquals(await both.a.read(), "answer");
});

Deno.test("message socket reports a broken transport to writers", async () => {
  await using one = bare(rawFramer(), { highWaterMark: 10, pair: { capacity: 10 } });
  const full = codeOf(one.socket.write(new Uint8Array(100)));
  one.peer.close();
  assert(["EPIPE", "ECONNRESET"].includes(await full));
  assert(["EPIPE", "ECONNRESET"].includes(await codeOf(one.socket.write(hex("01")))));
});

Deno.test("message socket goes on after a loop that was left", async () => {
  await using both = sockets(lineFramer());
  for (const line of ["1", "2", "3"]) await both.a.write(line);
  for await (const line of both.b) if (line === "1") break;
  assertEquals([await both.b.read(), await both.b.read()], ["2", "3"]);
});

Deno.test("message socket's loop ends when the socket is closed, in the loop or elsewhere, and not for a fault", async () => {
  await using both = sockets(lineFramer());
  await both.a.write("1");
  const seen: string[] = [];
  for await (const line of both.b) {
    seen.push(line);
    await both.b.close();
  }
  const waiting = Array.fromAsync(both.a);
  both.a.destroy();
  assertEquals([seen, await waiting], [["1"], []]);
  await using broken = bare(lengthPrefixFramer());
  await broken.peer.write(hex("ffffffff"));
  assertEquals(await codeOf(Array.fromAsync(broken.socket)), "ERR_FRAMING");
});

Deno.test("message socket refuses limits that make no sense", () => {
  const [here, there] = pair();
  for (
    const options of [{ maxInboxBytes: 0 }, { highWaterMark: NaN }, { maxSendQueueBytes: -1 }, {
      highWaterMark: 100,
      maxSendQueueBytes: 99,
    }]
  ) {
    assertThrows(() => new MessageSocket(here, rawFramer(), options), RangeError);
  }
  here.close();
  there.close();
});

Deno.test("a message socket over the sockets of a server and a client answers after the end", async () => {
  const server = await createServer(async (socket) => {
    await using lines = new MessageSocket(socket, lineFramer());
    for await (const line of lines) {
      await new Promise((resolve) => setTimeout(resolve));
      await lines.write(line.toUpperCase());
    }
  }).listen(0, "127.0.0.1");
  const client = new MessageSocket(connect(server.port, "127.0.0.1"), lineFramer());
  const long = "x".repeat(200_000);
  await client.write("a");
  await client.write(long);
  await client.closeWrite();
  assertEquals(await Array.fromAsync(client), ["A", long.toUpperCase()]);
  assertEquals(client.remoteAddr, { transport: "tcp", hostname: "127.0.0.1", port: server.port });
  await client.close();
  await server.close();
});

Deno.test("a message socket reads a socket that was paused, by its server or by hand", async () => {
  for (const pauseOnConnect of [true, false]) {
    const server = await createServer({ pauseOnConnect }, async (socket) => {
      socket.pause();
      await using lines = new MessageSocket(socket, lineFramer());
      for await (const line of lines) await lines.write(line.toUpperCase());
    }).listen(0, "127.0.0.1");
    await using client = new MessageSocket(connect(server.port, "127.0.0.1"), lineFramer());
    await client.write("hello");
    assertEquals(await client.read({ timeout: 5000 }), "HELLO");
    await client.close();
    await server.close({ drain: 1000 });
  }
});

Deno.test("a message socket over a socket that can't connect tells why", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const socket = new MessageSocket(connect(port, "127.0.0.1"), lineFramer());
  assertEquals(await codeOf(socket.read()), "ECONNREFUSED");
  await socket.close();
});

Deno.test("a message socket holds back the peer of a socket that nobody reads", async () => {
  const [here, there] = pair({ capacity: 1024 });
  const socket = new MessageSocket(Socket.from(here), rawFramer(), { maxInboxBytes: 2048 });
  const sending = writeAll(there, new Uint8Array(1_000_000));
  const early = await Promise.race([
    sending.then(() => "sent"),
    new Promise((resolve) => setTimeout(resolve, 50, "held back")),
  ]);
  assertEquals(early, "held back");
  assertLessOrEqual(socket.received, 200_000);
  let size = 0;
  while (size < 1_000_000) size += (await socket.read())!.length;
  await sending;
  await socket.close();
  there.close();
});

Deno.test("a message socket takes nothing that carries no bytes", () => {
  for (const given of [undefined, null, "x", {}]) {
    assertThrows(
      () => new MessageSocket(given as unknown as Transport, lineFramer()),
      TypeError,
      "it takes a transport or a Socket",
    );
  }
});

/** A message socket over lines, how often it wrote, and the bare transport at the other end. */
function counted(): { lines: MessageSocket<string>; peer: Transport; writes: () => number } {
  const [here, peer] = pair();
  let writes = 0;
  const transport: Transport = {
    read: (buffer) => here.read(buffer),
    write: (bytes) => (writes++, here.write(bytes)),
    closeWrite: () => here.closeWrite(),
    close: () => here.close(),
    localAddr: here.localAddr,
    remoteAddr: here.remoteAddr,
  };
  const lines = new MessageSocket(transport, lineFramer());
  return { lines, peer, writes: () => writes };
}

const BURST = Array.from({ length: 200 }, (_, i) => `${i}\n`).join("");

/** Reads until so many characters have come. */
async function readText(peer: Transport, length: number): Promise<string> {
  const buffer = new Uint8Array(4096);
  let got = "";
  while (got.length < length) {
    const n = await peer.read(buffer);
    if (n === null) break;
    got += text(buffer.subarray(0, n));
  }
  return got;
}

Deno.test("answers to messages that came together leave in few writes, by iteration and by read", async () => {
  const { lines, peer, writes } = counted();
  const echo = (async () => {
    for await (const line of lines) {
      await lines.write(line);
      if (line === "199") break;
    }
    for (let line; (line = await lines.read()) !== undefined;) await lines.write(line);
  })();
  await writeAll(peer, utf8(BURST));
  assertEquals(await readText(peer, BURST.length), BURST);
  assertLessOrEqual(writes(), 5);
  await writeAll(peer, utf8(BURST));
  assertEquals(await readText(peer, BURST.length), BURST);
  assertLessOrEqual(writes(), 10);
  await peer.closeWrite();
  await echo;
  await lines.close();
  peer.close();
});

Deno.test("answers to messages that came before anybody read leave in few writes", async () => {
  const { lines, peer, writes } = counted();
  await writeAll(peer, utf8(BURST));
  while (lines.received < BURST.length) await new Promise((resolve) => setTimeout(resolve));
  for await (const line of lines) {
    await lines.write(line);
    if (line === "199") break;
  }
  assertEquals(await readText(peer, BURST.length), BURST);
  assertLessOrEqual(writes(), 5);
  await lines.close();
  peer.close();
});

Deno.test("an answer is not kept back while its writer is busy with something else", async () => {
  const { lines, peer } = counted();
  await writeAll(peer, utf8(BURST));
  const first = await lines.read();
  await lines.write(`${first}!`);
  // Nothing more is read.
  assertEquals(await readText(peer, 3), "0!\n");
  await lines.read();
  await lines.write("waited for");
  await lines.flushed();
  assertEquals(await readText(peer, 11), "waited for\n");
  await lines.close();
  peer.close();
});

Deno.test("iterator whose first message was taken by hand goes through the others in a loop", async () => {
  const { lines, peer } = counted();
  await writeAll(peer, utf8("head\na\nb\n"));
  await peer.closeWrite();
  const messages = lines[Symbol.asyncIterator]();
  assertEquals(await messages.next(), { done: false, value: "head" });
  assertEquals(await Array.fromAsync(messages), ["a", "b"]);
  await lines.close();
  peer.close();
});

Deno.test("very many reads that wait: none costs more for the others, served or given up", async () => {
  const { a, b } = sockets(lineFramer());
  const count = 5000;
  const controllers = Array.from({ length: count }, () => new AbortController());
  const work = await arrayWork(async () => {
    const served = Promise.all(controllers.map(() => a.read()));
    for (let i = 0; i < count; i++) b.write(String(i));
    assertEquals((await served)[count - 1], String(count - 1));
    const given = controllers.map(({ signal }) => a.read({ signal }));
    const ended = Promise.allSettled(given);
    const last = a.read();
    // From both ends.
    for (const controller of controllers.splice(count / 2).reverse()) controller.abort();
    for (const controller of controllers) controller.abort();
    assert((await ended).every(({ status }) => status === "rejected"));
    await b.write("last");
    assertEquals(await last, "last");
  });
  assert(work < 50 * count, `${work}`);
  await a.close();
  await b.close();
});
