import { assert, assertEquals } from "@std/assert";
import { HeapBallast } from "../../net/_heap_ballast.ts";
import { collectGarbage } from "../_support/attack.ts";

const MiB = 1_048_576;

/** A ballast, its clock, and what ends its pauses. */
function rig(limit = 4096): {
  ballast: HeapBallast;
  clock: { now: number };
  wake(): Promise<void>;
} {
  const clock = { now: 1_000_000 };
  let pause = Promise.withResolvers<void>();
  const ballast = new HeapBallast(() => clock.now, () => limit * MiB, (ms) => {
    assertEquals(ms, 400);
    return pause.promise;
  });
  const wake = async () => {
    const { resolve } = pause;
    pause = Promise.withResolvers();
    resolve();
    await new Promise((resolve) => setTimeout(resolve));
  };
  return { ballast, clock, wake };
}

/** Has `steps` steps of 8 MiB pass, 5 ms each. */
function pass({ ballast, clock }: ReturnType<typeof rig>, steps: number): void {
  for (let step = 0; step < steps; step++, clock.now += 5) ballast.passed(8 * MiB);
}

Deno.test("HeapBallast: grows with what is read quickly, up to 32 MiB", () => {
  const { ballast, clock } = rig();
  assertEquals(ballast.size, 0);
  const sizes: number[] = [];
  for (let step = 0; step < 40; step++) {
    for (let i = 0; i < 32; i++) ballast.passed(MiB / 4);
    clock.now += 5;
    sizes.push(ballast.size / MiB);
  }
  // The first step only sets the clock.
  assertEquals(sizes.slice(0, 4), [0, 2, 4, 6]);
  assertEquals(sizes.at(-1), 32);
});

Deno.test("HeapBallast: the digits are on the heap, and nothing else is", () => {
  const { ballast, clock } = rig();
  collectGarbage(); // or what is collected meanwhile would be taken off
  const before = Deno.memoryUsage();
  for (let step = 0; step < 20; step++, clock.now++) ballast.passed(8 * MiB);
  const after = Deno.memoryUsage();
  assert(after.heapUsed - before.heapUsed > 28 * MiB);
  assert(after.external - before.external < 8 * MiB);
});

Deno.test("HeapBallast: slow traffic makes none, and takes it away", async () => {
  const { ballast, clock, wake } = rig();
  for (let step = 0; step < 10; step++, clock.now += 500) ballast.passed(8 * MiB);
  assertEquals(ballast.size, 0);
  for (let step = 0; step < 3; step++, clock.now += 10) ballast.passed(8 * MiB);
  const { size } = ballast;
  assert(size > 0);
  await wake();
  ballast.passed(8 * MiB);
  await wake();
  assert(ballast.size > size, "a step was made in each pause");
  ballast.passed(7 * MiB);
  await wake();
  assertEquals(ballast.size, 0);
  pass({ ballast, clock, wake }, 2);
  assert(ballast.size > 0);
  await wake();
  await wake();
  assertEquals(ballast.size, 0, "it is watched again");
});

Deno.test("HeapBallast: is made anew when V8 marks too early, once in 2 GiB", () => {
  const made = rig();
  const { ballast } = made;
  pass(made, 20);
  ballast.marked();
  assertEquals(ballast.size, 0, "early: 160 MiB after the start");
  pass(made, 33);
  assertEquals(ballast.size, 32 * MiB);
  ballast.marked();
  ballast.marked();
  assertEquals(ballast.size, 32 * MiB, "early, but just made");
  pass(made, 256);
  ballast.marked();
  assertEquals(ballast.size, 32 * MiB, "2 GiB without a mark are not early");
  pass(made, 31);
  ballast.marked();
  assertEquals(ballast.size, 0);
  pass(made, 2);
  ballast.marked();
  assertEquals(ballast.size, 4 * MiB, "it is being made");
  ballast.release();
  ballast.marked();
  assertEquals(ballast.size, 0);
});

Deno.test("HeapBallast: what was released is taken up again while it is still there", () => {
  const { ballast, clock } = rig();
  for (let step = 0; step < 6; step++, clock.now += 10) ballast.passed(8 * MiB);
  assertEquals(ballast.size, 10 * MiB);
  ballast.release();
  ballast.release();
  assertEquals(ballast.size, 0);
  ballast.passed(8 * MiB);
  assertEquals(ballast.size, 12 * MiB);
});

Deno.test("HeapBallast: takes a sixteenth of a small heap at most", () => {
  for (const [limit, size] of [[160, 10], [64, 4], [16, 0], [4096, 32]]) {
    const made = rig(limit);
    pass(made, 20);
    assertEquals(made.ballast.size, size * MiB);
  }
});

/** Reads `bytes` over loopback in its own process; tells how often V8 marked its heap, and what the heap holds at last. */
async function marks(bytes: number): Promise<{ marks: number; heap: number[] }> {
  const program = `
    import { createServer } from ${JSON.stringify(new URL("../../net/mod.ts", import.meta.url))};
    const server = createServer((socket) => socket.on("data", () => {}).on("end", () => socket.end()));
    await server.listen(0, "127.0.0.1");
    const worker = new Worker("data:application/javascript," + encodeURIComponent(\`
      onmessage = async ({ data }) => {
        const conn = await Deno.connect({ hostname: "127.0.0.1", port: data });
        const chunk = new Uint8Array(65536);
        for (let sent = 0; sent < ${bytes};) sent += await conn.write(chunk);
        await conn.closeWrite();
        while (await conn.read(chunk) !== null);
        conn.close();
        postMessage(0);
      };\`), { type: "module" });
    worker.postMessage(server.address().port);
    await new Promise((resolve) => worker.onmessage = resolve);
    const heap = [Deno.memoryUsage().heapUsed];
    worker.terminate();
    await server.close();
    gc(); gc();
    heap.push(Deno.memoryUsage().heapUsed);
    console.log("heap", ...heap);`;
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--v8-flags=--trace-gc,--expose-gc", "-"],
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const writer = command.stdin.getWriter();
  await writer.write(new TextEncoder().encode(program));
  await writer.close();
  const { stdout, stderr, success } = await command.output();
  const text = new TextDecoder().decode(stdout);
  assert(success, new TextDecoder().decode(stderr));
  const heap = /heap (\d+) (\d+)/.exec(text)!;
  return {
    marks: text.match(/Mark-Compact(?!.*testing)/g)?.length ?? 0,
    heap: [Number(heap[1]), Number(heap[2])],
  };
}

Deno.test("HeapBallast: a stream of 4 GiB is read almost without marking, and the memory is free after it", async () => {
  const got = await marks(4 * 1024 * MiB);
  assert(got.marks < 40, `${got.marks} times`);
  assert(got.heap[0] > 32 * MiB, `${got.heap[0]}`);
  assert(got.heap[1] < 24 * MiB, `${got.heap[1]}`);
});

Deno.test("HeapBallast: V8's marks are noticed, and it is gone soon after the last read", async () => {
  const program = `
    import { heapBallast } from ${
    JSON.stringify(new URL("../../net/_heap_ballast.ts", import.meta.url))
  };
    const steps = (n) => { for (let i = 0; i < n; i++) heapBallast.passed(8388608); };
    const turn = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
    const sizes = [];
    steps(20);
    sizes.push(heapBallast.size);
    await turn(0);
    gc();
    await turn(50);
    sizes.push(heapBallast.size);
    steps(20);
    sizes.push(heapBallast.size);
    for (let i = 0; i < 200 && heapBallast.size > 0; i++) await turn(50);
    sizes.push(heapBallast.size);
    console.log(JSON.stringify(sizes.map((size) => size / 1048576)));`;
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["eval", "--v8-flags=--expose-gc", program],
  }).output();
  assertEquals(JSON.parse(new TextDecoder().decode(stdout)), [32, 0, 32, 0]);
});
