import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import { roomList } from "../../socketio/_room_list.ts";
import { fakeServer } from "../_support/socketio_rig.ts";

Deno.test("room list is a list of what is no list", () => {
  assertEquals(roomList("a"), ["a"]);
  const rooms = ["a", "b"];
  assertStrictEquals(roomList(rooms), rooms);
  const number = 12 as unknown as string;
  assertEquals(roomList(number), [number]);
});

Deno.test("what is no room is refused where sockets are chosen by it, and joined by nobody", () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  conn.take();
  for (const odd of [null, undefined, true] as unknown as string[]) {
    assertThrows(() => roomList(odd), TypeError, String(odd));
    for (const from of [io, io.sockets, socket]) {
      assertThrows(() => from.to(odd).emit("a"), TypeError);
      assertThrows(() => from.except(odd).emit("a"), TypeError);
    }
    assertThrows(() => io.socketsJoin(odd), TypeError);
  }
  socket.join(undefined as unknown as string);
  assertEquals([socket.rooms, conn.take()], [new Set([socket.id]), []]);
  conn.close();
});

Deno.test("an object that is no list is refused as a room, in words of its own", () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  const odd = { room: "a" } as unknown as string;
  const text = 'Cannot choose the room "[object Object]": it is neither a text nor a list';
  assertThrows(() => socket.join(odd), TypeError, text);
  assertThrows(() => io.to(odd).emit("a"), TypeError, text);
  assertThrows(() => io.socketsJoin(odd), TypeError, text);
  conn.close();
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
