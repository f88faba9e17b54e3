import { assert, assertEquals, assertRejects, assertThrows } from "@std/assert";
import { WriteQueue } from "../../trace/_write_queue.ts";
import { microtasks } from "../_support/microtasks.ts";

/** A file that takes bytes when it is let. */
class SlowFile {
  readonly writes: number[] = [];
  readonly got: number[] = [];
  #gate = Promise.withResolvers<void>();
  most = Infinity;
  error: Error | undefined;

  readonly write = async (p: Uint8Array): Promise<number> => {
    this.writes.push(p.length);
    const taken = Math.min(p.length, this.most);
    this.got.push(...p.subarray(0, Math.min(taken, 8)));
    await this.#gate.promise;
    if (this.error !== undefined) throw this.error;
    return taken;
  };

  open(): void {
    this.#gate.resolve();
  }
}

Deno.test("a write queue joins what comes in one turn, and writes it in order", async () => {
  const file = new SlowFile();
  file.open();
  const queue = new WriteQueue(file.write);
  assertEquals(queue.push(Uint8Array.of(1)), undefined);
  queue.push(new Uint8Array(0));
  queue.push(Uint8Array.of(2, 3));
  await queue.finish();
  queue.push(Uint8Array.of(4));
  await queue.finish();
  assertEquals([file.writes, file.got], [[3, 1], [1, 2, 3, 4]]);
  assertEquals(queue.queued, 0);
});

Deno.test("a write queue goes on after a write that took a part", async () => {
  const file = new SlowFile();
  file.most = 2;
  file.open();
  const queue = new WriteQueue(file.write);
  queue.push(Uint8Array.of(1, 2, 3, 4, 5));
  await queue.finish();
  assertEquals([file.writes, file.got], [[5, 3, 1], [1, 2, 3, 4, 5]]);
});

Deno.test("a write queue makes wait from 1 MiB on, until half of that", async () => {
  const file = new SlowFile();
  const queue = new WriteQueue(file.write);
  for (let i = 0; i < 15; i++) assertEquals(queue.push(new Uint8Array(65_536)), undefined);
  const wait = queue.push(new Uint8Array(65_536))!;
  assertEquals(queue.queued, 1 << 20);
  assertEquals(queue.push(new Uint8Array(1)), wait);
  let done = false;
  const waiting = wait.then(() => done = true);
  await Promise.resolve();
  assertEquals(done, false);
  file.open();
  await waiting;
  assert(queue.queued > 0 && queue.queued < 1 << 19, `${queue.queued}`);
  await queue.finish();
  assertEquals(Math.max(...file.writes), 65_536);
});

Deno.test("a write queue makes wait each time that it is full, not once", async () => {
  let gate = Promise.withResolvers<void>();
  const queue = new WriteQueue(async (p) => {
    await gate.promise;
    return p.length;
  });
  for (let round = 0; round < 3; round++) {
    const wait = queue.push(new Uint8Array(1 << 20))!;
    let done = false;
    const waiting = wait.then(() => done = true);
    await microtasks(5);
    assertEquals([done, queue.queued], [false, 1 << 20], `round ${round}`);
    gate.resolve();
    await waiting;
    await queue.finish();
    gate = Promise.withResolvers();
  }
});

Deno.test("a write queue tells a failure to who waits, who adds and who finishes", async () => {
  const file = new SlowFile();
  const queue = new WriteQueue(file.write);
  const wait = queue.push(new Uint8Array(2 << 20))!;
  file.error = new Error("disk full");
  file.open();
  await assertRejects(() => wait, Error, "disk full");
  assertThrows(() => queue.push(Uint8Array.of(1)), Error, "disk full");
  await assertRejects(() => queue.finish(), Error, "disk full");
  assertEquals(queue.queued, 0);
});

Deno.test("a write queue with nothing in it is finished", async () => {
  await new WriteQueue(() => Promise.reject(new Error("called"))).finish();
});
