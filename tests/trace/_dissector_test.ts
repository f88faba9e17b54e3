import { assertEquals, assertStrictEquals } from "@std/assert";
import { Dissector, type DissectorOptions } from "../../trace/_dissector.ts";
import { secretNames } from "../../trace/_secrets.ts";
import { encodeFrame } from "../../websocket/frame.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const text = (value: Uint8Array): string => new TextDecoder().decode(value);

function dissector(options: Partial<DissectorOptions>, told: string[]): Dissector {
  return new Dissector(
    {
      secrets: secretNames(),
      decode: true,
      maxMessage: 1000,
      inflate: () => undefined,
      ...options,
    },
    {
      data: (from, data, decoded) => told.push(`${from} ${decoded ? "frames" : text(data)}`),
      message: (from, { kind, packet, bytes }) =>
        told.push(`${from} ${kind} ${packet ?? text(bytes)}`),
    },
  );
}

const ASK = "GET /socket.io/?EIO=4 HTTP/1.1\r\nUpgrade: websocket\r\nCookie: abc\r\n\r\n";
const YES = "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n\r\n";
const frame = (message: string, maskKey?: number): string =>
  String.fromCharCode(...encodeFrame(bytes(message), { opcode: 1, maskKey }));
const binary = (value: string): Uint8Array => Uint8Array.from(value, (char) => char.charCodeAt(0));

Deno.test("dissector masks, finds the upgrade and tells packets in order", () => {
  const told: string[] = [];
  const it = dissector({}, told);
  it.push("client", bytes(ASK));
  it.push("server", binary(YES + frame('0{"sid":1}')));
  it.push("client", binary(frame("40", 0)));
  assertEquals(told, [
    `client ${ASK.replace("abc", "***")}`,
    `server ${YES}`,
    "server frames",
    'server text OPEN {"sid":1}',
    "client frames",
    "client text CONNECT",
  ]);
});

Deno.test("dissector tells what a client sent before its upgrade was answered", () => {
  const told: string[] = [];
  const it = dissector({}, told);
  it.push("client", binary(ASK.replace("EIO=4", "") + frame("early")));
  it.push("server", bytes(YES));
  it.push("server", binary(frame("late")));
  it.push("client", binary(frame("then")));
  assertEquals(told.filter((line) => line.includes("text")), [
    "client text early",
    "server text late",
    "client text then",
  ]);
});

Deno.test("dissector shows secrets when it shall, and no messages when it shall not", () => {
  const told: string[] = [];
  const it = dissector({ secrets: undefined, decode: false }, told);
  it.push("client", bytes(ASK));
  it.push("server", bytes(YES));
  it.push("server", binary(frame("x")));
  assertEquals(told[0], `client ${ASK}`);
  assertEquals(told.slice(2), [`server ${frame("x")}`.replace("\x81", "\ufffd")]);
});

Deno.test("dissector hands on bytes without secrets as they are", () => {
  const chunk = new Uint8Array(10);
  const seen: Uint8Array[] = [];
  const it = new Dissector(
    { secrets: secretNames(), decode: true, maxMessage: 1, inflate: () => undefined },
    { data: (_, data) => seen.push(data), message: () => {} },
  );
  it.push("client", chunk);
  assertStrictEquals(seen[0], chunk);
});
