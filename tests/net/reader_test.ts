import { assert, assertEquals, assertThrows } from "@std/assert";
import { Buffer } from "node:buffer";
import { setImmediate } from "node:timers";
import fc from "fast-check";
import { pair, type PairOptions } from "../../net/pair.ts";
import { TransportReader, type TransportReaderOptions } from "../../net/reader.ts";
import type { Transport } from "../../net/transport.ts";
import { microtasks } from "../_support/microtasks.ts";

async function writeAll(transport: Transport, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await transport.write(data.subarray(at));
  await transport.closeWrite();
}

/** A reader of the second end of a pair, and all that it tells. */
function rig(options: TransportReaderOptions = {}, faults: PairOptions = {}): {
  a: Transport;
  reader: TransportReader;
  chunks: Uint8Array[];
  over: Promise<"end" | { error: unknown }>;
  onchunk: (chunk: Uint8Array) => void;
} & Disposable {
  const [a, b] = pair(faults);
  const { promise: over, resolve } = Promise.withResolvers<"end" | { error: unknown }>();
  const rig = {
    a,
    chunks: [] as Uint8Array[],
    over,
    onchunk: (chunk: Uint8Array): void => void rig.chunks.push(chunk),
    reader: new TransportReader(b, {
      data: (chunk) => rig.onchunk(chunk),
      end: () => resolve("end"),
      error: (error) => resolve({ error }),
    }, options),
    [Symbol.dispose](): void {
      rig.reader.stop();
      a.close();
      b.close();
    },
  };
  return rig;
}

const joined = (chunks: Uint8Array[]): number[] => chunks.flatMap((chunk) => [...chunk]);

Deno.test("reader gives all bytes in order, and the end once", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 3000 }),
    fc.integer({ min: 1, max: 999 }),
    fc.integer({ min: 16, max: 64 }),
    async (data, split, minSlab) => {
      using it = rig({ minSlab, maxSlab: 1024 }, { split });
      it.reader.start();
      it.reader.start();
      await writeAll(it.a, data);
      assertEquals(await it.over, "end");
      assertEquals(joined(it.chunks), [...data]);
      assertEquals(it.reader.bytesRead, data.length);
    },
  ));
});

Deno.test("reader reads at most 272 KiB at once, and a large message lies in one place all the same", async () => {
  const asked: number[] = [];
  const sizes = [1_114_112, 700_000];
  let left = sizes.reduce((sum, size) => sum + size);
  const [near] = pair();
  const transport: Transport = Object.assign(Object.create(near), {
    read(p: Uint8Array): Promise<number | null> {
      asked.push(p.length);
      if (left === 0) return Promise.resolve(null);
      const n = Math.min(left, p.length);
      p.fill(left & 0xff, 0, n);
      left -= n;
      return Promise.resolve(n);
    },
  });
  const chunks: Uint8Array[] = [];
  const lent = new Uint8Array(700_000);
  const { promise: over, resolve, reject } = Promise.withResolvers<void>();
  const reader = new TransportReader(transport, {
    data(chunk) {
      chunks.push(chunk);
      const got = reader.bytesRead;
      if (got < sizes[0]) reader.expect(sizes[0] - got);
      else if (got === sizes[0]) reader.lend(lent);
    },
    end: resolve,
    error: reject,
  }, { minSlab: 1_114_112, maxSlab: 1_114_112 });
  reader.start();
  await over;
  near.close();
  assertEquals(asked.slice(0, 7), [
    ...[278_528, 278_528, 278_528, 278_528],
    ...[278_528, 278_528, 700_000 - 2 * 278_528],
  ]);
  assert(chunks.slice(0, 4).every((chunk) => chunk.buffer === chunks[0].buffer));
  assert(chunks.slice(4).every((chunk) => chunk.buffer === lent.buffer));
});

Deno.test("reader never writes bytes again that it has handed out", async () => {
  await fc.assert(fc.asyncProperty(
    fc.array(fc.integer({ min: 1, max: 700 }), { minLength: 1, maxLength: 40 }),
    async (sizes) => {
      using it = rig({ minSlab: 64, maxSlab: 2048 });
      const copies: number[][] = [];
      it.onchunk = (chunk): void => {
        it.chunks.push(chunk);
        copies.push([...chunk]);
      };
      it.reader.start();
      for (const [i, size] of sizes.entries()) {
        await it.a.write(new Uint8Array(size).fill(i + 1));
        await Promise.resolve();
      }
      await it.a.closeWrite();
      await it.over;
      assertEquals(it.chunks.map((chunk) => [...chunk]), copies);
    },
  ));
});

Deno.test("reader's chunks may be changed in place without harm to the next", async () => {
  using it = rig({ minSlab: 64 });
  const got: number[] = [];
  it.onchunk = (chunk): void => {
    got.push(...chunk);
    chunk.fill(0xff);
    new Uint8Array(chunk.buffer, 0, chunk.byteOffset).fill(0xee);
  };
  it.reader.start();
  const data = Uint8Array.from({ length: 1000 }, (_, i) => i);
  await writeAll(it.a, data);
  await it.over;
  assertEquals(got, [...data]);
});

Deno.test("reader that is paused takes one chunk at most, and gives it on resume", async () => {
  using it = rig({ minSlab: 16, maxSlab: 16 }, { capacity: 16 });
  it.reader.start();
  it.reader.pause();
  assertEquals(it.reader.paused, true);
  let written = 0;
  const writing = (async () => {
    while (written < 100) written += await it.a.write(new Uint8Array(16));
  })();
  await microtasks(50);
  assertEquals([written <= 48, it.chunks.length], [true, 0]);
  it.reader.resume();
  await writing;
  await it.a.closeWrite();
  await it.over;
  assertEquals(joined(it.chunks).length, written);
});

Deno.test("reader paused and resumed at every chunk loses and doubles nothing", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ minLength: 1, maxLength: 400 }),
      fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 20 }),
      async (data, habits) => {
        using it = rig({ minSlab: 16 }, { split: 7 });
        let i = 0;
        it.onchunk = (chunk): void => {
          it.chunks.push(chunk);
          const habit = habits[i++ % habits.length];
          if (habit === 0) return;
          it.reader.pause();
          if (habit === 1) it.reader.resume();
          if (habit === 2) queueMicrotask(() => it.reader.resume());
          if (habit === 3) setTimeout(() => it.reader.resume(), 0);
        };
        it.reader.start();
        await writeAll(it.a, data);
        // The end comes only when the last chunk's pause is over.
        assertEquals(await it.over, "end");
        assertEquals(joined(it.chunks), [...data]);
      },
    ),
    { numRuns: 50 },
  );
});

Deno.test("reader that starts paused reads nothing before resume", async () => {
  using it = rig();
  it.reader.pause();
  it.reader.start();
  await writeAll(it.a, new Uint8Array([1, 2]));
  await microtasks(20);
  assertEquals(it.chunks, []);
  it.reader.resume();
  it.reader.resume();
  await it.over;
  assertEquals(joined(it.chunks), [1, 2]);
});

Deno.test("reader tells what the transport's failure was", async () => {
  using it = rig({}, { faults: [{ at: 2, action: "reset" }] });
  it.reader.start();
  await it.a.write(new Uint8Array(5));
  const over = await it.over;
  assert(over !== "end");
  assertEquals((over.error as { code: string }).code, "ECONNRESET");
  assertEquals(joined(it.chunks).length, 2);
});

Deno.test("reader tells what its transport or its allocator throws instead of a failing read", async () => {
  const [here, there] = pair();
  let reads = 0;
  const transport: Transport = {
    ...here,
    read(buffer) {
      if (++reads === 2) throw new Error("closed already");
      return here.read(buffer);
    },
  };
  const seen: unknown[] = [];
  const sink = {
    data: (chunk: Uint8Array) => void seen.push(chunk.length),
    end: () => void seen.push("end"),
    error: (error: unknown) => void seen.push((error as Error).message),
  };
  await there.write(new Uint8Array(3));
  new TransportReader(transport, sink).start();
  await microtasks();
  assertEquals(seen.splice(0), [3, "closed already"]);
  const allocate = (): never => {
    throw new Error("no memory");
  };
  new TransportReader(here, sink, { allocate }).start();
  assertEquals(seen, ["no memory"]);
  here.close();
  there.close();
});

Deno.test("reader whose sink throws stops, and tells it", async () => {
  using it = rig();
  const fault = new Error("in the sink");
  it.onchunk = (): void => {
    throw fault;
  };
  it.reader.start();
  await it.a.write(new Uint8Array(5));
  assertEquals(await it.over, { error: fault });
});

Deno.test("reader that was stopped is silent", async () => {
  using it = rig();
  it.reader.start();
  it.reader.stop();
  it.reader.stop();
  await it.a.write(new Uint8Array(5));
  it.reader.resume();
  it.reader.start();
  await microtasks(20);
  assertEquals([it.chunks, it.reader.bytesRead], [[], 0]);
});

Deno.test("reader stopped inside a chunk gives no more", async () => {
  using it = rig({ minSlab: 16 }, { split: 4 });
  it.onchunk = (chunk): void => {
    it.chunks.push(chunk);
    it.reader.stop();
  };
  it.reader.start();
  await it.a.write(new Uint8Array(12));
  await microtasks(50);
  assertEquals(it.chunks.length, 1);
});

/** A transport that only tells how large the buffers are that it is given, and fills them as `fill` says. */
function gauge(
  fill: (size: number, i: number) => number,
): { sizes: number[]; transport: Transport } {
  const sizes: number[] = [];
  const addr = { transport: "memory" as const };
  return {
    sizes,
    transport: {
      read: (p) => {
        sizes.push(p.buffer.byteLength);
        const n = fill(p.length, sizes.length);
        return Promise.resolve(n === 0 ? null : Math.min(n, p.length));
      },
      write: (p) => Promise.resolve(p.length),
      closeWrite: () => Promise.resolve(),
      close: () => {},
      localAddr: addr,
      remoteAddr: addr,
    },
  };
}

function drive(transport: Transport, options?: TransportReaderOptions): Promise<void> {
  return new Promise((resolve, reject) =>
    new TransportReader(transport, { data: () => {}, end: resolve, error: reject }, options).start()
  );
}

Deno.test("reader begins with the smallest slab and grows to the largest while reads fill it", async () => {
  const { sizes, transport } = gauge((size, i) => i > 20 ? 0 : size);
  await drive(transport);
  assertEquals(sizes[0], 512);
  assertEquals(sizes.at(-1), 262_144);
  assertEquals(sizes, [...sizes].sort((a, b) => a - b));
});

Deno.test("reader keeps to small slabs while reads are small", async () => {
  const { sizes, transport } = gauge((_, i) => i > 1000 ? 0 : 64);
  await drive(transport);
  assert(Math.max(...sizes) <= 65_536, `${Math.max(...sizes)} bytes`);
});

Deno.test("reader makes its slabs as it is told", async () => {
  const made: number[] = [];
  const { transport } = gauge((_, i) => i > 3 ? 0 : 5);
  await drive(transport, {
    minSlab: 32,
    maxSlab: 32,
    allocate: (size) => {
      made.push(size);
      return new Uint8Array(size);
    },
  });
  assert(made.length > 0 && made.every((size) => size === 32));
});

Deno.test("reader's chunks are views of the slabs that it was given, of their class and with their offset", async () => {
  const data = Uint8Array.from({ length: 500 }, (_, i) => i);
  using it = rig({
    minSlab: 64,
    maxSlab: 64,
    allocate: (size) => Buffer.alloc(size + 8, 0xff).subarray(8),
  }, { split: 9 });
  it.reader.start();
  await writeAll(it.a, data);
  assertEquals(await it.over, "end");
  assertEquals(joined(it.chunks), [...data]);
  assert(it.chunks.every((chunk) => chunk instanceof Buffer));
});

Deno.test("reader refuses slabs that make no sense", () => {
  const { transport } = gauge(() => 0);
  const sink = { data(): void {}, end(): void {}, error(): void {} };
  for (const options of [{ minSlab: 1 }, { minSlab: 64, maxSlab: 32 }, { minSlab: NaN }]) {
    assertThrows(() => new TransportReader(transport, sink, options), RangeError);
  }
});

Deno.test("reader's first slabs stay small for a handshake, and grow for traffic", async () => {
  // Two reads of 300 bytes, as a handshake has them, and then silence.
  const quiet = gauge((_, i) => i > 2 ? 0 : 300);
  await drive(quiet.transport);
  assertEquals(Math.max(...quiet.sizes), 512);
  const busy = gauge((_, i) => i > 200 ? 0 : 300);
  await drive(busy.transport);
  assertEquals(busy.sizes.at(-1), 16 * 300);
});

Deno.test("reader's slab holds several reads of the size that they usually have", async () => {
  for (const [size, slab] of [[1024, 16_384], [4000, 32_000], [16_384, 131_072]]) {
    const { sizes, transport } = gauge((_, i) => i > 300 ? 0 : size);
    await drive(transport);
    assert(sizes.at(-1)! >= slab, `${sizes.at(-1)} for reads of ${size}`);
    const slabs = sizes.slice(-100).length / new Set(sizes.slice(-100)).size;
    assert(slabs > 1);
  }
});

Deno.test("reader reads what is expected behind what came before, if there is room", async () => {
  const run = async (expected: number): Promise<boolean> => {
    // Reads that fill the largest slab, then one of three quarters of it, and the rest of that message.
    const { transport } = gauge((size, i) => i > 40 ? 0 : i % 2 === 1 ? size : 150_000);
    const chunks: Uint8Array[] = [];
    const done = Promise.withResolvers<void>();
    const reader = new TransportReader(transport, {
      data: (chunk) => {
        chunks.push(chunk);
        if (chunk.length === 150_000) reader.expect(expected);
      },
      end: done.resolve,
      error: done.reject,
    });
    reader.start();
    await done.promise;
    const last = chunks.slice(0, -1).findLastIndex(({ length }) => length === 150_000);
    const [a, b] = chunks.slice(last);
    return a.buffer === b.buffer && a.byteOffset + a.length === b.byteOffset;
  };
  assertEquals([await run(0), await run(100_000), await run(200_000)], [false, true, false]);
});

Deno.test("reader's slab shrinks when its connection has become quiet", async () => {
  const now = Date.now;
  let time = 0;
  Date.now = (): number => time;
  try {
    const { sizes, transport } = gauge((size, i) => {
      if (i > 100) time += 1000;
      return i > 200 ? 0 : i > 50 ? 10 : size;
    });
    await drive(transport);
    assertEquals([sizes[49], sizes.at(-1)], [262_144, 512]);
  } finally {
    Date.now = now;
  }
});

Deno.test("readers with large slabs take 64 MiB together, and no more", async () => {
  const readers: TransportReader[] = [];
  let small = 0;
  for (let i = 0; i < 300; i++) {
    const { promise, resolve } = Promise.withResolvers<void>();
    const { sizes, transport } = gauge((size) => size);
    const addr = { transport: "memory" as const };
    let reads = 0;
    readers.push(
      new TransportReader({
        ...transport,
        localAddr: addr,
        remoteAddr: addr,
        read: (p) => {
          // The last read finds nothing, and waits with the slab it was given.
          if (++reads < 30) return transport.read(p);
          resolve();
          return new Promise(() => {});
        },
      }, { data: () => {}, end: () => {}, error: () => {} }),
    );
    readers[i].start();
    await promise;
    if (sizes.at(-1)! < 262_144) small++;
  }
  // 256 of 256 KiB are 64 MiB.
  assertEquals(small, 300 - 256);
  for (const reader of readers) reader.stop();
  const { sizes, transport } = gauge((size, i) => i > 20 ? 0 : size);
  await drive(transport);
  assertEquals(sizes.at(-1), 262_144);
});

Deno.test("reader takes a read of nothing for nothing", async () => {
  let reads = 0;
  const { transport } = gauge(() => 5);
  const addr = { transport: "memory" as const };
  const chunks: number[] = [];
  await new Promise<void>((resolve, reject) =>
    new TransportReader({
      ...transport,
      localAddr: addr,
      remoteAddr: addr,
      read: () => Promise.resolve([0, 5, 0, null][reads++]),
    }, { data: (chunk) => void chunks.push(chunk.length), end: resolve, error: reject }).start()
  );
  assertEquals(chunks, [5]);
});

Deno.test("reader whose sink throws at the end tells it, and once", async () => {
  const [a, b] = pair();
  const told: unknown[] = [];
  const fault = new Error("at the end");
  const over = new Promise<void>((resolve) => {
    new TransportReader(b, {
      data: () => {},
      end: () => {
        throw fault;
      },
      error: (error) => {
        told.push(error);
        resolve();
      },
    }).start();
  });
  a.close();
  await over;
  b.close();
  assertEquals(told, [fault]);
});

Deno.test("reader delivers to another sink after redirect, what it kept while paused too", async () => {
  using it = rig();
  it.reader.start();
  it.reader.pause();
  await it.a.write(new Uint8Array([1, 2]));
  await microtasks(20);
  const got: number[] = [];
  const ended = new Promise<void>((resolve, error) =>
    it.reader.redirect({ data: (chunk) => void got.push(...chunk), end: resolve, error })
  );
  it.reader.resume();
  await it.a.write(new Uint8Array([3]));
  await it.a.closeWrite();
  await ended;
  assertEquals([got, it.chunks], [[1, 2, 3], []]);
});

Deno.test("reader reads into what it is lent until it is full, and then into its slabs", async () => {
  let sent = 0;
  const transport = gauge((size, i) => i > 60 ? 0 : Math.min(size, 1 + (i * 37) % 90)).transport;
  const counting: Transport = {
    ...transport,
    async read(p) {
      const n = await transport.read(p);
      for (let i = 0; i < (n ?? 0); i++) p[i] = sent++;
      return n;
    },
  };
  const lent = new Uint8Array(1000);
  const got: number[] = [];
  let inLent = 0;
  const done = Promise.withResolvers<void>();
  const reader = new TransportReader(counting, {
    data: (chunk) => {
      if (chunk.buffer === lent.buffer) {
        assertEquals(chunk.byteOffset, inLent);
        inLent += chunk.length;
      }
      got.push(...chunk);
      if (got.length > 200 && inLent === 0) reader.lend(lent);
      if (inLent > 500 && inLent < 600) {
        reader.pause();
        queueMicrotask(() => reader.resume());
      }
    },
    end: done.resolve,
    error: done.reject,
  });
  reader.lend(new Uint8Array(0)); // is no place
  reader.start();
  await done.promise;
  assertEquals(inLent, 1000);
  assertEquals(got, Array.from({ length: sent }, (_, i) => i & 255));
  assert(got.length > 1500);
  reader.lend(lent); // too late, and no harm
  assertEquals(reader.bytesRead, got.length);
});

Deno.test("reader tells whether more fits behind what came", async () => {
  const fits: boolean[] = [];
  const { transport } = gauge((_, i) => i > 1 ? 0 : 100);
  const done = Promise.withResolvers<void>();
  const reader = new TransportReader(transport, {
    data: () => fits.push(reader.fits(412), reader.fits(413)),
    end: done.resolve,
    error: done.reject,
  });
  assertEquals(reader.fits(0), false);
  reader.start();
  await done.promise;
  assertEquals(fits, [true, false]);
});

Deno.test("reader reads again to where nobody holds anything, behind what was moved", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ minLength: 1, maxLength: 3000 }),
    fc.integer({ min: 1, max: 300 }),
    fc.array(fc.constantFrom(0, 1, 7, 50, -1, -2), { minLength: 1, maxLength: 8 }),
    async (data, split, plan) => {
      using it = rig({ minSlab: 64, maxSlab: 512 }, { split });
      const copies: Array<[view: Uint8Array, copy: number[]]> = [];
      let held: Uint8Array = new Uint8Array(0);
      const got: number[] = [];
      let turn = 0;
      it.onchunk = (chunk): void => {
        got.push(...chunk);
        assertEquals([...held], got.slice(got.length - chunk.length - held.length, -chunk.length));
        const wanted = plan[turn++ % plan.length];
        held = new Uint8Array(0);
        if (wanted === -1) {
          // What is kept for good must stay as it is, whatever is asked for later.
          it.reader.keep();
          copies.push([chunk, [...chunk]]);
        } else if (wanted >= 0) {
          const size = Math.min(wanted, chunk.length);
          const last = [...chunk.subarray(chunk.length - size)];
          const there = it.reader.rewind(chunk, size);
          if (there === undefined) return;
          assertEquals([...there], last);
          held = there;
        }
      };
      it.reader.start();
      await writeAll(it.a, data);
      assertEquals(await it.over, "end");
      assertEquals(got, [...data]);
      for (const [view, copy] of copies) assertEquals([...view], copy);
    },
  ));
});

Deno.test("reader tells where the bytes are that it has moved to the start of its slab", async () => {
  using it = rig({ minSlab: 64, maxSlab: 64 });
  const moved: (number[] | undefined)[] = [];
  it.onchunk = (chunk): void => {
    const there = it.reader.rewind(chunk, 2);
    moved.push(there && [there.byteOffset, ...there]);
  };
  it.reader.start();
  await writeAll(it.a, Uint8Array.of(1, 2, 3, 4, 5));
  await it.over;
  assertEquals(moved, [[0, 4, 5]]);
});

Deno.test("reader that had to keep a slab reads into the next one again and again", async () => {
  using it = rig({ minSlab: 64, maxSlab: 64 });
  const moved: boolean[] = [];
  it.onchunk = (chunk): void => {
    if (moved.length === 0) it.reader.keep();
    moved.push(it.reader.rewind(chunk, 0) !== undefined);
  };
  it.reader.start();
  await it.a.write(new Uint8Array(64));
  await writeAll(it.a, new Uint8Array(10));
  await it.over;
  assertEquals(moved, [false, true]);
});

Deno.test("reader uses one slab for all that nobody holds, and a larger one when reads fill it", async () => {
  using it = rig({ minSlab: 64, maxSlab: 1024 });
  const slabs = new Set<ArrayBufferLike>();
  it.onchunk = (chunk): void => {
    slabs.add(chunk.buffer);
    it.chunks.push(chunk);
    it.reader.rewind(chunk, 0);
    assertEquals(it.reader.rewind(new Uint8Array(3), 0), undefined);
  };
  it.reader.start();
  for (let i = 0; i < 50; i++) {
    await it.a.write(new Uint8Array(40));
    while (it.reader.bytesRead < (i + 1) * 40) await new Promise((go) => setTimeout(go, 0));
  }
  assertEquals(slabs.size, 1);
  await writeAll(it.a, new Uint8Array(5000));
  await it.over;
  assertEquals(Math.max(...it.chunks.map(({ length }) => length)) > 64, true);
});

Deno.test("a reader that waits for its turn in a crowd can be paused and stopped, and loses nothing", async () => {
  const rigs = Array.from({ length: 200 }, () => rig());
  const read = ({ chunks }: { chunks: Uint8Array[] }): number => joined(chunks).length;
  for (const { reader } of rigs) reader.start();
  let sent = 0;
  let waiting: typeof rigs = [];
  while (waiting.length < 3) {
    assert(++sent < 100, "there was no crowd");
    for (const { a } of rigs) a.write(Uint8Array.of(sent)).catch(() => {});
    await new Promise<void>((resolve) => setImmediate(resolve));
    waiting = rigs.filter((each) => read(each) < sent);
  }
  const [paused, stopped, other] = waiting;
  const before = [read(paused), read(stopped)];
  paused.reader.pause();
  stopped.reader.stop();
  while (rigs.some((each) => each !== paused && each !== stopped && read(each) < sent)) {
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assertEquals([read(paused), read(stopped)], before);
  assertEquals(joined(other.chunks), Array.from({ length: sent }, (_, i) => i + 1));
  paused.reader.resume();
  while (read(paused) < sent) await new Promise((resolve) => setTimeout(resolve, 1));
  assertEquals(joined(paused.chunks), joined(other.chunks));
  assertEquals(read(stopped), before[1]);
  for (const each of rigs) each[Symbol.dispose]();
});
