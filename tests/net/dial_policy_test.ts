import { assert, assertEquals, assertThrows } from "@std/assert";
import { DialPolicy, type DialPolicyOptions } from "../../net/dial_policy.ts";
import { NetError } from "../../net/errors.ts";
import { formatIp, parseIp, parseIpBlock } from "../../net/ip.ts";

const INNER = [
  "127.0.0.1",
  "127.1",
  "2130706433",
  "0x7f000001",
  "017700000001",
  "0",
  "0.0.0.0",
  "[::]",
  "[::1]",
  "[::ffff:127.0.0.1]",
  "[::ffff:7f00:1]",
  "[::127.0.0.1]",
  "[64:ff9b::7f00:1]",
  "[64:ff9b:1::808:808]",
  "[2002:7f00:1::]",
  "[2001:0:808:808::80ff:fffe]",
  "10.0.0.1",
  "012.0.0.1",
  "0xa.1",
  "172.16.0.1",
  "192.168.1.1",
  "100.64.0.1",
  "169.254.169.254",
  "0xa9fea9fe",
  "2852039166",
  "[::ffff:169.254.169.254]",
  "[fd00:ec2::254]",
  "[fe80::1%lo]",
  "[fc00::1]",
  "224.0.0.1",
  "255.255.255.255",
  "[ff02::1]",
  "１２７.0.0.1",
];

Deno.test("dial policy public refuses every spelling of an inner address", () => {
  const policy = new DialPolicy();
  for (const host of INNER) assert(policy.refusal(host, 80) !== undefined, host);
  assertEquals(policy.refusal("0x7f.1", 80), "127.0.0.1 is a loopback address");
  assertEquals(policy.refusal("0.0.0.0", 80), "0.0.0.0 is an unspecified address");
});

Deno.test("dial policy public lets global addresses and names through", () => {
  const policy = new DialPolicy();
  for (
    const host of ["9.9.9.9", "[2606:4700::1111]", "[::ffff:9.9.9.9]", "example.org", "localhost"]
  ) {
    assertEquals(policy.refusal(host, 443), undefined, host);
  }
});

Deno.test("dial policy deny beats allow, and allow beats the preset", () => {
  const policy = new DialPolicy({
    allow: ["10.0.0.0/8", "loopback"],
    deny: ["10.9.0.0/16", "9.9.9.9"],
  });
  const refused = (ip: string) => policy.addressRefusal(parseIp(ip)!);
  assertEquals(refused("10.1.2.3"), undefined);
  assertEquals(refused("::ffff:10.1.2.3"), undefined);
  assertEquals(refused("::1"), undefined);
  assertEquals(refused("10.9.1.1"), "10.9.1.1 is denied");
  assertEquals(refused("9.9.9.9"), "9.9.9.9 is denied");
  assertEquals(refused("192.168.0.1"), "192.168.0.1 is a private address");
});

Deno.test("dial policy deny reaches through translated and mapped addresses", () => {
  const policy = new DialPolicy({
    preset: "any",
    deny: ["198.51.100.0/24", "::ffff:203.0.113.0/120"],
  });
  for (
    const ip of [
      "198.51.100.7",
      "::ffff:198.51.100.7",
      "64:ff9b::198.51.100.7",
      "2002:c633:6407::1",
      "203.0.113.9",
    ]
  ) {
    assert(policy.addressRefusal(parseIp(ip)!) !== undefined, ip);
  }
  assertEquals(policy.addressRefusal(parseIp("127.0.0.1")!), undefined);
});

Deno.test("dial policy block of v4-mapped addresses is the IPv4 block, down to all of them", () => {
  const any = new DialPolicy({ preset: "any", deny: ["::ffff:0:0/96"] });
  assertEquals(any.addressRefusal(parseIp("9.9.9.9")!), "9.9.9.9 is denied");
  assertEquals(any.addressRefusal(parseIp("2400::1")!), undefined);
  // A block that holds more than these is one of IPv6.
  const more = new DialPolicy({ preset: "any", deny: ["::ffff:0:0/95", "::/8"] });
  assertEquals(more.addressRefusal(parseIp("9.9.9.9")!), undefined);
});

Deno.test("dial policy rules of IPv6 addresses hold for these and for no IPv4 address", () => {
  const refused = (policy: DialPolicy, ip: string) => policy.addressRefusal(parseIp(ip)!);
  // The last two have texts that start like v4-mapped ones, and aren't.
  for (const rule of ["fd00::a00:1", "fd00::a00:0/112", "::ffff:0:10.0.0.1", "::ffff:1"]) {
    const allow = new DialPolicy({ preset: "none", allow: [rule] });
    const { address } = parseIpBlock(rule)!;
    assertEquals(allow.addressRefusal(address), undefined, rule);
    const inner = formatIp({ family: 4, bytes: address.bytes.slice(12) });
    assert(refused(allow, inner) !== undefined, rule);
    const deny = new DialPolicy({ preset: "any", deny: [rule] });
    assert(deny.addressRefusal(address) !== undefined, rule);
    assertEquals(refused(deny, inner), undefined, rule);
  }
});

Deno.test("dial policy none lets through only what is allowed", () => {
  const policy = new DialPolicy({ preset: "none", allow: ["global"], deny: ["2400::/12"] });
  assertEquals(policy.addressRefusal(parseIp("9.9.9.9")!), undefined);
  assert(policy.addressRefusal(parseIp("2400::1")!) !== undefined);
  assert(new DialPolicy({ preset: "none" }).addressRefusal(parseIp("9.9.9.9")!) !== undefined);
});

Deno.test("dial policy names are matched whole and by suffix, without regard to case", () => {
  const policy = new DialPolicy({
    allowNames: ["Example.org", "*.example.net"],
    denyNames: ["bad.example.net"],
  });
  for (const name of ["example.org", "EXAMPLE.ORG.", "a.example.net", "b.a.example.net"]) {
    assertEquals(policy.refusal(name, 80), undefined, name);
  }
  for (
    const name of [
      "www.example.org",
      "example.net",
      "evilexample.net",
      "bad.example.net",
      "Bad.Example.Net.",
      "9.9.9.9",
    ]
  ) {
    assert(policy.refusal(name, 80) !== undefined, name);
  }
  const literal = new DialPolicy({ allowNames: ["a.example"], allow: ["127.0.0.1"] });
  assertEquals(literal.refusal("127.0.0.1", 80), undefined);
});

Deno.test("dial policy ports are single ones and ranges", () => {
  const policy = new DialPolicy({ ports: [443, [8000, 8999]] });
  for (const port of [443, 8000, 8500, 8999]) {
    assertEquals(policy.refusal("example.org", port), undefined);
  }
  for (const port of [80, 7999, 9000]) {
    assertEquals(policy.refusal("example.org", port), `port ${port} is not allowed`);
  }
});

Deno.test("dial policy check judges every address of a name", () => {
  const policy = new DialPolicy();
  policy.check("example.org", 443, ["9.9.9.9", "2606:4700::1111"]);
  const error = assertThrows(
    () => policy.check("rebind.example", 80, ["9.9.9.9", "127.0.0.1"]),
    NetError,
  );
  assertEquals(error.code, "ERR_DIAL_POLICY");
  assertEquals(
    error.message,
    'Cannot connect to "rebind.example:80": the dial policy refuses it, 127.0.0.1 is a loopback address',
  );
  assertThrows(
    () => policy.check("odd.example", 80, ["not an address"]),
    NetError,
    "is no address",
  );
  for (const host of ["::1", "[::1]"]) {
    assertThrows(() => policy.check(host, 80, []), NetError, '"[::1]:80"');
  }
});

Deno.test("dial policy refuses malformed rules", () => {
  assertThrows(() => new DialPolicy({ allow: ["10.0.0.0/99"] }), TypeError, "10.0.0.0/99");
  assertThrows(() => new DialPolicy({ deny: ["example.org"] }), TypeError, "no category");
  assertThrows(() => new DialPolicy({ allowNames: ["*."] }), TypeError, "empty");
  assertThrows(() => new DialPolicy({ denyNames: ["127.0.0.1"] }), TypeError, "no name");
  assertThrows(() => new DialPolicy({ preset: "everything" as "any" }), TypeError, "preset");
  assertThrows(
    () => new DialPolicy({ preset: "any", ...{ denied: ["10.0.0.0/8"] } }),
    TypeError,
    '"denied"',
  );
});

Deno.test("dial policy is made from what an option holds", () => {
  const policy = new DialPolicy();
  assertEquals(DialPolicy.from(policy), policy);
  assertEquals(DialPolicy.from(undefined), undefined);
  assert(DialPolicy.from("public")!.refusal("127.0.0.1", 80) !== undefined);
  assertEquals(DialPolicy.from({ unix: true })!.unix, true);
});

Deno.test("dial policy refuses ports that are none, and what is no policy", () => {
  for (const ports of [["443"], [NaN], [[90, 80]], [[80]], [[80, "90"]], [["80", 90]]]) {
    const options = { ports } as unknown as DialPolicyOptions;
    assertThrows(() => new DialPolicy(options), TypeError, "no port and no range");
  }
  for (const init of [null, 5, true]) {
    assertThrows(() => DialPolicy.from(init as never), TypeError, "no object");
  }
});
