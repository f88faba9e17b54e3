import { assertEquals } from "@std/assert";
import { toWebEvent } from "../../trace/_web_event.ts";
import type { TraceEvent } from "../../trace/trace_event.ts";

const base = { time: 1.23456, connection: 2 };
const addr = { transport: "tcp", hostname: "::1", port: 5 } as const;
const bytes = Uint8Array.of(65, 66, 67);

Deno.test("an event for the page has its number, its time and what is needed of it", () => {
  const events: [TraceEvent, object][] = [
    [{ ...base, type: "open", transport: "tls", client: addr, server: "h:1" }, {
      text: "client ([::1]:5) connects to server (h:1)",
      client: "[::1]:5",
      server: "h:1",
      transport: "tls",
    }],
    [{ ...base, type: "connect", server: addr }, { text: "connected to server ([::1]:5)" }],
    [{ ...base, type: "data", from: "client", bytes, offset: 7, decoded: true }, {
      from: "client",
      size: 3,
      offset: 7,
      decoded: true,
      bytes: "QUI=",
    }],
    [{ ...base, type: "end", from: "server" }, { from: "server", text: "server ends its side" }],
    [{ ...base, type: "error", side: "client", error: new Error("no\x1b") }, {
      from: "client",
      text: "client: no\\x1b",
    }],
    [{ ...base, type: "drop", from: "client", size: 3, reason: "full" }, {
      from: "client",
      text: "a datagram of 3 bytes from client is lost: full",
    }],
    [{ ...base, type: "close", clientBytes: 1, serverBytes: 2 }, {
      text: "closed: 1 byte from client, 2 from server",
    }],
  ];
  for (const [event, rest] of events) {
    const { type } = event;
    assertEquals(
      toWebEvent(event, 9, 2),
      { n: 9, time: 1.235, connection: 2, type, ...rest } as never,
    );
  }
});

Deno.test("a message for the page tells what it is", () => {
  const message = {
    ...base,
    type: "message",
    from: "server",
    kind: "text",
    bytes,
    size: 3,
    frames: 1,
    compressed: false,
  } as const;
  const text = (part: object): string | undefined =>
    toWebEvent({ ...message, ...part }, 0, 100).text;
  assertEquals(text({}), "[text]");
  assertEquals(text({ frames: 2, compressed: true }), "[text, 2 frames, compressed]");
  assertEquals(text({ compressed: true, note: "cut" }), "[text, cut]");
  assertEquals(text({ packet: "PING" }), "[text] PING");
  assertEquals(toWebEvent({ ...message, packet: "PING" }, 0, 9).text, "[text] PI");
  assertEquals(toWebEvent({ ...message, size: 70_000 }, 0, 9).size, 70_000);
  assertEquals(toWebEvent(message, 0, 2).bytes, "QUI=");
});
