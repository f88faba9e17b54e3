import { assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { checkPort, MAX_HOST_BYTES, parseHost } from "../../net/host.ts";

Deno.test("parseHost brings names into one form", () => {
  const rows: [string, string, boolean][] = [
    ["example.org", "example.org", false],
    ["EXAMPLE.org.", "example.org", true],
    ["localhost", "localhost", false],
    ["_service._tcp.example", "_service._tcp.example", false],
    ["bücher.example", "xn--bcher-kva.example", false],
    ["BÜCHER。example", "xn--bcher-kva.example", false],
    ["a1.2b", "a1.2b", false],
  ];
  for (const [host, hostname, absolute] of rows) {
    const parsed = parseHost(host);
    assertEquals([parsed.hostname, parsed.absolute, parsed.ip], [hostname, absolute, undefined]);
  }
});

Deno.test("parseHost sees through every spelling of an address", () => {
  for (
    const host of ["127.1", "0x7f.1", "2130706433", "１２７.０.０.１", "127。0。0。1", "①②⑦.1"]
  ) {
    assertEquals(parseHost(host).hostname, "127.0.0.1", host);
  }
  assertEquals(parseHost("[::FFFF:7f00:1]").hostname, "::ffff:127.0.0.1");
  assertEquals(parseHost("[FE80::1%eth0]").hostname, "fe80::1%eth0");
});

Deno.test("parseHost refuses what is no host name", () => {
  const wrong: [string, string][] = [
    ["", "empty"],
    [".", "empty"],
    ["\u3002", "empty"],
    ["\u00ad", "valid international name"],
    ["a..b", "label is empty"],
    [".a", "label is empty"],
    ["a..", "label is empty"],
    ["good.example\0.evil.example", "character"],
    ["a\r\nb", "character"],
    ["a b", "character"],
    ["user@host", "character"],
    ["host:80", "character"],
    ["a/b", "character"],
    ["%31%32%37.0.0.1", "character"],
    ["a\u00ad\0b", "character"],
    ["ü@b", "character"],
    ["[::1", "character"],
    ["::g", "character"],
    ["1.2.3.4.5", "IP address"],
    ["256.256.256.256", "IP address"],
    ["example.0x", "IP address"],
    ["08.1", "IP address"],
    ["xn--\u200d", "international"],
    ["a".repeat(MAX_HOST_BYTES + 1), "255 bytes"],
    ["ü".repeat(255), "longer|international"],
  ];
  for (const [host, why] of wrong) {
    const error = assertThrows(() => parseHost(host), TypeError);
    assertEquals(
      new RegExp(why).test(error.message),
      true,
      `${JSON.stringify(host)}: ${error.message}`,
    );
    // deno-lint-ignore no-control-regex
    assertEquals(/[\x00-\x1f]/.test(error.message), false, "raw control character in the message");
  }
});

Deno.test("parseHost takes a name of exactly 255 bytes", () => {
  const name = `${"a".repeat(63)}.`.repeat(4).slice(0, 255);
  assertEquals(parseHost(name).hostname.length, 255);
});

Deno.test("parseHost is stable: what it gives back parses to itself", () => {
  fc.assert(fc.property(fc.oneof(fc.domain(), fc.ipV4(), fc.ipV6(), fc.string()), (host) => {
    let first: string;
    try {
      first = parseHost(host).hostname;
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      return;
    }
    assertEquals(parseHost(first).hostname, first);
  }));
});

Deno.test("checkPort refuses what is not a port", () => {
  assertEquals(checkPort(1), 1);
  assertEquals(checkPort(65535), 65535);
  assertEquals(checkPort(0, 0), 0);
  for (const port of [0, -1, 65536, 1.5, NaN, Infinity, "80" as unknown as number]) {
    const error = assertThrows(() => checkPort(port), RangeError, "port");
    assertEquals((error as { code?: string }).code, "ERR_SOCKET_BAD_PORT");
  }
});

Deno.test("parseHost and checkPort show what they were given, escaped and cut", () => {
  const shown = (host: string): string =>
    assertThrows(() => parseHost(host), TypeError).message.replace("Cannot use host ", "");
  assertEquals(shown("a\r\nb"), '"a\\r\\nb": it holds a character that no host name has');
  const invalid = "it is not a valid international name";
  assertEquals(shown("a\u202eb"), `"a\\u202eb": ${invalid}`);
  assertEquals(shown("\x9b2J.example"), `"\\u009b2J.example": ${invalid}`);
  assertEquals(shown("x".repeat(300)), `"${"x".repeat(77)}...": it is longer than 255 bytes`);
  assertThrows(() => checkPort("80" as never), RangeError, 'port string "80"');
  assertThrows(() => checkPort(1.5), RangeError, "port 1.5:");
});

Deno.test("parseHost says what is no text", () => {
  for (const host of [undefined, null, 5, {}, ["a.example"]]) {
    assertThrows(() => parseHost(host as never), TypeError, "it must be a string");
  }
});
