import { assert, assertEquals } from "@std/assert";
import { HttpBodyReader } from "../../websocket/_http_body.ts";
import { parseResponseHead } from "../../websocket/http_head.ts";

function read(head: string, body: string, size: number, max = 1000): [text: string, done: boolean] {
  const parsed = parseResponseHead(`HTTP/1.1 ${head}\r\n\r\n`);
  assert("fields" in parsed);
  const reader = new HttpBodyReader(parsed, max);
  const bytes = new TextEncoder().encode(body);
  for (let at = 0; at < bytes.length; at += size) reader.push(bytes.subarray(at, at + size));
  return [new TextDecoder().decode(reader.bytes()), reader.done];
}

const BODIES: Array<[name: string, head: string, body: string, text: string, done: boolean]> = [
  ["of a told length", "401 x\r\nContent-Length: 5", "helloXX", "hello", true],
  ["of a told length, cut", "401 x\r\nContent-Length: 5", "hel", "hel", false],
  ["of length 0", "401 x\r\nContent-Length: 0", "x", "", true],
  ["of two lengths", "401 x\r\nContent-Length: 5\r\nContent-Length: 6", "hello", "", true],
  ["until the end of the connection", "401 x", "hello", "hello", false],
  [
    "in chunks",
    "401 x\r\nTransfer-Encoding: chunked",
    '5\r\nhello\r\n1;a="b"\r\n,\r\nA\r\n 012345678\r\n0\r\n\r\nHTTP',
    "hello, 012345678",
    true,
  ],
  ["in chunks that are none", "401 x\r\nTransfer-Encoding: chunked", "hello\r\nx", "", true],
  ["in a chunk of huge size", "401 x\r\nTransfer-Encoding: chunked", "fffffffff\r\nx", "x", false],
  [
    "in chunks with a line too long",
    "401 x\r\nTransfer-Encoding: gzip, chunked",
    `1;${"x".repeat(2000)}\r\nx\r\n0\r\n\r\n`,
    "",
    true,
  ],
  ["in another coding", "401 x\r\nTransfer-Encoding: gzip", "zipped", "zipped", false],
  ["of a status without one", "204 x\r\nContent-Length: 5", "hello", "", true],
];

for (const [name, head, body, text, done] of BODIES) {
  Deno.test(`body ${name} is read in any pieces`, () => {
    for (const size of [1, 2, 3, 7, 10_000]) assertEquals(read(head, body, size), [text, done]);
  });
}

Deno.test("body longer than wanted is cut", () => {
  for (const size of [1, 4, 100]) {
    assertEquals(read("401 x", "0123456789", size, 6), ["012345", true]);
    const chunks = "4\r\n0123\r\n4\r\n4567\r\n0\r\n\r\n";
    assertEquals(read("401 x\r\nTransfer-Encoding: chunked", chunks, size, 6), ["012345", true]);
  }
});
