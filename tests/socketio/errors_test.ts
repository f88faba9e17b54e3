import { assertEquals, assertInstanceOf, assertStringIncludes } from "@std/assert";
import { PacketFault, SocketIoError } from "../../socketio/errors.ts";

Deno.test("SocketIoError carries its code, cause, data and responses", () => {
  const cause = new TypeError("inner");
  const error = new SocketIoError("ERR_TIMEOUT", "Cannot emit: no answer", {
    cause,
    data: { a: 1 },
    responses: [1, 2],
  });
  assertInstanceOf(error, Error);
  assertEquals(error.name, "SocketIoError");
  assertEquals(error.code, "ERR_TIMEOUT");
  assertEquals(error.cause, cause);
  assertEquals(error.data, { a: 1 });
  assertEquals(error.responses, [1, 2]);
});

Deno.test("SocketIoError without options has no cause, data or responses of its own", () => {
  const error = new SocketIoError("ERR_PARSE", "Cannot decode");
  assertEquals("cause" in error, false);
  assertEquals(error.data, undefined);
  assertEquals(error.responses, undefined);
});

Deno.test("packet fault becomes an error with the code ERR_PARSE", () => {
  const error = new PacketFault("an empty Engine.IO packet").toError();
  assertEquals(error.code, "ERR_PARSE");
  assertStringIncludes(error.message, "an empty Engine.IO packet");
});
