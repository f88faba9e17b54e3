import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { pair, type PairEnd, type PairOptions } from "../../net/pair.ts";
import { writeAll } from "../../net/write_all.ts";
import { Pump, type PumpHooks } from "../../trace/_pump.ts";
import { microtasks } from "../_support/microtasks.ts";
import { readAll } from "../_support/transport_io.ts";

interface Rig {
  /** The far end of the source, to write to. */
  source: PairEnd;
  /** The far end of the target, to read from. */
  target: PairEnd;
  pump: Pump;
  log: string[];
  told: number[];
  close(): void;
}

function rig(
  hooks: Partial<PumpHooks> = {},
  options: { from?: PairOptions; to?: PairOptions } = {},
): Rig {
  const [source, from] = pair(options.from);
  const [to, target] = pair(options.to);
  const log: string[] = [];
  const told: number[] = [];
  const pump = new Pump(from, to, {
    data: (chunk) => {
      told.push(...chunk);
      return undefined;
    },
    ended: () => {
      log.push("ended");
      return true;
    },
    passedOn: () => log.push("passed on"),
    readFailed: () => log.push("read failed"),
    writeFailed: () => log.push("write failed"),
    ...hooks,
  });
  const close = (): void => {
    for (const end of [source, from, to, target]) end.close();
  };
  return { source, target, pump, log, told, close };
}

Deno.test("a pump passes on every byte in order, and the end", async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.uint8Array({ maxLength: 30_000, size: "max" }),
      fc.integer({ min: 1, max: 20_000 }),
      fc.integer({ min: 1, max: 20_000 }),
      async (bytes, split, capacity) => {
        const it = rig({}, { from: { split, capacity }, to: { capacity } });
        const [got] = await Promise.all([
          readAll(it.target),
          it.pump.run(),
          writeAll(it.source, bytes).then(() => it.source.closeWrite()),
        ]);
        assertEquals(got, bytes);
        assertEquals(Uint8Array.from(it.told), bytes);
        assertEquals(it.log, ["ended", "passed on"]);
        it.close();
      },
    ),
    { numRuns: 30 },
  );
});

Deno.test("a pump does not read on when the target takes nothing", async () => {
  const it = rig({}, { from: { capacity: 1000 }, to: { capacity: 1000 } });
  const running = it.pump.run();
  let taken = 0;
  const writing = (async () => {
    for (;;) taken += await it.source.write(new Uint8Array(1000));
  })().catch(() => {});
  // Whatever can go on has gone on after some turns.
  await microtasks(2000);
  assert(taken <= 6000, `${taken}`);
  it.close();
  await Promise.all([running, writing]);
});

Deno.test("a pump waits for who holds it back", async () => {
  const gate = Promise.withResolvers<void>();
  let calls = 0;
  const it = rig({
    data: () => {
      calls++;
      return gate.promise;
    },
  });
  const running = it.pump.run();
  await it.source.write(Uint8Array.of(1));
  assertEquals(await it.target.read(new Uint8Array(9)), 1); // passed on before
  await it.source.write(Uint8Array.of(2));
  await it.source.closeWrite();
  await microtasks(100);
  assertEquals([calls, it.log.length], [1, 0]);
  gate.resolve();
  await running;
  assertEquals([calls, it.log], [2, ["ended", "passed on"]]);
  it.close();
});

Deno.test("a pump tells when its source breaks, after what came before", async () => {
  const it = rig();
  const running = it.pump.run();
  await it.source.write(Uint8Array.of(5));
  assertEquals(await it.target.read(new Uint8Array(9)), 1);
  it.source.reset();
  await running;
  await it.pump.drained();
  assertEquals([it.told, it.log], [[5], ["read failed"]]);
  it.close();
});

Deno.test("a pump tells when its target is gone, once", async () => {
  const it = rig();
  const running = it.pump.run();
  it.target.close();
  await it.source.write(Uint8Array.of(5));
  await it.source.write(Uint8Array.of(6));
  await running;
  assertEquals(it.log, ["write failed"]);
  it.close();
});

Deno.test("a pump keeps the end to itself when it is told to", async () => {
  const it = rig({ ended: () => false });
  const running = it.pump.run();
  await it.source.closeWrite();
  await running;
  assertEquals(it.log, []);
  it.close();
});

Deno.test("a pump that is stopped says nothing more", async () => {
  const it = rig();
  const running = it.pump.run();
  it.pump.stop();
  it.close();
  await running;
  assertEquals(it.log, []);
});

Deno.test("a pump uses larger buffers while much comes, and small ones again later", async () => {
  const sizes: number[] = [];
  const [to, target] = pair();
  let reads = 0;
  const from = {
    read(p: Uint8Array): Promise<number | null> {
      sizes.push(p.length);
      reads++;
      return Promise.resolve(reads <= 5 ? p.length : reads <= 200 ? 10 : null);
    },
  };
  const pump = new Pump(from as never, to, {
    data: () => undefined,
    ended: () => true,
    passedOn: () => {},
    readFailed: () => {},
    writeFailed: () => {},
  });
  await Promise.all([pump.run(), readAll(target, 200_000)]);
  assertEquals(sizes.slice(0, 5), [4096, 16_384, 65_536, 131_072, 131_072]);
  assertEquals(sizes.at(-1), 4096);
  to.close();
  target.close();
});
