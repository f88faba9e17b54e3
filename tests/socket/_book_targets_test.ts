import { assertEquals, assertThrows } from "@std/assert";
import { proxyOf, webSocketUrl } from "../../socket/_book_targets.ts";

Deno.test("a WebSocket's URL is made of address, port and path", () => {
  const rows: [string, { port?: number; path?: string }, string][] = [
    ["example.org", {}, "ws://example.org/"],
    ["example.org", { port: 8080, path: "chat" }, "ws://example.org:8080/chat"],
    ["example.org", { path: "/a/b?c=d" }, "ws://example.org/a/b?c=d"],
    ["127.0.0.1", { port: 80 }, "ws://127.0.0.1/"],
    ["::1", { port: 81 }, "ws://[::1]:81/"],
    ["ws://example.org:81/x?y", {}, "ws://example.org:81/x?y"],
    ["ws://example.org:81/x?y", { port: 82, path: "/z" }, "ws://example.org:82/z"],
  ];
  for (const [address, options, url] of rows) {
    assertEquals(webSocketUrl("ws:", address, options).href, url);
  }
  assertEquals(webSocketUrl("wss:", "example.org", { port: 443 }).href, "wss://example.org/");
});

Deno.test("what makes no WebSocket's URL is refused", () => {
  assertThrows(() => webSocketUrl("ws:", "wss://example.org", {}), TypeError, '"wss:"');
  assertThrows(() => webSocketUrl("wss:", "ws://example.org", {}), TypeError, '"ws:"');
  assertThrows(() => webSocketUrl("ws:", "http://example.org", {}), TypeError);
  assertThrows(() => webSocketUrl("ws:", "no host", {}), TypeError);
  assertThrows(() => webSocketUrl("ws:", "example.org/path", {}), TypeError);
  assertThrows(() => webSocketUrl("ws:", "a", { port: 0 }), RangeError);
  assertThrows(() => webSocketUrl("ws:", "a", { path: "//evil.example/x" }), TypeError);
});

Deno.test("what makes no WebSocket's URL is not shown", () => {
  const url = "ws://ann:s3cret@example.org:99999/x?token=s3cret";
  const error = assertThrows(() => webSocketUrl("ws:", url, {}), TypeError);
  assertEquals(error.message, "Cannot connect: the URL is not valid");
});

Deno.test("a proxy is told by address, port, user and password, or by its URL", () => {
  const proxy = proxyOf("Proxy.example", undefined, "ann", "secret");
  assertEquals(
    [proxy.protocol, proxy.hostname, proxy.port, proxy.username, proxy.password],
    ["socks5", "proxy.example", 1080, "ann", "secret"],
  );
  assertEquals(proxyOf("::1", 1, undefined, undefined).toString(), "socks5://[::1]:1");
  assertEquals(proxyOf("::1", 1, "", "").username, undefined);
  assertEquals(proxyOf("::1", 1, "ann", undefined).password, "");
  assertEquals(proxyOf("http://p.example:3128", undefined, undefined, undefined).protocol, "http");
  assertEquals(proxyOf("socks5://p.example:1", undefined, "", "").username, undefined);
  assertThrows(() => proxyOf("socks5://p.example", 1, undefined, undefined), TypeError);
  assertThrows(() => proxyOf("socks5://p.example", undefined, "ann", undefined), TypeError);
  assertThrows(() => proxyOf("no host", 1, undefined, undefined), TypeError);
  assertThrows(() => proxyOf("::1", 65_536, undefined, undefined), RangeError);
});

Deno.test("a proxy's password that nobody would be asked with is refused", () => {
  for (const username of [undefined, ""]) {
    assertThrows(() => proxyOf("p.example", 1, username, "secret"), TypeError, "for a user");
    assertThrows(
      () => proxyOf("socks5://p.example", undefined, username, "secret"),
      TypeError,
      "in itself",
    );
  }
});
