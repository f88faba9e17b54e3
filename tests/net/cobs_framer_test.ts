import { assertEquals, assertLessOrEqual, assertMatch } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { cobsFramer } from "../../net/cobs_framer.ts";
import { hex, join, testFramerProperties, unframe } from "../_support/framing.ts";

const message = fc.oneof(
  fc.uint8Array({ maxLength: 40 }),
  fc.uint8Array({ minLength: 250, maxLength: 600, min: 1 }),
  fc.array(fc.constantFrom(0, 1, 255), { maxLength: 600 }).map((bytes) => new Uint8Array(bytes)),
);

testFramerProperties("COBS framer", cobsFramer({ maxLength: 600 }), message);

const range = (from: number, to: number): Uint8Array =>
  Uint8Array.from({ length: to - from + 1 }, (_, i) => from + i);

Deno.test("COBS framer stuffs the known examples", () => {
  // Table of examples in "Consistent Overhead Byte Stuffing" as it is commonly given, each with its zero byte.
  const cases: [Uint8Array, Uint8Array][] = [
    [hex(""), hex("0100")],
    [hex("00"), hex("010100")],
    [hex("0000"), hex("01010100")],
    [hex("001100"), hex("0102110100")],
    [hex("11220033"), hex("031122023300")],
    [hex("11223344"), hex("051122334400")],
    [hex("11000000"), hex("021101010100")],
    [range(1, 254), join([hex("ff"), range(1, 254), hex("00")])],
    [range(0, 254), join([hex("01ff"), range(1, 254), hex("00")])],
    [range(1, 255), join([hex("ff"), range(1, 254), hex("02ff00")])],
    [
      join([range(2, 255), hex("00")]),
      join([hex("ff"), range(2, 255), hex("010100")]),
    ],
    [
      join([range(3, 255), hex("0001")]),
      join([hex("fe"), range(3, 255), hex("020100")]),
    ],
  ];
  for (const [plain, stuffed] of cases) {
    assertEquals(frameMessage(cobsFramer(), plain), stuffed);
    assertEquals(unframe(cobsFramer(), [stuffed]).messages, [plain]);
  }
});

Deno.test("COBS framer puts no zero into a message, and adds one byte in 254", () => {
  fc.assert(fc.property(message, (plain) => {
    const bytes = frameMessage(cobsFramer(), plain);
    assertEquals(bytes.indexOf(0), bytes.length - 1);
    assertLessOrEqual(bytes.length, plain.length + Math.floor(plain.length / 254) + 2);
  }));
});

Deno.test("COBS framer reads a full last block with or without the empty block after it", () => {
  const plain = range(1, 254);
  const { messages } = unframe(cobsFramer(), [join([hex("ff"), plain, hex("0100")])]);
  assertEquals(messages, [plain]);
});

Deno.test("COBS framer skips zeros without a message between them", () => {
  const { messages, error } = unframe(cobsFramer(), [hex("0000 0211 00 00 0100 00")]);
  assertEquals([messages, error], [[hex("11"), hex("")], undefined]);
});

Deno.test("COBS framer refuses a block beyond its end, an end inside a message, and a long one", () => {
  assertEquals(unframe(cobsFramer(), [hex("051100")]).error?.fault, "malformed");
  assertEquals(unframe(cobsFramer(), [hex("0211")]).error?.fault, "truncated");
  const framer = cobsFramer({ maxLength: 3 });
  assertEquals(unframe(framer, [hex("0411223300")]).messages, [hex("112233")]);
  for (const bytes of ["051122334400", "010101010100"]) {
    const { error } = unframe(framer, [hex(bytes)]);
    assertEquals(error?.fault, "too-long");
    assertMatch(error!.message, /the limit of 3 bytes$/);
  }
  // As stuffed, 255 zeros are no longer than 254 bytes can be.
  const zeros = frameMessage(cobsFramer(), new Uint8Array(255));
  assertEquals(unframe(cobsFramer({ maxLength: 254 }), [zeros]).error?.fault, "too-long");
});

Deno.test("COBS framer hands out bytes that later messages do not touch", () => {
  const sent = Array.from({ length: 200 }, (_, i) => new Uint8Array(500).fill(i));
  const bytes = join(sent.map((one) => frameMessage(cobsFramer(), one)));
  assertEquals(unframe(cobsFramer(), [bytes]).messages, sent);
});
