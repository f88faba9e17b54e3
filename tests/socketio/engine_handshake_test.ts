import { assert, assertEquals, assertInstanceOf } from "@std/assert";
import fc from "fast-check";
import { decodeEngineHandshake, encodeEngineHandshake } from "../../socketio/engine_handshake.ts";
import { PacketFault } from "../../socketio/errors.ts";

const valid = {
  sid: "lv_VI97HAXpY6yYWAAAC",
  upgrades: ["websocket"],
  pingInterval: 25000,
  pingTimeout: 20000,
  maxPayload: 1000000,
};

Deno.test("handshake has the protocol's own example on the wire", () => {
  assertEquals(
    encodeEngineHandshake(valid),
    '{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,' +
      '"pingTimeout":20000,"maxPayload":1000000}',
  );
  assertEquals(decodeEngineHandshake(encodeEngineHandshake(valid)), valid);
});

Deno.test("handshake without a limit of payloads has none", () => {
  const { maxPayload: _, ...rest } = valid;
  const handshake = decodeEngineHandshake(JSON.stringify(rest));
  assert(!(handshake instanceof PacketFault));
  assertEquals(handshake.maxPayload, Infinity);
});

Deno.test("handshake with a wrong part is a fault", () => {
  const wrong = [
    { sid: undefined },
    { sid: "" },
    { sid: 1 },
    { sid: "x".repeat(2000) },
    { upgrades: undefined },
    { upgrades: [1] },
    { upgrades: "websocket" },
    { pingInterval: 0 },
    { pingInterval: -1 },
    { pingInterval: "25000" },
    { pingTimeout: 1e12 },
    { pingTimeout: null },
  ];
  for (const part of wrong) {
    const text = JSON.stringify({ ...valid, ...part });
    assertInstanceOf(decodeEngineHandshake(text), PacketFault, text);
  }
  for (const text of ["", "null", "1", "[]", "{", "abc"]) {
    assertInstanceOf(decodeEngineHandshake(text), PacketFault, text);
  }
});

Deno.test("handshake decoder never throws, whatever the text", () => {
  fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => {
    decodeEngineHandshake(text);
  }));
});
