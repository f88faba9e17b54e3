import { assertEquals, assertThrows } from "@std/assert";
import { connectSocketIo } from "../../socketio/connect.ts";
import { checkEventName } from "../../socketio/_event_name.ts";
import { RESERVED_EVENTS } from "../../socketio/packet.ts";
import { fakeServer } from "../_support/socketio_rig.ts";

/** What is no event's name, and how it is told. */
const NO_NAMES: [unknown, string][] = [
  [undefined, "undefined"],
  [null, "null"],
  [NaN, "NaN"],
  [Infinity, "Infinity"],
  [{}, "an object"],
  [["news"], "an object"],
  [true, "a boolean"],
  [1n, "a bigint"],
  [Symbol("news"), "a symbol"],
];

Deno.test("an event's name is a text, or a number", () => {
  for (const name of ["news", "", "__proto__", 0, -1, 1.5]) checkEventName(name);
  for (const [name, told] of NO_NAMES) {
    assertThrows(() => checkEventName(name), TypeError, `its name is ${told}, and not a text`);
  }
  for (const name of RESERVED_EVENTS) {
    assertThrows(() => checkEventName(name), TypeError, "it is a reserved event name");
  }
});

Deno.test("an event without a name is refused by all that send, and no client hears of it", () => {
  const { io, join } = fakeServer();
  const conn = join();
  const [socket] = io.sockets.sockets.values();
  const client = connectSocketIo("http://127.0.0.1:1/", { autoConnect: false });
  for (const [name] of NO_NAMES) {
    const event = name as string;
    for (const from of [io, io.sockets, io.to(socket.id), socket, socket.timeout(1), client]) {
      assertThrows(() => from.emit(event, 1), TypeError, "its name is");
    }
    assertThrows(() => socket.emitWithAck(event), TypeError, "its name is");
  }
  assertEquals(conn.take(), []);
  conn.close();
});
