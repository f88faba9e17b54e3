import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import type { Transport } from "../../net/transport.ts";
import { TransportWriter } from "../../net/writer.ts";
import { TextRun } from "../../websocket/_text_run.ts";
import { PLATFORM_TOOLS } from "../../websocket/_tools.ts";
import { decodeFrame, encodeFrame } from "../../websocket/frame.ts";
import { WebSocketProtocol } from "../../websocket/protocol.ts";
import type { WebSocketProtocolOutput } from "../../websocket/protocol_types.ts";
import { closeBoth, webSocketPair } from "../_support/websocket_pair.ts";
import { joined, RecordedOutput, toBytes } from "../_support/websocket_rig.ts";

/** A writer, and what has left it. */
function recorded(): { writer: TransportWriter; got: Uint8Array[] } {
  const got: Uint8Array[] = [];
  const transport: Transport = {
    read: () => Promise.resolve(null),
    write(bytes) {
      got.push(bytes.slice());
      return Promise.resolve(bytes.length);
    },
    closeWrite: () => Promise.resolve(),
    close() {},
    localAddr: { transport: "memory" },
    remoteAddr: { transport: "memory" },
  };
  return { writer: new TransportWriter(transport), got };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

/** Has connections begin runs again, whatever they sent before. */
function allowRuns(): void {
  const protocol = new WebSocketProtocol(
    "server",
    { message, piece() {}, ping() {}, pong() {}, closing() {}, fail() {} },
    recorded().writer,
    PLATFORM_TOOLS,
  );
  function message(): void {
    protocol.send("x");
  }
  const go = encodeFrame(toBytes("go"), { opcode: 1, maskKey: 7 });
  protocol.receive(joined(...Array.from({ length: 300 }, () => go)));
}

/** The payloads of text frames that a server sent. */
function textsIn(...chunks: Uint8Array[]): string[] {
  const texts: string[] = [];
  let bytes = joined(...chunks);
  while (bytes.length > 0) {
    const frame = decodeFrame(bytes);
    assert("payload" in frame, "a frame is cut off");
    assertEquals([frame.opcode, frame.fin, frame.masked], [1, true, false]);
    texts.push(new TextDecoder("utf-8", { fatal: true }).decode(frame.payload));
    bytes = bytes.subarray(frame.size);
  }
  return texts;
}

Deno.test("texts of a run are encoded when they leave", async () => {
  const { writer, got } = recorded();
  const run = new TextRun();
  const texts = ["", "a", "b".repeat(125), "last"];
  assert(!run.add(writer, PLATFORM_TOOLS, "alone", false));
  for (const text of texts) assert(run.add(writer, PLATFORM_TOOLS, text, text !== "last"));
  assertEquals(writer.queued, 2 * 4 + 125 + 5);
  assert(!run.add(writer, PLATFORM_TOOLS, "c".repeat(126), true));
  await turn();
  assertEquals(textsIn(...got), texts);
  assertEquals([got.length, writer.queued], [1, 0]);
  // It is over, and the next one begins anew.
  assert(!run.add(writer, PLATFORM_TOOLS, "alone", false));
  assert(run.add(writer, PLATFORM_TOOLS, "x", true));
  await writer.flushed();
  assertEquals(textsIn(got[1]), ["x"]);
});

Deno.test("run that is not ASCII is sent as it is, and no other is begun for a while", async () => {
  const { writer, got } = recorded();
  const run = new TextRun();
  const texts = ["a", "é".repeat(100), "\ud800", "x".repeat(125), "€".repeat(125)];
  for (const text of texts) assert(run.add(writer, PLATFORM_TOOLS, text, true));
  const queued = writer.queued;
  writer.settle();
  const size = texts.reduce((sum, text) => sum + toBytes(text).length, 0);
  assertEquals([queued, writer.queued], [10 + 1 + 100 + 1 + 250, size + 3 * 2 + 2 * 4]);
  for (let i = 0; i < 256; i++) assert(!run.add(writer, PLATFORM_TOOLS, "a", true));
  assert(run.add(writer, PLATFORM_TOOLS, "again", true));
  await turn();
  assertEquals(textsIn(...got), texts.with(2, "\ufffd").concat("again"));
});

Deno.test("run is full at 4096 units, or with the room of its output", () => {
  const { writer } = recorded();
  const run = new TextRun();
  let count = 0;
  while (run.add(writer, PLATFORM_TOOLS, "x".repeat(62), true)) count++;
  assertEquals(count, 64);
  const room = writer.reserve(1);
  writer.commit(writer.buffer.length - room - 100);
  assert(run.add(writer, PLATFORM_TOOLS, "x".repeat(62), true));
  assert(!run.add(writer, PLATFORM_TOOLS, "x".repeat(62), true));
  writer.stop();
});

Deno.test("run ends where another output begins one, and where its own stops", async () => {
  const [a, b] = [recorded(), recorded()];
  const run = new TextRun();
  for (const to of [a, a, b, b, a]) assert(run.add(to.writer, PLATFORM_TOOLS, "x", true));
  a.writer.stop();
  await turn();
  assertEquals([a.got, textsIn(...b.got)], [[], ["x", "x"]]);
});

Deno.test("run of one text is followed by texts one by one", async () => {
  const { writer } = recorded();
  const run = new TextRun();
  assert(run.add(writer, PLATFORM_TOOLS, "x", true));
  writer.settle();
  for (let i = 0; i < 16; i++) assert(!run.add(writer, PLATFORM_TOOLS, "x", true));
  assert(run.add(writer, PLATFORM_TOOLS, "x", true));
  await turn();
});

Deno.test("run of an output that refuses, fails or stops leaves nothing behind for another one", async () => {
  for (const how of ["refuse", "throw", "stop"] as const) {
    const run = new TextRun();
    const [{ writer }, other] = [recorded(), recorded()];
    const { commitLate } = writer;
    writer.commitLate = (n, late) => {
      if (how === "refuse") return false;
      if (how === "throw") throw new Error("no");
      const queued = commitLate.call(writer, n, late);
      writer.stop();
      return queued;
    };
    try {
      assertEquals(run.add(writer, PLATFORM_TOOLS, "secret", true), how === "stop");
    } catch (error) {
      assertEquals([how, (error as Error).message], ["throw", "no"]);
    }
    for (const text of ["a", "b"]) assert(run.add(other.writer, PLATFORM_TOOLS, text, true));
    await turn();
    assertEquals(textsIn(...other.got), ["a", "b"]);
    writer.stop();
  }
});

Deno.test("run is for outputs that can wait", () => {
  const run = new TextRun();
  assert(!run.add(new RecordedOutput(), PLATFORM_TOOLS, "x", true));
  const { writer } = recorded();
  const { tryEncodeTextInto: _, ...tools } = PLATFORM_TOOLS;
  assert(!run.add(writer, tools, "x", true));
});

/** One of the things that a listener does, on its own connection or on another one. */
const step = fc.record({
  on: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, { weight: 1, arbitrary: fc.nat(2) }),
  what: fc.oneof(
    { weight: 12, arbitrary: fc.constant("text" as const) },
    {
      weight: 5,
      arbitrary: fc.constantFrom(
        ...["binary", "ping", "fragments", "long", "flush", "cork", "uncork", "settle"] as const,
      ),
    },
  ),
  text: fc.string({ maxLength: 130 }),
  other: fc.string({ unit: "binary", maxLength: 130 }),
});
/** What the listeners of three connections do at each message that they get, and in which of them all is ASCII. */
const history = fc.tuple(
  fc.array(fc.array(step, { maxLength: 6 }), { minLength: 3, maxLength: 60 }),
  fc.oneof({ weight: 9, arbitrary: fc.constant(-1) }, { weight: 1, arbitrary: fc.nat(60) }),
);

Deno.test("what connections send while they work off a chunk is the same, byte for byte, with runs and without", async () => {
  let runs = 0;
  await fc.assert(
    fc.asyncProperty(history, async ([all, strange]) => {
      /** Three connections; each gets a message for a third of the lists of steps, in one chunk. */
      const play = async (
        outputs: WebSocketProtocolOutput[],
        control: (on: number, what: "flush" | "cork" | "uncork" | "settle") => void,
      ): Promise<void> => {
        let next = 0;
        const protocols = outputs.map((output, i) =>
          new WebSocketProtocol(
            "server",
            {
              message: () => message(i),
              piece() {},
              ping() {},
              pong() {},
              closing() {},
              fail() {},
            },
            output,
            PLATFORM_TOOLS,
          )
        );
        function message(i: number): void {
          const steps = all[next++];
          for (const { on, what, text: ascii, other } of steps) {
            const index = (i + on) % 3;
            const to = protocols[index];
            const text = next === strange ? other : ascii;
            if (what === "text") to.send(text);
            else if (what === "binary") to.send(toBytes(text));
            else if (what === "long") to.send(text.repeat(500));
            else if (what === "ping") to.ping();
            else if (what === "fragments") {
              to.sendFragment(toBytes(text), 1, false);
              to.sendFragment(toBytes(""), 1, true);
            } else control(index, what);
          }
        }
        for (const [i, protocol] of protocols.entries()) {
          const count = Math.floor((all.length + i) / 3);
          const go = encodeFrame(toBytes("go"), { opcode: 1, maskKey: 7 });
          protocol.receive(joined(...Array.from({ length: count }, () => go)));
          if (i === 1) await Promise.resolve();
        }
        assertEquals(next, all.length);
      };
      const there = [recorded(), recorded(), recorded()];
      for (const { writer } of there) {
        const { commitLate } = writer;
        writer.commitLate = (n, late) => {
          runs++;
          return commitLate.call(writer, n, late);
        };
      }
      await play(there.map(({ writer }) => writer), (on, what) => there[on].writer[what]());
      await Promise.all(there.map(({ writer }) => writer.end()));
      const plain = [new RecordedOutput(), new RecordedOutput(), new RecordedOutput()];
      await play(plain, () => {});
      assertEquals(
        there.map(({ got }) => joined(...got).toHex()),
        plain.map((output) => output.take().toHex()),
      );
    }),
    { numRuns: 300 },
  );

  assert(runs > 500, `texts went into a run ${runs} times`);
});

Deno.test("connection that answers many texts knows how much it has to send", async () => {
  const [client, server] = webSocketPair();
  const expected: string[] = [];
  let before = 0;
  server.on("message", (data) => {
    const text = `${data}${expected.length % 3 === 2 ? "é" : ""}`;
    if (expected.length % 5 === 0) before = server.bufferedAmount;
    server.send(text);
    expected.push(text);
    if (expected.length % 5 === 1) {
      assertEquals(server.bufferedAmount, before + 2 + toBytes(text).length);
    }
  });
  const texts = Array.from({ length: 60 }, (_, i) => `message ${i}`);
  for (const text of texts) client.send(text);
  for (const [i] of texts.entries()) {
    const { data } = await client.receive({ timeout: 5000 });
    assertEquals(data, expected[i]);
  }
  await closeBoth(client, server);
});

Deno.test("connection whose texts turn out longer than they were queued with has drained when they are gone", async () => {
  allowRuns();
  const [client, server] = webSocketPair({
    pair: { capacity: 16 },
    server: { highWaterMark: 1000 },
  });
  let drains = 0;
  const full = Promise.withResolvers<void>();
  server.on("drain", () => drains++);
  server.on("message", (data) => {
    if (data !== "1") return full.resolve();
    for (let i = 0; i < 8; i++) server.send("é".repeat(100));
  });
  client.pause();
  client.send("1");
  client.send("2");
  await full.promise;
  await turn();
  assert(!server.trySend("no room"));
  const answered = client.ping({ timeout: 5000 });
  await turn();
  client.resume();
  await answered;
  assertEquals(drains, 1);
  await closeBoth(client, server);
});

Deno.test("connection's queue has its limit, whatever its texts turn out to be", async () => {
  allowRuns();
  const [client, server] = webSocketPair({
    pair: { capacity: 16 },
    server: { highWaterMark: 500, maxSendQueueBytes: 1000, slowReader: "drop" },
  });
  const sent = Promise.withResolvers<void>();
  server.on("message", (data) => {
    if (data !== "1") return sent.resolve();
    for (let i = 0; i < 40; i++) server.send("€".repeat(100));
  });
  client.pause();
  client.send("1");
  client.send("2");
  await sent.promise;
  // The message that passes the limit is still queued.
  assert(server.bufferedAmount <= 4 * 304);
  client.terminate();
  server.terminate();
});
