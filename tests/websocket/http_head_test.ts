import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  checkHttpHeadLimits,
  HttpFields,
  type HttpHeadFault,
  type HttpHeadLimits,
  HttpHeadReader,
  type HttpRequestHead,
  type HttpResponseHead,
  parseRequestHead,
  parseResponseHead,
} from "../../websocket/http_head.ts";

function latin1(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

/** Reads a request in pieces of `size` bytes, and what is left over. */
function read(
  text: string,
  size = Infinity,
  limits?: HttpHeadLimits,
): HttpRequestHead | HttpHeadFault | "more" {
  const reader = new HttpHeadReader("request", limits);
  const bytes = latin1(text);
  for (let at = 0; at < bytes.length; at += size) {
    const used = reader.push(bytes.subarray(at, Math.min(bytes.length, at + size)));
    if (reader.fault) return reader.fault;
    if (used >= 0) return parseRequestHead(reader.text);
  }
  return "more";
}

function status(text: string, limits?: HttpHeadLimits): number | string {
  const result = read(text, Infinity, limits);
  // What is wrong is told at the same place however the bytes are cut.
  assertEquals(read(text, 1, limits), result);
  assertEquals(read(text, 3, limits), result);
  return typeof result === "string" ? result : "message" in result ? result.status : "ok";
}

Deno.test("request head is read the same in any pieces, and the rest is left alone", () => {
  const text = "GET /chat?a=b HTTP/1.1\r\nHost: h:80\r\nX:\t a \xe9 b \r\nEmpty:\r\nx: c\r\n\r\n";
  fc.assert(fc.property(fc.array(fc.nat(text.length)), (cuts) => {
    const reader = new HttpHeadReader("request");
    const points = [...cuts, text.length + 4].sort((a, b) => a - b);
    const bytes = latin1(`${text}rest`);
    let at = 0;
    let end = -1;
    for (const point of points) {
      const used = reader.push(bytes.subarray(at, point));
      if (used >= 0) {
        end = at + used;
        break;
      }
      at = point;
    }
    assertEquals(end, text.length);
    assertEquals(reader.size, text.length);
    assertEquals(reader.text, text);
  }));
  const head = read(text) as HttpRequestHead;
  assertEquals([head.method, head.target, head.minorVersion], ["GET", "/chat?a=b", 1]);
  assertEquals((read("GET / HTTP/1.0\r\n\r\n") as HttpRequestHead).minorVersion, 0);
  assertEquals([...head.fields], [["host", "h:80"], ["x", "a \xe9 b"], ["empty", ""], ["x", "c"]]);
});

for (
  const [name, text, expected] of [
    ["a bare LF", "GET / HTTP/1.1\nHost: h\n\n", 400],
    ["a bare CR", "GET / HTTP/1.1\rHost: h\r\n\r\n", 400],
    ["a CR before CRLF", "GET / HTTP/1.1\r\r\n\r\n", 400],
    ["a folded header", "GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", 400],
    ["a header folded by a tab", "GET / HTTP/1.1\r\nA: b\r\n\tc\r\n\r\n", 400],
    ["a space before the colon", "GET / HTTP/1.1\r\nHost : h\r\n\r\n", 400],
    ["a header without a colon", "GET / HTTP/1.1\r\nHost\r\n\r\n", 400],
    ["a header without a name", "GET / HTTP/1.1\r\n: h\r\n\r\n", 400],
    ["NUL in a value", "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", 400],
    ["DEL in a value", "GET / HTTP/1.1\r\nA: b\x7fc\r\n\r\n", 400],
    ["a byte above 127 in a name", "GET / HTTP/1.1\r\n\xc4: b\r\n\r\n", 400],
    ["a byte above 127 in the target", "GET /\xe9 HTTP/1.1\r\n\r\n", 400],
    ["an empty line first", "\r\nGET / HTTP/1.1\r\nHost: h\r\n\r\n", "ok"],
    ["an empty line and a bad first line", "\r\nGET /\r\n\r\n", 400],
    ["two empty lines first", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", 400],
    ["an empty line without CR first", "\nGET / HTTP/1.1\r\n\r\n", 400],
    ["an empty line and a folded header", "\r\n A: b\r\nGET / HTTP/1.1\r\n\r\n", 400],
    ["two spaces in the first line", "GET  / HTTP/1.1\r\n\r\n", 400],
    ["no version", "GET /\r\n\r\n", 400],
    ["more behind the version", "GET / HTTP/1.1 x\r\n\r\n", 400],
    ["a tab in the first line", "GET\t/\tHTTP/1.1\r\n\r\n", 400],
    ["a method that is no token", "G(T / HTTP/1.1\r\n\r\n", 400],
    ["HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 505],
    ["a lower-case version", "GET / http/1.1\r\n\r\n", 400],
    ["an SSH banner", "SSH-2.0-OpenSSH_9.2p1\r\n", 400],
    ["a TLS hello", "\x16\x03\x01\x02\0\x01", 400],
    ["a SOCKS hello", "\x05\x01\0", 400],
    ["HTTP/1.0", "GET / HTTP/1.0\r\n\r\n", "ok"],
    ["the first and the last visible character as target", "GET !~ HTTP/1.1\r\n\r\n", "ok"],
    ["a star as target", "OPTIONS * HTTP/1.1\r\n\r\n", "ok"],
    ["no end", "GET / HTTP/1.1\r\nHost: h\r\n", "more"],
  ] as const
) {
  Deno.test(`request head with ${name} gives ${expected}`, () => {
    assertEquals(status(text), expected);
  });
}

Deno.test("request head leaves out an empty line in front, and counts it for the largest head", () => {
  const head = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";
  const bytes = latin1(`\r\n${head}rest`);
  for (let cut = 0; cut < bytes.length; cut++) {
    const reader = new HttpHeadReader("request");
    let used = reader.push(bytes.subarray(0, cut));
    if (used < 0) used = cut + reader.push(bytes.subarray(cut));
    assertEquals([used, reader.size, reader.text], [head.length + 2, head.length + 2, head]);
  }
  assertEquals(status(`\r\n${head}`, { maxHeadSize: head.length }), 431);
  assertEquals(status(`\r\n${head}`, { maxLineSize: 16 }), "ok");
});

Deno.test("response head with an empty line in front is refused", () => {
  const reader = new HttpHeadReader("response");
  assertEquals(reader.push(latin1("\r\nHTTP/1.1 101 ok\r\n\r\n")), -1);
  assertEquals(reader.fault?.status, 400);
});

Deno.test("request head with an absolute target for its own host has the path as target, and no other", () => {
  for (
    const [target, host, expected] of [
      ["http://example.org/chat?a=b", "example.org", "/chat?a=b"],
      ["HTTPS://Example.org:8443/", "example.ORG:8443", "/"],
      ["http://example.org", "example.org", "/"],
      ["http://example.org?a=b", "example.org", "/?a=b"],
      ["http://[::1]:80//x", "[::1]:80", "//x"],
      ["http://example.org/", "evil.example", "http://example.org/"],
      ["http://example.org/", "example.org:80", "http://example.org/"],
      ["http://u@example.org/", "example.org", "http://u@example.org/"],
      ["http://example.org@evil.example/", "example.org", "http://example.org@evil.example/"],
      ["http:///chat", "", "http:///chat"],
      ["ftp://example.org/", "example.org", "ftp://example.org/"],
      ["//example.org/", "example.org", "//example.org/"],
    ]
  ) {
    const head = parseRequestHead(`GET ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`);
    assert("target" in head);
    assertEquals(head.target, expected);
  }
});

Deno.test("request head keeps to its limits, each told as soon as it is passed", () => {
  const first = "GET / HTTP/1.1\r\n";
  const limits = { maxHeadSize: 100, maxLineSize: 50, maxHeaderCount: 3 };
  assertEquals(status(`${first}a: 1\r\nb: 2\r\nc: 3\r\n\r\n`, limits), "ok");
  assertEquals(status(`${first}a: 1\r\nb: 2\r\nc: 3\r\nd: 4\r\n`, limits), 431);
  assertEquals(status(`${first}a: ${"x".repeat(45)}\r\n\r\n`, limits), "ok");
  assertEquals(status(`${first}a: ${"x".repeat(48)}`, limits), 431);
  assertEquals(status(`GET /${"x".repeat(46)}`, limits), 414);
  assertEquals(
    status(`${first}a: ${"x".repeat(40)}\r\nb: ${"x".repeat(40)}\r\n\r\n`, limits),
    431,
  );
});

Deno.test("request head of 10 MB without an end is cut off at the limit", () => {
  const reader = new HttpHeadReader("request");
  reader.push(latin1("GET / HTTP/1.1\r\nA: "));
  let pushed = 0;
  while (!reader.fault && pushed < 10_000_000) {
    reader.push(latin1("x"));
    pushed++;
  }
  assert(pushed < 8200);
  assertEquals(reader.fault?.status, 431);
  assertEquals(reader.push(latin1("\r\n\r\n")), -1);
});

Deno.test("request head with raised limits is read byte by byte in linear time", () => {
  const text = `GET / HTTP/1.1\r\nA: ${"x".repeat(300_000)}\r\n\r\n`;
  const limits = { maxHeadSize: 1e6, maxLineSize: 1e6 };
  const start = performance.now();
  assert(typeof read(text, 1, limits) === "object");
  // Quadratic copying of 300,000 pieces would be 45 GB.
  assert(performance.now() - start < 3000);
});

Deno.test("response head has status and reason, and faults of its own", () => {
  const parse = (text: string): HttpResponseHead | HttpHeadFault => {
    const reader = new HttpHeadReader("response");
    const used = reader.push(latin1(text));
    return reader.fault ?? (assertEquals(used, text.length), parseResponseHead(reader.text));
  };
  const head = parse("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n");
  assert("reason" in head);
  assertEquals([head.status, head.reason, head.minorVersion], [101, "Switching Protocols", 1]);
  assertEquals((parse("HTTP/1.0 200\r\n\r\n") as HttpResponseHead).reason, "");
  for (
    const bad of ["HTTP/1.1 1 x", "HTTP/1.1 099 x", "HTTP/2 200 x", "ICY 200 OK", "HTTP/1.1  200"]
  ) {
    assertEquals((parse(`${bad}\r\n\r\n`) as HttpHeadFault).status, 400, bad);
  }
  assertEquals((parse("HTTP/1.1 101 x\r\nA b\r\n\r\n") as HttpHeadFault).status, 400);
});

Deno.test("header bytes from 0x80 to 0xff are kept as Latin-1", () => {
  const all = Array.from({ length: 128 }, (_, i) => String.fromCharCode(128 + i)).join("");
  const head = read(`GET / HTTP/1.1\r\nA: x${all}x\r\n\r\n`) as HttpRequestHead;
  assertEquals(head.fields.get("a"), `x${all}x`);
});

Deno.test("fields compare names without case, and __proto__ is a name", () => {
  const fields = new HttpFields([["A", "1"], ["__proto__", "2"], ["a", "3"]]);
  assertEquals(fields.get("A"), "1, 3");
  assertEquals(fields.getAll("a"), ["1", "3"]);
  assertEquals(fields.get("__PROTO__"), "2");
  assertEquals(fields.get("constructor"), undefined);
  assertEquals(["a", "A", "__proto__"].map((name) => fields.has(name)), [true, true, true]);
  assertEquals(fields.has("toString"), false);
  assertEquals(fields.size, 3);
  assertEquals(fields.toHeaders().get("a"), "1, 3");
});

Deno.test("cookies of several lines are one list of cookies in Headers", () => {
  const fields = new HttpFields([["Cookie", "a=1"], ["x", "1"], ["cookie", "b=2; c=3"]]);
  assertEquals([...fields.toHeaders()], [["cookie", "a=1; b=2; c=3"], ["x", "1"]]);
});

Deno.test("fields of a head are found in its text, and are a list like any other once a line is added", () => {
  const text =
    "GET /host:x HTTP/1.1\r\nHost: \t h:80 \r\nA:1\r\nEmpty:\r\nhost-b: no\r\na:  2, 3\r\n\r\n";
  const { fields } = parseRequestHead(text) as HttpRequestHead;
  const look = () => {
    assertEquals(fields.get("HOST"), "h:80");
    assertEquals([fields.get("a"), fields.getAll("A")], ["1, 2, 3", ["1", "2, 3"]]);
    assertEquals([fields.get("empty"), fields.has("Empty")], ["", true]);
    for (const name of ["", "ost", "get /host", "host: ", "\r\na", "1\r\nempty", ":", "no", "é"]) {
      assertEquals([fields.get(name), fields.getAll(name), fields.has(name)], [
        undefined,
        [],
        false,
      ]);
    }
  };
  look();
  assertEquals(fields.size, 5);
  look();
  fields.append("New", "4");
  look();
  const names = ["host", "a", "empty", "host-b", "a", "new"];
  assertEquals([...fields].map(([name]) => name), names);
  assertEquals(fields.get("new"), "4");
  const { fields: appended } = parseRequestHead(text) as HttpRequestHead;
  appended.append("host", "other");
  assertEquals(appended.getAll("Host"), ["h:80", "other"]);
  const { fields: none } = parseRequestHead("GET / HTTP/1.1\r\n\r\n") as HttpRequestHead;
  assertEquals([none.size, none.get("host"), [...none]], [0, undefined, []]);
});

Deno.test("text that is not a whole head is refused, and does not hold the parser", () => {
  for (
    const text of [
      "",
      "GET / HTTP/1.1",
      "GET / HTTP/1.1\r\nA: b",
      "G A:b HTTP/1.1",
      "\r\n",
      "\r\n\r\n",
    ]
  ) {
    assert("message" in parseRequestHead(text), text);
    assert("message" in parseResponseHead(text.replace("GET / HTTP/1.1", "HTTP/1.1 200")), text);
  }
});

Deno.test("a fault of the first line is told before one behind it, however the bytes are cut", () => {
  for (
    const text of ["GET /\r\nA\x00b\r\n\r\n", "GET / HTTP/2.0\r\nA:\n", "GET / HTTP/1.1\r\nA\x00b"]
  ) {
    assert(status(text) !== "more");
  }
  assertEquals(status("GET / HTTP/2.0\r\n folded\r\n\r\n"), 505);
});

Deno.test("head reader that has refused a head stays with that, whatever comes behind", () => {
  for (const kind of ["request", "response"] as const) {
    const reader = new HttpHeadReader(kind);
    assertEquals(reader.push(latin1("nonsense\n")), -1);
    const { fault, size } = reader;
    assertEquals(fault?.status, 400);
    const good = kind === "request" ? "GET / HTTP/1.1" : "HTTP/1.1 200 OK";
    assertEquals(reader.push(latin1(`${good}\r\nA: b\r\n\r\n`)), -1);
    assertEquals([reader.fault, reader.text, reader.size], [fault, "", size]);
  }
});

Deno.test("head reader never throws, and any pieces give the same result", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary-ascii", maxLength: 80 }),
    fc.string({ unit: "binary-ascii", maxLength: 40 }).map((s) => `GET / HTTP/1.1\r\n${s}\r\n\r\n`),
  );
  fc.assert(fc.property(text, fc.integer({ min: 1, max: 9 }), (text, size) => {
    const whole = read(text);
    const pieces = read(text, size);
    if (typeof whole === "object" && "fields" in whole && typeof pieces === "object") {
      assert("fields" in pieces);
      assertEquals([...pieces.fields], [...whole.fields]);
    } else assertEquals(pieces, whole);
  }));
});

Deno.test("limits of a head that let nothing in, or mean nothing, are refused", () => {
  checkHttpHeadLimits({});
  checkHttpHeadLimits({ maxHeadSize: 1, maxLineSize: Infinity, maxHeaderCount: undefined });
  for (const name of ["maxHeadSize", "maxLineSize", "maxHeaderCount"]) {
    for (const limit of [0, -1, NaN]) {
      assertThrows(() => checkHttpHeadLimits({ [name]: limit }), RangeError, name);
    }
    // From a configuration that was read, perhaps.
    assertThrows(() => checkHttpHeadLimits({ [name]: "5" as never }), RangeError, name);
  }
  assertThrows(() => checkHttpHeadLimits({ maxHeads: 1 } as never), TypeError, "maxHeads");
  for (const none of [null, 5, "5"]) {
    assertThrows(() => checkHttpHeadLimits(none as never), TypeError, "no object");
  }
});
