import { assertEquals, assertStrictEquals } from "@std/assert";
import { roomList } from "../../socketio/_room_list.ts";
import { fakeServer } from "../_support/socketio_rig.ts";

Deno.test("room list is a list of what is no list", () => {
  assertEquals(roomList("a"), ["a"]);
  const rooms = ["a", "b"];
  assertStrictEquals(roomList(rooms), rooms);
  for (const odd of [12, null, undefined, true] as unknown as string[]) {
    assertEquals(roomList(odd), [odd]);
  }
});

Deno.test("a room that has a number for a name is joined, chosen and left like others", () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  conn.take();
  const room = 123 as unknown as string;
  socket.join(room);
  assertEquals(socket.rooms.has(room), true);
  io.to(room).emit("a");
  io.except(room).emit("not for it");
  io.in(room).socketsLeave(room);
  io.to(room).emit("not for it");
  io.socketsJoin(room);
  io.in([room]).emit("b");
  socket.leave(room);
  io.in(room).emit("not for it");
  assertEquals(conn.take(), ['2["a"]', '2["b"]']);
  conn.close();
});
