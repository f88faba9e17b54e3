import { assert, assertEquals, assertMatch, assertRejects, assertThrows } from "@std/assert";
import { ByteBuffer } from "../../buffer/byte_buffer.ts";
import { NetError } from "../../net/errors.ts";
import { parseProxyUrl } from "../../net/proxy_url.ts";
import { createSecureServer } from "../../net/secure_server.ts";
import { createSocks5Server } from "../../net/socks5_server.ts";
import { EventWebSocket } from "../../socket/event_web_socket.ts";
import { SimpleSocket, type SimpleSocketOptions } from "../../socket/simple_socket.ts";
import { SocketBook } from "../../socket/socket_book.ts";
import { SyncWebSocket } from "../../socket/sync_web_socket.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { CA, identity } from "../_support/certs.ts";
import { microtasks } from "../_support/microtasks.ts";
import { echoServer, rawServer } from "../_support/raw_peer.ts";
import { reported } from "../_support/console_errors.ts";
import { assertShown } from "../_support/shown.ts";

/** A socket whose handlers write down what happens. */
function recorded(options?: SimpleSocketOptions) {
  const log: string[] = [];
  const closed = Promise.withResolvers<void>();
  const failed = Promise.withResolvers<Error>();
  let text = "";
  let enough: { length: number; done(): void } | undefined;
  const socket = new SimpleSocket(options);
  socket.onconnect(() => log.push("connect"));
  socket.ondata((data) => {
    text += data;
    if (enough && text.length >= enough.length) enough.done();
  });
  socket.onclose(() => {
    log.push("close");
    closed.resolve();
  });
  socket.onerror((error) => {
    log.push("error");
    failed.resolve(error);
  });
  return {
    socket,
    log,
    closed: closed.promise,
    failed: failed.promise,
    /** Resolves to all that came, once it is so long. */
    data: (length: number) =>
      new Promise<string>((resolve) => {
        enough = { length, done: () => resolve(text) };
        if (text.length >= length) resolve(text);
      }),
  };
}

Deno.test("simple socket connects, writes, reads and closes, by handlers alone", async () => {
  await using server = await echoServer();
  const { socket, log, data, closed } = recorded();
  assertEquals(socket.connected(), false);
  socket.onconnect(() => {
    log.push(`connected ${socket.connected()}`);
    socket.write("hello");
  });
  socket.connect("127.0.0.1", server.port);
  assertEquals(socket.connected(), false);
  assertEquals(await data(5), "hello");
  socket.close();
  assertEquals(socket.connected(), false);
  await closed;
  assertEquals(log, ["connected true", "close"]);
});

Deno.test("simple socket: connect, write and close can be awaited", async () => {
  await using server = await echoServer();
  const { socket, data } = recorded();
  await socket.connect("localhost", server.port);
  assert(socket.connected());
  assertEquals(socket.connection?.remotePort, server.port);
  await socket.write("a");
  await socket.write(new Uint8Array([98]));
  await socket.write(new ByteBuffer().writeLine("c"));
  assertEquals(await data(4), "abc\n");
  await socket.close();
  assert(!socket.connected());
  assertEquals(socket.connection, null);
});

Deno.test("simple socket sends what was written before the connection was there", async () => {
  await using server = await echoServer();
  const { socket, data } = recorded();
  const connecting = socket.connect("127.0.0.1", server.port);
  const written = socket.write("early");
  await connecting;
  await written;
  assertEquals(await data(5), "early");
  await socket.close();
});

Deno.test("simple socket writes text in its encoding and puts split characters together", async () => {
  await using server = await rawServer();
  await using socket = new SimpleSocket({ encoding: "utf8" });
  const texts: string[] = [];
  const done = Promise.withResolvers<void>();
  socket.ontext((text) => {
    texts.push(text);
    if (texts.join("").endsWith("!")) done.resolve();
  });
  await socket.connect("127.0.0.1", server.port);
  const peer = await server.accept();
  await socket.write("é");
  assertEquals(await peer.read(2), new Uint8Array([0xc3, 0xa9]));
  for (const byte of new TextEncoder().encode("1 € = 🙂!")) await peer.write(Uint8Array.of(byte));
  await done.promise;
  assertEquals(texts.join(""), "1 € = 🙂!");
  peer.close();

  await using latin = new SimpleSocket({ encoding: "latin1" });
  await latin.connect("127.0.0.1", server.port);
  using second = await server.accept();
  await latin.write("é");
  assertEquals(await second.read(1), new Uint8Array([0xe9]));
  assertThrows(() => new SimpleSocket({ encoding: "ebcdic" as "utf8" }), TypeError, "ebcdic");
});

Deno.test("simple socket refuses options that it does not have", () => {
  for (const [name, text] of [["ssl", "is `tls` here"], ["TLS", "no option `TLS`, but `tls`"]]) {
    assertThrows(() => new SimpleSocket({ [name]: true }), TypeError, text);
  }
});

Deno.test("simple socket gives an unfinished character at the end of the stream", async () => {
  await using server = await rawServer();
  const socket = new SimpleSocket();
  let text = "";
  const closed = Promise.withResolvers<void>();
  socket.ontext((part) => text += part).onclose(() => closed.resolve());
  await socket.connect("127.0.0.1", server.port);
  const peer = await server.accept();
  await peer.write(new Uint8Array([0x61, 0xe2, 0x82]));
  peer.close();
  await closed.promise;
  assertEquals(text, "a\ufffd");
});

Deno.test("simple socket tells a failure to onerror, once, and rejects the promise", async () => {
  const port = await unusedPort();
  const { socket, log, failed } = recorded();
  // Nobody awaits this one: it must not end the program.
  socket.connect("127.0.0.1", port);
  assertEquals((await failed as NetError).code, "ECONNREFUSED");
  assertEquals(log, ["error"]);
  const misspelt: object = { timeOut: 1 };
  const none = () => new SimpleSocket().connect("127.0.0.1", port, misspelt);
  await assertRejects(none, TypeError, "no option `timeOut`, but `timeout`");
  const silent = new SimpleSocket();
  const error = await assertRejects(() => silent.connect("127.0.0.1", port), NetError);
  assertEquals(error.code, "ECONNREFUSED");
  assertEquals(silent.connected(), false);
});

Deno.test("simple socket: a host or a port that can't be is told like any failure", async () => {
  const { socket, failed } = recorded();
  await assertRejects(() => socket.connect("127.0.0.1", 70_000), RangeError);
  assertMatch((await failed).message, /port 70000/);
  await assertRejects(() => new SimpleSocket().connect("bad\0host", 80));
});

Deno.test("simple socket: options of connect that would not be heard are told like any failure", async () => {
  for (const options of [500, { timeOut: 500 }] as object[]) {
    const { socket, log, failed } = recorded();
    await assertRejects(() => socket.connect("127.0.0.1", 1, options), TypeError, "Cannot connect");
    assert(await failed instanceof TypeError);
    assertEquals([socket.connected(), log], [false, ["error"]]);
  }
});

Deno.test("simple socket gives up at its deadline or at the signal", async () => {
  // A server whose queue is full takes no connection; the same is had at once by a signal that has fired.
  const { socket, log, failed } = recorded();
  const controller = new AbortController();
  const connecting = socket.connect("127.0.0.1", 9, { signal: controller.signal });
  controller.abort();
  const error = await assertRejects(() => connecting, NetError);
  assert(["ABORT_ERR", "ECONNREFUSED"].includes(error.code));
  await failed;
  assertEquals(log, ["error"]);
});

Deno.test("simple socket refuses to connect twice", async () => {
  await using server = await echoServer();
  const { socket, log } = recorded();
  const first = socket.connect("127.0.0.1", server.port);
  const error = await assertRejects(() => socket.connect("127.0.0.1", server.port), NetError);
  assertEquals(error.code, "EISCONN");
  await first;
  await assertRejects(() => socket.connect("127.0.0.1", server.port), NetError);
  assert(socket.connected());
  await socket.close();
  assertEquals(log, ["error", "connect", "error", "close"]);
});

Deno.test("simple socket can be connected again after close, and after a failure", async () => {
  await using server = await echoServer();
  const port = await unusedPort();
  const { socket, log, data } = recorded();
  await assertRejects(() => socket.connect("127.0.0.1", port), NetError);
  for (let i = 0; i < 2; i++) {
    await socket.connect("127.0.0.1", server.port);
    await socket.write("x");
    await data(i + 1);
    await socket.close();
  }
  assertEquals(log, ["error", "connect", "close", "connect", "close"]);
});

Deno.test("simple socket: onerror can connect again when connecting failed", async () => {
  await using server = await echoServer();
  const socket = new SimpleSocket();
  const codes: unknown[] = [];
  const connected = Promise.withResolvers<void>();
  socket.onconnect(connected.resolve);
  socket.onerror((error) => {
    codes.push((error as NetError).code);
    if (codes.length < 3) socket.connect("127.0.0.1", codes.length < 2 ? 1 : server.port);
  });
  socket.connect("127.0.0.1", 70_000);
  assertEquals(codes, []);
  await connected.promise;
  assertEquals(codes, ["ERR_SOCKET_BAD_PORT", "ECONNREFUSED"]);
  await socket.close();
});

Deno.test("simple socket: close while connecting gives up without an error", async () => {
  await using server = await echoServer();
  const { socket, log } = recorded();
  const connecting = socket.connect("127.0.0.1", server.port);
  await socket.close();
  await assertRejects(() => connecting, NetError, "closed");
  assertEquals(log, []);
  await socket.connect("127.0.0.1", server.port);
  await socket.close();
  assertEquals(log, ["connect", "close"]);
});

Deno.test("simple socket: closing what is closed does nothing", async () => {
  const socket = new SimpleSocket();
  await socket.close();
  await socket.close();
});

Deno.test("simple socket sends what is queued before it closes", async () => {
  await using server = await rawServer();
  const socket = new SimpleSocket();
  await socket.connect("127.0.0.1", server.port);
  using peer = await server.accept();
  socket.write(new Uint8Array(300_000));
  const closing = socket.close();
  assertEquals((await peer.readAll()).length, 300_000);
  await closing;
});

Deno.test("simple socket: a write after close is refused, and what was queued before is sent", async () => {
  await using server = await rawServer();
  const { socket, failed, log } = recorded();
  await socket.connect("127.0.0.1", server.port);
  using peer = await server.accept();
  const written = socket.write(new Uint8Array(8_000_000));
  const closing = socket.close();
  const error = await assertRejects(() => socket.write("late"), NetError);
  assertEquals([error.code, await failed], ["ENOTCONN", error]);
  assertEquals((await peer.readAll()).length, 8_000_000);
  peer.close();
  await Promise.all([written, closing]);
  assertEquals(log, ["connect", "error", "close"]);
});

Deno.test("simple socket closes within its time although the peer does not read", async () => {
  await using server = await rawServer();
  const socket = new SimpleSocket({ closeTimeout: 50 });
  await socket.connect("127.0.0.1", server.port);
  using _peer = await server.accept();
  const written = socket.write(new Uint8Array(10_000_000));
  await socket.close();
  await assertRejects(() => written);
});

Deno.test("simple socket: onclose is called when the peer hangs up", async () => {
  await using server = await rawServer();
  const { socket, log, closed, data } = recorded();
  await socket.connect("127.0.0.1", server.port);
  const peer = await server.accept();
  await peer.write("bye");
  peer.close();
  await closed;
  assertEquals(await data(3), "bye");
  assertEquals(log, ["connect", "close"]);
  const error = await assertRejects(() => socket.write("late"), NetError);
  assertEquals(error.code, "ENOTCONN");
  assertEquals(log, ["connect", "close", "error"]);
});

Deno.test("simple socket: a handler that throws ends its own connection", async () => {
  await using server = await echoServer();
  const handlers: ((socket: SimpleSocket) => void)[] = [
    (socket) => {
      socket.onconnect(() => {
        throw new Error("mine");
      });
    },
    (socket) => {
      socket.onconnect(() => socket.write("x"));
      socket.ondata(() => Promise.reject(new Error("mine")));
    },
    (socket) => {
      socket.onconnect(() => socket.write("x"));
      socket.ondata(() => foreignRejection(new Error("mine")));
    },
    (socket) => {
      socket.onconnect(() => socket.write("x"));
      socket.ontext(() => {
        throw "mine";
      });
    },
  ];
  for (const set of handlers) {
    const { socket, failed, closed } = recorded();
    set(socket);
    await socket.connect("127.0.0.1", server.port);
    assertEquals((await failed).message, "mine");
    await closed;
  }
  const { socket, failed } = recorded();
  socket.onclose(() => {
    throw new Error("in onclose");
  });
  await socket.connect("127.0.0.1", server.port);
  await socket.close();
  assertEquals((await failed).message, "in onclose");
});

Deno.test("simple socket: a handler may throw what has no text", async () => {
  await using server = await echoServer();
  const thrown = Object.create(null);
  for (
    const fail of [() => Promise.reject(thrown), () => {
      throw thrown;
    }]
  ) {
    const failed = Promise.withResolvers<Error>();
    const socket = new SimpleSocket().onconnect(fail).onerror((error) => failed.resolve(error));
    await socket.connect("127.0.0.1", server.port);
    assertEquals((await failed.promise).message, "what was thrown has no text");
    await socket.close();
  }
});

Deno.test("simple socket: an onerror handler that throws is written to the console", async () => {
  const port = await unusedPort();
  const thrown = new Error("in onerror");
  const written = await reported(async () => {
    const socket = new SimpleSocket();
    socket.onerror(() => {
      throw thrown;
    });
    await assertRejects(() => socket.connect("127.0.0.1", port));
    socket.onerror(() => Promise.reject(thrown));
    await assertRejects(() => socket.write("x"));
    socket.onerror(() => foreignRejection(thrown));
    await assertRejects(() => socket.write("x"));
    await microtasks();
  });
  assertEquals(written, [thrown, thrown, thrown]);
});

Deno.test("simple socket: a handler is replaced by the next one, and taken off by null", async () => {
  await using server = await echoServer();
  const { socket, log } = recorded();
  socket.onconnect(() => log.push("second"));
  socket.onclose(null);
  await socket.connect("127.0.0.1", server.port);
  await socket.close();
  assertEquals(log, ["second"]);
});

Deno.test("simple socket bounds what is queued for sending", async () => {
  await using server = await rawServer();
  const { socket, failed, closed } = recorded({ maxSendQueueBytes: 100_000 });
  await socket.connect("127.0.0.1", server.port);
  using _peer = await server.accept();
  for (let i = 0; i < 3; i++) socket.write(new Uint8Array(20_000_000));
  assertEquals((await failed as NetError).code, "ERR_BUFFER_LIMIT");
  await closed;
});

Deno.test("simple socket takes a write limit of any size, and refuses what is none at once", async () => {
  await using server = await rawServer();
  const { socket, failed, closed } = recorded({ maxSendQueueBytes: 1500 });
  await socket.connect("127.0.0.1", server.port);
  using _peer = await server.accept();
  for (let i = 0; i < 3; i++) socket.write(new Uint8Array(1000));
  assertEquals((await failed as NetError).code, "ERR_BUFFER_LIMIT");
  await closed;
  for (const maxSendQueueBytes of [-1, NaN]) {
    assertThrows(() => new SimpleSocket({ maxSendQueueBytes }), RangeError, "write limit");
  }
});

Deno.test("simple socket refuses times that no timer can hold at once", () => {
  for (const time of [-1, NaN, 2 ** 31]) {
    assertThrows(() => new SimpleSocket({ connectTimeout: time }), RangeError, "connect");
    assertThrows(() => new SimpleSocket({ closeTimeout: time }), RangeError, "close");
  }
});

Deno.test("simple socket refuses data that is neither text nor bytes", async () => {
  await using server = await echoServer();
  await using socket = new SimpleSocket();
  await socket.connect("127.0.0.1", server.port);
  assertThrows(() => socket.write(42 as unknown as string), TypeError, "Cannot write");
});

Deno.test("simple socket speaks TLS, and checks the certificate", async () => {
  await using server = createSecureServer(identity("server"), (peer) => peer.pipe(peer));
  await server.listen(0, "127.0.0.1");
  const { socket, data } = recorded({ tls: { ca: CA } });
  await socket.connect("localhost", server.port);
  await socket.write("secret");
  assertEquals(await data(6), "secret");
  await socket.close();
  const { socket: strict, failed } = recorded({ tls: true });
  await assertRejects(() => strict.connect("localhost", server.port), NetError);
  assertEquals((await failed as NetError).code, "ERR_TLS_CERT");
});

Deno.test("simple socket goes through a proxy", async () => {
  await using server = await echoServer();
  await using proxy = createSocks5Server();
  const { port } = proxy.listen();
  const url = parseProxyUrl(`socks5://127.0.0.1:${port}`);
  const { socket, data } = recorded({ proxy: url });
  await socket.connect("127.0.0.1", server.port);
  assertEquals(proxy.connections, 1);
  await socket.write("x");
  assertEquals(await data(1), "x");
  await socket.close();
});

Deno.test("simple socket gets what comes together with a proxy's answer", async () => {
  await using proxy = await rawServer();
  const { socket, data, log, closed } = recorded({ proxy: `http://127.0.0.1:${proxy.port}` });
  const connecting = socket.connect("127.0.0.1", 9);
  const peer = await proxy.accept();
  await peer.readUntil("\r\n\r\n");
  await peer.write("HTTP/1.1 200 OK\r\n\r\nWelcome");
  await peer.closeWrite();
  await connecting;
  await closed;
  assertEquals(await data(0), "Welcome");
  assertEquals(log, ["connect", "close"]);
});

/** A port that nobody listens on. */
async function unusedPort(): Promise<number> {
  const server = await rawServer();
  const { port } = server;
  await server[Symbol.asyncDispose]();
  return port;
}

Deno.test("simple socket: closed as soon as its connection is there", async () => {
  await using server = await echoServer();
  const { socket, log } = recorded();
  const connecting = socket.connect("127.0.0.1", server.port);
  // Before `connect` has heard of it.
  const closing = socket.connection!.opened.then(() => socket.close());
  const { code } = await assertRejects(() => connecting, NetError);
  await closing;
  assertEquals([code, socket.connected(), socket.connection], ["ERR_SOCKET_CLOSED", false, null]);
  assertEquals(log, []);
});

Deno.test("simple sockets, books and Lua's WebSockets are shown by what one wants to know", async () => {
  const server = await echoServer();
  const socket = new SimpleSocket();
  assertShown(socket, 'SimpleSocket { state: "idle", encoding: "utf8" }');
  await socket.connect("127.0.0.1", server.port);
  const { localPort } = socket.connection!;
  assertShown(
    socket,
    `SimpleSocket {
  state: "open",
  encoding: "utf8",
  localAddr: { hostname: "127.0.0.1", port: ${localPort}, transport: "tcp" },
  remoteAddr: { hostname: "127.0.0.1", port: ${server.port}, transport: "tcp" }
}`,
  );
  await socket.close();
  assertShown(socket, 'SimpleSocket { state: "idle", encoding: "utf8" }');

  const book = new SocketBook();
  assertShown(book, "SocketBook { names: [] }");
  await book.connect("A", server.port, "127.0.0.1");
  assertShown(book, 'SocketBook { names: [ "A" ] }');
  assertEquals(await book.write("B", "hello"), false);
  assertShown(
    book,
    `SocketBook { names: [ "A" ], lastError: ${Deno.inspect(book.lastError!.message)} }`,
  );
  await book[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  assertShown(new SyncWebSocket(), 'SyncWebSocket { state: "CLOSED" }');
  assertShown(new EventWebSocket(), 'EventWebSocket { state: "CLOSED" }');
  for (const Class of [SimpleSocket, SyncWebSocket, EventWebSocket]) {
    assertShown(Class.prototype, `${Class.name} {}`);
  }
});
