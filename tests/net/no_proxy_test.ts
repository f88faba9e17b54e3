import { assertEquals, assertThrows } from "@std/assert";
import { matchesNoProxy } from "../../net/no_proxy.ts";

Deno.test("NO_PROXY names hosts by all its forms", () => {
  const cases: [string, string, number, boolean][] = [
    ["*", "example.org", 80, true],
    ["*:80", "example.org", 80, true],
    ["a.example, *:80", "192.0.2.1", 80, true],
    ["*:80", "example.org", 443, false],
    ["", "example.org", 80, false],
    [" , ,", "example.org", 80, false],
    ["example.org", "example.org", 80, true],
    ["example.org", "www.EXAMPLE.org.", 80, true],
    ["example.org", "badexample.org", 80, false],
    ["example.org", "example.org.evil", 80, false],
    [".example.org", "example.org", 80, true],
    ["*.example.org", "a.b.example.org", 80, true],
    ["Example.ORG.", "example.org", 80, true],
    ["bücher.example", "www.Bücher.example", 80, true],
    ["*.xn--bcher-kva.example", "bücher.example", 80, true],
    ["a.example, b.example\tc.example", "c.example", 80, true],
    ["example.org:443", "example.org", 443, true],
    ["example.org:443", "example.org", 80, false],
    ["192.0.2.1", "192.0.2.1", 80, true],
    ["192.0.2.1", "3221225985", 80, true],
    ["192.0.2.1:80", "192.0.2.1", 81, false],
    ["192.0.2.1", "1.192.0.2.1.example", 80, false],
    ["2001:db8::1", "[2001:DB8:0:0::1]", 80, true],
    ["[2001:db8::1]:80", "2001:db8::1", 80, true],
    ["[2001:db8::1]:80", "2001:db8::1", 81, false],
    ["192.0.2.1", "::ffff:192.0.2.1", 80, true],
    ["192.0.2.1:80", "[::ffff:c000:201]", 80, true],
    ["192.0.2.1", "::ffff:192.0.2.2", 80, false],
    ["fe80::1%eth0", "fe80::1%eth0", 80, true],
    ["fe80::1%eth0", "fe80::1%eth1", 80, false],
    [".0.0.1", "127.0.0.1", 80, false],
    ["10.0.0.0/8", "10.1.2.3", 80, true],
    ["10.0.0.0/8", "::ffff:10.1.2.3", 80, true],
    ["10.0.0.0/8", "11.1.2.3", 80, false],
    ["10.0.0.0/8", "ten.example", 80, false],
    ["fc00::/7", "fd00::1", 80, true],
    ["/, ., :80, [::, 10.0.0.0/99", "example.org", 80, false],
  ];
  for (const [list, hostname, port, expected] of cases) {
    assertEquals(matchesNoProxy(list, hostname, port), expected, `${list} ${hostname}:${port}`);
  }
});

Deno.test("NO_PROXY is not asked for what is no host", () => {
  assertThrows(() => matchesNoProxy("*", "a b", 80), TypeError);
});
