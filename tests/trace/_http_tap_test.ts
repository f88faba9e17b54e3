import { assert, assertEquals } from "@std/assert";
import fc from "fast-check";
import { HttpTap } from "../../trace/_http_tap.ts";
import { maskRanges, secretNames } from "../../trace/_secrets.ts";
import type { TraceSide } from "../../trace/trace_event.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A tap, and what both sides look like through it. */
class Rig {
  readonly tap = new HttpTap(secretNames());
  readonly shown: Record<TraceSide, string> = { client: "", server: "" };

  push(from: TraceSide, text: string, size = Infinity): number {
    const all = bytes(text);
    for (let at = 0; at < all.length; at += size) {
      const piece = all.subarray(at, Math.min(all.length, at + size));
      const ranges: number[] = [];
      const found = this.tap.push(from, piece, ranges);
      this.shown[from] += new TextDecoder().decode(maskRanges(piece, ranges));
      if (found >= 0) return at + found;
    }
    return -1;
  }
}

const SECRET = "Cookie: abc\r\n";
const MASKED = "Cookie: ***\r\n";

Deno.test("http tap masks heads and leaves bodies alone", () => {
  const rig = new Rig();
  const body = "\r\nCookie: abc\r\n";
  const head = `POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\n`;
  rig.push("client", `${head}${SECRET}\r\n${body}GET /2 HTTP/1.1\r\n${SECRET}\r\n`);
  assertEquals(
    rig.shown.client,
    `${head}${MASKED}\r\n${body}GET /2 HTTP/1.1\r\n${MASKED}\r\n`,
  );
});

Deno.test("http tap skips chunks and masks the trailer", () => {
  const rig = new Rig();
  const start = "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n";
  const chunks = "f;x=y\r\n\r\nCookie: abc\r\n\r\n1\r\nx\r\n0\r\n";
  const next = "\r\nHTTP/1.1 204 No Content\r\nSet-Cookie: abc\r\n\r\n";
  rig.push("client", "GET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  rig.push("server", `${start}${chunks}${SECRET}${next}`);
  assertEquals(
    rig.shown.server,
    `${start}${chunks}${MASKED}${next.replace("abc", "***")}`,
  );
});

Deno.test("http tap tells no more apart where 1,024 requests wait for answers, and masks in bodies, too", () => {
  const body = "\r\nCookie: abc\r\n";
  const post = `POST / HTTP/1.1\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  for (const [waiting, shown] of [[1023, post], [1024, post.replace("abc", "***")]] as const) {
    const rig = new Rig();
    rig.push("client", "GET / HTTP/1.1\r\n\r\n".repeat(waiting));
    rig.shown.client = "";
    rig.push("client", post);
    assertEquals(rig.shown.client, shown);
    const answer = `HTTP/1.1 200 OK\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
    rig.push("server", answer);
    assertEquals(rig.shown.server, waiting < 1024 ? answer : answer.replace("abc", "***"));
  }
});

Deno.test("http tap knows which answers have no body", () => {
  const rig = new Rig();
  rig.push("client", "HEAD / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n");
  const answer = `HTTP/1.1 200 OK\r\nContent-Length: 5\r\n${SECRET}\r\n`;
  const interim = "HTTP/1.1 103 Early Hints\r\nContent-Length: 7\r\n\r\n";
  rig.push("server", `${answer}${interim}HTTP/1.1 304 X\r\n${SECRET}\r\n${answer}12345`);
  const shown = answer.replace("abc", "***");
  assertEquals(rig.shown.server, `${shown}${interim}HTTP/1.1 304 X\r\n${MASKED}\r\n${shown}12345`);
});

Deno.test("http tap leaves a body without a length alone until the end", () => {
  const rig = new Rig();
  rig.push("client", "GET / HTTP/1.0\r\n\r\n");
  rig.push("server", `HTTP/1.0 200 OK\r\n\r\n\r\n${SECRET}`);
  assertEquals(rig.shown.server, `HTTP/1.0 200 OK\r\n\r\n\r\n${SECRET}`);
});

for (
  const [what, first] of [
    ["a length that is none", "Content-Length: -1\r\n\r\n"],
    ["two lengths", "Content-Length: 1\r\nContent-Length: 2\r\n\r\n"],
    ["an unknown coding", "Transfer-Encoding: odd\r\n\r\n"],
    ["a chunk without a size", "Transfer-Encoding: chunked\r\n\r\nzz\r\n"],
    ["an endless size", `Transfer-Encoding: chunked\r\n\r\n${"1".repeat(9000)}\r\n`],
  ]
) {
  Deno.test(`http tap goes on to look for secrets behind ${what}`, () => {
    const rig = new Rig();
    rig.push("client", `POST / HTTP/1.1\r\n${first}junk\r\n${SECRET}\r\n\r\n${SECRET}`);
    const end = `junk\r\n${MASKED}\r\n\r\n${MASKED}`;
    assertEquals(rig.shown.client.slice(-end.length), end);
  });
}

Deno.test("http tap leaves what is not HTTP alone", () => {
  for (const start of ["\0\x01", "hello\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "G".repeat(60)]) {
    const rig = new Rig();
    rig.push("client", `${start}\n${SECRET}`);
    rig.push("server", `SSH-2.0-x\r\n${SECRET}`);
    assertEquals(rig.shown, { client: `${start}\n${SECRET}`, server: `SSH-2.0-x\r\n${SECRET}` });
  }
});

const ASK =
  "GET /chat?x HTTP/1.1\r\nUpgrade: h2c, WebSocket\r\nConnection: Upgrade\r\nCookie: abc\r\n\r\n";
const YES =
  "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nSec-WebSocket-Extensions: e; a\r\n\r\n";

Deno.test("http tap tells where a WebSocket begins, on both sides", () => {
  const rig = new Rig();
  assertEquals(rig.push("client", ASK), -1);
  assertEquals(rig.push("server", `${YES}frame`), YES.length);
  assertEquals(rig.tap.upgrade, { target: "/chat?x", extensions: "e; a" });
  assertEquals(rig.push("client", "frame"), 0);
  assertEquals(rig.push("server", "more"), 0);
  assertEquals(rig.tap.takeEarly(), []);
});

Deno.test("http tap keeps what a client sends before its upgrade is answered", () => {
  const rig = new Rig();
  rig.push("client", `${ASK}abc`);
  rig.push("client", "def");
  rig.push("server", YES);
  assertEquals(rig.tap.takeEarly(), [bytes("abc"), bytes("def")]);
});

Deno.test("http tap does not keep more than 64 KiB of it", () => {
  for (const [size, kept] of [[65_536, true], [65_537, false]] as const) {
    const rig = new Rig();
    rig.push("client", `${ASK}${"x".repeat(size)}`);
    rig.push("server", YES);
    assertEquals(rig.tap.takeEarly()?.length, kept ? 1 : undefined);
  }
});

Deno.test("http tap keeps nothing any more of what is over that, however much comes", () => {
  const rig = new Rig();
  rig.push("client", ASK);
  const piece = new Uint8Array(1 << 20);
  const before = Deno.memoryUsage().external;
  for (let i = 0; i < 64; i++) rig.tap.push("client", piece, []);
  assert(Deno.memoryUsage().external - before < 16 << 20);
});

Deno.test("http tap keeps at most 4,096 bytes of the line that tells a chunk's size", () => {
  const body = "\r\nCookie: abc\r\n";
  for (const [length, shown] of [[4096, body], [4097, body.replace("abc", "***")]] as const) {
    for (const piece of [Infinity, 1000, 1]) {
      const rig = new Rig();
      rig.push("client", "GET / HTTP/1.1\r\n\r\n");
      const size = `${body.length.toString(16)};`;
      const head = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
      const line = `${size}${"x".repeat(length - size.length - 1)}\r\n`;
      rig.push("server", `${head}${line}${body}`, piece);
      assertEquals(rig.shown.server, `${head}${line}${shown}`, `${length} by ${piece}`);
    }
  }
});

Deno.test("http tap skips a body of one byte", () => {
  const rig = new Rig();
  const post = `POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\nx`;
  rig.push("client", `${post}${ASK}`);
  rig.push("server", `HTTP/1.1 204 No Content\r\n\r\n${YES}`);
  assertEquals(rig.tap.upgrade !== undefined, true);
});

Deno.test("http tap goes on with HTTP when an upgrade is refused", () => {
  const rig = new Rig();
  const next = `GET /2 HTTP/1.1\r\nContent-Length: ${SECRET.length}\r\n${SECRET}\r\n`;
  rig.push("client", `${ASK}${next}`);
  rig.push("server", "HTTP/1.1 403 No\r\nContent-Length: 0\r\n\r\n");
  rig.push("client", `${SECRET}GET /3 HTTP/1.1\r\n${SECRET}\r\n`);
  const shown = next.replace("abc", "***");
  assertEquals(
    rig.shown.client,
    `${ASK.replace("abc", "***")}${shown}${SECRET}GET /3 HTTP/1.1\r\n${MASKED}\r\n`,
  );
});

Deno.test("http tap looks into a tunnel that a proxy opens", () => {
  const rig = new Rig();
  rig.push("client", "CONNECT h:80 HTTP/1.1\r\n\r\n");
  rig.push("server", "HTTP/1.1 200 Established\r\nContent-Length: 9\r\n\r\n");
  rig.push("client", ASK);
  assertEquals(rig.push("server", YES + "x"), YES.length);
});

Deno.test("http tap takes answers on the way for none", () => {
  const rig = new Rig();
  rig.push("client", `HEAD / HTTP/1.1\r\n\r\n${ASK}`);
  const early = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\nContent-Length: 1\r\n\r\n";
  const head = `HTTP/1.1 200 OK\r\nContent-Length: 9\r\nSet-${SECRET}\r\n`;
  const all = `${early}${early}${head}${YES}`;
  assertEquals(rig.push("server", `${all}frame`), all.length);
  assert(rig.shown.server.includes(`Set-${MASKED}`));
});

Deno.test("http tap takes what a proxy refuses a tunnel with for an answer like others", () => {
  const rig = new Rig();
  const ask = "CONNECT h:80 HTTP/1.1\r\n\r\n";
  rig.push("client", ask);
  const body = `no.\r\n${SECRET}`;
  const no = `HTTP/1.1 407 No\r\nContent-Length: ${body.length}\r\n\r\n${body}`;
  rig.push("server", no);
  assertEquals(rig.shown.server, no);
  rig.push("client", ask);
  rig.push("server", "HTTP/1.1 200 Established\r\n\r\n");
  rig.push("client", ASK);
  assertEquals(rig.push("server", YES), -1);
  assert(rig.tap.upgrade !== undefined);
});

Deno.test("http tap leaves alone what is upgraded to something else", () => {
  const rig = new Rig();
  rig.push("client", "GET / HTTP/1.1\r\nUpgrade: other\r\n\r\n");
  rig.push("server", `HTTP/1.1 101 Yes\r\n\r\nGET\r\n${SECRET}`);
  rig.push("client", `GET / HTTP/1.1\r\n${SECRET}\r\n`);
  assertEquals(rig.shown.client.slice(-17), `\r\n${SECRET}\r\n`);
  assertEquals(rig.tap.upgrade, undefined);
});

Deno.test("http tap gives up pairing after 1024 requests without an answer, but not masking", () => {
  const rig = new Rig();
  rig.push("client", "GET / HTTP/1.1\r\n\r\n".repeat(1025) + `GET / HTTP/1.1\r\n${SECRET}\r\n`);
  rig.push("server", `HTTP/1.1 200 OK\r\n${SECRET}\r\n`);
  assertEquals(rig.shown.client.slice(-15), `${MASKED}\r\n`);
  assertEquals(rig.shown.server.slice(-15), `${MASKED}\r\n`);
});

Deno.test("http tap sees the same in any pieces", () => {
  const client =
    `\r\nPOST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n${ASK}`;
  const server = `HTTP/1.1 200 OK\r\nContent-Length: 3\r\n${SECRET}\r\nxyz${YES}`;
  fc.assert(fc.property(fc.integer({ min: 1, max: 40 }), (size) => {
    const rig = new Rig();
    rig.push("client", client, size);
    const at = rig.push("server", `${server}frame`, size);
    assertEquals(at, server.length);
    assertEquals(rig.shown.client, client.replace("Cookie: abc", "Cookie: ***"));
  }));
});

Deno.test("http tap takes any bytes", () => {
  fc.assert(fc.property(fc.array(fc.tuple(fc.boolean(), fc.uint8Array())), (pieces) => {
    const tap = new HttpTap(secretNames());
    for (const [client, piece] of pieces) tap.push(client ? "client" : "server", piece, []);
  }));
});

Deno.test("http tap masks the heads of protocols that are like HTTP", () => {
  const rig = new Rig();
  rig.push("client", `DESCRIBE rtsp://h RTSP/1.0\r\n${SECRET}\r\n`);
  rig.push("server", `RTSP/1.0 200 OK\r\n${SECRET}\r\nRTSP/1.0 200 OK\r\n${SECRET}\r\n`);
  assertEquals(rig.shown.server, `RTSP/1.0 200 OK\r\n${MASKED}\r\n`.repeat(2));
});
