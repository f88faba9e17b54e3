import { assertEquals, assertStrictEquals } from "@std/assert";
import { NetError, type NetErrorCode } from "../../net/errors.ts";
import { FramingError } from "../../net/framing_error.ts";
import { WebSocketError } from "../../websocket/errors.ts";
import {
  type BookOperation,
  closedByPeer,
  closedHere,
  SocketFailure,
  toBookError,
} from "../../socket/_failure.ts";
import type { SocketBookErrorKind } from "../../socket/errors.ts";

Deno.test("a failure becomes an error about its socket", () => {
  const cause = new Error("deeper");
  const error = toBookError(new SocketFailure("READ_FAILED", "why", cause), "read from", "A");
  assertEquals(error.message, 'Cannot read from "A": why');
  assertEquals([error.kind, error.socketName], ["READ_FAILED", "A"]);
  assertStrictEquals(error.cause, cause);
  assertStrictEquals(toBookError(error, "write to", "B"), error);
});

Deno.test("foreign errors keep their text and tell the socket's name", () => {
  const error = toBookError(new Error('Cannot x: "y"'), "connect", 'the "first"');
  assertEquals(error.message, 'Cannot x: "y" (socket "the \\"first\\"")');
  assertEquals(toBookError("text", "connect", "A").message, 'text (socket "A")');
});

Deno.test("an error about the book itself names no socket", () => {
  const own = toBookError(new SocketFailure("UNSUPPORTED", "why"), "set the parameters", "*");
  assertEquals([own.message, own.socketName], ["Cannot set the parameters: why", "*"]);
  const foreign = toBookError(new TypeError("no proxy"), "set the proxy", "*");
  assertEquals([foreign.message, foreign.kind], ["no proxy", "INVALID_ARGUMENT"]);
  const socket = toBookError(new TypeError("no"), "set the parameters of", "*");
  assertEquals(socket.message, 'no (socket "*")');
});

Deno.test("the kind of a failure follows from its error and from what was done", () => {
  const net = (code: NetErrorCode) => new NetError("x", { code });
  const rows: [unknown, BookOperation, SocketBookErrorKind][] = [
    [closedByPeer(), "read from", "CLOSED_BY_PEER"],
    [closedHere(), "read from", "CONNECTION_LOST"],
    [net("ECONNRESET"), "read from", "CONNECTION_LOST"],
    [net("EPIPE"), "write to", "CONNECTION_LOST"],
    [net("ECONNRESET"), "connect", "CONNECT_FAILED"],
    [net("EIO"), "read from", "READ_FAILED"],
    [net("EIO"), "write to", "WRITE_FAILED"],
    [net("EADDRINUSE"), "create", "CREATE_FAILED"],
    [net("ETIMEDOUT"), "connect", "TIMED_OUT"],
    [net("ABORT_ERR"), "read from", "ABORTED"],
    [net("ERR_TLS_CERT"), "connect", "TLS_FAILED"],
    [net("ERR_TLS_TRUNCATED"), "read from", "TLS_FAILED"],
    [net("ERR_PROXY_AUTH"), "connect", "PROXY_FAILED"],
    [net("ERR_BUFFER_LIMIT"), "write to", "LIMIT_REACHED"],
    [net("EAFNOSUPPORT"), "create", "UNSUPPORTED"],
    [new FramingError("x", { fault: "too-long" }), "read from", "BAD_MESSAGE"],
    [new TypeError("x"), "connect", "INVALID_ARGUMENT"],
    [new RangeError("x"), "create", "INVALID_ARGUMENT"],
    [new WebSocketError("x", { code: "HANDSHAKE_TIMEOUT" }), "connect", "TIMED_OUT"],
    [new WebSocketError("x", { code: "HANDSHAKE_STATUS" }), "connect", "CONNECT_FAILED"],
    [new WebSocketError("x", { code: "CLOSED" }), "write to", "CONNECTION_LOST"],
    [new WebSocketError("x", { code: "SEND_QUEUE_FULL" }), "write to", "LIMIT_REACHED"],
    [new WebSocketError("x", { code: "UTF8" }), "read from", "READ_FAILED"],
    [new Error("x"), "close", "UNKNOWN_NAME"],
  ];
  for (const [error, operation, kind] of rows) {
    assertEquals(toBookError(error, operation, "A").kind, kind, `${error} at ${operation}`);
  }
});
