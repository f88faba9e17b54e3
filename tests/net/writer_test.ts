import { assert, assertEquals, assertRejects, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { Budget } from "../../net/budget.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { TransportWriter, type TransportWriterOptions } from "../../net/writer.ts";
import { codeOf } from "../_support/code_of.ts";

/** A transport that takes what `take` says of each write, and keeps it. */
function taker(take: (size: number) => number | Promise<number> = (size) => size): {
  transport: Transport;
  got: number[];
  writes: Uint8Array[];
  ended: () => number;
} {
  const got: number[] = [];
  const writes: Uint8Array[] = [];
  const addr = { transport: "memory" as const };
  let ends = 0;
  let busy = false;
  return {
    got,
    writes,
    ended: () => ends,
    transport: {
      read: () => Promise.resolve(null),
      async write(p): Promise<number> {
        assert(!busy, "two writes at once");
        busy = true;
        writes.push(p);
        const n = await take(p.length);
        // Only now are the bytes looked at: they must not have changed since the call.
        for (const byte of p.subarray(0, n)) got.push(byte);
        busy = false;
        return n;
      },
      closeWrite(): Promise<void> {
        ends++;
        return Promise.resolve();
      },
      close: () => {},
      localAddr: addr,
      remoteAddr: addr,
    },
  };
}

const turn = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 0));

const action = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      size: fc.integer({ min: 0, max: 90 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("write" as const),
      size: fc.integer({ min: 16_000, max: 40_000 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant("unchanged" as const),
      size: fc.integer({ min: 0, max: 30_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("reserve" as const),
      size: fc.integer({ min: 0, max: 20_000 }),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant("late" as const),
      size: fc.integer({ min: 0, max: 600 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constantFrom("cork" as const, "uncork" as const, "flush" as const, "turn" as const),
      size: fc.constant(0),
    }),
  },
);

/** Fills its bytes when it is asked to; of those that it was given together, every third is more than was queued. */
class Late {
  filled = 0;
  #bytes: number[] = [];
  #queued = 0;
  #at = 0;
  readonly #writer: TransportWriter;

  constructor(writer: TransportWriter) {
    this.#writer = writer;
  }

  add(bytes: Uint8Array): void {
    const size = bytes.length - Math.floor(bytes.length / 3);
    if (this.#queued === 0 || !this.#writer.commitLate(size, this)) {
      this.#at = this.#writer.reserve(size);
      this.#writer.commitLate(size, this);
    }
    this.#queued += size;
    this.#bytes.push(...bytes);
  }

  fill(): Uint8Array | undefined {
    this.filled++;
    const bytes = Uint8Array.from(this.#bytes);
    this.#writer.buffer.set(bytes.subarray(0, this.#queued), this.#at);
    const more = bytes.subarray(this.#queued);
    this.#bytes = [];
    this.#queued = 0;
    return more.length > 0 ? more : undefined;
  }
}

Deno.test("writer sends the exact bytes of all its calls in order, whatever the transport takes", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(action, { maxLength: 40 }),
      fc.array(fc.integer({ min: 1, max: 50_000 }), { minLength: 1, maxLength: 8 }),
      fc.boolean(),
      async (actions, takes, slow) => {
        let call = 0;
        const { transport, got, ended } = taker(async (size) => {
          if (slow) await Promise.resolve();
          return Math.min(size, takes[call++ % takes.length]);
        });
        const writer = new TransportWriter(transport, { limit: Infinity });
        const late = new Late(writer);
        const sent: number[] = [];
        let value = 0;
        for (const { do: what, size } of actions) {
          const bytes = Uint8Array.from({ length: size }, () => value = value + 1 & 0xff);
          if (what === "write") writer.write(bytes);
          if (what === "unchanged") writer.writeUnchanged(bytes);
          if (what === "reserve") {
            const at = writer.reserve(size + 5);
            writer.buffer.set(bytes, at);
            writer.commit(size);
          }
          if (what === "late" && size > 0) late.add(bytes);
          if (what === "cork") writer.cork();
          if (what === "uncork") writer.uncork();
          if (what === "flush") writer.flush();
          if (what === "turn") await turn();
          for (const byte of bytes) sent.push(byte);
          // A small chunk that was written is the caller's again.
          if (what === "write" && size < 16_384) bytes.fill(0);
        }
        await writer.end();
        assertEquals(got.length, sent.length);
        assert(got.every((byte, i) => byte === sent[i]), "other bytes");
        assertEquals([writer.bytesWritten, writer.queued, writer.idle, ended()], [
          sent.length,
          0,
          true,
          1,
        ]);
      },
    ),
    { numRuns: 150 },
  );
});

Deno.test("writers that run side by side do not share buffers", async () => {
  const writers = Array.from({ length: 20 }, () => {
    const { transport, got } = taker((size) =>
      new Promise((resolve) => setTimeout(() => resolve(size), 1))
    );
    return { writer: new TransportWriter(transport), got };
  });
  for (let round = 0; round < 5; round++) {
    for (const [i, { writer }] of writers.entries()) writer.write(new Uint8Array(100).fill(i));
    await turn();
  }
  await Promise.all(writers.map(({ writer }) => writer.end()));
  for (const [i, { got }] of writers.entries()) {
    assertEquals([got.length, got.every((byte) => byte === i)], [500, true]);
  }
});

Deno.test("writer gathers what one turn writes into one write", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport);
  for (let i = 0; i < 10; i++) writer.write(new Uint8Array([i]));
  assertEquals(writes.length, 0);
  await writer.flushed();
  assertEquals(writes.map((piece) => piece.length), [10]);
});

Deno.test("writer passes one unchanged chunk on as it is, and joins it with what else the turn writes", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport);
  const chunk = new Uint8Array([1, 2, 3]);
  assert(writer.writeUnchanged(chunk));
  assertEquals([writes.length, writer.queued, writer.idle], [0, 3, false]);
  await writer.flushed();
  assertStrictEquals(writes[0], chunk);
  writer.writeUnchanged(chunk);
  writer.write(new Uint8Array([4]));
  writer.writeUnchanged(new Uint8Array([5]));
  await writer.flushed();
  assertEquals(writes.slice(1), [new Uint8Array([1, 2, 3, 4, 5])]);
  writer.cork();
  writer.writeUnchanged(chunk);
  await turn();
  assertEquals(writes.length, 2);
  writer.uncork();
  await writer.flushed();
  assertStrictEquals(writes[2], chunk);
  writer.writeUnchanged(chunk);
  await writer.end();
  assertStrictEquals(writes[3], chunk);
  assertThrows(() => writer.writeUnchanged(chunk), NetError, "after end");
});

Deno.test("writer that is stopped before the end of the turn writes no unchanged chunk", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport, { highWaterMark: 3 });
  assert(!writer.writeUnchanged(new Uint8Array(3)));
  const flushed = codeOf(writer.flushed());
  writer.stop();
  assertEquals(await flushed, "ERR_SOCKET_CLOSED");
  await turn();
  assertEquals([writes.length, writer.queued], [0, 0]);
});

Deno.test("writer gathers what comes while a write is under way", async () => {
  const gate = Promise.withResolvers<number>();
  let first = true;
  const { transport, writes } = taker((size) => {
    if (!first) return size;
    first = false;
    return gate.promise;
  });
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(3));
  writer.flush();
  for (let i = 0; i < 5; i++) {
    writer.write(new Uint8Array([i]));
    await turn();
  }
  gate.resolve(3);
  await writer.flushed();
  assertEquals(writes.map((piece) => piece.length), [3, 5]);
});

Deno.test("writer holds everything back while it is corked; corks nest", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport);
  writer.cork();
  writer.cork();
  writer.write(new Uint8Array(1));
  writer.uncork();
  writer.write(new Uint8Array(2));
  await turn();
  assertEquals(writes.length, 0);
  writer.uncork();
  assertEquals(writes.length, 1);
  writer.uncork();
  await writer.flushed();
  assertEquals(writes[0].length, 3);
});

Deno.test("writer hands a large chunk to the transport in equal parts", async () => {
  const { transport, writes, got } = taker();
  const writer = new TransportWriter(transport);
  const large = Uint8Array.from({ length: 1_500_001 }, (_, i) => i % 251);
  writer.write(large);
  await writer.flushed();
  assertEquals(writes.map((piece) => piece.length), [500_001, 500_000, 500_000]);
  for (const piece of writes) assertStrictEquals(piece.buffer, large.buffer);
  assert(got.every((byte, i) => byte === i % 251), "other bytes");
  assertEquals([writer.bytesWritten, writer.idle], [1_500_001, true]);
});

Deno.test("writer takes a transport that claims more than it was handed for one that fails", async () => {
  const { transport } = taker(() => 600_001);
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(1_200_000));
  const error = await assertRejects(() => writer.flushed(), NetError, "600001 of 400000 bytes");
  assertEquals([error.code, writer.bytesWritten], ["EIO", 0]);
});

Deno.test("writers of one turn hand all over before any hears of it, and one that fails holds up none", async () => {
  const order: string[] = [];
  const make = (name: string, fails = false): TransportWriter => {
    const { transport } = taker((size) => {
      order.push(`write ${name}`);
      return size;
    });
    if (fails) {
      transport.write = () => {
        order.push(`write ${name}`);
        throw new NetError("Cannot write: not today", { code: "EPIPE" });
      };
    }
    return new TransportWriter(transport, {
      onwritten: () => order.push(`told ${name}`),
      onerror: () => {
        order.push(`error ${name}`);
        // Whoever hears of it may write to the others, and stop them.
        one.write(new Uint8Array(1));
        four.stop();
      },
    });
  };
  const one = make("one");
  const two = make("two", true);
  const three = make("three");
  const four = make("four");
  for (const writer of [one, two, three, four]) writer.write(new Uint8Array(1));
  await turn();
  assertEquals(order.slice(0, 4), ["write one", "write two", "write three", "write four"]);
  assertEquals(order.slice(4).sort(), [
    "error two",
    "told one",
    "told one",
    "told three",
    "write one",
  ]);
  assertEquals([one.idle, two.stopped, three.idle, four.stopped], [true, true, true, true]);
});

Deno.test("writer keeps a large chunk by reference", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport);
  const large = new Uint8Array(100_000);
  writer.write(large);
  await writer.flushed();
  assertStrictEquals(writes[0].buffer, large.buffer);
});

Deno.test("writer says when it is full, and tells when it has drained, once", async () => {
  const gates: PromiseWithResolvers<void>[] = [];
  const { transport } = taker(async (size) => {
    const gate = Promise.withResolvers<void>();
    gates.push(gate);
    await gate.promise;
    return Math.min(size, 40);
  });
  let drains = 0;
  const writer = new TransportWriter(transport, { highWaterMark: 100, ondrain: () => drains++ });
  assertEquals([writer.write(new Uint8Array(99)), writer.full], [true, false]);
  assertEquals([writer.write(new Uint8Array(1)), writer.full], [false, true]);
  let drained = false;
  const waiting = writer.drained().then(() => drained = true);
  await turn();
  gates.shift()!.resolve(); // 60 are left: above half the mark
  await turn();
  assertEquals([drained, drains], [false, 0]);
  gates.shift()!.resolve(); // 20 are left
  await waiting;
  assertEquals(drains, 1);
  await turn();
  gates.shift()!.resolve();
  await writer.flushed();
  assertEquals(drains, 1);
  await writer.drained();
});

Deno.test("writer throws above its hard limit, and a single large write may pass it", () => {
  const { transport } = taker(() => new Promise(() => {}));
  const writer = new TransportWriter(transport, { highWaterMark: 10, limit: 100 });
  writer.write(new Uint8Array(1000));
  const error = assertThrows(() => writer.write(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ERR_BUFFER_LIMIT");
  assertThrows(() => writer.writeUnchanged(new Uint8Array(1)), NetError);
  assertThrows(() => writer.reserve(1), NetError);
  writer.stop();
});

Deno.test("writer's waits keep to their deadline and signal", async () => {
  const { transport } = taker(() => new Promise(() => {}));
  const writer = new TransportWriter(transport, { highWaterMark: 1 });
  writer.write(new Uint8Array(5));
  assertEquals(await codeOf(writer.drained({ timeout: 1 })), "ETIMEDOUT");
  assertEquals(await codeOf(writer.flushed({ timeout: 1 })), "ETIMEDOUT");
  assertEquals(await codeOf(writer.flushed({ signal: AbortSignal.abort() })), "ABORT_ERR");
  const controller = new AbortController();
  const waiting = writer.drained({ signal: controller.signal });
  controller.abort();
  assertEquals(await codeOf(waiting), "ABORT_ERR");
  writer.stop();
});

Deno.test("writer's flushed covers what was queued at the call, not what comes later", async () => {
  const gates: ((n: number) => void)[] = [];
  const { transport } = taker(() => new Promise((resolve) => gates.push(resolve)));
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(5));
  writer.flush();
  const first = writer.flushed();
  writer.write(new Uint8Array(7));
  gates.shift()!(5);
  await first;
  assertEquals(writer.queued, 7);
  await turn();
  gates.shift()!(7);
  await writer.flushed();
});

Deno.test("writer ends after all is written; a second end is the same", async () => {
  const { transport, got, ended } = taker();
  const writer = new TransportWriter(transport);
  writer.cork();
  writer.write(new Uint8Array([1, 2]));
  const ending = writer.end();
  assertStrictEquals(writer.end(), ending);
  await ending;
  assertEquals([got, ended()], [[1, 2], 1]);
  const error = assertThrows(() => writer.write(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ERR_STREAM_WRITE_AFTER_END");
  await writer.end();
  assertEquals(ended(), 1);
});

Deno.test("writer ends at once when nothing is queued", async () => {
  const { transport, ended } = taker();
  await new TransportWriter(transport).end();
  assertEquals(ended(), 1);
});

Deno.test("writer that was stopped drops all, and tells who waits", async () => {
  const { transport } = taker(() => new Promise(() => {}));
  const writer = new TransportWriter(transport, { highWaterMark: 1 });
  writer.write(new Uint8Array(5));
  const drained = writer.drained();
  const flushed = writer.flushed();
  const ended = writer.end();
  const reason = new Error("enough");
  writer.stop(reason);
  writer.stop(new Error("not this one"));
  for (const promise of [drained, flushed, ended, writer.drained(), writer.flushed()]) {
    assertStrictEquals(await promise.catch((error) => error), reason);
  }
  assertEquals([writer.queued, writer.stopped], [0, true]);
  const error = assertThrows(() => writer.write(new Uint8Array(1)), NetError);
  assertEquals(error.code, "ERR_SOCKET_CLOSED");
});

Deno.test("writer that was stopped says that it is closed, whatever stopped it, but for a limit", () => {
  const reasons: [NetError | undefined, string][] = [
    [undefined, "ERR_SOCKET_CLOSED"],
    [new NetError("Cannot read: reset", { code: "ECONNRESET" }), "ERR_SOCKET_CLOSED"],
    [new NetError("Cannot write: too much", { code: "ERR_BUFFER_LIMIT" }), "ERR_BUFFER_LIMIT"],
  ];
  for (const [reason, code] of reasons) {
    // A limit may be as low as the high-water mark.
    const writer = new TransportWriter(taker().transport, { highWaterMark: 5, limit: 5 });
    writer.stop(reason);
    const error = assertThrows(() => writer.write(new Uint8Array(1)), NetError);
    assertEquals(error.code, code);
    if (reason?.code === "ECONNRESET") assertStrictEquals(error.cause, reason);
  }
});

async function failing(options: TransportWriterOptions): Promise<TransportWriter> {
  const [a, b] = pair({ capacity: 4, faults: [{ at: 2, action: "reset" }] });
  const writer = new TransportWriter(a, options);
  writer.write(new Uint8Array(10));
  const waiting = writer.flushed().catch((error) => error);
  await b.read(new Uint8Array(4));
  await b.read(new Uint8Array(4)).catch(() => {});
  assertEquals((await waiting).code, "ECONNRESET");
  a.close();
  b.close();
  return writer;
}

Deno.test("writer tells of a failure once, and is stopped then", async () => {
  const told: unknown[] = [];
  const writer = await failing({ onerror: (error) => told.push(error) });
  assertEquals(told.map((error) => (error as NetError).code), ["ECONNRESET"]);
  assertEquals(writer.stopped, true);
});

Deno.test("writer that nobody listens to leaves nothing unhandled when it fails", async () => {
  const writer = await failing({});
  await turn();
  assertEquals(writer.stopped, true);
});

Deno.test("writer counts what the transport took, as it takes it", async () => {
  const counts: number[] = [];
  const { transport } = taker((size) => Math.min(size, 4));
  const writer = new TransportWriter(transport, { onwritten: (n) => counts.push(n) });
  writer.write(new Uint8Array(10));
  await writer.flushed();
  assertEquals(counts, [4, 8, 10]);
});

Deno.test("writer refuses limits that make no sense", () => {
  const { transport } = taker();
  for (const options of [{ highWaterMark: -1 }, { highWaterMark: NaN }, { limit: 5 }]) {
    assertThrows(() => new TransportWriter(transport, options), RangeError);
  }
});

Deno.test("writer may be written to from its own callbacks", async () => {
  for (const unchanged of [false, true]) {
    const { transport, got } = taker();
    let value = 0;
    const put = (): void => {
      if (value >= 200) return;
      const bytes = new Uint8Array(value % 3 === 0 ? 20_000 : 3).fill(++value);
      if (unchanged) writer.writeUnchanged(bytes);
      else writer.write(bytes);
    };
    const writer: TransportWriter = new TransportWriter(transport, {
      highWaterMark: 2,
      ondrain: put,
      onwritten: put,
    });
    put();
    while (value < 200) await turn();
    await writer.end();
    const runs = got.filter((byte, i) => byte !== got[i - 1]);
    assertEquals(runs, Array.from({ length: 200 }, (_, i) => i + 1));
  }
});

Deno.test("writer holds back what is corked while a write is under way", async () => {
  const gates: ((n: number) => void)[] = [];
  const { transport, writes } = taker((size) =>
    new Promise<number>((resolve) => gates.push(() => resolve(size)))
  );
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(1));
  writer.flush();
  writer.cork();
  writer.write(new Uint8Array(2));
  gates.shift()!(0);
  await turn();
  assertEquals([writes.length, writer.queued, writer.idle], [1, 2, false]);
  // A flush goes through the cork, for what is there by then.
  writer.flush();
  writer.write(new Uint8Array(3));
  assertEquals(writes.map((piece) => piece.length), [1, 2]);
  gates.shift()!(0);
  await turn();
  assertEquals(writes.length, 2);
  writer.uncork();
  assertEquals(writes.map((piece) => piece.length), [1, 2, 3]);
  gates.shift()!(0);
  await writer.flushed();
});

Deno.test("writer that is corked in the turn of a write holds that write back, too", async () => {
  const { transport, writes } = taker();
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(1));
  writer.cork();
  writer.write(new Uint8Array(1));
  await turn();
  assertEquals(writes.length, 0);
  writer.uncork();
  await writer.flushed();
  assertEquals(writes.map((piece) => piece.length), [2]);
});

Deno.test("writer with a mark of 0 is full with any byte, and drains when there is none", async () => {
  let drains = 0;
  const { transport } = taker();
  const writer = new TransportWriter(transport, { highWaterMark: 0, ondrain: () => drains++ });
  assertEquals([writer.write(new Uint8Array(0)), drains], [true, 0]);
  assertEquals(writer.write(new Uint8Array(1)), false);
  await writer.drained();
  assertEquals([writer.writeUnchanged(new Uint8Array(1)), drains], [false, 1]);
  await writer.drained();
  assertEquals(drains, 2);
  await writer.drained();
});

Deno.test("writer that is ended from a callback of its last write ends once", async () => {
  for (const name of ["onwritten", "ondrain"] as const) {
    const { transport, ended } = taker();
    const writer: TransportWriter = new TransportWriter(transport, {
      highWaterMark: 1,
      [name]: () => void writer.end(),
    });
    writer.write(new Uint8Array(3));
    await writer.flushed();
    await writer.end();
    await turn();
    assertEquals([name, ended()], [name, 1]);
  }
});

Deno.test("writer that is stopped from its callback does nothing more", async () => {
  const { transport, writes, ended } = taker((size) => Math.min(size, 2));
  const writer: TransportWriter = new TransportWriter(transport, {
    onwritten: () => writer.stop(),
  });
  writer.write(new Uint8Array(10));
  await writer.flushed().catch(() => {});
  await turn();
  assertEquals([writes.length, ended(), writer.queued], [1, 0, 0]);
});

Deno.test("writer whose callback throws stops, and tells what it threw", async () => {
  const told: unknown[] = [];
  const fault = new Error("in a callback");
  const { transport } = taker();
  const writer = new TransportWriter(transport, {
    onwritten: () => {
      throw fault;
    },
    onerror: (error) => told.push(error),
  });
  writer.write(new Uint8Array(1));
  await turn();
  await assertRejects(() => writer.flushed(), Error, "in a callback");
  assertEquals(told, [fault]);
});

Deno.test("writer takes no count of bytes that can't be", async () => {
  for (const n of [0, -1, 11, NaN]) {
    const { transport } = taker(() => n);
    const writer = new TransportWriter(transport);
    writer.write(new Uint8Array(10));
    assertEquals(await codeOf(writer.flushed()), "EIO");
  }
});

Deno.test("writer takes a transport that throws at once for one that fails", async () => {
  const { transport } = taker();
  const told: unknown[] = [];
  const writer = new TransportWriter({
    ...transport,
    localAddr: transport.localAddr,
    remoteAddr: transport.remoteAddr,
    write: () => {
      throw new NetError("Cannot write: not today", { code: "EPIPE" });
    },
  }, { onerror: (error) => told.push((error as NetError).code) });
  writer.writeUnchanged(new Uint8Array(1));
  writer.flush();
  await turn();
  assertEquals([told, writer.stopped], [["EPIPE"], true]);
  await assertRejects(() => writer.flushed(), NetError);
});

/** A transport whose `closeWrite` fails so. */
function endless(error: unknown): { transport: Transport } {
  const { transport } = taker();
  transport.closeWrite = () => Promise.reject(error);
  return { transport };
}

Deno.test("writer's end fails as closeWrite does, but not when the peer is gone already", async () => {
  const told: unknown[] = [];
  const broken = new TransportWriter(endless(new Error("broken")).transport, {
    onerror: (error) => told.push((error as Error).message),
  });
  await assertRejects(() => broken.end(), Error, "broken");
  assertEquals(told, ["broken"]);
  for (
    const error of [
      new Deno.errors.NotConnected("os error 107"),
      new NetError("Cannot end: gone", { code: "ENOTCONN" }),
    ]
  ) await new TransportWriter(endless(error).transport).end();
});

Deno.test("writer that was stopped while it ended stays so", async () => {
  const gate = Promise.withResolvers<void>();
  const { transport } = taker();
  transport.closeWrite = () => gate.promise;
  const writer = new TransportWriter(transport);
  const ending = writer.end();
  const reason = new Error("enough");
  writer.stop(reason);
  gate.resolve();
  assertStrictEquals(await ending.catch((error) => error), reason);
});

Deno.test("writer commits what was reserved, and no more", () => {
  const { transport } = taker();
  const writer = new TransportWriter(transport);
  assertThrows(() => writer.commit(1), RangeError);
  writer.reserve(10);
  for (const n of [-1, NaN, 1e6]) assertThrows(() => writer.commit(n), RangeError);
  assertEquals([writer.commit(0), writer.queued], [true, 0]);
});

Deno.test("writer that is idle holds no buffer", async () => {
  const { transport } = taker();
  const writer = new TransportWriter(transport);
  writer.write(new Uint8Array(100));
  assert(writer.buffer.length > 0);
  await writer.flushed();
  await turn();
  assertEquals(writer.buffer.length, 0);
});

Deno.test("writer's wait that was given up is forgotten, and others go on", async () => {
  const gates: (() => void)[] = [];
  const { transport } = taker((size) =>
    new Promise<number>((resolve) => gates.push(() => resolve(size)))
  );
  const writer = new TransportWriter(transport, { highWaterMark: 1 });
  writer.write(new Uint8Array(5));
  const controller = new AbortController();
  const given = [writer.drained(controller), writer.flushed(controller)];
  const kept = [writer.drained({ timeout: 60_000 }), writer.flushed({ timeout: 60_000 })];
  controller.abort();
  for (const promise of given) assertEquals(await codeOf(promise), "ABORT_ERR");
  gates.shift()!();
  await Promise.all(kept);
});

Deno.test("writers on slow and fast transports never see each other's bytes", async () => {
  // All of them share the pool of join buffers, which are given back and taken again at every step.
  await fc.assert(
    fc.asyncProperty(
      fc.array(
        fc.record({
          who: fc.nat(4),
          size: fc.oneof(fc.nat(200), fc.integer({ min: 10_000, max: 30_000 })),
          shared: fc.boolean(),
          wait: fc.boolean(),
        }),
        { maxLength: 60 },
      ),
      fc.array(fc.integer({ min: 1, max: 40_000 }), { minLength: 5, maxLength: 5 }),
      async (steps, takes) => {
        const all = takes.map((most, who) => {
          const { transport, got } = taker(async (size) => {
            if (who % 2 === 0) await turn();
            return Math.min(size, Math.max(most, size >> 3));
          });
          return { writer: new TransportWriter(transport, { limit: Infinity }), got, sent: 0 };
        });
        for (const { who, size, shared, wait } of steps) {
          const one = all[who];
          const chunk = new Uint8Array(size).fill(who + 1);
          if (shared) one.writer.writeUnchanged(chunk);
          else one.writer.write(chunk);
          one.sent += size;
          if (wait) await turn();
        }
        await Promise.all(all.map(({ writer }) => writer.end()));
        for (const [who, { got, sent }] of all.entries()) {
          assertEquals([got.length, got.every((byte) => byte === who + 1)], [sent, true]);
        }
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("writer joins a long queue of small chunks in pieces of 256 KiB at most", async () => {
  const { transport, writes, got } = taker(async (size) => {
    await turn();
    return size;
  });
  const writer = new TransportWriter(transport);
  const sent: number[] = [];
  for (let i = 0; i < 120; i++) {
    const chunk = new Uint8Array(i % 3 === 2 ? 17_000 : 9000).fill(i);
    writer.write(chunk);
    for (const byte of chunk) sent.push(byte);
  }
  await writer.end();
  assert(got.length === sent.length && got.every((byte, i) => byte === sent[i]), "other bytes");
  assert(writes.length < 12, `${writes.length} writes`);
  for (const { length } of writes) assert(length <= 262_144, `${length} bytes in one write`);
});

Deno.test("writer that never comes to rest uses its buffers again, and mixes nothing up", async () => {
  const { transport, got } = taker(async (size) => {
    await turn();
    return Math.min(size, 100_000);
  });
  const writer = new TransportWriter(transport, { limit: Infinity });
  let sent = 0;
  for (let i = 0; i < 60; i++) {
    for (let k = 0; k < 10; k++) writer.write(new Uint8Array(8000).fill(i));
    sent += 80_000;
    await turn();
  }
  await writer.end();
  assertEquals(got.length, sent);
  assert(got.every((byte, i) => byte === Math.floor(i / 80_000)), "other bytes");
});

Deno.test("writers give all that they count back, however they end", async () => {
  const step = fc.record({
    who: fc.nat(3),
    do: fc.constantFrom(
      "write",
      "shared",
      "part",
      "reserve",
      "cork",
      "uncork",
      "flush",
      "turn",
      "take",
      "fail",
      "stop",
      "end",
    ),
    size: fc.oneof(fc.nat(300), fc.integer({ min: 16_000, max: 20_000 })),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.array(step, { maxLength: 60 }),
      fc.constantFrom("wait" as const, "drop" as const, "close" as const),
      async (steps, policy) => {
        const budget = new Budget(50_000, policy, 16_384);
        const make = () => {
          // Writes wait until "take" lets them go.
          const gates: PromiseWithResolvers<number>[] = [];
          const { transport } = taker((size) => {
            const gate = Promise.withResolvers<number>();
            gates.push(gate);
            return gate.promise.then((n) => Math.min(n, size));
          });
          const failures: unknown[] = [];
          const writer = new TransportWriter(transport, {
            budget,
            limit: Infinity,
            onerror: (error) => void failures.push(error),
          });
          return { writer, gates, failures };
        };
        const all = Array.from({ length: 4 }, make);
        for (const { who, do: what, size } of steps) {
          const { writer, gates } = all[who];
          try {
            if (what === "write") writer.write(new Uint8Array(size));
            if (what === "shared") writer.writeUnchanged(new Uint8Array(size));
            if (what === "part") writer.writeUnchanged(new Uint8Array(size), size >> 3);
            if (what === "reserve") {
              writer.reserve(size);
              writer.commit(size);
            }
          } catch (error) {
            assert(error instanceof NetError);
          }
          if (what === "cork") writer.cork();
          if (what === "uncork") writer.uncork();
          if (what === "flush") writer.flush();
          if (what === "turn") await turn();
          if (what === "take") gates.splice(0).forEach((gate) => gate.resolve(size + 1));
          if (what === "fail") gates.splice(0).forEach((gate) => gate.reject(new Error("gone")));
          if (what === "stop") writer.stop();
          if (what === "end") writer.end().catch(() => {});
          const held = all.reduce((sum, { writer }) => sum + writer.held, 0);
          assertEquals(budget.used, held);
          for (const { writer } of all) assert(writer.held <= writer.queued);
          // Little that is corked may wait to be counted.
          const queued = all.reduce((sum, { writer }) => sum + writer.queued, 0);
          if (!steps.some((step) => step.do === "part")) assert(queued - held < 4 * 16_384);
          if (policy === "close") assert(budget.used <= budget.limit);
        }
        for (const { writer, gates } of all) {
          writer.stop();
          for (const gate of gates) gate.resolve(1);
        }
        await turn();
        assertEquals(budget.used, 0);
      },
    ),
    { numRuns: 200 },
  );
});

Deno.test("writer with a tight budget says that it is full as soon as anything is queued, and drains", async () => {
  const budget = new Budget(1000, "wait", 100);
  budget.add(900);
  const gate = Promise.withResolvers<number>();
  const { transport } = taker(() => gate.promise);
  let drains = 0;
  const writer = new TransportWriter(transport, { budget, ondrain: () => void drains++ });
  assertEquals([writer.full, writer.write(new Uint8Array(5)), writer.full], [false, false, true]);
  const drained = writer.drained();
  gate.resolve(5);
  await drained;
  assertEquals([drains, writer.full, budget.used], [1, false, 900]);
});

Deno.test("writer that waits for room when the budget became tight only later is woken", async () => {
  const budget = new Budget(1000, "wait", 100);
  const gate = Promise.withResolvers<number>();
  const { transport } = taker(() => gate.promise);
  const writer = new TransportWriter(transport, { budget });
  assertEquals(writer.write(new Uint8Array(5)), true);
  budget.add(990);
  const drained = writer.drained();
  gate.resolve(5);
  await drained;
});

Deno.test("writer with the longest queue fails when another one needs room: its owner is told in another turn", async () => {
  const budget = new Budget(100_000, "close", 100);
  const errors: unknown[] = [];
  const stuck = taker(() => new Promise<number>(() => {}));
  const slow = new TransportWriter(stuck.transport, {
    budget,
    onerror: (error) => void errors.push(error),
  });
  slow.write(new Uint8Array(90_000));
  const other = new TransportWriter(taker().transport, { budget });
  assertEquals(
    other.write(new Uint8Array(20_000)),
    false,
    "it was tight for a moment: drain follows",
  );
  assertEquals([slow.stopped, slow.queued, errors.length, budget.used], [true, 0, 0, 20_000]);
  assertEquals(
    assertThrows(() => slow.write(new Uint8Array(1)), NetError).code,
    "ERR_BUFFER_LIMIT",
  );
  await turn();
  assertEquals(errors.map((error) => (error as NetError).code), ["ERR_BUFFER_LIMIT"]);
  await other.flushed();
  assertEquals(budget.used, 0);
});

Deno.test("writer that is the longest itself fails when it writes too much", async () => {
  for (const write of ["write", "writeUnchanged"] as const) {
    const budget = new Budget(50_000, "close", 100);
    const { transport, writes } = taker();
    const errors: unknown[] = [];
    const writer = new TransportWriter(transport, { budget, onerror: (e) => void errors.push(e) });
    assertEquals(writer[write](new Uint8Array(60_000)), false);
    await turn();
    assertEquals([errors.length, writes.length, budget.used], [1, 0, 0]);
  }
});

Deno.test("writer counts what a broadcast shares by its part", async () => {
  const budget = new Budget(100_000, "close", 100);
  const gate = Promise.withResolvers<number>();
  const { transport } = taker(() => gate.promise);
  const writer = new TransportWriter(transport, { budget });
  writer.writeUnchanged(new Uint8Array(50_000), 50);
  assertEquals([writer.queued, writer.held, budget.used], [50_000, 50, 50]);
  writer.write(new Uint8Array(1000));
  assertEquals([writer.held, budget.used], [1050, 1050]);
  gate.resolve(50_000);
  await turn();
  assertEquals(budget.used, 0);
});

Deno.test("writer that is corked behind a write counts no more than is queued once that write is done", async () => {
  const budget = new Budget(100_000, "close", 100);
  const gates: PromiseWithResolvers<number>[] = [];
  const { transport } = taker(() => {
    const gate = Promise.withResolvers<number>();
    gates.push(gate);
    return gate.promise;
  });
  const writer = new TransportWriter(transport, { budget });
  writer.write(new Uint8Array(10_000));
  writer.flush();
  writer.cork();
  writer.write(new Uint8Array(9000));
  gates[0].resolve(10_000);
  await turn();
  assert(writer.held <= 9000 && budget.used === writer.held);
  // They leave all the same now, and are all that is counted.
  const ended = writer.end();
  assertEquals([writer.queued, writer.held, budget.used], [9000, 9000, 9000]);
  gates[1].resolve(9000);
  await ended;
  assertEquals(budget.used, 0);
});

Deno.test("writer that was stopped during a write does not disturb those that write after it", async () => {
  const [near, far] = pair();
  far.close();
  /** A transport whose writes end when the test says so. */
  const held = () => {
    const { promise, resolve, reject } = Promise.withResolvers<number>();
    const transport: Transport = Object.assign(Object.create(near), { write: () => promise });
    const failures: unknown[] = [];
    const written: number[] = [];
    const writer = new TransportWriter(transport, {
      onerror: (error) => failures.push(error),
      onwritten: (n) => written.push(n),
    });
    writer.write(new Uint8Array(8));
    writer.flush();
    return { writer, failures, written, resolve, reject };
  };
  const first = held();
  first.writer.stop();
  const second = held();
  const third = held();
  first.resolve(8);
  second.reject(new Error("reset"));
  await turn();
  assertEquals([first.written, second.failures.length, third.failures.length], [[], 1, 0]);
  const fourth = held();
  third.resolve(8);
  await turn();
  assertEquals([third.written, fourth.written], [[8], []]);
  third.writer.write(new Uint8Array(8));
  fourth.resolve(8);
  await turn();
  assertEquals([fourth.written, third.failures.length, fourth.writer.idle], [[8], 0, true]);
  near.close();
});

Deno.test("writer counts a write that was under way when it was stopped, once it is done", async () => {
  const taken = Promise.withResolvers<number>();
  const [a, b] = pair();
  const writer = new TransportWriter(Object.assign(a, { write: () => taken.promise }));
  writer.write(new Uint8Array(3));
  writer.flush();
  writer.stop();
  assertEquals([writer.bytesWritten, writer.queued], [0, 0]);
  taken.resolve(3);
  await taken.promise;
  assertEquals([writer.bytesWritten, writer.queued], [3, 0]);
  a.close();
  b.close();
});

Deno.test("writer.stopBehindFlush begins one write and tells when it has come back", async () => {
  for (const outcome of ["well", "failed"] as const) {
    const taken = Promise.withResolvers<number>();
    const chunks: string[] = [];
    const [a, b] = pair();
    const transport = Object.assign(a, {
      write(chunk: Uint8Array): Promise<number> {
        chunks.push(new TextDecoder().decode(chunk));
        return taken.promise;
      },
    });
    const writer = new TransportWriter(transport);
    writer.write(new TextEncoder().encode("last "));
    writer.write(new TextEncoder().encode("words"));
    const back = writer.stopBehindFlush();
    assert(back !== undefined);
    assertEquals([chunks, writer.stopped], [["last words"], true]);
    let told = false;
    back.then(() => told = true);
    await Promise.resolve();
    assertEquals(told, false);
    if (outcome === "well") taken.resolve(10);
    else taken.reject(new Error("reset"));
    await back;
    assertEquals(writer.bytesWritten, outcome === "well" ? 10 : 0);
    a.close();
    b.close();
  }
});

Deno.test("writer.stopBehindFlush begins nothing when it is corked, idle, or behind a second write", async () => {
  const [a, b] = pair();
  const never = Object.assign(a, { write: () => new Promise<number>(() => {}) });
  const corked = new TransportWriter(never);
  corked.cork();
  corked.write(new Uint8Array(1));
  assertEquals(corked.stopBehindFlush(), undefined);
  assertEquals(new TransportWriter(never).stopBehindFlush(), undefined);
  // Only the first one, which a connection that has just come takes late, is waited for.
  let writes = 0;
  const second = Object.assign(b, {
    write: () => ++writes === 1 ? Promise.resolve(1) : new Promise<number>(() => {}),
  });
  const busy = new TransportWriter(second);
  busy.write(new Uint8Array(1));
  await busy.flushed();
  busy.write(new Uint8Array(1));
  busy.flush();
  busy.write(new Uint8Array(1));
  assertEquals(busy.stopBehindFlush(), undefined);
  a.close();
  b.close();
});

Deno.test("bytes that are filled late are filled before anything else is queued, or they leave", async () => {
  const queued = (): { writer: TransportWriter; late: Late; got: number[] } => {
    const { transport, got } = taker();
    const writer = new TransportWriter(transport);
    const late = new Late(writer);
    late.add(new Uint8Array([1, 2, 3]));
    late.add(new Uint8Array([4, 5, 6, 7, 8, 9]));
    assertEquals([late.filled, writer.queued, got], [0, 6, []]);
    return { writer, late, got };
  };
  const calls: ((writer: TransportWriter) => unknown)[] = [
    (writer) => writer.write(new Uint8Array([10])),
    (writer) => writer.write(new Uint8Array(20_000)),
    (writer) => writer.writeUnchanged(new Uint8Array([10])),
    (writer) => writer.reserve(1),
    (writer) => writer.flush(),
    (writer) => writer.end(),
    (writer) => writer.flushed(),
    (writer) => writer.settle(),
    (writer) => writer.stopBehindFlush(),
  ];
  for (const call of calls) {
    const { writer, late, got } = queued();
    call(writer);
    assertEquals(late.filled, 1);
    await turn();
    assertEquals([late.filled, got.slice(0, 9)], [1, [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
    writer.stop();
  }
  const { writer, late, got } = queued();
  await turn();
  assertEquals([late.filled, got], [1, [1, 2, 3, 4, 5, 6, 7, 8, 9]]);
  assertEquals([writer.bytesWritten, writer.queued], [9, 0]);
});

Deno.test("bytes that are filled late count when they are filled, and are waited for", async () => {
  const budget = new Budget(1000, "wait");
  const { transport, got } = taker();
  const writer = new TransportWriter(transport, { budget });
  writer.cork();
  const late = new Late(writer);
  late.add(new Uint8Array(30));
  assertEquals(writer.queued, 20);
  writer.settle();
  assertEquals([writer.queued, budget.used], [30, 30]);
  writer.settle();
  assertEquals([late.filled, writer.queued], [1, 30]);
  late.add(new Uint8Array(30));
  const flushed = writer.flushed();
  assertEquals(writer.queued, 60);
  writer.uncork();
  await flushed;
  assertEquals([got.length, budget.used], [60, 0]);
});

Deno.test("bytes that are to be filled late are told of when the writer stops, and are not queued behind its end", async () => {
  const { transport, got } = taker();
  const writer = new TransportWriter(transport);
  const late = new Late(writer);
  late.add(new Uint8Array([1, 2, 3]));
  writer.stop();
  assertEquals(late.filled, 1);
  assertThrows(() => writer.commitLate(1, late), NetError, "closed");
  await turn();
  assertEquals([late.filled, got], [1, []]);

  const other = new TransportWriter(transport);
  const first = new Late(other);
  first.add(new Uint8Array([1, 2, 3]));
  // There is no room without `reserve`, and none for two who fill at once.
  assertEquals(other.commitLate(1, late), false);
  assertEquals(other.commitLate(1 << 20, first), false);
  assertEquals(other.commitLate(0, first), false);
  assertEquals(other.queued, 2);
  await other.end();
  assertEquals(got, [1, 2, 3]);
});

/** A transport that takes nothing before it is opened. */
function gated(): { transport: Transport; open: () => void } {
  const gate = Promise.withResolvers<void>();
  const { transport } = taker((size) => gate.promise.then(() => size));
  return { transport, open: gate.resolve };
}

Deno.test("writer that is full by bytes that were filled late says so, and drains", async () => {
  const { transport, open } = gated();
  let drains = 0;
  const budget = new Budget(1000, "wait");
  const writer = new TransportWriter(transport, {
    highWaterMark: 25,
    budget,
    ondrain: () => drains++,
  });
  writer.write(new Uint8Array(1));
  await turn();
  const late = new Late(writer);
  late.add(new Uint8Array(30));
  assertEquals([writer.queued, writer.full, writer.needDrain], [21, false, false]);
  writer.settle();
  assertEquals([writer.queued, writer.needDrain, budget.used], [31, true, 31]);
  open();
  await writer.flushed();
  assertEquals([drains, writer.full, budget.used], [1, false, 0]);
});

Deno.test("writer that others have made full says so, and drains", async () => {
  const { transport, open } = gated();
  let drains = 0;
  const budget = new Budget(1000, "wait");
  const writer = new TransportWriter(transport, { budget, ondrain: () => drains++ });
  assertEquals(writer.write(new Uint8Array(10)), true);
  await turn();
  budget.add(980);
  assertEquals([writer.full, writer.needDrain], [true, true]);
  open();
  await writer.flushed();
  assertEquals(drains, 1);
  budget.remove(980);
});
