import { assert, assertEquals } from "@std/assert";
import { HandshakeInfo } from "../../websocket/_handshake_info.ts";

const REQUEST =
  "GET //evil/chat?a=b HTTP/1.1\r\nHost: example.org:8080\r\nX-A: 1\r\nx-a: 2\r\n\r\n";

Deno.test("handshake info makes URL, headers and request from the text that came", () => {
  const info = new HandshakeInfo("request", REQUEST, undefined, false);
  assertEquals(info.url, "ws://example.org:8080//evil/chat?a=b");
  assertEquals(info.headers.get("x-a"), "1, 2");
  assertEquals(info.request?.url, "http://example.org:8080//evil/chat?a=b");
  assertEquals(info.request?.method, "GET");
  const secure = new HandshakeInfo("request", REQUEST, undefined, true);
  assertEquals(secure.url, "wss://example.org:8080//evil/chat?a=b");
  assertEquals(secure.request?.url.slice(0, 6), "https:");
  assertEquals(info.requestWith(AbortSignal.abort()).signal.aborted, true);
  assertEquals(info.data, undefined);
});

Deno.test("handshake info makes a request of many headers at once", () => {
  const many = Array.from({ length: 12_000 }, (_, i) => `x${i}:\r\n`).join("");
  const text = `GET / HTTP/1.1\r\nHost: h\r\n${many}Cookie: a=1\r\nCookie: b=2\r\n\r\n`;
  const info = new HandshakeInfo("request", text, undefined, false);
  const before = performance.now();
  const request = info.requestWith();
  // From a `Headers` object it takes some 20 seconds.
  assert(performance.now() - before < 5000);
  assertEquals([request.headers.get("x11999"), request.headers.get("cookie")], ["", "a=1; b=2"]);
});

Deno.test("handshake info of a client has the server's headers, and no request", () => {
  const text = "HTTP/1.1 101 x\r\nSet-Cookie: a=b\r\n\r\n";
  const info = new HandshakeInfo("response", text, "wss://example.org/", true);
  assertEquals(info.url, "wss://example.org/");
  assertEquals(info.headers.get("set-cookie"), "a=b");
  assertEquals(info.request, undefined);
});
