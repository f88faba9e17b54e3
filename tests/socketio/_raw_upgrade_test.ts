import {
  assert,
  assertEquals,
  assertMatch,
  assertStrictEquals,
  assertStringIncludes,
} from "@std/assert";
import { reported } from "../_support/console_errors.ts";
import { pair, type PairEnd } from "../../net/pair.ts";
import { type HttpRequestHead, parseRequestHead } from "../../websocket/http_head.ts";
import { Departures } from "../../socketio/_departures.ts";
import { RawSocket, type RawSocketOptions } from "../../socketio/_raw_socket.ts";
import { DeflatedSocket } from "../../socketio/_deflated_socket.ts";
import { RawEngineRequest, RawUpgrade, toEngineHeaders } from "../../socketio/_raw_upgrade.ts";

const VALID = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

function request(headers = VALID, options: Partial<RawSocketOptions> = {}): {
  upgrade: RawUpgrade;
  far: PairEnd;
} {
  const text = `GET /socket.io/?EIO=4 HTTP/1.1\r\nHost: example.org\r\n${headers}\r\n`;
  const [transport, far] = pair();
  const head = parseRequestHead(text) as HttpRequestHead;
  const raw = { head, text, transport, rest: new Uint8Array(0), encrypted: true };
  const upgrade = new RawUpgrade(raw, {
    maxMessageSize: 1000,
    departures: new Departures(1000),
    deflate: undefined,
    ...options,
  });
  return { upgrade, far };
}

async function readAll(far: PairEnd): Promise<string> {
  const buffer = new Uint8Array(4096);
  const n = await far.read(buffer);
  return new TextDecoder().decode(buffer.subarray(0, n ?? 0));
}

Deno.test("a request on a raw connection tells of the connection under both of Node's names", () => {
  const { upgrade } = request();
  const { connection, socket } = upgrade.request;
  assertEquals(connection, { encrypted: true, remoteAddress: upgrade.remoteAddress });
  assertStrictEquals(socket, connection);
  assertStrictEquals(upgrade.request.connection, connection);
});

Deno.test("raw upgrade answers a valid handshake, with the headers of the program", async () => {
  const { upgrade, far } = request();
  const socket = await upgrade.accept({ "X-A": "b", "Set-Cookie": ["c=1", "d=2"] });
  assert(socket instanceof RawSocket);
  assert(upgrade.done);
  const answer = await readAll(far);
  assertMatch(answer, /^HTTP\/1\.1 101 /);
  assertStringIncludes(answer, "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n");
  assertStringIncludes(answer, "X-A: b\r\nSet-Cookie: c=1\r\nSet-Cookie: d=2\r\n\r\n");
  socket.terminate();
  far.close();
});

Deno.test("raw upgrade agrees to compress where both sides want to", async () => {
  const offer = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
  const { upgrade, far } = request(VALID + offer, { deflate: {} });
  const socket = await upgrade.accept({});
  assert(socket instanceof DeflatedSocket);
  assertStringIncludes(await readAll(far), "Sec-WebSocket-Extensions: permessage-deflate\r\n");
  socket.terminate();
  far.close();
  const plain = request(VALID + offer);
  const other = await plain.upgrade.accept({});
  assert(!(await readAll(plain.far)).includes("Extensions"));
  other!.terminate();
  plain.far.close();
});

Deno.test("raw upgrade chooses the first subprotocol that is offered", async () => {
  const offer = "Sec-WebSocket-Protocol: one, two\r\n";
  const { upgrade, far } = request(VALID + offer);
  const socket = await upgrade.accept({});
  assertStringIncludes(await readAll(far), "\r\nSec-WebSocket-Protocol: one\r\n");
  socket!.terminate();
  far.close();
});

Deno.test("raw upgrade tells whose handshake is not valid", async () => {
  const cases: [headers: string, status: string][] = [
    [VALID.replace("13", "12"), "426"],
    [VALID.replace("dGhlIHNhbXBsZSBub25jZQ==", "abc"), "400"],
    [VALID + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n", "400"],
    [VALID.replace("Connection: Upgrade\r\n", ""), "400"],
    [VALID + "Content-Length: 5\r\n", "400"],
  ];
  for (const [headers, status] of cases) {
    const { upgrade, far } = request(headers);
    assertEquals(await upgrade.accept({}), undefined);
    assertMatch(await readAll(far), new RegExp(`^HTTP/1\\.1 ${status} `));
    assert(upgrade.done);
    far.close();
  }
});

Deno.test("raw upgrade sends no header that would break the response", async () => {
  const { upgrade, far } = request();
  await reported(async () => {
    assertEquals(await upgrade.accept({ "X-A": "b\r\nX-Evil: c" }), undefined);
  });
  assertMatch(await readAll(far), /^HTTP\/1\.1 500 /);
  far.close();
});

Deno.test("raw upgrade is refused once", async () => {
  const { upgrade, far } = request();
  upgrade.refuse(403, { "X-A": "b" }, "Forbidden");
  upgrade.refuse(400, {}, "again");
  const answer = await readAll(far);
  assertMatch(answer, /^HTTP\/1\.1 403 /);
  assertStringIncludes(answer, "X-A: b\r\n");
  assertStringIncludes(answer, "\r\n\r\nForbidden");
  far.close();
});

Deno.test("raw request tells the method that it came with", () => {
  const text = `POST /socket.io/?EIO=4 HTTP/1.1\r\n${VALID}\r\n`;
  const head = parseRequestHead(text) as HttpRequestHead;
  const [transport] = pair();
  const raw = { head, text, transport, rest: new Uint8Array(0), encrypted: false };
  assertEquals(new RawEngineRequest(raw, "").method, "POST");
  transport.close();
});

Deno.test("raw request has the fields of a request, taken apart when they are looked at", () => {
  const { upgrade, far } = request(
    `${VALID}Origin: https://a.org\r\nCookie: a=1\r\nCookie: b=2\r\nX-A: 1\r\nx-a: 2\r\n`,
  );
  const { request: raw } = upgrade;
  assertEquals([upgrade.origin, upgrade.host], ["https://a.org", "example.org"]);
  assertEquals(raw.headers.cookie, "a=1; b=2");
  assertEquals(raw.headers["x-a"], "1, 2");
  assertEquals(raw._query?.EIO, "4");
  assertEquals(raw.connection.encrypted, true);
  assertEquals([raw.method, raw.url], ["GET", "/socket.io/?EIO=4"]);
  assert(raw.headers === raw.headers);
  (raw as RawEngineRequest).forget();
  assertEquals(raw.headers.host, "example.org");
  far.close();
});

Deno.test("headers have no prototype", () => {
  const head = parseRequestHead("GET / HTTP/1.1\r\n__proto__: x\r\n\r\n") as HttpRequestHead;
  const headers = toEngineHeaders(head);
  assertEquals(Object.getPrototypeOf(headers), null);
  assertEquals(headers["__proto__"], "x");
});

Deno.test("raw upgrade refuses with a status and headers that can't be sent", async () => {
  await reported(async () => {
    for (const [status, value] of [[403, "a\nb"], [700, "a"]] as const) {
      const { upgrade, far } = request();
      upgrade.refuse(status, { "X-A": value }, "no");
      assertMatch(await readAll(far), /^HTTP\/1\.1 500 /);
      far.close();
    }
  });
});
