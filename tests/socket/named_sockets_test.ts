import { createServer } from "node:net";
import {
  assert,
  assertEquals,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertThrows,
} from "@std/assert";
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { AF_BLUETOOTH, BTPROTO_RFCOMM } from "../../net/_bluetooth_sys.ts";
import type { TlsIdentity } from "../../net/tls_options.ts";
import {
  ClientInfo,
  SocketBookEvent,
  SocketBookOption,
  TlsProtocol,
  TransmissionMode,
} from "../../socket/constants.ts";
import { SocketBookError } from "../../socket/errors.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import type {
  ConnectionParameters,
  ConnectTlsOptions,
  CreateBluetoothOptions,
  CreateSocketOptions,
  CreateTlsOptions,
  SocketBookOptions,
  SocketBookParameters,
} from "../../socket/socket_book_options.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { serveWebSocket, type WebSocketServer } from "../../websocket/server.ts";
import type { ServeWebSocketOptions } from "../../websocket/server_options.ts";
import {
  assertError,
  bookWithRawClient,
  bookWithRawServer,
  connectedBook,
} from "../_support/book.ts";
import { CA, identity, LOCKED_KEY, OTHER_CA } from "../_support/certs.ts";
import { earlyLeavers } from "../_support/early_leavers.ts";
import { hasFamily } from "../_support/ffi_sockets.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";
import { RawPeer, rawServer } from "../_support/raw_peer.ts";

const { END_MARKER, END_MARKER_BUFFERED, NO_MARKER, SIZE_HEADER } = TransmissionMode;

// The three roles.

Deno.test("book: a standard server and its client write, read and close", async () => {
  await using book = new SocketBook();
  assert(await book.create("SERVER", 0, { address: "127.0.0.1" }));
  assert(await book.connect("CLIENT", book.localPort("SERVER"), "127.0.0.1"));
  assert(await book.waitForConnection("SERVER"));
  const channel = await book.accept("SERVER");
  assertNotEquals(channel, "");
  assert(await book.write("CLIENT", "question"));
  assertEquals(await book.read(channel), "question");
  assert(await book.write(channel, "answer"));
  assertEquals(await book.read("CLIENT"), "answer");
  assert(await book.close("CLIENT"));
  assertEquals(await book.read(channel), "");
  assertError(book, "CLOSED_BY_PEER");
  assertEquals(book.lastError?.code, 100031);
  assert(await book.close(channel));
  assert(book.exists("SERVER"));
});

Deno.test("book: a client that has left when it is accepted, and whose settings can't be set, disturbs nobody", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  book.parameter({ keepAlive: true });
  await book.create("K", 0, { address: "127.0.0.1" });
  using _leavers = await earlyLeavers();
  for (const name of ["S", "K"]) {
    using _first = await RawPeer.connect(book.localPort(name));
    const early = await book.accept(name, 5000);
    const accepting = book.accept(name, 5000);
    using _second = await RawPeer.connect(book.localPort(name));
    for (const channel of [early, await accepting]) assert(await book.close(channel));
  }
});

Deno.test("book: a simplified server is read and written under its own name", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  assertEquals(await book.write("S", "too early"), false);
  assertError(book, "NO_CLIENT");
  assertEquals(book.clientInfo("S"), "");
  assertError(book, "NO_CLIENT");
  assertEquals(await book.read("S", { timeout: 0 }), "");
  assertError(book, undefined);

  await book.connect("C", book.localPort("S"), "127.0.0.1");
  await book.write("C", "hello");
  assertEquals(await book.read("S"), "hello");
  assertEquals(book.clientInfo("S"), "127.0.0.1");
  assert(await book.write("S", "hello yourself"));
  assertEquals(await book.read("C"), "hello yourself");
});

Deno.test("book: a simplified server serves one client at a time, and then the next", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  for (const name of ["A", "B"]) await book.connect(name, book.localPort("S"), "127.0.0.1");
  await book.write("B", "from B");
  await book.write("A", "from A");
  assertEquals(await book.read("S"), "from A");
  assertEquals(await book.read("S", { timeout: 20 }), "");
  assertError(book, undefined);
  await book.close("A");
  assertEquals(await book.read("S"), "");
  assertError(book, "CLOSED_BY_PEER");
  assertEquals(await book.read("S"), "from B");
  await book.write("S", "to B");
  assertEquals(await book.read("B"), "to B");
});

Deno.test("book: a simplified server with several readers has one client all the same", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  const reading = [book.read("S"), book.read("S")];
  await book.connect("A", book.localPort("S"), "127.0.0.1");
  await book.connect("B", book.localPort("S"), "127.0.0.1");
  await book.write("A", "one");
  await book.write("A", "two");
  assertEquals(await Promise.all(reading), ["one", "two"]);
  // The other one is still to be had.
  assertNotEquals(await book.accept("S", 1000), "");
});

Deno.test("book: an accept that waits is given up by the name that its channel would have", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  const accepting = book.accept("S");
  assertEquals(book.exists("S#1"), false);
  assertEquals(await book.close("S#1"), true);
  assertEquals(await accepting, "");
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(await book.accept("S"), "S#2");
});

Deno.test("book: several clients have several channels, whose names nobody else has", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  await book.connect("S#1", book.localPort("S"), "127.0.0.1");
  await book.connect("B", book.localPort("S"), "127.0.0.1");
  const first = await book.accept("S");
  const second = await book.accept("S");
  assertEquals(new Set([first, second, "S", "S#1", "B"]).size, 5);
  assertEquals(book.names, ["S", "S#1", "B", first, second]);
  await book.write("B", "to the second");
  assertEquals(await book.read(second), "to the second");
});

// Waiting, accepting, refusing.

Deno.test("book: waitForConnection tells whether a client is there, in its time", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  for (const wait of [0, 10, { timeout: 10 }]) {
    assertEquals(await book.waitForConnection("S", wait), false);
    assertError(book, undefined);
  }
  const waiting = book.waitForConnection("S");
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(await waiting, true);
  assertEquals(await book.waitForConnection("S", 1000), true);
  assertNotEquals(await book.accept("S"), "");
  assertEquals(await book.waitForConnection("S", 0), false);
});

Deno.test("book: accept waits for a client, or only looks", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  assertEquals(await book.accept("S", 0), "");
  assertError(book, "NO_REQUEST");
  const accepting = book.accept("S");
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertNotEquals(await accepting, "");
  assertError(book, undefined);
});

Deno.test("book: a signal ends a wait", async () => {
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  const controller = new AbortController();
  const { signal } = controller;
  const waits = [
    book.waitForConnection("S", { signal }),
    book.accept("S", { signal }),
    book.read("S", { signal }),
  ];
  controller.abort();
  assertEquals(await Promise.all(waits), [false, "", ""]);
  assertError(book, "ABORTED");
  assertEquals(await book.connect("C", book.localPort("S"), "127.0.0.1", { signal }), false);
  assertError(book, "ABORTED");
  assertEquals(book.exists("C"), false);
});

Deno.test("book: a polyfill's signal ends a wait, and is left alone when there is nothing to end", async () => {
  await using book = new SocketBook();
  const given = foreignSignal();
  const { signal } = given;
  assert(await book.create("S", 0, { address: "127.0.0.1" }));
  const port = book.localPort("S");
  assert(await book.connect("C", port, "127.0.0.1", { signal }));
  assert(await book.waitForConnection("S", { signal }));
  assertNotEquals(await book.accept("S", { signal }), "");
  await using server = await serveWebSocket({ hostname: "127.0.0.1", default: () => {} });
  assert(await book.webSocketClientConnect("W", "127.0.0.1", { port: server.port, signal }));
  assertEquals(given.listeners, 0);
  const accepting = book.accept("S", { signal });
  given.abort();
  assertEquals([await accepting, given.listeners], ["", 0]);
  assertError(book, "ABORTED");
  assertEquals(await book.connect("D", port, "127.0.0.1", { signal }), false);
  assertError(book, "ABORTED");
  assertEquals([book.exists("D"), given.listeners], [false, 0]);
});

Deno.test("book: a refused client finds its connection closed", async () => {
  await using rig = await bookWithRawClient();
  const { book, peer } = rig;
  await book.waitForConnection("S");
  assertEquals(await book.refuse("S"), true);
  assertEquals((await peer.readAll()).length, 0);
  assertEquals(await book.refuse("S"), false);
  assertError(book, "NO_REQUEST");
  assertEquals(await book.waitForConnection("S", 0), false);
});

// The transmission modes, byte for byte.

const MODES: { mode: TransmissionMode; marker?: string; out: string; wire: string }[] = [
  { mode: SIZE_HEADER, out: "Hello World", wire: "11\r\nHello World" },
  { mode: SIZE_HEADER, out: "été", wire: "5\r\n\xc3\xa9t\xc3\xa9" },
  { mode: END_MARKER, out: "Hello World", wire: "Hello World\x1a" },
  { mode: END_MARKER, marker: "\r\n", out: "Hello World", wire: "Hello World\r\n" },
  {
    mode: END_MARKER_BUFFERED,
    marker: "\r\n.\r\n",
    out: "one\r\ntwo",
    wire: "one\r\ntwo\r\n.\r\n",
  },
  { mode: NO_MARKER, out: "Hello World", wire: "Hello World" },
];

for (const { mode, marker, out, wire } of MODES) {
  const title = `mode ${mode}, marker ${JSON.stringify(marker)}, ${JSON.stringify(out)}`;
  Deno.test(`book as a server speaks with raw bytes: ${title}`, async () => {
    await using rig = await bookWithRawClient();
    const { book, peer } = rig;
    const channel = await book.accept("S");
    assert(book.changeTransmissionMode(channel, mode, marker));
    await peer.write(wire);
    assertEquals(await book.read(channel), out);
    assert(await book.write(channel, out));
    assertEquals(await peer.readText(wire.length), wire);
    // Nothing besides: the next byte is the next message's.
    await book.close(channel);
    assertEquals((await peer.readAll()).length, 0);
  });

  Deno.test(`book as a client speaks with raw bytes: ${title}`, async () => {
    await using rig = await bookWithRawServer();
    const { book, peer } = rig;
    assert(book.changeTransmissionMode("C", mode, marker));
    assert(await book.write("C", out));
    assert(await book.write("C", out));
    assertEquals(await peer.readText(2 * wire.length), wire + wire);
    if (mode === NO_MARKER) {
      await peer.write(wire);
      assertEquals(await book.read("C"), out);
      return;
    }
    // Two messages byte by byte, the end of the first and the beginning of the second together.
    for (const byte of wire.slice(0, -1)) await peer.write(byte);
    await peer.write(wire.slice(-1) + wire[0]);
    for (const byte of wire.slice(1)) await peer.write(byte);
    assertEquals([await book.read("C"), await book.read("C")], [out, out]);
  });

  Deno.test(`book as a simplified server speaks with raw bytes: ${title}`, async () => {
    await using rig = await bookWithRawClient();
    const { book, peer } = rig;
    assert(book.changeTransmissionMode("S", mode, marker));
    await peer.write(wire);
    assertEquals(await book.read("S"), out);
    assert(await book.write("S", out));
    assertEquals(await peer.readText(wire.length), wire);
  });
}

Deno.test("book: an accepted channel begins in the mode of its listening socket", async () => {
  await using rig = await bookWithRawClient();
  const { book, peer } = rig;
  book.changeTransmissionMode("S", END_MARKER, ";");
  const channel = await book.accept("S");
  await peer.write("one;two;");
  assertEquals([await book.read(channel), await book.read(channel)], ["one", "two"]);
});

Deno.test("book: the mode holds for the client that a simplified server has already", async () => {
  await using rig = await bookWithRawClient();
  const { book, peer } = rig;
  await peer.write("3\r\none");
  assertEquals(await book.read("S"), "one");
  book.changeTransmissionMode("S", END_MARKER, "\n");
  await peer.write("two\n");
  assertEquals(await book.read("S"), "two");
});

Deno.test("book: the mode can be changed between messages, and while a read waits", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  await peer.write("3\r\noneHTTP/1.1 200 OK\r\nX: y\r\n\r\nbody");
  assertEquals(await book.read("C"), "one");
  assertEquals(await book.read("C"), "");
  assertError(book, "BAD_MESSAGE");
  book.changeTransmissionMode("C", END_MARKER, "\r\n\r\n");
  assertEquals(await book.read("C"), "HTTP/1.1 200 OK\r\nX: y");
  const reading = book.read("C");
  book.changeTransmissionMode("C", NO_MARKER);
  assertEquals(await reading, "body");
});

Deno.test("book: changing the mode fails for unknown names, modes and markers", async () => {
  await using rig = await bookWithRawServer();
  const { book } = rig;
  assertEquals(book.changeTransmissionMode("nobody", NO_MARKER), false);
  assertError(book, "UNKNOWN_NAME");
  assertEquals(book.changeTransmissionMode("C", 9 as TransmissionMode), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(book.changeTransmissionMode("C", END_MARKER, ""), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(book.changeTransmissionMode("C", NO_MARKER, "x"), false);
  assertError(book, "INVALID_ARGUMENT");
});

Deno.test("book: a message that holds the end marker is cut there by its reader", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  for (const name of ["C", channel]) book.changeTransmissionMode(name, END_MARKER, "\r\n");
  await book.write("C", "one\r\ntwo");
  assertEquals([await book.read(channel), await book.read(channel)], ["one", "two"]);
});

// Reading.

Deno.test("book: read waits for ever, for a time, or not at all", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  book.parameter({ readTimeout: 5 });
  for (
    const options of [{ wait: false }, { timeout: 5 }, { timeout: 0 }, { wait: false, timeout: 5 }]
  ) {
    assertEquals(await book.read(channel, options), "");
    assertError(book, undefined);
  }
  const reading = book.read(channel, { wait: true });
  await book.write("C", "there");
  assertEquals(await reading, "there");
  await book.write("C", "at once");
  assertEquals(await book.read(channel, { wait: false }), "at once");
  assertEquals(await book.read(channel, { wait: true, timeout: 1 }), "");
  assertError(book, "INVALID_ARGUMENT");
});

Deno.test("book: a message that is not whole in time stays, and comes whole later", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  await peer.write("5\r\nab");
  assertEquals(await book.read("C", { timeout: 20 }), "");
  assertError(book, undefined);
  await peer.write("cde");
  assertEquals(await book.read("C"), "abcde");
});

Deno.test("book: reads of one socket are served in their order", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  const reads = [book.read(channel), book.read(channel, { timeout: 10 }), book.read(channel)];
  assertEquals(await reads[1], "");
  await book.write("C", "one");
  await book.write("C", "two");
  assertEquals(await Promise.all([reads[0], reads[2]]), ["one", "two"]);
});

Deno.test("book: without end marker a read gives what is there, up to its limit", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  book.changeTransmissionMode("C", NO_MARKER);
  await peer.write("x".repeat(5000));
  // All of it is there once the first has come and a pause is over.
  assertEquals((await book.read("C", { maxBytes: 10 })).length, 10);
  let rest = "";
  while (rest.length < 4990) {
    const part = await book.read("C");
    assert(part.length <= 4096);
    rest += part;
  }
  assertEquals(rest, "x".repeat(4990));
  assertEquals(await book.read("C", { maxBytes: 0 }), "");
  assertError(book, "INVALID_ARGUMENT");
});

Deno.test("book: a receive delay gathers what comes in pieces", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  book.changeTransmissionMode("C", NO_MARKER);
  const reading = book.read("C", { receiveDelay: 60_000, maxBytes: 6 });
  await peer.write("abc");
  await peer.write("defgh");
  assertEquals(await reading, "abcdef");
  // The rest is given when its time is over, or the reader's.
  assertEquals(await book.read("C", { receiveDelay: 10 }), "gh");
  await peer.write("ij");
  assertEquals(await book.read("C", { receiveDelay: 60_000, timeout: 300 }), "ij");
  const endless = book.read("C", { receiveDelay: Infinity, maxBytes: 2 });
  await peer.write("m");
  await new Promise((resolve) => setTimeout(resolve, 20));
  await peer.write("n");
  assertEquals(await endless, "mn");
  await peer.write("kl");
  const last = book.read("C", { receiveDelay: 60_000 });
  peer.close();
  assertEquals(await last, "kl");
  assertEquals(await book.read("C"), "");
  assertError(book, "CLOSED_BY_PEER");
  for (const receiveDelay of [-1, NaN, 2 ** 31]) {
    assertEquals(await book.read("C", { receiveDelay }), "");
    assertError(book, "INVALID_ARGUMENT");
  }
});

Deno.test("book: text without end marker is never cut in a character", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  book.changeTransmissionMode("C", NO_MARKER);
  const wire = String.fromCharCode(...new TextEncoder().encode("1 € = 🙂"));
  await peer.write(wire.slice(0, 3));
  assertEquals(await book.read("C"), "1 ");
  assertEquals(await book.read("C", { timeout: 10 }), "");
  await peer.write(wire.slice(3, 9));
  assertEquals(await book.read("C"), "€ = ");
  await peer.write(wire.slice(9));
  assertEquals(await book.read("C"), "🙂");
  // Bytes are not held back, nor what is larger than the limit or comes last.
  await peer.write("\xe2");
  assertEquals(await book.read("C", { bytes: true }), new Uint8Array([0xe2]));
  await peer.write("\xe2\x82");
  assertEquals(await book.read("C", { maxBytes: 1 }), "\ufffd");
  peer.close();
  assertEquals(await book.read("C"), "\ufffd");
});

Deno.test("book: text is in the book's encoding, or the call's; bytes are bytes", async () => {
  await using rig = await bookWithRawServer({ encoding: "windows1252" });
  const { book, peer } = rig;
  await book.write("C", "10 €");
  assertEquals(await peer.readText(7), "4\r\n10 \x80");
  await book.write("C", "€", { encoding: "utf8" });
  assertEquals(await peer.readText(6), "3\r\n\xe2\x82\xac");
  await book.write("C", new Uint8Array([0, 255]));
  assertEquals(await peer.readText(5), "2\r\n\0\xff");
  await book.write("C", new ByteBuffer().writeString("ab"));
  assertEquals(await peer.readText(6), "3\r\n\x02ab");

  await peer.write("1\r\n\x80".repeat(3));
  assertEquals(await book.read("C"), "€");
  assertEquals(await book.read("C", { encoding: "latin1" }), "\x80");
  assertEquals(await book.read("C", { bytes: true }), new Uint8Array([0x80]));
  assertEquals(await book.read("C", { encoding: "klingon" as "utf8" }), "");
  assertError(book, "INVALID_ARGUMENT");
  // A marker is text in the book's encoding, too.
  book.changeTransmissionMode("C", END_MARKER, "€");
  await peer.write("x\x80");
  assertEquals(await book.read("C"), "x");
});

Deno.test("book: an empty message is a message", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  await peer.write("0\r\n1\r\nx");
  assertEquals(await book.read("C", { bytes: true }), new Uint8Array(0));
  assertError(book, undefined);
  assertEquals(await book.read("C"), "x");
  assert(await book.write("C", ""));
  assertEquals(await peer.readText(3), "0\r\n");
});

// The end of a connection.

Deno.test("book: a connection that the peer ends has error 100031, after all that it sent", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  await peer.write("3\r\nbye");
  peer.close();
  assertEquals(await book.read("C"), "bye");
  for (let i = 0; i < 2; i++) {
    assertEquals(await book.read("C"), "");
    assertEquals(book.lastError?.code, 100031);
    assertMatch(book.lastError!.message, /^Cannot read from "C": the peer closed the connection$/);
  }
  assert(book.exists("C"), "it exists until it is closed");
});

Deno.test("book: writing to a peer that is gone has error 100031 or 100032", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  peer.close();
  let written = true;
  // The system tells at the second write at the latest.
  for (let i = 0; i < 100 && written; i++) written = await book.write("C", "x");
  assertEquals(written, false);
  assert([100031, 100032].includes(book.lastError!.code), book.lastError!.message);
  assert(book.lastError!.closed);
});

Deno.test("book: a connection that is reset has error 100032", async () => {
  const listener = createServer((socket) => {
    socket.on("error", () => {});
    socket.once("data", () => socket.resetAndDestroy());
  });
  await new Promise<void>((resolve) => listener.listen(0, "127.0.0.1", resolve));
  await using book = new SocketBook();
  assert(await book.connect("C", (listener.address() as { port: number }).port, "127.0.0.1"));
  await book.write("C", "x");
  assertEquals(await book.read("C"), "");
  assertEquals(book.lastError?.code, 100032);
  await new Promise((resolve) => listener.close(resolve));
});

Deno.test("book: an end in the middle of a message is told before the end", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer } = rig;
  await peer.write("5\r\nab");
  peer.close();
  assertEquals(await book.read("C"), "");
  assertError(book, "BAD_MESSAGE");
  assertMatch(book.lastError!.message, /3 missing \(socket "C"\)$/);
  assertEquals(await book.read("C"), "");
  assertError(book, "CLOSED_BY_PEER");
});

Deno.test("book: a half-closed client still gets its answer", async () => {
  await using rig = await bookWithRawClient();
  const { book, peer } = rig;
  book.changeTransmissionMode("S", NO_MARKER);
  await peer.write("question");
  await peer.closeWrite();
  assertEquals(await book.read("S"), "question");
  assert(await book.write("S", "answer"));
  assertEquals(await peer.readText(6), "answer");
});

Deno.test("book: close sends what is queued, and frees the name", async () => {
  await using rig = await bookWithRawServer();
  const { book, peer, server } = rig;
  book.changeTransmissionMode("C", NO_MARKER);
  const writing = book.write("C", new Uint8Array(3_000_000));
  const closing = book.close("C");
  assertEquals(book.exists("C"), false);
  assertEquals((await peer.readAll()).length, 3_000_000);
  assertEquals(await writing, true);
  assertEquals(await closing, true);
  assertEquals(await book.close("C"), false);
  assertError(book, "UNKNOWN_NAME");
  assertEquals(await book.read("C"), "");
  assertError(book, "UNKNOWN_NAME");
  assert(await book.connect("C", server.port, "127.0.0.1"));
});

Deno.test("book: close ends the calls that wait, with error 100032", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  const reading = book.read(channel);
  await book.close(channel);
  assertEquals(await reading, "");
  assertEquals(book.lastErrorOf(channel)?.code, 100032);
  const waiting = [book.waitForConnection("S"), book.accept("S"), book.read("S")];
  await book.close("S");
  assertEquals(await Promise.all(waiting), [false, "", ""]);
  assertEquals(book.lastErrorOf("S")?.code, 100032);
});

Deno.test("book: closing a listening socket leaves its channels open", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  await book.close("S");
  await book.write("C", "still here");
  assertEquals(await book.read(channel), "still here");
});

Deno.test("book: a socket that is being connected is given up by close", async () => {
  // A proxy that never answers keeps the connection under way.
  await using silent = await rawServer();
  await using book = new SocketBook();
  book.proxy("127.0.0.1", silent.port);
  const connecting = book.connect("C", 80, "example.org");
  await silent.accept();
  assertEquals(book.exists("C"), false);
  assertEquals(await book.connect("C", 80, "example.org"), false);
  assertError(book, "NAME_IN_USE");
  assertEquals(await book.close("C"), true);
  assertEquals(await connecting, false);
  assertEquals(book.lastErrorOf("C")?.code, 100032);
  const another = book.connect("C", 80, "example.org");
  await silent.accept();
  await book.closeAll();
  assertEquals(await another, false);
});

Deno.test("book: await using closes everything", async () => {
  let port: number;
  {
    await using book = new SocketBook();
    await book.create("S", 0, { address: "127.0.0.1" });
    port = book.localPort("S");
    await book.connect("C", port, "127.0.0.1");
    await book.createUdp("U", 0, { address: "127.0.0.1" });
    // Not awaited: closed all the same.
    book.close("C");
  }
  await using book = new SocketBook();
  assertEquals(await book.connect("C", port, "127.0.0.1"), false);
  assertError(book, "CONNECT_FAILED");
  assertEquals(book.names, []);
});

// Names.

Deno.test("book: names are case-sensitive, taken once, and no empty text", async () => {
  await using book = new SocketBook();
  assert(await book.create("Name", 0, { address: "127.0.0.1" }));
  assert(await book.create("NAME", 0, { address: "127.0.0.1" }));
  assertEquals(await book.create("NAME", 0, { address: "127.0.0.1" }), false);
  assertError(book, "NAME_IN_USE");
  assertEquals(book.exists("name"), false);
  for (const name of ["", 1 as unknown as string]) {
    await assertRejects(() => book.create(name, 0), TypeError, "name of a socket");
    assertThrows(() => book.exists(name), TypeError);
  }
});

Deno.test("book: unknown names are an error everywhere but in exists", async () => {
  await using book = new SocketBook();
  const calls: (() => unknown)[] = [
    () => book.read("?"),
    () => book.write("?", "x"),
    () => book.waitForConnection("?"),
    () => book.accept("?"),
    () => book.refuse("?"),
    () => book.close("?"),
    () => book.clientInfo("?"),
    () => book.changeTransmissionMode("?", NO_MARKER),
    () => book.parameter("?", { nagle: false }),
  ];
  for (const call of calls) {
    assert(!await call());
    assertError(book, "UNKNOWN_NAME");
  }
  assertEquals(book.exists("?"), false);
  assertEquals(book.localPort("?"), 0);
});

Deno.test("book: what a kind of socket can't do is an error", async () => {
  await using rig = await connectedBook();
  const { book } = rig;
  for (
    const call of [
      () => book.waitForConnection("C"),
      () => book.accept("C"),
      () => book.refuse("C"),
    ]
  ) {
    assert(!await call());
    assertError(book, "WRONG_KIND");
  }
  assertEquals(await book.write("C", "x", { address: "127.0.0.1", port: 9 }), false);
  assertError(book, "WRONG_KIND");
});

// Creating and connecting.

Deno.test("book: create fails on a port that somebody listens on", async () => {
  await using book = new SocketBook();
  await book.create("A", 0, { address: "127.0.0.1" });
  const port = book.localPort("A");
  assertEquals(await book.create("B", port, { address: "127.0.0.1" }), false);
  assertError(book, "CREATE_FAILED");
  assertMatch(book.lastError!.message, /EADDRINUSE.*\(socket "B"\)$/);
  assertEquals(book.exists("B"), false);
  assert(book.parameter(SocketBookOption.UNIQUE_ADDRESS));
  assertEquals(await book.create("B", port, { address: "127.0.0.1" }), false);
  assertEquals(book.parameter({ uniqueAddress: false }), false);
  assertError(book, "UNSUPPORTED");
  await book.close("A");
  assert(await book.create("A", port, { address: "127.0.0.1" }));
});

Deno.test("book: create fails for ports and addresses that can't be", async () => {
  await using book = new SocketBook();
  for (const port of [-1, 65_536, 1.5, NaN]) {
    assertEquals(await book.create("A", port), false);
    assertError(book, "INVALID_ARGUMENT");
  }
  assertEquals(await book.create("A", 0, { address: "192.0.2.1" }), false);
  assertError(book, "CREATE_FAILED");
  assertEquals(await book.createUdp("A", 0, { address: "192.0.2.1" }), false);
  assertError(book, "CREATE_FAILED");
  assertEquals((book.lastError?.cause as { code?: string }).code, "EADDRNOTAVAIL");
});

Deno.test("book: without an address it listens on all, for IPv4 clients, too", async () => {
  await using book = new SocketBook();
  assert(await book.create("S", 0));
  assert(await book.connect("C", book.localPort("S"), "127.0.0.1"));
  assert(await book.connect("D", book.localPort("S")), "without an address: this machine");
});

Deno.test("book: connect fails for a port that nobody listens on, a name that nobody has, and nonsense", async () => {
  const server = await rawServer();
  await server[Symbol.asyncDispose]();
  await using book = new SocketBook();
  assertEquals(await book.connect("C", server.port, "127.0.0.1"), false);
  assertError(book, "CONNECT_FAILED");
  assertMatch(book.lastError!.message, /ECONNREFUSED/);
  assertEquals((book.lastError!.cause as { code: string }).code, "ECONNREFUSED");
  assertEquals(await book.connect("C", 80, "no-such-host.invalid"), false);
  assertError(book, "CONNECT_FAILED");
  assertEquals(await book.connect("C", 80, "no host"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.connect("C", 70_000), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(book.names, []);
});

Deno.test("book: connect gives up at its deadline", async () => {
  await using silent = await rawServer();
  await using book = new SocketBook();
  book.proxy("127.0.0.1", silent.port);
  assertEquals(await book.connect("C", 80, "example.org", 30), false);
  assertError(book, "TIMED_OUT");
  book.parameter({ connectTimeout: 30 });
  assertEquals(await book.connect("C", 80, "example.org"), false);
  assertError(book, "TIMED_OUT");
});

// Errors as exceptions.

Deno.test("book with throws: failures are thrown, and nothing that came in time is not one", async () => {
  await using book = new SocketBook({ throws: true });
  assert(await book.create("S", 0, { address: "127.0.0.1" }));
  const error = await assertRejects(() => book.read("?"), SocketBookError);
  assertEquals([error.kind, error.code, error.socketName], ["UNKNOWN_NAME", 200001, "?"]);
  assertEquals(book.lastError, error);
  assertThrows(() => book.clientInfo("S"), SocketBookError);
  assertThrows(() => book.changeTransmissionMode("?", NO_MARKER), SocketBookError);
  await assertRejects(() => book.create("S", 0), SocketBookError, "already");
  await assertRejects(() => book.accept("S", 0), SocketBookError);
  assertEquals(await book.waitForConnection("S", 0), false);
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(await book.read("S", { timeout: 0 }), "");
  await book.close("C");
  const end = await assertRejects(() => book.read("S"), SocketBookError);
  assertEquals(end.code, 100031);
});

Deno.test("book: the last error is told for each name", async () => {
  await using book = new SocketBook();
  await book.read("A");
  await book.write("B", "x");
  assertEquals(book.lastErrorOf("A")?.kind, "UNKNOWN_NAME");
  assertEquals(book.lastErrorOf("A")?.socketName, "A");
  assertEquals(book.lastError?.socketName, "B");
  await book.create("A", 0, { address: "127.0.0.1" });
  assertEquals(book.lastError, null);
  assertEquals(book.lastErrorOf("A"), null);
  assertEquals(book.lastErrorOf("B")?.kind, "UNKNOWN_NAME");
});

// UDP.

Deno.test("book: UDP sockets send to an address, and tell the sender of what was read", async () => {
  await using book = new SocketBook();
  assert(await book.createUdp("A", 0, { address: "127.0.0.1" }));
  assert(await book.createUdp("B", 0, { address: "127.0.0.1" }));
  const [a, b] = [book.localPort("A"), book.localPort("B")];
  assertEquals(book.clientInfo("B"), "");
  assertError(book, "NO_CLIENT");
  assert(await book.write("A", "hello", { address: "127.0.0.1", port: b }));
  assertEquals(await book.read("B"), "hello");
  assertEquals(book.clientInfo("B", ClientInfo.ADDRESS), "127.0.0.1");
  assertEquals(book.clientInfo("B", ClientInfo.PORT), String(a));
  assert(await book.write("B", "é", { address: "localhost", port: a, encoding: "latin1" }));
  assertEquals(await book.read("A", { bytes: true }), new Uint8Array([0xe9]));
  assertEquals(await book.read("A", { timeout: 0 }), "");
  assertError(book, undefined);
});

Deno.test("book: UDP has no modes but its own, no clients, and needs a destination", async () => {
  await using book = new SocketBook();
  await book.createUdp("U", 0, { address: "127.0.0.1" });
  assertEquals(book.changeTransmissionMode("U", END_MARKER), false);
  assertError(book, "WRONG_KIND");
  assertEquals(book.changeTransmissionMode("U", NO_MARKER), true);
  assertEquals(await book.write("U", "x"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.waitForConnection("U"), false);
  assertError(book, "WRONG_KIND");
  const reading = book.read("U");
  await book.close("U");
  assertEquals(await reading, "");
  assertEquals(book.lastErrorOf("U")?.code, 100032);
});

Deno.test("book: a UDP socket for broadcasts may send them, another one may not", async () => {
  await using book = new SocketBook();
  await book.createUdp("A", 0);
  await book.createUdp("B", 0, { broadcast: true });
  const to = { address: "255.255.255.255", port: 9 };
  assertEquals(await book.write("A", "x", to), false);
  assertError(book, "WRITE_FAILED");
  assertMatch(book.lastError!.message, /needs a socket that was made with \{ broadcast: true \}/);
  const sent = await book.write("B", "x", to);
  // A machine without a route for it says so.
  assert(sent || /ENETUNREACH|unreachable/i.test(book.lastError!.message), book.lastError?.message);
});

Deno.test("book: an IPv6 address makes an IPv6 UDP socket", async () => {
  await using book = new SocketBook();
  if (!await book.createUdp("A", 0, { address: "::1" })) {
    assertError(book, "CREATE_FAILED"); // a machine without IPv6
    return;
  }
  await book.write("A", "x", { address: "::1", port: book.localPort("A") });
  assertEquals(await book.read("A"), "x");
  assertEquals(book.clientInfo("A"), "::1");
});

// Who is there.

Deno.test("book: clientInfo tells address and port of both sides", async () => {
  await using rig = await bookWithRawClient();
  const { book, peer } = rig;
  const channel = await book.accept("S");
  assertEquals(book.clientInfo(channel), "127.0.0.1");
  assertEquals(book.clientInfo(channel, ClientInfo.PORT), String(peer.localPort));
  assertEquals(book.clientInfo(channel, 9 as ClientInfo), "");
  assertError(book, "INVALID_ARGUMENT");
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(book.clientInfo("C", ClientInfo.PORT), String(book.localPort("S")));
});

Deno.test("book: calls refuse options that they do not have", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  const bad = { timeOut: 1 } as object;
  const port = book.localPort("S");
  const calls = [
    () => book.connect("A", port, "127.0.0.1", bad),
    () => book.connectTls("A", port, "127.0.0.1", bad),
    () => book.connectBluetooth("A", 1, "00:00:00:00:00:01", bad),
    () => book.connectInfrared("A", "service", bad),
    () => book.createBluetooth("A", 1, bad),
    () => book.webSocketClientConnect("A", "127.0.0.1", bad),
    () => book.webSocketClientConnectTls("A", "127.0.0.1", bad),
    () => book.waitForConnection("S", bad),
    () => book.accept("S", bad),
    () => book.write("C", "x", bad),
    () => book.read(channel, { timeout: 1, ...bad }),
  ];
  for (const call of calls) {
    assertEquals(Boolean(await call()), false, String(call));
    assertError(book, "INVALID_ARGUMENT");
    assertMatch(book.lastError!.message, /timeOut/);
  }
});

// Limits.

Deno.test("book: there is a limit of sockets", async () => {
  await using book = new SocketBook({ maxSockets: 2 });
  await book.create("S", 0, { address: "127.0.0.1" });
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  assertEquals(await book.accept("S"), "");
  assertError(book, "LIMIT_REACHED");
  assertMatch(book.lastError!.message, /whose peer has gone counts until it is closed/);
  await book.close("C");
  assertNotEquals(await book.accept("S"), "");
  assertEquals(await book.create("T", 0), false);
  assertError(book, "LIMIT_REACHED");
});

Deno.test("book: accept waits a little for room, and is told when a socket is closed meanwhile", async () => {
  await using book = new SocketBook({ maxSockets: 2 });
  await book.create("S", 0, { address: "127.0.0.1" });
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  const accepting = book.accept("S");
  await book.close("C");
  assertNotEquals(await accepting, "", book.lastError?.message);
  const signal = AbortSignal.abort();
  assertEquals(await book.accept("S", { signal }), "");
  assertError(book, "ABORTED");
  const lost = book.accept("S");
  await book.close("S");
  assertEquals(await lost, "");
  assertEquals(book.lastErrorOf("S")?.kind, "CONNECTION_LOST");
});

Deno.test("book: loops that do not look at errors let everything else go on", async () => {
  await using book = new SocketBook({ maxSockets: 2 });
  await book.create("S", 0, { address: "127.0.0.1" });
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  const calls: Record<string, () => Promise<unknown>> = {
    // The client waits on, since there is no room for a channel.
    accept: async () => await book.waitForConnection("S") && await book.accept("S", 0),
    read: () => book.read("NOBODY"),
    write: () => book.write("NOBODY", "x"),
  };
  for (const [name, call] of Object.entries(calls)) {
    let turned = false;
    setTimeout(() => turned = true);
    for (let i = 0; i < 200; i++) await call();
    assert(turned, name);
  }
});

Deno.test("book: a message that is too long is an error, and is not waited for", async () => {
  await using rig = await bookWithRawServer({ maxMessageBytes: 10 });
  const { book, peer } = rig;
  await peer.write("11\r\n");
  assertEquals(await book.read("C"), "");
  assertError(book, "BAD_MESSAGE");
  assertMatch(book.lastError!.message, /limit of 10 bytes/);
});

Deno.test("book: a message may be longer than what is read ahead", async () => {
  await using rig = await bookWithRawServer({ maxInboxBytes: 1000 });
  const { book, peer } = rig;
  const writing = peer.write(`500000\r\n${"x".repeat(500_000)}3\r\nend`);
  assertEquals((await book.read("C")).length, 500_000);
  assertEquals(await book.read("C"), "end");
  await writing;
});

Deno.test("book: a peer that is not read is held back", async () => {
  await using rig = await bookWithRawServer({ maxInboxBytes: 1000 });
  const { book, peer } = rig;
  await peer.write("1\r\nx");
  assertEquals(await book.read("C"), "x");
  let sent = 0;
  const flood = (async () => {
    for (let i = 0; i < 100; i++) {
      await peer.write(new Uint8Array(1_000_000));
      sent++;
    }
  })().catch(() => {});
  const pause = Promise.withResolvers<void>();
  const timer = setInterval(() => sent === before ? pause.resolve() : before = sent, 100);
  let before = -1;
  await pause.promise;
  clearInterval(timer);
  assert(sent < 100, `${sent} MB were taken`);
  await book.close("C");
  await flood;
});

Deno.test("book: what waits to be sent is bounded", async () => {
  await using rig = await bookWithRawServer({ maxSendQueueBytes: 1000 });
  const { book } = rig;
  // The first is taken whole, and the system does not take it all at once.
  const first = book.write("C", new Uint8Array(20_000_000), { timeout: 30 });
  assertEquals(await book.write("C", "x"), false);
  assertError(book, "LIMIT_REACHED");
  assertEquals(await first, false);
  assertError(book, "TIMED_OUT");
  book.parameter({ closeTimeout: 1 });
});

Deno.test("book: an address that would not be heard is refused, not listened for on all", async () => {
  await using book = new SocketBook();
  const options = { host: "127.0.0.1" } as CreateSocketOptions;
  assertEquals(await book.create("S", 0, options), false);
  assertError(book, "INVALID_ARGUMENT");
  assertMatch(book.lastError!.message, /`host` is `address` here/);
  assertEquals(await book.createUdp("S", 0, "127.0.0.1" as CreateSocketOptions), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.createTls("S", 0, identity("server"), options), false);
  assertError(book, "INVALID_ARGUMENT");
  assertMatch(book.lastError!.message, /`host` is `address` here/);
  const text = "127.0.0.1" as CreateSocketOptions;
  assertEquals(await book.createTls("S", 0, identity("server"), text), false);
  assertMatch(book.lastError!.message, /the address goes into an object/);
  const radio = "00:00:00:00:00:01" as CreateBluetoothOptions;
  assertEquals(await book.createBluetooth("S", "SerialPortServiceClass_UUID", radio), false);
  assertError(book, "INVALID_ARGUMENT");
  assertThrows(
    () => new SocketBook({ throw: true } as SocketBookOptions),
    TypeError,
    "no option `throw`",
  );
});

Deno.test("book: what a call would not hear is refused: WLangage's order of arguments, and unknown options", async () => {
  await using book = new SocketBook();
  await using server = await serveWebSocket({ hostname: "127.0.0.1", default: () => {} });
  assert(await book.create("S", 0, { address: "127.0.0.1" }));
  const port = book.localPort("S");
  assert(await book.connect("C", port, "127.0.0.1"));
  const signal = AbortSignal.timeout(5000);
  for (const options of ["1 s", { timeout: 100, headers: {} }] as unknown as object[]) {
    for (
      const call of [
        () => book.connect("X", port, "127.0.0.1", options),
        () => book.connectTls("X", port, "127.0.0.1", options),
        () =>
          book.connectBluetooth("X", "SerialPortServiceClass_UUID", "00:00:00:00:00:01", options),
        () => book.connectInfrared("X", "service", options),
        () => book.createBluetooth("X", "SerialPortServiceClass_UUID", options),
        () => book.webSocketClientConnect("X", `ws://127.0.0.1:${server.port}`, options),
        () => book.webSocketClientConnectTls("X", `wss://127.0.0.1:${server.port}`, options),
        () => book.waitForConnection("S", options),
        () => book.accept("S", options),
        () => book.read("C", options),
        () => book.write("C", "x", options),
      ]
    ) {
      const ended = await Promise.race([
        call(),
        new Promise((resolve) => signal.addEventListener("abort", () => resolve("waits"))),
      ]);
      assert(ended === false || ended === "", `${call}: ${ended}`);
      assertError(book, "INVALID_ARGUMENT");
    }
  }
  assertEquals(book.names, ["S", "C"]);
});

Deno.test("book: the options of the book are checked", () => {
  for (
    const name of [
      "maxMessageBytes",
      "maxInboxBytes",
      "maxSendQueueBytes",
      "maxSockets",
      "maxPending",
    ]
  ) {
    for (const value of [0, -1, NaN, Infinity, 1000.5]) {
      assertThrows(() => new SocketBook({ [name]: value }), RangeError, name);
    }
  }
  assertThrows(() => new SocketBook({ encoding: "klingon" as "utf8" }), TypeError);
});

// Parameters.

Deno.test("book: parameters are checked, and a bad one changes nothing", async () => {
  await using book = new SocketBook();
  const bad: unknown[] = [
    { nagel: false },
    { nagle: "off" },
    { connectTimeout: -1 },
    { readTimeout: NaN },
    4,
    -1,
    1.5,
  ];
  for (const parameters of bad) {
    assertEquals(book.parameter(parameters as SocketBookParameters), false, String(parameters));
    assertError(book, "INVALID_ARGUMENT");
  }
  assert(book.parameter({ nagle: undefined }));
  assert(book.parameter(SocketBookOption.NAGLE_OFF + SocketBookOption.UNIQUE_ADDRESS));
  assert(book.parameter(0));
});

Deno.test("book: parameters of a connection can be changed while it is there", async () => {
  await using rig = await connectedBook();
  const { book, channel } = rig;
  for (const name of ["C", channel]) {
    assert(book.parameter(name, { nagle: false, keepAlive: true }), book.lastError?.message);
    assert(book.parameter(name, {}));
  }
  assertEquals(book.parameter("C", { readTimeout: 1 } as ConnectionParameters), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(book.parameter("S", { nagle: false }), false);
  assertError(book, "WRONG_KIND");
});

Deno.test("book: parameters of a connection can be changed while it writes", async () => {
  await using rig = await connectedBook();
  const { book } = rig;
  const written = book.write("C", new Uint8Array(16_000_000));
  await new Promise((resolve) => setTimeout(resolve));
  assert(book.parameter("C", { nagle: false }), book.lastError?.message);
  await book.close(rig.channel);
  await written;
});

Deno.test("book: connections are made with the parameters", async () => {
  await using book = new SocketBook();
  book.parameter({ nagle: false, keepAlive: true });
  await book.create("S", 0, { address: "127.0.0.1" });
  await book.connect("C", book.localPort("S"), "127.0.0.1");
  const channel = await book.accept("S");
  const peer = await RawPeer.connect(book.localPort("S"));
  await book.write("C", "x");
  assertEquals(await book.read(channel), "x");
  peer.close();
});

// Proxy.

Deno.test("book: TCP connections go through a SOCKS5 proxy, with user and password, and without again", async () => {
  const asked: string[] = [];
  await using proxy = createSocks5Server({
    authenticate: ({ username, password }) => username === "ann" && password === "secret",
    authorize: ({ hostname, port }) => {
      asked.push(`${hostname}:${port}`);
      return true;
    },
  });
  const { port: proxyPort } = proxy.listen();
  await using book = new SocketBook();
  await book.create("S", 0, { address: "127.0.0.1" });
  const port = book.localPort("S");

  assert(book.proxy("127.0.0.1", proxyPort, "ann", "secret"));
  assert(await book.connect("C", port, "127.0.0.1"), book.lastError?.message);
  await book.write("C", "through the proxy");
  assertEquals(await book.read("S"), "through the proxy");
  assertEquals(asked, [`127.0.0.1:${port}`]);

  assert(book.proxy("127.0.0.1", proxyPort, "ann", "wrong"));
  assertEquals(await book.connect("D", port, "127.0.0.1"), false);
  assertError(book, "PROXY_FAILED");
  assert(!book.lastError!.message.includes("wrong"), "no password in the text");
  assert(book.proxy("127.0.0.1", proxyPort));
  assertEquals(await book.connect("D", port, "127.0.0.1"), false);
  assertError(book, "PROXY_FAILED");

  assert(book.proxy(`socks5://ann:secret@127.0.0.1:${proxyPort}`));
  assert(await book.connect("D", port, "127.0.0.1"), book.lastError?.message);
  assertEquals(asked.length, 2);

  assert(book.proxy(""));
  assert(await book.connect("E", port, "127.0.0.1"));
  assertEquals(asked.length, 2);
});

Deno.test("book: a proxy that can't be one is refused, and the one before stays", async () => {
  await using book = new SocketBook();
  await using silent = await rawServer();
  book.proxy("127.0.0.1", silent.port);
  const bad: [string, number?, string?][] = [
    ["no host"],
    ["127.0.0.1", 0],
    ["127.0.0.1", 70_000],
    ["ftp://127.0.0.1"],
    ["socks5://127.0.0.1", 1080],
    ["socks5://127.0.0.1", undefined, "ann"],
  ];
  for (const args of bad) {
    assertEquals(book.proxy(...args), false, args.join());
    assertError(book, "INVALID_ARGUMENT");
  }
  const connecting = book.connect("C", 80, "example.org");
  const peer = await silent.accept();
  assertEquals(await peer.read(1), new Uint8Array([5]));
  await book.close("C");
  await connecting;
});

// TLS.

/** A book that knows the test certificate as "server", and its TLS server "S". */
async function tlsBook(options?: CreateTlsOptions) {
  const book = new SocketBook({ certificates: { server: identity("server") } });
  const created = await book.createTls("S", 0, "server", { address: "127.0.0.1", ...options });
  assertEquals(created, true, book.lastError?.message);
  const port = book.localPort("S");
  const client: ConnectTlsOptions = { ca: CA, servername: "localhost" };
  return { book, port, client, [Symbol.asyncDispose]: () => book.closeAll() };
}

Deno.test("book: a TLS server and its client write and read", async () => {
  await using rig = await tlsBook();
  const { book, port, client } = rig;
  assert(await book.connectTls("C", port, "localhost", client), book.lastError?.message);
  const channel = await book.accept("S");
  await book.write("C", "secret");
  assertEquals(await book.read(channel), "secret");
  await book.write(channel, "x".repeat(100_000));
  assertEquals((await book.read("C")).length, 100_000);
  assertEquals(book.clientInfo(channel), "127.0.0.1");
  await book.close("C");
  assertEquals(await book.read(channel), "");
  assertError(book, "CLOSED_BY_PEER");
});

Deno.test("book: TLS as a simplified server, and between the versions that are asked for", async () => {
  for (const protocols of [TlsProtocol.TLS1_2, TlsProtocol.TLS1_3]) {
    await using rig = await tlsBook({ protocols });
    const { book, port, client } = rig;
    assert(await book.connectTls("C", port, "localhost", { ...client, protocols }));
    await book.write("C", "hello");
    assertEquals(await book.read("S"), "hello");
    const other = TlsProtocol.TLS1_2 + TlsProtocol.TLS1_3 - protocols;
    const refused = !await book.connectTls("D", port, "localhost", {
      ...client,
      protocols: other,
      timeout: 5000,
    }) || await book.read("D") === "";
    assert(refused);
    assertEquals(book.lastError?.kind, "TLS_FAILED", book.lastError?.message);
  }
});

Deno.test("book: TLS clients check the certificate", async () => {
  await using rig = await tlsBook();
  const { book, port, client } = rig;
  assertEquals(await book.connectTls("C", port, "127.0.0.1", { ca: OTHER_CA }), false);
  assertError(book, "TLS_FAILED");
  assertEquals(
    await book.connectTls("C", port, "127.0.0.1", { ...client, servername: "x.example" }),
    false,
  );
  assertError(book, "TLS_FAILED");
  assertEquals(book.exists("C"), false);
});

Deno.test("book: TLS servers may ask for a client certificate", async () => {
  await using rig = await tlsBook({ requestCert: true, ca: CA });
  const { book, port, client } = rig;
  const without = await book.connectTls("D", port, "localhost", client) && await book.read("D");
  assert(!without);
  assertEquals(await book.waitForConnection("S", 0), false, "it was never offered");
  const certificate = identity("client");
  assert(await book.connectTls("C", port, "localhost", { ...client, certificate }));
  const channel = await book.accept("S", 5000);
  await book.write("C", "it is me");
  assertEquals(await book.read(channel), "it is me");
});

Deno.test("book: a client that says no TLS, or nothing, holds up nobody else", async () => {
  await using rig = await tlsBook();
  const { book, port, client } = rig;
  using _silent = await RawPeer.connect(port);
  using wrong = await RawPeer.connect(port);
  await wrong.write("GET / HTTP/1.1\r\n\r\n");
  assert(await book.connectTls("C", port, "localhost", client), book.lastError?.message);
  assertNotEquals(await book.accept("S"), "");
  assertEquals(await book.waitForConnection("S", 0), false);
  await wrong.readAll().catch(() => {});
});

Deno.test("book: silent TLS clients are dropped after a time, and their place is free", async () => {
  await using book = new SocketBook({ maxPending: 1 });
  await book.createTls("S", 0, identity("server"), { address: "127.0.0.1" });
  book.parameter({ handshakeTimeout: 30 });
  using silent = await RawPeer.connect(book.localPort("S"));
  await silent.readAll();
  book.parameter({ handshakeTimeout: 10_000 });
  assert(
    await book.connectTls("C", book.localPort("S"), "localhost", { ca: CA }),
    book.lastError?.message,
  );
});

Deno.test("book: createTls fails for certificates and protocols that are no good", async () => {
  await using book = new SocketBook();
  const { cert, key } = identity("server");
  const bad: [TlsIdentity | string, CreateTlsOptions?][] = [
    ["unknown"],
    [{ cert: "nonsense", key }],
    [{ cert, key: "nonsense" }],
    [{ cert, key: identity("client").key }],
    [{ cert, key }, { protocols: TlsProtocol.SSL3 + TlsProtocol.TLS1 }],
    [{ cert, key }, { nonsense: true } as CreateTlsOptions],
  ];
  for (const [certificate, options] of bad) {
    assertEquals(await book.createTls("S", 0, certificate, options), false);
    assertError(book, "INVALID_ARGUMENT");
  }
  assertEquals(await book.connectTls("C", 9, "localhost", { protocols: TlsProtocol.SSL2 }), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.connectTls("C", 9, "localhost", { certificate: "unknown" }), false);
  assertError(book, "INVALID_ARGUMENT");
  assert(
    await book.createTls("S", 0, { cert, key: LOCKED_KEY, passphrase: "open-sesame" }),
    book.lastError?.message,
  );
});

Deno.test("book: TLS goes through a proxy, too, and is checked for the target's name", async () => {
  await using proxy = createSocks5Server();
  const { port: proxyPort } = proxy.listen();
  await using rig = await tlsBook();
  const { book, port, client } = rig;
  book.proxy("127.0.0.1", proxyPort);
  assert(await book.connectTls("C", port, "localhost", client), book.lastError?.message);
  await book.write("C", "hello");
  assertEquals(await book.read("S"), "hello");
});

// WebSockets.

/** An echo server that says which subprotocol and path it was asked for. */
function echoWebSockets(options: Partial<ServeWebSocketOptions> = {}): Promise<WebSocketServer> {
  const echo = (ws: WebSocketConnection): void => void ws.on("message", (data) => ws.send(data));
  return serveWebSocket({
    hostname: "127.0.0.1",
    protocols: { echo },
    default: (ws) => ws.send(new URL(ws.request!.url).pathname),
    ...options,
  });
}

Deno.test("book: a WebSocket client writes, reads, tells its server, and closes", async () => {
  await using server = await echoWebSockets();
  await using book = new SocketBook();
  const options = { port: server.port, protocols: "other, echo" };
  assert(await book.webSocketClientConnect("W", "127.0.0.1", options), book.lastError?.message);
  assert(book.exists("W"));
  assertEquals(book.clientInfo("W"), "127.0.0.1");
  assertEquals(book.clientInfo("W", ClientInfo.PORT), String(server.port));
  await book.write("W", "é");
  assertEquals(await book.read("W"), "é");
  await book.write("W", "é");
  assertEquals(await book.read("W", { bytes: true }), new Uint8Array([0xc3, 0xa9]));
  await book.write("W", new Uint8Array([0xe9]));
  assertEquals(await book.read("W", { encoding: "latin1" }), "é");
  assert(await book.write("W", new ByteBuffer().writeString("ab")), book.lastError?.message);
  assertEquals(await book.read("W", { bytes: true }), new Uint8Array([2, 97, 98]));
  assertEquals(await book.read("W", { timeout: 5 }), "");
  assertError(book, undefined);
  assertEquals(book.changeTransmissionMode("W", END_MARKER), false);
  assertError(book, "WRONG_KIND");
  assert(book.changeTransmissionMode("W", NO_MARKER));
  assert(await book.close("W"));
});

Deno.test("book: a WebSocket is found by its path, or by its whole URL", async () => {
  await using server = await echoWebSockets();
  await using book = new SocketBook();
  const url = `ws://127.0.0.1:${server.port}/by/url`;
  assert(await book.webSocketClientConnect("A", url));
  assertEquals(await book.read("A"), "/by/url");
  const options = { port: server.port, path: "MonProjetServeurWebSocket" };
  assert(await book.webSocketClientConnect("B", "127.0.0.1", options));
  assertEquals(await book.read("B"), "/MonProjetServeurWebSocket");
});

Deno.test("book: a WebSocket that its server ends has error 100031", async () => {
  await using server = await echoWebSockets({ default: (ws) => void ws.close(1000, "bye") });
  await using book = new SocketBook();
  await book.webSocketClientConnect("W", `ws://127.0.0.1:${server.port}/`);
  assertEquals(await book.read("W"), "");
  assertEquals(book.lastError?.code, 100031);
  assertEquals(await book.write("W", "x"), false);
  assertEquals(book.lastError?.code, 100031);
  assert(book.exists("W"));
});

Deno.test("book: a WebSocket with a callback", async () => {
  await using server = await echoWebSockets();
  await using book = new SocketBook();
  const events: string[] = [];
  const closed = Promise.withResolvers<void>();
  const made = book.webSocketClientConnect("W", "127.0.0.1", {
    port: server.port,
    protocols: ["echo"],
    callback: async (event, message) => {
      events.push(`${event} ${message}`);
      if (event === SocketBookEvent.OPENING) await book.write("W", "hello");
      if (event === SocketBookEvent.MESSAGE) await book.close("W");
      if (event === SocketBookEvent.CLOSING) closed.resolve();
    },
  });
  assert(await made);
  assertEquals(await book.read("W"), "");
  assertEquals(book.lastError?.kind, "WRONG_KIND");
  await closed.promise;
  const { OPENING, MESSAGE, CLOSING } = SocketBookEvent;
  assertEquals(events, [`${OPENING} `, `${MESSAGE} hello`, `${CLOSING} `]);
});

Deno.test("book: a WebSocket's callback gets the error when it can't be opened", async () => {
  await using book = new SocketBook();
  const events: SocketBookEvent[] = [];
  const server = await rawServer();
  await server[Symbol.asyncDispose]();
  const made = await book.webSocketClientConnect("W", "127.0.0.1", {
    port: server.port,
    callback: (event) => {
      events.push(event);
      throw new Error("mine");
    },
  });
  assertEquals(made, false);
  assertEquals(book.lastErrorOf("W")?.kind, "CONNECT_FAILED");
  assertEquals(events, [SocketBookEvent.ERROR]);
});

Deno.test("book: a WebSocket's callback that throws ends its connection, and is told", async () => {
  const closed = Promise.withResolvers<number>();
  await using server = await echoWebSockets({
    default: async (ws) => closed.resolve((await ws.closed).code),
  });
  await using book = new SocketBook();
  await book.webSocketClientConnect("W", "127.0.0.1", {
    port: server.port,
    callback: (event) => {
      if (event === SocketBookEvent.OPENING) throw new Error("mine");
    },
  });
  assertEquals(await closed.promise, 1011);
  const error = book.lastErrorOf("W");
  assertEquals([error?.kind, (error?.cause as Error).message], ["CALLBACK_FAILED", "mine"]);
});

Deno.test("book: a WebSocket can't be opened where there is none, and gives up in time", async () => {
  await using silent = await rawServer();
  await using book = new SocketBook();
  const { port } = silent;
  assertEquals(await book.webSocketClientConnect("W", "127.0.0.1", { port, timeout: 20 }), false);
  assertError(book, "TIMED_OUT");
  const secret = `ws://ann:s3cret@127.0.0.1:${port}/x?token=s3cret`;
  assertEquals(await book.webSocketClientConnect("W", secret, { timeout: 20 }), false);
  const text = `Cannot connect to "ws://127.0.0.1:${port}": timed out after 20 ms (socket "W")`;
  assertEquals(book.lastError?.message, text);
  const opening = book.webSocketClientConnect("W", "127.0.0.1", { port });
  for (let i = 0; i < 3; i++) {
    using peer = await silent.accept();
    if (i === 2) {
      await peer.readUntil("\r\n\r\n");
      await peer.write("HTTP/1.1 404 Not Found\r\n\r\n");
      assertEquals(await opening, false);
    }
  }
  assertError(book, "CONNECT_FAILED");
  assertEquals(await book.webSocketClientConnect("W", "wss://127.0.0.1/"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.webSocketClientConnect("W", "a", { protocols: "a b" }), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(book.names, []);
});

Deno.test("book: a WebSocket with TLS checks the certificate", async () => {
  await using server = await echoWebSockets({ tls: identity("server") });
  await using book = new SocketBook();
  const options = { port: server.port, path: "/secret", ca: CA };
  assert(
    await book.webSocketClientConnectTls("W", "localhost", options),
    book.lastError?.message,
  );
  assertEquals(await book.read("W"), "/secret");
  assert(
    await book.webSocketClientConnectTls("V", `wss://localhost:${server.port}/url`, {
      ca: CA,
      tlsProtocols: TlsProtocol.TLS1_2,
    }),
    book.lastError?.message,
  );
  assertEquals(await book.read("V"), "/url");
  assertEquals(
    await book.webSocketClientConnectTls("X", "localhost", { port: server.port }),
    false,
  );
  assertError(book, "TLS_FAILED");
});

Deno.test("book: WebSockets go through the proxy", async () => {
  const asked: number[] = [];
  await using proxy = createSocks5Server({
    authorize: ({ port }) => {
      asked.push(port);
      return true;
    },
  });
  const { port: proxyPort } = proxy.listen();
  await using server = await echoWebSockets();
  await using book = new SocketBook();
  book.proxy("127.0.0.1", proxyPort);
  assert(await book.webSocketClientConnect("W", "127.0.0.1", { port: server.port, path: "/x" }));
  assertEquals(await book.read("W"), "/x");
  assertEquals(asked, [server.port]);
});

// Infrared, and Bluetooth where there is none.

Deno.test("book: infrared says what the system lacks", async () => {
  await using book = new SocketBook();
  assertEquals(await book.connectInfrared("C", "IrDA:TinyTP"), false);
  // A kernel that has it has nobody in sight.
  assert(["UNSUPPORTED", "CONNECT_FAILED"].includes(book.lastError!.kind), book.lastError?.message);
  if (book.lastError!.kind === "CONNECT_FAILED") return;
  assertMatch(book.lastError!.message, /EAFNOSUPPORT|C library/);
  assertEquals(await book.createInfrared("S", "IrDA:TinyTP"), false);
  assertError(book, "UNSUPPORTED");
  assertEquals(await book.connectInfrared("C", ""), false);
  assertError(book, "INVALID_ARGUMENT");
});

Deno.test("book: Bluetooth refuses what can't be a device or a service", async () => {
  await using book = new SocketBook();
  assertEquals(await book.connectBluetooth("C", "SerialPortServiceClass_UUID", "nowhere"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.connectBluetooth("C", "no service", "00:1A:7D:DA:71:13"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.createBluetooth("S", "no service"), false);
  assertError(book, "INVALID_ARGUMENT");
  assertEquals(await book.createBluetooth("S", "SerialPort", { channel: 31 }), false);
  assertError(book, "INVALID_ARGUMENT");
});

Deno.test({
  name: "book: Bluetooth says what the system lacks",
  ignore: hasFamily(AF_BLUETOOTH, BTPROTO_RFCOMM),
  fn: async () => {
    await using book = new SocketBook();
    assertEquals(await book.connectBluetooth("C", "SerialPort", "00:1A:7D:DA:71:13"), false);
    assertError(book, "UNSUPPORTED");
    assertEquals(await book.createBluetooth("S", "SerialPort"), false);
    assertError(book, "UNSUPPORTED");
  },
});
