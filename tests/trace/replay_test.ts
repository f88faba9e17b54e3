import { assert, assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { createDatagramSocket, DatagramSocket } from "../../net/datagram_socket.ts";
import { dial } from "../../net/dial.ts";
import type { NetError } from "../../net/errors.ts";
import { ResettableTransport } from "../../net/resettable_transport.ts";
import { waitFor } from "../../net/wait.ts";
import { generateCertificate } from "../../trace/certificate.ts";
import { TraceError } from "../../trace/errors.ts";
import { createRecordSink } from "../../trace/file_sinks.ts";
import { RecordingEncoder } from "../../trace/recording.ts";
import {
  readRecording,
  type Recording,
  replayClient,
  type ReplayServer,
  replayServer,
} from "../../trace/replay.ts";
import { createTracer } from "../../trace/tracer.ts";
import { foreignSignal } from "../_support/foreign_signal.ts";
import { knockedListeners } from "../_support/knocked.ts";
import { tempFolder } from "../_support/peers.ts";

const LOCAL = "127.0.0.1";
const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

type Step = [connection: number, from: "client" | "server", what: string, time?: number];

/** A recording: `what` is text, or "<end>" or "<reset>". */
function recording(steps: Step[], transport: "tcp" | "udp" = "tcp"): Recording {
  const header = { started: 0, transport, server: "h:1", masked: false };
  const seen = new Set<number>();
  return {
    header,
    steps: steps.flatMap(([connection, from, what, time = 0]) => {
      const step = what === "<end>" || what === "<reset>"
        ? { time, connection, type: what.slice(1, -1) as "end" | "reset", from }
        : { time, connection, type: "data" as const, from, bytes: bytes(what) };
      const open = { time, connection, type: "open" as const };
      const first = !seen.has(connection);
      seen.add(connection);
      return first ? [open, step] : [step];
    }),
  };
}

const TALK: Step[] = [
  [1, "client", "hello"],
  [2, "client", "other"],
  [1, "server", "HELLO"],
  [1, "client", "again"],
  [2, "server", "OTHER"],
  [1, "server", "AGAIN"],
  [1, "client", "<end>"],
  [1, "server", "<end>"],
  [2, "server", "<end>"],
  [2, "client", "<end>"],
];

Deno.test("a recorded client and a recorded server play the same conversation together", async () => {
  const talk = recording(TALK);
  await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
  const asClient = await replayClient(talk, { port: server.port }, { timeout: 5000 });
  const asServer = await server.finished;
  for (const { same, connections } of [asClient, asServer]) {
    assertEquals(connections.map(({ error }) => error), [undefined, undefined]);
    assert(same);
    assertEquals(
      connections.map(({ connection, sent, received }) => [connection, sent, received]),
      [
        [1, 10, 10],
        [2, 5, 5],
      ],
    );
  }
});

Deno.test("a timeout of 0 waits as long as it takes", async () => {
  const talk = recording(TALK);
  await using server = await replayServer(talk, { port: 0 }, { timeout: 0 });
  const { connections } = await replayClient(talk, { port: server.port }, { timeout: 0 });
  assertEquals(connections.map(({ error }) => error), [undefined, undefined]);
  assert((await server.finished).same);
});

Deno.test("what a tracer has recorded plays against the same server", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/talk.trace`;
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const serving = (async () => {
    for (let i = 0; i < 2; i++) {
      const conn = await listener.accept();
      const p = new Uint8Array(100);
      for (let n; (n = await conn.read(p)) !== null;) await conn.write(p.subarray(0, n));
      conn.close();
    }
  })();
  const { port } = listener.addr;
  const record = await createRecordSink(path, { transport: "tcp", server: "x", masked: false });
  const tracer = await createTracer({ listen: { port: 0 }, to: { port }, sinks: [record] }).start();
  const conn = await Deno.connect({ hostname: LOCAL, port: tracer.port });
  const p = new Uint8Array(100);
  for (const text of ["one", "two", "three"]) {
    await conn.write(bytes(text));
    await conn.read(p);
  }
  await conn.closeWrite();
  assertEquals(await conn.read(p), null);
  conn.close();
  await tracer.stop();
  const report = await replayClient(await readRecording(path), { port }, { timeout: 5000 });
  await serving;
  assertEquals(report, {
    same: true,
    connections: [{
      connection: 1,
      sent: 11,
      received: 11,
      expected: 11,
      difference: undefined,
      error: undefined,
    }],
  });
  listener.close();
});

Deno.test("a recorded server counts no clients that reset before they are accepted", async () => {
  using knocked = knockedListeners(3);
  const talk = recording(TALK);
  await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
  assert((await replayClient(talk, { port: server.port }, { timeout: 5000 })).same);
  assert((await server.finished).same);
  assertEquals(knocked.left, 0);
});

Deno.test("a server that says something else is told by the first byte", async () => {
  const talk = recording([[1, "client", "ask"], [1, "server", "answer"]]);
  const other = recording([[1, "client", "ask"], [1, "server", "anybody"]]);
  await using server = await replayServer(other, { port: 0 }, { timeout: 5000 });
  const { same, connections: [one] } = await replayClient(talk, { port: server.port });
  assertEquals([same, one.difference, one.error], [false, 2, undefined]);
});

Deno.test("a server that says too little is told, by its end or after the timeout", async () => {
  const talk = recording([[1, "client", "ask"], [1, "server", "answer"], [1, "client", "thanks"]]);
  for (
    const [rest, why] of [
      [[[1, "server", "<end>"]], "the server sent 3 of 6 and ended"],
      [[[1, "client", "more"]], "the server sent 3 of 6 in 50 ms"],
    ] as [Step[], string][]
  ) {
    const short = recording([[1, "client", "ask"], [1, "server", "ans"], ...rest]);
    await using server = await replayServer(short, { port: 0 }, { timeout: 1000 });
    const { connections: [one] } = await replayClient(talk, { port: server.port }, { timeout: 50 });
    assertInstanceOf(one.error, TraceError);
    assertEquals(one.error.message, `Cannot replay connection 1: ${why}`);
    assertEquals([one.sent, one.received, one.expected, one.difference], [3, 3, 6, 3]);
  }
});

Deno.test("a client that does not take part in the TLS handshake is waited for no longer than told", async () => {
  const talk = recording([[1, "client", "ask"]]);
  const tls = await generateCertificate();
  const options = { tls: { cert: tls.cert, key: tls.key }, timeout: 20 };
  await using server = await replayServer(talk, { port: 0 }, options);
  using _silent = await Deno.connect({ hostname: LOCAL, port: server.port });
  const report = await waitFor(server.finished, "play", { timeout: 5000 });
  assertEquals((report.connections[0].error as NetError).code, "ETIMEDOUT");
});

Deno.test("pauses are kept, or made shorter, or left out", async () => {
  const talk = recording([[1, "client", "a", 0], [1, "client", "b", 120]]);
  const times: number[] = [];
  for (const speed of [1, 4]) {
    await using server = await replayServer(talk, { port: 0 });
    const began = performance.now();
    await replayClient(talk, { port: server.port }, { speed });
    times.push(performance.now() - began);
  }
  assert(times[0] >= 119, `${times[0]}`);
  assert(times[1] >= 29, `${times[1]}`);
  const slow = recording([[1, "client", "a", 0], [1, "client", "b", 3_600_000]]);
  await using server = await replayServer(slow, { port: 0 });
  await replayClient(slow, { port: server.port }, { speed: Infinity });
});

Deno.test("the first connection begins at once, the others as far behind it as they were", async () => {
  const talk = recording([[1, "client", "a", 3_600_000], [2, "client", "b", 3_600_060]]);
  await using server = await replayServer(talk, { port: 0 });
  const began = performance.now();
  assert((await replayClient(talk, { port: server.port })).same);
  assert(performance.now() - began >= 59);
});

Deno.test("a server that resets the connection is told as why it said too little", async () => {
  const talk = recording([[1, "client", "ask"], [1, "server", "answer"]]);
  using listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const serving = (async () => {
    const conn = new ResettableTransport(await listener.accept());
    await conn.read(new Uint8Array(10));
    conn.reset();
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const { connections: [one] } = await replayClient(talk, { port });
  await serving;
  assertEquals(one.error?.message, "Cannot replay connection 1: the server sent 0 of 6 and ended");
  assertInstanceOf(one.error?.cause, Error);
});

Deno.test("without waiting, answers are not waited for", async () => {
  const talk = recording([[1, "client", "a"], [1, "server", "never"], [1, "client", "b"]]);
  const silent = recording([[1, "client", "ab"]]);
  await using server = await replayServer(silent, { port: 0 }, { timeout: 2000 });
  const { connections: [one] } = await replayClient(talk, { port: server.port }, {
    wait: false,
    timeout: 100,
  });
  assertEquals(one.sent, 2);
  assertEquals((await server.finished).same, true);
});

Deno.test("datagrams are played in both roles", async () => {
  const talk = recording([
    [1, "client", "ping"],
    [1, "server", "pong"],
    [2, "client", "x"],
    [1, "client", ""],
    [1, "server", ""],
  ], "udp");
  await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
  const report = await replayClient(talk, { port: server.port }, { timeout: 5000 });
  assertEquals(report.connections.map(({ error }) => error), [undefined, undefined]);
  assert(report.same);
  assert((await server.finished).same);
});

Deno.test("datagrams of a client that is not in the recording are left alone", async () => {
  const talk = recording([[1, "client", "a"], [1, "server", "b"], [1, "client", "c"]], "udp");
  await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
  await using first = await createDatagramSocket().bind(0, LOCAL);
  await using second = await createDatagramSocket().bind(0, LOCAL);
  const to = { address: LOCAL, port: server.port };
  await first.send(bytes("a"), to);
  assertEquals((await first.receive({ timeout: 5000 })).data, bytes("b"));
  await second.send(bytes("a"), to);
  await first.send(bytes("c"), to);
  const { same, connections } = await server.finished;
  assertEquals([same, connections[0].received], [true, 2]);
});

Deno.test("a recording of no connection is played at once, over datagrams, too", async () => {
  for (const transport of ["tcp", "udp"] as const) {
    await using server = await replayServer(recording([], transport), { port: 0 });
    assertEquals(await server.finished, { connections: [], same: true });
  }
});

Deno.test("a recorded client plays over TLS", async () => {
  const talk = recording([[1, "client", "ask"], [1, "server", "answer"]]);
  const { cert, key } = await generateCertificate();
  await using server = await replayServer(talk, { port: 0 }, { tls: { cert, key }, timeout: 5000 });
  const report = await replayClient(talk, { port: server.port }, {
    tls: { ca: cert },
    timeout: 5000,
  });
  assertEquals(report.connections[0].error, undefined);
  assert(report.same);
});

Deno.test({
  name: "a reset is played, and expected",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const talk = recording([[1, "client", "ask"], [1, "server", "<reset>"]]);
    await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
    const report = await replayClient(talk, { port: server.port }, { timeout: 5000 });
    assertEquals([report.same, report.connections[0].error], [true, undefined]);
    await using again = await replayServer(talk, { port: 0 }, { timeout: 5000 });
    const client = await Deno.connect({ hostname: LOCAL, port: again.port });
    await client.write(bytes("ask"));
    await assertRejects(() => client.read(new Uint8Array(1)), Deno.errors.ConnectionReset);
    client.close();
    const back = recording([[1, "client", "ask"], [1, "client", "<reset>"]]);
    await using other = await replayServer(back, { port: 0 }, { timeout: 5000 });
    const conn = await Deno.connect({ hostname: LOCAL, port: other.port });
    await conn.write(bytes("ask"));
    new ResettableTransport(conn).reset();
    assertEquals((await other.finished).same, true);
  },
});

Deno.test({
  name: "what came before a reset is played whole",
  ignore: Deno.build.os !== "linux",
  async fn() {
    const piece = "x".repeat(1 << 20);
    const talk = recording([
      ...Array.from({ length: 8 }, (): Step => [1, "server", piece]),
      [1, "server", "<reset>"],
    ]);
    await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
    const report = await replayClient(talk, { port: server.port }, { timeout: 5000 });
    assertEquals([report.same, report.connections[0].received], [true, 8 << 20]);
  },
});

Deno.test("a server that is not there is told for each connection", async () => {
  const gone = Deno.listen({ hostname: LOCAL, port: 0 });
  const { port } = gone.addr;
  gone.close();
  const { same, connections } = await replayClient(recording(TALK), { port });
  assertEquals(same, false);
  assertEquals(connections.map(({ error }) => (error as { code?: string }).code), [
    "ECONNREFUSED",
    "ECONNREFUSED",
  ]);
});

async function stopped(server: ReplayServer): Promise<(string | undefined)[]> {
  await server[Symbol.asyncDispose]();
  const { same, connections } = await server.finished;
  assertEquals(same, false);
  return connections.map(({ error }) => error?.name);
}

Deno.test("a server that is played can be stopped, before and while somebody is there", async () => {
  const talk = recording([[1, "client", "ask"], [1, "client", "more"]]);
  assertEquals((await stopped(await replayServer(talk, { port: 0 }))).length, 1);
  const server = await replayServer(talk, { port: 0 });
  const conn = await dial({ hostname: LOCAL, port: server.port });
  await conn.write(bytes("ask"));
  assertEquals((await stopped(server)).length, 1);
  conn.close();
  const datagrams = recording([[1, "client", "ask"]], "udp");
  assertEquals(await stopped(await replayServer(datagrams, { port: 0 })), ["TraceError"]);
});

Deno.test("a signal ends playing", async () => {
  const talk = recording([[1, "client", "a", 0], [1, "client", "b", 60_000]]);
  using listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const stop = new AbortController();
  const playing = replayClient(talk, { port: listener.addr.port }, { signal: stop.signal });
  using conn = await listener.accept();
  assertEquals(await conn.read(new Uint8Array(9)), 1);
  setTimeout(() => stop.abort(), 20);
  const { connections: [one] } = await playing;
  assertEquals([one.sent, one.error?.name], [1, "AbortError"]);
});

Deno.test("a server that is played ends with a polyfill's signal, and leaves it alone when it has ended", async () => {
  const talk = recording([[1, "client", "ask"]]);
  for (const datagrams of [false, true]) {
    const given = foreignSignal();
    const asked = datagrams ? recording([[1, "client", "ask"]], "udp") : talk;
    const { signal } = given;
    await stopped(await replayServer(asked, { port: 0 }, { signal }));
    assertEquals(given.listeners, 0);
    const server = await replayServer(asked, { port: 0 }, { signal });
    given.abort();
    assertEquals([(await server.finished).same, given.listeners], [false, 0]);
    using taken = Deno.listen({ hostname: LOCAL, port: 0 });
    const late = foreignSignal();
    if (!datagrams) {
      const { port } = taken.addr;
      const starting = replayServer(asked, { port }, { signal: late.signal });
      await assertRejects(() => starting, TraceError);
    }
    assertEquals(late.listeners, 0);
  }
});

Deno.test("clients that are played end with a polyfill's signal, and leave it alone when they have ended", async () => {
  const talk = recording(TALK);
  const given = foreignSignal();
  const { signal } = given;
  await using server = await replayServer(talk, { port: 0 }, { timeout: 5000 });
  const { same } = await replayClient(talk, { port: server.port }, { signal, timeout: 5000 });
  assertEquals([same, given.listeners], [true, 0]);
  const long = recording([[1, "client", "a", 0], [1, "client", "b", 60_000]]);
  using listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const { port } = listener.addr;
  const playing = replayClient(long, { port }, { signal });
  using conn = await listener.accept();
  assertEquals(await conn.read(new Uint8Array(9)), 1);
  setTimeout(given.abort, 20);
  const { connections: [one] } = await playing;
  assertEquals([one.sent, one.error?.name, given.listeners], [1, "AbortError", 0]);
  const late = await replayClient(long, { port }, { signal });
  assertEquals([late.same, late.connections[0].sent, given.listeners], [false, 0, 0]);
});

Deno.test("another side that takes nothing ends playing, after the timeout or by the signal", async () => {
  const piece = "x".repeat(1 << 20);
  const much = Array.from({ length: 32 }, (): Step => [1, "client", piece]);
  using listener = Deno.listen({ hostname: LOCAL, port: 0 });
  const stop = new AbortController();
  const { port } = listener.addr;
  const late = replayClient(recording(much), { port }, { timeout: 100 });
  using _first = await listener.accept();
  const stopped = replayClient(recording(much), { port }, { signal: stop.signal });
  using _second = await listener.accept();
  setTimeout(() => stop.abort(), 100);
  const errors = (await Promise.all([late, stopped])).map((report) => report.connections[0].error);
  assertEquals(
    errors.map((error) => error?.message),
    [
      "Cannot replay connection 1: the server did not take what was sent in 100 ms",
      "The signal has been aborted",
    ],
  );
});

Deno.test("a recording is read from a file, up to a size", async () => {
  await using folder = await tempFolder();
  const path = `${folder.path}/a.trace`;
  const encoder = new RecordingEncoder({
    started: 0,
    transport: "tcp",
    server: "é:1",
    masked: true,
  });
  const end = { type: "end", time: 1, connection: 1, from: "client" } as const;
  await Deno.writeTextFile(path, encoder.header() + encoder.encode(end).repeat(1000));
  const { header, steps } = await readRecording(path);
  assertEquals([header.server, steps.length], ["é:1", 1000]);
  const { size } = await Deno.stat(path);
  assertEquals((await readRecording(path, { maxSize: size })).steps.length, 1000);
  await assertRejects(() => readRecording(path, { maxSize: size - 1 }), TraceError);
  const error = await assertRejects(() => readRecording(path, { maxSize: 1000 }), TraceError);
  assertEquals(error.code, "ERR_TRACE_RECORDING");
  await assertRejects(() => readRecording(`${path}.none`), Deno.errors.NotFound);
  await assertRejects(() => readRecording(path, { maxSize: NaN }), RangeError);
  await assertRejects(() => readRecording(path, { maxSize: -1 }), RangeError);
});

Deno.test("what can't be played is refused", async () => {
  const talk = recording(TALK);
  const datagrams = recording([[1, "client", "x"]], "udp");
  await assertRejects(() => replayClient(talk, { port: 0 }), RangeError);
  await assertRejects(() => replayClient(talk, { port: 1 }, { speed: 0 }), RangeError);
  await assertRejects(() => replayServer(talk, { port: 70_000 }), RangeError);
  await assertRejects(() => replayServer(talk, { port: 0 }, { timeout: -1 }), RangeError);
  await assertRejects(() => replayClient(talk, { port: 1 }, { timeout: 2 ** 31 }), RangeError);
  await assertRejects(() => replayClient(datagrams, { path: "/x" }), TypeError);
  await assertRejects(() => replayClient(talk, { path: "" }), TypeError);
  await assertRejects(() => replayServer(talk, { path: "" }), TypeError);
  const misspelt = { Tls: true } as object;
  await assertRejects(() => replayClient(talk, { port: 1 }, misspelt), TypeError, "but `tls`");
  await assertRejects(() => replayServer(talk, { port: 0 }, misspelt), TypeError, "but `tls`");
  await assertRejects(() => replayServer(talk, { hostname: "a b", port: 0 }), TypeError);
  await assertRejects(() => replayClient(datagrams, { port: 1 }, { tls: true }), TypeError);
  await assertRejects(() => replayServer(datagrams, { path: "/x" }), TypeError);
  const tls = { cert: "no certificate", key: "no key" };
  await assertRejects(() => replayServer(talk, { port: 0 }, { tls }), TypeError);
  await using taken = await createDatagramSocket().bind(0, LOCAL);
  const { port } = taken.address();
  const error = await assertRejects(() => replayServer(datagrams, { port }), TraceError);
  assertEquals(error.code, "ERR_TRACE_LISTEN");
  const listener = Deno.listen({ hostname: LOCAL, port: 0 });
  await assertRejects(() => replayServer(talk, { port: listener.addr.port }), TraceError);
  listener.close();
});

/** Has lookups for datagram sockets never end by themselves. */
function endlessLookups(): Disposable {
  const { connect } = DatagramSocket.prototype;
  DatagramSocket.prototype.connect = (_port, _address, options) =>
    waitFor(new Promise<never>(() => {}), "look up", options ?? {});
  return {
    [Symbol.dispose](): void {
      DatagramSocket.prototype.connect = connect;
    },
  };
}

Deno.test("datagrams to a server whose name is not found in time are not waited for any longer", async () => {
  using _ = endlessLookups();
  const asked = recording([[1, "client", "ask"]], "udp");
  const to = { hostname: "slow.example", port: 9 };
  const late = await waitFor(replayClient(asked, to, { timeout: 20 }), "replay", { timeout: 5000 });
  assertEquals((late.connections[0].error as NetError).code, "ETIMEDOUT");
  const stop = new AbortController();
  const replaying = replayClient(asked, to, { signal: stop.signal });
  stop.abort();
  const stopped = await waitFor(replaying, "replay", { timeout: 5000 });
  assertEquals((stopped.connections[0].error as NetError).code, "ABORT_ERR");
});
