/** Fuzz targets of the socketio module: Engine.IO packets and payloads, Socket.IO packets with attachments. */
import { assert, assertEquals, assertStrictEquals } from "@std/assert";
import fc from "fast-check";
import { parseQuery, pathOf } from "../../../socketio/_query.ts";
import {
  decodeEngineHandshake,
  encodeEngineHandshake,
  type EngineHandshake,
} from "../../../socketio/engine_handshake.ts";
import {
  decodeEnginePacket,
  decodeEnginePayload,
  encodeEnginePacket,
  encodeEnginePayload,
  type EnginePacket,
} from "../../../socketio/engine_packet.ts";
import { PacketFault } from "../../../socketio/errors.ts";
import {
  encodePacket,
  PacketDecoder,
  PacketType,
  RESERVED_EVENTS,
  type SocketIoPacket,
} from "../../../socketio/packet.ts";
import { damagedText, type FuzzTarget, fuzzTarget, payload, tell } from "../../_support/fuzz.ts";

const words = fc.string({ unit: "binary", maxLength: 20 });

const enginePacket: fc.Arbitrary<EnginePacket> = fc.oneof(
  fc.constantFrom<EnginePacket>(
    { type: "ping", data: "probe" },
    { type: "pong" },
    { type: "close" },
    { type: "upgrade" },
    { type: "noop" },
  ),
  words.map((data): EnginePacket => ({ type: "message", data })),
  payload().map((data): EnginePacket => ({ type: "message", data })),
);

const enginePackets = fuzzTarget(
  "socketio: Engine.IO packets",
  damagedText(
    enginePacket.map((packet) => {
      const encoded = encodeEnginePacket(packet);
      return typeof encoded === "string" ? encoded : `b${encoded.toBase64()}`;
    }),
    "0123456789b=+/\x1e",
  ),
  (text) => {
    const packet = decodeEnginePacket(text);
    if (packet instanceof PacketFault) {
      assert(packet.reason.length < 80);
      return;
    }
    assertStrictEquals(
      tell(decodeEnginePacket(encodeEnginePacket(packet))),
      tell(packet),
    );
  },
);

const enginePayloads = fuzzTarget(
  "socketio: Engine.IO polling payloads",
  damagedText(
    fc.array(enginePacket, { maxLength: 6 }).map(encodeEnginePayload),
    "0123456789b=+/\x1e\x1e",
  ),
  (text) => {
    const packets: EnginePacket[] = [];
    const fault = decodeEnginePayload(text, (packet) => {
      packets.push(packet);
    });
    assert(packets.length <= text.length);
    if (packets.length > 0) {
      // What was taken can be sent, and is taken again.
      const again: EnginePacket[] = [];
      const second = decodeEnginePayload(encodeEnginePayload(packets), (packet) => {
        again.push(packet);
      });
      assertStrictEquals(second, undefined);
      assertStrictEquals(tell(again), tell(packets));
    }
    // A visitor that has enough is not called again, and a fault behind it does not count.
    let visits = 0;
    const stopped = decodeEnginePayload(text, () => {
      visits++;
      return false;
    });
    assert(visits <= 1 && (visits === 0 || stopped === undefined));
    assert(fault === undefined || fault instanceof PacketFault);
  },
);

const engineHandshakes = fuzzTarget(
  "socketio: Engine.IO handshakes",
  damagedText(
    fc.record<EngineHandshake>({
      sid: fc.string({ minLength: 1, maxLength: 20 }),
      upgrades: fc.array(fc.constantFrom("websocket", "webtransport"), { maxLength: 2 }),
      pingInterval: fc.integer({ min: 1, max: 100_000 }),
      pingTimeout: fc.integer({ min: 1, max: 100_000 }),
      maxPayload: fc.integer({ min: 1, max: 1_000_000 }),
    }).map(encodeEngineHandshake),
    '{}[],:"0123456789.-eE',
  ),
  (text) => {
    const handshake = decodeEngineHandshake(text);
    if (handshake instanceof PacketFault) return;
    assert(handshake.pingInterval > 0 && handshake.pingTimeout > 0 && handshake.sid !== "");
    assertEquals(decodeEngineHandshake(encodeEngineHandshake(handshake)), handshake);
  },
);

// --- Socket.IO packets -----------------------------------------------------------------------------------------------

/** Values as JSON has them, with bytes in between. */
const { value } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, depthIdentifier: "packet" },
    fc.constantFrom<unknown>(null, true, 0, 1.5, "", "a", "_placeholder", -1),
    words.map((text) => text.toWellFormed()),
    payload(8),
    fc.array(tie("value"), { maxLength: 3 }),
    fc.dictionary(
      fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("num", "constructor", "toString")),
      tie("value"),
      { maxKeys: 3 },
    ).map((object) => ({ ...object })),
  ),
}));

const id = fc.option(fc.oneof(fc.nat(), fc.constant(Number.MAX_SAFE_INTEGER)), { nil: undefined });
const nsp = fc.constantFrom("/", "/", "/chat", "/a b?x=1", "/\u00e9");
const eventName = fc.oneof(
  fc.string({ maxLength: 8 }).filter((name) => !RESERVED_EVENTS.has(name)),
  fc.nat(),
);
const object = fc.dictionary(fc.string({ maxLength: 4 }), fc.constantFrom("x", 1, null), {
  maxKeys: 3,
}).map((pairs) => ({ ...pairs }));

export const packet: fc.Arbitrary<SocketIoPacket> = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.tuple(nsp, id, eventName, fc.array(value, { maxLength: 3 })).map(
      ([nsp, id, name, args]): SocketIoPacket =>
        withId({
          type: PacketType.EVENT,
          nsp,
          data: [name, ...args],
        }, id),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.tuple(nsp, fc.nat(), fc.array(value, { maxLength: 3 })).map(
      ([nsp, id, data]): SocketIoPacket => ({ type: PacketType.ACK, nsp, id, data }),
    ),
  },
  fc.tuple(nsp, fc.option(object, { nil: undefined })).map(([nsp, data]): SocketIoPacket =>
    data === undefined ? { type: PacketType.CONNECT, nsp } : { type: PacketType.CONNECT, nsp, data }
  ),
  nsp.map((nsp): SocketIoPacket => ({ type: PacketType.DISCONNECT, nsp })),
  fc.tuple(nsp, fc.oneof(object, words)).map(([nsp, data]): SocketIoPacket => ({
    type: PacketType.CONNECT_ERROR,
    nsp,
    data,
  })),
);

function withId(packet: SocketIoPacket, id: number | undefined): SocketIoPacket {
  return id === undefined ? packet : { ...packet, id };
}

/** What a text of a packet is made of, for damage. */
const PACKET_OFTEN = '0123456789-/,[]{}":"_placeholder""num"\\u005f_proto__ eE+.';

/** Messages of a connection: each packet's text, perhaps damaged, and attachments, of which some are lost or doubled. */
export const packetMessages: fc.Arbitrary<(string | Uint8Array)[]> = fc.array(
  fc.oneof(
    { weight: 2, arbitrary: packet.map((one): (string | Uint8Array)[] => encodePacket(one)) },
    {
      weight: 3,
      arbitrary: fc.tuple(
        damagedText(packet.map((one) => encodePacket(one)[0]), PACKET_OFTEN),
        fc.array(payload(8), { maxLength: 3 }),
      ).map(([text, attachments]): (string | Uint8Array)[] => [text, ...attachments]),
    },
    {
      weight: 1,
      arbitrary: fc.tuple(packet, fc.nat({ max: 4 })).map(([one, keep]) =>
        (encodePacket(one) as (string | Uint8Array)[]).slice(0, 1 + keep)
      ),
    },
  ),
  { minLength: 1, maxLength: 4 },
).map((all) => all.flat());

/** The packets that a decoder makes of messages up to a fault. */
function decodeMessages(
  messages: readonly (string | Uint8Array)[],
): { packets: SocketIoPacket[]; fault: PacketFault | undefined; at: number } {
  const decoder = new PacketDecoder({ maxAttachments: 10, maxAttachmentBytes: 1000 });
  const packets: SocketIoPacket[] = [];
  for (let at = 0; at < messages.length; at++) {
    const result = decoder.add(messages[at]);
    if (result instanceof PacketFault) return { packets, fault: result, at };
    if (result !== undefined) packets.push(result);
    assertStrictEquals(decoder.waiting, result === undefined);
  }
  return { packets, fault: undefined, at: messages.length };
}

const packets = fuzzTarget(
  "socketio: packets with attachments",
  packetMessages,
  (messages) => {
    const decoded = decodeMessages(structuredClone(messages));
    const { fault } = decoded;
    if (fault !== undefined) {
      assert(fault.reason.length < 80);
      assertStrictEquals(fault.toError().code, "ERR_PARSE");
    }
    for (const one of decoded.packets) {
      assert(one.type <= PacketType.CONNECT_ERROR, "a binary type came out");
      if (one.type === PacketType.EVENT) {
        const [name] = one.data as unknown[];
        assert(
          typeof name === "number" || (typeof name === "string" && !RESERVED_EVENTS.has(name)),
        );
      }
      assert(one.id === undefined || Number.isSafeInteger(one.id));
      // JSON can say numbers that JavaScript has no number for: those don't come back.
      if (/number (?:-?Infinity|-0)/.test(tell(one))) continue;
      const again = decodeMessages(encodePacket(structuredClone(one)));
      assertStrictEquals(again.fault, undefined);
      assertStrictEquals(tell(again.packets), tell([plain(one)]));
    }
  },
);

/** A packet without the keys that an encoder takes away: `_placeholder`, where the value has bytes beside it. */
function plain(packet: SocketIoPacket): SocketIoPacket {
  return encodePacket(packet).length === 1
    ? packet
    : { ...packet, data: withoutLookalikes(packet.data) };
}

function withoutLookalikes(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutLookalikes);
  if (typeof value !== "object" || value === null || value instanceof Uint8Array) return value;
  const lookalike = (value as { _placeholder?: unknown })._placeholder === true;
  return Object.fromEntries(
    Object.entries(value).filter(([key]) => !(lookalike && key === "_placeholder"))
      .map(([key, item]) => [key, withoutLookalikes(item)]),
  );
}

const roundTrip = fuzzTarget("socketio: packets come back", packet, (one) => {
  const { packets, fault } = decodeMessages(encodePacket(structuredClone(one)));
  assertStrictEquals(fault, undefined);
  assertStrictEquals(tell(packets), tell([one]));
});

const queries = fuzzTarget(
  "socketio: queries of requests",
  damagedText(
    fc.array(
      fc.constantFrom(
        "EIO=4",
        "transport=polling",
        "sid=a%20b",
        "__proto__=1",
        "t",
        "x=1=2",
        "%ff=%",
      ),
      { maxLength: 5 },
    ).map((parts) => `/socket.io/?${parts.join("&")}`),
    "?&=%+#/:",
  ),
  (url) => {
    const query = parseQuery(url);
    assertStrictEquals(Object.getPrototypeOf(query), null);
    for (const value of Object.values(query)) assertStrictEquals(typeof value, "string");
    assert(!/[?#]/.test(pathOf(url)));
  },
);

/** All of them. */
export const SOCKETIO_TARGETS: readonly FuzzTarget[] = [
  enginePackets,
  enginePayloads,
  engineHandshakes,
  packets,
  roundTrip,
  queries,
];
