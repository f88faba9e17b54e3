import { assertEquals, assertInstanceOf, assertStrictEquals, assertThrows } from "@std/assert";
import { explain, openSocket } from "../../net/_bluetooth_open.ts";
import {
  AF_BLUETOOTH,
  BTPROTO_RFCOMM,
  SOCK_STREAM,
  SystemError,
} from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { bluetoothTest, HAS_FFI, hasFamily } from "../_support/ffi_sockets.ts";

Deno.test("a kernel without Bluetooth gets an error of its own", () => {
  for (const errno of [97, 93]) { // no such family; the family without RFCOMM
    const error = explain(new SystemError("socket", errno), "Cannot do it", {
      address: "A",
      port: 3,
    });
    assertInstanceOf(error, NetError);
    assertEquals(
      error.message,
      "Cannot do it: EAFNOSUPPORT, this system has no Bluetooth sockets " +
        "(Linux with the modules bluetooth and rfcomm has them)",
    );
    assertEquals([error.code, error.syscall, error.address, error.port], [
      "EAFNOSUPPORT",
      "socket",
      "A",
      3,
    ]);
  }
});

Deno.test("other failures of Bluetooth keep the system's reason", () => {
  const full = explain(new SystemError("socket", 24), "Cannot do it") as NetError;
  assertEquals([full.code, full.message], ["EMFILE", "Cannot do it: EMFILE, too many open files"]);
  const refused = explain(new SystemError("connect", 111), "Cannot do it") as NetError;
  assertEquals([refused.code, refused.syscall], ["ECONNREFUSED", "connect"]);
  const other = new NetError("other", { code: "ETIMEDOUT" });
  assertStrictEquals(explain(other, "Cannot do it"), other);
});

Deno.test({
  name: "a Bluetooth socket is not opened where the kernel has none",
  ignore: !HAS_FFI || hasFamily(AF_BLUETOOTH, BTPROTO_RFCOMM),
  fn() {
    const error = assertThrows(() => openSocket(SOCK_STREAM, BTPROTO_RFCOMM, "test"), SystemError);
    assertEquals([error.syscall, error.errno], ["socket", 97]);
  },
});

bluetoothTest("a Bluetooth socket is opened where the kernel has them", () => {
  const socket = openSocket(SOCK_STREAM, BTPROTO_RFCOMM, "test");
  assertEquals(socket.closed, false);
  socket.close();
});
