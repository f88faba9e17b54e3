import { assertEquals, assertStrictEquals } from "@std/assert";
import { DelimitedDecoder } from "../../net/_delimited_decoder.ts";
import { hex, text, utf8 } from "../_support/framing.ts";

class Decoder extends DelimitedDecoder<string> {
  protected override decode(bytes: Uint8Array): string | undefined {
    const value = text(bytes);
    return value === "skip" ? undefined : value;
  }
}

function run(
  chunks: string[],
  marker: string,
  maxLength = 100,
  unterminated = false,
): (string | undefined)[] {
  const decoder = new Decoder(utf8(marker), maxLength, unterminated);
  const seen: string[] = [];
  for (const chunk of chunks) {
    decoder.push(utf8(chunk));
    for (let message; (message = decoder.next()) !== undefined;) seen.push(message);
  }
  decoder.end();
  for (let message; (message = decoder.next()) !== undefined;) seen.push(message);
  if (decoder.error !== undefined) {
    seen.push(decoder.error.message.replace("Cannot read message: ", ""));
  }
  return seen;
}

Deno.test("delimited decoder finds a marker split at every byte", () => {
  const input = "one<<>>two<<<<>><<>>";
  const expected = ["one", "two<<", ""];
  for (let at = 1; at < input.length; at++) {
    assertEquals(run([input.slice(0, at), input.slice(at)], "<<>>"), expected, `at ${at}`);
  }
  assertEquals(run([...input], "<<>>"), expected);
});

Deno.test("delimited decoder takes the earliest of overlapping markers, however it is split", () => {
  for (const chunks of [["aaaa"], ["a", "aaa"], ["aa", "aa"], ["aaa", "a"], ["a", "a", "a", "a"]]) {
    assertEquals(run(chunks, "aa"), ["", ""]);
    assertEquals(run(["x", ...chunks, "a"], "aa"), [
      "x",
      "",
      "the stream ended 1 byte into it, at least 1 byte missing",
    ]);
  }
  assertEquals(run(["ab", "a", "ba", "bac"], "abac"), ["abab"]);
});

Deno.test("delimited decoder skips what its format says is no message", () => {
  assertEquals(run(["a;skip;b;ski", "p;c;"], ";"), ["a", "b", "c"]);
});

Deno.test("delimited decoder refuses a message over the limit, with the marker in sight or not", () => {
  const refusal = "it is longer than the limit of 3 bytes";
  assertEquals(run(["abc||", "ab", "c|", "|"], "||", 3), ["abc", "abc"]);
  assertEquals(run(["abcd||"], "||", 3), [refusal]);
  assertEquals(run(["abcd"], "||", 3), [
    "the stream ended 4 bytes into it, at least 2 bytes missing",
  ]);
  assertEquals(run(["abcde"], "||", 3), [refusal]);
  assertEquals(run(["ab", "cd||"], "||", 3), [refusal]);
  assertEquals(run(["abc", "d|", "|"], "||", 3), [refusal]);
  assertEquals(run(["a", "b", "c", "d", "e"], "||", 3), [refusal]);
  assertEquals(run(["abc", "def"], "||", 3), [refusal]);
});

Deno.test("delimited decoder holds no more than the limit and the marker of an endless message", () => {
  const decoder = new Decoder(utf8("\r\n"), 1000, false);
  let most = 0;
  for (let i = 0; i < 5000; i++) {
    decoder.push(hex("61"));
    assertStrictEquals(decoder.next(), undefined);
    most = Math.max(most, decoder.buffered);
  }
  assertEquals(decoder.error?.fault, "too-long");
  assertEquals(most, 1001);
});

Deno.test("delimited decoder makes a message of an unterminated end only when asked to", () => {
  assertEquals(run(["a|b"], "|", 9, true), ["a", "b"]);
  assertEquals(run(["a|"], "|", 9, true), ["a"]);
  assertEquals(run(["a|b"], "|"), [
    "a",
    "the stream ended 1 byte into it, at least 1 byte missing",
  ]);
  assertEquals(run(["abcd"], "||", 3, true), ["it is longer than the limit of 3 bytes"]);
});

Deno.test("delimited decoder counts the part of the marker that came before the end", () => {
  assertEquals(run(["ab\r"], "\r\n"), [
    "the stream ended 3 bytes into it, at least 1 byte missing",
  ]);
});
