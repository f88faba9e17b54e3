import { assert, assertEquals, assertFalse, assertThrows } from "@std/assert";
import type { TraceEvent, TraceSide } from "../../trace/trace_event.ts";
import { TraceFilter } from "../../trace/trace_filter.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

function opened(
  connection: number,
  hostname: string,
  transport: "tcp" | "udp" = "tcp",
): TraceEvent {
  const client = { transport, hostname, port: 5000 };
  return { type: "open", time: 0, connection, transport, client, server: "s:1" };
}

function data(text: string, connection = 1, from: TraceSide = "client"): TraceEvent {
  return { type: "data", time: 0, connection, from, bytes: bytes(text), offset: 0, decoded: false };
}

function closed(connection: number): TraceEvent {
  return { type: "close", time: 0, connection, clientBytes: 0, serverBytes: 0 };
}

Deno.test("a filter without options accepts everything", () => {
  const filter = new TraceFilter();
  assert([opened(1, "h"), data("x"), closed(1)].every((event) => filter.accepts(event)));
});

Deno.test("a filter chooses connections by number and by address", () => {
  const filter = new TraceFilter({ connections: [2, "10.0.0.3", "10.0.0.4:5000", "10.0.0.5:1"] });
  const accepted = [1, 2, 3, 4, 5].filter((n) => filter.accepts(opened(n, `10.0.0.${n}`)));
  assertEquals(accepted, [2, 3, 4]);
  assertEquals([1, 2, 3].filter((n) => filter.accepts(data("x", n))), [2, 3]);
  assert(filter.accepts(closed(3)));
});

Deno.test("a filter finds an IPv4 client of a listener for both families by its IPv4 address", () => {
  for (const wanted of ["10.0.0.3", "10.0.0.3:5000", "::ffff:10.0.0.3", "[::ffff:10.0.0.3]:5000"]) {
    const filter = new TraceFilter({ connections: [wanted] });
    assert(filter.accepts(opened(1, "::ffff:10.0.0.3")), wanted);
    assertFalse(filter.accepts(opened(2, "::ffff:10.0.0.4")), wanted);
  }
});

Deno.test("a filter finds a link-local client with its zone and without", () => {
  for (const wanted of ["fe80::3", "[fe80::3]:5000", "fe80::3%eth0", "[fe80::3%eth0]:5000"]) {
    const filter = new TraceFilter({ connections: [wanted] });
    assert(filter.accepts(opened(1, "fe80::3%eth0")), wanted);
    assertFalse(filter.accepts(opened(2, "fe80::4%eth0")), wanted);
  }
  assertFalse(
    new TraceFilter({ connections: ["fe80::3%eth1"] }).accepts(opened(1, "fe80::3%eth0")),
  );
});

Deno.test("a filter chooses a side, and leaves what belongs to none", () => {
  const filter = new TraceFilter({ from: "server" });
  assertFalse(filter.accepts(data("x")));
  assert(filter.accepts(data("x", 1, "server")));
  assert(filter.accepts(closed(1)));
});

Deno.test("a filter on content accepts only data that holds it", () => {
  const filter = new TraceFilter({ content: "needle" });
  assertFalse(filter.accepts(opened(1, "h")));
  assertFalse(filter.accepts(data("hay")));
  assert(filter.accepts(data("a needle here")));
  assertFalse(filter.accepts(data("hay")));
  assertFalse(filter.accepts(closed(1)));
});

Deno.test("a filter finds what is cut in two, once, and not across the sides", () => {
  for (const content of ["né€dle", /n.€d+le/]) {
    const filter = new TraceFilter({ content });
    const pieces = bytes("a nédle nedle nÃ nédle".replaceAll("nédle", "né€dle"));
    const hits: number[] = [];
    pieces.forEach((byte, i) => {
      const event = { ...data(""), bytes: Uint8Array.of(byte) } as TraceEvent;
      if (filter.accepts(event)) hits.push(i);
    });
    assertEquals(hits.length, 2, String(content));
    assertFalse(filter.accepts(data("nalle", 1, "server")));
    assertFalse(filter.accepts(data("né", 1, "server")));
    assertFalse(filter.accepts(data("€dle")));
  }
});

Deno.test("a filter searches each datagram by itself", () => {
  const filter = new TraceFilter({ content: "needle" });
  filter.accepts(opened(1, "h", "udp"));
  assertFalse(filter.accepts(data("nee")));
  assertFalse(filter.accepts(data("dle")));
  assert(filter.accepts(data("needle")));
});

Deno.test("a filter searches messages and what they mean", () => {
  const filter = new TraceFilter({ content: /EVENT|hello/g });
  const message: TraceEvent = {
    type: "message",
    time: 0,
    connection: 1,
    from: "client",
    kind: "text",
    bytes: bytes("hello"),
    size: 5,
    frames: 1,
    compressed: false,
  };
  for (let i = 0; i < 3; i++) assert(filter.accepts(message));
  assert(filter.accepts({ ...message, bytes: bytes("2"), packet: "EVENT []" }));
  assertFalse(filter.accepts({ ...message, bytes: bytes("2") }));
});

Deno.test("a filter finds a single character that is all there is", () => {
  for (const content of ["n", /n/]) {
    const filter = new TraceFilter({ content });
    filter.accepts(opened(1, "h", "udp"));
    assert(filter.accepts(data("n")), "a datagram");
    filter.accepts(opened(2, "h"));
    assert(filter.accepts(data("n", 2)), "a stream");
    const message: TraceEvent = {
      type: "message",
      time: 0,
      connection: 2,
      from: "client",
      kind: "text",
      bytes: bytes("n"),
      size: 1,
      frames: 1,
      compressed: false,
    };
    assert(filter.accepts(message), "a message");
  }
});

Deno.test("trace filter refuses what nothing would ever fit", () => {
  for (
    const [options, text] of [
      [{ connections: 5 }, "connections"],
      [{ connections: "127.0.0.1" }, "connections"],
      [{ content: 5 }, "content"],
      [{ content: null }, "content"],
      [{ from: "Client" }, "from"],
      [{ from: "both" }, "from"],
    ] as [object, string][]
  ) assertThrows(() => new TraceFilter(options), TypeError, text);
});
