import { assertEquals, assertStrictEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeSocks5Address,
  decodeSocks5Datagram,
  encodeSocks5Address,
  encodeSocks5Datagram,
  SOCKS5_COMMANDS,
  SOCKS5_REPLY,
  socks5AddressLength,
  socks5Credential,
  socks5Failure,
} from "../../net/socks5_codec.ts";
import { hex, join, utf8 } from "../_support/framing.ts";

Deno.test("SOCKS5 codec writes the three types of address", () => {
  const cases: [string, string][] = [
    ["192.0.2.1", "01c0000201"],
    ["2001:db8::1", "0420010db8000000000000000000000001"],
    ["[::1]", "0400000000000000000000000000000001"],
    ["example.org", "030b6578616d706c652e6f7267"],
    ["EXAMPLE.org.", "030c6578616d706c652e6f72672e"],
    // Another spelling of an address must not pass as a name.
    ["0x7f.1", "017f000001"],
  ];
  for (const [hostname, bytes] of cases) {
    assertEquals(encodeSocks5Address({ hostname, port: 0x1234 }), hex(`${bytes}1234`), hostname);
  }
});

Deno.test("SOCKS5 codec reads what it writes", () => {
  const host = fc.oneof(
    fc.ipV4(),
    fc.domain().map((name) => name.toLowerCase()),
    fc.constantFrom("::1", "2001:db8::1", "::ffff:192.0.2.1", "localhost", "a.", "x".repeat(63)),
  );
  fc.assert(fc.property(host, fc.nat(65535), fc.uint8Array(), (hostname, port, data) => {
    const address = { hostname, port };
    const bytes = encodeSocks5Address(address);
    assertEquals(decodeSocks5Address(bytes, 0), address);
    assertEquals(socks5AddressLength(bytes, 0), bytes.length);
    assertEquals(decodeSocks5Datagram(encodeSocks5Datagram(address, data)), {
      address,
      fragment: 0,
      data,
    });
  }));
});

Deno.test("SOCKS5 codec takes a name of 255 bytes and refuses one of 256", () => {
  const name = `${"a".repeat(60)}.`.repeat(5).slice(0, 255);
  assertEquals(encodeSocks5Address({ hostname: name, port: 1 }).length, 1 + 1 + 255 + 2);
  for (const long of [name + "a", "a".repeat(65_535)]) {
    const error = assertThrows(() => encodeSocks5Address({ hostname: long, port: 1 }), TypeError);
    assertEquals(error.message.includes("longer than 255 bytes"), true);
  }
});

Deno.test("SOCKS5 codec refuses hosts with NUL, spaces, line breaks or a zone, and bad ports", () => {
  for (
    const hostname of ["good.example\0.evil.example", "a b", "a\r\nb", "", "a/b", "fe80::1%eth0"]
  ) {
    assertThrows(() => encodeSocks5Address({ hostname, port: 1 }), TypeError);
  }
  for (const port of [-1, 65536, 1.5, NaN]) {
    assertThrows(() => encodeSocks5Address({ hostname: "a", port }), RangeError);
  }
});

Deno.test("SOCKS5 codec refuses addresses from the wire that are cut off or no host", () => {
  for (
    const bytes of [
      "",
      "01",
      "017f00000100",
      "05",
      "0300 0050",
      "0301 00 0050",
      "0301 ff 0050",
      "0302 6120 0050",
    ]
  ) {
    assertStrictEquals(decodeSocks5Address(hex(bytes), 0), undefined, bytes);
  }
  assertStrictEquals(socks5AddressLength(hex("02"), 0), undefined);
});

Deno.test("SOCKS5 codec refuses datagrams without a valid header", () => {
  const good = encodeSocks5Datagram({ hostname: "192.0.2.1", port: 53 }, hex("aabb"));
  for (let end = 0; end < 10; end++) {
    assertStrictEquals(decodeSocks5Datagram(good.subarray(0, end)), undefined);
  }
  assertEquals(decodeSocks5Datagram(good.subarray(0, 10))?.data, hex(""));
  assertStrictEquals(decodeSocks5Datagram(join([hex("0100"), good.subarray(2)])), undefined);
  const fragment = good.slice();
  fragment[2] = 3;
  assertEquals(decodeSocks5Datagram(fragment)?.fragment, 3);
  fc.assert(fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
    decodeSocks5Datagram(bytes);
  }));
});

Deno.test("SOCKS5 credentials have up to 255 bytes, and are not shown", () => {
  assertEquals(socks5Credential("username", "é"), utf8("é"));
  assertEquals(socks5Credential("password", ""), hex(""));
  assertEquals(socks5Credential("password", "x".repeat(255)).length, 255);
  assertThrows(() => socks5Credential("username", ""), TypeError, "it is empty");
  for (const what of ["username", "password"] as const) {
    const error = assertThrows(() => socks5Credential(what, "é".repeat(128)), TypeError);
    assertEquals(error.message, `Cannot use proxy ${what}: it is longer than 255 bytes`);
  }
});

Deno.test("SOCKS5 reply codes have an error code each", () => {
  const codes = Object.values(SOCKS5_REPLY).filter((reply) => reply !== 0)
    .map((reply) => socks5Failure(reply).code);
  assertEquals(codes, [
    "ERR_PROXY_REFUSED",
    "EACCES",
    "ENETUNREACH",
    "EHOSTUNREACH",
    "ECONNREFUSED",
    "ETIMEDOUT",
    "ERR_UNSUPPORTED",
    "EAFNOSUPPORT",
  ]);
  for (const reply of [9, 100, 255]) {
    assertEquals(socks5Failure(reply).code, "ERR_PROXY_PROTOCOL");
  }
  assertEquals(SOCKS5_COMMANDS, { connect: 1, bind: 2, associate: 3 });
});
