import { assertEquals } from "@std/assert";
import { hasHeadroom, markHeadroom } from "../../websocket/_headroom.ts";

Deno.test("mark stays with its bytes, and is seen by nobody", () => {
  const bytes = new Uint8Array([1, 2, 3]);
  assertEquals(hasHeadroom(bytes), false);
  markHeadroom(bytes);
  markHeadroom(bytes);
  assertEquals(hasHeadroom(bytes), true);
  assertEquals([hasHeadroom(bytes.subarray(0)), hasHeadroom(bytes.slice())], [false, false]);
  assertEquals(Reflect.ownKeys(bytes), ["0", "1", "2"]);
  assertEquals(Deno.inspect(bytes), "Uint8Array(3) [ 1, 2, 3 ]");
  assertEquals(hasHeadroom(structuredClone(bytes)), false);
});
