// Floor 1: codec.
import { MAX_DELAY } from "../net/max_delay.ts";
import { NOT_JSON, parseJson } from "./_json.ts";
import { PacketFault } from "./errors.ts";

/**
 * What the server says in the first packet of a connection.
 *
 * Source: Engine.IO protocol, revision 4, "Handshake".
 */
export interface EngineHandshake {
  /** The session id. */
  sid: string;
  /** The transports that the connection may be upgraded to. */
  upgrades: string[];
  /** The time between two pings of the server, in ms. */
  pingInterval: number;
  /** How long after a ping the other side may be silent, in ms. */
  pingTimeout: number;
  /** The most bytes that a polling request may have. */
  maxPayload: number;
}

/** The longest session id that a client takes. */
const MAX_SID = 1024;

/**
 * Encodes a handshake as the content of an `open` packet.
 *
 * @example
 * ```ts
 * import { encodeEngineHandshake } from "@sluice/sockets/socketio";
 * import { assertEquals } from "@std/assert";
 *
 * const text = encodeEngineHandshake({
 *   sid: "a",
 *   upgrades: ["websocket"],
 *   pingInterval: 25_000,
 *   pingTimeout: 20_000,
 *   maxPayload: 1_000_000,
 * });
 * assertEquals(JSON.parse(text).upgrades, ["websocket"]);
 * ```
 */
export function encodeEngineHandshake(handshake: EngineHandshake): string {
  const { sid, upgrades, pingInterval, pingTimeout, maxPayload } = handshake;
  return JSON.stringify({ sid, upgrades, pingInterval, pingTimeout, maxPayload });
}

function isTime(value: unknown): value is number {
  return typeof value === "number" && value > 0 && value <= MAX_DELAY;
}

/**
 * Decodes the content of an `open` packet. `maxPayload` is `Infinity` where the server gives none.
 *
 * @example
 * ```ts
 * import { decodeEngineHandshake, PacketFault } from "@sluice/sockets/socketio";
 * import { assert, assertEquals } from "@std/assert";
 *
 * const text = '{"sid":"a","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000}';
 * const handshake = decodeEngineHandshake(text);
 * assert(!(handshake instanceof PacketFault));
 * assertEquals(handshake.upgrades, ["websocket"]);
 * ```
 */
export function decodeEngineHandshake(text: string): EngineHandshake | PacketFault {
  const value = parseJson(text);
  if (value === NOT_JSON || typeof value !== "object" || value === null) {
    return new PacketFault("a handshake that is no JSON object");
  }
  const { sid, upgrades, pingInterval, pingTimeout, maxPayload } = value as Record<string, unknown>;
  if (typeof sid !== "string" || sid.length === 0 || sid.length > MAX_SID) {
    return new PacketFault("a handshake without a session id");
  }
  if (!Array.isArray(upgrades) || !upgrades.every((name) => typeof name === "string")) {
    return new PacketFault("a handshake without a list of upgrades");
  }
  if (!isTime(pingInterval) || !isTime(pingTimeout)) {
    return new PacketFault("a handshake without valid times");
  }
  const max = typeof maxPayload === "number" && maxPayload > 0 ? maxPayload : Infinity;
  return { sid, upgrades, pingInterval, pingTimeout, maxPayload: max };
}
