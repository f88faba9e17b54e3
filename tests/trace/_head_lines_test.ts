import { assertEquals } from "@std/assert";
import fc from "fast-check";
import { HeadLines } from "../../trace/_head_lines.ts";
import { maskRanges, secretNames } from "../../trace/_secrets.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** What a head looks like after masking, fed in pieces of `size` bytes, and where it ends. */
function masked(text: string, size = Infinity, endless = false): [string, number] {
  const lines = new HeadLines(secretNames(["x-mine"]));
  lines.reset();
  const all = bytes(text);
  let shown = "";
  for (let at = 0; at < all.length; at += size) {
    const piece = all.subarray(at, Math.min(all.length, at + size));
    const ranges: number[] = [];
    const end = lines.push(piece, 0, ranges, endless);
    shown += new TextDecoder().decode(maskRanges(piece, ranges));
    if (end >= 0) return [shown, at + end];
  }
  return [shown, -1];
}

const HEAD = "GET /a HTTP/1.1\r\nHost: h\r\nCookie: a=b; c=d\r\nX-Mine:\t\tq\r\n\r\n";
const SHOWN = "GET /a HTTP/1.1\r\nHost: h\r\nCookie: ********\r\nX-Mine:\t\t*\r\n\r\n";

Deno.test("head lines mask the secrets and find the end", () => {
  assertEquals(masked(`${HEAD}body`), [`${SHOWN}body`, HEAD.length]);
});

Deno.test("head lines leave a known scheme in sight, and nothing of another one", () => {
  assertEquals(
    masked("G / H\r\nAuthorization: Bearer abc\r\nProxy-Authorization: Other abc\r\n\r\n")[0],
    "G / H\r\nAuthorization: Bearer ***\r\nProxy-Authorization: *********\r\n\r\n",
  );
});

Deno.test("head lines mask the folded rest of a secret", () => {
  assertEquals(
    masked("G / H\r\nCookie: a\r\n  bc\r\nHost: h\r\n i\r\n\r\n")[0],
    "G / H\r\nCookie: *\r\n  **\r\nHost: h\r\n i\r\n\r\n",
  );
});

Deno.test("head lines take LF alone, and a name with a space before the colon", () => {
  assertEquals(masked("G / H\nCOOKIE : abc\n\nrest"), ["G / H\nCOOKIE : ***\n\nrest", 20]);
});

Deno.test("head lines in any pieces hide as much, and end at the same place", () => {
  fc.assert(fc.property(fc.integer({ min: 1, max: 20 }), (size) => {
    const [shown, end] = masked(HEAD, size);
    assertEquals(end, HEAD.length);
    assertEquals(shown.slice(0, HEAD.length), SHOWN);
  }));
});

Deno.test("endless head lines go on behind empty ones", () => {
  assertEquals(
    masked("x\r\n\r\nSet-Cookie: y\r\n\r\nz: Cookie\r\n", 3, true),
    ["x\r\n\r\nSet-Cookie: *\r\n\r\nz: Cookie\r\n", -1],
  );
});

Deno.test("head lines remember what frames the message, and forget it with the next head", () => {
  const lines = new HeadLines(secretNames());
  lines.reset();
  lines.push(bytes("A B C\r\nContent-Length: 1\r\nCONTENT-length:2\r\nHost: x\r\n\r\n"), 0, []);
  assertEquals(lines.firstLine, "A B C");
  assertEquals(lines.get("content-length"), "1, 2");
  assertEquals(lines.get("host"), undefined);
  lines.reset();
  assertEquals([lines.firstLine, lines.get("content-length")], ["", undefined]);
});

Deno.test("head lines take a CR inside a line for a part of it, also where the bytes are cut behind it", () => {
  const all = bytes("A\rB C\r\nContent-Length: 1\r2\r\n\r\n");
  for (let at = 0; at <= all.length; at++) {
    const lines = new HeadLines(secretNames());
    lines.reset();
    lines.push(all.subarray(0, at), 0, []);
    if (at < all.length) assertEquals(lines.push(all.subarray(at), 0, []), all.length - at);
    assertEquals([lines.firstLine, lines.get("content-length")], ["A\rB C", "1\r2"], `at ${at}`);
  }
});

Deno.test("head lines keep no more than 8 KiB of a header that comes again and again", () => {
  const lines = new HeadLines(secretNames());
  lines.reset();
  lines.push(bytes(`A B C\r\n${"upgrade:\r\n".repeat(50_000)}`), 0, []);
  assertEquals(lines.get("upgrade")!.length, 8192);
});

Deno.test("head lines keep no more than 8 KiB of a line", () => {
  const lines = new HeadLines(secretNames());
  lines.reset();
  lines.push(bytes(`${"a".repeat(20_000)}\r\nupgrade: ${"b".repeat(20_000)}\r\n`), 0, []);
  assertEquals([lines.firstLine.length, lines.get("upgrade")?.length], [8192, 8192]);
});

Deno.test("a trailer has no first line", () => {
  const lines = new HeadLines(secretNames());
  lines.reset();
  lines.skipFirstLine();
  const ranges: number[] = [];
  assertEquals(lines.push(bytes("Set-Cookie: abc\r\n\r\n"), 0, ranges), 19);
  assertEquals(ranges, [12, 15]);
});
