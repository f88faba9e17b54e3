import {
  assert,
  assertEquals,
  assertRejects,
  assertStringIncludes,
  assertThrows,
} from "@std/assert";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { receiveHead, writeLatin1 } from "../../websocket/_head_exchange.ts";
import { ServerCore } from "../../websocket/_server_core.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import type { WebSocketConnection } from "../../websocket/connection.ts";
import { encodeFrame } from "../../websocket/frame.ts";
import { foreignRejection } from "../_support/foreign_promise.ts";
import { ACCEPT, until, upgradeRequest } from "../_support/websocket_server.ts";

Deno.test("server core lets clients in over any transport", async () => {
  const core = new ServerCore({ default: (ws) => void ws.send("hello") });
  const [client, near] = pair();
  const arrival = core.arrive(near);
  assert(arrival !== undefined);
  assertEquals(core.size, 1);
  await writeLatin1(client, upgradeRequest());
  await core.admit(arrival, await receiveHead(near, "request"), false);
  const { text, rest } = await receiveHead(client, "response");
  assert(text.includes(ACCEPT));
  assertEquals([core.size, core.connections.size, new TextDecoder().decode(rest.slice(2))], [
    1,
    1,
    "hello",
  ]);
  for (const ws of core.connections) ws.terminate();
  await core.idle();
  assertEquals(core.size, 0);
  client.close();
});

Deno.test("server core takes nobody in when it is full or closing", () => {
  const core = new ServerCore({ default: () => {}, maxConnections: 1 });
  const [a, b] = pair();
  const first = core.arrive(a)!;
  assertEquals(core.arrive(b), undefined);
  core.drop(first);
  core.drop(first);
  core.closing = true;
  assertEquals([core.arrive(b), core.size], [undefined, 0]);
  b.close();
});

Deno.test("server core goes on though onError fails, or is rejected", async () => {
  const failed = new Error("no log");
  const told: unknown[] = [];
  const listeners = [() => Promise.reject(failed), () => foreignRejection(failed), () => {
    throw failed;
  }];
  for (const fail of listeners) {
    const onError = (error: unknown) => {
      told.push(error);
      return fail();
    };
    new ServerCore({ default: () => {}, onError }).report("x");
  }
  await new Promise((resolve) => setTimeout(resolve)); // by then a rejection that nobody took were told
  assertEquals(told, ["x", "x", "x"]);
});

Deno.test("server core counts what was handed over until it ends", async () => {
  const core = new ServerCore({ default: () => {} });
  const [a, b] = pair();
  const log: string[] = [];
  const gone = core.handOver(core.arrive(a)!, {
    finish: () => log.push("finish"),
    cut: () => log.push("cut"),
  });
  assertEquals(core.size, 1);
  core.finishOthers();
  core.endOthers();
  assertEquals([log, core.size], [["finish", "cut"], 1]);
  gone();
  await core.idle();
  a.close();
  b.close();
});

Deno.test("server core keeps what comes while a client is judged", async () => {
  const got: unknown[] = [];
  const judged = Promise.withResolvers<void>();
  const core = new ServerCore({
    default: (ws) => void ws.on("message", (data) => got.push(data)),
    authorize: () => judged.promise,
  });
  const [far, near] = pair();
  let read = 0;
  const { read: readNear } = near;
  near.read = async (...args) => {
    const n = await readNear.apply(near, args);
    read += n ?? 0;
    return n;
  };
  const request = upgradeRequest();
  await writeLatin1(far, request);
  const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  for (const text of ["one", "two"]) {
    await far.write(encodeFrame(new TextEncoder().encode(text), { opcode: 1, maskKey: 1 }));
    await until(() => read > request.length);
  }
  judged.resolve();
  await admitted;
  await until(() => got.length === 2);
  assertEquals(got, ["one", "two"]);
  for (const ws of core.connections) ws.terminate();
  await core.idle();
  far.close();
});

Deno.test("server core looks for who is left out among the topic's subscribers alone", async () => {
  const core = new ServerCore({ default: () => {} });
  const ends = [];
  for (let i = 0; i < 3; i++) {
    const [far, near] = pair();
    ends.push(far);
    await writeLatin1(far, upgradeRequest());
    await core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  }
  const [one, two, other] = core.connections;
  for (const ws of [one, two]) ws.subscribe("news");
  const found = [one, two, other].map((ws) => core.subscriber("news", ws) !== undefined);
  assertEquals(found, [true, true, false]);
  assertEquals(core.subscriber("nothing", one), undefined);
  assertEquals(core.publish("news", "x", undefined, core.subscriber("news", one)), 1);
  assertEquals(core.publish("news", "x", undefined, core.subscriber("news", other)), 2);
  for (const ws of core.connections) ws.terminate();
  await core.idle();
  for (const far of ends) far.close();
});

Deno.test("server core refuses with the beginning of a body, and does not wait for its end", async () => {
  let cancelled = false;
  let chunks = 0;
  const body = new ReadableStream<Uint8Array>({
    pull: (controller) => {
      if (chunks++ < 20) controller.enqueue(new Uint8Array(10_000).fill(0x61));
    },
    // A source that never says that it has stopped is not waited for.
    cancel: () => (cancelled = true, new Promise<void>(() => {})),
  });
  const authorize = () => new Response(body, { status: 401 });
  const core = new ServerCore({ default: () => {}, authorize, handshakeTimeout: 2000 });
  const [far, near] = pair();
  await writeLatin1(far, upgradeRequest());
  const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  const { text } = await receiveHead(far, "response");
  assert(text.startsWith("HTTP/1.1 401 ") && text.includes("Content-Length: 65537\r\n"), text);
  far.close();
  await admitted;
  assertEquals([cancelled, core.size], [true, 0]);
});

Deno.test("server core refuses with whole characters of a body, wherever it is cut", async () => {
  const euro = new TextEncoder().encode("€");
  const many = new TextEncoder().encode("€".repeat(30_000));
  const cases: [Uint8Array[], ends: boolean, text: string][] = [
    [[many], true, "€".repeat(21_845)],
    [[many.subarray(0, 65_535), euro], true, "€".repeat(21_845)],
    [[many.subarray(0, 65_535)], true, "€".repeat(21_845)],
    [[euro, euro.subarray(0, 2)], false, "€"],
    [[euro, euro.subarray(0, 2)], true, "€\ufffd"],
    [[euro.subarray(0, 1), euro.subarray(1)], true, "€"],
  ];
  for (const [chunks, ends, expected] of cases) {
    const body = new ReadableStream<Uint8Array>({
      start: (controller) => {
        for (const chunk of chunks) controller.enqueue(chunk);
        if (ends) controller.close();
      },
    });
    const authorize = () => new Response(body, { status: 401 });
    const core = new ServerCore({ default: () => {}, authorize, handshakeTimeout: 200 });
    const [far, near] = pair();
    await writeLatin1(far, upgradeRequest());
    const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
    const { text, rest, reader } = await receiveHead(far, "response");
    const length = new TextEncoder().encode(`${expected}\n`).length;
    assertStringIncludes(text, `Content-Length: ${length}\r\n`);
    reader.stop();
    const got = [...rest];
    const buffer = new Uint8Array(100_000);
    for (let n; (n = await far.read(buffer)) !== null;) got.push(...buffer.subarray(0, n));
    assertEquals(new TextDecoder().decode(new Uint8Array(got)), `${expected}\n`);
    far.close();
    await admitted;
  }
});

Deno.test("server core refuses with what has come of a body that stalls, within half of the time", async () => {
  let cancelled = false;
  const body = new ReadableStream<Uint8Array>({
    start: (controller) => controller.enqueue(new TextEncoder().encode("because")),
    cancel: () => void (cancelled = true),
  });
  const authorize = () => new Response(body, { status: 401, headers: { "retry-after": "9" } });
  const core = new ServerCore({ default: () => {}, authorize, handshakeTimeout: 200 });
  const [far, near] = pair();
  await writeLatin1(far, upgradeRequest());
  const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  const { text } = await receiveHead(far, "response");
  assert(text.startsWith("HTTP/1.1 401 ") && text.includes("retry-after: 9\r\n"), text);
  assertStringIncludes(text, "Content-Length: 8\r\n");
  far.close();
  await admitted;
  assertEquals([cancelled, core.size], [true, 0]);
});

Deno.test("server core cancels the body of a refusal whose client has gone", async () => {
  for (const late of [false, true]) {
    const cancelled = Promise.withResolvers<void>();
    const read = Promise.withResolvers<void>();
    const body = new ReadableStream<Uint8Array>({
      pull: () => (read.resolve(), new Promise<void>(() => {})),
      cancel: () => cancelled.resolve(),
    }, { highWaterMark: 0 });
    const authorize = async ({ signal }: Request) => {
      if (late) await new Promise((resolve) => signal.onabort = resolve);
      return new Response(body, { status: 401 });
    };
    const core = new ServerCore({ default: () => {}, authorize });
    const [far, near] = pair();
    await writeLatin1(far, upgradeRequest());
    const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
    if (!late) await read.promise;
    far.close();
    await cancelled.promise;
    await admitted;
    assertEquals(core.size, 0);
  }
});

Deno.test("server core does not let in who has left while it was judged", async () => {
  let handled = 0;
  const left = Promise.withResolvers<void>();
  const core = new ServerCore({
    default: () => void handled++,
    authorize({ signal }) {
      signal.onabort = () => left.resolve();
      return left.promise;
    },
  });
  const [far, near] = pair();
  await writeLatin1(far, upgradeRequest());
  const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  far.close();
  await admitted;
  assertEquals([handled, core.size, core.connections.size], [0, 0, 0]);
});

Deno.test("server core keeps no place for a client that leaves while it is let in", async () => {
  // So many microtasks after it was decided.
  for (let behind = 0; behind < 12; behind++) {
    const judged = Promise.withResolvers<void>();
    const core = new ServerCore({
      protocols: { a: () => {} },
      authorize: () => judged.promise,
    });
    const [far, near] = pair();
    const request = upgradeRequest({ "Sec-WebSocket-Protocol": "a" });
    await writeLatin1(far, request);
    const received = await receiveHead(near, "request");
    const ended = (async () => {
      await judged.promise;
      for (let i = 0; i < behind; i++) await undefined;
      return null;
    })();
    near.read = () => ended;
    const admitted = core.admit(core.arrive(near)!, received, false);
    judged.resolve();
    await admitted;
    await core.idle();
    assertEquals([core.size, core.connections.size], [0, 0]);
    assertEquals(core.broadcast("x", undefined, "a", undefined), 0);
    far.close();
  }
});

Deno.test("server core leaves a client that it refuses the time to read why, and ends with it", async () => {
  const core = new ServerCore({ default: () => {}, pathname: "/here" });
  const [far, near] = pair();
  let closed = 0;
  const { close } = near;
  near.close = () => {
    closed++;
    close.call(near);
  };
  await writeLatin1(far, upgradeRequest({}, "GET /there HTTP/1.1"));
  const admitted = core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
  const { text } = await receiveHead(far, "response");
  assert(text.startsWith("HTTP/1.1 404 "), text);
  while (await far.read(new Uint8Array(1000)) !== null);
  // The end of a connection with something unread could take the response away from its client.
  await writeLatin1(far, "GET /other HTTP/1.1\r\n\r\n");
  await new Promise((resolve) => setTimeout(resolve));
  assertEquals([closed, core.size], [0, 1]);
  far.close();
  await admitted;
  assertEquals([closed, core.size], [1, 0]);
});

Deno.test("server core keeps nothing of a topic without subscribers, and a client that left has none", async () => {
  const core = new ServerCore({
    default(ws) {
      for (const topic of ["a", "b"]) ws.subscribe(topic);
    },
  });
  for (let round = 0; round < 2; round++) {
    const [far, near] = pair();
    await writeLatin1(far, upgradeRequest());
    await core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
    const [ws] = core.connections;
    const groups = [core.group("a"), core.group("b")];
    ws.unsubscribe("a");
    assertEquals([[...ws.topics], groups.map(({ size }) => size)], [["b"], [0, 1]]);
    let idle = false;
    const leaving = core.idle().then(() => idle = true);
    await undefined;
    assertEquals([idle, ws.extensions], [false, ""]);
    ws.terminate();
    await leaving;
    assertEquals([ws.topics.size, core.size], [0, 0]);
    assert(core.group("a") !== groups[0] && core.group("b") !== groups[1]);
    far.close();
  }
});

Deno.test("server core drops who has not finished the handshake", async () => {
  const core = new ServerCore({ default: () => {} });
  const [a, b] = pair();
  core.arrive(a);
  core.dropArrivals();
  await core.idle();
  b.close();
});

Deno.test("server core checks what it is given", () => {
  assertThrows(() => new ServerCore({}), TypeError);
});

Deno.test("server core finds who is left out at once, however many there are", async () => {
  const core = new ServerCore({ default: () => {} });
  const ends: Transport[] = [];
  const join = async () => {
    const [far, near] = pair();
    ends.push(far);
    await writeLatin1(far, upgradeRequest());
    await core.admit(core.arrive(near)!, await receiveHead(near, "request"), false);
    const ws = [...core.connections].at(-1)!;
    ws.subscribe("news");
    return ws;
  };
  const first = await join();
  let last = first;
  for (let i = 0; i < 1000; i++) last = await join();
  /** The best of some rounds, in ms. */
  const time = (ws: WebSocketConnection): number => {
    let best = Infinity;
    for (let round = 0; round < 5; round++) {
      const started = performance.now();
      for (let i = 0; i < 20_000; i++) core.subscriber("news", ws);
      best = Math.min(best, performance.now() - started);
    }
    return best;
  };
  const [near, far] = [time(first), time(last)];
  assert(far < 10 * near + 5, `${far} ms for the last one, ${near} ms for the first`);

  // Those who come and go later are known, too.
  const late = await join();
  assert(core.subscriber("news", late) !== undefined);
  late.terminate();
  assertEquals(core.subscriber("news", late), undefined);
  for (const ws of core.connections) ws.terminate();
  await core.idle();
  for (const end of ends) end.close();
});

Deno.test("server refuses what is no object of handlers, limits or TLS options, before it listens", async () => {
  const wrong: [object, string][] = [
    [{ protocols: new Map([["chat", () => {}]]) }, "`protocols`"],
    [{ protocols: ["chat"] }, "`protocols`"],
    [{ protocols: null }, "`protocols`"],
    [{ protocols: 5 }, "`protocols`"],
    [{ head: null }, "HTTP heads"],
    [{ head: 5 }, "HTTP heads"],
    [{ head: { maxHeadLength: 5 } }, "maxHeadLength"],
    [{ limits: {} }, '"limits"'],
    [{ tls: null }, "`tls`"],
    [{ tls: 5 }, "`tls`"],
  ];
  for (const [options, text] of wrong) {
    await assertRejects(() => serveWebSocket({ default: () => {}, ...options }), TypeError, text);
  }
  await assertRejects(
    () => serveWebSocket({ default: () => {}, head: { maxHeadSize: "5" as unknown as number } }),
    RangeError,
    "maxHeadSize",
  );
});
