import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  HttpConnectHandshake,
  type HttpConnectHandshakeOptions,
} from "../../net/http_connect_handshake.ts";
import { cut, hex, join, text, utf8 } from "../_support/framing.ts";

const TARGET = { hostname: "example.org", port: 443 };

function start(options?: HttpConnectHandshakeOptions): HttpConnectHandshake {
  return new HttpConnectHandshake(TARGET, options);
}

/** The error code and the status after an answer. */
function answered(
  answer: string | Uint8Array,
  options?: HttpConnectHandshakeOptions,
): [boolean, string | undefined, number | undefined] {
  const handshake = start(options);
  handshake.receive(typeof answer === "string" ? utf8(answer) : answer);
  return [handshake.done, handshake.error?.code, handshake.error?.status];
}

Deno.test("HTTP CONNECT sends the target, Basic credentials and further fields", () => {
  const handshake = start({
    username: "Aladdin",
    password: "open sesame",
    headers: { "User-Agent": "x" },
  });
  // The credentials and their encoding are the example of RFC 7617 §2.
  assertEquals(
    text(handshake.takeOutput()),
    "CONNECT example.org:443 HTTP/1.1\r\nHost: example.org:443\r\n" +
      "Proxy-Authorization: Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==\r\nUser-Agent: x\r\n\r\n",
  );
  assertEquals(handshake.takeOutput(), hex(""));
  // And that of §2.1, in UTF-8.
  const pound = text(start({ username: "test", password: "123£" }).takeOutput());
  assert(pound.includes("Basic dGVzdDoxMjPCow=="));
});

Deno.test("HTTP CONNECT writes IPv6 in brackets", () => {
  const handshake = new HttpConnectHandshake({ hostname: "2001:DB8::1", port: 80 });
  assert(text(handshake.takeOutput()).startsWith("CONNECT [2001:db8::1]:80 HTTP/1.1\r\n"));
});

Deno.test("HTTP CONNECT takes every success, and interim answers before it", () => {
  for (
    const answer of [
      "HTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.0 200 Connection established\r\nA: b\r\n\r\n",
      "HTTP/1.1 299\r\n\r\n",
      "HTTP/1.1 200 \r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 100 Continue\r\nA: b\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
    ]
  ) {
    assertEquals(answered(answer), [true, undefined, undefined], answer);
  }
});

Deno.test("HTTP CONNECT gives back what follows the answer, however it is cut", () => {
  const sizes = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 5 });
  fc.assert(fc.property(fc.uint8Array(), sizes, (more, cuts) => {
    const handshake = start();
    const answer = utf8("HTTP/1.1 100 A\r\n\r\nHTTP/1.1 200 OK\r\nVia: 1.1 é\r\n\r\n");
    for (const chunk of cut(join([answer, more]), cuts)) handshake.receive(chunk);
    assertEquals([handshake.done, handshake.error], [true, undefined]);
    assertEquals(handshake.leftover, more);
  }));
});

Deno.test("HTTP CONNECT reports refusals by code and status", () => {
  assertEquals(answered("HTTP/1.1 407 Who\r\n\r\n"), [false, "ERR_PROXY_AUTH", 407]);
  for (const status of [301, 403, 404, 502, 503, 504]) {
    assertEquals(answered(`HTTP/1.1 ${status} x\r\n\r\n`), [false, "ERR_PROXY_REFUSED", status]);
  }
  const handshake = start({ username: "us3r", password: "s3cr3t" });
  handshake.receive(utf8("HTTP/1.1 407 us3r s3cr3t\r\n\r\n"));
  assertEquals(
    handshake.error?.message,
    'Cannot connect to "example.org:443" through proxy: it refused the credentials (status 407)',
  );
});

Deno.test("HTTP CONNECT refuses answers that are not clean HTTP/1", () => {
  for (
    const answer of [
      "HTTP/2 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 600 OK\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\n\n",
      "HTTP/1.1 200 OK\r\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA: b\n\r\n",
      "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
      "HTTP/1.1 200 OK\r\n: x\r\n\r\n",
      "HTTP/1.1 200 OK\r\nA : x\r\n\r\n",
      "HTTP/1.1 200 OK\r\n folded: x\r\n\r\n",
      "HTTP/1.1 101 Switching\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "SSH-2.0-x\r\n",
      hex("0500"),
      hex("160301"),
    ]
  ) {
    assertEquals(answered(answer), [false, "ERR_PROXY_PROTOCOL", undefined], String(answer));
  }
});

Deno.test("HTTP CONNECT shows another protocol at its first bytes", () => {
  assertEquals(answered("S")[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered("HTTX")[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered("HTTP")[1], undefined);
  assertEquals(answered("HTTP2")[1], "ERR_PROXY_PROTOCOL");
});

Deno.test("HTTP CONNECT limits the answer: its bytes, its fields, its interim answers", () => {
  const start200 = "HTTP/1.1 200 OK\r\n";
  assertEquals(answered(`HTTP/1.1 200 ${"x".repeat(17_000)}`)[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered(`${start200}${"A: b\r\n".repeat(100)}\r\n`)[0], true);
  assertEquals(answered(`${start200}${"A: b\r\n".repeat(101)}\r\n`)[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered("HTTP/1.1 100 A\r\n\r\n".repeat(1000))[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered(`${start200}\r\n`, { maxHeadLength: 10 })[1], "ERR_PROXY_PROTOCOL");
  assertEquals(answered(`${start200}\r\n`, { maxHeadLength: 19 })[0], true);
  assertEquals(answered(`${start200}\r\n`, { maxHeadLength: 18 })[1], "ERR_PROXY_PROTOCOL");
  assertThrows(() => start({ maxHeadLength: 0 }), RangeError);
});

Deno.test("HTTP CONNECT reports a proxy that closes at any point, and reads nothing after a failure", () => {
  const answer = utf8("HTTP/1.1 200 OK\r\n\r\n");
  for (let at = 0; at < answer.length; at++) {
    const handshake = start();
    handshake.receive(answer.subarray(0, at));
    handshake.end();
    assertEquals(handshake.error?.code, "ECONNRESET");
    handshake.receive(answer);
    assertEquals([handshake.done, handshake.leftover], [false, hex("")]);
  }
  const refused = start();
  refused.receive(utf8("HTTP/1.1 403 No\r\n\r\nHTTP/1.1 200 OK\r\n\r\n"));
  assertEquals([refused.done, refused.error?.status], [false, 403]);
});

Deno.test("HTTP CONNECT sends nothing that could end its head early", () => {
  for (
    const hostname of ["a\r\nb", "a b", "a\0b", "", "fe80::1%eth0", "x".repeat(256), "a/b", "u@h"]
  ) {
    assertThrows(() => new HttpConnectHandshake({ hostname, port: 80 }), TypeError);
  }
  for (const port of [0, 65536, 1.5]) {
    assertThrows(() => new HttpConnectHandshake({ hostname: "a", port }), RangeError);
  }
  const wrong: HttpConnectHandshakeOptions[] = [
    { username: "s3cr3t:x" },
    { username: "s3cr3t\r\n" },
    { username: "u", password: "s3cr3t\n" },
    { password: "s3cr3t" },
    { headers: { "A B": "s3cr3t" } },
    { headers: { "A": "s3cr3t\r\nB: c" } },
    { headers: { "A": "s3cr3té" } },
    { headers: { "Host": "s3cr3t" } },
    { headers: { "proxy-Authorization": "s3cr3t" } },
    { headers: { "Transfer-Encoding": "s3cr3t" } },
  ];
  for (const options of wrong) {
    const error = assertThrows(() => start(options), TypeError);
    assertEquals(error.message.includes("s3cr3t"), false);
  }
});

Deno.test("HTTP CONNECT survives random bytes", () => {
  const piece = fc.oneof(
    fc.uint8Array({ maxLength: 20 }),
    fc.constantFrom("HTTP/1.1 200", "\r\n", " ", ":", "A: b\r\n").map(utf8),
  );
  fc.assert(fc.property(fc.array(piece), (pieces) => {
    const handshake = start();
    handshake.receive(join(pieces));
    handshake.end();
    assert(handshake.done || handshake.error !== undefined);
  }));
});
