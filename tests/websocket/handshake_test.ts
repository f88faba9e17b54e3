import { assert, assertEquals, assertThrows } from "@std/assert";
import { STATUS_CODES } from "node:http";
import {
  WebSocketHandshakeError,
  type WebSocketHandshakeErrorCode,
} from "../../websocket/errors.ts";
import {
  type AgreedHandshake,
  buildClientHandshake,
  buildRefusal,
  buildServerHandshake,
  checkClientHandshake,
  checkServerHandshake,
  checkSubprotocols,
  type ClientExpectation,
  type ClientRequest,
  type HandshakeRefusal,
  isUpgradeRequest,
} from "../../websocket/handshake.ts";
import {
  HttpHeadReader,
  type HttpRequestHead,
  type HttpResponseHead,
  parseRequestHead,
  parseResponseHead,
} from "../../websocket/http_head.ts";

// RFC 6455 §1.3.
const KEY = "dGhlIHNhbXBsZSBub25jZQ==";
const ACCEPT = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";

function bytes(text: string): Uint8Array {
  return Uint8Array.from(text, (char) => char.charCodeAt(0));
}

function requestHead(text: string): HttpRequestHead {
  const reader = new HttpHeadReader("request");
  assertEquals(reader.push(bytes(text)), text.length, reader.fault?.message);
  const head = parseRequestHead(reader.text);
  assert("target" in head);
  return head;
}

function responseHead(text: string): HttpResponseHead {
  const reader = new HttpHeadReader("response");
  assertEquals(reader.push(bytes(text)), text.length, reader.fault?.message);
  const head = parseResponseHead(reader.text);
  assert("reason" in head);
  return head;
}

const GOOD = {
  Host: "server.example.com",
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Key": KEY,
  "Sec-WebSocket-Version": "13",
};

function check(
  changes: Record<string, string | string[] | undefined> = {},
  line = "GET /chat HTTP/1.1",
): ClientRequest | HandshakeRefusal {
  let text = `${line}\r\n`;
  for (const [name, value] of Object.entries({ ...GOOD, ...changes })) {
    for (const one of value === undefined ? [] : [value].flat()) text += `${name}: ${one}\r\n`;
  }
  return checkClientHandshake(requestHead(`${text}\r\n`));
}

Deno.test("client handshake of the RFC is accepted", () => {
  const request = check({
    Origin: "http://example.com",
    "Sec-WebSocket-Protocol": "chat, superchat",
    "Sec-WebSocket-Extensions": "foo; a=1, bar",
  });
  assertEquals(request, {
    key: KEY,
    protocols: ["chat", "superchat"],
    extensions: [{ name: "foo", params: [["a", "1"]] }, { name: "bar", params: [] }],
    origin: "http://example.com",
    host: "server.example.com",
  });
});

Deno.test("client handshake may use any case and further tokens", () => {
  const request = check({
    Upgrade: "h2c, WebSocket",
    Connection: "keep-alive, UPGRADE",
    "Content-Length": "0",
  });
  assert("key" in request);
});

for (
  const [name, changes, status] of [
    ["no Upgrade", { Upgrade: undefined }, 426],
    ["another Upgrade", { Upgrade: "h2c" }, 426],
    ["no Connection", { Connection: undefined }, 400],
    ["Connection without Upgrade", { Connection: "keep-alive" }, 400],
    ["no key", { "Sec-WebSocket-Key": undefined }, 400],
    ["a short key", { "Sec-WebSocket-Key": "abc" }, 400],
    ["a key of 17 bytes", { "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZTE=" }, 400],
    ["two keys", { "Sec-WebSocket-Key": [KEY, KEY] }, 400],
    ["no version", { "Sec-WebSocket-Version": undefined }, 400],
    ["version 12", { "Sec-WebSocket-Version": "12" }, 426],
    ["two versions", { "Sec-WebSocket-Version": ["13", "13"] }, 400],
    ["no Host", { Host: undefined }, 400],
    ["two Hosts", { Host: ["a", "b"] }, 400],
    ["a Host with a path", { Host: "a/b" }, 400],
    ["a Host with a user", { Host: "user@a" }, 400],
    ["an empty Host", { Host: "" }, 400],
    ["two origins", { Origin: ["http://a", "http://b"] }, 400],
    ["a body", { "Content-Length": "5" }, 400],
    ["two lengths", { "Content-Length": ["0", "5"] }, 400],
    ["a chunked body", { "Transfer-Encoding": "chunked" }, 400],
    ["a subprotocol that is no token", { "Sec-WebSocket-Protocol": "a b" }, 400],
    ["a subprotocol twice", { "Sec-WebSocket-Protocol": "a, a" }, 400],
    ["a subprotocol twice in two lines", { "Sec-WebSocket-Protocol": ["a", "a"] }, 400],
    ["an empty subprotocol", { "Sec-WebSocket-Protocol": "" }, 400],
    ["bad extensions", { "Sec-WebSocket-Extensions": "a;;" }, 400],
  ] as const
) {
  Deno.test(`client handshake with ${name} is refused with ${status}`, () => {
    const result = check(changes as Record<string, string | string[] | undefined>);
    assert("status" in result);
    assertEquals(result.status, status);
  });
}

for (
  const [line, status] of [
    ["POST / HTTP/1.1", 405],
    ["GET / HTTP/1.0", 400],
    ["GET http://example.com/ HTTP/1.1", 400],
    ["GET * HTTP/1.1", 400],
  ] as const
) {
  Deno.test(`client handshake "${line}" is refused with ${status}`, () => {
    const result = check({}, line);
    assert("status" in result);
    assertEquals(result.status, status);
  });
}

Deno.test("refusal of another version says which one is spoken", () => {
  const result = check({ "Sec-WebSocket-Version": "8" });
  assert("status" in result);
  assertEquals(result.headers.find(([name]) => name === "Sec-WebSocket-Version")?.[1], "13");
});

Deno.test("upgrade request is told from plain HTTP", () => {
  assertEquals(isUpgradeRequest(requestHead("GET / HTTP/1.1\r\nUpgrade: WebSocket\r\n\r\n")), true);
  assertEquals(isUpgradeRequest(requestHead("GET / HTTP/1.1\r\nUpgrade: h2c\r\n\r\n")), false);
  assertEquals(isUpgradeRequest(requestHead("GET / HTTP/1.1\r\n\r\n")), false);
});

Deno.test("client handshake that was built is one that a server accepts", () => {
  const text = buildClientHandshake({
    target: "/chat?x=1",
    host: "example.org:8080",
    key: KEY,
    protocols: ["a", "b"],
    deflate: {},
    origin: "https://example.org",
    headers: [["Authorization", "Bearer x"], ["Cookie", "a=b; c=d"]],
  });
  const head = requestHead(text);
  assertEquals(head.fields.get("authorization"), "Bearer x");
  const request = checkClientHandshake(head);
  assert("key" in request);
  assertEquals(request.protocols, ["a", "b"]);
  assertEquals(request.extensions, [{
    name: "permessage-deflate",
    params: [["client_max_window_bits", undefined]],
  }]);
  assertEquals([request.origin, request.host], ["https://example.org", "example.org:8080"]);
});

Deno.test("client handshake refuses characters that would break out of their place", () => {
  const good = { target: "/", host: "h", key: KEY };
  const evil = ["a\r\nb: c", "a\nb", "a\rb", "a\0b", "€"];
  for (const text of evil) {
    for (
      const changes of [
        { target: `/${text}` },
        { host: text },
        { origin: text },
        { protocols: [text] },
        { headers: [["x", text]] as const },
        { headers: [[text, "x"]] as const },
      ]
    ) {
      const error = assertThrows(() => buildClientHandshake({ ...good, ...changes }), TypeError);
      assert(!error.message.includes("\n"));
    }
  }
  for (const target of ["", "chat", "/a b", "http://x/"]) {
    assertThrows(() => buildClientHandshake({ ...good, target }), TypeError);
  }
  assertThrows(() => buildClientHandshake({ ...good, protocols: ["a", "a"] }), TypeError);
});

Deno.test("handshakes refuse to let their own headers be set", () => {
  for (
    const name of ["Host", "upgrade", "Sec-WebSocket-Key", "SEC-WEBSOCKET-ACCEPT", "connection"]
  ) {
    const headers = [[name, "x"]] as const;
    assertThrows(
      () => buildClientHandshake({ target: "/", host: "h", key: KEY, headers }),
      TypeError,
      "the handshake sets it",
    );
    assertThrows(() => buildServerHandshake({ accept: ACCEPT, headers }), TypeError);
  }
});

const ANSWER = {
  Upgrade: "websocket",
  Connection: "Upgrade",
  "Sec-WebSocket-Accept": ACCEPT,
};

function answer(
  changes: Record<string, string | string[] | undefined> = {},
  expectation: Partial<ClientExpectation> = {},
  line = "HTTP/1.1 101 Switching Protocols",
): AgreedHandshake | WebSocketHandshakeError {
  let text = `${line}\r\n`;
  for (const [name, value] of Object.entries({ ...ANSWER, ...changes })) {
    for (const one of value === undefined ? [] : [value].flat()) text += `${name}: ${one}\r\n`;
  }
  return checkServerHandshake(responseHead(`${text}\r\n`), { accept: ACCEPT, ...expectation });
}

Deno.test("server handshake that was built is one that a client accepts", () => {
  const text = buildServerHandshake({
    accept: ACCEPT,
    protocol: "chat",
    extension: { name: "permessage-deflate", params: [["server_max_window_bits", "10"]] },
    headers: [["Set-Cookie", "a=b"]],
  });
  assertEquals(
    checkServerHandshake(responseHead(text), {
      accept: ACCEPT,
      protocols: ["x", "chat"],
      deflate: {},
    }),
    {
      protocol: "chat",
      extensions: "permessage-deflate; server_max_window_bits=10",
      deflate: {
        serverNoContextTakeover: false,
        clientNoContextTakeover: false,
        serverMaxWindowBits: 10,
        clientMaxWindowBits: 15,
      },
    },
  );
});

Deno.test("server handshake without subprotocol and extensions is accepted", () => {
  assertEquals(answer({ Connection: "keep-alive, upgrade", Upgrade: "WebSocket" }), {
    protocol: "",
    extensions: "",
    deflate: undefined,
  });
});

const REFUSED: Array<[
  name: string,
  changes: Record<string, string | string[] | undefined>,
  expectation: Partial<ClientExpectation>,
  code: WebSocketHandshakeErrorCode,
  header: string,
  actual: string | undefined,
]> = [
  ["no Upgrade", { Upgrade: undefined }, {}, "HANDSHAKE_HEADER", "Upgrade", undefined],
  ["another Upgrade", { Upgrade: "h2c" }, {}, "HANDSHAKE_HEADER", "Upgrade", "h2c"],
  ["no Connection", { Connection: undefined }, {}, "HANDSHAKE_HEADER", "Connection", undefined],
  ["another Connection", { Connection: "close" }, {}, "HANDSHAKE_HEADER", "Connection", "close"],
  [
    "no accept",
    { "Sec-WebSocket-Accept": undefined },
    {},
    "HANDSHAKE_ACCEPT",
    "Sec-WebSocket-Accept",
    undefined,
  ],
  [
    "a forged accept",
    { "Sec-WebSocket-Accept": "x" },
    {},
    "HANDSHAKE_ACCEPT",
    "Sec-WebSocket-Accept",
    "x",
  ],
  [
    "two accepts",
    { "Sec-WebSocket-Accept": [ACCEPT, ACCEPT] },
    {},
    "HANDSHAKE_ACCEPT",
    "Sec-WebSocket-Accept",
    `${ACCEPT}, ${ACCEPT}`,
  ],
  [
    "a subprotocol that nobody offered",
    { "Sec-WebSocket-Protocol": "a" },
    {},
    "HANDSHAKE_PROTOCOL",
    "Sec-WebSocket-Protocol",
    "a",
  ],
  [
    "another subprotocol than the offered",
    { "Sec-WebSocket-Protocol": "A" },
    { protocols: ["a"] },
    "HANDSHAKE_PROTOCOL",
    "Sec-WebSocket-Protocol",
    "A",
  ],
  [
    "two subprotocols",
    { "Sec-WebSocket-Protocol": "a, b" },
    { protocols: ["a", "b"] },
    "HANDSHAKE_PROTOCOL",
    "Sec-WebSocket-Protocol",
    "a, b",
  ],
  [
    "two subprotocol headers",
    { "Sec-WebSocket-Protocol": ["a", "a"] },
    { protocols: ["a"] },
    "HANDSHAKE_PROTOCOL",
    "Sec-WebSocket-Protocol",
    "a, a",
  ],
  [
    "an extension that nobody offered",
    { "Sec-WebSocket-Extensions": "permessage-deflate" },
    {},
    "HANDSHAKE_EXTENSION",
    "Sec-WebSocket-Extensions",
    "permessage-deflate",
  ],
  [
    "another extension than the offered",
    { "Sec-WebSocket-Extensions": "permessage-bzip2" },
    { deflate: {} },
    "HANDSHAKE_EXTENSION",
    "Sec-WebSocket-Extensions",
    "permessage-bzip2",
  ],
  [
    "an extension twice",
    { "Sec-WebSocket-Extensions": ["permessage-deflate", "permessage-deflate"] },
    { deflate: {} },
    "HANDSHAKE_EXTENSION",
    "Sec-WebSocket-Extensions",
    "permessage-deflate, permessage-deflate",
  ],
  [
    "a bad parameter",
    { "Sec-WebSocket-Extensions": "permessage-deflate; server_max_window_bits=7" },
    { deflate: {} },
    "HANDSHAKE_EXTENSION",
    "Sec-WebSocket-Extensions",
    "permessage-deflate; server_max_window_bits=7",
  ],
  [
    "extensions that break the grammar",
    { "Sec-WebSocket-Extensions": "permessage-deflate;" },
    { deflate: {} },
    "HANDSHAKE_EXTENSION",
    "Sec-WebSocket-Extensions",
    "permessage-deflate;",
  ],
];

for (const [name, changes, expectation, code, header, actual] of REFUSED) {
  Deno.test(`server handshake with ${name} fails and says so`, () => {
    const error = answer(changes, expectation);
    assert(error instanceof WebSocketHandshakeError);
    assertEquals([error.code, error.header, error.actual], [code, header, actual]);
    assert(error.message.includes(header));
    assert(error.expected !== undefined);
  });
}

Deno.test("server handshake with another subprotocol fails without naming those that were offered", () => {
  const protocols = ["chat", "s3cret"];
  const rows = [["other", '"other"'], ["chat, s3cret", "such a name"], ["S3CRET", "such a name"]];
  for (const [chosen, told] of rows) {
    const error = answer({ "Sec-WebSocket-Protocol": chosen }, { protocols });
    assert(error instanceof WebSocketHandshakeError);
    const { message, expected } = error;
    assertEquals(expected, "one of the 2 that were offered");
    assert(message.includes(expected!) && message.endsWith(told), message);
    assert(!/s3cret|chat/i.test(message), message);
  }
});

Deno.test("server handshake with another status or with HTTP/1.0 fails", () => {
  const refused = answer({}, {}, "HTTP/1.1 403 Forbidden");
  assert(refused instanceof WebSocketHandshakeError);
  assertEquals([refused.code, refused.status], ["HANDSHAKE_STATUS", 403]);
  const old = answer({}, {}, "HTTP/1.0 101 x");
  assert(old instanceof WebSocketHandshakeError);
  assertEquals(old.code, "HANDSHAKE_MALFORMED");
});

Deno.test("handshake error shows foreign bytes as question marks, and not without end", () => {
  const error = answer({ Upgrade: `\x80\xff${"x".repeat(1000)}` });
  assert(error instanceof WebSocketHandshakeError);
  assert(error.message.includes('"??xxx'));
  assert(error.message.length < 300);
});

Deno.test("a refusal has the registered reason of each status", () => {
  // Names that have changed since, jokes, and what a maker of servers has made up.
  const others = new Map([
    ["413", "Content Too Large"],
    ["422", "Unprocessable Content"],
    ["418", ""],
    ["509", ""],
  ]);
  for (const [status, reason] of Object.entries(STATUS_CODES)) {
    if (Number(status) < 200) continue;
    const [line] = buildRefusal(Number(status), "no").split("\r\n");
    assertEquals(line, `HTTP/1.1 ${status} ${others.get(status) ?? reason}`);
  }
});

Deno.test("refusal is a response that ends the connection", () => {
  const text = buildRefusal(426, "This is a WebSocket server", [["Upgrade", "websocket"]]);
  const [head, body] = text.split("\r\n\r\n");
  const { status, fields } = responseHead(`${head}\r\n\r\n`);
  assertEquals(status, 426);
  assertEquals(fields.get("connection"), "upgrade, close");
  assertEquals(Number(fields.get("content-length")), body.length);
  assertEquals(body, "This is a WebSocket server\n");
  assertEquals(buildRefusal(499, "x").startsWith("HTTP/1.1 499 \r\n"), true);
  assertEquals(buildRefusal(204, ""), "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n");
  assertThrows(() => buildRefusal(101, "x"), RangeError);
  assertThrows(() => buildRefusal(400, "x", [["a", "b\r\nc"]]), TypeError);
});

Deno.test("refusal says any text, as UTF-8 and with the type that it is given", () => {
  const parts = (message: string, headers: [string, string][] = []) => {
    const [head, body] = buildRefusal(403, message, headers).split("\r\n\r\n");
    const { fields } = responseHead(`${head}\r\n\r\n`);
    assertEquals(Number(fields.get("content-length")), body.length);
    const bytes = Uint8Array.from(body, (char) => char.charCodeAt(0));
    return [fields.get("content-type"), new TextDecoder().decode(bytes)];
  };
  assertEquals(parts("two\r\nlines"), ["text/plain", "two\r\nlines\n"]);
  assertEquals(parts("5 € – é"), ["text/plain; charset=utf-8", "5 € – é\n"]);
  assertEquals(parts('{"a":1}', [["Content-Type", "application/json"]]), [
    "application/json",
    '{"a":1}\n',
  ]);
});

Deno.test("subprotocols are a list", () => {
  for (const wrong of [null, 5, {}, "chat", new Set(["chat"])]) {
    assertThrows(() => checkSubprotocols(wrong as never), TypeError, "not a list");
  }
});
