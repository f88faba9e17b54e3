import { assertEquals, assertInstanceOf } from "@std/assert";
import {
  closedError,
  connectedError,
  endedError,
  noReset,
  startTlsError,
  writeError,
} from "../../net/_socket_errors.ts";
import { NetError } from "../../net/errors.ts";

Deno.test("socket errors say what could not be done and why, with Node's codes", () => {
  const errors: [NetError, string, string][] = [
    [closedError("read"), "ERR_SOCKET_CLOSED", "Cannot read: closed"],
    [
      connectedError(),
      "EISCONN",
      "Cannot connect: the socket is connected or connecting already",
    ],
    [writeError("closed"), "ERR_STREAM_DESTROYED", "Cannot write: the socket is closed"],
    [writeError("ended"), "ERR_STREAM_WRITE_AFTER_END", "Cannot write: after end"],
    [writeError("gone"), "EPIPE", "Cannot write: the peer has ended the connection"],
    [writeError("offline"), "ERR_SOCKET_CLOSED", "Cannot write: the socket is not connected"],
    [endedError(), "ERR_STREAM_ALREADY_FINISHED", "Cannot end: ended already"],
    [startTlsError("offline"), "ENOTCONN", "Cannot start TLS: the socket is not connected"],
    [startTlsError("starting"), "EINVAL", "Cannot start TLS: it is being started already"],
    [
      noReset(),
      "ERR_UNSUPPORTED",
      "Cannot reset the connection: this kind of connection has no reset",
    ],
  ];
  for (const [error, code, message] of errors) {
    assertInstanceOf(error, NetError);
    assertEquals([error.code, error.message], [code, message]);
  }
  assertEquals(connectedError().syscall, "connect");
});
