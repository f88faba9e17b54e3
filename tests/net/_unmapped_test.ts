import { assertEquals } from "@std/assert";
import { unmapped } from "../../net/_unmapped.ts";

Deno.test("v4-mapped address becomes the IPv4 address that it is, and nothing else changes", () => {
  assertEquals(unmapped("::ffff:192.0.2.1"), "192.0.2.1");
  assertEquals(unmapped("::FFFF:192.0.2.1"), "192.0.2.1");
  const others = [
    "192.0.2.1",
    "::ffff:1",
    "::ffff:0:192.0.2.1",
    "1::ffff:192.0.2.1",
    "::1",
    "",
    "a",
  ];
  for (const other of others) assertEquals(unmapped(other), other);
});
