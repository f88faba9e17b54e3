import { assert, assertEquals } from "@std/assert";
import { HeapTrim } from "../../net/_heap_trim.ts";

const MiB = 1_048_576;

/** A trim over a heap that is told, and what ends its pauses. */
function rig(heap = { total: 50 * MiB, young: 24 * MiB }): {
  trim: HeapTrim;
  heap: { total: number; young: number };
  counts: { collected: number; pauses: number };
  open(count: number): void;
  wake(): Promise<void>;
} {
  const counts = { collected: 0, pauses: 0 };
  let pause = Promise.withResolvers<void>();
  const trim = new HeapTrim(() => heap, () => counts.collected++, (ms) => {
    assertEquals(ms, 500);
    counts.pauses++;
    return pause.promise;
  });
  const open = (count: number) => {
    for (let i = 0; i < count; i++) trim.opened();
  };
  const wake = async () => {
    const { resolve } = pause;
    pause = Promise.withResolvers();
    resolve();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { trim, heap, counts, open, wake };
}

Deno.test("HeapTrim: collects once after a thousand connections, when half a second has brought nothing", async () => {
  const { counts, open, wake } = rig();
  open(999);
  assertEquals(counts, { collected: 0, pauses: 0 });
  open(1);
  assertEquals(counts, { collected: 0, pauses: 1 });
  await wake();
  assertEquals(counts, { collected: 1, pauses: 1 });
  open(999);
  assertEquals(counts, { collected: 1, pauses: 1 });
  open(1);
  await wake();
  assertEquals(counts, { collected: 2, pauses: 2 });
});

Deno.test("HeapTrim: waits while connections come or bring something, for a minute", async () => {
  const { trim, counts, open, wake } = rig();
  open(1000);
  open(1);
  await wake();
  trim.reads++;
  await wake();
  assertEquals(counts, { collected: 0, pauses: 3 });
  await wake();
  assertEquals(counts.collected, 1);
  open(1000);
  for (let look = 0; look < 120; look++) {
    trim.reads++;
    await wake();
  }
  assertEquals(counts, { collected: 1, pauses: 123 });
  open(1000);
  await wake();
  assertEquals(counts.collected, 2);
});

Deno.test("HeapTrim: leaves a heap alone that is large, or whose young generation is small", async () => {
  const { heap, counts, open, wake } = rig();
  for (
    const [total, young, collected] of [[101, 24, 0], [100, 24, 1], [50, 11, 1], [50, 12, 2]]
  ) {
    heap.total = total * MiB;
    heap.young = young * MiB;
    open(1000);
    await wake();
    assertEquals(counts.collected, collected, `${total} MiB, ${young} of them young`);
  }
});

Deno.test("HeapTrim: gives V8's young generation back, as its own statistics say", async () => {
  const program = `
    import v8 from "node:v8";
    import { heapTrim } from ${JSON.stringify(new URL("../../net/_heap_trim.ts", import.meta.url))};
    const young = () => v8.getHeapSpaceStatistics().find((s) => s.space_name === "new_space").space_size;
    const kept = new Array(50000).fill(null);
    for (let n = 0; young() < ${16 * MiB};) {
      for (let i = 0; i < 1000; i++, n++) kept[n % kept.length] = { text: "a" + n };
    }
    for (let i = 0; i < 1000; i++) heapTrim.opened();
    const before = young();
    for (let i = 0; i < 60 && young() > ${
    2 * MiB
  }; i++) await new Promise((go) => setTimeout(go, 50));
    console.log(JSON.stringify([before, young(), kept.length > 0]));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), { args: ["eval", program] }).output();
  const [before, after, kept] = JSON.parse(new TextDecoder().decode(stdout));
  assert(before >= 16 * MiB && after <= 2 * MiB && kept, `${before} and then ${after} bytes`);
});
