/** Names that do not resolve, or to something else the next time; and clocks that are set while connections are open. */
import { assert, assertEquals, assertRejects } from "@std/assert";
import { connect } from "../../net/connect.ts";
import { dial } from "../../net/dial.ts";
import { NetError } from "../../net/errors.ts";
import type { HostLookup } from "../../net/lookup_options.ts";
import { pair } from "../../net/pair.ts";
import { writeAll } from "../../net/write_all.ts";
import { SocketIoServer } from "../../socketio/server.ts";
import { connectWebSocket } from "../../websocket/client.ts";
import { reconnecting } from "../../websocket/reconnecting.ts";
import { serveWebSocket } from "../../websocket/server.ts";
import { inTime } from "../_support/kill_switch.ts";
import { echoServer } from "../_support/raw_peer.ts";
import { FakeConnection, FakeEngine, next } from "../_support/socketio_rig.ts";
import { readBytes } from "../_support/transport_io.ts";
import { closeBoth, webSocketPair } from "../_support/websocket_pair.ts";

// --- names -----------------------------------------------------------------------------------------------------------

/** How a lookup may go wrong, and the code that tells it. */
const LOOKUPS: readonly [string, HostLookup, string][] = [
  [
    "does not find the name",
    () => Promise.reject(new NetError("no such name", { code: "ENOTFOUND" })),
    "ENOTFOUND",
  ],
  ["finds no address", () => Promise.resolve([]), "ENOTFOUND"],
  ["never answers", () => new Promise(() => {}), "ETIMEDOUT"],
];

for (const [how, lookup, code] of LOOKUPS) {
  Deno.test(`dialling with a lookup that ${how} fails with ${code}, and leaves nothing`, async () => {
    const timeout = code === "ETIMEDOUT" ? 20 : 20_000;
    const target = { hostname: "name.test", port: 9 };
    const error = await assertRejects(() => dial(target, { lookup, timeout }), NetError);
    assertEquals(error.code, code, error.message);
    const url = "ws://name.test:9/";
    const ws = await assertRejects(
      () => connectWebSocket(url, { lookup, connectTimeout: timeout }),
      NetError,
    );
    assertEquals(ws.code, code);
    const socket = connect({ host: "name.test", port: 9, lookup: lookup as never });
    if (code === "ETIMEDOUT") socket.destroy();
    else {
      const [failure] = await next<[NetError]>(socket as never, "error");
      assertEquals(failure.code, code);
    }
    await socket[Symbol.asyncDispose]();
  });
}

Deno.test("what a lookup of the caller's own throws is ENOTFOUND, with its error as the cause", async () => {
  const broken = new Error("broken");
  const lookups: HostLookup[] = [() => Promise.reject(broken), () => {
    throw broken;
  }];
  for (const lookup of lookups) {
    const attempts = [
      () => dial({ hostname: "name.test", port: 9 }, { lookup }),
      () => connectWebSocket("ws://name.test:9/", { lookup }),
    ];
    for (const attempt of attempts) {
      const error = await assertRejects(attempt, NetError, "broken");
      assertEquals([error.code, error.cause], ["ENOTFOUND", broken]);
    }
  }
});

Deno.test("dialling with a lookup that gives no addresses but other text fails, and dials nothing", async () => {
  for (const answer of [["not an address"], ["127.0.0.1\0.evil.test"], [42], "127.0.0.1", null]) {
    const lookup = (() => Promise.resolve(answer)) as unknown as HostLookup;
    const target = { hostname: "name.test", port: 9 };
    const error = await assertRejects(() => dial(target, { lookup }), NetError);
    assertEquals(error.code, "ENOTFOUND");
  }
});

Deno.test("a name whose address changes: one that was judged is the one that is dialled", async () => {
  await using server = await echoServer();
  let calls = 0;
  const lookup: HostLookup = () => Promise.resolve([calls++ === 0 ? "192.0.2.1" : "127.0.0.1"]);
  // The first answer is let through, and leads nowhere; the second one would lead to this machine.
  const error = await assertRejects(
    () =>
      dial({ hostname: "rebind.test", port: server.port }, {
        lookup,
        policy: { preset: "none", allow: ["192.0.2.0/24"] },
        timeout: 200,
      }),
    NetError,
  );
  assert(["ETIMEDOUT", "ENETUNREACH", "EHOSTUNREACH", "ECONNREFUSED"].includes(error.code));
  assertEquals(calls, 1);
  const refused = await assertRejects(
    () => dial({ hostname: "rebind.test", port: server.port }, { lookup, policy: "public" }),
    NetError,
  );
  assertEquals([refused.code, calls], ["ERR_DIAL_POLICY", 2]);
});

Deno.test("a name of several addresses, of which some are dead, leads to the one that lives", async () => {
  await using server = await echoServer();
  const lookup: HostLookup = () => Promise.resolve(["127.0.0.2", "::1", "127.0.0.3", "127.0.0.1"]);
  const transport = await dial({ hostname: "many.test", port: server.port }, {
    lookup,
    attemptDelay: 10,
    timeout: 20_000,
  });
  await writeAll(transport, new Uint8Array([1, 2, 3]));
  assertEquals(await readBytes(transport, 3), new Uint8Array([1, 2, 3]));
  transport.close();
});

Deno.test("a WebSocket that comes back asks for the name anew, and follows it to another server", {
  ignore: Deno.build.os === "darwin", // loopback has one address there
}, async () => {
  const serve = (name: string) =>
    serveWebSocket({ hostname: "127.0.0.1", default: (ws) => ws.send(name).then(() => ws.closed) });
  await using first = await serve("first");
  await using second = await serveWebSocket({
    hostname: "127.0.0.2",
    port: first.port,
    default: (ws) => ws.send("second").then(() => ws.closed),
  });
  let calls = 0;
  const lookup: HostLookup = () => Promise.resolve([calls++ === 0 ? "127.0.0.1" : "127.0.0.2"]);
  await using ws = reconnecting(`ws://moved.test:${first.port}/`, {
    lookup,
    backoff: { initial: 1 },
  });
  const messages = ws.messages();
  assertEquals((await messages.next()).value, "first");
  for (const client of first.clients) client.terminate();
  assertEquals((await inTime(messages.next(), "the second server")).value, "second");
  assertEquals(calls, 2);
  await ws.close();
  await second.close();
});

// --- clocks ----------------------------------------------------------------------------------------------------------

const DAY = 86_400_000;

/** The time of day, as a test sets it. Timers and `performance.now` go on as they did. */
function movableClock(): Disposable & { jump(ms: number): void } {
  const { now } = Date;
  let offset = 0;
  Date.now = () => now() + offset;
  return {
    jump: (ms) => offset += ms,
    [Symbol.dispose]: () => Date.now = now,
  };
}

Deno.test("connections do not notice when the clock is set forward or back", async () => {
  using clock = movableClock();
  await using server = await echoServer();
  const transport = await dial({ hostname: "127.0.0.1", port: server.port }, { timeout: 60_000 });
  const socket = connect({ host: "127.0.0.1", port: server.port });
  let idle = 0;
  socket.setTimeout(60_000, () => idle++);
  await socket.opened;
  const [client, other] = webSocketPair({
    keepAliveInterval: 30_000,
    keepAliveTimeout: 30_000,
    messageTimeout: 30_000,
    closeTimeout: 30_000,
  });
  const messages = other[Symbol.asyncIterator]();
  for (const jump of [DAY, -3 * DAY, 400 * DAY, -1]) {
    clock.jump(jump);
    for (let i = 0; i < 40; i++) {
      await writeAll(transport, new Uint8Array([i]));
      assertEquals(await readBytes(transport, 1), new Uint8Array([i]));
      const back = next<[Uint8Array]>(socket as never, "data");
      socket.write(new Uint8Array([i]));
      assertEquals((await back)[0][0], i);
      await client.send(`${i}`);
      assertEquals((await messages.next()).value, `${i}`);
    }
    assert(await client.ping() < 60_000);
  }
  assertEquals([idle, client.state], [0, "open"]);
  transport.close();
  await socket[Symbol.asyncDispose]();
  await closeBoth(client, other);
});

Deno.test("sessions to recover are kept as long as they are to be, whatever the clock is set to", async () => {
  using clock = movableClock();
  const io = new SocketIoServer({ connectionStateRecovery: { maxDisconnectionDuration: 60_000 } });
  const engine = new FakeEngine();
  io.bind(engine);
  for (const jump of [DAY, -2 * DAY]) {
    const lost = engine.connect(new FakeConnection());
    lost.deliver("0");
    const [joined] = lost.take() as string[];
    const { pid } = JSON.parse(joined.slice(1));
    io.emit("seen");
    const [seen] = lost.take() as string[];
    const offset = JSON.parse(seen.slice(1))[1];
    lost.end("transport close");
    io.emit("missed");
    clock.jump(jump);
    const again = engine.connect(new FakeConnection());
    const recovered = new Promise((resolve) => io.once("connection", (s) => resolve(s.recovered)));
    again.deliver(`0${JSON.stringify({ pid, offset })}`);
    assertEquals(await recovered, true, `${jump}`);
    const answers = (again.take() as string[]).join("\n");
    assert(answers.includes('"missed"'), answers);
    again.end("transport close");
  }
  await io.close();
});

Deno.test("bytes on their way when the clock leaps arrive in order, and all of them", async () => {
  const { ManualClock } = await import("../../net/clock.ts");
  const clock = new ManualClock();
  const [a, b] = pair({ delay: 1000, split: 3, clock });
  const sent = Uint8Array.from({ length: 50 }, (_, i) => i);
  for (let i = 0; i < 50; i += 10) {
    await writeAll(a, sent.subarray(i, i + 10));
    clock.advance(10);
  }
  await a.closeWrite();
  const read = readBytes(b, 60);
  clock.advance(DAY);
  assertEquals(await read, sent);
  a.close();
  b.close();
});
