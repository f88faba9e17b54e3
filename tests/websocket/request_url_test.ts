import { assertEquals, assertThrows } from "@std/assert";
import {
  checkAllowedHosts,
  isHostAllowed,
  isHostHeader,
  requestUrl,
} from "../../websocket/request_url.ts";

for (
  const [target, host, expected] of [
    ["/", "a.example", "http://a.example/"],
    ["/p?q=1", "a.example:8080", "http://a.example:8080/p?q=1"],
    ["//evil.example/p", "a.example", "http://a.example//evil.example/p"],
    ["/\\evil.example", "a.example", "http://a.example/\\evil.example"],
    ["http://a.example/p", "A.example", "http://A.example/p"],
    ["HTTP://a.example?q", "a.example", "http://a.example/?q"],
    ["http://evil.example/", "a.example", undefined],
    ["http://a.example@evil.example/", "a.example", undefined],
    ["ftp://a.example/", "a.example", undefined],
    ["evil.example:80", "a.example", undefined],
    ["*", "a.example", undefined],
    ["", "a.example", undefined],
    ["@evil.example/", "a.example", undefined],
    ["/", "a@evil.example", undefined],
    ["/", "evil.example/p?", undefined],
    ["/", "evil.example#", undefined],
    ["/", "evil.example\\", undefined],
    ["/", "a b", undefined],
    ["/", "a:port", undefined],
    ["/", "a:99999", undefined],
    ["/", "", undefined],
    ["/", undefined, "http://localhost/"],
    ["http://localhost/", undefined, undefined],
  ] as const
) {
  Deno.test(`request for ${target} at ${host} is for ${expected ?? "nothing"}`, () => {
    assertEquals(requestUrl(target, host, false), expected);
    assertEquals(requestUrl(target, host, true), expected?.replace("http:", "https:"));
  });
}

Deno.test("Host header is a host, and perhaps a port", () => {
  for (const host of ["a", "a.example.", "a:1", "a:", "[::1]", "[::1]:80", "127.0.0.1:65535"]) {
    assertEquals(isHostHeader(host), true, host);
  }
  for (const host of ["", ":1", "::1", "a/", "a?", "a#", "a@b", "a\\", "a b", "a,b/", "[g]", "é"]) {
    assertEquals(isHostHeader(host), false, host);
  }
});

Deno.test("allowed hosts are names, patterns below a name, and ports where they are named", () => {
  const allowed = ["a.example", "*.b.example", "c.example:8080", "[::1]", "[::2]:80"];
  for (
    const host of [
      "a.example",
      "A.EXAMPLE:1",
      "a.example.",
      "a.example.:80",
      "x.b.example",
      "x.y.b.example:8",
      "c.example:8080",
      "[::1]",
      "[::1]:9",
      "[::2]:80",
    ]
  ) assertEquals(isHostAllowed(allowed, host), true, host);
  for (
    const host of [
      undefined,
      "",
      "b.example",
      "xa.example",
      "xb.example",
      "a.example.evil.example",
      "c.example",
      "c.example:80",
      "[::2]",
      "[::3]",
      "a.example@evil.example",
      "evil.example#a.example",
    ]
  ) assertEquals(isHostAllowed(allowed, host), false, host);
  assertEquals(isHostAllowed([], "a.example"), false);
});

Deno.test("allowed hosts that are none are refused", () => {
  for (const rule of ["", "*", "*.", "a.*", "*a.example", "http://a.example", "a/b", 5 as never]) {
    assertThrows(() => checkAllowedHosts([rule]), TypeError, "it is no host");
  }
  assertThrows(() => checkAllowedHosts("a.example" as never), TypeError, "no list");
  checkAllowedHosts(["a.example", "*.a.example:80", "[::1]:80"]);
});
