import { assertEquals, assertRejects, assertThrows } from "@std/assert";
import fc from "fast-check";
import type { Link } from "../../websocket/_connection_parts.ts";
import {
  checkSendOptions,
  isParts,
  type OutgoingParts,
  sendParts,
  toBytes,
  toMessage,
  withOpcode,
} from "../../websocket/_outgoing.ts";
import { joined } from "../_support/websocket_rig.ts";

/** A link that records fragments. */
function recorder() {
  const fragments: Array<{ bytes: Uint8Array; opcode: number; fin: boolean }> = [];
  const failures: unknown[] = [];
  let drains = 0;
  const link = {
    open: true,
    full: false,
    sendFragment: (bytes: Uint8Array, opcode: number, fin: boolean) =>
      fragments.push({ bytes: bytes.slice(), opcode, fin }),
    drained: () => (drains++, Promise.resolve()),
    failWith: (error: unknown) => failures.push(error),
  };
  return { link: link as unknown as Link, state: link, fragments, failures, drains: () => drains };
}

Deno.test("bytes of every kind of view are those that it shows", () => {
  const buffer =
    new Uint8Array([0xca, 0xca, 1, 2, 3, 4, 5, 6, 7, 8, 0xca, 0xca, 0xca, 0xca, 0xca, 0xca])
      .buffer;
  const expected = new Uint8Array([1, 2, 3, 4, 5, 6, 7, 8]);
  for (const View of [Uint8Array, Int8Array, Uint8ClampedArray]) {
    assertEquals(toBytes(new View(buffer, 2, 8)), expected);
  }
  assertEquals(toBytes(new DataView(buffer, 2, 8)), expected);
  assertEquals(toBytes(new Uint16Array(buffer, 2, 4)), expected);
  const aligned = expected.slice().buffer;
  for (const View of [Int32Array, Float32Array, BigInt64Array, Float64Array]) {
    assertEquals(toBytes(new View(aligned)), expected);
  }
  assertEquals(toBytes(aligned), expected);
  for (const other of [5, "x", null, undefined, {}, [1]]) assertEquals(toBytes(other), undefined);
});

Deno.test("message is a string or bytes, and nothing else", () => {
  assertEquals(toMessage("x"), "x");
  for (const other of [10, null, undefined, {}, new Blob()]) {
    assertThrows(() => toMessage(other), TypeError);
  }
});

Deno.test("message gets the opcode that is asked for", () => {
  assertEquals(withOpcode("é", undefined), "é");
  assertEquals(withOpcode("é", 2), new Uint8Array([0xc3, 0xa9]));
  assertEquals(withOpcode(new Uint8Array([0xc3, 0xa9]), 1), "é");
  assertThrows(() => withOpcode(new Uint8Array([0xc3]), 1), TypeError);
});

Deno.test("parts of a text are its text, wherever characters are cut", async () => {
  await fc.assert(fc.asyncProperty(fc.array(fc.string({ unit: "binary" })), async (parts) => {
    // Cut every part into single UTF-16 units, which tears pairs apart.
    const units = parts.flatMap((part) => part.split(""));
    const { link, fragments } = recorder();
    await sendParts(link, units, {});
    const text = new TextDecoder("utf-8", { ignoreBOM: true })
      .decode(joined(...fragments.map(({ bytes }) => bytes)));
    assertEquals(text, parts.join("").toWellFormed());
    assertEquals(fragments.filter(({ fin }) => fin).length, 1);
    assertEquals(fragments.at(-1)?.fin, true);
    if (units.length > 0) {
      assertEquals(new Set(fragments.map(({ opcode }) => opcode)), new Set([1]));
    }
  }));
});

Deno.test("parts wait for the queue to drain", async () => {
  const { link, state, fragments, drains } = recorder();
  state.full = true;
  await sendParts(link, [new Uint8Array(3), new Uint8Array(0), new Uint8Array(4)], {});
  assertEquals(drains(), 2);
  assertEquals(fragments.map(({ bytes, opcode, fin }) => [bytes.length, opcode, fin]), [
    [3, 2, false],
    [4, 2, false],
    [0, 2, true],
  ]);
});

const BAD: Array<[name: string, parts: OutgoingParts, opcode?: 1]> = [
  ["text and bytes", ["a", new Uint8Array(1)]],
  ["numbers", ["a", 5 as unknown as string]],
  ["bytes that are no UTF-8, as text", [new Uint8Array([0x61]), new Uint8Array([0xff])], 1],
  [
    "bytes that end inside a character, as text",
    [new Uint8Array([0x61]), new Uint8Array([0xc3])],
    1,
  ],
];

for (const [name, parts, opcode] of BAD) {
  Deno.test(`parts of ${name} are refused, and end the connection if they had begun`, async () => {
    const { link, failures } = recorder();
    await assertRejects(() => sendParts(link, parts, { opcode }), TypeError);
    assertEquals(failures.length, 1);
  });
}

Deno.test("source that fails before its first part leaves the connection alone", async () => {
  const { link, failures, fragments } = recorder();
  // deno-lint-ignore require-yield
  const source = (function* (): Generator<string> {
    throw new Error("no");
  })();
  await assertRejects(() => sendParts(link, source, {}), Error, "no");
  assertEquals([failures.length, fragments.length], [0, 0]);
});

Deno.test("what can be gone through is told from what can't", () => {
  assertEquals([isParts([]), isParts(new ReadableStream()), isParts((function* () {})())], [
    true,
    true,
    true,
  ]);
  assertEquals([isParts({}), isParts(null), isParts(5), isParts("x")], [
    false,
    false,
    false,
    false,
  ]);
});

Deno.test("parts of text and bytes in one message keep their order, and are checked together", async () => {
  const sent = async (parts: Array<string | number[]>, opcode: 1 | 2) => {
    const { link, fragments } = recorder();
    await sendParts(
      link,
      parts.map((part) => typeof part === "string" ? part : new Uint8Array(part)),
      { opcode },
    );
    return joined(...fragments.map(({ bytes }) => bytes));
  };
  const lone = [0xef, 0xbf, 0xbd];
  for (const opcode of [1, 2] as const) {
    assertEquals(await sent(["\ud83d", [65], "b"], opcode), new Uint8Array([...lone, 65, 98]));
    assertEquals(await sent([[65], "\ud83d"], opcode), new Uint8Array([65, ...lone]));
  }
  for (const parts of [[[0xe2, 0x82], "x", [0xac]], [[0xe2, 0x82], "\ud83d"]]) {
    await assertRejects(() => sent(parts, 1), TypeError, "not UTF-8");
  }
});

Deno.test("options of a message are no callback, no binary of npm's ws and no other opcode", () => {
  for (const good of [{}, { opcode: 1 }, { opcode: 2 }, { opcode: undefined }] as const) {
    checkSendOptions(good);
  }
  const wrong = [
    [() => {}, "promise"],
    [{ binary: false }, "opcode"],
    [{ opcode: 9 }, "opcode 9"],
    [{ Compress: false }, "but `compress`"],
    [{ fin: false }, "iterable"],
    [true, "not an object"],
  ];
  for (const [options, text] of wrong) {
    assertThrows(() => checkSendOptions(options as { opcode?: 1 }), TypeError, text as string);
  }
});
