import { assertEquals, assertInstanceOf, assertStrictEquals } from "@std/assert";
import {
  addressFromBytes,
  addressToBytes,
  decodeDeviceInfo,
  decodeIrdaAddr,
  decodeL2capAddr,
  decodeL2capOptions,
  decodeRfcommAddr,
  encodeDeviceInfo,
  encodeHciAddr,
  encodeIrdaAddr,
  encodeL2capAddr,
  encodeRfcommAddr,
  SystemError,
  systemToNetError,
} from "../../net/_bluetooth_sys.ts";
import { NetError } from "../../net/errors.ts";
import fc from "fast-check";
import { hex } from "../_support/hex.ts";

const ADDRESS = "00:1A:7D:DA:71:13";

Deno.test("Bluetooth addresses go over the air last byte first", () => {
  assertEquals(addressToBytes(ADDRESS), hex("1371da7d1a00"));
  assertEquals(addressFromBytes(hex("ffff 1371da7d1a00"), 2), ADDRESS);
});

Deno.test("socket addresses have the layout of Linux", () => {
  assertEquals(encodeRfcommAddr({ address: ADDRESS, port: 3 }), hex("1f00 1371da7d1a00 03 00"));
  assertEquals(
    encodeL2capAddr({ address: ADDRESS, port: 0x1001 }),
    hex("1f00 0110 1371da7d1a00 0000 00 00"),
  );
  assertEquals(encodeHciAddr(1), hex("1f00 0100 0000"));
  assertEquals(
    encodeIrdaAddr({ device: 0x12345678, service: "IrDA:IrCOMM" }),
    hex(`1700 ff00 78563412 497244413a4972434f4d4d ${"00".repeat(17)}`),
  );
});

Deno.test("socket addresses decode to what was encoded", () => {
  const addresses = fc.uint8Array({ minLength: 6, maxLength: 6 }).map((b) =>
    addressFromBytes(b, 0)
  );
  fc.assert(fc.property(addresses, fc.integer({ min: 0, max: 255 }), (address, port) => {
    assertEquals(decodeRfcommAddr(encodeRfcommAddr({ address, port })), { address, port });
  }));
  fc.assert(fc.property(addresses, fc.integer({ min: 0, max: 65535 }), (address, port) => {
    assertEquals(decodeL2capAddr(encodeL2capAddr({ address, port })), { address, port });
  }));
  const names = fc.stringMatching(/^[ -~]{0,24}$/);
  fc.assert(fc.property(fc.integer({ min: 0, max: 0xffffffff }), names, (device, service) => {
    assertEquals(decodeIrdaAddr(encodeIrdaAddr({ device, service })), { device, service });
  }));
});

Deno.test("an infrared name that fills its field ends there", () => {
  const address = hex(`1700 ff00 00000000 ${"61".repeat(28)}`);
  assertEquals(decodeIrdaAddr(address), { device: 0, service: "a".repeat(25) });
});

Deno.test("option structures are read as Linux writes them", () => {
  assertEquals(decodeL2capOptions(hex("a002 0004 ffff 00 01 03 3f00 00")), {
    outgoing: 672,
    incoming: 1024,
  });
  assertEquals(encodeDeviceInfo(3).subarray(0, 3), hex("030000"));
  const info = hex(`0100 6863693100000000 1371da7d1a00 05000000 ${"00".repeat(72)}`);
  assertEquals(decodeDeviceInfo(info), { index: 1, address: ADDRESS, up: true });
  info[16] = 4;
  assertEquals(decodeDeviceInfo(info).up, false);
});

Deno.test("a failed call becomes a NetError with a documented code and its errno's name", () => {
  const cases: [number, string, string][] = [
    [111, "ECONNREFUSED", "ECONNREFUSED, refused"],
    [112, "EHOSTDOWN", "EHOSTDOWN, the device does not answer"],
    [113, "EHOSTUNREACH", "EHOSTUNREACH, no way to the device (no adapter?)"],
    [110, "ETIMEDOUT", "ETIMEDOUT, timed out"],
    [97, "EAFNOSUPPORT", "EAFNOSUPPORT, address family not supported"],
    [93, "EAFNOSUPPORT", "EPROTONOSUPPORT, protocol not supported"],
    [19, "EADDRNOTAVAIL", "ENODEV, no such adapter"],
    [100, "ENETDOWN", "ENETDOWN, the adapter is down"],
    [9, "ERR_SOCKET_CLOSED", "EBADF, bad file descriptor"],
    [32, "EPIPE", "EPIPE, broken pipe"],
    [12, "EIO", "ENOMEM, out of memory"],
    [52, "EIO", "EBADE, invalid exchange"],
    [9999, "EIO", "errno 9999, unknown error"],
  ];
  for (const [errno, code, text] of cases) {
    const cause = new SystemError("connect", errno);
    const error = systemToNetError(cause, "Cannot do it", { address: ADDRESS, port: 3 });
    assertInstanceOf(error, NetError);
    assertEquals([error.code, error.message], [code, `Cannot do it: ${text}`]);
    assertEquals([error.syscall, error.address, error.port], ["connect", ADDRESS, 3]);
    assertStrictEquals(error.cause, cause);
  }
});

Deno.test("an error that is no failed call stays as it is", () => {
  const error = new RangeError("other");
  assertStrictEquals(systemToNetError(error, "Cannot do it"), error);
  assertEquals(new SystemError("poll", 22).message, "poll: EINVAL, invalid argument");
});
