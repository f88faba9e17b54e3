import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import {
  SOCKET_BOOK_ERROR_CODES,
  SocketBookError,
  type SocketBookErrorKind,
} from "../../socket/errors.ts";

Deno.test("a socket book error has its kind, its number, the socket's name and its cause", () => {
  const cause = new Error("why");
  const error = new SocketBookError("Cannot do it", {
    kind: "READ_FAILED",
    socketName: "A",
    cause,
  });
  assertInstanceOf(error, Error);
  assertEquals(error.name, "SocketBookError");
  assertEquals(error.message, "Cannot do it");
  assertEquals([error.kind, error.code, error.socketName], ["READ_FAILED", 200009, "A"]);
  assertEquals(error.cause, cause);
  assert(!("cause" in new SocketBookError("x", { kind: "ABORTED", socketName: "A" })));
});

Deno.test("the numbers 100031 and 100032, and no others, say that the connection has ended", () => {
  const closed = Object.keys(SOCKET_BOOK_ERROR_CODES).filter((kind) =>
    new SocketBookError("x", { kind: kind as SocketBookErrorKind, socketName: "A" }).closed
  );
  assertEquals(closed, ["CLOSED_BY_PEER", "CONNECTION_LOST"]);
  assertEquals(SOCKET_BOOK_ERROR_CODES.CLOSED_BY_PEER, 100031);
  assertEquals(SOCKET_BOOK_ERROR_CODES.CONNECTION_LOST, 100032);
});

Deno.test("each kind of error has a number of its own", () => {
  const numbers = Object.values(SOCKET_BOOK_ERROR_CODES);
  assertEquals(new Set(numbers).size, numbers.length);
});
