import { assertEquals, assertMatch, assertNotMatch, assertThrows } from "@std/assert";
import type { TraceEvent, TraceMessageEvent } from "../../trace/trace_event.ts";
import { type TraceFormatOptions, TraceFormatter } from "../../trace/trace_format.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const at = { time: new Date(2026, 0, 2, 3, 4, 5, 6).getTime(), connection: 7 };
const NOW = "03:04:05.006 #7 ";

/** The lines of an event without the time and the number, which all of them have. */
function lines(event: TraceEvent, options?: TraceFormatOptions): string[] {
  return new TraceFormatter(options).format(event).map((line) => {
    assertEquals(line.slice(0, NOW.length), NOW);
    return line.slice(NOW.length);
  });
}

function data(content: string | Uint8Array): TraceEvent {
  const content_ = typeof content === "string" ? bytes(content) : content;
  return { ...at, type: "data", from: "client", bytes: content_, offset: 32, decoded: false };
}

function message(part: Partial<TraceMessageEvent>): TraceMessageEvent {
  const content = part.bytes ?? bytes("hello");
  return {
    ...at,
    type: "message",
    from: "server",
    kind: "text",
    bytes: content,
    size: content.length,
    frames: 1,
    compressed: false,
    ...part,
  };
}

Deno.test("data is shown as text, each line with who sends to whom", () => {
  assertEquals(lines(data("GET /\r\nHost: é\r\n\r\n\x1b")), [
    "client -> server  GET /",
    "client -> server  Host: é",
    "client -> server",
    "client -> server  \\x1b",
  ]);
});

Deno.test("data is shown in hex with its offset, or both", () => {
  const hex = "client -> server  00000020  61 0a                                             |a.|";
  assertEquals(lines(data("a\n"), { view: "hex" }), [hex]);
  assertEquals(lines(data("a\n"), { view: "both" }), ["client -> server  a", hex]);
});

Deno.test("data is cut at maxBytes, and how much is left out is told", () => {
  assertEquals(lines(data("abcdef"), { maxBytes: 4 }), [
    "client -> server  abcd",
    "client -> server  (2 more bytes)",
  ]);
  assertEquals(lines(data("a"), { maxBytes: 0 }), ["client -> server  (1 more byte)"]);
  assertEquals(lines(data(""), { maxBytes: 0 }), ["client -> server  (empty)"]);
});

Deno.test("names stand for client and server", () => {
  const names = { clientName: "browser", serverName: "sh\x1bop" };
  assertEquals(lines(data("x"), names), ["browser -> sh\\x1bop  x"]);
});

Deno.test("frames that are told as messages are shown only when asked for", () => {
  const event = { ...data("\x81\0"), decoded: true } as TraceEvent;
  assertEquals(lines(event), []);
  assertEquals(lines(event, { frames: true }), [
    "client -> server  \\x81\\0",
  ]);
});

Deno.test("messages tell their kind, their size and what was done to them", () => {
  assertEquals(lines(message({})), ["client <- server  [text, 5 bytes] hello"]);
  assertEquals(lines(message({ bytes: bytes("a\nb"), compressed: true, frames: 2 })), [
    "client <- server  [text, 3 bytes, 2 frames, compressed] a",
    "client <- server  b",
  ]);
  assertEquals(lines(message({ bytes: bytes("") })), ["client <- server  [text, 0 bytes]"]);
  assertEquals(lines(message({ kind: "close", bytes: bytes("\x03\x68bye") })), [
    "client <- server  [close, 5 bytes] 872 bye",
  ]);
  assertEquals(lines(message({ kind: "close", bytes: Uint8Array.of(0x03, 0xe8) })), [
    "client <- server  [close, 2 bytes] 1000",
  ]);
  assertEquals(lines(message({ kind: "close", bytes: bytes("") })), [
    "client <- server  [close, 0 bytes]",
  ]);
});

Deno.test("binary and compressed messages are shown in hex", () => {
  const hex = "client <- server  00000000  01                                                |.|";
  const one = Uint8Array.of(1);
  assertEquals(lines(message({ kind: "binary", bytes: one })), [
    "client <- server  [binary, 1 byte]",
    hex,
  ]);
  assertEquals(lines(message({ bytes: one, compressed: true, note: "compressed, odd" })), [
    "client <- server  [text, 1 byte, compressed, odd]",
    hex,
  ]);
});

Deno.test("messages in hex have a line of their own for what they are", () => {
  assertEquals(lines(message({ packet: "PING" }), { view: "hex" }).map((line) => line.slice(18)), [
    "[text, 5 bytes] PING",
    "00000000  68 65 6c 6c 6f                                    |hello|",
  ]);
});

Deno.test("Socket.IO packets stand for their messages, safe and cut", () => {
  assertEquals(lines(message({ packet: 'EVENT ["a\x1b"]' }), { maxBytes: 20 }), [
    'client <- server  [text, 5 bytes] EVENT ["a\\x1b"]',
  ]);
  assertEquals(lines(message({ packet: "EVENT [1234567890]" }), { maxBytes: 8 }), [
    "client <- server  [text, 5 bytes] EVENT [1",
  ]);
});

Deno.test("Socket.IO packets over hex take one line, however long and whatever they hold", () => {
  const packet = 'EVENT ["a\n00:00:00.000 #7 shop ends its side"]';
  assertEquals(lines(message({ packet }), { view: "hex", maxBytes: 19 }).slice(0, 1), [
    'client <- server  [text, 5 bytes] EVENT ["a\\n00:00:00.',
  ]);
});

Deno.test("what happens to a connection takes one line, whatever a peer has put into it", () => {
  const error = new Error("the peer says\n00:00:00.000 #7 shop ends its side");
  assertEquals(lines({ ...at, type: "error", side: "server", error }), [
    "server: the peer says\\n00:00:00.000 #7 shop ends its side",
  ]);
});

Deno.test("what happens to a connection is told in words", () => {
  const client = { transport: "tcp", hostname: "::1", port: 5 } as const;
  const events: [TraceEvent, string][] = [
    [
      { ...at, type: "open", transport: "tcp", client, server: "h:80" },
      "client ([::1]:5) connects to server (h:80)",
    ],
    [{ ...at, type: "connect", server: client }, "connected to server ([::1]:5)"],
    [{ ...at, type: "end", from: "client" }, "client ends its side"],
    [{ ...at, type: "reset", from: "server", passedOn: true }, "server resets the connection"],
    [
      { ...at, type: "reset", from: "server", passedOn: false },
      "server resets the connection; client gets an ordinary end",
    ],
    [
      { ...at, type: "error", side: "server", error: new Error("Cannot\x07") },
      "server: Cannot\\x07",
    ],
    [
      { ...at, type: "fault", fault: "cut", from: "client", after: 1 },
      "cut after 1 byte from client, as asked for",
    ],
    [
      { ...at, type: "drop", from: "client", size: 9, reason: "full" },
      "a datagram of 9 bytes from client is lost: full",
    ],
    [
      { ...at, type: "close", clientBytes: 1, serverBytes: 2 },
      "closed: 1 byte from client, 2 from server",
    ],
  ];
  for (const [event, text] of events) assertEquals(lines(event), [text]);
});

Deno.test("colours go around each line and nowhere without being asked for", () => {
  // deno-lint-ignore no-control-regex
  assertMatch(new TraceFormatter({ color: true }).format(data("x"))[0], /^\x1b\[36m.*x\x1b\[0m$/);
  // deno-lint-ignore no-control-regex
  assertNotMatch(new TraceFormatter().format(data("x"))[0], /\x1b/);
});

Deno.test("a formatter refuses options that make no sense", () => {
  assertThrows(() => new TraceFormatter({ maxBytes: -1 }), RangeError);
  assertThrows(() => new TraceFormatter({ view: "odd" as "hex" }), TypeError);
});
