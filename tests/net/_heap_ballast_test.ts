import { assert, assertEquals } from "@std/assert";
import { HeapBallast } from "../../net/_heap_ballast.ts";

const MiB = 1_048_576;

/** A ballast, and its clock. */
function rig(): { ballast: HeapBallast; clock: { now: number } } {
  const clock = { now: 1_000_000 };
  return { ballast: new HeapBallast(() => clock.now), clock };
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
  const before = Deno.memoryUsage();
  for (let step = 0; step < 20; step++, clock.now++) ballast.passed(8 * MiB);
  const after = Deno.memoryUsage();
  assert(after.heapUsed - before.heapUsed > 28 * MiB);
  assert(after.external - before.external < 8 * MiB);
});

Deno.test("HeapBallast: slow traffic makes none, and takes it away", () => {
  const { ballast, clock } = rig();
  for (let step = 0; step < 10; step++, clock.now += 2000) ballast.passed(8 * MiB);
  assertEquals(ballast.size, 0);
  for (let step = 0; step < 3; step++, clock.now += 10) ballast.passed(8 * MiB);
  assert(ballast.size > 0);
  clock.now += 5000;
  const { size } = ballast;
  ballast.passed(8 * MiB);
  assertEquals(ballast.size, size, "neither quick nor slow");
  clock.now += 10_000;
  ballast.passed(8 * MiB);
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
    const clock = { now: 0 };
    const ballast = new HeapBallast(() => clock.now, () => limit * MiB);
    for (let step = 0; step < 20; step++, clock.now++) ballast.passed(8 * MiB);
    assertEquals(ballast.size, size * MiB);
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
