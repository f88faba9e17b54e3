import { assertEquals, assertMatch, assertThrows } from "@std/assert";
import fc from "fast-check";
import { frameMessage } from "../../net/framer.ts";
import { lineFramer } from "../../net/line_framer.ts";
import { hex, testFramerProperties, text, unframe, utf8 } from "../_support/framing.ts";

const line = fc.string({ unit: "binary", maxLength: 60 }).map((s) => s.replaceAll(/[\r\n]/g, ""));

for (const accept of ["lf", "crlf", "any"] as const) {
  testFramerProperties(
    `line framer accepting ${accept}`,
    lineFramer({ accept, ending: "\r\n", maxLength: 240 }),
    line,
  );
}

function lines(input: string, accept: "lf" | "crlf" | "any"): string[] {
  const { messages, error } = unframe(lineFramer({ accept, unterminated: "message" }), [
    utf8(input),
  ]);
  assertEquals(error, undefined);
  return messages;
}

Deno.test("line framer takes the endings that it is told to", () => {
  const input = "a\nb\r\nc\rd\r\r\ne\n\rf";
  assertEquals(lines(input, "lf"), ["a", "b", "c\rd\r", "e", "\rf"]);
  assertEquals(lines(input, "crlf"), ["a\nb", "c\rd\r", "e\n\rf"]);
  assertEquals(lines(input, "any"), ["a", "b", "c", "d", "", "e", "", "f"]);
});

Deno.test("line framer gives out a line at its CR without waiting for an LF", () => {
  const decoder = lineFramer({ accept: "any" }).createDecoder();
  decoder.push(utf8("OK\r"));
  assertEquals(decoder.next(), "OK");
  decoder.push(utf8("\n"));
  assertEquals(decoder.next(), undefined);
  decoder.push(utf8("\nB\r"));
  assertEquals([decoder.next(), decoder.next(), decoder.next()], ["", "B", undefined]);
  decoder.end();
  assertEquals(decoder.next(), undefined);
  assertEquals(decoder.error, undefined);
});

Deno.test("line framer writes the ending that it is told to", () => {
  for (const ending of ["\n", "\r\n", "\r"] as const) {
    assertEquals(text(frameMessage(lineFramer({ ending }), "é")), `é${ending}`);
  }
});

Deno.test("line framer sends no line that holds an ending", () => {
  for (const message of ["a\nb", "a\r", "\n"]) {
    assertThrows(() => frameMessage(lineFramer(), message), TypeError, "holds a line ending");
  }
});

Deno.test("line framer limits a line without its ending, in every mode", () => {
  for (const accept of ["lf", "crlf", "any"] as const) {
    const framer = lineFramer({ accept, maxLength: 3 });
    assertEquals(unframe(framer, [utf8("abc\r\n")]).messages, ["abc"], accept);
    for (const chunks of [["abcd\r\n"], ["ab", "cd\r\n"], ["abcdefgh"], ["a", "b", "c", "defgh"]]) {
      const { messages, error } = unframe(framer, chunks.map(utf8));
      assertEquals([messages, error?.fault], [[], "too-long"], `${accept} ${chunks}`);
      assertMatch(error!.message, /the limit of 3 bytes$/);
    }
  }
});

Deno.test("line framer refuses text that is no UTF-8, and keeps a byte order mark", () => {
  for (const accept of ["lf", "crlf", "any"] as const) {
    const framer = lineFramer({ accept, unterminated: "message" });
    assertEquals(unframe(framer, [hex("ff0d0a")]).error?.fault, "malformed");
    assertEquals(unframe(framer, [hex("c3")]).error?.fault, "malformed");
    assertEquals(unframe(framer, [hex("efbbbf610d0a")]).messages, ["\ufeffa"]);
  }
});

Deno.test("line framer reports an unterminated line unless told otherwise", () => {
  for (const accept of ["lf", "crlf", "any"] as const) {
    const { error } = unframe(lineFramer({ accept }), [utf8("one\r\ntwo")]);
    assertEquals([error?.fault, error?.received], ["truncated", 3], accept);
    assertEquals(error?.missing, accept === "crlf" ? 2 : 1, accept);
  }
});

Deno.test("line framer refuses options that it can't honour", () => {
  assertThrows(() => lineFramer({ ending: "\0" as "\n" }), TypeError);
  assertThrows(() => lineFramer({ accept: "cr" as "lf" }), TypeError);
  assertThrows(() => lineFramer({ unterminated: "x" as "error" }), TypeError);
  assertThrows(() => lineFramer({ maxLength: -1 }), RangeError);
});
