import { assertEquals } from "@std/assert";
import { headerPairs } from "../../websocket/_header_pairs.ts";

Deno.test("header pairs keep the lines, and join cookies where the first of them is", () => {
  assertEquals(headerPairs([]), []);
  const lines = [["A", "1"], ["Cookie", "a=1"], ["a", "2"], ["cookie", "b=2; c"], ["COOKIE", ""]];
  const pairs = headerPairs(lines as [string, string][]);
  assertEquals(pairs, [["A", "1"], ["Cookie", "a=1; b=2; c; "], ["a", "2"]]);
  assertEquals(lines[1], ["Cookie", "a=1"]);
});
