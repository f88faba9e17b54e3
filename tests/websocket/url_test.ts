import { assertEquals, assertThrows } from "@std/assert";
import { parseWebSocketUrl, type WebSocketTarget } from "../../websocket/url.ts";

const URLS: Array<[string, Partial<WebSocketTarget>]> = [
  ["ws://example.org", {
    secure: false,
    hostname: "example.org",
    port: 80,
    host: "example.org",
    target: "/",
  }],
  ["ws://example.org:80/a", { port: 80, host: "example.org" }],
  ["ws://example.org:8080/a?b=c", { port: 8080, host: "example.org:8080", target: "/a?b=c" }],
  ["wss://example.org", { secure: true, port: 443, host: "example.org" }],
  ["https://example.org/x", { secure: true, port: 443 }],
  ["http://example.org", { secure: false, port: 80 }],
  ["ws://[::1]:9/", { hostname: "::1", host: "[::1]:9", port: 9 }],
  ["ws://EXAMPLE.org/é", { host: "example.org", target: "/%C3%A9" }],
  ["ws://0x7f000001/", { hostname: "127.0.0.1" }],
  ["ws://user:p%40ss@h/", { authorization: "Basic dXNlcjpwQHNz", display: "ws://h", host: "h" }],
  ["ws+unix:///run/a.sock:/chat?x=1", {
    path: "/run/a.sock",
    target: "/chat?x=1",
    host: "localhost",
  }],
  ["ws+unix:/run/a%20b.sock", { path: "/run/a b.sock", target: "/", secure: false }],
  ["wss+unix:/s:/t", { path: "/s", target: "/t", secure: true }],
  ["ws+unix:s:/a b?c d", { path: "s", target: "/a%20b?c%20d" }],
];

for (const [url, expected] of URLS) {
  Deno.test(`WebSocket URL ${url} is taken apart`, () => {
    const target = parseWebSocketUrl(url);
    for (const [name, value] of Object.entries(expected)) {
      assertEquals(target[name as keyof WebSocketTarget], value, name);
    }
    assertEquals(parseWebSocketUrl(new URL(url)), target);
  });
}

for (
  const url of [
    "",
    "example.org",
    "/chat",
    "ftp://example.org",
    "wsc://x",
    "ws://",
    "ws://a b",
    "ws://h/#x",
    "ws://h/#",
    "ws+unix:",
    "ws+unix:/s:chat",
    "ws://h:99999",
    "ws://good.com\0.evil.com/",
    "ws://us%zzer@h/",
    "ws://user:p%ff@h/",
    "ws+unix:/s%c2:/t",
  ]
) {
  Deno.test(`WebSocket URL ${JSON.stringify(url)} is refused, and not repeated`, () => {
    const error = assertThrows(() => parseWebSocketUrl(url), TypeError);
    assertEquals(url.length > 8 && error.message.includes(url), false);
  });
}

Deno.test("display form of a URL has no secrets", () => {
  const { display } = parseWebSocketUrl("wss://user:pass@h:1/path?token=x");
  assertEquals(display, "wss://h:1");
});
