import { assertEquals } from "@std/assert";
import { printable } from "../../examples/_printable.ts";

Deno.test("texts of others reach a terminal without what could steer it", () => {
  assertEquals(
    printable("\x1b]0;title\x07 \x9b2J a\rb\nc\u2028d \u202ecba\u2066"),
    "]0;title 2J abcd cba",
  );
  assertEquals(printable("Grüße, 世界 👩‍👩‍👧 e\u0301"), "Grüße, 世界 👩‍👩‍👧 e\u0301");
});
