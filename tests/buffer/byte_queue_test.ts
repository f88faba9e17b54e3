import { assert, assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ByteQueue } from "../../buffer/byte_queue.ts";

function bytes(...values: number[]): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(values);
}

/** Chunks of 1 to `size` bytes, each in a buffer of its own. */
function counting(length: number, size: number): Uint8Array[] {
  const chunks: Uint8Array[] = [];
  for (let at = 0; at < length; at += size) {
    chunks.push(Uint8Array.from({ length: Math.min(size, length - at) }, (_, i) => (at + i) & 255));
  }
  return chunks;
}

Deno.test("byte queue gives back a run inside one chunk as a view of it", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const chunk = bytes(1, 2, 3, 4);
  queue.push(chunk);
  const run = queue.read(2);
  assertEquals(run, bytes(1, 2));
  assertStrictEquals(run.buffer, chunk.buffer);
  assertEquals(queue.length, 2);
  const rest = queue.read();
  assertEquals(rest, bytes(3, 4));
  assertStrictEquals(rest.buffer, chunk.buffer);
  assertEquals(queue.length, 0);
  assertEquals(queue.chunks, 0);
});

Deno.test("byte queue gives back a whole chunk as the very same array", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const chunk = bytes(1, 2, 3);
  queue.push(chunk);
  assertStrictEquals(queue.peek(), chunk);
  assertStrictEquals(queue.read(), chunk);
  queue.push(chunk);
  assertStrictEquals(queue.readRun(), chunk);
});

Deno.test("byte queue joins chunks that lie side by side in one buffer without copying", () => {
  const slab = Uint8Array.from({ length: 300 }, (_, i) => i & 255);
  const queue = new ByteQueue();
  for (let at = 0; at < 300; at += 100) queue.push(slab.subarray(at, at + 100));
  assertEquals(queue.chunks, 1);
  const all = queue.read(300);
  assertEquals(all, slab);
  assertStrictEquals(all.buffer, slab.buffer);
});

Deno.test("byte queue does not join chunks with a gap or in the wrong order", () => {
  const slab = Uint8Array.from({ length: 300 }, (_, i) => i & 255);
  const queue = new ByteQueue();
  queue.push(slab.subarray(0, 100));
  queue.push(slab.subarray(101, 200));
  queue.push(slab.subarray(0, 101));
  assertEquals(queue.chunks, 3);
  assertEquals(queue.length, 300);
  assertEquals(queue.read(101), Uint8Array.of(...slab.subarray(0, 100), 101));
});

Deno.test("byte queue copies a run that crosses chunks, and only that run", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const last = bytes(3, 4, 5);
  queue.push(bytes(1, 2));
  queue.push(last);
  assertEquals(queue.read(3), bytes(1, 2, 3));
  const rest = queue.read(2);
  assertEquals(rest, bytes(4, 5));
  assertStrictEquals(rest.buffer, last.buffer);
});

Deno.test("byte queue copies small chunks together, so that dribbled bytes cost one chunk", () => {
  const queue = new ByteQueue({ maxChunks: 40 });
  for (let i = 0; i < 100_000; i++) queue.push(bytes(i & 255));
  assertEquals(queue.length, 100_000);
  assert(queue.chunks < 20, `${queue.chunks} chunks`);
  const all = queue.read();
  for (let i = 0; i < all.length; i++) if (all[i] !== (i & 255)) throw new Error(`byte ${i}`);
});

Deno.test("byte queue never writes again over small bytes that it handed out", () => {
  const queue = new ByteQueue();
  const kept: { run: Uint8Array; copy: Uint8Array }[] = [];
  for (let i = 0; i < 2000; i++) {
    queue.push(bytes(i & 255, (i >> 8) & 255, 77));
    if (i % 7 === 3) queue.push(kept[kept.length - 1].run);
    if (i % 3 === 0) {
      const run = queue.read(queue.length - 1);
      kept.push({ run, copy: run.slice() });
    }
  }
  for (const { run, copy } of kept) assertEquals(run, copy);
});

Deno.test("byte queue stays right when a run of its own block is pushed back to it", () => {
  const queue = new ByteQueue({ copyUpTo: 4 });
  queue.push(bytes(1, 2, 3, 4));
  queue.push(bytes(5, 6, 7, 8));
  const run = queue.read();
  assertEquals(run, bytes(1, 2, 3, 4, 5, 6, 7, 8));
  queue.push(run.subarray(0, 6)); // a view of the block, larger than what is copied
  queue.push(bytes(9));
  assertEquals(queue.read(), bytes(1, 2, 3, 4, 5, 6, 9));
  assertEquals(run, bytes(1, 2, 3, 4, 5, 6, 7, 8));
});

Deno.test("byte queue with copyUpTo 0 keeps every chunk by reference", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const chunk = bytes(1);
  queue.push(chunk);
  assertStrictEquals(queue.read(1), chunk);
});

Deno.test("byte queue refuses what passes its byte limit and stays unchanged", () => {
  const queue = new ByteQueue({ maxBytes: 4 });
  queue.push(bytes(1, 2, 3));
  const error = assertThrows(() => queue.push(bytes(4, 5)), RangeError);
  assertEquals(error.message, "Cannot queue 2 bytes: 3 are held and 4 is the limit");
  assertEquals(queue.tryPush(bytes(4, 5)), false);
  assertEquals(queue.tryPush(bytes(4)), true);
  assertEquals(queue.read(), bytes(1, 2, 3, 4));
  assertEquals(queue.tryPush(bytes(1, 2, 3, 4)), true);
});

Deno.test("byte queue refuses what passes its chunk limit and stays unchanged", () => {
  const queue = new ByteQueue({ maxChunks: 2, copyUpTo: 0 });
  queue.push(bytes(1));
  queue.push(bytes(2));
  const error = assertThrows(() => queue.push(bytes(3)), RangeError);
  assertEquals(error.message, "Cannot queue another chunk: 2 is the limit");
  assertEquals(queue.tryPush(bytes(3)), false);
  assertEquals(queue.length, 2);
  assertEquals(queue.read(1), bytes(1));
  assertEquals(queue.tryPush(bytes(3)), true);
});

Deno.test("byte queue refuses limits that are not positive integers", () => {
  for (const value of [0, -1, 1.5, NaN]) {
    assertThrows(() => new ByteQueue({ maxBytes: value }), RangeError, "maxBytes");
    assertThrows(() => new ByteQueue({ maxChunks: value }), RangeError, "maxChunks");
  }
  assertThrows(() => new ByteQueue({ copyUpTo: -1 }), RangeError, "copyUpTo");
  const queue = new ByteQueue({ maxBytes: Infinity, maxChunks: Infinity });
  assertEquals(queue.maxBytes, Infinity);
  assertEquals(queue.maxChunks, Infinity);
});

Deno.test("byte queue has limits by default", () => {
  const queue = new ByteQueue();
  assertEquals(queue.maxBytes, 16 * 1024 * 1024);
  assertEquals(queue.maxChunks, 16384);
  queue.push(new Uint8Array(16 * 1024 * 1024));
  assertEquals(queue.tryPush(bytes(1)), false);
});

Deno.test("byte queue readers throw for too little data and change nothing", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2, 3));
  for (const call of [() => queue.read(4), () => queue.peek(4), () => queue.readRuns(4)]) {
    const error = assertThrows(call, RangeError);
    assertEquals(error.message, "Cannot read 4 bytes: the queue holds 3");
  }
  assertThrows(() => queue.skip(4), RangeError);
  for (const bad of [-1, 0.5, NaN]) {
    assertThrows(() => queue.read(bad), RangeError, "not a length");
    assertThrows(() => queue.skip(bad), RangeError, "not a length");
  }
  assertEquals(queue.tryRead(4), undefined);
  assertEquals(queue.missing(4), 1);
  assertEquals(queue.missing(3), 0);
  assertEquals(queue.length, 3);
  assertEquals(queue.tryRead(3), bytes(1, 2, 3));
  assertEquals(queue.read(0), bytes());
  assertEquals(queue.readRun(), undefined);
});

Deno.test("byte queue peek does not take, and looks twice at the same joined copy", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  queue.push(bytes(1, 2));
  queue.push(bytes(3, 4));
  queue.push(bytes(5));
  const head = queue.peek(3);
  assertEquals(head, bytes(1, 2, 3));
  assertStrictEquals(queue.peek(3), head);
  assertEquals(queue.length, 5);
  assertEquals(queue.read(), bytes(1, 2, 3, 4, 5));
});

Deno.test("byte queue readRun takes whole lengths only", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2, 3));
  for (const max of [0.5, 1.5, NaN, -0.5]) {
    assertThrows(() => queue.readRun(max), RangeError, `Cannot read ${max} bytes: not a length`);
  }
  assertEquals([queue.readRun(-1), queue.readRun(0), queue.length], [undefined, undefined, 3]);
});

Deno.test("byte queue readRun and readRuns never copy", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const chunks = counting(10, 4);
  for (const chunk of chunks) queue.push(chunk);
  const first = queue.readRun(3)!;
  assertEquals(first, bytes(0, 1, 2));
  assertStrictEquals(first.buffer, chunks[0].buffer);
  assertEquals(queue.readRun(100), bytes(3));
  const runs = queue.readRuns(5);
  assertEquals(runs, [bytes(4, 5, 6, 7), bytes(8)]);
  assertStrictEquals(runs[1].buffer, chunks[2].buffer);
  assertEquals(queue.readRuns(), [bytes(9)]);
  assertEquals(queue.readRuns(), []);
});

Deno.test("byte queue that never runs empty keeps its order and forgets spent chunks", () => {
  const queue = new ByteQueue({ copyUpTo: 0, maxChunks: 200 });
  let pushed = 0;
  let read = 0;
  const push = () => queue.push(bytes(pushed++ & 255, pushed++ & 255));
  for (let i = 0; i < 100; i++) push();
  for (let i = 0; i < 5000; i++) {
    push();
    const run = queue.read(i % 3 + 1);
    for (const byte of run) if (byte !== (read++ & 255)) throw new Error(`byte ${read}`);
    assert(queue.chunks <= 200);
  }
  assertEquals(queue.length, pushed - read);
  assertEquals(queue.readRuns().length, Math.ceil((pushed - read) / 2));
});

Deno.test("byte queue readInto fills the target as far as there are bytes", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  for (const chunk of counting(7, 3)) queue.push(chunk);
  const target = new Uint8Array(5);
  assertEquals(queue.readInto(target), 5);
  assertEquals(target, bytes(0, 1, 2, 3, 4));
  assertEquals(queue.readInto(target), 2);
  assertEquals(target, bytes(5, 6, 2, 3, 4));
  assertEquals(queue.readInto(target), 0);
});

Deno.test("byte queue at counts from either end across chunks", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  for (const chunk of counting(7, 3)) queue.push(chunk);
  queue.skip(1);
  assertEquals([0, 1, 2, 5, -1, -6].map((i) => queue.at(i)), [1, 2, 3, 6, 6, 1]);
  assertEquals(queue.at(6), undefined);
  assertEquals(queue.at(-7), undefined);
});

Deno.test("byte queue unread puts bytes back in front of what is left", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  queue.push(bytes(1, 2, 3));
  queue.push(bytes(4));
  assertEquals(queue.read(2), bytes(1, 2));
  queue.unread(bytes(9, 8));
  queue.unread(bytes());
  queue.unread(bytes(7));
  assertEquals(queue.length, 5);
  assertEquals(queue.read(), bytes(7, 9, 8, 3, 4));
  queue.unread(bytes(1));
  assertEquals(queue.read(), bytes(1));
});

Deno.test("byte queue finds what is no byte and no index as an array does: nowhere, and from the start", () => {
  const queue = new ByteQueue();
  assertEquals(queue.at(NaN), undefined);
  queue.push(Uint8Array.of(9, 9, 0, 255));
  queue.skip(1);
  for (const search of [256, -1, 0.5, NaN]) assertEquals(queue.indexOf(search), -1);
  assertEquals(queue.indexOf(9, NaN), 0);
  assertEquals(queue.at(NaN), undefined);
});

Deno.test("byte queue indexOf finds a run that crosses chunks and starts anew after a false start", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const encoder = new TextEncoder();
  for (const part of ["xx\r", "\n\r\r", "\n\r", "", "\nbody"]) queue.push(encoder.encode(part));
  assertEquals(queue.indexOf(encoder.encode("\r\n\r\n")), 5);
  assertEquals(queue.indexOf(encoder.encode("\r\n\r\n"), 6), -1);
  assertEquals(queue.indexOf(encoder.encode("body")), 9);
  assertEquals(queue.indexOf(encoder.encode("body!")), -1);
  assertEquals(queue.indexOf(new Uint8Array(0), 3), 3);
  assertEquals(queue.indexOf(new Uint8Array(0), 99), 13);
  assertEquals(queue.indexOf(0x78, 1), 1);
  assertEquals(queue.indexOf(0x78, 2), -1);
  queue.skip(1);
  assertEquals(queue.indexOf(0x78), 0);
  assertEquals(queue.indexOf(0x78, -5), 0);
});

Deno.test("byte queue compact joins everything into one array of its own", () => {
  const queue = new ByteQueue({ copyUpTo: 0 });
  const slab = new Uint8Array(1000).fill(7);
  queue.push(slab.subarray(0, 3));
  queue.push(slab.subarray(500, 502));
  queue.compact();
  assertEquals(queue.chunks, 1);
  const all = queue.read();
  assertEquals(all, bytes(7, 7, 7, 7, 7));
  assertEquals(all.buffer.byteLength, 5);
  queue.compact();
  assertEquals(queue.length, 0);
});

Deno.test("byte queue clear drops everything", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2));
  queue.clear();
  assertEquals(queue.length, 0);
  assertEquals(queue.chunks, 0);
  queue.push(bytes(3));
  assertEquals(queue.read(), bytes(3));
});

Deno.test("byte queue behaves like one long array, whatever is done to it in which order", () => {
  const slab = Uint8Array.from({ length: 4096 }, (_, i) => (i * 7) & 255);
  const operation = fc.oneof(
    { weight: 3, arbitrary: fc.record({ op: fc.constant("push" as const), n: fc.nat(90) }) },
    fc.record({
      op: fc.constantFrom(
        "read",
        "peek",
        "skip",
        "readRun",
        "readRuns",
        "readInto",
        "unread",
        "compact",
        "at",
        "indexOf",
      ),
      n: fc.nat(130),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(operation, { maxLength: 60 }),
      fc.constantFrom(0, 5, 64),
      (operations, copyUpTo) => {
        const queue = new ByteQueue({ copyUpTo });
        let model: number[] = [];
        let from = 0;
        for (const { op, n } of operations) {
          const fits = n <= model.length;
          if (op === "push" || op === "unread") {
            const chunk = slab.subarray(from, from + n);
            from = (from + n) % 4000;
            // Every third push leaves a gap in the slab.
            if (n % 3 === 0) from += 5;
            if (op === "push") queue.push(chunk);
            else queue.unread(chunk);
            model = op === "push" ? [...model, ...chunk] : [...chunk, ...model];
          } else if (op === "readRun") {
            const run = queue.readRun(n);
            if (run === undefined) assert(model.length === 0 || n === 0);
            else assertEquals([...run], model.splice(0, run.length));
          } else if (op === "readInto") {
            const target = new Uint8Array(n);
            const read = queue.readInto(target);
            assertEquals([...target.subarray(0, read)], model.splice(0, n));
          } else if (op === "compact") {
            queue.compact();
          } else if (op === "at") {
            assertEquals(queue.at(n), model[n]);
            assertEquals(queue.at(-n - 1), model.at(-n - 1));
          } else if (op === "indexOf") {
            const needle = Uint8Array.from(model.slice(n, n + 3));
            const all = Uint8Array.from(model);
            const expected = String.fromCharCode(...all).indexOf(String.fromCharCode(...needle));
            assertEquals(queue.indexOf(needle), expected);
          } else if (!fits) {
            assertThrows(() => queue[op](n), RangeError);
          } else if (op === "read") {
            assertEquals([...queue.read(n)], model.splice(0, n));
          } else if (op === "peek") {
            assertEquals([...queue.peek(n)], model.slice(0, n));
          } else if (op === "skip") {
            queue.skip(n);
            model.splice(0, n);
          } else {
            assertEquals(queue.readRuns(n).flatMap((run) => [...run]), model.splice(0, n));
          }
          assertEquals(queue.length, model.length);
        }
        assertEquals([...queue.read()], model);
      },
    ),
    { numRuns: 300 },
  );
});

Deno.test("byte queue refuses what is no bytes, and is as it was", () => {
  const queue = new ByteQueue();
  queue.push(bytes(1, 2, 3));
  for (const value of ["text", 123, NaN, null, {}, [1], new ArrayBuffer(1), new Uint16Array(1)]) {
    assertThrows(() => queue.push(value as never), TypeError, "as bytes");
    assertThrows(() => queue.tryPush(value as never), TypeError, "as bytes");
    assertThrows(() => queue.unread(value as never), TypeError, "as bytes");
    assertThrows(() => queue.readInto(value as never), TypeError, "as bytes");
  }
  assertEquals(queue.length, 3);
  assertEquals(queue.read(), bytes(1, 2, 3));
});

Deno.test("byte queue refuses to read NaN bytes, which would never be there", () => {
  const queue = new ByteQueue();
  for (const chunk of [bytes(), bytes(1, 2, 3)]) {
    queue.push(chunk);
    assertThrows(() => queue.tryRead(NaN), RangeError, "not a length");
    assertThrows(() => queue.readRun(NaN), RangeError, "not a length");
  }
  assertEquals(queue.read(), bytes(1, 2, 3));
});
