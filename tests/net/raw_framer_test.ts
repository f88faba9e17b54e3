import { assertEquals, assertStrictEquals } from "@std/assert";
import { frameMessage } from "../../net/framer.ts";
import { rawFramer } from "../../net/raw_framer.ts";
import { hex, unframe } from "../_support/framing.ts";

Deno.test("raw framer sends bytes as they are", () => {
  assertEquals(frameMessage(rawFramer(), hex("000d0a")), hex("000d0a"));
  assertEquals(frameMessage(rawFramer(), hex("")), hex(""));
});

Deno.test("raw framer gives out each piece as it came, and none for an empty one", () => {
  const chunk = hex("010203");
  const { messages, error } = unframe(rawFramer(), [chunk, hex(""), hex("04")], { late: true });
  assertEquals(messages, [hex("010203"), hex("04")]);
  assertStrictEquals(messages[0], chunk);
  assertStrictEquals(error, undefined);
});
