import { assertEquals } from "@std/assert";
import { encodePacketHead } from "../../socketio/_packet_head.ts";

Deno.test("packet head has the type, and what else there is, in order", () => {
  assertEquals(encodePacketHead(2, "/", undefined), "2");
  assertEquals(encodePacketHead(0, undefined, undefined), "0");
  assertEquals(encodePacketHead(2, "/", 0), "20");
  assertEquals(encodePacketHead(3, "/räume", 12), "3/räume,12");
  assertEquals(encodePacketHead(5, "/a", undefined, 1), "51-/a,");
  assertEquals(encodePacketHead(6, "/a", 9007199254740991, 3), "63-/a,9007199254740991");
});
