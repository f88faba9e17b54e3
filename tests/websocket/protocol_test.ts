import { assert, assertEquals, assertThrows } from "@std/assert";
import fc from "fast-check";
import { hex } from "../_support/hex.ts";
import { joined, Rig, toBytes } from "../_support/websocket_rig.ts";
import { WebSocketError, type WebSocketErrorCode } from "../../websocket/errors.ts";
import type { WebSocketProtocolOptions } from "../../websocket/protocol_types.ts";
import type { WebSocketRole } from "../../websocket/types.ts";

const ROLES: WebSocketRole[] = ["server", "client"];

// Receiving.

Deno.test("protocol receives the RFC's examples", () => {
  const server = new Rig("server").feed(hex("81 85 37 fa 21 3d 7f 9f 4d 51 58"));
  assertEquals(server.events, [["text", "Hello"]]);
  const client = new Rig("client").feed(
    hex("81 05 48 65 6c 6c 6f 01 03 48 65 6c 80 02 6c 6f 89 05 48 65 6c 6c 6f"),
  );
  assertEquals(client.events, [["text", "Hello"], ["text", "Hello"], ["ping", "48656c6c6f"]]);
  assertEquals(client.sent().map((f) => [f.opcode, f.masked, f.payload]), [
    [10, true, toBytes("Hello")],
  ]);
});

for (const role of ROLES) {
  Deno.test(`${role} gets the same events however the bytes are split`, () => {
    const rig = new Rig(role);
    const message = fc.oneof(
      fc.record({ opcode: fc.constant(1), data: fc.string({ unit: "binary", maxLength: 200 }) }),
      fc.record({ opcode: fc.constant(2), data: fc.uint8Array({ maxLength: 200 }) }),
      fc.record({ opcode: fc.constant(2), data: fc.constant(new Uint8Array(70_000).fill(7)) }),
      fc.record({ opcode: fc.constantFrom(9, 10), data: fc.uint8Array({ maxLength: 125 }) }),
    );
    const cuts = fc.array(fc.nat(200));
    fc.assert(
      fc.property(
        fc.array(fc.tuple(message, cuts)),
        fc.integer({ min: 1, max: 40 }),
        fc.boolean(),
        (messages, size, slab) => {
          const wire = messages.flatMap(([{ opcode, data }, cuts]) => {
            const bytes = toBytes(data);
            if (opcode >= 8) return [rig.frame(opcode, bytes)];
            const points = [...new Set(cuts.map((cut) => Math.min(cut, bytes.length)))]
              .sort((a, b) => a - b);
            const edges = [0, ...points, bytes.length];
            return edges.slice(1).map((end, i) =>
              rig.frame(i === 0 ? opcode : 0, bytes.subarray(edges[i], end), {
                fin: i === edges.length - 2,
              })
            );
          });
          const bytes = joined(...wire);
          const limits = { maxChunks: 1e6 };
          const whole = new Rig(role, limits).feed(bytes);
          const parts = new Rig(role, limits).feed(bytes, size, slab);
          assertEquals(parts.events, whole.events);
          assertEquals(parts.output.take(), whole.output.take());
          assertEquals(
            whole.events.filter(([kind]) => kind !== "ping" && kind !== "pong").length,
            messages.filter(([{ opcode }]) => opcode < 8).length,
          );
          assertEquals(
            whole.events.filter(([kind]) => kind === "text").map(([, text]) => text),
            messages.filter(([{ opcode }]) => opcode === 1).map(([{ data }]) =>
              new TextDecoder("utf-8", { ignoreBOM: true }).decode(toBytes(data))
            ),
          );
        },
      ),
      { numRuns: 60 },
    );
  });

  Deno.test(`${role} never throws at random bytes, and fails at most once`, () => {
    fc.assert(fc.property(fc.array(fc.uint8Array({ maxLength: 60 })), (chunks) => {
      const rig = new Rig(role);
      for (const chunk of chunks) rig.protocol.receive(chunk);
      const ends = rig.events.filter(([kind]) => kind === "fail" || kind === "close");
      assert(ends.length <= 1);
      assert(rig.sent().filter(({ opcode }) => opcode === 8).length <= 1);
    }));
  });

  Deno.test(`${role} delivers pings between the fragments of a message at once`, () => {
    const rig = new Rig(role);
    rig.feed(rig.frame(1, "He", { fin: false })).feed(rig.frame(9, "p"));
    assertEquals(rig.events, [["ping", "70"]]);
    rig.feed(rig.frame(0, "llo"));
    assertEquals(rig.events, [["ping", "70"], ["text", "Hello"]]);
    assertEquals(rig.sent().map((f) => [f.opcode, f.payload]), [[10, toBytes("p")]]);
  });
}

Deno.test("protocol hands a binary message out as a view of the chunk", () => {
  const rig = new Rig("server");
  const chunk = joined(rig.frame(2, "abc"), rig.frame(2, "def"));
  const got: Uint8Array[] = [];
  rig.message = (data) => got.push(data as Uint8Array);
  rig.protocol.receive(chunk);
  assertEquals(got, [toBytes("abc"), toBytes("def")]);
  assert(got.every(({ buffer }) => buffer === chunk.buffer));
});

// Faults: bytes as a client would have sent them (a server would not mask).

const FAULTS: Array<
  [name: string, opcode: number, options: { fin?: boolean; rsv?: number }, code: string]
> = [
  ["RSV1 without compression", 1, { rsv: 0x40 }, "RESERVED_BITS"],
  ["RSV2", 2, { rsv: 0x20 }, "RESERVED_BITS"],
  ["RSV3", 2, { rsv: 0x10 }, "RESERVED_BITS"],
  ["RSV1 on a ping", 9, { rsv: 0x40 }, "RESERVED_BITS"],
  ["RSV1 on a close", 8, { rsv: 0x40 }, "RESERVED_BITS"],
  ["opcode 3", 3, {}, "RESERVED_OPCODE"],
  ["opcode 7", 7, {}, "RESERVED_OPCODE"],
  ["opcode 11", 11, {}, "RESERVED_OPCODE"],
  ["opcode 15", 15, {}, "RESERVED_OPCODE"],
  ["a fragmented ping", 9, { fin: false }, "CONTROL_FRAME"],
  ["a fragmented close", 8, { fin: false }, "CONTROL_FRAME"],
  ["a continuation without a message", 0, {}, "CONTINUATION"],
];

for (const role of ROLES) {
  for (const [name, opcode, options, code] of FAULTS) {
    Deno.test(`${role} answers ${name} with 1002, at its second byte`, () => {
      const rig = new Rig(role);
      const bytes = rig.frame(opcode, "x".repeat(20), options);
      rig.feed(bytes.slice(0, 2), 1);
      assertEquals(rig.events, [["fail", code, 1002]]);
      const [close, ...more] = rig.sent();
      assertEquals([close.opcode, close.payload.slice(0, 2), more], [8, hex("03ea"), []]);
      rig.feed(rig.frame(1, "ignored")).feed(rig.frame(8, hex("03e8")));
      assertEquals(rig.events.length, 1);
      assertEquals(rig.output.take().length, 0);
      assertEquals([rig.protocol.done, rig.protocol.wasClean], [true, false]);
    });
  }

  Deno.test(`${role} answers a ping of 126 bytes with 1002`, () => {
    const rig = new Rig(role);
    rig.feed(rig.frame(9, new Uint8Array(126)));
    assertEquals(rig.events, [["fail", "CONTROL_FRAME", 1002]]);
  });

  Deno.test(`${role} answers a new message inside another with 1002`, () => {
    const rig = new Rig(role);
    rig.feed(rig.frame(1, "a", { fin: false })).feed(rig.frame(2, "b"));
    assertEquals(rig.events, [["fail", "CONTINUATION", 1002]]);
  });

  Deno.test(`${role} answers lengths that are not in their shortest form with 1002`, () => {
    const mask = role === "server" ? 0x80 : 0;
    for (const rest of ["7e 00 7d", "7f 00 00 00 00 00 00 ff ff", "7f 80 00 00 00 00 00 00 00"]) {
      const header = hex(`82 ${rest} 01 02 03 04`);
      header[1] |= mask;
      const rig = new Rig(role).feed(mask ? header : header.slice(0, -4));
      assertEquals(rig.events, [["fail", "LENGTH", 1002]]);
    }
  });
}

Deno.test("server answers an unmasked frame, and a client a masked one, with 1002", () => {
  assertEquals(new Rig("server").feed(hex("81 01")).events, [["fail", "MASK", 1002]]);
  assertEquals(new Rig("client").feed(hex("81 81")).events, [["fail", "MASK", 1002]]);
});

// Limits.

Deno.test("message above the limit is refused with 1009 when its header is there, before any memory is taken", () => {
  for (
    const length of ["7e 04 01", "7f 00 00 00 00 80 00 00 00", "7f 00 20 00 00 00 00 00 00"].concat(
      "7f 7f ff ff ff ff ff ff ff",
    )
  ) {
    const rig = new Rig("client", { maxMessageSize: 1024 }).feed(hex(`82 ${length}`));
    assertEquals(rig.events, [["fail", "MESSAGE_TOO_BIG", 1009]]);
  }
  const rig = new Rig("client", { maxMessageSize: 1024 });
  assertEquals(rig.feed(rig.frame(2, new Uint8Array(1024))).events.length, 1);
  assertEquals(rig.events[0][0], "binary");
});

Deno.test("message limit counts all fragments together", () => {
  const rig = new Rig("server", { maxMessageSize: 10 });
  rig.feed(rig.frame(2, "123456", { fin: false }));
  assertEquals(rig.events, []);
  rig.feed(rig.frame(0, "78901", { fin: false }).slice(0, 6));
  assertEquals(rig.events, [["fail", "MESSAGE_TOO_BIG", 1009]]);
});

Deno.test("fragments whose lengths add up beyond 2^53 are refused", () => {
  const rig = new Rig("client", { maxMessageSize: Number.MAX_SAFE_INTEGER });
  rig.feed(rig.frame(2, "x", { fin: false }));
  rig.feed(hex("00 7f 00 1f ff ff ff ff ff ff"));
  assertEquals(rig.events, [["fail", "MESSAGE_TOO_BIG", 1009]]);
});

Deno.test("message of too many fragments is refused with 1008, empty ones too", () => {
  for (const data of ["", "x"]) {
    const rig = new Rig("server", { maxFragments: 100 });
    rig.feed(rig.frame(2, data, { fin: false }));
    for (let i = 0; i < 99; i++) rig.feed(rig.frame(0, data, { fin: false }));
    assertEquals(rig.events, []);
    rig.feed(rig.frame(0, data));
    assertEquals(rig.events, [["fail", "TOO_MANY_FRAGMENTS", 1008]]);
  }
});

Deno.test("message that comes in too many pieces is refused with 1008", () => {
  const rig = new Rig("server", { maxChunks: 100 });
  rig.feed(rig.frame(2, new Uint8Array(1000)), 1);
  assertEquals(rig.events, [["fail", "TOO_MANY_FRAGMENTS", 1008]]);
});

// UTF-8.

const BAD_UTF8: Array<[string, string]> = [
  ["an overlong slash", "c0 af"],
  ["an overlong NUL", "e0 80 80"],
  ["a surrogate", "ed a0 80"],
  ["a character above U+10FFFF", "f4 90 80 80"],
  ["a continuation byte first", "80"],
  ["a bad byte", "ff"],
];

for (const [name, wire] of BAD_UTF8) {
  Deno.test(`text with ${name} is refused with 1007, whole, split and inside a fragment`, () => {
    const bytes = joined(toBytes("κόσμε"), hex(wire), toBytes("x"));
    const whole = new Rig("server");
    whole.feed(whole.frame(1, bytes));
    assertEquals(whole.events, [["fail", "UTF8", 1007]]);
    for (let cut = 0; cut < bytes.length; cut++) {
      const rig = new Rig("client");
      rig.feed(rig.frame(1, bytes.slice(0, cut), { fin: false }));
      rig.feed(rig.frame(0, bytes.slice(cut)), 1);
      assertEquals(rig.events, [["fail", "UTF8", 1007]]);
      assertEquals(rig.sent()[0].payload.slice(0, 2), hex("03ef"));
    }
  });
}

Deno.test("text that is bad is refused at its bad byte, not at the end of its frame", () => {
  const rig = new Rig("server");
  const bytes = rig.frame(1, joined(toBytes("abc"), hex("ed a0"), new Uint8Array(1000)));
  rig.feed(bytes.slice(0, 6 + 2 + 4), 1);
  assertEquals(rig.events, []);
  rig.feed(bytes.slice(6 + 2 + 4, 6 + 2 + 5));
  assertEquals(rig.events, [["fail", "UTF8", 1007]]);
});

Deno.test("text that ends inside a character is refused", () => {
  const whole = new Rig("client");
  assertEquals(whole.feed(whole.frame(1, hex("e2 82"))).events, [["fail", "UTF8", 1007]]);
  const split = new Rig("client");
  split.feed(split.frame(1, hex("e2"), { fin: false })).feed(split.frame(0, hex("82")));
  assertEquals(split.events, [["fail", "UTF8", 1007]]);
});

Deno.test("text keeps its byte order mark", () => {
  const rig = new Rig("client");
  assertEquals(rig.feed(rig.frame(1, "\ufeffx")).events, [["text", "\ufeffx"]]);
});

// The closing handshake.

for (const role of ROLES) {
  Deno.test(`${role} answers a close frame with its code and reason, and takes nothing in after it`, () => {
    const rig = new Rig(role);
    rig.feed(joined(
      rig.frame(8, joined(hex("0fa0"), toBytes("bye €"))),
      rig.frame(1, "after"),
      rig.frame(8),
    ));
    assertEquals(rig.events, [["close", 4000, "bye €"]]);
    assertEquals(rig.sent().map((f) => [f.opcode, f.payload]), [[
      8,
      joined(hex("0fa0"), toBytes("bye €")),
    ]]);
    assertEquals([rig.protocol.wasClean, rig.protocol.done, rig.protocol.end()], [
      true,
      true,
      true,
    ]);
  });

  Deno.test(`${role} answers a close frame without a code by one without a code`, () => {
    const rig = new Rig(role);
    rig.feed(rig.frame(8));
    assertEquals(rig.events, [["close", 1005, ""]]);
    assertEquals(rig.sent().map((f) => [f.opcode, f.payload.length]), [[8, 0]]);
  });

  Deno.test(`${role} that closes still takes messages in until the answer comes`, () => {
    const rig = new Rig(role);
    rig.protocol.close(1001, "going");
    assertEquals(rig.sent()[0].payload, joined(hex("03e9"), toBytes("going")));
    assertThrows(() => rig.protocol.send("x"), WebSocketError);
    rig.feed(rig.frame(1, "late")).feed(rig.frame(9, "p")).feed(rig.frame(8, hex("03e9")));
    assertEquals(rig.events, [["text", "late"], ["ping", "70"], ["close", 1001, ""]]);
    assertEquals(rig.sent(), []);
    assertEquals(rig.protocol.wasClean, true);
  });

  Deno.test(`${role} closes once, however often it is asked to`, () => {
    const rig = new Rig(role);
    rig.protocol.close(1000);
    rig.protocol.close(1001);
    assertEquals(rig.sent().map((f) => f.payload), [hex("03e8")]);
  });

  Deno.test(`${role} whose transport ends without a close frame is not clean`, () => {
    const rig = new Rig(role);
    rig.feed(rig.frame(1, "half").slice(0, 7));
    assertEquals([rig.protocol.end(), rig.protocol.closeCode], [false, 1006]);
    assertThrows(() => rig.protocol.send("x"), WebSocketError);
  });

  Deno.test(`${role} that failed while closing sends no second close frame`, () => {
    const rig = new Rig(role);
    rig.protocol.close(1000);
    rig.feed(rig.frame(3));
    assertEquals(rig.sent().length, 1);
    assertEquals(rig.events, [["fail", "RESERVED_OPCODE", 1002]]);
  });
}

Deno.test("close frame with a payload of one byte, a bad code or a bad reason is refused", () => {
  const payloads: Array<[string, number]> = [["03", 1002], ["03e8 ff", 1007], ["03e8 e282", 1007]];
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
    payloads.push([code.toString(16).padStart(4, "0"), 1002]);
  }
  for (const [payload, expected] of payloads) {
    const rig = new Rig("server");
    rig.feed(rig.frame(8, hex(payload)));
    assertEquals(rig.events, [["fail", "CLOSE_PAYLOAD", expected]], payload);
  }
});

Deno.test("close refuses codes and reasons that must not be sent", () => {
  const { protocol, output } = new Rig("server");
  for (const code of [0, 999, 1004, 1005, 1006, 1015, 2999, 5000, 1000.5, NaN]) {
    assertThrows(() => protocol.close(code), RangeError);
  }
  assertThrows(() => protocol.close(undefined, "why"), TypeError);
  assertThrows(() => protocol.close(1000, "é".repeat(62)), TypeError);
  for (const reason of [5, null, new Float32Array(3)]) {
    assertThrows(() => protocol.close(1000, reason as unknown as string), TypeError);
  }
  assertEquals([output.take().length, protocol.open], [0, true]);
  protocol.close(1000, "é".repeat(61) + "x");
  assertEquals(output.take().length, 2 + 125);
});

// Sending.

const SIZES = [0, 1, 41, 42, 43, 125, 126, 127, 8191, 8193, 16383, 16384, 65535, 65536, 70_000];

for (const role of ROLES) {
  Deno.test(`${role} sends what the other end receives, at every size of header`, () => {
    const sender = new Rig(role);
    const receiver = new Rig(role === "server" ? "client" : "server");
    for (const size of SIZES) {
      const bytes = Uint8Array.from({ length: size }, (_, i) => i * 31);
      const before = bytes.slice();
      const wide = "é€𝄞"[size % 3].repeat(Math.floor(size / 3));
      for (const data of [bytes, "x".repeat(size), wide, "x".repeat(size >> 1) + wide]) {
        sender.protocol.send(data);
        receiver.events.length = 0;
        const wire = sender.output.take();
        assertEquals(wire[1] >= 0x80, role === "client");
        receiver.feed(wire, size > 8192 ? 10_000 : 7);
        const expected = typeof data === "string"
          ? ["text", new TextDecoder().decode(toBytes(data))]
          : ["binary", data.toHex()];
        assertEquals(receiver.events as unknown[], [expected]);
      }
      assertEquals(bytes, before, "the sender's bytes are left as they are");
    }
  });

  Deno.test(`${role} sends fragments that make one message`, () => {
    const sender = new Rig(role);
    const receiver = new Rig(role === "server" ? "client" : "server");
    sender.protocol.sendFragment(toBytes("He"), 1, false);
    assertEquals(sender.protocol.sendingFragments, true);
    assertThrows(() => sender.protocol.send("x"), TypeError);
    sender.protocol.ping(toBytes("p"));
    sender.protocol.sendFragment(toBytes("l"), 1, false);
    sender.protocol.sendFragment(toBytes("lo"), 1, true);
    assertEquals(sender.protocol.sendingFragments, false);
    sender.protocol.send("next");
    const wire = sender.output.take();
    receiver.feed(wire);
    assertEquals(receiver.events, [["ping", "70"], ["text", "Hello"], ["text", "next"]]);
  });
}

Deno.test("lone surrogates are sent as U+FFFD", () => {
  const rig = new Rig("server");
  rig.protocol.send("a\ud800b");
  assertEquals(rig.sent()[0].payload, toBytes("a\ufffdb"));
});

Deno.test("ping and pong refuse payloads of more than 125 bytes", () => {
  const { protocol } = new Rig("client");
  assertThrows(() => protocol.ping(new Uint8Array(126)), RangeError);
  assertThrows(() => protocol.pong(new Uint8Array(126)), RangeError);
});

Deno.test("ping and pong refuse what is no Uint8Array", () => {
  const { protocol, output } = new Rig("client");
  for (const payload of [10, "ten", new ArrayBuffer(4), new Float32Array(2)]) {
    assertThrows(() => protocol.ping(payload as unknown as Uint8Array), TypeError);
    assertThrows(() => protocol.pong(payload as unknown as Uint8Array), TypeError);
  }
  assertEquals(output.take().length, 0);
});

Deno.test("pongs are joined to the latest one while the output is full", () => {
  const rig = new Rig("server");
  rig.output.full = true;
  for (let i = 0; i < 1000; i++) rig.feed(rig.frame(9, `${i}`));
  assertEquals(rig.output.take().length, 0);
  rig.output.full = false;
  rig.protocol.drained();
  rig.protocol.drained();
  assertEquals(rig.sent().map((f) => [f.opcode, f.payload]), [[10, toBytes("999")]]);
});

Deno.test("protocol that has failed takes nothing in any more, though it is paused and goes on", () => {
  const rig = new Rig("server");
  rig.protocol.abandon(1011);
  for (const step of ["pause", "resume"] as const) {
    rig.protocol[step]();
    rig.feed(joined(rig.frame(1, "late"), rig.frame(9, "late")));
  }
  assertEquals([rig.events, rig.protocol.heldBytes, rig.protocol.midMessage], [[], 0, false]);
});

for (const role of ROLES) {
  Deno.test(`${role} that pauses at a ping keeps what is behind it, wherever the bytes are cut`, () => {
    const wire = joined(
      new Rig(role).frame(9, "ping"),
      new Rig(role).frame(1, "next"),
      new Rig(role).frame(1, "last"),
    );
    for (let cut = 0; cut < wire.length; cut++) {
      const rig = new Rig(role);
      rig.ping = () => rig.protocol.pause();
      rig.feed(wire.slice(0, cut)).feed(wire.slice(cut));
      assertEquals([rig.events, rig.protocol.paused], [[], true]);
      rig.protocol.resume();
      assertEquals(rig.events, [["text", "next"], ["text", "last"]]);
    }
  });
}

Deno.test("messages are counted, whole and in fragments", () => {
  const rig = new Rig("server");
  const counts = [rig.frame(1, "whole"), rig.frame(1, "a", { fin: false }), rig.frame(0, "b")]
    .map((frame) => rig.feed(frame).protocol.messagesReceived);
  assertEquals(counts, [1, 1, 2]);
});

Deno.test("message is dropped once, and none that is handed on in pieces", () => {
  const rig = new Rig("server");
  assertEquals(rig.protocol.dropMessage(), false);
  rig.feed(rig.frame(1, "a", { fin: false }));
  assertEquals([rig.protocol.dropMessage(), rig.protocol.dropMessage()], [true, false]);
  rig.feed(joined(rig.frame(0, "b"), rig.frame(1, "whole")));
  assertEquals(rig.events, [["text", "whole"]]);
  rig.protocol.streaming = true;
  rig.feed(rig.frame(2, "a", { fin: false }));
  assertEquals(rig.protocol.dropMessage(), false);
  rig.feed(rig.frame(0, "b"));
  assertEquals(rig.events.slice(1), [["piece", 2, "61", false], ["piece", 2, "62", true]]);
});

Deno.test("frames that were encoded before go out as they are", () => {
  const rig = new Rig("server");
  rig.protocol.sendEncoded(hex("81 01 61 81 01 62"), false);
  assertEquals(rig.sent().length, 2);
});

Deno.test("frames that were encoded before are refused behind a close frame, and inside a message", () => {
  const frames = hex("81 01 61");
  const inside = new Rig("server");
  inside.protocol.sendFragment(toBytes("a"), 1, false);
  assertThrows(() => inside.protocol.sendEncoded(frames, false), TypeError);
  for (const closedBy of ["this end", "the peer"]) {
    const rig = new Rig("server");
    if (closedBy === "this end") rig.protocol.close(1000);
    else rig.feed(rig.frame(8, hex("03 e8")));
    const error = assertThrows(() => rig.protocol.sendEncoded(frames, false), WebSocketError);
    assertEquals([error.code, rig.sent().map((f) => f.opcode)], ["CLOSED", [8]]);
  }
});

Deno.test("frame whose header comes in parts is judged by its own length, not by that of another connection's", () => {
  const small = new Rig("server", { maxMessageSize: 100 });
  const wire = small.frame(1, "short");
  for (let at = 0; at < wire.length; at++) {
    const other = new Rig("server");
    other.feed(other.frame(2, new Uint8Array(500)));
    small.feed(wire.subarray(at, at + 1));
  }
  assertEquals(small.events, [["text", "short"]]);
});

Deno.test("connection that this end fails tells the peer why", () => {
  const rig = new Rig("server");
  rig.protocol.fail("MESSAGE_TIMEOUT", 1008, "too slow");
  rig.protocol.fail("MESSAGE_TIMEOUT", 1008, "too slow");
  assertEquals(rig.events, [["fail", "MESSAGE_TIMEOUT", 1008]]);
  assertEquals(rig.sent().map((f) => f.payload), [joined(hex("03f0"), toBytes("too slow"))]);
});

Deno.test("large message that is sent on needs no copy, and is the same as one that was copied", () => {
  for (const size of [16_384, 65_535, 65_536, 300_000]) {
    for (const chunk of [Infinity, 100_000, 5000, 1]) {
      if (chunk === 1 && size > 20_000) continue;
      for (const slab of [false, true]) {
        const rig = new Rig("server", { maxChunks: 1e6 });
        const data = Uint8Array.from({ length: size }, (_, i) => i * 7);
        const got: Uint8Array[] = [];
        rig.message = (message) => got.push(message as Uint8Array);
        const before = rig.frame(2, "before");
        rig.feed(joined(before, rig.frame(2, data), rig.frame(2, "after")), chunk, slab);
        for (const message of [...got, got[1], got[1].slice()]) rig.protocol.send(message);
        rig.protocol.sendFragment(got[1], 2, false);
        rig.protocol.sendFragment(got[1], 2, true);
        assertEquals(rig.sent().map(({ payload, opcode, fin }) => [payload, opcode, fin]), [
          [toBytes("before"), 2, true],
          [data, 2, true],
          [toBytes("after"), 2, true],
          [data, 2, true],
          [data, 2, true],
          [data, 2, false],
          [data, 0, true],
        ]);
        assertEquals(got.map((bytes) => bytes.length), [6, size, 5]);
        assertEquals(got[0], toBytes("before"));
      }
    }
  }
});

Deno.test("large message whose header came apart from it is sent on without a byte of others", () => {
  const data = Uint8Array.from({ length: 20_000 }, (_, i) => i * 7);
  for (const empty of [false, true]) {
    for (const offset of [0, 3, 100]) {
      for (let behind = -8; behind <= 8; behind++) {
        const rig = new Rig("server");
        const got: Uint8Array[] = [];
        rig.message = (message) => got.push(message as Uint8Array);
        const start = empty ? rig.frame(2, "", { fin: false }) : new Uint8Array(0);
        const frame = joined(start, rig.frame(empty ? 0 : 2, data));
        const cut = frame.length - data.length + behind;
        rig.protocol.receive(frame.slice(0, cut));
        const memory = new Uint8Array(offset + frame.length - cut).fill(0x55);
        memory.set(frame.subarray(cut), offset);
        rig.protocol.receive(memory.subarray(offset));
        rig.protocol.send(got[0]);
        assertEquals(rig.sent().map(({ payload }) => payload), [data]);
        assertEquals(memory.subarray(0, offset), new Uint8Array(offset).fill(0x55));
      }
    }
  }
});

// Pausing and streaming.

Deno.test("paused protocol keeps what came, in order, and goes on where it stopped", () => {
  const whole = new Rig("server");
  const bytes = joined(
    ...["a", "bc", "def"].map((text) => whole.frame(1, text)),
    whole.frame(2, new Uint8Array(300), { fin: false }),
    whole.frame(9, "p"),
    whole.frame(0, "x"),
    whole.frame(8, hex("03e8")),
  );
  whole.feed(bytes);
  for (const size of [1, 5, 11, 1000]) {
    const rig = new Rig("server");
    rig.onmessage = () => rig.protocol.pause();
    rig.feed(bytes, size);
    let rounds = 0;
    while (rig.protocol.paused) {
      const before = rig.events.length;
      rig.protocol.resume();
      assert(
        rig.events.filter(([kind]) => kind !== "ping" && kind !== "close").length <= ++rounds + 1,
      );
      assert(rig.events.length > before || !rig.protocol.paused);
    }
    assertEquals(rig.events, whole.events);
    assertEquals(rig.protocol.heldBytes, 0);
  }
});

Deno.test("streamed message is handed on piece by piece, and larger than the limit", () => {
  const rig = new Rig("server", { maxMessageSize: 10, maxFragments: 2, maxChunks: 2 });
  rig.protocol.streaming = true;
  rig.feed(rig.frame(2, "0123456789abcdef").slice(0, 10));
  assertEquals(rig.events, [["piece", 2, toBytes("0123").toHex(), false]]);
  rig.protocol.streaming = false;
  rig.feed(rig.frame(2, "0123456789abcdef").slice(10));
  assertEquals(rig.events[1], ["piece", 2, toBytes("456789abcdef").toHex(), true]);
  rig.feed(rig.frame(1, "not streamed"));
  assertEquals(rig.events[2], ["fail", "MESSAGE_TOO_BIG", 1009]);
});

Deno.test("streamed message of a length that can't be counted is refused with 1009", () => {
  for (const [byte, taken] of [[0x10, true], [0x20, false], [0x7f, false]] as const) {
    const rig = new Rig("client");
    rig.protocol.streaming = true;
    // 2^52, 2^53 and almost 2^63 bytes.
    const length = byte === 0x7f ? [0x7f, 0xff, 0xff] : [0, byte, 0];
    rig.feed(new Uint8Array([0x82, 127, ...length, 0, 0, 0, 0, 0, 1]));
    if (taken) assertEquals([rig.protocol.open, rig.events], [true, [["piece", 2, "01", false]]]);
    else assertEquals(rig.events, [["fail", "MESSAGE_TOO_BIG", 1009]]);
  }
});

Deno.test("streamed text is checked as it comes", () => {
  const rig = new Rig("client");
  rig.protocol.streaming = true;
  rig.feed(rig.frame(1, hex("e2"), { fin: false })).feed(rig.frame(0, hex("82"), { fin: false }));
  rig.feed(rig.frame(0, hex("28")));
  assertEquals(rig.events.at(-1), ["fail", "UTF8", 1007]);
});

Deno.test("empty message is delivered, streamed or not", () => {
  const rig = new Rig("client");
  rig.feed(rig.frame(1)).feed(rig.frame(2)).feed(rig.frame(1, "", { fin: false }));
  rig.feed(rig.frame(0));
  rig.protocol.streaming = true;
  rig.feed(rig.frame(2));
  assertEquals(rig.events, [["text", ""], ["binary", ""], ["text", ""], ["piece", 2, "", true]]);
});

// Compression, with a stand-in: "compressed" is the bytes reversed bit by bit, and one input byte 0xee bursts.

function mirrored(options: WebSocketProtocolOptions = {}): WebSocketProtocolOptions & {
  log: string[];
} {
  const log: string[] = [];
  const turn = (bytes: Uint8Array) => bytes.map((byte) => byte ^ 0xff);
  return {
    log,
    ...options,
    compression: {
      threshold: 4,
      createInflater: () => (log.push("inflater"), {
        inflate(bytes, start, end, last, room) {
          const part = bytes.slice(start, end);
          if (part.includes(0xee)) return "corrupt";
          log.push(`${part.length}${last ? "!" : ""}`);
          return part.length > room ? "too big" : turn(part);
        },
        close: () => log.push("inflater closed"),
      }),
      createDeflater: () => (log.push("deflater"), {
        deflate: (bytes, start, end) => turn(bytes.slice(start, end)),
        reset: () => log.push("reset"),
        close: () => log.push("deflater closed"),
      }),
    },
  };
}

Deno.test("compression makes nothing before it is needed, and frees what it made", () => {
  const options = mirrored();
  const rig = new Rig("server", options);
  rig.protocol.send("abc");
  rig.feed(rig.frame(1, "plain"));
  assertEquals(options.log, []);
  rig.protocol.send("abcd");
  rig.feed(rig.frame(1, toBytes("x").map((b) => b ^ 0xff), { rsv: 0x40 }));
  assertEquals(options.log, ["deflater", "inflater", "1!"]);
  assertEquals(rig.events, [["text", "plain"], ["text", "x"]]);
  const [plain, compressed] = rig.sent();
  assertEquals([plain.rsv, compressed.rsv], [0, 0x40]);
  rig.protocol.dispose();
  assertEquals(options.log.slice(3), ["inflater closed", "deflater closed"]);
});

Deno.test("compression follows the threshold in bytes, and the sender's wish", () => {
  const rig = new Rig("server", mirrored());
  const rsv = (data: string | Uint8Array, compress?: boolean) => {
    rig.protocol.send(data, compress);
    return rig.sent()[0].rsv;
  };
  assertEquals(rsv("abc"), 0);
  assertEquals(rsv("éé"), 0x40);
  assertEquals(rsv("é"), 0);
  assertEquals(rsv(new Uint8Array(3)), 0);
  assertEquals(rsv(new Uint8Array(4)), 0x40);
  assertEquals(rsv("a", true), 0x40);
  assertEquals(rsv("a".repeat(100), false), 0);
});

Deno.test("compression bit on a continuation or on a control frame is refused", () => {
  for (const opcode of [0, 8, 9, 10]) {
    const rig = new Rig("server", mirrored());
    rig.feed(rig.frame(1, "x", { fin: false }));
    rig.feed(rig.frame(opcode, "", { rsv: 0x40 }));
    assertEquals(rig.events, [["fail", "RESERVED_BITS", 1002]]);
  }
});

const COMPRESSION_FAULTS: Array<[string, Uint8Array, WebSocketErrorCode, number]> = [
  ["does not inflate", hex("ee"), "COMPRESSION", 1007],
  ["inflates beyond the limit", new Uint8Array(21).fill(0x9e), "MESSAGE_TOO_BIG", 1009],
  ["inflates to bad UTF-8", hex("00"), "UTF8", 1007],
];

for (const [name, payload, code, closeCode] of COMPRESSION_FAULTS) {
  Deno.test(`compressed message that ${name} is refused, whole and in fragments`, () => {
    for (const cut of [undefined, 0, 1]) {
      const rig = new Rig("server", mirrored({ maxMessageSize: 20 }));
      if (cut === undefined) rig.feed(rig.frame(1, payload, { rsv: 0x40 }));
      else {
        rig.feed(rig.frame(1, payload.slice(0, cut), { rsv: 0x40, fin: false }));
        rig.feed(rig.frame(0, payload.slice(cut)));
      }
      assertEquals(rig.events, [["fail", code, closeCode]]);
    }
  });
}

Deno.test("compressed payload is refused at its header when it is far above the limit", () => {
  const rig = new Rig("client", mirrored({ maxMessageSize: 1000 }));
  rig.feed(hex("c2 7e 10 00"));
  assertEquals(rig.events, [["fail", "MESSAGE_TOO_BIG", 1009]]);
});

Deno.test("streamed compressed message is inflated in small steps", () => {
  const options = mirrored();
  const rig = new Rig("client", options);
  rig.protocol.streaming = true;
  rig.feed(rig.frame(2, new Uint8Array(2500), { rsv: 0x40 }));
  assertEquals(options.log, ["inflater", "1024", "1024", "452!"]);
  assertEquals(rig.events.length, 3);
});

for (const role of ROLES) {
  Deno.test(`${role} that pauses in a streamed compressed message inflates no more of it until it goes on`, () => {
    const data = Uint8Array.from({ length: 2500 }, (_, i) => 20 + i % 200);
    const rig = new Rig(role, mirrored({ maxMessageSize: 10 }));
    rig.protocol.streaming = true;
    const sizes: number[] = [];
    let got = "";
    rig.piece = (bytes, _opcode, last) => {
      sizes.push(bytes.length);
      got += bytes.toHex();
      rig.protocol.pause();
      if (last) rig.protocol.streaming = false;
    };
    const wire = rig.frame(2, data.map((byte) => byte ^ 0xff), { rsv: 0x40 });
    rig.feed(joined(wire, rig.frame(1, "next")));
    assertEquals(sizes, [1024]);
    assert(rig.protocol.heldBytes > 1476);
    rig.protocol.resume();
    assertEquals(sizes, [1024, 1024]);
    rig.protocol.resume();
    assertEquals([sizes, rig.events], [[1024, 1024, 452], []]);
    rig.protocol.resume();
    assertEquals([got, rig.events], [data.toHex(), [["text", "next"]]]);
  });
}

Deno.test("streamed compressed message that does not inflate fails, and nothing behind it is looked at", () => {
  const rig = new Rig("server", mirrored());
  rig.protocol.streaming = true;
  const payload = new Uint8Array(4000).fill(0x9e);
  payload[2000] = 0xee;
  rig.feed(joined(rig.frame(2, payload, { rsv: 0x40 }), rig.frame(9, "ping")));
  assertEquals(rig.events.map(([kind]) => kind), ["piece", "fail"]);
  assertEquals(rig.events[1], ["fail", "COMPRESSION", 1007]);
});

Deno.test("compressed fragments: the bit is on the first frame only", () => {
  const rig = new Rig("server", mirrored());
  rig.protocol.sendFragment(toBytes("a"), 1, false);
  rig.protocol.sendFragment(toBytes("b"), 1, true);
  rig.protocol.sendFragment(toBytes("c"), 1, true, false);
  assertEquals(rig.sent().map((f) => [f.opcode, f.fin, f.rsv]), [
    [1, false, 0x40],
    [0, true, 0],
    [1, true, 0],
  ]);
});

Deno.test("shared compressed frames make the own window forget", () => {
  const options = mirrored();
  const rig = new Rig("server", options);
  rig.protocol.sendEncoded(hex("c1 01 61"), true);
  assertEquals(options.log, []);
  rig.protocol.send("long enough");
  rig.protocol.sendEncoded(hex("c1 01 61"), true);
  rig.protocol.sendEncoded(hex("81 01 61"), false);
  assertEquals(options.log, ["deflater", "reset"]);
});

for (const role of ROLES) {
  Deno.test(`${role} takes the rest of a large message where it gave room for it`, () => {
    const rig = new Rig(role, { maxMessageSize: 4 << 20 });
    const data = Uint8Array.from({ length: 1 << 20 }, (_, i) => i * 31 >> 3);
    const wire = rig.frame(2, data);
    let at = 100_001;
    let rooms = 0;
    rig.feed(wire.slice(0, at));
    while (at < wire.length) {
      const room = rig.protocol.room();
      const n = Math.min(wire.length - at, room?.length ?? Infinity, 90_000 + rooms);
      const chunk = room?.subarray(0, n) ?? new Uint8Array(n);
      if (room !== undefined) rooms++;
      chunk.set(wire.subarray(at, at += n));
      rig.protocol.receive(chunk);
    }
    assert(rooms >= 8, `${rooms}`);
    assertEquals(rig.events.length, 1);
    assertEquals(rig.events[0], ["binary", data.toHex()]);
    assert(rig.protocol.room() === undefined);
  });
}

Deno.test("protocol gives no room for what it does not keep, or not yet", () => {
  const head = hex("82 ff 00 00 00 00 00 10 00 00 00 00 00 00 01 02");
  const large = { maxMessageSize: 4 << 20 };
  const rig = new Rig("server", large);
  assert(rig.protocol.room() === undefined);
  rig.feed(head);
  assert(rig.protocol.room() !== undefined);
  rig.protocol.pause();
  assert(rig.protocol.room() === undefined, "paused");
  rig.protocol.resume();
  assert(rig.protocol.room() !== undefined);
  rig.protocol.dropMessage();
  assert(rig.protocol.room() === undefined, "dropped");
  const streamed = new Rig("server", large);
  streamed.protocol.streaming = true;
  streamed.feed(head);
  assert(streamed.protocol.room() === undefined, "streamed");
});
