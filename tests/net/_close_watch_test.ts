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

Deno.test("close watch tells of the connection that has closed, not of the one that follows", async () => {
  const [a, b] = pair();
  const socket = Socket.from(a);
  await b.write(new Uint8Array(3));
  const told = Promise.withResolvers<unknown>();
  closeWatch.set(socket, (_, connection) => told.resolve(connection));
  await new Promise((resolve) => socket.once("data", resolve));
  socket.write("12345");
  socket.destroy().connect({ path: "/there/is/none" });
  assertEquals(await told.promise, { remoteAddress: undefined, bytesRead: 3, bytesWritten: 5 });
  await socket.closed.catch(() => {});
  b.close();
});
