import { assertEquals, assertRejects } from "@std/assert";
import fc from "fast-check";
import { TakenOver } from "../../net/_taken_over.ts";
import { NetError } from "../../net/errors.ts";
import { pair } from "../../net/pair.ts";
import { TransportReader } from "../../net/reader.ts";
import type { Transport } from "../../net/transport.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

const SINK = { data: () => {}, end: () => {}, error: () => {} };

/** A reader that has begun, and the transport taken over from it. */
function takeOver(transport: Transport, chunk: Uint8Array | null = null): TakenOver {
  const reader = new TransportReader(transport, SINK);
  reader.start();
  return new TakenOver(transport, reader, chunk);
}

testTransportContract("taken over transport", () => {
  const [here, there] = pair();
  return [takeOver(here), there];
});

Deno.test("taken over transport gives what was read already, then what the reader's read brings", async () => {
  const [a, b] = pair();
  const taken = takeOver(a, Uint8Array.of(1, 2, 3));
  const p = new Uint8Array(2);
  assertEquals([await taken.read(p), ...p], [2, 1, 2]);
  assertEquals([await taken.read(p), p[0]], [1, 3]);
  const waiting = taken.read(p);
  await b.write(Uint8Array.of(4, 5, 6));
  assertEquals([await waiting, ...p], [2, 4, 5]);
  assertEquals([await taken.read(p), p[0]], [1, 6]);
  await b.closeWrite();
  assertEquals(await taken.read(p), null);
  assertEquals(await taken.read(p), null);
  taken.close();
  b.close();
});

Deno.test("taken over transport keeps all bytes and their order at any sizes", async () => {
  const chunk = fc.uint8Array({ minLength: 1, maxLength: 40 });
  await fc.assert(fc.asyncProperty(
    fc.array(chunk, { maxLength: 10 }),
    fc.option(chunk),
    fc.integer({ min: 1, max: 50 }),
    async (chunks, first, size) => {
      const [a, b] = pair();
      const taken = takeOver(a, first);
      const got: number[] = [];
      const reading = (async () => {
        const p = new Uint8Array(size);
        for (let n; (n = await taken.read(p)) !== null;) got.push(...p.subarray(0, n));
      })();
      for (const each of chunks) await b.write(each);
      await b.closeWrite();
      await reading;
      assertEquals(got, [...first ?? [], ...chunks.flatMap((each) => [...each])]);
      taken.close();
      b.close();
    },
  ));
});

Deno.test("taken over transport hands on failures, writes, ends and addresses", async () => {
  const [a, b] = pair();
  const taken = takeOver(a);
  assertEquals([taken.localAddr, taken.remoteAddr], [a.localAddr, a.remoteAddr]);
  await taken.write(Uint8Array.of(9));
  await taken.closeWrite();
  const p = new Uint8Array(2);
  assertEquals(await b.read(p), 1);
  assertEquals(await b.read(p), null);
  const failed = assertRejects(() => taken.read(p), NetError);
  await assertRejects(() => taken.read(p), TypeError, "another read");
  (b as unknown as { reset(): void }).reset();
  assertEquals((await failed).code, "ECONNRESET");
  await assertRejects(() => taken.read(p), NetError);
  taken.close();
});

Deno.test("taken over transport has the settings of the transport, and a reset only if that has one", () => {
  const calls: unknown[] = [];
  const settings = {
    setNoDelay: (on: boolean) => calls.push("noDelay", on),
    setKeepAlive: (on: boolean) => calls.push("keepAlive", on),
    ref: () => calls.push("ref"),
    unref: () => calls.push("unref"),
    reset: () => calls.push("reset"),
  };
  const [a] = pair();
  const plain: Transport = {
    read: (p) => a.read(p),
    write: (p) => a.write(p),
    closeWrite: () => a.closeWrite(),
    close: () => a.close(),
    localAddr: a.localAddr,
    remoteAddr: a.remoteAddr,
  };
  const rich = takeOver({ ...plain, ...settings } as Transport);
  rich.setNoDelay(true);
  rich.setKeepAlive(false);
  rich.ref();
  rich.unref();
  rich.reset!();
  assertEquals(calls, ["noDelay", true, "keepAlive", false, "ref", "unref", "reset"]);
  rich.close();
  const [b] = pair();
  const poor = takeOver({ ...plain, read: (p: Uint8Array) => b.read(p), close: () => b.close() });
  poor.setNoDelay(true);
  poor.setKeepAlive(true);
  poor.ref();
  poor.unref();
  assertEquals(poor.reset, undefined);
  poor.close();
});
