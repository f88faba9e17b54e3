import { assertEquals } from "@std/assert";
import { DecimalDecoder, decimalLength, putDecimal } from "../../net/_decimal_decoder.ts";
import { text, utf8 } from "../_support/framing.ts";

function decode(input: string, leadingZeros: boolean, maxLength = 20): (string | undefined)[] {
  const decoder = new DecimalDecoder(utf8("::"), maxLength, { leadingZeros });
  decoder.push(utf8(input));
  decoder.end();
  const seen: (string | undefined)[] = [];
  for (let message; (message = decoder.next()) !== undefined;) seen.push(text(message));
  if (decoder.error !== undefined) {
    seen.push(decoder.error.message.replace("Cannot read message: ", ""));
  }
  return seen;
}

Deno.test("decimal decoder reads numbers, the separator and the bytes", () => {
  assertEquals(decode("3::abc0::12::abcdefghijkl", false), ["abc", "", "abcdefghijkl"]);
});

Deno.test("decimal decoder takes or refuses leading zeros", () => {
  assertEquals(decode("003::abc", true), ["abc"]);
  assertEquals(decode("003::abc", false), ["the length before it has a leading zero"]);
  assertEquals(decode("00::", false), ["the length before it has a leading zero"]);
});

Deno.test("decimal decoder refuses what is no number", () => {
  for (const input of ["-1::a", "+1::a", " 1::a", "1 ::a", "0x1::a", "::", "1:a", "1.0::a", "\n"]) {
    assertEquals(decode(input, true), ["the length before it is no decimal number"], input);
  }
});

Deno.test("decimal decoder refuses numbers too large or too long at once", () => {
  assertEquals(decode("21", true), ["its length of at least 21 bytes is over the limit of 20"]);
  assertEquals(decode("99999999999999999999", true), [
    "its length of at least 99 bytes is over the limit of 20",
  ]);
  assertEquals(decode("0".repeat(17), true), ["the length before it has too many digits"]);
  assertEquals(
    decode("9".repeat(17), true, Number.MAX_SAFE_INTEGER),
    [
      "its length of at least 9999999999999999 bytes is over the limit of 9007199254740991",
    ].map((line) => line.replace("9999999999999999", String(9999999999999999))),
  );
});

Deno.test("decimal decoder tells what is missing of the number's end", () => {
  assertEquals(decode("12", true), ["the stream ended 2 bytes into it, at least 2 bytes missing"]);
  assertEquals(decode("12:", true), ["the stream ended 3 bytes into it, at least 1 byte missing"]);
});

Deno.test("putDecimal writes what String would", () => {
  for (const value of [0, 7, 9, 10, 99, 100, 65536, 999_999, 2 ** 32, Number.MAX_SAFE_INTEGER]) {
    const digits = decimalLength(value);
    const buffer = new Uint8Array(digits + 2).fill(0x20);
    putDecimal(buffer, 1, value, digits);
    assertEquals(text(buffer), ` ${value} `);
  }
});
