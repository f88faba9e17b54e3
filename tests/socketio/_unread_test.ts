import { assertEquals } from "@std/assert";
import { Unread } from "../../socketio/_unread.ts";

Deno.test("unread parts weigh what has not left, also when nothing is added", () => {
  const packets = new Unread(2);
  assertEquals(packets.weigh(0), 0);
  assertEquals(packets.add(1, 10, 0), 1);
  assertEquals(packets.add(1, 20, 0), 2);
  assertEquals(packets.add(5, 30, 0), 7);
  assertEquals([packets.weigh(19), packets.weigh(20), packets.weigh(30)], [7, 5, 0]);
});
