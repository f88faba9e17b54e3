import { assert, assertEquals, assertThrows } from "@std/assert";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { writeAll } from "../../net/write_all.ts";
import { joined, toBytes } from "../_support/websocket_rig.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { serve, until, urlOf } from "../_support/websocket_server.ts";
import { acceptKey } from "../../websocket/_tools.ts";
import { StandardWebSocket } from "../../websocket/standard_web_socket.ts";

function event<K extends "open" | "message" | "error" | "close">(
  ws: StandardWebSocket,
  type: K,
): Promise<Event & Partial<MessageEvent & CloseEvent>> {
  return new Promise((resolve) => ws.addEventListener(type, resolve as () => void, { once: true }));
}

Deno.test("standard WebSocket opens, echoes and closes as the browser's does", async () => {
  await using server = await serve({
    protocols: { echo: (ws) => void ws.on("message", (data) => ws.send(data)) },
  });
  const ws = new StandardWebSocket(urlOf(server, "/x"), ["other", "echo"]);
  assertEquals([ws.readyState, ws.url, ws.protocol, ws.binaryType], [
    0,
    urlOf(server, "/x"),
    "",
    "blob",
  ]);
  assertThrows(() => ws.send("x"), DOMException);
  await event(ws, "open");
  assertEquals([ws.readyState, ws.protocol, ws.extensions], [StandardWebSocket.OPEN, "echo", ""]);
  ws.send("text");
  assertEquals((await event(ws, "message")).data, "text");
  ws.send(new Uint8Array([1, 2]));
  const blob = (await event(ws, "message")).data;
  assert(blob instanceof Blob);
  assertEquals(await blob.bytes(), new Uint8Array([1, 2]));
  ws.binaryType = "arraybuffer";
  ws.binaryType = "blob";
  assertEquals(ws.binaryType, "blob");
  ws.binaryType = "arraybuffer";
  ws.binaryType = "nonsense" as "blob";
  assertEquals(ws.binaryType, "arraybuffer");
  for (const data of [new Uint8Array([3]).buffer, new Blob([new Uint8Array([3])])]) {
    ws.send(data);
    const message = await event(ws, "message");
    assertEquals(message.data, new Uint8Array([3]).buffer);
    assertEquals(message.origin, new URL(urlOf(server)).origin);
  }
  ws.send(5 as unknown as string);
  assertEquals((await event(ws, "message")).data, "5");
  const closing = event(ws, "close");
  ws.close(3000, "done");
  assertEquals(ws.readyState, 2);
  ws.send("dropped");
  assertEquals(ws.bufferedAmount >= 7, true);
  ws.close();
  const { code, reason, wasClean } = await closing;
  assertEquals([code, reason, wasClean, ws.readyState], [3000, "done", true, 3]);
});

Deno.test("standard WebSocket's events come one in a turn: who awaits one can listen for the next", async () => {
  const goOn = Promise.withResolvers<void>();
  await using server = await serve({
    default: async (ws) => {
      for (const text of ["with", "the", "handshake"]) ws.send(text);
      if (new URL(ws.url).pathname === "/") {
        await goOn.promise;
        for (const text of ["in", "one", "write"]) ws.send(text);
      }
      ws.close(4000);
    },
  });
  for (const path of ["/", "/end"]) {
    const ws = new StandardWebSocket(urlOf(server, path));
    const log: unknown[] = [];
    const next = async (type: "open" | "message" | "close") => {
      const { data, code } = await event(ws, type);
      log.push(data ?? code ?? type);
    };
    await next("open");
    for (let i = 0; i < 3; i++) await next("message");
    goOn.resolve();
    if (path === "/") { for (let i = 0; i < 3; i++) await next("message"); }
    assertEquals(
      log,
      ["open", "with", "the", "handshake", "in", "one", "write"].slice(0, log.length),
    );
    await next("close");
    assertEquals([log.length, log.at(-1)], [path === "/" ? 8 : 5, 4000]);
  }
});

/** A standard WebSocket that is open, and the far end of its transport. */
async function overPair(): Promise<[ws: StandardWebSocket, far: Transport]> {
  const [near, far] = pair();
  const ws = new StandardWebSocket("ws://h", [], { transport: near });
  const buffer = new Uint8Array(4096);
  const request = new TextDecoder().decode(buffer.subarray(0, (await far.read(buffer))!));
  const key = /sec-websocket-key: (.*)\r/i.exec(request)![1];
  await far.write(toBytes(
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
      `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
  ));
  await event(ws, "open");
  return [ws, far];
}

Deno.test("standard WebSocket tells all that came before the peer was lost, though its answers fail", async () => {
  const [ws, far] = await overPair();
  const log: unknown[] = [];
  ws.onmessage = ({ data }) => {
    log.push(data);
    ws.send("answer");
  };
  const frames = ["1", "2", "3", "4"].map((text) => encodeFrame(toBytes(text), { opcode: 1 }));
  await far.write(joined(...frames));
  far.close();
  const { code } = await event(ws, "close");
  assertEquals([...log, code], ["1", "2", "3", "4", 1006]);
});

Deno.test("standard WebSocket holds back a server that sends faster than it tells", async () => {
  const [ws, far] = await overPair();
  const frame = encodeFrame(new Uint8Array(1000), { opcode: 2 });
  let written = 0;
  const writing = (async () => {
    for (; written < 4000; written++) {
      await writeAll(far, frame);
    }
  })();
  let told = 0;
  let most = 0;
  await new Promise<void>((resolve) => {
    ws.onmessage = () => {
      most = Math.max(most, written - ++told);
      if (told === 4000) resolve();
    };
  });
  await writing;
  assert(most < 1500, `${most} messages were ahead`);
  far.close();
  await event(ws, "close");
});

Deno.test("standard WebSocket calls its handlers, and exchanges them", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  const log: string[] = [];
  ws.onopen = () => log.push("open");
  ws.onmessage = () => log.push("wrong");
  ws.onmessage = function (event) {
    log.push(`${this === ws} ${event.data}`);
    ws.close();
  };
  ws.onerror = () => log.push("error");
  ws.onclose = (event) => log.push(`close ${event.code}`);
  assert(ws.onopen !== null && ws.onmessage !== null && ws.onerror !== null && ws.onclose !== null);
  ws.addEventListener("open", () => ws.send("x"));
  await event(ws, "close");
  assertEquals(log, ["open", "true x", "close 1005"]);
  ws.onclose = null;
  assertEquals(ws.onclose, null);
});

Deno.test("standard WebSocket counts the payload that waits, of all kinds of messages", async () => {
  await using server = await serve({ perMessageDeflate: true, maxMessageSize: 1 << 24 });
  for (const perMessageDeflate of [false, true]) {
    const ws = new StandardWebSocket(urlOf(server), [], {
      perMessageDeflate,
      maxMessageSize: 1 << 24,
    });
    await event(ws, "open");
    const big = new Blob([new Uint8Array(3_000_000)]);
    const messages = ["", "hi", "é€", new Uint8Array(300), "x".repeat(70_000), new Blob(["blob"])];
    let total = 0;
    for (const message of [...messages, "behind it", big, new ArrayBuffer(9)]) {
      ws.send(message);
      total += new Blob([message]).size;
      assertEquals(ws.bufferedAmount, total);
    }
    let left = messages.length + 3;
    await new Promise<void>((resolve) => ws.onmessage = () => void (--left === 0 && resolve()));
    assertEquals(ws.bufferedAmount, 0);
    ws.send("again");
    assertEquals(ws.bufferedAmount, 5);
    ws.close();
    await event(ws, "close");
  }
});

Deno.test("standard WebSocket's handler that was taken off comes last when it is set again", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  const log: string[] = [];
  ws.onopen = () => log.push("wrong");
  ws.addEventListener("open", () => log.push("listener"));
  ws.onopen = null;
  ws.onopen = () => log.push("handler");
  await event(ws, "open");
  assertEquals(log, ["listener", "handler"]);
  ws.close();
  await event(ws, "close");
});

Deno.test("standard WebSocket keeps an object as its handler without calling it, and a handler's false cancels", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  let called = 0;
  const object = { handleEvent: () => called++ };
  Object.assign(ws, { onmessage: object });
  assertEquals(ws.onmessage as unknown, object);
  assertEquals(ws.dispatchEvent(new Event("message", { cancelable: true })), true);
  for (const nothing of [5, "text", undefined, null]) {
    Object.assign(ws, { onmessage: object }, { onmessage: nothing });
    assertEquals(ws.onmessage, null);
  }
  for (const answer of [false, true, undefined, 0]) {
    ws.onmessage = () => answer;
    const event = new Event("message", { cancelable: true });
    assertEquals(ws.dispatchEvent(event), answer !== false);
    assertEquals(event.defaultPrevented, answer === false);
  }
  assertEquals(called, 0);
  const closed = event(ws, "close");
  ws.close();
  await closed;
});

Deno.test("standard WebSocket tells failures by error and close with 1006", async () => {
  await using server = await serve({ authorize: () => false });
  const ws = new StandardWebSocket(urlOf(server));
  const order: string[] = [];
  ws.onerror = () => order.push("error");
  const close = await event(ws, "close");
  assertEquals([close.code, close.wasClean, ws.readyState, order], [1006, false, 3, ["error"]]);
});

Deno.test("standard WebSocket that is closed before it is open ends with 1006", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  ws.close();
  assertEquals(ws.readyState, 2);
  assertEquals((await event(ws, "close")).code, 1006);
});

Deno.test("standard WebSocket whose peer vanishes tells error and 1006", async () => {
  await using server = await serve({ default: (ws) => ws.terminate() });
  const ws = new StandardWebSocket(urlOf(server));
  await event(ws, "error");
  assertEquals(ws.readyState, 3);
});

Deno.test("standard WebSocket tells close after error in a turn of its own: who awaits the one can listen for the other", async () => {
  await using server = await serve({ default: (ws) => ws.terminate() });
  await using closed = await serve({ authorize: () => false });
  for (const url of [urlOf(server), urlOf(closed)]) {
    const ws = new StandardWebSocket(url);
    await event(ws, "error");
    assertEquals(ws.readyState, 3);
    const log: unknown[] = [];
    const after = new Promise<void>((resolve) => {
      // Two turns later all is told.
      setTimeout(() => setTimeout(resolve, 0), 0);
    });
    ws.onclose = ({ code }) => log.push(code);
    ws.onerror = () => log.push("again");
    await after;
    assertEquals(log, [1006]);
  }
});

Deno.test("standard WebSocket that is closed before it is open tells so in a later turn", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  ws.close();
  for (let i = 0; i < 50; i++) await undefined;
  assertEquals(ws.readyState, 2);
  const log: string[] = [];
  ws.onerror = () => log.push("error");
  assertEquals((await event(ws, "close")).code, 1006);
  assertEquals(log, ["error"]);
});

Deno.test("standard WebSocket tells the end of a connection that ends with the handshake", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = listener.accept().then(async (conn) => {
    const bytes = new Uint8Array(4096);
    const head = new TextDecoder().decode(bytes.subarray(0, await conn.read(bytes) ?? 0));
    const accept = acceptKey(/sec-websocket-key: (.*)\r/i.exec(head)![1]);
    const lines = ["HTTP/1.1 101 Switching Protocols", "Upgrade: websocket", "Connection: Upgrade"];
    const answer = [
      ...lines,
      `Sec-WebSocket-Accept: ${accept}`,
      "",
      "\x81\x05early\x88\x02\x0f\xa0",
    ];
    await conn.write(Uint8Array.from(answer.join("\r\n"), (char) => char.charCodeAt(0)));
    conn.close();
  });
  const ws = new StandardWebSocket(`ws://127.0.0.1:${listener.addr.port}`);
  const log: unknown[] = [];
  ws.onopen = () => {
    log.push("open", ws.readyState);
    ws.send("too late");
    assertEquals(ws.bufferedAmount, 8);
  };
  ws.onmessage = ({ data }) => log.push(data, ws.readyState);
  const { code } = await event(ws, "close");
  assertEquals([...log, code, ws.readyState], ["open", 1, "early", 1, 4000, 3]);
  await serving;
  listener.close();
});

Deno.test("standard WebSocket drops messages that come while it closes", async () => {
  await using server = await serve({
    default: (ws) => void ws.on("message", () => ws.send("late")),
  });
  const ws = new StandardWebSocket(urlOf(server));
  await event(ws, "open");
  const messages: unknown[] = [];
  ws.onmessage = (event) => messages.push(event.data);
  ws.send("x");
  ws.close();
  await event(ws, "close");
  assertEquals(messages, []);
});

Deno.test("standard WebSocket goes on to count what a lost connection had queued", async () => {
  await using server = await serve({ default: (ws) => ws.pause() });
  const megabytes = new Uint8Array(24_000_000);
  for (const last of ["", new Blob(["blob"])]) {
    const ws = new StandardWebSocket(urlOf(server), { maxSendQueueBytes: 100_000_000 });
    await event(ws, "open");
    ws.send(megabytes);
    ws.send(last);
    const given = megabytes.length + (typeof last === "string" ? 0 : 4);
    await new Promise((resolve) => setTimeout(resolve));
    const queued = ws.bufferedAmount;
    assert(queued > 0 && queued <= given);
    const closed = event(ws, "close");
    for (const client of server.clients) client.terminate();
    await closed;
    const left = ws.bufferedAmount;
    assert(left > 0 && left <= queued, `${left} of ${queued}`);
    ws.send("12345");
    assertEquals(ws.bufferedAmount, left + 5);
  }
  await using reading = await serve();
  const ws = new StandardWebSocket(urlOf(reading));
  await event(ws, "open");
  ws.send("12345");
  ws.close();
  await event(ws, "close");
  assertEquals(ws.bufferedAmount, 0);
});

Deno.test("standard WebSocket that compresses counts the payload of what a lost connection had queued", async () => {
  await using server = await serve({ perMessageDeflate: true, default: (ws) => ws.pause() });
  const ws = new StandardWebSocket(urlOf(server), {
    perMessageDeflate: true,
    maxSendQueueBytes: 100_000_000,
  });
  await event(ws, "open");
  const noise = new Uint8Array(8_000_000);
  for (let i = 0; i < noise.length; i += 65_536) {
    crypto.getRandomValues(noise.subarray(i, i + 65_536));
  }
  ws.send(noise); // stays large, and in the way
  ws.send("x".repeat(100_000));
  const given = noise.length + 100_000;
  assertEquals(ws.bufferedAmount, given);
  await new Promise((resolve) => setTimeout(resolve));
  const closed = event(ws, "close");
  for (const client of server.clients) client.terminate();
  await closed;
  const left = ws.bufferedAmount;
  assert(left === given || left === 100_000, `${left}`);
  ws.send("12345");
  assertEquals(ws.bufferedAmount, left + 5);
});

Deno.test("standard WebSocket counts as lost what was under way when the connection ended, for good", async () => {
  await using server = await serve();
  const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
  const stuck = Promise.withResolvers<number>();
  let underWay = 0;
  let stalls = false;
  const transport: Transport = {
    read: (p) => conn.read(p),
    write: (p) => {
      if (!stalls) return conn.write(p);
      underWay = p.length;
      return stuck.promise;
    },
    closeWrite: () => conn.closeWrite(),
    close: () => conn.close(),
    localAddr: { transport: "memory" },
    remoteAddr: { transport: "memory" },
  };
  const ws = new StandardWebSocket(urlOf(server), { transport, closeTimeout: 20 });
  await event(ws, "open");
  stalls = true;
  ws.send(new Uint8Array(1000));
  ws.send(new Uint8Array(500));
  ws.close();
  await event(ws, "close");
  assertEquals([ws.bufferedAmount, underWay > 1500], [1500, true]);
  stuck.resolve(underWay);
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals(ws.bufferedAmount, 1500);
});

Deno.test("standard WebSocket counts no frame but its messages when the connection is lost", async () => {
  for (const perMessageDeflate of [false, true]) {
    await using server = await serve({ perMessageDeflate });
    const conn = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
    const stuck = Promise.withResolvers<number>();
    let stalls = false;
    const transport: Transport = {
      read: (p) => conn.read(p),
      write: (p) => stalls ? stuck.promise : conn.write(p),
      closeWrite: () => conn.closeWrite(),
      close: () => conn.close(),
      localAddr: conn.localAddr,
      remoteAddr: conn.remoteAddr,
    };
    const ws = new StandardWebSocket(urlOf(server), {
      transport,
      perMessageDeflate,
      closeTimeout: 20,
    });
    await event(ws, "open");
    ws.send("x".repeat(1000));
    await event(ws, "message");
    assertEquals(ws.bufferedAmount, 0);
    stalls = true;
    const closed = event(ws, "close");
    ws.close();
    assertEquals(ws.bufferedAmount, 0);
    await closed;
    assertEquals(ws.bufferedAmount, 0);
    stuck.reject(new Error("closed"));
  }
});

Deno.test("standard WebSocket counts nothing of a Blob that is refused on a connection that lives on", async () => {
  const noise = crypto.getRandomValues(new Uint8Array(60_000));
  const unreadable = new Blob([noise]);
  unreadable.arrayBuffer = () => Promise.reject(new Error("the file is gone"));
  for (const perMessageDeflate of [false, true]) {
    await using server = await serve({ perMessageDeflate });
    const ws = new StandardWebSocket(urlOf(server), {
      perMessageDeflate,
      maxSendQueueBytes: 100_000,
      highWaterMark: 50_000,
      slowReader: "wait",
    });
    await event(ws, "open");
    let left = 2;
    const echoed = new Promise<void>((resolve) => {
      ws.onmessage = () => void (--left === 0 && resolve());
    });
    ws.send(noise);
    ws.send(noise);
    ws.send(new Blob([noise])); // SEND_QUEUE_FULL
    ws.send(noise); // and again
    assertEquals(ws.bufferedAmount, 120_000);
    await echoed;
    assertEquals([ws.bufferedAmount, ws.readyState], [0, 1]);
    ws.send(unreadable);
    ws.send("behind it");
    assertEquals(ws.bufferedAmount, 60_009);
    assertEquals((await event(ws, "message")).data, "behind it");
    assertEquals([ws.bufferedAmount, ws.readyState], [0, 1]);
    ws.close();
    await event(ws, "close");
    assertEquals(ws.bufferedAmount, 0);
  }
});

Deno.test("standard WebSocket ends the connection rather than lose a message", async () => {
  await using server = await serve({ default: (ws) => ws.pause() });
  const ws = new StandardWebSocket(urlOf(server), { maxSendQueueBytes: 1_000_000 });
  await event(ws, "open");
  const log: unknown[] = [];
  const closed = event(ws, "close");
  ws.onerror = (error) => log.push((error as ErrorEvent).error.code);
  for (let i = 0; i < 100 && ws.readyState === 1; i++) ws.send(new Uint8Array(1_000_000));
  const { code, wasClean } = await closed;
  assertEquals([...log, code, wasClean], ["SLOW_READER", 1006, false]);
  for (const client of server.clients) client.terminate();
});

Deno.test("standard WebSocket makes a string of any reason, as the browser's does", async () => {
  await using server = await serve({ default: () => {} });
  const ws = new StandardWebSocket(urlOf(server));
  await event(ws, "open");
  const [serverEnd] = server.clients;
  ws.close(3000, 5 as unknown as string);
  const { code, reason } = await serverEnd.closed;
  assertEquals([code, reason], [3000, "5"]);
  await event(ws, "close");
});

Deno.test("standard WebSocket makes no text of symbols, as the browser's does not", async () => {
  const got: unknown[] = [];
  await using server = await serve({ default: (ws) => void ws.on("message", (m) => got.push(m)) });
  const ws = new StandardWebSocket(urlOf(server));
  await event(ws, "open");
  const symbol = Symbol("x") as unknown as string;
  assertThrows(() => ws.send(symbol), TypeError);
  assertThrows(() => ws.close(1000, symbol), TypeError);
  assertEquals(ws.readyState, 1);
  const closed = event(ws, "close");
  ws.close();
  await closed;
  assertEquals(got, []);
});

Deno.test("standard WebSocket makes a code of any number, as the browser's does", async () => {
  await using server = await serve({ default: () => {} });
  for (const [given, code] of [[3000.5, 3000], ["3001", 3001], [1000.4, 1000], [4998.5, 4998]]) {
    const ws = new StandardWebSocket(urlOf(server));
    await event(ws, "open");
    const closed = event(ws, "close");
    ws.close(given as number);
    assertEquals((await closed).code, code);
  }
  const ws = new StandardWebSocket(urlOf(server));
  await event(ws, "open");
  for (const bad of [999.4, 2999.4, 4999.6, NaN, Infinity, "x", null]) {
    assertThrows(() => ws.close(bad as number), DOMException);
    assertEquals(ws.readyState, 1);
  }
  const closed = event(ws, "close");
  ws.close();
  await closed;
});

Deno.test("standard WebSocket makes text and numbers of its arguments by Web IDL's rules", async () => {
  await using server = await serve({ protocols: { echo: () => {}, 5: () => {} } });
  const Loose = StandardWebSocket as unknown as new (...given: unknown[]) => WebSocket;
  const symbol = Symbol();
  for (const given of [[], [symbol], [urlOf(server), symbol], [urlOf(server), [symbol]]]) {
    assertThrows(() => new Loose(...given), TypeError);
  }
  const broken = new RangeError("no text");
  const throwing = {
    toString() {
      throw broken;
    },
  };
  assertEquals(assertThrows(() => new Loose(throwing)), broken);

  let made = 0;
  const text = (value: unknown) => ({
    toString() {
      made++;
      return value;
    },
  });
  const ws = new Loose(text(urlOf(server)), 5);
  assertEquals([made, ws.url], [1, urlOf(server)]);
  const send = ws.send.bind(ws) as (...given: unknown[]) => void;
  const close = ws.close.bind(ws) as (...given: unknown[]) => void;
  // What is wrong with an argument comes before what is wrong with the state.
  assertThrows(() => send(), TypeError);
  assertThrows(() => send(symbol), TypeError);
  assertThrows(() => send(throwing), RangeError);
  assertThrows(() => close(1000n), TypeError);
  assertThrows(() => close(1, symbol), TypeError);
  assertThrows(() => Object.assign(ws, { binaryType: symbol }), TypeError);
  Object.assign(ws, { binaryType: text("arraybuffer") });
  assertEquals(ws.binaryType, "arraybuffer");
  await event(ws as StandardWebSocket, "open");
  assertEquals(ws.protocol, "5");
  assertThrows(() => send(), TypeError);
  const closed = event(ws as StandardWebSocket, "close");
  ws.close();
  await closed;
});

Deno.test("standard WebSocket refuses what the browser's refuses", async () => {
  for (const url of ["nonsense", "ftp://h", "ws://h/#x", ""]) {
    const error = assertThrows(() => new StandardWebSocket(url), DOMException);
    assertEquals(error.name, "SyntaxError");
  }
  assertThrows(() => new StandardWebSocket("ws://h", ["a", "a"]), DOMException);
  assertThrows(() => new StandardWebSocket("ws://h", "a b"), DOMException);
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  for (const code of [1001, 999, 2999, 5000, NaN]) {
    assertEquals(assertThrows(() => ws.close(code), DOMException).name, "InvalidAccessError");
  }
  assertEquals(
    assertThrows(() => ws.close(1000, "é".repeat(62)), DOMException).name,
    "SyntaxError",
  );
  await event(ws, "open");
  const closing = event(ws, "close");
  ws.close();
  await closing;
});

Deno.test("standard WebSocket takes http URLs, and our options as second or third", async () => {
  const seen: unknown[] = [];
  await using server = await serve({
    perMessageDeflate: true,
    default: (ws) => void seen.push(ws.headers.get("x-a")),
  });
  const url = urlOf(server, "/", "http");
  const options = { headers: { "x-a": "1" }, perMessageDeflate: true };
  for (const second of [true, false]) {
    const ws = second
      ? new StandardWebSocket(url, options)
      : new StandardWebSocket(url, [], options);
    assertEquals(ws.url, urlOf(server));
    await event(ws, "open");
    assertEquals(ws.extensions, "permessage-deflate");
    const closing = event(ws, "close");
    ws.close();
    await closing;
  }
  await until(() => seen.length === 2);
  assertEquals(seen, ["1", "1"]);
});

Deno.test("standard WebSocket has the constants of the browser's, where the browser has them", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  for (const holder of [StandardWebSocket, StandardWebSocket.prototype, ws]) {
    const { CONNECTING, OPEN, CLOSING, CLOSED } = holder;
    assertEquals([CONNECTING, OPEN, CLOSING, CLOSED], [0, 1, 2, 3]);
    assertThrows(() => Object.assign(holder, { OPEN: 5 }), TypeError);
  }
  assertEquals(Object.keys(ws), []);
  await event(ws, "open");
  const closed = event(ws, "close");
  ws.close();
  await closed;
});

Deno.test("standard WebSocket's members are where Web IDL has them, and can be gone through", async () => {
  await using server = await serve();
  const ws = new StandardWebSocket(urlOf(server));
  assertEquals(`${ws}`, "[object WebSocket]");
  const handlers = ["onclose", "onerror", "onmessage", "onopen"];
  const attributes = [
    "binaryType",
    "bufferedAmount",
    "extensions",
    "protocol",
    "readyState",
    "url",
  ];
  const members = ["CLOSED", "CLOSING", "CONNECTING", "OPEN", "close", "send"];
  const all = [...members, ...attributes, ...handlers].sort();
  assertEquals(Object.keys(StandardWebSocket.prototype).sort(), all);
  assertEquals(
    Object.getOwnPropertyNames(StandardWebSocket.prototype).sort(),
    [
      ...all,
      "constructor",
    ].sort(),
  );
  const seen: string[] = [];
  for (const name in ws) seen.push(name);
  assertEquals(all.filter((name) => !seen.includes(name)), []);
  assertEquals(Deno.inspect(ws).slice(0, 17), "StandardWebSocket");
  const closed = event(ws, "close");
  ws.close();
  await closed;
});

Deno.test("standard WebSocket is what the type of the browser's asks for, and its events are typed", async () => {
  await using server = await serve({ default: (ws) => void ws.on("message", (m) => ws.send(m)) });
  const Client: typeof WebSocket = StandardWebSocket;
  const seen: unknown[] = [];
  const ws: WebSocket = new Client(urlOf(server));
  ws.onopen = function () {
    this.send("hello");
  };
  await event(ws as StandardWebSocket, "message");
  const typed = new StandardWebSocket(urlOf(server));
  const onMessage = (message: MessageEvent<string>) => seen.push(message.data.length);
  typed.addEventListener("message", onMessage);
  typed.addEventListener("open", () => typed.send("four"));
  await event(typed, "message");
  typed.removeEventListener("message", onMessage);
  typed.send("again");
  await event(typed, "message");
  const closed = new Promise<void>((resolve) => {
    typed.addEventListener("close", ({ code }) => {
      seen.push(code);
      resolve();
    });
  });
  const gone = event(ws as StandardWebSocket, "close");
  ws.close(1000);
  typed.close(1000);
  await Promise.all([closed, gone]);
  assertEquals(seen, [4, 1000]);
});

Deno.test("standard WebSocket takes subprotocols: one, a list, or whatever can be gone through", async () => {
  await using server = await serve({ protocols: { a: () => {}, 1: () => {} } });
  const lists: [string | Iterable<string>, string][] = [
    ["a", "a"],
    [["x", "a"], "a"],
    [new Set(["a"]), "a"],
    [[1] as unknown as string[], "1"],
  ];
  for (const [protocols, chosen] of lists) {
    const ws = new StandardWebSocket(urlOf(server), protocols);
    await new Promise((resolve) => ws.onopen = resolve);
    assertEquals(ws.protocol, chosen);
    ws.close();
    await new Promise((resolve) => ws.onclose = resolve);
  }
  for (const wrong of [["a", "a"], "a b", [""], new Set(["é"])]) {
    const error = assertThrows(() => new StandardWebSocket(urlOf(server), wrong), DOMException);
    assertEquals(error.name, "SyntaxError");
  }
});

Deno.test("standard WebSocket fails if the server chooses none of the subprotocols, as the browser's does", async () => {
  await using server = await serve({ default: () => {} });
  for (const second of [["a", "b"], { protocols: "a" }]) {
    const ws = new StandardWebSocket(urlOf(server), second);
    const log: unknown[] = [];
    ws.onopen = () => log.push("open");
    let told: unknown[] = [];
    ws.onerror = (event) => {
      const { code, expected, message } = (event as ErrorEvent).error;
      log.push(code, ws.readyState);
      told = [expected, message];
    };
    const { code, wasClean } = await event(ws, "close");
    assertEquals([...log, code, wasClean], ["HANDSHAKE_PROTOCOL", 3, 1006, false]);
    // It tells no names: pages send tokens as subprotocols.
    const expected = Array.isArray(second)
      ? "one of the 2 that were offered"
      : "the one that was offered";
    const header = 'the server\'s header "Sec-WebSocket-Protocol"';
    assertEquals(
      told,
      [
        expected,
        `Cannot open the WebSocket to "${
          urlOf(server, "")
        }": ${header} has to be ${expected}, it is absent`,
      ],
    );
    await until(() => server.clients.size === 0);
  }
});

Deno.test("standard WebSocket works on in a page that is imitated, whose events are no events here", async () => {
  await using server = await serve({
    default: (ws) => void ws.on("message", (data) => ws.send(data)),
  });
  const names = ["Event", "MessageEvent", "CloseEvent", "ErrorEvent"] as const;
  const own = names.map((name) => [name, globalThis[name]]);
  for (const name of names) {
    Object.assign(globalThis, {
      [name]: class {
        constructor(readonly type: string) {}
      },
    });
  }
  try {
    const ws = new StandardWebSocket(urlOf(server));
    await event(ws, "open");
    ws.send("text");
    assertEquals((await event(ws, "message")).data, "text");
    const closing = event(ws, "close");
    ws.close(1000);
    assertEquals((await closing).code, 1000);
    const closed = event(new StandardWebSocket("ws://127.0.0.1:1"), "close");
    assertEquals((await closed).code, 1006);
  } finally {
    Object.assign(globalThis, Object.fromEntries(own));
  }
});

Deno.test("standard WebSocket that is closed while the server's answer is read ends all the same", async () => {
  const buffer = new Uint8Array(4096);
  const seen = new Set<string>();
  // So many microtasks behind the answer.
  for (let behind = 0; behind < 60; behind++) {
    const [near, far] = pair();
    const ws = new StandardWebSocket("ws://h", [], { transport: near });
    const told: string[] = [];
    for (const type of ["open", "error", "close"] as const) {
      ws.addEventListener(type, () => void told.push(type));
    }
    const closed = event(ws, "close");
    const request = new TextDecoder().decode(buffer.subarray(0, (await far.read(buffer))!));
    const key = /sec-websocket-key: (.*)\r/i.exec(request)![1];
    const answering = far.write(toBytes(
      "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n" +
        `Sec-WebSocket-Accept: ${acceptKey(key)}\r\n\r\n`,
    ));
    for (let i = 0; i < behind; i++) await undefined;
    ws.close();
    await answering.catch(() => {});
    // A close frame where it has opened, and otherwise the end.
    const got = await far.read(buffer).catch(() => null);
    far.close();
    assertEquals([(await closed).code, ws.readyState], [1006, 3]);
    assertEquals(told, got === null ? ["error", "close"] : ["open", "error", "close"]);
    seen.add(told.join());
  }
  assertEquals(seen.size, 2);
});
