import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import {
  lengthPrefixFramer,
  type LengthPrefixFramerOptions,
} from "../../net/length_prefix_framer.ts";
import { FramingBuffer } from "../../net/framing_buffer.ts";
import { hex, testFramerProperties, unframe } from "../_support/framing.ts";

const PREFIXES = ["u8", "u16", "u24", "u32", "varint"] as const;

for (const prefix of PREFIXES) {
  for (const includesPrefix of [false, true]) {
    for (const littleEndian of prefix === "varint" ? [undefined] : [false, true]) {
      const options = { prefix, includesPrefix, littleEndian, maxLength: 600 };
      testFramerProperties(
        `length prefix framer ${prefix}${littleEndian ? " little-endian" : ""}${
          includesPrefix ? " counting itself" : ""
        }`,
        lengthPrefixFramer(options),
        fc.oneof(
          fc.uint8Array({ maxLength: 20 }),
          fc.uint8Array({ minLength: 100, maxLength: prefix === "u8" ? 200 : 600 }),
        ),
      );
    }
  }
}

Deno.test("length prefix framer writes each prefix in both byte orders", () => {
  const message = new Uint8Array(0x0102).fill(7);
  const cases: [LengthPrefixFramerOptions, string][] = [
    [{}, "00000102"],
    [{ prefix: "u32", littleEndian: true }, "02010000"],
    [{ prefix: "u24" }, "000102"],
    [{ prefix: "u24", littleEndian: true }, "020100"],
    [{ prefix: "u16" }, "0102"],
    [{ prefix: "u16", littleEndian: true }, "0201"],
    [{ prefix: "varint" }, "8202"],
    [{ prefix: "u32", includesPrefix: true }, "00000106"],
    [{ prefix: "u24", includesPrefix: true }, "000105"],
    [{ prefix: "u16", includesPrefix: true }, "0104"],
    [{ prefix: "varint", includesPrefix: true }, "8402"],
  ];
  for (const [options, prefix] of cases) {
    const bytes = frameMessage(lengthPrefixFramer(options), message);
    assertEquals(bytes.subarray(0, bytes.length - message.length), hex(prefix));
  }
  assertEquals(frameMessage(lengthPrefixFramer({ prefix: "u8" }), hex("09")), hex("0109"));
  assertEquals(
    frameMessage(lengthPrefixFramer({ prefix: "u8", includesPrefix: true }), hex("09")),
    hex("0209"),
  );
});

Deno.test("length prefix framer reads all 32 bits in both byte orders", () => {
  for (const littleEndian of [false, true]) {
    for (const chunks of [[hex("ffffffff")], [hex("ff"), hex("ffffff")]]) {
      const { error } = unframe(lengthPrefixFramer({ littleEndian, maxLength: 5 }), chunks);
      assertEquals(
        error?.message,
        "Cannot read message: its length of 4294967295 bytes is over the limit of 5",
      );
    }
  }
});

Deno.test("length prefix framer counts a varint that grows by counting itself", () => {
  const framer = lengthPrefixFramer({ prefix: "varint", includesPrefix: true, maxLength: 20_000 });
  for (
    const [length, prefix] of [[126, "7f"], [127, "8101"], [16_381, "ff7f"], [16_382, "818001"]]
  ) {
    const message = new Uint8Array(length as number).fill(1);
    const bytes = frameMessage(framer, message);
    assertEquals(bytes.subarray(0, bytes.length - message.length), hex(prefix as string));
    assertEquals(unframe(framer, [bytes]).messages, [message]);
  }
});

Deno.test("length prefix framer writes varints of up to 5 bytes, and none longer than it takes", () => {
  const framer = lengthPrefixFramer({ prefix: "varint" });
  const prefixOf = (length: number) => {
    const written: number[] = [];
    const buffer = new Uint8Array(8);
    framer.encode(new Uint8Array(length), {
      buffer,
      reserve: () => 0,
      commit: (count) => written.push(...buffer.subarray(0, count)),
      write: () => {},
    });
    return Uint8Array.from(written);
  };
  assertEquals(prefixOf(0x3fff), hex("ff7f"));
  assertEquals(prefixOf(0x4000), hex("808001"));
  assertEquals(prefixOf(0x1f_ffff), hex("ffff7f"));
  assertEquals(prefixOf(0x20_0000), hex("80808001"));
  assertEquals(prefixOf(0xfff_ffff), hex("ffffff7f"));
  assertEquals(prefixOf(0x1000_0000), hex("8080808001"));
});

Deno.test("length prefix framer refuses a varint of more than 32 bits or 5 bytes", () => {
  const framer = lengthPrefixFramer({ prefix: "varint", maxLength: Number.MAX_SAFE_INTEGER });
  for (const bytes of ["8080808010", "808080808000", "ffffffffffffffffff01", "ffffffff1f"]) {
    const { error } = unframe(framer, [hex(bytes)]);
    assertEquals(error?.fault, "malformed", bytes);
  }
  assertEquals(unframe(framer, [hex("ffffffff0f")]).error?.missing, 0xffff_ffff);
  assertEquals(unframe(framer, [hex("8000"), hex("01ff")]).messages, [hex(""), hex("ff")]);
});

Deno.test("length prefix framer refuses a length that does not count itself", () => {
  for (const prefix of PREFIXES) {
    const zeros = new Uint8Array({ u8: 1, u16: 2, u24: 3, u32: 4, varint: 1 }[prefix]);
    const { error } = unframe(lengthPrefixFramer({ prefix, includesPrefix: true }), [zeros]);
    assertEquals(error?.fault, "malformed", prefix);
  }
  const { error } = unframe(lengthPrefixFramer({ prefix: "varint", includesPrefix: true }), [
    hex("8100"),
  ]);
  assertEquals(error?.fault, "malformed");
});

Deno.test("length prefix framer tells how much of the prefix or the message is missing", () => {
  const framer = lengthPrefixFramer({ prefix: "u32" });
  const prefix = unframe(framer, [hex("0000")]).error;
  assertEquals([prefix?.received, prefix?.missing], [2, 2]);
  const message = unframe(framer, [hex("0000000a"), hex("010203")]).error;
  assertEquals([message?.received, message?.missing], [3, 7]);
  assertStrictEquals(unframe(framer, [hex("00000000")]).error, undefined);
});

Deno.test("length prefix framer throws for a message that the prefix can't count, and writes nothing", () => {
  const buffer = new FramingBuffer();
  const long = new Uint8Array(256);
  assertThrows(
    () => lengthPrefixFramer({ prefix: "u8" }).encode(long, buffer),
    RangeError,
    "Cannot send message: its 256 bytes do not fit the length prefix (at most 255)",
  );
  assertThrows(
    () =>
      lengthPrefixFramer({ prefix: "u8", includesPrefix: true }).encode(long.subarray(1), buffer),
    RangeError,
  );
  assertEquals(buffer.length, 0);
  lengthPrefixFramer({ prefix: "u8" }).encode(long.subarray(1), buffer);
  assertEquals(buffer.length, 256);
});

Deno.test("length prefix framer refuses options that it can't honour", () => {
  assertThrows(() => lengthPrefixFramer({ prefix: "u64" as "u32" }), TypeError, "u64");
  assertThrows(() => lengthPrefixFramer({ prefix: "constructor" as "u32" }), TypeError);
  assertThrows(() => lengthPrefixFramer({ prefix: "varint", littleEndian: true }), TypeError);
  assertThrows(() => lengthPrefixFramer({ maxLength: -1 }), RangeError);
});

Deno.test("length prefix framer counts what came of a prefix among the bytes that it holds", () => {
  for (const prefix of ["u32", "varint"] as const) {
    const decoder = lengthPrefixFramer({ prefix }).createDecoder();
    decoder.push(prefix === "u32" ? hex("000000") : hex("8080"));
    assertStrictEquals(decoder.next(), undefined);
    assertEquals(decoder.buffered, prefix === "u32" ? 3 : 2);
  }
});

Deno.test("length prefix framer takes no memory for a length that is only promised", () => {
  const framer = lengthPrefixFramer({ maxLength: 2 ** 32 });
  const decoder = framer.createDecoder();
  decoder.push(hex("ffffffff 01"));
  assertStrictEquals(decoder.next(), undefined);
  assertEquals(decoder.buffered, 1);
});
