import { assert, assertEquals, assertLessOrEqual, assertRejects } from "@std/assert";
import { relay } from "../../net/_relay.ts";
import { writeAll } from "../../net/write_all.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { hex, utf8 } from "../_support/framing.ts";
import { readText } from "../_support/transport_io.ts";

/** Two ends that are joined by a relay. */
function joined(options?: Parameters<typeof relay>[2], capacity?: number): {
  left: Transport;
  right: Transport;
  relayed: Promise<void>;
} {
  const [left, a] = pair({ capacity });
  const [b, right] = pair({ capacity });
  return { left, right, relayed: relay(a, b, options) };
}

Deno.test("relay passes both ways, and each end of its own", async () => {
  const { left, right, relayed } = joined();
  await left.write(utf8("question"));
  await left.closeWrite();
  assertEquals(await readText(right), "question");
  await right.write(utf8("answer"));
  await right.closeWrite();
  assertEquals(await readText(left), "answer");
  await relayed;
  left.close();
  right.close();
});

Deno.test("relay pushes back when one side does not take what comes", async () => {
  const { left, right, relayed } = joined({}, 1000);
  const message = new Uint8Array(1000);
  let written = 0;
  const writing = (async () => {
    for (let i = 0; i < 300; i++) {
      await writeAll(left, message);
      written++;
    }
    await left.closeWrite();
  })();
  for (let i = 0; i < 20; i++) await new Promise((resolve) => setTimeout(resolve, 0));
  // Its queue of 64 KiB, and what lies in the pairs and in one read.
  assertLessOrEqual(written, 70);
  assertEquals((await readText(right)).length, 300_000);
  await writing;
  await right.closeWrite();
  await relayed;
  left.close();
  right.close();
});

Deno.test("relay ends when nothing passes, and only then", async () => {
  const { left, right, relayed } = joined({ idleTimeout: 200 });
  let last = performance.now();
  const failed = assertRejects(() => relayed, NetError).then(({ code }) => {
    assertEquals(code, "ETIMEDOUT");
    return performance.now() - last;
  });
  for (let i = 0; i < 5; i++) {
    last = performance.now();
    // On a machine that stands still for so long it has ended.
    await left.write(hex("61")).then(() => right.read(new Uint8Array(1))).catch(() => {});
    await new Promise((resolve) => setTimeout(resolve, 60));
  }
  const idle = await failed;
  assert(idle > 198, `${idle} ms`);
  assertEquals(await readText(right).catch(() => ""), "");
  left.close();
  right.close();
});

Deno.test("relay ends by its signal, before and while it runs", async () => {
  const controller = new AbortController();
  const { left, right, relayed } = joined({ signal: controller.signal });
  const failed = assertRejects(() => relayed, NetError);
  controller.abort();
  assertEquals((await failed).code, "ABORT_ERR");
  const second = joined({ signal: controller.signal });
  assertEquals((await assertRejects(() => second.relayed, NetError)).code, "ABORT_ERR");
  for (const transport of [left, right, second.left, second.right]) transport.close();
});

Deno.test("relay passes on that a side broke by a reset, for what came of it is not all", async () => {
  const [left, a] = pair({ forth: { faults: [{ at: 1, action: "reset" }] } });
  const [b, right] = pair();
  const failed = assertRejects(() => relay(a, b), NetError);
  await left.write(hex("6161")).catch(() => {});
  assertEquals((await failed).code, "ECONNRESET");
  const cut = await assertRejects(() => readText(right), NetError);
  assertEquals(cut.code, "ECONNRESET");
  left.close();
  right.close();
});

Deno.test("relay resets nobody who was told the other side's end", async () => {
  const [left, a] = pair();
  const [b, right] = pair();
  const failed = assertRejects(() => relay(a, b), NetError);
  await left.write(utf8("all of it"));
  await left.closeWrite();
  assertEquals(await readText(right), "all of it");
  left.reset();
  await right.write(utf8("answer"));
  assertEquals((await failed).code, "ECONNRESET");
  assertEquals(await right.read(new Uint8Array(1)), null);
  right.close();
});

Deno.test("relay gives what came before a side was lost, and then the reset", async () => {
  const [left, a] = pair();
  const [b, right] = pair({ capacity: 10 });
  const failed = assertRejects(() => relay(a, b), NetError);
  await left.write(new Uint8Array(100));
  const p = new Uint8Array(5);
  let got = (await right.read(p))!;
  left.reset();
  for (;;) {
    const n = await right.read(p).catch((error) => error.code);
    if (typeof n !== "number") {
      assertEquals([n, got], ["ECONNRESET", 100]);
      break;
    }
    got += n;
  }
  assertEquals((await failed).code, "ECONNRESET");
  right.close();
});

Deno.test("relay that is aborted while it gives the last does not wait for it", async () => {
  const [left, a] = pair();
  const [b, right] = pair({ capacity: 10 });
  const aborter = new AbortController();
  const failed = assertRejects(() => relay(a, b, { signal: aborter.signal }), NetError);
  await left.write(new Uint8Array(100));
  assertEquals(await right.read(new Uint8Array(5)), 5);
  left.reset();
  await new Promise((resolve) => setTimeout(resolve));
  aborter.abort();
  assertEquals((await failed).code, "ECONNRESET");
  await assertRejects(() => readText(right), NetError);
  right.close();
});

Deno.test("relay that is aborted ends both sides in order, one that is idle resets them", async () => {
  const aborter = new AbortController();
  const aborted = joined({ signal: aborter.signal });
  const failed = assertRejects(() => aborted.relayed, NetError);
  aborter.abort();
  assertEquals([await readText(aborted.left), await readText(aborted.right)], ["", ""]);
  assertEquals((await failed).code, "ABORT_ERR");
  const idle = joined({ idleTimeout: 5 });
  const over = assertRejects(() => idle.relayed, NetError);
  for (const end of [idle.left, idle.right]) {
    assertEquals((await assertRejects(() => readText(end), NetError)).code, "ECONNRESET");
  }
  assertEquals((await over).code, "ETIMEDOUT");
  for (const end of [aborted.left, aborted.right, idle.left, idle.right]) end.close();
});
