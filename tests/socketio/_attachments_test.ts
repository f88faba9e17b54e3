import {
  assert,
  assertEquals,
  assertInstanceOf,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import fc from "fast-check";
import {
  deconstruct,
  hasBinary,
  hasBlob,
  MAX_DEPTH,
  readBlobs,
  reconstruct,
  toBytes,
} from "../../socketio/_attachments.ts";
import { PacketFault } from "../../socketio/errors.ts";

function nested(depth: number, leaf: unknown): unknown {
  let value = leaf;
  for (let i = 0; i < depth; i++) value = i % 2 === 0 ? [value] : { a: value };
  return value;
}

const leaves = fc.oneof(
  fc.uint8Array({ maxLength: 20 }),
  fc.string().filter((text) => text !== "__proto__"),
  fc.integer(),
  fc.boolean(),
  fc.constant(null),
);
const trees = fc.letrec((tie) => ({
  tree: fc.oneof(
    { depthSize: "small" },
    leaves,
    fc.array(tie("tree"), { maxLength: 4 }),
    fc.dictionary(
      fc.string().filter((key) => key !== "_placeholder" && key !== "__proto__"),
      tie("tree"),
      { maxKeys: 4, noNullPrototype: true },
    ),
  ),
}));

Deno.test("attachments put back where they were taken from give the same value", () => {
  fc.assert(fc.property(trees.tree, (value) => {
    const attachments: Uint8Array[] = [];
    const wire = JSON.parse(JSON.stringify(deconstruct([value], attachments)));
    const result = reconstruct(wire, attachments);
    assert(!(result instanceof PacketFault));
    assertEquals(result.value, [value]);
    assertEquals(hasBinary(value), attachments.length > 0);
  }));
});

Deno.test("deconstruct views every kind of binary value without a copy", () => {
  const buffer = new Uint8Array([1, 2, 3, 4]).buffer;
  const attachments: Uint8Array[] = [];
  deconstruct(
    { a: buffer, b: new DataView(buffer, 1, 2), c: new Uint16Array(buffer) },
    attachments,
  );
  assertEquals(attachments.map((bytes) => [...bytes]), [[1, 2, 3, 4], [2, 3], [1, 2, 3, 4]]);
  assertStrictEquals(attachments[0].buffer, buffer);
  assertEquals(toBytes(new Uint8Array(buffer, 2)).length, 2);
});

Deno.test("deconstruct leaves the caller's value as it was", () => {
  const value = { a: new Uint8Array([1]), b: [new Uint8Array([2])] };
  deconstruct(value, []);
  assertEquals(value, { a: new Uint8Array([1]), b: [new Uint8Array([2])] });
});

Deno.test("deconstruct follows toJSON, as JSON does", () => {
  const attachments: Uint8Array[] = [];
  const value = { toJSON: () => ({ bytes: new Uint8Array([7]) }) };
  assert(hasBinary(value));
  assert(hasBinary([[value]]));
  assertEquals(deconstruct(value, attachments), { bytes: { _placeholder: true, num: 0 } });
});

Deno.test("deconstruct takes the mark off a user's object that looks like a placeholder", () => {
  const attachments: Uint8Array[] = [];
  const wire = deconstruct([{ _placeholder: true, num: 5 }, new Uint8Array([1])], attachments);
  assertEquals(wire, [{ num: 5 }, { _placeholder: true, num: 0 }]);
});

Deno.test("deconstruct keeps a __proto__ key as a plain property", () => {
  const value = JSON.parse('{"__proto__":{"polluted":1},"b":0}');
  value.b = new Uint8Array([1]);
  const wire = deconstruct(value, []) as object;
  assertStrictEquals(Object.getPrototypeOf(wire), Object.prototype);
  assert(!("polluted" in {}));
});

Deno.test("a value that contains itself is a TypeError, not a stack overflow", () => {
  const value: Record<string, unknown> = {};
  value.self = value;
  assertThrows(() => hasBinary(value), TypeError, "contains itself");
  assertThrows(() => hasBlob(value), TypeError, "contains itself");
  assertThrows(() => deconstruct(value, []), TypeError, "contains itself");
});

Deno.test("a blob in a value that contains itself is a TypeError, too", async () => {
  const value: unknown[] = [new Blob(["x"])];
  value.push(value);
  assert(hasBlob(value));
  await assertRejects(() => readBlobs(value), TypeError, "contains itself");
});

Deno.test("what nests as deep as may be is encoded and put back, and what is one deeper is not", () => {
  const bytes = new Uint8Array([1]);
  const attachments: Uint8Array[] = [];
  const wire = deconstruct(nested(MAX_DEPTH, bytes), attachments);
  assertEquals(reconstruct(wire, attachments), { value: nested(MAX_DEPTH, bytes) });
  assertThrows(() => deconstruct(nested(MAX_DEPTH + 1, bytes), []), TypeError);
  assertThrows(() => hasBinary(nested(MAX_DEPTH + 1, bytes)), TypeError);
  const mark = { _placeholder: true, num: 0 };
  assertInstanceOf(reconstruct(nested(MAX_DEPTH + 1, mark), [bytes]), PacketFault);
});

Deno.test("reconstruct refuses every number that is no index", () => {
  for (const num of [-1, 1, 1e9, "0", "length", 0.5, "__proto__", null, undefined, [0]]) {
    const wire = JSON.parse(JSON.stringify(["x", { _placeholder: true, num }]));
    assertInstanceOf(reconstruct(wire, [new Uint8Array(1)]), PacketFault, String(num));
  }
  const inherited = Object.assign(Object.create({ num: 0 }), { _placeholder: true });
  assertInstanceOf(reconstruct([inherited], [new Uint8Array(1)]), PacketFault);
});

Deno.test("reconstruct refuses a number twice, and an attachment without a placeholder", () => {
  const twice = [{ _placeholder: true, num: 0 }, { _placeholder: true, num: 0 }];
  assertInstanceOf(reconstruct(twice, [new Uint8Array(1)]), PacketFault);
  assertInstanceOf(reconstruct(["x"], [new Uint8Array(1)]), PacketFault);
});

Deno.test("reconstruct takes placeholders in any order and at any place", () => {
  const wire = [{ b: { _placeholder: true, num: 1 } }, [{ _placeholder: true, num: 0 }]];
  const result = reconstruct(wire, [new Uint8Array([1]), new Uint8Array([2])]);
  assertEquals(result, { value: [{ b: new Uint8Array([2]) }, [new Uint8Array([1])]] });
});

Deno.test("reconstruct refuses what nests too deep", () => {
  const wire = nested(MAX_DEPTH + 2, { _placeholder: true, num: 0 });
  assertInstanceOf(reconstruct(wire, [new Uint8Array(1)]), PacketFault);
  const deepest = nested(MAX_DEPTH - 1, { _placeholder: true, num: 0 });
  assert(!(reconstruct(deepest, [new Uint8Array(1)]) instanceof PacketFault));
});

Deno.test("readBlobs puts bytes in the place of each blob and shares the rest", async () => {
  const shared = new Uint8Array([9]);
  const date = new Date(0);
  const value = { a: [new Blob(["hi"])], b: shared, date };
  assert(hasBlob(value));
  assert(!hasBinary({ a: value.a }));
  const read = await readBlobs(value) as { a: Uint8Array[]; b: Uint8Array; date: Date };
  assertEquals(read.a, [new TextEncoder().encode("hi")]);
  assertStrictEquals(read.b, shared);
  assertStrictEquals(read.date, date);
});

Deno.test("deconstruct leaves to JSON what it takes an object for: once, by its place, and unboxed", () => {
  const again = { a: 2, toJSON: () => "asked twice" };
  const values = [
    { toJSON: () => again },
    { x: { toJSON: (place: string) => place } },
    [{ toJSON: (place: string) => place }],
    [new String("s"), new Number(3), new Boolean(false)],
    { toJSON: () => new String("s") },
  ];
  for (const value of values) {
    assertEquals(JSON.stringify(deconstruct([value], [])), JSON.stringify([value]));
  }
});

Deno.test("deconstruct finds the bytes in what gives itself, or another such object, to JSON", () => {
  const bytes = new Uint8Array([1, 2]);
  class Itself {
    bytes = bytes;
    toJSON() {
      return this;
    }
  }
  const other = { toJSON: () => ({ bytes, toJSON: () => "asked twice" }) };
  for (const value of [new Itself(), other]) {
    assert(hasBinary(value));
    const attachments: Uint8Array[] = [];
    const wire = JSON.stringify(deconstruct(value, attachments));
    assertEquals(wire, '{"bytes":{"_placeholder":true,"num":0}}');
    assertEquals(attachments, [bytes]);
  }
});

Deno.test("readBlobs reads those in what an object gives to JSON", async () => {
  const blob = new Blob(["hi"]);
  const value = { file: { toJSON: (place: string) => ({ place, blob, toJSON: () => 1 }) } };
  assert(hasBlob(value));
  const attachments: Uint8Array[] = [];
  const wire = JSON.stringify(deconstruct(await readBlobs(value), attachments));
  assertEquals(wire, '{"file":{"place":"file","blob":{"_placeholder":true,"num":0}}}');
  assertEquals(attachments, [new TextEncoder().encode("hi")]);
  assertEquals(JSON.stringify(await readBlobs([new String("s")])), '["s"]');
});
