import { assertEquals, assertStrictEquals } from "@std/assert";
import {
  noBufferSizes,
  notConnected,
  notPermitted,
  sendError,
  socketClosed,
  tooLarge,
} from "../../net/_datagram_errors.ts";

Deno.test("datagram errors say what could not be done, and why", () => {
  const told = [
    socketClosed("Cannot bind"),
    notConnected("Cannot disconnect"),
    noBufferSizes("tell"),
    tooLarge(7, 6, 5),
    notPermitted(new Error("UNKNOWN"), "::1", 5),
  ].map(({ name, code, message, syscall, port }) => [name, code, message, syscall, port]);
  assertEquals(told, [
    ["NetError", "ERR_SOCKET_CLOSED", "Cannot bind: the socket is closed", undefined, undefined],
    [
      "NetError",
      "ENOTCONN",
      "Cannot disconnect: the socket is not connected",
      undefined,
      undefined,
    ],
    [
      "NetError",
      "ERR_UNSUPPORTED",
      "Cannot tell the system's buffer sizes of a datagram socket: Deno can't",
      undefined,
      undefined,
    ],
    ["NetError", "EMSGSIZE", "Cannot send a datagram of 7 bytes: the limit is 6", "send", 5],
    ["NetError", "EPERM", 'Cannot send to "[::1]:5": it needs --allow-net', "send", 5],
  ]);
});

Deno.test("datagram errors: an unknown fault is a broadcast's where none was allowed", () => {
  const cause = Object.assign(new Error("no"), { code: "UNKNOWN" });
  const refused = sendError(cause, "192.0.2.255", 9, false);
  assertEquals(
    [refused.code, refused.syscall, refused.address, refused.port, refused.message],
    [
      "EACCES",
      "send",
      "192.0.2.255",
      9,
      'Cannot send to "192.0.2.255:9": the system refuses; a broadcast address needs setBroadcast(true)',
    ],
  );
  assertStrictEquals(refused.cause, cause);
  assertEquals(sendError(cause, "192.0.2.255", 9, true).code === "EACCES", false);
});

Deno.test("datagram errors: an unknown fault is no broadcast's where the address can't be one", () => {
  const cause = Object.assign(new Error("send UNKNOWN"), { code: "UNKNOWN" });
  for (const address of ["192.0.2.6", "239.1.1.255", "2001:db8::ff", "fe80::3%eth9"]) {
    const error = sendError(cause, address, 9, false);
    assertEquals([error.code, error.syscall, error.address], ["EIO", "send", address]);
    assertEquals(error.message.includes("roadcast"), false);
    assertEquals(
      /: the system refuses: no route, no such interface, or a firewall$/.test(error.message),
      true,
    );
    assertStrictEquals(error.cause, cause);
  }
  // In a network of 192.0.2.0/29, and at large.
  assertEquals(sendError(cause, "192.0.2.7", 9, false).code, "EACCES");
  assertEquals(sendError(cause, "255.255.255.255", 9, false).code, "EACCES");
});

Deno.test("datagram errors have the system's code and the address, that of IPv6 in brackets", () => {
  const cause = Object.assign(new Error("unreachable"), { code: "ENETUNREACH" });
  const error = sendError(cause, "2001:db8::1", 9, false);
  assertEquals([error.code, error.address, error.port], ["ENETUNREACH", "2001:db8::1", 9]);
  assertEquals(error.message.startsWith('Cannot send to "[2001:db8::1]:9": '), true);
});
