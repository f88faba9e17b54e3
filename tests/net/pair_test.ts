import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ManualClock } from "../../net/clock.ts";
import { pair, type PairOptions } from "../../net/pair.ts";
import type { Transport } from "../../net/transport.ts";
import { codeOf } from "../_support/code_of.ts";
import { testTransportContract } from "../_support/transport_contract.ts";

const bytes = (...values: number[]): Uint8Array => new Uint8Array(values);

async function read(transport: Transport, size = 64): Promise<number[] | null> {
  const buffer = new Uint8Array(size);
  const n = await transport.read(buffer);
  return n === null ? null : [...buffer.subarray(0, n)];
}

async function writeAll(transport: Transport, data: Uint8Array): Promise<void> {
  for (let at = 0; at < data.length;) at += await transport.write(data.subarray(at));
  await transport.closeWrite();
}

async function readAll(transport: Transport, size: number): Promise<number[]> {
  const out: number[] = [];
  for (let part; (part = await read(transport, size)) !== null;) out.push(...part);
  return out;
}

testTransportContract("pair", () => pair());
testTransportContract("pair that splits", () => pair({ split: 3 }));

Deno.test("pair carries any bytes whole and in order, however it splits them", async () => {
  await fc.assert(fc.asyncProperty(
    fc.uint8Array({ maxLength: 500 }),
    fc.integer({ min: 1, max: 70 }),
    fc.integer({ min: 1, max: 70 }),
    fc.integer({ min: 1, max: 70 }),
    async (data, split, capacity, size) => {
      const [a, b] = pair({ split, capacity });
      const [, got] = await Promise.all([writeAll(a, data), readAll(b, size)]);
      assertEquals(got, [...data]);
      a.close();
      b.close();
    },
  ));
});

Deno.test("pair splits as it is told, one direction unlike the other", async () => {
  const [a, b] = pair({ forth: { split: 1 }, back: { split: 2 } });
  await a.write(bytes(1, 2, 3));
  await b.write(bytes(4, 5, 6));
  assertEquals([await read(b), await read(b), await read(b)], [[1], [2], [3]]);
  assertEquals([await read(a), await read(a)], [[4, 5], [6]]);
  a.close();
  b.close();
});

Deno.test("pair pushes back: a write waits while its capacity is on the way", async () => {
  const [a, b] = pair({ capacity: 4 });
  assertEquals(await a.write(bytes(1, 2, 3, 4, 5, 6)), 4);
  let taken = 0;
  const writing = a.write(bytes(5, 6)).then((n) => taken = n);
  await Promise.resolve();
  assertEquals(taken, 0);
  assertEquals(await read(b, 3), [1, 2, 3]);
  assertEquals(await writing, 2);
  a.close();
  b.close();
});

Deno.test("pair delays by the clock it is given", async () => {
  const clock = new ManualClock();
  const [a, b] = pair({ delay: 100, clock });
  await a.write(bytes(1));
  clock.advance(50);
  await a.write(bytes(2));
  let got: number[] | null = null;
  const reading = read(b).then((part) => got = part);
  clock.advance(49);
  await Promise.resolve();
  assertEquals(got, null);
  clock.advance(1);
  await reading;
  assertEquals(got as unknown, [1]);
  clock.advance(50);
  assertEquals(await read(b), [2]);
  a.close();
  b.close();
  assertEquals(clock.pending, 0);
});

Deno.test("pair stalls at a byte, for a time", async () => {
  const clock = new ManualClock();
  const faults: PairOptions["faults"] = [{ at: 2, action: "stall", duration: 1000 }];
  const [a, b] = pair({ forth: { faults }, clock });
  await a.write(bytes(1, 2, 3));
  assertEquals(await read(b), [1, 2]);
  const rest = read(b);
  clock.advance(999);
  await Promise.resolve();
  clock.advance(1);
  assertEquals(await rest, [3]);
  a.close();
  b.close();
});

Deno.test("pair stalls for good, until it is closed", async () => {
  const [a, b] = pair({ faults: [{ at: 0, action: "stall" }] });
  await a.write(bytes(1));
  const reading = read(b);
  b.close();
  assertEquals(await codeOf(reading), "ERR_SOCKET_CLOSED");
  a.close();
});

Deno.test("pair ends at a byte, as if the peer had ended there", async () => {
  const [a, b] = pair({ forth: { faults: [{ at: 2, action: "end" }] } });
  await a.write(bytes(1, 2, 3));
  assertEquals([await read(b), await read(b), await read(b)], [[1, 2], null, null]);
  await b.write(bytes(9));
  assertEquals(await read(a), [9]);
  a.close();
  b.close();
});

Deno.test("pair resets at a byte: every read and write on both ends fails from then on", async () => {
  const [a, b] = pair({ forth: { faults: [{ at: 1, action: "reset" }] } });
  const waiting = read(a);
  await a.write(bytes(1, 2));
  assertEquals(await read(b), [1]);
  assertEquals(await codeOf(read(b)), "ECONNRESET");
  assertEquals(await codeOf(waiting), "ECONNRESET");
  assertEquals(await codeOf(a.write(bytes(3))), "ECONNRESET");
  assertEquals(await codeOf(b.write(bytes(3))), "ECONNRESET");
  a.close();
  b.close();
});

Deno.test("pair: after close the other end reads what was sent, and then the end", async () => {
  const [a, b] = pair();
  await a.write(bytes(1));
  a.close();
  a.close();
  assertEquals([await read(b), await read(b)], [[1], null]);
  assertEquals(await codeOf(b.write(bytes(2))), "EPIPE");
  assertEquals(await codeOf(a.read(new Uint8Array(1))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.write(bytes(1))), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(a.closeWrite()), "ERR_SOCKET_CLOSED");
  b.close();
});

Deno.test("pair: closing ends the reads and writes that wait", async () => {
  const [a, b] = pair({ capacity: 1 });
  await a.write(bytes(1));
  const writing = a.write(bytes(2));
  const reading = a.read(new Uint8Array(1));
  a.close();
  assertEquals(await codeOf(reading), "ERR_SOCKET_CLOSED");
  assertEquals(await codeOf(writing), "ERR_SOCKET_CLOSED");
  b.close();
});

Deno.test("pair: a write that waits fails when the reader leaves", async () => {
  const [a, b] = pair({ capacity: 1 });
  await a.write(bytes(1));
  const writing = a.write(bytes(2));
  b.close();
  assertEquals(await codeOf(writing), "EPIPE");
  a.close();
});

Deno.test("pair allows one read and one write at a time", async () => {
  const [a, b] = pair({ capacity: 1 });
  const reading = read(b);
  await assertRejects(() => b.read(new Uint8Array(1)), TypeError);
  await a.write(bytes(1));
  assertEquals(await reading, [1]);
  await a.write(bytes(2));
  const writing = a.write(bytes(3));
  await assertRejects(() => a.write(bytes(4)), TypeError);
  assertEquals(await read(b), [2]);
  await writing;
  a.close();
  b.close();
});

Deno.test("pair: an empty read gives nothing, at once", async () => {
  const [a, b] = pair();
  assertEquals(await a.read(new Uint8Array(0)), 0);
  a.close();
  b.close();
});

Deno.test("pair: the bytes that were written may change afterwards", async () => {
  const [a, b] = pair();
  const data = bytes(1, 2);
  await a.write(data);
  data.fill(9);
  assertEquals(await read(b), [1, 2]);
  a.close();
  b.close();
});

Deno.test("pair refuses options that make no sense", () => {
  for (const options of [{ split: 0 }, { capacity: 0 }, { delay: -1 }, { delay: NaN }]) {
    assertThrows(() => pair(options), RangeError);
  }
});

Deno.test("pair swallows what is written after it cut the stream", async () => {
  const [a, b] = pair({ capacity: 2, forth: { faults: [{ at: 1, action: "end" }] } });
  await a.write(bytes(1, 2));
  const waiting = a.write(bytes(3));
  assertEquals([await read(b), await read(b)], [[1], null]);
  assertEquals([await waiting, await a.write(bytes(4, 5, 6))], [1, 3]);
  assertEquals(await read(b), null);
  a.close();
  b.close();
});

Deno.test("pair can be reset by one end: the other hears of it, and bytes on their way are lost", async () => {
  const [a, b] = pair({ capacity: 4 });
  await a.write(bytes(1, 2, 3, 4));
  const stuck = a.write(bytes(5));
  const reading = read(a);
  const failed = [codeOf(stuck), codeOf(reading)];
  a.reset();
  a.reset();
  assertEquals(await Promise.all(failed), ["ECONNRESET", "ERR_SOCKET_CLOSED"]);
  assertEquals(await codeOf(read(b)), "ECONNRESET");
  assertEquals(await codeOf(b.write(bytes(1))), "ECONNRESET");
  assertEquals(await codeOf(read(a)), "ERR_SOCKET_CLOSED");
  b.close();
});

Deno.test("pair follows several faults, in the order of their bytes", async () => {
  const clock = new ManualClock();
  const [a, b] = pair({
    clock,
    faults: [
      { at: 3, action: "end" },
      { at: 1, action: "stall", duration: 10 },
      { at: 1, action: "stall", duration: 5 },
    ],
  });
  await a.write(bytes(1, 2, 3, 4));
  assertEquals(await read(b), [1]);
  const rest = read(b);
  clock.advance(10);
  clock.advance(5);
  assertEquals([await rest, await read(b)], [[2, 3], null]);
  a.close();
  b.close();
  assertEquals(clock.pending, 0);
});

Deno.test("pair refuses faults that make no sense", () => {
  for (
    const fault of [
      { at: -1, action: "end" },
      { at: NaN, action: "end" },
      { at: 0, action: "stall", duration: -1 },
      { at: 0, action: "explode" },
    ]
  ) assertThrows(() => pair({ faults: [fault as never] }), RangeError);
});
