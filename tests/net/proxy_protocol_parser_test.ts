import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import fc from "fast-check";
import { ProxyProtocolParser } from "../../net/proxy_protocol_parser.ts";
import { encodeProxyProtocol } from "../../net/proxy_protocol_encoder.ts";
import type { ProxyProtocolHeader } from "../../net/proxy_protocol.ts";
import { ProxyError } from "../../net/proxy_error.ts";
import { cut, hex, join, utf8 } from "../_support/framing.ts";

const SIGNATURE = "0d0a0d0a000d0a515549540a";

function parse(bytes: Uint8Array, end = true): ProxyProtocolParser {
  const parser = new ProxyProtocolParser();
  parser.receive(bytes);
  if (end) parser.end();
  return parser;
}

function why(bytes: Uint8Array | string): string | undefined {
  const parser = parse(typeof bytes === "string" ? utf8(bytes) : bytes);
  assert(parser.header === undefined || parser.error === undefined);
  return parser.error?.message.replace("Cannot read PROXY protocol header: ", "");
}

const port = fc.nat(65535);
const path = fc.string({ unit: "grapheme-ascii", maxLength: 108 });

/** Headers of every kind, with the versions that can carry them. */
const headers: fc.Arbitrary<Omit<ProxyProtocolHeader, "version">> = fc.oneof(
  ...(["tcp", "udp"] as const).flatMap((transport) =>
    [fc.ipV4(), fc.constantFrom("::1", "2001:db8::5", "64:ff9b::c000:201")].map((ip) =>
      fc.record({
        command: fc.constant("proxy" as const),
        source: fc.record({ transport: fc.constant(transport), hostname: ip, port }),
        destination: fc.record({ transport: fc.constant(transport), hostname: ip, port }),
        tlvs: fc.array(
          fc.record({
            type: fc.integer({ min: 4, max: 255 }),
            value: fc.uint8Array({ maxLength: 20 }),
          }),
          { maxLength: 3 },
        ),
      })
    )
  ),
  ...(["unix", "unixpacket"] as const).map((transport) =>
    fc.record({
      command: fc.constant("proxy" as const),
      source: fc.record({ transport: fc.constant(transport), path }),
      destination: fc.record({
        transport: fc.constant(transport),
        path: fc.constantFrom("/run/x", "\0abstract"),
      }),
      tlvs: fc.constant([]),
    })
  ),
  fc.constant({ command: "local" as const, tlvs: [] }),
  fc.constant({ command: "proxy" as const, tlvs: [] }),
);

const sizes = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 1, maxLength: 5 });

Deno.test("PROXY protocol 2 is read as it was written, however it is cut, and gives back what follows", () => {
  fc.assert(fc.property(headers, fc.uint8Array(), sizes, (header, more, cuts) => {
    const checksum = header.source !== undefined;
    const parser = new ProxyProtocolParser();
    const bytes = encodeProxyProtocol(header, { checksum });
    for (const chunk of cut(join([bytes, more]), cuts)) parser.receive(chunk);
    assertEquals(parser.error, undefined);
    const { tlvs, ...rest } = parser.header!;
    const { tlvs: sent, ...expected } = header;
    assertEquals(rest, { version: 2, ...expected });
    assertEquals(tlvs.slice(0, sent.length), sent);
    assertEquals(tlvs.length, sent.length + (checksum ? 1 : 0));
    assertEquals(parser.leftover, more);
  }));
});

Deno.test("PROXY protocol 1 is read as it was written, byte by byte, and no byte more than it has", () => {
  const lines = [
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 255.255.255.255 255.255.255.255 65535 65535\r\n",
    "PROXY TCP6 ::1 ::2 1 65535\r\n",
    `PROXY TCP6 ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`,
    "PROXY UNKNOWN\r\n",
    `PROXY UNKNOWN ${"ffff:".repeat(7)}ffff ${"ffff:".repeat(7)}ffff 65535 65535\r\n`,
    "PROXY TCP6 ::ffff:192.0.2.1 ::ffff:192.0.2.2 1 2\r\n",
  ];
  for (const line of lines) {
    const bytes = utf8(`${line}GET`);
    const exact = new ProxyProtocolParser();
    let at = 0;
    while (exact.needed > 0) {
      const { needed } = exact;
      exact.receive(bytes.subarray(at, at + needed));
      at += needed;
    }
    assertEquals([exact.error, at], [undefined, line.length]);
    const single = new ProxyProtocolParser();
    for (const byte of bytes) single.receive(new Uint8Array([byte]));
    assertEquals([single.header, single.error], [exact.header, undefined]);
    assertEquals(single.leftover, utf8("GET"));
  }
  assertEquals(parse(utf8(lines[2])).header, {
    version: 1,
    command: "proxy",
    source: { transport: "tcp", hostname: "::1", port: 1 },
    destination: { transport: "tcp", hostname: "::2", port: 65535 },
    tlvs: [],
  });
  assertEquals(parse(utf8(lines[4])).header, { version: 1, command: "proxy", tlvs: [] });
});

Deno.test("PROXY protocol refuses anything else at its first byte that does not fit", () => {
  for (
    const bytes of ["G", "POST", "PROXY-", "\r\n\r\n\r", "\r\n\r\n\0\r\nQUIT\r", "\x16\x03\x01"]
  ) {
    const parser = parse(utf8(bytes), false);
    assertStringIncludes(parser.error?.message ?? "", "it does not start like one", bytes);
    assert(parser.error instanceof ProxyError);
    assertEquals([parser.error.code, parser.needed], ["ERR_PROXY_PROTOCOL", 0]);
  }
  for (const bytes of ["P", "PROXY", "\r\n\r\n\0"]) {
    assertEquals(parse(utf8(bytes), false).error, undefined);
  }
});

Deno.test("PROXY protocol 2 refuses a wrong signature before a whole header", () => {
  const header = encodeProxyProtocol({
    source: { transport: "tcp", hostname: "192.0.2.1", port: 1 },
    destination: { transport: "tcp", hostname: "192.0.2.2", port: 2 },
  });
  for (let at = 0; at < 12; at++) {
    const bytes = header.slice();
    bytes[at] ^= 1;
    const parser = parse(bytes, false);
    assertEquals(parser.header, undefined, `byte ${at}`);
    assertStringIncludes(parser.error?.message ?? "", "it does not start like one");
  }
});

Deno.test("PROXY protocol 1 refuses lines that are not as the specification has them", () => {
  const lines = [
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 3\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1\r\n",
    "PROXY TCP4  1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 1 2 \r\n",
    "PROXY TCP4 ::1 ::2 1 2\r\n",
    "PROXY TCP6 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP6 fe80::1%eth0 ::2 1 2\r\n",
    "PROXY TCP4 1.1.1 2.2.2.2 10 20\r\n",
    "PROXY TCP4 01.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 01 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 65536 2\r\n",
    "PROXY TCP4 1.1.1.1 2.2.2.2 -1 2\r\n",
    "PROXY TCP4 example.org b.example 1 2\r\n",
    "PROXY UDP4 1.1.1.1 2.2.2.2 1 2\r\n",
    "PROXY UNKNOWNX\r\n",
    "PROXY tcp4 1.1.1.1 2.2.2.2 1 2\r\n",
  ];
  for (const line of lines) assertEquals(why(line), "its line is malformed", line);
});

Deno.test("PROXY protocol 1 refuses a line without end, and a bare CR or LF", () => {
  assertEquals(why(`PROXY UNKNOWN ${"x".repeat(200)}`), "its line is too long");
  assertEquals(why(`PROXY TCP4 ${"1".repeat(200)}`), "its line is too long");
  assertEquals(why("PROXY UNKNOWN\nGET / HTTP/1.1\r\n"), "its line is malformed");
  assertEquals(why("PROXY UNKNOWN\rGET / HTTP/1.1\r\n"), "its line is malformed");
  assertEquals(why("PROXY UNKNOWN x\ry\r\n"), "its line is malformed");
  assertEquals(why("PROXY TCP4 1.1.1.1 2.2.2.2 1 2\nGET /"), "its line is malformed");
  const longest = `PROXY UNKNOWN ${"x".repeat(107 - 16)}\r\n`;
  assertEquals(why(longest), undefined);
  assertEquals(why(longest.replace("x", "xx")), "its line is too long");
});

Deno.test("PROXY protocol 2 refuses what is cut off, unknown or too long", () => {
  const cases: [string, string][] = [
    ["11 11 000c", "its version or command is unknown"],
    ["22 11 000c", "its version or command is unknown"],
    ["21 41 000c", "its address family or protocol is unknown"],
    ["21 13 000c", "its address family or protocol is unknown"],
    ["21 11 ffff", "its length of 65551 bytes is over the limit of 4096"],
    ["21 11 000b c0000201 c0000202 1234 00", "its addresses are cut off"],
    ["21 21 000c c0000201 c0000202 1234 0050", "its addresses are cut off"],
    ["21 31 000c c0000201 c0000202 1234 0050", "its addresses are cut off"],
    ["21 11 000d c0000201 c0000202 1234 0050 04", "its last TLV is cut off"],
    ["21 11 000f c0000201 c0000202 1234 0050 04 0001", "its last TLV is cut off"],
    ["21 11 0013 c0000201 c0000202 1234 0050 03 0004 00000000", "its checksum is wrong"],
    ["21 11 0010 c0000201 c0000202 1234 0050 03 0001 00", "its checksum is wrong"],
    ["21 11 000c c0000201", "the connection ended 20 bytes into it"],
  ];
  for (const [rest, expected] of cases) {
    assertEquals(why(hex(SIGNATURE + rest)), expected, rest);
  }
});

Deno.test("PROXY protocol 2 takes local and unspecified without a look at what follows", () => {
  for (
    const rest of [
      "20 11 0003 aabbcc",
      "20 00 0000",
      "20 f5 0001 aa",
      "21 00 0003 aabbcc",
      "21 10 0001 aa",
    ]
  ) {
    const { header, leftover } = parse(join([hex(SIGNATURE + rest), hex("99")]));
    const command = rest.startsWith("20") ? "local" : "proxy";
    assertEquals(header, { version: 2, command, tlvs: [] }, rest);
    assertEquals(leftover, hex("99"));
  }
});

Deno.test("PROXY protocol notices a change of any bit behind a checksum", () => {
  const bytes = encodeProxyProtocol({
    source: { transport: "tcp", hostname: "192.0.2.1", port: 1 },
    destination: { transport: "tcp", hostname: "192.0.2.2", port: 2 },
    tlvs: [{ type: 5, value: hex("010203") }],
  }, { checksum: true });
  for (let at = 16; at < bytes.length - 7 - 6; at++) {
    for (let bit = 0; bit < 8; bit++) {
      const changed = bytes.slice();
      changed[at] ^= 1 << bit;
      assertEquals(why(changed), "its checksum is wrong", `${at}.${bit}`);
    }
  }
});

Deno.test("PROXY protocol reports an end at any point", () => {
  const whole = encodeProxyProtocol({
    source: { transport: "tcp", hostname: "192.0.2.1", port: 1 },
    destination: { transport: "tcp", hostname: "192.0.2.2", port: 2 },
  });
  for (let at = 0; at < whole.length; at++) {
    assertEquals(why(whole.subarray(0, at)), `the connection ended ${at} bytes into it`);
  }
});

Deno.test("PROXY protocol survives random bytes behind either start", () => {
  const start = fc.constantFrom(utf8("PROXY TCP4 "), hex(`${SIGNATURE}2111`), hex(""));
  fc.assert(fc.property(start, fc.uint8Array({ maxLength: 200 }), (head, tail) => {
    const parser = parse(join([head, tail]));
    assert(parser.done !== (parser.error !== undefined));
  }));
  for (const maxLength of [15, 65552, 16.5, NaN]) {
    assertThrows(() => new ProxyProtocolParser({ maxLength }), RangeError);
  }
});
