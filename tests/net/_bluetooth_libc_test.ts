import { assertEquals, assertStrictEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { loadLibc } from "../../net/_bluetooth_libc.ts";
import {
  EAGAIN,
  SO_ERROR,
  SOCK_STREAM,
  SOL_SOCKET,
  SystemError,
} from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import { runPeer } from "../_support/peers.ts";
import { AF_INET, AF_UNIX, HAS_FFI, loopbackAddr, loopbackPort } from "../_support/ffi_sockets.ts";

const options = { ignore: !HAS_FFI };

Deno.test("the C library is refused on other systems than Linux", () => {
  for (const os of ["darwin", "windows", "unknown"]) {
    const error = assertThrows(() => loadLibc("Cannot connect", os), NetError);
    assertEquals([error.code, error.message], [
      "EAFNOSUPPORT",
      "Cannot connect: EAFNOSUPPORT, Linux only",
    ]);
  }
});

Deno.test("the C library is loaded once, and leaves no resource", options, () => {
  assertStrictEquals(loadLibc("test"), loadLibc("test"));
});

Deno.test(
  "without --allow-ffi the modules load, and connecting says what is missing",
  options,
  async () => {
    const net = new URL("../../net/", import.meta.url).href;
    const script = `
    import { connectBluetooth } from "${net}bluetooth.ts";
    import { listenBluetooth } from "${net}bluetooth_listener.ts";
    import { connectInfrared } from "${net}infrared.ts";
    const tell = (error) => console.log(error.code, error.message);
    await connectBluetooth({ address: "00:1A:7D:DA:71:13", channel: 1 }).catch(tell);
    await connectInfrared({ service: "x" }).catch(tell);
    try { listenBluetooth(); } catch (error) { tell(error); }`;
    const result = await runPeer(Deno.execPath(), ["run", "--no-check", "--no-prompt", "-"], {
      stdin: script,
      env: { NO_COLOR: "1" },
    });
    assertEquals(result.stdout.split("\n"), [
      'EPERM Cannot connect to Bluetooth "00:1A:7D:DA:71:13", channel 1: EPERM, it takes --allow-ffi',
      'EPERM Cannot connect to infrared "x": EPERM, it takes --allow-ffi',
      "EPERM Cannot listen for Bluetooth connections: EPERM, it takes --allow-ffi",
      "",
    ]);
  },
);

Deno.test("calls of the C library that fail throw with their name and errno", options, () => {
  const libc = loadLibc("test");
  const failures: [string, number, () => unknown][] = [
    ["socket", 97, () => libc.socket(23, SOCK_STREAM, 0)],
    ["bind", 9, () => libc.bind(-1, loopbackAddr(0))],
    ["listen", 9, () => libc.listen(-1, 1)],
    ["getsockname", 9, () => libc.localAddress(-1, 16)],
    ["getsockopt", 9, () => libc.getOption(-1, SOL_SOCKET, SO_ERROR, 4)],
    ["setsockopt", 9, () => libc.setOption(-1, SOL_SOCKET, 2, new Uint8Array(4))],
    ["shutdown", 9, () => libc.shutdown(-1, 1)],
    ["epoll_ctl", 9, () => libc.epollControl(-1, 1, -1, new Uint8Array(16))],
  ];
  for (const [syscall, errno, call] of failures) {
    const error = assertThrows(call, SystemError);
    assertEquals([error.syscall, error.errno], [syscall, errno]);
  }
});

Deno.test("calls of the C library that may have to wait return the errno instead", options, () => {
  const libc = loadLibc("test");
  assertEquals(libc.connect(-1, loopbackAddr(1)), 9);
  assertEquals(libc.accept(-1, new Uint8Array(16)), -9);
  assertEquals(libc.receive(-1, new Uint8Array(1)), -9);
  assertEquals(libc.send(-1, new Uint8Array(1)), -9);
  assertEquals(libc.control(-1, 0, new Uint8Array(8)), -9);
  assertEquals(libc.remoteAddress(-1, 16), undefined);
});

Deno.test("sockets of the C library don't block, and keep their options", options, () => {
  const libc = loadLibc("test");
  const fd = libc.socket(AF_INET, SOCK_STREAM, 0);
  try {
    libc.bind(fd, loopbackAddr(0));
    libc.listen(fd, 1);
    assertEquals(loopbackPort(libc.localAddress(fd, 16)) > 0, true);
    assertEquals(libc.accept(fd, new Uint8Array(16)), -EAGAIN);
    libc.setOption(fd, SOL_SOCKET, 9, /* SO_KEEPALIVE */ Uint8Array.of(1, 0, 0, 0));
    assertEquals(libc.getOption(fd, SOL_SOCKET, 9, 4), Uint8Array.of(1, 0, 0, 0));
    assertEquals(libc.pollNow(fd, 1), 0);
    // Closed in programs that are started (FD_CLOEXEC).
    assertStringIncludes(Deno.readTextFileSync(`/proc/self/fdinfo/${fd}`), "flags:\t02004002");
  } finally {
    libc.close(fd);
  }
});

Deno.test("a counter of the C library is signalled and cleared", options, () => {
  const libc = loadLibc("test");
  const fd = libc.eventfd();
  try {
    assertEquals(libc.pollNow(fd, 1), 0);
    libc.signalEvent(fd);
    libc.signalEvent(fd);
    assertEquals(libc.pollNow(fd, 1), 1);
    libc.clearEvent(fd);
    assertEquals(libc.pollNow(fd, 1), 0);
    libc.clearEvent(fd); // doesn't wait
  } finally {
    libc.close(fd);
  }
  assertEquals(libc.pollNow(fd, 1), 0x20 /* POLLNVAL */);
  assertEquals(libc.socket(AF_UNIX, SOCK_STREAM, 0), fd);
  libc.close(fd);
});
