import { assertEquals } from "@std/assert";
import { needsZone, withZone, zoneOf } from "../../net/_zone.ts";
import { parseIp } from "../../net/ip.ts";

Deno.test("zone: link-local addresses and groups of no wider scope need one", () => {
  const needing = ["fe80::1", "febf::1", "ff01::1", "ff02::fb", "ff12::1"];
  const others = ["fe7f::1", "fec0::1", "fd00::1", "::1", "ff05::2", "ff0e::1", "169.254.1.1"];
  for (const text of needing) assertEquals([text, needsZone(parseIp(text)!)], [text, true]);
  for (const text of others) assertEquals([text, needsZone(parseIp(text)!)], [text, false]);
});

Deno.test("zone: an address tells its own where that means something", () => {
  assertEquals(zoneOf("fe80::1%eth0"), "eth0");
  assertEquals(zoneOf("ff02::1%3"), "3");
  for (const text of ["fe80::1", "fd00::1%eth0", "::%eth0", "10.0.0.1", "a.example"]) {
    assertEquals(zoneOf(text), undefined);
  }
});

Deno.test("zone: an address gets one if it needs one and has none", () => {
  assertEquals(withZone("fe80::1", "eth0"), "fe80::1%eth0");
  assertEquals(withZone("fe80::1%eth1", "eth0"), "fe80::1%eth1");
  for (const text of ["fd00::1", "::ffff:10.0.0.1", "10.0.0.1", "a.example"]) {
    assertEquals(withZone(text, "eth0"), text);
  }
  assertEquals(withZone("fe80::1", undefined), "fe80::1");
});
