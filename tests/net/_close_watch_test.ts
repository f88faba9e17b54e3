import { assertEquals } from "@std/assert";
import { closeWatch } from "../../net/_close_watch.ts";
import { pair } from "../../net/pair.ts";
import { Socket } from "../../net/socket.ts";

Deno.test("close watch tells once, before the event, and outlives removeAllListeners", async () => {
  const [a, b] = pair();
  const socket = Socket.from(a);
  const events: string[] = [];
  closeWatch.set(socket, (which) => {
    assertEquals([which === socket, socket.isClosed], [true, true]);
    events.push("told");
  });
  assertEquals(socket.listenerCount("close"), 0);
  socket.removeAllListeners();
  socket.on("close", () => events.push("close"));
  socket.destroy();
  socket.destroy();
  await socket.closed;
  assertEquals(events, ["told", "close"]);
  b.close();
});
