import { assert, assertEquals, assertInstanceOf, assertLess, assertThrows } from "@std/assert";
import fc from "fast-check";
import { PacketFault } from "../../socketio/errors.ts";
import {
  encodePacket,
  PacketDecoder,
  PacketType,
  RESERVED_EVENTS,
  type SocketIoPacket,
} from "../../socketio/packet.ts";

function decode(...messages: (string | Uint8Array)[]): SocketIoPacket | PacketFault | undefined {
  const decoder = new PacketDecoder();
  let result: SocketIoPacket | PacketFault | undefined;
  for (const message of messages) result = decoder.add(message);
  return result;
}

function assertFault(text: string): void {
  assertInstanceOf(decode(text), PacketFault, text.slice(0, 80));
}

function roundTrip(packet: SocketIoPacket): SocketIoPacket | PacketFault | undefined {
  return decode(...encodePacket(packet));
}

Deno.test("packets have the protocol's own examples on the wire", () => {
  const { CONNECT, EVENT, ACK, DISCONNECT, CONNECT_ERROR } = PacketType;
  const bytes = new Uint8Array([1, 2, 3]);
  assertEquals(encodePacket({ type: CONNECT, nsp: "/", data: { token: "123" } }), [
    '0{"token":"123"}',
  ]);
  assertEquals(encodePacket({ type: CONNECT, nsp: "/admin", data: { sid: "a" } }), [
    '0/admin,{"sid":"a"}',
  ]);
  assertEquals(encodePacket({ type: CONNECT, nsp: "/" }), ["0"]);
  assertEquals(encodePacket({ type: CONNECT_ERROR, nsp: "/admin", data: { message: "No" } }), [
    '4/admin,{"message":"No"}',
  ]);
  assertEquals(encodePacket({ type: EVENT, nsp: "/admin", id: 12, data: ["foo"] }), [
    '2/admin,12["foo"]',
  ]);
  assertEquals(encodePacket({ type: ACK, nsp: "/", id: 12, data: ["bar"] }), ['312["bar"]']);
  assertEquals(encodePacket({ type: DISCONNECT, nsp: "/admin" }), ["1/admin,"]);
  assertEquals(encodePacket({ type: EVENT, nsp: "/", data: ["baz", bytes] }), [
    '51-["baz",{"_placeholder":true,"num":0}]',
    bytes,
  ]);
  assertEquals(encodePacket({ type: ACK, nsp: "/admin", id: 4, data: [bytes] }), [
    '61-/admin,4[{"_placeholder":true,"num":0}]',
    bytes,
  ]);
});

const json = fc.jsonValue().filter((value) => !/__proto__|_placeholder/.test(JSON.stringify(value)))
  .map((value) => JSON.parse(JSON.stringify(value)));
const args = fc.array(fc.oneof(json, fc.uint8Array()), { maxLength: 9 });
const names = fc.oneof(
  fc.string().filter((name) => !RESERVED_EVENTS.has(name)),
  fc.integer(),
);
const spaces = fc.oneof(
  fc.constant("/"),
  fc.string({ minLength: 1 }).filter((name) => !name.includes(",")).map((name) => "/" + name),
);
const ids = fc.option(fc.maxSafeNat(), { nil: undefined });

Deno.test("packets decode to what was encoded, with and without attachments", () => {
  fc.assert(fc.property(names, args, spaces, ids, (name, list, nsp, id) => {
    const packet: SocketIoPacket = { type: PacketType.EVENT, nsp, data: [name, ...list] };
    if (id !== undefined) packet.id = id;
    assertEquals(roundTrip(packet), packet);
  }));
  fc.assert(fc.property(args, spaces, fc.maxSafeNat(), (list, nsp, id) => {
    const packet: SocketIoPacket = { type: PacketType.ACK, nsp, id, data: list };
    assertEquals(roundTrip(packet), packet);
  }));
});

Deno.test("decoder never throws, whatever the text", () => {
  const text = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.tuple(fc.constantFrom("0", "1", "2", "3", "4", "51-", "6", "62-"), fc.string()).map((
      [head, tail],
    ) => head + tail),
  );
  fc.assert(fc.property(text, (message) => {
    const packet = decode(message);
    assert(packet === undefined || packet instanceof PacketFault || packet.nsp.startsWith("/"));
  }));
});

Deno.test("decoder refuses malformed packets of every type", () => {
  const malformed = [
    "",
    "7",
    "8[]",
    "/",
    "a",
    "é",
    "-1",
    "0[]",
    "0null",
    '0"x"',
    "01",
    "01{}",
    "0{",
    "0 ",
    "1{}",
    "1[]",
    "12",
    "1/admin,3",
    "2",
    "2[]",
    "2{}",
    '2"a"',
    "2null",
    "2[{}]",
    "2[null]",
    "2[true]",
    "2[[]]",
    '2[{"toString":"x"}]',
    '2["a"',
    '2abc["a"]',
    '2-1["a"]',
    '21.5["a"]',
    "2/admin",
    "3",
    "3[]",
    "31",
    "31{}",
    "3[1]",
    "4",
    "4[]",
    "41{}",
    "4abc",
    "4null",
    "5",
    "5-[]",
    '51["a"]',
    '50-["a"]',
    '5-1-["a"]',
    '51.5-["a"]',
    '5 1-["a"]',
    '51e1-["a"]',
    "51-[]",
    '51-[{"_placeholder":true,"num":0}]',
    "51-",
    "6",
    "61-[]",
    "61-1{}",
  ];
  for (const text of malformed) assertFault(text);
});

Deno.test("decoder refuses every reserved event name, and names that are not text or number", () => {
  for (const name of RESERVED_EVENTS) {
    assertFault(`2[${JSON.stringify(name)}]`);
    assertFault(`51-[${JSON.stringify(name)},{"_placeholder":true,"num":0}]`);
  }
  assertEquals(decode('2["error"]'), { type: 2, nsp: "/", data: ["error"] });
  assertEquals(decode("2[1]"), { type: 2, nsp: "/", data: [1] });
  assertEquals(decode('2["__proto__"]'), { type: 2, nsp: "/", data: ["__proto__"] });
});

Deno.test("decoder refuses too many attachments at once, without waiting for them", () => {
  assertFault("51000000-[");
  assertFault('511-["a"]');
  assertFault("5" + "9".repeat(400) + '-["a"]');
  const decoder = new PacketDecoder({ maxAttachments: 1 });
  assertInstanceOf(decoder.add('52-["a"]'), PacketFault);
});

Deno.test("decoder counts the bytes of attachments as they come", () => {
  const decoder = new PacketDecoder({ maxAttachmentBytes: 10 });
  assertEquals(decoder.add('53-["a"]'), undefined);
  assert(decoder.waiting);
  assertEquals(decoder.add(new Uint8Array(6)), undefined);
  assertInstanceOf(decoder.add(new Uint8Array(5)), PacketFault);
});

Deno.test("decoder takes as many attachments and bytes as its limits say", () => {
  const decoder = new PacketDecoder({ maxAttachments: 2, maxAttachmentBytes: 10 });
  const data = ["a", { _placeholder: true, num: 0 }, { _placeholder: true, num: 1 }];
  assertEquals(decoder.add(`52-${JSON.stringify(data)}`), undefined);
  assertEquals(decoder.waitingBytes, 0);
  assertEquals(decoder.add(new Uint8Array(6)), undefined);
  assertEquals(decoder.waitingBytes, 6);
  assertEquals(decoder.add(new Uint8Array(4)), {
    type: 2,
    nsp: "/",
    data: ["a", new Uint8Array(6), new Uint8Array(4)],
  });
  assertEquals(decoder.waitingBytes, 0);
});

Deno.test("decoder refuses text while it waits for an attachment, and bytes while it does not", () => {
  assertInstanceOf(decode('51-["a",{"_placeholder":true,"num":0}]', '2["b"]'), PacketFault);
  assertInstanceOf(decode(new Uint8Array(1)), PacketFault);
  const decoder = new PacketDecoder();
  decoder.add('51-["a",{"_placeholder":true,"num":0}]');
  decoder.reset();
  assert(!decoder.waiting);
  assertEquals(decoder.add('2["b"]'), { type: 2, nsp: "/", data: ["b"] });
});

Deno.test("decoder refuses placeholders that are not the announced attachments", () => {
  const placeholders = [
    '{"_placeholder":true,"num":-1}',
    '{"_placeholder":true,"num":1}',
    '{"_placeholder":true,"num":1e9}',
    '{"_placeholder":true,"num":"0"}',
    '{"_placeholder":true,"num":"length"}',
    '{"_placeholder":true,"num":0.5}',
    '{"_placeholder":true,"num":"__proto__"}',
    '{"_placeholder":true}',
    "1",
  ];
  for (const placeholder of placeholders) {
    assertInstanceOf(
      decode(`51-["a",${placeholder}]`, new Uint8Array(1)),
      PacketFault,
      placeholder,
    );
  }
});

Deno.test("decoder leaves what looks like a placeholder alone in a packet without attachments", () => {
  assertEquals(decode('2["a",{"_placeholder":true,"num":0}]'), {
    type: 2,
    nsp: "/",
    data: ["a", { _placeholder: true, num: 0 }],
  });
});

Deno.test("decoder bounds acknowledgement numbers and namespace names", () => {
  assertEquals(decode('29007199254740991["a"]'), {
    type: 2,
    nsp: "/",
    id: Number.MAX_SAFE_INTEGER,
    data: ["a"],
  });
  assertFault('29007199254740992["a"]');
  assertFault("2" + "1".repeat(17) + '["a"]');
  assertFault("0/" + "n".repeat(5000) + ",");
});

Deno.test("decoder takes a namespace with and without a comma behind it", () => {
  assertEquals(decode("0/admin,"), { type: 0, nsp: "/admin" });
  assertEquals(decode("0/admin"), { type: 0, nsp: "/admin" });
  assertEquals(decode("1/a?b=c,"), { type: 1, nsp: "/a?b=c" });
});

Deno.test("decoder works in linear time on long numbers", () => {
  function time(length: number): number {
    const digits = "1".repeat(length);
    let best = Infinity;
    for (let i = 0; i < 5; i++) {
      const start = performance.now();
      for (const text of ["5" + digits, "2" + digits, "5" + digits + "-", "2/" + digits]) {
        assertInstanceOf(decode(text), PacketFault);
      }
      best = Math.min(best, performance.now() - start);
    }
    return best;
  }
  time(1000);
  assertLess(time(1_000_000), 100);
});

Deno.test("encoder refuses what has no end and what JSON can't hold", () => {
  const circle: unknown[] = ["a"];
  circle.push(circle);
  assertThrows(() => encodePacket({ type: 2, nsp: "/", data: circle }), TypeError);
  assertThrows(() => encodePacket({ type: 2, nsp: "/", data: ["a", 1n] }), TypeError);
});

Deno.test("packet decoder refuses limits that are none", () => {
  for (const name of ["maxAttachments", "maxAttachmentBytes"]) {
    for (const value of [NaN, -1]) {
      assertThrows(() => new PacketDecoder({ [name]: value }), RangeError, `${name}: ${value}`);
    }
  }
});
