import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../../net/clock.ts";
import { NetError } from "../../net/errors.ts";
import { pair, type PairEnd } from "../../net/pair.ts";
import { writeAll } from "../../net/write_all.ts";
import { FaultTransport, Pace } from "../../trace/_fault_transport.ts";
import type { TraceFaults } from "../../trace/tracer_options.ts";
import { microtasks } from "../_support/microtasks.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

interface Rig {
  faulty: FaultTransport;
  far: PairEnd;
  clock: ManualClock;
  cuts: number;
}

function rig(faults: TraceFaults): Rig {
  const [near, far] = pair();
  const clock = new ManualClock();
  const it: Rig = { far, clock, cuts: 0, faulty: undefined! };
  it.faulty = new FaultTransport(near, faults, clock, () => it.cuts++);
  return it;
}

/** Reads what is there, without waiting for more. */
async function readNow(far: PairEnd): Promise<number[]> {
  const p = new Uint8Array(1000);
  let got: number | null | undefined;
  const reading = far.read(p).then((n) => got = n);
  await microtasks(50);
  if (got === undefined) {
    far.close();
    await reading.catch(() => {});
  }
  return [...p.subarray(0, got ?? 0)];
}

for (
  const [name, faults] of Object.entries({ "without faults": {}, "that splits": { split: 3 } })
) {
  testTransportContract(`fault transport ${name}`, () => {
    const { far, faulty } = rig(faults);
    return [faulty, far];
  });
}

Deno.test("a delay keeps bytes back, all of them for as long", async () => {
  const { faulty, far, clock } = rig({ delay: 100 });
  assertEquals(await faulty.write(Uint8Array.of(1, 2)), 2); // taken at once
  clock.advance(60);
  await faulty.write(Uint8Array.of(3));
  const p = new Uint8Array(9);
  let got: number | null | undefined;
  void far.read(p).then((n) => got = n);
  clock.advance(39);
  await microtasks(50);
  assertEquals(got, undefined);
  clock.advance(1);
  await microtasks(50);
  assertEquals(got, 2);
  const next = far.read(p);
  clock.advance(60);
  assertEquals(await next, 1);
  faulty.close();
  far.close();
});

Deno.test("what is delayed may be changed by whoever wrote it", async () => {
  const { faulty, far, clock } = rig({ delay: 100 });
  const bytes = Uint8Array.of(1);
  await faulty.write(bytes);
  bytes[0] = 9;
  clock.advance(100);
  assertEquals(await readNow(far), [1]);
  faulty.close();
  far.close();
});

Deno.test("the end comes as late as bytes do", async () => {
  const { faulty, far, clock } = rig({ delay: 100 });
  await faulty.write(Uint8Array.of(1));
  clock.advance(50);
  const ending = faulty.closeWrite();
  clock.advance(50);
  assertEquals(await far.read(new Uint8Array(9)), 1);
  let got: number | null | undefined;
  const reading = far.read(new Uint8Array(9)).then((n) => got = n);
  clock.advance(49);
  await microtasks(50);
  assertEquals(got, undefined);
  clock.advance(1);
  await Promise.all([ending, reading]);
  assertEquals(got, null);
  faulty.close();
  far.close();
});

Deno.test("what was taken is told from what the other side does not take", async () => {
  const { faulty, far, clock } = rig({ delay: 100 });
  assertEquals(faulty.holds, false);
  await faulty.write(Uint8Array.of(1, 2));
  assertEquals(faulty.holds, true);
  let drained = false;
  const all = faulty.drained().then(() => drained = true);
  clock.advance(99);
  await microtasks(50);
  assertEquals([faulty.holds, drained], [true, false]);
  clock.advance(1);
  await microtasks(50);
  assertEquals(await readNow(far), [1, 2]);
  await all;
  assertEquals(faulty.holds, false);
  faulty.close();
  await assertRejects(() => faulty.drained(), NetError);
});

Deno.test("a rate lets through so many bytes a second", async () => {
  const { faulty, far, clock } = rig({ rate: 1000 });
  const writing = writeAll(faulty, new Uint8Array(500));
  let arrived = 0;
  const reading = (async () => {
    const p = new Uint8Array(1000);
    for (let n; (n = await far.read(p)) !== null;) arrived += n;
  })();
  for (const [ms, bytes] of [[49, 0], [1, 50], [49, 50], [1, 100]]) {
    clock.advance(ms);
    await microtasks(50);
    assertEquals(arrived, bytes);
  }
  for (let i = 0; i < 9; i++) {
    clock.advance(50);
    await microtasks(50);
  }
  await writing;
  assertEquals(arrived, 500);
  await faulty.closeWrite();
  await reading;
  faulty.close();
  far.close();
});

Deno.test("a split writes in small pieces", async () => {
  const { faulty, far } = rig({ split: 3 });
  const sizes: number[] = [];
  for (let at = 0; at < 8;) {
    const n = await faulty.write(new Uint8Array(8 - at));
    sizes.push(n);
    at += n;
  }
  assertEquals(sizes, [3, 3, 2]);
  faulty.close();
  far.close();
});

Deno.test("a cut comes after exactly so many bytes, and nothing after it", async () => {
  for (const delay of [0, 10]) {
    const it = rig({ cutAfter: 5, delay });
    const { faulty, far, clock } = it;
    await faulty.write(Uint8Array.of(1, 2, 3));
    const cutting = assertRejects(
      () => faulty.write(Uint8Array.of(4, 5, 6)),
      NetError,
      "as asked for",
    );
    await microtasks(50);
    clock.advance(delay);
    await cutting;
    assertEquals(it.cuts, 1);
    assertEquals(await readNow(far), [1, 2, 3, 4, 5]);
    await assertRejects(() => faulty.write(Uint8Array.of(7)), NetError);
    await assertRejects(() => faulty.closeWrite(), NetError);
    assertEquals(it.cuts, 1);
    faulty.close();
    far.close();
  }
});

Deno.test("a cut after nothing comes with the first byte", async () => {
  const it = rig({ cutAfter: 0 });
  const writing = it.faulty.write(Uint8Array.of(1));
  assertEquals(it.cuts, 0, "who writes has yet to tell of it");
  await assertRejects(() => writing, NetError);
  assertEquals(it.cuts, 1);
  it.faulty.close();
  it.far.close();
});

Deno.test("with a delay no more than 1 MiB is on its way", async () => {
  const { faulty, far, clock } = rig({ delay: 1000 });
  let taken = 0;
  const writing = (async () => {
    for (;;) taken += await faulty.write(new Uint8Array(100_000));
  })().catch(() => {});
  await microtasks(50);
  assertEquals(taken, 1_000_000);
  faulty.close();
  await writing;
  assertEquals(clock.pending, 0);
  far.close();
});

Deno.test("what breaks the transport below reaches who writes", async () => {
  const { faulty, far, clock } = rig({ delay: 5 });
  await faulty.write(Uint8Array.of(1));
  far.close();
  clock.advance(5);
  await microtasks(50);
  await assertRejects(() => faulty.write(Uint8Array.of(2)), NetError);
  await assertRejects(() => faulty.closeWrite(), NetError);
  faulty.close();
});

Deno.test("reading and addresses are those of the transport below", async () => {
  const { faulty, far } = rig({ split: 1 });
  await far.write(Uint8Array.of(7, 8));
  const p = new Uint8Array(9);
  assertEquals([await faulty.read(p), p[1]], [2, 8]);
  assertEquals([faulty.localAddr.transport, faulty.remoteAddr.transport], ["memory", "memory"]);
  assertEquals(await faulty.write(new Uint8Array(0)), 0);
  faulty.close();
  far.close();
});

Deno.test("faults never lose or reorder a byte", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 10 }),
      fc.record({
        split: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
        delay: fc.option(fc.integer({ min: 0, max: 50 }), { nil: undefined }),
        rate: fc.option(fc.integer({ min: 100, max: 5000 }), { nil: undefined }),
      }),
      async (chunks, faults) => {
        const { faulty, far, clock } = rig(faults);
        let done = false;
        const all: number[] = [];
        const reading = (async () => {
          const p = new Uint8Array(7);
          for (let n; (n = await far.read(p)) !== null;) all.push(...p.subarray(0, n));
          done = true;
        })();
        const writing = (async () => {
          for (const chunk of chunks) await writeAll(faulty, chunk);
          await faulty.closeWrite();
        })();
        while (!done) {
          await microtasks(50);
          clock.advance(10);
        }
        await Promise.all([reading, writing]);
        assertEquals(all, chunks.flatMap((chunk) => [...chunk]));
        faulty.close();
        far.close();
      },
    ),
    { numRuns: 40 },
  );
});

Deno.test("a pace without faults lets everything through at once", () => {
  const pace = new Pace({});
  assertEquals([pace.due(1e9, 5), pace.due(1, 5), pace.slice], [5, 5, Infinity]);
});

Deno.test("a pace does not save up for later", () => {
  const pace = new Pace({ rate: 100, delay: 7 });
  assertEquals(pace.slice, 5);
  assertEquals([pace.due(10, 0), pace.due(10, 0), pace.due(10, 1000)], [107, 207, 1107]);
});
