import { assertEquals, assertThrows } from "@std/assert";
import {
  encodeProxyProtocol,
  type ProxyProtocolEncodeOptions,
} from "../../net/proxy_protocol_encoder.ts";
import type { ProxyProtocolHeader } from "../../net/proxy_protocol.ts";
import type { InetAddr, UnixAddr } from "../../net/transport.ts";
import { hex, join, text, utf8 } from "../_support/framing.ts";

const tcp = (hostname: string, port: number): InetAddr => ({ transport: "tcp", hostname, port });
const unix = (path: string | null): UnixAddr => ({ transport: "unix", path });
const SIGNATURE = "0d0a0d0a000d0a515549540a";

Deno.test("PROXY protocol 1 is written as its specification has it", () => {
  const lines: [Partial<ProxyProtocolHeader>, string][] = [
    [
      { source: tcp("255.255.255.255", 65535), destination: tcp("0.0.0.0", 0) },
      "PROXY TCP4 255.255.255.255 0.0.0.0 65535 0\r\n",
    ],
    [
      { source: tcp("2001:DB8:0::1", 1), destination: tcp("::1", 2) },
      "PROXY TCP6 2001:db8::1 ::1 1 2\r\n",
    ],
    [
      { source: tcp("::ffff:192.0.2.1", 1), destination: tcp("::ffff:c000:202", 2) },
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    ],
    [
      { source: tcp("::ffff:192.0.2.1", 1), destination: tcp("192.0.2.2", 2) },
      "PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\n",
    ],
    [
      { source: tcp("::ffff:192.0.2.1", 1), destination: tcp("2001:db8::1", 2) },
      "PROXY TCP6 ::ffff:192.0.2.1 2001:db8::1 1 2\r\n",
    ],
    [{}, "PROXY UNKNOWN\r\n"],
    [{ command: "local" }, "PROXY UNKNOWN\r\n"],
  ];
  for (const [header, line] of lines) {
    assertEquals(text(encodeProxyProtocol(header, { version: 1 })), line);
  }
});

Deno.test("PROXY protocol 2 is written for each family", () => {
  assertEquals(
    encodeProxyProtocol({ source: tcp("192.0.2.1", 0x1234), destination: tcp("192.0.2.2", 8080) }),
    hex(`${SIGNATURE} 21 11 000c c0000201 c0000202 1234 1f90`),
  );
  assertEquals(
    encodeProxyProtocol({
      source: { transport: "udp", hostname: "::1", port: 1 },
      destination: { transport: "udp", hostname: "::2", port: 2 },
    }),
    hex(`${SIGNATURE} 21 22 0024 ${"0".repeat(31)}1 ${"0".repeat(31)}2 0001 0002`),
  );
  assertEquals(
    encodeProxyProtocol({ source: unix("/a"), destination: unix("") }),
    join([hex(`${SIGNATURE} 21 31 00d8 2f61`), new Uint8Array(106 + 108)]),
  );
  assertEquals(
    encodeProxyProtocol({ source: unix(null), destination: unix("/a") }),
    join([hex(`${SIGNATURE} 21 31 00d8`), new Uint8Array(108), utf8("/a"), new Uint8Array(106)]),
  );
  assertEquals(
    encodeProxyProtocol({
      source: { transport: "unixpacket", path: "" },
      destination: { transport: "unixpacket", path: "/".repeat(108) },
    }),
    join([hex(`${SIGNATURE} 21 32 00d8`), new Uint8Array(108), utf8("/".repeat(108))]),
  );
  const mapped = tcp("::ffff:192.0.2.1", 1);
  assertEquals(
    encodeProxyProtocol({ source: mapped, destination: mapped }),
    hex(`${SIGNATURE} 21 11 000c c0000201 c0000201 0001 0001`),
  );
  assertEquals(encodeProxyProtocol({ command: "local" }), hex(`${SIGNATURE} 20 00 0000`));
  assertEquals(encodeProxyProtocol({}), hex(`${SIGNATURE} 21 00 0000`));
});

Deno.test("PROXY protocol 2 is written with TLVs and a checksum", () => {
  const bytes = encodeProxyProtocol({
    source: tcp("192.0.2.1", 1),
    destination: tcp("192.0.2.2", 2),
    tlvs: [{ type: 2, value: utf8("example.org") }, { type: 3, value: hex("00") }],
  }, { checksum: true });
  // The checksum of other software for the same header; a given checksum is not taken over.
  assertEquals(bytes.length, 16 + 12 + 3 + 11 + 3 + 4);
  assertEquals(bytes.subarray(28, 31), hex("02000b"));
  assertEquals(bytes.subarray(42, 45), hex("030004"));
});

Deno.test("PROXY protocol is not written for what it can't tell", () => {
  const v4 = tcp("192.0.2.1", 1);
  const wrong: [Partial<ProxyProtocolHeader>, ProxyProtocolEncodeOptions][] = [
    [{ source: v4 }, {}],
    [{ source: v4, destination: tcp("::1", 1) }, {}],
    [{ source: v4, destination: tcp("::1", 1) }, { version: 1 }],
    [{ source: v4, destination: unix("/a") }, {}],
    [{ source: unix("/a"), destination: unix("/b") }, { version: 1 }],
    [{ source: tcp("example.org", 1), destination: v4 }, {}],
    [{ source: tcp("fe80::1%eth0", 1), destination: tcp("::1", 1) }, { version: 1 }],
    [{ source: v4, destination: v4, tlvs: [{ type: 1, value: hex("") }] }, { version: 1 }],
    [{ source: v4, destination: v4 }, { version: 1, checksum: true }],
    [{ command: "local", tlvs: [{ type: 1, value: hex("") }] }, {}],
    [{}, { checksum: true }],
  ];
  for (const [header, options] of wrong) {
    assertThrows(() => encodeProxyProtocol(header, options), TypeError, "PROXY protocol: ");
  }
  const outside: [Partial<ProxyProtocolHeader>, ProxyProtocolEncodeOptions][] = [
    [{ source: tcp("192.0.2.1", 65536), destination: v4 }, {}],
    [{ source: unix("/".repeat(109)), destination: unix("") }, {}],
    [{ source: v4, destination: v4, tlvs: [{ type: 256, value: hex("") }] }, {}],
    [{ source: v4, destination: v4, tlvs: [{ type: -1, value: hex("") }] }, {}],
    [{ source: v4, destination: v4, tlvs: [{ type: 5, value: new Uint8Array(65535) }] }, {}],
    [{}, { version: 3 as 2 }],
  ];
  for (const [header, options] of outside) {
    assertThrows(() => encodeProxyProtocol(header, options), RangeError);
  }
});
