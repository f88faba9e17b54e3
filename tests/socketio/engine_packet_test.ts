import { assert, assertEquals, assertInstanceOf, assertThrows } from "@std/assert";
import fc from "fast-check";
import {
  decodeEnginePacket,
  decodeEnginePayload,
  encodeEnginePacket,
  encodeEnginePacketAsText,
  encodeEnginePayload,
  ENGINE_PAYLOAD_SEPARATOR,
  type EnginePacket,
} from "../../socketio/engine_packet.ts";
import { PacketFault } from "../../socketio/errors.ts";

function collect(payload: string): { packets: EnginePacket[]; fault: PacketFault | undefined } {
  const packets: EnginePacket[] = [];
  const fault = decodeEnginePayload(payload, (packet) => void packets.push(packet));
  return { packets, fault };
}

const packets: fc.Arbitrary<EnginePacket> = fc.oneof(
  fc.record({
    type: fc.constantFrom<EnginePacket["type"]>("open", "close", "ping", "pong", "message", "noop"),
  }),
  fc.record({
    type: fc.constantFrom<EnginePacket["type"]>("open", "ping", "pong", "message", "upgrade"),
    data: fc.string({ minLength: 1 }).filter((text) => !text.includes(ENGINE_PAYLOAD_SEPARATOR)),
  }),
  fc.record({ type: fc.constant<EnginePacket["type"]>("message"), data: fc.uint8Array() }),
);

Deno.test("Engine.IO packets have the protocol's own examples on the wire", () => {
  assertEquals(encodeEnginePacket({ type: "message", data: "hello" }), "4hello");
  assertEquals(encodeEnginePacket({ type: "ping", data: "probe" }), "2probe");
  assertEquals(encodeEnginePacket({ type: "upgrade" }), "5");
  assertEquals(
    encodeEnginePayload([
      { type: "message", data: "hello" },
      { type: "message", data: new Uint8Array([1, 2, 3, 4]) },
      { type: "ping" },
    ]),
    "4hello\x1ebAQIDBA==\x1e2",
  );
});

Deno.test("Engine.IO packets decode to what was encoded, in a frame and in a payload", () => {
  fc.assert(fc.property(packets, (packet) => {
    assertEquals(decodeEnginePacket(encodeEnginePacket(packet)), packet);
    assertEquals(decodeEnginePacket(encodeEnginePacketAsText(packet)), packet);
  }));
  fc.assert(fc.property(fc.array(packets, { minLength: 1 }), (list) => {
    assertEquals(collect(encodeEnginePayload(list)), { packets: list, fault: undefined });
  }));
});

Deno.test("Engine.IO decoder never throws, whatever the text", () => {
  fc.assert(fc.property(fc.string({ unit: "binary" }), (text) => {
    const packet = decodeEnginePacket(text);
    assert(packet instanceof PacketFault || packet.type.length > 0);
  }));
});

Deno.test("Engine.IO decoder refuses unknown types, empty packets and bad base64", () => {
  for (const text of ["", "7", "abc", "/", ":", "é", "bA*", "b1", "constructor"]) {
    assertInstanceOf(decodeEnginePacket(text), PacketFault, text);
  }
});

Deno.test("payload decoder hands out the packets before a fault, and stops when told to", () => {
  const broken = collect("4a\x1e\x1e4b");
  assertEquals(broken.packets, [{ type: "message", data: "a" }]);
  assertInstanceOf(broken.fault, PacketFault);
  let seen = 0;
  decodeEnginePayload("4a\x1e1\x1e4b", (packet) => {
    seen++;
    return packet.type !== "close";
  });
  assertEquals(seen, 2);
});

Deno.test("encoder refuses bytes on anything but a message", () => {
  assertThrows(() => encodeEnginePacket({ type: "ping", data: new Uint8Array(1) }), TypeError);
});
