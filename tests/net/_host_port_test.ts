import { assertEquals, assertThrows } from "@std/assert";
import { hostAndPort } from "../../net/_host_port.ts";

Deno.test("host and port are written as HTTP has them", () => {
  assertEquals(hostAndPort("EXAMPLE.org", 80), "example.org:80");
  assertEquals(hostAndPort("example.org.", 80), "example.org.:80");
  assertEquals(hostAndPort("2001:DB8::1", 443), "[2001:db8::1]:443");
  assertEquals(hostAndPort("[::1]", 1), "[::1]:1");
  assertEquals(hostAndPort("127.1", 1), "127.0.0.1:1");
});

Deno.test("host and port that nobody can have are refused", () => {
  assertThrows(() => hostAndPort("a\r\nb", 80), TypeError);
  assertThrows(() => hostAndPort("a", 65536), RangeError);
});
