import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  classifyIp,
  embeddedIpv4,
  equalIp,
  formatIp,
  IP_CATEGORIES,
  ipFromBytes,
  ipInBlock,
  parseAnyIp,
  parseIp,
  parseIpBlock,
} from "../../net/ip.ts";

Deno.test("parseIp takes the standard forms and gives the canonical text back", () => {
  const forms: [string, string][] = [
    ["0.0.0.0", "0.0.0.0"],
    ["255.255.255.255", "255.255.255.255"],
    ["::", "::"],
    ["::1", "::1"],
    ["2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a"],
    ["2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1"], // RFC 5952, 4.2.2
    ["2001:0:0:1:0:0:0:1", "2001:0:0:1::1"], // the longest run, 4.2.3
    ["2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"], // the first of equal runs, 4.2.3
    ["1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"],
    ["::ffff:192.0.2.1", "::ffff:192.0.2.1"],
    ["::FFFF:C000:0201", "::ffff:192.0.2.1"],
    ["64:ff9b::192.0.2.33", "64:ff9b::c000:221"],
    ["100::ffff:7f00:1", "100::ffff:7f00:1"], // not v4-mapped
    ["::ff:7f00:1", "::ff:7f00:1"],
    ["::ff00:7f00:1", "::ff00:7f00:1"],
    ["fe80::1%eth0", "fe80::1%eth0"],
  ];
  for (const [text, canonical] of forms) assertEquals(formatIp(parseIp(text)!), canonical, text);
});

Deno.test("parseIp refuses what is not exactly an address", () => {
  const wrong = [
    "",
    "1.2.3",
    "01.2.3.4",
    "1.2.3.4.",
    "1.2.3.256",
    "1.2.3.4.5",
    "1.2.3.-4",
    "1.2.3.4 ",
    "1.2.3.4\0",
    ":",
    ":::",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "1:2:3:4:5:6:7:8::",
    "12345::",
    "::g",
    "::1.2.3",
    "::01.2.3.4",
    "1.2.3.4::",
    "::1.2.3.4:5",
    "[::1]",
    "::1%",
    "::1% eth",
    "127.0.0.1%lo",
    "2130706433",
    "example.org",
  ];
  for (const text of wrong) assertEquals(parseIp(text), undefined, JSON.stringify(text));
});

Deno.test("parseAnyIp finds loopback in every spelling of it", () => {
  const spellings = [
    "127.0.0.1",
    "127.0.0.1.",
    "127.1",
    "127.0.1",
    "2130706433",
    "2130706433.",
    "0x7f000001",
    "0X7F000001",
    "0x7f.1",
    "0x7f.0x0.0x0.0x1",
    "017700000001",
    "0177.0.0.01",
    "0177.0x0.0.1",
    "00000000177.1",
  ];
  for (const text of spellings) assertEquals(formatIp(parseAnyIp(text)!), "127.0.0.1", text);
  assertEquals(formatIp(parseAnyIp("[::1]")!), "::1");
  assertEquals(formatIp(parseAnyIp("[::ffff:127.0.0.1]")!), "::ffff:127.0.0.1");
  assertEquals(formatIp(parseAnyIp("0")!), "0.0.0.0");
  assertEquals(formatIp(parseAnyIp("0x")!), "0.0.0.0");
  assertEquals(formatIp(parseAnyIp("4294967295")!), "255.255.255.255");
  assertEquals(formatIp(parseAnyIp("010.0.0.1")!), "8.0.0.1");
});

Deno.test("parseAnyIp leaves names and malformed numbers alone", () => {
  const none = [
    "",
    ".",
    "localhost",
    "4294967296",
    "127.16777216",
    "256.1",
    "1.2.3.4.5",
    "08.0.0.1",
    "0xg.1",
    "1..2",
    "1.2.3.4..",
    "-1",
    "1e3",
    " 127.0.0.1",
    "[127.0.0.1]",
    "[::1",
    "[example.org]",
    "0x7f.example",
  ];
  for (const text of none) assertEquals(parseAnyIp(text), undefined, JSON.stringify(text));
});

Deno.test("formatIp and parseIp are inverse for every address", () => {
  const four = fc.uint8Array({ minLength: 4, maxLength: 4 });
  // many zero groups, so that the shortening is tried
  const group = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65535 }));
  const sixteen = fc.array(group, { minLength: 8, maxLength: 8 }).map((groups) =>
    Uint8Array.from(groups.flatMap((g) => [g >> 8, g & 255]))
  );
  fc.assert(fc.property(fc.oneof(four, sixteen), (bytes) => {
    const ip = ipFromBytes(bytes);
    const text = formatIp(ip);
    assert(equalIp(parseIp(text)!, ip), text);
    assert(equalIp(parseAnyIp(text)!, ip), text);
    if (ip.family === 6) {
      const host = new URL(`http://[${text}]`).hostname;
      assertEquals(parseAnyIp(host)?.bytes, bytes);
    }
  }));
});

Deno.test("parseAnyIp reads numbers as the URL standard does", () => {
  const digits = fc.stringMatching(/^(0[xX])?[0-9a-fA-F]{0,10}$/);
  const text = fc.array(digits, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
  fc.assert(fc.property(text, (host) => {
    // The URL parser sees a number only when the last part is one; the others are names to it.
    if (!/(^|\.)(\d+|0[xX][0-9a-fA-F]*)\.?$/.test(host)) return;
    let url: string | undefined;
    try {
      url = new URL(`http://${host}`).hostname;
    } catch {
      // not an address
    }
    const ip = parseAnyIp(host);
    assertEquals(ip && formatIp(ip), url);
  }));
});

Deno.test("classifyIp knows what each range is for", () => {
  const rows: [string, string][] = [
    ["0.0.0.0", "unspecified"],
    ["0.1.2.3", "unspecified"],
    ["10.0.0.0", "private"],
    ["10.255.255.255", "private"],
    ["11.0.0.0", "global"],
    ["100.63.255.255", "global"],
    ["100.64.0.0", "shared"],
    ["100.127.255.255", "shared"],
    ["100.128.0.0", "global"],
    ["100.100.100.200", "metadata"],
    ["127.0.0.1", "loopback"],
    ["127.255.255.254", "loopback"],
    ["128.0.0.0", "global"],
    ["168.63.129.16", "metadata"],
    ["169.254.169.254", "metadata"],
    ["169.254.170.2", "metadata"],
    ["169.254.0.1", "link-local"],
    ["172.15.255.255", "global"],
    ["172.16.0.0", "private"],
    ["172.31.255.255", "private"],
    ["172.32.0.0", "global"],
    ["192.0.0.1", "reserved"],
    ["192.0.2.1", "documentation"],
    ["192.167.255.255", "global"],
    ["192.168.0.0", "private"],
    ["192.169.0.0", "global"],
    ["198.17.255.255", "global"],
    ["198.18.0.0", "benchmarking"],
    ["198.19.255.255", "benchmarking"],
    ["198.51.100.1", "documentation"],
    ["203.0.113.1", "documentation"],
    ["223.255.255.255", "global"],
    ["224.0.0.0", "multicast"],
    ["239.255.255.255", "multicast"],
    ["240.0.0.0", "reserved"],
    ["255.255.255.254", "reserved"],
    ["255.255.255.255", "broadcast"],
    ["8.8.8.8", "global"],
    ["::", "unspecified"],
    ["::1", "loopback"],
    ["::2", "unspecified"], // v4-compatible 0.0.0.2
    ["::100", "unspecified"], // 0.0.1.0
    ["::127.0.0.1", "loopback"],
    ["::8.8.8.8", "reserved"],
    ["::ffff:127.0.0.1", "loopback"],
    ["::ffff:8.8.8.8", "global"],
    ["::ffff:0:10.0.0.1", "private"],
    ["64:ff9b::8.8.8.8", "global"],
    ["64:ff9b::127.0.0.1", "loopback"],
    ["64:ff9b::169.254.169.254", "metadata"],
    ["64:ff9b:1::8.8.8.8", "private"],
    // These only look as if they carried an IPv4 address.
    ["2400:ff9b::127.0.0.1", "global"],
    ["64:ff9b::1:127.0.0.1", "reserved"],
    ["::1:127.0.0.1", "reserved"],
    ["::ff00:0:127.0.0.1", "reserved"],
    ["::ff:0:127.0.0.1", "reserved"],
    ["2400::ffff:0:127.0.0.1", "global"],
    ["2400::100:5efe:10.0.0.1", "global"],
    ["2002:7f00:1::", "loopback"],
    ["2002:a00:1::1", "private"],
    ["2002:808:808::1", "global"],
    ["2001:0:4136:e378:8000:63bf:3fff:fdd2", "documentation"], // RFC 4380, 5.2.9: client 192.0.2.45
    ["2001:0:808:808:0:0:80ff:fffe", "loopback"],
    ["2001:0:a00:1:0:0:f7f7:f7f7", "private"],
    ["2001:0:808:808:0:0:f7f7:f7f7", "global"],
    ["2400::5efe:10.0.0.1", "private"],
    ["2400::200:5efe:10.0.0.1", "private"],
    ["2001:2::1", "benchmarking"],
    ["2001:10::1", "reserved"],
    ["2001:db8::1", "documentation"],
    ["3fff::1", "documentation"],
    ["2001:200::1", "global"],
    ["2606:4700::1111", "global"],
    ["4000::1", "reserved"],
    ["100::1", "reserved"],
    ["fc00::1", "private"],
    ["fd12:3456::1", "private"],
    ["fd00:ec2::254", "metadata"],
    ["fd20:ce::254", "metadata"],
    ["fe80::1%eth0", "link-local"],
    ["fec0::1", "private"],
    ["ff02::1", "multicast"],
  ];
  for (const [text, category] of rows) assertEquals(classifyIp(parseIp(text)!), category, text);
  assertEquals(new Set(rows.map(([, category]) => category)), new Set<string>(IP_CATEGORIES));
});

Deno.test("classifyIp never calls an address global that carries an inner one", () => {
  const inner = fc.constantFrom(
    "127.0.0.1",
    "10.0.0.1",
    "169.254.169.254",
    "192.168.1.1",
    "0.0.0.0",
  );
  const shape = fc.constantFrom<(v4: Uint8Array) => number[]>(
    (v) => [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 255, 255, ...v],
    (v) => [0, 0, 0, 0, 0, 0, 0, 0, 255, 255, 0, 0, ...v],
    (v) => [0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0, ...v],
    (v) => [0x20, 0x02, ...v, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8],
    (v) => [0x20, 1, 0, 0, 8, 8, 8, 8, 0, 0, 0, 0, ...v.map((byte) => ~byte & 255)],
    (v) => [0x20, 1, 0, 0, ...v, 0, 0, 0, 0, 0xf7, 0xf7, 0xf7, 0xf7],
    (v) => [0x24, 0, 0, 0, 0, 0, 0, 1, 2, 0, 0x5e, 0xfe, ...v],
  );
  fc.assert(fc.property(inner, shape, (text, make) => {
    const ip = ipFromBytes(Uint8Array.from(make(parseIp(text)!.bytes)));
    assert(classifyIp(ip) !== "global", formatIp(ip));
    assert(embeddedIpv4(ip).some((v4) => formatIp(v4) === text), formatIp(ip));
  }));
});

Deno.test("parseIpBlock and ipInBlock agree on borders", () => {
  const holds = (block: string, ip: string) => ipInBlock(parseIp(ip)!, parseIpBlock(block)!);
  assert(holds("10.0.0.0/8", "10.255.255.255"));
  assert(!holds("10.0.0.0/8", "11.0.0.0"));
  assert(holds("192.0.2.128/25", "192.0.2.128"));
  assert(!holds("192.0.2.128/25", "192.0.2.127"));
  assert(holds("0.0.0.0/0", "203.0.113.7"));
  assert(!holds("0.0.0.0/0", "2400::1"));
  assert(holds("0.0.0.0/0", "::ffff:203.0.113.7"));
  assert(holds("fe80::/10", "febf::1"));
  assert(!holds("fe80::/10", "fec0::1"));
  assert(holds("::1", "::1"));
  assert(!holds("::1", "::2"));
  assertEquals(formatIp(parseIpBlock("10.1.2.3/12")!.address), "10.0.0.0");
  assertEquals(formatIp(parseIpBlock("2001:db8:ffff::/33")!.address), "2001:db8:8000::");
});

Deno.test("parseIpBlock refuses malformed blocks", () => {
  for (
    const text of [
      "10.0.0.0/33",
      "::/129",
      "10.0.0.0/",
      "10.0.0.0/08",
      "10.0.0.0/-1",
      "x/8",
      "10/8",
      "::1%lo/128",
    ]
  ) {
    assertEquals(parseIpBlock(text), undefined, text);
  }
});

Deno.test("ipFromBytes copies its bytes and refuses other lengths", () => {
  const bytes = Uint8Array.of(1, 2, 3, 4);
  const ip = ipFromBytes(bytes);
  bytes[0] = 9;
  assertEquals(formatIp(ip), "1.2.3.4");
  assertThrows(() => ipFromBytes(new Uint8Array(5)), RangeError, "5 bytes");
});

Deno.test("equalIp tells zones apart", () => {
  assert(!equalIp(parseIp("fe80::1%a")!, parseIp("fe80::1%b")!));
  assert(!equalIp(parseIp("127.0.0.1")!, parseIp("::ffff:127.0.0.1")!));
  assert(!equalIp(parseIp("1.2.3.4")!, parseIp("102:304::")!));
});
